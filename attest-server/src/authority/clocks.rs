//! What time it is by the witnesses, and whether this server's own clock is near it.
//!
//! A leaf whose time is ahead keeps everybody from a view of the log until that time has come; one that is behind what witnesses signed before is
//! refused for good by whoever saw that. So nothing is written while the clock is off by more than half of what is borne with.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use attest_core::Timestamp;
use attest_core::audit::witness::WitnessedCheckpoint;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};
use tonic_health::{ServingStatus, server::HealthReporter};

use super::Authority;
use crate::clock;

/// How far the clock may be off, in seconds. Verifiers bear with 600; the other half is for witnesses that answer slowly.
const MOST: u64 = 300;
/// How often the clock is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Between two questions to the witnesses while the clock is off.
const ASK_AGAIN: Duration = Duration::from_secs(3);
/// What is wrong for long is said again.
const SAY_AGAIN: Duration = Duration::from_secs(60);
/// How long what is handed in waits for the first answer of the witnesses.
const FIRST_ANSWER: Duration = Duration::from_secs(3);
/// In the health service.
const SERVICE: &str = "attest.authority";

/// How the clock is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Off {
    /// Or the last leaf is, behind which nothing is earlier.
    #[error(
        "nothing is written: the next leaf would say {at}, {seconds} s ahead of the witnesses' time; this server's clock, or theirs, is to be set right",
        at = .at.utc()
    )]
    Ahead { at: Timestamp, seconds: u64 },
    #[error(
        "nothing is written: this server's clock shows {now}, {seconds} s behind the witnesses' time; it, or theirs, is to be set right",
        now = .now.utc()
    )]
    Behind { now: Timestamp, seconds: u64 },
}

impl Off {
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::Ahead { .. } => "log_clock_ahead",
            Self::Behind { .. } => "log_clock_behind",
        }
    }
}

/// What a quorum of witnesses said.
#[derive(Clone, Copy, Debug)]
struct Heard {
    time: Timestamp,
    /// They said it after this.
    since: Instant,
    /// Of a checkpoint that was stored before the start only this is known: it is not earlier now.
    is_fresh: bool,
}

/// The own clock, and theirs.
#[derive(Debug)]
pub(super) struct Clocks {
    heard: Mutex<Option<Heard>>,
    /// Whether they were asked once, whatever came of it.
    were_asked: watch::Sender<bool>,
    doubt: Notify,
}

impl Clocks {
    /// With what they had signed before the start.
    pub(super) fn new(stored: Option<Timestamp>) -> Self {
        let heard = |time| Heard { time, since: Instant::now(), is_fresh: false };
        Self {
            heard: Mutex::new(stored.map(heard)),
            were_asked: watch::channel(false).0,
            doubt: Notify::new(),
        }
    }

    /// A quorum signed, and was asked at this time or later.
    pub(super) fn hear(&self, witnessed: &WitnessedCheckpoint, since: Instant) {
        let heard = Heard { time: witnessed.time(), since, is_fresh: true };
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(heard);
    }

    /// Every witness was asked.
    pub(super) fn asked(&self) {
        self.were_asked.send_replace(true);
    }

    /// Until every witness was asked once, but not for long: one that does not answer keeps nothing from being written.
    pub(super) async fn first_answer(&self) {
        let mut were_asked = self.were_asked.subscribe();
        let _ = timeout(FIRST_ANSWER, were_asked.wait_for(|were_asked| *were_asked)).await;
    }

    /// Until it is doubted which time it is.
    pub(super) async fn doubted(&self) {
        self.doubt.notified().await;
    }

    /// Whether a leaf of this time may be written now.
    pub(super) fn check(&self, now: Timestamp, at: Timestamp) -> Result<(), Off> {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.map_or(Ok(()), |heard| heard.check(now, at, heard.since.elapsed()))
    }
}

impl Heard {
    fn check(self, now: Timestamp, at: Timestamp, elapsed: Duration) -> Result<(), Off> {
        let theirs = self.time.plus(elapsed.as_secs());
        if now.plus(MOST) < theirs {
            return Err(Off::Behind { now, seconds: theirs.unix().saturating_sub(now.unix()) });
        }
        if self.is_fresh && at > theirs.plus(MOST) {
            return Err(Off::Ahead { at, seconds: at.unix().saturating_sub(theirs.unix()) });
        }
        Ok(())
    }
}

impl Authority {
    /// Tells people and the health service when the clock is off, and has the witnesses asked again, until the server stops.
    pub(crate) async fn watch_clock(&self, health: HealthReporter) {
        let mut stop = self.stop();
        let mut known: Option<(&'static str, Instant)> = None;
        let mut asked: Option<Instant> = None;
        loop {
            let last = self.ask(|state| state.ledger().last_at()).await;
            let now = clock::now();
            let off = self.clocks.check(now, last.map_or(now, |last| now.max(last))).err();
            let serving = if off.is_none() { ServingStatus::Serving } else { ServingStatus::NotServing };
            health.set_service_status(SERVICE, serving).await;
            match (off, known) {
                (Some(off), Some((code, since))) if code == off.code() && since.elapsed() < SAY_AGAIN => {}
                (Some(off), _) => {
                    tracing::error!(alert = off.code(), detail = %off, "the log takes nothing");
                    known = Some((off.code(), Instant::now()));
                }
                (None, Some((code, _))) => {
                    tracing::info!(over = code, "the log takes what is handed in again");
                    known = None;
                }
                (None, None) => {}
            }
            if off.is_some() && asked.is_none_or(|asked| asked.elapsed() >= ASK_AGAIN) {
                self.clocks.doubt.notify_one();
                asked = Some(Instant::now());
            }
            if timeout(LOOK, stop.wait_for(|stop| *stop)).await.is_ok() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 1_795_348_800;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix(NOON + seconds)
    }

    /// With what witnesses said an hour after noon, a minute ago.
    fn check(is_fresh: bool, now: u64, leaf: u64) -> Result<(), Off> {
        let heard = Heard { time: at(3_600), since: Instant::now(), is_fresh };
        heard.check(at(now), at(leaf), Duration::from_secs(60))
    }

    #[test]
    fn a67b_a_clock_may_be_off_by_five_minutes() {
        for now in [3_360, 3_660, 3_960] {
            assert_eq!(check(true, now, now), Ok(()), "{now}");
        }
        assert_eq!(check(true, 3_961, 3_961), Err(Off::Ahead { at: at(3_961), seconds: 301 }));
        assert_eq!(check(true, 3_359, 3_359), Err(Off::Behind { now: at(3_359), seconds: 301 }));
        // The clock was set right, and the last leaf is of before.
        assert_eq!(check(true, 3_660, 9_000), Err(Off::Ahead { at: at(9_000), seconds: 5_340 }));
        // The last leaf is right, and what is asked by the clock would not be.
        assert_eq!(check(true, 0, 3_600), Err(Off::Behind { now: at(0), seconds: 3_660 }));
    }

    #[test]
    fn a67b_what_was_stored_says_only_that_it_is_not_earlier() {
        assert_eq!(check(false, 1_000_000, 1_000_000), Ok(()));
        assert_eq!(check(false, 3_359, 3_359), Err(Off::Behind { now: at(3_359), seconds: 301 }));
        let clocks = Clocks::new(Some(at(3_600)));
        assert_eq!(clocks.check(at(0), at(0)), Err(Off::Behind { now: at(0), seconds: 3_600 }));
        assert_eq!(Clocks::new(None).check(at(0), at(0)), Ok(()));
    }

    #[test]
    fn what_is_said_names_both_times() {
        let off = check(true, 3_961, 3_961).unwrap_err();
        assert_eq!(off.code(), "log_clock_ahead");
        assert!(off.to_string().contains("2026-11-22T13:06:01Z, 301 s ahead"), "{off}");
        let off = check(true, 3_359, 3_359).unwrap_err();
        assert_eq!(off.code(), "log_clock_behind");
        assert!(off.to_string().contains("2026-11-22T12:55:59Z, 301 s behind"), "{off}");
    }
}
