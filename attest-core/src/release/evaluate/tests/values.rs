use super::*;
use crate::audit::testing::Signer as Machine;

#[test]
fn a50_measurements_other_than_those_that_were_asked_for() {
    let mut play = Play::new(History::new());
    play.submit("ci");
    play.approve("alice");
    play.approve("bob");
    play.attempt();
    play.bundle.corim = Some(Blob(cose(&corim(&golden("gateway"), 2), &[])));
    play.sign();
    play.publish();
    assert_eq!(play.wrong(), ["release_corim_mismatch", "release_signature_invalid"]);
    let mut play = Play::whole(History::new());
    play.bundle.corim = None;
    assert!(play.weighed().unwrap_err().contains(&Failure::CorimMissing { expected: true }));
    assert_eq!(asked(|play| play.request.measurements = None)[0], "release_corim_missing");
}

#[test]
fn inv6_values_of_another_family() {
    let corim = corim(&golden("sensor"), 1);
    let mut play = Play::of(History::new(), &corim, "erin");
    play.all();
    assert_eq!(play.weighed().unwrap_err(), [Failure::GoldenFamilyMismatch { got: "sensor".to_owned() }]);
}

#[test]
fn inv17_measurements_that_nobody_binds_to_the_build() {
    let corim = corim(&golden("gateway"), 1);
    let mut statement = built(&corim, "erin");
    statement["subject"].as_array_mut().unwrap().pop();
    let whole = |bob_recomputes: bool| {
        let mut play = Play::with(History::new(), &corim, &statement);
        play.submit("ci");
        play.approve("alice");
        let mut bob = approval("bob", &[&play.request]);
        if !bob_recomputes {
            bob.recomputed = false;
            let text = Text::approval(&bob, &[play.described()]).unwrap();
            bob.signature = armored::<Approval>(&signer("bob"), &text);
        }
        play.hand_in(&bob);
        play.finish();
        play.wrong()
    };
    assert!(whole(true).is_empty(), "every approver computed them");
    assert_eq!(whole(false), ["release_measurement_unbound"]);
}

#[test]
fn values_that_were_not_seen_booting() {
    let wanted = |policy: &mut PolicyDocument| {
        let family = policy.families.get_mut("gateway").unwrap();
        family.channels.get_mut("stable").unwrap().reference_boot = true;
    };
    assert!(under(wanted).is_empty(), "they were learned from a quoted boot");
    let mut written = golden("gateway");
    written.variants[0].evidence = Evidence::Predicted;
    let mut play = Play::of(History::of(wanted), &corim(&written, 1), "erin");
    (play.request.authority, play.request.policy) = (play.history.authority, play.history.authority);
    play.all();
    assert_eq!(play.wrong(), ["release_golden_not_booted"]);
}

#[test]
fn a67_keys_of_another_family_or_purpose() {
    let with = |key: &str, purpose| {
        asked(|play| (play.request.sign[0].key, play.request.sign[0].purpose) = (name(key), purpose))
    };
    assert_eq!(with("nobodys", Purpose::Corim)[0], "release_key_unknown");
    assert_eq!(with("gateway-uki", Purpose::Corim)[0], "release_key_scope");
    let root = with("root", Purpose::Corim);
    assert_eq!(root[..3], ["release_key_scope", "release_key_custody_mismatch", "release_key_custody"]);
    let other = with("gateway-corim", Purpose::Raw);
    assert_eq!(other[..2], ["release_key_scope", "release_signature_missing"], "{other:?}");
    let sensor = under(|policy| {
        let gateway = policy.families["gateway"].clone();
        policy.families.insert(name("sensor"), gateway);
        policy.signing_keys.get_mut("gateway-corim").unwrap().family = Some(name("sensor"));
    });
    assert_eq!(sensor, ["release_key_scope"]);
}

#[test]
fn keys_in_their_time_and_well_kept() {
    let key = |change: &dyn Fn(&mut SigningKey)| {
        under(|policy| change(policy.signing_keys.get_mut("gateway-corim").unwrap()))
    };
    assert_eq!(key(&|key| key.until = at(NOW + 4)), ["release_key_time"]);
    assert_eq!(key(&|key| key.from = at(NOW + 6)), ["release_key_time"]);
    assert!(
        key(&|key| (key.from, key.until) = (at(NOW + 5), at(NOW + 5))).is_empty(),
        "the attempt's second"
    );
}

/// What is wrong with a release by this channel whose key is kept like this, and said to be by the request.
fn kept(custody: Custody, said: Custody, channel: &str) -> (Play, Vec<&'static str>) {
    let change = |policy: &mut PolicyDocument| {
        policy.signing_keys.get_mut("gateway-corim").unwrap().custody = custody;
    };
    let mut play = Play::new(History::of(change));
    (play.request.authority, play.request.policy) = (play.history.authority, play.history.authority);
    (play.request.channel, play.request.sign[0].custody) = (name(channel), said);
    play.all();
    let wrong = play.wrong();
    (play, wrong)
}

#[test]
fn keys_are_kept_as_the_tier_wants_it() {
    let by = |custody, channel| kept(custody, custody, channel).1;
    for custody in [Custody::Asserted, Custody::File, Custody::OfflineRoot] {
        assert_eq!(by(custody, "stable"), ["release_key_custody"]);
    }
    assert!(by(Custody::Vendor, "stable").is_empty());
    assert_eq!(by(Custody::OfflineRoot, "nightly"), ["release_key_custody"], "in no tier");
    assert!(by(Custody::Asserted, "nightly").is_empty());
    assert!(by(Custody::File, "nightly").is_empty());
}

#[test]
fn a_key_in_a_file_that_the_request_says_is_in_an_hsm() {
    let hsm = Custody::OnlineIntermediate;
    assert_eq!(kept(Custody::File, hsm, "nightly").1, ["release_key_custody_mismatch"]);
    assert_eq!(kept(hsm, Custody::File, "stable").1, ["release_key_custody_mismatch"]);
}

#[test]
fn what_a_key_in_a_file_signed_is_development_in_every_tier() {
    let of = |custody| {
        let (play, wrong) = kept(custody, custody, "nightly");
        assert!(wrong.is_empty(), "{wrong:?}");
        let release = play.weighed().unwrap();
        let source = release.reference().unwrap().source().clone();
        (source.governed.as_ref().unwrap().file_keys.clone(), source.is_development())
    };
    assert_eq!(of(Custody::File), (vec!["gateway-corim".to_owned()], true));
    assert_eq!(of(Custody::OnlineIntermediate), (vec![], false));
}

#[test]
fn a67_signed_by_another_key() {
    let mut play = Play::new(History::new());
    play.seed = 32;
    play.all();
    assert_eq!(play.wrong(), ["corim_signature_invalid"], "the family's key for another purpose");
}

#[test]
fn a69_signed_other_bytes_than_were_approved() {
    assert_eq!(asked(|play| play.request.sign[0].sha256 = id("other")), ["release_signature_invalid"]);
    assert_eq!(asked(|play| play.request.sign[0].size += 1), ["release_signature_invalid"]);
    let mut play = Play::new(History::new());
    play.submit("ci");
    play.approve("alice");
    play.approve("bob");
    play.attempt();
    play.made();
    play.bundle.signatures[0].signature.0[0] ^= 1;
    let signatures = play.bundle.signatures_id();
    play.history.write(Event::Signed { request: play.id(), signatures });
    play.publish();
    assert_eq!(play.wrong(), ["release_signature_invalid"], "it stands there twice, and is not the same");
    let mut play = Play::whole(History::new());
    play.bundle.signatures.clear();
    assert!(play.weighed().unwrap_err().contains(&Failure::SignatureMissing { got: 0, expected: 1 }));
}

#[test]
fn what_else_is_signed_goes_along_or_is_the_artifact() {
    let cose = |policy: &mut PolicyDocument| {
        let key = policy.signing_keys.get_mut("gateway-uki").unwrap();
        (key.purpose, key.public_key) = (Purpose::Cose, Blob(spki(32)));
    };
    let mut play = Play::new(History::of(cose));
    (play.request.authority, play.request.policy) = (play.history.authority, play.history.authority);
    let sign = |purpose, what: &str| ToSign {
        key: name("gateway-uki"),
        purpose,
        custody: Custody::OnlineIntermediate,
        sha256: id(what),
        size: u64::try_from(what.len()).unwrap(),
    };
    play.request.sign.push(sign(Purpose::Cose, "signed attributes"));
    play.submit("ci");
    play.approve("alice");
    play.approve("bob");
    play.attempt();
    play.made();
    let with = |play: &Play, signed: Option<&str>, seed: u8| {
        let over = signed.unwrap_or("signed attributes").as_bytes();
        let mut play = play.clone();
        let signed = signed.map(|what| Blob(what.as_bytes().to_vec()));
        let signature = Machine::new(seed).sign(over).to_vec();
        play.bundle.signatures.push(Signature { signature: Blob(signature), signed });
        let signatures = play.bundle.signatures_id();
        play.history.write(Event::Signed { request: play.id(), signatures });
        play.publish();
        play.wrong()
    };
    assert!(with(&play, Some("signed attributes"), 32).is_empty());
    assert_eq!(with(&play, Some("signed attributez"), 32), ["release_signature_invalid"]);
    assert_eq!(with(&play, None, 32), ["release_signature_invalid"]);
    assert_eq!(with(&play, Some("signed attributes"), 31), ["release_signature_invalid"], "another key");
}
