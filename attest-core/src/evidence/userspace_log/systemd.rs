//! systemd's own log: JSON texts, each between a record separator and a line feed (RFC 7464).

use super::{Error, ErrorKind, Record};
use crate::Limits;
use crate::evidence::cel;

/// Stands before every JSON text (RFC 7464, section 2.2).
pub(super) const RECORD_SEPARATOR: u8 = 0x1e;

pub(super) fn parse(bytes: &[u8], limits: &Limits) -> Result<Vec<Record>, Error> {
    cel::check_length(bytes, limits)?;
    let mut records = Vec::new();
    let mut offset = 0_usize;
    // What stands before the first separator is nothing: the format is known by it.
    for text in bytes.split(|byte| *byte == RECORD_SEPARATOR).skip(1) {
        offset = offset.saturating_add(1);
        let index = cel::next_index(&records, offset, limits)?;
        // A writer that died leaves a text without its closing brace, or nothing behind the separator.
        if text.trim_ascii_end().last() != Some(&b'}') {
            return Err(ErrorKind::RecordCutShort.at(offset, index));
        }
        records.push(cel::json_record(text, offset, index, limits)?);
        offset = offset.saturating_add(text.len());
    }
    Ok(records)
}
