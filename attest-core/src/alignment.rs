//! Two sequences, aligned by what is the same in both.
//!
//! A longest common subsequence within a budget ([`Limits::aligned_pairs`]); beyond it, elements that each side has once are the anchors
//! and only what stands between them is aligned exactly. The cost is near linear, whoever chose the sequences.

use std::collections::BTreeMap;

use crate::limits::Limits;

/// Two sequences.
pub(crate) trait Sides {
    /// How long they are.
    fn lengths(&self) -> (usize, usize);
    /// Whether these two elements are the same.
    fn same(&self, left: usize, right: usize) -> bool;
    /// A part of the left element that is equal in all elements that are the same; `None` if there is none.
    fn left_key(&self, at: usize) -> Option<&[u8]>;
    /// The same of the right element.
    fn right_key(&self, at: usize) -> Option<&[u8]>;
}

/// Positions of what is the same, ascending on both sides.
pub(crate) fn align(sides: &impl Sides) -> Vec<(usize, usize)> {
    let (left, right) = sides.lengths();
    let head = (0..left.min(right)).take_while(|at| sides.same(*at, *at)).count();
    let shorter = left.min(right).saturating_sub(head);
    let from_end = |length: usize, at: usize| length.saturating_sub(at).saturating_sub(1);
    let tail = (0..shorter).take_while(|at| sides.same(from_end(left, *at), from_end(right, *at))).count();
    let mut pairs: Vec<(usize, usize)> = (0..head).map(|at| (at, at)).collect();
    let middle =
        Middle { sides, from: (head, head), to: (left.saturating_sub(tail), right.saturating_sub(tail)) };
    middle.pairs(&mut pairs);
    pairs.extend((0..tail).rev().map(|at| (from_end(left, at), from_end(right, at))));
    pairs
}

/// Elements of the right side that have no counterpart, each at every place of the left side where it may have been left out: the place is
/// that of the left element it would stand before.
pub(crate) fn left_out(sides: &impl Sides) -> impl Iterator<Item = (usize, usize)> {
    let mut next = (0_usize, 0_usize);
    let gaps = align(sides).into_iter().chain([sides.lengths()]).map(move |(left, right)| {
        let gap = (next.0..=left, next.1..right);
        next = (left.saturating_add(1), right.saturating_add(1));
        gap
    });
    gaps.flat_map(|(places, missing)| {
        missing.flat_map(move |right| places.clone().map(move |place| (place, right)))
    })
}

/// Two sequences of digests.
pub(crate) struct Digests<'d> {
    pub(crate) left: &'d [&'d [u8]],
    pub(crate) right: &'d [&'d [u8]],
}

impl Digests<'_> {
    /// As many PCR extends as aligning them takes time, at most: a cell of the table takes some 5 ns, an extend 150.
    pub(crate) const fn extends_worth(&self) -> usize {
        self.left.len().saturating_mul(self.right.len()) / 32
    }
}

impl Sides for Digests<'_> {
    fn lengths(&self) -> (usize, usize) {
        (self.left.len(), self.right.len())
    }

    fn same(&self, left: usize, right: usize) -> bool {
        self.left.get(left).zip(self.right.get(right)).is_some_and(|(left, right)| left == right)
    }

    fn left_key(&self, at: usize) -> Option<&[u8]> {
        self.left.get(at).copied()
    }

    fn right_key(&self, at: usize) -> Option<&[u8]> {
        self.right.get(at).copied()
    }
}

/// What is left between a common beginning and a common end.
struct Middle<'s, S> {
    sides: &'s S,
    from: (usize, usize),
    to: (usize, usize),
}

impl<S: Sides> Middle<'_, S> {
    fn pairs(&self, pairs: &mut Vec<(usize, usize)>) {
        let mut budget = Limits::DEFAULT.aligned_pairs;
        if self.exact(self.from, self.to, &mut budget, pairs) {
            return;
        }
        let mut from = self.from;
        for anchor in self.anchors().into_iter().map(Some).chain([None]) {
            let to = anchor.unwrap_or(self.to);
            self.exact(from, to, &mut budget, pairs);
            pairs.extend(anchor);
            from = (to.0.saturating_add(1), to.1.saturating_add(1));
        }
    }

    /// Elements that are the same as one other and no more, the most of them that are in order (patience).
    fn anchors(&self) -> Vec<(usize, usize)> {
        let mut right: BTreeMap<&[u8], (usize, usize)> = BTreeMap::new();
        for at in self.from.1..self.to.1 {
            let Some(key) = self.sides.right_key(at) else { continue };
            let (count, last) = right.entry(key).or_default();
            (*count, *last) = (count.saturating_add(1), at);
        }
        let mut left: BTreeMap<&[u8], usize> = BTreeMap::new();
        for key in (self.from.0..self.to.0).filter_map(|at| self.sides.left_key(at)) {
            let count = left.entry(key).or_default();
            *count = count.saturating_add(1);
        }
        let unique = (self.from.0..self.to.0).filter_map(|at| {
            let key = self.sides.left_key(at)?;
            let (count, other) = *right.get(key)?;
            let is_unique = count == 1 && left.get(key) == Some(&1);
            (is_unique && self.sides.same(at, other)).then_some((at, other))
        });
        longest_ascending(&unique.collect::<Vec<_>>())
    }

    /// The longest common subsequence of a part, if the budget allows its table.
    fn exact(
        &self,
        from: (usize, usize),
        to: (usize, usize),
        budget: &mut usize,
        pairs: &mut Vec<(usize, usize)>,
    ) -> bool {
        let (height, width) = (to.0.saturating_sub(from.0), to.1.saturating_sub(from.1));
        let Some(left) = budget.checked_sub(height.saturating_mul(width)) else { return false };
        *budget = left;
        let same: Vec<Vec<bool>> =
            (from.0..to.0).map(|l| (from.1..to.1).map(|r| self.sides.same(l, r)).collect()).collect();
        let shift = |(l, r): (usize, usize)| (l.saturating_add(from.0), r.saturating_add(from.1));
        pairs.extend(walk(&lengths(&same, width), &same).into_iter().map(shift));
        true
    }
}

/// For each pair of rests the length of their longest common subsequence.
fn lengths(same: &[Vec<bool>], width: usize) -> Vec<Vec<u32>> {
    let mut rows: Vec<Vec<u32>> = vec![vec![0; width.saturating_add(1)]];
    for row in same.iter().rev() {
        let below = rows.last().map(Vec::as_slice).unwrap_or_default();
        let mut next = vec![0; below.len()];
        let mut right = 0;
        for (at, is_same) in row.iter().enumerate().rev() {
            let down = below.get(at).copied().unwrap_or(0);
            let diagonal = below.get(at.saturating_add(1)).copied().unwrap_or(0);
            right = if *is_same { diagonal.saturating_add(1) } else { down.max(right) };
            if let Some(cell) = next.get_mut(at) {
                *cell = right;
            }
        }
        rows.push(next);
    }
    rows.reverse();
    rows
}

fn walk(rows: &[Vec<u32>], same: &[Vec<bool>]) -> Vec<(usize, usize)> {
    let cell = |s: usize, e: usize| rows.get(s).and_then(|row| row.get(e)).copied().unwrap_or(0);
    let (mut s, mut e) = (0_usize, 0_usize);
    let mut pairs = Vec::new();
    while cell(s, e) > 0 {
        let (down, right) = (s.saturating_add(1), e.saturating_add(1));
        if same.get(s).and_then(|row| row.get(e)).copied().unwrap_or(false) {
            pairs.push((s, e));
            (s, e) = (down, right);
        } else if cell(down, e) >= cell(s, right) {
            s = down;
        } else {
            e = right;
        }
    }
    pairs
}

/// The longest run of pairs whose second parts ascend; the first parts do already.
fn longest_ascending(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // For each length, the pair that ends a run of that length soonest; and for each pair its forerunner.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::new();
    let second = |at: usize| pairs.get(at).map_or(0, |pair| pair.1);
    for (index, pair) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| second(*end) < pair.1);
        before.push(length.checked_sub(1).and_then(|shorter| ends.get(shorter)).copied());
        match ends.get_mut(length) {
            Some(end) => *end = index,
            None => ends.push(index),
        }
    }
    let mut run = Vec::new();
    let mut next = ends.last().copied();
    while let Some(at) = next {
        run.extend(pairs.get(at).copied());
        next = before.get(at).copied().flatten();
    }
    run.reverse();
    run
}

#[cfg(test)]
mod tests;
