mod bounds;
mod managers;
mod run;

use super::*;
use crate::audit::note::KeyType;
use crate::release::testing::*;

fn parse(document: &PolicyDocument) -> Result<Policy, Error> {
    Policy::parse(&bytes(document), &Limits::DEFAULT)
}

/// The codes of the faults of a policy that was changed.
fn faults(change: impl FnOnce(&mut PolicyDocument)) -> Vec<Fault> {
    let mut document = policy();
    change(&mut document);
    match parse(&document) {
        Err(Error::Faults(faults)) => faults,
        Err(error) => panic!("{error}"),
        Ok(_) => Vec::new(),
    }
}

fn codes(change: impl FnOnce(&mut PolicyDocument)) -> Vec<&'static str> {
    faults(change).iter().map(Fault::code).collect()
}

fn gateway(document: &mut PolicyDocument) -> &mut Family {
    document.families.get_mut("gateway").unwrap()
}

fn stable(document: &mut PolicyDocument) -> &mut Channel {
    gateway(document).channels.get_mut("stable").unwrap()
}

fn key_of_alice(document: &mut PolicyDocument) -> &mut IdentityKey {
    &mut document.identities.get_mut("alice").unwrap().keys[0]
}

#[test]
fn a_policy_is_read_and_answers() {
    let document = policy();
    let policy = parse(&document).unwrap();
    assert_eq!((policy.document(), policy.id()), (&document, id_of(&document)));
    let alice = policy.key(signer("alice").public().canonical()).unwrap();
    assert_eq!((alice.identity.as_str(), alice.protection), ("alice", Protection::Software));
    assert_eq!(alice.public_key(&Limits::DEFAULT).unwrap().to_line(), signer("alice").public().to_line());
    assert!(alice.counts_at(alice.from) && alice.counts_at(alice.until));
    assert!(!alice.counts_at(at(alice.from.unix() - 1)) && !alice.counts_at(at(alice.until.unix() + 1)));
    assert_eq!(policy.keys().count(), 7);
    assert_eq!(policy.channel(&name("gateway"), &name("stable")).unwrap().tier, Tier::Production);
    assert!(
        policy.channel(&name("gateway"), &name("none")).is_none() && policy.identity(&name("none")).is_none()
    );
}

#[test]
fn a_policy_is_text_for_those_who_write_it() {
    let text = toml::to_string(&policy()).unwrap();
    assert_eq!(toml::from_str::<PolicyDocument>(&text).unwrap(), policy());
}

#[test]
fn a61_one_key_speaks_for_one() {
    let shared = |one: &str, other: &str| vec![Fault::KeyShared { one: name(one), other: name(other) }];
    let alice = signer("alice").public().to_line();
    let second = alice.clone();
    let twice = faults(|p| p.identities.get_mut("alice").unwrap().keys.push(key_of(second)));
    assert_eq!(twice, shared("alice", "alice"));
    let other = alice.clone();
    let stolen = faults(|p| p.identities.get_mut("bob").unwrap().keys.push(key_of(other)));
    assert_eq!(stolen, shared("alice", "bob"));
    // The same numbers as a key of a token.
    let token = crate::testing::ssh::Signer::ed25519(1, Some("ssh:")).public().to_line();
    let token = faults(|p| p.identities.get_mut("bob").unwrap().keys.push(key_of(token)));
    assert_eq!(token, shared("alice", "bob"));
}

#[test]
fn a68_a_key_of_a_machine_speaks_for_nobody() {
    let shared = |one: &str, other: &str| vec![Fault::KeyShared { one: name(one), other: name(other) }];
    let key = |seed| Blob(spki(seed));
    let signing = faults(|p| p.signing_keys.get_mut("gateway-corim").unwrap().public_key = key(1));
    assert_eq!(signing, shared("alice", "gateway-corim"));
    let both = |key: Blob| {
        faults(move |p| {
            p.signing_keys.get_mut("gateway-corim").unwrap().public_key = key.clone();
            let uki = p.signing_keys.get_mut("gateway-uki").unwrap();
            (uki.public_key, uki.purpose) = (key, Purpose::Cose);
        })
    };
    let rsa = crate::testing::tokens::Signer::Rsa.spki();
    for key in [key(31), Blob(rsa)] {
        assert_eq!(both(key), shared("gateway-corim", "gateway-uki"));
    }
    let log = faults(|p| p.log.key = verifier_key("log.example/gateway", KeyType::Ed25519, 2));
    assert_eq!(log, shared("bob", "log"));
    let witness = |seed| verifier_key("own.example", KeyType::CosignatureV1, seed);
    let witnessing = faults(|p| p.log.witnesses.get_mut("own").unwrap().key = witness(3));
    assert_eq!(witnessing, shared("carol", "own"));
    let own_log = faults(|p| p.log.witnesses.get_mut("own").unwrap().key = witness(40));
    assert_eq!(own_log, shared("log", "own"));
}

#[test]
fn a62_tiers_of_people_take_two() {
    let approvals =
        |text: &'static str| move |p: &mut PolicyDocument| stable(p).approvals = Some(quorum(text));
    let one = faults(approvals("group g 1 alice bob\nquorum g"));
    assert_eq!(one, [Fault::OnePerson { who: Who::Approvals(name("gateway"), name("stable")), least: 1 }]);
    assert_eq!(codes(|p| stable(p).approvals = None), ["policy_approvals_missing"]);
    assert_eq!(codes(|p| p.root = quorum("group g 1 alice bob\nquorum g")), ["policy_one_person"]);
    assert_eq!(codes(|p| p.recovery = Some(quorum("group g 1 alice bob\nquorum g"))), ["policy_one_person"]);
    // Where people are not wanted, one is one more than none.
    let nightly = |p: &mut PolicyDocument| {
        let nightly = gateway(p).channels.get_mut("nightly").unwrap();
        nightly.approvals = Some(quorum("group g 1 alice bob\nquorum g"));
    };
    assert!(codes(nightly).is_empty());
}

/// Break-glass: one of the people who may is not enough, not even at night.
#[test]
fn a71_an_emergency_takes_two_and_somebody_who_looks() {
    let urgent = |change: &dyn Fn(&mut Channel)| {
        codes(|p: &mut PolicyDocument| change(gateway(p).channels.get_mut("urgent").unwrap()))
    };
    let one = quorum("group g 1 alice bob\nquorum g");
    assert_eq!(urgent(&|urgent| urgent.approvals = Some(one.clone())), ["policy_one_person"]);
    assert_eq!(urgent(&|urgent| urgent.approvals = None), ["policy_approvals_missing"]);
    assert!(!urgent(&|urgent| urgent.review = None).is_empty());
}

#[test]
fn the_first_policys_log_continues_none() {
    let continues = Continues { size: 1, root: Blob(vec![0; 32]) };
    assert_eq!(codes(|p| p.log.continues = Some(continues.clone())), ["policy_log"]);
}

#[test]
fn the_root_survives_its_members() {
    assert_eq!(codes(|p| p.root = quorum("group g 2 alice bob\nquorum g")), ["policy_root_fragile"]);
    assert_eq!(codes(|p| p.root = quorum("group g 3 alice bob carol\nquorum g")), ["policy_root_fragile"]);
}

#[test]
fn rules_name_whoever_can_do_it() {
    let who = || Who::Approvals(name("gateway"), name("stable"));
    let approvals =
        |text: &'static str| move |p: &mut PolicyDocument| stable(p).approvals = Some(quorum(text));
    let unknown = faults(approvals("group g 2 alice mallory\nquorum g"));
    assert_eq!(unknown, [Fault::Unknown { who: who(), identity: name("mallory") }]);
    let program = faults(approvals("group g 2 alice ci\nquorum g"));
    assert_eq!(program, [Fault::NotOfThisKind { who: who(), identity: name("ci") }]);
    let keyless = |p: &mut PolicyDocument| p.identities.get_mut("dave").unwrap().keys.clear();
    assert_eq!(codes(keyless), ["policy_key_missing"; 5], "recovery, revocation, managers, controls, review");
    assert_eq!(codes(|p| gateway(p).requesters.clear()), ["policy_empty"]);
    assert_eq!(codes(|p| gateway(p).revokers = names("ci")), ["policy_not_of_this_kind"]);
    assert_eq!(codes(|p| gateway(p).requesters = names("hermetic")), ["policy_not_of_this_kind"]);
}

#[test]
fn provenance_is_wanted_but_for_trying_out() {
    assert_eq!(codes(|p| stable(p).provenance = None), ["policy_provenance"]);
    let demand =
        |change: fn(&mut ProvenanceDemand)| codes(move |p| change(stable(p).provenance.as_mut().unwrap()));
    assert_eq!(demand(|demand| demand.independent = 0), ["policy_provenance"]);
    assert_eq!(demand(|demand| demand.independent = 2), ["policy_provenance"]);
    assert_eq!(demand(|demand| demand.independent = u64::MAX), ["policy_provenance"]);
    assert_eq!(demand(|demand| demand.builders.clear()), ["policy_provenance"]);
    let alice = |demand: &mut ProvenanceDemand| demand.builders = [(name("alice"), words(BUILDER_ID))].into();
    assert_eq!(demand(alice), ["policy_not_of_this_kind"]);
    let odd = |demand: &mut ProvenanceDemand| {
        demand.parameters.insert(words("/odd"), ParameterRule::Exactly(words("{")));
    };
    assert_eq!(demand(odd), ["policy_parameter_not_json"]);
}

#[test]
fn emergencies_are_reviewed() {
    let urgent = |p: &mut PolicyDocument| {
        gateway(p).managers = None;
        gateway(p).channels.get_mut("urgent").unwrap().review = None;
    };
    assert_eq!(codes(urgent), ["policy_review_or_not"]);
    let review = |p: &mut PolicyDocument| gateway(p).channels["urgent"].review.clone();
    assert_eq!(codes(|p| stable(p).review = review(p)), ["policy_review_or_not"]);
    let late = |p: &mut PolicyDocument| {
        gateway(p).channels.get_mut("urgent").unwrap().review.as_mut().unwrap().within_seconds = 15 * DAY;
    };
    assert_eq!(codes(late), ["policy_duration"]);
}

#[test]
fn production_is_watched_from_outside() {
    let alone =
        |p: &mut PolicyDocument| p.log.witnesses.values_mut().for_each(|witness| witness.outside = false);
    assert_eq!(codes(alone), ["policy_outside_witness_missing"; 2], "stable and urgent");
    let one_of_own = |p: &mut PolicyDocument| p.log.threshold = 1;
    let twice = |codes: [&'static str; 2]| [codes, codes].concat();
    let disjoint = "policy_witnesses_disjoint";
    assert_eq!(
        codes(one_of_own),
        twice([disjoint, "policy_outside_witness_missing"]),
        "the own one alone would do"
    );
    let fourth = |p: &mut PolicyDocument| {
        let key = verifier_key("fourth.example", KeyType::CosignatureV1, 44);
        p.log.witnesses.insert(name("fourth"), WitnessRule { key, outside: true });
    };
    assert_eq!(codes(fourth), [disjoint; 2], "two of four could see another history than the other two");
    assert_eq!(codes(|p| p.log.threshold = 3), [""; 0]);
}

#[test]
fn the_log_is_one() {
    assert_eq!(
        codes(|p| p.log.threshold = 0)[..],
        ["policy_outside_witness_missing", "policy_outside_witness_missing", "policy_log"]
    );
    assert_eq!(codes(|p| p.log.threshold = 4), ["policy_log"]);
    assert_eq!(codes(|p| p.log.key = "log.example+0+0".to_owned()), ["policy_log"]);
    assert_eq!(codes(|p| p.log.hard_age_seconds = DAY - 1), ["policy_log"]);
    assert_eq!(codes(|p| p.log.soft_age_seconds = 0), ["policy_duration"]);
    assert_eq!(codes(|p| p.log.hard_age_seconds = 91 * DAY), ["policy_duration"]);
}

#[test]
fn a69_signing_keys_have_one_family_one_purpose_and_a_root() {
    let key = |change: fn(&mut SigningKey)| {
        codes(move |p| change(p.signing_keys.get_mut("gateway-corim").unwrap()))
    };
    assert_eq!(key(|key| key.family = None), ["policy_signing_key"]);
    assert_eq!(key(|key| key.family = Some(name("sensor"))), ["policy_signing_key"]);
    let uki =
        |p: &mut PolicyDocument| p.signing_keys.get_mut("gateway-uki").unwrap().purpose = Purpose::Corim;
    assert_eq!(codes(uki), ["policy_signing_key"; 2], "both say so");
    // Firmware knows no Ed25519, and an RSA key that signs raw bytes must say how.
    let for_firmware = ["policy_key_malformed", "policy_signing_key", "policy_signing_key"];
    assert_eq!(key(|key| key.purpose = Purpose::Authenticode), for_firmware);
    let raw = |padding| {
        codes(move |p| {
            let uki = p.signing_keys.get_mut("gateway-uki").unwrap();
            (uki.purpose, uki.rsa_padding) = (Purpose::Raw, padding);
        })
    };
    assert_eq!(raw(None), ["policy_key_malformed"]);
    assert_eq!(raw(Some(RsaPadding::Pss)), [""; 0]);
    assert_eq!(key(|key| key.parent = Some(name("gateway-uki"))), ["policy_signing_key"]);
    assert_eq!(key(|key| key.parent = Some(name("nobody"))), ["policy_signing_key"]);
    assert_eq!(key(|key| key.purpose = Purpose::Root), ["policy_signing_key"; 2]);
    assert_eq!(key(|key| key.public_key = Blob(vec![1, 2, 3])), ["policy_key_malformed"]);
    assert_eq!(key(|key| key.until = at(0)), ["policy_timespan"]);
    let root =
        |p: &mut PolicyDocument| p.signing_keys.get_mut("root").unwrap().family = Some(name("gateway"));
    assert_eq!(codes(root), ["policy_signing_key"]);
    // One that follows another in time is no second one.
    let next = |p: &mut PolicyDocument| {
        let old = p.signing_keys.get_mut("gateway-corim").unwrap();
        old.until = at(NOW);
        let next =
            SigningKey { public_key: Blob(spki(33)), from: at(NOW + 1), until: at(NOW + DAY), ..old.clone() };
        p.signing_keys.insert(name("gateway-corim-2"), next);
    };
    assert_eq!(codes(next), [""; 0]);
}

#[test]
fn keys_are_of_their_kind_and_canonical() {
    let alice = |line: String| codes(move |p| key_of_alice(p).key = line);
    let line = signer("alice").public().to_line();
    assert_eq!(alice(format!("{line} alice@acme")), ["policy_key_malformed"]);
    assert_eq!(alice(format!("{line}\n")), ["policy_key_malformed"]);
    assert_eq!(alice("ssh-rsa AAAA".to_owned()), ["policy_key_malformed"]);
    let builder =
        |p: &mut PolicyDocument| p.identities.get_mut("hermetic").unwrap().keys[0].key = line.clone();
    assert_eq!(codes(builder), ["policy_key_malformed"]);
    assert_eq!(codes(|p| key_of_alice(p).until = at(0)), ["policy_timespan"]);
}

#[test]
fn a66_hardware_is_what_a_maker_vouches_for() {
    let because = |change: &dyn Fn(&mut IdentityKey)| {
        let faults = faults(|p| {
            key_of_alice(p).protection = Protection::Hardware;
            change(key_of_alice(p));
        });
        let [Fault::AttestationInvalid { identity, because }] = &faults[..] else { panic!("{faults:?}") };
        assert_eq!(identity.as_str(), "alice");
        *because
    };
    assert_eq!(because(&|_| {}), "attestation_missing");
    let nonsense =
        KeyAttestation { statement: Blob(vec![1]), intermediates: Vec::new(), challenge: Blob(vec![2]) };
    assert_ne!(because(&|key| key.attestation = Some(nonsense.clone())), "attestation_missing");
    let builder = |p: &mut PolicyDocument| {
        p.identities.get_mut("hermetic").unwrap().keys[0].protection = Protection::Hardware;
    };
    assert_eq!(codes(builder), ["policy_attestation_invalid"]);
    assert_eq!(codes(|p| p.token_makers.push(Blob(vec![0x30, 0]))), ["policy_token_maker"]);
}

#[test]
fn versions_begin_with_one_and_follow() {
    assert_eq!(codes(|p| p.version = 0), ["policy_first_or_not"]);
    assert_eq!(codes(|p| p.version = 2), ["policy_first_or_not"]);
    assert_eq!(codes(|p| p.previous = Some(id("before"))), ["policy_first_or_not"]);
    let second = |p: &mut PolicyDocument| (p.version, p.previous) = (2, Some(id("before")));
    assert_eq!(codes(second), [""; 0]);
    let zero = |p: &mut PolicyDocument| (p.version, p.previous) = (0, Some(id("before")));
    assert_eq!(codes(zero), ["policy_first_or_not"]);
}

#[test]
fn a70_whoever_triggers_a_build_is_known() {
    let unasked = |called: &'static str| {
        codes(move |p| {
            let channel = gateway(p).channels.get_mut(called).unwrap();
            channel.provenance.as_mut().unwrap().on_behalf_of = None;
        })
    };
    assert_eq!(unasked("stable"), ["policy_trigger_unasked"]);
    assert_eq!(unasked("urgent"), ["policy_trigger_unasked"]);
    assert!(unasked("nightly").is_empty(), "nobody approves there");
    let shared = |p: &mut PolicyDocument| {
        p.identities.get_mut("bob").unwrap().accounts.insert(words("alice@builder.example"));
    };
    assert_eq!(faults(shared), [Fault::AccountShared { one: name("alice"), other: name("bob") }]);
    let policy = parse(&policy()).unwrap();
    assert_eq!(policy.account("alice@builder.example"), Some(&name("alice")));
    assert_eq!(policy.account("alice"), None);
}

#[test]
fn a62_what_makes_up_for_a_weakness_takes_two_people_and_is_looked_at_again() {
    let faults = |text: &str, seconds| {
        codes(|p| gateway(p).controls = Some(ControlRules { quorum: quorum(text), most_seconds: seconds }))
    };
    let two = "group g 2 bob dave\nquorum g";
    assert_eq!(faults(two, 30 * DAY), [""; 0]);
    assert_eq!(faults("group g 1 bob dave\nquorum g", DAY), ["policy_one_person"]);
    assert_eq!(faults("group g 2 bob ci\nquorum g", DAY), ["policy_not_of_this_kind"]);
    assert_eq!(faults(two, DAY - 1), ["policy_duration"]);
    assert_eq!(faults(two, 366 * DAY + 1), ["policy_duration"]);
}

#[test]
fn a66_tokens_are_demanded_of_people_who_have_them() {
    let demanded = |tokens: &'static [&'static str]| {
        codes(move |p| {
            for who in tokens {
                let key = &mut p.identities.get_mut(*who).unwrap().keys[0].key;
                let seed = u8::try_from(PEOPLE.iter().position(|known| known == who).unwrap() + 1).unwrap();
                *key = crate::testing::ssh::Signer::ed25519(seed, Some("ssh:")).public().to_line();
            }
            stable(p).presence = Some(PresenceDemand::Present);
        })
    };
    assert_eq!(demanded(&["alice", "bob"]), [""; 0]);
    assert_eq!(demanded(&["alice"]), ["policy_presence_unreachable"]);
    assert_eq!(demanded(&["alice", "dave"]), ["policy_presence_unreachable"], "dave does not approve");
}
