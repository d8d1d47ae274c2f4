use super::*;

/// The example of the specification, with a short note.
const EXAMPLE: &str = "old 20852014\n\
    PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
    jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
    5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
    /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\
    \n\
    a note\n";

fn parse(text: &str) -> Result<AddCheckpoint<'_>, RequestError> {
    AddCheckpoint::parse(text.as_bytes(), &Limits::DEFAULT)
}

#[test]
fn the_request_of_the_specification() {
    let request = parse(EXAMPLE).unwrap();
    assert_eq!((request.old, request.proof.len(), request.note), (20_852_014, 4, b"a note\n".as_slice()));
    assert_eq!(request.proof[0].to_base64(), "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=");
    assert_eq!(request.to_bytes(), EXAMPLE.as_bytes());
    let first = parse("old 0\n\nnote").unwrap();
    assert_eq!((first.old, first.proof.len(), first.note), (0, 0, b"note".as_slice()));
}

#[test]
fn lines_of_a_request() {
    for (text, line) in [
        ("", 1),
        ("old 1", 1),
        ("old 01\n\nn", 1),
        ("old  1\n\nn", 1),
        ("old 1 \n\nn", 1),
        ("Old 1\n\nn", 1),
        ("1\n\nn", 1),
        ("old -1\n\nn", 1),
        ("old 18446744073709551616\n\nn", 1),
        ("old 1\n", 2),
        ("old 1\nPlRN\n\nn", 2),
        ("old 1\r\n\r\nn", 1),
        ("old 1\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=", 2),
        ("old 1\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n", 3),
    ] {
        assert_eq!(parse(text), Err(RequestError::Malformed { line }), "{text:?}");
    }
    let bytes = AddCheckpoint::parse(b"old 1\n\xff\n\nn", &Limits::DEFAULT);
    assert_eq!(bytes, Err(RequestError::Malformed { line: 2 }));
}

#[test]
fn a47_a_request_is_bounded() {
    let hashes = |count| format!("{}\n", Hash::of_empty_tree().to_base64()).repeat(count);
    assert!(parse(&format!("old 1\n{}\nn", hashes(63))).is_ok());
    let error = Err(RequestError::TooManyHashes { limit: 63 });
    assert_eq!(parse(&format!("old 1\n{}\nn", hashes(64))), error);
    let limit = Limits::DEFAULT.note_bytes + 4096;
    let longest = format!("old 1\n\n{}", "n".repeat(limit - 7));
    assert_eq!(parse(&longest).map(|request| request.to_bytes().len()), Ok(limit));
    let long = longest + "n";
    assert_eq!(parse(&long), Err(RequestError::TooLarge { got: limit + 1, limit }));
    // The longest proof and the longest note go in together.
    let largest = format!("old {}\n{}\n{}", u64::MAX, hashes(63), "n".repeat(Limits::DEFAULT.note_bytes));
    assert!(parse(&largest).is_ok());
}

#[test]
fn every_code_is_its_own_and_stable() {
    for (error, code) in [
        (RequestError::Malformed { line: 1 }, "witness_request_malformed"),
        (RequestError::TooLarge { got: 2, limit: 1 }, "witness_request_too_large"),
        (RequestError::TooManyHashes { limit: 63 }, "witness_request_too_many_hashes"),
    ] {
        assert_eq!(error.code(), code, "{error}");
    }
}
