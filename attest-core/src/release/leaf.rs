//! What is written down: one leaf of the log for each thing that happened to an object, by ids and never by people's names.
//!
//! A leaf proves nothing but that it is there, and where. Whether what it names counts is asked of the object and its signature.

use serde::{Deserialize, Serialize};

use super::name::Name;
use super::object::{Object, ObjectId, moment};
use crate::Timestamp;

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// [`Leaf::FORMAT`].
    pub format: String,
    /// When, by the log's clock: never before the leaf before it, never after the witnesses' time.
    #[serde(with = "moment")]
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// People's approval was handed in.
    Approved {
        /// The statement.
        approval: ObjectId,
        /// What it approves.
        requests: Vec<ObjectId>,
    },
    /// The signer is about to ask the HSM.
    Attempted {
        /// For what.
        request: ObjectId,
    },
    /// Something is done that makes up for what devices of a family cannot prove.
    Compensated {
        /// What.
        control: ObjectId,
        /// The statements of those who say so.
        statements: Vec<ObjectId>,
    },
    /// Something was turned away.
    Denied {
        /// What.
        object: ObjectId,
        /// Why: a stable code.
        because: Name,
    },
    /// A family says who stands in its rules.
    FamilyChanged {
        /// Who.
        change: ObjectId,
        /// The statements of those who want it.
        statements: Vec<ObjectId>,
    },
    /// A root member objects to what the recovery quorum wants.
    Objected {
        /// The statement.
        objection: ObjectId,
    },
    /// A policy takes the place of the one before.
    Policy {
        /// Which.
        policy: ObjectId,
        /// The statements of those who want it.
        successions: Vec<ObjectId>,
    },
    /// A release can be had.
    Published {
        /// The request that it came of.
        request: ObjectId,
        /// The bundle.
        bundle: ObjectId,
    },
    /// The policy that the recovery quorum wants has waited for long enough, and takes the place of the one before.
    Recovered {
        /// Which.
        policy: ObjectId,
        /// A checkpoint by which witnesses saw, that long ago, that it is wanted.
        checkpoint: ObjectId,
    },
    /// The recovery quorum wants a policy; from here on it waits.
    Recovery {
        /// Which.
        policy: ObjectId,
        /// The statements of those who want it.
        recoveries: Vec<ObjectId>,
    },
    /// Somebody looked at an emergency release.
    Reviewed {
        /// The statement.
        review: ObjectId,
        /// What it is about.
        request: ObjectId,
    },
    /// Something counts no longer.
    Revoked {
        /// The statement.
        revocation: ObjectId,
    },
    /// The HSM signed.
    Signed {
        /// For what.
        request: ObjectId,
        /// SHA-256 over the SHA-256 of each signature, in the request's order.
        signatures: ObjectId,
    },
    /// Somebody asked.
    Submitted {
        /// The statement.
        submission: ObjectId,
        /// What is asked for.
        request: ObjectId,
    },
}

impl Object for Leaf {
    const FORMAT: &'static str = "attest-release-leaf/1";
}

impl Leaf {
    /// A leaf about this, now.
    #[must_use]
    pub fn new(at: Timestamp, event: Event) -> Self {
        Self { format: Self::FORMAT.to_owned(), at, event }
    }
}
