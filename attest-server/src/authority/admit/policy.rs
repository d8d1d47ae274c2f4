//! Policies: by the word of the root, or of the recovery quorum once they waited. And what policies leave to others: controls, and the people of
//! a family.

use std::collections::BTreeSet;

use attest_core::audit::checkpoint::SignedCheckpoint;
use attest_core::release::family::FamilyChange;
use attest_core::release::leaf::Event;
use attest_core::release::object::Object;
use attest_core::release::quorum::Quorum;
use attest_core::release::statement::{
    Control, ControlStatement, FamilyStatement, Objection, Recovery, Statement, Succession, Text,
};
use attest_core::release::{Name, ObjectId, Policy};

use super::{Admission, Admitted, Denied, LIMITS, malformed, now_not, read};

/// How many may want one policy.
const STATEMENTS: usize = 256;

impl Admission<'_> {
    pub(super) fn succeed(&self, bytes: &[u8], successions: &[Vec<u8>]) -> Result<Admitted, Denied> {
        let next = Policy::parse(bytes, LIMITS).map_err(|error| malformed(error.code(), error))?;
        if let Some(place) = self.state.place(&next.id()) {
            return Ok(Admitted::Already(place));
        }
        let objects = self.wanted::<Succession>(&next, bytes, successions)?;
        let document = self.policy()?.document();
        let text =
            |said: &Succession| (said.policy == next.id()).then(|| Text::succession(said, next.document()));
        self.is_said_by(None, Some(&document.root), successions, text, "succession_quorum_not_met")?;
        let successions = ids(successions);
        self.would_count(Event::Policy { policy: next.id(), successions }, objects)
    }

    pub(super) fn recover(&self, bytes: &[u8], recoveries: &[Vec<u8>]) -> Result<Admitted, Denied> {
        let next = Policy::parse(bytes, LIMITS).map_err(|error| malformed(error.code(), error))?;
        let pending = self.state.ledger().recovery().filter(|pending| pending.policy().id() == next.id());
        let place = pending.map(|pending| pending.place()).or_else(|| self.state.place(&next.id()));
        if let Some(place) = place {
            return Ok(Admitted::Already(place));
        }
        let objects = self.wanted::<Recovery>(&next, bytes, recoveries)?;
        let document = self.policy()?.document();
        let text =
            |said: &Recovery| (said.policy == next.id()).then(|| Text::recovery(said, next.document()));
        self.is_said_by(None, document.recovery.as_ref(), recoveries, text, "recovery_quorum_not_met")?;
        let recoveries = ids(recoveries);
        self.would_count(Event::Recovery { policy: next.id(), recoveries }, objects)
    }

    pub(super) fn recovered(&self, policy: ObjectId, checkpoint: &[u8]) -> Result<Admitted, Denied> {
        if let Some(place) = self.state.place(&policy) {
            return Ok(Admitted::Already(place));
        }
        if checkpoint.len() > LIMITS.note_bytes {
            return Err(malformed("checkpoint_too_large", format!("more than {} bytes", LIMITS.note_bytes)));
        }
        let pending = self.state.ledger().recovery().filter(|pending| pending.policy().id() == policy);
        let pending = pending.ok_or_else(|| now_not("recovery_not_pending", "it does not wait"))?;
        if SignedCheckpoint::verify(checkpoint, self.log, LIMITS).is_err() {
            return Err(now_not("recovery_not_witnessed", "the checkpoint is none of this log"));
        }
        if self.at < pending.earliest() {
            let detail = format!("it waits until {} at the least", pending.earliest().utc());
            return Err(now_not("recovery_too_early", detail));
        }
        let event = Event::Recovered { policy, checkpoint: ObjectId::of(checkpoint) };
        self.would_count(event, vec![checkpoint.to_vec()])
    }

    pub(super) fn object(&self, bytes: &[u8]) -> Result<Admitted, Denied> {
        let said: Objection = read(bytes)?;
        let objection = ObjectId::of(bytes);
        if let Some(place) = self.state.place(&objection) {
            return Ok(Admitted::Already(place));
        }
        let pending = self.state.ledger().recovery().map(|pending| pending.policy().id());
        if pending != Some(said.policy) {
            return Err(now_not("objection_to_nothing", "what it objects to does not wait"));
        }
        let word = self.state.ledger().voice(None, &said, &Text::objection(&said), self.at, LIMITS);
        word.map_err(|error| now_not("objection_does_not_count", error))?;
        self.would_count(Event::Objected { objection }, vec![bytes.to_vec()])
    }

    pub(super) fn change_family(&self, bytes: &[u8], statements: &[Vec<u8>]) -> Result<Admitted, Denied> {
        let parsed: FamilyChange = read(bytes)?;
        let change = ObjectId::of(bytes);
        if let Some(place) = self.state.place(&change) {
            return Ok(Admitted::Already(place));
        }
        are_statements::<FamilyStatement>(statements)?;
        let family = self.policy_of(&parsed.family)?.family(&parsed.family);
        let quorum = family.and_then(|family| family.managers.as_ref()).map(|rules| &rules.quorum);
        let text = |said: &FamilyStatement| Text::family(said, change, &parsed);
        // A family that is not managed is told as that.
        if quorum.is_some() {
            self.is_said_by(Some(&parsed.family), quorum, statements, text, "family_quorum_not_met")?;
        }
        let mut objects = vec![bytes.to_vec()];
        objects.extend_from_slice(statements);
        self.would_count(Event::FamilyChanged { change, statements: ids(statements) }, objects)
    }

    pub(super) fn compensate(&self, bytes: &[u8], statements: &[Vec<u8>]) -> Result<Admitted, Denied> {
        let parsed: Control = read(bytes)?;
        let control = ObjectId::of(bytes);
        if let Some(place) = self.state.place(&control) {
            return Ok(Admitted::Already(place));
        }
        are_statements::<ControlStatement>(statements)?;
        let family = self.policy_of(&parsed.family)?.family(&parsed.family);
        let quorum = family.and_then(|family| family.controls.as_ref()).map(|rules| &rules.quorum);
        let text = |said: &ControlStatement| Text::control(said, control, &parsed);
        // What no policy foresees is told as that.
        if quorum.is_some() {
            self.is_said_by(Some(&parsed.family), quorum, statements, text, "control_quorum_not_met")?;
        }
        let mut objects = vec![bytes.to_vec()];
        objects.extend_from_slice(statements);
        self.would_count(Event::Compensated { control, statements: ids(statements) }, objects)
    }

    /// Whether enough of those who must say so said it, be their keys suspended or not. Only then is asked what takes as long as the log, and
    /// whether they count.
    fn is_said_by<S: Statement>(
        &self,
        family: Option<&Name>,
        quorum: Option<&Quorum>,
        statements: &[Vec<u8>],
        text: impl Fn(&S) -> Option<Text>,
        code: &'static str,
    ) -> Result<(), Denied> {
        let named = quorum.map(Quorum::people).unwrap_or_default();
        let speaker = |bytes: &Vec<u8>| {
            let said: S = read(bytes).ok().filter(|said: &S| named.contains(said.by()))?;
            self.state.ledger().voice(family, &said, &text(&said)?, self.at, LIMITS).ok()?;
            Some(said.by().clone())
        };
        let people: BTreeSet<Name> = statements.iter().filter_map(speaker).collect();
        if quorum.is_some_and(|quorum| quorum.is_met_by(&people)) {
            return Ok(());
        }
        let said = people.iter().map(Name::as_str).collect::<Vec<_>>().join(", ");
        let said = if said.is_empty() { "nobody who counts" } else { &said };
        Err(now_not(code, format!("{said} said so, and that is not enough")))
    }

    /// A policy that this log can be kept by, and statements of this kind: all that a leaf about it names.
    fn wanted<S: Object>(
        &self,
        next: &Policy,
        bytes: &[u8],
        statements: &[Vec<u8>],
    ) -> Result<Vec<Vec<u8>>, Denied> {
        are_statements::<S>(statements)?;
        // This log's key would not sign for it any more.
        let log = next.document().log.read(LIMITS).map(|(log, _)| log);
        if log.as_ref() != Ok(self.log) {
            let detail = "the policy names another log than this one; a log goes on under another name or key in a folder of its own, while no \
                          server writes it";
            return Err(now_not("succession_other_log", detail));
        }
        let mut objects = vec![bytes.to_vec()];
        objects.extend_from_slice(statements);
        Ok(objects)
    }
}

fn are_statements<S: Object>(statements: &[Vec<u8>]) -> Result<(), Denied> {
    if statements.len() > STATEMENTS {
        return Err(malformed("too_many_statements", format!("at most {STATEMENTS}")));
    }
    statements.iter().try_for_each(|statement| read::<S>(statement).map(|_| ()))
}

fn ids(statements: &[Vec<u8>]) -> Vec<ObjectId> {
    statements.iter().map(|statement| ObjectId::of(statement)).collect()
}
