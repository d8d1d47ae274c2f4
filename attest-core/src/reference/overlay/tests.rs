use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::*;
use crate::authenticate::{AttestationKey, AuthenticEvidence, Challenge, Nonce};
use crate::evidence::tcg_log::EventLog;
use crate::reference::golden::Evidence;
use crate::reference::learn::{Boot, Choices, learn};
use crate::testing::{fixture, nonce_of, random};

const FAMILY: &str = "gateway";
const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
const AK: &[u8] = &[0, 11, 1, 2, 3];
const EK: &[u8] = &[7; 32];

fn key() -> EcdsaKeyPair {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, fixture!("keys/p256.pk8"), &random()).unwrap()
}

fn other_key() -> EcdsaKeyPair {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random()).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random()).unwrap()
}

/// SubjectPublicKeyInfo by hand.
fn signer(name: &str, key: &EcdsaKeyPair) -> OverlaySigner {
    let prefix = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
    OverlaySigner::from_spki_der(name, &[prefix.as_slice(), key.public_key().as_ref()].concat()).unwrap()
}

fn sign(key: &EcdsaKeyPair, header: &Value, payload: &str) -> String {
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(payload));
    let signature = key.sign(&random(), input.as_bytes()).unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn log() -> EventLog<'static> {
    EventLog::parse(fixture!("boots/sb-grub/eventlog.bin"), &Limits::DEFAULT).unwrap()
}

/// Golden values of a real boot that give away the boot entries and the kernel command line.
fn references() -> ReferenceSet {
    let log = log();
    let boot = Boot { name: "debian", log: &log, evidence: Evidence::Quoted, files: None, userspace: None };
    let choices = Choices {
        per_device: vec!["boot.entry".into(), "grub.kernel_cmdline".into()],
        overlay_signers: vec![signer("factory", &key())],
        ..Choices::default()
    };
    ReferenceSet::development(learn(FAMILY, &[boot], &choices).unwrap()).unwrap()
}

/// A quote of a captured boot: `quote-ecc` in SHA-256 alone, over PCR 0–10 and 14; `quote-all` in every bank.
macro_rules! proven {
    ($boot:literal, $quote:literal) => {{
        let evidence = crate::evidence::Evidence {
            attest: fixture!(concat!("boots/", $boot, "/", $quote, ".attest")),
            signature: fixture!(concat!("boots/", $boot, "/", $quote, ".sig")),
            event_log: Some(fixture!(concat!("boots/", $boot, "/eventlog.bin"))),
            ima: Some(fixture!(concat!("boots/", $boot, "/ima.bin"))),
            ..crate::evidence::Evidence::default()
        };
        let bundle = crate::evidence::Bundle::parse(evidence, &Limits::DEFAULT).unwrap();
        let key = fixture!(concat!("boots/", $boot, "/ak-ecc.pub"));
        let key = AttestationKey::vouched_tpm(key, &Limits::DEFAULT).unwrap();
        let nonce = Nonce::given(&nonce_of(fixture!(concat!("boots/", $boot, "/nonce.hex")))).unwrap();
        AuthenticEvidence::authenticate(bundle, &key, Challenge::offline(nonce), NOW).unwrap()
    }};
}

fn draft(references: &ReferenceSet) -> Draft {
    let times = (NOW, NOW.plus(86_400));
    Draft::from_boot(references, &proven!("sb-grub", "quote-all"), Device::AkName(AK.to_vec()), times)
        .unwrap()
}

fn ids() -> DeviceIds<'static> {
    DeviceIds { ak_name: Some(AK), ek_sha256: Some(EK) }
}

fn verify(text: &str) -> Result<Overlay, Error> {
    Overlay::verify(text, &references(), &ids(), NOW, &Limits::DEFAULT)
}

fn header() -> Value {
    json!({ "alg": "ES256", "kid": signer("", &key()).id(), "typ": "attest-overlay+jwt" })
}

fn payload() -> Value {
    let input = draft(&references()).signing_input("any");
    let payload = URL_SAFE_NO_PAD.decode(input.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

/// A well-signed overlay with one thing told otherwise.
fn told(change: impl FnOnce(&mut Value)) -> Result<Overlay, Error> {
    let mut payload = payload();
    change(&mut payload);
    verify(&sign(&key(), &header(), &payload.to_string()))
}

fn refused(change: impl FnOnce(&mut Value)) -> Error {
    told(change).unwrap_err()
}

fn with_header(change: impl FnOnce(&mut Value)) -> Error {
    let mut header = header();
    change(&mut header);
    verify(&sign(&key(), &header, &payload().to_string())).unwrap_err()
}

#[test]
fn a_good_overlay_is_verified_and_brings_the_devices_digests() {
    let references = references();
    let draft = draft(&references);
    let signature = |input: &str| -> [u8; 64] {
        key().sign(&random(), input.as_bytes()).unwrap().as_ref().try_into().unwrap()
    };
    let input = draft.signing_input(signer("", &key()).id());
    let text = Draft::signed(input.clone(), &signature(&input));
    let overlay = verify(&text).unwrap();
    assert_eq!(overlay.slots(), draft.slots);
    let components: Vec<&str> = overlay.slots().iter().map(|s| s.component.as_str()).collect();
    assert_eq!(components, ["boot.entry", "boot.entry", "boot.entry", "grub.kernel_cmdline"]);
    assert_eq!((overlay.signer(), overlay.ak_name(), overlay.expires()), ("factory", AK, NOW.plus(86_400)));
    let overlaid = references.with_overlay(&overlay).unwrap();
    assert_eq!(overlaid.bound_to(), Some(AK));
    assert_eq!(overlaid.source().overlay_sha256.as_deref(), Some(overlay.sha256()));
    assert_eq!(overlaid.golden(), references.golden(), "the reviewed document stays");
    assert_eq!(verify(&format!("{text}\n")).unwrap().slots(), overlay.slots(), "a file ends with a line end");
}

/// The digests go where the overlay says, and nowhere else.
#[test]
fn only_the_named_slots_change() {
    let new = "ab".repeat(32);
    let overlay = told(|p| p["slots"][0]["digests"]["sha256"] = json!(new)).unwrap();
    let (before, after) = (references(), references().with_overlay(&overlay).unwrap());
    let slots = |r: &ReferenceSet| -> Vec<Vec<Digest>> {
        let grouped = r.variants().flat_map(|v| &v.sequences).map(|s| &**s);
        r.sequences().chain(grouped).flat_map(|s| &s.slots).map(|s| s.digests.clone()).collect()
    };
    let (before, after) = (slots(&before), slots(&after));
    let changed: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).collect();
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0].1[0].to_string(), new);
}

#[test]
fn a_wrong_device() {
    let other = hex::encode([0, 11, 9]);
    let error = refused(|p| p["device"] = json!({ "ak_name": other }));
    assert_eq!(error, Error::DeviceMismatch { overlay: format!("ak_name {other}") });
    assert!(told(|p| p["device"] = json!({ "ek_sha256": hex::encode(EK) })).is_ok());
    let error = refused(|p| p["device"] = json!({ "ek_sha256": hex::encode([8; 32]) }));
    assert_eq!(error.code(), "overlay_device_mismatch");
    let error = refused(|p| p["device"] = json!({ "ek_sha256": "", "ak_name": hex::encode(AK) }));
    assert_eq!(error.code(), "overlay_malformed");
    assert_eq!(refused(|p| p["device"] = json!({})).code(), "overlay_malformed");
}

#[test]
fn a_device_without_a_certificate_or_without_a_name() {
    let mut by_ek = payload();
    by_ek["device"] = json!({ "ek_sha256": "" });
    let text = sign(&key(), &header(), &by_ek.to_string());
    let unknown = DeviceIds { ak_name: Some(AK), ek_sha256: None };
    let error = Overlay::verify(&text, &references(), &unknown, NOW, &Limits::DEFAULT).unwrap_err();
    assert_eq!(error.code(), "overlay_device_mismatch");
    let text = sign(&key(), &header(), &payload().to_string());
    let bare = DeviceIds { ak_name: None, ek_sha256: Some(EK) };
    let error = Overlay::verify(&text, &references(), &bare, NOW, &Limits::DEFAULT).unwrap_err();
    assert_eq!(error, Error::DeviceUnknown);
}

#[test]
fn a_wrong_family() {
    let error = refused(|p| p["family"] = json!("laptop"));
    assert_eq!(error, Error::FamilyMismatch { overlay: "laptop".into() });
}

#[test]
fn a_wrong_golden_document() {
    let other = "00".repeat(32);
    assert_eq!(refused(|p| p["golden_sha256"] = json!(other)), Error::GoldenMismatch { overlay: other });
    let overlay = told(|_| ()).unwrap();
    let mut golden = references().golden().clone();
    golden.description = Some("the next version".into());
    let next = ReferenceSet::development(golden).unwrap();
    assert_eq!(next.with_overlay(&overlay).unwrap_err().code(), "overlay_golden_mismatch");
}

#[test]
fn an_expired_one_and_one_from_the_future() {
    assert_eq!(refused(|p| p["expires"] = json!(NOW.unix())), Error::Expired { expired: NOW });
    assert!(told(|p| p["expires"] = json!(NOW.unix() + 1)).is_ok());
    let from = NOW.plus(SKEW_SECONDS + 1);
    assert_eq!(refused(|p| p["issued_at"] = json!(from.unix())), Error::NotYetValid { from });
    assert!(told(|p| p["issued_at"] = json!(NOW.plus(SKEW_SECONDS).unix())).is_ok());
}

#[test]
fn a45_an_unsigned_one() {
    let payload = payload().to_string();
    let parts = sign(&key(), &header(), &payload);
    let (signed, _) = parts.rsplit_once('.').unwrap();
    assert_eq!(verify(&payload).unwrap_err(), Error::FormUnexpected);
    assert_eq!(verify(signed).unwrap_err(), Error::FormUnexpected);
    assert_eq!(verify(&format!("{signed}.")).unwrap_err(), Error::SignatureInvalid);
    assert_eq!(verify(&format!("{parts}.")).unwrap_err(), Error::FormUnexpected);
    assert_eq!(with_header(|h| h["alg"] = json!("none")), Error::AlgorithmUnexpected);
    assert_eq!(with_header(|h| h["alg"] = json!("HS256")), Error::AlgorithmUnexpected);
}

#[test]
fn a45_a_signature_by_another_key_or_over_other_bytes() {
    let payload = payload().to_string();
    let stranger = other_key();
    assert_eq!(verify(&sign(&stranger, &header(), &payload)).unwrap_err(), Error::SignatureInvalid);
    let id = signer("", &stranger).id().to_owned();
    assert_eq!(with_header(|h| h["kid"] = json!(id)), Error::SignerUnknown { id });
    let text = sign(&key(), &header(), &payload);
    let other = payload.replace("boot.entry", "boot.order");
    let parts: Vec<&str> = text.split('.').collect();
    let lie = [parts[0], &URL_SAFE_NO_PAD.encode(other), parts[2]].join(".");
    assert_eq!(verify(&lie).unwrap_err(), Error::SignatureInvalid);
}

#[test]
fn a45_a_signature_made_for_something_else_or_with_its_own_key() {
    assert_eq!(with_header(|h| h["typ"] = json!("eat+jwt")), Error::TypeUnexpected);
    assert_eq!(with_header(|h| h["jwk"] = json!({})), Error::HeaderUnexpected);
    assert_eq!(with_header(|h| h["crit"] = json!(["b64"])), Error::HeaderUnexpected);
    assert_eq!(
        with_header(|h| *h = json!({ "alg": "ES256", "typ": "attest-overlay+jwt" })).code(),
        "overlay_signer_unknown"
    );
}

#[test]
fn a_slot_that_is_not_given_away() {
    let references = references();
    let pcr_7 = references.sequences().find(|s| s.pcr == 7).unwrap();
    let lie = json!({ "sequence": pcr_7.name, "pcr": 7, "slot": 3, "component": pcr_7.slots[3].component,
                      "digests": payload()["slots"][0]["digests"] });
    assert_eq!(refused(|p| p["slots"][0] = lie), Error::SlotNotPerDevice { pcr: 7, slot: 3 });
}

#[test]
fn a_slot_that_is_not_there() {
    let unknown = |pcr, slot| Error::SlotUnknown { pcr, slot };
    let first = payload()["slots"][0]["slot"].as_u64().unwrap() as usize;
    assert_eq!(refused(|p| p["slots"][0]["slot"] = json!(99)), unknown(1, 99));
    assert_eq!(refused(|p| p["slots"][0]["component"] = json!("kernel")), unknown(1, first));
    assert_eq!(refused(|p| p["slots"][0]["sequence"] = json!("other")), unknown(1, first));
    assert_eq!(refused(|p| p["slots"][0]["pcr"] = json!(2)), unknown(2, first));
    let both = |p: &mut Value| p["slots"][0]["variant"] = json!("debian");
    assert_eq!(refused(both).code(), "overlay_malformed");
}

#[test]
fn a_slot_that_stands_twice_and_none_at_all() {
    let error = refused(|p| p["slots"][1] = p["slots"][0].clone());
    assert_eq!(error.code(), "overlay_slot_duplicate");
    assert_eq!(refused(|p| p["slots"] = json!([])), Error::NoSlot);
}

#[test]
fn a_digest_that_is_missing_malformed_or_of_another_bank() {
    let bank = |error| match error {
        Error::Digest { bank, .. } => bank,
        other => panic!("{other:?}"),
    };
    assert_eq!(bank(refused(|p| p["slots"][0]["digests"] = json!({ "sha256": "ab".repeat(32) }))), "sha384");
    assert_eq!(bank(refused(|p| p["slots"][0]["digests"]["sha256"] = json!("ab"))), "sha256");
    assert_eq!(bank(refused(|p| p["slots"][0]["digests"]["sha1"] = json!("ab".repeat(20)))), "sha1");
}

#[test]
fn a46_a_payload_of_another_shape() {
    assert_eq!(refused(|p| p["format"] = json!("attest-overlay/2")).code(), "overlay_malformed");
    assert_eq!(refused(|p| p["more"] = json!(1)).code(), "overlay_malformed");
    assert_eq!(refused(|p| p["slots"][0]["more"] = json!(1)).code(), "overlay_malformed");
    let twice = payload().to_string().replacen('{', r#"{"family":"gateway","#, 1);
    assert_eq!(verify(&sign(&key(), &header(), &twice)).unwrap_err().code(), "overlay_json");
    let padded = sign(&key(), &header(), &payload().to_string()).replacen('.', "=.", 1);
    assert_eq!(verify(&padded).unwrap_err(), Error::Base64Malformed { part: 0 });
    let huge = "a".repeat(Limits::DEFAULT.token_bytes + 1);
    assert_eq!(verify(&huge).unwrap_err().code(), "overlay_json");
}

#[test]
fn no_overlay_from_a_boot_that_differs_elsewhere() {
    let other = proven!("sb-cmdline", "quote-all");
    let times = (NOW, NOW.plus(1));
    let device = || Device::AkName(AK.to_vec());
    let error = Draft::from_boot(&references(), &other, device(), times).unwrap_err();
    assert_eq!(error.code(), "overlay_other_boot");
    let mut golden = references().golden().clone();
    let grouped = golden.variants.iter_mut().flat_map(|v| &mut v.sequences);
    golden.sequences.iter_mut().chain(grouped).flat_map(|s| &mut s.slots).for_each(|s| s.rule = None);
    let none = ReferenceSet::development(golden).unwrap();
    assert_eq!(
        Draft::from_boot(&none, &proven!("sb-grub", "quote-all"), device(), times),
        Err(DraftError::NothingPerDevice)
    );
}

/// The digests of a bank that the quote does not cover are whatever the log says, and would be signed for good.
#[test]
fn no_overlay_of_digests_that_no_quote_proves() {
    let of = |evidence: &AuthenticEvidence<'_>, references: &ReferenceSet| {
        Draft::from_boot(references, evidence, Device::AkName(AK.to_vec()), (NOW, NOW.plus(1)))
    };
    let narrow = proven!("sb-grub", "quote-ecc");
    let unproven = |pcr| Err(DraftError::NotProven { pcr, bank: HashAlg::Sha384 });
    assert_eq!(of(&narrow, &references()), unproven(1), "in a sequence");
    let marked = |name: &str| {
        let log = log();
        let boot =
            Boot { name: "debian", log: &log, evidence: Evidence::Quoted, files: None, userspace: None };
        let overlay_signers = vec![signer("factory", &key())];
        let choices = Choices { per_device: vec![name.into()], overlay_signers, ..Choices::default() };
        ReferenceSet::development(learn(FAMILY, &[boot], &choices).unwrap()).unwrap()
    };
    assert_eq!(of(&narrow, &marked("grub.kernel_cmdline")), unproven(8), "in a variant");
    assert!(of(&proven!("sb-grub", "quote-all"), &marked("grub.kernel_cmdline")).is_ok());
}

#[test]
fn a_signers_key_is_read_in_one_form() {
    let good = signer("factory", &key());
    assert_eq!(OverlaySigner::from_base64("factory", &good.to_base64()), Some(good.clone()));
    assert_eq!(OverlaySigner::from_base64("factory", &good.to_base64()[1..]), None);
    assert_eq!(OverlaySigner::from_spki_der("", &key().public_key().as_ref()[..64]), None);
    let id = crate::result::VerifyingKey::from_point(key().public_key().as_ref()).unwrap();
    assert_eq!(good.id(), id.id(), "the id is that of the key that signs results");
}
