//! Policies: by the word of the root, or of the recovery quorum once they waited. And what policies leave to others: controls.

use attest_core::release::leaf::Event;
use attest_core::release::object::Object;
use attest_core::release::statement::{Control, ControlStatement, Objection, Recovery, Succession};
use attest_core::release::{ObjectId, Policy};

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
        let event = Event::Recovered { policy, checkpoint: ObjectId::of(checkpoint) };
        self.would_count(event, vec![checkpoint.to_vec()])
    }

    pub(super) fn object(&self, bytes: &[u8]) -> Result<Admitted, Denied> {
        read::<Objection>(bytes)?;
        let objection = ObjectId::of(bytes);
        if let Some(place) = self.state.place(&objection) {
            return Ok(Admitted::Already(place));
        }
        self.would_count(Event::Objected { objection }, vec![bytes.to_vec()])
    }

    pub(super) fn compensate(&self, bytes: &[u8], statements: &[Vec<u8>]) -> Result<Admitted, Denied> {
        read::<Control>(bytes)?;
        let control = ObjectId::of(bytes);
        if let Some(place) = self.state.place(&control) {
            return Ok(Admitted::Already(place));
        }
        are_statements::<ControlStatement>(statements)?;
        let mut objects = vec![bytes.to_vec()];
        objects.extend_from_slice(statements);
        self.would_count(Event::Compensated { control, statements: ids(statements) }, objects)
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
