//! The TCG Canonical Event Log: records that say which register was extended with which digests, and what with.
//!
//! TCG Canonical Event Log Format, version 1.0 and 1.1: the information model is section 4, the three encodings, each in a file of its own
//! here, are section 5. Written down as found in the wild where writers differ:
//!
//! * `recnum` counts from 0 within each register (section 4.2.2). Google's go-eventlog counts over the whole log. Either is read, but a log
//!   must follow one of the two to its end.
//! * Numbers in TLV have as many bytes as the writer likes: go-eventlog writes 8 and 1, others as few as the number needs.
//! * Confidential machines name a measurement register (TLV type 108) where a TPM has a PCR.
//!
//! The digests alone are what a quote proves. A record's content explains, and [`Record::is_authenticated`] tells whether a digest covers it.

mod cbor;
mod content;
mod error;
mod ima_tlv;
mod json;
mod recnum;
mod record;
mod tlv;

#[cfg(test)]
mod tests;

pub use content::{Content, Management, StateTransition, Systemd};
pub use error::{Error, ErrorKind};
pub use ima_tlv::ImaTlv;
pub use record::{Record, Register};

pub(in crate::evidence) use json::element as json_record;

use crate::Limits;

/// Reads a log in the TLV encoding (section 5.1).
///
/// # Errors
/// [`Error`], with the offset and the record.
pub fn parse_tlv(bytes: &[u8], limits: &Limits) -> Result<Vec<Record>, Error> {
    check_length(bytes, limits)?;
    recnum::checked(tlv::records(bytes, limits)?)
}

/// Reads a log in JSON: an array of records (section 5.2).
///
/// # Errors
/// [`Error`], with the offset and the record.
pub fn parse_json(bytes: &[u8], limits: &Limits) -> Result<Vec<Record>, Error> {
    check_length(bytes, limits)?;
    recnum::checked(json::records(bytes, limits)?)
}

/// Reads a log in CBOR: an array of records (section 5.2), or, as an append-only file has them, a sequence of records (RFC 8742).
///
/// # Errors
/// [`Error`], with the offset and the record.
pub fn parse_cbor(bytes: &[u8], limits: &Limits) -> Result<Vec<Record>, Error> {
    check_length(bytes, limits)?;
    recnum::checked(cbor::records(bytes, limits)?)
}

pub(in crate::evidence) const fn check_length(bytes: &[u8], limits: &Limits) -> Result<(), Error> {
    let (len, limit) = (bytes.len(), limits.userspace_log_bytes);
    if len > limit {
        return Err(Error { kind: ErrorKind::TooLong { len, limit }, offset: limit, record: 0 });
    }
    Ok(())
}

/// How many records there are so far is also the next one's index; one too many is refused.
pub(in crate::evidence) fn next_index(
    records: &[Record],
    offset: usize,
    limits: &Limits,
) -> Result<u32, Error> {
    let limit = limits.userspace_log_records;
    let record = u32::try_from(records.len()).unwrap_or(u32::MAX);
    if records.len() >= limit {
        return Err(Error { kind: ErrorKind::TooManyRecords { limit }, offset, record });
    }
    Ok(record)
}
