//! The JSON encoding (section 5.2): byte strings in hexadecimal, an object a record. systemd writes the same objects without `recnum`.

use serde_json::{Map, Value};

use super::content::{Content, Management, StateTransition, Systemd};
use super::error::{Error, ErrorKind};
use super::ima_tlv::ImaTlv;
use super::record::{Alg, Digests, Record, Register};
use crate::Limits;
use crate::digest::HashAlg;
use crate::evidence::json;
use crate::evidence::tcg_log::EventType;
use crate::evidence::text::cut;

pub(super) fn records(bytes: &[u8], limits: &Limits) -> Result<Vec<Record>, Error> {
    let mut records = Vec::new();
    for element in Elements::of(bytes)? {
        let (offset, text) = element?;
        let index = super::next_index(&records, offset, limits)?;
        records.push(record(text, offset, index, limits)?);
    }
    Ok(records)
}

/// The elements of an array, found by its brackets, commas and strings alone, each with its offset. What is in them, the strict reader says.
struct Elements<'a> {
    bytes: &'a [u8],
    at: usize,
    expects_more: bool,
    is_over: bool,
}

impl<'a> Elements<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut all = Self { bytes, at: 0, expects_more: false, is_over: false };
        all.skip_space();
        if all.peek() != Some(b'[') {
            return Err(ErrorKind::value("log", "an array of records").at(all.at, 0));
        }
        all.at = all.at.saturating_add(1);
        Ok(all)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at = self.at.saturating_add(1);
        }
    }

    /// Behind the next comma or bracket that belongs to the array itself; `None` at the end of the input.
    fn element_end(&self) -> Option<usize> {
        let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
        for (at, byte) in self.bytes.iter().enumerate().skip(self.at) {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => in_string = !in_string,
                _ if in_string => {}
                b'{' | b'[' => depth = depth.saturating_add(1),
                b',' | b']' if depth == 0 => return Some(at),
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        None
    }

    fn step(&mut self) -> Result<Option<(usize, &'a [u8])>, ErrorKind> {
        self.skip_space();
        if self.peek() == Some(b']') && !self.expects_more {
            self.at = self.at.saturating_add(1);
            self.skip_space();
            return match self.bytes.len().saturating_sub(self.at) {
                0 => Ok(None),
                left => Err(ErrorKind::TrailingBytes { left }),
            };
        }
        let (from, to) = (self.at, self.element_end().ok_or(ErrorKind::RecordCutShort)?);
        let text = self.bytes.get(from..to).unwrap_or_default();
        self.expects_more = self.bytes.get(to) == Some(&b',');
        self.at = if self.expects_more { to.saturating_add(1) } else { to };
        Ok(Some((from, text)))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<(usize, &'a [u8]), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let step = self.step();
        self.is_over = !matches!(step, Ok(Some(_)));
        // The caller knows the record's number; at the end of the input there is none.
        step.map_err(|kind| kind.at(self.at, 0)).transpose()
    }
}

/// One record of a canonical event log. A field that the format does not have is refused.
fn record(text: &[u8], offset: usize, index: u32, limits: &Limits) -> Result<Record, Error> {
    let read = || {
        let mut fields = Members::read(text, limits)?;
        let recnum = fields.number("recnum")?.ok_or(ErrorKind::FieldMissing { field: "recnum" })?;
        let kind = fields.text("content_type")?.ok_or(ErrorKind::FieldMissing { field: "content_type" })?;
        let content = fields.take("content").ok_or(ErrorKind::FieldMissing { field: "content" })?;
        let content = typed_content(kind, content, true)?;
        let record = build(&mut fields, offset, index, content, limits)?;
        fields.end()?;
        Ok(Record { recnum: Some(recnum), ..record })
    };
    read().map_err(|kind: ErrorKind| kind.at(offset, index))
}

/// One record as systemd, and whoever appends to its log, writes it: no `recnum`, perhaps no `content_type`, perhaps newer fields.
pub(in crate::evidence) fn element(
    text: &[u8],
    offset: usize,
    index: u32,
    limits: &Limits,
) -> Result<Record, Error> {
    let read = || {
        let mut fields = Members::read(text, limits)?;
        let kind = fields.text("content_type")?.unwrap_or_default();
        let content = fields.take("content");
        let content = match (kind.as_str(), content) {
            ("systemd", Some(content)) => systemd(content)?,
            ("systemd", None) => return Err(ErrorKind::FieldMissing { field: "content" }),
            (_, None) => Content::Other { content_type: kind, value: None },
            (_, Some(content)) => typed_content(kind, content, false)?,
        };
        build(&mut fields, offset, index, content, limits)
    };
    read().map_err(|kind: ErrorKind| kind.at(offset, index))
}

fn build(
    fields: &mut Members,
    offset: usize,
    index: u32,
    content: Content,
    limits: &Limits,
) -> Result<Record, ErrorKind> {
    let register = match (fields.number("pcr")?, fields.number("nv_index")?) {
        (Some(pcr), None) => Register::pcr(pcr)?,
        (None, Some(handle)) => Register::nv_index(handle)?,
        (None, None) => return Err(ErrorKind::FieldMissing { field: "pcr" }),
        (Some(_), Some(_)) => return Err(ErrorKind::FieldUnexpected { field: "nv_index beside pcr".into() }),
    };
    let all = fields.take("digests").ok_or(ErrorKind::FieldMissing { field: "digests" })?;
    let Value::Array(all) = all else { return Err(ErrorKind::value("digests", "an array")) };
    let mut digests = Digests::default();
    for digest in all {
        let mut digest = Members::of(digest, "digests")?;
        let name = digest.text("hashAlg")?.ok_or(ErrorKind::FieldMissing { field: "hashAlg" })?;
        let bytes = digest.hex("digest")?.ok_or(ErrorKind::FieldMissing { field: "digest" })?;
        digests.push(algorithm(&name), &bytes, limits)?;
        digest.end()?;
    }
    let record =
        Record { index, offset, recnum: None, register, content, digests: Vec::new(), tlv_type: None };
    digests.of(record)
}

/// Algorithms by name. systemd compares without regard to case, the feature API of tpm2-tss writes TPM2_ALG_ before it.
fn algorithm(name: &str) -> Alg {
    if let Some(known) = HashAlg::from_name(name) {
        return Alg::Known(known);
    }
    let lower = name.to_ascii_lowercase();
    let bare = lower.strip_prefix("tpm2_alg_").or(lower.strip_prefix("tpm_alg_")).unwrap_or(&lower);
    let known = HashAlg::from_name(&bare.replace('-', "_"));
    known.map_or_else(|| Alg::Named(cut(name, 64)), Alg::Known)
}

/// Content by the type's name. What a closed format does not know of a type that it knows is refused.
fn typed_content(kind: String, content: Value, is_closed: bool) -> Result<Content, ErrorKind> {
    let closed = |fields: Members| if is_closed { fields.end() } else { Ok(()) };
    Ok(match (kind.as_str(), content) {
        ("cel", content) => Content::Management(vec![management(content)?]),
        ("pcclient_std", content) => {
            let mut fields = Members::of(content, "content")?;
            let event_type =
                fields.take("event_type").ok_or(ErrorKind::FieldMissing { field: "event_type" })?;
            let event_type = match event_type {
                Value::String(name) => EventType::from_name(&name),
                number => Some(EventType(u32_of(&number, "event_type")?)),
            };
            let data = fields.hex("event_data")?.ok_or(ErrorKind::FieldMissing { field: "event_data" })?;
            closed(fields)?;
            Content::PcClient { event_type, data }
        }
        ("ima_template", content) => {
            let mut fields = Members::of(content, "content")?;
            let missing = |field| ErrorKind::FieldMissing { field };
            let name = fields.text("template_name")?.ok_or(missing("template_name"))?;
            let data = fields.hex("template_data")?.ok_or(missing("template_data"))?;
            closed(fields)?;
            Content::ImaTemplate { name, data }
        }
        ("ima_tlv", content) => Content::ImaTlv(ImaTlv::parse(&hex_of(&content, "content")?)?.into()),
        // The canonical log has the measured string alone, in hexadecimal.
        ("systemd", Value::String(hex)) => {
            let string = String::from_utf8(hex_of(&Value::String(hex), "content")?);
            Content::of_string(string.map_err(|_| ErrorKind::value("content", "UTF-8 in hexadecimal"))?)
        }
        ("systemd", content) => systemd(content)?,
        (_, _) => Content::Other { content_type: kind.chars().take(64).collect(), value: None },
    })
}

fn systemd(content: Value) -> Result<Content, ErrorKind> {
    let mut fields = Members::of(content, "content")?;
    Ok(Content::Systemd(Box::new(Systemd {
        string: fields.text("string")?,
        event_type: fields.text("eventType")?,
        boot_id: fields.text("bootId")?,
        timestamp: fields.number("timestamp")?,
        nv_index_name: fields.text("nvIndexName")?,
    })))
}

fn management(content: Value) -> Result<Management, ErrorKind> {
    let mut fields = Members::of(content, "content")?;
    let kind = fields.text("type")?.ok_or(ErrorKind::FieldMissing { field: "type" })?;
    let missing = ErrorKind::FieldMissing { field: "data" };
    let management = match kind.as_str() {
        "firmware_end" => Management::FirmwareEnd,
        "cel_version" => {
            let mut data = Members::of(fields.take("data").ok_or(missing)?, "data")?;
            let mut part = |field| {
                let number = data.number(field)?.ok_or(ErrorKind::FieldMissing { field })?;
                u16::try_from(number).map_err(|_| ErrorKind::value(field, "a 16-bit number"))
            };
            let (major, minor) = (part("major")?, part("minor")?);
            data.end()?;
            Management::Version { major, minor }
        }
        "cel_timestamp" => Management::Timestamp(fields.number("data")?.ok_or(missing)?),
        "state_trans" => {
            let name = fields.text("data")?.ok_or(missing)?;
            let known = StateTransition::ALL.iter().find(|(_, _, known)| *known == name);
            let known = known.ok_or(ErrorKind::value("state_trans", "suspend, hibernate or kexec"))?;
            Management::StateTransition(known.0)
        }
        _ => return Err(ErrorKind::value("type", "a kind of management record")),
    };
    fields.end()?;
    Ok(management)
}

/// The fields of an object, taken one by one.
#[derive(Debug)]
struct Members(Map<String, Value>);

impl Members {
    fn read(text: &[u8], limits: &Limits) -> Result<Self, ErrorKind> {
        // A record may be as long as the log; each is read, and its values counted, by itself.
        let items = limits.userspace_log_record_items;
        let limits = Limits { token_bytes: limits.userspace_log_bytes, items, ..*limits };
        Self::of(json::parse(text, &limits).map_err(ErrorKind::Json)?, "record")
    }

    fn of(value: Value, field: &'static str) -> Result<Self, ErrorKind> {
        match value {
            Value::Object(members) => Ok(Self(members)),
            _ => Err(ErrorKind::value(field, "an object")),
        }
    }

    fn take(&mut self, field: &str) -> Option<Value> {
        self.0.remove(field)
    }

    fn text(&mut self, field: &'static str) -> Result<Option<String>, ErrorKind> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(ErrorKind::value(field, "a string")),
        }
    }

    fn number(&mut self, field: &'static str) -> Result<Option<u64>, ErrorKind> {
        let unsigned =
            |value: Value| value.as_u64().ok_or(ErrorKind::value(field, "a number from 0 to 2^64"));
        self.take(field).map(unsigned).transpose()
    }

    fn hex(&mut self, field: &'static str) -> Result<Option<Vec<u8>>, ErrorKind> {
        self.take(field).map(|value| hex_of(&value, field)).transpose()
    }

    fn end(self) -> Result<(), ErrorKind> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => {
                let name: String = name.chars().take(64).collect();
                Err(ErrorKind::FieldUnexpected { field: format!("field {name:?}") })
            }
        }
    }
}

fn hex_of(value: &Value, field: &'static str) -> Result<Vec<u8>, ErrorKind> {
    let bytes = value.as_str().and_then(|text| hex::decode(text).ok());
    bytes.ok_or(ErrorKind::value(field, "hexadecimal"))
}

fn u32_of(value: &Value, field: &'static str) -> Result<u32, ErrorKind> {
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    number.ok_or(ErrorKind::value(field, "a name or a 32-bit number"))
}
