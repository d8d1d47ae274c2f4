use proptest::prelude::*;
use ring::signature::{ED25519, UnparsedPublicKey};

use super::*;
use crate::audit::testing::Signer;

const TEXT: &str = "log.example/a\n1\n\nmore\n";
const NAME: &str = "log.example/a";

fn parse(note: &str) -> Result<SignedNote<'_>, Error> {
    SignedNote::parse(note.as_bytes(), &Limits::DEFAULT)
}

/// A note by key 1.
fn good() -> (String, VerifierKey) {
    let signer = Signer::new(1);
    (sign(TEXT, NAME, &signer).unwrap(), signer.key(NAME))
}

/// A further line over the same text.
fn by(number: u8, name: &str) -> String {
    let signer = Signer::new(number);
    line(name, signer.key(name).id(), &signer.sign(TEXT.as_bytes()))
}

/// The example in the documentation of Go's package note.
#[test]
fn a_note_of_another_implementation() {
    let key =
        VerifierKey::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
    let note = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\
        \n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    assert_eq!(parse(note).unwrap().verify(&key), Ok(()));
    assert_eq!(key.name(), "PeterNeumann");
    assert_eq!(key.to_string(), "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
}

#[test]
fn what_is_signed_is_read_and_verified() {
    let (note, key) = good();
    let parsed = parse(&note).unwrap();
    assert_eq!(parsed.text(), TEXT);
    assert_eq!(parsed.signatures().len(), 1);
    let signature = &parsed.signatures()[0];
    assert_eq!((signature.name.as_str(), signature.key_id, signature.bytes.len()), (NAME, key.id(), 64));
    assert_eq!(parsed.note(), note);
    assert_eq!(parsed.verify(&key), Ok(()));
}

#[test]
fn every_changed_byte_and_every_prefix_is_refused() {
    let (note, key) = good();
    for at in 0..note.len() {
        assert!(SignedNote::parse(&note.as_bytes()[..at], &Limits::DEFAULT).is_err(), "{at}");
        for bit in 0..8 {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let verified = SignedNote::parse(&bytes, &Limits::DEFAULT).and_then(|note| note.verify(&key));
            assert!(verified.is_err(), "{at} {bit}");
        }
    }
}

#[test]
fn form_of_a_note() {
    let (note, _) = good();
    let signature = note.rsplit_once("\n\n").unwrap().1;
    let malformed = [
        // No empty line, no signature, no newline at the end, something behind.
        format!("text\n{signature}"),
        "text\n\n".to_owned(),
        note.trim_end().to_owned(),
        format!("{note}\n"),
        String::new(),
        "\n".to_owned(),
    ];
    for note in &malformed {
        assert_eq!(parse(note), Err(Error::Malformed), "{note:?}");
    }
    // The last empty line counts, however many there are.
    let several = format!("a\n\n\n{signature}");
    assert_eq!(parse(&several).unwrap().text(), "a\n\n");
    let dashed = format!("a\n\n{signature}\n{signature}");
    assert_eq!(parse(&dashed).unwrap().text(), format!("a\n\n{signature}"));
}

#[test]
fn form_of_a_signature_line() {
    let (note, _) = good();
    let encoded = note.trim_end().rsplit_once(' ').unwrap().1;
    let lines = [
        // A hyphen, an en dash, no space, two spaces, a tab would be a control character.
        format!("- n {encoded}"),
        format!("– n {encoded}"),
        format!("—n {encoded}"),
        format!("—  n {encoded}"),
        format!("— n  {encoded}"),
        format!("— n {encoded} "),
        format!(" — n {encoded}"),
        format!("— {encoded}"),
        format!("— n+m {encoded}"),
        format!("— n\u{a0}m {encoded}"),
        "— n".to_owned(),
        "— n ".to_owned(),
        // An id and nothing more; not base64; without padding; with bits that no byte has.
        "— n AAAAAA==".to_owned(),
        "— n AAAAAAA*".to_owned(),
        "— n AAAAAAA".to_owned(),
        "— n AAAAAAB=".to_owned(),
        "text".to_owned(),
    ];
    for line in &lines {
        let note = format!("{note}{line}\n");
        assert_eq!(parse(&note), Err(Error::SignatureMalformed { line: 2 }), "{line:?}");
    }
    assert!(parse(&format!("{note}— n AAAAAAA=\n")).is_ok());
}

#[test]
fn characters_of_a_note() {
    let (note, _) = good();
    for byte in (0..0x20).filter(|byte| *byte != b'\n') {
        let text = format!("a{}{note}", char::from(byte));
        assert_eq!(parse(&text), Err(Error::ControlCharacter { offset: 1 }));
        let tail = format!("{note}— n{} AAAAAAA=\n", char::from(byte));
        assert_eq!(parse(&tail), Err(Error::ControlCharacter { offset: note.len() + 5 }));
    }
    assert!(parse(&format!("a\u{7f}\u{2028}{note}")).is_ok());
    let bytes = [b"ab\xff\n\n", note.as_bytes()].concat();
    assert_eq!(SignedNote::parse(&bytes, &Limits::DEFAULT), Err(Error::NotUtf8 { offset: 2 }));
}

#[test]
fn a47_a_note_is_bounded() {
    let (note, key) = good();
    let limits = Limits { note_bytes: note.len(), ..Limits::DEFAULT };
    assert!(SignedNote::parse(note.as_bytes(), &limits).is_ok());
    let longer = format!("a{note}");
    let error = Error::TooLarge { got: longer.len(), limit: note.len() };
    assert_eq!(SignedNote::parse(longer.as_bytes(), &limits), Err(error));
    let most = format!("{note}{}", "— n AAAAAAA=\n".repeat(Limits::DEFAULT.note_signatures - 1));
    assert_eq!(parse(&most).unwrap().verify(&key), Ok(()));
    let more = format!("{most}— n AAAAAAA=\n");
    let limit = Limits::DEFAULT.note_signatures;
    assert_eq!(parse(&more), Err(Error::TooManySignatures { limit }));
}

/// Sixteen signatures, each of 5,000 bytes: what a verifier must take at least.
#[test]
fn as_many_signatures_as_the_specification_wants() {
    let (note, key) = good();
    let large = STANDARD.encode([7; 5_000]);
    let note: String = core::iter::once(note).chain((1..16).map(|n| format!("— n{n} {large}\n"))).collect();
    assert_eq!(parse(&note).unwrap().verify(&key), Ok(()));
}

#[test]
fn unknown_signatures_are_passed_over_and_not_counted() {
    let (note, key) = good();
    // The name of the known key with another key, its key under another name, its id with another name, rubbish.
    let id_alone = line("other", key.id(), &[1; 64]);
    let name_alone = line(NAME, key.id() ^ 1, &[1; 64]);
    let others = format!("{}{}{id_alone}{name_alone}— n AAAAAAA=\n", by(2, NAME), by(1, "other"));
    let more = format!("{note}{others}");
    assert_eq!(parse(&more).unwrap().verify(&key), Ok(()));
    let only = format!("{TEXT}\n{others}");
    assert_eq!(parse(&only).unwrap().verify(&key), Err(Error::NotSigned { key: key.to_string() }));
}

#[test]
fn a_wrong_signature_by_a_known_key_refuses_the_note_wherever_it_stands() {
    let (_, key) = good();
    let right = by(1, NAME);
    let wrong = line(NAME, key.id(), &Signer::new(1).sign(b"another text\n"));
    let short = line(NAME, key.id(), &[0; 63]);
    for (lines, at) in [
        (format!("{wrong}{right}"), 1),
        (format!("{right}{wrong}"), 2),
        (format!("{right}{short}"), 2),
        (wrong.clone(), 1),
    ] {
        let note = format!("{TEXT}\n{lines}");
        let error = Error::SignatureInvalid { key: key.to_string(), line: at };
        assert_eq!(parse(&note).unwrap().verify(&key), Err(error));
    }
    // Twice right is right.
    let note = format!("{TEXT}\n{right}{right}");
    assert_eq!(parse(&note).unwrap().verify(&key), Ok(()));
}

/// A cosignature over the bare text, as if the type were not in the message.
#[test]
fn a67_a_key_for_cosignatures_signs_no_text() {
    let signer = Signer::new(1);
    let key = VerifierKey::new(NAME, KeyType::CosignatureV1, signer.public()).unwrap();
    let note = format!("{TEXT}\n{}", line(NAME, key.id(), &signer.sign(TEXT.as_bytes())));
    let error = Error::SignatureInvalid { key: key.to_string(), line: 1 };
    assert_eq!(parse(&note).unwrap().verify(&key), Err(error));
    // The same public key as a log's has another id.
    let log = signer.key(NAME);
    assert_ne!(log.id(), key.id());
    assert_eq!(parse(&note).unwrap().verify(&log), Err(Error::NotSigned { key: log.to_string() }));
}

#[test]
fn verifier_keys_have_one_text() {
    let (_, key) = good();
    let text = key.to_string();
    assert_eq!(VerifierKey::parse(&text), Ok(key.clone()));
    let cosigner = VerifierKey::new("w.example", KeyType::CosignatureV1, *key.public()).unwrap();
    assert_eq!(VerifierKey::parse(&cosigner.to_string()), Ok(cosigner));

    let (name, rest) = text.split_once('+').unwrap();
    let (id, encoded) = rest.split_once('+').unwrap();
    let public = STANDARD.decode(encoded).unwrap();
    let with = |bytes: &[u8]| format!("{name}+{id}+{}", STANDARD.encode(bytes));
    let upper = id.to_uppercase();
    assert_ne!(upper, id, "this key's id has a letter");
    for malformed in [
        String::new(),
        name.to_owned(),
        format!("{name}+{id}"),
        format!("{name}+{upper}+{encoded}"),
        format!("{name}+0{id}+{encoded}"),
        format!("{name}++{encoded}"),
        format!("{name}+{id}+"),
        format!("{text}="),
        format!("{text} "),
        format!("{text}\n"),
        with(&public[..32]),
        with(&[&public[..], &[0]].concat()),
    ] {
        assert_eq!(VerifierKey::parse(&malformed), Err(Error::KeyMalformed), "{malformed}");
    }
    assert_eq!(VerifierKey::parse(&format!("+{id}+{encoded}")), Err(Error::NameMalformed));
    assert_eq!(VerifierKey::parse(&format!("a b+{id}+{encoded}")), Err(Error::NameMalformed));
    // ECDSA, RFC 6962, ML-DSA-44.
    for got in [0x00, 0x02, 0x05, 0x06, 0xff] {
        let other = with(&[&[got], &public[1..]].concat());
        assert_eq!(VerifierKey::parse(&other), Err(Error::KeyTypeUnknown { got }));
    }
}

#[test]
fn a61_a_key_id_is_that_of_name_type_and_key() {
    let (_, key) = good();
    let text = key.to_string();
    let (name, rest) = text.split_once('+').unwrap();
    let (id, encoded) = rest.split_once('+').unwrap();
    let mut public = STANDARD.decode(encoded).unwrap();
    let renamed = format!("{name}b+{id}+{encoded}");
    assert!(matches!(VerifierKey::parse(&renamed), Err(Error::KeyIdMismatch { got, .. }) if got == key.id()));
    public[0] = 0x04;
    let retyped = format!("{name}+{id}+{}", STANDARD.encode(&public));
    assert!(matches!(VerifierKey::parse(&retyped), Err(Error::KeyIdMismatch { .. })));
    public[0] = 0x01;
    public[7] ^= 1;
    let other = format!("{name}+{id}+{}", STANDARD.encode(&public));
    assert!(matches!(VerifierKey::parse(&other), Err(Error::KeyIdMismatch { .. })));
}

#[test]
fn a_key_whose_name_breaks_a_line() {
    let new = |name: &str| VerifierKey::new(name, KeyType::Ed25519, Signer::new(1).public());
    for name in ["", "a b", "a+b", "a\nb", "a\u{1}b", "a\u{1f}b", "a\u{a0}b", "a\u{2028}b"] {
        assert_eq!(new(name), Err(Error::NameMalformed), "{name:?}");
    }
    for name in ["a", "a!b", "a\u{7f}b", "größe.example/log"] {
        assert_eq!(new(name).unwrap().name(), name);
    }
}

/// Points for which anyone can sign, and further encodings of points: ring takes them.
#[test]
fn a61_a_public_key_is_the_one_encoding_of_a_point_that_is_somebodys() {
    let mut one = [0; 32];
    one[0] = 1;
    // R = 1, S = 0: good for any message, if the public key is the point 1.
    let anyones = [&one[..], &[0; 32]].concat();
    assert!(UnparsedPublicKey::new(&ED25519, one).verify(b"whatever", &anyones).is_ok());

    let small = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ];
    for hex in small {
        let mut public: [u8; 32] = hex::decode(hex).unwrap().try_into().unwrap();
        for _ in 0..2 {
            assert_eq!(VerifierKey::new(NAME, KeyType::CosignatureV1, public), Err(Error::KeyWeak), "{hex}");
            public[31] ^= 0x80;
        }
    }
    // y, and the same y plus the prime: 0 to 18 are the only ones that have two encodings.
    for y in 0..19 {
        let mut again = [0xff; 32];
        (again[0], again[31]) = (0xed + y, 0x7f);
        for sign in [0, 0x80] {
            let mut again = again;
            again[31] |= sign;
            assert_eq!(VerifierKey::new(NAME, KeyType::Ed25519, again), Err(Error::KeyWeak), "{y}");
        }
    }
    let mut largest = [0xff; 32];
    (largest[0], largest[31]) = (0xeb, 0x7f);
    assert!(VerifierKey::new(NAME, KeyType::Ed25519, largest).is_ok());
}

#[test]
fn only_notes_that_are_read_again_are_signed() {
    let signer = Signer::new(1);
    for text in ["", "\n", "\n\n", "a"] {
        assert_eq!(sign(text, NAME, &signer), Err(Error::Malformed), "{text:?}");
    }
    assert_eq!(sign("a\tb\n", NAME, &signer), Err(Error::ControlCharacter { offset: 1 }));
    assert_eq!(sign("a\n", "a b", &signer), Err(Error::NameMalformed));
    assert!(sign("a\n\nb\n", NAME, &signer).is_ok());
}

#[test]
fn what_a_faulty_signer_makes_is_not_published() {
    struct Faulty(Signer);
    impl SignEd25519 for Faulty {
        fn public_key(&self) -> [u8; 32] {
            self.0.public()
        }
        fn sign_ed25519(&self, _: &[u8]) -> Result<[u8; 64], SignError> {
            Ok(self.0.sign(b"something else"))
        }
    }
    let error = sign(TEXT, NAME, &Faulty(Signer::new(1))).unwrap_err();
    assert_eq!(error.code(), "signing_key_unavailable");
}

proptest! {
    #[test]
    fn what_is_signed_verifies_and_nothing_else_does(text in "[ -~\n\u{a0}-\u{2fff}]{1,60}", name in "[!-*,-~]{1,20}", number: u8) {
        let (text, signer) = (format!("{text}.\n"), Signer::new(number));
        let note = sign(&text, &name, &signer).unwrap();
        let parsed = parse(&note).unwrap();
        prop_assert_eq!(parsed.text(), &text);
        prop_assert_eq!(parsed.verify(&signer.key(&name)), Ok(()));
        prop_assert!(parsed.verify(&Signer::new(number ^ 1).key(&name)).is_err());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = SignedNote::parse(&bytes, &Limits::DEFAULT);
    }

    #[test]
    fn any_text_is_a_key_or_refused(text in "[a-z]{0,4}\\+[0-9a-f]{7,9}\\+[A-Za-z0-9+/=]{0,50}") {
        if let Ok(key) = VerifierKey::parse(&text) {
            prop_assert_eq!(key.to_string(), text);
        }
    }
}
