//! What a monitor remembers: one file, whole or not there.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use attest_core::Timestamp;
use attest_core::audit::witness::Cosignature;
use attest_core::release::object::Blob;
use attest_core::release::watch::Before;
use attest_core::release::{Name, ObjectId};
use serde::{Deserialize, Serialize};

use super::Error;
use super::book::Book;
use super::feed::{Feed, Mark};
use crate::store::ReleaseMark;

/// The file in the monitor's folder.
pub(super) const FILE: &str = "monitor.json";
const FORMAT: &str = "attest-monitor/1";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    format: String,
    authority: ObjectId,
    /// When the monitor began, in seconds.
    began: u64,
    mark: Option<Seen>,
    /// How old the log may be before it counts less, and for nothing, in seconds; by the policy that was followed last.
    pub(super) ages: Option<(u64, u64)>,
    /// Leaves before this one were examined.
    pub(super) examined: u64,
    pub(super) book: Book,
    counters: BTreeMap<Name, Used>,
    /// When each witness was seen to cosign last.
    cosigned: BTreeMap<String, u64>,
    feeds: BTreeMap<String, Mark>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    size: u64,
    root: ObjectId,
    seen_at: u64,
    is_forked: bool,
    /// The bytes of the policy that was followed there.
    #[serde(default)]
    policy: Option<Blob>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Used {
    used: u64,
    gap: u64,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    at: u64,
    #[serde(default)]
    spent: u64,
}

impl State {
    /// Reads it, or begins. What cannot be read is not begun anew.
    pub(super) fn read(folder: &Path, authority: ObjectId, now: Timestamp) -> Result<Self, Error> {
        match Self::kept(folder, Some(authority)) {
            Err(Error::Nothing(_)) => Ok(Self {
                format: FORMAT.to_owned(),
                authority,
                began: now.unix(),
                mark: None,
                ages: None,
                examined: 0,
                book: Book::default(),
                counters: BTreeMap::new(),
                cosigned: BTreeMap::new(),
                feeds: BTreeMap::new(),
            }),
            kept => kept,
        }
    }

    /// Reads what is there, of this authority or of any.
    pub(super) fn kept(folder: &Path, authority: Option<ObjectId>) -> Result<Self, Error> {
        let path = folder.join(FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::Nothing(path)),
            Err(error) => return Err(error.into()),
        };
        let state: Self = serde_json::from_slice(&text).map_err(|_| Error::State(path.clone()))?;
        if state.format != FORMAT {
            return Err(Error::State(path));
        }
        if authority.is_some_and(|authority| state.authority != authority) {
            return Err(Error::OtherAuthority(path));
        }
        Ok(state)
    }

    pub(super) fn write(&self) -> Result<Vec<u8>, Error> {
        Ok(serde_json::to_vec_pretty(self).map_err(io::Error::other)?)
    }

    pub(super) fn mark(&self) -> Option<ReleaseMark> {
        self.mark.as_ref().map(|seen| ReleaseMark {
            size: seen.size,
            root: seen.root.as_bytes().to_vec(),
            seen_at: Timestamp::from_unix(seen.seen_at),
            is_forked: seen.is_forked,
            policy: seen.policy.clone().map(|policy| policy.0),
        })
    }

    pub(super) fn set_mark(&mut self, mark: &ReleaseMark) {
        let root: [u8; 32] = mark.root.as_slice().try_into().unwrap_or_default();
        self.mark = Some(Seen {
            size: mark.size,
            root: ObjectId::from_bytes(root),
            seen_at: mark.seen_at.unix(),
            is_forked: mark.is_forked,
            policy: mark.policy.clone().map(Blob),
        });
    }

    pub(super) fn set_forked(&mut self) {
        if let Some(mark) = &mut self.mark {
            mark.is_forked = true;
        }
    }

    /// These witnesses are asked, and these signed.
    pub(super) fn cosigned(&mut self, all: impl Iterator<Item = String>, signed: &[Cosignature]) {
        let before = std::mem::take(&mut self.cosigned);
        for witness in all {
            let known = before.get(&witness).copied().unwrap_or(self.began);
            let now = signed.iter().find(|one| one.witness == witness).map_or(0, |one| one.time.unix());
            self.cosigned.insert(witness, known.max(now));
        }
    }

    pub(super) fn cosigned_at(&self) -> BTreeMap<String, Timestamp> {
        self.cosigned.iter().map(|(name, at)| (name.clone(), Timestamp::from_unix(*at))).collect()
    }

    pub(super) fn counter(&self, key: &Name) -> Option<Before> {
        let before = |Used { used, gap, size, at, spent }: Used| Before {
            used,
            gap,
            size,
            at: Timestamp::from_unix(at),
            spent,
        };
        self.counters.get(key).copied().map(before)
    }

    pub(super) fn set_counter(&mut self, key: &Name, before: Before) {
        let Before { used, gap, size, at, spent } = before;
        self.counters.insert(key.clone(), Used { used, gap, size, at: at.unix(), spent });
    }

    pub(super) fn feed(&self, path: &Path) -> Option<Mark> {
        self.feeds.get(&path.display().to_string()).copied()
    }

    pub(super) fn keep_feeds<'f>(&mut self, feeds: impl Iterator<Item = &'f Feed>) {
        self.feeds.extend(feeds.map(|feed| (feed.path().display().to_string(), feed.mark())));
    }
}
