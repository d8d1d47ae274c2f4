//! The log of releases and the mailbox before it: what people, builders' programs and the signer hand in is held against the policy, written down
//! once, and witnessed.
//!
//! | module | what |
//! |---|---|
//! | `role` | who calls, and what that identity is named for in the policy |
//! | `ask` `admit` | what is handed in, and whether it would count |
//! | `state` `words` | what the log says so far, for answers; who said what about a request |
//! | `keeper` | the one thread that writes |
//! | `denials` | how much of what is turned away becomes a leaf |
//! | `cosign` | asking witnesses, and publishing what enough of them signed |
//! | `clocks` | what time it is by them: nothing is written while the own clock is off |
//!
//! No authority is made here. Whatever is let through is judged again by whoever verifies: with all keys of this server nobody makes a golden
//! value trusted. What is turned away here would not have counted, and so only keeps the log small and the reasons near.

mod admit;
mod ask;
mod clocks;
mod cosign;
mod denials;
mod keeper;
mod open;
mod role;
mod state;
#[cfg(test)]
mod tests;
mod words;

use std::sync::{Arc, Mutex, RwLock};

use attest_core::Timestamp;
use attest_core::audit::checkpoint::SignedCheckpoint;
use attest_core::release::view;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

pub(crate) use ask::Ask;
pub use open::Error;
pub(crate) use open::{Tasks, open};
pub(crate) use role::{Call, Who};
pub(crate) use state::{Known, State, Told};

use crate::clock;
use crate::log::{Files, Published};
use clocks::Clocks;
use denials::Denials;
use keeper::Job;
use role::Roles;

/// The authority as the services know it.
pub(crate) struct Authority {
    jobs: mpsc::Sender<Job>,
    /// Bytes that wait to be written.
    budget: Arc<Semaphore>,
    state: Arc<RwLock<State>>,
    roles: watch::Receiver<Arc<Roles>>,
    denials: Arc<Mutex<Denials>>,
    clocks: Arc<Clocks>,
    files: Files,
    /// The log's own newest checkpoint: how far the log is written.
    written: watch::Receiver<SignedCheckpoint>,
    published: watch::Receiver<Option<Published>>,
    set_back: watch::Receiver<Option<SetBack>>,
    watchers: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

/// The log is shorter than its witnesses know it: somebody put an older copy in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SetBack {
    /// How many leaves the witnesses have signed, at the least.
    pub(crate) last: u64,
    /// How many there are.
    pub(crate) size: u64,
}

/// Where something is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) place: view::Place,
    /// Whether it stood there before.
    pub(crate) already: bool,
}

/// Why something is not written down as what it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub(crate) struct Denied {
    pub(crate) code: &'static str,
    pub(crate) detail: String,
    pub(crate) fault: Fault,
}

/// Whose turn it is after something was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The log cannot be written.
    Log,
    /// What was handed in is malformed.
    Malformed,
    /// It does not count now.
    NotNow,
    /// As much waits as may.
    Overloaded,
    /// The caller may not.
    Role,
    /// It names what is not there.
    Unknown,
}

impl Denied {
    pub(crate) fn new(fault: Fault, code: &'static str, detail: impl ToString) -> Self {
        Self { code, detail: detail.to_string(), fault }
    }

    pub(crate) fn log_failed() -> Self {
        Self::new(Fault::Log, "log_failed", "the log cannot be written now; nothing was recorded")
    }
}

impl Authority {
    /// Hands something in. When this returns, it stands in the log, or does not.
    pub(crate) async fn hand_in(&self, who: Who, ask: Ask) -> Result<Recorded, Denied> {
        let (reply, answer) = oneshot::channel();
        let job = self.job(who, ask, reply)?;
        self.clocks.first_answer().await;
        self.jobs.try_send(job).map_err(|_| overloaded())?;
        answer.await.map_err(|_| Denied::log_failed())?
    }

    /// Whoever may not hand it in takes no room of those who may. That is written down of somebody whom the policy names, for as often as may be:
    /// with any certificate of the authority's anybody else could fill the log.
    fn job(
        &self,
        who: Who,
        ask: Ask,
        reply: oneshot::Sender<Result<Recorded, Denied>>,
    ) -> Result<Job, Denied> {
        if let Err(denied) = self.check(&who, ask.call()) {
            tracing::info!(?who, call = ?ask.call(), code = denied.code, "turned away");
            if denied.code == role::UNKNOWN || !denials::take(&self.denials, &who, clock::now()) {
                return Err(denied);
            }
            return Ok(Job::Denied { object: ask.subject(), denied, reply });
        }
        let bytes = u32::try_from(ask.len()).map_err(|_| overloaded())?;
        let weight = Arc::clone(&self.budget).try_acquire_many_owned(bytes).map_err(|_| overloaded())?;
        Ok(Job::Ask { who, ask, reply, _weight: weight })
    }

    /// Asks what the log says, away from the network threads: the keeper holds it while it writes.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Option<T> {
        let state = Arc::clone(&self.state);
        let asked = tokio::task::spawn_blocking(move || state.read().ok().map(|state| question(&state)));
        asked.await.ok().flatten()
    }

    /// Whether whoever calls may do this.
    pub(crate) fn check(&self, who: &Who, call: Call) -> Result<(), Denied> {
        let roles = Arc::clone(&self.roles.borrow());
        role::check(who, call, &roles)
    }

    pub(crate) const fn files(&self) -> &Files {
        &self.files
    }

    pub(crate) fn published(&self) -> watch::Receiver<Option<Published>> {
        self.published.clone()
    }

    /// Whether the log was set back, as its witnesses say.
    pub(crate) fn set_back(&self) -> watch::Receiver<Option<SetBack>> {
        self.set_back.clone()
    }

    pub(crate) fn written(&self) -> watch::Receiver<SignedCheckpoint> {
        self.written.clone()
    }

    pub(crate) fn stop(&self) -> watch::Receiver<bool> {
        self.stop.clone()
    }

    pub(crate) const fn watchers(&self) -> &Arc<Semaphore> {
        &self.watchers
    }
}

fn overloaded() -> Denied {
    Denied::new(Fault::Overloaded, "overloaded", "too much waits to be written")
}

/// A time that never goes back.
fn not_before(now: Timestamp, last: Timestamp) -> Timestamp {
    now.max(last)
}
