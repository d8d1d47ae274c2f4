//! Reading files that an operator names, and not all of a device or an endless pipe.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

/// The whole file, if it has at most `most` bytes. What the file system says of its length is not asked: `/dev/zero` says 0.
///
/// # Errors
/// The file cannot be read, or has more.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len <= most) {
        Ok(bytes)
    } else {
        Err(io::Error::other(format!("more than {most} bytes")))
    }
}

/// The same as text.
///
/// # Errors
/// As [`read`], or the bytes are no UTF-8.
pub(crate) fn read_text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read(path, most)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_file_is_refused_and_not_read_to_its_end() {
        assert_eq!(read(Path::new("/dev/zero"), 10).unwrap_err().to_string(), "more than 10 bytes");
        assert!(read_text(Path::new("/dev/zero"), 10).is_err());
        assert_eq!(read(Path::new("/dev/null"), 0).unwrap(), b"");
    }
}
