//! The CBOR encoding (section 5.2, CDDL): `{0: recnum, 1: pcr / 2: nv_index, 3: digests, 9: content_type, 10: content}`.

use super::content::{Content, Management};
use super::error::{Error, ErrorKind};
use super::ima_tlv::ImaTlv;
use super::record::{Alg, Digests, Record, Register};
use crate::Limits;
use crate::evidence::cbor::{self, Key, Value};
use crate::evidence::tcg_log::EventType;
use crate::reader::Reader;

pub(super) fn records(bytes: &[u8], limits: &Limits) -> Result<Vec<Record>, Error> {
    let mut reader = Reader::new(bytes);
    let cbor = |error: cbor::Error| ErrorKind::Cbor(error);
    let count = cbor::array_head(&mut reader).map_err(|error| cbor(error).at(0, 0))?;
    let limits = &Limits { items: limits.userspace_log_record_items, ..*limits };
    let mut records = Vec::new();
    loop {
        let offset = reader.offset();
        match count {
            Some(count) if u64::try_from(records.len()).unwrap_or(u64::MAX) >= count => break,
            None if reader.is_empty() => break,
            _ => {}
        }
        let index = super::next_index(&records, offset, limits)?;
        let value = cbor::next(&mut reader, limits).map_err(|error| cbor(error).at(offset, index))?;
        records.push(record(value, offset, index, limits).map_err(|kind| kind.at(offset, index))?);
    }
    match reader.rest().len() {
        0 => Ok(records),
        left => {
            let record = u32::try_from(records.len()).unwrap_or(u32::MAX);
            Err(ErrorKind::TrailingBytes { left }.at(reader.offset(), record))
        }
    }
}

/// A map's values by their small keys; one that is not asked for is refused.
struct Fields<'a>(Vec<(Key<'a>, Value<'a>)>);

impl<'a> Fields<'a> {
    fn of(value: Value<'a>, field: &'static str) -> Result<Self, ErrorKind> {
        match value {
            Value::Map(entries) => Ok(Self(entries)),
            _ => Err(ErrorKind::value(field, "a map")),
        }
    }

    fn take(&mut self, label: i128) -> Option<Value<'a>> {
        let at = self.0.iter().position(|(key, _)| *key == Key::Integer(label))?;
        Some(self.0.swap_remove(at).1)
    }

    fn need(&mut self, label: i128, field: &'static str) -> Result<Value<'a>, ErrorKind> {
        self.take(label).ok_or(ErrorKind::FieldMissing { field })
    }

    fn end(self) -> Result<(), ErrorKind> {
        match self.0.first() {
            None => Ok(()),
            Some((Key::Integer(label), _)) => {
                Err(ErrorKind::FieldUnexpected { field: format!("key {label}") })
            }
            Some((Key::Bytes(_) | Key::Text(_), _)) => {
                Err(ErrorKind::FieldUnexpected { field: "key that is no number".into() })
            }
        }
    }
}

fn record(value: Value<'_>, offset: usize, index: u32, limits: &Limits) -> Result<Record, ErrorKind> {
    let mut fields = Fields::of(value, "record")?;
    let recnum = number(&fields.need(0, "recnum")?, "recnum")?;
    let register = match (fields.take(1), fields.take(2)) {
        (Some(pcr), None) => Register::pcr(number(&pcr, "pcr")?)?,
        (None, Some(handle)) => Register::nv_index(number(&handle, "nv_index")?)?,
        (None, None) => return Err(ErrorKind::FieldMissing { field: "pcr" }),
        (Some(_), Some(_)) => return Err(ErrorKind::FieldUnexpected { field: "nv_index beside pcr".into() }),
    };
    let Value::Array(all) = fields.need(3, "digests")? else {
        return Err(ErrorKind::value("digests", "an array"));
    };
    let mut digests = Digests::default();
    for digest in all {
        let mut digest = Fields::of(digest, "digests")?;
        let id = number(&digest.need(0, "hashAlg")?, "hashAlg")?;
        let bytes = bytes(&digest.need(1, "digest")?, "digest")?;
        digests.push(Alg::of_tpm(id), bytes, limits)?;
        digest.end()?;
    }
    let kind = number(&fields.need(9, "content_type")?, "content_type")?;
    let content = content(kind, fields.need(10, "content")?)?;
    fields.end()?;
    digests.of(Record {
        index,
        offset,
        recnum: Some(recnum),
        register,
        content,
        digests: Vec::new(),
        tlv_type: None,
    })
}

fn content(kind: u64, value: Value<'_>) -> Result<Content, ErrorKind> {
    Ok(match kind {
        4 => Content::Management(vec![management(value)?]),
        5 => {
            let mut fields = Fields::of(value, "content")?;
            let event_type = match fields.need(0, "event_type")? {
                Value::Text(name) => EventType::from_name(name),
                code => {
                    let code = u32::try_from(number(&code, "event_type")?);
                    let wide = |_| ErrorKind::value("event_type", "a name or a 32-bit number");
                    Some(EventType(code.map_err(wide)?))
                }
            };
            let data = bytes(&fields.need(1, "event_data")?, "event_data")?.to_vec();
            fields.end()?;
            Content::PcClient { event_type, data }
        }
        7 => {
            let mut fields = Fields::of(value, "content")?;
            let name = fields.need(0, "template_name")?;
            let name = name.as_text().ok_or(ErrorKind::value("template_name", "text"))?.to_owned();
            let data = bytes(&fields.need(1, "template_data")?, "template_data")?.to_vec();
            fields.end()?;
            Content::ImaTemplate { name, data }
        }
        8 => Content::ImaTlv(ImaTlv::parse(bytes(&value, "content")?)?.into()),
        9 => {
            let string = core::str::from_utf8(bytes(&value, "content")?);
            let string = string.map_err(|_| ErrorKind::value("content", "UTF-8"))?.to_owned();
            Content::of_string(string)
        }
        other => {
            let value = value.as_bytes().or(value.as_text().map(str::as_bytes));
            Content::Other { content_type: other.to_string(), value: value.map(<[u8]>::to_vec) }
        }
    })
}

fn management(value: Value<'_>) -> Result<Management, ErrorKind> {
    let mut fields = Fields::of(value, "content")?;
    let management = match number(&fields.need(0, "type")?, "type")? {
        1 => {
            let mut version = Fields::of(fields.need(1, "data")?, "data")?;
            let mut part = |label, field| {
                let part = number(&version.need(label, field)?, field)?;
                u16::try_from(part).map_err(|_| ErrorKind::value(field, "a 16-bit number"))
            };
            let (major, minor) = (part(0, "major")?, part(1, "minor")?);
            version.end()?;
            Management::Version { major, minor }
        }
        2 => Management::FirmwareEnd,
        80 => Management::Timestamp(number(&fields.need(1, "data")?, "data")?),
        81 => Management::StateTransition(super::tlv::state(number(&fields.need(1, "data")?, "data")?)?),
        _ => return Err(ErrorKind::value("type", "a kind of management record")),
    };
    fields.end()?;
    Ok(management)
}

fn number(value: &Value<'_>, field: &'static str) -> Result<u64, ErrorKind> {
    let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
    number.ok_or(ErrorKind::value(field, "a number from 0 to 2^64"))
}

fn bytes<'a>(value: &Value<'a>, field: &'static str) -> Result<&'a [u8], ErrorKind> {
    value.as_bytes().ok_or(ErrorKind::value(field, "a byte string"))
}
