//! Two readings of one boot: the simulator's writer and the verifier's parser share no code and must agree.

use attest_core::Limits;
use attest_core::evidence::ima_log::ImaLog;
use attest_core::evidence::tcg_log::EventLog;
use tpm_sim::boot::debian::Parts;
use tpm_sim::scenario::BANKS;
use tpm_sim::swtpm::Maker;

#[test]
fn the_verifier_reads_every_event_that_the_simulator_wrote() {
    let maker = Maker::temporary(&BANKS).unwrap();
    let mut tpm = maker.fresh_tpm().unwrap();
    for parts in [Parts::new(), Parts::updated(), Parts::without_secure_boot()] {
        tpm.reboot().unwrap();
        let record = parts.boot(&BANKS).run(&mut tpm.open().unwrap()).unwrap();
        let bytes = record.log.bytes();
        let log = EventLog::parse(&bytes, &Limits::DEFAULT).unwrap();
        assert!(log.findings().is_empty(), "{:?}", log.findings());
        // Event 0 is the header.
        assert_eq!(log.events().len(), record.log.entries.len() + 1);
        for (event, entry) in log.events().iter().skip(1).zip(&record.log.entries) {
            assert_eq!((event.pcr, event.event_type.0), (entry.pcr, entry.event_type));
            assert_eq!(event.data, entry.data);
            let digests: Vec<&[u8]> = event.digests().map(|(_, digest)| digest).collect();
            let written: Vec<&[u8]> = entry.digests.values().map(Vec::as_slice).collect();
            assert_eq!(digests, written);
        }
        let bytes = record.ima.bytes();
        let ima = ImaLog::parse(&bytes, &Limits::DEFAULT).unwrap();
        assert_eq!(ima.entries().len(), record.ima.entries.len());
    }
}
