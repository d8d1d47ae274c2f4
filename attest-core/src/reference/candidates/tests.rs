//! Which sets are proposed for which values, held against a look at every set.

use proptest::prelude::*;

use super::*;
use crate::reference::golden::{Evidence, Golden, Order, Rule, Sequence, Slot, Variant};

const BANKS: [HashAlg; 2] = [HashAlg::Sha256, HashAlg::Sha384];

/// One extend of this content; `None`: the slot may vary.
fn sequence(pcr: u8, what: Option<u8>) -> Sequence {
    let rule = what.is_none().then_some(Rule::PerDevice);
    let digests = BANKS.iter().map(|bank| bank.hash(&[&[what.unwrap_or(0)]])).collect();
    let slot = Slot { component: "part".into(), digests, about: String::new(), rule };
    Sequence {
        pcr,
        name: if what.is_none() { "open".into() } else { String::new() },
        evidence: Evidence::Reviewed,
        startup_locality: 0,
        order: Order::Fixed,
        measured_by: None,
        slots: vec![slot],
    }
}

/// What a set says of PCR 0, 4 and 5: nothing, anything, or one value.
type Says = [Option<Option<u8>>; 3];

fn set(says: Says) -> ReferenceSet {
    let [alone, ..] = says;
    let in_variant = [(4, says[1]), (5, says[2])].into_iter();
    let sequences = in_variant.filter_map(|(pcr, what)| Some(sequence(pcr, what?))).collect();
    let judged = [0, 4, 5].into_iter().zip(says).filter(|(_, what)| what.is_some()).map(|(pcr, _)| pcr);
    ReferenceSet::development(Golden {
        family: "many".into(),
        description: None,
        banks: BANKS.to_vec(),
        judged: judged.collect(),
        not_judged: vec![],
        accepted: vec![],
        workarounds: vec![],
        sequences: alone
            .map(|what| Sequence { name: "one".into(), ..sequence(0, what) })
            .into_iter()
            .collect(),
        variants: vec![Variant {
            name: "boot".into(),
            evidence: Evidence::Reviewed,
            based_on: None,
            replace: vec![],
            sequences,
        }],
        superseded: vec![],
        ima: None,
        tokens: Vec::new(),
        overlay_signers: Vec::new(),
    })
    .unwrap()
}

/// The registers after these contents, in the banks that are quoted.
fn quoted(boot: [u8; 3], banks: &[HashAlg]) -> Vec<(HashAlg, u8, Digest)> {
    let value = |alg: HashAlg, what: u8| {
        crate::authenticate::replay::reset_value(alg, 4, None).extended(alg.hash(&[&[what]]).as_bytes())
    };
    let of = |alg: &HashAlg| {
        [(*alg, 0, value(*alg, boot[0])), (*alg, 4, value(*alg, boot[1])), (*alg, 5, value(*alg, boot[2]))]
    };
    banks.iter().flat_map(of).collect()
}

fn fits(says: &Says, boot: [u8; 3]) -> bool {
    says.iter().zip(boot).all(|(says, value)| says.flatten().is_none_or(|only| only == value))
}

proptest! {
    #[test]
    fn what_is_proposed_is_what_fits(
        sets in prop::collection::vec([prop::option::of(prop::option::of(0_u8..3)), prop::option::of(prop::option::of(0_u8..3)), prop::option::of(prop::option::of(0_u8..40))], 0..24),
        boot in [0_u8..4, 0_u8..4, 0_u8..41],
        first in 0_usize..2,
    ) {
        let made: Vec<ReferenceSet> = sets.iter().map(|says| set(*says)).collect();
        let found: Vec<usize> = Candidates::new(&made).with_values(&quoted(boot, &BANKS[first..])).collect();
        let expected: Vec<usize> =
            sets.iter().enumerate().filter(|(_, says)| fits(says, boot)).map(|(at, _)| at).collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn nothing_is_proposed_where_nothing_is_known_or_quoted() {
    let one = |what| set([Some(Some(what)), Some(Some(what)), Some(Some(what))]);
    assert_eq!(Candidates::new([]).with_values(&quoted([1, 1, 1], &BANKS)).count(), 0);
    let index = Candidates::new(&[one(1), one(2)]);
    assert_eq!(index.with_values(&quoted([2, 2, 2], &BANKS)).collect::<Vec<_>>(), [1]);
    assert_eq!(index.with_values(&quoted([1, 1, 2], &BANKS)).count(), 0, "of two releases");
    assert_eq!(index.with_values(&[]).count(), 0);
}

#[test]
fn a_bank_that_no_set_has_tells_nothing_golden() {
    let index = Candidates::new(&[set([Some(Some(1)), Some(Some(1)), Some(Some(1))])]);
    assert_eq!(index.with_values(&quoted([1, 1, 1], &[HashAlg::Sha512])).count(), 0);
    // A quoted bank beside the golden one takes nothing away.
    assert_eq!(index.with_values(&quoted([1, 1, 1], &[HashAlg::Sha256, HashAlg::Sha512])).count(), 1);
}
