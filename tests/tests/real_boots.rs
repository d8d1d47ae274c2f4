//! Real Debian boots, replayed into a software TPM and judged with a fresh nonce by the real server: the logs are a kernel's own, only the
//! quote is made here. The reader below is a few lines and shares nothing with attest-core.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use attest_proto::v1::Status::{self, Affirming, Contraindicated};
use attest_tests::{LABEL, Server, binary, run};
use tpm_sim::bank::{Bank, Digests, Selection};
use tpm_sim::client::{self, Enrolment, Evidence, Judgement};
use tpm_sim::device::{AkAlgorithm, AkTemplate, Device};
use tpm_sim::subject;
use tpm_sim::swtpm::{Maker, Swtpm};

const BANKS: [Bank; 3] = [Bank::Sha1, Bank::Sha256, Bank::Sha384];

fn fixture(boot: &str, name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "fixtures/boots", boot, name].iter().collect()
}

fn read(boot: &str, name: &str) -> Vec<u8> {
    fs::read(fixture(boot, name)).unwrap()
}

/// Little-endian fields, one after the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take(2).try_into().unwrap())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    fn sized(&mut self) -> &'a [u8] {
        let length = self.u32();
        self.take(usize::try_from(length).unwrap())
    }
}

/// What firmware and boot loader extended.
fn extends_of_log(log: &[u8]) -> Vec<(u32, Digests)> {
    const EV_NO_ACTION: u32 = 3;
    let mut fields = Fields(log);
    // The header: PCR, type, SHA-1 digest, event.
    fields.take(28);
    fields.sized();
    let mut extends = Vec::new();
    while !fields.0.is_empty() {
        let (pcr, event_type, count) = (fields.u32(), fields.u32(), fields.u32());
        let digest = |_| {
            let bank = Bank::from_alg_id(fields.u16()).unwrap();
            (bank, fields.take(bank.size()).to_vec())
        };
        let digests: Digests = (0..count).map(digest).collect();
        fields.sized();
        if event_type != EV_NO_ACTION {
            extends.push((pcr, digests));
        }
    }
    extends
}

/// What the kernel's IMA extended. Kernel 6.1 extends banks without a built-in hash, sha384 among them, with the padded SHA-1 digest.
fn extends_of_ima(list: &[u8]) -> Vec<(u32, Digests)> {
    let mut fields = Fields(list);
    let mut extends = Vec::new();
    while !fields.0.is_empty() {
        let pcr = fields.u32();
        let sha1 = fields.take(20).to_vec();
        fields.sized();
        let sha256 = Bank::Sha256.hash(&[fields.sized()]);
        let mut sha384 = sha1.clone();
        sha384.resize(48, 0);
        extends.push((
            pcr,
            BTreeMap::from([(Bank::Sha1, sha1), (Bank::Sha256, sha256), (Bank::Sha384, sha384)]),
        ));
    }
    extends
}

/// A device of the family `debian`, enrolled with a server whose golden values were learned from one or more of the real boots.
struct Machine {
    folder: tempfile::TempDir,
    maker: Maker,
    tpm: Swtpm,
    subject_key: Vec<u8>,
}

impl Machine {
    fn new() -> Machine {
        let folder = tempfile::tempdir().unwrap();
        let maker = Maker::open(&folder.path().join("maker"), &BANKS).unwrap();
        let tpm = maker.fresh_tpm().unwrap();
        let subject_key = subject::public_key(&subject::generate().unwrap()).unwrap();
        Machine { folder, maker, tpm, subject_key }
    }

    /// A server that knows these boots.
    fn serve(&self, boots: &[&str]) -> Server {
        let path = |name: &str| self.folder.path().join(name);
        let mut learn = Command::new(binary("attest-server", "attest"));
        learn.args(["golden", "learn", "--family", "debian", "--out"]).arg(path("golden.toml"));
        for (flag, name) in [
            ("--eventlog", "eventlog.bin"),
            ("--ima", "ima.bin"),
            ("--attest", "quote-all.attest"),
            ("--signature", "quote-all.sig"),
            ("--ak", "ak-ecc.pub"),
            ("--pcrs", "pcrs.json"),
        ] {
            learn.arg(flag).args(boots.iter().map(|boot| fixture(boot, name)));
        }
        learn
            .arg("--nonce")
            .args(boots.iter().map(|boot| String::from_utf8(read(boot, "nonce.hex")).unwrap()));
        learn.arg("--name").args(boots);
        let (code, _, words) = run(&mut learn);
        assert_eq!(code, 0, "{words}");
        fs::write(path("root.pem"), self.maker.root_pem().unwrap()).unwrap();
        let config = format!(
            "data_directory = {:?}\n[enrollment]\nek_roots = [{:?}]\n[families.debian]\ngolden = {:?}\n",
            path("data"),
            path("root.pem"),
            path("golden.toml")
        );
        fs::write(path("attest.toml"), config).unwrap();
        Server::start(&["--development"], &path("attest.toml"))
    }

    async fn enrol(&self, server: &client::Server) -> String {
        let mut device = self.tpm.open().unwrap();
        let ek = device.any_endorsement_key().unwrap();
        let ak = ak(&mut device);
        let intermediate = subject::der(&self.maker.intermediate_pem().unwrap()).unwrap();
        let enrolment = Enrolment::new(&ek, &[intermediate], &ak, "debian");
        server.enrol(&mut device, &ek, &ak, enrolment).await.unwrap().device_id
    }

    /// Boots what the fixture booted, and attests.
    async fn attest(&mut self, server: &client::Server, id: &str, boot: &str) -> Judgement {
        let (log, ima) = (read(boot, "eventlog.bin"), read(boot, "ima.bin"));
        self.tpm.reboot().unwrap();
        let mut device = self.tpm.open().unwrap();
        for (pcr, digests) in extends_of_log(&log).into_iter().chain(extends_of_ima(&ima)) {
            device.extend(pcr, &digests).unwrap();
        }
        check_values(&mut device, boot);
        let challenge = server.challenge(id, &self.subject_key).await.unwrap();
        let ak = ak(&mut device);
        let quote = device.quote(&ak, &challenge.nonce, &challenge.selection).unwrap();
        let evidence = Evidence::new(quote, Some(log), Some(ima), BTreeMap::new());
        server.verify(&challenge.id, evidence).await.unwrap()
    }
}

fn ak(device: &mut Device) -> tpm_sim::device::AttestationKey {
    device.create_ak(&AkTemplate::new(AkAlgorithm::EccP256, LABEL)).unwrap()
}

/// The TPM now holds what the real machine's TPM held. PCR 10 goes on moving after a quote, and PCR 11 is user space's in some boots.
fn check_values(device: &mut Device, boot: &str) {
    let real: serde_json::Value = serde_json::from_slice(&read(boot, "pcrs.json")).unwrap();
    let values = device.read_pcrs(&Selection::new(&BANKS, (0..=9).chain([14]))).unwrap();
    for (bank, pcrs) in values {
        for (pcr, value) in pcrs {
            let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(real[bank.name()][pcr.to_string()], hex, "{boot}: PCR {pcr} of {bank}");
        }
    }
}

fn check(boot: &str, judgement: &Judgement, status: Status, named: &[&str]) -> Vec<String> {
    let verdict = &judgement.verdict;
    let mut faults = Vec::new();
    if verdict.status() != status {
        faults.push(format!("{boot}: {:?} {:#?}", verdict.status(), verdict.reasons));
    }
    let causes = verdict.causes.iter().map(|cause| cause.cause.as_str());
    let codes = verdict.reasons.iter().flat_map(|reason| [reason.code.as_str(), reason.component.as_str()]);
    let all: Vec<&str> = causes.chain(codes).collect();
    for wanted in named {
        if !all.contains(wanted) {
            faults.push(format!("{boot}: {wanted} is not named, but {all:?}"));
        }
    }
    faults
}

#[tokio::test]
async fn real_boots_get_their_verdicts() {
    let mut device = Machine::new();
    let server = device.serve(&["sb-grub"]);
    let client = server.connect().await;
    let id = device.enrol(&client).await;
    let mut faults = Vec::new();
    for (boot, status, named) in [
        ("sb-grub", Affirming, &[][..]),
        ("sb-grub-again", Affirming, &[]),
        (
            "sb-cmdline",
            Contraindicated,
            &["kernel_cmdline_changed", "grub.kernel_cmdline", "grub.command", "grub.config"],
        ),
        ("sb-initrd", Contraindicated, &["initrd_changed", "initrd"]),
        ("sb-oldkernel", Contraindicated, &["kernel_changed", "kernel", "initrd"]),
        ("nosb-grub", Contraindicated, &["secure_boot_off"]),
        ("uki-sb", Contraindicated, &[]),
    ] {
        let judgement = device.attest(&client, &id, boot).await;
        faults.extend(check(boot, &judgement, status, named));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn a_reviewed_boot_passes_beside_the_first_one() {
    let mut device = Machine::new();
    let server = device.serve(&["sb-grub", "sb-cmdline"]);
    let client = server.connect().await;
    let id = device.enrol(&client).await;
    let mut faults = Vec::new();
    for (boot, status) in [("sb-grub", Affirming), ("sb-cmdline", Affirming), ("sb-initrd", Contraindicated)]
    {
        faults.extend(check(boot, &device.attest(&client, &id, boot).await, status, &[]));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
