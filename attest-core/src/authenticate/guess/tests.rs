//! What the search costs, whoever wrote the log. What it finds, the tests of lies say.

use super::*;
use crate::authenticate::{AttestationKey, AuthenticEvidence, Challenge, Nonce};
use crate::digest::tests::extends;
use crate::evidence::Evidence;
use crate::evidence::bundle::Bundle;
use crate::evidence::tcg_log::build::Made;
use crate::evidence::tcg_log::{EventLog, EventType};
use crate::testing::{fixture, nonce_of};
use crate::time::Timestamp;

/// As many known rows as are compared, each as long as a boot with GRUB.
struct Known(Vec<HashAlg>);

impl Known {
    fn digest(at: usize, slot: usize, alg: HashAlg) -> Digest {
        alg.hash(&[&at.to_be_bytes(), &slot.to_be_bytes()])
    }
}

impl Guesses for Known {
    fn boots(&self) -> usize {
        Limits::DEFAULT.compared
    }

    fn value(&self, boot: usize, alg: HashAlg, _: u8) -> Option<Digest> {
        self.0.contains(&alg).then(|| Self::digest(boot, 0, alg))
    }

    fn rows(&self, _: u8) -> usize {
        Limits::DEFAULT.compared
    }

    fn row(&self, at: usize, alg: HashAlg, _: u8) -> Option<Vec<Digest>> {
        self.0.contains(&alg).then(|| (0..300).map(|slot| Self::digest(at, slot, alg)).collect())
    }

    fn userspace(&self, boot: usize, alg: HashAlg, pcr: u8) -> Vec<Digest> {
        self.row(boot, alg, pcr).unwrap_or_default()
    }
}

/// What authenticating a genuine quote of three banks costs in extends, with this log and without values.
fn cost(log: &[u8], guesses: &dyn Guesses) -> usize {
    let evidence = Evidence {
        attest: fixture!("boots/sb-grub/quote-all.attest"),
        signature: fixture!("boots/sb-grub/quote-all.sig"),
        event_log: Some(log),
        ..Evidence::default()
    };
    let key = AttestationKey::vouched(fixture!("boots/sb-grub/ak-ecc.pub"), &Limits::DEFAULT).unwrap();
    let nonce = Nonce::given(&nonce_of(fixture!("boots/sb-grub/nonce.hex"))).unwrap();
    let bundle = Bundle::parse(evidence, &Limits::DEFAULT).unwrap();
    let challenge = Challenge::offline(nonce);
    let now = Timestamp::from_unix(1_800_000_000);
    let before = extends();
    let error =
        AuthenticEvidence::authenticate_guessing(bundle, None, &key, challenge, now, guesses).unwrap_err();
    assert_eq!(error.code(), "pcr_digest_mismatch");
    extends() - before
}

/// A log of as many events as may be, all in one register, or in eight.
#[test]
fn a47_a_hostile_log_is_searched_within_the_budget() {
    let banks = [HashAlg::Sha1, HashAlg::Sha256, HashAlg::Sha384];
    let genuine = fixture!("boots/sb-grub/eventlog.bin");
    let told = EventLog::parse(genuine, &Limits::DEFAULT).unwrap().events().len();
    for registers in [1, 8] {
        let more = Limits::DEFAULT.event_log_events - told;
        let event = |at: usize| {
            let pcr = [4, 8, 9, 0, 1, 2, 3, 7][at % registers];
            Made::in_banks(pcr, EventType(0xd), &at.to_be_bytes(), &banks).agile()
        };
        let log = [genuine.to_vec(), (0..more).flat_map(event).collect()].concat();
        let replayed = Limits::DEFAULT.event_log_events * banks.len();
        for known in [Known(Vec::new()), Known(vec![HashAlg::Sha256]), Known(banks.to_vec())] {
            let cost = cost(&log, &known);
            assert!(cost > more * banks.len(), "{cost}: it was not even replayed");
            assert!(cost <= replayed + Limits::DEFAULT.explaining_extends, "{registers} registers: {cost}");
        }
    }
}

/// Somebody who says to know boots without end.
struct Endless(core::cell::Cell<usize>);

impl Guesses for Endless {
    fn boots(&self) -> usize {
        usize::MAX
    }

    fn value(&self, boot: usize, _: HashAlg, _: u8) -> Option<Digest> {
        self.0.set(boot);
        None
    }

    fn rows(&self, _: u8) -> usize {
        usize::MAX
    }

    fn row(&self, _: usize, _: HashAlg, _: u8) -> Option<Vec<Digest>> {
        None
    }

    fn userspace(&self, _: usize, _: HashAlg, _: u8) -> Vec<Digest> {
        Vec::new()
    }
}

#[test]
fn rows_of_values_are_counted() {
    let endless = Endless(core::cell::Cell::new(0));
    cost(fixture!("boots/sb-grub/eventlog.bin"), &endless);
    // Each boot is tried once, and once with each of 15 registers as the log tells; the next one is not.
    assert_eq!(endless.0.get(), Limits::DEFAULT.guessed_rows / 16);
}
