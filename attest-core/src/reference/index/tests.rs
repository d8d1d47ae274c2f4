//! What the index proposes for which value.

use std::sync::Arc;

use super::*;
use crate::HashAlg;
use crate::reference::ReferenceSet;
use crate::reference::golden::{Evidence, Order, Rule, Slot, Superseded, Variant};
use crate::reference::overlay::{Home, OverlaySlot};

const BANKS: [HashAlg; 2] = [HashAlg::Sha256, HashAlg::Sha384];

fn slot(component: &str, what: &str) -> Slot {
    Slot {
        component: component.into(),
        digests: BANKS.iter().map(|bank| bank.hash(&[what.as_bytes()])).collect(),
        about: String::new(),
        rule: None,
    }
}

fn sequence(pcr: u8, slots: Vec<Slot>) -> Sequence {
    Sequence {
        pcr,
        name: String::new(),
        evidence: Evidence::Reviewed,
        startup_locality: 0,
        order: Order::Fixed,
        measured_by: None,
        slots,
    }
}

fn named(name: &str, sequence: Sequence) -> Sequence {
    Sequence { name: name.into(), ..sequence }
}

fn variant(name: &str, sequences: Vec<Sequence>) -> Variant {
    Variant { name: name.into(), evidence: Evidence::Reviewed, based_on: None, replace: vec![], sequences }
}

/// PCR 0 and 4 are judged; `kernels` gives a variant each.
fn references(alternatives: Vec<Sequence>, variants: Vec<Variant>) -> ReferenceSet {
    ReferenceSet::development(Golden {
        family: "index".into(),
        description: None,
        banks: BANKS.to_vec(),
        judged: vec![0, 4, 5],
        not_judged: vec![],
        accepted: vec![],
        workarounds: vec![],
        sequences: alternatives,
        variants,
        superseded: vec![],
        ima: None,
        tokens: Vec::new(),
        overlay_signers: Vec::new(),
    })
    .unwrap()
}

fn good() -> ReferenceSet {
    let firmware = |name: &str, locality| Sequence {
        startup_locality: locality,
        ..named(name, sequence(0, vec![slot("firmware.code", "code"), slot("separator", "s")]))
    };
    let exits = Slot {
        rule: Some(Rule::ExitBootServicesRepeat),
        ..slot("boot.exit_boot_services", "Exit Boot Services Invocation")
    };
    let boot = |kernel: &str| {
        vec![
            sequence(4, vec![slot("boot_loader", "shim"), slot("kernel", kernel), slot("kernel", "again")]),
            sequence(5, vec![exits.clone()]),
        ]
    };
    let variants = vec![variant("old", boot("6.1")), variant("new", boot("6.12"))];
    references(vec![firmware("cold", 0), firmware("locality 3", 3)], variants)
}

fn value(sequence: &Sequence, bank: HashAlg) -> Digest {
    values(sequence).find(|value| value.alg() == bank).unwrap()
}

#[test]
fn a_value_proposes_its_sequence_in_every_bank() {
    let references = good();
    let index = references.index();
    for bank in BANKS {
        let pcr4 = &references.variant(1).unwrap().sequences[0];
        let found: Vec<SequenceId> = index.of_variants(4, &value(pcr4, bank)).collect();
        assert_eq!(found.iter().map(|id| index.sequence(*id).unwrap()).collect::<Vec<_>>(), [&**pcr4]);
        assert_eq!(index.variants_with(found[0]).collect::<Vec<_>>(), [1]);
    }
}

#[test]
fn a_value_of_nothing_golden_proposes_nothing_exact() {
    let references = good();
    let unknown = HashAlg::Sha256.hash(&[b"unknown"]);
    assert_eq!(references.index().of_variants(4, &unknown).count(), 0);
    assert_eq!(references.index().alternatives(0, &unknown).count(), 0);
    assert!(references.index().leading_to(4, &unknown).is_none());
}

#[test]
fn a_value_counts_for_its_own_register_only() {
    let references = good();
    let pcr4 = value(&references.variant(0).unwrap().sequences[0], HashAlg::Sha256);
    assert_eq!(references.index().leading_to(4, &pcr4).map(|sequence| sequence.pcr), Some(4));
    assert!(references.index().leading_to(8, &pcr4).is_none());
}

#[test]
fn startup_localities_lead_to_different_values() {
    let references = good();
    let golden = &references.golden().sequences;
    for (at, sequence) in golden.iter().enumerate() {
        let found: Vec<SequenceId> =
            references.index().alternatives(0, &value(sequence, HashAlg::Sha256)).collect();
        assert_eq!(found, [references.index().alternative(at).unwrap()]);
    }
}

#[test]
fn a_sequence_with_a_rule_is_proposed_for_any_value() {
    let references = good();
    let index = references.index();
    let any = HashAlg::Sha256.hash(&[b"an exit more"]);
    let found: Vec<SequenceId> = index.of_variants(5, &any).collect();
    assert_eq!(found.len(), 1);
    assert_eq!(index.variants_with(found[0]).collect::<Vec<_>>(), [0, 1], "both variants share it");
    assert!(index.leading_to(5, &any).is_none(), "as it is written it leads elsewhere");
}

#[test]
fn equal_sequences_of_variants_are_one() {
    let references = good();
    let [old, new] = references.variants().collect::<Vec<_>>()[..] else { panic!("two variants") };
    assert!(Arc::ptr_eq(&old.sequences[1], &new.sequences[1]));
    assert!(!Arc::ptr_eq(&old.sequences[0], &new.sequences[0]));
}

#[test]
fn sequences_that_differ_beside_their_digests_stay_apart() {
    let mut renamed = slot("initrd", "6.1");
    renamed.about = "told otherwise".into();
    let exits = sequence(5, vec![slot("boot.exit_boot_services", "x")]);
    let one = variant("one", vec![sequence(4, vec![slot("kernel", "6.1")]), exits.clone()]);
    let other = variant("other", vec![sequence(4, vec![renamed]), exits]);
    let references =
        references(vec![named("a", sequence(0, vec![slot("firmware.code", "c")]))], vec![one, other]);
    let names: Vec<&str> =
        references.variants().map(|v| v.sequences[0].slots[0].component.as_str()).collect();
    assert_eq!(names, ["kernel", "initrd"]);
}

#[test]
fn components_are_named_once_and_separators_not_at_all() {
    let references = good();
    let index = references.index();
    let names = |id: SequenceId| -> Vec<String> {
        index.components(id).iter().map(|number| index.component(*number).to_string()).collect()
    };
    assert_eq!(names(index.alternative(0).unwrap()), ["firmware.code"]);
    assert_eq!(names(references.variant(0).unwrap().ids[0]), ["boot_loader", "kernel"]);
}

/// Digests of two words of the document, of one, and of none; in more than one bank.
#[test]
fn a_superseded_digest_is_found_as_if_all_were_read() {
    let digest = |n: u8, bank: HashAlg| bank.hash(&[&[n % 40]]);
    let superseded = (0..60_u8).map(|n| Superseded {
        component: "kernel".into(),
        digests: BANKS.iter().map(|bank| digest(n, *bank)).take(usize::from(n % 3)).collect(),
        reason: format!("word {n}"),
    });
    let golden = Golden { superseded: superseded.collect(), ..good().golden().clone() };
    let references = ReferenceSet::development(golden.clone()).unwrap();
    for (one, other) in (0..45).flat_map(|one| [(one, one), (one, 44 - one)]) {
        let asked = [digest(one, BANKS[0]), digest(other, BANKS[1])];
        let read =
            golden.superseded.iter().find(|old| asked.iter().any(|digest| old.digests.contains(digest)));
        assert_eq!(references.superseded(asked), read, "{one} {other}");
    }
    assert_eq!(references.superseded([HashAlg::Sha256.hash(&[b"never"])]), None);
    assert_eq!(references.superseded([]), None);
}

fn own(home: Home, pcr: u8, slot: usize, what: &str) -> OverlaySlot {
    let digests = BANKS.iter().map(|bank| bank.hash(&[what.as_bytes()])).collect();
    OverlaySlot { home, pcr, slot, component: "own".into(), digests }
}

/// A thousand variants share PCR 5, which differs from device to device: one device's overlay of one of them and of an alternative.
#[test]
fn an_overlay_costs_what_it_changes() {
    let marked = |what: &str| Slot { rule: Some(Rule::PerDevice), ..slot("userspace", what) };
    let variants = (0..1_000).map(|n| {
        let kernel = sequence(4, vec![slot("kernel", &format!("6.{n}"))]);
        variant(&format!("release-{n}"), vec![kernel, sequence(5, vec![marked("a"), marked("b")])])
    });
    let alternatives = vec![
        named("a", sequence(0, vec![slot("firmware.code", "a")])),
        named("b", sequence(0, vec![marked("firmware.code")])),
    ];
    let before = references(alternatives, variants.collect());
    let mut after = before.clone();
    let home = || Home::Variant("release-7".into());
    after.put(&own(home(), 5, 0, "mine"));
    after.put(&own(home(), 5, 1, "mine, too"));
    after.put(&own(Home::Sequence("b".into()), 0, 0, "my firmware"));
    after.put(&own(Home::Variant("release-1000".into()), 5, 0, "of no variant"));
    assert_eq!(after.own_beside(&before), Some((1, 2)), "one variant, two sequences; the rest is shared");

    let (shared, its) = (before.variant(7).unwrap().ids[1], after.variant(7).unwrap().ids[1]);
    assert_eq!(before.index().count_with(shared), 1_000);
    assert_eq!(after.index().count_with(shared), 999);
    assert!(after.index().variants_with(shared).all(|at| at != 7));
    assert_eq!(after.index().variants_with(its).collect::<Vec<_>>(), [7]);
    let digests = |references: &ReferenceSet, at: usize| -> Vec<Digest> {
        let variant = references.variants().nth(at).unwrap();
        variant.sequences[1].slots.iter().map(|slot| slot.digests[0]).collect()
    };
    let hash = |what: &[u8]| BANKS[0].hash(&[what]);
    assert_eq!(digests(&after, 7), [hash(b"mine"), hash(b"mine, too")]);
    assert_eq!(digests(&after, 8), [hash(b"a"), hash(b"b")]);
    assert_eq!(digests(&before, 7), [hash(b"a"), hash(b"b")], "another device's are untouched");
    assert_eq!(after.variant_named("release-7").unwrap().ids[1], its);
    let any = hash(b"any value");
    let proposed: Vec<SequenceId> = after.index().of_variants(5, &any).collect();
    assert_eq!(proposed, [shared, its], "a device's own is proposed beside the document's");
    let first = after.index().of_register(5).next().unwrap();
    assert_eq!((first.0.slots[0].digests[0], first.1), (hash(b"mine"), Some(7)));
    let alternative = |references: &ReferenceSet| references.sequences().nth(1).unwrap().slots[0].digests[0];
    assert_eq!((alternative(&before), alternative(&after)), (hash(b"firmware.code"), hash(b"my firmware")));
}

#[test]
fn alternatives_and_variants_are_found_by_their_names() {
    let alternatives = [(3, "b"), (0, "b"), (0, "a"), (3, "")];
    let alternative =
        |(pcr, name): &(u8, &str)| named(name, sequence(*pcr, vec![slot("firmware.code", name)]));
    let mut golden = good().golden().clone();
    golden.sequences = alternatives.iter().map(alternative).collect();
    let references = ReferenceSet::development(golden).unwrap();
    let index = references.index();
    for (at, (pcr, name)) in alternatives.iter().enumerate() {
        assert_eq!(index.alternative_named(*pcr, name), index.alternative(at), "{pcr} {name}");
    }
    assert_eq!(index.alternative_named(3, "a"), None);
    assert_eq!(index.alternative_named(4, "b"), None);
    for variant in references.variants() {
        assert_eq!(references.variant_named(&variant.name).unwrap().ids, variant.ids);
    }
    assert!(references.variant_named("zzz").is_none() && references.variant_named("").is_none());
}
