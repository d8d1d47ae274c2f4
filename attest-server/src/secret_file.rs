//! A secret in a file of its own, which only its owner can read.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// What the file holds is not the secret that belongs there.
    #[error("{0}: not what this server keeps there")]
    NotOurs(PathBuf),
    /// Others can read the file: the secret in it may be known.
    #[error("{0}: its mode is {1:o}; only its owner may have access (chmod 600)")]
    TooOpen(PathBuf, u32),
}

/// What the file holds. If there is none, it is made, once, and is on the disk, whole, before this returns.
pub(crate) fn read_or_make(
    path: &Path,
    make: impl FnOnce() -> io::Result<Zeroizing<Vec<u8>>>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    match read(path) {
        Err(Error::File(_, error)) if error.kind() == io::ErrorKind::NotFound => {
            let made = make().and_then(|secret| create(path, &secret).map(|()| secret));
            made.map_err(|error| Error::File(path.to_owned(), error))
        }
        read => read,
    }
}

/// A secret that is not there yet, in a file of its own, whole and on the disk before this returns. What is there stays, and is an error.
pub(crate) fn make(path: &Path, secret: &[u8]) -> Result<(), Error> {
    create(path, secret).map_err(|error| Error::File(path.to_owned(), error))
}

/// What the file holds.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let failed = |error| Error::File(path.to_owned(), error);
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Error::TooOpen(path.to_owned(), mode));
    }
    // Room for any PKCS #8 of this kind, so that the buffer does not grow and leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(4_096));
    io::Read::read_to_end(&mut io::Read::take(file, 4_000), &mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// A name is given to a file that is complete.
fn create(path: &Path, secret: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft = path.with_extension("new");
    // A draft that a crash left behind was never used.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(secret)?;
    file.sync_all()?;
    // Unlike a rename, a link does not replace a secret that another process made meanwhile.
    fs::hard_link(&draft, path)?;
    fs::remove_file(&draft)?;
    File::open(folder)?.sync_all()
}
