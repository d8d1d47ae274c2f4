//! Documents whose rules contradict themselves are refused as they are read.

use attest_core::Limits;
use attest_core::reference::ReferenceSet;
use attest_core::reference::golden::{Error, Golden, Replacement, Sequence, Slot, Variant};

use super::rule_values::{ALL, ruled};

fn refused_document(edit: impl FnOnce(String) -> String) -> &'static str {
    Golden::parse(&edit(ruled(&ALL).to_toml()), &Limits::DEFAULT).unwrap_err().code()
}

/// A rule owns one slot, of the component that it is for.
#[test]
fn a_rule_in_two_slots_or_in_a_slot_that_it_does_not_own() {
    let slot = |rule: &str| format!("rule = \"{rule}\"");
    assert_eq!(refused_document(|t| t.replacen(&slot("kek_at_most"), &slot("db_at_most"), 1)), "golden_rule");
    assert_eq!(
        refused_document(|t| t.replacen(
            "{ component = \"kernel\",",
            "{ component = \"kernel\", rule = \"boot_entry\",",
            1
        )),
        "golden_rule"
    );
    // The same entry again, under the same rule.
    let twice = |text: String| {
        let line = text.lines().find(|l| l.contains("component = \"boot.entry\"")).unwrap().to_owned();
        text.replacen(&line, &format!("{line}\n{line}"), 1)
    };
    assert_eq!(refused_document(twice), "golden_rule");
    assert_eq!(refused_document(|t| t.replacen(&slot("dbx_at_least"), &slot("anything"), 1)), "golden_rule");
    assert_eq!(
        refused_document(|t| t.replacen(&format!("{}, ", slot("dbx_at_least")), "", 1)),
        "golden_rule"
    );
}

/// The same by inheritance: an heir puts the rule of one slot into another, or gives it a sequence of its own with the rule twice.
#[test]
fn a_rule_in_two_slots_of_an_heir() {
    let golden = ruled(&ALL);
    let base = golden.variants[0].clone();
    let owned = |slot: &Slot| slot.component == "boot.partition_table";
    let sequence =
        base.sequences.iter().find(|s| s.slots.iter().any(owned)).expect("a rule in a variant").clone();
    let at = sequence.slots.iter().position(owned).unwrap();
    let other = usize::from(at == 0);
    let pcr = sequence.pcr;
    let heir = |replace: Vec<Replacement>, sequences: Vec<Sequence>| {
        let mut golden = golden.clone();
        let (name, based_on) = ("heir".to_owned(), Some(base.name.clone()));
        golden.variants.push(Variant { name, based_on, replace, sequences, evidence: base.evidence });
        ReferenceSet::development(golden).map(drop)
    };
    assert_eq!(heir(vec![], vec![]), Ok(()));
    let same = Replacement { pcr, slot: at, with: sequence.slots[at].clone() };
    assert_eq!(heir(vec![same], vec![]), Ok(()), "in its own slot once more");
    let with = Slot { rule: sequence.slots[at].rule.clone(), ..sequence.slots[other].clone() };
    let told =
        |error: Error| (error.code(), error.to_string().contains(&format!("variant `heir` PCR {pcr}")));
    let twice = Replacement { pcr, slot: other, with: with.clone() };
    assert_eq!(heir(vec![twice], vec![]).map_err(told), Err(("golden_rule", true)));
    let mut own = sequence.clone();
    own.slots[other] = with;
    assert_eq!(heir(vec![], vec![own]).map_err(told), Err(("golden_rule", true)));
    let gone = Replacement { pcr, slot: sequence.slots.len(), with: sequence.slots[at].clone() };
    assert_eq!(heir(vec![gone], vec![]).map_err(|error| error.code()), Err("golden_replacement"));
}

#[test]
fn a_rule_without_values_or_of_no_kind() {
    assert_eq!(
        refused_document(|t| t.replacen("kind = \"dbx_at_least\"", "kind = \"dbx_at_most\"", 1)),
        "golden_value"
    );
    assert_eq!(refused_document(|t| t.replacen("sha256:01", "sha256:0", 1)), "golden_rule_value");
    let again = |t: String| {
        let rule = t.find("[[rule]]").unwrap();
        let end = t[rule + 1..].find("[[").unwrap() + rule + 1;
        format!("{}{}{}", &t[..end], &t[rule..end], &t[end..])
    };
    assert_eq!(refused_document(again), "golden_duplicate");
    let reserved = |t: String| t.replacen("name = \"dbx_at_least\"", "name = \"per_device\"", 1);
    assert_eq!(refused_document(reserved), "golden_rule");
    let state = |t: String| {
        t.replacen(
            "{ component = \"secure_boot.state\",",
            "{ component = \"secure_boot.state\", rule = \"per_device\",",
            1,
        )
    };
    assert_eq!(refused_document(state), "golden_rule");
}
