//! Which approvals of a request count, and whose they are. Signer and verifier count here and nowhere else.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::key::CanonicalKey;
use super::name::Name;
use super::object::{self, ObjectId};
use super::policy::{Kind as IdentityKind, Policy, PresenceDemand};
use super::request::{Kind, Request};
use super::speaker::{self, Hearing};
use super::statement::{self, Approval, Described, Text};
use super::view::{LogView, Mark, Place};
use crate::{Limits, Timestamp};

/// How many requests one approval may name.
const REQUESTS: usize = 64;

/// What approvals are counted by.
#[derive(Clone, Copy, Debug)]
pub struct Counting<'c> {
    /// The log.
    pub view: &'c LogView,
    /// The policy that the request is made under.
    pub policy: &'c Policy,
    /// What is to be approved.
    pub request: Described<'c>,
    /// Requests that are approved in the same breath: the text that people signed tells all of them.
    pub companions: &'c BTreeMap<ObjectId, Request>,
    /// Who cannot approve: who asked, and who triggered the build.
    pub took_part: &'c BTreeSet<Name>,
    /// Where the request stands in the log: nobody approves before it.
    pub after: u64,
    /// Where the signer's attempt stands, if there is one: nobody approves after it.
    pub before: Option<u64>,
    /// When the question is asked.
    pub now: Timestamp,
    /// The bounds.
    pub limits: &'c Limits,
}

/// What approvals come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// People whose approval counts, each once, with the first place of it in the log.
    pub people: BTreeMap<Name, Place>,
    /// Those of them who computed the measurements from the artifacts, in an approval that counts.
    pub recomputed: BTreeSet<Name>,
    /// Approvals that do not count, by their ids, and why.
    pub refused: Vec<(ObjectId, NotCounted)>,
}

/// Why an approval does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotCounted {
    /// Of another installation.
    #[error("it is for another authority")]
    AuthorityMismatch,
    /// Requests that each want a look of their own.
    #[error("emergencies and rollbacks are approved one by one, others at most {REQUESTS} together")]
    BatchNotAllowed,
    /// A request that is named in it is not at hand, so nobody knows what was signed.
    #[error("the request {id}, which it names, is not at hand")]
    CompanionMissing {
        /// Which.
        id: ObjectId,
    },
    /// Handed in when the request was over.
    #[error("it was handed in at {at}, after the request's time", at = .at.utc())]
    Late {
        /// When.
        at: Timestamp,
    },
    /// Programs do not approve.
    #[error("`{by}` is no person")]
    NotAPerson {
        /// Who.
        by: Name,
    },
    /// It is not written down.
    #[error("it is not in the log")]
    NotLogged,
    /// Of other requests.
    #[error("it does not name this request")]
    OtherRequest,
    /// Before the request was made, or after it was signed for.
    #[error("it stands at {index} of the log, and the request was open from {after}{}", .before.map(|at| format!(" to {at}")).unwrap_or_default())]
    OutOfOrder {
        /// Where it stands.
        index: u64,
        /// Where the request stands.
        after: u64,
        /// Where the signer's attempt stands.
        before: Option<u64>,
    },
    /// Not an approval.
    #[error(transparent)]
    Object(#[from] object::Error),
    /// Under another policy than the request, or handed in under another one.
    #[error("it is not under the policy that the request is made under")]
    PolicyMismatch,
    /// The channel wants a token's word about its user.
    #[error("`{by}` did not sign with a token that says `{}` of its user", .demanded.name())]
    PresenceMissing {
        /// Who.
        by: Name,
        /// What is wanted.
        demanded: PresenceDemand,
    },
    /// Not the word of whoever it names.
    #[error(transparent)]
    Speaker(#[from] speaker::Error),
    /// Nobody approves what they asked for.
    #[error("`{by}` asked for it, or triggered the build")]
    TookPart {
        /// Who.
        by: Name,
    },
}

impl NotCounted {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AuthorityMismatch => "approval_authority_mismatch",
            Self::BatchNotAllowed => "approval_batch_not_allowed",
            Self::CompanionMissing { .. } => "approval_companion_missing",
            Self::Late { .. } => "approval_late",
            Self::NotAPerson { .. } => "approval_not_a_person",
            Self::NotLogged => "approval_not_logged",
            Self::Object(error) => error.code(),
            Self::OtherRequest => "approval_other_request",
            Self::OutOfOrder { .. } => "approval_out_of_order",
            Self::PolicyMismatch => "approval_policy_mismatch",
            Self::PresenceMissing { .. } => "approval_presence_missing",
            Self::Speaker(error) => error.code(),
            Self::TookPart { .. } => "approval_took_part",
        }
    }
}

impl Counting<'_> {
    /// Counts. More approvals never make fewer people, and an approval handed in twice is one.
    #[must_use]
    pub fn count<'b>(&self, approvals: impl IntoIterator<Item = &'b [u8]>) -> Counted {
        let mut counted = Counted::default();
        for bytes in approvals {
            let id = ObjectId::of(bytes);
            match self.approval(id, bytes) {
                Ok((approval, place)) => {
                    if approval.recomputed {
                        counted.recomputed.insert(approval.by.clone());
                    }
                    let first = counted.people.entry(approval.by).or_insert(place);
                    *first = place.min(*first);
                }
                Err(why) => counted.refused.push((id, why)),
            }
        }
        counted
    }

    fn approval(&self, id: ObjectId, bytes: &[u8]) -> Result<(Approval, Place), NotCounted> {
        let approval: Approval = object::read(bytes, self.limits)?;
        let requests = self.requests(&approval)?;
        let place = self.view.place(Mark::Approved, &id).ok_or(NotCounted::NotLogged)?;
        self.may_stand(&approval, place)?;
        let by = || approval.by.clone();
        // Inv. 3: the requester, and whoever triggered the build.
        if self.took_part.contains(&approval.by) {
            return Err(NotCounted::TookPart { by: by() });
        }
        let is_person =
            |name| self.policy.identity(name).is_some_and(|known| known.kind == IdentityKind::Person);
        if !is_person(&approval.by) {
            return Err(NotCounted::NotAPerson { by: by() });
        }
        let text = Text::approval(&approval, &requests).ok_or(NotCounted::OtherRequest)?;
        let key = self.hearing().key(&approval, &text, place)?;
        self.is_present(&approval, &key, &text)?;
        Ok((approval, place))
    }

    /// A66: where the channel wants a person at a token, the signature itself says so.
    fn is_present(&self, approval: &Approval, key: &CanonicalKey, text: &Text) -> Result<(), NotCounted> {
        let request = self.request.request;
        let channel = self.policy.channel(&request.family, &request.channel);
        let Some(demanded) = channel.and_then(|channel| channel.presence) else { return Ok(()) };
        let enrolled = self.policy.key(key).and_then(|known| known.public_key(self.limits));
        let is_present = enrolled.is_some_and(|enrolled| {
            statement::verify_present(approval, &enrolled, text, demanded.into(), self.limits).is_ok()
        });
        if is_present {
            Ok(())
        } else {
            Err(NotCounted::PresenceMissing { by: approval.by.clone(), demanded })
        }
    }

    fn hearing(&self) -> Hearing<'_> {
        Hearing { policy: self.policy, view: self.view, now: self.now, limits: self.limits }
    }

    /// The requests that it names, in its order: this one, and those approved with it.
    fn requests<'s>(&'s self, approval: &Approval) -> Result<Vec<Described<'s>>, NotCounted> {
        if !approval.requests.contains(&self.request.id) {
            return Err(NotCounted::OtherRequest);
        }
        let known = |id: &ObjectId| {
            if *id == self.request.id {
                return Ok(self.request);
            }
            // The id is computed again: what is shown is what was named.
            let request = self.companions.get(id).filter(|request| request.id() == Some(*id));
            request
                .map(|request| Described { id: *id, request })
                .ok_or(NotCounted::CompanionMissing { id: *id })
        };
        if approval.requests.len() > REQUESTS {
            return Err(NotCounted::BatchNotAllowed);
        }
        let requests = approval.requests.iter().map(known).collect::<Result<Vec<_>, _>>()?;
        let is_normal = |described: &Described<'_>| described.request.kind == Kind::Normal;
        if requests.len() > 1 && !requests.iter().all(is_normal) {
            return Err(NotCounted::BatchNotAllowed);
        }
        Ok(requests)
    }

    /// Under one policy from beginning to end, and in time.
    fn may_stand(&self, approval: &Approval, place: Place) -> Result<(), NotCounted> {
        if approval.authority != self.view.authority() {
            return Err(NotCounted::AuthorityMismatch);
        }
        let (index, after, before) = (place.index, self.after, self.before);
        if index <= after || before.is_some_and(|before| index >= before) {
            return Err(NotCounted::OutOfOrder { index, after, before });
        }
        let followed = self.view.policy_of(&self.request.request.family, place.index);
        let is_followed = followed.is_some_and(|policy| policy.is(self.policy));
        if approval.policy != self.policy.id() || !is_followed {
            return Err(NotCounted::PolicyMismatch);
        }
        if place.at > self.request.request.not_after {
            return Err(NotCounted::Late { at: place.at });
        }
        Ok(())
    }
}
