//! What people sign: printable text that says all that they vouch for, made from the objects themselves and never taken from a server.
//!
//! Each kind of statement has a namespace of its own (PROTOCOL.sshsig), so an approval is no review. A line is a word and what follows;
//! names and words of people hold no line break, so no line can be forged out of another one.

#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use self::text::{Described, Text};
use super::name::{Name, Words};
use super::object::{self, Object, ObjectId, moment};
use super::policy::Weakness;
use super::ssh::{self, Presence, Signature, VerifiedSignature};
use crate::{Limits, Timestamp};

/// Whatever a statement is about, its objects are at hand.
pub trait Statement: Object {
    /// The namespace of its signatures.
    const NAMESPACE: &'static str;

    /// Who says that they signed it.
    fn by(&self) -> &Name;

    /// The armored signature.
    fn signature(&self) -> &str;
}

/// "Release these": at most 64 requests of one policy, none of which is an emergency or a rollback if there is more than one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// [`Approval::FORMAT`].
    pub format: String,
    /// The first policy of the authority.
    pub authority: ObjectId,
    /// The policy that it counts under.
    pub policy: ObjectId,
    /// What is approved, in this order.
    pub requests: Vec<ObjectId>,
    /// Whether the signer computed the measurements from the artifacts.
    pub recomputed: bool,
    /// Who approves.
    pub by: Name,
    /// An SSHSIG, armored, over [`Text::approval`].
    pub signature: String,
}

/// "I ask for this": what makes a request one of its requester.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// [`Submission::FORMAT`].
    pub format: String,
    /// What is asked for.
    pub request: ObjectId,
    /// Who asks.
    pub by: Name,
    /// An SSHSIG, armored, over [`Text::submission`].
    pub signature: String,
}

/// "I looked at this emergency release afterwards, and it was right."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewStatement {
    /// [`ReviewStatement::FORMAT`].
    pub format: String,
    /// The first policy of the authority.
    pub authority: ObjectId,
    /// What was released.
    pub request: ObjectId,
    /// What was found.
    pub finding: Words,
    /// Who looked.
    pub by: Name,
    /// An SSHSIG, armored, over [`Text::review`].
    pub signature: String,
}

/// "This counts no longer."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// [`Revocation::FORMAT`].
    pub format: String,
    /// The first policy of the authority.
    pub authority: ObjectId,
    /// What counts no longer.
    pub revokes: Revoked,
    /// Why.
    pub reason: Words,
    /// Who revokes.
    pub by: Name,
    /// An SSHSIG, armored, over [`Text::revocation`].
    pub signature: String,
}

/// What counts no longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Revoked {
    /// A request, and with it the release that came of it; before that, its rejection.
    Request(ObjectId),
    /// A key, by the SHA-256 of its SubjectPublicKeyInfo: for 14 days, or for good where a quorum of revokers says so.
    Key {
        /// Which.
        spki_sha256: ObjectId,
        /// From which place in the log on it does not count; 0 where nobody knows when it was lost.
        from_index: u64,
        /// When the suspension ends, unless a quorum revokes it for good.
        #[serde(with = "moment")]
        until: Timestamp,
    },
    /// What made up for a family's weakness.
    Control(ObjectId),
}

/// What makes up for what devices of a family cannot prove: how they are kept apart, watched, or used. It counts by the words of those whom
/// the policy names for that, and only until then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// [`Control::FORMAT`].
    pub format: String,
    /// The first policy of the authority.
    pub authority: ObjectId,
    /// Of which devices.
    pub family: Name,
    /// What it makes up for.
    pub compensates: BTreeSet<Weakness>,
    /// What is done.
    pub control: Words,
    /// Its last second.
    #[serde(with = "moment")]
    pub not_after: Timestamp,
}

impl Object for Control {
    const FORMAT: &'static str = "attest-release-control/1";
}

/// "That is done, and makes up for it."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlStatement {
    /// [`ControlStatement::FORMAT`].
    pub format: String,
    /// What is done.
    pub control: ObjectId,
    /// Who says so.
    pub by: Name,
    /// An SSHSIG, armored, over [`Text::control`].
    pub signature: String,
}

/// "These are the people of the family from now on."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FamilyStatement {
    /// [`FamilyStatement::FORMAT`].
    pub format: String,
    /// Who they are.
    pub change: ObjectId,
    /// Who wants it.
    pub by: Name,
    /// An SSHSIG, armored, over [`Text::family`].
    pub signature: String,
}

/// "I do not want what the recovery quorum wants": one root member's is enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objection {
    /// [`Objection::FORMAT`].
    pub format: String,
    /// The first policy of the authority.
    pub authority: ObjectId,
    /// The policy that is not to be followed.
    pub policy: ObjectId,
    /// Why.
    pub reason: Words,
    /// Who objects.
    pub by: Name,
    /// An SSHSIG, armored, over [`Text::objection`].
    pub signature: String,
}

/// "The root is lost: this policy takes the place of the one before, once it has waited." Of the recovery quorum, and of the root that it
/// names. No [`Succession`] passes for one, nor the other way round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// [`Recovery::FORMAT`].
    pub format: String,
    /// The first policy of the authority.
    pub authority: ObjectId,
    /// The policy that is to be followed.
    pub policy: ObjectId,
    /// Who wants it.
    pub by: Name,
    /// An SSHSIG, armored, over [`Text::recovery`].
    pub signature: String,
}

/// "This policy takes the place of the one before", or is the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Succession {
    /// [`Succession::FORMAT`].
    pub format: String,
    /// The policy that is to be followed.
    pub policy: ObjectId,
    /// Who wants it.
    pub by: Name,
    /// An SSHSIG, armored, over [`Text::succession`].
    pub signature: String,
}

macro_rules! statements {
    ($($type:ty, $format:literal, $namespace:literal;)*) => {$(
        impl Object for $type {
            const FORMAT: &'static str = $format;
        }

        impl Statement for $type {
            const NAMESPACE: &'static str = $namespace;

            fn by(&self) -> &Name {
                &self.by
            }

            fn signature(&self) -> &str {
                &self.signature
            }
        }
    )*};
}

statements! {
    Approval, "attest-release-approval/1", "attest-approval";
    ControlStatement, "attest-release-control-statement/1", "attest-control";
    FamilyStatement, "attest-release-family-statement/1", "attest-family";
    Objection, "attest-release-objection/1", "attest-objection";
    Recovery, "attest-release-recovery/1", "attest-recovery";
    ReviewStatement, "attest-release-review/1", "attest-review";
    Revocation, "attest-release-revocation/1", "attest-revocation";
    Submission, "attest-release-submission/1", "attest-request";
    Succession, "attest-release-succession/1", "attest-policy";
}

/// Why a statement does not count for its signer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not such an object.
    #[error(transparent)]
    Object(#[from] object::Error),
    /// Not a signature, or not this one.
    #[error(transparent)]
    Signature(#[from] ssh::signature::Error),
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Object(error) => error.code(),
            Self::Signature(error) => error.code(),
        }
    }
}

/// Verifies that the enrolled `key` signed this text for statements of this kind, with a touch where it is a token's.
///
/// # Errors
/// [`Error`].
pub fn verify<S: Statement>(
    statement: &S,
    key: &ssh::PublicKey,
    text: &Text,
    limits: &Limits,
) -> Result<VerifiedSignature, Error> {
    verify_present(statement, key, text, Presence::Unproven, limits)
}

/// The same, where the signature must prove at least so much of a person at the token.
///
/// # Errors
/// [`Error`].
pub fn verify_present<S: Statement>(
    statement: &S,
    key: &ssh::PublicKey,
    text: &Text,
    demanded: Presence,
    limits: &Limits,
) -> Result<VerifiedSignature, Error> {
    let signature = Signature::parse(statement.signature(), limits)?;
    Ok(signature.verify(key, S::NAMESPACE, text.as_str().as_bytes(), demanded)?)
}
