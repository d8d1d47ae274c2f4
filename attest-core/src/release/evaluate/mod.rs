//! Whether a release counts: every gate is asked, and every one that is not passed is told.
//!
//! A pure function of the bundle, the reviews, the log and the time. Signer and verifier ask the same gates; the signer asks before there
//! are signatures.

mod break_glass;
mod case;
mod failure;
mod gate;
mod order;
mod people;
mod stood;
#[cfg(test)]
mod tests;
mod values;
mod version;

use std::collections::BTreeSet;

use self::case::{Case, Stage};
pub use self::failure::Failure;
pub use self::gate::Gate;
pub use self::version::out_of_reach;
use super::catalogue::Floors;
use super::name::Name;
use super::object::ObjectId;
use super::policy::{Capability, Tier};
use super::request::{Kind, Request};
use super::view::{LogView, Place};
use crate::reference::ReferenceSet;
use crate::{Limits, Timestamp};

/// What time it is, as far as whoever asks knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Their clock. The log's witnesses may know better.
    pub clock: Timestamp,
    /// Whether a checkpoint was seen that is newer than their last start, and than their clock's last step back. Until then nobody knows
    /// that an emergency's time is not over.
    pub is_confirmed: bool,
}

/// What a release is weighed by.
#[derive(Clone, Copy, Debug)]
pub struct Weighing<'w> {
    /// The log.
    pub view: &'w LogView,
    /// The time.
    pub now: Now,
    /// The security versions that families have reached, where that is more than their policy says, and by which releases.
    pub floors: &'w Floors,
    /// The bounds.
    pub limits: &'w Limits,
}

/// A release that counts: it passed every gate. Only [`evaluate`] makes one.
#[derive(Clone, Debug)]
pub struct Release {
    request: Request,
    id: ObjectId,
    bundle: ObjectId,
    published: Place,
    tier: Tier,
    approvers: BTreeSet<Name>,
    standing: Standing,
    emergency: Option<Emergency>,
    valid_until: Option<Timestamp>,
    capability: Capability,
    has_weak_roots: bool,
    has_stood: bool,
    reference: Option<ReferenceSet>,
}

/// Whether a release counts for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As long as nobody takes it back.
    Full,
    /// An emergency that nobody has looked at: until then.
    Provisional {
        /// Its last second.
        until: Timestamp,
    },
}

/// The course of an emergency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Emergency {
    /// Where it was first asked for.
    pub(super) submitted: Place,
    /// When it lapses unless it was looked at.
    pub(super) deadline: Timestamp,
    /// Where enough people had looked at it.
    pub(super) confirmed: Option<Place>,
}

impl Emergency {
    /// Inv. 11: whether nobody had looked at it, nor taken it back, when another one was asked for, and its time was not over.
    pub(super) fn holds_up(&self, submitted: Place, revoked: Option<Place>) -> bool {
        let is_before = |place: Option<Place>| place.is_some_and(|place| place < submitted);
        submitted.at <= self.deadline && !is_before(self.confirmed) && !is_before(revoked)
    }
}

/// A request that may be signed for: enough people approved it, and nobody took it back. Only [`quorate`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quorate {
    request: Request,
    id: ObjectId,
    approvers: BTreeSet<Name>,
    attempted: Option<Place>,
}

/// Weighs a release.
///
/// # Errors
/// Every [`Failure`], in the order of their gates.
pub fn evaluate(bundle: &[u8], reviews: &[&[u8]], by: &Weighing<'_>) -> Result<Release, Vec<Failure>> {
    let (release, failures) = weigh(bundle, reviews, by);
    match release {
        Some(release) if failures.is_empty() => Ok(release),
        _ => Err(failures),
    }
}

/// What a release would be, and all in which it falls short; nothing where it falls so short that it would be none.
pub(super) fn weigh(bundle: &[u8], reviews: &[&[u8]], by: &Weighing<'_>) -> (Option<Release>, Vec<Failure>) {
    let (release, failures) = weigh_now(bundle, reviews, by);
    let release = release.map(|release| {
        let has_stood = stood::has_stood(&release, &failures, bundle, by);
        Release { has_stood, ..release }
    });
    (release, failures)
}

/// By all that is known now.
fn weigh_now(bundle: &[u8], reviews: &[&[u8]], by: &Weighing<'_>) -> (Option<Release>, Vec<Failure>) {
    let opened = match case::open(bundle, by) {
        Ok(opened) => opened,
        Err(failures) => return (None, failures),
    };
    let mut case = Case::new(&opened, by, Stage::Published);
    case.request();
    let took_part = case.people();
    case.order();
    let golden = case.values();
    case.signatures();
    case.freshness();
    let emergency = case.break_glass(reviews, &took_part);
    case.version();
    case.step();
    case.replaces();
    let Some(published) = case.published() else { return (None, case.failures()) };
    let (golden, valid_until) = golden.unzip();
    let reference = golden.and_then(|golden| case.reference(golden, published));
    let release = Release {
        request: opened.request.clone(),
        id: opened.id,
        bundle: opened.bundle_id,
        published,
        tier: opened.channel.tier,
        approvers: case.approvers().clone(),
        standing: emergency.map_or(Standing::Full, Emergency::standing),
        emergency,
        valid_until: valid_until.flatten(),
        capability: case.current_family().map_or(Capability::None, |family| family.capability),
        has_weak_roots: case.current_family().is_none_or(|family| family.weak_roots),
        has_stood: false,
        reference,
    };
    (Some(release), case.failures())
}

/// Weighs a request before it is signed for: all but the signatures, and what comes after them. The bundle's CoRIM has an empty signature.
///
/// # Errors
/// Every [`Failure`], in the order of their gates.
pub fn quorate(bundle: &[u8], by: &Weighing<'_>) -> Result<Quorate, Vec<Failure>> {
    let opened = case::open(bundle, by)?;
    let mut case = Case::new(&opened, by, Stage::Signing);
    case.request();
    case.people();
    case.order();
    case.values();
    case.freshness();
    case.version();
    case.step();
    case.replaces();
    let quorate = Quorate {
        request: opened.request.clone(),
        id: opened.id,
        approvers: case.approvers().clone(),
        attempted: case.attempted(),
    };
    let failures = case.failures();
    if failures.is_empty() { Ok(quorate) } else { Err(failures) }
}

impl Release {
    /// What was asked for.
    #[must_use]
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// Its name: the request's id.
    #[must_use]
    pub const fn id(&self) -> ObjectId {
        self.id
    }

    /// The bundle that was published.
    #[must_use]
    pub const fn bundle(&self) -> ObjectId {
        self.bundle
    }

    /// Where it stands in the log.
    #[must_use]
    pub const fn published(&self) -> Place {
        self.published
    }

    /// What it is worth.
    #[must_use]
    pub const fn tier(&self) -> Tier {
        self.tier
    }

    /// Whose approval counted.
    #[must_use]
    pub const fn approvers(&self) -> &BTreeSet<Name> {
        &self.approvers
    }

    /// Whether it counts for good.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// The last second of the measurements' own time, if they have one.
    #[must_use]
    pub const fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }

    /// What devices of the family can prove, by the policy that is followed now.
    #[must_use]
    pub const fn capability(&self) -> Capability {
        self.capability
    }

    /// Whether the keys that the family's makers put into it are known to be weak.
    #[must_use]
    pub const fn has_weak_roots(&self) -> bool {
        self.has_weak_roots
    }

    /// Its golden values; none where it is of an artifact alone.
    #[must_use]
    pub const fn reference(&self) -> Option<&ReferenceSet> {
        self.reference.as_ref()
    }

    pub(super) const fn emergency(&self) -> Option<Emergency> {
        self.emergency
    }

    /// Whether it counted where it was published, by what the log had by then. What is known later changes nothing about that.
    pub(super) const fn has_stood(&self) -> bool {
        self.has_stood
    }

    /// Whether the family's version floor rises to this release's.
    #[must_use]
    pub(super) fn raises_the_floor(&self) -> bool {
        self.tier == Tier::Production && self.request.kind == Kind::Normal
    }
}

impl Emergency {
    fn standing(self) -> Standing {
        match self.confirmed {
            Some(_) => Standing::Full,
            None => Standing::Provisional { until: self.deadline },
        }
    }
}

impl Quorate {
    /// What was asked for.
    #[must_use]
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// The request's id.
    #[must_use]
    pub const fn id(&self) -> ObjectId {
        self.id
    }

    /// Whose approval counted.
    #[must_use]
    pub const fn approvers(&self) -> &BTreeSet<Name> {
        &self.approvers
    }

    /// Where the attempt to sign stands in the log; without one, nothing is signed.
    #[must_use]
    pub const fn attempted(&self) -> Option<Place> {
        self.attempted
    }
}
