//! IMA's entries as TLV (content type 8): path, digest, signature and attributes of a file, each with a type of its own.

use core::fmt;

use super::error::ErrorKind;
use super::record::Alg;
use crate::evidence::text::{Hex, Text};
use crate::reader::{Reader, len32};

const PATH: u8 = 0;
const DATA_HASH: u8 = 1;
const DATA_SIGNATURE: u8 = 2;
/// Owner, group, mode, timestamp and label.
const ATTRIBUTES: core::ops::RangeInclusive<u8> = 3..=7;

/// One measured file. The digest of the record covers all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImaTlv {
    /// Its path.
    pub path: String,
    /// The hash's name.
    pub algorithm: String,
    /// The file's digest.
    pub digest: Vec<u8>,
    /// Its signature in security.ima.
    pub signature: Option<Vec<u8>>,
    /// The bytes that were measured.
    pub(super) measured: Vec<u8>,
}

impl ImaTlv {
    /// Reads the fields. Path and digest must be there, no field twice, and none that is not known.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ErrorKind> {
        let mut reader = Reader::new(bytes);
        let (mut path, mut hash, mut signature, mut seen) = (None, None, None, Vec::new());
        while !reader.is_empty() {
            let (kind, value) = field(&mut reader)?;
            if seen.contains(&kind) {
                return Err(ErrorKind::FieldUnexpected { field: format!("IMA_TLV type {kind} twice") });
            }
            seen.push(kind);
            match kind {
                PATH => path = Some(text(value)?),
                DATA_HASH => hash = Some(data_hash(value)?),
                DATA_SIGNATURE => signature = Some(value.to_vec()),
                kind if ATTRIBUTES.contains(&kind) => {}
                kind => return Err(ErrorKind::FieldUnexpected { field: format!("IMA_TLV type {kind}") }),
            }
        }
        let (algorithm, digest) = hash.ok_or(ErrorKind::FieldMissing { field: "ima_tlv_datahash" })?;
        let path = path.ok_or(ErrorKind::FieldMissing { field: "ima_tlv_path" })?;
        Ok(Self { path, algorithm, digest, signature, measured: bytes.to_vec() })
    }
}

fn field<'a>(reader: &mut Reader<'a>) -> Result<(u8, &'a [u8]), ErrorKind> {
    let kind = reader.u8()?;
    let length = len32(reader.u32_be()?);
    Ok((kind, reader.bytes(length)?))
}

/// A path; a NUL at its end, as the kernel keeps one, is no part of it.
fn text(bytes: &[u8]) -> Result<String, ErrorKind> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    String::from_utf8(bytes.to_vec()).map_err(|_| ErrorKind::value("ima_tlv_path", "UTF-8"))
}

/// A digest as in the record's own list: the type is the algorithm's TPM_ALG_ID.
fn data_hash(bytes: &[u8]) -> Result<(String, Vec<u8>), ErrorKind> {
    let mut reader = Reader::new(bytes);
    let (alg, digest) = field(&mut reader)?;
    match reader.rest().len() {
        0 => Ok((Alg::of_tpm(alg.into()).to_string(), digest.to_vec())),
        left => Err(ErrorKind::TrailingBytes { left }),
    }
}

impl fmt::Display for ImaTlv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}:{}", Text(&self.path), self.algorithm, Hex(&self.digest))
    }
}
