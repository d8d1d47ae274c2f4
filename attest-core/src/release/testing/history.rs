//! A log as it grows, with whatever is written into it, and witnesses who see it.

use std::collections::BTreeMap;

use super::*;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::tree::{Frontier, TreeHead};
use crate::release::family::FamilyChange;
use crate::release::leaf::{Event, Leaf};
use crate::release::statement::{
    Control, ControlStatement, FamilyStatement, Objection, Recovery, Revocation, Revoked, Succession,
};
use crate::release::view::{Error, LogView};

/// A log, and the objects that it names.
#[derive(Clone)]
pub(crate) struct History {
    pub(crate) leaves: Vec<Vec<u8>>,
    pub(crate) objects: BTreeMap<ObjectId, Vec<u8>>,
    pub(crate) authority: ObjectId,
    /// The log's clock: one second on with each leaf.
    pub(crate) clock: u64,
}

impl History {
    /// It begins with the policy.
    pub(crate) fn new() -> Self {
        Self::of(|_| {})
    }

    /// It begins with another policy.
    pub(crate) fn of(change: impl FnOnce(&mut PolicyDocument)) -> Self {
        let mut first = policy();
        change(&mut first);
        let mut history =
            Self { leaves: Vec::new(), objects: BTreeMap::new(), authority: id_of(&first), clock: NOW };
        let policy = history.keep(&first);
        history.write(Event::Policy { policy, successions: Vec::new() });
        history
    }

    /// Keeps an object.
    pub(crate) fn keep<T: Object>(&mut self, object: &T) -> ObjectId {
        let id = id_of(object);
        self.objects.insert(id, bytes(object));
        id
    }

    /// Writes a leaf, and says at which index.
    pub(crate) fn write(&mut self, event: Event) -> u64 {
        self.clock += 1;
        self.leaves.push(bytes(&Leaf::new(at(self.clock), event)));
        u64::try_from(self.leaves.len() - 1).unwrap()
    }

    /// These people want this policy.
    pub(crate) fn succeed(&mut self, document: &PolicyDocument, people: &[&str]) -> u64 {
        let policy = self.keep(document);
        let successions = people.iter().map(|who| self.keep(&succession(who, document))).collect();
        self.write(Event::Policy { policy, successions })
    }

    /// These people want this policy, by recovery.
    pub(crate) fn recover(&mut self, document: &PolicyDocument, people: &[&str]) -> u64 {
        let policy = self.keep(document);
        let recoveries = people.iter().map(|who| self.keep(&recovery(who, document))).collect();
        self.write(Event::Recovery { policy, recoveries })
    }

    /// A checkpoint over all of it is kept, as these witnesses saw it.
    pub(crate) fn keep_checkpoint(&mut self, seen: &[(&str, u8, u64)]) -> ObjectId {
        let note = self.checkpoint(seen).into_bytes();
        let id = ObjectId::of(&note);
        self.objects.insert(id, note);
        id
    }

    /// The same, seen by two witnesses just now.
    pub(crate) fn seen(&mut self) -> ObjectId {
        self.keep_checkpoint(&[("own", 41, self.clock), ("other", 42, self.clock)])
    }

    /// A policy that waited takes effect.
    pub(crate) fn recovered(&mut self, document: &PolicyDocument, checkpoint: ObjectId) -> u64 {
        self.write(Event::Recovered { policy: id_of(document), checkpoint })
    }

    /// Somebody objects to a policy.
    pub(crate) fn object(&mut self, objection: &Objection) -> u64 {
        let objection = self.keep(objection);
        self.write(Event::Objected { objection })
    }

    /// These people vouch for this control.
    pub(crate) fn compensate(&mut self, control: &Control, people: &[&str]) -> u64 {
        let statements = people.iter().map(|who| self.keep(&vouching(who, control))).collect();
        let control = self.keep(control);
        self.write(Event::Compensated { control, statements })
    }

    /// These people want this change of a family.
    pub(crate) fn change(&mut self, change: &FamilyChange, people: &[&str]) -> u64 {
        let statements = people.iter().map(|who| self.keep(&managing(who, change))).collect();
        let change = self.keep(change);
        self.write(Event::FamilyChanged { change, statements })
    }

    /// Somebody revokes.
    pub(crate) fn revoke(&mut self, revocation: &Revocation) -> u64 {
        let revocation = self.keep(revocation);
        self.write(Event::Revoked { revocation })
    }

    /// A checkpoint over all of it, seen by these witnesses at these times.
    pub(crate) fn checkpoint(&self, seen: &[(&str, u8, u64)]) -> String {
        self.checkpoint_of("log.example/gateway", 40, seen)
    }

    /// The tree of all of it.
    pub(crate) fn head(&self) -> TreeHead {
        let entries = self.leaves.iter().map(Vec::as_slice);
        Frontier::new().append(entries, &Limits::DEFAULT).unwrap().head
    }

    /// The same under another name and key of the log.
    pub(crate) fn checkpoint_of(&self, origin: &str, seed: u8, seen: &[(&str, u8, u64)]) -> String {
        let checkpoint = Checkpoint::new(origin, self.head(), &Limits::DEFAULT).unwrap();
        let mut signed = checkpoint.sign(&Machine::new(seed)).unwrap();
        let text = checkpoint.to_string();
        for (called, seed, time) in seen {
            let machine = Machine::new(*seed);
            let called = format!("{called}.example");
            let key = VerifierKey::new(&called, KeyType::CosignatureV1, machine.public()).unwrap();
            let signature = machine.sign(format!("cosignature/v1\ntime {time}\n{text}").as_bytes());
            let line = [&key.id().to_be_bytes()[..], &time.to_be_bytes(), &signature].concat();
            signed += &format!("\u{2014} {called} {}\n", STANDARD.encode(line));
        }
        signed
    }

    /// The view of all of it, seen by two witnesses just now.
    pub(crate) fn view(&self) -> Result<LogView, Error> {
        self.view_by(&self.checkpoint(&[("own", 41, self.clock), ("other", 42, self.clock)]))
    }

    pub(crate) fn view_by(&self, checkpoint: &str) -> Result<LogView, Error> {
        let entries = self.leaves.iter().map(Vec::as_slice);
        LogView::replay(self.authority, entries, &self.objects, checkpoint.as_bytes(), &Limits::DEFAULT)
    }
}

/// Somebody's word for a policy.
pub(crate) fn succession(who: &str, document: &PolicyDocument) -> Succession {
    let mut succession = Succession {
        format: Succession::FORMAT.to_owned(),
        policy: id_of(document),
        by: name(who),
        signature: String::new(),
    };
    succession.signature = armored::<Succession>(&signer(who), &Text::succession(&succession, document));
    succession
}

/// What makes up for this, until then.
pub(crate) fn control(compensates: &[Weakness], until: u64) -> Control {
    Control {
        format: Control::FORMAT.to_owned(),
        authority: id_of(&policy()),
        family: name("gateway"),
        compensates: compensates.iter().copied().collect(),
        control: words("They stand in a room of their own"),
        not_after: at(until),
    }
}

/// Somebody's word for a control.
pub(crate) fn vouching(who: &str, control: &Control) -> ControlStatement {
    let mut statement = ControlStatement {
        format: ControlStatement::FORMAT.to_owned(),
        control: id_of(control),
        by: name(who),
        signature: String::new(),
    };
    let text = Text::control(&statement, id_of(control), control).unwrap();
    statement.signature = armored::<ControlStatement>(&signer(who), &text);
    statement
}

/// A change of `gateway` by which zoe comes in the place of alice among those who approve, and with bob among its managers.
pub(crate) fn family_change(document: &PolicyDocument) -> FamilyChange {
    let (policy, authority) = (Policy::parse(&bytes(document), &Limits::DEFAULT).unwrap(), id_of(document));
    let (reason, until) = (words("Alice leaves"), at(NOW + 10 * DAY));
    let mut change = FamilyChange::of(authority, &policy, &name("gateway"), reason, until).unwrap();
    change.people = [newcomer("gateway.zoe")].into();
    change.managers = quorum("group managers 2 bob carol gateway.zoe\nquorum managers");
    for called in ["stable", "urgent"] {
        let approvals = quorum("group release 2 bob carol gateway.zoe\nquorum release");
        change.channels.get_mut(called).unwrap().approvals = Some(approvals);
    }
    change
}

/// Somebody's word for a change of a family.
pub(crate) fn managing(who: &str, change: &FamilyChange) -> FamilyStatement {
    let mut statement = FamilyStatement {
        format: FamilyStatement::FORMAT.to_owned(),
        change: id_of(change),
        by: name(who),
        signature: String::new(),
    };
    let text = Text::family(&statement, id_of(change), change).unwrap();
    statement.signature = armored::<FamilyStatement>(&signer(who), &text);
    statement
}

/// Somebody's word for a policy by recovery.
pub(crate) fn recovery(who: &str, document: &PolicyDocument) -> Recovery {
    let mut recovery = Recovery {
        format: Recovery::FORMAT.to_owned(),
        authority: id_of(&policy()),
        policy: id_of(document),
        by: name(who),
        signature: String::new(),
    };
    recovery.signature = armored::<Recovery>(&signer(who), &Text::recovery(&recovery, document));
    recovery
}

/// Somebody's word against one.
pub(crate) fn objection(who: &str, document: &PolicyDocument) -> Objection {
    let mut objection = Objection {
        format: Objection::FORMAT.to_owned(),
        authority: id_of(&policy()),
        policy: id_of(document),
        reason: words("I am here"),
        by: name(who),
        signature: String::new(),
    };
    objection.signature = armored::<Objection>(&signer(who), &Text::objection(&objection));
    objection
}

/// The second policy: like the first.
pub(crate) fn second_policy() -> PolicyDocument {
    PolicyDocument { version: 2, previous: Some(id_of(&policy())), ..policy() }
}

pub(crate) fn revocation(who: &str, revokes: Revoked) -> Revocation {
    let mut revocation = Revocation {
        format: Revocation::FORMAT.to_owned(),
        authority: id_of(&policy()),
        revokes,
        reason: words("lost"),
        by: name(who),
        signature: String::new(),
    };
    revocation.signature = armored::<Revocation>(&signer(who), &Text::revocation(&revocation));
    revocation
}
