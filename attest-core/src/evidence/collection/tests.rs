//! A device's quote, logs and tokens in one collection, and what must not be in it.

use ciborium::Value;

use super::*;
use crate::evidence::Bundle;
use crate::testing::tokens::*;
use crate::testing::{fixture, pcrs_of};

const ATTEST: &[u8] = fixture!("boots/sb-grub/quote-ecc.attest");
const SIGNATURE: &[u8] = fixture!("boots/sb-grub/quote-ecc.sig");
const LOG: &[u8] = fixture!("boots/sb-grub/eventlog.bin");
const IMA: &[u8] = fixture!("boots/sb-grub/ima.bin");
const PCRS: &[u8] = fixture!("boots/sb-grub/pcrs.json");

/// What TPM2_Quote returned.
fn quote() -> Vec<u8> {
    let size = u16::try_from(ATTEST.len()).unwrap().to_be_bytes();
    [&size, ATTEST, SIGNATURE].concat()
}

fn cwt() -> Vec<u8> {
    Sign1::new(&map(plain_claims())).bytes()
}

/// Messages by label, type and content.
type Messages = Vec<(&'static str, &'static str, Vec<u8>)>;

fn all() -> Messages {
    vec![
        ("tpm", QUOTE, quote()),
        ("log", EVENT_LOG, LOG.to_vec()),
        ("ima", IMA_LIST, IMA.to_vec()),
        ("pcrs", PCR_VALUES, PCRS.to_vec()),
        ("user space", USERSPACE_LOG, b"a log".to_vec()),
        ("tee", "application/eat+cwt", cwt()),
        ("se", "application/eat+jwt", jws(Signer::P256, "ES256", r#"{"alg":"ES256"}"#, "{}").into_bytes()),
    ]
}

fn in_cbor(profile: Option<&str>, messages: &Messages) -> Vec<u8> {
    let profile = profile.map(|profile| (text("__cmwc_t"), text(profile)));
    let record = |kind: &str, content: &[u8]| Value::Array(vec![text(kind), bytes(content)]);
    let messages = messages.iter().map(|(label, kind, content)| (text(label), record(kind, content)));
    encode(&Value::Map(profile.into_iter().chain(messages).collect()))
}

fn in_json(profile: Option<&str>, messages: &Messages) -> Vec<u8> {
    let mut members = serde_json::Map::new();
    members.extend(profile.map(|profile| ("__cmwc_t".to_owned(), profile.into())));
    let record = |kind: &str, content: &[u8]| serde_json::json!([kind, base64url(content)]);
    members
        .extend(messages.iter().map(|(label, kind, content)| ((*label).to_owned(), record(kind, content))));
    serde_json::to_vec(&members).unwrap()
}

fn parse(bytes: &[u8]) -> Result<Collection<'_>, Error> {
    Collection::parse(bytes, &Limits::DEFAULT)
}

fn refused(messages: &Messages) -> Error {
    let error = parse(&in_cbor(None, messages)).unwrap_err();
    assert_eq!(parse(&in_json(None, messages)).unwrap_err(), error, "the same in both");
    error
}

fn without(label: &str) -> Messages {
    all().into_iter().filter(|(known, ..)| *known != label).collect()
}

fn plus(label: &'static str, kind: &'static str, content: &[u8]) -> Messages {
    let mut messages = all();
    messages.push((label, kind, content.to_vec()));
    messages
}

#[test]
fn quote_logs_and_tokens_are_taken_out_by_their_types() {
    for profile in [None, Some(PROFILE)] {
        for sent in [in_cbor(profile, &all()), in_json(profile, &all())] {
            let collection = parse(&sent).unwrap();
            let evidence = collection.evidence().unwrap();
            assert_eq!((evidence.attest, evidence.signature), (ATTEST, SIGNATURE));
            assert_eq!((evidence.event_log, evidence.ima), (Some(LOG), Some(IMA)));
            assert_eq!(evidence.userspace_log, Some(&b"a log"[..]));
            assert_eq!(evidence.pcrs, Some(pcrs_of(PCRS)));
            assert_eq!((evidence.signature_scheme, evidence.ima_after), (None, None));
            let formats: Vec<_> = collection.tokens().iter().map(Token::format).collect();
            assert!(formats.contains(&eat::Format::Cwt) && formats.contains(&eat::Format::Jwt));
            assert_eq!(formats.len(), 2);
        }
    }
    // In parts of its own, and without what need not be there; an empty log is not a missing one.
    let few: Messages = vec![("q", QUOTE, quote()), ("log", EVENT_LOG, Vec::new())];
    let inner = in_json(Some(PROFILE), &few);
    let outer =
        in_cbor(None, &vec![("tpm", "application/cmw+json", inner), ("t", "application/eat+cwt", cwt())]);
    let collection = parse(&outer).unwrap();
    let evidence = collection.evidence().unwrap();
    assert_eq!((evidence.event_log, evidence.ima, evidence.pcrs.as_ref()), (Some(&[][..]), None, None));
    assert_eq!((evidence.userspace_log, collection.tokens().len()), (None, 1));
    assert!(Bundle::parse(evidence, &Limits::DEFAULT).is_ok());
    // Tokens alone; and one message alone.
    let tokens = in_cbor(None, &vec![("t", "application/eat+cwt", cwt())]);
    let collection = parse(&tokens).unwrap();
    assert!(collection.evidence().is_none() && collection.tokens().len() == 1);
    let alone = encode(&Value::Array(vec![text(QUOTE), bytes(quote())]));
    assert!(parse(&alone).unwrap().evidence().is_some());
}

#[test]
fn what_nobody_here_can_judge_refuses_the_whole() {
    let unknown = |kind: &str| Error::MessageUnknown { label: "x".into(), kind: kind.into() };
    for kind in
        ["application/vnd.attest.tpm2-quotes", "application/octet-stream", "application/spdm-evidence", ""]
    {
        assert_eq!(refused(&plus("x", kind, b"")), unknown(kind));
    }
    let format = encode(&Value::Map(vec![(text("x"), Value::Array(vec![int(9), bytes([])]))]));
    assert_eq!(parse(&format).unwrap_err(), unknown("content format 9"));
    // The label says nothing, and a type is known by its whole name, in any case, with parameters.
    let mut renamed = without("tpm");
    renamed.push(("log2", "Application/VND.attest.tpm2-quote; x=y", quote()));
    assert!(parse(&in_cbor(None, &renamed)).unwrap().evidence().is_some());
    for other in ["urn:attest:cmw:device:2", "", "tag:example.com,2026:x"] {
        let got = other.to_owned();
        assert_eq!(
            parse(&in_cbor(Some(other), &all())).unwrap_err(),
            Error::TypeUnknown { got: got.clone() }
        );
        assert_eq!(
            parse(&in_json(Some(other), &all())).unwrap_err(),
            Error::TypeUnknown { got: got.clone() }
        );
        let inner = in_cbor(Some(other), &all());
        let outer = in_json(Some(PROFILE), &vec![("in", "application/cmw+cbor", inner)]);
        assert_eq!(parse(&outer).unwrap_err(), Error::TypeUnknown { got });
    }
}

/// Two of a kind: which one is the device's, each reader would say for itself.
#[test]
fn a46_each_kind_is_said_once() {
    let again = [
        (QUOTE, quote()),
        (EVENT_LOG, LOG.to_vec()),
        (IMA_LIST, IMA.to_vec()),
        (USERSPACE_LOG, Vec::new()),
        (PCR_VALUES, b"{}".to_vec()),
    ];
    assert_eq!(again.len(), KINDS.len());
    for (kind, content) in again {
        assert_eq!(refused(&plus("zz", kind, &content)), Error::MessageRepeated { label: "zz".into(), kind });
        // One of them in another collection.
        let inner = in_cbor(None, &vec![("q", QUOTE, quote()), ("zz", kind, content)]);
        let outer = in_cbor(None, &plus("zz", "application/cmw+cbor", &inner));
        assert!(matches!(parse(&outer), Err(Error::MessageRepeated { .. })), "{kind}");
    }
}

#[test]
fn logs_without_a_quote_are_nothing() {
    let (label, kind) = ("ima".to_owned(), IMA_LIST);
    assert_eq!(parse(&in_json(None, &without("tpm"))).unwrap_err(), Error::QuoteMissing { label, kind });
    for (label, kind, content) in all().into_iter().filter(|(_, kind, _)| KINDS[1..].contains(kind)) {
        let with_token = vec![("a", "application/eat+cwt", cwt()), (label, kind, content)];
        let kind = KINDS.into_iter().find(|known| *known == kind).unwrap();
        assert_eq!(refused(&with_token), Error::QuoteMissing { label: label.to_owned(), kind });
    }
    assert_eq!(refused(&Vec::new()), Error::Empty);
}

#[test]
fn a_quote_is_what_the_tpm_returned() {
    let malformed = |content: &[u8]| {
        let mut messages = without("tpm");
        messages.push(("tpm", QUOTE, content.to_vec()));
        refused(&messages)
    };
    let error = |declared, left| Error::QuoteMalformed { label: "tpm".into(), declared, left };
    assert_eq!(malformed(b""), error(0, 0));
    assert_eq!(malformed(&[0]), error(0, 1));
    assert_eq!(malformed(&[0, 0, 1, 2]), error(0, 2));
    assert_eq!(malformed(&[0, 2, 1, 2]), error(2, 2));
    assert_eq!(malformed(&[0xff, 0xff, 1, 2]), error(65_535, 2));
    let cut = &quote()[..ATTEST.len() + 2];
    assert_eq!(malformed(cut), error(ATTEST.len(), ATTEST.len()));
    // A size that points elsewhere makes another quote, which is then none.
    let mut shifted = quote();
    shifted[1] -= 1;
    let messages = vec![("tpm", QUOTE, shifted)];
    let sent = in_cbor(None, &messages);
    assert!(Bundle::parse(parse(&sent).unwrap().evidence().unwrap(), &Limits::DEFAULT).is_err());
}

#[test]
fn what_is_wrong_in_a_message_is_told_with_its_label() {
    let jwt = jws(Signer::P256, "ES256", r#"{"alg":"ES256"}"#, "{}");
    let token = |error| Error::Token { label: "x".into(), error };
    let called =
        eat::Error::WrapperMalformed { offset: 0, detail: "the type says that it is a CWT, and it is none" };
    assert_eq!(refused(&plus("x", "application/eat+cwt", jwt.as_bytes())), token(called));
    let called =
        eat::Error::WrapperMalformed { offset: 0, detail: "the type says that it is a JWT, and it is none" };
    assert_eq!(refused(&plus("x", "application/eat+jwt", &cwt())), token(called));
    let long = vec![b'a'; Limits::DEFAULT.token_bytes + 1];
    let error = eat::Error::TooLong { len: long.len(), limit: long.len() - 1 };
    assert_eq!(refused(&plus("x", "application/eat+jwt", &long)), token(error));
    let error = refused(&plus("x", "application/eat+cwt", &cwt()[..9]));
    assert!(error.to_string().starts_with(r#"message "x": "#), "{error}");
    let mut messages = without("pcrs");
    messages.push(("pcrs", PCR_VALUES, b"[]".to_vec()));
    let error = refused(&messages);
    assert_eq!(error, Error::PcrValues { label: "pcrs".into(), error: pcr_values::Error::ShapeUnexpected });
    assert_eq!(error.code(), "pcrs_malformed");
    assert_eq!(parse(b"").unwrap_err().code(), "wrapper_form_unexpected");
}

#[test]
fn a47_a_collection_is_bounded() {
    let limits = Limits { collection_bytes: 100, ..Limits::DEFAULT };
    let long = in_cbor(None, &vec![("log", EVENT_LOG, vec![0; 100])]);
    let error = Collection::parse(&long, &limits).unwrap_err();
    assert_eq!(error, Error::TooLong { len: long.len(), limit: 100 });
    let quoted = in_cbor(None, &vec![("q", QUOTE, quote())]);
    for (more, is_read) in [(0, true), (1, false)] {
        let limits = Limits { collection_bytes: quoted.len() - more, ..Limits::DEFAULT };
        assert_eq!(Collection::parse(&quoted, &limits).is_ok(), is_read, "a bound but for {more} bytes");
    }
    // A log is longer than a token may be, in both encodings.
    let log = vec![("q", QUOTE, quote()), ("log", EVENT_LOG, vec![0; Limits::DEFAULT.token_bytes * 3])];
    assert!(parse(&in_cbor(None, &log)).is_ok() && parse(&in_json(None, &log)).is_ok());
}

/// Every truncated prefix of a collection, and every changed byte of one without logs: an error or other parts, and no panic.
#[test]
fn a52_prefixes_and_changed_bytes() {
    let messages =
        vec![("q", QUOTE, quote()), ("t", "application/eat+cwt", cwt()), ("l", EVENT_LOG, vec![1, 2, 3])];
    for sent in [in_cbor(Some(PROFILE), &messages), in_json(Some(PROFILE), &messages)] {
        assert!(parse(&sent).is_ok());
        for len in 0..sent.len() {
            assert!(parse(&sent[..len]).is_err(), "{len}");
        }
        for at in 0..sent.len() {
            for flip in [1, 0x20, 0x80, 0xff] {
                let mut changed = sent.clone();
                changed[at] ^= flip;
                let _ = parse(&changed).map(|collection| collection.evidence().is_some());
            }
        }
    }
}
