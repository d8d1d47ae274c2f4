//! Who manages a family's members.

use super::*;

#[test]
fn a62_managers_are_people_and_as_many_as_approve() {
    let managers = |text: &'static str| move |p: &mut PolicyDocument| rules(p).quorum = quorum(text);
    fn rules(document: &mut PolicyDocument) -> &mut ManagerRules {
        gateway(document).managers.as_mut().unwrap()
    }
    let family = || name("gateway");
    let one = faults(managers("group g 1 alice bob\nquorum g"));
    assert_eq!(
        one,
        [
            Fault::OnePerson { who: Who::Managers(family()), least: 1 },
            Fault::ManagersFewer { family: family(), managers: 1, approvals: 2 },
        ]
    );
    let fragile = [Fault::ManagersFragile { family: family() }];
    assert_eq!(faults(managers("group g 2 alice bob\nquorum g")), fragile);
    assert_eq!(codes(managers("group g 2 alice bob ci\nquorum g")), ["policy_not_of_this_kind"]);
    assert_eq!(codes(managers("group g 2 alice bob nobody\nquorum g")), ["policy_unknown"]);
    let three = |p: &mut PolicyDocument| {
        stable(p).approvals = Some(quorum("group g 3 alice bob carol dave\nquorum g"))
    };
    assert_eq!(faults(three), [Fault::ManagersFewer { family: family(), managers: 2, approvals: 3 }]);
    assert!(
        codes(|p| {
            three(p);
            rules(p).quorum = quorum("group g 3 alice bob carol dave\nquorum g")
        })
        .is_empty()
    );
    let unknown = Fault::GroupUnknown { family: family(), group: name("security") };
    assert_eq!(faults(|p| rules(p).fixed = names("release security")), [unknown]);
    let carries = |p: &mut PolicyDocument| rules(p).carries = Some(id("a change"));
    assert_eq!(faults(carries), [Fault::CarriesNothing { family: family() }]);
    assert!(
        codes(|p| {
            carries(p);
            (p.version, p.previous) = (2, Some(id("before")))
        })
        .is_empty()
    );
}
