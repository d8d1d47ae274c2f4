//! What a family may change about itself, and what stays as the root wrote it.

use super::super::object;
use super::super::policy::{Fault, Kind, PolicyDocument, Protection, Who};
use super::super::testing::history::family_change;
use super::super::testing::*;
use super::*;
use crate::Limits;

const LIMITS: &Limits = &Limits::DEFAULT;

fn gateway() -> Name {
    name("gateway")
}

/// What comes of a change, under a policy that was changed before.
fn applied(
    policy_is: impl FnOnce(&mut PolicyDocument),
    change_is: impl FnOnce(&mut FamilyChange),
) -> Result<Policy, Error> {
    let mut document = policy();
    policy_is(&mut document);
    let root = Policy::parse(&bytes(&document), LIMITS).unwrap();
    let mut change = family_change(&document);
    change_is(&mut change);
    change.applied_to(id_of(&change), &root, LIMITS)
}

fn refused(change: impl FnOnce(&mut FamilyChange)) -> Error {
    applied(|_| {}, change).unwrap_err()
}

fn approvals(change: &mut FamilyChange, text: &str) {
    change.channels.get_mut("stable").unwrap().approvals = Some(quorum(text));
}

fn stable() -> Who {
    Who::Approvals(gateway(), name("stable"))
}

fn rules(document: &mut PolicyDocument) -> &mut crate::release::policy::ManagerRules {
    document.families.get_mut("gateway").unwrap().managers.as_mut().unwrap()
}

#[test]
fn a_change_says_who_stands_in_the_rules_and_nothing_else() {
    let root = Policy::parse(&bytes(&policy()), LIMITS).unwrap();
    let change = family_change(&policy());
    assert_eq!(object::read::<FamilyChange>(&bytes(&change), LIMITS), Ok(change.clone()));
    let changed = change.applied_to(id_of(&change), &root, LIMITS).unwrap();
    assert_eq!((changed.id(), changed.change()), (root.id(), Some(id_of(&change))));
    assert!(changed.is(&changed) && !changed.is(&root) && !root.is(&changed));
    // Zoe's key speaks for her, and what is not about who it is stays as the root wrote it.
    let zoe = signer("gateway.zoe");
    assert_eq!(changed.key(zoe.public().canonical()).unwrap().identity, name("gateway.zoe"));
    assert!(root.key(zoe.public().canonical()).is_none());
    let mut expected = policy();
    expected.identities.extend([newcomer("gateway.zoe")]);
    let family = expected.families.get_mut("gateway").unwrap();
    family.managers.as_mut().unwrap().quorum = change.managers.clone();
    for called in ["stable", "urgent"] {
        family.channels.get_mut(called).unwrap().approvals = change.channels[called].approvals.clone();
    }
    assert_eq!(*changed.document(), expected);
    // One by which nothing changes changes nothing.
    let same = FamilyChange::of(root.id(), &root, &gateway(), words("nothing"), at(NOW)).unwrap();
    assert_eq!(same.applied_to(id_of(&same), &root, LIMITS).unwrap().document(), root.document());
}

#[test]
fn a_family_without_controls_is_changed_without_them() {
    let without = |policy: &mut PolicyDocument| policy.families.get_mut("gateway").unwrap().controls = None;
    assert!(applied(without, |_| {}).is_ok());
    let mismatch = Error::ChannelMismatch { what: "controls".to_owned() };
    let controls = Some(quorum("group controls 2 bob dave erin\nquorum controls"));
    assert_eq!(applied(without, |change| change.controls = controls).unwrap_err(), mismatch);
    assert_eq!(refused(|change| change.controls = None), mismatch);
}

#[test]
fn a62_more_people_may_be_wanted_and_never_fewer() {
    let with = |text: &'static str| applied(|_| {}, move |change| approvals(change, text));
    assert!(
        with("group release 3 bob carol dave gateway.zoe\nquorum release").is_err(),
        "more than managers"
    );
    assert!(with("group release 2 bob carol dave erin gateway.zoe\nquorum release").is_ok());
    let weakened = |text: &'static str| {
        assert_eq!(with(text).unwrap_err(), Error::QuorumWeakened { who: stable() }, "{text}");
    };
    weakened("group release 1 bob carol gateway.zoe\nquorum release");
    weakened("group other 2 bob carol gateway.zoe\nquorum other");
    weakened("group release 2 bob carol\ngroup more 1 erin\ngroup any 1 release more\nquorum any");
    weakened("group release 2 bob carol\ngroup more 1 erin\ngroup all 2 release more\nquorum all");
    // The same of groups of groups.
    let both = "group release 2 alice bob\ngroup security 1 dave\ngroup both 2 release security\nquorum both";
    let of_both = |text: &'static str| {
        let root = |document: &mut PolicyDocument| {
            rules(document).quorum = quorum("group managers 3 bob carol dave erin\nquorum managers");
            let channels = &mut document.families.get_mut("gateway").unwrap().channels;
            channels.get_mut("stable").unwrap().approvals = Some(quorum(both));
        };
        let change = |change: &mut FamilyChange| {
            change.managers = quorum("group managers 3 bob carol dave erin\nquorum managers");
            approvals(change, text);
        };
        applied(root, change).map(|_| ())
    };
    let weakened = Err(Error::QuorumWeakened { who: stable() });
    let fine =
        "group release 2 bob carol\ngroup security 1 erin dave\ngroup both 2 release security\nquorum both";
    assert_eq!(of_both(fine), Ok(()));
    let any = "group release 2 bob carol\ngroup security 1 erin\ngroup both 1 release security\nquorum both";
    assert_eq!(of_both(any), weakened);
    let swapped =
        "group release 2 bob carol\ngroup security 2 erin dave\ngroup both 2 release security\nquorum both";
    assert!(matches!(of_both(swapped), Err(Error::Faults(_))), "more than its managers");
    // Groups that were one within another stand side by side, and two of them are enough.
    let root = "group a 1 alice\ngroup b 1 bob\ngroup c 2 a b\ngroup d 1 dave\ngroup e 2 c d\nquorum e";
    let flat =
        "group a 1 alice\ngroup b 1 bob\ngroup c 2 carol erin\ngroup d 1 dave\ngroup e 2 a b c d\nquorum e";
    assert!(quorum(root).keeps_to(&quorum(root)) && !quorum(flat).keeps_to(&quorum(root)));
    assert_eq!((quorum(root).least_people(), quorum(flat).least_people()), (3, 2));
}

#[test]
fn a57_fewer_people_do_not_say_who_approves() {
    let more =
        |change: &mut FamilyChange| approvals(change, "group release 3 bob carol erin\nquorum release");
    let fewer = Fault::ManagersFewer { family: gateway(), managers: 2, approvals: 3 };
    assert_eq!(refused(more), Error::Faults(vec![fewer]));
    let with_managers = |change: &mut FamilyChange| {
        more(change);
        change.managers = quorum("group managers 3 bob carol dave gateway.zoe\nquorum managers");
    };
    assert!(applied(|_| {}, with_managers).is_ok());
    let fragile = |change: &mut FamilyChange| {
        change.managers = quorum("group managers 2 bob gateway.zoe\nquorum managers");
    };
    assert_eq!(refused(fragile), Error::Faults(vec![Fault::ManagersFragile { family: gateway() }]));
}

#[test]
fn a62_what_the_root_alone_changes() {
    let reviewers = |change: &mut FamilyChange| {
        let urgent = change.channels.get_mut("urgent").unwrap();
        urgent.review = Some(quorum("group review 1 dave erin gateway.zoe\nquorum review"));
    };
    let who = Who::Review(gateway(), name("urgent"));
    let fixed = applied(|document| rules(document).fixed = names("review"), reviewers);
    assert_eq!(fixed.unwrap_err(), Error::GroupFixed { who, group: name("review") });
    assert!(applied(|_| {}, reviewers).is_ok());
    let revokers = |change: &mut FamilyChange| change.revokers = names("alice bob gateway.zoe");
    assert_eq!(refused(revokers), Error::RevokerRemoved { revoker: name("dave") });
    assert!(applied(|_| {}, |change| change.revokers = names("alice dave gateway.zoe")).is_ok());
}

#[test]
fn inv3_two_organisations_that_must_agree_stay_two() {
    let other = |document: &mut PolicyDocument| {
        for who in ["dave", "erin"] {
            document.identities.get_mut(who).unwrap().organisation = name("vendor");
        }
    };
    let with = |text: &'static str| applied(other, move |change| approvals(change, text));
    assert!(with("group release 2 alice carol gateway.zoe\nquorum release").is_ok());
    let unexpected = |member: &str, group: &str, who| {
        let (group, member) = (name(group), name(member));
        Error::OrganisationUnexpected { who, group, member }
    };
    let dave = with("group release 2 alice carol dave\nquorum release").unwrap_err();
    assert_eq!(dave, unexpected("dave", "release", stable()));
    // Managers of two organisations: the group has some of both.
    let of_vendor = |change: &mut FamilyChange| {
        change.people.get_mut("gateway.zoe").unwrap().organisation = name("elsewhere");
    };
    let zoe = applied(other, of_vendor).unwrap_err();
    assert_eq!(zoe, unexpected("gateway.zoe", "managers", Who::Managers(gateway())));
}

#[test]
fn a61_who_is_brought_in_is_somebody_new() {
    let none = applied(|document| rules(document).enrol = None, |_| {}).unwrap_err();
    assert_eq!(none, Error::EnrolmentNotAllowed { who: name("gateway.zoe") });
    let renamed = |called: &'static str| {
        refused(move |change| {
            let zoe = change.people.pop_first().unwrap().1;
            change.people.insert(name(called), zoe);
        })
    };
    for called in ["zoe", "sensor.zoe", "gateway.a.zoe", "gateway.", "gateway"] {
        assert_eq!(renamed(called), Error::NameNotOfFamily { who: name(called) });
    }
    // A name that the root gave to somebody.
    let taken = |document: &mut PolicyDocument| {
        let mut zoe = newcomer("gateway.zoe");
        (zoe.1.keys, zoe.1.accounts) =
            (vec![key_of(signer("gateway.yan").public().to_line())], BTreeSet::new());
        document.identities.extend([zoe]);
    };
    assert_eq!(applied(taken, |_| {}).unwrap_err(), Error::NameNotOfFamily { who: name("gateway.zoe") });
    let as_kind = |kind| refused(move |change| change.people.get_mut("gateway.zoe").unwrap().kind = kind);
    for kind in [Kind::Builder, Kind::Runner, Kind::Service] {
        assert_eq!(as_kind(kind), Error::NotAPerson { who: name("gateway.zoe") });
    }
    // One key, and one account at a builder, is one person's.
    let with_key_of = |who: &'static str| {
        refused(move |change| {
            change.people.get_mut("gateway.zoe").unwrap().keys = vec![key_of(signer(who).public().to_line())];
        })
    };
    let shared =
        |one: &str| Error::Faults(vec![Fault::KeyShared { one: name(one), other: name("gateway.zoe") }]);
    assert_eq!(with_key_of("alice"), shared("alice"));
    assert_eq!(with_key_of("ci"), shared("ci"));
    let account = |change: &mut FamilyChange| {
        change.people.get_mut("gateway.zoe").unwrap().accounts = [words("bob@builder.example")].into();
    };
    let fault = Fault::AccountShared { one: name("bob"), other: name("gateway.zoe") };
    assert_eq!(refused(account), Error::Faults(vec![fault]));
    let nobody = |change: &mut FamilyChange| change.people.clear();
    assert!(matches!(refused(nobody), Error::Faults(faults) if matches!(faults[0], Fault::Unknown { .. })));
}

#[test]
fn a66_keys_are_kept_as_the_root_wants_it() {
    let hardware = |document: &mut PolicyDocument| rules(document).enrol = Some(Protection::Hardware);
    let software = applied(hardware, |_| {}).unwrap_err();
    assert_eq!(software, Error::ProtectionMissing { who: name("gateway.zoe") });
    // Nor is one of hardware because somebody says so.
    let said = |change: &mut FamilyChange| {
        change.people.get_mut("gateway.zoe").unwrap().keys[0].protection = Protection::Hardware;
    };
    let Err(Error::Faults(faults)) = applied(hardware, said) else { panic!("it is no hardware") };
    let identity = name("gateway.zoe");
    assert_eq!(faults, [Fault::AttestationInvalid { identity, because: "attestation_missing" }]);
}

#[test]
fn a62_channels_are_the_roots() {
    let mismatch = |change: fn(&mut FamilyChange)| match refused(change) {
        Error::ChannelMismatch { what } => what,
        other => panic!("{other}"),
    };
    let more = |change: &mut FamilyChange| {
        let own = change.channels["stable"].clone();
        change.channels.insert(name("second"), own);
    };
    assert_eq!(mismatch(more), "the channels");
    assert_eq!(mismatch(|change| drop(change.channels.remove("lab"))), "the channels");
    let none = |change: &mut FamilyChange| change.channels.get_mut("stable").unwrap().approvals = None;
    assert_eq!(mismatch(none), "approvals in `stable`");
    let some = |change: &mut FamilyChange| {
        change.channels.get_mut("nightly").unwrap().approvals = Some(quorum("group g 1 bob\nquorum g"));
    };
    assert_eq!(mismatch(some), "approvals in `nightly`");
    assert_eq!(
        mismatch(|change| change.channels.get_mut("urgent").unwrap().review = None),
        "reviews in `urgent`"
    );
    assert_eq!(mismatch(|change| change.controls = None), "controls");
}

#[test]
fn a57_a_family_that_the_root_does_not_let_change_itself() {
    let not_managed = |family: &str| Error::NotManaged { family: name(family) };
    let unmanaged = {
        let change = family_change(&policy());
        let mut document = policy();
        document.families.get_mut("gateway").unwrap().managers = None;
        let root = Policy::parse(&bytes(&document), LIMITS).unwrap();
        change.applied_to(id_of(&change), &root, LIMITS).unwrap_err()
    };
    assert_eq!(unmanaged, not_managed("gateway"));
    assert_eq!(refused(|change| change.family = name("sensor")), not_managed("sensor"));
}

#[test]
fn inv6_what_comes_of_it_is_of_this_family_alone() {
    let two = |document: &mut PolicyDocument| {
        let sensor = document.families[&gateway()].clone();
        document.families.insert(name("sensor"), sensor);
    };
    let changed = applied(two, |_| {}).unwrap();
    assert!(changed.family(&gateway()).is_some() && changed.family(&name("sensor")).is_none());
}

#[test]
fn a_change_is_read_strictly() {
    let change = family_change(&policy());
    let mut with_more = bytes(&change);
    with_more.push(0);
    assert!(object::read::<FamilyChange>(&with_more, LIMITS).is_err());
    assert!(object::read::<FamilyChange>(&bytes(&policy()), LIMITS).is_err());
}
