use super::*;
use crate::evidence::ima_log::build::{fields, true_record};
use crate::evidence::ima_log::{Entry, ImaLog};
use crate::limits::Limits;
use crate::reference::golden::key_from_pem;
use crate::testing::fixture;

const FILE: &[u8] = fixture!("ima-signatures/file");

macro_rules! sig {
    ($name:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../tests/fixtures/ima-signatures/",
            $name,
            ".sig"
        ))
        .as_slice()
    };
}

fn pem(bytes: &[u8]) -> SignerKey {
    key_from_pem(core::str::from_utf8(bytes).unwrap()).unwrap()
}

fn rsa() -> SignerKey {
    pem(fixture!("ima-signatures/rsa2048.pub.pem"))
}

fn p256() -> SignerKey {
    pem(fixture!("ima-signatures/p256.pub.pem"))
}

fn p384() -> SignerKey {
    pem(fixture!("ima-signatures/p384.pub.pem"))
}

/// The file's digest, as `d-ng` or `d-ngv2` tells it.
fn told<'d>(digest: &'d Digest, kind: Option<&'d str>) -> FileDigest<'d> {
    FileDigest { kind, algorithm: digest.alg().name(), bytes: digest.as_bytes() }
}

fn check(key: &SignerKey, field: &[u8], alg: HashAlg, kind: Option<&str>) -> Result<(), Error> {
    let digest = alg.hash(&[FILE]);
    key.verify(&FileSignature::parse(field)?, &told(&digest, kind))
}

#[test]
fn a_key_is_shown_by_its_algorithm_and_identifier() {
    for (key, algorithm) in [(rsa(), "rsa-2048"), (p256(), "ecdsa-p256"), (p384(), "ecdsa-p384")] {
        assert_eq!(key.algorithm(), algorithm);
        assert_eq!(format!("{key:?}"), format!("SignerKey({algorithm} {})", key.keyid()));
    }
}

#[test]
fn signatures_by_evmctl_verify() {
    use HashAlg::{Sha256, Sha384, Sha512};
    let all: [(SignerKey, [&[u8]; 3]); 3] = [
        (rsa(), [sig!("rsa2048-sha256"), sig!("rsa2048-sha384"), sig!("rsa2048-sha512")]),
        (p256(), [sig!("p256-sha256"), sig!("p256-sha384"), sig!("p256-sha512")]),
        (p384(), [sig!("p384-sha256"), sig!("p384-sha384"), sig!("p384-sha512")]),
    ];
    for (key, signatures) in &all {
        for (field, alg) in signatures.iter().zip([Sha256, Sha384, Sha512]) {
            let signature = FileSignature::parse(field).unwrap();
            assert_eq!((signature.over, signature.hash), (SignatureOver::FileDigest, alg));
            assert_eq!(KeyId(signature.keyid), key.keyid(), "SHA-1 of the key names it");
            for kind in [None, Some("ima")] {
                assert_eq!(check(key, field, alg, kind), Ok(()), "{key:?} {alg}");
            }
        }
    }
}

#[test]
fn version_3_signs_the_kind_of_digest_too() {
    let (verity, regular) = (sig!("rsa2048-sha256-v3-verity"), sig!("rsa2048-sha256-v3"));
    let check = |key: &SignerKey, field, kind| check(key, field, HashAlg::Sha256, kind);
    assert_eq!(check(&rsa(), verity, Some("verity")), Ok(()));
    assert_eq!(check(&p256(), sig!("p256-sha256-v3-verity"), Some("verity")), Ok(()));
    assert_eq!(check(&rsa(), regular, Some("ima")), Ok(()));
    assert_eq!(check(&rsa(), regular, None), Ok(()));
    // A descriptor of fs-verity is a file, too: its digest as the one is none as the other.
    assert_eq!(check(&rsa(), verity, Some("ima")), Err(Error::DigestOther));
    assert_eq!(check(&rsa(), verity, None), Err(Error::DigestOther));
    assert_eq!(check(&rsa(), regular, Some("verity")), Err(Error::DigestOther));
    assert_eq!(check(&rsa(), sig!("rsa2048-sha256"), Some("verity")), Err(Error::DigestOther));
    assert_eq!(check(&rsa(), verity, Some("other")), Err(Error::DigestOther));
    // The type is in what is signed: changed, it is another's signature.
    let mut changed = verity.to_vec();
    changed[0] = 3;
    assert_eq!(check(&rsa(), &changed, Some("ima")), Err(Error::SignatureInvalid { keyid: rsa().keyid() }));
    let mut older = regular.to_vec();
    older[1] = 2;
    assert_eq!(check(&rsa(), &older, Some("ima")), Err(Error::SignatureInvalid { keyid: rsa().keyid() }));
}

#[test]
fn a44_a_signature_over_another_digest() {
    for (key, field) in
        [(rsa(), sig!("rsa2048-sha256")), (p256(), sig!("p256-sha256")), (p384(), sig!("p384-sha256"))]
    {
        let signature = FileSignature::parse(field).unwrap();
        let other = HashAlg::Sha256.hash(&[b"an implant"]);
        let invalid = Err(Error::SignatureInvalid { keyid: key.keyid() });
        assert_eq!(key.verify(&signature, &told(&other, None)), invalid);
        // A digest of another hash, of a wrong length, and of a hash that is not known.
        let longer = HashAlg::Sha384.hash(&[FILE]);
        assert_eq!(key.verify(&signature, &told(&longer, None)), Err(Error::DigestOther));
        let short = FileDigest { kind: None, algorithm: "sha256", bytes: &longer.as_bytes()[..31] };
        assert_eq!(key.verify(&signature, &short), Err(Error::DigestOther));
        // The very bytes that were signed, told as another hash's of the same length.
        let signed = HashAlg::Sha256.hash(&[FILE]);
        let renamed = FileDigest { kind: None, algorithm: "sm3_256", bytes: signed.as_bytes() };
        assert_eq!(key.verify(&signature, &renamed), Err(Error::DigestOther));
        let unknown = FileDigest { kind: None, algorithm: "wp256", bytes: other.as_bytes() };
        assert_eq!(key.verify(&signature, &unknown), Err(Error::DigestOther));
    }
}

#[test]
fn a44_a_replaced_keyring() {
    let field = sig!("rsa2048-replaced-sha256");
    assert_eq!(
        KeyId(FileSignature::parse(field).unwrap().keyid),
        rsa().keyid(),
        "another key under the golden name"
    );
    let invalid = Err(Error::SignatureInvalid { keyid: rsa().keyid() });
    assert_eq!(check(&rsa(), field, HashAlg::Sha256, None), invalid);
    assert_eq!(
        check(&pem(fixture!("ima-signatures/rsa2048-other.pub.pem")), field, HashAlg::Sha256, None),
        Ok(())
    );
    // Another kind of key.
    assert_eq!(check(&p256().with_keyid(rsa().keyid()), field, HashAlg::Sha256, None), invalid);
    let rsa = rsa().with_keyid(p256().keyid());
    let invalid = Err(Error::SignatureInvalid { keyid: p256().keyid() });
    assert_eq!(check(&rsa, sig!("p256-sha256"), HashAlg::Sha256, None), invalid);
}

#[test]
fn a52_every_byte_of_a_signature_counts() {
    for (key, original) in [(rsa(), sig!("rsa2048-sha256")), (p256(), sig!("p256-sha256"))] {
        for at in (0..original.len()).filter(|at| !(3..7).contains(at)) {
            let mut changed = original.to_vec();
            changed[at] ^= 1;
            assert!(check(&key, &changed, HashAlg::Sha256, None).is_err(), "byte {at}");
        }
        for len in 0..original.len() {
            let error = FileSignature::parse(&original[..len]).unwrap_err();
            assert!(
                matches!(error, SignatureError::Truncated | SignatureError::Length { .. }),
                "{len}: {error}"
            );
        }
        let longer = [original, &[0]].concat();
        assert!(matches!(FileSignature::parse(&longer), Err(SignatureError::Length { .. })));
    }
}

#[test]
fn a44_weak_old_and_foreign_signatures_are_named() {
    let parse = |field: &[u8]| FileSignature::parse(field).unwrap_err();
    assert_eq!(parse(sig!("rsa2048-sha1")), SignatureError::HashWeak { id: 2 });
    assert_eq!(parse(sig!("rsa2048-v1")), SignatureError::VersionUnsupported { got: 1 });
    let with = |at: usize, value: u8| {
        let mut field = sig!("rsa2048-sha256").to_vec();
        field[at] = value;
        FileSignature::parse(&field).map(|signature| signature.hash).map_err(|error| error.code())
    };
    assert_eq!(with(2, 1), Err("signature_hash_weak"), "MD5");
    for unsupported in [3, 7, 11, 14, 17, 18, 19, 20, 255] {
        assert_eq!(with(2, unsupported), Err("signature_hash_unsupported"));
    }
    assert_eq!(with(1, 4), Err("signature_version_unsupported"));
    assert_eq!(with(0, 5), Err("signature_evm_portable"));
    assert_eq!(with(0, 6), Err("signature_version_unsupported"), "fs-verity's has version 3");
    for digest in [1, 2, 4] {
        assert_eq!(with(0, digest), Err("signature_type_unknown"));
    }
    assert_eq!(parse(&[]), SignatureError::Truncated);
    assert_eq!(parse(&[4]), SignatureError::TypeUnknown { got: 4 });
    assert_eq!(parse(&[3, 2, 4, 1, 2, 3, 4, 0, 0]), SignatureError::Length { told: 0, got: 0 });
}

#[test]
fn a_certificate_names_its_key() {
    let certificate = fixture!("ima-signatures/p256.crt");
    assert_eq!(SignerKey::from_certificate(certificate).unwrap().keyid(), p256().keyid());
    assert_eq!(key_in_buffer(&[certificate, b"padding"].concat()).unwrap().spki(), p256().spki());
    assert!(key_in_buffer(b"ima_policy").is_none());
    let named = pem(fixture!("ima-signatures/p384.crt.pem"));
    assert_eq!(named.keyid(), KeyId([0xcc, 0xdd, 0xee, 0xff]), "its own identifier, not the key's hash");
    assert_eq!(named.spki(), p384().spki());
    assert_eq!(check(&named, sig!("p384-sha384-keyid-of-certificate"), HashAlg::Sha384, None), Ok(()));
    for len in 0..certificate.len() {
        assert!(SignerKey::from_certificate(&certificate[..len]).is_err());
    }
}

#[test]
fn the_sig_field_of_a_list_is_what_is_parsed() {
    let digest = HashAlg::Sha256.hash(&[FILE]);
    let parts: [&[u8]; 3] = [&[b"sha256:\0", digest.as_bytes()].concat(), b"/file\0", sig!("p256-sha256")];
    let bytes = true_record(10, "ima-sig", &fields(&parts));
    let list = ImaLog::parse(&bytes, &Limits::DEFAULT).unwrap();
    let entry: Entry<'_> = list.entry(0).unwrap();
    let signature = FileSignature::parse(entry.signature().unwrap()).unwrap();
    assert_eq!(p256().verify(&signature, &entry.file_digest().unwrap()), Ok(()));
}

/// The list of a real boot under `ima-sig`, and the key that its files were signed with.
#[test]
fn real_signatures_verify_by_their_key_alone() {
    let key = pem(fixture!("boots/ima-sig/ima-signer.pub.pem"));
    let list = ImaLog::parse(fixture!("boots/ima-sig/ima.bin"), &Limits::DEFAULT).unwrap();
    let signed = list.entries().filter(|entry| entry.signature().is_some());
    let mut count = 0;
    for entry in signed {
        let signature = FileSignature::parse(entry.signature().unwrap()).unwrap();
        assert_eq!(KeyId(signature.keyid), key.keyid());
        assert_eq!(key.verify(&signature, &entry.file_digest().unwrap()), Ok(()), "{}", entry.index);
        assert!(rsa().verify(&signature, &entry.file_digest().unwrap()).is_err());
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn every_code_is_listed() {
    let keyid = KeyId([0; 4]);
    let own = [
        Error::Appended,
        Error::DigestOther,
        Error::SignatureInvalid { keyid },
        Error::SignerUnknown { keyid },
        Error::SignerNotMeasured { keyid },
        Error::TooMany,
    ];
    let form = [
        SignatureError::EvmPortable,
        SignatureError::HashUnsupported { id: 7 },
        SignatureError::HashWeak { id: 2 },
        SignatureError::Length { told: 1, got: 2 },
        SignatureError::Truncated,
        SignatureError::TypeUnknown { got: 1 },
        SignatureError::VersionUnsupported { got: 1 },
    ];
    let codes: std::collections::BTreeSet<_> =
        own.iter().map(Error::code).chain(form.iter().map(SignatureError::code)).collect();
    assert_eq!(codes, CODES.into_iter().collect());
}
