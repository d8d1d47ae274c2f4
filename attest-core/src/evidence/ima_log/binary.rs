//! The binary list: `binary_runtime_measurements`.

use super::error::{Error, ErrorKind, truncated};
use super::template::{Field, Template};
use super::{Entry, PCRS, Record, entry};
use crate::limits::Limits;
use crate::reader::{Reader, Truncated, len32};

/// Sizes that a template digest can have. A list does not tell: the first with which the first record reads is it.
const HASH_SIZES: [usize; 4] = [20, 32, 48, 64];
/// The longest template name or format; the kernel takes 9 fields of at most 16 characters.
const LONGEST_NAME: u32 = 160;

/// The records of a binary list and the size of its template digests.
pub(super) fn records(input: &[u8], limits: &Limits) -> Result<(Vec<Record>, usize), Error> {
    let first = |size: &usize| record(&mut Reader::new(input), *size, 0);
    let hash_size = HASH_SIZES.into_iter().find(|size| first(size).is_ok());
    // If no size fits, SHA-1's error is told: nearly all lists are of that size.
    let hash_size = hash_size.unwrap_or(20);
    let mut reader = Reader::new(input);
    let mut records = Vec::new();
    while !reader.is_empty() {
        let entry = u32::try_from(records.len()).unwrap_or(u32::MAX);
        if records.len() >= limits.ima_entries {
            return Err(ErrorKind::TooManyEntries { most: limits.ima_entries }.at(reader.offset(), entry));
        }
        records.push(record(&mut reader, hash_size, entry)?);
    }
    Ok((records, hash_size))
}

fn record(reader: &mut Reader<'_>, hash_size: usize, entry: u32) -> Result<Record, Error> {
    let short = |short| truncated(short, entry);
    let at = reader.offset();
    let pcr = reader.u32_le().map_err(short)?;
    if pcr >= PCRS {
        return Err(ErrorKind::PcrInvalid { pcr }.at(at, entry));
    }
    let hash = reader.bytes(hash_size).map_err(short)?;
    let name_at = reader.offset();
    let len = reader.u32_le().map_err(short)?;
    let name = match len {
        1..=LONGEST_NAME => reader.bytes(len32(len)).map_err(short)?,
        _ => return Err(ErrorKind::TemplateName { len }.at(name_at, entry)),
    };
    if !name.iter().all(u8::is_ascii_graphic) {
        return Err(ErrorKind::TemplateName { len }.at(name_at, entry));
    }
    let template = Template(name);
    let data_at = reader.offset();
    let data = data(reader, template).map_err(short)?;
    let entry_view = Entry { index: entry, offset: at, pcr, template_hash: hash, template, data: data.bytes };
    if !is_filled(&entry_view) {
        return Err(ErrorKind::Fields { len: data.bytes.len() }.at(data_at, entry));
    }
    Ok(Record {
        offset: at,
        pcr,
        hash_at: at.saturating_add(4),
        name_at: name_at.saturating_add(4),
        name_len: name.len(),
        data_at: data.at,
        data_len: data.bytes.len(),
    })
}

struct Data<'a> {
    at: usize,
    bytes: &'a [u8],
}

/// The template data. The `ima` template has no length of the whole: a digest, and a name after its length.
fn data<'a>(reader: &mut Reader<'a>, template: Template<'_>) -> Result<Data<'a>, Truncated> {
    if !template.is_ima() {
        let len = len32(reader.u32_le()?);
        let at = reader.offset();
        return Ok(Data { at, bytes: reader.bytes(len)? });
    }
    let (at, all) = (reader.offset(), reader.rest());
    reader.bytes(entry::IMA_DIGEST)?;
    let name_len = len32(reader.u32_le()?);
    reader.bytes(name_len)?;
    let len = reader.offset().saturating_sub(at);
    Ok(Data { at, bytes: all.get(..len).unwrap_or_default() })
}

/// Whether the fields that the template names fill its data. Of an unknown template nothing is known.
fn is_filled(entry: &Entry<'_>) -> bool {
    let Some(wanted) = entry.template.fields() else { return true };
    if entry.template.is_ima() {
        let name_len = entry.data.len().saturating_sub(entry::IMA_DIGEST).saturating_sub(4);
        return name_len < entry::IMA_NAME_BUFFER;
    }
    let (mut count, mut len) = (0_usize, 0_usize);
    for (_, bytes) in entry.fields() {
        count = count.saturating_add(1);
        len = len.saturating_add(4).saturating_add(bytes.len());
    }
    count == wanted.count() && len == entry.data.len()
}

/// Writes one field after its length.
pub(super) fn push_field(out: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    out.extend(u32::try_from(bytes.len()).ok()?.to_le_bytes());
    out.extend(bytes);
    Some(())
}

/// Whether a text list can hold this field's bytes between two blanks.
pub(super) const fn is_text(field: Field) -> bool {
    matches!(field, Field::Text(_))
}
