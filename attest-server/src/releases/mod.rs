//! Releases as this verifier knows them: the log is followed, every release weighed, and all of it put in the place of what was known before
//! as one snapshot.
//!
//! *Trusted with what?* Nothing that is read from the log's folder or server is believed for where it came from: the view comes of every leaf
//! under a witnessed checkpoint, each object is hashed again, and the pinned authority alone decides whose word counts.
//!
//! *Never back:* how far the log was seen is on the disk before it counts. A log that is smaller, older, or of another tree is refused, said
//! (`alert` in the server's log, `attest.releases` of the health service), and what was known stays in force until its age refuses it. Two
//! histories that were both witnessed refuse every release, for good.

mod error;
mod follow;
mod log;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use attest_core::Timestamp;
use attest_core::appraise;
use attest_core::release::choice::{Choice, Offer};
use attest_core::release::delivery::Delivery;
use attest_core::release::evaluate::Now;
use attest_core::release::policy::Freshness;
use attest_core::release::view::LogView;
use tokio::sync::{mpsc, oneshot};

pub use error::Error;
pub(crate) use follow::{Follower, Settings};
pub(crate) use log::Log;
pub(crate) use source::Source;

use crate::challenge::Selection;

/// Where IMA measures to.
const IMA_PCR: u32 = 10;

/// What devices are judged by, as it is now.
pub(crate) struct Releases {
    snapshot: RwLock<Arc<Snapshot>>,
    asks: mpsc::Sender<Ask>,
}

/// A revocation that is handed in.
pub(crate) struct Ask {
    delivery: Delivery,
    reply: oneshot::Sender<Result<(), Error>>,
}

/// One state of it.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    view: Option<Arc<LogView>>,
    families: Arc<BTreeMap<String, Family>>,
    is_confirmed: bool,
    is_forked: bool,
    /// How many revocations are held that the log does not have.
    left_out: u64,
}

/// The releases of a family.
#[derive(Default)]
pub(crate) struct Family {
    choice: Choice,
    selection: Selection,
    /// The golden documents in them, by SHA-256 in hexadecimal.
    documents: BTreeSet<String>,
}

impl Releases {
    fn new(asks: mpsc::Sender<Ask>) -> Self {
        Self { snapshot: RwLock::default(), asks }
    }

    /// What counts now. It stays as it is for whoever has it.
    pub(crate) fn now(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, snapshot: Snapshot) {
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }

    /// Takes a revocation, logged or not, and the request that it is about if that came with it. When this returns it counts, and is on the disk.
    pub(crate) async fn hold(&self, revocation: Vec<u8>, request: Option<Vec<u8>>) -> Result<(), Error> {
        let delivery = Delivery::new(revocation, request);
        let (reply, answer) = oneshot::channel();
        self.asks.send(Ask { delivery, reply }).await.map_err(|_| Error::Stopped)?;
        answer.await.map_err(|_| Error::Stopped)?
    }
}

impl Snapshot {
    /// What devices of a family are judged by at this time; nothing while no log is known.
    pub(crate) fn of(&self, family: &str, clock: Timestamp) -> Option<appraise::Releases<'_>> {
        let (view, family) = (self.view.as_deref()?, self.families.get(family)?);
        let now = Now { clock, is_confirmed: self.is_confirmed };
        Some(appraise::Releases { choice: &family.choice, view, now, is_forked: self.is_forked })
    }

    /// Whether a verdict that stands on this release could be made now: it counts, its tier is accepted, and the log is not too old.
    pub(crate) fn is_in_force(&self, family: &str, release: &str, clock: Timestamp) -> bool {
        let Some(by) = self.of(family, clock) else { return false };
        let is_too_old = by.view.freshness(clock.max(by.view.time())) == Freshness::TooOld;
        let counts = |offer: &Offer| {
            offer.release().id().to_string() == release
                && offer.is_accepted()
                && offer.not_now(by.view, by.now).is_none()
        };
        !by.is_forked && !is_too_old && by.choice.offers().iter().any(counts)
    }

    /// The log, if it is known.
    pub(crate) fn view(&self) -> Option<&LogView> {
        self.view.as_deref()
    }

    /// Whether it is known what time it is.
    pub(crate) const fn is_confirmed(&self) -> bool {
        self.is_confirmed
    }

    /// Whether two histories were witnessed.
    pub(crate) const fn is_forked(&self) -> bool {
        self.is_forked
    }

    /// How many revocations were handed in here that the log does not have as it is followed.
    pub(crate) const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// How many releases each family has, with those that do not count any more.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        let count = |family: &Family| u64::try_from(family.choice.offers().len()).unwrap_or(u64::MAX);
        self.families.iter().map(move |(name, family)| (name.clone(), count(family)))
    }

    /// What devices of a family are to quote: all that some release judges.
    pub(crate) fn selection(&self, family: &str) -> Option<Selection> {
        self.families.get(family).map(|family| family.selection.clone())
    }

    /// Whether some release of the family has this golden document.
    pub(crate) fn has_document(&self, family: &str, sha256: &str) -> bool {
        self.families.get(family).is_some_and(|family| family.documents.contains(sha256))
    }
}

impl Family {
    /// What these come to where nothing may count that did not before.
    fn only(&self, choice: Choice) -> Self {
        Self::new(choice.within(&self.choice))
    }

    fn new(choice: Choice) -> Self {
        let mut banks: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        let mut documents = BTreeSet::new();
        for reference in choice.offers().iter().map(|offer| offer.reference()) {
            for bank in &reference.golden().banks {
                let judged = reference.golden().judged.iter().map(|pcr| u32::from(*pcr));
                banks.entry(bank.name().to_owned()).or_default().extend(judged.chain([IMA_PCR]));
            }
            documents.extend(reference.source().document_sha256.clone());
        }
        if banks.is_empty() {
            // There is nothing to judge by, and the verdict will say so; a quote is wanted all the same.
            banks.insert("sha256".to_owned(), (0..=IMA_PCR).collect());
        }
        let selection = banks.into_iter().map(|(bank, pcrs)| (bank, pcrs.into_iter().collect())).collect();
        Self { choice, selection, documents }
    }
}
