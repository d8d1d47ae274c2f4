use super::*;
use crate::Limits;
use crate::der::Der;
use crate::evidence::tpm::Public;
use crate::testing::{SoftKey, fixture, tpm2b};

const LIMITS: Limits = Limits::DEFAULT;
const MESSAGE: &[u8] = b"measured boot";

fn key(soft: &SoftKey) -> VerifyingKey {
    let public = soft.good_public();
    VerifyingKey::new(&Public::parse(&public, &LIMITS).unwrap().key()).unwrap()
}

fn scheme(name: &str) -> SignatureScheme {
    SignatureScheme::from_name(name).unwrap()
}

fn bare(key: &VerifyingKey, name: &str, signature: &[u8]) -> Result<(), &'static str> {
    let signature = Signature::bare(scheme(name), signature, &LIMITS).unwrap();
    key.verify(&Algorithms::RING, &signature, MESSAGE).map_err(|error| error.code())
}

fn framed(key: &VerifyingKey, signature: &[u8]) -> Result<(), &'static str> {
    let signature = Signature::parse(signature, &LIMITS).unwrap();
    key.verify(&Algorithms::RING, &signature, MESSAGE).map_err(|error| error.code())
}

/// r and s of an ECDSA signature in DER, without leading zeros.
fn numbers(der: &[u8]) -> (&[u8], &[u8]) {
    let mut fields = Der::only(der, crate::der::SEQUENCE).unwrap().inside();
    (fields.unsigned().unwrap(), fields.unsigned().unwrap())
}

fn padded(number: &[u8], width: usize) -> Vec<u8> {
    [&vec![0; width - number.len()], number].concat()
}

#[test]
fn foreign_rsa_signatures_of_every_hash() {
    let rsa = key(&SoftKey::rsa2048());
    for (name, signature) in [
        ("rsassa-sha256", fixture!("signatures/rsassa-sha256.sig")),
        ("rsassa-sha384", fixture!("signatures/rsassa-sha384.sig")),
        ("rsassa-sha512", fixture!("signatures/rsassa-sha512.sig")),
        ("rsapss-sha256", fixture!("signatures/rsapss-sha256-salt-digest.sig")),
        ("rsapss-sha384", fixture!("signatures/rsapss-sha384-salt-digest.sig")),
        ("rsapss-sha512", fixture!("signatures/rsapss-sha512-salt-digest.sig")),
    ] {
        assert_eq!(bare(&rsa, name, signature), Ok(()), "{name}");
        for other in ["rsassa-sha256", "rsassa-sha384", "rsapss-sha256", "rsapss-sha512"] {
            if other != name {
                assert_eq!(bare(&rsa, other, signature), Err("signature_invalid"), "{name} as {other}");
            }
        }
        assert_eq!(bare(&rsa, name, &signature[1..]), Err("signature_invalid"));
        assert_eq!(bare(&rsa, name, &[&[0], signature].concat()), Err("signature_invalid"));
    }
}

#[test]
fn a_salt_of_another_length_is_refused() {
    let rsa = key(&SoftKey::rsa2048());
    for (name, signature) in [
        ("rsapss-sha256", fixture!("signatures/rsapss-sha256-salt-max.sig")),
        ("rsapss-sha384", fixture!("signatures/rsapss-sha384-salt-max.sig")),
        ("rsapss-sha512", fixture!("signatures/rsapss-sha512-salt-max.sig")),
    ] {
        assert_eq!(bare(&rsa, name, signature), Err("signature_invalid"), "{name}");
    }
}

#[test]
fn foreign_ecdsa_signatures_in_every_form() {
    for (soft, width, name, hash, der) in [
        (SoftKey::p256(), 32, "ecdsa-sha256", 0x0b, fixture!("signatures/ecdsa-p256-sha256.der")),
        (SoftKey::p256(), 32, "ecdsa-sha384", 0x0c, fixture!("signatures/ecdsa-p256-sha384.der")),
        (SoftKey::p384(), 48, "ecdsa-sha256", 0x0b, fixture!("signatures/ecdsa-p384-sha256.der")),
        (SoftKey::p384(), 48, "ecdsa-sha384", 0x0c, fixture!("signatures/ecdsa-p384-sha384.der")),
    ] {
        let key = key(&soft);
        assert_eq!(bare(&key, name, der), Ok(()), "{name} DER");
        let (r, s) = numbers(der);
        let raw = [padded(r, width), padded(s, width)].concat();
        assert_eq!(bare(&key, name, &raw), Ok(()), "{name} r and s");
        assert_eq!(bare(&key, name, &[&raw[..], &[0]].concat()), Err("signature_invalid"));
        let tpmt = |r: &[u8], s: &[u8]| [&[0, 0x18, 0, hash][..], &tpm2b(r), &tpm2b(s)].concat();
        assert_eq!(framed(&key, &tpmt(r, s)), Ok(()), "{name} short numbers");
        assert_eq!(framed(&key, &tpmt(&padded(r, width), &padded(s, width))), Ok(()), "{name} full numbers");
        assert_eq!(framed(&key, &tpmt(s, r)), Err("signature_invalid"));
        assert_eq!(framed(&key, &tpmt(&[], s)), Err("signature_invalid"), "r is zero");
        assert_eq!(framed(&key, &tpmt(&padded(r, width + 1), s)), Err("signature_invalid"), "r is too long");
        assert_eq!(framed(&key, &tpmt(r, &padded(s, width + 1))), Err("signature_invalid"), "s is too long");
        assert_eq!(framed(&key, &tpmt(r, &vec![0xff; width])), Err("signature_invalid"), "s is too large");
    }
}

#[test]
fn a07_schemes_that_do_not_fit_the_key_or_are_not_supported() {
    let (ecc, rsa) = (key(&SoftKey::p256()), key(&SoftKey::rsa2048()));
    let der = fixture!("signatures/ecdsa-p256-sha256.der");
    assert_eq!(bare(&ecc, "rsassa-sha256", der), Err("scheme_not_for_key"));
    assert_eq!(bare(&rsa, "ecdsa-sha256", der), Err("scheme_not_for_key"));
    assert_eq!(bare(&ecc, "ecdsa-sha1", der), Err("signature_sha1"));
    assert_eq!(bare(&rsa, "rsassa-sha1", der), Err("signature_sha1"));
    assert_eq!(bare(&rsa, "rsapss-sm3_256", der), Err("scheme_unsupported"));
    // The cryptography has no ECDSA with SHA-512 on these curves.
    assert_eq!(
        bare(&ecc, "ecdsa-sha512", fixture!("signatures/ecdsa-p256-sha512.der")),
        Err("scheme_unsupported")
    );
    let p384 = key(&SoftKey::p384());
    assert_eq!(
        bare(&p384, "ecdsa-sha512", fixture!("signatures/ecdsa-p384-sha512.der")),
        Err("scheme_unsupported")
    );
    assert_eq!(bare(&p384, "ecdsa-sha256", der), Err("signature_invalid"), "a signature of the other curve");
}

#[test]
fn short_coordinates_are_padded() {
    let point = |x: &[u8], y: &[u8]| VerifyingKey::new(&PublicKey::Ecc { curve: EccCurve::NistP256, x, y });
    let Ok(VerifyingKey::Ecc { point: padded, .. }) = point(&[7; 30], &[9; 32]) else { panic!("refused") };
    assert_eq!(padded, [&[4, 0, 0][..], &[7; 30], &[9; 32]].concat());
    assert!(matches!(point(&[7; 33], &[9; 32]), Err(Error::CoordinateLength { expected: 32, got: 33 })));
}

/// Valid in the suite and refused here: file, test, reason. An unexpected success fails, too.
const WYCHEPROOF_REFUSED: [(&str, u64, &str); 2] = [
    ("rsa_signature_2048_sha256_test.json", 258, "public exponent 3"),
    ("rsa_signature_2048_sha256_test.json", 259, "public exponent 3"),
];

/// Past the capturing of the test harness.
fn say(line: std::fmt::Arguments<'_>) {
    use std::io::Write as _;
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// Tests of a foreign suite, kept outside of the project: every result in the file must come out, an unexpected success too.
#[test]
#[expect(clippy::disallowed_methods, reason = "the suite is read from files")]
fn wycheproof() {
    let shared = std::env::var_os("ATTEST_SHARED").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        std::path::PathBuf::from,
    );
    let folder = shared.join("corpus/all/C2SP__wycheproof/testvectors_v1");
    if !folder.is_dir() {
        say(format_args!("SKIPPED: no Wycheproof vectors at {}; set ATTEST_SHARED", folder.display()));
        return;
    }
    let exceptions = WYCHEPROOF_REFUSED.len();
    say(format_args!("corpus: wycheproof, {exceptions} exceptions"));
    for (file, name) in [
        ("ecdsa_secp256r1_sha256_test.json", "ecdsa-sha256"),
        ("ecdsa_secp384r1_sha384_p1363_test.json", "ecdsa-sha384"),
        ("rsa_pss_2048_sha256_mgf1_32_test.json", "rsapss-sha256"),
        ("rsa_pss_3072_sha256_mgf1_32_test.json", "rsapss-sha256"),
        ("rsa_signature_2048_sha256_test.json", "rsassa-sha256"),
    ] {
        let suite: serde_json::Value =
            serde_json::from_slice(&std::fs::read(folder.join(file)).unwrap()).unwrap();
        let (mut right, mut wrong) = (0, Vec::new());
        for group in suite["testGroups"].as_array().unwrap() {
            let hex_of = |value: &serde_json::Value| hex::decode(value.as_str().unwrap()).unwrap();
            let spki = hex_of(&group["publicKeyDer"]);
            let key = super::super::spki::public_key(&spki).map(|key| VerifyingKey::new(&key));
            for test in group["tests"].as_array().unwrap() {
                let (message, signature) = (hex_of(&test["msg"]), hex_of(&test["sig"]));
                let accepted = match (&key, Signature::bare(scheme(name), &signature, &LIMITS)) {
                    (Ok(Ok(key)), Ok(signature)) => {
                        key.verify(&Algorithms::RING, &signature, &message).is_ok()
                    }
                    _ => false,
                };
                let exception =
                    WYCHEPROOF_REFUSED.iter().any(|(of, id, _)| *of == file && test["tcId"] == *id);
                let expected = if exception { "invalid" } else { test["result"].as_str().unwrap() };
                match (expected, accepted) {
                    ("valid", true) | ("invalid", false) | ("acceptable", _) => right += 1,
                    (expected, _) => wrong.push(format!("{} {} {expected}", test["tcId"], test["comment"])),
                }
            }
        }
        say(format_args!("corpus: wycheproof {file} {right}/{}", right + wrong.len()));
        assert!(wrong.is_empty(), "{file}: {wrong:#?}");
    }
}

/// Another implementation that takes every signature, or none.
#[derive(Debug)]
struct Always(bool);

impl rustls_pki_types::SignatureVerificationAlgorithm for Always {
    fn verify_signature(
        &self,
        _public_key: &[u8],
        _message: &[u8],
        _signature: &[u8],
    ) -> Result<(), rustls_pki_types::InvalidSignature> {
        self.0.then_some(()).ok_or(rustls_pki_types::InvalidSignature)
    }

    fn public_key_alg_id(&self) -> rustls_pki_types::AlgorithmIdentifier {
        rustls_pki_types::alg_id::ECDSA_P256
    }

    fn signature_alg_id(&self) -> rustls_pki_types::AlgorithmIdentifier {
        rustls_pki_types::alg_id::ECDSA_SHA256
    }
}

#[test]
fn the_given_implementation_decides_and_no_other() {
    let soft = SoftKey::p256();
    let key = key(&soft);
    let good = soft.sign(MESSAGE);
    let with = |implementation: &'static Always, signature: &[u8]| {
        let algorithms = Algorithms { ecdsa_p256_sha256: implementation, ..Algorithms::RING };
        let signature = Signature::parse(signature, &LIMITS).unwrap();
        key.verify(&algorithms, &signature, MESSAGE)
    };
    assert_eq!(with(&Always(false), &good), Err(Error::SignatureInvalid));
    assert_eq!(with(&Always(true), &good), Ok(()));
    assert_eq!(framed(&key, &good), Ok(()));
}

#[test]
fn an_attestation_key_asks_the_implementation_it_was_given() {
    static NEVER: Algorithms = Algorithms { ecdsa_p256_sha256: &Always(false), ..Algorithms::RING };
    let soft = SoftKey::p256();
    let signature = soft.sign(MESSAGE);
    let signature = Signature::parse(&signature, &LIMITS).unwrap();
    let key = crate::authenticate::AttestationKey::vouched(&soft.good_public(), &LIMITS).unwrap();
    assert_eq!(key.verify(&signature, MESSAGE), Ok(()));
    assert_eq!(key.with_algorithms(&NEVER).verify(&signature, MESSAGE), Err(Error::SignatureInvalid));
}
