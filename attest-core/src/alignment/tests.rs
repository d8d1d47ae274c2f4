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
