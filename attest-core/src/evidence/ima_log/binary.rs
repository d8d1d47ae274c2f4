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

/// A template as far as records are cut by it: kept from record to record, for a list has few of them and names are slow to look up.
#[derive(Clone, Copy)]
struct Shape<'a> {
    template: Template<'a>,
    /// How many fields fill the data; `None` of an unknown template.
    fields: Option<usize>,
}

impl<'a> Shape<'a> {
    /// `None` if this is no name.
    fn of(name: &'a [u8]) -> Option<Self> {
        let template = Template::new(name);
        let fields = template.fields().map(Iterator::count);
        name.iter().all(u8::is_ascii_graphic).then_some(Self { template, fields })
    }

    /// Before the first record.
    const fn none() -> Self {
        Self { template: Template::at(&[], None), fields: None }
    }

    /// The template data. The `ima` template has no length of the whole: a digest, and a name after its length.
    fn data(&self, reader: &mut Reader<'a>) -> Result<&'a [u8], Truncated> {
        if !self.template.is_ima() {
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

    /// Whether the template's fields fill the data. Of an unknown template nothing is known.
    fn is_filled(&self, data: &[u8]) -> bool {
        if self.template.is_ima() {
            let name_len = data.len().saturating_sub(entry::IMA_DIGEST).saturating_sub(4);
            return name_len < entry::IMA_NAME_BUFFER;
        }
        let Some(fields) = self.fields else { return true };
        let rest = (0..fields).try_fold(data, |data, _| {
            let (len, rest) = data.split_first_chunk()?;
            rest.get(len32(u32::from_le_bytes(*len))..)
        });
        rest.is_some_and(<[u8]>::is_empty)
    }
}

/// The size of the template digests, told by the first record.
pub(super) fn hash_size(input: &[u8]) -> Result<u8, Error> {
    if let Some(bytes) = input.first_chunk() {
        let (little, big) = (u32::from_le_bytes(*bytes), u32::from_be_bytes(*bytes));
        if little >= PCRS && (1..PCRS).contains(&big) {
            return Err(ErrorKind::BigEndian.at(0, 0));
        }
    }
    let first = |size: &usize| Records::default().read(&mut Reader::new(input), *size, 0, &mut Shape::none());
    let size = HASH_SIZES.into_iter().find(|size| first(size).is_ok());
    // If no size fits, SHA-1's error is told: nearly all lists are of that size.
    Ok(u8::try_from(size.unwrap_or(20)).unwrap_or(20))
}

/// The records of a list, and what was learned of them by the way.
#[derive(Default)]
pub(super) struct Records {
    pub(super) records: Vec<Record>,
    /// The PCRs that they are in, a bit each.
    pub(super) pcrs: u32,
    /// Those that are named `boot_aggregate`.
    pub(super) aggregates: Vec<u32>,
}

/// The records of a binary list after what came before.
pub(super) fn records(input: &[u8], before: Position, limits: &Limits) -> Result<Records, Error> {
    let mut reader = Reader::new(input);
    // Records of files take some hundred bytes.
    let mut out = Records { records: Vec::with_capacity(input.len() / 96), ..Records::default() };
    let (mut entry, mut shape) = (before.entries, Shape::none());
    let most = u32::try_from(limits.ima_entries).unwrap_or(u32::MAX);
    while !reader.is_empty() {
        if entry >= most {
            return Err(ErrorKind::TooManyEntries { most: limits.ima_entries }.at(reader.offset(), entry));
        }
        out.read(&mut reader, before.hash_size.into(), entry, &mut shape)?;
        entry = entry.saturating_add(1);
    }
    Ok(out)
}

impl Records {
    /// Reads the next one. `last` is the template of the one before, and becomes its own.
    fn read<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        hash_size: usize,
        index: u32,
        last: &mut Shape<'a>,
    ) -> Result<(), Error> {
        let short = |short| truncated(short, index);
        let at = reader.offset();
        let pcr = reader.u32_le().map_err(short)?;
        let Some(pcr_byte) = u8::try_from(pcr).ok().filter(|_| pcr < PCRS) else {
            return Err(ErrorKind::PcrInvalid { pcr }.at(at, index));
        };
        let template_hash = reader.bytes(hash_size).map_err(short)?;
        let name_at = reader.offset();
        let len = reader.u32_le().map_err(short)?;
        let name_error = || ErrorKind::TemplateName { len }.at(name_at, index);
        let name_len = u8::try_from(len).ok().filter(|len| (1..=LONGEST_NAME).contains(len));
        let name_len = name_len.ok_or_else(name_error)?;
        let name = reader.bytes(name_len.into()).map_err(short)?;
        if last.template.name != name {
            *last = Shape::of(name).ok_or_else(name_error)?;
        }
        let data_at = reader.offset();
        let data = last.data(reader).map_err(short)?;
        if !last.is_filled(data) {
            return Err(ErrorKind::Fields { len: data.len() }.at(data_at, index));
        }
        let template = last.template;
        let large = |_| ErrorKind::TooLarge { len: at, most: len32(u32::MAX) }.at(at, index);
        if (Entry { index, offset: at, pcr, template_hash, template, data }).is_boot_aggregate() {
            self.aggregates.push(u32::try_from(self.records.len()).map_err(large)?);
        }
        self.pcrs |= 1_u32.wrapping_shl(pcr);
        self.records.push(Record {
            at: u32::try_from(at).map_err(large)?,
            data_len: u32::try_from(data.len()).map_err(large)?,
            name_len,
            pcr: pcr_byte,
            template: template.place(),
        });
        Ok(())
    }
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
