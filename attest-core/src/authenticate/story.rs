//! A PCR's story: what the firmware's log tells of it, then what one other log does. Nothing is searched for between the two.

use super::evidence::Outcome;
use super::pcrs::QuotedPcrs;
use super::replay::{Replay, reset_value};
use crate::digest::{Digest, HashAlg};
use crate::evidence::UserspaceLog;

/// The firmware's log, replayed, and the log of user space that goes on where it ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Logs<'s, 'a, 'l> {
    pub(super) firmware: Option<&'s Replay<'a, 'l>>,
    pub(super) userspace: Option<&'s UserspaceLog>,
}

/// Where a story leads.
enum End {
    Value(Digest),
    /// An extend has no digest in this bank.
    DigestMissing,
    /// No log tells of the PCR, or none of those that do knows the bank.
    Untold,
}

impl Logs<'_, '_, '_> {
    /// Whether the log of user space extends this PCR.
    pub(super) fn is_in_userspace(&self, pcr: u8) -> bool {
        self.userspace.is_some_and(|log| log.extends(pcr).next().is_some())
    }

    /// Whether any of them has an extend of this PCR.
    pub(super) fn tells_of(&self, pcr: u8) -> bool {
        self.firmware.is_some_and(|replay| !replay.positions(pcr.into()).is_empty())
            || self.is_in_userspace(pcr)
    }

    /// The value of a PCR before the first extend.
    pub(super) fn reset_value(&self, alg: HashAlg, pcr: u8) -> Digest {
        reset_value(alg, pcr.into(), self.firmware.and_then(|replay| replay.log().startup_locality()))
    }

    fn end(&self, alg: HashAlg, pcr: u8) -> End {
        let told = self.firmware.filter(|replay| !replay.positions(pcr.into()).is_empty());
        let firmware = match told.map(|replay| (replay, replay.value(alg, pcr.into()))) {
            None => None,
            Some((_, Some(value))) => Some(value),
            // The log names the bank, but an event lacks its digest; or the log knows nothing of the bank.
            Some((replay, None)) if replay.banks().any(|bank| bank == alg) => return End::DigestMissing,
            Some(_) if self.is_in_userspace(pcr) => return End::DigestMissing,
            Some(_) => return End::Untold,
        };
        let mut records = self.userspace.into_iter().flat_map(|log| log.extends(pcr)).peekable();
        if firmware.is_none() && records.peek().is_none() {
            return End::Untold;
        }
        let start = firmware.unwrap_or_else(|| self.reset_value(alg, pcr));
        let end =
            records.try_fold(start, |value, record| Some(value.extended(record.digest(alg)?.as_bytes())));
        end.map_or(End::DigestMissing, End::Value)
    }

    /// Each extend of a PCR that is told, in order; nothing where one has no digest in this bank.
    pub(super) fn steps(&self, alg: HashAlg, pcr: u8) -> Option<Vec<&[u8]>> {
        let firmware = self.firmware.into_iter().flat_map(|replay| replay.extends(pcr.into()));
        let records = self.userspace.into_iter().flat_map(|log| log.extends(pcr));
        let records = records.map(|record| Some(record.digest(alg)?.as_bytes()));
        firmware.map(|event| event.digest(alg)).chain(records).collect()
    }

    /// The value that the logs lead to; the reset value where they tell nothing.
    pub(super) fn value(&self, alg: HashAlg, pcr: u8) -> Digest {
        match self.end(alg, pcr) {
            End::Value(value) => value,
            End::DigestMissing | End::Untold => self.reset_value(alg, pcr),
        }
    }

    /// The value of a quoted PCR when the firmware handed over: where user space went on, and the whole story is proven, the value before.
    ///
    /// The kernel takes IMA's boot_aggregate then, and user space may extend those registers later (systemd's separator does).
    pub(super) fn at_handover(&self, pcrs: &QuotedPcrs, alg: HashAlg, pcr: u8) -> Option<Digest> {
        let quoted = pcrs.get(alg, pcr)?;
        if !self.is_in_userspace(pcr) || self.outcome(pcrs, alg, pcr) != Outcome::Match {
            return Some(quoted);
        }
        Some(Self { userspace: None, ..*self }.value(alg, pcr))
    }

    /// What the logs say about a quoted PCR.
    pub(super) fn outcome(&self, pcrs: &QuotedPcrs, alg: HashAlg, pcr: u8) -> Outcome {
        let quoted = pcrs.get(alg, pcr);
        match self.end(alg, pcr) {
            End::Value(value) if Some(value) == quoted => Outcome::Match,
            End::Value(replayed) => Outcome::Mismatch { replayed },
            End::DigestMissing => Outcome::DigestMissing,
            End::Untold if quoted == Some(self.reset_value(alg, pcr)) => Outcome::Reset,
            End::Untold => Outcome::NoEvents,
        }
    }
}
