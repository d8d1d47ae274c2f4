//! The policy: who may decide what is golden for which devices, and what it takes. Signed by a root quorum; a verifier pins the first one
//! by its digest, and follows successions from there.

mod check;
mod demand;
mod fault;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use self::demand::{ParameterRule, PlaceRule, ProvenanceDemand};
pub use self::fault::{Fault, Who};
pub use self::rules::{
    Ages, Capability, Channel, Continues, ControlRules, Custody, Family, Freshness, LogRules, ManagerRules,
    PresenceDemand, Purpose, Review, RsaPadding, SigningKey, Tier, Weakness, WitnessRule,
};
use super::key::CanonicalKey;
use super::name::{Name, Words};
use super::object::{self, Blob, Object, ObjectId, moment};
use super::quorum::Quorum;
use super::ssh::PublicKey;
use crate::{Limits, Timestamp};

/// A policy as it is written and signed. What it says is believed of [`Policy`] only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyDocument {
    /// [`PolicyDocument::FORMAT`].
    pub format: String,
    /// 1 for the first, one more for each that follows.
    pub version: u64,
    /// The one that this one follows; none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<ObjectId>,
    /// From then on nothing new is released under it. What was published stays.
    #[serde(with = "moment")]
    pub expires: Timestamp,
    /// Who may put another policy in the place of this one: at least two people, whoever of them is lost.
    pub root: Quorum,
    /// Who may do so after seven logged days in which no root member objected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Quorum>,
    /// Everyone and everything that a rule names.
    pub identities: BTreeMap<Name, Identity>,
    /// Devices that share golden values.
    pub families: BTreeMap<Name, Family>,
    /// The keys that releases are signed with.
    pub signing_keys: BTreeMap<Name, SigningKey>,
    /// Where it is all written down, and who watches.
    pub log: LogRules,
    /// Keys that are known to be lost, by the SHA-256 of their SubjectPublicKeyInfo: what they say from this index of the log on does not
    /// count, and no later policy takes that back. 0 where nobody knows when it happened.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub compromised: BTreeMap<ObjectId, u64>,
    /// Certificates of the makers of tokens, DER: whose word makes a key one of hardware.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_makers: Vec<Blob>,
}

/// Somebody, or something, by the keys that speak for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// What it is.
    pub kind: Kind,
    /// For people to read; it decides nothing.
    pub name: Words,
    /// Who employs or runs it.
    pub organisation: Name,
    /// Its keys. Each is of this identity alone.
    pub keys: Vec<IdentityKey>,
    /// How builders call it when it triggers a build.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub accounts: BTreeSet<Words>,
}

/// What an identity is. Only people approve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Builds artifacts and signs provenance.
    Builder,
    /// A human being.
    Person,
    /// Runs builds on behalf of somebody.
    Runner,
    /// Any other program, as one that files requests.
    Service,
}

/// One key, and when it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityKey {
    /// A line as OpenSSH writes it, without a comment (people and services), or the base64 of a SubjectPublicKeyInfo (builders).
    pub key: String,
    /// What holds it.
    pub protection: Protection,
    /// Its first second.
    #[serde(with = "moment")]
    pub from: Timestamp,
    /// Its last second.
    #[serde(with = "moment")]
    pub until: Timestamp,
    /// The token maker's word about the key, as `ssh-keygen -O write-attestation` leaves it, and the challenge that it answers. Wanted where
    /// the protection is hardware.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<KeyAttestation>,
}

/// What was written when a key was made on a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyAttestation {
    /// The attestation.
    pub statement: Blob,
    /// Certificates between the one in it and its maker's, DER.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intermediates: Vec<Blob>,
    /// What the token was asked.
    pub challenge: Blob,
}

/// What holds a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// A token whose maker vouches for the key.
    Hardware,
    /// Anything else.
    Software,
}

impl Protection {
    /// Its name in policies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hardware => "hardware",
            Self::Software => "software",
        }
    }
}

impl Object for PolicyDocument {
    const FORMAT: &'static str = "attest-release-policy/1";
}

/// A policy without a fault: each name leads somewhere, each quorum can be met by people with keys, no key speaks for two. Whether anybody
/// signed it is another matter.
#[derive(Clone, Debug)]
pub struct Policy {
    document: PolicyDocument,
    id: ObjectId,
    /// What says who stands in the rules of the only family in it, if it is not the root.
    change: Option<ObjectId>,
    keys: BTreeMap<CanonicalKey, KeyOf>,
}

/// Whose a key is, and when it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyOf {
    /// The identity.
    pub identity: Name,
    /// What holds it.
    pub protection: Protection,
    /// Its first second.
    pub from: Timestamp,
    /// Its last second.
    pub until: Timestamp,
    /// For keys of people and services: the form that signatures must carry.
    pub ssh: Option<String>,
}

/// Why bytes are no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It can be read, and must not be followed.
    #[error("the policy has {} fault(s), the first: {}", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
    Faults(Vec<Fault>),
    /// Not such an object.
    #[error(transparent)]
    Object(#[from] object::Error),
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Faults(_) => "release_policy_faults",
            Self::Object(error) => error.code(),
        }
    }
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`Error`], with every fault.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        let document: PolicyDocument = object::read(bytes, limits)?;
        let (keys, faults) = check::check(&document, limits);
        if faults.is_empty() {
            Ok(Self { document, id: ObjectId::of(bytes), change: None, keys })
        } else {
            Err(Error::Faults(faults))
        }
    }

    /// The same for one family, where a change says who stands in its rules. It is read as strictly as the root's own text. Of other families it
    /// says nothing, so that nobody asks it about them.
    pub(super) fn changed(
        &self,
        change: ObjectId,
        family: &Name,
        mut document: PolicyDocument,
        limits: &Limits,
    ) -> Result<Self, Vec<Fault>> {
        let (keys, faults) = check::check(&document, limits);
        if !faults.is_empty() {
            return Err(faults);
        }
        document.families.retain(|name, _| name == family);
        Ok(Self { document, id: self.id, change: Some(change), keys })
    }

    /// What it says.
    #[must_use]
    pub const fn document(&self) -> &PolicyDocument {
        &self.document
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> ObjectId {
        self.id
    }

    /// The family's own change that is in it; none where it is as the root wrote it.
    #[must_use]
    pub const fn change(&self) -> Option<ObjectId> {
        self.change
    }

    /// Whether both are one policy, with one change of the family or none.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        (self.id, self.change) == (other.id, other.change)
    }

    /// Whose key this is; A61: by the key itself, whatever it is called and however it is written.
    #[must_use]
    pub fn key(&self, key: &CanonicalKey) -> Option<&KeyOf> {
        self.keys.get(key)
    }

    /// Every key with its identity.
    pub fn keys(&self) -> impl Iterator<Item = (&CanonicalKey, &KeyOf)> {
        self.keys.iter()
    }

    /// The identity of this name.
    #[must_use]
    pub fn identity(&self, name: &Name) -> Option<&Identity> {
        self.document.identities.get(name)
    }

    /// Whose account at a builder this is.
    #[must_use]
    pub fn account(&self, account: &str) -> Option<&Name> {
        let has_it = |identity: &Identity| identity.accounts.iter().any(|known| known.as_str() == account);
        self.document.identities.iter().find(|(_, identity)| has_it(identity)).map(|(name, _)| name)
    }

    /// The family of this name.
    #[must_use]
    pub fn family(&self, name: &Name) -> Option<&Family> {
        self.document.families.get(name)
    }

    /// The channel of this name of that family.
    #[must_use]
    pub fn channel(&self, family: &Name, channel: &Name) -> Option<&Channel> {
        self.family(family)?.channels.get(channel)
    }
}

impl KeyOf {
    /// Whether it counts at this time.
    #[must_use]
    pub fn counts_at(&self, time: Timestamp) -> bool {
        self.from <= time && time <= self.until
    }

    /// The key in the form that signatures must carry.
    #[must_use]
    pub fn public_key(&self, limits: &Limits) -> Option<PublicKey> {
        PublicKey::parse_line(self.ssh.as_deref()?, limits).ok().map(|(key, _)| key)
    }
}
