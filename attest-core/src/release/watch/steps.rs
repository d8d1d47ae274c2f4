//! Each step of a signature, weighed by what was known when it was written down.

use super::super::assemble::{self, assemble};
use super::super::catalogue::Floors;
use super::super::evaluate::{self, Failure, Gate, Now, Weighing};
use super::super::leaf::Event;
use super::super::object::{self, ObjectId};
use super::super::request::Request;
use super::super::view::{Mark, Objects, Place};
use super::{Finding, Watch, find};
use crate::Limits;

/// One leaf, which was replayed.
pub(super) struct Examination<'w> {
    pub(super) watch: &'w mut Watch,
    pub(super) place: Place,
    pub(super) objects: &'w dyn Objects,
    pub(super) limits: &'w Limits,
}

/// Why a request cannot be weighed.
enum NoBundle {
    Malformed(&'static str),
    Withheld(ObjectId),
}

/// What nobody knew yet, or whoever takes the release in asks again: how fresh the log is, and how far the family is.
const ASKED_AGAIN: [Gate; 2] = [Gate::Freshness, Gate::Version];
/// Between the attempt and its result somebody may take the request back, and nobody is to blame.
const ASKED_OF_ATTEMPTS: [Gate; 2] = [Gate::Revocation, Gate::BreakGlass];

impl Examination<'_> {
    pub(super) fn step(&mut self, event: &Event) -> Vec<Finding> {
        match event {
            Event::Attempted { request } => self.attempted(*request),
            Event::Published { request, bundle } => self.published(*request, *bundle),
            Event::Signed { request, signatures } => self.signed(*request, *signatures),
            _ => Vec::new(),
        }
    }

    fn is_examined(&self) -> bool {
        self.place.index >= self.watch.from
    }

    /// The signer is about to ask the HSM: the first trace of one that is in other hands.
    fn attempted(&mut self, id: ObjectId) -> Vec<Finding> {
        let place = self.place;
        self.count(id);
        if !self.is_examined() {
            return Vec::new();
        }
        if !self.has(Mark::Submitted, id) {
            return vec![Finding::AttemptWithoutRequest { request: id, place }];
        }
        let mut findings = self.withheld_approvals(id);
        match self.bundle(id) {
            Err(NoBundle::Withheld(object)) => findings.push(Finding::ObjectWithheld { place, object }),
            Err(NoBundle::Malformed(code)) => {
                findings.push(Finding::AttemptUnfounded { request: id, place, because: vec![code] });
            }
            Ok(bundle) => {
                let failures = evaluate::quorate(&bundle, &self.weighing()).err().unwrap_or_default();
                let because = codes(&failures, |failure| !ASKED_AGAIN.contains(&failure.gate()));
                if !because.is_empty() {
                    findings.push(Finding::AttemptUnfounded { request: id, place, because });
                }
            }
        }
        findings.extend(self.repeated(id));
        findings
    }

    /// More attempts than things to sign: a signer that lost track of its HSM makes such, and so does one that hides what else it signs.
    fn repeated(&self, id: ObjectId) -> Option<Finding> {
        let course = self.watch.courses.get(&id)?;
        let (attempts, things) = (count(course.attempts.len()), count(course.keys.len()));
        let place = self.place;
        (things > 0 && attempts > things).then_some(Finding::AttemptRepeated {
            request: id,
            place,
            attempts,
            things,
        })
    }

    /// Inv. 1 and 2: nothing is signed without a request, an attempt for each question to the HSM, and people.
    fn signed(&mut self, id: ObjectId, signatures: ObjectId) -> Vec<Finding> {
        let place = self.place;
        let course = self.watch.courses.entry(id).or_default();
        course.signed.get_or_insert(place.index);
        let (attempts, needed) = (count(course.attempts.len()), count(course.keys.len()).max(1));
        if !self.is_examined() {
            return Vec::new();
        }
        let mut findings = Vec::new();
        if !self.has(Mark::Submitted, id) {
            findings.push(Finding::SignatureWithoutRequest { request: id, place });
        }
        if attempts < needed {
            findings.push(Finding::SignatureWithoutAttempt { request: id, place, attempts, needed });
        }
        if self.watch.view().named(Mark::Signed, &id) != Some(signatures) {
            findings.push(Finding::SignedTwice { request: id, place });
        }
        if !self.has(Mark::Submitted, id) {
            return findings;
        }
        match self.bundle(id) {
            Err(NoBundle::Withheld(object)) => findings.push(Finding::ObjectWithheld { place, object }),
            Err(NoBundle::Malformed(code)) => {
                findings.push(Finding::SignatureUnfounded { request: id, place, because: vec![code] });
            }
            Ok(bundle) => {
                let (_, failures) = evaluate::weigh(&bundle, &[], &self.weighing());
                let because = codes(&failures, |failure| {
                    // What is missing in the log was told by itself, and what comes next cannot be there.
                    let is_told = matches!(failure, Failure::NotLogged { .. });
                    !is_told && !is_asked_again(failure)
                });
                if !because.is_empty() {
                    findings.push(Finding::SignatureUnfounded { request: id, place, because });
                }
            }
        }
        findings
    }

    /// What is published counts, as of then.
    fn published(&self, id: ObjectId, bundle: ObjectId) -> Vec<Finding> {
        let place = self.place;
        if !self.is_examined() {
            return Vec::new();
        }
        let Some(bytes) = find(self.objects, &bundle) else {
            return vec![Finding::ObjectWithheld { place, object: bundle }];
        };
        let (release, failures) = evaluate::weigh(bytes, &[], &self.weighing());
        let mut because = codes(&failures, |failure| !is_asked_again(failure));
        if release.is_some_and(|release| release.id() != id) {
            because.push(Failure::OtherRequest { published: id }.code());
        }
        if because.is_empty() {
            Vec::new()
        } else {
            vec![Finding::PublicationUnfounded { request: id, place, because }]
        }
    }

    /// One more question to the HSM, and what it may have been.
    fn count(&mut self, id: ObjectId) {
        let request = find(self.objects, &id).and_then(|bytes| Request::parse(bytes, self.limits).ok());
        let policy = request.as_ref().and_then(|request| self.watch.view().policy_named(&request.policy));
        let signing_keys = policy.map(|policy| &policy.document().signing_keys);
        let signs = request.iter().flat_map(|request| &request.sign);
        let asked: Vec<(ObjectId, ObjectId)> = signs
            .filter_map(|sign| Some((ObjectId::of(&signing_keys?.get(&sign.key)?.public_key.0), sign.sha256)))
            .collect();
        let course = self.watch.courses.entry(id).or_default();
        course.attempts.push(self.place.index);
        course.until = request.as_ref().map(|request| request.not_after);
        course.keys = asked.iter().map(|(key, _)| *key).collect();
        self.watch.covered.extend(asked);
    }

    fn has(&self, mark: Mark, id: ObjectId) -> bool {
        self.watch.view().place(mark, &id).is_some()
    }

    /// As the signer weighed it, or as verifiers will: by the log up to here, at this leaf's time.
    fn weighing(&self) -> Weighing<'_> {
        const NONE: &Floors = &Floors::new();
        let now = Now { clock: self.place.at, is_confirmed: true };
        Weighing { view: self.watch.view(), now, floors: NONE, limits: self.limits }
    }

    fn bundle(&self, id: ObjectId) -> Result<Vec<u8>, NoBundle> {
        let bundle =
            assemble(id, &self.watch.said, self.objects, self.limits).map_err(|error| match error {
                assemble::Error::Missing { id, .. } => NoBundle::Withheld(id),
                // It is in the log, or nobody would ask, and so its statement cannot be had.
                assemble::Error::NotSubmitted(id) => NoBundle::Withheld(self.submission(id).unwrap_or(id)),
                other => NoBundle::Malformed(other.code()),
            })?;
        object::write(&bundle).map_err(|error| NoBundle::Malformed(error.code()))
    }

    fn submission(&self, id: ObjectId) -> Option<ObjectId> {
        self.watch.said.of_request(&id)?.submissions.first().copied()
    }

    /// Approvals that are in the log and cannot be had: without them nobody knows who approved.
    fn withheld_approvals(&self, id: ObjectId) -> Vec<Finding> {
        let place = self.place;
        let approvals = self.watch.said.of_request(&id).into_iter().flat_map(|about| &about.approvals);
        let missing = approvals.filter(|id| find(self.objects, id).is_none());
        missing.map(|id| Finding::ObjectWithheld { place, object: *id }).collect()
    }
}

fn is_asked_again(failure: &Failure) -> bool {
    ASKED_AGAIN.contains(&failure.gate()) || ASKED_OF_ATTEMPTS.contains(&failure.gate())
}

/// The stable codes of these failures, each once, in the order of the gates.
fn codes(failures: &[Failure], counts: impl Fn(&Failure) -> bool) -> Vec<&'static str> {
    let mut codes: Vec<&'static str> = Vec::new();
    for code in failures.iter().filter(|failure| counts(failure)).map(Failure::code) {
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    codes
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
