//! Overlays: one device's own digests in slots that the document gives away, signed, and for that device alone.

use attest_core::appraise::{Code, Part, Policy, Severity, Status};
use attest_core::reference::ReferenceSet;
use attest_core::reference::golden::Rule;
use attest_core::reference::learn::Choices;
use attest_core::reference::overlay::{Device as Bound, DeviceIds, Draft, Overlay, OverlaySigner};
use attest_core::{Limits, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

use super::device::Device;
use super::judge::{FAMILY, Sent, context, learned_by};
use super::rule_values::{Values, option, with};

struct Family {
    references: ReferenceSet,
    key: EcdsaKeyPair,
    id: String,
}

/// A family whose boot entry differs from device to device.
fn family() -> Family {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
    let prefix = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
    let spki = [prefix.as_slice(), key.public_key().as_ref()].concat();
    let signer = OverlaySigner::from_spki_der("factory", &spki).unwrap();
    let id = signer.id().to_owned();
    let choices = Choices {
        per_device: vec!["boot.entry".into()],
        overlay_signers: vec![signer],
        ..Choices::default()
    };
    let golden = learned_by(&[&Values::default().boot()], false, &choices).unwrap();
    Family { references: ReferenceSet::development(golden).unwrap(), key, id }
}

const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

/// The overlay of a device with this boot, verified for the device of this name.
fn overlay(family: &Family, device: &Device, ak_name: &[u8]) -> Overlay {
    let sent = Sent::by(device);
    let proven = sent.authenticate().unwrap();
    let bound = Bound::AkName(ak_name.to_vec());
    let draft = Draft::from_boot(&family.references, &proven, bound, (NOW, NOW.plus(60))).unwrap();
    let input = draft.signing_input(&family.id);
    let signature = family.key.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
    let text = Draft::signed(input, signature.as_ref().try_into().unwrap());
    let ids = DeviceIds { ak_name: Some(ak_name), ek_sha256: None };
    Overlay::verify(&text, &family.references, &ids, NOW, &Limits::DEFAULT).unwrap()
}

fn own_name(device: &Device) -> Vec<u8> {
    Sent::by(device).authenticate().unwrap().quote().key_name().unwrap().to_vec()
}

#[test]
fn a_device_passes_with_its_own_overlay_alone() {
    let family = family();
    let device = with(|v| v.entry = option(0xd2, "\\EFI\\debian\\shimx64.efi", b"")).boot();
    let sent = Sent::by(&device);
    let judge = |references: &ReferenceSet| sent.judge_by(references, &Default::default(), &context());
    let without = judge(&family.references);
    assert_eq!(without.boot.status, Status::Contraindicated);
    let overlay = overlay(&family, &device, &own_name(&device));
    let verdict = judge(&family.references.with_overlay(&overlay).unwrap());
    assert_eq!(verdict.boot.status, Status::Affirming, "{verdict:#?}");
    assert_eq!(verdict.golden.overlay_sha256.as_deref(), Some(overlay.sha256()));
    assert_eq!(verdict.family, FAMILY);
    assert_eq!((without.valid_until, verdict.valid_until), (None, Some(overlay.expires())));
    // The same slot holds what the overlay says, and nothing else.
    let other = with(|v| v.entry = option(0xd3, "\\EFI\\debian\\shimx64.efi", b"")).boot();
    let verdict = Sent::by(&other).judge_by(
        &family.references.with_overlay(&overlay).unwrap(),
        &Default::default(),
        &context(),
    );
    assert_eq!(verdict.boot.status, Status::Contraindicated);
}

/// The values were verified for another device, and a program hands them to this one.
#[test]
fn the_overlay_of_another_device() {
    let family = family();
    let device = Values::default().boot();
    let overlay = overlay(&family, &device, &[0, 11, 1, 2, 3]);
    let overlaid = family.references.with_overlay(&overlay).unwrap();
    let verdict = Sent::by(&device).judge_by(&overlaid, &Default::default(), &context());
    assert_eq!(verdict.status, Status::Contraindicated);
    assert!(verdict.reasons.iter().any(|r| r.code == Code::OverlayDeviceMismatch), "{verdict:#?}");
}

/// The quote is good and says so; the overlay is not, and that is what refuses.
#[test]
fn an_overlay_that_does_not_count_has_its_own_code() {
    let family = family();
    let device = Values::default().boot();
    let sent = Sent::by(&device);
    let proven = sent.authenticate().unwrap();
    let context = context();
    let policy = Policy::default();
    let verdict = policy.refuse_overlay("overlay_expired", "over", &proven, &family.references, &context);
    let refusing: Vec<_> = verdict.reasons.iter().filter(|r| r.severity == Severity::Refuse).collect();
    let [reason] = refusing.as_slice() else { panic!("{refusing:#?}") };
    assert_eq!((reason.code, reason.detail_code), (Code::OverlayRefused, Some("overlay_expired")));
    assert_eq!(reason.part, Part::Evidence);
    let statuses = (verdict.status, verdict.boot.status, verdict.runtime.status);
    assert_eq!(statuses, (Status::Contraindicated, Status::Contraindicated, Status::Contraindicated));
    let whole = verdict.trust_vector;
    assert_ne!(whole.instance_identity, 99, "the key is the device's");
    assert_eq!((whole.configuration, whole.executables), (96, 96));
    let ak_name = proven.quote().key_name().map(hex::encode);
    assert_eq!(verdict.proven.unwrap().ak_name, ak_name);
}

#[test]
fn a_marked_slot_without_an_overlay_is_exact() {
    let family = family();
    let marked = |rule: &Option<Rule>| *rule == Some(Rule::PerDevice);
    let slots = family.references.sequences().flat_map(|s| &s.slots).filter(|s| marked(&s.rule)).count();
    assert_eq!(slots, 1);
    let same =
        Sent::by(&Values::default().boot()).judge_by(&family.references, &Default::default(), &context());
    assert_eq!(same.boot.status, Status::Affirming);
}
