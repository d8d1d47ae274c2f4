//! A genuine quote with more or less beside it.

use super::*;
use crate::Limits;
use crate::authenticate::Nonce;
use crate::evidence::Evidence;
use crate::testing::{fixture, nonce_of, pcrs_of};

fn authenticate(evidence: Evidence<'_>) -> Result<Vec<Outcome>, Error> {
    let quote = Evidence {
        attest: fixture!("boots/sb-grub/quote-ecc.attest"),
        signature: fixture!("boots/sb-grub/quote-ecc.sig"),
        ..evidence
    };
    let key = AttestationKey::vouched(fixture!("boots/sb-grub/ak-ecc.pub"), &Limits::DEFAULT).unwrap();
    let nonce = Nonce::given(&nonce_of(fixture!("boots/sb-grub/nonce.hex"))).unwrap();
    let bundle = Bundle::parse(quote, &Limits::DEFAULT)?;
    let now = Timestamp::from_unix(1_800_000_000);
    let evidence = AuthenticEvidence::authenticate(bundle, &key, Challenge::offline(nonce), now)?;
    Ok(evidence.outcomes().iter().map(|(_, _, outcome)| *outcome).collect())
}

/// Values may be given, or be what the logs lead to; of neither nothing follows.
#[test]
fn values_come_with_the_quote_or_from_its_logs() {
    let (log, ima) = (Some(fixture!("boots/sb-grub/eventlog.bin")), Some(fixture!("boots/sb-grub/ima.bin")));
    let given = || Some(pcrs_of(fixture!("boots/sb-grub/pcrs.json")));
    assert_eq!(authenticate(Evidence::default()), Err(Error::PcrsMissing));
    let with_logs = authenticate(Evidence { event_log: log, ima, ..Evidence::default() }).unwrap();
    assert!(with_logs.iter().all(|outcome| *outcome == Outcome::Match));
    let with_both = Evidence { event_log: log, ima, pcrs: given(), ..Evidence::default() };
    assert_eq!(authenticate(with_both), Ok(with_logs));
    let alone = authenticate(Evidence { pcrs: given(), ..Evidence::default() }).unwrap();
    assert!(alone.iter().all(|outcome| *outcome == Outcome::NoEvents));
    // One log of two does not lead to all of them.
    for (event_log, ima, silent) in [(log, None, &[10][..]), (None, ima, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14])]
    {
        let error = authenticate(Evidence { event_log, ima, ..Evidence::default() }).unwrap_err();
        assert_eq!(error.code(), "pcr_digest_mismatch");
        let Error::PcrsUntold { untold, .. } = &error else { panic!("{error:?}") };
        assert_eq!(untold.silent, silent);
        assert!(
            error.to_string().contains(&format!(
                "; of PCR {} there is no log",
                silent.iter().map(u8::to_string).collect::<Vec<_>>().join(", ")
            )),
            "{error}"
        );
    }
}

/// One known good boot.
struct Known(crate::evidence::PcrValues);

impl Guesses for Known {
    fn boots(&self) -> usize {
        1
    }

    fn value(&self, _: usize, alg: HashAlg, pcr: u8) -> Option<Digest> {
        self.0.get(alg, pcr)
    }

    fn rows(&self, _: u8) -> usize {
        0
    }

    fn row(&self, _: usize, _: HashAlg, _: u8) -> Option<Vec<Digest>> {
        None
    }

    fn userspace(&self, _: usize, _: HashAlg, _: u8) -> Vec<Digest> {
        Vec::new()
    }
}

/// GRUB leaves an empty log on some machines: a good boot's values may be the quoted ones, and no log explains them.
#[test]
fn without_any_log_a_good_boots_values_are_tried() {
    let quote = |event_log| Evidence {
        attest: fixture!("boots/sb-grub/quote-ecc.attest"),
        signature: fixture!("boots/sb-grub/quote-ecc.sig"),
        event_log,
        ..Evidence::default()
    };
    let key = AttestationKey::vouched(fixture!("boots/sb-grub/ak-ecc.pub"), &Limits::DEFAULT).unwrap();
    let guessed = |event_log, known: &[u8]| {
        let nonce = Nonce::given(&nonce_of(fixture!("boots/sb-grub/nonce.hex"))).unwrap();
        let bundle = Bundle::parse(quote(event_log), &Limits::DEFAULT).unwrap();
        let (challenge, known) = (Challenge::offline(nonce), Known(pcrs_of(known)));
        let now = Timestamp::from_unix(1_800_000_000);
        AuthenticEvidence::authenticate_guessing(bundle, None, &key, challenge, now, &known)
            .map(|evidence| evidence.outcomes().iter().map(|(_, _, outcome)| *outcome).collect::<Vec<_>>())
    };
    for event_log in [None, Some(&[][..])] {
        let outcomes = guessed(event_log, fixture!("boots/sb-grub/pcrs.json")).unwrap();
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::NoEvents), "{outcomes:?}");
        let another = guessed(event_log, fixture!("boots/sb-cmdline/pcrs.json"));
        assert_eq!(another, Err(Error::PcrsMissing));
    }
}

#[test]
fn outcomes_are_named_as_the_command_line_does() {
    let replayed = Digest::zero(HashAlg::Sha256);
    let all = [
        (Outcome::Match, "match", true),
        (Outcome::Mismatch { replayed }, "mismatch", false),
        (Outcome::Ambiguous, "mismatch", false),
        (Outcome::DigestMissing, "mismatch", false),
        (Outcome::NoEvents, "no_events", false),
        (Outcome::Reset, "reset", true),
    ];
    for (outcome, name, explained) in all {
        assert_eq!((outcome.name(), outcome.is_explained()), (name, explained), "{outcome:?}");
    }
}
