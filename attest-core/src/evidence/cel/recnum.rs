//! The numbers of records: no gap, no repetition, one way of counting.

use std::collections::BTreeMap;

use super::error::{Error, ErrorKind};
use super::record::Record;

/// Refuses a log whose numbers go on neither within each register (section 4.2.2) nor over the whole log, both from 0.
pub(super) fn checked(records: Vec<Record>) -> Result<Vec<Record>, Error> {
    let mut next = BTreeMap::new();
    let (mut by_register, mut by_log) = (true, true);
    for (at, record) in records.iter().enumerate() {
        let Some(got) = record.recnum else {
            return Err(ErrorKind::FieldMissing { field: "recnum" }.at(record.offset, record.index));
        };
        let expected: &mut u64 = next.entry(record.register).or_insert(0);
        by_register &= got == *expected;
        by_log &= usize::try_from(got) == Ok(at);
        if !by_register && !by_log {
            return Err(ErrorKind::RecnumGap { got, expected: *expected }.at(record.offset, record.index));
        }
        *expected = expected.saturating_add(1);
    }
    Ok(records)
}
