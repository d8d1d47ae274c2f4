//! An event log extended into PCRs, as the firmware extended the TPM.
//!
//! The values are a claim until a quote has the same ones. Equal values prove the sequence of digests in each PCR,
//! and nothing else: not the types, not the order across PCRs, and event data only where a digest covers it.

use crate::digest::{Digest, HashAlg};
use crate::evidence::tcg_log::{Event, EventLog, PCRS};

const PCRS_USIZE: usize = 24;

/// The PCR values that a log leads to, in every bank, and which events extended each PCR.
#[derive(Clone, Debug)]
pub struct Replay<'a, 'l> {
    log: &'l EventLog<'a>,
    banks: Vec<Bank>,
    stories: Stories,
}

/// Which events of a log extended each PCR.
#[derive(Clone, Debug, Default)]
pub struct Stories {
    /// Positions of extending events, those of PCR 0 first.
    extends: Vec<u32>,
    /// Where the positions of each PCR begin in `extends`, and after the last where they end.
    bounds: [usize; PCRS_USIZE + 1],
}

impl Stories {
    /// The positions in [`EventLog::events`] of the events that extended this PCR, in order.
    #[must_use]
    pub fn of(&self, pcr: u32) -> &[u32] {
        let Ok(at) = usize::try_from(pcr) else { return &[] };
        let bounds = self.bounds.get(at).zip(self.bounds.get(at.saturating_add(1)));
        bounds.and_then(|(from, to)| self.extends.get(*from..*to)).unwrap_or_default()
    }
}

#[derive(Clone, Debug)]
struct Bank {
    alg: HashAlg,
    pcrs: [Pcr; PCRS_USIZE],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pcr {
    /// No event extended it.
    Reset,
    Extended(Digest),
    /// An event that extends it has no digest in this bank.
    Unknown,
}

impl<'a, 'l> Replay<'a, 'l> {
    /// Extends every event that the firmware extended, in every bank of the log.
    #[must_use]
    pub fn new(log: &'l EventLog<'a>) -> Self {
        Self::in_banks(log, |_| true)
    }

    /// The same in the log's banks that are `wanted`: each bank costs its own hashing.
    #[must_use]
    pub fn in_banks(log: &'l EventLog<'a>, wanted: impl Fn(HashAlg) -> bool) -> Self {
        let stories = stories(log);
        let banks = log
            .banks()
            .iter()
            .filter(|alg| wanted(**alg))
            .map(|alg| Bank { alg: *alg, pcrs: [Pcr::Reset; PCRS_USIZE] });
        let mut replay = Self { log, banks: banks.collect(), stories };
        let mut banks = core::mem::take(&mut replay.banks);
        for bank in &mut banks {
            for (pcr, slot) in (0..PCRS).zip(&mut bank.pcrs) {
                *slot = replay.run(bank.alg, pcr);
            }
        }
        replay.banks = banks;
        replay
    }

    fn run(&self, alg: HashAlg, pcr: u32) -> Pcr {
        let start = reset_value(alg, pcr, self.log.startup_locality());
        if self.positions(pcr).is_empty() {
            return Pcr::Reset;
        }
        let mut value = start;
        for event in self.extends(pcr) {
            let Some(digest) = event.digest(alg) else { return Pcr::Unknown };
            value.extend_by(digest);
        }
        Pcr::Extended(value)
    }

    /// The log that was replayed.
    #[must_use]
    pub const fn log(&self) -> &'l EventLog<'a> {
        self.log
    }

    /// The banks replayed, in the order of the log's header.
    pub fn banks(&self) -> impl Iterator<Item = HashAlg> + '_ {
        self.banks.iter().map(|bank| bank.alg)
    }

    /// The value of a PCR that at least one event extended; `None` also where one of them has no digest in this bank.
    #[must_use]
    pub fn value(&self, alg: HashAlg, pcr: u32) -> Option<Digest> {
        match self.slot(alg, pcr)? {
            Pcr::Extended(value) => Some(value),
            Pcr::Reset | Pcr::Unknown => None,
        }
    }

    /// Whether an event that extends this PCR has no digest in this bank, so that it cannot be judged in it.
    #[must_use]
    pub fn is_unjudgeable(&self, alg: HashAlg, pcr: u32) -> bool {
        self.slot(alg, pcr).is_none_or(|slot| slot == Pcr::Unknown)
    }

    /// The value of a PCR before the first event: zeros, or all ones for the DRTM PCRs, or PCR 0's startup locality.
    #[must_use]
    pub fn reset_value(&self, alg: HashAlg, pcr: u32) -> Digest {
        reset_value(alg, pcr, self.log.startup_locality())
    }

    /// Every PCR that has a value in this bank, ascending.
    pub fn values(&self, alg: HashAlg) -> impl Iterator<Item = (u32, Digest)> + '_ {
        (0..PCRS).filter_map(move |pcr| Some((pcr, self.value(alg, pcr)?)))
    }

    /// The PCRs that at least one event extended, ascending.
    pub fn extended_pcrs(&self) -> impl Iterator<Item = u32> + '_ {
        (0..PCRS).filter(|pcr| !self.positions(*pcr).is_empty())
    }

    /// The positions in [`EventLog::events`] of the events that extended this PCR, in order.
    #[must_use]
    pub fn positions(&self, pcr: u32) -> &[u32] {
        self.stories.of(pcr)
    }

    /// The events that extended this PCR, in order: its whole story as far as the log tells it.
    pub fn extends(&self, pcr: u32) -> impl Iterator<Item = &'l Event<'a>> + '_ {
        let events = self.log.events();
        self.positions(pcr).iter().filter_map(|at| events.get(usize::try_from(*at).ok()?))
    }

    /// What is left of it when the log is judged: which events extended which PCR.
    #[must_use]
    pub fn into_stories(self) -> Stories {
        self.stories
    }

    fn slot(&self, alg: HashAlg, pcr: u32) -> Option<Pcr> {
        let bank = self.banks.iter().find(|bank| bank.alg == alg)?;
        bank.pcrs.get(usize::try_from(pcr).ok()?).copied()
    }
}

/// The value of a PCR after TPM2_Startup (TCG PC Client Platform TPM Profile, PCR attributes; TPM 2.0 Part 3,
/// TPM2_Startup: PCR 0 starts with the locality of the startup in its last byte).
#[must_use]
pub fn reset_value(alg: HashAlg, pcr: u32, startup_locality: Option<u8>) -> Digest {
    match pcr {
        0 => {
            let mut bytes = [0; 64];
            let bytes = bytes.get_mut(..alg.size()).unwrap_or_default();
            if let Some(last) = bytes.last_mut() {
                *last = startup_locality.unwrap_or_default();
            }
            Digest::new(alg, bytes).unwrap_or(Digest::zero(alg))
        }
        17..=22 => Digest::ones(alg),
        _ => Digest::zero(alg),
    }
}

/// A counting sort of the extending events by PCR.
fn stories(log: &EventLog<'_>) -> Stories {
    let extending = || {
        let events = log.events().iter().filter(|event| event.is_extended());
        events.filter_map(|event| Some((usize::try_from(event.pcr).ok()?, event.index)))
    };
    let mut bounds = [0_usize; PCRS_USIZE + 1];
    for (pcr, _) in extending() {
        if let Some(count) = bounds.get_mut(pcr.saturating_add(1)) {
            *count = count.saturating_add(1);
        }
    }
    let mut sum = 0_usize;
    for bound in &mut bounds {
        sum = sum.saturating_add(*bound);
        *bound = sum;
    }
    let mut next = bounds;
    let mut positions = vec![0; sum];
    for (pcr, index) in extending() {
        let Some(place) = next.get_mut(pcr) else { continue };
        if let Some(slot) = positions.get_mut(*place) {
            *slot = index;
        }
        *place = place.saturating_add(1);
    }
    Stories { extends: positions, bounds }
}
