//! Logs made for tests, true or lying.

use super::EventType;
use crate::digest::HashAlg;

/// The digests and the data of an event, to be told wrongly one at a time.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) pcr: u32,
    pub(crate) event_type: EventType,
    /// TPM_ALG_ID and digest.
    pub(crate) digests: Vec<(u16, Vec<u8>)>,
    pub(crate) data: Vec<u8>,
}

impl Made {
    /// Digests of the data in these banks.
    pub(crate) fn in_banks(pcr: u32, event_type: EventType, data: &[u8], banks: &[HashAlg]) -> Self {
        let digest = |alg: &HashAlg| (alg.tpm_id(), alg.hash(&[data]).as_bytes().to_vec());
        Self { pcr, event_type, digests: banks.iter().map(digest).collect(), data: data.to_vec() }
    }

    /// A digest of the data in SHA-256.
    pub(crate) fn new(pcr: u32, event_type: EventType, data: &[u8]) -> Self {
        Self::in_banks(pcr, event_type, data, &[HashAlg::Sha256])
    }

    /// EV_NO_ACTION with a digest of zeros.
    pub(crate) fn no_action(pcr: u32, data: &[u8]) -> Self {
        let digests = vec![(HashAlg::Sha256.tpm_id(), vec![0; 32])];
        Self { pcr, event_type: EventType::NO_ACTION, digests, data: data.to_vec() }
    }

    pub(crate) fn separator(pcr: u32) -> Self {
        Self::new(pcr, EventType::SEPARATOR, &[0; 4])
    }

    /// TCG_PCR_EVENT2.
    pub(crate) fn agile(&self) -> Vec<u8> {
        let mut out = [self.pcr.to_le_bytes(), self.event_type.0.to_le_bytes()].concat();
        out.extend((self.digests.len() as u32).to_le_bytes());
        for (id, digest) in &self.digests {
            out.extend(id.to_le_bytes());
            out.extend(digest);
        }
        out.extend((self.data.len() as u32).to_le_bytes());
        out.extend(&self.data);
        out
    }
}

/// TCG_PCR_EVENT.
pub(crate) fn sha1_event(pcr: u32, event_type: EventType, digest: &[u8; 20], data: &[u8]) -> Vec<u8> {
    let mut out = [pcr.to_le_bytes(), event_type.0.to_le_bytes()].concat();
    out.extend(digest);
    out.extend((data.len() as u32).to_le_bytes());
    out.extend(data);
    out
}

/// The data of a Spec ID event: its count of algorithms, the algorithms with sizes, and what stands behind them.
pub(crate) fn spec_id(count: u32, algorithms: &[(u16, u16)], rest: &[u8]) -> Vec<u8> {
    let mut out = b"Spec ID Event03\0\0\0\0\0\0\x02\0\x02".to_vec();
    out.extend(count.to_le_bytes());
    for (id, size) in algorithms {
        out.extend(id.to_le_bytes());
        out.extend(size.to_le_bytes());
    }
    out.extend(rest);
    out
}

/// A header that stands in this register.
pub(crate) fn header(pcr: u32, spec_id: &[u8]) -> Vec<u8> {
    sha1_event(pcr, EventType::NO_ACTION, &[0; 20], spec_id)
}

/// A log over these banks.
pub(crate) fn log_in_banks(banks: &[HashAlg], events: &[Made]) -> Vec<u8> {
    let algorithms: Vec<_> = banks.iter().map(|alg| (alg.tpm_id(), alg.size() as u16)).collect();
    let mut out = header(0, &spec_id(banks.len() as u32, &algorithms, &[0]));
    events.iter().for_each(|event| out.extend(event.agile()));
    out
}

/// A log over SHA-256.
pub(crate) fn log(events: &[Made]) -> Vec<u8> {
    log_in_banks(&[HashAlg::Sha256], events)
}
