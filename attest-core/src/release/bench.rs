//! Releases by the thousand, for the benchmark.

use std::collections::BTreeMap;

use super::bundle::Bundle;
use super::object::ObjectId;
use super::testing::history::History;
use super::testing::play::{Play, corim, golden};
use super::testing::*;
use super::view::LogView;
use crate::audit::testing::Signer as Machine;
use crate::{Limits, Timestamp};

/// A log of releases that five people approved each, and everything that it names.
#[derive(Debug)]
pub struct Releases {
    /// Leaves.
    pub leaves: Vec<Vec<u8>>,
    /// Objects.
    pub objects: BTreeMap<ObjectId, Vec<u8>>,
    /// The first policy.
    pub authority: ObjectId,
    /// What witnesses signed.
    pub checkpoint: String,
    /// How many leaves there were before the last release, and what witnesses signed then.
    pub before: (usize, String),
    /// When.
    pub now: Timestamp,
    /// The bundle that was published last.
    pub last: Vec<u8>,
    /// As many signatures as it has, over as many bytes: Ed25519 key, message, signature.
    pub signed: Vec<([u8; 32], Vec<u8>, [u8; 64])>,
    /// What people signed is hashed first: so many bytes of each statement.
    pub texts: Vec<usize>,
}

impl Releases {
    /// So many of them, at least one.
    ///
    /// # Panics
    /// If one of them could not be made.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let five = "group release 5 alice bob carol dave erin\nquorum release";
        let mut history = History::of(|policy| {
            let family = policy.families.get_mut("gateway").unwrap();
            family.channels.get_mut("stable").unwrap().approvals = Some(quorum(five));
            // Two managers would be fewer than who approves.
            family.managers = None;
        });
        let (base, mut last) = (golden("gateway"), None);
        let mut before = None;
        let seen = |history: &History| {
            let clock = history.clock;
            history.checkpoint(&[("own", 41, clock), ("other", 42, clock)])
        };
        for edition in 0..count {
            if edition + 1 == count {
                before = Some((history.leaves.len(), seen(&history)));
            }
            let mut play = Play::of(history, &corim(&base, u64::try_from(edition).unwrap()), "ci");
            (play.request.authority, play.request.policy) = (play.history.authority, play.history.authority);
            // The log's clock goes on by a second with each leaf.
            let clock = play.history.clock;
            (play.request.not_before, play.request.not_after) = (at(clock), at(clock + DAY));
            play.submit("ci");
            for who in ["alice", "bob", "carol", "dave", "erin"] {
                play.approve(who);
            }
            play.finish();
            last = Some(play.bundle);
            history = play.history;
        }
        let last = last.unwrap();
        let texts = last.approvals.iter().chain([&last.submission]).map(|statement| statement.0.len());
        Self {
            texts: texts.collect(),
            signed: signed(&last),
            last: bytes(&last),
            checkpoint: seen(&history),
            before: before.unwrap(),
            authority: history.authority,
            now: at(history.clock),
            leaves: history.leaves,
            objects: history.objects,
        }
    }

    /// The view of the whole log.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn view(&self) -> LogView {
        self.view_of(self.leaves.len(), &self.checkpoint)
    }

    /// The view before the last release.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn view_before(&self) -> LogView {
        self.view_of(self.before.0, &self.before.1)
    }

    fn view_of(&self, leaves: usize, checkpoint: &str) -> LogView {
        let entries = self.leaves.iter().take(leaves).map(Vec::as_slice);
        let limits = &Limits::DEFAULT;
        LogView::replay(self.authority, entries, &self.objects, checkpoint.as_bytes(), limits).unwrap()
    }
}

/// Each statement, whose SHA-512 an SSHSIG signs; the provenance; the CoRIM.
fn signed(bundle: &Bundle) -> Vec<([u8; 32], Vec<u8>, [u8; 64])> {
    let statements = bundle.approvals.iter().chain([&bundle.submission]).map(|_| 110);
    let whole = bundle.provenance.iter().chain(&bundle.corim).map(|blob| blob.0.len());
    let signer = Machine::new(7);
    let one = |length| {
        let message = vec![7; length];
        let signature = signer.sign(&message);
        (signer.public(), message, signature)
    };
    statements.chain(whole).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::catalogue::{Catalogue, Floors};
    use crate::release::evaluate::Now;

    #[test]
    fn each_of_them_counts() {
        let releases = Releases::new(2);
        let now = Now { clock: releases.now, is_confirmed: true };
        let (view, limits) = (releases.view(), &Limits::DEFAULT);
        let catalogue = Catalogue::load(&view, &releases.objects, &Floors::new(), now, limits);
        assert_eq!(catalogue.releases().count(), 2);
        assert_eq!(releases.view_before().head().size, view.head().size - 9);
    }
}
