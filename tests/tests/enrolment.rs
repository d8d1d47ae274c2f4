//! Lies about identity (A20–A24), and that no record is left of them.

use attest_proto::v1::ListRequest;
use attest_proto::v1::devices_client::DevicesClient;
use attest_tests::{Keys, LABEL, Member, Server, Site};
use tpm_sim::boot::debian::Parts;
use tpm_sim::client::{Enrolment, Error};
use tpm_sim::device::{self, AkAlgorithm, AkTemplate, EkKind};
use tpm_sim::scenario::BANKS;
use tpm_sim::swtpm::Maker;

fn reason<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    let error = result.unwrap_err();
    error.reason().unwrap_or_else(|| panic!("not the server's refusal: {error}")).to_owned()
}

/// Ids of all enrolled devices, and how many refused registrations they have seen.
async fn devices(server: &Server) -> Vec<(String, u64)> {
    let channel = tonic::transport::Endpoint::from_shared(server.url()).unwrap().connect().await.unwrap();
    let mut client = DevicesClient::new(channel);
    let reply = client.list(ListRequest::default()).await.unwrap().into_inner();
    reply.devices.into_iter().map(|device| (device.id, device.refused_registrations)).collect()
}

#[tokio::test]
async fn a20_a_credential_for_another_key_opens_in_no_tpm() {
    let site = Site::new();
    let server = site.serve();
    let client = server.connect().await;
    let (one, two) = (Member::new(&site), Member::new(&site));
    let (mut first, mut second) = (one.device(), two.device());
    let (ours, theirs) = (one.keys(&mut first, LABEL), two.keys(&mut second, LABEL));

    // Another AK name: the credential is for the key that was shown, not for the one that is used.
    let begun = client.begin(one.enrolment(&ours)).await.unwrap();
    let other = first.create_ak(&AkTemplate::new(AkAlgorithm::EccP256, b"another")).unwrap();
    let refused = first.activate(&ours.ek, &other, &begun.credential_blob, &begun.encrypted_secret);
    assert!(matches!(refused, Err(device::Error::Tpm { command: "TPM2_ActivateCredential", .. })));

    // Another EK: device two shows the EK of device one beside its own AK.
    let shown = Enrolment { ak_public: theirs.ak.public.clone(), ..one.enrolment(&ours) };
    let begun = client.begin(shown).await.unwrap();
    let refused = second.activate(&theirs.ek, &theirs.ak, &begun.credential_blob, &begun.encrypted_secret);
    assert!(matches!(refused, Err(device::Error::Tpm { command: "TPM2_ActivateCredential", .. })));

    // The certificate of one TPM with the key of the other.
    let mixed = Enrolment { ek_public: theirs.ek.public.clone(), ..one.enrolment(&ours) };
    assert!(reason(client.begin(mixed).await).starts_with("ek_"));
    assert_eq!(devices(&server).await, []);
}

/// The server's TPM2_MakeCredential against a TPM's own TPM2_ActivateCredential, for both kinds of endorsement key that swtpm has.
#[tokio::test]
async fn both_kinds_of_endorsement_key_enrol() {
    let site = Site::new();
    let server = site.serve();
    let client = server.connect().await;
    for kind in [EkKind::Rsa2048, EkKind::EccP384] {
        let member = Member::new(&site);
        let mut device = member.device();
        let ek = device.endorsement_key(kind).unwrap();
        let ak = device.create_ak(&AkTemplate::new(AkAlgorithm::EccP256, LABEL)).unwrap();
        let enrolment = member.enrolment(&Keys { ek: ek.clone(), ak: ak.clone() });
        let enrolled = client.enrol(&mut device, &ek, &ak, enrolment).await.unwrap();
        drop(device);
        let judgement = member.attest(&client, &enrolled.device_id).await;
        assert_eq!(judgement.verdict.status(), attest_proto::v1::Status::Affirming, "{kind:?}");
    }
}

#[tokio::test]
async fn a21_a_known_device_does_not_enrol_with_another_key() {
    let site = Site::new();
    let server = site.serve();
    let client = server.connect().await;
    let (one, two) = (Member::new(&site), Member::new(&site));
    let id = one.enrol(&client).await;

    // The same again is the same device.
    let again = one.enrol_as(&client, LABEL).await.unwrap();
    assert_eq!((again.device_id.as_str(), again.already_enrolled), (id.as_str(), true));

    // Its EK with another AK; its AK with another EK.
    assert_eq!(reason(one.enrol_as(&client, b"another").await), "ek_enrolled_with_another_ak");
    let (mut first, mut second) = (one.device(), two.device());
    let (ours, theirs) = (one.keys(&mut first, LABEL), two.keys(&mut second, LABEL));
    let stolen = Enrolment { ak_public: ours.ak.public.clone(), ..two.enrolment(&theirs) };
    assert_eq!(reason(client.begin(stolen).await), "ak_enrolled_with_another_ek");
    drop((first, second));

    // Recorded, and the old one intact.
    let known = devices(&server).await;
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].0, id);
    assert!(known[0].1 >= 2, "{known:?}");
    let judgement = one.attest(&client, &id).await;
    assert_eq!(judgement.verdict.status(), attest_proto::v1::Status::Affirming);
}

#[tokio::test]
async fn a22_the_server_names_devices() {
    let site = Site::new();
    let server = site.serve();
    let client = server.connect().await;
    let (one, two) = (Member::new(&site).enrol(&client).await, Member::new(&site).enrol(&client).await);
    assert_ne!(one, two);
    for id in [&one, &two] {
        let digits = id.strip_prefix("dev-").unwrap();
        assert!(
            digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        );
    }
}

#[tokio::test]
async fn a23_without_activation_there_is_no_record() {
    let site = Site::new();
    let server = site.serve();
    let client = server.connect().await;
    let member = Member::new(&site);
    let mut device = member.device();
    let keys = member.keys(&mut device, LABEL);

    // Skipped.
    client.begin(member.enrolment(&keys)).await.unwrap();
    assert_eq!(devices(&server).await, []);

    // Answered wrongly: the session is spent, even for the right answer after it.
    let begun = client.begin(member.enrolment(&keys)).await.unwrap();
    let secret =
        device.activate(&keys.ek, &keys.ak, &begun.credential_blob, &begun.encrypted_secret).unwrap();
    assert_eq!(
        reason(client.activate(&begun.session_id, vec![0; secret.len()]).await),
        "enrollment_secret_mismatch"
    );
    assert_eq!(reason(client.activate(&begun.session_id, secret.clone()).await), "enrollment_unknown");

    // Answered for another session, that of another device.
    let other = Member::new(&site);
    let mut other_device = other.device();
    let other_keys = other.keys(&mut other_device, LABEL);
    let theirs = client.begin(other.enrolment(&other_keys)).await.unwrap();
    assert_eq!(reason(client.activate(&theirs.session_id, secret).await), "enrollment_secret_mismatch");
    assert_eq!(reason(client.activate("no such session", vec![1; 32]).await), "enrollment_unknown");
    assert_eq!(devices(&server).await, []);

    // Answered twice: once.
    let begun = client.begin(member.enrolment(&keys)).await.unwrap();
    let secret =
        device.activate(&keys.ek, &keys.ak, &begun.credential_blob, &begun.encrypted_secret).unwrap();
    client.activate(&begun.session_id, secret.clone()).await.unwrap();
    assert_eq!(reason(client.activate(&begun.session_id, secret).await), "enrollment_unknown");
    assert_eq!(devices(&server).await.len(), 1);
}

#[tokio::test]
async fn a24_an_endorsement_key_of_another_maker_is_refused() {
    let site = Site::new();
    let server = site.serve();
    let client = server.connect().await;
    let stranger = Member::of(&Maker::temporary(&BANKS).unwrap());
    assert!(reason(stranger.enrol_as(&client, LABEL).await).starts_with("ek_"));

    // A good device without its maker's intermediate certificate.
    let member = Member::new(&site);
    let mut device = member.device();
    let keys = member.keys(&mut device, LABEL);
    let alone = Enrolment { intermediates: Vec::new(), ..member.enrolment(&keys) };
    assert!(reason(client.begin(alone).await).starts_with("ek_"));
    // A family that nobody configured.
    let elsewhere = Enrolment { family: "another".to_owned(), ..member.enrolment(&keys) };
    assert_eq!(reason(client.begin(elsewhere).await), "family_unknown");
    assert_eq!(devices(&server).await, []);
}

#[tokio::test]
async fn a58_a_device_id_is_not_written_anywhere_unless_it_is_one() {
    let site = Site::new();
    let server = site.serve();
    let client = server.connect().await;
    let mut member = Member::new(&site);
    for id in ["", "dev-1", "dev-0123456789abcdef0123456789abcdeF", "dev-0\n2026-01-01 ERROR injected line\n"]
    {
        let refused = client.challenge(id, &member.subject_key).await;
        assert_eq!(reason(refused), "device_id_malformed", "{id:?}");
    }
    let absent = client.challenge("dev-0123456789abcdef0123456789abcdef", &member.subject_key).await;
    assert_eq!(reason(absent), "device_unknown");
    assert!(!server.log().contains("injected"));
    member.boot(&Parts::new());
}
