//! Inv. 11, as people meet it: while a family has an emergency that nobody has reviewed, it gets no other one.

use crate::stage::Desk;

const CODE: &str = "[release_emergency_pending]";

#[test]
fn inv11_an_emergency_that_waits_keeps_the_next_one_from_counting() {
    let desk = Desk::begin();
    desk.release("2026.11.1");
    let ask = |version: &str| desk.request(version, "urgent", "--kind emergency");
    let (first, second) = (ask("2026.12.1"), ask("2026.12.2"));
    desk.sign(&first);
    desk.sign(&second);
    // The later one is published first: nothing is in its way yet, and it lapses as each emergency does.
    desk.good(&format!("attest release publish --home alice {second}"));
    desk.until(&second, "provisional");
    let said = desk.good(&format!("attest release verify --home alice {second}"));
    assert!(
        said.contains("tier emergency") && said.contains(", and no longer unless it is reviewed"),
        "{said}"
    );
    let told = desk.json(&format!("attest release verify --home alice {second}"));
    assert!(told["lapses"].as_str().is_some(), "{told}");
    desk.good(&format!("attest release publish --home alice {first}"));
    desk.until(&first, "provisional");
    // Now it is the second one of two, and every command says so.
    desk.until(&second, "refused");
    let said = desk.said(&format!("attest release verify --home bob {second}"));
    assert!(said.code == 1 && said.out.contains("does not count") && said.out.contains(CODE), "{said:?}");
    let said = desk.good(&format!("attest release export --home alice {second} --out second"));
    assert!(
        said.contains("published, and refused by break_glass\n          [release_emergency_pending]"),
        "{said}"
    );
    let pin = desk.good("printf sha256:; sha256sum < policy/policy.cbor | cut -d' ' -f1").trim().to_owned();
    let said = desk.said(&format!("attest audit verify --folder second --policy-pin {pin}"));
    assert!(said.code == 1 && said.out.contains("  break_glass the emergency"), "{said:?}");
    // A third one is told before anybody says yes to it, and is not published.
    let third = desk.json(&format!("{} --kind emergency", crate::stage::asked("2026.12.3", "urgent")));
    let third = third["request"].as_str().unwrap().to_owned();
    let since = std::time::Instant::now();
    while !desk.said(&format!("attest release show --home alice {third}")).out.contains(CODE) {
        assert!(since.elapsed() < std::time::Duration::from_secs(30), "nothing is said of the other one");
    }
    desk.refused(1, CODE, &format!("attest release approve --home alice {third} --recomputed --yes"));
}
