//! What the log's keeper knows is what a verifier will.

use super::*;
use crate::Limits;

/// A log in which there is something to be known of each kind.
fn eventful() -> (History, ObjectId) {
    let mut history = History::new();
    let request = history.keep(&request());
    history.write(Event::Submitted { submission: id("submission"), request });
    history.change(&family_change(&policy()), &["bob", "carol"]);
    history.revoke(&revocation("alice", Revoked::Request(request)));
    history.revoke(&revocation("bob", Revoked::Request(request)));
    let root = quorum("group root 2 carol dave erin\nquorum root");
    history.recover(&PolicyDocument { root, ..second_policy() }, &["dave", "erin"]);
    (history, request)
}

#[test]
fn a_ledger_tells_what_the_view_of_it_tells() {
    let (history, request) = eventful();
    let mut ledger = Ledger::new(history.authority);
    assert!(ledger.policy().is_none() && ledger.policy_of(&name("gateway")).is_none());
    for leaf in &history.leaves {
        ledger.write(leaf, &history.objects, &Limits::DEFAULT).unwrap();
    }
    let view = history.view().unwrap();
    assert_eq!((ledger.size(), ledger.authority()), (view.head().size, view.authority()));
    assert_eq!(ledger.last_at(), at(history.clock));
    assert_eq!(ledger.policy().unwrap().document(), view.policy().unwrap().document());
    let change = Some(id_of(&family_change(&policy())));
    assert_eq!(ledger.policy_of(&name("gateway")).unwrap().change(), change);
    assert_eq!(ledger.changed().map(Policy::change).collect::<Vec<_>>(), [change]);
    let submitted = Place { index: 1, at: at(NOW + 2) };
    assert_eq!(ledger.place(Mark::Submitted, &request), Some(submitted));
    assert_eq!(ledger.place(Mark::Signed, &request), None);
    let withdrawn = ledger.revoked(&request).unwrap();
    assert_eq!((withdrawn, withdrawn.place.index), (view.revoked(&request).unwrap(), 3));
    let pending = ledger.recovery().unwrap();
    assert_eq!((pending.policy().document().version, pending.place().index), (2, 5));
    let because = "revocation_does_not_count";
    assert_eq!(ledger.passed_over(), [PassedOver { index: 4, because }]);
}
