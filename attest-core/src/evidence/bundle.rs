//! Everything that one device sent, parsed together.

use super::ima_log::{self, ImaLog};
use super::pcr_values::PcrValues;
use super::tcg_log::{self, EventLog};
use super::tpm::{self, Attest, Signature, SignatureScheme};
use super::userspace_log::{self, UserspaceLog};
use crate::limits::Limits;

/// The bytes of one device's evidence.
#[derive(Clone, Debug, Default)]
pub struct Evidence<'a> {
    /// TPMS_ATTEST.
    pub attest: &'a [u8],
    /// TPMT_SIGNATURE, or a bare signature with `signature_scheme`.
    pub signature: &'a [u8],
    /// The scheme of a bare signature, as some clouds send it.
    pub signature_scheme: Option<SignatureScheme>,
    /// The firmware's event log. `Some` of nothing is an empty log, which real machines have too.
    pub event_log: Option<&'a [u8]>,
    /// The IMA list, binary or ASCII.
    pub ima: Option<&'a [u8]>,
    /// What came before, if `ima` is the later part of a binary list.
    pub ima_after: Option<ima_log::Position>,
    /// The log of user space: systemd's, or a canonical event log in TLV, JSON or CBOR.
    pub userspace_log: Option<&'a [u8]>,
    /// PCR values, if the device sent them; else those that the logs lead to.
    pub pcrs: Option<PcrValues>,
}

/// Why evidence is malformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The firmware's event log.
    #[error("event log: {0}")]
    EventLog(#[from] tcg_log::Error),
    /// The IMA list.
    #[error("IMA list: {0}")]
    Ima(#[from] ima_log::Error),
    /// TPMS_ATTEST or TPMT_SIGNATURE.
    #[error("quote: {0}")]
    Quote(#[from] tpm::Error),
    /// The log of user space.
    #[error("log of user space: {0}")]
    UserspaceLog(#[from] userspace_log::Error),
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::EventLog(error) => error.code(),
            Self::Ima(error) => error.code(),
            Self::Quote(error) => error.code(),
            Self::UserspaceLog(error) => error.code(),
        }
    }
}

/// The firmware's event log, or what stands in its place.
#[derive(Clone, Debug)]
pub enum FirmwareLog<'a> {
    /// None was sent.
    Missing,
    /// One was sent, with nothing in it.
    Empty,
    /// A log.
    Given(EventLog<'a>),
}

impl<'a> FirmwareLog<'a> {
    /// The log, if there is one that is not empty.
    #[must_use]
    pub const fn given(&self) -> Option<&EventLog<'a>> {
        match self {
            Self::Given(log) => Some(log),
            Self::Missing | Self::Empty => None,
        }
    }
}

/// Evidence that is well-formed and within limits, and not believed.
#[derive(Clone, Debug)]
pub struct Bundle<'a> {
    /// The quote.
    pub attest: Attest<'a>,
    /// Its signature.
    pub signature: Signature<'a>,
    /// The firmware's log.
    pub log: FirmwareLog<'a>,
    /// The IMA list.
    pub ima: Option<ImaLog<'a>>,
    /// The log of user space.
    pub userspace: Option<UserspaceLog>,
    /// PCR values as the device states them.
    pub pcrs: Option<PcrValues>,
}

impl<'a> Bundle<'a> {
    /// Parses everything that was sent.
    ///
    /// # Errors
    /// [`Error`], naming the part, the offset and what was expected there.
    pub fn parse(evidence: Evidence<'a>, limits: &Limits) -> Result<Self, Error> {
        let attest = Attest::parse(evidence.attest, limits)?;
        let signature = match evidence.signature_scheme {
            None => Signature::parse(evidence.signature, limits)?,
            Some(scheme) => Signature::bare(scheme, evidence.signature, limits)?,
        };
        let log = match evidence.event_log {
            None => FirmwareLog::Missing,
            Some([]) => FirmwareLog::Empty,
            Some(bytes) => FirmwareLog::Given(EventLog::parse(bytes, limits)?),
        };
        let before = evidence.ima_after.filter(|before| before.bytes > 0);
        let ima = match (evidence.ima, before) {
            (None, _) => None,
            (Some(bytes), None) => Some(ImaLog::parse(bytes, limits)?),
            (Some(bytes), Some(before)) => Some(ImaLog::parse_after(before, bytes, limits)?),
        };
        let userspace = evidence.userspace_log.map(|bytes| UserspaceLog::parse(bytes, limits)).transpose()?;
        Ok(Self { attest, signature, log, ima, userspace, pcrs: evidence.pcrs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fixture;

    fn quote() -> Evidence<'static> {
        Evidence {
            attest: fixture!("boots/sb-grub/quote-ecc.attest"),
            signature: fixture!("boots/sb-grub/quote-ecc.sig"),
            ..Evidence::default()
        }
    }

    fn code(evidence: Evidence<'_>) -> Result<(), &'static str> {
        Bundle::parse(evidence, &Limits::DEFAULT).map(|_| ()).map_err(|error| error.code())
    }

    #[test]
    fn what_is_wrong_in_a_part_keeps_its_code() {
        assert_eq!(code(quote()), Ok(()));
        assert_eq!(code(Evidence { attest: b"", ..quote() }), Err("truncated"));
        assert_eq!(code(Evidence { event_log: Some(b"x"), ..quote() }), Err("truncated"));
        assert_eq!(code(Evidence { ima: Some(b""), ..quote() }), Err("log_empty"));
        let userspace = code(Evidence { userspace_log: Some(b"{"), ..quote() });
        assert!(userspace.unwrap_err().starts_with("userspace_log_"), "{userspace:?}");
    }

    /// A part of a list that begins at its start is the whole list, which may be text, too.
    #[test]
    fn a_list_after_nothing_is_a_whole_one() {
        let text = fixture!("boots/sb-grub/ima.ascii");
        let after = |bytes| {
            let ima_after = Some(ima_log::Position { entries: 0, bytes, hash_size: 20 });
            code(Evidence { ima: Some(text), ima_after, ..quote() })
        };
        assert_eq!(after(0), Ok(()));
        assert!(after(1).is_err(), "only a binary list has parts");
    }
}
