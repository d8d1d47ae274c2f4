//! The binary list: `binary_runtime_measurements`.

use super::error::{Error, ErrorKind, truncated};
use super::template::{Field, Template};
use super::{Entry, PCRS, Position, Record, entry};
use crate::limits::Limits;
use crate::reader::{Reader, Truncated, len32};

/// Sizes that a template digest can have. A list does not tell: the first with which the first record reads is it.
const HASH_SIZES: [usize; 4] = [20, 32, 48, 64];
/// The longest template name or format; the kernel takes 9 fields of at most 16 characters.
const LONGEST_NAME: u8 = 160;

/// The size of the template digests, told by the first record.
pub(super) fn hash_size(input: &[u8]) -> Result<u8, Error> {
    if let Some(bytes) = input.first_chunk() {
        let (little, big) = (u32::from_le_bytes(*bytes), u32::from_be_bytes(*bytes));
        if little >= PCRS && (1..PCRS).contains(&big) {
            return Err(ErrorKind::BigEndian.at(0, 0));
        }
    }
    let first = |size: &usize| record(&mut Reader::new(input), *size, 0);
    let size = HASH_SIZES.into_iter().find(|size| first(size).is_ok());
    // If no size fits, SHA-1's error is told: nearly all lists are of that size.
    Ok(u8::try_from(size.unwrap_or(20)).unwrap_or(20))
}

/// The records of a binary list after what came before, and the PCRs that they are in, a bit each.
pub(super) fn records(input: &[u8], before: Position, limits: &Limits) -> Result<(Vec<Record>, u32), Error> {
    let mut reader = Reader::new(input);
    let mut records = Vec::new();
    let (mut pcrs, mut entry) = (0, before.entries);
    let most = u32::try_from(limits.ima_entries).unwrap_or(u32::MAX);
    while !reader.is_empty() {
        if entry >= most {
            return Err(ErrorKind::TooManyEntries { most: limits.ima_entries }.at(reader.offset(), entry));
        }
        let record = record(&mut reader, before.hash_size.into(), entry)?;
        pcrs |= 1_u32.wrapping_shl(record.pcr.into());
        records.push(record);
        entry = entry.saturating_add(1);
    }
    Ok((records, pcrs))
}

fn record(reader: &mut Reader<'_>, hash_size: usize, entry: u32) -> Result<Record, Error> {
    let short = |short| truncated(short, entry);
    let at = reader.offset();
    let pcr = reader.u32_le().map_err(short)?;
    let pcr_byte = u8::try_from(pcr).ok().filter(|_| pcr < PCRS);
    let pcr_byte = pcr_byte.ok_or(ErrorKind::PcrInvalid { pcr }.at(at, entry))?;
    let hash = reader.bytes(hash_size).map_err(short)?;
    let name_at = reader.offset();
    let len = reader.u32_le().map_err(short)?;
    let name_error = ErrorKind::TemplateName { len }.at(name_at, entry);
    let name_len = u8::try_from(len).ok().filter(|len| (1..=LONGEST_NAME).contains(len)).ok_or(name_error)?;
    let name = reader.bytes(name_len.into()).map_err(short)?;
    let template = Template(name);
    if !template.is_built_in() && !name.iter().all(u8::is_ascii_graphic) {
        return Err(name_error);
    }
    let data_at = reader.offset();
    let data = data(reader, template).map_err(short)?;
    let view = Entry { index: entry, offset: at, pcr, template_hash: hash, template, data };
    let fields_error = ErrorKind::Fields { len: data.len() }.at(data_at, entry);
    if !is_filled(&view) {
        return Err(fields_error);
    }
    let large = |_| ErrorKind::TooLarge { len: at, most: len32(u32::MAX) }.at(at, entry);
    Ok(Record {
        at: u32::try_from(at).map_err(large)?,
        data_len: u32::try_from(data.len()).map_err(large)?,
        name_len,
        pcr: pcr_byte,
    })
}

/// The template data. The `ima` template has no length of the whole: a digest, and a name after its length.
fn data<'a>(reader: &mut Reader<'a>, template: Template<'_>) -> Result<&'a [u8], Truncated> {
    if !template.is_ima() {
        let len = len32(reader.u32_le()?);
        return reader.bytes(len);
    }
    let (at, all) = (reader.offset(), reader.rest());
    reader.bytes(entry::IMA_DIGEST)?;
    let name_len = len32(reader.u32_le()?);
    reader.bytes(name_len)?;
    let len = reader.offset().saturating_sub(at);
    Ok(all.get(..len).unwrap_or_default())
}

/// Whether the fields that the template names fill its data. Of an unknown template nothing is known.
fn is_filled(entry: &Entry<'_>) -> bool {
    if entry.template.is_ima() {
        let name_len = entry.data.len().saturating_sub(entry::IMA_DIGEST).saturating_sub(4);
        return name_len < entry::IMA_NAME_BUFFER;
    }
    let Some(mut wanted) = entry.template.fields() else { return true };
    let mut reader = Reader::new(entry.data);
    let mut field = || reader.u32_le().and_then(|len| reader.bytes(len32(len)));
    wanted.all(|_| field().is_ok()) && reader.is_empty()
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
