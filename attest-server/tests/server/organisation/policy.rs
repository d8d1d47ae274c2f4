//! Its policy.

use std::fs;

use attest_core::Limits;
use attest_core::audit::note::KeyType;
use attest_core::release::Name;
use attest_core::release::leaf::{Event, Leaf};
use attest_core::release::object::{self, Blob, Object as _};
use attest_core::release::policy::{
    Capability, Channel, Custody, Family, Identity, IdentityKey, Kind, LogRules, PlaceRule, PolicyDocument,
    Protection, ProvenanceDemand, Purpose, Review, SigningKey, Tier, WitnessRule,
};
use attest_core::release::statement::{Statement as _, Succession, Text};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::keys::{Key, verifier_key};
use super::{
    BUILD_TYPE, BUILDER_ID, DAY, ORIGIN, Organisation, PEOPLE, REVIEW, WATCHED, Watched, at, name, now,
    quorum, words,
};

fn identity(kind: Kind, who: &str, key: String) -> (Name, Identity) {
    let key = IdentityKey {
        key,
        protection: Protection::Software,
        from: at(now() - DAY),
        until: at(now() + 300 * DAY),
        attestation: None,
    };
    let accounts = [words(&format!("{who}@builder.example"))].into();
    (name(who), Identity { kind, name: words(who), organisation: name("acme"), keys: vec![key], accounts })
}

fn ssh_line(key: &Key) -> String {
    format!("ssh-ed25519 {}", STANDARD.encode(key.ssh_blob()))
}

/// The first policy: two of alice and bob approve, dave revokes and reviews.
pub(super) fn policy(family: &Name) -> PolicyDocument {
    let people = PEOPLE.map(|who| {
        identity(if who == "ci" { Kind::Service } else { Kind::Person }, who, ssh_line(&Key::of(who)))
    });
    let mut identities: std::collections::BTreeMap<_, _> = people.into_iter().collect();
    identities.extend([identity(Kind::Builder, "hermetic", STANDARD.encode(Key::new(20).spki()))]);
    let demand = ProvenanceDemand {
        builders: [(name("hermetic"), words(BUILDER_ID))].into(),
        build_types: [words(BUILD_TYPE)].into(),
        source: PlaceRule::Exactly(words("https://git.example/firmware")),
        refs: Vec::new(),
        other_sources: Vec::new(),
        parameters: std::collections::BTreeMap::new(),
        on_behalf_of: Some(words("/internalParameters/actor")),
        run: None,
        independent: 1,
    };
    let channel = |tier, has_people: bool| Channel {
        presence: None,
        tier,
        approvals: has_people.then(|| quorum("group release 2 alice bob\nquorum release")),
        request_seconds: 7 * DAY,
        provenance: has_people.then(|| demand.clone()),
        reference_boot: false,
        review: (tier == Tier::Emergency)
            .then(|| Review { quorum: quorum("group review 1 dave\nquorum review"), within_seconds: REVIEW }),
    };
    let channels = [
        ("stable", channel(Tier::Production, true)),
        ("urgent", channel(Tier::Emergency, true)),
        ("lab", channel(Tier::Dev, false)),
    ];
    let of_family = Family {
        capability: Capability::Measured,
        weak_roots: false,
        controls: None,
        managers: None,
        version_floor: 1,
        version_step: 5,
        requesters: [name("ci")].into(),
        revokers: [name("dave")].into(),
        channels: channels.into_iter().map(|(called, channel)| (name(called), channel)).collect(),
    };
    let key = |seed, family: Option<&Name>, purpose, parent: Option<&str>, custody| SigningKey {
        public_key: Blob(Key::new(seed).spki()),
        pkcs11: words("pkcs11:token=attest"),
        family: family.cloned(),
        purpose,
        rsa_padding: None,
        parent: parent.map(name),
        custody,
        from: at(now() - DAY),
        until: at(now() + 300 * DAY),
    };
    let online = Custody::OnlineIntermediate;
    let signing_keys = [
        ("root", key(30, None, Purpose::Root, None, Custody::OfflineRoot)),
        ("corim", key(31, Some(family), Purpose::Corim, Some("root"), online)),
    ];
    PolicyDocument {
        format: PolicyDocument::FORMAT.to_owned(),
        version: 1,
        previous: None,
        expires: at(now() + 200 * DAY),
        root: quorum("group root 2 alice bob dave\nquorum root"),
        recovery: None,
        identities,
        families: [(family.clone(), of_family)].into(),
        signing_keys: signing_keys.into_iter().map(|(called, key)| (name(called), key)).collect(),
        log: log_rules(&WATCHED),
        compromised: std::collections::BTreeMap::new(),
        token_makers: Vec::new(),
    }
}

/// Its log, which both witnesses sign.
pub(super) fn log_rules(watched: &Watched) -> LogRules {
    let witness = |(called, seed): (&str, u8)| {
        let key = verifier_key(&format!("{called}.example"), KeyType::CosignatureV1, seed);
        (name(called), WitnessRule { key, outside: called == "other" })
    };
    LogRules {
        continues: None,
        key: verifier_key(ORIGIN, KeyType::Ed25519, watched.log),
        witnesses: watched.witnesses.into_iter().map(witness).collect(),
        threshold: 2,
        soft_age_seconds: DAY,
        hard_age_seconds: 7 * DAY,
    }
}

impl Organisation {
    /// Alice and bob want the next policy, which is like the one before it but for this of the family.
    pub(crate) fn succeed(&mut self, change: impl FnOnce(&mut Family)) {
        let family = self.family.clone();
        self.follow(|next| change(next.families.get_mut(&family).unwrap()));
    }

    /// The same but for anything.
    pub(super) fn follow(&mut self, change: impl FnOnce(&mut PolicyDocument)) {
        let leaves = self.entries.iter().map(|entry| object::read::<Leaf>(entry, &Limits::DEFAULT).unwrap());
        let mut policies = leaves.filter_map(|leaf| match leaf.event {
            Event::Policy { policy, .. } => Some(policy),
            _ => None,
        });
        let previous = policies.next_back().unwrap();
        let before = fs::read(self.object(previous)).unwrap();
        let mut next: PolicyDocument = object::read(&before, &Limits::DEFAULT).unwrap();
        (next.version, next.previous) = (next.version + 1, Some(previous));
        change(&mut next);
        let policy = self.keep(&next);
        let successions = ["alice", "bob"].map(|who| {
            let mut said = Succession {
                format: Succession::FORMAT.to_owned(),
                policy,
                by: name(who),
                signature: String::new(),
            };
            let text = Text::succession(&said, &next);
            said.signature = Key::of(who).armored(Succession::NAMESPACE, text.as_str());
            self.keep(&said)
        });
        self.write(Event::Policy { policy, successions: successions.to_vec() });
    }
}
