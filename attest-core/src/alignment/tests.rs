//! What is aligned with what.

use proptest::prelude::*;

use super::*;

struct Words(Vec<Vec<u8>>, Vec<Vec<u8>>);

impl Sides for Words {
    fn lengths(&self) -> (usize, usize) {
        (self.0.len(), self.1.len())
    }

    fn same(&self, left: usize, right: usize) -> bool {
        self.0[left] == self.1[right]
    }

    fn left_key(&self, at: usize) -> Option<&[u8]> {
        self.0.get(at).map(Vec::as_slice)
    }

    fn right_key(&self, at: usize) -> Option<&[u8]> {
        self.1.get(at).map(Vec::as_slice)
    }
}

fn words(text: &str) -> Vec<Vec<u8>> {
    text.bytes().map(|byte| vec![byte]).collect()
}

fn aligned(left: &str, right: &str) -> Vec<(usize, usize)> {
    align(&Words(words(left), words(right)))
}

#[test]
fn what_is_inserted_or_lost_shifts_the_rest() {
    assert_eq!(aligned("abcd", "abxcd"), [(0, 0), (1, 1), (2, 3), (3, 4)]);
    assert_eq!(aligned("abcd", "acd"), [(0, 0), (2, 1), (3, 2)]);
    assert_eq!(aligned("abcd", "xyz"), []);
    assert_eq!(aligned("", "abc"), []);
    assert_eq!(aligned("aaa", "aa"), [(0, 0), (1, 1)]);
}

/// Too long for the exact method: what each side has once holds the rest in place.
#[test]
fn long_sequences_are_held_by_what_is_unique() {
    let number = |n: usize| n.to_be_bytes().to_vec();
    let left: Vec<Vec<u8>> = (0..1000).map(number).collect();
    let mut right: Vec<Vec<u8>> = Vec::new();
    for n in 0..1000 {
        right.extend([number(n), b"noise".to_vec(), b"noise".to_vec()]);
    }
    right.swap(0, 2997);
    let pairs = align(&Words(left, right));
    assert_eq!(pairs.len(), 998, "all but the two that changed places");
    assert!(pairs.iter().all(|(l, r)| l * 3 == *r));
}

/// What one side has once and the other often is no anchor, from either side.
#[test]
fn what_only_one_side_has_once_holds_nothing() {
    let number = |n: usize| n.to_be_bytes().to_vec();
    let mut plain: Vec<Vec<u8>> = (0..1000).map(number).collect();
    plain.insert(1, b"noise".to_vec());
    let noisy: Vec<Vec<u8>> = (0..1000).flat_map(|n| [number(n), b"noise".to_vec()]).collect();
    for (left, right) in [(plain.clone(), noisy.clone()), (noisy, plain)] {
        let numbers = align(&Words(left.clone(), right)).into_iter().filter(|(l, _)| left[*l] != b"noise");
        assert_eq!(numbers.count(), 1000);
    }
}

fn left_out_of(left: &[&[u8]], right: &[&[u8]]) -> Vec<(usize, usize)> {
    left_out(&Digests { left, right }).collect()
}

#[test]
fn what_is_left_out_has_every_place_of_its_gap() {
    let [a, b, c, x, y]: [&[u8]; 5] = [b"a", b"b", b"c", b"x", b"y"];
    assert_eq!(left_out_of(&[a, c], &[a, b, c]), [(1, 1)]);
    assert_eq!(left_out_of(&[a], &[a, b]), [(1, 1)]);
    assert_eq!(left_out_of(&[b], &[a, b]), [(0, 0)]);
    assert_eq!(left_out_of(&[], &[a, b]), [(0, 0), (0, 1)]);
    assert_eq!(left_out_of(&[a, b], &[a, b]), []);
    assert_eq!(left_out_of(&[a, b, c], &[b]), []);
    // Something else stands there: before it or after it.
    assert_eq!(left_out_of(&[a, x, c], &[a, b, y, c]), [(1, 1), (2, 1), (1, 2), (2, 2)]);
}

/// Too long for the exact method: digests are their own keys.
#[test]
fn what_is_left_out_of_a_long_sequence_has_its_place() {
    let all: Vec<[u8; 2]> = (0..1000_u16).map(u16::to_be_bytes).collect();
    let right: Vec<&[u8]> = all.iter().map(<[u8; 2]>::as_slice).collect();
    // Both ends differ, so that no common beginning or end is taken off.
    let mut left = right.clone();
    left.remove(500);
    (left[0], left[998]) = (b"first", b"last");
    assert_eq!(left_out_of(&left, &right), [(0, 0), (1, 0), (500, 500), (998, 999), (999, 999)]);
}

#[test]
fn aligning_is_worth_some_extends() {
    let digests = [[0; 32]; 64];
    let side: Vec<&[u8]> = digests.iter().map(<[u8; 32]>::as_slice).collect();
    let worth = |left: usize| Digests { left: &side[..left], right: &side }.extends_worth();
    assert_eq!([worth(0), worth(8), worth(64)], [0, 16, 128]);
}

proptest! {
    /// Pairs are of equal elements and ascend on both sides; of two short sequences they are as many as can be.
    #[test]
    fn pairs_are_equal_and_in_order(left in "[a-c]{0,24}", right in "[a-c]{0,24}") {
        let pairs = aligned(&left, &right);
        prop_assert!(pairs.iter().all(|(l, r)| left.as_bytes()[*l] == right.as_bytes()[*r]));
        prop_assert!(pairs.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 < w[1].1));
        prop_assert_eq!(pairs.len(), longest(left.as_bytes(), right.as_bytes()));
    }
}

/// By the definition, without a table of tables.
fn longest(left: &[u8], right: &[u8]) -> usize {
    let mut row = vec![0; right.len() + 1];
    for l in left {
        let mut next = vec![0; right.len() + 1];
        for (at, r) in right.iter().enumerate() {
            next[at + 1] = if l == r { row[at] + 1 } else { row[at + 1].max(next[at]) };
        }
        row = next;
    }
    row[right.len()]
}
