mod words;

use super::*;
use crate::Timestamp;
use crate::evidence::cbor::{Key, Value, encode};
use crate::reference::corim::{Class, Environment, NotAuthentic, SignedCorim, Signer, Validity, profile};
use crate::release::policy::RsaPadding;
use crate::release::testing::{name, request, words};
use crate::testing::tokens::Signer as Holder;

const LIMITS: Limits = Limits::DEFAULT;
const FILE: &[u8] = b"a file that is released";

/// Who signs, with which padding, and the algorithm as the holder knows it.
const HOLDERS: [(Holder, &str); 4] =
    [(Holder::P256, "ES256"), (Holder::P384, "ES384"), (Holder::Ed25519, "EdDSA"), (Holder::Rsa, "PS256")];

fn key(holder: Holder, purpose: Purpose) -> ReleaseKey {
    ReleaseKey::new(&holder.spki(), purpose, None).unwrap()
}

fn corim() -> Vec<u8> {
    let log = crate::evidence::tcg_log::EventLog::parse(
        crate::testing::fixture!("boots/sb-grub/eventlog.bin"),
        &LIMITS,
    )
    .unwrap();
    let boot = crate::reference::learn::Boot {
        name: "b",
        log: &log,
        userspace: None,
        evidence: crate::reference::golden::Evidence::Quoted,
        files: None,
    };
    let golden = crate::reference::learn::learn("gateway", &[boot], &Default::default()).unwrap();
    profile::write(&golden, &profile::Edition { tag_version: 5, validity: None }).unwrap()
}

fn sig_structure_of(entries: Vec<(i128, Value<'_>)>, payload: &[u8]) -> Vec<u8> {
    let header = encode(&Value::Map(entries.into_iter().map(|(k, v)| (Key::Integer(k), v)).collect()));
    let parts = [Value::Text("Signature1"), Value::Bytes(&header), Value::Bytes(&[]), Value::Bytes(payload)];
    encode(&Value::Array(parts.into()))
}

/// A request that lists these bytes for a key of this purpose, and releases the file and the measurements.
fn listing(purpose: Purpose, bytes: &[u8], measurements: &[u8]) -> (Request, ToSign) {
    let mut request = request();
    request.artifacts[0].sha256 = ObjectId::of(FILE);
    request.artifacts[0].size = FILE.len() as u64;
    request.measurements = Some(ObjectId::of(measurements));
    let listed = ToSign::new(name("key"), purpose, Custody::OnlineIntermediate, bytes);
    request.sign = vec![listed.clone()];
    (request, listed)
}

#[test]
fn a_signed_corim_is_read_and_authenticated_by_the_verifier() {
    let unsigned = corim();
    let validity =
        Validity { not_before: Some(Timestamp::from_unix(10)), not_after: Timestamp::from_unix(20) };
    for (holder, alg) in HOLDERS {
        let key = key(holder, Purpose::Corim);
        let draft = corim::Draft { signer: "gateway-corim", validity: Some(validity), corim: &unsigned };
        let bytes = draft.to_be_signed(&key, &LIMITS).unwrap();
        assert_eq!(draft.to_be_signed(&key, &LIMITS).unwrap(), bytes, "the same again");
        assert_eq!(subject(&key, &bytes, None, &LIMITS), Ok(Subject::Measurements(ObjectId::of(&unsigned))));
        let (request, listed) = listing(Purpose::Corim, &bytes, &unsigned);
        assert_eq!(check(&request, &listed, &key, &bytes, None, &LIMITS), Ok(()));
        let signed = corim::finish(&key, &bytes, &holder.sign(alg, &bytes), &LIMITS).unwrap();
        let parsed = SignedCorim::parse(&signed, &LIMITS).unwrap();
        assert_eq!(parsed.to_be_signed(), bytes);
        let class = Class { id: None, vendor: None, model: Some("gateway"), layer: None, index: None };
        let authority = [Environment { class: Some(class), instance: None, group: None }];
        let token_key = holder.key();
        let signer = Signer { key: &token_key, name: Some("gateway-corim"), authority: &authority };
        let at = |now| parsed.clone().authenticate(&signer, |_| None, Timestamp::from_unix(now), &LIMITS);
        assert_eq!(at(20).unwrap().valid_until(), Some(validity.not_after));
        assert_eq!(at(21).unwrap_err(), NotAuthentic::Expired { until: validity.not_after });
        // A flipped bit of the payload and one of the signature.
        for place in [signed.len() - 1, signed.len() / 2] {
            let mut lie = signed.clone();
            lie[place] ^= 1;
            let judged = SignedCorim::parse(&lie, &LIMITS).map(|parsed| {
                parsed.authenticate(&signer, |_| None, Timestamp::from_unix(15), &LIMITS).is_ok()
            });
            assert!(!judged.unwrap_or(false), "{alg} {place}");
        }
    }
}

#[test]
fn what_is_no_corim_is_not_drafted() {
    let key = key(Holder::P256, Purpose::Corim);
    let draft = corim::Draft { signer: "x", validity: None, corim: b"\xa0" };
    assert!(matches!(draft.to_be_signed(&key, &LIMITS), Err(Error::Corim(_))));
}

#[test]
fn a69_bytes_in_another_form_than_the_keys_purpose() {
    let unsigned = corim();
    let p256 = |purpose| key(Holder::P256, purpose);
    let draft = corim::Draft { signer: "x", validity: None, corim: &unsigned };
    let of_corim = draft.to_be_signed(&p256(Purpose::Corim), &LIMITS).unwrap();
    let of_cose = cose::detached(&p256(Purpose::Cose), None, FILE).unwrap();
    let refused = |purpose, bytes: &[u8]| subject(&p256(purpose), bytes, None, &LIMITS).unwrap_err().code();
    assert_eq!(refused(Purpose::Raw, &of_corim), "form_disguised");
    assert_eq!(refused(Purpose::Raw, &of_cose), "form_disguised");
    assert_eq!(refused(Purpose::Raw, b"\x85\x69Signature"), "form_disguised");
    assert_eq!(refused(Purpose::Cose, &of_corim), "form_shape_unexpected");
    assert_eq!(refused(Purpose::Cose, FILE), "cbor_trailing_bytes");
    assert_eq!(refused(Purpose::Corim, &of_cose), "corim_field_missing");
    assert_eq!(refused(Purpose::Corim, FILE), "cbor_trailing_bytes");
    assert_eq!(refused(Purpose::Authenticode, FILE), "form_image_missing");
    let is_of = |context, external, payload| {
        let parts = [Value::Text(context), Value::Bytes(b"\xa1\x01\x26"), Value::Bytes(external), payload];
        subject(&p256(Purpose::Cose), &encode(&Value::Array(parts.into())), None, &LIMITS)
            .map_err(|e| e.code())
    };
    assert_eq!(is_of("Signature1", b"", Value::Bytes(FILE)), Ok(artifact(FILE)));
    assert_eq!(is_of("CounterSignature1", b"", Value::Bytes(FILE)), Err("form_shape_unexpected"));
    assert_eq!(is_of("Signature1", b"external", Value::Bytes(FILE)), Err("form_shape_unexpected"));
    assert_eq!(is_of("Signature1", b"", Value::Null), Err("form_shape_unexpected"));
}

#[test]
fn a69_a_root_key_signs_no_artifact() {
    let root = key(Holder::P256, Purpose::Root);
    assert_eq!(subject(&root, FILE, None, &LIMITS), Err(Error::RootKey));
    let (request, listed) = listing(Purpose::Root, FILE, b"");
    assert_eq!(check(&request, &listed, &root, FILE, None, &LIMITS), Err(Error::RootKey));
}

#[test]
fn a69_bytes_that_the_request_does_not_list() {
    let raw = key(Holder::P256, Purpose::Raw);
    let (request, listed) = listing(Purpose::Raw, FILE, b"");
    assert_eq!(check(&request, &listed, &raw, FILE, None, &LIMITS), Ok(()));
    assert_eq!(
        check(&request, &listed, &raw, b"a pile that is released", None, &LIMITS),
        Err(Error::OtherBytes)
    );
    let mut longer = listed.clone();
    longer.size += 1;
    assert_eq!(check(&request, &longer, &raw, FILE, None, &LIMITS), Err(Error::NotListed));
    let mut lying = request.clone();
    lying.sign = vec![longer.clone()];
    assert_eq!(check(&lying, &longer, &raw, FILE, None, &LIMITS), Err(Error::OtherBytes));
    let (of_cose, listed_for_cose) = listing(Purpose::Cose, FILE, b"");
    let refused = Error::PurposeUnexpected { key: Purpose::Raw, listed: Purpose::Cose };
    assert_eq!(check(&of_cose, &listed_for_cose, &raw, FILE, None, &LIMITS), Err(refused));
}

#[test]
fn a67a_bytes_about_something_that_is_not_released() {
    let other = b"another file";
    let raw = key(Holder::P256, Purpose::Raw);
    let not_released = |purpose| Err(Error::SubjectNotReleased { purpose });
    let (request, listed) = listing(Purpose::Raw, other, b"");
    assert_eq!(check(&request, &listed, &raw, other, None, &LIMITS), not_released(Purpose::Raw));
    let mut of_other_size = listing(Purpose::Raw, FILE, b"").0;
    of_other_size.artifacts[0].size += 1;
    let listed = of_other_size.sign[0].clone();
    assert_eq!(check(&of_other_size, &listed, &raw, FILE, None, &LIMITS), not_released(Purpose::Raw));
    let unsigned = corim();
    let corim_key = key(Holder::P256, Purpose::Corim);
    let draft = corim::Draft { signer: "x", validity: None, corim: &unsigned };
    let bytes = draft.to_be_signed(&corim_key, &LIMITS).unwrap();
    let (request, listed) = listing(Purpose::Corim, &bytes, b"other measurements");
    assert_eq!(check(&request, &listed, &corim_key, &bytes, None, &LIMITS), not_released(Purpose::Corim));
    let cose_key = key(Holder::P256, Purpose::Cose);
    for bytes in [
        cose::detached(&cose_key, None, other).unwrap(),
        cose::envelope(&cose_key, None, None, &ObjectId::of(other)).unwrap(),
    ] {
        let (request, listed) = listing(Purpose::Cose, &bytes, b"");
        assert_eq!(check(&request, &listed, &cose_key, &bytes, None, &LIMITS), not_released(Purpose::Cose));
    }
}

#[test]
fn a45_the_algorithm_in_the_header_is_the_keys() {
    let unsigned = corim();
    let (p256, p384) = (Holder::P256, Holder::P384);
    let draft = corim::Draft { signer: "x", validity: None, corim: &unsigned };
    let bytes = draft.to_be_signed(&key(p384, Purpose::Corim), &LIMITS).unwrap();
    let refused = Error::AlgorithmUnexpected { got: -35, key: Scheme::EcdsaP256 };
    assert_eq!(subject(&key(p256, Purpose::Corim), &bytes, None, &LIMITS), Err(refused.clone()));
    let bytes = cose::detached(&key(p384, Purpose::Cose), None, FILE).unwrap();
    assert_eq!(subject(&key(p256, Purpose::Cose), &bytes, None, &LIMITS), Err(refused.clone()));
    let message =
        cose::finish(&key(p384, Purpose::Cose), &bytes, &p384.sign("ES384", &bytes), &LIMITS).unwrap();
    assert_eq!(cose::verify(&key(p256, Purpose::Cose), &message, FILE, &LIMITS), Err(refused));
}

#[test]
fn files_signed_in_both_forms_of_cose() {
    for (holder, alg) in HOLDERS {
        let key = key(holder, Purpose::Cose);
        let detached = cose::detached(&key, Some("application/octet-stream"), FILE).unwrap();
        let file = ObjectId::of(FILE);
        let envelope =
            cose::envelope(&key, Some("application/octet-stream"), Some("https://x.example/f"), &file)
                .unwrap();
        for bytes in [detached, envelope] {
            let (request, listed) = listing(Purpose::Cose, &bytes, b"");
            assert_eq!(check(&request, &listed, &key, &bytes, None, &LIMITS), Ok(()));
            let message = cose::finish(&key, &bytes, &holder.sign(alg, &bytes), &LIMITS).unwrap();
            assert_eq!(cose::verify(&key, &message, FILE, &LIMITS), Ok(()));
            let other = cose::verify(&key, &message, b"another file", &LIMITS).unwrap_err();
            assert!(matches!(other, Error::SignatureInvalid | Error::FileUnexpected), "{other}");
            let another = cose::finish(&key, &bytes, &holder.sign(alg, b"something else"), &LIMITS);
            assert_eq!(another, Err(Error::SignatureInvalid));
        }
    }
}

#[test]
fn a45_every_changed_byte_of_a_signed_file_is_refused() {
    for (holder, alg) in HOLDERS {
        let key = key(holder, Purpose::Cose);
        for bytes in [
            cose::detached(&key, Some("x/y"), FILE).unwrap(),
            cose::envelope(&key, Some("x/y"), Some("https://x.example/f"), &ObjectId::of(FILE)).unwrap(),
        ] {
            let message = cose::finish(&key, &bytes, &holder.sign(alg, &bytes), &LIMITS).unwrap();
            assert_eq!(cose::verify(&key, &message, FILE, &LIMITS), Ok(()));
            for place in 0..message.len() {
                let mut lie = message.clone();
                lie[place] ^= 1;
                assert!(cose::verify(&key, &lie, FILE, &LIMITS).is_err(), "{alg} {place}");
            }
        }
    }
}

#[test]
fn headers_that_say_two_things_or_unknown_ones() {
    let key = key(Holder::P256, Purpose::Cose);
    let digest = sha256(FILE);
    let alg = || (1, Value::Integer(-7));
    let hash = || (258, Value::Integer(-16));
    let read = |entries, payload: &[u8]| {
        subject(&key, &sig_structure_of(entries, payload), None, &LIMITS).map_err(|error| error.code())
    };
    assert!(read(vec![alg(), hash()], &digest).is_ok());
    for lie in [
        vec![hash()],
        vec![alg(), hash(), (3, Value::Text("x"))],
        vec![alg(), (259, Value::Text("x"))],
        vec![alg(), (260, Value::Text("x"))],
        vec![alg(), (258, Value::Integer(-44))],
        vec![alg(), (2, Value::Array(vec![Value::Integer(99)])), (99, Value::Null)],
    ] {
        assert_eq!(read(lie.clone(), &digest), Err("form_shape_unexpected"), "{lie:?}");
    }
    assert_eq!(read(vec![alg(), hash()], FILE), Err("form_shape_unexpected"), "no SHA-256");
    // Not in the order of deterministic CBOR: another spelling of the same.
    let swapped = b"\xa2\x19\x01\x02\x2f\x01\x26";
    let parts = [Value::Text("Signature1"), Value::Bytes(swapped), Value::Bytes(&[]), Value::Bytes(&digest)];
    let swapped = subject(&key, &encode(&Value::Array(parts.into())), None, &LIMITS);
    assert_eq!(swapped.unwrap_err().code(), "form_shape_unexpected");
}

#[test]
fn an_envelope_around_another_digest() {
    let key = key(Holder::P256, Purpose::Cose);
    let bytes = cose::envelope(&key, None, None, &ObjectId::of(b"another file")).unwrap();
    let message = cose::finish(&key, &bytes, &Holder::P256.sign("ES256", &bytes), &LIMITS).unwrap();
    assert_eq!(cose::verify(&key, &message, FILE, &LIMITS), Err(Error::FileUnexpected));
    // Something in the unprotected header is not signed.
    let marked = [&message[..1], &message[1..]].concat();
    let at = marked.windows(2).position(|pair| pair == [0xa0, 0x58]).unwrap();
    let marked = [&marked[..at], b"\xa1\x04\x41\x00", &marked[at + 1..]].concat();
    assert_eq!(cose::verify(&key, &marked, FILE, &LIMITS).unwrap_err().code(), "form_shape_unexpected");
}

#[test]
fn bare_signatures_of_every_scheme() {
    let holders = [
        (Holder::P256, "ES256", None),
        (Holder::P384, "ES384", None),
        (Holder::Ed25519, "EdDSA", None),
        (Holder::Rsa, "PS256", Some(RsaPadding::Pss)),
        (Holder::Rsa, "RS256", Some(RsaPadding::Pkcs1)),
    ];
    for (holder, alg, padding) in holders {
        let key = ReleaseKey::new(&holder.spki(), Purpose::Raw, padding).unwrap();
        assert_eq!(key.spki_der(), holder.spki());
        let signature = holder.sign(alg, FILE);
        assert_eq!(raw::verify(&key, FILE, &signature), Ok(()));
        assert_eq!(raw::verify(&key, b"another", &signature), Err(Error::SignatureInvalid));
        for (_, other, _) in holders.iter().filter(|(who, other, _)| (*who, *other) != (holder, alg)) {
            let by_other = holders.iter().find(|(_, name, _)| name == other).unwrap().0.sign(other, FILE);
            assert_eq!(raw::verify(&key, FILE, &by_other), Err(Error::SignatureInvalid), "{alg} {other}");
        }
        for place in 0..signature.len() {
            let mut lie = signature.clone();
            lie[place] ^= 1;
            assert_eq!(raw::verify(&key, FILE, &lie), Err(Error::SignatureInvalid));
        }
    }
}

#[test]
fn ed25519_signs_an_artifacts_digest_as_mcuboot_has_it() {
    let (request, listed) = listing(Purpose::Raw, &sha256(FILE), b"");
    let key = key(Holder::Ed25519, Purpose::Raw);
    assert_eq!(check(&request, &listed, &key, &sha256(FILE), None, &LIMITS), Ok(()));
    let key = ReleaseKey::new(&Holder::P256.spki(), Purpose::Raw, None).unwrap();
    let refused = Err(Error::SubjectNotReleased { purpose: Purpose::Raw });
    assert_eq!(
        check(&request, &listed, &key, &sha256(FILE), None, &LIMITS),
        refused,
        "it would be hashed twice"
    );
}

#[test]
fn ecdsa_signatures_in_der() {
    let mut signature = vec![0; 64];
    signature[0] = 0x80;
    signature[63] = 1;
    let der = raw::der(Scheme::EcdsaP256, &signature).unwrap();
    let mut expected = vec![0x30, 0x26, 0x02, 0x21, 0x00, 0x80];
    expected.extend([0; 31]);
    expected.extend([0x02, 0x01, 0x01]);
    assert_eq!(der, expected);
    assert_eq!(raw::der(Scheme::EcdsaP256, &signature[1..]), Err(Error::SignatureInvalid));
    assert_eq!(raw::der(Scheme::EcdsaP384, &signature), Err(Error::SignatureInvalid));
    assert_eq!(raw::der(Scheme::Ed25519, &signature).unwrap(), signature);
}

#[test]
fn a_key_has_one_algorithm_for_its_purpose_or_none() {
    let new = |holder: Holder, purpose, padding| {
        ReleaseKey::new(&holder.spki(), purpose, padding).map(|key| key.scheme()).map_err(|e| e.code())
    };
    let (pss, pkcs1) = (Some(RsaPadding::Pss), Some(RsaPadding::Pkcs1));
    assert_eq!(new(Holder::Rsa, Purpose::Authenticode, None), Ok(Scheme::RsaPkcs1));
    assert_eq!(new(Holder::P256, Purpose::Authenticode, None), Ok(Scheme::EcdsaP256));
    assert_eq!(new(Holder::Rsa, Purpose::Corim, None), Ok(Scheme::RsaPss));
    for (holder, purpose, padding) in [
        (Holder::Ed25519, Purpose::Authenticode, None),
        (Holder::P384, Purpose::Authenticode, None),
        (Holder::Rsa, Purpose::Raw, None),
        (Holder::Rsa, Purpose::Authenticode, pss),
        (Holder::Rsa, Purpose::Cose, pkcs1),
        (Holder::P256, Purpose::Raw, pss),
    ] {
        assert_eq!(new(holder, purpose, padding), Err("form_key_for_purpose"), "{holder:?} {purpose:?}");
    }
}

#[test]
fn rsa_keys_that_do_not_count() {
    let good = Holder::Rsa.spki();
    let refused = |spki: &[u8]| ReleaseKey::new(spki, Purpose::Authenticode, None).unwrap_err().code();
    // The exponent, and the first byte of the modulus.
    for (place, byte) in [(good.len() - 1, 0), (33, 0x7f)] {
        let mut weak = good.clone();
        weak[place] = byte;
        assert_eq!(refused(&weak), "form_rsa_weak");
    }
    assert_eq!(refused(&[&good[..], &[0]].concat()), "release_key_spki_unexpected");
    // One key, one spelling: without the NULL it is none.
    let mut without_null = good.clone();
    without_null.drain(17..19);
    without_null[3] -= 2;
    without_null[5] -= 2;
    assert_eq!(refused(&without_null), "release_key_spki_unexpected");
}

#[test]
fn words_are_what_a_reason_is_made_of() {
    // The request of these tests is one that parses.
    let (mut request, _) = listing(Purpose::Raw, FILE, b"");
    request.reason = words("Fixes CVE-2026-1");
    let bytes = crate::release::object::write(&request).unwrap();
    assert_eq!(Request::parse(&bytes, &LIMITS), Ok(request));
}
