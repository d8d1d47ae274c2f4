//! Files that are on the disk, whole, before anyone is told of them.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Where files are before they have a name.
const DRAFTS: &str = "new";

/// A folder that files are put into.
pub(crate) struct Disk {
    root: PathBuf,
    /// Folders with names that are not on the disk yet.
    unsettled: BTreeSet<PathBuf>,
    drafts: u64,
}

impl Disk {
    /// Makes the folder if there is none, and forgets the drafts of one who was here before. Whoever calls this holds the lock.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        let mut disk = Self { root: root.to_owned(), unsettled: BTreeSet::new(), drafts: 0 };
        let drafts = root.join(DRAFTS);
        match fs::remove_dir_all(&drafts) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&drafts, error)),
            _ => {}
        }
        disk.make_folder(&drafts)?;
        disk.settle()?;
        Ok(disk)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Puts a file in its place, in the place of one that is there. Its bytes are on the disk then; its name once it is
    /// [settled](Self::settle).
    pub(crate) fn put(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let place = self.root.join(path);
        let folder = place.parent().unwrap_or(&self.root).to_owned();
        self.make_folder(&folder)?;
        self.drafts = self.drafts.wrapping_add(1);
        let draft = self.root.join(DRAFTS).join(self.drafts.to_string());
        write(&draft, bytes).map_err(|error| at(&place, error))?;
        fs::rename(&draft, &place).map_err(|error| at(&place, error))?;
        self.unsettled.insert(folder);
        Ok(())
    }

    /// Removes a file, if it is there.
    pub(crate) fn remove(&mut self, path: &Path) -> io::Result<()> {
        use io::ErrorKind::{NotADirectory, NotFound};
        match fs::remove_file(path) {
            Ok(()) => {
                self.unsettled.extend(path.parent().map(Path::to_owned));
                Ok(())
            }
            Err(error) if matches!(error.kind(), NotFound | NotADirectory) => Ok(()),
            Err(error) => Err(at(path, error)),
        }
    }

    /// Names that were given and taken are on the disk when this returns.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        while let Some(folder) = self.unsettled.first().cloned() {
            let synced = File::open(&folder).and_then(|folder| folder.sync_all());
            synced.map_err(|error| at(&folder, error))?;
            self.unsettled.remove(&folder);
        }
        Ok(())
    }

    /// With all folders above it; only the owner has access.
    fn make_folder(&mut self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        if let Some(above) = folder.parent().filter(|above| !above.as_os_str().is_empty()) {
            self.make_folder(above)?;
            self.unsettled.insert(above.to_owned());
        }
        DirBuilder::new().mode(0o700).create(folder).map_err(|error| at(folder, error))
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the folder if there is none, and holds its lock until the file is closed, however this process ends; nothing if another one holds it.
pub(crate) fn lock(root: &Path) -> io::Result<Option<File>> {
    DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(|error| at(root, error))?;
    let path = root.join("lock");
    let mut options = OpenOptions::new();
    let file = options.create(true).write(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(|error| at(&path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(at(&path, error)),
    }
}

/// The error with the file that it is about.
pub(crate) fn at(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
