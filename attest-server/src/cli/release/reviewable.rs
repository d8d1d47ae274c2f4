//! Whether a review can count, said before somebody signs one: verifiers pass over what cannot.

use std::collections::BTreeSet;

use attest_core::release::statement::ReviewStatement;
use attest_core::release::view::Mark;
use attest_core::release::{Name, ObjectId};

use super::known::Known;
use super::state::{State, state};
use super::words::Change;
use super::{gates, listed};
use crate::cli::Failure;

/// A request, as far as it is asked whether somebody may confirm it afterwards.
#[derive(Clone, Debug)]
pub(super) struct Reviewable {
    /// Whether it came by a way that is looked at afterwards.
    is_emergency: bool,
    is_published: bool,
    state: State,
    /// Who asked for it, triggered its build, or approved it.
    took_part: BTreeSet<Name>,
    /// Who reviews, by the policy that it was asked for under and by what is followed now.
    reviewers: BTreeSet<Name>,
}

impl Reviewable {
    /// As the log has it.
    pub(super) fn of(known: &mut Known, id: ObjectId, change: &Change) -> Result<Self, Failure> {
        let request = &change.request;
        let mut took_part = change.outlook.counted.clone();
        took_part.insert(request.requester.clone());
        let policy = gates::policy(known, id, request).cloned();
        let people = |policy: Option<&attest_core::release::policy::Policy>| {
            let review = policy?.channel(&request.family, &request.channel)?.review.as_ref()?;
            Some(review.quorum.people())
        };
        let then = people(policy.as_ref());
        let now = people(known.view.policy_of_now(&request.family)).unwrap_or_default();
        if let Some(policy) = &policy {
            took_part.extend(
                gates::built(known, id, request, policy)?.into_iter().flat_map(|built| built.triggers),
            );
        }
        Ok(Self {
            is_emergency: then.is_some(),
            is_published: known.view.place(Mark::Published, &id).is_some(),
            state: state(known, id)?,
            took_part,
            reviewers: then.unwrap_or_default().intersection(&now).cloned().collect(),
        })
    }

    /// Refused where a review by them cannot count, with the reason.
    pub(super) fn by(&self, by: &Name) -> Result<(), Failure> {
        let refused = |code: &str, detail: String| Err(Failure::malformed(code, detail));
        if !self.is_emergency {
            let detail = "nothing is to be reviewed: its channel lets nothing in without waiting";
            return refused("review_not_an_emergency", detail.to_owned());
        }
        if !self.is_published {
            let detail = format!("there is no release to review yet: {}", self.state.words());
            return refused("review_not_published", detail);
        }
        match &self.state {
            State::Lapsed => {
                let detail = "nobody reviewed it in time, and it lapsed for good: ask for it anew";
                return refused("review_too_late", detail.to_owned());
            }
            State::Confirmed => {
                let detail = "enough people reviewed it: it counts already";
                return refused("review_not_needed", detail.to_owned());
            }
            State::Revoked { .. } | State::Superseded => {
                let detail = format!("it counts no more, reviewed or not: {}", self.state.words());
                return refused("review_of_what_is_gone", detail);
            }
            _ => {}
        }
        if self.took_part.contains(by) {
            let detail = format!("`{by}` took part in it: asked for it, triggered its build, or approved it");
            return refused("review_took_part", detail);
        }
        if !self.reviewers.contains(by) {
            let can = listed(self.reviewers.difference(&self.took_part));
            let detail = format!("`{by}` is not named for its review; who can: {can}");
            return refused("reviewer_not_named", detail);
        }
        Ok(())
    }
}

/// Where this person reviewed it before.
pub(super) fn reviewed_by(known: &mut Known, id: ObjectId, by: &Name) -> Option<u64> {
    let of: Vec<ObjectId> =
        known.view.reviews().filter(|(request, _)| *request == id).map(|(_, review)| review).collect();
    let own = of
        .into_iter()
        .find(|review| known.read_object::<ReviewStatement>(*review).is_ok_and(|said| said.by == *by))?;
    known.view.place(Mark::Reviewed, &own).map(|place| place.index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::try_from(text).unwrap()
    }

    fn open() -> Reviewable {
        Reviewable {
            is_emergency: true,
            is_published: true,
            state: State::Provisional { until: "tomorrow".to_owned() },
            took_part: ["alice", "carol"].map(name).into(),
            reviewers: ["carol", "dave", "erin"].map(name).into(),
        }
    }

    #[test]
    fn whoever_reviews_what_cannot_count_hears_it_before_a_signature() {
        assert_eq!(open().by(&name("dave")), Ok(()));
        let refused = |change: &dyn Fn(&mut Reviewable), by: &str| {
            let mut one = open();
            change(&mut one);
            let told = one.by(&name(by)).unwrap_err();
            assert_eq!(told.exit(), crate::cli::Exit::Refused);
            told.to_line()
        };
        type Lie<'l> = (&'l str, &'l str, &'l dyn Fn(&mut Reviewable));
        let revoked = State::Revoked { because: "leaked".to_owned() };
        let lies: [Lie<'_>; 8] = [
            ("review_not_an_emergency", "dave", &|one| one.is_emergency = false),
            ("review_not_published", "dave", &|one| {
                (one.is_published, one.state) = (false, State::Signed);
            }),
            ("review_too_late", "dave", &|one| one.state = State::Lapsed),
            ("review_not_needed", "dave", &|one| one.state = State::Confirmed),
            ("review_of_what_is_gone", "dave", &|one| one.state = revoked.clone()),
            ("review_of_what_is_gone", "dave", &|one| one.state = State::Superseded),
            ("review_took_part", "carol", &|_| {}),
            ("reviewer_not_named", "mallory", &|_| {}),
        ];
        for (code, by, change) in lies {
            let told = refused(change, by);
            assert!(told.ends_with(&format!("[{code}]")), "{told}");
        }
        assert!(refused(&|_| {}, "mallory").contains("who can: `dave`, `erin`"));
    }

    #[test]
    fn what_may_pass_keeps_nobody_from_reviewing() {
        let mut one = open();
        one.state = State::Refused { gates: vec!["a builder's key is suspended".to_owned()] };
        assert_eq!(one.by(&name("dave")), Ok(()));
    }
}
