//! Whether what is handed in would count: held against the log and the policy as they are now.

mod bundle;
mod policy;
mod said;

use std::collections::BTreeSet;

use attest_core::audit::checkpoint::LogIdentity;
use attest_core::release::bundle::{Bundle, signature_list};
use attest_core::release::leaf::Event;
use attest_core::release::object::{self, Object};
use attest_core::release::policy::{Channel, Family, Kind as IdentityKind};
use attest_core::release::request::Request;
use attest_core::release::statement::{Described, Revocation, Revoked, Statement, Submission, Text};
use attest_core::release::view::Place;
use attest_core::release::{Name, ObjectId, Policy};
use attest_core::{Limits, Timestamp};

use super::{Ask, Denied, Fault, Known, State};

const LIMITS: &Limits = &Limits::DEFAULT;
/// How often a signer may lose track of its HSM, for one request.
const ATTEMPTS: usize = 16;

/// What becomes of it.
#[derive(Debug)]
pub(super) enum Admitted {
    /// It stands there already.
    Already(Place),
    /// A leaf, and what it names.
    New { event: Event, objects: Vec<Vec<u8>> },
}

fn now_not(code: &'static str, detail: impl ToString) -> Denied {
    Denied::new(Fault::NotNow, code, detail)
}

fn malformed(code: &'static str, detail: impl ToString) -> Denied {
    Denied::new(Fault::Malformed, code, detail)
}

fn read<T: Object>(bytes: &[u8]) -> Result<T, Denied> {
    object::read(bytes, LIMITS).map_err(|error| malformed(error.code(), error))
}

/// Holds one against the state, at this time.
pub(super) struct Admission<'s> {
    pub(super) state: &'s State,
    pub(super) log: &'s LogIdentity,
    pub(super) now: Timestamp,
    /// The time of the next leaf.
    pub(super) at: Timestamp,
    /// The next leaf, for what only the ledger can tell.
    pub(super) leaf: &'s dyn Fn(&Event) -> Result<Vec<u8>, Denied>,
}

impl Admission<'_> {
    pub(super) fn admit(&self, ask: &Ask) -> Result<Admitted, Denied> {
        match ask {
            Ask::Approve { approval } => self.approve(approval),
            Ask::Attempt { request, number } => self.attempt(*request, *number),
            Ask::ChangeFamily { change, statements } => self.change_family(change, statements),
            Ask::Compensate { control, statements } => self.compensate(control, statements),
            Ask::Object { objection } => self.object(objection),
            Ask::Publish { request, bundle } => self.publish(*request, bundle),
            Ask::Recover { policy, recoveries } => self.recover(policy, recoveries),
            Ask::Recovered { policy, checkpoint } => self.recovered(*policy, checkpoint),
            Ask::Review { review } => self.review(review),
            Ask::Revoke { revocation } => self.revoke(revocation),
            Ask::Signed { request, signatures } => self.signed(*request, signatures),
            Ask::Submit { submission, request, objects } => self.submit(submission, request, objects),
            Ask::Succeed { policy, successions } => self.succeed(policy, successions),
        }
    }

    fn policy(&self) -> Result<&Policy, Denied> {
        self.state.policy().ok_or_else(Denied::log_failed)
    }

    /// The same for one family, which may say itself who stands in its rules.
    fn policy_of(&self, family: &Name) -> Result<&Policy, Denied> {
        self.state.ledger().policy_of(family).ok_or_else(Denied::log_failed)
    }

    /// A request that is in the log.
    fn named(&self, id: &ObjectId) -> Result<&Known, Denied> {
        let unknown = || Denied::new(Fault::Unknown, "request_unknown", format!("there is no request {id}"));
        self.state.request(id).ok_or_else(unknown)
    }

    /// A request that is in the log, and not revoked.
    fn known(&self, id: &ObjectId) -> Result<&Known, Denied> {
        let known = self.named(id)?;
        match self.state.ledger().revoked(id) {
            Some(_) => Err(now_not("request_revoked", format!("the request {id} was revoked"))),
            None => Ok(known),
        }
    }

    /// For this authority, under the policy that is followed.
    fn is_for_now(&self, authority: ObjectId, policy: ObjectId) -> Result<&Policy, Denied> {
        if authority != self.state.ledger().authority() {
            return Err(now_not("authority_mismatch", "it is for another authority"));
        }
        let followed = self.policy()?;
        if policy != followed.id() {
            let detail = format!("it is under the policy {policy}, and {} is followed", followed.id());
            return Err(now_not("policy_mismatch", detail));
        }
        Ok(followed)
    }

    fn is_word<S: Statement>(&self, family: &Name, statement: &S, text: Option<&Text>) -> Result<(), Denied> {
        let text = text.ok_or_else(|| malformed("statement_of_other_objects", "it names other objects"))?;
        let word = self.state.ledger().speaker(family, statement, text, self.at, LIMITS);
        word.map(|_| ()).map_err(|error| now_not(error.code(), error))
    }

    fn submit(&self, bytes: &[u8], request: &[u8], objects: &[Vec<u8>]) -> Result<Admitted, Denied> {
        let submission: Submission = read(bytes)?;
        let id = ObjectId::of(request);
        let parsed = Request::parse(request, LIMITS).map_err(|error| malformed(error.code(), error))?;
        if let Some(known) = self.state.request(&id) {
            return Ok(Admitted::Already(known.submitted));
        }
        let policy = self.is_for_now(parsed.authority, parsed.policy)?;
        if self.now > policy.document().expires {
            return Err(now_not("policy_expired", "the policy releases nothing new any more"));
        }
        let (family, _) = of_policy(self.policy_of(&parsed.family)?, &parsed)?;
        if submission.by != parsed.requester || !family.requesters.contains(&submission.by) {
            let detail = format!("`{}` may not ask for releases of `{}`", submission.by, parsed.family);
            return Err(now_not("requester_not_named", detail));
        }
        if self.now > parsed.not_after {
            return Err(now_not("request_expired", "its time is over"));
        }
        let text = Text::submission(&submission, Described { id, request: &parsed });
        self.is_word(&parsed.family, &submission, text.as_ref())?;
        self.are_its_objects(&parsed, objects)?;
        let submission = ObjectId::of(bytes);
        let mut kept = vec![bytes.to_vec(), request.to_vec()];
        kept.extend_from_slice(objects);
        Ok(Admitted::New { event: Event::Submitted { submission, request: id }, objects: kept })
    }

    /// All that the request names by its digest, and nothing else.
    fn are_its_objects(&self, request: &Request, objects: &[Vec<u8>]) -> Result<(), Denied> {
        let given: Vec<(ObjectId, usize)> =
            objects.iter().map(|bytes| (ObjectId::of(bytes), bytes.len())).collect();
        let sign = request.sign.iter().map(|sign| sign.sha256);
        let named: BTreeSet<ObjectId> =
            request.measurements.into_iter().chain(request.provenance.iter().copied()).chain(sign).collect();
        if let Some((id, _)) = given.iter().find(|(id, _)| !named.contains(id)) {
            return Err(malformed("object_not_named", format!("the request does not name the object {id}")));
        }
        let is_given = |id: &&ObjectId| given.iter().any(|(given, _)| given == *id);
        if let Some(id) = named.iter().find(|id| !is_given(id) && !self.state.files().has(id)) {
            return Err(now_not("object_missing", format!("the object {id}, which it names, is missing")));
        }
        for sign in &request.sign {
            let len = given.iter().find(|(id, _)| *id == sign.sha256).map(|(_, len)| *len);
            if len.is_some_and(|len| u64::try_from(len) != Ok(sign.size)) {
                let detail = format!("the bytes {} have another length than the request says", sign.sha256);
                return Err(malformed("object_size_mismatch", detail));
            }
        }
        Ok(())
    }

    fn revoke(&self, bytes: &[u8]) -> Result<Admitted, Denied> {
        let revocation: Revocation = read(bytes)?;
        let id = ObjectId::of(bytes);
        if let Some(place) = self.state.place(&id) {
            return Ok(Admitted::Already(place));
        }
        self.is_revokers_word(&revocation)?;
        // A leaf about what nobody has would keep everybody from a view of the log.
        if let Revoked::Request(request) = &revocation.revokes {
            self.named(request)?;
        }
        self.would_count(Event::Revoked { revocation: id }, vec![bytes.to_vec()])
    }

    /// Nothing that costs as much as the log is long is asked before this.
    fn is_revokers_word(&self, revocation: &Revocation) -> Result<(), Denied> {
        let is_revoker = |family: &&Name| {
            let policy = self.state.ledger().policy_of(family);
            let family = policy.and_then(|policy| policy.family(family));
            family.is_some_and(|family| family.revokers.contains(&revocation.by))
        };
        let text = Text::revocation(revocation);
        let families = self.policy()?.document().families.keys().filter(is_revoker);
        let mut refused = format!("`{}` is no revoker", revocation.by);
        // Whoever a family brought in has a key there alone.
        for family in families {
            match self.is_word(family, revocation, Some(&text)) {
                Ok(()) => return Ok(()),
                Err(denied) => refused = denied.to_string(),
            }
        }
        Err(now_not("revocation_does_not_count", refused))
    }

    /// What only a replay can tell. It takes as long as the log, so whoever hands it in is known to have said it.
    fn would_count(&self, event: Event, objects: Vec<Vec<u8>>) -> Result<Admitted, Denied> {
        let entry = (self.leaf)(&event)?;
        match self.state.would_count(&entry, &objects) {
            Ok(Ok(())) => Ok(Admitted::New { event, objects }),
            Ok(Err(because)) => Err(now_not(because, format!("it does not count: {because}"))),
            Err(error) => {
                tracing::error!(%error, "a leaf cannot be weighed");
                Err(Denied::log_failed())
            }
        }
    }

    fn publish(&self, id: ObjectId, bundle: &[u8]) -> Result<Admitted, Denied> {
        let known = self.known(&id)?;
        let named = ObjectId::of(bundle);
        match known.published {
            Some((published, place)) if published == named => return Ok(Admitted::Already(place)),
            Some((published, _)) => {
                let detail = format!("the request's release is the bundle {published}");
                return Err(now_not("published_before", detail));
            }
            None => {}
        }
        if known.signed.is_none() {
            return Err(now_not("publish_not_signed", "nothing was signed for the request yet"));
        }
        let parsed: Bundle = read(bundle)?;
        if ObjectId::of(&parsed.request.0) != id {
            return Err(malformed("bundle_other_request", "the bundle is of another request"));
        }
        // One result is published: that which was recorded.
        if known.signed.is_some_and(|(signed, _)| signed != parsed.signatures_id()) {
            let detail = "its signatures are not those that were recorded for the request";
            return Err(now_not("bundle_other_signatures", detail));
        }
        self.is_whole(id, known, &parsed)?;
        let event = Event::Published { request: id, bundle: named };
        Ok(Admitted::New { event, objects: vec![bundle.to_vec()] })
    }

    fn attempt(&self, id: ObjectId, number: u32) -> Result<Admitted, Denied> {
        let known = self.known(&id)?;
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        let before = number.checked_sub(1).ok_or_else(|| malformed("attempt_number", "they begin at 1"))?;
        if let Some(place) = known.attempts.get(before) {
            return Ok(Admitted::Already(*place));
        }
        if before != known.attempts.len() {
            let detail = format!("{} were made", known.attempts.len());
            return Err(now_not("attempt_out_of_order", detail));
        }
        if number > ATTEMPTS {
            return Err(now_not("too_many_attempts", format!("at most {ATTEMPTS}")));
        }
        if known.signed.is_some() {
            return Err(now_not("signed_before", "it was signed for"));
        }
        if self.now > known.request.not_after {
            return Err(now_not("request_expired", "the request's time is over"));
        }
        Ok(Admitted::New { event: Event::Attempted { request: id }, objects: Vec::new() })
    }

    fn signed(&self, id: ObjectId, signatures: &[Vec<u8>]) -> Result<Admitted, Denied> {
        let known = self.known(&id)?;
        let list = signature_list(signatures.iter().map(Vec::as_slice));
        let named = ObjectId::of(&list);
        match known.signed {
            Some((signed, place)) if signed == named => return Ok(Admitted::Already(place)),
            Some(_) => return Err(now_not("signed_before", "other signatures are recorded for the request")),
            None => {}
        }
        // Inv. 2: an HSM is asked after its attempt is written down.
        if known.attempts.is_empty() {
            return Err(now_not("signed_without_attempt", "no attempt was written down"));
        }
        if signatures.len() != known.request.sign.len() {
            let detail =
                format!("{} signatures, and {} are asked for", signatures.len(), known.request.sign.len());
            return Err(malformed("signatures_count", detail));
        }
        let mut objects = vec![list];
        objects.extend_from_slice(signatures);
        Ok(Admitted::New { event: Event::Signed { request: id, signatures: named }, objects })
    }
}

fn is_person(policy: &Policy, name: &Name) -> bool {
    policy.identity(name).is_some_and(|identity| identity.kind == IdentityKind::Person)
}

/// The family and channel of a request.
fn of_policy<'p>(policy: &'p Policy, request: &Request) -> Result<(&'p Family, &'p Channel), Denied> {
    let unknown = || {
        let detail = format!("there is no channel `{}` of `{}`", request.channel, request.family);
        now_not("channel_unknown", detail)
    };
    let family = policy.family(&request.family).ok_or_else(unknown)?;
    Ok((family, policy.channel(&request.family, &request.channel).ok_or_else(unknown)?))
}
