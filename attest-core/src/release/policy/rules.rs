//! Families of devices, the channels by which values reach them, the keys that sign, and the log.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::super::name::{Name, Words};
use super::super::object::{Blob, ObjectId, moment};
use super::super::quorum::Quorum;
use super::super::ssh::Presence;
use super::demand::ProvenanceDemand;
use super::{Protection, Who};
use crate::Timestamp;

/// Devices that share golden values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// What such a device can prove.
    pub capability: Capability,
    /// Whether the keys that its makers put into it are known to be weak: no verdict about it is better than restricted.
    pub weak_roots: bool,
    /// No release below this security version counts.
    pub version_floor: u64,
    /// One production release raises the floor by at most this.
    pub version_step: u64,
    /// Who may ask for a release: people, or programs.
    pub requesters: BTreeSet<Name>,
    /// Each of these people may revoke a release, and suspend a key.
    pub revokers: BTreeSet<Name>,
    /// Who may say what makes up for what such devices cannot prove. Where this stands they are refused without such a word, and with one let
    /// in to less; where it does not, there are no such words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controls: Option<ControlRules>,
    /// Who may change who stands in these rules. Without it the root alone does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managers: Option<ManagerRules>,
    /// The ways to release for it.
    pub channels: BTreeMap<Name, Channel>,
}

/// Who may change who stands in a family's rules. What the root wrote there is the least that holds with any change: the groups of each quorum,
/// how many people it takes of which, of which organisations they are, and who may revoke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManagerRules {
    /// Who must want a change: at least two people, whoever of them is lost, and as many as any release of the family takes.
    pub quorum: Quorum,
    /// Groups of the family's quorums whose members the root alone changes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub fixed: BTreeSet<Name>,
    /// What must hold the keys of people whom they bring in. Without it they bring in nobody: whoever stands in the rules is named by the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrol: Option<Protection>,
    /// The change, followed before, that is followed on under this policy. Without it the policy's own text is, until the next change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carries: Option<ObjectId>,
}

impl Family {
    /// Every quorum of the family, which is called `name`, in a fixed order.
    #[must_use]
    pub fn quorums(&self, name: &Name) -> Vec<(Who, &Quorum)> {
        let managers = self.managers.iter().map(|rules| (Who::Managers(name.clone()), &rules.quorum));
        let controls = self.controls.iter().map(|rules| (Who::Controls(name.clone()), &rules.quorum));
        let mut quorums: Vec<(Who, &Quorum)> = managers.chain(controls).collect();
        for (called, channel) in &self.channels {
            let approvals = channel.approvals.as_ref();
            quorums.extend(approvals.map(|quorum| (Who::Approvals(name.clone(), called.clone()), quorum)));
            let review = channel.review.as_ref();
            quorums.extend(review.map(|review| (Who::Review(name.clone(), called.clone()), &review.quorum)));
        }
        quorums
    }
}

/// Who may say what makes up for a family's weakness, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlRules {
    /// Who must say so: at least two people.
    pub quorum: Quorum,
    /// For how long at the most, in seconds. Then they look again.
    pub most_seconds: u64,
}

/// What devices of a family cannot prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weakness {
    /// Anything: [`Capability::None`].
    None,
    /// What they booted: [`Capability::VerifiedOnly`].
    VerifiedOnly,
    /// That nobody else has their keys.
    WeakRoots,
}

impl Weakness {
    /// Its name in policies and in what people sign.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::VerifiedOnly => "verified_only",
            Self::WeakRoots => "weak_roots",
        }
    }
}

/// What a device of a family can prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// What it booted, measured by a TPM.
    Measured,
    /// Nothing: there is no place where anything is enforced.
    None,
    /// That it verifies signatures as it boots, and not what it booted.
    VerifiedOnly,
}

/// One way to release for a family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// How much a value that came this way is worth.
    pub tier: Tier,
    /// Who must approve. None is enough in tiers `dev` and `delegated` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Quorum>,
    /// What each approval's signature must prove of a person at a token; anything counts without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence: Option<PresenceDemand>,
    /// How long a request may wait and be used, in seconds.
    pub request_seconds: u64,
    /// What must vouch for the build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<ProvenanceDemand>,
    /// Whether a boot of the release must have been measured before it is approved.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub reference_boot: bool,
    /// Who must look at it afterwards; wanted in tier `emergency`, and only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}

/// What a token must have said of its user, in the signature itself. A key in software says nothing of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PresenceDemand {
    /// Somebody touched it.
    Present,
    /// It knew its user, by PIN or finger (`ssh-keygen -O verify-required`).
    Verified,
}

impl PresenceDemand {
    /// Its name in policies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Verified => "verified",
        }
    }
}

impl From<PresenceDemand> for Presence {
    fn from(demand: PresenceDemand) -> Self {
        match demand {
            PresenceDemand::Present => Self::Present,
            PresenceDemand::Verified => Self::Verified,
        }
    }
}

/// How much golden values are worth, by how they came to be. None is ever taken for a better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// For trying things out.
    Dev,
    /// A builder's word, without people's.
    Delegated,
    /// People's word, and a look at it afterwards, or it lapses.
    Emergency,
    /// People's word.
    Production,
}

impl Tier {
    /// Its name in policies and verdicts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delegated => "delegated",
            Self::Dev => "dev",
            Self::Emergency => "emergency",
            Self::Production => "production",
        }
    }
}

/// A look at a release after the fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// Who must have looked; nobody who took part counts.
    pub quorum: Quorum,
    /// How long after the request was logged, in seconds. Then the release lapses by itself.
    pub within_seconds: u64,
}

/// A key that releases are signed with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningKey {
    /// Its SubjectPublicKeyInfo, DER.
    pub public_key: Blob,
    /// Where the signer finds it (RFC 7512); a verifier does not ask.
    pub pkcs11: Words,
    /// The only family that it signs for; none for a root, which signs for no device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<Name>,
    /// The only thing that it signs.
    pub purpose: Purpose,
    /// How an RSA key pads what it signs. Wanted where it signs raw bytes: each other purpose has one way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rsa_padding: Option<RsaPadding>,
    /// The root that it stands under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Name>,
    /// Where it is kept.
    pub custody: Custody,
    /// Its first second.
    #[serde(with = "moment")]
    pub from: Timestamp,
    /// Its last second.
    #[serde(with = "moment")]
    pub until: Timestamp,
}

/// What a key signs: one kind of thing, since a raw signature over the right digest passes for a COSE one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// UEFI images (Authenticode).
    Authenticode,
    /// Golden values, as a CoRIM in `COSE_Sign1`.
    Corim,
    /// Artifacts, in `COSE_Sign1`.
    Cose,
    /// Artifacts, by a bare signature over their digest.
    Raw,
    /// Other keys; never an artifact.
    Root,
}

/// How an RSA key pads what it signs, with SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RsaPadding {
    /// RSASSA-PKCS1-v1_5 (RFC 8017, 8.2).
    Pkcs1,
    /// RSASSA-PSS with a salt as long as the hash (RFC 8017, 8.1).
    Pss,
}

impl Purpose {
    /// Its name in policies, and in what people sign.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authenticode => "authenticode",
            Self::Corim => "corim",
            Self::Cose => "cose",
            Self::Raw => "raw",
            Self::Root => "root",
        }
    }
}

/// Where a key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Custody {
    /// Somebody says that it is well kept.
    Asserted,
    /// In a file of the signer's, which whoever runs that machine can copy: for development, and every verdict says so.
    File,
    /// Offline, taken out for ceremonies.
    OfflineRoot,
    /// In the signer's HSM.
    OnlineIntermediate,
    /// With a vendor.
    Vendor,
}

impl Custody {
    /// Its name in policies and requests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asserted => "asserted",
            Self::File => "file",
            Self::OfflineRoot => "offline_root",
            Self::OnlineIntermediate => "online_intermediate",
            Self::Vendor => "vendor",
        }
    }
}

/// The log, and those who watch it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogRules {
    /// The log's key, whose name is its origin (C2SP signed-note, verifier key).
    pub key: String,
    /// What this log went on from, with another name or key. Wanted where the policy before names another log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<Continues>,
    /// Who watches.
    pub witnesses: BTreeMap<Name, WitnessRule>,
    /// How many of them must have seen a checkpoint.
    pub threshold: u64,
    /// A view of the log that is older than this lowers verdicts, in seconds.
    pub soft_age_seconds: u64,
    /// One that is older than this refuses.
    pub hard_age_seconds: u64,
}

impl LogRules {
    /// How old what is known of it may be.
    #[must_use]
    pub const fn ages(&self) -> Ages {
        Ages { soft: self.soft_age_seconds, hard: self.hard_age_seconds }
    }
}

/// How old what is known of a log may be, in seconds: whoever holds it back holds back revocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ages {
    /// What is older counts less.
    pub soft: u64,
    /// What is older counts for nothing.
    pub hard: u64,
}

impl Ages {
    /// How a log is known that witnesses were seen to sign last at `seen`.
    #[must_use]
    pub const fn freshness(self, seen: Timestamp, now: Timestamp) -> Freshness {
        match now.unix().saturating_sub(seen.unix()) {
            age if age > self.hard => Freshness::TooOld,
            age if age > self.soft => Freshness::Stale,
            _ => Freshness::Fresh,
        }
    }
}

/// How what is known of a log counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// In full.
    Fresh,
    /// Less.
    Stale,
    /// For nothing.
    TooOld,
}

/// The leaves of another log with which one begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Continues {
    /// How many.
    pub size: u64,
    /// The root over them, 32 bytes: in text as a checkpoint has it.
    pub root: Blob,
}

/// A witness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessRule {
    /// Its key (C2SP tlog-cosignature, verifier key).
    pub key: String,
    /// Whether somebody else than the log's operator runs it.
    pub outside: bool,
}
