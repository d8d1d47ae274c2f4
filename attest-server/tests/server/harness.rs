//! A server in this process, and devices that talk to it.

use std::{fs, net::SocketAddr};

use attest_core::{
    Digest, HashAlg, Limits,
    evidence::{PcrValues, tcg_log::EventLog},
    reference::{golden, learn},
    result::{EarVerifier, Expectations},
};
use attest_proto::v1::{
    self, devices_client::DevicesClient, enrollment_client::EnrollmentClient, verifier_client::VerifierClient,
};
use attest_server::{
    config::{Config, Family},
    server::{self, Running},
};
use ring::{
    digest,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt as _;

use crate::soft_tpm::{Maker, SoftTpm};

pub(crate) const FAMILY: &str = "debian-12";
pub(crate) const EVENT_LOG: &[u8] = include_bytes!("../../../tests/fixtures/boots/sb-grub/eventlog.bin");
pub(crate) const IMA: &[u8] = include_bytes!("../../../tests/fixtures/boots/sb-grub/ima.bin");
const PCRS: &str = include_str!("../../../tests/fixtures/boots/sb-grub/pcrs.json");

/// The captured boot's PCR values.
pub(crate) fn pcrs() -> PcrValues {
    pcrs_of(PCRS)
}

pub(crate) fn pcrs_of(json: &str) -> PcrValues {
    let json: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).unwrap();
    let mut values = PcrValues::new();
    for (bank, pcrs) in json {
        let alg = HashAlg::from_name(&bank).unwrap();
        for (pcr, value) in pcrs.as_object().unwrap() {
            values.insert(pcr.parse().unwrap(), Digest::from_hex(alg, value.as_str().unwrap()).unwrap());
        }
    }
    values
}

fn golden_toml() -> String {
    let log = EventLog::parse(EVENT_LOG, &Limits::DEFAULT).unwrap();
    let boot = learn::Boot {
        name: "good",
        log: &log,
        userspace: None,
        evidence: golden::Evidence::Quoted,
        files: None,
    };
    learn::learn(FAMILY, &[boot], &learn::Choices::default()).unwrap().to_toml()
}

/// A server with a folder of its own, and a maker of TPMs that it trusts.
pub(crate) struct Server {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) maker: Maker,
    pub(crate) config: Config,
    pub(crate) running: Running,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let maker = Maker::new();
        let mut config = config_in(folder.path(), &maker);
        change(&mut config);
        let running = server::start(config.clone()).await.unwrap();
        Self { folder, maker, config, running }
    }

    pub(crate) async fn restart(self) -> Self {
        let Self { folder, maker, config, running } = self;
        running.stop().await;
        let running = server::start(config.clone()).await.unwrap();
        Self { folder, maker, config, running }
    }

    pub(crate) async fn clients(&self) -> Clients {
        Clients::connect(self.running.grpc()).await
    }
}

/// Development, free ports, everything in this folder.
pub(crate) fn config_in(folder: &std::path::Path, maker: &Maker) -> Config {
    let (roots, golden) = (folder.join("roots.pem"), folder.join("golden.toml"));
    fs::write(&roots, maker.root_pem()).unwrap();
    fs::write(&golden, golden_toml()).unwrap();
    let mut config = Config { data_directory: folder.join("data"), development: true, ..Config::default() };
    config.listen.grpc.set_port(0);
    config.listen.http.set_port(0);
    config.limits.request_seconds = 600;
    config.enrollment.ek_roots = vec![roots];
    config.families.insert(FAMILY.to_owned(), Family { golden, ..Family::default() });
    config
}

#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) enrollment: EnrollmentClient<Channel>,
    pub(crate) verifier: VerifierClient<Channel>,
    pub(crate) devices: DevicesClient<Channel>,
}

impl Clients {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::on(Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap())
    }

    pub(crate) fn on(channel: Channel) -> Self {
        Self {
            enrollment: EnrollmentClient::new(channel.clone()),
            verifier: VerifierClient::new(channel.clone()),
            devices: DevicesClient::new(channel),
        }
    }

    pub(crate) async fn begin(&mut self, tpm: &SoftTpm) -> Result<v1::BeginResponse, Status> {
        let request = v1::BeginRequest {
            ek_certificate: tpm.ek_certificate.clone(),
            intermediates: vec![],
            ek_public: tpm.ek_public.clone(),
            ak_public: tpm.ak_public(),
            family: FAMILY.to_owned(),
        };
        Ok(self.enrollment.begin(request).await?.into_inner())
    }

    pub(crate) async fn activate(
        &mut self,
        session_id: &str,
        secret: Vec<u8>,
    ) -> Result<v1::ActivateResponse, Status> {
        let request = v1::ActivateRequest { session_id: session_id.to_owned(), secret };
        Ok(self.enrollment.activate(request).await?.into_inner())
    }

    pub(crate) async fn enroll(&mut self, tpm: &mut SoftTpm) -> Result<String, Status> {
        let challenge = self.begin(tpm).await?;
        let secret = tpm.activate(&challenge.credential_blob, &challenge.encrypted_secret).unwrap();
        Ok(self.activate(&challenge.session_id, secret).await?.device_id)
    }

    pub(crate) async fn challenge(&mut self, device_id: &str) -> Result<v1::CreateChallengeResponse, Status> {
        let request =
            v1::CreateChallengeRequest { device_id: device_id.to_owned(), subject_public_key: subject_key() };
        Ok(self.verifier.create_challenge(request).await?.into_inner())
    }

    pub(crate) async fn verify(
        &mut self,
        challenge_id: &str,
        evidence: v1::Evidence,
    ) -> Result<v1::VerifyResponse, Status> {
        let request = v1::VerifyRequest { challenge_id: challenge_id.to_owned(), evidence: Some(evidence) };
        Ok(self.verifier.verify(request).await?.into_inner())
    }

    pub(crate) async fn attest(
        &mut self,
        device_id: &str,
        tpm: &SoftTpm,
    ) -> Result<v1::VerifyResponse, Status> {
        let challenge = self.challenge(device_id).await?;
        self.verify(&challenge.challenge_id, answer(&challenge, tpm)).await
    }

    pub(crate) async fn device(&mut self, device_id: &str) -> Result<v1::Device, Status> {
        let request = v1::GetRequest { device_id: device_id.to_owned() };
        Ok(self.devices.get(request).await?.into_inner().device.unwrap())
    }
}

/// A server, a client, an enrolled device.
pub(crate) async fn enrolled() -> (Server, Clients, SoftTpm, String) {
    let server = Server::start().await;
    let mut clients = server.clients().await;
    let mut tpm = SoftTpm::new(&server.maker);
    let device_id = clients.enroll(&mut tpm).await.unwrap();
    (server, clients, tpm, device_id)
}

/// The captured good boot, quoted by this TPM for this challenge.
pub(crate) fn answer(challenge: &v1::CreateChallengeResponse, tpm: &SoftTpm) -> v1::Evidence {
    answer_with(challenge, tpm, &pcrs())
}

/// The same with other registers.
pub(crate) fn answer_with(
    challenge: &v1::CreateChallengeResponse,
    tpm: &SoftTpm,
    pcrs: &PcrValues,
) -> v1::Evidence {
    let selection: Vec<_> = challenge
        .selection
        .iter()
        .map(|bank| {
            let pcrs = bank.pcrs.iter().map(|pcr| u8::try_from(*pcr).unwrap());
            (HashAlg::from_name(&bank.bank).unwrap(), pcrs.collect())
        })
        .collect();
    let (attest, signature) = tpm.quote(&challenge.nonce, &selection, pcrs);
    v1::Evidence {
        attest,
        signature,
        event_log: Some(EVENT_LOG.to_vec()),
        ima_list: Some(IMA.to_vec()),
        ..v1::Evidence::default()
    }
}

/// SubjectPublicKeyInfo of a new P-256 key.
pub(crate) fn subject_key() -> Vec<u8> {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
    let prefix = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
    [&prefix, key.public_key().as_ref()].concat()
}

pub(crate) fn sha256(parts: &[&[u8]]) -> Vec<u8> {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    context.finish().as_ref().to_vec()
}

/// The gRPC code and the stable reason of a refusal.
#[track_caller]
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, Status>) -> (Code, String) {
    let status = result.unwrap_err();
    let info = status.get_details_error_info();
    let info = info.unwrap_or_else(|| panic!("no ErrorInfo in {status:?}"));
    assert_eq!(info.domain, "attest");
    (status.code(), info.reason)
}

/// The codes of the refusing reasons; of the check itself where there is one.
pub(crate) fn refusing(verdict: &v1::Verdict) -> Vec<&str> {
    let refusing = verdict.reasons.iter().filter(|reason| reason.severity == "refuse");
    refusing.map(|r| if r.detail_code.is_empty() { &*r.code } else { &*r.detail_code }).collect()
}

/// Both forms of the result verify, as an access system would check them, and say the same.
pub(crate) fn check_ear(jwks: &str, response: &v1::VerifyResponse, issuer: &str) {
    let verifier = EarVerifier::from_jwks(jwks).unwrap();
    let now = attest_server::clock::now();
    let expectations =
        Expectations { issuer: Some(issuer), accept_development: true, ..Expectations::default() };
    let jwt = verifier.verify_jwt(&response.ear_jwt, now, &expectations).unwrap();
    let cwt = verifier.verify_cwt(&response.ear_cwt, now, &expectations).unwrap();
    assert_eq!(jwt, cwt);
    assert_eq!(jwt.device(), Some(response.verdict.as_ref().unwrap().device_id.as_str()));
    let production = verifier.verify_jwt(&response.ear_jwt, now, &Expectations::default());
    assert_eq!(production.unwrap_err().code(), "token_development");
}
