//! What a monitor looks for: things that an honest signer, log or device never does, each found by itself and told under its own code.
//!
//! All of it is a function of the log's leaves, of what they name, of counts that HSMs show and of what was found in the field. A [`Watch`]
//! replays the log as verifiers do and weighs each step of a signature by what was known when it was written down: what people took back
//! later makes no honest signature a stolen one. [`standing`] says what is wrong with the log as it is now.

mod counter;
mod finding;
mod seen;
mod standing;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use self::counter::{Before, Count};
pub use self::finding::{Finding, Severity};
pub use self::seen::{Seen, Unreadable, sight, split};
pub use self::standing::{Standing, staleness, standing};
use super::assemble::{self, Said};
use super::leaf::{Event, Leaf};
use super::object::{self, ObjectId};
use super::policy::{Policy, Purpose};
use super::request::Request;
use super::view::{self, Ledger, Objects, Place};
use crate::{Limits, Timestamp};

/// A log as it is watched, leaf by leaf.
#[derive(Clone, Debug)]
pub struct Watch {
    ledger: Ledger,
    said: Said,
    /// Leaves before this one were examined another time: they are replayed, and not weighed.
    from: u64,
    /// The first leaf that could not be examined, for what it names is withheld.
    withheld: Option<u64>,
    courses: BTreeMap<ObjectId, Course>,
    /// What the HSM may have been asked to sign, and by which key: SHA-256 of the SubjectPublicKeyInfo and of the bytes.
    covered: BTreeSet<(ObjectId, ObjectId)>,
}

/// What was done for a request.
#[derive(Clone, Debug, Default)]
struct Course {
    /// Where each stands in the log, which is one question to an HSM, at the most.
    attempts: Vec<u64>,
    /// The key of each thing to sign, by the SHA-256 of its SubjectPublicKeyInfo.
    keys: Vec<ObjectId>,
    /// Where it was signed first.
    signed: Option<u64>,
    /// The last second in which it may be signed.
    until: Option<Timestamp>,
}

impl Watch {
    /// Begins with a log's first leaf. What stands before `from` was examined another time.
    #[must_use]
    pub fn new(authority: ObjectId, from: u64) -> Self {
        Self {
            ledger: Ledger::new(authority),
            said: Said::default(),
            from,
            withheld: None,
            courses: BTreeMap::new(),
            covered: BTreeSet::new(),
        }
    }

    /// How many leaves were read.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.ledger.size()
    }

    /// What need not be examined another time: leaves before this one.
    #[must_use]
    pub fn examined(&self) -> u64 {
        self.withheld.unwrap_or(self.size()).max(self.from)
    }

    /// What is wanted to read the next leaf by, as far as can be told from what is at hand: asked again until nothing comes that was not
    /// tried. What the replay itself wants is not among it.
    #[must_use]
    pub fn wants(&self, entry: &[u8], objects: &dyn Objects, limits: &Limits) -> Vec<ObjectId> {
        let Ok(Leaf { event, .. }) = object::read::<Leaf>(entry, limits) else { return Vec::new() };
        let is_examined = self.size() >= self.from;
        let mut wanted = match event {
            Event::Attempted { request } if !is_examined => vec![request],
            Event::Attempted { request } => self.of_request(request, objects, limits),
            Event::Signed { request, signatures } if is_examined => {
                let mut wanted = self.of_request(request, objects, limits);
                wanted.push(signatures);
                let list = objects.object(&signatures).unwrap_or_default();
                wanted.extend(list.as_chunks::<32>().0.iter().map(|digest| ObjectId::from_bytes(*digest)));
                wanted
            }
            Event::Published { bundle, .. } if is_examined => vec![bundle],
            _ => Vec::new(),
        };
        wanted.retain(|id| find(objects, id).is_none());
        wanted
    }

    /// What a request's bundle is made of, but for the artifact itself, which may be large, and which nobody asks for.
    fn of_request(&self, id: ObjectId, objects: &dyn Objects, limits: &Limits) -> Vec<ObjectId> {
        let mut named = assemble::named(id, &self.said, objects, limits);
        let request = find(objects, &id).and_then(|bytes| Request::parse(bytes, limits).ok());
        let raw =
            request.iter().flat_map(|request| &request.sign).filter(|sign| sign.purpose == Purpose::Raw);
        raw.for_each(|sign| {
            named.remove(&sign.sha256);
        });
        named.into_iter().collect()
    }

    /// Reads the next leaf, and says what is wrong with it. `objects` has what the replay wants, and as much as can be had of what
    /// [`wants`](Self::wants) names.
    ///
    /// # Errors
    /// [`view::Error`]: there is no view of a log with this leaf.
    pub fn read(
        &mut self,
        entry: &[u8],
        objects: &dyn Objects,
        limits: &Limits,
    ) -> Result<Vec<Finding>, view::Error> {
        let index = self.size();
        let before = (self.view().passed_over().len(), self.view().suspensions().len());
        self.ledger.write(entry, objects, limits)?;
        // What is no leaf was refused just now.
        let Ok(Leaf { at, event, .. }) = object::read::<Leaf>(entry, limits) else { return Ok(Vec::new()) };
        let place = Place { index, at };
        self.said.leaf(event.clone());
        let mut examination = steps::Examination { watch: self, place, objects, limits };
        let mut findings = examination.step(&event);
        findings.extend(self.told_by_the_replay(place, &event, before));
        if findings.iter().any(|finding| matches!(finding, Finding::ObjectWithheld { .. })) {
            self.withheld.get_or_insert(index);
        }
        Ok(if index < self.from { Vec::new() } else { findings })
    }

    /// What a leaf did to the view, or did not do.
    fn told_by_the_replay(&self, place: Place, event: &Event, before: (usize, usize)) -> Vec<Finding> {
        let view = self.view();
        let passed_over = view.passed_over().iter().skip(before.0);
        let mut findings: Vec<Finding> =
            passed_over.map(|leaf| Finding::LeafDoesNotCount { place, because: leaf.because }).collect();
        let suspended = view.suspensions().iter().skip(before.1);
        findings.extend(suspended.map(|one| Finding::KeySuspended {
            place,
            key: one.key.clone(),
            by: one.by.clone(),
        }));
        let is_followed = |policy: &&Policy| match event {
            Event::Policy { policy: id, .. } | Event::Recovered { policy: id, .. } => *id == policy.id(),
            _ => false,
        };
        if let Event::Denied { because, .. } = event {
            findings.push(Finding::TurnedAway { place, because: because.clone() });
        }
        if let Event::FamilyChanged { change, .. } = event
            && let Some(changed) = view.changed(u64::MAX).find(|policy| policy.change() == Some(*change))
        {
            let families = changed.document().families.keys();
            findings.extend(families.map(|family| Finding::FamilyChanged {
                place,
                family: family.clone(),
                change: *change,
            }));
        }
        if place.index > 0
            && let Some(policy) = view.policy().filter(is_followed)
        {
            findings.push(Finding::PolicyFollowed { place, version: policy.document().version });
        }
        findings
    }

    const fn view(&self) -> &super::view::LogView {
        self.ledger.view()
    }
}

/// The object of this id, and no other one.
fn find<'o>(objects: &'o dyn Objects, id: &ObjectId) -> Option<&'o [u8]> {
    objects.object(id).filter(|bytes| ObjectId::of(bytes) == *id)
}
