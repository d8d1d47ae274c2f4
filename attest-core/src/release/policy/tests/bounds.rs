//! Periods at their bounds, and what rules are called.

use super::*;

#[test]
fn periods_may_be_as_short_and_as_long_as_their_bounds() {
    let urgent = |p: &mut PolicyDocument, seconds| {
        let urgent = gateway(p).channels.get_mut("urgent").unwrap();
        urgent.review.as_mut().unwrap().within_seconds = seconds;
    };
    let control =
        |p: &mut PolicyDocument, seconds| gateway(p).controls.as_mut().unwrap().most_seconds = seconds;
    let request = |p: &mut PolicyDocument, seconds| stable(p).request_seconds = seconds;
    let ages = |p: &mut PolicyDocument, seconds| {
        (p.log.soft_age_seconds, p.log.hard_age_seconds) = (seconds, seconds);
    };
    type Set<'s> = &'s dyn Fn(&mut PolicyDocument, u64);
    let table: [(&str, Set<'_>, u64, u64, usize); 4] = [
        ("a request", &request, 60, 30 * DAY, 1),
        ("a review", &urgent, 3_600, 14 * DAY, 1),
        ("a control", &control, DAY, 366 * DAY, 1),
        ("views, of which the soft age is the hard one", &ages, 60, 90 * DAY, 2),
    ];
    for (what, set, least, most, faults) in table {
        let told = |seconds| codes(|p| set(p, seconds));
        assert_eq!((told(least), told(most)), (vec![], vec![]), "{what}");
        assert_eq!(told(least - 1), vec!["policy_duration"; faults], "{what}");
        assert_eq!(told(most + 1), vec!["policy_duration"; faults], "{what}");
    }
}

#[test]
fn a_key_may_count_for_one_second() {
    let signing = |p: &mut PolicyDocument, until| {
        let key = p.signing_keys.get_mut("gateway-corim").unwrap();
        (key.from, key.until) = (at(NOW), at(until));
    };
    let own =
        |p: &mut PolicyDocument, until| (key_of_alice(p).from, key_of_alice(p).until) = (at(NOW), at(until));
    assert_eq!((codes(|p| signing(p, NOW)), codes(|p| own(p, NOW))), (vec![], vec![]));
    let timespan = vec!["policy_timespan"];
    assert_eq!((codes(|p| signing(p, NOW - 1)), codes(|p| own(p, NOW - 1))), (timespan.clone(), timespan));
}

#[test]
fn faults_say_whose_rule_it_is() {
    let (family, channel) = (|| name("gateway"), || name("stable"));
    for (who, words) in [
        (Who::Approvals(family(), channel()), "approvals in `stable` of `gateway`"),
        (Who::Builders(family(), channel()), "builders in `stable` of `gateway`"),
        (Who::Controls(family()), "controls of `gateway`"),
        (Who::Managers(family()), "managers of `gateway`"),
        (Who::Recovery, "the recovery quorum"),
        (Who::Requesters(family()), "requesters of `gateway`"),
        (Who::Review(family(), channel()), "reviews in `stable` of `gateway`"),
        (Who::Revokers(family()), "revokers of `gateway`"),
        (Who::Root, "the root quorum"),
    ] {
        assert_eq!(who.to_string(), words);
        assert_eq!(Fault::Empty { who }.to_string(), format!("{words}: nobody is named"));
    }
}

#[test]
fn what_is_named_is_named_as_policies_write_it() {
    fn written<T: Serialize>(value: T) -> String {
        serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
    }
    let weaknesses = [Weakness::None, Weakness::VerifiedOnly, Weakness::WeakRoots];
    assert_eq!(weaknesses.map(Weakness::name), ["none", "verified_only", "weak_roots"]);
    assert_eq!(weaknesses.map(written), weaknesses.map(Weakness::name));
    let demands = [PresenceDemand::Present, PresenceDemand::Verified];
    assert_eq!(demands.map(PresenceDemand::name), ["present", "verified"]);
    assert_eq!(demands.map(written), demands.map(PresenceDemand::name));
    let tiers = [Tier::Dev, Tier::Delegated, Tier::Emergency, Tier::Production];
    assert_eq!(tiers.map(Tier::name), ["dev", "delegated", "emergency", "production"]);
    assert_eq!(tiers.map(written), tiers.map(Tier::name));
    let purposes = [Purpose::Authenticode, Purpose::Corim, Purpose::Cose, Purpose::Raw, Purpose::Root];
    assert_eq!(purposes.map(Purpose::name), ["authenticode", "corim", "cose", "raw", "root"]);
    assert_eq!(purposes.map(written), purposes.map(Purpose::name));
}
