use super::*;
use crate::evidence::cbor::{Key, Value, encode};
use crate::evidence::tcg_log::EventLog;
use crate::reference::corim::{Class, profile};
use crate::reference::golden::{Evidence, Golden};
use crate::reference::learn::{Boot, Choices, learn};
use crate::testing::fixture;
use crate::testing::tokens::{ALGORITHMS, Signer as Holder};

const NOW: Timestamp = Timestamp::from_unix(1_000);

fn golden() -> Golden {
    let log = EventLog::parse(fixture!("boots/sb-grub/eventlog.bin"), &Limits::DEFAULT).unwrap();
    let boot = Boot { name: "b", log: &log, userspace: None, evidence: Evidence::Quoted, files: None };
    learn("gateway", &[boot], &Choices::default()).unwrap()
}

fn payload(validity: Option<Validity>) -> Vec<u8> {
    profile::write(&golden(), &profile::Edition { tag_version: 5, validity }).unwrap()
}

fn int(value: i128) -> Value<'static> {
    Value::Integer(value)
}

fn map(entries: Vec<(i128, Value<'_>)>) -> Value<'_> {
    Value::Map(entries.into_iter().map(|(key, value)| (Key::Integer(key), value)).collect())
}

fn period(from: u64, until: u64) -> Value<'static> {
    let time = |at: u64| Value::Tag(1, Box::new(int(at.into())));
    map(vec![(0, time(from)), (1, time(until))])
}

/// The parts of a signed CoRIM, to be told wrongly one at a time.
struct Parts {
    holder: Holder,
    alg: &'static str,
    header: Vec<(i128, Value<'static>)>,
    unprotected: Vec<(i128, Value<'static>)>,
    payload: Vec<u8>,
    /// Bytes other than the payload that are signed.
    signed: Option<Vec<u8>>,
}

fn meta(validity: Option<Value<'static>>) -> Value<'static> {
    let signer = map(vec![(0, Value::Text("ACME"))]);
    let mut entries = vec![(0, signer)];
    entries.extend(validity.map(|validity| (1, validity)));
    Value::Bytes(Box::leak(encode(&map(entries)).into_boxed_slice()))
}

fn good() -> Parts {
    Parts {
        holder: Holder::P256,
        alg: "ES256",
        header: vec![(1, int(-7)), (3, Value::Text("application/rim+cbor")), (8, meta(None))],
        unprotected: vec![],
        payload: payload(None),
        signed: None,
    }
}

impl Parts {
    fn set(mut self, label: i128, value: Option<Value<'static>>) -> Self {
        self.header.retain(|(key, _)| *key != label);
        self.header.extend(value.map(|value| (label, value)));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let protected = encode(&map(self.header.clone()));
        let signed = self.signed.as_ref().unwrap_or(&self.payload);
        let parts =
            [Value::Text("Signature1"), Value::Bytes(&protected), Value::Bytes(&[]), Value::Bytes(signed)];
        let signature = self.holder.sign(self.alg, &encode(&Value::Array(parts.into())));
        let message = [
            Value::Bytes(&protected),
            map(self.unprotected.clone()),
            Value::Bytes(&self.payload),
            Value::Bytes(&signature),
        ];
        encode(&Value::Tag(18, Box::new(Value::Array(message.into()))))
    }

    /// Authenticated for the family by the holder of the P-256 key, who has seen version 5.
    fn judged(&self) -> Result<Option<Timestamp>, Error> {
        judged_by(&self.bytes(), Holder::P256, "gateway", 5)
    }

    fn malformed(&self) -> &'static str {
        SignedCorim::parse(&self.bytes(), &Limits::DEFAULT).expect_err("malformed").code()
    }
}

fn judged_by(bytes: &[u8], holder: Holder, family: &str, seen: u64) -> Result<Option<Timestamp>, Error> {
    let class = Class { id: None, vendor: None, model: Some(family), layer: None, index: None };
    let authority = [Environment { class: Some(class), instance: None, group: None }];
    let key = holder.key();
    let signer = Signer { key: &key, name: Some("ACME"), authority: &authority };
    let signed = SignedCorim::parse(bytes, &Limits::DEFAULT).expect("well-formed");
    let authentic = signed.authenticate(&signer, |_| Some(seen), NOW, &Limits::DEFAULT)?;
    assert_eq!(profile::read(authentic.corim()), Ok(golden()));
    Ok(authentic.valid_until())
}

#[test]
fn a_signed_golden_document_is_believed() {
    assert_eq!(good().judged(), Ok(None));
    let mut with_claims = good().set(8, None).set(15, Some(map(vec![(1, Value::Text("ACME"))])));
    with_claims.unprotected = vec![(4, Value::Bytes(b"kid"))];
    assert_eq!(with_claims.judged(), Ok(None));
    let bytes = with_claims.bytes();
    let signed = SignedCorim::parse(&bytes, &Limits::DEFAULT).unwrap();
    assert_eq!(signed.key_id(), Some(&b"kid"[..]));
    assert_eq!(signed.algorithm(), -7);
    assert_eq!(signed.claims().unwrap().issuer, "ACME");
    assert_eq!(profile::read(&signed.unverified(&Limits::DEFAULT).unwrap()), Ok(golden()));
}

#[test]
fn the_bytes_to_be_signed_are_those_that_were() {
    let parts = good();
    let signed = parts.bytes();
    let signed = SignedCorim::parse(&signed, &Limits::DEFAULT).unwrap();
    // Written out: an array of 4, "Signature1", the header, no external data, the payload of more than 255 bytes and less than 65,536.
    let protected = encode(&map(parts.header.clone()));
    let mut expected = b"\x84\x6aSignature1\x58".to_vec();
    expected.push(u8::try_from(protected.len()).unwrap());
    expected.extend_from_slice(&protected);
    expected.extend_from_slice(b"\x40\x59");
    expected.extend_from_slice(&u16::try_from(parts.payload.len()).unwrap().to_be_bytes());
    expected.extend_from_slice(&parts.payload);
    assert_eq!(signed.to_be_signed(), expected);
}

#[test]
fn every_algorithm_by_its_own_key_and_by_no_other() {
    for (holder, alg, number) in ALGORITHMS {
        let parts = Parts { holder, alg, ..good().set(1, Some(int(number.into()))) };
        let bytes = parts.bytes();
        assert_eq!(judged_by(&bytes, holder, "gateway", 5), Ok(None), "{alg}");
        for (other, ..) in ALGORITHMS.iter().filter(|(other, ..)| *other != holder) {
            let refused = judged_by(&bytes, *other, "gateway", 5);
            assert_eq!(refused, Err(Error::AlgorithmUnexpected { got: alg.into() }), "{alg} by {other:?}");
        }
    }
}

#[test]
fn a45_the_algorithm_is_protected_and_the_keys() {
    let unexpected = |got: &str| Err(Error::AlgorithmUnexpected { got: got.into() });
    assert_eq!(good().set(1, Some(int(-35))).judged(), unexpected("ES384"));
    assert_eq!(good().set(1, Some(int(5))).judged(), unexpected("HMAC 256/256"));
    assert_eq!(good().set(1, Some(int(0))).judged(), unexpected("0"));
    assert_eq!(good().set(1, None).malformed(), "corim_field_missing");
    assert_eq!(good().set(1, Some(Value::Text("ES256"))).malformed(), "corim_type_unexpected");
    let mut moved = good().set(1, None);
    moved.unprotected = vec![(1, int(-7))];
    assert_eq!(moved.malformed(), "corim_field_unknown");
}

#[test]
fn a45_what_decides_stands_in_one_header_alone() {
    for label in [1, 2, 3, 8, 15, 258] {
        let mut parts = good();
        parts.unprotected = vec![(label, int(1))];
        assert_eq!(parts.malformed(), "corim_field_unknown", "{label}");
    }
    let mut twice = good().set(4, Some(Value::Bytes(b"kid")));
    twice.unprotected = vec![(4, Value::Bytes(b"another"))];
    assert_eq!(twice.malformed(), "corim_field_unknown");
}

#[test]
fn a45_a_signature_over_something_else() {
    let other = Parts { signed: Some(b"other".to_vec()), ..good() };
    assert_eq!(other.judged(), Err(Error::SignatureInvalid));
    let bytes = good().bytes();
    for at in [bytes.len() - 1, bytes.len() - 100, 70] {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        let signed = SignedCorim::parse(&bytes, &Limits::DEFAULT);
        let key = Holder::P256.key();
        let signer = Signer { key: &key, name: None, authority: &[] };
        let refused =
            signed.map(|signed| signed.authenticate(&signer, |_| None, NOW, &Limits::DEFAULT).unwrap_err());
        assert!(matches!(refused, Ok(Error::SignatureInvalid) | Err(_)), "{at}: {refused:?}");
    }
}

#[test]
fn a46_unknown_critical_parameters() {
    let crit = |labels: Vec<Value<'static>>| good().set(2, Some(Value::Array(labels)));
    assert_eq!(crit(vec![int(3)]).judged(), Ok(None));
    assert_eq!(crit(vec![]).malformed(), "corim_empty");
    assert_eq!(crit(vec![int(77)]).set(77, Some(int(1))).malformed(), "corim_type_unexpected");
    assert_eq!(crit(vec![Value::Text("x")]).malformed(), "corim_type_unexpected");
    assert_eq!(crit(vec![int(15)]).malformed(), "corim_type_unexpected", "critical, and not there");
}

/// Something else that the same key signed must not pass as a CoRIM.
#[test]
fn a45_another_content_type() {
    assert_eq!(good().set(3, Some(Value::Text("application/eat+cwt"))).malformed(), "corim_type_unexpected");
    assert_eq!(good().set(3, None).malformed(), "corim_field_missing");
}

#[test]
fn a_payload_that_is_elsewhere_or_only_hashed() {
    assert_eq!(good().set(258, Some(int(-16))).malformed(), "corim_type_unexpected");
    let detached = [Value::Bytes(b"\xa0"), map(vec![]), Value::Null, Value::Bytes(b"")];
    let detached = encode(&Value::Tag(18, Box::new(Value::Array(detached.into()))));
    assert_eq!(SignedCorim::parse(&detached, &Limits::DEFAULT).unwrap_err().code(), "corim_type_unexpected");
    assert_eq!(good().set(8, None).malformed(), "corim_field_missing");
}

#[test]
fn a50_signed_by_someone_without_authority_for_that_environment() {
    let refused = judged_by(&good().bytes(), Holder::P256, "another", 5).unwrap_err();
    assert_eq!(refused.code(), "corim_authority_missing");
    let key = Holder::P256.key();
    let none = Signer { key: &key, name: None, authority: &[] };
    let bytes = good().bytes();
    let signed = SignedCorim::parse(&bytes, &Limits::DEFAULT).unwrap();
    let refused = signed.authenticate(&none, |_| None, NOW, &Limits::DEFAULT).unwrap_err();
    assert!(matches!(refused, Error::AuthorityMissing { .. }));
}

#[test]
fn a50_signed_in_anothers_name() {
    let named = good().set(15, Some(map(vec![(1, Value::Text("Mallory"))])));
    assert_eq!(named.judged(), Err(Error::SignerUnexpected { got: "Mallory".into() }));
}

#[test]
fn a50_an_older_edition_replayed() {
    let bytes = good().bytes();
    assert_eq!(judged_by(&bytes, Holder::P256, "gateway", 4), Ok(None));
    let tag = "urn:attest:golden:gateway".to_owned();
    assert_eq!(judged_by(&bytes, Holder::P256, "gateway", 6), Err(Error::TagOlder { tag, got: 5, seen: 6 }));
}

#[test]
fn a50_expired_or_not_yet_valid_wherever_it_is_said() {
    let at = Timestamp::from_unix;
    let in_meta = |from, until| good().set(8, Some(meta(Some(period(from, until)))));
    let in_claims = |nbf: u64, exp: u64| {
        let claims = vec![(1, Value::Text("ACME")), (4, int(exp.into())), (5, int(nbf.into()))];
        good().set(15, Some(map(claims)))
    };
    let in_corim = |from, until| {
        let validity = Validity { not_before: Some(at(from)), not_after: at(until) };
        Parts { payload: payload(Some(validity)), ..good() }
    };
    for (name, parts) in [("meta", &in_meta as &dyn Fn(u64, u64) -> Parts), ("corim", &in_corim)] {
        assert_eq!(parts(1_000, 1_000).judged(), Ok(Some(at(1_000))), "{name}");
        assert_eq!(parts(1_001, 2_000).judged(), Err(Error::NotYetValid { from: at(1_001) }), "{name}");
        assert_eq!(parts(1, 999).judged(), Err(Error::Expired { until: at(999) }), "{name}");
    }
    assert_eq!(in_claims(1_000, 1_001).judged(), Ok(Some(at(1_000))));
    assert_eq!(in_claims(1, 1_000).judged(), Err(Error::Expired { until: at(999) }));
    assert_eq!(in_claims(1_001, 2_000).judged(), Err(Error::NotYetValid { from: at(1_001) }));
    let both = in_claims(1, 2_000).set(8, Some(meta(Some(period(1, 1_500)))));
    assert_eq!(both.judged(), Ok(Some(at(1_500))), "the earliest end");
}

/// A51: a payload that is no CoRIM shows only behind a good signature.
#[test]
fn a51_the_signature_comes_before_the_payload() {
    let unread = Parts { payload: b"\xff".to_vec(), ..good() };
    assert_eq!(unread.judged().unwrap_err().code(), "cbor_indefinite_length");
    let forged = Parts { signed: Some(b"x".to_vec()), ..unread };
    assert_eq!(forged.judged(), Err(Error::SignatureInvalid));
}
