//! Requests that are open, and end where another policy is followed: the one under which they were asked for is followed until the attempt to
//! sign them, or they do not count.

use attest_core::release::ObjectId;
use attest_core::release::view::Mark;
use serde_json::{Value, json};

use crate::cli::Failure;
use crate::cli::release::known::Known;
use crate::cli::release::state::approvers;
use crate::cli::release::{gates, short};

/// One that ends.
pub(super) struct Ending {
    id: ObjectId,
    /// What it is for: its version and family. Nothing where nobody can be asked for the request.
    what: Option<String>,
    approved: Vec<String>,
}

impl Ending {
    /// A line for people.
    pub(super) fn line(&self) -> String {
        let what = self.what.as_deref().unwrap_or("which cannot be had now");
        let by = if self.approved.is_empty() { "nobody".to_owned() } else { self.approved.join(", ") };
        format!(
            "- request {}, {what}: ends unsigned with the policy it was asked for under; approved by {by}; to be asked for anew",
            short(&self.id)
        )
    }

    /// For programs.
    pub(super) fn to_json(&self) -> Value {
        json!({ "request": self.id, "what": self.what, "approved": self.approved })
    }
}

/// Every open request that could be signed yet: not attempted, not taken back, in its time, and under what is followed now. Any other policy
/// ends it, whatever that says.
pub(super) fn ending(known: &mut Known) -> Result<Vec<Ending>, Failure> {
    let is_open = |known: &Known, id: &ObjectId| {
        known.view.place(Mark::Attempted, id).is_none() && known.view.revoked(id).is_none()
    };
    let open: Vec<ObjectId> =
        known.said.requests().map(|(id, _)| *id).filter(|id| is_open(known, id)).collect();
    let mut ending = Vec::new();
    for id in open {
        if known.object(id)?.is_none() {
            ending.push(Ending { id, what: None, approved: Vec::new() });
            continue;
        }
        // Whoever may ask can ask for what is no request: that ends nothing.
        let Ok(request) = known.request(id) else { continue };
        let now = known.view.policy_of_now(&request.family);
        let is_followed = gates::policy(known, id, &request).zip(now).is_some_and(|(own, now)| now.is(own));
        if known.now > request.not_after || !is_followed {
            continue;
        }
        let approved = approvers(known, id)?.iter().map(ToString::to_string).collect();
        ending.push(Ending {
            id,
            what: Some(format!("{} of {}", request.version, request.family)),
            approved,
        });
    }
    Ok(ending)
}
