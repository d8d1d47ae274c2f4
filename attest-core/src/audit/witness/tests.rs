use proptest::prelude::*;

use super::*;
use crate::audit::checkpoint::{Checkpoint, LogIdentity, SignedCheckpoint};
use crate::audit::note::{self, KeyType, VerifierKey};
use crate::audit::testing::Signer;
use crate::audit::tree::{Frontier, Hash, TreeHead};
use crate::{Limits, Timestamp};

mod decide;
mod request;

const ORIGIN: &str = "log.example/releases";
/// Witnesses are the keys 11, 12, …; the log is key 1.
const FIRST: u8 = 11;

fn name(number: u8) -> String {
    format!("witness{number}.example")
}

fn witness(number: u8) -> VerifierKey {
    VerifierKey::new(&name(number), KeyType::CosignatureV1, Signer::new(number).public()).unwrap()
}

fn quorum(threshold: usize, count: u8) -> WitnessQuorum {
    let witnesses = (FIRST..FIRST + count).map(witness).collect();
    WitnessQuorum::new(threshold, witnesses, &Limits::DEFAULT).unwrap()
}

fn log() -> LogIdentity {
    LogIdentity::new(Signer::new(1).key(ORIGIN)).unwrap()
}

/// The log's note over a tree of some leaves.
fn note_of(size: usize) -> String {
    Checkpoint::new(ORIGIN, head(size), &Limits::DEFAULT).unwrap().sign(&Signer::new(1)).unwrap()
}

fn head(size: usize) -> TreeHead {
    let mut frontier = Frontier::new();
    frontier.append((0..size).map(|_| b"entry".as_slice()), &Limits::DEFAULT).unwrap().head
}

fn signed(note: &str) -> SignedCheckpoint {
    SignedCheckpoint::verify(note.as_bytes(), &log(), &Limits::DEFAULT).unwrap()
}

fn text_of(note: &str) -> &str {
    &note[..=note.rfind("\n\n").unwrap()]
}

/// A witness's line, made here by hand: over this text, saying this time.
fn cosigned(number: u8, name: &str, time: u64, text: &str) -> String {
    let signer = Signer::new(number);
    let key = VerifierKey::new(name, KeyType::CosignatureV1, signer.public()).unwrap();
    let signature = signer.sign(format!("cosignature/v1\ntime {time}\n{text}").as_bytes());
    note::line(name, key.id(), &[&time.to_be_bytes()[..], &signature].concat())
}

/// A note with the cosignatures of these witnesses at these times.
fn cosigned_by(of: &[(u8, u64)]) -> String {
    let note = note_of(5);
    let lines: String =
        of.iter().map(|(number, time)| cosigned(*number, &name(*number), *time, text_of(&note))).collect();
    note + &lines
}

fn verify(note: &str, quorum: &WitnessQuorum) -> Result<WitnessedCheckpoint, Error> {
    WitnessedCheckpoint::verify(signed(note), quorum)
}

fn time_of(of: &[(u8, u64)], quorum: &WitnessQuorum) -> Result<u64, Error> {
    verify(&cosigned_by(of), quorum).map(|witnessed| witnessed.time().unix())
}

#[test]
fn a_quorum_of_witnesses_vouches() {
    let note = cosigned_by(&[(12, 200), (11, 100)]);
    let witnessed = verify(&note, &quorum(2, 3)).unwrap();
    assert_eq!((witnessed.head(), witnessed.time().unix()), (&head(5), 100));
    assert_eq!(witnessed.checkpoint().origin(), ORIGIN);
    assert_eq!(witnessed.signed().note(), note);
    let who: Vec<_> = witnessed.cosignatures().iter().map(|c| (c.witness.as_str(), c.time.unix())).collect();
    assert_eq!(who, [("witness11.example", 100), ("witness12.example", 200)]);
}

#[test]
fn a61_a_witness_counts_once() {
    let not_reached = |got| Err(Error::QuorumNotReached { got, threshold: 2 });
    // The same line twice, two times, and under a name that is not its own.
    assert_eq!(time_of(&[(11, 100), (11, 100)], &quorum(2, 3)), not_reached(1));
    assert_eq!(time_of(&[(11, 100), (11, 101)], &quorum(2, 3)), not_reached(1));
    let note = note_of(5);
    let renamed = cosigned(11, &name(12), 100, text_of(&note));
    let note = format!("{}{renamed}", cosigned_by(&[(11, 100)]));
    assert_eq!(verify(&note, &quorum(2, 3)).map(|witnessed| witnessed.time().unix()), not_reached(1));
}

#[test]
fn a61_a_witness_is_one_name_and_one_key() {
    let new = |witnesses: Vec<VerifierKey>| WitnessQuorum::new(2, witnesses, &Limits::DEFAULT);
    let repeated = |witness: &str| Err(Error::WitnessRepeated { witness: witness.to_owned() });
    let key = |name: &str, number| {
        VerifierKey::new(name, KeyType::CosignatureV1, Signer::new(number).public()).unwrap()
    };
    assert_eq!(new(vec![key("a", 11), key("b", 12), key("a", 11)]), repeated("a"));
    assert_eq!(new(vec![key("a", 11), key("b", 11)]), repeated("b"));
    assert_eq!(new(vec![key("a", 11), key("a", 12)]), repeated("a"));
    assert!(new(vec![key("a", 11), key("b", 12)]).is_ok());
}

#[test]
fn a62_a_quorum_needs_at_least_one_and_at_most_all() {
    let new = |threshold, count: u8| {
        WitnessQuorum::new(threshold, (FIRST..FIRST + count).map(witness).collect(), &Limits::DEFAULT)
    };
    assert_eq!(new(0, 3), Err(Error::ThresholdZero));
    assert_eq!(new(0, 0), Err(Error::ThresholdZero));
    assert_eq!(new(1, 0), Err(Error::ThresholdTooHigh { threshold: 1, witnesses: 0 }));
    assert_eq!(new(4, 3), Err(Error::ThresholdTooHigh { threshold: 4, witnesses: 3 }));
    assert_eq!(new(usize::MAX, 3), Err(Error::ThresholdTooHigh { threshold: usize::MAX, witnesses: 3 }));
    assert_eq!(new(3, 3).map(|quorum| (quorum.threshold(), quorum.witnesses().len())), Ok((3, 3)));
    assert!(new(1, 32).is_ok());
    assert_eq!(new(1, 33), Err(Error::TooManyWitnesses { limit: 32 }));
}

#[test]
fn a68_two_histories_need_as_many_liars_as_two_quorums_have_in_common() {
    for (threshold, count, overlap) in
        [(1, 1, 1), (1, 2, 0), (2, 3, 1), (3, 3, 3), (2, 4, 0), (3, 5, 1), (1, 5, 0)]
    {
        assert_eq!(quorum(threshold, count).overlap(), overlap, "{threshold} of {count}");
    }
    // Two of four: both halves are honest, and each was shown another tree.
    let halves = quorum(2, 4);
    let other = note_of(6);
    let lines = [13, 14].map(|number| cosigned(number, &name(number), 100, text_of(&other))).concat();
    assert!(verify(&cosigned_by(&[(11, 100), (12, 100)]), &halves).is_ok());
    assert!(verify(&format!("{other}{lines}"), &halves).is_ok());
}

#[test]
fn a67_a_logs_key_is_no_witness() {
    // Of the log's type, and of a witness's type with the log's key in it.
    let of_log = Signer::new(1).key(ORIGIN);
    let error = Error::KeyTypeUnexpected { witness: ORIGIN.to_owned() };
    assert_eq!(WitnessQuorum::new(1, vec![of_log], &Limits::DEFAULT), Err(error));
}

#[test]
fn a72_the_log_does_not_witness_itself() {
    let key = VerifierKey::new("friend.example", KeyType::CosignatureV1, Signer::new(1).public()).unwrap();
    let quorum = WitnessQuorum::new(1, vec![key, witness(11)], &Limits::DEFAULT).unwrap();
    let note = note_of(5);
    let note = format!("{note}{}", cosigned(1, "friend.example", 100, text_of(&note)));
    assert_eq!(verify(&note, &quorum), Err(Error::LogIsWitness { witness: "friend.example".to_owned() }));
}

#[test]
fn a68_a_cosignature_of_another_checkpoint() {
    let (note, other) = (note_of(5), note_of(6));
    let lines = cosigned(11, &name(11), 100, text_of(&other));
    let error = Error::CosignatureInvalid { line: 2, witness: name(11) };
    assert_eq!(verify(&format!("{note}{lines}"), &quorum(1, 3)), Err(error));
}

#[test]
fn a_cosignature_says_what_was_signed() {
    let note = note_of(5);
    let text = text_of(&note);
    let signer = Signer::new(11);
    let with = |bytes: &[u8]| format!("{note}{}", note::line(&name(11), witness(11).id(), bytes));
    let refused = |bytes: &[u8]| {
        let error = Error::CosignatureInvalid { line: 2, witness: name(11) };
        assert_eq!(verify(&with(bytes), &quorum(1, 1)), Err(error));
    };
    let signature = |message: String| signer.sign(message.as_bytes());
    let good = signature(format!("cosignature/v1\ntime 100\n{text}"));
    let at = |time: u64, signature: &[u8]| [&time.to_be_bytes()[..], signature].concat();
    assert!(verify(&with(&at(100, &good)), &quorum(1, 1)).is_ok());
    // Another time than the signed one, a text without the header, another header, no time, a byte more or less.
    refused(&at(101, &good));
    refused(&at(100, &signature(text.to_owned())));
    refused(&at(100, &signature(format!("cosignature/v2\ntime 100\n{text}"))));
    refused(&at(100, &signature(format!("time 100\n{text}"))));
    refused(&at(100, &signature(format!("cosignature/v1\ntime 0100\n{text}"))));
    refused(&at(100, &good[..63]));
    refused(&[&at(100, &good)[..], &[0]].concat());
    refused(&good);
    refused(&[0; 7]);
    for bit in 0..72 * 8 {
        let mut bytes = at(100, &good);
        bytes[bit / 8] ^= 1 << (bit % 8);
        refused(&bytes);
    }
}

#[test]
fn times_stay_in_the_range_of_the_specification() {
    let most = i64::MAX.unsigned_abs();
    assert_eq!(time_of(&[(11, most)], &quorum(1, 1)), Ok(most));
    let error = Error::CosignatureInvalid { line: 2, witness: name(11) };
    assert_eq!(time_of(&[(11, most + 1)], &quorum(1, 1)), Err(error));
    assert_eq!(time_of(&[(11, 0)], &quorum(1, 1)), Ok(0));
}

#[test]
fn strangers_are_passed_over() {
    let threshold = quorum(2, 2);
    let error = Err(Error::QuorumNotReached { got: 1, threshold: 2 });
    assert_eq!(time_of(&[(11, 100), (21, 100), (22, 100)], &threshold), error);
    assert_eq!(time_of(&[(21, 900), (11, 100), (12, 100)], &threshold), Ok(100));
}

#[test]
fn a_wrong_line_of_a_known_witness_refuses_beside_right_ones() {
    let note = cosigned_by(&[(11, 100), (12, 100), (13, 100)]);
    let wrong = cosigned(11, &name(11), 100, "another text\n");
    let error = Error::CosignatureInvalid { line: 5, witness: name(11) };
    assert_eq!(verify(&format!("{note}{wrong}"), &quorum(2, 3)), Err(error));
}

#[test]
fn the_time_is_the_lowest_of_the_latest_quorum() {
    let of = quorum(2, 4);
    assert_eq!(time_of(&[(11, 100), (12, 200), (13, 300), (14, 400)], &of), Ok(300));
    assert_eq!(time_of(&[(14, 400), (11, 100)], &of), Ok(100));
    // One witness in the future moves nothing beyond what another says.
    assert_eq!(time_of(&[(11, 100), (12, u64::MAX >> 1)], &of), Ok(100));
    // One in the past holds nothing back.
    assert_eq!(time_of(&[(11, 1), (12, 200), (13, 201)], &of), Ok(200));
    // A witness that signed again counts by its latest time, in either order.
    assert_eq!(time_of(&[(11, 100), (12, 200), (11, 150)], &of), Ok(150));
    assert_eq!(time_of(&[(11, 150), (12, 200), (11, 100)], &of), Ok(150));
}

#[test]
fn what_was_seen_was_seen_by_the_latest_of_the_earliest_quorum() {
    let of = quorum(2, 4);
    let by = |signed: &[(u8, u64)]| verify(&cosigned_by(signed), &of).map(|seen| seen.seen_by().unix());
    assert_eq!(by(&[(11, 100), (12, 200), (13, 300), (14, 400)]), Ok(200));
    assert_eq!(by(&[(14, 400), (11, 100)]), Ok(400));
    // One witness that backdates moves nothing to before what another says.
    assert_eq!(by(&[(11, 0), (12, 200)]), Ok(200));
    // One in the future holds nothing up.
    assert_eq!(by(&[(11, 100), (12, 200), (13, u64::MAX >> 1)]), Ok(200));
}

proptest! {
    /// As fewer than a quorum lie, nothing was seen before the first honest witness saw it, nor after as many of them as are needed did.
    #[test]
    fn a72_fewer_liars_than_a_quorum_do_not_backdate(
        threshold in 1_usize..5,
        honest in proptest::collection::vec(1_000_u64..2_000, 0..5),
        liars in proptest::collection::vec(0_u64..1 << 62, 0..4),
    ) {
        let liars = &liars[..liars.len().min(threshold - 1)];
        let signed: Vec<(u8, u64)> = (FIRST..).zip(liars.iter().chain(&honest).copied()).collect();
        if let Ok(witnessed) = verify(&cosigned_by(&signed), &quorum(threshold, 8)) {
            let by = witnessed.seen_by().unix();
            let mut honest = honest.clone();
            honest.sort_unstable();
            prop_assert!(honest.first().is_some_and(|first| by >= *first));
            if let Some(last) = honest.get(threshold - 1) {
                prop_assert!(by <= *last);
            }
        }
    }

    /// As many witnesses as the quorum needs, all honest but fewer than that: the time is never beyond the honest clocks, and, where a
    /// quorum of honest ones signed, never before theirs.
    #[test]
    fn a72_fewer_liars_than_a_quorum_do_not_move_time(
        threshold in 1_usize..5,
        honest in proptest::collection::vec(1_000_u64..2_000, 0..5),
        liars in proptest::collection::vec(0_u64..1 << 62, 0..4),
    ) {
        let liars = &liars[..liars.len().min(threshold - 1)];
        let of = quorum(threshold, 8);
        let signed: Vec<(u8, u64)> = (FIRST..).zip(liars.iter().chain(&honest).copied()).collect();
        let latest = honest.iter().max().copied().unwrap_or_default();
        match time_of(&signed, &of) {
            Ok(time) => {
                prop_assert!(time <= latest);
                let mut honest = honest.clone();
                honest.sort_unstable();
                if let Some(place) = honest.len().checked_sub(threshold) {
                    prop_assert!(time >= honest[place]);
                }
            }
            Err(error) => prop_assert_eq!(error, Error::QuorumNotReached { got: signed.len(), threshold }),
        }
    }

    /// More cosignatures never undo a quorum and never make the time earlier; their order does not matter.
    #[test]
    fn more_cosignatures_never_undo_a_quorum(
        times in proptest::collection::vec(0_u64..1_000, 3..7), more in 0_u64..1_000, turn in 0_usize..7
    ) {
        let of = quorum(3, 8);
        let mut signed: Vec<(u8, u64)> = (FIRST..).zip(times).collect();
        let before = time_of(&signed, &of).unwrap();
        signed.push((FIRST + 7, more));
        let turn = turn % signed.len();
        signed.rotate_left(turn);
        prop_assert!(time_of(&signed, &of).unwrap() >= before);
    }
}

#[test]
fn every_code_is_its_own_and_stable() {
    let witness = String::new;
    for (error, code) in [
        (Error::CosignatureInvalid { line: 1, witness: witness() }, "witness_cosignature_invalid"),
        (Error::KeyTypeUnexpected { witness: witness() }, "witness_key_type_unexpected"),
        (Error::LogIsWitness { witness: witness() }, "witness_is_the_log"),
        (Error::QuorumNotReached { got: 1, threshold: 2 }, "witness_quorum_not_reached"),
        (Error::ThresholdTooHigh { threshold: 2, witnesses: 1 }, "witness_threshold_too_high"),
        (Error::ThresholdZero, "witness_threshold_zero"),
        (Error::TooManyWitnesses { limit: 1 }, "witness_too_many"),
        (Error::WitnessRepeated { witness: witness() }, "witness_repeated"),
    ] {
        assert_eq!(error.code(), code, "{error}");
    }
}
