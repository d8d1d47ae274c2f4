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

/// How much is read at a time, and the longest line.
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
    /// Whether a line that is too long is passed over, up to its end.
    #[serde(default)]
    is_cut: bool,
}

/// Some of what a program wrote.
enum Part<'b> {
    /// Whole lines.
    Lines(&'b [u8]),
    /// A line that begins here, and nobody reads.
    LineTooLong { at: u64 },
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
        let (mut lines, mut read) = (0_u64, 0_u64);
        let end = self.parts(&mut |part| match part {
            Part::Lines(bytes) => {
                for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                    lines = lines.saturating_add(1);
                    if let Ok(Value::Object(fields)) = serde_json::from_slice(line) {
                        read = read.saturating_add(1);
                        one(&name, &Value::Object(fields), &mut told);
                    }
                }
            }
            Part::LineTooLong { at } => told.found.push(Finding::FeedLineTooLong { feed: name.clone(), at }),
        });
        let because = match end {
            Err(error) => error.to_string(),
            Ok(()) if lines > 0 && read == 0 => "its lines are not JSON".to_owned(),
            Ok(()) => return told,
        };
        told.found.push(Finding::FeedUnreadable { feed: name, because });
        told
    }

    fn parts(&mut self, take: &mut dyn FnMut(Part<'_>)) -> io::Result<()> {
        // The rest of what was rotated away first.
        self.rest(take)?;
        let there = std::fs::metadata(&self.path)?;
        let is_same =
            self.file.is_some() && (there.dev(), there.ino()) == (self.mark.device, self.mark.inode);
        if !is_same || there.len() < self.mark.offset {
            let file = File::open(&self.path)?;
            let is = file.metadata()?;
            let is_known = (is.dev(), is.ino()) == (self.mark.device, self.mark.inode);
            if !is_known || is.len() < self.mark.offset {
                self.mark = Mark { device: is.dev(), inode: is.ino(), ..Mark::default() };
            }
            self.file = Some(file);
            self.rest(take)?;
        }
        Ok(())
    }

    /// From the mark to the end of the file.
    fn rest(&mut self, take: &mut dyn FnMut(Part<'_>)) -> io::Result<()> {
        while let Some(bytes) = self.bytes()? {
            let (at, most) = (self.mark.offset, u64::try_from(bytes.len()) == Ok(MOST_BYTES));
            let (begin, end) = self.whole(&bytes);
            // A line without an end is read when it has one, unless it is longer than what is read at a time: nothing behind it would ever be.
            if most && (begin, end) == (0, 0) {
                take(Part::LineTooLong { at });
                self.mark.is_cut = true;
                self.pass(bytes.len());
                continue;
            }
            take(Part::Lines(bytes.get(begin..end).unwrap_or_default()));
            self.pass(end);
            if !most {
                break;
            }
        }
        Ok(())
    }

    /// Where whole lines begin and end in what was read. What is left of a line that is passed over goes with it.
    fn whole(&mut self, bytes: &[u8]) -> (usize, usize) {
        let behind = |at: usize| at.saturating_add(1);
        let begin = match bytes.iter().position(|byte| *byte == b'\n').filter(|_| self.mark.is_cut) {
            Some(at) => behind(at),
            None if self.mark.is_cut => return (bytes.len(), bytes.len()),
            None => 0,
        };
        self.mark.is_cut = false;
        (begin, bytes.iter().rposition(|byte| *byte == b'\n').map_or(begin, behind))
    }

    fn pass(&mut self, bytes: usize) {
        self.mark.offset = self.mark.offset.saturating_add(u64::try_from(bytes).unwrap_or(0));
    }

    /// What comes next in the file, as far as it is read at a time; nothing at its end.
    fn bytes(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = &mut self.file else { return Ok(None) };
        file.seek(SeekFrom::Start(self.mark.offset))?;
        let mut bytes = Vec::new();
        file.take(MOST_BYTES).read_to_end(&mut bytes)?;
        Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
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
