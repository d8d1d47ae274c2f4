use proptest::prelude::*;

use super::*;
use crate::release::leaf::Event;
use crate::release::policy::{PolicyDocument, PresenceDemand};
use crate::release::statement::Revoked;
use crate::release::testing::history::*;
use crate::release::testing::*;
use crate::testing::ssh::Signer;

/// A log in which these approvals were handed in.
fn handed_in(approvals: &[&Approval]) -> History {
    let mut history = History::new();
    approvals.iter().for_each(|approval| hand_in(&mut history, approval));
    history
}

fn hand_in(history: &mut History, approval: &Approval) {
    let requests = approval.requests.clone();
    let approval = history.keep(approval);
    history.write(Event::Approved { approval, requests });
}

/// What these approvals of the request come to, with these companions, asked at this time.
fn counted(
    history: &History,
    request: &Request,
    others: &[&Request],
    approvals: &[&Approval],
    now: u64,
) -> Counted {
    let (view, limits) = (history.view().unwrap(), Limits::DEFAULT);
    let submitted = view.policy_at(u64::MAX).unwrap();
    let policy =
        [submitted, view.policy_at(1).unwrap()].into_iter().find(|policy| policy.id() == request.policy);
    let counting = Counting {
        view: &view,
        policy: policy.unwrap(),
        request: Described { id: id_of(request), request },
        companions: &others.iter().map(|other| (id_of(*other), (*other).clone())).collect(),
        took_part: &names("ci"),
        after: 0,
        before: None,
        now: at(now),
        limits: &limits,
    };
    let bytes: Vec<Vec<u8>> = approvals.iter().map(|approval| bytes(*approval)).collect();
    counting.count(bytes.iter().map(Vec::as_slice))
}

fn people(counted: &Counted) -> Vec<&str> {
    counted.people.keys().map(Name::as_str).collect()
}

/// Why the only approval does not count.
fn refused(history: &History, request: &Request, approval: &Approval) -> NotCounted {
    let counted = counted(history, request, &[], &[approval], NOW);
    assert!(counted.people.is_empty() && counted.recomputed.is_empty());
    let [(id, why)] = &counted.refused[..] else { panic!("{counted:?}") };
    assert_eq!(*id, id_of(approval));
    why.clone()
}

fn signed_again(who: &str, approval: &mut Approval, requests: &[&Request]) {
    let described: Vec<_> =
        requests.iter().map(|request| Described { id: id_of(*request), request }).collect();
    approval.signature = armored::<Approval>(&signer(who), &Text::approval(approval, &described).unwrap());
}

#[test]
fn approvals_count_for_people_once() {
    let request = request();
    let (alice, bob) = (approval("alice", &[&request]), approval("bob", &[&request]));
    let mut again = Approval { recomputed: false, ..alice.clone() };
    signed_again("alice", &mut again, &[&request]);
    let history = handed_in(&[&alice, &bob, &again]);
    let all = counted(&history, &request, &[], &[&again, &alice, &bob, &alice], NOW);
    assert_eq!((people(&all), all.refused.len()), (vec!["alice", "bob"], 0));
    assert_eq!(all.people[&name("alice")].index, 1, "the first one");
    assert_eq!(all.recomputed, names("alice bob"));
    let unchecked = counted(&history, &request, &[], &[&again], NOW);
    assert_eq!((people(&unchecked), unchecked.recomputed.len()), (vec!["alice"], 0));
}

#[test]
fn a65_nobody_approves_their_own() {
    let request = request();
    let own = approval("ci", &[&request]);
    assert_eq!(refused(&handed_in(&[&own]), &request, &own), NotCounted::TookPart { by: name("ci") });
}

#[test]
fn a61_an_approval_in_the_name_of_another() {
    let request = request();
    let mut stolen = approval("alice", &[&request]);
    stolen.by = name("bob");
    signed_again("alice", &mut stolen, &[&request]);
    assert_eq!(
        refused(&handed_in(&[&stolen]), &request, &stolen),
        speaker::Error::KeyMismatch { by: name("bob") }.into()
    );
    let mut nobody = approval("alice", &[&request]);
    nobody.by = name("mallory");
    assert_eq!(
        refused(&handed_in(&[&nobody]), &request, &nobody),
        NotCounted::NotAPerson { by: name("mallory") }
    );
    let mut changed = approval("alice", &[&request]);
    changed.recomputed = false;
    let why = refused(&handed_in(&[&changed]), &request, &changed);
    assert_eq!(why.code(), "sshsig_invalid");
}

#[test]
fn a_program_does_not_approve() {
    let mut request = request();
    request.requester = name("alice");
    let program = approval("ci", &[&request]);
    let history = handed_in(&[&program]);
    let view = history.view().unwrap();
    let counting = Counting {
        view: &view,
        policy: view.policy().unwrap(),
        request: Described { id: id_of(&request), request: &request },
        companions: &BTreeMap::new(),
        took_part: &names("alice"),
        after: 0,
        before: None,
        now: at(NOW),
        limits: &Limits::DEFAULT,
    };
    let bytes = bytes(&program);
    let counted = counting.count([bytes.as_slice()]);
    assert_eq!(counted.refused[0].1, NotCounted::NotAPerson { by: name("ci") });
}

#[test]
fn a65_an_approval_of_something_else() {
    let (request, mut other) = (request(), request());
    other.version = words("2026.11.2");
    let approval = approval("alice", &[&other]);
    assert_eq!(refused(&handed_in(&[&approval]), &request, &approval), NotCounted::OtherRequest);
    let mut elsewhere = self::approval("alice", &[&request]);
    elsewhere.authority = id("elsewhere");
    signed_again("alice", &mut elsewhere, &[&request]);
    assert_eq!(refused(&handed_in(&[&elsewhere]), &request, &elsewhere), NotCounted::AuthorityMismatch);
}

#[test]
fn an_approval_that_was_not_written_down_in_time() {
    let request = request();
    let alice = approval("alice", &[&request]);
    assert_eq!(refused(&History::new(), &request, &alice), NotCounted::NotLogged);
    let mut late = History::new();
    late.clock = request.not_after.unix();
    hand_in(&mut late, &alice);
    assert_eq!(refused(&late, &request, &alice), NotCounted::Late { at: at(late.clock) });
    late = History::new();
    late.clock = request.not_after.unix() - 1;
    hand_in(&mut late, &alice);
    assert_eq!(people(&counted(&late, &request, &[], &[&alice], NOW)), ["alice"], "the last second");
}

#[test]
fn an_approval_under_another_policy() {
    let request = request();
    let mut other = approval("alice", &[&request]);
    other.policy = id("other");
    signed_again("alice", &mut other, &[&request]);
    assert_eq!(refused(&handed_in(&[&other]), &request, &other), NotCounted::PolicyMismatch);
    // Handed in when another policy was followed already.
    let mut history = History::new();
    history.succeed(&second_policy(), &["alice", "bob"]);
    let alice = approval("alice", &[&request]);
    hand_in(&mut history, &alice);
    assert_eq!(refused(&history, &request, &alice), NotCounted::PolicyMismatch);
}

#[test]
fn a_key_that_is_over_or_suspended() {
    let document = |change: fn(&mut PolicyDocument)| {
        let mut document = second_policy();
        change(&mut document);
        document
    };
    let ended = document(|policy| policy.identities.get_mut("alice").unwrap().keys[0].until = at(NOW));
    let mut history = History::new();
    history.succeed(&ended, &["bob", "carol"]);
    let request = Request { policy: id_of(&ended), ..request() };
    let alice = approval("alice", &[&request]);
    hand_in(&mut history, &alice);
    assert_eq!(
        refused(&history, &request, &alice),
        speaker::Error::KeyExpired { at: at(history.clock) }.into()
    );

    let request = self::request();
    let bob = approval("bob", &[&request]);
    let spki_sha256 = ObjectId::of(&signer("bob").public().canonical().spki_der());
    let suspended = |from_index| {
        let mut history = handed_in(&[&bob]);
        history
            .revoke(&revocation("dave", Revoked::Key { spki_sha256, from_index, until: at(NOW + 20 * DAY) }));
        history
    };
    assert_eq!(
        refused(&suspended(0), &request, &bob),
        NotCounted::from(speaker::Error::KeySuspended),
        "withdrawn after the fact"
    );
    assert_eq!(people(&counted(&suspended(2), &request, &[], &[&bob], NOW)), ["bob"]);
    assert_eq!(
        people(&counted(&suspended(0), &request, &[], &[&bob], NOW + 15 * DAY)),
        ["bob"],
        "for a while"
    );
}

#[test]
fn requests_are_approved_together_if_all_are_known_and_normal() {
    let (one, mut other) = (request(), request());
    other.version = words("2026.11.2");
    let both = approval("alice", &[&one, &other]);
    let history = handed_in(&[&both]);
    assert_eq!(people(&counted(&history, &one, &[&other], &[&both], NOW)), ["alice"]);
    assert_eq!(people(&counted(&history, &other, &[&one], &[&both], NOW)), ["alice"]);
    assert_eq!(refused(&history, &one, &both), NotCounted::CompanionMissing { id: id_of(&other) });
    other.kind = Kind::Emergency;
    let both = approval("alice", &[&one, &other]);
    let history = handed_in(&[&both]);
    for (this, with) in [(&one, &other), (&other, &one)] {
        let counted = counted(&history, this, &[with], &[&both], NOW);
        assert_eq!(counted.refused[0].1, NotCounted::BatchNotAllowed);
    }
    let alone = approval("alice", &[&other]);
    assert_eq!(people(&counted(&handed_in(&[&alone]), &other, &[], &[&alone], NOW)), ["alice"]);
    let many: Vec<Request> =
        (0..65).map(|at| Request { version: words(&at.to_string()), ..request() }).collect();
    let together = |count: usize| {
        let requests: Vec<&Request> = many.iter().take(count).collect();
        let approval = approval("alice", &requests);
        counted(&handed_in(&[&approval]), requests[0], &requests[1..], &[&approval], NOW)
    };
    assert_eq!(people(&together(64)), ["alice"]);
    assert_eq!(together(65).refused[0].1, NotCounted::BatchNotAllowed);
}

/// A companion under a false id does not lend its text.
#[test]
fn a65_a_companion_that_is_not_what_was_named() {
    let (one, mut other, mut lie) = (request(), request(), request());
    (other.version, lie.version) = (words("2026.11.2"), words("2026.11.3"));
    let mut both = approval("alice", &[&one, &other]);
    both.requests[1] = id_of(&lie);
    let history = handed_in(&[&both]);
    let view = history.view().unwrap();
    let counting = Counting {
        view: &view,
        policy: view.policy().unwrap(),
        request: Described { id: id_of(&one), request: &one },
        companions: &[(id_of(&lie), other)].into(),
        took_part: &names("ci"),
        after: 0,
        before: None,
        now: at(NOW),
        limits: &Limits::DEFAULT,
    };
    let bytes = bytes(&both);
    let counted = counting.count([bytes.as_slice()]);
    assert_eq!(counted.refused[0].1, NotCounted::CompanionMissing { id: id_of(&lie) });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Invariant 4: adding approvals never undoes a quorum; removing or repeating them never makes one.
    #[test]
    fn more_approvals_are_never_fewer_people(
        some in proptest::collection::vec(0_usize..5, 0..6),
        more in proptest::collection::vec(0_usize..5, 0..6),
    ) {
        let request = request();
        let all: Vec<Approval> = PEOPLE[..5].iter().map(|who| approval(who, &[&request])).collect();
        let history = handed_in(&all.iter().collect::<Vec<_>>());
        let of = |places: &[usize]| {
            let approvals: Vec<&Approval> = places.iter().map(|at| &all[*at]).collect();
            counted(&history, &request, &[], &approvals, NOW).people
        };
        let (few, many) = (of(&some), of(&[some.clone(), more].concat()));
        prop_assert!(few.keys().all(|person| many.contains_key(person)));
        let once: BTreeSet<usize> = some.iter().copied().collect();
        prop_assert_eq!(few, of(&once.into_iter().collect::<Vec<_>>()));
    }
}

/// A policy whose channel wants this of tokens; alice and bob have one.
fn with_tokens(demand: PresenceDemand) -> History {
    History::of(|policy| {
        for (who, seed) in [("alice", 1), ("bob", 2)] {
            let line = Signer::ed25519(seed, Some("ssh:")).public().to_line();
            policy.identities.get_mut(&name(who)).unwrap().keys = vec![key_of(line)];
        }
        let family = policy.families.get_mut(&name("gateway")).unwrap();
        family.channels.get_mut(&name("stable")).unwrap().presence = Some(demand);
    })
}

#[test]
fn a66_a_channel_that_wants_a_person_at_a_token() {
    let counts = |demand, who: &str, by: &Signer, flags| {
        let mut history = with_tokens(demand);
        let authority = history.authority;
        let request = Request { authority, policy: authority, ..request() };
        let mut word = approval(who, &[&request]);
        let described = [Described { id: id_of(&request), request: &request }];
        let text = Text::approval(&word, &described).unwrap();
        word.signature = armored_with::<Approval>(by, &text, flags);
        hand_in(&mut history, &word);
        let counted = counted(&history, &request, &[], &[&word], NOW);
        counted.refused.first().map(|(_, why)| why.clone())
    };
    let token = || Signer::ed25519(1, Some("ssh:"));
    let (present, verified) = (PresenceDemand::Present, PresenceDemand::Verified);
    let missing = |who: &str, demanded| Some(NotCounted::PresenceMissing { by: name(who), demanded });
    assert_eq!(counts(present, "alice", &token(), 0x01), None);
    assert_eq!(counts(present, "alice", &token(), 0x05), None);
    assert_eq!(counts(verified, "alice", &token(), 0x05), None);
    assert_eq!(
        counts(verified, "alice", &token(), 0x01),
        missing("alice", verified),
        "a touch, and nobody known"
    );
    // Carol's key is in software: it says nothing of a person, whatever it signs.
    assert_eq!(counts(present, "carol", &signer("carol"), 0x05), missing("carol", present));
    assert_eq!(missing("carol", present).unwrap().code(), "approval_presence_missing");
}
