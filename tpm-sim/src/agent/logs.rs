//! The kernel's logs.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::Error;

/// Where the kernel shows the firmware's event log.
pub const DEFAULT_EVENT_LOG: &str = "/sys/kernel/security/tpm0/binary_bios_measurements";
/// Where the kernel shows the IMA list.
pub const DEFAULT_IMA_LIST: &str = "/sys/kernel/security/ima/binary_runtime_measurements";

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

/// The event log. The kernel's must exist.
pub(super) fn event_log(source: &Source) -> Result<Option<Vec<u8>>, Error> {
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

/// The IMA list. A kernel without IMA has none.
pub(super) fn ima_list(source: &Source) -> Result<Option<Vec<u8>>, Error> {
    match source {
        Source::Withheld => Ok(None),
        Source::File(path) => read(path).map(Some),
        Source::Kernel => match read(Path::new(DEFAULT_IMA_LIST)) {
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
        assert!(matches!(ima_list(&missing), Err(Error::File { .. })));
        assert!(event_log(&Source::Withheld).unwrap().is_none());
    }
}
