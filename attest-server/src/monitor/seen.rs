//! What was found in the field.

use std::io;
use std::path::PathBuf;

use attest_core::Limits;
use attest_core::release::view::LogView;
use attest_core::release::watch::{self, Finding, Watch};

use crate::file;

const LIMITS: &Limits = &Limits::DEFAULT;

/// A signed thing, and what it was made over, where that is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Thing {
    signature: PathBuf,
    file: Option<PathBuf>,
}

/// Its bytes.
pub(super) struct Bytes {
    thing: Vec<u8>,
    file: Option<Vec<u8>>,
}

impl Thing {
    /// `SIGNATURE`, or `SIGNATURE,FILE`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (signature, file) = match text.split_once(',') {
            Some((signature, file)) => (signature, Some(PathBuf::from(file))),
            None => (text, None),
        };
        if signature.is_empty() {
            return Err("expected SIGNATURE or SIGNATURE,FILE".to_owned());
        }
        Ok(Self { signature: signature.into(), file })
    }

    pub(super) fn name(&self) -> String {
        self.signature.display().to_string()
    }

    pub(super) fn read(&self) -> io::Result<Bytes> {
        let most = u64::try_from(LIMITS.image_bytes).unwrap_or(u64::MAX);
        let file = self.file.as_ref().map(|file| file::read(file, most)).transpose()?;
        Ok(Bytes { thing: file::read(&self.signature, most)?, file })
    }
}

/// What the log knows of it. A checkpoint is held against the log's leaves, anything else is asked for signatures by the authority's keys.
pub(super) fn look(
    watch: &Watch,
    view: &LogView,
    entries: &[Vec<u8>],
    what: String,
    bytes: &Bytes,
) -> Vec<Finding> {
    let leaves = entries.iter().map(Vec::as_slice);
    if let Ok(split) = watch::split(view, leaves, &bytes.thing, LIMITS) {
        return split.into_iter().collect();
    }
    match watch::sight(view, &bytes.thing, bytes.file.as_deref(), LIMITS) {
        Err(unreadable) => vec![Finding::SeenUnreadable { what, because: unreadable.to_string() }],
        Ok(seen) if seen.is_empty() => vec![Finding::SeenForeign { what }],
        Ok(seen) => watch.unlogged(&seen),
    }
}
