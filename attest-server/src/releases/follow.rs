//! The one task that follows a log.

mod fetch;
mod held;
mod weigh;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use attest_core::Timestamp;
use attest_core::release::catalogue::{Catalogue, Floors, Kept};
use attest_core::release::choice::AcceptedTiers;
use attest_core::release::policy::Freshness;
use attest_core::release::view::LogView;
use attest_core::release::{Name, ObjectId};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tonic_health::{ServingStatus, server::HealthReporter};

use self::fetch::{Fetched, Want};
use super::log::{Log, Reading};
use super::source::Source;
use super::{Ask, Error, Family, Releases, Snapshot};
use crate::authority::SetBack;
use crate::clock;
use crate::config::Config;
use crate::fetch::Fetcher;
use crate::store::{self, HeldRevocation, ReleaseFloor, ReleaseMark, Store};

/// The health service's name for it.
const SERVICE: &str = "attest.releases";
/// Revocations that wait.
const ASKS: usize = 16;
/// How far a clock may be set back and nobody minds, in seconds.
const SLEW: u64 = 2;
/// An alert that lasts is said again after this.
const AGAIN: Duration = Duration::from_secs(60);
/// A revocation that was handed in, and that the log does not have after so many looks, is told.
const LOGGED_WITHIN: u32 = 60;
/// Releases are weighed again after this, though the log says nothing new: a suspension may be over.
const WEIGH_AGAIN: Duration = Duration::from_secs(600);

/// How often a checkpoint that was refused is tried again at once, for what it is over may have been on its way; then only after a while.
const TRIES: u32 = 5;
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// The server starts without a log that takes longer than this, and reads on. Nor do bundles that are missed keep it longer from the next
/// checkpoint.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the configuration says.
pub(crate) struct Settings {
    authority: ObjectId,
    source: Source,
    refresh: Duration,
    families: BTreeMap<String, (Name, AcceptedTiers)>,
}

impl Settings {
    /// Nothing where there is no section; the checked configuration has everything else.
    pub(crate) fn read(config: &Config) -> Result<Option<Self>, crate::fetch::Error> {
        let Some(releases) = &config.releases else { return Ok(None) };
        let source = match (&releases.folder, &releases.url) {
            (None, Some(url)) => Source::site(url, Fetcher::new(releases.ca.as_deref())?),
            (folder, _) => Source::folder(folder.as_deref().unwrap_or(Path::new("log"))),
        };
        let of_family = |(name, family): (&String, &crate::config::Family)| {
            let tiers = family.accepted_tiers.as_ref().unwrap_or(&releases.accepted_tiers);
            let own = Name::try_from(name.as_str()).ok().filter(|_| family.is_released())?;
            Some((name.clone(), (own, tiers.iter().copied().collect())))
        };
        Ok(releases.pin().map(|authority| Self {
            authority,
            source,
            refresh: Duration::from_millis(releases.refresh_milliseconds),
            families: config.families.iter().filter_map(of_family).collect(),
        }))
    }
}

/// Follows a log, and puts what it says in the place of what was known.
pub(crate) struct Follower {
    settings: Settings,
    store: Arc<dyn Store>,
    releases: Arc<Releases>,
    asks: mpsc::Receiver<Ask>,
    log: Log,
    /// What is read, and not taken yet.
    reading: Option<Reading>,
    /// The checkpoint that counts, as it was served.
    note: Vec<u8>,
    mark: Option<ReleaseMark>,
    floors: Floors,
    /// What the log came to when it was weighed.
    catalogue: Catalogue,
    held: Vec<HeldRevocation>,
    /// Those of them that the log does not have, and when that is said.
    left_out: BTreeMap<Vec<u8>, Instant>,
    snapshot: Snapshot,
    /// A checkpoint that is later than this says what time it is; nothing before the first one.
    confirms_after: Option<Timestamp>,
    /// The latest time that the clock ever showed.
    latest: Timestamp,
    weighed: Option<Instant>,
    /// What is followed, or at hand, is another than what was weighed last.
    needs_weighing: bool,
    alert: Option<(&'static str, Instant)>,
    /// A checkpoint that was not taken, how often it was tried, and when.
    refused: Option<(Vec<u8>, u32, Instant)>,
    /// Who asks how it is, and says when it ends, once the server runs.
    server: Option<(HealthReporter, watch::Receiver<bool>)>,
    /// Where this process writes the log, too: whether its witnesses know more of it.
    set_back: Option<watch::Receiver<Option<SetBack>>>,
}

/// What a look at the log came to.
#[derive(PartialEq, Eq)]
enum Looked {
    /// It is followed.
    Followed,
    /// What was refused is still served, and not tried again yet.
    RefusedBefore,
}

impl Follower {
    /// Looks for the first time. A log that cannot be read is an alert, and no reason not to start.
    pub(crate) async fn open(
        settings: Settings,
        store: Arc<dyn Store>,
    ) -> Result<(Arc<Releases>, Self), store::Error> {
        let authority = settings.authority.as_bytes().to_vec();
        let mark = store.release_mark(authority.clone()).await?;
        let floors = store.release_floors(authority.clone()).await?;
        let kept = |ReleaseFloor { family, since, version }: ReleaseFloor| {
            Some(Kept { family: Name::try_from(family).ok()?, since, version })
        };
        let (sender, asks) = mpsc::channel(ASKS);
        let releases = Arc::new(Releases::new(sender));
        let mut follower = Self {
            held: store.held_revocations(authority).await?,
            left_out: BTreeMap::new(),
            floors: Floors::kept(floors.into_iter().filter_map(kept)),
            catalogue: Catalogue::default(),
            snapshot: Snapshot {
                is_forked: mark.as_ref().is_some_and(|mark| mark.is_forked),
                ..Snapshot::default()
            },
            confirms_after: mark.as_ref().map(|mark| mark.seen_at),
            settings,
            store,
            releases: Arc::clone(&releases),
            asks,
            log: Log::default(),
            reading: None,
            note: Vec::new(),
            mark,
            latest: clock::now(),
            weighed: None,
            needs_weighing: false,
            alert: None,
            refused: None,
            server: None,
            set_back: None,
        };
        let looked = follower.look(Some(Instant::now() + PATIENCE)).await;
        follower.tell(&looked);
        Ok((releases, follower))
    }

    /// The log is written by this process, which hears what its witnesses know of it.
    pub(crate) fn hears(&mut self, set_back: watch::Receiver<Option<SetBack>>) {
        self.set_back = Some(set_back);
    }

    /// Until the server stops.
    pub(crate) async fn run(mut self, health: HealthReporter, mut stopped: watch::Receiver<bool>) {
        self.server = Some((health, stopped.clone()));
        let mut ticks = interval(self.settings.refresh);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.report().await;
            tokio::select! {
                () = stop(&mut stopped) => return,
                _ = ticks.tick() => match self.look(None).await {
                    Err(Error::Stopped) => return,
                    looked => self.tell(&looked),
                },
                Some(ask) = self.asks.recv() => self.serve(ask).await,
            }
        }
    }

    /// Tells the health service.
    async fn report(&self) {
        let Some((health, _)) = &self.server else { return };
        let is_well = self.alert.is_none();
        let serving = if is_well { ServingStatus::Serving } else { ServingStatus::NotServing };
        health.set_service_status(SERVICE, serving).await;
    }

    /// Says what is wrong, once for as long as it is the same.
    fn tell(&mut self, looked: &Result<Looked, Error>) {
        let code = match looked {
            Ok(Looked::RefusedBefore) => return,
            Err(error) => error.code(),
            Ok(Looked::Followed) if self.snapshot.is_forked => "releases_log_forked",
            Ok(Looked::Followed) if self.is_stale() => "releases_view_stale",
            Ok(Looked::Followed) => {
                if let Some((before, _)) = self.alert.take() {
                    tracing::info!(over = before, "the log of releases is followed again");
                }
                return;
            }
        };
        if self.alert.is_some_and(|(known, since)| known == code && since.elapsed() < AGAIN) {
            return;
        }
        if self.mark.is_none() && matches!(looked, Err(Error::CheckpointMissing)) {
            // A log begins before its witnesses have signed it.
            tracing::warn!(
                alert = code,
                "no witnesses have signed the log of releases yet: nobody is judged by releases until they have"
            );
            self.alert = Some((code, Instant::now()));
            return;
        }
        let detail = looked.as_ref().err().map_or_else(String::new, ToString::to_string);
        tracing::error!(alert = code, detail, "the log of releases is not followed any further");
        self.alert = Some((code, Instant::now()));
    }

    /// Whether what is followed is so old that verdicts count less: whoever serves it, or stands in between, brings nothing newer.
    fn is_stale(&self) -> bool {
        let is_stale = |view: &Arc<LogView>| view.freshness(clock::now()) != Freshness::Fresh;
        self.snapshot.view.as_ref().is_some_and(is_stale)
    }

    /// Looks whether the log says something new, and takes it.
    async fn look(&mut self, deadline: Option<Instant>) -> Result<Looked, Error> {
        self.watch_the_clock();
        self.watch_the_witnesses()?;
        let read = self.read(deadline).await;
        self.tell_of_left_out();
        if self.needs_weighing || self.weighed.is_none_or(|weighed| weighed.elapsed() >= WEIGH_AGAIN) {
            self.weigh().await?;
        }
        if read? == Looked::RefusedBefore {
            return Ok(Looked::RefusedBefore);
        }
        // Only now: whoever withholds an object keeps nobody from what the leaves say.
        let before = self.log.missing.len();
        let asked = self.fetched(Want::Missing, Some(Instant::now() + PATIENCE)).await;
        if self.log.missing.len() < before {
            self.needs_weighing = true;
            self.weigh().await?;
        }
        match asked {
            // The others are asked for at the next look.
            Ok(_) | Err(Error::Slow { .. }) => Ok(Looked::Followed),
            Err(error) => Err(error),
        }
    }

    /// Reads what is new, and takes it.
    async fn read(&mut self, deadline: Option<Instant>) -> Result<Looked, Error> {
        loop {
            match self.fetched(Want::Leaves, deadline).await {
                Ok(Fetched::Same) => break,
                Ok(Fetched::RefusedBefore) => return Ok(Looked::RefusedBefore),
                // What was read stays, and is gone on with.
                Err(error @ (Error::Slow { .. } | Error::Stopped)) => return Err(error),
                fetched => {
                    let Some(mut reading) = self.reading.take() else {
                        return fetched.map(|_| Looked::Followed);
                    };
                    let taken = match fetched {
                        Ok(_) => self.take(&mut reading).await,
                        Err(error) => Err(error),
                    };
                    match taken {
                        Ok(true) => break,
                        Ok(false) => self.reading = Some(reading),
                        Err(error) => {
                            self.refuse(reading.note);
                            return Err(error);
                        }
                    }
                }
            }
        }
        self.refused = None;
        Ok(Looked::Followed)
    }

    fn refuse(&mut self, note: Vec<u8>) {
        let before = self.refused.take().filter(|(refused, ..)| *refused == note);
        let tries = before.map_or(0, |(_, tries, _)| tries);
        self.refused = Some((note, tries.saturating_add(1), Instant::now()));
    }

    /// After a clock was set back nobody knows what time it is, until a newer checkpoint says so.
    fn watch_the_clock(&mut self) {
        let now = clock::now();
        if now.plus(SLEW) < self.latest {
            tracing::error!(alert = "releases_clock_set_back", now = %now.utc(), latest = %self.latest.utc(), "the clock was set back");
            self.confirms_after = self.mark.as_ref().map(|mark| mark.seen_at);
            self.latest = now;
            self.snapshot.is_confirmed = false;
            self.weighed = None;
            self.releases.put(self.snapshot.clone());
        }
        self.latest = self.latest.max(now);
    }

    /// A copy of data and log that was put back together looks like the newest: only who is elsewhere knows of what came later. Nothing counts by it.
    fn watch_the_witnesses(&mut self) -> Result<(), Error> {
        let told = self.set_back.as_ref().and_then(|told| *told.borrow());
        let Some(SetBack { last, size }) = told else { return Ok(()) };
        if self.snapshot.view.take().is_some() {
            self.releases.put(self.snapshot.clone());
            // Should the log come back it is read again.
            self.note.clear();
        }
        Err(Error::SetBack { last, size })
    }

    /// A checkpoint that was not seen before, and what was read for it. Not, where all of it is to be read again first.
    async fn take(&mut self, reading: &mut Reading) -> Result<bool, Error> {
        let mark = self.mark.clone();
        match self.log.view_of(reading, self.settings.authority, mark.as_ref()).await {
            Ok(Some(view)) => self.accept(reading.note.clone(), view).await.map(|()| true),
            Ok(None) => Ok(false),
            Err(error) => {
                match error {
                    Error::Forked { .. } => self.forked().await?,
                    // All of it is read again.
                    Error::Panicked => self.note.clear(),
                    _ => {}
                }
                Err(error)
            }
        }
    }

    /// How far it was seen is on the disk before anything new counts. A revocation counts at once, before the releases are weighed again, and
    /// where the disk is full.
    async fn accept(&mut self, note: Vec<u8>, view: LogView) -> Result<(), Error> {
        let mark = self.log.mark(&view, self.snapshot.is_forked);
        let authority = self.settings.authority.as_bytes().to_vec();
        let mut view = view;
        self.held.iter().for_each(|held| held::again(&mut view, held));
        let view = Arc::new(view);
        if let Err(error) = self.store.keep_release_mark(authority, mark.clone()).await {
            self.follow(view);
            return Err(error.into());
        }
        match self.confirms_after {
            Some(before) if view.time() > before => self.snapshot.is_confirmed = true,
            Some(_) => {}
            None => self.confirms_after = Some(view.time()),
        }
        tracing::info!(leaves = mark.size, time = %view.time().utc(), "the log of releases was read");
        (self.note, self.mark) = (note, Some(mark));
        self.follow(view);
        Ok(())
    }

    fn follow(&mut self, view: Arc<LogView>) {
        self.snapshot.view = Some(view);
        self.needs_weighing = true;
        // Without releases there is nothing to take back, and nothing to judge by before they are weighed.
        if self.weighed.is_some() {
            self.releases.put(self.snapshot.clone());
        }
    }

    /// Two histories: neither counts, and no restart forgets it.
    async fn forked(&mut self) -> Result<(), Error> {
        self.snapshot.is_forked = true;
        self.releases.put(self.snapshot.clone());
        if let Some(mark) = &mut self.mark {
            mark.is_forked = true;
            let authority = self.settings.authority.as_bytes().to_vec();
            self.store.keep_release_mark(authority, mark.clone()).await?;
        }
        Ok(())
    }
}

/// Until the server is told to stop.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}
