//! The kernel's logs.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::Error;

/// Where the kernel shows the firmware's event log.
pub const DEFAULT_EVENT_LOG: &str = "/sys/kernel/security/tpm0/binary_bios_measurements";
/// Where the kernel shows the IMA list.
pub const DEFAULT_IMA_LIST: &str = "/sys/kernel/security/ima/binary_runtime_measurements";

/// Where systemd keeps its log of what user space measured.
pub const DEFAULT_USERSPACE_LOG: &str = "/run/log/systemd/tpm2-measure.log";

/// Where a log comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// From the kernel's own place.
    Kernel,
    /// From this file, which must exist.
    File(PathBuf),
    /// It is not sent.
    Withheld,
}

/// Where the logs come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logs {
    /// The firmware's event log.
    pub event_log: Source,
    /// The IMA list.
    pub ima_list: Source,
    /// systemd's userspace log.
    pub userspace_log: Source,
}

impl Logs {
    /// Reads firmware's and kernel's, in the order of the fields.
    pub(super) fn read(&self) -> Result<[Option<Vec<u8>>; 2], Error> {
        Ok([event_log(&self.event_log)?, optional(&self.ima_list, DEFAULT_IMA_LIST)?])
    }

    /// Keeps systemd from measuring until the log is read: quote in between, and log and quote are of one moment.
    pub(super) fn lock_userspace(&self) -> Result<LockedLog, Error> {
        LockedLog::open(&self.userspace_log, DEFAULT_USERSPACE_LOG)
    }
}

/// systemd's log under the lock that systemd itself takes while it measures (systemd-pcrextend(8)). Dropping it lets systemd go on.
#[derive(Debug)]
pub(super) struct LockedLog {
    file: Option<(PathBuf, File)>,
    /// A log that was named is sent even if it is empty; systemd's own may not have begun.
    is_named: bool,
}

impl LockedLog {
    fn open(source: &Source, default: &str) -> Result<LockedLog, Error> {
        let (path, is_named) = match source {
            Source::Withheld => return Ok(LockedLog { file: None, is_named: false }),
            Source::File(path) => (path.clone(), true),
            Source::Kernel => (PathBuf::from(default), false),
        };
        let opened = File::open(&path).and_then(|file| file.lock_shared().map(|()| file));
        match opened {
            Ok(file) => Ok(LockedLog { file: Some((path, file)), is_named }),
            Err(error) if error.kind() == ErrorKind::NotFound && !is_named => {
                Ok(LockedLog { file: None, is_named })
            }
            Err(error) => Err(unreadable(&path, error)),
        }
    }

    /// Reads it and gives the lock back.
    pub(super) fn read(self) -> Result<Option<Vec<u8>>, Error> {
        let Some((path, mut file)) = self.file else { return Ok(None) };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| unreadable(&path, error))?;
        Ok(Some(bytes).filter(|bytes| self.is_named || !bytes.is_empty()))
    }
}

/// The event log. The kernel's must exist.
fn event_log(source: &Source) -> Result<Option<Vec<u8>>, Error> {
    match source {
        Source::Withheld => Ok(None),
        Source::File(path) => read(path).map(Some),
        Source::Kernel => {
            let path = Path::new(DEFAULT_EVENT_LOG);
            match read(path) {
                Err(Error::File { source, .. }) if source.kind() == ErrorKind::NotFound => {
                    Err(Error::NoEventLog { path: path.to_owned() })
                }
                other => other.map(Some),
            }
        }
    }
}

/// A log that not every machine has: a kernel without IMA has no list, and only some systems keep a userspace log.
fn optional(source: &Source, default: &str) -> Result<Option<Vec<u8>>, Error> {
    match source {
        Source::Withheld => Ok(None),
        Source::File(path) => read(path).map(Some),
        Source::Kernel => match read(Path::new(default)) {
            Err(Error::File { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        },
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| unreadable(path, source))
}

fn unreadable(path: &Path, source: io::Error) -> Error {
    match source.kind() {
        ErrorKind::PermissionDenied => Error::NoRight { path: path.to_owned() },
        _ => Error::File { path: path.to_owned(), source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_log_must_exist_and_a_withheld_one_is_not_read() {
        let missing = Source::File(PathBuf::from("/nonexistent/log"));
        assert!(matches!(event_log(&missing), Err(Error::File { .. })));
        assert!(matches!(optional(&missing, DEFAULT_IMA_LIST), Err(Error::File { .. })));
        assert!(optional(&Source::Kernel, "/nonexistent/list").unwrap().is_none());
        assert!(event_log(&Source::Withheld).unwrap().is_none());
    }

    #[test]
    fn systemds_log_is_locked_until_it_is_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), b"\x1e{}\n").unwrap();
        let log = LockedLog::open(&Source::File(file.path().to_owned()), "").unwrap();
        let writer = File::options().append(true).open(file.path()).unwrap();
        assert!(writer.try_lock().is_err(), "systemd would wait");
        assert_eq!(log.read().unwrap(), Some(b"\x1e{}\n".to_vec()));
        writer.try_lock().unwrap();
    }

    #[test]
    fn systemds_log_may_be_missing_or_not_begun_and_a_named_one_not() {
        let missing = || LockedLog::open(&Source::Kernel, "/nonexistent/log").unwrap();
        assert_eq!(missing().read().unwrap(), None);
        let named = Source::File(PathBuf::from("/nonexistent/log"));
        assert!(matches!(LockedLog::open(&named, ""), Err(Error::File { .. })));
        let empty = tempfile::NamedTempFile::new().unwrap();
        let path = empty.path().to_str().unwrap();
        assert_eq!(LockedLog::open(&Source::Kernel, path).unwrap().read().unwrap(), None);
        let named = Source::File(empty.path().to_owned());
        assert_eq!(LockedLog::open(&named, "").unwrap().read().unwrap(), Some(vec![]));
    }
}
