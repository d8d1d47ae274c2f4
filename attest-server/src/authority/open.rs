//! From a configuration to an authority that takes what is handed in.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};
use std::thread;

use attest_core::audit::checkpoint::SignedCheckpoint;
use attest_core::audit::witness::WitnessedCheckpoint;
use attest_core::release::leaf::{Event, Leaf};
use attest_core::release::{Name, ObjectId, Policy, object, policy};
use attest_core::{Limits, Timestamp};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;

use super::clocks::Clocks;
use super::cosign::Cosigning;
use super::denials::Denials;
use super::keeper::{Job, Keeper};
use super::role::Roles;
use super::{Authority, State, state};
use crate::config::{self, Config};
use crate::fetch::{self, Fetcher};
use crate::log::{self, Files, KeyError, NoteKey, Published, Writer};
use crate::{clock, file};

/// What waits to be written at a time.
const JOBS: usize = 256;

/// Why this server keeps no log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The first policy's file is not the policy that is pinned.
    #[error("{0}: it is not the first policy that authority.policy_pin names")]
    FirstPolicy(PathBuf),
    /// A log is to be begun, and nobody says with which policy.
    #[error("the log has no leaf yet: authority.first_policy is needed to begin it")]
    FirstPolicyMissing,
    /// The first policy cannot be read.
    #[error("{0}: {1}")]
    FirstPolicyFile(PathBuf, io::Error),
    /// The log cannot be opened or written.
    #[error("log {0}")]
    Log(#[from] log::Error),
    /// The log's key.
    #[error("log key {0}")]
    Key(#[from] KeyError),
    /// The policy that is followed names another log.
    #[error("the policy that is followed names the log {named}, and this one is {own}")]
    OtherLog {
        /// Its verifier key.
        named: String,
        /// This log's.
        own: String,
    },
    /// The first policy cannot be followed.
    #[error("the first policy: {0}")]
    Policy(#[from] policy::Error),
    /// The log cannot be followed.
    #[error("the log: {0}")]
    State(#[from] state::Error),
    /// A setting that `check` did not let through.
    #[error("authority.{0} makes no sense")]
    Setting(&'static str),
    /// No thread can be started.
    #[error("the log's thread: {0}")]
    Thread(io::Error),
    /// The roots of witnesses.
    #[error("authority.witness_ca {0}")]
    WitnessRoots(String),
}

impl From<fetch::Error> for Error {
    fn from(error: fetch::Error) -> Self {
        Self::WitnessRoots(error.to_string())
    }
}

/// What runs until the server stops.
pub(crate) struct Tasks {
    jobs: mpsc::Sender<Job>,
    keeper: Option<thread::JoinHandle<()>>,
    cosigning: JoinHandle<()>,
}

impl Tasks {
    /// Ends the asking of witnesses, and waits until what was handed in is written and the log is let go.
    pub(crate) async fn end(mut self) {
        self.cosigning.abort();
        let _ = self.jobs.send(Job::Stop).await;
        let Some(keeper) = self.keeper.take() else { return };
        let joined = tokio::task::spawn_blocking(move || keeper.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("the log's thread ended with a panic");
        }
    }
}

/// Of a server that did not start: nothing of it goes on.
impl Drop for Tasks {
    fn drop(&mut self) {
        self.cosigning.abort();
        let _ = self.jobs.try_send(Job::Stop);
    }
}

/// Opens the log, or begins it with the pinned policy.
pub(crate) fn open(
    config: &Config,
    settings: &config::Authority,
    stop: watch::Receiver<bool>,
) -> Result<(Authority, Tasks), Error> {
    let limits = &Limits::DEFAULT;
    let folder = config.log_folder(settings);
    let pin = settings.pin().ok_or(Error::Setting("policy_pin"))?;
    let signer_name = settings.signer_name.as_deref().map(Name::try_from).transpose();
    let signer_name = signer_name.map_err(|_| Error::Setting("signer_name"))?;
    let key = NoteKey::open(&settings.log_key)?;
    let mut entries = Vec::new();
    let mut writer = Writer::open(&folder, key, limits, |_, entry| entries.push(entry.to_vec()))?;
    if entries.is_empty() {
        entries.push(begin(&mut writer, pin, settings.first_policy.as_deref())?);
    }
    let files = Files::new(&folder);
    let mut state = State::new(pin, files.clone());
    entries.iter().try_for_each(|entry| state.apply(entry))?;
    is_this_log(&state, &writer)?;
    tracing::info!(leaves = entries.len(), policy = ?state.policy().map(|policy| policy.id().to_string()), "log open");

    let published = read_published(&files, &writer)?;
    let stored = published.as_ref().and_then(|published| witnessed_at(&state, &writer, published));
    let clocks = Arc::new(Clocks::new(stored));
    let (written, on_written) = watch::channel(writer.signed().clone());
    let (published, on_published) = watch::channel(published);
    let (set_back, on_set_back) = watch::channel(None);
    let roles = Roles::of(&state, signer_name.clone());
    let (written_roles, on_roles) = watch::channel(Arc::new(roles.clone()));
    let denials = Arc::new(Mutex::new(Denials::new(settings.denials_per_hour)));
    let state = Arc::new(RwLock::new(state));
    let (jobs, inbox) = mpsc::channel(JOBS);
    let cosigning = Cosigning {
        state: Arc::clone(&state),
        clocks: Arc::clone(&clocks),
        files: files.clone(),
        witnesses: settings.witnesses.clone(),
        fetcher: Fetcher::new(settings.witness_ca.as_deref())?,
        refresh: std::time::Duration::from_secs(settings.refresh_seconds),
        written: on_written.clone(),
        set_back,
        jobs: jobs.clone(),
    };
    let keeper = Keeper {
        writer,
        state: Arc::clone(&state),
        clocks: Arc::clone(&clocks),
        files: files.clone(),
        denials: Arc::clone(&denials),
        signer_name,
        roles,
        written_roles,
        written,
        published,
        broken: false,
    };
    let keeper = thread::Builder::new().name("log".to_owned()).spawn(move || keeper.run(inbox));
    let keeper = keeper.map_err(Error::Thread)?;
    let cosigning = tokio::spawn(cosigning.run());
    let tasks = Tasks { jobs: jobs.clone(), keeper: Some(keeper), cosigning };
    let authority = Authority {
        jobs,
        budget: Arc::new(Semaphore::new(config.limits.incoming_bytes.min(Semaphore::MAX_PERMITS))),
        state,
        roles: on_roles,
        denials,
        clocks,
        files,
        written: on_written,
        published: on_published,
        set_back: on_set_back,
        watchers: Arc::new(Semaphore::new(settings.watchers)),
        stop,
    };
    Ok((authority, tasks))
}

/// The first leaf: the policy that is pinned. What is pinned needs no other word.
fn begin(writer: &mut Writer, pin: ObjectId, path: Option<&Path>) -> Result<Vec<u8>, Error> {
    let path = path.ok_or(Error::FirstPolicyMissing)?;
    let limits = &Limits::DEFAULT;
    let most = u64::try_from(limits.release_object_bytes).unwrap_or(u64::MAX);
    let bytes = file::read(path, most).map_err(|error| Error::FirstPolicyFile(path.to_owned(), error))?;
    if ObjectId::of(&bytes) != pin {
        return Err(Error::FirstPolicy(path.to_owned()));
    }
    let first = Policy::parse(&bytes, limits)?;
    is_named(&first, writer)?;
    writer.keep(&bytes)?;
    let leaf = Leaf::new(clock::now(), Event::Policy { policy: pin, successions: Vec::new() });
    let entry = object::write(&leaf).map_err(|error| state::Error::Object(0, error))?;
    writer.append(std::slice::from_ref(&entry))?;
    Ok(entry)
}

/// The policy that is followed must be this log's, else nobody would believe its checkpoints.
fn is_this_log(state: &State, writer: &Writer) -> Result<(), Error> {
    state.policy().map_or(Ok(()), |policy| is_named(policy, writer))
}

fn is_named(policy: &Policy, writer: &Writer) -> Result<(), Error> {
    let rules = &policy.document().log;
    let named = rules.read(&Limits::DEFAULT).map(|(log, _)| log);
    if named.as_ref() == Ok(writer.identity()) {
        return Ok(());
    }
    Err(Error::OtherLog { named: rules.key.clone(), own: writer.identity().key().to_string() })
}

fn read_published(files: &Files, writer: &Writer) -> Result<Option<Published>, Error> {
    let limits = &Limits::DEFAULT;
    let Some(note) = files.checkpoint(limits.note_bytes).map_err(log::Error::from)? else { return Ok(None) };
    let signed = SignedCheckpoint::verify(&note, writer.identity(), limits)
        .map_err(|error| log::Error::Checkpoint { file: "checkpoint", error })?;
    Ok(Some(Published { note: signed.note().into(), head: *signed.head() }))
}

/// When the witnesses of the policy that is followed signed what is published; nothing where they are other ones now.
fn witnessed_at(state: &State, writer: &Writer, published: &Published) -> Option<Timestamp> {
    let limits = &Limits::DEFAULT;
    let (_, quorum) = state.policy()?.document().log.read(limits).ok()?;
    let signed = SignedCheckpoint::verify(published.note.as_bytes(), writer.identity(), limits).ok()?;
    WitnessedCheckpoint::verify(signed, &quorum).ok().map(|witnessed| witnessed.time())
}
