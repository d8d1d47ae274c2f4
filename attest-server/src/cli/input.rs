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
}
