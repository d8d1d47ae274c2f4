//! What accepts what (draft-ietf-rats-corim, appraisal): digests, versions, masks, ranges, environments.

use super::*;

#[test]
fn comparisons_of_the_specification() {
    let of = |alg: HashAlg, byte: u8| alg.hash(&[&[byte]]);
    let (a, b) = (of(HashAlg::Sha256, 1), of(HashAlg::Sha256, 2));
    let strong = of(HashAlg::Sha384, 1);
    let known = |digests: &[Digest]| digests.iter().copied().map(TaggedDigest::Known).collect::<Vec<_>>();
    assert!(accepts(&known(&[a]), &[a]));
    assert!(accepts(&known(&[a, strong]), &[a]));
    assert!(accepts(&known(&[a]), &[strong, a]));
    assert!(!accepts(&known(&[a]), &[b]));
    assert!(!accepts(&known(&[a]), &[strong]), "no algorithm in common");
    assert!(!accepts(&known(&[a, strong]), &[a, of(HashAlg::Sha384, 9)]), "one of two differs");
    assert!(!accepts(&[], &[a]));
    assert!(!accepts(&[TaggedDigest::Named("x", b"y")], &[a]));
    assert!(Svn::Exactly(3).accepts(3) && !Svn::Exactly(3).accepts(4));
    assert!(Svn::AtLeast(3).accepts(3) && Svn::AtLeast(3).accepts(4) && !Svn::AtLeast(3).accepts(2));
    let masked = RawValue { value: &[0x12, 0x34], mask: Some(&[0xff, 0x0f]) };
    assert!(masked.accepts(&[0x12, 0xf4]) && !masked.accepts(&[0x12, 0x35]) && !masked.accepts(&[0x12]));
    let whole = RawValue { value: &[0x12], mask: None };
    assert!(whole.accepts(&[0x12]) && !whole.accepts(&[0x13]) && !whole.accepts(&[0x12, 0]));
    assert!(!RawValue { value: &[1, 2], mask: Some(&[0]) }.accepts(&[3, 4]), "a mask of another length");
    let range = IntRange { min: Some(-1), max: Some(1) };
    assert!(range.accepts(-1) && range.accepts(1) && !range.accepts(2) && !range.accepts(-2));
    assert!(IntRange { min: None, max: None }.accepts(i128::MIN));
}

#[test]
fn an_environment_covers_those_that_say_at_least_the_same() {
    let class = |vendor, model| Class { id: None, vendor, model, layer: None, index: None };
    let of = |class, instance| Environment { class, instance, group: None };
    let acme = of(Some(class(Some("ACME"), None)), None);
    let one = of(Some(class(Some("ACME"), Some("RoadRunner"))), Some(Identifier::Bytes(b"1")));
    assert!(acme.covers(&one) && acme.covers(&acme) && !one.covers(&acme));
    assert!(!of(Some(class(Some("Other"), None)), None).covers(&one));
    assert!(!acme.covers(&of(None, Some(Identifier::Bytes(b"1")))));
}
