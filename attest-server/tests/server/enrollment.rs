use attest_proto::v1;
use tonic::Code;

use crate::{
    harness::{FAMILY, Server, enrolled, refusal},
    soft_tpm::{AK_ATTRIBUTES, Maker, SoftTpm},
};

async fn count(server: &Server) -> usize {
    let mut clients = server.clients().await;
    clients.devices.list(v1::ListRequest::default()).await.unwrap().into_inner().devices.len()
}

fn is(code: Code, reason: &str) -> (Code, String) {
    (code, reason.to_owned())
}

#[tokio::test]
async fn a22_the_server_names_the_device() {
    let (_server, mut clients, tpm, device_id) = enrolled().await;
    assert!(device_id.starts_with("dev-") && device_id.len() == 36);
    let device = clients.device(&device_id).await.unwrap();
    assert_eq!(device.family, FAMILY);
    assert_eq!(device.ak_name.len(), 34);
    assert_eq!(device.refused_registrations, 0);
    assert!(device.enrolled_at.is_some() && device.last_status == 0);
    assert!(!tpm.ek_certificate.is_empty());
}

#[tokio::test]
async fn a23_no_record_is_left_unless_the_secret_comes_back() {
    let server = Server::start().await;
    let mut clients = server.clients().await;
    let mut tpm = SoftTpm::new(&server.maker);
    let challenge = clients.begin(&tpm).await.unwrap();
    assert_eq!(count(&server).await, 0, "activation skipped");

    let wrong = clients.activate(&challenge.session_id, vec![0; 32]).await;
    assert_eq!(refusal(wrong), is(Code::PermissionDenied, "enrollment_secret_mismatch"));
    // One guess: the right answer comes too late now.
    let secret = tpm.activate(&challenge.credential_blob, &challenge.encrypted_secret).unwrap();
    let late = clients.activate(&challenge.session_id, secret).await;
    assert_eq!(refusal(late), is(Code::NotFound, "enrollment_unknown"));
    assert_eq!(count(&server).await, 0);
}

#[tokio::test]
async fn a23_the_secret_of_another_enrolment_does_not_count() {
    let server = Server::start().await;
    let mut clients = server.clients().await;
    let (mut ours, theirs) = (SoftTpm::new(&server.maker), SoftTpm::new(&server.maker));
    let our_challenge = clients.begin(&ours).await.unwrap();
    let their_challenge = clients.begin(&theirs).await.unwrap();
    let our_secret = ours.activate(&our_challenge.credential_blob, &our_challenge.encrypted_secret).unwrap();
    let result = clients.activate(&their_challenge.session_id, our_secret.clone()).await;
    assert_eq!(refusal(result), is(Code::PermissionDenied, "enrollment_secret_mismatch"));
    assert_eq!(count(&server).await, 0);
    clients.activate(&our_challenge.session_id, our_secret.clone()).await.unwrap();
    // And a secret counts once.
    let again = clients.activate(&our_challenge.session_id, our_secret).await;
    assert_eq!(refusal(again), is(Code::NotFound, "enrollment_unknown"));
    assert_eq!(count(&server).await, 1);
}

#[tokio::test]
async fn a20_the_credential_opens_for_its_ek_and_ak_only() {
    let server = Server::start().await;
    let mut clients = server.clients().await;
    let (device, mut other) = (SoftTpm::new(&server.maker), SoftTpm::new(&server.maker));
    let challenge = clients.begin(&device).await.unwrap();
    assert_eq!(other.activate(&challenge.credential_blob, &challenge.encrypted_secret), Err("integrity"));
    // The right EK, but another AK.
    let mut tpm = SoftTpm::with_rsa_ek(&server.maker);
    let challenge = clients.begin(&tpm).await.unwrap();
    tpm.new_ak(AK_ATTRIBUTES);
    assert_eq!(tpm.activate(&challenge.credential_blob, &challenge.encrypted_secret), Err("integrity"));
}

#[tokio::test]
async fn a21_the_same_device_again_gets_its_old_id() {
    let server = Server::start().await;
    let mut clients = server.clients().await;
    let mut tpm = SoftTpm::with_rsa_ek(&server.maker);
    let first = clients.enroll(&mut tpm).await.unwrap();
    assert_eq!(clients.enroll(&mut tpm).await.unwrap(), first);
    assert_eq!(count(&server).await, 1);
}

#[tokio::test]
async fn a21_a_known_device_with_another_ak_ek_or_certificate_is_refused_and_recorded() {
    let server = Server::start().await;
    let mut clients = server.clients().await;
    let mut known = SoftTpm::with_rsa_ek(&server.maker);
    let device_id = clients.enroll(&mut known).await.unwrap();
    let before = clients.device(&device_id).await.unwrap();

    let mut other_ak = SoftTpm::with_rsa_ek(&server.maker);
    other_ak.ek_certificate = known.ek_certificate.clone();
    let result = clients.begin(&other_ak).await;
    assert_eq!(refusal(result), is(Code::AlreadyExists, "ek_enrolled_with_another_ak"));

    let other_ek = SoftTpm::new(&server.maker);
    let request = v1::BeginRequest {
        ek_certificate: other_ek.ek_certificate.clone(),
        ek_public: other_ek.ek_public.clone(),
        ak_public: known.ak_public(),
        family: FAMILY.to_owned(),
        intermediates: vec![],
    };
    let result = clients.enrollment.begin(request.clone()).await;
    assert_eq!(refusal(result), is(Code::AlreadyExists, "ak_enrolled_with_another_ek"));

    let other_certificate = SoftTpm::with_rsa_ek(&server.maker).ek_certificate;
    assert_ne!(other_certificate, known.ek_certificate);
    let request =
        v1::BeginRequest { ek_certificate: other_certificate, ek_public: known.ek_public.clone(), ..request };
    let result = clients.enrollment.begin(request).await;
    assert_eq!(refusal(result), is(Code::AlreadyExists, "ek_certificate_changed"));

    let after = clients.device(&device_id).await.unwrap();
    assert_eq!(after.refused_registrations, 3);
    assert_eq!(v1::Device { refused_registrations: 0, ..after }, before, "the old one is intact");
    assert_eq!(count(&server).await, 1);
}

#[tokio::test]
async fn a21_two_enrolments_of_one_ek_at_once_make_one_device() {
    let server = Server::start().await;
    let mut clients = server.clients().await;
    let mut one = SoftTpm::with_rsa_ek(&server.maker);
    let mut other = SoftTpm::with_rsa_ek(&server.maker);
    other.ek_certificate = one.ek_certificate.clone();
    // Both begin while the EK is free.
    let first = clients.begin(&one).await.unwrap();
    let second = clients.begin(&other).await.unwrap();
    let secret = one.activate(&first.credential_blob, &first.encrypted_secret).unwrap();
    clients.activate(&first.session_id, secret).await.unwrap();
    let secret = other.activate(&second.credential_blob, &second.encrypted_secret).unwrap();
    let result = clients.activate(&second.session_id, secret).await;
    assert_eq!(refusal(result), is(Code::AlreadyExists, "ek_enrolled_with_another_ak"));
    assert_eq!(count(&server).await, 1);
}

#[tokio::test]
async fn a19_an_unrestricted_ak_is_refused() {
    let server = Server::start().await;
    let mut clients = server.clients().await;
    let mut tpm = SoftTpm::new(&server.maker);
    for (cleared, reason) in [
        (0x0001_0000, "ak_not_restricted"),
        (0x0004_0000, "ak_not_signing"),
        (0x0000_0002, "ak_not_fixed_tpm"),
        (0x0000_0010, "ak_not_fixed_parent"),
        (0x0000_0020, "ak_sensitive_data_imported"),
    ] {
        tpm.new_ak(AK_ATTRIBUTES & !cleared);
        assert_eq!(refusal(clients.begin(&tpm).await), is(Code::InvalidArgument, reason));
    }
}

#[tokio::test]
async fn a24_a_tpm_of_an_unknown_maker_is_refused() {
    let server = Server::start().await;
    let mut clients = server.clients().await;
    let tpm = SoftTpm::new(&Maker::new());
    assert_eq!(refusal(clients.begin(&tpm).await).0, Code::InvalidArgument);
    let mut swapped = SoftTpm::new(&server.maker);
    swapped.ek_public = SoftTpm::new(&server.maker).ek_public;
    let result = clients.begin(&swapped).await;
    assert_eq!(refusal(result), is(Code::InvalidArgument, "ek_public_mismatch"));
}

#[tokio::test]
async fn an_enrolment_expires() {
    let server = Server::start_with(|config| config.enrollment.expires_seconds = 1).await;
    let mut clients = server.clients().await;
    let mut tpm = SoftTpm::new(&server.maker);
    let challenge = clients.begin(&tpm).await.unwrap();
    let secret = tpm.activate(&challenge.credential_blob, &challenge.encrypted_secret).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    let result = clients.activate(&challenge.session_id, secret).await;
    assert_eq!(refusal(result), is(Code::FailedPrecondition, "enrollment_expired"));
    assert_eq!(count(&server).await, 0);
}

#[tokio::test]
async fn open_enrolments_are_bounded() {
    let server = Server::start_with(|config| config.enrollment.max_open = 1).await;
    let mut clients = server.clients().await;
    let (one, other) = (SoftTpm::new(&server.maker), SoftTpm::new(&server.maker));
    clients.begin(&one).await.unwrap();
    let result = clients.begin(&other).await;
    assert_eq!(refusal(result), is(Code::ResourceExhausted, "too_many_enrollments"));
}

#[tokio::test]
async fn an_unknown_family_is_refused() {
    let server = Server::start().await;
    let mut clients = server.clients().await;
    for (family, expected) in [
        ("other", is(Code::FailedPrecondition, "family_unknown")),
        ("", is(Code::InvalidArgument, "family_malformed")),
        ("a\nb", is(Code::InvalidArgument, "family_malformed")),
    ] {
        let request = v1::BeginRequest { family: family.to_owned(), ..v1::BeginRequest::default() };
        assert_eq!(refusal(clients.enrollment.begin(request).await), expected);
    }
}

/// What was affirmed before stays readable, and says that it no longer holds.
#[tokio::test]
async fn a54_a_good_verdict_is_stale_from_the_revocation_on() {
    let (_server, mut clients, tpm, device_id) = enrolled().await;
    clients.attest(&device_id, &tpm).await.unwrap();
    let mut admin = clients.devices.clone();
    let mut stale = async || {
        let last = v1::LastVerdictRequest { device_id: device_id.clone() };
        let last = clients.devices.last_verdict(last).await.unwrap().into_inner();
        (last.stale, clients.device(&device_id).await.unwrap().stale)
    };
    assert_eq!(stale().await, (false, false));
    let revoke = v1::RevokeRequest { device_id: device_id.clone(), because: "stolen".to_owned() };
    admin.revoke(revoke).await.unwrap();
    assert_eq!(stale().await, (true, true));
}

#[tokio::test]
async fn a_revoked_device_gets_no_challenge_and_cannot_enrol_again() {
    let server = Server::start().await;
    let mut clients = server.clients().await;
    let mut tpm = SoftTpm::with_rsa_ek(&server.maker);
    let device_id = clients.enroll(&mut tpm).await.unwrap();
    let open = clients.challenge(&device_id).await.unwrap();
    let revoke = v1::RevokeRequest { device_id: device_id.clone(), because: "stolen".to_owned() };
    let device = clients.devices.revoke(revoke).await.unwrap().into_inner().device.unwrap();
    assert_eq!(device.revoked_because, "stolen");
    assert!(device.revoked_at.is_some());

    let result = clients.challenge(&device_id).await;
    assert_eq!(refusal(result), is(Code::FailedPrecondition, "device_revoked"));
    assert_eq!(refusal(clients.begin(&tpm).await), is(Code::FailedPrecondition, "device_revoked"));
    // A challenge that was open is answered with a refusing verdict.
    let response = clients.verify(&open.challenge_id, crate::harness::answer(&open, &tpm)).await.unwrap();
    let verdict = response.verdict.unwrap();
    assert_eq!(verdict.status(), v1::Status::Contraindicated);
    assert!(crate::harness::refusing(&verdict).iter().any(|code| code.contains("revoked")), "{verdict:?}");
}
