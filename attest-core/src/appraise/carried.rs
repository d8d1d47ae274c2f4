//! Findings about entries that were judged before: a verdict on the rest of a list says them again.

use serde_json::Value;

use super::finding::{Cause, Code, Part, Reason, Severity};
use crate::authenticate::file_signature::CODES;

/// More findings than these are not kept: the whole list is judged again.
const MOST: usize = 64;

/// The findings as they are kept in a checkpoint; fewer than there are where they are too many.
pub(super) fn kept(reasons: &[Reason]) -> Vec<Value> {
    if reasons.len() > MOST {
        return Vec::new();
    }
    reasons.iter().filter_map(|reason| serde_json::to_value(reason).ok()).collect()
}

/// A kept finding; `None` if it is none, or one that refuses.
pub(super) fn carried(value: &Value) -> Option<Reason> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let number = |name: &str| match value.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(number) => Some(Some(u32::try_from(number.as_u64()?).ok()?)),
    };
    let named = |name: &str| text(name).map(ToOwned::to_owned);
    let code = *Code::ALL.iter().find(|code| Some(code.as_str()) == text("code"))?;
    let severity = [Severity::Info, Severity::Warn];
    let severity = severity.into_iter().find(|severity| Some(severity.name()) == text("severity"))?;
    let expected = value.get("expected")?.as_array()?.iter().map(|text| Some(text.as_str()?.to_owned()));
    Some(Reason {
        detail_code: match text("detail_code") {
            None => None,
            Some(told) => Some(CODES.iter().find(|code| **code == told)?),
        },
        component: named("component"),
        pcr: number("pcr")?,
        event: number("event")?,
        expected: expected.collect::<Option<_>>()?,
        got: named("got"),
        cause: match text("cause") {
            None => None,
            Some(told) => Some(*Cause::ALL.iter().find(|cause| cause.as_str() == told)?),
        },
        ..Reason::new(code, severity, Part::Runtime, text("explain")?)
    })
}

#[cfg(test)]
mod tests;
