//! Where a log is read from.

use std::io;
use std::path::Path;
use std::sync::Arc;

use attest_core::Limits;
use attest_core::audit::tile::Tile;
use attest_core::release::ObjectId;
use tokio::task::spawn_blocking;

use super::Error;
use crate::fetch::Fetcher;
use crate::log::{self, Files};

/// A log, as somebody serves it.
#[derive(Clone)]
pub(crate) enum Source {
    /// A folder on this machine.
    Folder(Arc<Files>),
    /// As somebody serves it over HTTP.
    Site {
        /// Without a slash at the end.
        base: Arc<str>,
        fetcher: Fetcher,
    },
}

impl Source {
    pub(crate) fn folder(path: &Path) -> Self {
        Self::Folder(Arc::new(Files::new(path)))
    }

    pub(crate) fn site(url: &str, fetcher: Fetcher) -> Self {
        Self::Site { base: url.trim_end_matches('/').into(), fetcher }
    }

    /// The published checkpoint, if there is one yet.
    pub(crate) async fn checkpoint(&self) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Self::Folder(files) => {
                let files = Arc::clone(files);
                blocking(move || files.checkpoint(Limits::DEFAULT.note_bytes)).await?.map_err(Error::Io)
            }
            Self::Site { base, fetcher } => {
                get(fetcher, &format!("{base}/checkpoint"), Limits::DEFAULT.note_bytes).await
            }
        }
    }

    /// A bundle of entries.
    pub(crate) async fn tile(&self, tile: Tile) -> Result<Vec<u8>, Error> {
        let found = match self {
            Self::Folder(files) => {
                let files = Arc::clone(files);
                blocking(move || files.tile(&tile)).await??
            }
            Self::Site { base, fetcher } => get(fetcher, &format!("{base}/{tile}"), tile.max_bytes()).await?,
        };
        found.ok_or_else(|| Error::TileMissing { path: tile.to_string() })
    }

    /// The object of this id, if it can be had.
    pub(crate) async fn object(&self, id: ObjectId, most: usize) -> Result<Option<Vec<u8>>, Error> {
        let found = match self {
            Self::Folder(files) => {
                let files = Arc::clone(files);
                match blocking(move || files.object(&id, most)).await? {
                    // Not the object, or more than any has, and so not there.
                    Err(log::Error::ObjectDamaged { .. }) => None,
                    Err(log::Error::Io(error)) if error.kind() == io::ErrorKind::InvalidData => None,
                    Err(log::Error::Io(error)) => return Err(Error::Io(error)),
                    Err(error) => return Err(Error::Io(io::Error::other(error))),
                    Ok(found) => found,
                }
            }
            Self::Site { base, fetcher } => {
                let url = format!("{base}/object/{}", hex::encode(id.as_bytes()));
                get(fetcher, &url, most).await?
            }
        };
        Ok(found.filter(|bytes| ObjectId::of(bytes) == id))
    }
}

/// A file, or nothing where the server says that there is none.
async fn get(fetcher: &Fetcher, url: &str, most: usize) -> Result<Option<Vec<u8>>, Error> {
    let reply = fetcher.get(url, most).await.map_err(io::Error::other)?;
    match reply.status {
        200 => Ok(Some(reply.body.to_vec())),
        404 => Ok(None),
        status => Err(Error::Io(io::Error::other(format!("{url}: answers with status {status}")))),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    spawn_blocking(work).await.map_err(|_| Error::Panicked)
}
