//! A device that a test drives by hand: TPM, attestation key, subject key.

use std::collections::BTreeMap;

use attest_proto::v1;
use tpm_sim::boot::Record;
use tpm_sim::boot::debian::Parts;
use tpm_sim::client::{Challenge, Enrolled, Enrolment, Error, Evidence, Judgement, Server};
use tpm_sim::device::{AkAlgorithm, AkTemplate, AttestationKey, Device, EndorsementKey};
use tpm_sim::scenario::BANKS;
use tpm_sim::subject;
use tpm_sim::swtpm::{Maker, Swtpm};

use crate::{FAMILY, Site};

/// A booted device.
#[derive(Debug)]
pub struct Member {
    /// Its TPM.
    pub tpm: Swtpm,
    /// The logs of its last boot.
    pub record: Record,
    /// SubjectPublicKeyInfo of the key that its verdicts are for.
    pub subject_key: Vec<u8>,
    intermediates: Vec<Vec<u8>>,
}

/// Keys as they are loaded in the TPM.
#[derive(Debug)]
pub struct Keys {
    /// The endorsement key.
    pub ek: EndorsementKey,
    /// The attestation key.
    pub ak: AttestationKey,
}

impl Member {
    /// A new device of the site, booted well, not enrolled.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn new(site: &Site) -> Member {
        Member::of(&site.maker())
    }

    /// A new device of a maker, booted well, not enrolled.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn of(maker: &Maker) -> Member {
        Member::with(maker, maker.fresh_tpm().expect("a TPM"))
    }

    /// A device around a TPM of this maker, booted well.
    ///
    /// # Panics
    /// If it does not boot.
    #[must_use]
    pub fn with(maker: &Maker, tpm: Swtpm) -> Member {
        let pem = maker.intermediate_pem().expect("the CA's certificate");
        let subject_key = subject::public_key(&subject::generate().expect("a key")).expect("its public half");
        let intermediates = vec![subject::der(&pem).expect("a certificate")];
        let mut member = Member { tpm, record: Record::default(), subject_key, intermediates };
        member.boot(&Parts::new());
        member
    }

    /// Reboots.
    ///
    /// # Panics
    /// If the TPM fails.
    pub fn boot(&mut self, parts: &Parts) {
        self.tpm.reboot().expect("the TPM restarts");
        self.record = parts.boot(&BANKS).run(&mut self.device()).expect("it boots");
    }

    /// Opens the TPM, which serves one client at a time.
    ///
    /// # Panics
    /// If it does not answer.
    #[must_use]
    pub fn device(&self) -> Device {
        self.tpm.open().expect("the TPM answers")
    }

    /// The keys, loaded. The label tells attestation keys of one TPM apart.
    ///
    /// # Panics
    /// If the TPM fails.
    pub fn keys(&self, device: &mut Device, label: &[u8]) -> Keys {
        Keys {
            ek: device.any_endorsement_key().expect("an endorsement key"),
            ak: device.create_ak(&AkTemplate::new(AkAlgorithm::EccP256, label)).expect("an attestation key"),
        }
    }

    /// What an honest device shows.
    #[must_use]
    pub fn enrolment(&self, keys: &Keys) -> Enrolment {
        Enrolment::new(&keys.ek, &self.intermediates, &keys.ak, FAMILY)
    }

    /// Enrols with the attestation key of this label.
    ///
    /// # Errors
    /// The server or the TPM refuses.
    pub async fn enrol_as(&self, server: &Server, label: &[u8]) -> Result<Enrolled, Error> {
        let mut device = self.device();
        let keys = self.keys(&mut device, label);
        let enrolment = self.enrolment(&keys);
        server.enrol(&mut device, &keys.ek, &keys.ak, enrolment).await
    }

    /// Enrols.
    ///
    /// # Panics
    /// If that is refused.
    pub async fn enrol(&self, server: &Server) -> String {
        self.enrol_as(server, LABEL).await.expect("an honest device enrols").device_id
    }

    /// An honest answer to a challenge.
    ///
    /// # Panics
    /// If the TPM fails.
    #[must_use]
    pub fn answer(&self, challenge: &Challenge) -> Evidence {
        let mut device = self.device();
        let ak = device.create_ak(&AkTemplate::new(AkAlgorithm::EccP256, LABEL)).expect("an attestation key");
        let quote = device.quote(&ak, &challenge.nonce, &challenge.selection).expect("a quote");
        let (log, ima) = (self.record.log.bytes(), self.record.ima.bytes());
        let userspace_log = self.record.userspace.bytes();
        Evidence { userspace_log, ..Evidence::new(quote, Some(log), Some(ima), BTreeMap::new()) }
    }

    /// The whole road: a challenge, an honest answer, a verdict.
    ///
    /// # Panics
    /// If the server does not judge.
    pub async fn attest(&self, server: &Server, device_id: &str) -> Judgement {
        let challenge = server.challenge(device_id, &self.subject_key).await.expect("a challenge");
        server.verify(&challenge.id, self.answer(&challenge)).await.expect("a verdict")
    }
}

/// Label of the attestation key that [`Member::enrol`] and [`Member::answer`] use.
pub const LABEL: &[u8] = b"member";

/// Whether a verdict names this code, whatever its severity.
#[must_use]
pub fn names(verdict: &v1::Verdict, code: &str) -> bool {
    verdict.reasons.iter().any(|reason| reason.code == code)
}
