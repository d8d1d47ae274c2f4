//! Which runs of a pipeline count is asked only where a policy says so.

use super::*;

#[test]
fn a_run_that_nobody_asks_for_is_not_in_the_bytes() {
    let says_run = |document: &PolicyDocument| bytes(document).windows(4).any(|four| four == b"\x63run");
    let mut document = policy();
    assert!(!says_run(&document), "a policy of before is the same object");
    let runs = PlaceRule::Below(words("https://ci.example.org/gateway/runs"));
    stable(&mut document).provenance.as_mut().unwrap().run = Some(runs.clone());
    assert!(says_run(&document));
    let read = Policy::parse(&bytes(&document), &Limits::DEFAULT).unwrap();
    let demand = read.channel(&name("gateway"), &name("stable")).unwrap().provenance.as_ref().unwrap();
    assert_eq!(demand.run, Some(runs));
}
