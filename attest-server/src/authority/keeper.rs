//! The one thread that writes: what is handed in while it waits for the disk is written together.

use std::sync::{Arc, Mutex, RwLock};

use attest_core::Limits;
use attest_core::audit::checkpoint::SignedCheckpoint;
use attest_core::release::leaf::{Event, Leaf};
use attest_core::release::object;
use attest_core::release::view::Place;
use attest_core::release::{Name, ObjectId};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

use super::admit::{Admission, Admitted};
use super::clocks::Clocks;
use super::denials::{self, Denials};
use super::role::Roles;
use super::{Ask, Denied, Fault, Recorded, State, Who, not_before, role, state};
use crate::clock;
use crate::log::{Files, Published, Writer};

/// Jobs that are written together at the most.
const BATCH: usize = 128;

/// What the keeper does.
pub(super) enum Job {
    /// Something is handed in.
    Ask {
        who: Who,
        ask: Ask,
        reply: oneshot::Sender<Result<Recorded, Denied>>,
        _weight: OwnedSemaphorePermit,
    },
    /// Somebody whom the policy names may not hand this in.
    Denied { object: ObjectId, denied: Denied, reply: oneshot::Sender<Result<Recorded, Denied>> },
    /// Enough witnesses signed.
    Publish { note: String },
    /// The server stops.
    Stop,
}

/// Everything that writes.
pub(super) struct Keeper {
    pub(super) writer: Writer,
    pub(super) state: Arc<RwLock<State>>,
    pub(super) clocks: Arc<Clocks>,
    pub(super) files: Files,
    pub(super) denials: Arc<Mutex<Denials>>,
    pub(super) signer_name: Option<Name>,
    /// By the log as it is in memory.
    pub(super) roles: Roles,
    /// By the log as it is on the disk.
    pub(super) written_roles: watch::Sender<Arc<Roles>>,
    pub(super) written: watch::Sender<SignedCheckpoint>,
    pub(super) published: watch::Sender<Option<Published>>,
    /// Memory and disk differ, and only a new start brings them together.
    pub(super) broken: bool,
}

/// An answer that is given once everything is on the disk.
type Answer =
    (oneshot::Sender<Result<Recorded, Denied>>, Result<Recorded, Denied>, Option<OwnedSemaphorePermit>);

impl Keeper {
    /// Until nobody can hand in anything more.
    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(first) = jobs.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH
                && let Ok(job) = jobs.try_recv()
            {
                batch.push(job);
            }
            if self.batch(batch) {
                return;
            }
        }
    }

    /// True if this was the last one.
    fn batch(&mut self, batch: Vec<Job>) -> bool {
        let mut answers: Vec<Answer> = Vec::new();
        let shared = Arc::clone(&self.state);
        // Readers wait meanwhile: what is not on the disk is told to nobody.
        let mut state = shared.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let first = state.entries().len();
        let (mut failed, mut stop) = (self.broken, false);
        for job in batch {
            match job {
                Job::Stop => stop = true,
                Job::Publish { note } => self.publish(&note),
                Job::Ask { reply, .. } | Job::Denied { reply, .. } if failed => {
                    answers.push((reply, Err(Denied::log_failed()), None));
                }
                Job::Denied { object, denied, reply } => {
                    if let Err(error) = self.deny(&mut state, object, &denied) {
                        tracing::error!(%error, "what was turned away cannot be written");
                        failed = true;
                    }
                    answers.push((reply, Err(denied), None));
                }
                Job::Ask { who, ask, reply, _weight } => {
                    let answer = self.weigh(&mut state, &who, &ask).unwrap_or_else(|error| {
                        tracing::error!(%error, "what was handed in cannot be written");
                        failed = true;
                        Err(Denied::log_failed())
                    });
                    answers.push((reply, answer, Some(_weight)));
                }
            }
        }
        let entries = state.entries().get(first..).unwrap_or_default().to_vec();
        if failed || !self.append(&entries, first) {
            self.set_back(&mut state, first);
            for answer in &mut answers {
                answer.1 = Err(Denied::log_failed());
            }
        }
        // While nobody reads: what the policy that is followed says is told to those alone whom it names.
        if !self.written_roles.borrow().is_of(&state) {
            self.written_roles.send_replace(Arc::new(Roles::of(&state, self.signer_name.clone())));
        }
        drop(state);
        if !entries.is_empty() {
            self.written.send_replace(self.writer.signed().clone());
        }
        for (reply, answer, _) in answers {
            // Whoever asked may be gone; it stands in the log all the same.
            let _ = reply.send(answer);
        }
        stop
    }

    /// Whether the leaves are on the disk, in the places that they have in memory.
    fn append(&mut self, entries: &[Vec<u8>], first: usize) -> bool {
        match self.writer.append(entries) {
            Ok(index) if usize::try_from(index) == Ok(first) => true,
            Ok(index) => {
                tracing::error!(index, first, "the log has other leaves than this server knows");
                self.broken = true;
                false
            }
            Err(error) => {
                tracing::error!(%error, code = error.code(), "the log cannot be written");
                false
            }
        }
    }

    /// What was not written was not said.
    fn set_back(&mut self, state: &mut State, leaves: usize) {
        let mut before = State::new(state.ledger().authority(), self.files.clone());
        let entries = state.entries().get(..leaves).unwrap_or_default();
        match entries.iter().try_for_each(|entry| before.apply(entry)) {
            Ok(()) => *state = before,
            Err(error) => {
                tracing::error!(%error, "the log cannot be read back");
                self.broken = true;
            }
        }
    }

    fn publish(&mut self, note: &str) {
        if let Err(error) = self.writer.publish(note) {
            tracing::error!(%error, code = error.code(), "a checkpoint cannot be published");
            return;
        }
        if let Ok(signed) =
            SignedCheckpoint::verify(note.as_bytes(), self.writer.identity(), &Limits::DEFAULT)
        {
            let head = *signed.head();
            self.published.send_replace(Some(Published { note: note.into(), head }));
        }
    }

    /// Judges one, and makes its leaf.
    fn weigh(
        &mut self,
        state: &mut State,
        who: &Who,
        ask: &Ask,
    ) -> Result<Result<Recorded, Denied>, state::Error> {
        let now = clock::now();
        let at = not_before(now, state.ledger().last_at());
        let leaf =
            |event: &Event| object::write(&Leaf::new(at, event.clone())).map_err(|_| Denied::log_failed());
        // The leaf before this one may have changed who may do what since it came in.
        self.roles.follow(state);
        let admission = Admission { state, log: self.writer.identity(), now, at, leaf: &leaf };
        let signer = self.signer_name.as_ref();
        let admitted = role::check(who, ask.call(), &self.roles)
            .and_then(|()| role::check_family(who, ask, state, signer))
            .and_then(|()| admission.admit(ask));
        let admitted = match admitted {
            Ok(Admitted::Already(place)) => return Ok(Ok(Recorded { place, already: true })),
            Ok(Admitted::New { event, objects }) => Ok((event, objects)),
            Err(denied) => Err(denied),
        };
        // By a right clock what is turned away may count, and what counts may not.
        if let Err(off) = self.clocks.check(now, at) {
            return Ok(Err(Denied::new(Fault::Log, off.code(), off)));
        }
        match admitted {
            Ok((event, objects)) => {
                for object in &objects {
                    self.writer.keep(object)?;
                }
                match leaf(&event) {
                    Ok(entry) => Ok(Ok(Recorded { place: write(state, &entry, at)?, already: false })),
                    Err(denied) => Ok(Err(denied)),
                }
            }
            Err(denied) => {
                tracing::info!(?who, call = ?ask.call(), code = denied.code, "turned away");
                let has_one = || denials::take(&self.denials, who, now);
                write_down(state, ask.subject(), &denied, has_one)?;
                Ok(Err(denied))
            }
        }
    }

    /// The same for what was turned away before anybody looked at it.
    fn deny(&self, state: &mut State, object: ObjectId, denied: &Denied) -> Result<(), state::Error> {
        let now = clock::now();
        match self.clocks.check(now, not_before(now, state.ledger().last_at())) {
            Ok(()) => write_down(state, object, denied, || true),
            Err(_) => Ok(()),
        }
    }
}

/// A leaf about what was turned away, if there is none yet and the caller has one left.
fn write_down(
    state: &mut State,
    object: ObjectId,
    denied: &Denied,
    has_one: impl FnOnce() -> bool,
) -> Result<(), state::Error> {
    let Ok(because) = Name::try_from(denied.code) else { return Ok(()) };
    if denied.fault == Fault::Log || state.is_denied(object, &because) || !has_one() {
        return Ok(());
    }
    let at = not_before(clock::now(), state.ledger().last_at());
    match object::write(&Leaf::new(at, Event::Denied { object, because })) {
        Ok(entry) => write(state, &entry, at).map(|_| ()),
        Err(_) => Ok(()),
    }
}

/// The next leaf, in memory.
fn write(state: &mut State, entry: &[u8], at: attest_core::Timestamp) -> Result<Place, state::Error> {
    let index = state.ledger().size();
    state.apply(entry)?;
    Ok(Place { index, at })
}
