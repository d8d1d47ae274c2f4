//! What the log says so far.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use attest_core::release::leaf::{Event, Leaf};
use attest_core::release::object::{self, Object};
use attest_core::release::request::{self, Request};
use attest_core::release::statement::{Approval, ReviewStatement, Revocation, Revoked};
use attest_core::release::view::{self, Ledger, Place};
use attest_core::release::{Name, ObjectId, Policy};
use attest_core::{Limits, Timestamp};

use super::words::{Word, Words};
use crate::log::{self, Files};

/// Why a log cannot be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An object cannot be read.
    #[error(transparent)]
    Files(#[from] log::Error),
    /// A leaf or an object that is not what the log says.
    #[error("leaf {0}: {1}")]
    Object(u64, object::Error),
    /// A request that is none.
    #[error("leaf {0}: {1}")]
    Request(u64, request::Error),
    /// No view can be made of the log.
    #[error(transparent)]
    View(#[from] view::Error),
}

/// The log's leaves, and what they come to.
#[derive(Debug)]
pub(crate) struct State {
    ledger: Ledger,
    files: Files,
    entries: Vec<Vec<u8>>,
    /// Where an object was handed in: statements, policies, bundles.
    places: HashMap<ObjectId, Place>,
    requests: BTreeMap<ObjectId, Known>,
    denied: HashSet<(ObjectId, Name)>,
}

/// A request, and what was said about it.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) request: Request,
    pub(crate) submission: ObjectId,
    pub(crate) submitted: Place,
    /// Every leaf about it.
    pub(crate) leaves: Vec<u64>,
    pub(crate) approved_by: BTreeSet<Name>,
    pub(crate) reviewed_by: BTreeSet<Name>,
    pub(crate) words: Words,
    pub(crate) attempts: Vec<Place>,
    pub(crate) signed: Option<(ObjectId, Place)>,
    pub(crate) published: Option<(ObjectId, Place)>,
}

/// Who looks at what was let in without waiting, and until when, as verifiers ask.
pub(crate) struct Reviews {
    /// By the policy under which it was asked for.
    then: BTreeSet<Name>,
    /// By the one that is followed.
    now: BTreeSet<Name>,
    /// From the first word of it in the log.
    pub(crate) until: Timestamp,
}

impl Reviews {
    pub(crate) fn was_named(&self, who: &Name) -> bool {
        self.then.contains(who)
    }

    pub(crate) fn is_named_now(&self, who: &Name) -> bool {
        self.now.contains(who)
    }
}

/// Objects that one leaf names.
type Objects = BTreeMap<ObjectId, Vec<u8>>;

impl State {
    pub(super) fn new(authority: ObjectId, files: Files) -> Self {
        Self {
            ledger: Ledger::new(authority),
            files,
            entries: Vec::new(),
            places: HashMap::new(),
            requests: BTreeMap::new(),
            denied: HashSet::new(),
        }
    }

    pub(crate) const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Nothing where it is not reviewed, or not any more.
    pub(crate) fn reviews(&self, known: &Known) -> Option<Reviews> {
        let Request { family, channel, .. } = &known.request;
        let of = |policy: &'_ Policy| policy.channel(family, channel)?.review.clone();
        let then = of(self.ledger.policy_of_then(family, known.submitted)?)?;
        let now = of(self.ledger.policy_of(family)?)?;
        let until = known.submitted.at.plus(then.within_seconds);
        Some(Reviews { then: then.quorum.people(), now: now.quorum.people(), until })
    }

    pub(crate) const fn files(&self) -> &Files {
        &self.files
    }

    /// The policy that is followed.
    pub(crate) fn policy(&self) -> Option<&Policy> {
        self.ledger.policy()
    }

    pub(crate) fn entries(&self) -> &[Vec<u8>] {
        &self.entries
    }

    pub(crate) fn place(&self, object: &ObjectId) -> Option<Place> {
        self.places.get(object).copied()
    }

    pub(crate) fn request(&self, id: &ObjectId) -> Option<&Known> {
        self.requests.get(id)
    }

    /// Requests in the order of their ids, behind one of them.
    pub(crate) fn requests_after(&self, id: Option<ObjectId>) -> impl Iterator<Item = (&ObjectId, &Known)> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.requests.range((id.map_or(Unbounded, Excluded), Unbounded))
    }

    pub(super) fn is_denied(&self, object: ObjectId, because: &Name) -> bool {
        self.denied.contains(&(object, because.clone()))
    }

    /// Whether this leaf would count, were it the next one: the code of why not.
    pub(super) fn would_count(
        &self,
        entry: &[u8],
        objects: &[Vec<u8>],
    ) -> Result<Result<(), &'static str>, Error> {
        let mut ledger = self.ledger.clone();
        let given = objects.iter().map(|bytes| (ObjectId::of(bytes), bytes.clone())).collect();
        let objects = self.named(entry, given)?;
        ledger.write(entry, &objects, &Limits::DEFAULT)?;
        let at = self.ledger.size();
        let passed_over = ledger.passed_over().last().filter(|passed| passed.index == at);
        Ok(passed_over.map_or(Ok(()), |passed| Err(passed.because)))
    }

    /// The next leaf, whose objects are in the folder.
    pub(super) fn apply(&mut self, entry: &[u8]) -> Result<(), Error> {
        let objects = self.named(entry, BTreeMap::new())?;
        let index = self.ledger.size();
        let leaf: Leaf =
            object::read(entry, &Limits::DEFAULT).map_err(|error| view::Error::Leaf { index, error })?;
        self.ledger.write(entry, &objects, &Limits::DEFAULT)?;
        self.entries.push(entry.to_vec());
        self.index(Place { index, at: leaf.at }, leaf.event)
    }

    fn index(&mut self, place: Place, event: Event) -> Result<(), Error> {
        for request in about(&event, |id| self.revoked_request(id)) {
            if let Some(known) = self.requests.get_mut(&request) {
                known.leaves.push(place.index);
            }
        }
        match event {
            Event::Submitted { submission, request } => {
                self.places.entry(submission).or_insert(place);
                if !self.requests.contains_key(&request) {
                    let known = self.submitted(place, submission, request)?;
                    self.requests.insert(request, known);
                }
            }
            Event::Approved { approval, requests } => {
                self.places.entry(approval).or_insert(place);
                let approval = self.read::<Approval>(place.index, &approval)?;
                let word = Word::approval(&approval);
                for request in requests {
                    if let Some(known) = self.requests.get_mut(&request) {
                        known.approved_by.insert(approval.by.clone());
                        word.iter().for_each(|word| known.words.add(word.clone(), place));
                    }
                }
            }
            Event::Reviewed { review, request } => {
                self.places.entry(review).or_insert(place);
                let review = self.read::<ReviewStatement>(place.index, &review)?;
                if let Some(known) = self.requests.get_mut(&request) {
                    Word::review(&review).into_iter().for_each(|word| known.words.add(word, place));
                    known.reviewed_by.insert(review.by);
                }
            }
            Event::Compensated { control: object, .. }
            | Event::FamilyChanged { change: object, .. }
            | Event::Objected { objection: object }
            | Event::Policy { policy: object, .. }
            | Event::Recovered { policy: object, .. }
            | Event::Revoked { revocation: object } => {
                self.places.entry(object).or_insert(place);
            }
            // It is there once it is followed; until then the ledger has it.
            Event::Recovery { .. } => {}
            Event::Attempted { request } => {
                if let Some(known) = self.requests.get_mut(&request) {
                    known.attempts.push(place);
                }
            }
            Event::Signed { request, signatures } => {
                if let Some(known) = self.requests.get_mut(&request) {
                    known.signed.get_or_insert((signatures, place));
                }
            }
            Event::Published { request, bundle } => {
                if let Some(known) = self.requests.get_mut(&request) {
                    known.published.get_or_insert((bundle, place));
                }
            }
            Event::Denied { object, because } => {
                self.denied.insert((object, because));
            }
        }
        Ok(())
    }

    fn submitted(&self, place: Place, submission: ObjectId, id: ObjectId) -> Result<Known, Error> {
        let bytes = self.object(place.index, &id)?;
        let request =
            Request::parse(&bytes, &Limits::DEFAULT).map_err(|error| Error::Request(place.index, error))?;
        Ok(Known {
            request,
            submission,
            submitted: place,
            leaves: vec![place.index],
            approved_by: BTreeSet::new(),
            reviewed_by: BTreeSet::new(),
            words: Words::default(),
            attempts: Vec::new(),
            signed: None,
            published: None,
        })
    }

    /// What a leaf names whose object decides whether it counts.
    fn named(&self, entry: &[u8], mut objects: Objects) -> Result<Objects, Error> {
        let index = self.ledger.size();
        let leaf: Leaf =
            object::read(entry, &Limits::DEFAULT).map_err(|error| view::Error::Leaf { index, error })?;
        while let Some(id) = view::missing(&leaf.event, &objects, &Limits::DEFAULT) {
            objects.insert(id, self.object(index, &id)?);
        }
        Ok(objects)
    }

    /// The request that a revocation is about.
    fn revoked_request(&self, revocation: &ObjectId) -> Option<ObjectId> {
        match self.read::<Revocation>(0, revocation).ok()?.revokes {
            Revoked::Request(request) => Some(request),
            Revoked::Control(_) | Revoked::Key { .. } => None,
        }
    }

    fn read<T: Object>(&self, index: u64, id: &ObjectId) -> Result<T, Error> {
        object::read(&self.object(index, id)?, &Limits::DEFAULT).map_err(|error| Error::Object(index, error))
    }

    /// An object that must be there.
    fn object(&self, index: u64, id: &ObjectId) -> Result<Vec<u8>, Error> {
        let bytes = self.files.object(id, Limits::DEFAULT.release_object_bytes)?;
        Ok(bytes.ok_or(view::Error::ObjectMissing { index, id: *id })?)
    }

    /// A leaf as it is told.
    pub(crate) fn told(&self, index: u64) -> Option<Told> {
        let entry = self.entries.get(usize::try_from(index).ok()?)?;
        let leaf: Leaf = object::read(entry, &Limits::DEFAULT).ok()?;
        let requests = about(&leaf.event, |id| self.revoked_request(id));
        let (what, object, because) = match leaf.event {
            Event::Approved { approval, .. } => ("approved", Some(approval), None),
            Event::Attempted { .. } => ("attempted", None, None),
            Event::Compensated { control, .. } => ("compensated", Some(control), None),
            Event::Denied { object, because } => ("denied", Some(object), Some(because)),
            Event::FamilyChanged { change, .. } => ("family_changed", Some(change), None),
            Event::Objected { objection } => ("objected", Some(objection), None),
            Event::Policy { policy, .. } => ("policy", Some(policy), None),
            Event::Recovered { policy, .. } => ("recovered", Some(policy), None),
            Event::Recovery { policy, .. } => ("recovery", Some(policy), None),
            Event::Published { bundle, .. } => ("published", Some(bundle), None),
            Event::Reviewed { review, .. } => ("reviewed", Some(review), None),
            Event::Revoked { revocation } => ("revoked", Some(revocation), None),
            Event::Signed { signatures, .. } => ("signed", Some(signatures), None),
            Event::Submitted { submission, .. } => ("submitted", Some(submission), None),
        };
        Some(Told { index, at: leaf.at, what, requests, object, because })
    }
}

/// A leaf, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) index: u64,
    pub(crate) at: Timestamp,
    pub(crate) what: &'static str,
    pub(crate) requests: Vec<ObjectId>,
    pub(crate) object: Option<ObjectId>,
    pub(crate) because: Option<Name>,
}

/// The requests that an event is about.
fn about(event: &Event, revoked: impl Fn(&ObjectId) -> Option<ObjectId>) -> Vec<ObjectId> {
    match event {
        Event::Approved { requests, .. } => requests.clone(),
        Event::Attempted { request }
        | Event::Published { request, .. }
        | Event::Reviewed { request, .. }
        | Event::Signed { request, .. }
        | Event::Submitted { request, .. } => vec![*request],
        Event::Revoked { revocation } => revoked(revocation).into_iter().collect(),
        Event::Compensated { .. }
        | Event::Denied { .. }
        | Event::FamilyChanged { .. }
        | Event::Objected { .. }
        | Event::Policy { .. }
        | Event::Recovered { .. }
        | Event::Recovery { .. } => Vec::new(),
    }
}
