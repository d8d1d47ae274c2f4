//! The golden document of the demonstration: learned when it starts, with the code of `attest golden learn`, from a real boot whose quote
//! is checked first.

use std::collections::BTreeSet;

use attest_core::{
    Limits, Timestamp,
    authenticate::{AttestationKey, AuthenticEvidence, Challenge, Nonce},
    evidence::{Bundle, Evidence, ima_log::ImaLog, tcg_log::EventLog},
    reference::{
        Golden,
        golden::{self, Superseded},
        learn::{self, Boot, Choices},
    },
};

use super::{
    Problem,
    boots::{self, KNOWN_GOOD},
};

macro_rules! known_good {
    ($file:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/boots/sb-grub/", $file))
    };
}

/// Every bank of the known-good boot, quoted by the TPM it had.
const ATTEST: &[u8] = known_good!("quote-all.attest");
const SIGNATURE: &[u8] = known_good!("quote-all.sig");
const AK: &[u8] = known_good!("ak-ecc.pub");
const NONCE: &[u8] = known_good!("nonce.hex");

/// Golden values for `family`; the kernel of the older boot is superseded, as after a security update.
pub(super) fn learn(family: &str) -> Result<Golden, Problem> {
    check_quote()?;
    let mut golden = learn_from(family, "debian-12", &KNOWN_GOOD, golden::Evidence::Quoted)?;
    let old = learn_from(family, "old", &boots::OLD_KERNEL, golden::Evidence::LogOnly)?;
    let digests = |golden: &Golden| {
        let slots = golden.variants.iter().flat_map(|variant| &variant.sequences);
        let kernels = slots.flat_map(|sequence| &sequence.slots).filter(|slot| slot.component == "kernel");
        // shim lists the kernel twice.
        kernels.flat_map(|slot| slot.digests.clone()).collect::<BTreeSet<_>>()
    };
    let current = digests(&golden);
    golden.superseded.push(Superseded {
        component: "kernel".to_owned(),
        digests: digests(&old).difference(&current).copied().collect(),
        reason: "a security update replaced it".to_owned(),
    });
    Ok(golden)
}

/// The log and the IMA list are what the TPM of the known-good machine signed for.
fn check_quote() -> Result<(), Problem> {
    let limits = Limits::DEFAULT;
    let nonce = hex::decode(NONCE.trim_ascii()).map_err(Problem::of)?;
    let nonce = Nonce::given(&nonce).map_err(Problem::of)?;
    let key = AttestationKey::vouched(AK, &limits).map_err(Problem::of)?;
    let evidence = Evidence {
        attest: ATTEST,
        signature: SIGNATURE,
        event_log: Some(KNOWN_GOOD.event_log),
        ima: Some(KNOWN_GOOD.ima_list),
        ..Evidence::default()
    };
    let bundle = Bundle::parse(evidence, &limits).map_err(Problem::of)?;
    let now = Timestamp::from_unix(0);
    AuthenticEvidence::authenticate(bundle, &key, Challenge::offline(nonce), now).map_err(Problem::of)?;
    Ok(())
}

fn learn_from(
    family: &str,
    name: &str,
    boot: &boots::Boot,
    evidence: golden::Evidence,
) -> Result<Golden, Problem> {
    let limits = Limits::DEFAULT;
    let log = EventLog::parse(boot.event_log, &limits).map_err(Problem::of)?;
    let list = ImaLog::parse(boot.ima_list, &limits).map_err(Problem::of)?;
    let files = learn::ima_files(&list);
    let boot = Boot { name, log: &log, userspace: None, evidence, files: Some(&files) };
    learn::learn(family, &[boot], &Choices::default()).map_err(Problem::of)
}
