//! What verifiers and signers say themselves: their logs, as JSON lines.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use attest_core::release::watch::Finding;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::book;
use crate::cli::printable;

/// How much is read at one look.
const MOST_BYTES: u64 = 16 << 20;
/// The alert of a verifier about a device.
const UNRELEASED: &str = "device_unreleased";

/// How far a file was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mark {
    device: u64,
    inode: u64,
    offset: u64,
}

/// One program's log, which may be rotated.
pub(super) struct Feed {
    path: PathBuf,
    mark: Mark,
    /// The file that is read, also under another name.
    file: Option<File>,
}

/// What was said since the last look.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) found: Vec<Finding>,
    /// Ids of what is over.
    pub(super) over: BTreeSet<String>,
}

impl Feed {
    pub(super) fn new(path: &Path, mark: Option<Mark>) -> Self {
        Self { path: path.to_owned(), mark: mark.unwrap_or_default(), file: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn mark(&self) -> Mark {
        self.mark
    }

    /// Every whole line that was not read before, in this file and the one that took its place.
    pub(super) fn read(&mut self) -> Told {
        let mut told = Told::default();
        let name = self.path.display().to_string();
        match self.lines() {
            Ok(bytes) => self.tell(&name, &bytes, &mut told),
            Err(error) => {
                let because = error.to_string();
                told.found.push(Finding::FeedUnreadable { feed: name, because });
            }
        }
        told
    }

    fn lines(&mut self) -> io::Result<Vec<u8>> {
        // The rest of what was rotated away first.
        let mut bytes = self.rest()?;
        let there = std::fs::metadata(&self.path)?;
        let is_same =
            self.file.is_some() && (there.dev(), there.ino()) == (self.mark.device, self.mark.inode);
        if !is_same || there.len() < self.mark.offset {
            let file = File::open(&self.path)?;
            let is = file.metadata()?;
            let is_known = (is.dev(), is.ino()) == (self.mark.device, self.mark.inode);
            let offset = if is_known && is.len() >= self.mark.offset { self.mark.offset } else { 0 };
            self.mark = Mark { device: is.dev(), inode: is.ino(), offset };
            self.file = Some(file);
            bytes.extend(self.rest()?);
        }
        Ok(bytes)
    }

    /// Whole lines from the mark on.
    fn rest(&mut self) -> io::Result<Vec<u8>> {
        let Some(file) = &mut self.file else { return Ok(Vec::new()) };
        file.seek(SeekFrom::Start(self.mark.offset))?;
        let mut bytes = Vec::new();
        file.take(MOST_BYTES).read_to_end(&mut bytes)?;
        // A line without an end is read when it has one.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at.saturating_add(1));
        bytes.truncate(whole);
        self.mark.offset = self.mark.offset.saturating_add(u64::try_from(whole).unwrap_or(0));
        Ok(bytes)
    }

    fn tell(&self, name: &str, bytes: &[u8], told: &mut Told) {
        let mut lines = 0_u64;
        let mut read = 0_u64;
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            lines = lines.saturating_add(1);
            if let Ok(Value::Object(fields)) = serde_json::from_slice(line) {
                read = read.saturating_add(1);
                one(name, &Value::Object(fields), told);
            }
        }
        if lines > 0 && read == 0 {
            let because = "its lines are not JSON".to_owned();
            told.found.push(Finding::FeedUnreadable { feed: name.to_owned(), because });
        }
    }
}

/// One line of a program.
fn one(program: &str, line: &Value, told: &mut Told) {
    let text = |field: &str| line.get(field).and_then(Value::as_str).map(printable);
    let mut raise = |finding: Finding| {
        told.over.remove(&book::id(finding.code(), &finding.subject()));
        told.found.retain(|other| other.subject() != finding.subject() || other.code() != finding.code());
        told.found.push(finding);
    };
    let alert = text("alert");
    if let Some(code) = alert {
        let device = text("device_id").filter(|_| code == UNRELEASED);
        let Some(device) = device else {
            let detail = text("detail").or_else(|| text("message")).unwrap_or_default();
            return raise(Finding::Told { program: program.to_owned(), code, detail });
        };
        let because = text("reasons").unwrap_or_default().split(' ').map(str::to_owned).collect();
        return raise(Finding::DeviceUnreleased {
            device,
            family: text("family").unwrap_or_default(),
            because,
        });
    }
    let is_released = line.get("released").and_then(Value::as_bool) == Some(true);
    let over = match (text("over"), text("device_id").filter(|_| is_released)) {
        (Some(code), _) => Finding::Told { program: program.to_owned(), code, detail: String::new() },
        (None, Some(device)) => {
            Finding::DeviceUnreleased { device, family: String::new(), because: Vec::new() }
        }
        (None, None) => return,
    };
    let id = book::id(over.code(), &over.subject());
    told.found.retain(|finding| book::id(finding.code(), &finding.subject()) != id);
    told.over.insert(id);
}
