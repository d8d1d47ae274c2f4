//! Reading what the user names.

use std::{fs::File, io::Read as _, path::Path};

use super::Failure;

/// Reads a file, but at most one byte more than `max_bytes`: a parser with that bound then refuses it as too large, with its own code, and
/// nothing ever reads all of a device or of an endless pipe.
///
/// # Errors
/// A usage failure `file_unreadable`.
pub(super) fn read_file(path: &Path, max_bytes: usize) -> Result<Vec<u8>, Failure> {
    let unreadable =
        |error: std::io::Error| Failure::usage("file_unreadable", format!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    File::open(path)
        .map_err(unreadable)?
        .take(bound(max_bytes))
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

/// Whether there is a folder: who names something else learns it in words about folders.
///
/// # Errors
/// A usage failure `log_unreadable`.
pub(super) fn is_folder(path: &Path) -> Result<(), Failure> {
    let detail = match path.metadata() {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => "is a file, expected a folder".to_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "no such folder".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(Failure::usage("log_unreadable", format!("{}: {detail}", path.display())))
}

/// The same for a file that a flag names: what cannot be read is told with the flag, and with what was expected there.
///
/// # Errors
/// A usage failure `file_unreadable`.
pub(super) fn read_given(
    flag: &str,
    path: &Path,
    expected: &str,
    max_bytes: usize,
) -> Result<Vec<u8>, Failure> {
    let unreadable = |what: &dyn std::fmt::Display| {
        let detail = format!("--{flag} {}: {what}; expected {expected}", path.display());
        Failure::usage("file_unreadable", detail)
    };
    if path.is_dir() {
        return Err(unreadable(&"is a folder"));
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(bound(max_bytes)).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(unreadable(&"no such file")),
        Err(error) => Err(unreadable(&error)),
    }
}

/// One byte more than that.
fn bound(max_bytes: usize) -> u64 {
    u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1)
}

/// So many bytes as people say it; the limits are whole KiB or MiB.
pub(super) fn size(bytes: usize) -> String {
    match bytes {
        _ if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes >= 1 << 10 && bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Exit;

    #[test]
    fn a_missing_file_is_wrong_usage() {
        assert_eq!(read_file(Path::new("/nonexistent/log"), 10).unwrap_err().exit(), Exit::Usage);
    }

    #[test]
    fn what_a_flag_names_is_told_with_the_flag_and_what_was_expected() {
        let folder = tempfile::tempdir().unwrap();
        let told = |path: &Path| read_given("ak", path, "an attestation key", 10).unwrap_err().to_line();
        let path = folder.path().display();
        let expected = format!("--ak {path}: is a folder; expected an attestation key [file_unreadable]");
        assert_eq!(told(folder.path()), expected);
        let expected =
            format!("--ak {path}/none: no such file; expected an attestation key [file_unreadable]");
        assert_eq!(told(&folder.path().join("none")), expected);
        assert_eq!(read_given("ak", Path::new("/dev/zero"), "an attestation key", 10).unwrap().len(), 11);
    }

    #[test]
    fn sizes_are_said_as_people_say_them() {
        assert_eq!([size(100), size(64 << 10), size(3 << 20)], ["100 bytes", "64 KiB", "3 MiB"]);
        assert_eq!(size((1 << 20) + 1), "1048577 bytes");
    }

    #[test]
    fn an_endless_file_is_cut_behind_the_bound() {
        assert_eq!(read_file(Path::new("/dev/zero"), 10).unwrap().len(), 11);
    }
}
