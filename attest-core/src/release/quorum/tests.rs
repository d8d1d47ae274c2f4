use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Name {
    Name::try_from(text).unwrap()
}

fn parse(text: &str) -> Result<Quorum, Error> {
    Quorum::parse(text, &Limits::DEFAULT)
}

fn quorum(text: &str) -> Quorum {
    parse(text).unwrap()
}

fn people(names: &str) -> BTreeSet<Name> {
    names.split_whitespace().map(name).collect()
}

const TWO_OF_THREE: &str = "group release 2 alice bob carol\nquorum release";
const BOTH: &str = "group release 2 alice bob carol\ngroup security 1 carol dave\n\
                    group both 2 release security\nquorum both";

#[test]
fn two_of_three() {
    let quorum = quorum(TWO_OF_THREE);
    for met in ["alice bob", "bob carol", "alice carol", "alice bob carol", "alice bob mallory"] {
        assert!(quorum.is_met_by(&people(met)), "{met}");
    }
    for missed in ["", "alice", "alice mallory", "mallory eve"] {
        assert!(!quorum.is_met_by(&people(missed)), "{missed}");
    }
    assert_eq!((quorum.least_people(), quorum.survives_the_loss_of_anyone()), (2, true));
    assert_eq!(quorum.people(), people("alice bob carol"));
}

#[test]
fn a63_one_person_in_two_groups_fills_one_of_them() {
    let quorum = quorum(BOTH);
    for met in ["alice bob dave", "alice bob carol", "alice carol dave", "bob carol dave"] {
        assert!(quorum.is_met_by(&people(met)), "{met}");
    }
    for missed in ["alice carol", "bob carol", "alice dave", "carol dave", "alice bob"] {
        assert!(!quorum.is_met_by(&people(missed)), "{missed}");
    }
    assert_eq!(quorum.least_people(), 3);
    assert!(quorum.survives_the_loss_of_anyone());
    let tally = quorum.tally(&people("carol dave eve"));
    let tally: Vec<_> = tally.iter().map(|t| (t.group.as_str(), t.have.clone(), t.need)).collect();
    assert_eq!(tally, [("release", people("carol"), 2), ("security", people("carol dave"), 1)]);
}

#[test]
fn groups_of_groups_take_as_many_as_they_say() {
    let quorum = quorum(
        "group a 1 a1 a2\ngroup b 2 b1 b2 b3\ngroup c 1 c1\n\n# any two organisations\ngroup orgs 2 a b c\nquorum orgs",
    );
    for met in ["a1 c1", "a2 b1 b3", "b1 b2 c1", "a1 a2 b1 b2 b3 c1"] {
        assert!(quorum.is_met_by(&people(met)), "{met}");
    }
    for missed in ["a1 a2", "b1 b2 b3", "a1 b1", "c1 b1", "c1"] {
        assert!(!quorum.is_met_by(&people(missed)), "{missed}");
    }
    assert_eq!((quorum.least_people(), quorum.survives_the_loss_of_anyone()), (2, true));
}

#[test]
fn losing_someone_who_is_always_needed() {
    assert!(!quorum("group g 2 alice bob\nquorum g").survives_the_loss_of_anyone());
    assert!(!quorum("group g 1 alice\nquorum g").survives_the_loss_of_anyone());
    assert!(quorum("group g 1 alice bob\nquorum g").survives_the_loss_of_anyone());
}

#[test]
fn a_quorum_has_one_text() {
    let text = "group release 2 alice bob carol\nquorum release";
    for other in [
        "group release 2 carol bob alice\nquorum release",
        "# people\n\ngroup  release\t2 alice bob carol \nquorum release\n",
    ] {
        assert_eq!(quorum(other).to_string(), text);
    }
    assert_eq!(quorum("group g all a b\nquorum g").to_string(), "group g 2 a b\nquorum g");
    assert_eq!(quorum("group g any a b\nquorum g").to_string(), "group g 1 a b\nquorum g");
    assert_eq!(quorum(BOTH).to_string(), BOTH);
}

#[test]
fn a62_a_quorum_that_asks_for_nothing() {
    let threshold = |got: &str| Error::Threshold { line: 1, got: got.to_owned() };
    for word in ["0", "00", "01", "-1", "+1", "1.0", "\"1\"", "true", "None", "٣", "99999999999999999999999"]
    {
        let got = crate::evidence::text::shortened(word, 20);
        assert_eq!(parse(&format!("group g {word} alice bob\nquorum g")), Err(threshold(&got)));
    }
    assert_eq!(parse("group g\nquorum g"), Err(threshold("")));
    for word in ["1", "all", "any"] {
        assert_eq!(parse(&format!("group g {word}\nquorum g")), Err(Error::GroupEmpty { line: 1 }));
    }
    let unreachable = Error::ThresholdUnreachable { line: 1, threshold: 3, of: 2 };
    assert_eq!(parse("group g 3 alice bob\nquorum g"), Err(unreachable));
    assert_eq!(parse(""), Err(Error::NoQuorum));
    assert_eq!(parse("group g 1 alice"), Err(Error::NoQuorum));
    assert_eq!(parse("quorum alice"), Err(Error::GroupUnknown { line: 1, group: name("alice") }));
}

#[test]
fn a61_a_member_who_is_named_twice() {
    let twice = Error::MemberTwice { line: 1, member: name("alice") };
    assert_eq!(parse("group g 2 alice alice\nquorum g"), Err(twice));
    let shared = "group g 1 alice\ngroup h 1 g\ngroup i 2 g h\nquorum i";
    assert_eq!(parse(shared), Err(Error::GroupShared { group: name("g") }));
}

#[test]
fn texts_that_are_no_quorum() {
    let group = |group: &str| name(group);
    let table = [
        ("groups g 1 a\nquorum g", Error::Keyword { line: 1 }),
        ("group g 1 a\nquorum g h", Error::Keyword { line: 2 }),
        ("group g 1 a\nquorum g\ngroup h 1 b", Error::AfterTheEnd { line: 3 }),
        ("group g 1 a\nquorum g\nquorum g", Error::AfterTheEnd { line: 3 }),
        ("group g 1 a\ngroup g 1 b\nquorum g", Error::GroupTwice { line: 2, group: group("g") }),
        ("group g 1 a\ngroup h 1 b\nquorum g", Error::GroupUnused { group: group("h") }),
        ("group g 1 a\ngroup h 1 g b\nquorum h", Error::PeopleAndGroups { line: 2 }),
        ("group h 1 g\ngroup g 1 a\nquorum h", Error::GroupUnused { group: group("g") }),
        ("group g 1 a\ngroup h 1 a\ngroup i 2 g h\nquorum i", Error::Unreachable),
        (
            "group G 1 a\nquorum G",
            Error::Name { line: 1, error: crate::release::name::Error::Character { at: 0, char: 'G' } },
        ),
        ("group", Error::Name { line: 1, error: crate::release::name::Error::Length { chars: 0, most: 64 } }),
    ];
    for (text, error) in table {
        assert_eq!(parse(text), Err(error), "{text}");
    }
}

#[test]
fn a47_more_than_fits_is_refused() {
    let listed =
        |letter: char, count: usize| -> String { (0..count).map(|at| format!(" {letter}{at}")).collect() };
    let group = |at: usize| format!("group g{at} 1 a{at}\n");
    let over = |threshold: usize, count: usize| {
        let groups: String = (0..count).map(group).collect();
        format!("{groups}group top {threshold}{}\nquorum top", listed('g', count))
    };
    // The one on top counts as a group too.
    let too_many = |what, most| Err(Error::TooMany { what, most });
    assert!(parse(&over(1, 15)).is_ok());
    assert_eq!(parse(&over(1, 16)), too_many("groups", 16));

    let of_people = |count: usize| parse(&format!("group g 1{}\nquorum g", listed('a', count)));
    assert_eq!(of_people(64).unwrap().people().len(), 64);
    assert_eq!(of_people(65), too_many("members of a group", 64));

    assert_eq!(parse(&over(7, 14)), too_many("ways to fill it", 256));
    // Any one of three, and the way that fills none so far.
    let with = |quorum_ways| Quorum::parse(&over(1, 3), &Limits { quorum_ways, ..Limits::DEFAULT });
    assert_eq!(with(4), parse(&over(1, 3)));
    assert_eq!(with(3), too_many("ways to fill it", 3));
}

#[test]
fn every_code_is_its_own_and_stable() {
    let (line, group) = (1, || name("g"));
    for (error, code) in [
        (Error::AfterTheEnd { line }, "quorum_after_the_end"),
        (Error::GroupEmpty { line }, "quorum_group_empty"),
        (Error::GroupShared { group: group() }, "quorum_group_shared"),
        (Error::GroupTwice { line, group: group() }, "quorum_group_twice"),
        (Error::GroupUnknown { line, group: group() }, "quorum_group_unknown"),
        (Error::GroupUnused { group: group() }, "quorum_group_unused"),
        (Error::Keyword { line }, "quorum_keyword"),
        (Error::MemberTwice { line, member: name("alice") }, "quorum_member_twice"),
        (
            Error::Name { line, error: super::super::name::Error::Length { chars: 0, most: 64 } },
            "quorum_name",
        ),
        (Error::NoQuorum, "quorum_missing"),
        (Error::PeopleAndGroups { line }, "quorum_people_and_groups"),
        (Error::Threshold { line, got: "0".to_owned() }, "quorum_threshold"),
        (Error::ThresholdUnreachable { line, threshold: 2, of: 1 }, "quorum_threshold_unreachable"),
        (Error::TooMany { what: "groups", most: 16 }, "quorum_too_many"),
        (Error::Unreachable, "quorum_unreachable"),
    ] {
        assert_eq!(error.code(), code, "{error}");
    }
}

/// Whether the people can be given to groups, each to one, so that the quorum is met: by trying every way to do so.
fn by_trying(quorum: &Quorum, people: &[Name], places: &mut Vec<usize>) -> bool {
    let Some(person) = people.get(places.len()) else {
        return holds(quorum, quorum.top, places);
    };
    // The last choice is no group at all.
    (0..=quorum.groups.len()).any(|group| {
        let may = quorum.groups.get(group).is_none_or(|group| match &group.members {
            Members::People(members) => members.contains(person),
            Members::Groups(_) => false,
        });
        places.push(group);
        let met = may && by_trying(quorum, people, places);
        places.pop();
        met
    })
}

fn holds(quorum: &Quorum, at: usize, places: &[usize]) -> bool {
    let group = &quorum.groups[at];
    let filled = match &group.members {
        Members::People(_) => places.iter().filter(|place| **place == at).count(),
        Members::Groups(groups) => groups.iter().filter(|at| holds(quorum, **at, places)).count(),
    };
    filled >= group.threshold
}

/// Up to four groups of up to five of seven people, and one over them.
fn any_quorum() -> impl Strategy<Value = Quorum> {
    let group = (proptest::collection::btree_set(0_usize..7, 1..5), 1_usize..4);
    (proptest::collection::vec(group, 1..4), 1_usize..4).prop_filter_map("fillable", |(groups, of)| {
        let mut text = String::new();
        let count = groups.len();
        for (at, (members, threshold)) in groups.iter().enumerate() {
            let members: String = members.iter().map(|person| format!(" p{person}")).collect();
            text += &format!("group g{at} {threshold}{members}\n");
        }
        let names: String = (0..count).map(|at| format!(" g{at}")).collect();
        parse(&format!("{text}group top {of}{names}\nquorum top")).ok()
    })
}

fn some_people() -> impl Strategy<Value = BTreeSet<Name>> {
    proptest::collection::btree_set(0_usize..7, 0..7)
        .prop_map(|people| people.iter().map(|person| name(&format!("p{person}"))).collect())
}

proptest! {
    #[test]
    fn counting_finds_a_way_exactly_if_there_is_one(quorum in any_quorum(), people in some_people()) {
        let all: Vec<Name> = people.iter().cloned().collect();
        prop_assert_eq!(quorum.is_met_by(&people), by_trying(&quorum, &all, &mut Vec::new()));
        prop_assert_eq!(parse(&quorum.to_string()), Ok(quorum));
    }

    #[test]
    fn more_people_never_undo_a_quorum(quorum in any_quorum(), some in some_people(), more in some_people()) {
        if quorum.is_met_by(&some) {
            prop_assert!(quorum.is_met_by(&some.union(&more).cloned().collect()));
        }
        if quorum.is_met_by(&some) {
            prop_assert!(some.len() >= quorum.least_people());
        }
    }
}
