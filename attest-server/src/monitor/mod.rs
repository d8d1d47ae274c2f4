//! The monitor: a program of its own that reads the log as verifiers do, and whatever else it is shown, and says what should not be.
//!
//! *What it promises:* each thing is told at least once, and told again when it is over; what it was told stays told after a restart. How far the
//! log was seen is on the disk, and it never follows a log back.
//!
//! *Who is trusted:* the pinned policy and its witnesses, for the log. A count of an HSM and the lines of a verifier are as good as the way by which
//! they come here.

mod book;
mod counter;
mod error;
mod feed;
mod kept;
mod seen;
mod state;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use attest_core::audit::checkpoint::SignedCheckpoint;
use attest_core::audit::witness::{self, WitnessedCheckpoint};
use attest_core::release::catalogue::{Catalogue, Floors};
use attest_core::release::evaluate::{Now, Standing as ReleaseStanding};
use attest_core::release::policy::Ages;
use attest_core::release::view::{LogView, Objects};
use attest_core::release::watch::{Before, Count, Finding, Severity, Standing, Watch, staleness, standing};
use attest_core::release::{Name, ObjectId};
use attest_core::{Limits, Timestamp};

pub(crate) use self::book::{Alert, Change};
pub(crate) use self::counter::{FileCounter, SignatureCounter};
pub(crate) use self::error::Error;
use self::feed::Feed;
pub(crate) use self::kept::Kept;
pub(crate) use self::seen::Thing;
use self::state::State;
use crate::disk::{self, Disk};
use crate::releases::{Error as Unfollowed, Log, Source};

const LIMITS: &Limits = &Limits::DEFAULT;
/// Releases are weighed again after this, though the log says nothing new: one may have lapsed.
const WEIGH_AGAIN: Duration = Duration::from_secs(600);
/// The same while there is an emergency that nobody looked at.
const WEIGH_SOON: Duration = Duration::from_secs(10);
/// A log that cannot be read is told of after so many looks: servers are restarted.
const PATIENCE: u32 = 3;
/// What is withheld is asked for again after this.
const ASK_AGAIN: Duration = Duration::from_secs(30);

/// What is watched.
pub(crate) struct Settings {
    /// The first policy, pinned.
    pub(crate) authority: ObjectId,
    /// The log.
    pub(crate) source: Source,
    /// Counters of HSMs, by the names of their keys.
    pub(crate) counters: BTreeMap<Name, Box<dyn SignatureCounter>>,
    /// Signatures that people know of and no request asked for.
    pub(crate) accounted: BTreeMap<Name, u64>,
    /// Logs of verifiers and signers, as JSON lines.
    pub(crate) feeds: Vec<PathBuf>,
    /// What was found in the field.
    pub(crate) things: Vec<Thing>,
}

/// A monitor, with what it remembers.
pub(crate) struct Monitor {
    settings: Settings,
    feeds: Vec<Feed>,
    state: State,
    disk: Disk,
    log: Log,
    /// The checkpoint that is followed, as it was served.
    note: Vec<u8>,
    view: Option<LogView>,
    watch: Watch,
    /// What the watch is read by, until it was.
    objects: BTreeMap<ObjectId, Vec<u8>>,
    catalogue: Catalogue,
    weighed: Option<Instant>,
    asked: Option<Instant>,
    /// Objects that could not be had.
    withheld: Vec<Finding>,
    unread: u32,
    _lock: File,
}

impl Monitor {
    /// Opens what the monitor remembers in this folder, and begins with nothing where there is none.
    pub(crate) fn open(folder: &Path, settings: Settings, now: Timestamp) -> Result<Self, Error> {
        let lock = disk::lock(folder)?.ok_or_else(|| Error::Locked(folder.to_owned()))?;
        let disk = Disk::open(folder)?;
        let state = State::read(folder, settings.authority, now)?;
        let feeds = settings.feeds.iter().map(|path| Feed::new(path, state.feed(path))).collect();
        let watch = Watch::new(settings.authority, state.examined);
        Ok(Self {
            settings,
            feeds,
            state,
            disk,
            log: Log::default(),
            note: Vec::new(),
            view: None,
            watch,
            objects: BTreeMap::new(),
            catalogue: Catalogue::default(),
            weighed: None,
            asked: None,
            withheld: Vec::new(),
            unread: 0,
            _lock: lock,
        })
    }

    /// What is open, and not closed by people.
    pub(crate) fn open_alerts(&self) -> impl Iterator<Item = &Alert> {
        self.state.book.open()
    }

    /// How many leaves are known.
    pub(crate) fn size(&self) -> u64 {
        self.view.as_ref().map_or(0, |view| view.head().size)
    }

    /// One look at everything. What is new is to be told before it is [kept](Self::keep): after a crash it is told again, and not lost.
    pub(crate) async fn look(&mut self, now: Timestamp) -> Vec<Change> {
        // Counts, and what was found, before the log: what an honest signer did by now has its attempt in the log by then.
        let known = self.state.mark().map_or((0, Timestamp::from_unix(0)), |mark| (mark.size, mark.seen_at));
        let counts: Vec<(Name, std::io::Result<u64>)> =
            self.settings.counters.iter_mut().map(|(key, counter)| (key.clone(), counter.used())).collect();
        let things: Vec<_> = self.settings.things.iter().map(|thing| (thing.name(), thing.read())).collect();
        let mut found = Vec::new();
        let mut over = BTreeSet::new();
        for feed in &mut self.feeds {
            let told = feed.read();
            found.extend(told.found);
            over.extend(told.over);
        }
        let followed = self.follow(&mut found, now).await;
        let is_fresh = followed.is_ok();
        if let Err(error) = followed {
            found.extend(self.not_followed(&error));
        }
        found.extend(self.stands(now));
        if is_fresh {
            found.extend(self.counted(counts, known));
            found.extend(self.seen(things));
        }
        self.state.book.update(found, &over, self.view.is_some(), is_fresh, now)
    }

    /// Puts on the disk what was told, and how far the log was seen.
    pub(crate) fn keep(&mut self) -> Result<(), Error> {
        self.state.keep_feeds(self.feeds.iter());
        self.disk.put(state::FILE, &self.state.write()?)?;
        Ok(self.disk.settle()?)
    }

    /// Reads what is new in the log, and examines it.
    async fn follow(&mut self, found: &mut Vec<Finding>, now: Timestamp) -> Result<(), Unfollowed> {
        let note = self.settings.source.checkpoint().await?.ok_or(Unfollowed::CheckpointMissing)?;
        let is_new = note != self.note;
        if is_new {
            let mark = self.state.mark();
            let advanced =
                self.log.advance(&self.settings.source, self.settings.authority, &note, mark.as_ref()).await;
            if matches!(advanced, Err(Unfollowed::Panicked)) {
                self.note.clear();
            }
            self.accept(note, advanced?);
        }
        self.examine(found).await?;
        let again = if self.has_provisional() { WEIGH_SOON } else { WEIGH_AGAIN };
        if self.weighed.is_none_or(|weighed| weighed.elapsed() >= again) {
            self.weigh(now).await?;
        }
        // Only now: whoever withholds an object keeps nobody from what the leaves say.
        let before = self.log.missing.len();
        let asked = self.log.read_missing(&self.settings.source).await;
        if self.log.missing.len() < before {
            self.weigh(now).await?;
        }
        asked?;
        self.unread = 0;
        Ok(())
    }

    fn accept(&mut self, note: Vec<u8>, view: LogView) {
        let is_forked = self.state.mark().is_some_and(|mark| mark.is_forked);
        self.state.set_mark(&self.log.mark(&view, is_forked));
        if let Some(policy) = view.policy() {
            let log = &policy.document().log;
            self.state.ages = Some((log.soft_age_seconds, log.hard_age_seconds));
            // The view was made by this very checkpoint.
            if let Ok((log, quorum)) = log.read(LIMITS)
                && let Ok(signed) = SignedCheckpoint::verify(&note, &log, LIMITS)
                && let Ok(witnessed) = WitnessedCheckpoint::verify(signed, &quorum)
            {
                let names = quorum.witnesses().iter().map(|witness| witness.name().to_owned());
                self.state.cosigned(names, witnessed.cosignatures());
            }
        }
        (self.note, self.view, self.weighed) = (note, Some(view), None);
    }

    /// Reads each leaf that the view is made of, with what it names. Another history than the one that was read begins anew.
    async fn examine(&mut self, found: &mut Vec<Finding>) -> Result<(), Unfollowed> {
        if !self.withheld.is_empty() && self.asked.is_none_or(|asked| asked.elapsed() >= ASK_AGAIN) {
            self.watch = Watch::new(self.settings.authority, self.state.examined);
            self.withheld.clear();
        }
        while let Some(entry) = self.log.entries.get(usize::try_from(self.watch.size()).unwrap_or(usize::MAX))
        {
            let entry = entry.clone();
            if let Err(error) = self.fetch_for(&entry).await {
                if self.unread.saturating_add(1) < PATIENCE {
                    return Err(error);
                }
                // What is not answered for long is withheld like what is not there, and keeps nobody from the leaves behind it.
                self.asked = Some(Instant::now());
            }
            let objects = Both { own: &self.objects, log: &self.log.objects };
            let findings = self.watch.read(&entry, &objects, LIMITS)?;
            let (withheld, others): (Vec<Finding>, Vec<Finding>) =
                findings.into_iter().partition(|finding| matches!(finding, Finding::ObjectWithheld { .. }));
            self.withheld.extend(withheld);
            found.extend(others);
            self.objects.clear();
        }
        self.state.examined = self.watch.examined();
        found.extend(self.withheld.iter().cloned());
        Ok(())
    }

    /// Has at hand what the next leaf is examined by, as far as it is served.
    async fn fetch_for(&mut self, entry: &[u8]) -> Result<(), Unfollowed> {
        let mut tried = BTreeSet::new();
        loop {
            let objects = Both { own: &self.objects, log: &self.log.objects };
            let mut wanted = self.watch.wants(entry, &objects, LIMITS);
            wanted.retain(|id| tried.insert(*id));
            if wanted.is_empty() {
                return Ok(());
            }
            for id in wanted {
                let object = self.settings.source.object(id, LIMITS.release_bundle_bytes).await?;
                if object.is_none() {
                    self.asked = Some(Instant::now());
                }
                self.objects.extend(object.map(|bytes| (id, bytes)));
            }
        }
    }

    async fn weigh(&mut self, now: Timestamp) -> Result<(), Unfollowed> {
        let Some(view) = self.view.clone() else { return Ok(()) };
        let now = Now { clock: now, is_confirmed: true };
        let before = std::mem::take(&mut self.catalogue);
        let weigh = move |log: &mut Log| before.again(&view, &log.objects, &Floors::new(), now, LIMITS);
        let weighed = self.log.apart(weigh);
        let weighed = weighed.await.inspect_err(|_| self.note.clear())?;
        (self.catalogue, self.weighed) = (weighed, Some(Instant::now()));
        Ok(())
    }

    fn has_provisional(&self) -> bool {
        let is_provisional = |standing| matches!(standing, ReleaseStanding::Provisional { .. });
        self.catalogue.releases().any(|release| is_provisional(release.standing()))
    }

    /// What it means that the log is not followed any further.
    fn not_followed(&mut self, error: &Unfollowed) -> Option<Finding> {
        use attest_core::release::view;
        Some(match error {
            Unfollowed::Forked { size, known } => {
                self.state.set_forked();
                Finding::LogForked { known: *known, size: *size }
            }
            Unfollowed::Older { got, known } => Finding::LogOlder { got: *got, known: *known },
            Unfollowed::RolledBack { got, known } => Finding::LogRolledBack { got: *got, known: *known },
            Unfollowed::View(view::Error::Antedated { index, at, seen_at }) => {
                Finding::LeafAntedated { index: *index, at: *at, seen_at: *seen_at }
            }
            Unfollowed::View(view::Error::TimeAhead { index, at, witnessed }) => {
                Finding::LogAhead { index: *index, at: *at, witnessed: *witnessed }
            }
            Unfollowed::View(view::Error::Witness(witness::Error::QuorumNotReached { got, threshold })) => {
                Finding::WitnessQuorumLost { got: *got, threshold: *threshold }
            }
            error => {
                self.unread = self.unread.saturating_add(1);
                if self.unread < PATIENCE {
                    return None;
                }
                Finding::LogUnreadable { because: error.code(), detail: error.to_string() }
            }
        })
    }

    /// Whether the log could not be read, and nothing was said of it yet.
    pub(crate) const fn is_patient(&self) -> bool {
        self.unread > 0 && self.unread < PATIENCE
    }

    /// What is wrong with the log as it is now, as far as it is known.
    fn stands(&self, now: Timestamp) -> Vec<Finding> {
        match (&self.view, self.state.mark(), self.state.ages) {
            (Some(view), ..) => {
                let (catalogue, cosigned) = (&self.catalogue, &self.state.cosigned_at());
                standing(&Standing { view, catalogue, cosigned, now })
            }
            (None, Some(mark), Some((soft, hard))) => {
                staleness(mark.seen_at, Ages { soft, hard }, now).into_iter().collect()
            }
            (None, ..) => Vec::new(),
        }
    }

    /// `known` is how much of the log was known before the HSMs were asked, and when witnesses had signed that.
    fn counted(
        &mut self,
        counts: Vec<(Name, std::io::Result<u64>)>,
        known: (u64, Timestamp),
    ) -> Vec<Finding> {
        let Some(view) = &self.view else { return Vec::new() };
        let mut found = Vec::new();
        for (key, used) in counts {
            match used {
                Err(error) => found.push(Finding::CounterUnreadable { key, because: error.to_string() }),
                Ok(used) => {
                    let accounted = self.settings.accounted.get(&key).copied().unwrap_or_default();
                    let before: Option<Before> = self.state.counter(&key);
                    let (size, at) = known;
                    let count = Count { key: key.clone(), used, size, at, accounted, before };
                    let (findings, after) = self.watch.counted(&count, view);
                    if let Some(after) = after {
                        self.state.set_counter(&key, after);
                    }
                    found.extend(findings);
                }
            }
        }
        found
    }

    fn seen(&self, things: Vec<(String, std::io::Result<seen::Bytes>)>) -> Vec<Finding> {
        let Some(view) = &self.view else { return Vec::new() };
        let look = |(what, bytes): (String, std::io::Result<seen::Bytes>)| match bytes {
            Err(error) => vec![Finding::SeenUnreadable { what, because: error.to_string() }],
            Ok(bytes) => seen::look(&self.watch, view, &self.log.entries, what, &bytes),
        };
        things.into_iter().flat_map(look).collect()
    }
}

/// Whether people are needed now.
pub(crate) fn is_urgent(alert: &Alert) -> bool {
    alert.severity == Severity::Alert.name()
}

/// Objects from two places.
struct Both<'o> {
    own: &'o BTreeMap<ObjectId, Vec<u8>>,
    log: &'o BTreeMap<ObjectId, Vec<u8>>,
}

impl Objects for Both<'_> {
    fn object(&self, id: &ObjectId) -> Option<&[u8]> {
        self.own.get(id).or_else(|| self.log.get(id)).map(Vec::as_slice)
    }
}
