//! The calls in the order in which a device makes them.

use attest_proto::v1;
use attest_proto::v1::devices_client::DevicesClient;
use attest_proto::v1::enrollment_client::EnrollmentClient;
use attest_proto::v1::verifier_client::VerifierClient;
use sha2::{Digest as _, Sha256};

use super::{Error, Server};
use crate::bank::{Bank, PcrValues, Selection};
use crate::device::{AttestationKey, Device, EndorsementKey, Quote};

/// What a device shows to enrol. A liar may show another key than it has.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// EK certificate, DER.
    pub ek_certificate: Vec<u8>,
    /// Certificates between it and a root, DER.
    pub intermediates: Vec<Vec<u8>>,
    /// TPM2B_PUBLIC of the EK.
    pub ek_public: Vec<u8>,
    /// TPM2B_PUBLIC of the AK.
    pub ak_public: Vec<u8>,
    /// The family it claims.
    pub family: String,
}

impl Enrolment {
    /// The honest one.
    #[must_use]
    pub fn new(
        ek: &EndorsementKey,
        intermediates: &[Vec<u8>],
        ak: &AttestationKey,
        family: &str,
    ) -> Enrolment {
        Enrolment {
            ek_certificate: ek.certificate.clone(),
            intermediates: intermediates.to_vec(),
            ek_public: ek.public.clone(),
            ak_public: ak.public.clone(),
            family: family.to_owned(),
        }
    }
}

/// What enrolment gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// The id that the server minted.
    pub device_id: String,
    /// The device was known before, with the same keys.
    pub already_enrolled: bool,
}

/// What a quote must answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Names it in the answer.
    pub id: String,
    /// Qualifying data for the quote.
    pub nonce: Vec<u8>,
    /// PCRs to quote.
    pub selection: Selection,
    /// How much of the IMA list the server knows already, in bytes.
    pub ima_list_offset: u64,
}

/// An attestation token of another root of trust in the device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// The token's bytes.
    pub token: Vec<u8>,
    /// Which of the device's enrolled keys signed it; empty if the device has one.
    pub key_identity: Vec<u8>,
}

/// What a device sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// TPMS_ATTEST.
    pub attest: Vec<u8>,
    /// TPMT_SIGNATURE.
    pub signature: Vec<u8>,
    /// The firmware's log; absent is not the same as empty.
    pub event_log: Option<Vec<u8>>,
    /// The IMA list.
    pub ima_list: Option<Vec<u8>>,
    /// How many bytes of the list come before those.
    pub ima_list_offset: u64,
    /// systemd's userspace log.
    pub userspace_log: Option<Vec<u8>>,
    /// PCRs read beside the quote.
    pub pcrs: PcrValues,
    /// Tokens over the same nonce.
    pub tokens: Vec<Token>,
    /// Whether all of it is sent as one collection of messages.
    pub is_collection: bool,
}

impl Evidence {
    /// A quote and what explains it.
    #[must_use]
    pub fn new(
        quote: Quote,
        event_log: Option<Vec<u8>>,
        ima_list: Option<Vec<u8>>,
        pcrs: PcrValues,
    ) -> Evidence {
        let Quote { attest, signature } = quote;
        Evidence { attest, signature, event_log, ima_list, pcrs, ..Evidence::default() }
    }

    /// Leaves out the first bytes of the IMA list, which the server knows already. A list that is shorter is sent whole.
    #[must_use]
    pub fn from_offset(mut self, offset: u64) -> Evidence {
        let known = usize::try_from(offset).ok();
        if let Some(rest) = self.ima_list.as_deref().and_then(|list| list.get(known?..)) {
            self.ima_list = Some(rest.to_vec());
            self.ima_list_offset = offset;
        }
        self
    }
}

/// The server's answer to evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The verdict as the server tells it; the token is what others believe.
    pub verdict: v1::Verdict,
    /// The signed verdict, JWT.
    pub ear_jwt: String,
    /// The signed verdict, CWT.
    pub ear_cwt: Vec<u8>,
}

impl Server {
    /// Enrols: shows the keys, activates the credential in the TPM, gets a device id.
    ///
    /// # Errors
    /// The server refuses, or the TPM refuses the credential.
    pub async fn enrol(
        &self,
        device: &mut Device,
        ek: &EndorsementKey,
        ak: &AttestationKey,
        enrolment: Enrolment,
    ) -> Result<Enrolled, Error> {
        let begun = self.begin(enrolment).await?;
        let secret = device.activate(ek, ak, &begun.credential_blob, &begun.encrypted_secret)?;
        self.activate(&begun.session_id, secret).await
    }

    /// The first half of enrolment.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn begin(&self, enrolment: Enrolment) -> Result<v1::BeginResponse, Error> {
        let request = v1::BeginRequest {
            ek_certificate: enrolment.ek_certificate,
            intermediates: enrolment.intermediates,
            ek_public: enrolment.ek_public,
            ak_public: enrolment.ak_public,
            family: enrolment.family,
        };
        Ok(EnrollmentClient::new(self.channel.clone()).begin(request).await?.into_inner())
    }

    /// The second half of enrolment.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn activate(&self, session_id: &str, secret: Vec<u8>) -> Result<Enrolled, Error> {
        let request = v1::ActivateRequest { session_id: session_id.to_owned(), secret };
        let reply = EnrollmentClient::new(self.channel.clone()).activate(request).await?.into_inner();
        Ok(Enrolled { device_id: reply.device_id, already_enrolled: reply.already_enrolled })
    }

    /// Vouches, as an administrator, that this key signs the device's tokens. Gives back the key's identity.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn enrol_token_key(&self, device_id: &str, public_key: &[u8]) -> Result<Vec<u8>, Error> {
        let request =
            v1::EnrollTokenKeyRequest { device_id: device_id.to_owned(), public_key: public_key.to_vec() };
        Ok(DevicesClient::new(self.channel.clone())
            .enroll_token_key(request)
            .await?
            .into_inner()
            .key_identity)
    }

    /// Asks for a challenge, and checks that its nonce is bound to this device and this subject key.
    ///
    /// # Errors
    /// The server refuses, or its nonce is made for somebody else.
    pub async fn challenge(&self, device_id: &str, subject_key: &[u8]) -> Result<Challenge, Error> {
        let request = v1::CreateChallengeRequest {
            device_id: device_id.to_owned(),
            subject_public_key: subject_key.to_vec(),
        };
        let reply = VerifierClient::new(self.channel.clone()).create_challenge(request).await?.into_inner();
        let nonce = Sha256::new()
            .chain_update(&reply.server_random)
            .chain_update(device_id)
            .chain_update(subject_key)
            .finalize();
        if reply.nonce != nonce.as_slice() {
            return Err(Error::NonceForeign);
        }
        let mut selection = Selection::default();
        for bank in &reply.selection {
            let name =
                bank.bank.parse::<Bank>().map_err(|_| Error::Reply("a PCR bank that this device knows"))?;
            let mask = bank.pcrs.iter().filter(|&&pcr| pcr < 24).fold(0, |mask, pcr| mask | 1 << pcr);
            selection.push(name, mask);
        }
        let ima_list_offset = reply.ima_list_offset;
        Ok(Challenge { id: reply.challenge_id, nonce: reply.nonce, selection, ima_list_offset })
    }

    /// Sends evidence and gets the verdict.
    ///
    /// # Errors
    /// The server could not judge. A refused device is not an error.
    pub async fn verify(&self, challenge_id: &str, evidence: Evidence) -> Result<Judgement, Error> {
        if evidence.is_collection {
            let (cmw, ima_list_offset) = (Some(evidence.collection()), evidence.ima_list_offset);
            return self
                .judge(challenge_id, v1::Evidence { cmw, ima_list_offset, ..v1::Evidence::default() })
                .await;
        }
        let pcr_values = evidence.pcrs.iter().flat_map(|(bank, pcrs)| {
            pcrs.iter().map(|(&pcr, value)| v1::PcrValue {
                bank: bank.name().to_owned(),
                pcr,
                value: value.clone(),
            })
        });
        let evidence = v1::Evidence {
            pcr_values: pcr_values.collect(),
            tokens: evidence
                .tokens
                .into_iter()
                .map(|Token { token, key_identity }| v1::Token { token, key_identity })
                .collect(),
            attest: evidence.attest,
            signature: evidence.signature,
            event_log: evidence.event_log,
            ima_list: evidence.ima_list,
            ima_list_offset: evidence.ima_list_offset,
            userspace_log: evidence.userspace_log,
            cmw: None,
        };
        self.judge(challenge_id, evidence).await
    }

    /// Sends evidence as it stands.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn judge(&self, challenge_id: &str, evidence: v1::Evidence) -> Result<Judgement, Error> {
        let request = v1::VerifyRequest { challenge_id: challenge_id.to_owned(), evidence: Some(evidence) };
        // Logs of some megabytes fit the server's limit; ours is on the reply.
        let reply = VerifierClient::new(self.channel.clone()).verify(request).await?.into_inner();
        let verdict = reply.verdict.ok_or(Error::Reply("a verdict"))?;
        Ok(Judgement { verdict, ear_jwt: reply.ear_jwt, ear_cwt: reply.ear_cwt })
    }
}
