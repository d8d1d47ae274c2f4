//! The stage on which scenarios run: one device that is rebooted into each of them, a second TPM for lies that need one, and a server.

use std::time::{SystemTime, UNIX_EPOCH};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use thiserror::Error;

use super::lies::BANKS;
use super::{Expected, Fault, Outcome, Report, Scenario, Step, Trick};
use crate::bank::{Bank, PcrValues, Selection};
use crate::boot::debian::Parts;
use crate::boot::{ImaEntry, Record};
use crate::client::{self, Challenge, Enrolment, Evidence, Judgement, Server};
use crate::device::{self, AkAlgorithm, AkTemplate, AttestationKey, Device};
use crate::subject;
use crate::swtpm::{self, Maker, Swtpm};

/// A fault of ours, of the TPM or of the server: the scenario could not be played to its end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Talking to the server.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// Using the TPM.
    #[error(transparent)]
    Device(#[from] device::Error),
    /// No subject key.
    #[error(transparent)]
    Subject(#[from] subject::Error),
    /// Making or running a software TPM.
    #[error(transparent)]
    Swtpm(#[from] swtpm::Error),
}

/// Everything that a scenario needs.
#[derive(Debug)]
pub struct Stage {
    maker: Maker,
    server: Server,
    family: String,
    algorithm: AkAlgorithm,
    subject_key: Vec<u8>,
    tpm: Swtpm,
    device_id: Option<String>,
    steps: Vec<Step>,
}

impl Stage {
    /// A stage with a new TPM of this maker, not yet enrolled.
    ///
    /// # Errors
    /// No TPM can be made.
    pub fn new(maker: Maker, server: Server, family: &str, algorithm: AkAlgorithm) -> Result<Stage, Error> {
        let tpm = maker.fresh_tpm()?;
        let subject_key = subject::public_key(&subject::generate()?).unwrap_or_default();
        let family = family.to_owned();
        Ok(Stage { maker, server, family, algorithm, subject_key, tpm, device_id: None, steps: Vec::new() })
    }

    /// The device's id, once it is enrolled.
    #[must_use]
    pub fn device_id(&self) -> Option<&str> {
        self.device_id.as_deref()
    }

    /// Plays a scenario and holds its end against the right answer.
    pub async fn play(&mut self, scenario: &'static Scenario) -> Report {
        self.steps.clear();
        let (outcome, faults) = match (self.act(scenario).await, &scenario.expected) {
            (Ok(judgement), expected) => {
                (Outcome::of(&judgement.verdict), expected.check(&judgement.verdict))
            }
            (Err(Error::Client(error)), Expected::EnrolmentRefused { .. }) if error.reason().is_some() => {
                let reason = error.reason().unwrap_or_default().to_owned();
                self.step("enrol", error.to_string());
                let faults = scenario.expected.check_refusal(&reason);
                (Outcome::Refused { reason }, faults)
            }
            (Err(error), _) => {
                let error = error.to_string();
                (Outcome::Stopped { error: error.clone() }, vec![Fault::Stopped { error }])
            }
        };
        Report {
            scenario: scenario.name,
            about: scenario.about,
            steps: std::mem::take(&mut self.steps),
            outcome,
            expected: scenario.expected.describe(),
            as_expected: faults.is_empty(),
            faults: Report::faults(&faults),
        }
    }

    async fn act(&mut self, scenario: &Scenario) -> Result<Judgement, Error> {
        let earlier = match scenario.trick {
            Trick::ReplayedQuote => Some(self.earlier_evidence().await?),
            Trick::UnrestrictedKey => return self.enrol_unrestricted_key().await,
            _ => None,
        };
        let mut record = self.boot(&(scenario.parts)())?;
        (scenario.afterwards)(&mut self.tpm.open()?, &mut record)?;
        let challenge = self.ask().await?;
        let evidence = match (earlier, scenario.trick) {
            (Some(evidence), _) => {
                self.step("quote", "none: shows what answered an earlier challenge".to_owned());
                evidence
            }
            (None, trick) => self.answer(trick, &challenge, &mut record)?,
        };
        self.judge(&challenge, evidence).await
    }

    /// Reboots; then firmware, boot loader and kernel measure.
    pub(super) fn boot(&mut self, parts: &Parts) -> Result<Record, Error> {
        self.tpm.reboot()?;
        let parts = Parts { load_address: load_address(), ..parts.clone() };
        let record = parts.boot(&BANKS).run(&mut self.tpm.open()?)?;
        let (events, files) = (record.log.entries.len(), record.ima.entries.len());
        self.step("boot", format!("{parts}; {events} events, {files} files measured"));
        Ok(record)
    }

    /// Enrols the device if it is not, and asks for a challenge.
    async fn ask(&mut self) -> Result<Challenge, Error> {
        let device_id = match &self.device_id {
            Some(id) => id.clone(),
            None => self.enrol().await?,
        };
        let challenge = self.server.challenge(&device_id, &self.subject_key).await?;
        let pcrs: u32 = challenge.selection.banks().iter().map(|(_, mask)| mask.count_ones()).sum();
        self.step("challenge", format!("nonce {}, {pcrs} PCRs to quote", hex::encode(&challenge.nonce)));
        Ok(challenge)
    }

    async fn enrol(&mut self) -> Result<String, Error> {
        let mut device = self.tpm.open()?;
        let ek = device.any_endorsement_key()?;
        let ak = device.create_ak(&self.template())?;
        let enrolment = Enrolment::new(&ek, &self.intermediates()?, &ak, &self.family);
        let enrolled = self.server.enrol(&mut device, &ek, &ak, enrolment).await?;
        self.step("enrol", format!("{:?} endorsement key, device {}", ek.kind, enrolled.device_id));
        self.device_id = Some(enrolled.device_id.clone());
        Ok(enrolled.device_id)
    }

    /// A second TPM shows a signing key that signs anything.
    async fn enrol_unrestricted_key(&mut self) -> Result<Judgement, Error> {
        let stranger = self.maker.fresh_tpm()?;
        let mut device = stranger.open()?;
        let ek = device.any_endorsement_key()?;
        let ak = device.create_ak(&AkTemplate { restricted: false, ..self.template() })?;
        let enrolment = Enrolment::new(&ek, &self.intermediates()?, &ak, &self.family);
        let enrolled = self.server.enrol(&mut device, &ek, &ak, enrolment).await?;
        self.step("enrol", format!("device {}", enrolled.device_id));
        Ok(Judgement { verdict: Default::default(), ear_jwt: String::new(), ear_cwt: Vec::new() })
    }

    /// The evidence of an honest boot for a challenge of its own.
    async fn earlier_evidence(&mut self) -> Result<Evidence, Error> {
        let mut record = self.boot(&Parts::new())?;
        let challenge = self.ask().await?;
        self.answer(Trick::Honest, &challenge, &mut record)
    }

    fn answer(
        &mut self,
        trick: Trick,
        challenge: &Challenge,
        record: &mut Record,
    ) -> Result<Evidence, Error> {
        let mut selection = challenge.selection.clone();
        match trick {
            Trick::RebootedBetween => *record = self.boot(&Parts::new())?,
            Trick::TpmReset => self.tpm.power_cycle()?,
            Trick::TpmResetAndRefilled => {
                self.tpm.power_cycle()?;
                *record = Parts::new().boot(&BANKS).run(&mut self.tpm.open()?)?;
                self.step("refill", "root extends the digests of a good boot".to_owned());
            }
            Trick::TpmResetAndListKept => {
                self.tpm.power_cycle()?;
                let mut device = self.tpm.open()?;
                record.log = Parts::new().boot(&BANKS).measure(&mut device)?;
                record.ima.extend(&mut device, &BANKS)?;
                self.step(
                    "refill",
                    "root extends the digests of a good boot and the old IMA list".to_owned(),
                );
            }
            Trick::WeakBankQuote => {
                let pcrs = selection.banks().iter().fold(0, |all, (_, mask)| all | mask);
                selection = Selection::new(&[Bank::Sha1], Selection::indices(pcrs));
            }
            Trick::NarrowQuote => selection = Selection::new(&BANKS[1..], [0]),
            _ => (),
        }
        let stranger = if trick == Trick::StrangerQuote { Some(self.stranger(record)?) } else { None };
        let mut device = stranger.as_ref().unwrap_or(&self.tpm).open()?;
        let ak = device.create_ak(&self.template())?;
        let mut evidence = quote(&mut device, &ak, &challenge.nonce, &selection, record)?;
        if trick == Trick::ListGrew {
            let entry = ImaEntry::file("/usr/bin/sleep", b"content of /usr/bin/sleep");
            device.extend(entry.pcr, &entry.digests(&BANKS))?;
            record.ima.push(entry);
            evidence.ima_list = Some(record.ima.bytes());
        }
        self.step("quote", format!("{} bytes signed by the attestation key", evidence.attest.len()));
        Ok(Evidence { event_log: evidence.event_log.filter(|_| trick != Trick::LogWithheld), ..evidence })
    }

    /// Another TPM of the same maker, which booted well; its logs are shown as well.
    fn stranger(&self, record: &mut Record) -> Result<Swtpm, Error> {
        let tpm = self.maker.fresh_tpm()?;
        *record = Parts::new().boot(&BANKS).run(&mut tpm.open()?)?;
        Ok(tpm)
    }

    async fn judge(&mut self, challenge: &Challenge, evidence: Evidence) -> Result<Judgement, Error> {
        let judgement = self.server.verify(&challenge.id, evidence).await?;
        for reason in judgement.verdict.reasons.iter().filter(|reason| reason.severity != "info") {
            let place = reason.pcr.map_or(String::new(), |pcr| format!(" (PCR {pcr})"));
            self.step("reason", format!("{}{place}: {}", reason.code, reason.explain));
        }
        for cause in &judgement.verdict.causes {
            self.step("cause", format!("{} {}", cause.cause, cause.component).trim_end().to_owned());
        }
        let name = super::expect::status_name(judgement.verdict.status());
        self.step("verdict", format!("{name}, token of {} bytes", judgement.ear_jwt.len()));
        Ok(judgement)
    }

    fn intermediates(&self) -> Result<Vec<Vec<u8>>, Error> {
        let pem = self.maker.intermediate_pem()?;
        Ok(CertificateDer::pem_slice_iter(pem.as_bytes()).flatten().map(|der| der.to_vec()).collect())
    }

    fn template(&self) -> AkTemplate {
        AkTemplate::new(self.algorithm, b"attest")
    }

    fn step(&mut self, step: &'static str, detail: String) {
        self.steps.push(Step { step, detail });
    }
}

/// A quote with the PCR values read beside it and the logs as the record shows them.
///
/// # Errors
/// The TPM refuses.
pub(super) fn quote(
    device: &mut Device,
    ak: &AttestationKey,
    nonce: &[u8],
    selection: &Selection,
    record: &Record,
) -> Result<Evidence, device::Error> {
    let quote = device.quote(ak, nonce, selection)?;
    let pcrs: PcrValues = device.read_pcrs(selection)?;
    let evidence = Evidence::new(quote, Some(record.log.bytes()), Some(record.ima.bytes()), pcrs);
    Ok(Evidence { userspace_log: record.userspace.bytes(), ..evidence })
}

/// Firmware loads images to another place at every boot.
fn load_address() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| u64::from(time.subsec_nanos()));
    0x2900_0000 + (now & 0xfff) * 0x1000
}
