//! What people say about a request: approvals before it is signed for, reviews after it was published.

use std::collections::BTreeSet;

use attest_core::release::leaf::Event;
use attest_core::release::request::Kind;
use attest_core::release::statement::{Approval, Described, ReviewStatement, Text};
use attest_core::release::view::Place;
use attest_core::release::{Name, ObjectId};

use super::super::words::{Word, Words};
use super::{Admission, Admitted, Denied, Known, is_person, malformed, now_not, of_policy, read};

/// How many requests one approval may name.
const REQUESTS: usize = 64;

impl Admission<'_> {
    pub(super) fn approve(&self, bytes: &[u8]) -> Result<Admitted, Denied> {
        let approval: Approval = read(bytes)?;
        let id = ObjectId::of(bytes);
        if let Some(place) = self.state.place(&id) {
            return Ok(Admitted::Already(place));
        }
        self.is_for_now(approval.authority, approval.policy)?;
        if approval.requests.is_empty() || approval.requests.len() > REQUESTS {
            return Err(malformed("approval_batch_not_allowed", format!("1 to {REQUESTS} requests")));
        }
        let mut described = Vec::new();
        for id in &approval.requests {
            let known = self.known(id)?;
            self.may_approve(&approval, known)?;
            described.push(Described { id: *id, request: &known.request });
        }
        let is_alone = |described: &Described<'_>| described.request.kind != Kind::Normal;
        if described.len() > 1 && described.iter().any(is_alone) {
            let detail = "emergencies and rollbacks are approved one by one";
            return Err(now_not("approval_batch_not_allowed", detail));
        }
        let text = Text::approval(&approval, &described);
        let families: BTreeSet<&Name> = described.iter().map(|described| &described.request.family).collect();
        families.into_iter().try_for_each(|family| self.is_word(family, &approval, text.as_ref()))?;
        let known: Vec<&Words> =
            approval.requests.iter().filter_map(|id| Some(&self.state.request(id)?.words)).collect();
        if let Some(place) = Self::is_said(Word::approval(&approval).as_ref(), &known, "approvals_repeated")?
        {
            return Ok(Admitted::Already(place));
        }
        let event = Event::Approved { approval: id, requests: approval.requests.clone() };
        Ok(Admitted::New { event, objects: vec![bytes.to_vec()] })
    }

    /// Where the same stands already, for each of these requests. Nobody says something else about one without end.
    fn is_said(word: Option<&Word>, about: &[&Words], code: &'static str) -> Result<Option<Place>, Denied> {
        let word = word.ok_or_else(Denied::log_failed)?;
        let places: Option<Vec<Place>> = about.iter().map(|words| words.place(word)).collect();
        if let Some(place) = places.and_then(|places| places.first().copied()) {
            return Ok(Some(place));
        }
        if about.iter().any(|words| words.are_enough(word)) {
            return Err(now_not(code, "this key has said as much about it as is taken"));
        }
        Ok(None)
    }

    fn may_approve(&self, approval: &Approval, known: &Known) -> Result<(), Denied> {
        let (by, request) = (&approval.by, &known.request);
        let policy = self.policy_of(&request.family)?;
        if request.policy != approval.policy {
            return Err(now_not("policy_mismatch", "the request is under another policy"));
        }
        if self.now > request.not_after {
            return Err(now_not("request_expired", "the request's time is over"));
        }
        // It would count for nothing, and change the bundle under the hands of whoever publishes.
        if known.signed.is_some() {
            return Err(now_not("signed_before", "it was signed for"));
        }
        let (_, channel) = of_policy(policy, request)?;
        let is_named = channel.approvals.as_ref().is_some_and(|quorum| quorum.people().contains(by));
        if !is_named || !is_person(policy, by) {
            let detail = format!("`{by}` is not named for approvals in `{}`", request.channel);
            return Err(now_not("approver_not_named", detail));
        }
        // Inv. 3. Whoever triggered the build is asked of its provenance by those who verify.
        if *by == request.requester {
            return Err(now_not("approval_took_part", format!("`{by}` asked for it")));
        }
        Ok(())
    }

    pub(super) fn review(&self, bytes: &[u8]) -> Result<Admitted, Denied> {
        let review: ReviewStatement = read(bytes)?;
        let id = ObjectId::of(bytes);
        if let Some(place) = self.state.place(&id) {
            return Ok(Admitted::Already(place));
        }
        if review.authority != self.state.ledger().authority() {
            return Err(now_not("authority_mismatch", "it is for another authority"));
        }
        let known = self.known(&review.request)?;
        let policy = self.policy_of(&known.request.family)?;
        of_policy(policy, &known.request)?;
        let (by, channel) = (&review.by, &known.request.channel);
        let not_named = |when: &str| {
            now_not("reviewer_not_named", format!("`{by}` is not named for reviews in `{channel}`{when}"))
        };
        let reviews = self.state.reviews(known).ok_or_else(|| not_named(""))?;
        if !reviews.is_named_now(by) || !is_person(policy, by) {
            return Err(not_named(""));
        }
        // Verifiers ask both: whoever came later confirms nothing that was let in before.
        if !reviews.was_named(by) {
            return Err(not_named(" by the policy under which it was asked for"));
        }
        if known.published.is_none() {
            return Err(now_not("review_not_published", "there is no release to review yet"));
        }
        // Inv. 11: it would count for nothing.
        let until = reviews.until;
        if self.at > until {
            let detail =
                format!("it was due until {}; what was not reviewed by then has lapsed", until.utc());
            return Err(now_not("review_too_late", detail));
        }
        // Inv. 12.
        if *by == known.request.requester || known.approved_by.contains(by) {
            return Err(now_not("review_took_part", format!("`{by}` took part in it")));
        }
        let described = Described { id: review.request, request: &known.request };
        self.is_word(&known.request.family, &review, Text::review(&review, described).as_ref())?;
        if let Some(place) =
            Self::is_said(Word::review(&review).as_ref(), &[&known.words], "reviews_repeated")?
        {
            return Ok(Admitted::Already(place));
        }
        let event = Event::Reviewed { review: id, request: review.request };
        Ok(Admitted::New { event, objects: vec![bytes.to_vec()] })
    }
}
