//! Asking witnesses to sign the log's newest checkpoint (C2SP tlog-witness), and publishing it once enough of them have.
//!
//! What a witness answers is verified before it counts; one that does not answer is asked again, and nothing is published in its stead.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use attest_core::Limits;
use attest_core::audit::checkpoint::{LogIdentity, SignedCheckpoint};
use attest_core::audit::note::VerifierKey;
use attest_core::audit::tile::ProvenTiles;
use attest_core::audit::tree::consistency_proof;
use attest_core::audit::witness::{AddCheckpoint, WitnessQuorum, WitnessedCheckpoint};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep, timeout_at};

use super::clocks::Clocks;
use super::keeper::Job;
use super::{SetBack, State};
use crate::fetch::Fetcher;
use crate::log::{self, Files};

/// Signature lines of one witness.
const ANSWER: usize = 16 << 10;
/// For the witnesses that are not needed for the quorum any more.
const GRACE: Duration = Duration::from_millis(500);
/// Between two rounds that did not come to a quorum: from the first to the last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// How often a witness is told another old size within one round.
const OLD_SIZES: u32 = 4;

/// Who asks.
pub(super) struct Cosigning {
    pub(super) state: Arc<RwLock<State>>,
    pub(super) clocks: Arc<Clocks>,
    pub(super) files: Files,
    /// Submission prefixes by the witnesses' names in the policy.
    pub(super) witnesses: BTreeMap<String, String>,
    pub(super) fetcher: Fetcher,
    pub(super) refresh: Duration,
    pub(super) written: watch::Receiver<SignedCheckpoint>,
    pub(super) set_back: watch::Sender<Option<SetBack>>,
    pub(super) jobs: mpsc::Sender<Job>,
}

/// One witness, and what it is asked for.
struct Asked {
    name: String,
    url: String,
    key: VerifierKey,
    /// The size that it is believed to have signed last.
    old: u64,
}

/// Why a witness did not sign.
#[derive(Debug, thiserror::Error)]
enum Unsigned {
    #[error(transparent)]
    Fetch(#[from] crate::fetch::Error),
    #[error("its answer is not its cosignature of this checkpoint")]
    NotItsCosignature,
    #[error(
        "it has signed {last} leaves of this log, and there are {size}: the log shows two histories, or was set back"
    )]
    Ahead { last: u64, size: u64 },
    #[error("{0}")]
    Proof(#[from] log::Error),
    #[error("it answered {status}: {body}")]
    Refused { status: u16, body: String },
}

impl Cosigning {
    /// Until it is aborted, or nobody writes any more.
    pub(super) async fn run(mut self) {
        let mut known: BTreeMap<String, u64> = BTreeMap::new();
        let mut pause = PAUSES.0;
        loop {
            let signed = self.written.borrow_and_update().clone();
            let is_published = self.round(&signed, &mut known).await;
            self.clocks.asked();
            let next = if is_published {
                pause = PAUSES.0;
                self.refresh
            } else {
                let next = pause;
                pause = pause.saturating_mul(2).min(PAUSES.1);
                next
            };
            tokio::select! {
                changed = self.written.changed() => if changed.is_err() { return },
                () = self.clocks.doubted() => {}
                () = sleep(next) => {}
            }
        }
    }

    /// Asks all witnesses for one checkpoint. True once enough of them have signed, and it was handed on.
    async fn round(&self, signed: &SignedCheckpoint, known: &mut BTreeMap<String, u64>) -> bool {
        let rules = self.rules().await;
        let Some((quorum, witnesses)) = rules else { return false };
        let since = Instant::now();
        let mut asked = JoinSet::new();
        for (name, key) in witnesses {
            let Some(url) = self.witnesses.get(&name) else {
                tracing::warn!(witness = name, "authority.witnesses does not say where this witness is");
                continue;
            };
            let old = known.get(&name).copied().unwrap_or(0);
            let witness =
                Asked { url: format!("{}/add-checkpoint", url.trim_end_matches('/')), name, key, old };
            asked.spawn(ask(witness, signed.clone(), self.fetcher.clone(), self.files.clone()));
        }
        let mut note = signed.note().to_owned();
        let mut is_published = false;
        let mut ahead = BTreeMap::new();
        let mut until = None;
        loop {
            let next = match until {
                None => asked.join_next().await,
                Some(until) => timeout_at(until, asked.join_next()).await.unwrap_or_default(),
            };
            let Some(answer) = next else { break };
            let Ok((name, answer)) = answer else { continue };
            match answer {
                Ok(line) => {
                    note.push_str(&line);
                    known.insert(name, signed.head().size);
                }
                Err(unsigned @ Unsigned::Ahead { last, .. }) => {
                    tracing::error!(witness = name, %unsigned, "a witness knows more of this log");
                    ahead.insert(name, last);
                    continue;
                }
                Err(unsigned) => {
                    tracing::warn!(witness = name, %unsigned, "a witness did not sign");
                    known.remove(&name);
                    continue;
                }
            }
            if self.is_witnessed(&note, signed, &quorum, since) {
                is_published = self.jobs.send(Job::Publish { note: note.clone() }).await.is_ok();
                until.get_or_insert_with(|| Instant::now() + GRACE);
            }
        }
        self.weigh_what_is_gone(&ahead, signed.head().size, &quorum, is_published);
        is_published
    }

    /// As many witnesses as make a quorum say that this log was longer: what it lost may have taken back what it still has. One witness's word
    /// stops nothing.
    fn weigh_what_is_gone(
        &self,
        ahead: &BTreeMap<String, u64>,
        size: u64,
        quorum: &WitnessQuorum,
        is_published: bool,
    ) {
        let last = ahead.values().copied().min().filter(|_| ahead.len() >= quorum.threshold());
        let told = last.map(|last| SetBack { last, size });
        if told.is_none() && !is_published {
            return;
        }
        let is_new = self.set_back.send_if_modified(|known| core::mem::replace(known, told) != told);
        if let Some(SetBack { last, size }) = told.filter(|_| is_new) {
            tracing::error!(
                alert = "log_set_back",
                last,
                size,
                "as many witnesses as are needed have signed more leaves of this log than there are: it was set back"
            );
        }
    }

    /// Whether enough of them signed; then they said what time it is, too.
    fn is_witnessed(
        &self,
        note: &str,
        signed: &SignedCheckpoint,
        quorum: &WitnessQuorum,
        since: Instant,
    ) -> bool {
        let signed = SignedCheckpoint::verify(note.as_bytes(), signed.log(), &Limits::DEFAULT);
        let Ok(witnessed) = signed.map(|signed| WitnessedCheckpoint::verify(signed, quorum)) else {
            return false;
        };
        let Ok(witnessed) = witnessed else { return false };
        self.clocks.hear(&witnessed, since);
        true
    }

    /// The quorum of the policy that is followed, and its witnesses.
    async fn rules(&self) -> Option<(WitnessQuorum, Vec<(String, VerifierKey)>)> {
        let state = Arc::clone(&self.state);
        let rules = spawn_blocking(move || {
            let state = state.read().ok()?;
            let log = &state.policy()?.document().log;
            let (_, quorum) = log.read(&Limits::DEFAULT).ok()?;
            let key = |text: &str| VerifierKey::parse(text).ok();
            let witnesses =
                log.witnesses.iter().filter_map(|(name, rule)| Some((name.to_string(), key(&rule.key)?)));
            Some((quorum, witnesses.collect()))
        });
        rules.await.ok().flatten()
    }
}

/// A witness's cosignature, verified.
async fn ask(
    mut witness: Asked,
    signed: SignedCheckpoint,
    fetcher: Fetcher,
    files: Files,
) -> (String, Result<String, Unsigned>) {
    let mut answer = Err(Unsigned::NotItsCosignature);
    for _ in 0..OLD_SIZES {
        let size = signed.head().size;
        if witness.old > size {
            answer = Err(Unsigned::Ahead { last: witness.old, size });
            break;
        }
        match ask_once(&witness, &signed, &fetcher, &files).await {
            Ok(Asking::OldSize(last)) => {
                if last == witness.old {
                    let body = "it names the size that it was told".to_owned();
                    answer = Err(Unsigned::Refused { status: 409, body });
                    break;
                }
                witness.old = last;
            }
            Ok(Asking::Signed(line)) => {
                answer = Ok(line);
                break;
            }
            Err(unsigned) => {
                answer = Err(unsigned);
                break;
            }
        }
    }
    (witness.name, answer)
}

enum Asking {
    OldSize(u64),
    Signed(String),
}

async fn ask_once(
    witness: &Asked,
    signed: &SignedCheckpoint,
    fetcher: &Fetcher,
    files: &Files,
) -> Result<Asking, Unsigned> {
    let (head, old, files) = (*signed.head(), witness.old, files.clone());
    let proof = spawn_blocking(move || {
        let mut tiles = ProvenTiles::open(&head, files)?;
        consistency_proof(old, head.size, &mut tiles)
    });
    let proof = proof.await.map_err(|error| log::Error::from(std::io::Error::other(error)))??;
    let body = AddCheckpoint { old, proof, note: signed.note().as_bytes() }.to_bytes();
    let reply = fetcher.post(&witness.url, body, ANSWER).await?;
    let body = String::from_utf8_lossy(&reply.body).into_owned();
    match reply.status {
        200 => {
            let line = own_lines(&body, witness);
            let note = signed.note().to_owned() + &line;
            if is_cosigned(&note, signed.log(), &witness.key) {
                Ok(Asking::Signed(line))
            } else {
                Err(Unsigned::NotItsCosignature)
            }
        }
        409 if reply.content_type == "text/x.tlog.size" => match body.trim_end().parse() {
            Ok(last) => Ok(Asking::OldSize(last)),
            Err(_) => Err(Unsigned::Refused { status: 409, body: shortened(&body) }),
        },
        status => Err(Unsigned::Refused { status, body: shortened(&body) }),
    }
}

/// Lines of this witness's own name: whatever else it sends is not ours to publish.
fn own_lines(body: &str, witness: &Asked) -> String {
    let begin = format!("\u{2014} {} ", witness.key.name());
    body.lines().filter(|line| line.starts_with(&begin)).map(|line| format!("{line}\n")).collect()
}

/// Whether this one witness signed it.
fn is_cosigned(note: &str, log: &LogIdentity, key: &VerifierKey) -> bool {
    let Ok(alone) = WitnessQuorum::new(1, vec![key.clone()], &Limits::DEFAULT) else { return false };
    SignedCheckpoint::verify(note.as_bytes(), log, &Limits::DEFAULT)
        .is_ok_and(|signed| WitnessedCheckpoint::verify(signed, &alone).is_ok())
}

/// A stranger's words, for a log.
fn shortened(text: &str) -> String {
    text.chars().take(200).flat_map(char::escape_debug).collect()
}
