use proptest::prelude::*;

use super::*;
use crate::audit::testing::Signer;

const ORIGIN: &str = "log.example/releases";

fn head() -> TreeHead {
    TreeHead { size: 20_852_163, root: Hash::of_leaf(b"root") }
}

fn parse(text: &str) -> Result<Checkpoint, Error> {
    Checkpoint::parse(text, &Limits::DEFAULT)
}

fn verify(note: &str, log: &LogIdentity) -> Result<SignedCheckpoint, Error> {
    SignedCheckpoint::verify(note.as_bytes(), log, &Limits::DEFAULT)
}

fn log(number: u8) -> LogIdentity {
    LogIdentity::new(Signer::new(number).key(ORIGIN)).unwrap()
}

/// The example of the specification.
#[test]
fn the_text_of_the_specification() {
    let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let checkpoint = parse(text).unwrap();
    assert_eq!(checkpoint.origin(), "example.com/behind-the-sofa");
    assert_eq!(checkpoint.head().size, 20_852_163);
    assert_eq!(checkpoint.head().root.to_base64(), "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=");
    assert!(checkpoint.extensions().is_empty());
    assert_eq!(checkpoint.to_string(), text);
}

#[test]
fn lines_of_a_checkpoint() {
    let root = head().root.to_base64();
    let extended = format!("o\n7\n{root}\nTimestamp: 1689177396617352539\n — odd\n");
    assert_eq!(parse(&extended).unwrap().extensions(), ["Timestamp: 1689177396617352539", " — odd"]);
    // Origins are opaque: Rekor's has spaces.
    assert_eq!(parse(&format!("rekor - 2605\n7\n{root}\n")).unwrap().origin(), "rekor - 2605");

    for (text, line) in [
        (String::new(), 1),
        ("\n".to_owned(), 1),
        ("o".to_owned(), 1),
        ("o\n".to_owned(), 2),
        ("o\n7".to_owned(), 2),
        ("o\n\n".to_owned(), 2),
        ("o\n7\n".to_owned(), 3),
        (format!("o\n7\n{root}"), 3),
        (format!("\n7\n{root}\n"), 1),
        (format!("o\n7\n\n{root}\n"), 3),
        (format!("o\n7\n{root}\n\n"), 4),
        (format!("o\n7\n{root}\nx\n\ny\n"), 5),
        (format!("o\n7\n{root}\nx"), 4),
    ] {
        assert_eq!(parse(&text), Err(Error::LineMissing { line }), "{text:?}");
    }
    for size in ["+7", "-7", "07", "00", " 7", "7 ", "0x7", "7.0", "seven", "18446744073709551616", "٧"] {
        assert_eq!(parse(&format!("o\n{size}\n{root}\n")), Err(Error::SizeMalformed), "{size}");
    }
    for root in
        ["AAAA", root.trim_end_matches('='), &format!("{root} "), &root.replace('/', "_").replace('+', "-")]
    {
        let is_same = root == head().root.to_base64();
        assert!(is_same || parse(&format!("o\n7\n{root}\n")) == Err(Error::RootMalformed), "{root}");
    }
    // Not to be had from a note, whose characters are checked before.
    assert_eq!(parse(&format!("a\tb\n7\n{root}\n")), Err(Error::OriginMalformed));
    assert_eq!(parse(&format!("o\n7\n{root}\na\rb\n")), Err(Error::ExtensionMalformed));
}

#[test]
fn an_empty_tree_has_one_root() {
    let empty = Checkpoint::new(ORIGIN, TreeHead::empty(), &Limits::DEFAULT).unwrap();
    assert_eq!(parse(&empty.to_string()), Ok(empty));
    let other = TreeHead { size: 0, root: head().root };
    assert_eq!(Checkpoint::new(ORIGIN, other, &Limits::DEFAULT), Err(Error::EmptyRootMismatch));
    let text = format!("{ORIGIN}\n0\n{}\n", other.root.to_base64());
    assert_eq!(parse(&text), Err(Error::EmptyRootMismatch));
}

#[test]
fn a_log_is_bounded() {
    let limit = Limits::DEFAULT.log_leaves;
    let of = |size| TreeHead { size, ..head() };
    assert!(Checkpoint::new(ORIGIN, of(limit), &Limits::DEFAULT).is_ok());
    let error = Err(Error::TooManyLeaves { got: limit + 1, limit });
    assert_eq!(Checkpoint::new(ORIGIN, of(limit + 1), &Limits::DEFAULT), error);
    assert_eq!(parse(&format!("o\n{}\n{}\n", limit + 1, head().root.to_base64())), error);
}

#[test]
fn origins_are_lines() {
    for origin in ["", "a\nb", "a\n", "a\rb"] {
        assert_eq!(
            Checkpoint::new(origin, head(), &Limits::DEFAULT),
            Err(Error::OriginMalformed),
            "{origin:?}"
        );
    }
}

#[test]
fn what_a_log_signs_is_its_word() {
    let checkpoint = Checkpoint::new(ORIGIN, head(), &Limits::DEFAULT).unwrap();
    let note = checkpoint.sign(&Signer::new(1)).unwrap();
    let signed = verify(&note, &log(1)).unwrap();
    assert_eq!(signed.checkpoint(), &checkpoint);
    assert_eq!((signed.head(), signed.note(), signed.log()), (&head(), note.as_str(), &log(1)));
}

#[test]
fn a67_a_checkpoint_that_another_key_signed() {
    let checkpoint = Checkpoint::new(ORIGIN, head(), &Limits::DEFAULT).unwrap();
    let note = checkpoint.sign(&Signer::new(2)).unwrap();
    let key = log(1).key().to_string();
    assert_eq!(verify(&note, &log(1)), Err(Error::Note(note::Error::NotSigned { key })));
}

#[test]
fn a_changed_checkpoint() {
    let checkpoint = Checkpoint::new(ORIGIN, head(), &Limits::DEFAULT).unwrap();
    let note = checkpoint.sign(&Signer::new(1)).unwrap().replace("\n20852163\n", "\n20852164\n");
    let key = log(1).key().to_string();
    assert_eq!(verify(&note, &log(1)), Err(Error::Note(note::Error::SignatureInvalid { key, line: 1 })));
}

/// One key for two logs: a checkpoint of one is none of the other.
#[test]
fn a68_a_checkpoint_of_another_log_by_the_same_key() {
    let signer = Signer::new(1);
    let other = format!("log.example/other\n7\n{}\n", head().root.to_base64());
    let note = note::sign(&other, ORIGIN, &signer).unwrap();
    let error = Error::OriginMismatch { expected: ORIGIN.to_owned(), got: "log.example/other".to_owned() };
    assert_eq!(verify(&note, &log(1)), Err(error));
    let named = LogIdentity::with_origin("log.example/other", signer.key(ORIGIN)).unwrap();
    assert_eq!(verify(&note, &named).unwrap().log().origin(), "log.example/other");
}

#[test]
fn a67_a_witness_key_is_no_logs() {
    let key = VerifierKey::new(ORIGIN, KeyType::CosignatureV1, Signer::new(1).public()).unwrap();
    let error = Error::KeyTypeUnexpected { key: key.to_string() };
    assert_eq!(LogIdentity::new(key), Err(error));
}

/// A text that is signed and no checkpoint is refused for that, and one that is not signed for this.
#[test]
fn a51_the_signature_comes_before_the_text() {
    let signer = Signer::new(1);
    let note = note::sign("no checkpoint\n", ORIGIN, &signer).unwrap();
    assert_eq!(verify(&note, &log(1)), Err(Error::LineMissing { line: 2 }));
    assert!(matches!(verify(&note, &log(2)), Err(Error::Note(note::Error::NotSigned { .. }))));
}

#[test]
fn a_name_that_no_key_can_have_signs_nothing() {
    let checkpoint = Checkpoint::new("a log", head(), &Limits::DEFAULT).unwrap();
    assert_eq!(checkpoint.sign(&Signer::new(1)), Err(Error::Note(note::Error::NameMalformed)));
}

proptest! {
    #[test]
    fn reading_and_writing_undo_each_other(
        origin in "[ -~\u{a0}-\u{2fff}]{1,30}", size in 1..=1_u64 << 48, root: [u8; 32],
        extensions in proptest::collection::vec("[ -~\u{a0}-\u{2fff}]{1,20}", 0..4)
    ) {
        let head = TreeHead { size, root: Hash::from_bytes(root) };
        let checkpoint = Checkpoint { origin, head, extensions };
        prop_assert_eq!(parse(&checkpoint.to_string()), Ok(checkpoint));
    }

    #[test]
    fn what_is_read_is_written_the_same(text in "[a-c0-9\n ]{0,12}\n[0-9]{0,3}\n[A-D]{42}[AEIM]=\n([a-c\n]{0,8})") {
        if let Ok(checkpoint) = parse(&text) {
            prop_assert_eq!(checkpoint.to_string(), text);
        }
    }
}
