//! How often a key signed, as its HSM says.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::file;

/// How often a key signed since it was made. PKCS #11 has no such thing: an implementation knows its device.
pub(crate) trait SignatureCounter: Send {
    /// The count.
    fn used(&mut self) -> io::Result<u64>;
}

/// A file that holds the number, written by whatever asks the HSM.
pub(crate) struct FileCounter {
    path: PathBuf,
}

/// An older file says nothing about today: whatever writes it has stopped.
const OLDEST: Duration = Duration::from_secs(86_400);

impl FileCounter {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }
}

impl SignatureCounter for FileCounter {
    fn used(&mut self) -> io::Result<u64> {
        let fail = |why: &str| io::Error::other(format!("{}: {why}", self.path.display()));
        let read = file::read_text(&self.path, 64).map_err(|error| fail(&error.to_string()))?;
        let written = fs::metadata(&self.path)?.modified()?;
        if SystemTime::now().duration_since(written).is_ok_and(|age| age > OLDEST) {
            return Err(fail("it was not written for a day"));
        }
        let digits = read.trim();
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_number.then(|| digits.parse().ok()).flatten();
        number.ok_or_else(|| fail("not a number"))
    }
}
