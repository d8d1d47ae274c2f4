//! The TLV encoding (section 5.1): a type of one byte, a length of four, big-endian, and the value; a record is four of them.

use super::content::{Content, Management, StateTransition};
use super::error::{Error, ErrorKind};
use super::ima_tlv::ImaTlv;
use super::record::{Alg, Digests, Record, Register};
use crate::Limits;
use crate::evidence::tcg_log::EventType;
use crate::reader::{Reader, len32};

const RECNUM: u8 = 0;
const PCR: u8 = 1;
const NV_INDEX: u8 = 2;
const DIGESTS: u8 = 3;
/// A measurement register of a confidential machine; not in the specification, written by go-eventlog.
const MEASUREMENT_REGISTER: u8 = 108;

pub(super) fn records(bytes: &[u8], limits: &Limits) -> Result<Vec<Record>, Error> {
    let mut reader = Reader::new(bytes);
    let mut records = Vec::new();
    while !reader.is_empty() {
        let offset = reader.offset();
        let index = super::next_index(&records, offset, limits)?;
        let read = record(&mut reader, index, limits);
        records.push(read.map_err(|kind| kind.at(reader.offset(), index))?);
    }
    Ok(records)
}

/// One type, length and value; its value as a reader of its own, so that offsets stay those of the input.
fn field<'a>(reader: &mut Reader<'a>) -> Result<(u8, Reader<'a>), ErrorKind> {
    let kind = reader.u8()?;
    let length = len32(reader.u32_be()?);
    let offset = reader.offset();
    Ok((kind, Reader::at(reader.bytes(length)?, offset)))
}

fn record(reader: &mut Reader<'_>, index: u32, limits: &Limits) -> Result<Record, ErrorKind> {
    let offset = reader.offset();
    let recnum = match field(reader)? {
        (RECNUM, value) => number(&value, "recnum", 8)?,
        _ => return Err(ErrorKind::FieldMissing { field: "recnum" }),
    };
    let register = match field(reader)? {
        (PCR, value) => Register::pcr(number(&value, "pcr", 4)?)?,
        (NV_INDEX, value) => Register::nv_index(number(&value, "nv_index", 4)?)?,
        (MEASUREMENT_REGISTER, value) => {
            let register = u8::try_from(number(&value, "ccmr", 4)?);
            Register::MeasurementRegister(register.map_err(|_| ErrorKind::value("ccmr", "a register"))?)
        }
        _ => return Err(ErrorKind::FieldMissing { field: "pcr" }),
    };
    let digests = match field(reader)? {
        (DIGESTS, value) => digests(value, limits)?,
        _ => return Err(ErrorKind::FieldMissing { field: "digests" }),
    };
    let (kind, value) = field(reader)?;
    let content = content(kind, value)?;
    digests.of(Record {
        index,
        offset,
        recnum: Some(recnum),
        register,
        content,
        digests: Vec::new(),
        tlv_type: Some(kind),
    })
}

/// A number of 1 to `most` bytes.
fn number(value: &Reader<'_>, field: &'static str, most: usize) -> Result<u64, ErrorKind> {
    let bytes = value.rest();
    if bytes.is_empty() || bytes.len() > most {
        return Err(ErrorKind::value(field, "a number of its size"));
    }
    Ok(bytes.iter().fold(0, |number: u64, byte| (number << 8) | u64::from(*byte)))
}

fn digests(mut value: Reader<'_>, limits: &Limits) -> Result<Digests, ErrorKind> {
    let mut digests = Digests::default();
    while !value.is_empty() {
        let (id, digest) = field(&mut value)?;
        digests.push(Alg::of_tpm(id.into()), digest.rest(), limits)?;
    }
    Ok(digests)
}

fn content(kind: u8, value: Reader<'_>) -> Result<Content, ErrorKind> {
    let bytes = value.rest();
    Ok(match kind {
        RECNUM | PCR | NV_INDEX | DIGESTS | MEASUREMENT_REGISTER => {
            return Err(ErrorKind::FieldUnexpected {
                field: format!("type {kind} where the content belongs"),
            });
        }
        4 => Content::Management(management(value)?),
        5 => {
            let (event_type, data) = pair(value, "event_type", "event_data")?;
            let event_type = number(&event_type, "event_type", 4)?;
            let event_type = u32::try_from(event_type).ok().map(EventType);
            Content::PcClient { event_type, data: data.rest().to_vec() }
        }
        7 => {
            let (name, data) = pair(value, "template_name", "template_data")?;
            Content::ImaTemplate { name: text(name.rest(), "template_name")?, data: data.rest().to_vec() }
        }
        8 => Content::ImaTlv(ImaTlv::parse(bytes)?.into()),
        9 => Content::of_string(text(bytes, "content")?),
        other => Content::Other { content_type: format!("{other}"), value: Some(bytes.to_vec()) },
    })
}

fn text(bytes: &[u8], field: &'static str) -> Result<String, ErrorKind> {
    String::from_utf8(bytes.to_vec()).map_err(|_| ErrorKind::value(field, "UTF-8"))
}

/// Exactly the fields 0 and 1.
fn pair<'a>(
    mut value: Reader<'a>,
    first: &'static str,
    second: &'static str,
) -> Result<(Reader<'a>, Reader<'a>), ErrorKind> {
    let (0, zero) = field(&mut value)? else { return Err(ErrorKind::FieldMissing { field: first }) };
    let (1, one) = field(&mut value)? else { return Err(ErrorKind::FieldMissing { field: second }) };
    end(&value)?;
    Ok((zero, one))
}

fn end(value: &Reader<'_>) -> Result<(), ErrorKind> {
    match value.rest().len() {
        0 => Ok(()),
        left => Err(ErrorKind::TrailingBytes { left }),
    }
}

/// One thing about the log, or several (TPML_EVENT_CELMGT).
fn management(mut value: Reader<'_>) -> Result<Vec<Management>, ErrorKind> {
    let mut all = Vec::new();
    while !value.is_empty() {
        let (kind, data) = field(&mut value)?;
        all.push(match kind {
            1 => {
                let (major, minor) = pair(data, "major", "minor")?;
                let part = |value: &Reader<'_>| {
                    let part = u16::try_from(number(value, "cel_version", 2)?);
                    part.map_err(|_| ErrorKind::value("cel_version", "two numbers"))
                };
                Management::Version { major: part(&major)?, minor: part(&minor)? }
            }
            2 => {
                end(&data)?;
                Management::FirmwareEnd
            }
            80 => Management::Timestamp(number(&data, "cel_timestamp", 8)?),
            81 => Management::StateTransition(state(number(&data, "state_trans", 4)?)?),
            other => return Err(ErrorKind::FieldUnexpected { field: format!("management type {other}") }),
        });
    }
    if all.is_empty() { Err(ErrorKind::FieldMissing { field: "content" }) } else { Ok(all) }
}

pub(super) fn state(number: u64) -> Result<StateTransition, ErrorKind> {
    let known = StateTransition::ALL.iter().find(|(_, value, _)| *value == number);
    known.map(|(state, ..)| *state).ok_or(ErrorKind::value("state_trans", "suspend, hibernate or kexec"))
}
