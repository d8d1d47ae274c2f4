//! An estate's history as it is written down, with real signatures.

use std::sync::LazyLock;

use super::act::{Act, Asked, Estate, FAMILIES};
use super::*;
use crate::release::object::Object;
use crate::release::statement::Revocation;

/// The log, what the server keeps, and the requests' names.
pub(super) struct Played {
    pub(super) history: History,
    pub(super) ids: Vec<ObjectId>,
    /// What each kept object is to a view or a release.
    pub(super) roles: BTreeMap<ObjectId, Role>,
    /// What was changed before it was written down, if something was.
    pub(super) void: Void,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The policies and the statements for them, and what revokes: no view without it.
    Rule,
    Request(usize),
    Bundle(usize),
    /// The review of this act.
    Review(usize),
    /// What only bundles carry.
    Other,
}

/// The byte of the statement, of those that are made, that is changed before the server writes it down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flipped {
    pub(super) statement: usize,
    pub(super) byte: usize,
    pub(super) bit: u8,
}

/// The first policy: `gateway`, and `sensor` with its own people, key and floor.
pub(super) fn first() -> PolicyDocument {
    let mut policy = policy();
    let mut sensor = policy.families[&name("gateway")].clone();
    policy.families.get_mut("gateway").unwrap().requesters = names("alice bob ci");
    (sensor.requesters, sensor.revokers) = (names("bob ci"), names("carol erin"));
    (sensor.version_floor, sensor.version_step) = (1, 4);
    let both = "group one 1 bob carol\ngroup two 1 dave erin\ngroup both 2 one two\nquorum both";
    for called in ["stable", "urgent"] {
        sensor.channels.get_mut(called).unwrap().approvals = Some(quorum(both));
    }
    let review = quorum("group review 1 alice erin\nquorum review");
    sensor.channels.get_mut("urgent").unwrap().review.as_mut().unwrap().quorum = review;
    policy.families.insert(name("sensor"), sensor);
    let mut key = policy.signing_keys[&name("gateway-corim")].clone();
    (key.public_key, key.family) = (Blob(spki(34)), Some(name("sensor")));
    policy.signing_keys.insert(name("sensor-corim"), key);
    policy
}

/// What may follow it: a higher floor, alice gone, bob's key lost, an early end, or a lower floor.
pub(super) fn second(which: usize) -> PolicyDocument {
    let mut policy = PolicyDocument { version: 2, previous: Some(id_of(&first())), ..first() };
    match which {
        0 => policy.families.get_mut("gateway").unwrap().version_floor = 5,
        1 => {
            policy.identities.remove("alice");
            policy.root = quorum("group root 2 bob carol dave\nquorum root");
            let gateway = policy.families.get_mut("gateway").unwrap();
            (gateway.requesters, gateway.revokers) = (names("bob ci"), names("dave"));
            for called in ["stable", "urgent"] {
                let people = quorum("group release 2 bob carol dave\nquorum release");
                gateway.channels.get_mut(called).unwrap().approvals = Some(people);
            }
            let urgent = policy.families.get_mut("sensor").unwrap().channels.get_mut("urgent").unwrap();
            urgent.review.as_mut().unwrap().quorum = quorum("group review 1 bob erin\nquorum review");
        }
        2 => drop(policy.compromised.insert(key_id("bob"), 8)),
        3 => policy.expires = at(NOW + 2 * DAY),
        _ => policy.families.get_mut("gateway").unwrap().version_floor = 1,
    }
    policy
}

fn key_id(who: &str) -> ObjectId {
    ObjectId::of(&signer(who).public().canonical().spki_der())
}

fn begun(authority: ObjectId, asked: &Asked, number: usize, policy: ObjectId) -> Play {
    static CORIMS: LazyLock<[Vec<u8>; 2]> =
        LazyLock::new(|| FAMILIES.map(|family| corim(&golden(family), 1)));
    let corim = &CORIMS[asked.values_of];
    let mut vouched = built(corim, asked.trigger);
    if !asked.is_bound {
        vouched["subject"].as_array_mut().unwrap().truncate(1);
    }
    let nothing = History { leaves: Vec::new(), objects: BTreeMap::new(), authority, clock: NOW };
    let mut play = Play::with(nothing, corim, &vouched);
    let request = &mut play.request;
    (request.authority, request.policy) = (authority, policy);
    request.family = name(FAMILIES[asked.family]);
    request.channel = name(act::CHANNELS[asked.channel]);
    (request.kind, request.security_version) = (asked.kind, asked.version);
    request.requester = name(asked.requester);
    request.sign[0].key = name(["gateway-corim", "sensor-corim", "gateway-uki"][asked.key_of]);
    request.reason = words(&format!("the request {number}"));
    play
}

struct Player<'e> {
    played: Played,
    plays: Vec<Play>,
    estate: &'e Estate,
    flipped: Option<Flipped>,
    made: usize,
    real: u64,
    offset: i64,
    last: u64,
}

/// Plays it, with one statement changed before it is written down or none.
pub(super) fn play(estate: &Estate, flipped: Option<Flipped>) -> Played {
    let history = History::of(|policy| *policy = first());
    let (real, authority) = (history.clock, history.authority);
    let roles = [(authority, Role::Rule)].into();
    let mut plays: Vec<Play> = Vec::new();
    for (number, asked) in estate.asked.iter().enumerate() {
        let policy = if asked.is_second { id_of(&second(estate.second)) } else { authority };
        let mut play = begun(authority, asked, number, policy);
        play.request.replaces = asked.replaces.map(|other| plays[other].id());
        play.bundle.request = Blob(bytes(&play.request));
        play.seed = [31, 34, 33][asked.key_of];
        plays.push(play);
    }
    let ids = plays.iter().map(Play::id).collect();
    let played = Played { history, ids, roles, void: Void::Nothing };
    let mut player = Player { played, plays, estate, flipped, made: 0, real, offset: 0, last: real };
    for number in 0..estate.asked.len() {
        let play = &player.plays[number];
        let submission = bytes(&play.submission(estate.asked[number].requester));
        let submission = player.cast(submission, Void::Request(number));
        player.plays[number].bundle.submission = Blob(submission);
    }
    for (number, act) in estate.acts.iter().enumerate() {
        player.act(number, act);
    }
    // Witnesses see it when it is.
    player.played.history.clock = player.real;
    player.played
}

impl Player<'_> {
    /// What is written down of what was made.
    fn cast(&mut self, mut bytes: Vec<u8>, void: Void) -> Vec<u8> {
        if let Some(Flipped { statement, byte, bit }) = self.flipped
            && statement == self.made
        {
            let length = bytes.len();
            bytes[byte % length] ^= 1 << bit;
            self.played.void = void;
        }
        self.made += 1;
        bytes
    }

    fn keep(&mut self, bytes: Vec<u8>, role: Role) -> ObjectId {
        let id = ObjectId::of(&bytes);
        self.played.history.objects.insert(id, bytes);
        self.played.roles.entry(id).or_insert(role);
        id
    }

    /// A leaf with the server's time; it knows that nobody takes one that is before the last.
    fn write(&mut self, event: Event) {
        self.real += 1;
        self.last = self.last.max(self.real.saturating_add_signed(self.offset));
        self.played.history.clock = self.last - 1;
        self.played.history.write(event);
    }

    fn act(&mut self, number: usize, act: &Act) {
        match act {
            Act::Pass(seconds) => self.real += seconds,
            Act::Stamp(offset) => self.offset = *offset,
            Act::Succeed(by) => self.succeed(number, by),
            Act::Suspend { by, whose, from, days } => {
                let until = at(self.real + days * DAY);
                let revokes = Revoked::Key { spki_sha256: key_id(whose), from_index: *from, until };
                self.revoke(number, by, revokes);
            }
            Act::Revoke { who, of } => {
                self.keep(bytes(&self.plays[*of].request), Role::Request(*of));
                self.revoke(number, who, Revoked::Request(self.played.ids[*of]));
            }
            Act::Borrow { of, from } => {
                let approvals = self.plays[*from].bundle.approvals.clone();
                self.plays[*of].bundle.approvals.extend(approvals);
            }
            Act::Replay { of, bundle } => self.publish(*of, *bundle),
            Act::Publish(of) => self.publish(*of, *of),
            Act::Submit(of) => {
                let (request, submission) =
                    (self.played.ids[*of], self.plays[*of].bundle.submission.0.clone());
                self.keep(bytes(&self.plays[*of].request), Role::Request(*of));
                let submission = self.keep(submission, Role::Other);
                self.write(Event::Submitted { submission, request });
            }
            Act::Approve { who, of, recomputed } => self.approve(number, who, *of, *recomputed),
            Act::Attempt(of) => self.write(Event::Attempted { request: self.played.ids[*of] }),
            Act::Sign { of, stolen } => {
                let play = &mut self.plays[*of];
                let own = play.seed;
                play.seed = if *stolen { 33 } else { own };
                play.made();
                play.seed = own;
                let (request, signatures) = (play.id(), play.bundle.signatures_id());
                self.write(Event::Signed { request, signatures });
            }
            Act::Review { who, of } => self.review(number, who, *of),
        }
    }

    fn publish(&mut self, of: usize, bundle: usize) {
        let written = self.cast(bytes(&self.plays[bundle].bundle), Void::Request(bundle));
        let bundle = self.keep(written, Role::Bundle(bundle));
        self.write(Event::Published { request: self.played.ids[of], bundle });
    }

    fn approve(&mut self, number: usize, who: &'static str, of: usize, recomputed: bool) {
        let request = &self.plays[of].request;
        let mut said = Approval { recomputed, signature: String::new(), ..approval_of(who, request) };
        let text = Text::approval(&said, &[self.plays[of].described()]).unwrap();
        said.signature = armored::<Approval>(&signer(who), &text);
        let approval = self.cast(bytes(&said), Void::Act(number));
        self.plays[of].bundle.approvals.push(Blob(approval.clone()));
        let approval = self.keep(approval, Role::Other);
        self.write(Event::Approved { approval, requests: vec![self.played.ids[of]] });
    }

    fn review(&mut self, number: usize, who: &'static str, of: usize) {
        let mut review = ReviewStatement {
            format: ReviewStatement::FORMAT.to_owned(),
            authority: self.played.history.authority,
            request: self.played.ids[of],
            finding: words("It was right"),
            by: name(who),
            signature: String::new(),
        };
        let text = Text::review(&review, self.plays[of].described()).unwrap();
        review.signature = armored::<ReviewStatement>(&signer(who), &text);
        let review = self.cast(bytes(&review), Void::Act(number));
        let review = self.keep(review, Role::Review(number));
        self.write(Event::Reviewed { review, request: self.played.ids[of] });
    }

    fn revoke(&mut self, number: usize, by: &str, revokes: Revoked) {
        let mut said = Revocation {
            format: Revocation::FORMAT.to_owned(),
            authority: self.played.history.authority,
            revokes,
            reason: words("lost"),
            by: name(by),
            signature: String::new(),
        };
        said.signature = armored::<Revocation>(&signer(by), &Text::revocation(&said));
        let said = self.cast(bytes(&said), Void::Act(number));
        let revocation = self.keep(said, Role::Rule);
        self.write(Event::Revoked { revocation });
    }

    fn succeed(&mut self, number: usize, by: &[&'static str]) {
        let document = second(self.estate.second);
        let policy = self.cast(bytes(&document), Void::Act(number));
        let policy = self.keep(policy, Role::Rule);
        let mut successions = Vec::new();
        for who in by {
            let said = self.cast(bytes(&succession(who, &document)), Void::Word(number, who));
            successions.push(self.keep(said, Role::Rule));
        }
        self.write(Event::Policy { policy, successions });
    }
}

fn approval_of(who: &str, request: &Request) -> Approval {
    Approval {
        format: Approval::FORMAT.to_owned(),
        authority: request.authority,
        policy: request.policy,
        requests: vec![id_of(request)],
        recomputed: true,
        by: name(who),
        signature: String::new(),
    }
}
