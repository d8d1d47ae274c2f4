//! The kernel's logs.

use std::fs;
use std::io::ErrorKind;
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
    /// Reads them, in the order of the fields.
    pub(super) fn read(&self) -> Result<[Option<Vec<u8>>; 3], Error> {
        Ok([
            event_log(&self.event_log)?,
            optional(&self.ima_list, DEFAULT_IMA_LIST)?,
            optional(&self.userspace_log, DEFAULT_USERSPACE_LOG)?,
        ])
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
    fs::read(path).map_err(|source| match source.kind() {
        ErrorKind::PermissionDenied => Error::NoRight { path: path.to_owned() },
        _ => Error::File { path: path.to_owned(), source },
    })
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
}
