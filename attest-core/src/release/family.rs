//! Who stands in a family's rules, as the family itself says: people come and go without the root quorum, and within what that wrote.
//!
//! A change says all of it anew, so that the last one counts and nothing is put together out of several. What the root wrote about the family
//! is the least that any change keeps to ([`FamilyChange::applied_to`]).

mod compose;
mod error;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use self::error::Error;
use super::name::{Name, Words};
use super::object::{Object, ObjectId, moment};
use super::policy::{Channel, Identity, Policy};
use super::quorum::Quorum;
use crate::Timestamp;

/// Who stands in a family's rules from now on: by the word of its managers, those of before and those of after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FamilyChange {
    /// [`FamilyChange::FORMAT`].
    pub format: String,
    /// The first policy of the authority.
    pub authority: ObjectId,
    /// The policy that is followed.
    pub policy: ObjectId,
    /// Of which devices.
    pub family: Name,
    /// The change that this one follows; none where the policy's own text is followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<ObjectId>,
    /// Why.
    pub reason: Words,
    /// It is not taken later.
    #[serde(with = "moment")]
    pub not_after: Timestamp,
    /// People whom the policy does not name, each as `FAMILY.NAME`: they are somebody in this family alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub people: BTreeMap<Name, Identity>,
    /// Who may ask for a release.
    pub requesters: BTreeSet<Name>,
    /// Who may revoke one. All whom the root named are among them.
    pub revokers: BTreeSet<Name>,
    /// Who may make the next change.
    pub managers: Quorum,
    /// Who may say what makes up for what the devices cannot prove; where the root named somebody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controls: Option<Quorum>,
    /// Every channel of the family.
    pub channels: BTreeMap<Name, ChannelPeople>,
}

/// Who stands in a channel's rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelPeople {
    /// Who must approve; where the root named somebody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Quorum>,
    /// Who must look at it afterwards; where the root named somebody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Quorum>,
}

impl FamilyChange {
    /// A change by which nothing changes, to begin with: everyone stands where the policy has them. Nothing where it names no managers.
    #[must_use]
    pub fn of(
        authority: ObjectId,
        policy: &Policy,
        family: &Name,
        reason: Words,
        not_after: Timestamp,
    ) -> Option<Self> {
        let rules = policy.family(family)?;
        let people = |channel: &Channel| ChannelPeople {
            approvals: channel.approvals.clone(),
            review: channel.review.as_ref().map(|review| review.quorum.clone()),
        };
        Some(Self {
            format: Self::FORMAT.to_owned(),
            authority,
            policy: policy.id(),
            family: family.clone(),
            previous: None,
            reason,
            not_after,
            people: BTreeMap::new(),
            requesters: rules.requesters.clone(),
            revokers: rules.revokers.clone(),
            managers: rules.managers.as_ref()?.quorum.clone(),
            controls: rules.controls.as_ref().map(|rules| rules.quorum.clone()),
            channels: rules
                .channels
                .iter()
                .map(|(called, channel)| (called.clone(), people(channel)))
                .collect(),
        })
    }
}

impl Object for FamilyChange {
    const FORMAT: &'static str = "attest-release-family-change/1";
}
