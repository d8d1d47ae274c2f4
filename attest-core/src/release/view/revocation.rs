//! What takes something back: weighed where it stands, and in force from then on.

use super::replay::Replay;
use super::{Error, LogView, ObjectId, Place, Suspension, Withdrawn};
use crate::Timestamp;
use crate::release::Name;
use crate::release::key::CanonicalKey;
use crate::release::object;
use crate::release::policy::{Family, Policy};
use crate::release::request::Request;
use crate::release::speaker::Hearing;
use crate::release::statement::{Revocation, Revoked, Text};

/// How long one person may suspend a key, in seconds: 14 days.
const SUSPENSION: u64 = 14 * 86_400;

/// Why a revocation does not count that stands before what it takes back.
const NO_CONTROL: &str = "revocation_of_no_control";

/// What a revocation that counts does.
pub(super) enum Effect {
    /// A key does not count for a while.
    Suspended(Suspension),
    /// A request or a control does not count any more.
    Withdrawn(ObjectId, Withdrawn),
}

impl LogView {
    /// From here on this is so.
    pub(super) fn take(&mut self, effect: Effect) {
        match effect {
            Effect::Suspended(suspension) => self.suspended.push(suspension),
            Effect::Withdrawn(object, withdrawn) => {
                self.revoked.entry(object).or_insert(withdrawn);
            }
        }
    }

    /// What root quorums say was lost stays lost, from the first place that any of them named.
    pub(super) fn lose(&mut self, policy: &Policy) {
        for (key, from) in &policy.document().compromised {
            let known = self.compromised.entry(*key).or_insert(*from);
            *known = (*known).min(*from);
        }
    }

    /// Whether this person suspended this key before.
    pub(super) fn has_suspended(&self, by: &Name, key: &CanonicalKey) -> bool {
        self.suspended.iter().any(|other| other.key == *key && other.by == *by)
    }

    /// Whether what the log has of the same person takes all that this one takes.
    pub(super) fn covers(&self, one: &Suspension) -> bool {
        let same = |other: &&Suspension| other.key == one.key && other.by == one.by;
        let mut all = self.suspended.iter().filter(same);
        all.any(|other| other.from_index <= one.from_index && other.until >= one.until)
    }
}

impl Replay<'_> {
    pub(super) fn revocation(&mut self, place: Place, id: ObjectId) -> Result<(), Error> {
        match self.revokes(place, id) {
            Ok(effect) => self.view.take(effect),
            Err(Error::NotHeld { because }) => {
                if because == NO_CONTROL {
                    self.keep_early(place, id)?;
                }
                self.pass_over(place, because);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Whoever keeps the log writes down when he likes: what takes a control back waits for it.
    fn keep_early(&mut self, place: Place, id: ObjectId) -> Result<(), Error> {
        let read = object::read::<Revocation>(self.object(place, id)?, self.limits);
        if let Ok(revocation) = read
            && let Revoked::Control(control) = revocation.revokes
        {
            self.view.early.entry(control).or_default().push((place, id, revocation));
        }
        Ok(())
    }

    /// A control is in the log by now: what took it back before counts, if it did where it stands.
    pub(super) fn take_back_early(&mut self, control: ObjectId, family: &Name) {
        for (place, revocation, said) in self.view.early.remove(&control).unwrap_or_default() {
            let (mut before, mut last) = (self.view.before(place.index), place);
            let (objects, limits, tree) = (self.objects, self.limits, self.tree);
            let then = Replay { objects, limits, view: &mut before, last: &mut last, tree };
            if then.may_revoke(place, &said, Some(family)) {
                let reason = said.reason.to_string();
                let withdrawn = Withdrawn { revocation, place, reason, is_logged: true };
                self.view.take(Effect::Withdrawn(control, withdrawn));
            }
        }
    }

    /// What the revocation does at this place: [`Error::NotHeld`] where it does not count there.
    pub(super) fn revokes(&self, place: Place, id: ObjectId) -> Result<Effect, Error> {
        let not = |because| Error::NotHeld { because };
        let revocation: Revocation =
            object::read(self.object(place, id)?, self.limits).map_err(|error| not(error.code()))?;
        let family = self.family(place, &revocation.revokes)?;
        if !self.may_revoke(place, &revocation, family.as_ref()) {
            return Err(not("revocation_does_not_count"));
        }
        match revocation.revokes {
            Revoked::Control(object) | Revoked::Request(object) => {
                let reason = revocation.reason.to_string();
                let withdrawn = Withdrawn { revocation: id, place, reason, is_logged: true };
                Ok(Effect::Withdrawn(object, withdrawn))
            }
            Revoked::Key { spki_sha256, from_index, until } => {
                self.suspends(place, spki_sha256, from_index, until, revocation.by).map_err(not)
            }
        }
    }

    /// Whose revokers decide. A key speaks for more than one family, and so may be suspended by a revoker of any whom the root named.
    fn family(&self, place: Place, revokes: &Revoked) -> Result<Option<Name>, Error> {
        let not = |because| Error::NotHeld { because };
        match revokes {
            Revoked::Control(control) => {
                let known = self.view.controls.get(control).ok_or(not(NO_CONTROL))?;
                Ok(Some(known.control().family.clone()))
            }
            Revoked::Key { .. } => Ok(None),
            Revoked::Request(request) => {
                let request = Request::parse(self.object(place, *request)?, self.limits);
                request.map(|request| Some(request.family)).map_err(|error| not(error.code()))
            }
        }
    }

    /// Whether this is the word of one who may revoke there.
    fn may_revoke(&self, place: Place, revocation: &Revocation, family: Option<&Name>) -> bool {
        let policy = match family {
            Some(family) => self.view.policy_of(family, place.index),
            None => self.view.policy(),
        };
        let Some(policy) = policy else { return false };
        let families = &policy.document().families;
        let may = |family: &Family| family.revokers.contains(&revocation.by);
        let is_revoker = match family {
            Some(family) => families.get(family).is_some_and(may),
            None => families.values().any(may),
        };
        let hearing = Hearing { policy, view: self.view, now: place.at, limits: self.limits };
        let is_signed = || hearing.key(revocation, &Text::revocation(revocation), place).is_ok();
        revocation.authority == self.view.authority && is_revoker && is_signed()
    }

    /// A key of somebody whom a policy ever named, or whom a family ever brought in.
    fn known_key(&self, spki_sha256: ObjectId) -> Option<CanonicalKey> {
        let changed = self.view.families.values().flatten().map(|one| one.policy());
        // Inv. 10: a key that was lost before its holder left is lost as well.
        let ever = self.view.policies.iter().map(|(_, policy)| policy);
        let mut keys = ever.chain(changed).flat_map(Policy::keys);
        keys.find(|(key, _)| ObjectId::of(&key.spki_der()) == spki_sha256).map(|(key, _)| key.clone())
    }

    /// One person suspends a key once, for at most 14 days.
    fn suspends(
        &self,
        place: Place,
        spki_sha256: ObjectId,
        from_index: u64,
        until: Timestamp,
        by: Name,
    ) -> Result<Effect, &'static str> {
        let key = self.known_key(spki_sha256).ok_or("suspension_of_no_key")?;
        if self.view.has_suspended(&by, &key) {
            return Err("suspension_renewed_alone");
        }
        if until < place.at {
            // A67b: an old word that was kept back takes nothing from a new one.
            return Err("suspension_over");
        }
        let until = until.min(place.at.plus(SUSPENSION));
        Ok(Effect::Suspended(Suspension { key, from_index, until, place, by, is_logged: true }))
    }
}
