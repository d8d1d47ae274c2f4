//! Inv. 9: which security versions a family may ask for.

use super::Failure;
use crate::release::catalogue::Floors;
use crate::release::policy::Family;
use crate::release::request::{Kind, Request};

/// What stands against the security version of a request that is made now: it is below what the family has reached, or more than one step above. The
/// signer and each verifier ask again, by what holds then.
#[must_use]
pub fn out_of_reach(request: &Request, family: &Family, floors: &Floors) -> Option<Failure> {
    let (got, reached) = (request.security_version, floors.reached(&request.family));
    let floor = reached.max(family.version_floor);
    fall(got, floor, request.kind).or_else(|| leap(got, floor, family.version_step))
}

/// Below the floor, but for what people named.
pub(super) fn fall(got: u64, floor: u64, kind: Kind) -> Option<Failure> {
    (got < floor && kind != Kind::Rollback).then_some(Failure::BelowFloor { got, floor })
}

/// Further above it than one step.
pub(super) fn leap(got: u64, floor: u64, step: u64) -> Option<Failure> {
    (got > floor.saturating_add(step)).then_some(Failure::VersionStep { got, floor, step })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::catalogue::Kept;
    use crate::release::testing::history::History;
    use crate::release::testing::play::Play;

    #[test]
    fn inv9_a_version_is_neither_behind_nor_a_leap_ahead() {
        let history = History::new();
        let family =
            history.view().unwrap().policy().unwrap().family(&"gateway".try_into().unwrap()).cloned();
        let family = Family { version_step: 5, version_floor: 2, ..family.unwrap() };
        let mut request = Play::new(history).request;
        let kept = |version| Kept { family: request.family.clone(), since: 0, version };
        let (low, high) = (Floors::kept([kept(1)]), Floors::kept([kept(4)]));
        let mut told = |version: u64, floors: &Floors| {
            request.security_version = version;
            out_of_reach(&request, &family, floors)
        };
        for (version, expected) in [
            (3, Some(Failure::BelowFloor { got: 3, floor: 4 })),
            (4, None),
            (9, None),
            (10, Some(Failure::VersionStep { got: 10, floor: 4, step: 5 })),
        ] {
            assert_eq!(told(version, &high), expected);
        }
        // The policy's own floor, where the family has not come that far.
        assert_eq!(told(1, &low), Some(Failure::BelowFloor { got: 1, floor: 2 }));
        assert_eq!((told(2, &low), told(7, &low)), (None, None));
        assert_eq!(told(8, &low), Some(Failure::VersionStep { got: 8, floor: 2, step: 5 }));
        request.kind = Kind::Rollback;
        request.security_version = 3;
        assert_eq!(out_of_reach(&request, &family, &high), None, "people named the release");
    }
}
