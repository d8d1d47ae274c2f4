//! Which bytes of an event its digest covers, found by computing the digest again.

use std::sync::LazyLock;

use super::Variable;
use crate::digest::{Digest, HashAlg};
use crate::evidence::tcg_log::{Event, EventType};
use crate::evidence::text::Utf16;

/// What of an event's data is proven by its digest in one bank. The event type never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Authenticated {
    /// Nothing: the data is a hint of whoever wrote the log.
    No,
    /// A section's name in ASCII with a NUL, as systemd-stub measures it; the event shows it in UTF-16.
    SectionName,
    /// The text after GRUB's `grub_cmd: ` or `kernel_cmdline: `, without its NUL. The prefix is not.
    StringAfterPrefix,
    /// A UEFI variable whole, but not the last byte of the event, which lies behind it: shims before 15 hash one byte less than they log.
    Variable,
    /// The contents of a UEFI variable. Its name and vendor are not.
    VariableData,
    /// All of it.
    WholeData,
    /// All of it and one NUL more.
    WholeDataAndNul,
}

impl Authenticated {
    /// As JSON writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::SectionName => "section_name",
            Self::StringAfterPrefix => "string_after_prefix",
            Self::Variable => "variable",
            Self::VariableData => "variable_data",
            Self::WholeData | Self::WholeDataAndNul => "whole_data",
        }
    }

    /// Whether any of the data is proven.
    #[must_use]
    pub const fn is_some(self) -> bool {
        !matches!(self, Self::No)
    }
}

/// What of the event's data this bank's digest covers. EV_NO_ACTION is never covered: nothing was extended.
#[must_use]
pub fn authenticated(event: &Event<'_>, alg: HashAlg) -> Authenticated {
    let Some(digest) = event.digest(alg).filter(|_| event.event_type != EventType::NO_ACTION) else {
        return Authenticated::No;
    };
    let covers = |parts: &[&[u8]]| alg.hash(parts).as_bytes() == digest;
    let data = event.data;
    let text = Some(event.event_type).filter(|kind| *kind == EventType::IPL).and_then(|_| after_prefix(data));
    // Most text of a log is GRUB's, and what it extends most often is looked at first.
    if text.is_some_and(|text| covers(&[without_nul(text)])) {
        return Authenticated::StringAfterPrefix;
    }
    if covers(&[data]) {
        return Authenticated::WholeData;
    }
    if let Some(text) = text {
        // GRUB leaves the NUL out; releases before 2.04 hashed it.
        let is_old = text.ends_with(&[0]) && covers(&[text]);
        return if is_old { Authenticated::StringAfterPrefix } else { Authenticated::No };
    }
    match event.event_type {
        EventType::EFI_VARIABLE_BOOT | EventType::EFI_VARIABLE_BOOT2 => match Variable::parse(data) {
            Some(variable) if covers(&[variable.data]) => Authenticated::VariableData,
            _ => Authenticated::No,
        },
        EventType::EFI_VARIABLE_AUTHORITY => match (Variable::parse(data), data.split_last()) {
            (Some(variable), Some((_, head))) if !variable.trailing.is_empty() && covers(&[head]) => {
                Authenticated::Variable
            }
            _ => Authenticated::No,
        },
        EventType::IPL if covers(&[data, &[0]]) => Authenticated::WholeDataAndNul,
        EventType::IPL if section_name(data).is_some_and(|name| covers(&[&name, &[0]])) => {
            Authenticated::SectionName
        }
        _ => Authenticated::No,
    }
}

/// What every bank of the event that may judge proves: the least of them; SHA-1 speaks only where it is alone.
#[must_use]
pub fn authenticated_everywhere(event: &Event<'_>) -> Authenticated {
    least_of(event, event.digests().map(|(alg, _)| alg))
}

/// What every one of these banks proves that the event has a digest for and that may judge: the least of them. SHA-1 speaks only where no
/// other bank is given. A bank that was quoted and that the firmware does not log proves nothing and hides nothing.
#[must_use]
pub fn authenticated_in(event: &Event<'_>, banks: &[HashAlg]) -> Authenticated {
    least_of(event, banks.iter().copied())
}

fn least_of(event: &Event<'_>, banks: impl Iterator<Item = HashAlg> + Clone) -> Authenticated {
    let is_alone = banks.clone().all(|alg| alg.strength() == 0);
    let may_judge = |alg: &HashAlg| is_alone || alg.strength() > 0;
    let judging = banks.filter(may_judge).filter(|alg| event.digest(*alg).is_some());
    let mut results = judging.map(|alg| authenticated(event, alg));
    let first = results.next().unwrap_or(Authenticated::No);
    if results.all(|result| result == first) { first } else { Authenticated::No }
}

/// The one byte whose hash the digest is, if it is such: shim measures its switches by content, and the event names them.
#[must_use]
pub fn measured_byte(event: &Event<'_>, alg: HashAlg) -> Option<u8> {
    let digest = event.digest(alg)?;
    let (_, [off, on]) = BYTES.iter().find(|(of, _)| *of == alg)?;
    if off.as_bytes() == digest {
        return Some(0);
    }
    (on.as_bytes() == digest).then_some(1)
}

/// The digests of one byte, 0 or 1, in every bank there is: the same for every log, however many switches it tells of.
static BYTES: LazyLock<Vec<(HashAlg, [Digest; 2])>> = LazyLock::new(|| {
    HashAlg::ALL.into_iter().map(|alg| (alg, [0, 1].map(|byte| alg.hash(&[&[byte]])))).collect()
});

const PREFIXES: [&[u8]; 5] =
    [b"grub_cmd: ", b"kernel_cmdline: ", b"module_cmdline: ", b"grub_cmd ", b"grub_kernel_cmdline "];

/// What GRUB measured of a string event: all after the prefix.
pub(super) fn after_prefix(data: &[u8]) -> Option<&[u8]> {
    PREFIXES.into_iter().find_map(|prefix| data.strip_prefix(prefix))
}

fn without_nul(text: &[u8]) -> &[u8] {
    text.strip_suffix(&[0]).unwrap_or(text)
}

/// The ASCII form of a section's UTF-16 name; a PE section's name has at most 8 bytes.
fn section_name(data: &[u8]) -> Option<Vec<u8>> {
    let name = Utf16(data);
    let bytes: Option<Vec<u8>> = name.units().take(9).map(|unit| u8::try_from(unit).ok()).collect();
    bytes.filter(|bytes| name.is_terminated() && (1..=8).contains(&bytes.len()) && bytes.is_ascii())
}
