//! `attest audit verify`: a log replayed from its first leaf, by nobody's word but the policy's and its witnesses'.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use attest_core::Limits;
use attest_core::audit::checkpoint::{Checkpoint, SignedCheckpoint};
use attest_core::audit::tile::{self, ProvenTiles, Tile, TileReader};
use attest_core::audit::tree;
use attest_core::audit::witness::WitnessedCheckpoint;
use attest_core::release::leaf::{Event, Leaf};
use attest_core::release::view::{self, LogView, Mark};
use attest_core::release::{ObjectId, object};
use clap::{ArgGroup, Args};
use serde_json::json;

use super::super::{Exit, Failure, Output, Style};
use super::exported::Release;
use crate::cli::input::{is_folder, read_file};
use crate::fetch::Fetcher;
use crate::releases::{Error as Unfollowed, Source};

const LIMITS: &Limits = &Limits::DEFAULT;
/// Leaves that are read: at a hundred a day a log has as many after a century. Who serves it could make up more than memory holds.
const LEAVES: u64 = 4 << 20;

/// Replay a log of releases, and say what it comes to: which policy is followed, how far witnesses have seen it, what is released and
/// revoked, and which leaves do not count. Nothing that the log's keeper says is believed.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("source").required(true).args(["url", "folder"])))]
pub(super) struct Verify {
    /// Where the log is served, or a copy of it: the address before `/checkpoint`.
    #[arg(long)]
    url: Option<String>,
    /// The log's folder, or a copy of it; or what `attest release export` wrote, whose release is weighed and whose files are held against the log then, too: 1 where it does not count or one differs.
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
pub(in crate::cli) enum Unread {
    #[error(transparent)]
    Source(#[from] Unfollowed),
    #[error(transparent)]
    Tile(#[from] tile::Error),
    #[error(transparent)]
    Tree(#[from] tree::Error),
}

impl Unread {
    pub(in crate::cli) fn failure(self) -> Failure {
        match &self {
            // The checkpoint says that it is there: it is withheld, which is no fault of whoever asks.
            Self::Source(Unfollowed::TileMissing { .. }) => Failure::malformed("log_tile_missing", self),
            Self::Source(_) => Failure::usage("log_unreadable", self),
            Self::Tile(error) => Failure::malformed(error.code(), &self),
            Self::Tree(error) => Failure::malformed(error.code(), &self),
        }
    }
}

/// Where the log is read from, for a program that does nothing beside.
pub(in crate::cli) struct Reader {
    source: Source,
    runtime: tokio::runtime::Runtime,
}

impl Reader {
    /// Reads from there.
    pub(in crate::cli) fn new(source: Source) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::fault("runtime", error))?;
        Ok(Self { source, runtime })
    }

    pub(in crate::cli) fn checkpoint(&self) -> Result<Vec<u8>, Unread> {
        Ok(self.runtime.block_on(self.source.checkpoint())?.ok_or(Unfollowed::CheckpointMissing)?)
    }

    /// The object of this id, of at most so many bytes, if it is there.
    pub(in crate::cli) fn object(&self, id: ObjectId, most: usize) -> Result<Option<Vec<u8>>, Unread> {
        Ok(self.runtime.block_on(self.source.object(id, most))?)
    }
}

impl TileReader for &Reader {
    type Error = Unread;

    fn read(&mut self, tile: &Tile) -> Result<Vec<u8>, Unread> {
        Ok(self.runtime.block_on(self.source.tile(*tile))?)
    }
}

impl Verify {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let pin = ObjectId::from_text(&self.policy_pin)
            .ok_or_else(|| Failure::usage("usage", "--policy-pin: expected sha256: and 64 digits"))?;
        let reader = self.reader()?;
        let note = reader.checkpoint().map_err(Unread::failure)?;
        let leaves =
            self.folder.as_ref().map(|folder| folder.join("leaves")).filter(|leaves| leaves.is_dir());
        let entries = match &leaves {
            Some(leaves) => exported(leaves, size(&note)?, LIMITS)?,
            None => entries(&reader, &note)?,
        };
        let objects = objects(&reader, &entries)?;
        let view = LogView::replay(pin, entries.iter().map(Vec::as_slice), &objects, &note, LIMITS)
            .map_err(|error| Failure::malformed(error.code(), error))?;
        let release = match &self.folder {
            Some(folder) if leaves.is_some() => Some(Release::look(folder, &reader, &view, objects)?),
            _ => None,
        };
        tell(&view, &note, &entries, release.as_ref(), out)
    }

    fn reader(&self) -> Result<Reader, Failure> {
        let source = match (&self.folder, &self.url) {
            (Some(folder), _) => {
                is_log(folder)?;
                Source::folder(folder)
            }
            (None, Some(url)) => {
                let fetcher = Fetcher::new(self.ca.as_deref());
                Source::site(url, fetcher.map_err(|error| Failure::usage("roots_unusable", error))?)
            }
            (None, None) => {
                return Err(Failure::usage(
                    "usage",
                    "where is the log? --folder FOLDER names its folder or a copy of it, --url URL where it is served",
                ));
            }
        };
        Reader::new(source)
    }
}

/// Whether a log may be in there: who names the wrong folder learns it in words about folders.
pub(in crate::cli) fn is_log(folder: &Path) -> Result<(), Failure> {
    is_folder(folder)?;
    if folder.join("checkpoint").is_file() {
        return Ok(());
    }
    let detail =
        "holds no log (no `checkpoint`); expected the log's folder, or what `attest release export` wrote";
    Err(Failure::usage("log_unreadable", format!("{}: {detail}", folder.display())))
}

/// The leaves that the checkpoint says there are. Whether anybody signed it is asked once they were replayed: the policy says who must have.
pub(in crate::cli) fn entries(reader: &Reader, note: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
    let said =
        Checkpoint::unverified(note, LIMITS).map_err(|error| Failure::malformed(error.code(), error))?;
    let size = size(note)?;
    let mut tiles = ProvenTiles::open(said.head(), reader).map_err(Unread::failure)?;
    let mut entries = Vec::new();
    for bundle in 0..size.div_ceil(256) {
        entries.extend(tiles.entries(bundle).map_err(Unread::failure)?);
    }
    Ok(entries)
}

/// How many leaves the checkpoint says there are.
pub(in crate::cli) fn size(note: &[u8]) -> Result<u64, Failure> {
    let said =
        Checkpoint::unverified(note, LIMITS).map_err(|error| Failure::malformed(error.code(), error))?;
    let size = said.head().size;
    if size > LEAVES {
        return Err(Failure::malformed("log_too_large", format!("{size} leaves, more than {LEAVES}")));
    }
    Ok(size)
}

/// The leaves of an exported folder. Whether they are those of the checkpoint, the replay says.
pub(in crate::cli) fn exported(leaves: &Path, size: u64, limits: &Limits) -> Result<Vec<Vec<u8>>, Failure> {
    let read = |index: u64| {
        let path = leaves.join(format!("{index:08}.cbor"));
        if path.try_exists().is_ok_and(|exists| !exists) {
            let detail = format!("{}: it is missing, and the checkpoint has {size} leaves", path.display());
            return Err(Failure::malformed("log_leaf_missing", detail));
        }
        read_file(&path, limits.release_object_bytes)
    };
    (0..size).map(read).collect()
}

/// What a replay asks for. What is not served is told by the replay, in its place.
pub(in crate::cli) fn objects(
    reader: &Reader,
    entries: &[Vec<u8>],
) -> Result<BTreeMap<ObjectId, Vec<u8>>, Failure> {
    let mut objects = BTreeMap::new();
    for entry in entries {
        let Ok(Leaf { event, .. }) = object::read::<Leaf>(entry, LIMITS) else { continue };
        while let Some(id) = view::missing(&event, &objects, LIMITS) {
            let Some(bytes) = reader.object(id, LIMITS.release_object_bytes).map_err(Unread::failure)? else {
                break;
            };
            objects.insert(id, bytes);
        }
    }
    Ok(objects)
}

fn tell(
    view: &LogView,
    note: &[u8],
    entries: &[Vec<u8>],
    release: Option<&Release>,
    out: &mut Output,
) -> Result<Exit, Failure> {
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
    let exit = release.map_or(Exit::Good, Release::exit);
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
            "pending_recovery": view.recovery().map(|pending| json!({
                "policy": pending.policy().id().to_string(),
                "index": pending.place().index,
                "earliest": pending.earliest().utc().to_string(),
            })),
            "requests": requests.len(),
            "attempted": has(Mark::Attempted),
            "signed": has(Mark::Signed),
            "published": has(Mark::Published),
            "revoked": revoked,
            "denied": denied,
            "passed_over": view.passed_over().iter().map(|leaf| json!({
                "index": leaf.index, "because": leaf.because,
            })).collect::<Vec<_>>(),
            "release": release.map(Release::to_json),
        }));
        return Ok(exit);
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
    if let Some(pending) = view.recovery() {
        let (id, from) = (pending.policy().id(), pending.earliest().utc());
        let words = format_args!("the recovery quorum wants the policy {id}, not before {from}");
        out.line(out.paint(Style::Warn, words));
    }
    let (signed, published) = (has(Mark::Signed), has(Mark::Published));
    let all = requests.len();
    out.line(format_args!("requests    {all}: {signed} signed, {published} published, {revoked} revoked"));
    out.line(format_args!("turned away {denied}"));
    for leaf in view.passed_over() {
        out.line(
            out.paint(Style::Warn, format_args!("leaf {} does not count: {}", leaf.index, leaf.because)),
        );
    }
    if let Some(release) = release {
        release.tell(out);
    }
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_folder_is_told_in_words_about_folders() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), b"").unwrap();
        let told = |name: &str| is_log(&at(name)).unwrap_err().to_json().to_string();
        assert!(told("none").contains("none: no such folder"));
        assert!(told("file").contains("file: is a file, expected a folder"));
        assert!(told("").contains("holds no log (no `checkpoint`)"));
        std::fs::write(at("checkpoint"), b"").unwrap();
        assert!(is_log(folder.path()).is_ok());
        assert!(is_folder(&at("none")).is_err());
    }
}
