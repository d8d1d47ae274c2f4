//! All releases of a log together: what each family has reached, and which of its releases count.

mod floors;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use self::floors::{Floors, Kept};
use super::evaluate::{self, Emergency, Failure, Gate, Now, Release, Weighing};
use super::name::Name;
use super::object::ObjectId;
use super::policy::Freshness;
use super::request::Kind;
use super::view::{LogView, Objects, Place, Rules};
use crate::{Limits, Timestamp};

/// The releases that a log tells of, weighed under one view of it.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// Each in the order of the log.
    families: BTreeMap<Name, Vec<Release>>,
    /// Each with why it does not count now.
    withdrawn: BTreeMap<Name, Vec<(Release, Vec<Failure>)>>,
    floors: Floors,
    refused: Vec<Refused>,
    missing: Vec<ObjectId>,
    /// What it was weighed by, and when.
    by: Option<(Rules, Timestamp)>,
}

/// A release that does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The request that it came of, as the log has it.
    pub request: ObjectId,
    /// The bundle that was published for it.
    pub bundle: ObjectId,
    /// Every gate that it did not pass.
    pub failures: Vec<Failure>,
}

/// A release on its way into the catalogue.
struct Weighed {
    bundle: ObjectId,
    request: ObjectId,
    release: Option<Release>,
    failures: Vec<Failure>,
}

impl Catalogue {
    /// Weighs everything that was published, in the order of the log. `objects` has the bundles and reviews; `reached` is what families had
    /// reached when this was asked before, so that a bundle that is withheld later takes nothing back. A succession of this log does.
    #[must_use]
    pub fn load(view: &LogView, objects: &dyn Objects, reached: &Floors, now: Now, limits: &Limits) -> Self {
        Self::default().again(view, objects, reached, now, limits)
    }

    /// The same under a view of a log that has grown, or at a later time. What counted here and nothing touched since is not weighed again.
    #[must_use]
    pub fn again(
        &self,
        view: &LogView,
        objects: &dyn Objects,
        reached: &Floors,
        now: Now,
        limits: &Limits,
    ) -> Self {
        let untouched = self.untouched(view, now);
        let mut published: Vec<_> = view.published().collect();
        published.sort_by_key(|(_, place, _)| *place);
        let mut reviews: BTreeMap<ObjectId, Vec<&[u8]>> = BTreeMap::new();
        for (request, review) in view.reviews() {
            reviews.entry(request).or_default().extend(object(objects, review));
        }
        let by = Some((view.rules(), time(view, now)));
        let mut catalogue = Self { floors: reached.clone(), by, ..Self::default() };
        catalogue.floors.follow(view);
        let mut weighed = Vec::new();
        for (request, _, bundle) in published {
            if let Some(release) = untouched.get(&request).filter(|release| release.bundle() == bundle) {
                catalogue.reach(release, true);
                let (release, failures) = (Some((*release).clone()), Vec::new());
                weighed.push(Weighed { bundle, request, release, failures });
                continue;
            }
            let Some(bytes) = object(objects, bundle) else {
                catalogue.missing.push(request);
                continue;
            };
            let by = Weighing { view, now, floors: &catalogue.floors, limits };
            let own = reviews.get(&request).map(Vec::as_slice).unwrap_or_default();
            let (release, mut failures) = evaluate::weigh(bytes, own, &by);
            let befalls = |release: &Release| failures.iter().all(|one| one.befalls(release.published()));
            let counts = release.as_ref().is_some_and(befalls);
            // The same bundle under the name of another request would count twice.
            if release.as_ref().is_some_and(|release| release.id() != request) {
                failures.push(Failure::OtherRequest { published: request });
            } else if let Some(release) = &release {
                catalogue.reach(release, counts);
            }
            weighed.push(Weighed { bundle, request, release, failures });
        }
        one_emergency_at_a_time(&mut weighed, view);
        weighed.into_iter().for_each(|one| catalogue.take(one));
        catalogue
    }

    /// Those that count in this view and at this time because they counted here: nobody's word was taken back, no policy followed, the log is
    /// fresh, and the release is none that lapses by itself.
    fn untouched(&self, view: &LogView, now: Now) -> BTreeMap<ObjectId, &Release> {
        let time = time(view, now);
        let is_same = self.by.as_ref().is_some_and(|(rules, at)| *rules == view.rules() && *at <= time);
        if !is_same || view.freshness(time) == Freshness::TooOld {
            return BTreeMap::new();
        }
        let lasts = |release: &&Release| {
            release.emergency().is_none() && release.valid_until().is_none_or(|until| time <= until)
        };
        self.releases().filter(lasts).map(|release| (release.id(), release)).collect()
    }

    /// Inv. 9: what people approved for production raises the floor, and it stays there when that is taken back.
    fn reach(&mut self, release: &Release, counts: bool) {
        let (request, index) = (release.request(), release.published().index);
        let (family, version) = (&request.family, request.security_version);
        if release.has_stood() {
            self.floors.release(release.id(), family, index);
        }
        match release.raises_the_floor() {
            true if release.has_stood() => self.floors.rise(family, index, version),
            // What counts only since somebody's suspension is over raised nothing for those that were published meanwhile.
            true if counts => self.floors.reach(family, index, version),
            _ => {}
        }
    }

    fn take(&mut self, mut weighed: Weighed) {
        // The floor may have risen since it was weighed.
        if let Some(release) = &weighed.release
            && weighed.failures.is_empty()
            && release.request().kind != Kind::Rollback
        {
            let (got, floor) = (release.request().security_version, self.floor(&release.request().family));
            if got < floor {
                weighed.failures.push(Failure::BelowFloor { got, floor });
            }
        }
        let Weighed { bundle, request, release, failures } = weighed;
        match release {
            Some(release) if failures.is_empty() => {
                self.families.entry(release.request().family.clone()).or_default().push(release);
            }
            release => {
                if let Some(release) = release.filter(|_| failures.iter().all(is_of_time)) {
                    let family = release.request().family.clone();
                    self.withdrawn.entry(family).or_default().push((release, failures.clone()));
                }
                self.refused.push(Refused { request, bundle, failures });
            }
        }
    }

    /// The releases of a family that count, in the order of the log.
    #[must_use]
    pub fn family(&self, family: &Name) -> &[Release] {
        self.families.get(family).map(Vec::as_slice).unwrap_or_default()
    }

    /// Those that counted once and do not now, with the gates that they do not pass any more.
    #[must_use]
    pub fn withdrawn(&self, family: &Name) -> &[(Release, Vec<Failure>)] {
        self.withdrawn.get(family).map(Vec::as_slice).unwrap_or_default()
    }

    /// Inv. 11: the emergency of this family that keeps another one, asked for here, from counting.
    #[must_use]
    pub fn holds_up(&self, family: &Name, submitted: Place, view: &LogView) -> Option<ObjectId> {
        let withdrawn = self.withdrawn(family).iter().map(|(release, _)| release);
        let mut earlier = self.family(family).iter().chain(withdrawn).filter_map(|release| {
            let own = release.emergency().filter(|own| own.submitted < submitted)?;
            Some((release.id(), own))
        });
        let revoked = |id: &ObjectId| view.revoked(id).map(|it| it.place);
        earlier.find(|(id, own)| own.holds_up(submitted, revoked(id))).map(|(id, _)| id)
    }

    /// Every release that counts, family by family.
    pub fn releases(&self) -> impl Iterator<Item = &Release> {
        self.families.values().flatten()
    }

    /// The security version that a family has reached.
    #[must_use]
    pub fn floor(&self, family: &Name) -> u64 {
        self.floors.reached(family)
    }

    /// What all families have reached, to be kept for the next time.
    #[must_use]
    pub const fn floors(&self) -> &Floors {
        &self.floors
    }

    /// What does not count, and why.
    #[must_use]
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// Requests whose bundle was published and is not at hand.
    #[must_use]
    pub fn missing(&self) -> &[ObjectId] {
        &self.missing
    }
}

/// Their clock, or the witnesses', whichever is later.
fn time(view: &LogView, now: Now) -> Timestamp {
    now.clock.max(view.time())
}

/// Whether a release that falls short in this alone was one.
fn is_of_time(failure: &Failure) -> bool {
    let gates = [Gate::Revocation, Gate::Freshness, Gate::BreakGlass, Gate::Version];
    gates.contains(&failure.gate())
        && !matches!(failure, Failure::EmergencyPending { .. })
        && !is_for_good(failure)
}

/// What no release gets over that falls short in it where it was published.
fn is_for_good(failure: &Failure) -> bool {
    use Failure::{ReplacesNoRelease, ReplacesNothing, VersionStep};
    matches!(failure, VersionStep { .. } | ReplacesNoRelease { .. } | ReplacesNothing)
}

/// The object of this id, and no other one.
fn object(objects: &dyn Objects, id: ObjectId) -> Option<&[u8]> {
    objects.object(&id).filter(|bytes| ObjectId::of(bytes) == id)
}

/// Inv. 11: while a family has an emergency that nobody looked at, it gets no other one.
fn one_emergency_at_a_time(weighed: &mut [Weighed], view: &LogView) {
    let mut open: BTreeMap<Name, Vec<(ObjectId, Emergency, Option<Place>)>> = BTreeMap::new();
    let mut by_submission: Vec<&mut Weighed> = weighed.iter_mut().collect();
    by_submission
        .sort_by_key(|one| one.release.as_ref().and_then(Release::emergency).map(|own| own.submitted));
    for one in by_submission {
        let Some(release) = &one.release else { continue };
        let Some(own) = release.emergency() else { continue };
        let gates = [Gate::BreakGlass, Gate::Revocation, Gate::Freshness, Gate::Version];
        // What never was a release holds up none.
        if !one.failures.iter().all(|failure| gates.contains(&failure.gate()) && !is_for_good(failure)) {
            continue;
        }
        let others = open.entry(release.request().family.clone()).or_default();
        match others.iter().find(|(_, other, revoked)| other.holds_up(own.submitted, *revoked)) {
            Some((other, ..)) => one.failures.push(Failure::EmergencyPending { other: *other }),
            None => others.push((one.request, own, view.revoked(&one.request).map(|it| it.place))),
        }
    }
}
