//! `attest audit verify`: a log replayed from its first leaf, by nobody's word but the policy's and its witnesses'.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use attest_core::Limits;
use attest_core::audit::checkpoint::{Checkpoint, SignedCheckpoint};
use attest_core::audit::note::SignedNote;
use attest_core::audit::tile::{self, ProvenTiles, Tile, TileReader};
use attest_core::audit::tree;
use attest_core::audit::witness::WitnessedCheckpoint;
use attest_core::release::leaf::{Event, Leaf};
use attest_core::release::statement::{Revocation, Revoked};
use attest_core::release::view::{LogView, Mark};
use attest_core::release::{ObjectId, object};
use clap::Args;
use serde_json::json;

use super::super::{Exit, Failure, Output, Style};
use crate::fetch::Fetcher;
use crate::log::Files;

const LIMITS: &Limits = &Limits::DEFAULT;
/// Leaves that are read: at a hundred a day a log has as many after a century. Who serves it could make up more than memory holds.
const LEAVES: u64 = 4 << 20;

/// Replay a log of releases, and say what it comes to: which policy is followed, how far witnesses have seen it, what is released and
/// revoked, and which leaves do not count. Nothing that the log's keeper says is believed.
#[derive(Args, Debug)]
pub(super) struct Verify {
    /// Where the log is served, or a copy of it: the address before `/checkpoint`.
    #[arg(long, conflicts_with = "folder", required_unless_present = "folder")]
    url: Option<String>,
    /// The log's folder, or a copy of it.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// PEM: the roots of an https address.
    #[arg(long, requires = "url")]
    ca: Option<PathBuf>,
    /// The first policy, `sha256:` and 64 digits, as you have it from people and not from the log.
    #[arg(long)]
    policy_pin: String,
}

/// Why the log could not be read.
#[derive(Debug, thiserror::Error)]
enum Unread {
    #[error("{0}: {1}")]
    Missing(String, String),
    #[error(transparent)]
    Tile(#[from] tile::Error),
    #[error(transparent)]
    Tree(#[from] tree::Error),
}

impl Unread {
    fn failure(self) -> Failure {
        match &self {
            Self::Missing(..) => Failure::usage("log_unreadable", self),
            Self::Tile(error) => Failure::malformed(error.code(), &self),
            Self::Tree(error) => Failure::malformed(error.code(), &self),
        }
    }
}

/// Where the log is read from.
enum Source {
    Folder(Files),
    Url { base: String, fetcher: Fetcher, runtime: tokio::runtime::Runtime },
}

impl Source {
    fn file(&self, path: &str, most: usize) -> Result<Vec<u8>, Unread> {
        let missing = |why: String| Unread::Missing(path.to_owned(), why);
        match self {
            Self::Folder(files) => {
                let read = files.named(path, most).map_err(|error| missing(error.to_string()))?;
                read.ok_or_else(|| missing("there is no such file".to_owned()))
            }
            Self::Url { base, fetcher, runtime } => {
                let reply = runtime.block_on(fetcher.get(&format!("{base}/{path}"), most));
                let reply = reply.map_err(|error| missing(error.to_string()))?;
                if reply.status == 200 {
                    Ok(reply.body.to_vec())
                } else {
                    Err(missing(format!("HTTP status {}", reply.status)))
                }
            }
        }
    }
}

impl TileReader for &Source {
    type Error = Unread;

    fn read(&mut self, tile: &Tile) -> Result<Vec<u8>, Unread> {
        match self {
            Source::Folder(files) => {
                let missing = |why: String| Unread::Missing(tile.to_string(), why);
                let read = files.tile(tile).map_err(|error| missing(error.to_string()))?;
                read.ok_or_else(|| missing("there is no such file".to_owned()))
            }
            source @ Source::Url { .. } => source.file(&tile.to_string(), tile.max_bytes()),
        }
    }
}

impl Verify {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let pin = ObjectId::from_text(&self.policy_pin)
            .ok_or_else(|| Failure::usage("usage", "--policy-pin: expected sha256: and 64 digits"))?;
        let source = self.source()?;
        let note = source.file("checkpoint", LIMITS.note_bytes).map_err(Unread::failure)?;
        let entries = entries(&source, &note)?;
        let objects = objects(&source, &entries)?;
        let view = LogView::replay(pin, entries.iter().map(Vec::as_slice), &objects, &note, LIMITS)
            .map_err(|error| Failure::malformed(error.code(), error))?;
        tell(&view, &note, &entries, out)
    }

    fn source(&self) -> Result<Source, Failure> {
        match (&self.folder, &self.url) {
            (Some(folder), _) => Ok(Source::Folder(Files::new(folder))),
            (None, Some(url)) => {
                let fetcher = Fetcher::new(self.ca.as_deref().map(Path::new))
                    .map_err(|error| Failure::usage("roots_unusable", error))?;
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(|error| Failure::fault("runtime", error))?;
                Ok(Source::Url { base: url.trim_end_matches('/').to_owned(), fetcher, runtime })
            }
            (None, None) => Err(Failure::usage("usage", "--url or --folder is needed")),
        }
    }
}

/// The leaves that the checkpoint says there are. Whether anybody signed it is asked once they were replayed: the policy says who must have.
fn entries(source: &Source, note: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
    let read = SignedNote::parse(note, LIMITS).map_err(|error| Failure::malformed(error.code(), error))?;
    let said =
        Checkpoint::parse(read.text(), LIMITS).map_err(|error| Failure::malformed(error.code(), error))?;
    let size = said.head().size;
    if size > LEAVES {
        return Err(Failure::malformed("log_too_large", format!("{size} leaves, more than {LEAVES}")));
    }
    let mut tiles = ProvenTiles::open(said.head(), source).map_err(Unread::failure)?;
    let mut entries = Vec::new();
    for bundle in 0..size.div_ceil(256) {
        entries.extend(tiles.entries(bundle).map_err(Unread::failure)?);
    }
    Ok(entries)
}

/// What the leaves name whose object decides whether they count. What is missing is told by the replay, in its place.
fn objects(source: &Source, entries: &[Vec<u8>]) -> Result<BTreeMap<ObjectId, Vec<u8>>, Failure> {
    let mut objects = BTreeMap::new();
    let mut wanted: BTreeSet<ObjectId> = BTreeSet::new();
    for entry in entries {
        match object::read::<Leaf>(entry, LIMITS).map(|leaf| leaf.event) {
            Ok(Event::Policy { policy, successions }) => {
                wanted.insert(policy);
                wanted.extend(successions);
            }
            Ok(Event::Revoked { revocation }) => {
                wanted.insert(revocation);
            }
            _ => {}
        }
    }
    while let Some(id) = wanted.pop_first() {
        let path = format!("object/{}", hex::encode(id.as_bytes()));
        let Ok(bytes) = source.file(&path, LIMITS.release_object_bytes) else { continue };
        if let Ok(Revocation { revokes: Revoked::Request(request), .. }) = object::read(&bytes, LIMITS)
            && !objects.contains_key(&request)
        {
            wanted.insert(request);
        }
        objects.insert(id, bytes);
    }
    Ok(objects)
}

fn tell(view: &LogView, note: &[u8], entries: &[Vec<u8>], out: &mut Output) -> Result<Exit, Failure> {
    let leaves: Vec<Event> = entries
        .iter()
        .filter_map(|entry| object::read::<Leaf>(entry, LIMITS).ok())
        .map(|leaf| leaf.event)
        .collect();
    let count = |what: fn(&Event) -> bool| leaves.iter().filter(|event| what(event)).count();
    let denied = count(|event| matches!(event, Event::Denied { .. }));
    let requests: BTreeSet<ObjectId> = leaves
        .iter()
        .filter_map(|event| match event {
            Event::Submitted { request, .. } => Some(*request),
            _ => None,
        })
        .collect();
    let has = |mark: Mark| requests.iter().filter(|id| view.place(mark, id).is_some()).count();
    let revoked = requests.iter().filter(|id| view.revoked(id).is_some()).count();
    let policy =
        view.policy().ok_or_else(|| Failure::fault("view_without_policy", "the log has no policy"))?;
    let (log, quorum) =
        policy.document().log.read(LIMITS).map_err(|code| Failure::fault("policy_log", code))?;
    let witnessed = SignedCheckpoint::verify(note, &log, LIMITS)
        .map_err(|error| Failure::malformed(error.code(), error))
        .and_then(|signed| {
            WitnessedCheckpoint::verify(signed, &quorum)
                .map_err(|error| Failure::malformed(error.code(), error))
        })?;
    let head = view.head();
    if out.wants_json() {
        out.json(&json!({
            "authority": view.authority().to_string(),
            "log": log.key().to_string(),
            "size": head.size,
            "root": head.root.to_base64(),
            "time": view.time().utc().to_string(),
            "witnesses": witnessed.cosignatures().iter().map(|one| json!({
                "name": one.witness, "time": one.time.utc().to_string(),
            })).collect::<Vec<_>>(),
            "threshold": quorum.threshold(),
            "policy": {
                "id": policy.id().to_string(),
                "version": policy.document().version,
                "expires": policy.document().expires.utc().to_string(),
            },
            "requests": requests.len(),
            "attempted": has(Mark::Attempted),
            "signed": has(Mark::Signed),
            "published": has(Mark::Published),
            "revoked": revoked,
            "denied": denied,
            "passed_over": view.passed_over().iter().map(|leaf| json!({
                "index": leaf.index, "because": leaf.because,
            })).collect::<Vec<_>>(),
        }));
        return Ok(Exit::Good);
    }
    out.line(out.paint(Style::Strong, log.origin()));
    out.line(format_args!("authority   {}", view.authority()));
    out.line(format_args!("leaves      {}, root {}", head.size, head.root.to_base64()));
    out.line(format_args!(
        "time        {} ({} of its witnesses needed)",
        view.time().utc(),
        quorum.threshold()
    ));
    for one in witnessed.cosignatures() {
        out.line(format_args!("  witness   {} at {}", one.witness, one.time.utc()));
    }
    let document = policy.document();
    let (version, expires) = (document.version, document.expires.utc());
    out.line(format_args!("policy      version {version}, {}, until {expires}", policy.id()));
    let (signed, published) = (has(Mark::Signed), has(Mark::Published));
    let all = requests.len();
    out.line(format_args!("requests    {all}: {signed} signed, {published} published, {revoked} revoked"));
    out.line(format_args!("turned away {denied}"));
    for leaf in view.passed_over() {
        out.line(
            out.paint(Style::Warn, format_args!("leaf {} does not count: {}", leaf.index, leaf.because)),
        );
    }
    Ok(Exit::Good)
}
