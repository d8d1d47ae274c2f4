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
    let bound = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    File::open(path).map_err(unreadable)?.take(bound).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// Whether it is a folder: who names a file, or nothing, learns it in words about folders.
///
/// # Errors
/// A usage failure `log_unreadable`: it is none, or there is nothing.
pub(super) fn is_folder(path: &Path) -> Result<(), Failure> {
    let detail = match path.metadata() {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => "is a file, expected a folder".to_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "no such folder".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(Failure::usage("log_unreadable", format!("{}: {detail}", path.display())))
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
    fn an_endless_file_is_cut_behind_the_bound() {
        assert_eq!(read_file(Path::new("/dev/zero"), 10).unwrap().len(), 11);
    }

    #[test]
    fn what_is_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, b"").unwrap();
        let told = |path: &Path| is_folder(path).unwrap_err().to_json().to_string();
        assert!(told(&folder.path().join("none")).contains("none: no such folder"));
        assert!(told(&file).contains("file: is a file, expected a folder"));
        assert!(is_folder(folder.path()).is_ok());
    }
}
