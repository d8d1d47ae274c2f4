//! The log as anyone fetches it (C2SP tlog-tiles, APIs): what is below the published checkpoint, and nothing else.

use std::sync::Arc;

use attest_core::Limits;
use attest_core::audit::tile::{self, Level, Tile};
use attest_core::audit::tree::TreeHead;
use attest_core::release::ObjectId;
use hyper::body::Bytes;
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;

use super::{Error, Files};

/// Files that are read at a time. An entry bundle has at most 16 MB.
const READERS: usize = 16;
/// Requests that wait for that.
const WAITING: usize = 512;

/// A file that does not change any more.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Caches keep the checkpoint for as long as witnesses need for the next one.
const SHORTLY: &str = "public, max-age=2";
const BYTES: &str = "application/octet-stream";

/// The newest checkpoint that enough witnesses signed.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    /// The signed note.
    pub(crate) note: Arc<str>,
    /// What it is over.
    pub(crate) head: TreeHead,
}

/// A file, and what is said about it.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) body: Bytes,
    pub(crate) kind: &'static str,
    pub(crate) cache: &'static str,
}

/// Why there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotServed {
    /// Too much is asked for at once.
    Busy,
    /// It cannot be read.
    Failed,
    /// There is none of this name, or it is not published.
    Unknown,
}

/// A log's files for everybody.
pub(crate) struct Site {
    files: Files,
    published: watch::Receiver<Option<Published>>,
    readers: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    object_bytes: usize,
}

impl Site {
    pub(crate) fn new(
        files: Files,
        published: watch::Receiver<Option<Published>>,
        object_bytes: usize,
    ) -> Self {
        let (readers, admitted) = (Semaphore::new(READERS), Semaphore::new(READERS + WAITING));
        Self { files, published, readers: Arc::new(readers), admitted: Arc::new(admitted), object_bytes }
    }

    /// The file of this path, which begins with a slash.
    pub(crate) async fn serve(&self, path: &str) -> Result<Served, NotServed> {
        let path = path.strip_prefix('/').ok_or(NotServed::Unknown)?;
        let published = self.published.borrow().clone();
        if path == "checkpoint" {
            let note = published.ok_or(NotServed::Unknown)?.note;
            let body = Bytes::copy_from_slice(note.as_bytes());
            return Ok(Served { body, kind: "text/plain; charset=utf-8", cache: SHORTLY });
        }
        let wanted = if let Some(name) = path.strip_prefix("object/") {
            Wanted::Object(object_id(name).ok_or(NotServed::Unknown)?)
        } else {
            let tile = Tile::parse(path, &Limits::DEFAULT).map_err(|_| NotServed::Unknown)?;
            // Wider ones are not of a tree that witnesses saw.
            let size = published.map_or(0, |published| published.head.size);
            Wanted::Tile(Some(tile).filter(|tile| tile.is_in(size)).ok_or(NotServed::Unknown)?)
        };
        let body = self.read(wanted).await?;
        Ok(Served { body: body.into(), kind: BYTES, cache: FOR_EVER })
    }

    async fn read(&self, wanted: Wanted) -> Result<Vec<u8>, NotServed> {
        let _admitted = self.admitted.try_acquire().map_err(|_| NotServed::Busy)?;
        let reader = Arc::clone(&self.readers).acquire_owned().await.map_err(|_| NotServed::Failed)?;
        let (files, most) = (self.files.clone(), self.object_bytes);
        let read = spawn_blocking(move || {
            let _reader = reader;
            match wanted {
                Wanted::Object(id) => files.object(&id, most),
                Wanted::Tile(tile) => files.tile(&tile)?.map(|bytes| as_wide(&tile, bytes)).transpose(),
            }
        });
        match read.await.map_err(|_| NotServed::Failed)? {
            Ok(bytes) => bytes.ok_or(NotServed::Unknown),
            Err(error) => {
                tracing::error!(%error, "a file of the log cannot be read");
                Err(NotServed::Failed)
            }
        }
    }
}

enum Wanted {
    Object(ObjectId),
    Tile(Tile),
}

/// The id in an object's file name: 64 digits, in lower case.
fn object_id(name: &str) -> Option<ObjectId> {
    ObjectId::from_text(&format!("sha256:{name}"))
}

/// A full tile is cut to the width that was asked for.
fn as_wide(tile: &Tile, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
    match tile.level() {
        _ if tile.is_full() => Ok(bytes),
        Level::Entries => Ok(tile::render_entries(tile::parse_entries(tile, &bytes)?)?),
        Level::Hashes(_) => Ok(tile::render_hashes(&tile::parse_hashes(tile, &bytes)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{NoteKey, Writer};

    /// A log of 300 entries, of which 290 are published, in a folder.
    fn site() -> (tempfile::TempDir, Site, ObjectId) {
        let folder = tempfile::tempdir().unwrap();
        let key = NoteKey::make(&folder.path().join("log.key"), "log.example/site").unwrap();
        let root = folder.path().join("log");
        let mut writer = Writer::open(&root, key, &Limits::DEFAULT, |_, _| {}).unwrap();
        let entries = |count: usize| vec![b"entry".to_vec(); count];
        writer.append(&entries(20)).unwrap();
        writer.append(&entries(270)).unwrap();
        let published = Published { note: writer.signed().note().into(), head: *writer.signed().head() };
        let object = writer.keep(b"an object").unwrap();
        writer.append(&entries(10)).unwrap();
        let (_, receiver) = watch::channel(Some(published));
        (folder, Site::new(Files::new(&root), receiver, 100), object)
    }

    async fn length(site: &Site, path: &str) -> Result<usize, NotServed> {
        site.serve(path).await.map(|served| served.body.len())
    }

    #[tokio::test]
    async fn what_is_published_is_served_and_nothing_beyond() {
        let (_folder, site, object) = site();
        assert!(length(&site, "/checkpoint").await.unwrap() > 100);
        assert_eq!(length(&site, "/tile/0/000").await, Ok(8_192));
        assert_eq!(length(&site, "/tile/0/001.p/34").await, Ok(34 * 32));
        assert_eq!(length(&site, "/tile/1/000.p/1").await, Ok(32));
        assert_eq!(length(&site, "/tile/entries/000").await, Ok(256 * 7));
        // Narrow ones of trees that were published once are cut out of the full one.
        assert_eq!(length(&site, "/tile/0/000.p/20").await, Ok(20 * 32));
        assert_eq!(length(&site, "/tile/entries/000.p/20").await, Ok(20 * 7));
        let unknown = Err(NotServed::Unknown);
        // It is there, and not published.
        assert_eq!(length(&site, "/tile/0/001.p/44").await, unknown);
        assert_eq!(length(&site, "/tile/entries/001.p/44").await, unknown);
        let name = hex::encode(object.as_bytes());
        assert_eq!(length(&site, &format!("/object/{name}")).await, Ok(9));
        assert_eq!(length(&site, &format!("/object/{}", name.to_uppercase())).await, unknown);
        for path in [
            "",
            "/",
            "checkpoint",
            "/head",
            "/lock",
            "/new/1",
            "/object/",
            "/object/../head",
            "/tile/../head",
            "/tile/0/../0/000",
            "/tile/0/000/",
            "//tile/0/000",
            "/tile/0/%30%30%30",
        ] {
            assert_eq!(length(&site, path).await, unknown, "{path}");
        }
    }

    #[tokio::test]
    async fn what_is_said_about_files_lets_caches_keep_them() {
        let (_folder, site, _) = site();
        let said =
            async |path: &str| site.serve(path).await.map(|served| (served.kind, served.cache)).unwrap();
        assert_eq!(said("/checkpoint").await, ("text/plain; charset=utf-8", SHORTLY));
        assert_eq!(said("/tile/0/000").await, (BYTES, FOR_EVER));
        assert_eq!(said("/tile/0/000.p/1").await, (BYTES, FOR_EVER));
    }
}
