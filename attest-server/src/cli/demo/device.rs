//! A pretended device and what it says to the server, over gRPC.

use attest_core::{HashAlg, result::VerifyingKey};
use attest_proto::v1::{
    ActivateRequest, BeginRequest, CreateChallengeRequest, CreateChallengeResponse, Evidence, PcrBank,
    PcrValue, VerifyRequest, VerifyResponse, enrollment_client::EnrollmentClient,
    verifier_client::VerifierClient,
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use tonic::{Status, transport::Channel};
use tonic_types::StatusExt as _;

use super::{
    Problem,
    boots::{Boot, Pcrs},
    soft_tpm::{Quote, SoftTpm},
};

/// An enrolled device.
pub(super) struct Device {
    pub(super) id: String,
    tpm: SoftTpm,
    // The key that the device's credential is for, such as that of its TLS certificate.
    subject: VerifyingKey,
}

/// A challenge and the nonce that the device computed from it.
pub(super) struct Asked {
    challenge: CreateChallengeResponse,
    pub(super) nonce: Vec<u8>,
}

/// Why a request got no verdict.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The server refused, under this stable code.
    Server { code: String, message: String },
    /// The demonstration itself has a problem.
    Problem(Problem),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        match status.get_details_error_info() {
            Some(info) => Self::Server { code: info.reason, message: status.message().to_owned() },
            None => Self::Problem(Problem::new(format!("the server says: {status}"))),
        }
    }
}

impl Device {
    /// Enrols: shows certificate and keys, opens the credential, gets an id.
    pub(super) async fn enrol(channel: &Channel, mut tpm: SoftTpm, family: &str) -> Result<Self, Refusal> {
        let mut client = EnrollmentClient::new(channel.clone());
        let request = BeginRequest {
            ek_certificate: tpm.ek_certificate().to_vec(),
            intermediates: Vec::new(),
            ek_public: tpm.ek_public(),
            ak_public: tpm.ak_public(),
            family: family.to_owned(),
        };
        let begun = client.begin(request).await?.into_inner();
        let secret = tpm.activate(&begun.credential_blob, &begun.encrypted_secret)?;
        let request = ActivateRequest { session_id: begun.session_id, secret };
        let id = client.activate(request).await?.into_inner().device_id;
        Ok(Self { id, tpm, subject: new_key()? })
    }

    /// The key that the device wants a credential for.
    pub(super) const fn subject(&self) -> &VerifyingKey {
        &self.subject
    }

    /// Asks for a challenge, and checks that its nonce is bound to this device and its key.
    pub(super) async fn ask(&self, channel: &Channel) -> Result<Asked, Refusal> {
        let subject_public_key = self.subject.spki_der();
        let request = CreateChallengeRequest {
            device_id: self.id.clone(),
            subject_public_key: subject_public_key.clone(),
        };
        let challenge = VerifierClient::new(channel.clone()).create_challenge(request).await?.into_inner();
        let parts = [challenge.server_random.as_slice(), self.id.as_bytes(), &subject_public_key];
        let nonce = HashAlg::Sha256.hash(&parts).as_bytes().to_vec();
        if nonce != challenge.nonce {
            return Err(Problem::new("the server's nonce is not the hash that it should be").into());
        }
        Ok(Asked { challenge, nonce })
    }

    /// TPM2_Quote after this boot, for this challenge.
    pub(super) fn quote(&self, boot: &Boot, asked: &Asked) -> Result<Quote, Problem> {
        self.tpm.quote(&boot.pcrs()?, &asked.challenge.selection, &asked.nonce)
    }
}

impl Asked {
    /// Sends a quote, the logs of the boot `sent`, and the PCR values after the boot `booted`.
    pub(super) async fn answer(
        self,
        channel: &Channel,
        quote: Quote,
        sent: &Boot,
        booted: &Boot,
    ) -> Result<VerifyResponse, Refusal> {
        let evidence = Evidence {
            attest: quote.attest,
            signature: quote.signature,
            event_log: Some(sent.event_log.to_vec()),
            ima_list: Some(sent.ima_list.to_vec()),
            pcr_values: values(&booted.pcrs()?, &self.challenge.selection),
            ..Evidence::default()
        };
        let request = VerifyRequest { challenge_id: self.challenge.challenge_id, evidence: Some(evidence) };
        let mut client = VerifierClient::new(channel.clone());
        Ok(client.verify(request).await?.into_inner())
    }
}

fn values(pcrs: &Pcrs, selection: &[PcrBank]) -> Vec<PcrValue> {
    let value = |bank: &str, pcr: u32| {
        Some(PcrValue { bank: bank.to_owned(), pcr, value: pcrs.get(bank, pcr)?.to_vec() })
    };
    selection.iter().flat_map(|s| s.pcrs.iter().filter_map(|pcr| value(&s.bank, *pcr))).collect()
}

pub(super) fn new_key() -> Result<VerifyingKey, Problem> {
    let rng = SystemRandom::new();
    let alg = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(alg, &rng).map_err(Problem::of)?;
    let pair = EcdsaKeyPair::from_pkcs8(alg, document.as_ref(), &rng).map_err(Problem::of)?;
    VerifyingKey::from_point(pair.public_key().as_ref()).map_err(Problem::of)
}
