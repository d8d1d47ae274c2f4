//! Where an encoding departs from DER: in its values, or in its lengths alone.

use super::*;
use crate::der::tlv;

/// A sequence of a NULL and this value, and where the value begins: its tag and length take two bytes.
const CONTENT: usize = 6;

/// The departure from DER, and that from what can be read at all.
fn of(value: &[u8]) -> (Option<usize>, Option<usize>) {
    let whole = tlv(der::SEQUENCE, &[&tlv(der::NULL, &[]), value].concat());
    (departure_from_der(&whole), departure_in_structure(&whole))
}

#[test]
fn values_depart_where_they_are_not_the_only_encoding() {
    let good = [
        tlv(der::BOOLEAN, &[0]),
        tlv(der::BOOLEAN, &[0xff]),
        tlv(der::INTEGER, &[0]),
        tlv(der::INTEGER, &[0, 0x80]),
        tlv(der::INTEGER, &[0xff, 0x7f]),
    ];
    for value in good {
        assert_eq!(of(&value), (None, None), "{value:?}");
    }
    let bad = [
        tlv(der::BOOLEAN, &[1]),
        tlv(der::BOOLEAN, &[]),
        tlv(der::BOOLEAN, &[0xff, 0xff]),
        tlv(der::INTEGER, &[]),
        tlv(der::INTEGER, &[0, 0x7f]),
        tlv(der::INTEGER, &[0xff, 0x80]),
    ];
    for value in bad {
        assert_eq!(of(&value), (Some(CONTENT), None), "{value:?}: the value, not its length");
    }
}

#[test]
fn elements_of_a_set_ascend() {
    let [one, two] = [1, 2].map(|number| tlv(der::INTEGER, &[number]));
    let set = |elements: &[&[u8]]| tlv(der::SET, &elements.concat());
    assert_eq!(of(&set(&[&one, &two])), (None, None));
    assert_eq!(of(&set(&[&one, &one])), (None, None), "equal ones stand side by side");
    assert_eq!(of(&set(&[&two, &one])), (Some(CONTENT + two.len() + 2), None));
    // A sequence has the order that its maker gave it.
    assert_eq!(of(&tlv(der::SEQUENCE, &[two, one].concat())), (None, None));
}

#[test]
fn lengths_depart_where_nothing_can_be_read_behind_them() {
    // A length in more bytes than it needs, and one that reaches too far.
    for value in [&[0x04, 0x81, 1, 0][..], &[0x04, 2, 0]] {
        let (values, structure) = of(value);
        assert!(values.is_some() && values == structure, "{value:?}");
    }
}
