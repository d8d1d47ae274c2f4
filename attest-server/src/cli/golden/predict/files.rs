//! Files of an update as IMA will measure them: by their path on the machine, with the digest of their content.

use std::fs;
use std::path::Path;

use attest_core::reference::golden::ImaFile;
use attest_core::{Digest, HashAlg, Limits};

use super::digest;
use crate::cli::Failure;
use crate::cli::input::read_file;

/// Folders inside of folders that are followed; a package's trees stay below 16.
const DEEPEST: usize = 32;

/// `PATH=FILE`, `PATH=FOLDER` or `PATH=sha256:HEX`.
pub(super) fn measured(text: &str, limits: &Limits) -> Result<Vec<ImaFile>, Failure> {
    let bad = || {
        Failure::usage(
            "files_malformed",
            format!("`{text}` is not PATH=FILE, PATH=FOLDER or PATH=sha256:HEX"),
        )
    };
    let (path, new) = text
        .split_once('=')
        .filter(|(path, new)| path.starts_with('/') && !new.is_empty())
        .ok_or_else(bad)?;
    if let Some((alg, _)) = new.split_once(':')
        && HashAlg::from_name(alg).is_some()
    {
        return Ok(vec![file(path, digest(new)?)]);
    }
    let mut found = Vec::new();
    walk(path.trim_end_matches('/'), Path::new(new), DEEPEST, limits, &mut found)?;
    if found.is_empty() {
        return Err(Failure::usage("files_empty", format!("{new}: no file in it")));
    }
    Ok(found)
}

fn file(path: &str, digest: Digest) -> ImaFile {
    ImaFile { path: path.to_owned(), digest, verity: false, required: false }
}

/// Every regular file; symbolic links are what IMA would follow on the machine, so they are not followed here.
fn walk(
    path: &str,
    place: &Path,
    deeper: usize,
    limits: &Limits,
    found: &mut Vec<ImaFile>,
) -> Result<(), Failure> {
    let unreadable =
        |e: std::io::Error| Failure::usage("file_unreadable", format!("{}: {e}", place.display()));
    let kind = fs::symlink_metadata(place).map_err(unreadable)?.file_type();
    if kind.is_file() {
        let content = read_file(place, limits.image_bytes)?;
        found.push(file(path, HashAlg::Sha256.hash(&[&content])));
    } else if kind.is_dir() {
        let deeper = deeper.checked_sub(1).ok_or_else(|| {
            Failure::usage("files_too_deep", format!("{}: too many folders", place.display()))
        })?;
        let mut entries: Vec<_> =
            fs::read_dir(place).map_err(unreadable)?.collect::<Result<_, _>>().map_err(unreadable)?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_str().ok_or_else(|| {
                Failure::usage("file_unreadable", format!("{}: its name is no text", entry.path().display()))
            })?;
            walk(&format!("{path}/{name}"), &entry.path(), deeper, limits, found)?;
        }
    }
    Ok(())
}
