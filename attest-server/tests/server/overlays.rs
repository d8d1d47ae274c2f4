//! A device's own digests, signed, from its family's folder.

use std::{fs, path::PathBuf};

use attest_core::authenticate::{AttestationKey, AuthenticEvidence, Challenge, Nonce};
use attest_core::evidence::bundle::{Bundle, Evidence};
use attest_core::evidence::tcg_log::EventLog;
use attest_core::evidence::tpm::{PcrMask, PcrSelection};
use attest_core::reference::overlay::{Device, Draft, OverlaySigner};
use attest_core::reference::{ReferenceSet, golden, learn};
use attest_core::{HashAlg, Limits};
use attest_proto::v1;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

use crate::harness::{Clients, EVENT_LOG, FAMILY, IMA, Server, pcrs, refusing};
use crate::soft_tpm::SoftTpm;

/// The golden values of another machine of the family, whose boot entry differs, and the key that may say what each machine's own is.
struct Factory {
    references: ReferenceSet,
    document: String,
    key: EcdsaKeyPair,
    key_id: String,
}

fn factory() -> Factory {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
    let prefix = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
    let spki = [prefix.as_slice(), key.public_key().as_ref()].concat();
    let signer = OverlaySigner::from_spki_der("factory", &spki).unwrap();
    let key_id = signer.id().to_owned();

    let log = EventLog::parse(EVENT_LOG, &Limits::DEFAULT).unwrap();
    let evidence = golden::Evidence::Quoted;
    let boot = learn::Boot { name: "good", log: &log, userspace: None, evidence, files: None };
    let choices = learn::Choices {
        per_device: vec!["boot.entry".into()],
        overlay_signers: vec![signer],
        ..learn::Choices::default()
    };
    let mut golden = learn::learn(FAMILY, &[boot], &choices).unwrap();
    let slots = golden.sequences.iter_mut().flat_map(|sequence| &mut sequence.slots);
    for slot in slots.filter(|slot| slot.component.starts_with("boot.entry")) {
        slot.digests = slot.digests.iter().map(|digest| digest.alg().hash(&[b"another machine's"])).collect();
    }
    let document = golden.to_toml();
    let golden = golden::Golden::parse(&document, &Limits::DEFAULT).unwrap();
    Factory { references: ReferenceSet::development(golden).unwrap(), document, key, key_id }
}

impl Factory {
    /// The overlay of this device, from a boot of it that is known to be good.
    fn overlay(&self, tpm: &SoftTpm) -> (String, String) {
        let limits = &Limits::DEFAULT;
        let now = attest_server::clock::now();
        let indices: Vec<u8> = (0..=10).chain([14]).collect();
        let banks: Vec<_> =
            self.references.golden().banks.iter().map(|bank| (*bank, indices.clone())).collect();
        let (attest, signature) = tpm.quote(&[7; 32], &banks, &pcrs());
        let masks = banks.iter().map(|(bank, pcrs)| (*bank, PcrMask::of(pcrs.iter().copied()).unwrap()));
        let selection = PcrSelection::new(masks).unwrap();
        let challenge = Challenge::issued(Nonce::new(&[7; 32]).unwrap(), selection, now.plus(60));
        let sent = Evidence {
            attest: &attest,
            signature: &signature,
            event_log: Some(EVENT_LOG),
            ima: Some(IMA),
            ..Evidence::default()
        };
        let bundle = Bundle::parse(sent, limits).unwrap();
        let key = AttestationKey::enrolled(&tpm.ak_public(), "dev", limits).unwrap();
        let proven = AuthenticEvidence::authenticate(bundle, &key, challenge, now).unwrap();
        let ak_name = proven.quote().key_name().unwrap().to_vec();
        let device = Device::AkName(ak_name.clone());
        let draft = Draft::from_boot(&self.references, &proven, device, (now, now.plus(600))).unwrap();
        let input = draft.signing_input(&self.key_id);
        let signature = self.key.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        (hex::encode(ak_name), Draft::signed(input, signature.as_ref().try_into().unwrap()))
    }
}

/// A server whose family has a folder of overlays.
async fn server(document: Option<&str>) -> (Server, PathBuf) {
    let server = Server::start_with(|config| {
        let folder = config.data_directory.with_file_name("overlays");
        fs::create_dir_all(&folder).unwrap();
        let family = config.families.get_mut(FAMILY).unwrap();
        if let Some(document) = document {
            fs::write(&family.golden, document).unwrap();
        }
        family.overlays = Some(folder);
    })
    .await;
    let folder = server.config.families[FAMILY].overlays.clone().unwrap();
    (server, folder)
}

async fn judged(clients: &mut Clients, device_id: &str, tpm: &SoftTpm) -> v1::Verdict {
    clients.attest(device_id, tpm).await.unwrap().verdict.unwrap()
}

/// Two devices with one boot, which is not the golden one in what is each machine's own. One has its overlay; it helps no other.
#[tokio::test]
async fn a_device_affirms_with_its_own_overlay_and_no_other_device_does() {
    let factory = factory();
    let (server, folder) = server(Some(&factory.document)).await;
    let mut clients = server.clients().await;
    let (mut tpm, mut other) = (SoftTpm::new(&server.maker), SoftTpm::new(&server.maker));
    let id = clients.enroll(&mut tpm).await.unwrap();
    let other_id = clients.enroll(&mut other).await.unwrap();

    let verdict = judged(&mut clients, &id, &tpm).await;
    assert_eq!(verdict.status(), v1::Status::Contraindicated, "no overlay yet");
    assert!(refusing(&verdict).contains(&"golden_mismatch"), "{:?}", refusing(&verdict));

    let (ak_name, overlay) = factory.overlay(&tpm);
    fs::write(folder.join(format!("{ak_name}.jws")), &overlay).unwrap();
    let verdict = judged(&mut clients, &id, &tpm).await;
    assert_eq!(verdict.status(), v1::Status::Affirming, "{:#?}", verdict.reasons);
    let sha256 = HashAlg::Sha256.hash(&[overlay.as_bytes()]);
    assert_eq!(verdict.golden.unwrap().overlay_sha256, sha256.to_string());

    let verdict = judged(&mut clients, &other_id, &other).await;
    assert_eq!(verdict.status(), v1::Status::Contraindicated, "another device");
    let other_name = verdict.proven.unwrap().ak_name;
    // Under the other device's name, it is still the first one's.
    fs::write(folder.join(format!("{other_name}.jws")), &overlay).unwrap();
    let verdict = judged(&mut clients, &other_id, &other).await;
    assert_eq!(refusing(&verdict), ["overlay_device_mismatch"]);
    assert!(verdict.reasons.iter().any(|reason| reason.code == "overlay_refused"));
    assert_eq!(verdict.device_id, other_id);
    assert_eq!(judged(&mut clients, &id, &tpm).await.status(), v1::Status::Affirming);
}

/// What is no overlay is not left out: the device is refused, under a code that does not say that its evidence is false. Other devices' files
/// do not matter.
#[tokio::test]
async fn an_overlay_that_is_none_refuses_its_device() {
    let (server, folder) = server(None).await;
    let mut clients = server.clients().await;
    let mut tpm = SoftTpm::new(&server.maker);
    let id = clients.enroll(&mut tpm).await.unwrap();
    let verdict = judged(&mut clients, &id, &tpm).await;
    assert_eq!(verdict.status(), v1::Status::Affirming, "no overlay: {:#?}", verdict.reasons);
    assert_eq!(verdict.golden.unwrap().overlay_sha256, "");

    let ak_name = verdict.proven.unwrap().ak_name;
    fs::write(folder.join(format!("{}.jws", "00".repeat(34))), "e30.e30.AA").unwrap();
    let verdict = judged(&mut clients, &id, &tpm).await;
    assert_eq!(verdict.status(), v1::Status::Affirming, "another device's");
    let path = folder.join(format!("{ak_name}.jws"));
    let forms = [("no overlay", "overlay_form_unexpected"), ("e30.e30.AA", "overlay_algorithm_unexpected")];
    for (text, code) in forms {
        fs::write(&path, text).unwrap();
        check_refused(&judged(&mut clients, &id, &tpm).await, code, &id);
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    check_refused(&judged(&mut clients, &id, &tpm).await, "overlay_unreadable", &id);
}

fn check_refused(verdict: &v1::Verdict, code: &str, device_id: &str) {
    assert_eq!(refusing(verdict), [code]);
    let codes: Vec<&str> = verdict.reasons.iter().map(|reason| reason.code.as_str()).collect();
    assert!(codes.contains(&"overlay_refused") && !codes.contains(&"evidence_not_authentic"), "{codes:?}");
    assert_eq!(verdict.status(), v1::Status::Contraindicated);
    assert_eq!(verdict.device_id, device_id, "the quote is the device's");
    assert!(verdict.proven.is_some());
}
