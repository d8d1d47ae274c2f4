//! The ASCII list: `ascii_runtime_measurements`, rewritten as a binary one.
//!
//! Each line is PCR, template digest, template name and fields, with one blank between. The kernel writes names as
//! they are, so a name may hold a line break, and in older kernels a blank. Where the text can be read in several
//! ways the template digest tells which is right, and the entry is reported as ambiguous. A line that ends in empty
//! fields ends in blanks, which editors and tools strip: they are put back where the line does not fit its digest.

use std::borrow::Cow;

use super::binary::{is_text, push_field};
use super::error::{Error, ErrorKind};
use super::template::{Field, Template};
use super::{Entry, Format, ImaLog, PCRS, Position, Record};
use crate::digest::HashAlg;
use crate::limits::Limits;
use crate::reader::len32;

/// Fields at the end of a line that may be empty: `ima-modsig` has three.
const MOST_EMPTY: usize = 3;
/// How many lines one name may take; each is tried only where a line does not read or does not fit its digest.
const MOST_LINES: usize = 4;
/// After so many entries that fit their digest in no reading, each line is read as it stands: such a list is refused already, and further
/// readings would only cost ten times the hashing.
const MOST_MISFITS: usize = 1_000;

pub(super) fn parse<'a>(input: &'a [u8], limits: &Limits) -> Result<ImaLog<'a>, Error> {
    let mut out = Rewrite::default();
    let mut at = 0_usize;
    while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
        let index = u32::try_from(out.records.len()).unwrap_or(u32::MAX);
        if out.records.len() >= limits.ima_entries {
            return Err(ErrorKind::TooManyEntries { most: limits.ima_entries }.at(at, index));
        }
        let len = out.entry(rest, at, index).map_err(|kind| kind.at(at, index))?;
        at = at.saturating_add(len).saturating_add(1);
    }
    Ok(ImaLog {
        format: Format::Ascii,
        bytes: Cow::Owned(out.bytes),
        hash_size: out.hash_size.unwrap_or(20),
        records: out.records,
        pcrs: out.pcrs,
        lines: out.lines,
        ambiguous: out.ambiguous,
        aggregates: out.aggregates,
        before: Position::default(),
    })
}

#[derive(Default)]
struct Rewrite {
    misfits: usize,
    bytes: Vec<u8>,
    hash_size: Option<usize>,
    records: Vec<Record>,
    pcrs: u32,
    lines: Vec<u32>,
    ambiguous: Vec<u32>,
    aggregates: Vec<u32>,
}

impl Rewrite {
    /// Reads one entry at the start of `rest`, of one line or of several, and returns its length.
    fn entry(&mut self, rest: &[u8], offset: usize, index: u32) -> Result<usize, ErrorKind> {
        let mut first_line = None;
        let (lines, empty) = if self.misfits < MOST_MISFITS { (MOST_LINES, MOST_EMPTY) } else { (1, 0) };
        let mut ends = line_ends(rest).take(lines);
        let first_end = ends.next().unwrap_or(rest.len());
        for end in core::iter::once(first_end).chain(ends) {
            let is_first = end == first_end;
            let text = rest.get(..end).unwrap_or_default();
            // A name of several lines has kept what editors strip.
            let empty = if is_first && !text.ends_with(b" ") { empty } else { 0 };
            for stripped in 0..=empty {
                let line = Line::parse(text, stripped);
                // The digest of a violation tells nothing of where its name ends.
                let is_clear = |line: &Line<'_>| stripped == 0 || !line.is_ambiguous || !line.is_violation();
                if line.as_ref().is_ok_and(|line| line.fits() && is_clear(line)) {
                    let line = line?;
                    if !is_first || line.is_ambiguous {
                        self.ambiguous.push(index);
                    }
                    self.push(&line, offset)?;
                    return Ok(end);
                }
                let is_read =
                    line.as_ref().is_ok_and(is_clear) && first_line.as_ref().is_some_and(Result::is_err);
                if is_first && (first_line.is_none() || is_read) {
                    first_line = Some(line);
                }
            }
        }
        self.misfits = self.misfits.saturating_add(1);
        // No reading fits the digest: the first line as it stands, and the mismatch is a finding.
        let line = first_line.unwrap_or(Err(ErrorKind::Line { wrong: "empty" }))?;
        if line.is_ambiguous {
            self.ambiguous.push(index);
        }
        self.push(&line, offset)?;
        Ok(first_end)
    }

    fn push(&mut self, line: &Line<'_>, offset: usize) -> Result<(), ErrorKind> {
        if *self.hash_size.get_or_insert(line.hash.len()) != line.hash.len() {
            return Err(ErrorKind::Line { wrong: "template digest of another length" });
        }
        let len = self.bytes.len();
        let large = |_| ErrorKind::TooLarge { len, most: len32(u32::MAX) };
        let at = u32::try_from(self.bytes.len()).map_err(large)?;
        let data_len = u32::try_from(line.data.len()).map_err(large)?;
        self.lines.push(u32::try_from(offset).map_err(large)?);
        let Line { pcr, hash, template, data, .. } = line;
        let wrong = |_| ErrorKind::Line { wrong: "template name" };
        let name_len = u8::try_from(template.name.len()).map_err(wrong)?;
        self.bytes.extend(pcr.to_le_bytes());
        self.bytes.extend(hash);
        self.bytes.extend(u32::from(name_len).to_le_bytes());
        self.bytes.extend(template.name);
        if !template.is_ima() {
            self.bytes.extend(data_len.to_le_bytes());
        }
        self.bytes.extend(data);
        let pcr = u8::try_from(*pcr).map_err(|_| ErrorKind::PcrInvalid { pcr: *pcr })?;
        self.pcrs |= 1_u32.wrapping_shl(pcr.into());
        if line.entry().is_boot_aggregate() {
            self.aggregates.push(u32::try_from(self.records.len()).map_err(large)?);
        }
        self.records.push(Record { at, data_len, name_len, pcr, template: template.place() });
        Ok(())
    }
}

/// The ends of the lines in `rest`, the end of the input included.
fn line_ends(rest: &[u8]) -> impl Iterator<Item = usize> {
    let breaks = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    let last = (!rest.ends_with(b"\n")).then_some(rest.len());
    breaks.chain(last)
}

struct Line<'a> {
    pcr: u32,
    hash: Vec<u8>,
    template: Template<'a>,
    data: Vec<u8>,
    /// More blanks than fields: which of them belong to the name is a guess.
    is_ambiguous: bool,
}

impl<'a> Line<'a> {
    /// With so many empty fields at the end whose blanks were stripped.
    fn parse(line: &'a [u8], stripped: usize) -> Result<Self, ErrorKind> {
        let wrong = |wrong| ErrorKind::Line { wrong };
        let mut parts = line.trim_ascii_start().splitn(4, |byte| *byte == b' ');
        let mut part = |what| parts.next().ok_or(ErrorKind::Line { wrong: what });
        let pcr = decimal(part("PCR")?).and_then(|pcr| u32::try_from(pcr).ok()).ok_or(wrong("PCR"))?;
        if pcr >= PCRS {
            return Err(ErrorKind::PcrInvalid { pcr });
        }
        let hash = hex::decode(part("template digest")?).map_err(|_| wrong("template digest"))?;
        if !matches!(hash.len(), 20 | 32 | 48 | 64) {
            return Err(wrong("template digest"));
        }
        let template = Template::new(part("template name")?);
        if template.name.is_empty() || !template.name.iter().all(u8::is_ascii_graphic) {
            return Err(wrong("template name"));
        }
        let fields = template.fields().ok_or(ErrorKind::TemplateUnknown)?;
        let text = part("fields")?;
        // Only what stands behind the name: a name's own blanks at the end of a line are not guessed.
        let behind = fields
            .clone()
            .fold(0_usize, |count, field| if is_text(field) { 0 } else { count.saturating_add(1) });
        if stripped > behind {
            return Err(wrong("fields"));
        }
        let text = if stripped > 0 {
            Cow::Owned([text, &vec![b' '; stripped]].concat())
        } else {
            Cow::Borrowed(text)
        };
        let (data, is_ambiguous) = data(template, fields, &text).ok_or(wrong("fields"))?;
        Ok(Self { pcr, hash, template, data, is_ambiguous })
    }

    fn entry(&self) -> Entry<'_> {
        let Self { pcr, hash, template, data, .. } = self;
        Entry { index: 0, offset: 0, pcr: *pcr, template_hash: hash, template: *template, data }
    }

    fn is_violation(&self) -> bool {
        self.entry().is_violation()
    }

    /// Whether the digest is that of the data, or the entry a violation.
    fn fits(&self) -> bool {
        let algs: &[HashAlg] = match self.hash.len() {
            32 => &[HashAlg::Sha256, HashAlg::Sm3_256],
            48 => &[HashAlg::Sha384],
            64 => &[HashAlg::Sha512],
            _ => &[HashAlg::Sha1],
        };
        let entry = self.entry();
        entry.is_violation() || algs.iter().any(|alg| entry.template_digest(*alg).as_bytes() == self.hash)
    }
}

/// The template data that the text of the fields stands for, and whether there were more blanks than fields.
fn data(
    template: Template<'_>,
    fields: impl Iterator<Item = Field> + Clone,
    text: &[u8],
) -> Option<(Vec<u8>, bool)> {
    let wanted = fields.clone().count();
    let blanks = text.iter().filter(|byte| **byte == b' ').count();
    let spare = blanks.saturating_add(1).checked_sub(wanted)?;
    let mut tokens = text.split(|byte| *byte == b' ');
    // Spare blanks go to the first text, the file's name.
    let mut spare_left = spare;
    let mut out = Vec::new();
    let mut start = 0_usize;
    for field in fields {
        let mut len = tokens.next()?.len();
        if is_text(field) {
            for _ in 0..core::mem::take(&mut spare_left) {
                len = len.saturating_add(1).saturating_add(tokens.next()?.len());
            }
        }
        let token = text.get(start..start.saturating_add(len))?;
        start = start.saturating_add(len).saturating_add(1);
        push(&mut out, template, field, token)?;
    }
    (spare_left == 0).then_some((out, spare > 0))
}

/// One field in binary.
fn push(out: &mut Vec<u8>, template: Template<'_>, field: Field, token: &[u8]) -> Option<()> {
    match field {
        Field::D if template.is_ima() => {
            let digest = hex::decode(token).ok().filter(|digest| digest.len() == super::entry::IMA_DIGEST)?;
            out.extend(digest);
            Some(())
        }
        Field::D | Field::Hex(_) => push_field(out, &hex::decode(token).ok()?),
        Field::DNg(_) | Field::DNgV2 if token.is_empty() => push_field(out, &[]),
        Field::DNg(_) | Field::DNgV2 => {
            let colon = token.iter().rposition(|byte| *byte == b':')?;
            let (names, digest) = token.split_at_checked(colon)?;
            let digest = hex::decode(digest.get(1..)?).ok()?;
            push_field(out, &[names, b":\0", &digest].concat())
        }
        // The `ima` template keeps no NUL, and its name must fit the buffer that is hashed.
        Field::Text(_) if template.is_ima() => {
            (token.len() < super::entry::IMA_NAME_BUFFER).then_some(())?;
            push_field(out, token)
        }
        Field::Text(_) => push_field(out, &[token, &[0]].concat()),
        Field::Uint(_) if token.is_empty() => push_field(out, &[]),
        Field::Uint(size) => {
            let value = decimal(token)?.to_le_bytes();
            let (value, rest) = value.split_at_checked(size.into())?;
            rest.iter().all(|byte| *byte == 0).then_some(())?;
            push_field(out, value)
        }
    }
}

fn decimal(text: &[u8]) -> Option<u64> {
    let is_number = text.iter().all(u8::is_ascii_digit);
    core::str::from_utf8(text).ok().filter(|_| is_number)?.parse().ok()
}
