use super::*;
use crate::testing::{AK_ATTRIBUTES, SoftKey, fixture};

const LIMITS: Limits = Limits::DEFAULT;
const FIXED_TPM: u32 = 1 << 1;
const FIXED_PARENT: u32 = 1 << 4;
const SENSITIVE_DATA_ORIGIN: u32 = 1 << 5;
const RESTRICTED: u32 = 1 << 16;
const DECRYPT: u32 = 1 << 17;
const SIGN: u32 = 1 << 18;

fn with_attributes(attributes: u32) -> Error {
    let public = SoftKey::p256().public(attributes, 0x0b, &[0x18, 0x0b]);
    AttestationKey::vouched_tpm(&public, &LIMITS).unwrap_err()
}

fn with_scheme(key: &SoftKey, scheme: &[u16]) -> Error {
    let public = key.public(AK_ATTRIBUTES, 0x0b, scheme);
    AttestationKey::vouched_tpm(&public, &LIMITS).unwrap_err()
}

#[test]
fn genuine_keys_attest() {
    for public in [fixture!("boots/sb-grub/ak-ecc.pub"), fixture!("boots/sb-grub/ak-rsa.pub")] {
        let key = AttestationKey::vouched(public, &LIMITS).unwrap();
        assert!(key.attributes_proven() && key.scheme().is_some() && *key.subject() == Subject::Vouched);
        let key = AttestationKey::enrolled(public, "device-7", &LIMITS).unwrap();
        assert_eq!(*key.subject(), Subject::Enrolled { device_id: "device-7".into() });
    }
}

#[test]
fn a_key_is_shown_by_its_device_and_its_name() {
    let key = AttestationKey::enrolled(fixture!("boots/sb-grub/ak-ecc.pub"), "device-7", &LIMITS).unwrap();
    let name = hex::encode(key.name().unwrap());
    let shown = format!("{key:?}");
    assert!(shown.contains("device-7") && shown.contains(&name), "{shown}");
}

#[test]
fn a19_key_is_not_restricted() {
    assert_eq!(with_attributes(AK_ATTRIBUTES & !RESTRICTED), Error::AkNotRestricted);
}

#[test]
fn a19_key_may_not_sign() {
    assert_eq!(with_attributes(AK_ATTRIBUTES & !SIGN), Error::AkNotSigning);
}

#[test]
fn a19_key_may_decrypt() {
    assert_eq!(with_attributes(AK_ATTRIBUTES | DECRYPT), Error::AkDecrypts);
}

#[test]
fn a19_key_is_not_fixed_to_its_tpm() {
    assert_eq!(with_attributes(AK_ATTRIBUTES & !FIXED_TPM), Error::AkNotFixedTpm);
}

#[test]
fn a19_key_is_not_fixed_to_its_parent() {
    assert_eq!(with_attributes(AK_ATTRIBUTES & !FIXED_PARENT), Error::AkNotFixedParent);
}

#[test]
fn a19_key_was_made_outside_the_tpm() {
    assert_eq!(with_attributes(AK_ATTRIBUTES & !SENSITIVE_DATA_ORIGIN), Error::AkSensitiveDataImported);
}

#[test]
fn a19_key_is_named_by_a_weak_hash() {
    for (id, alg) in [(0x04, HashAlg::Sha1), (0x12, HashAlg::Sm3_256)] {
        let public = SoftKey::p256().public(AK_ATTRIBUTES, id, &[0x18, 0x0b]);
        assert_eq!(AttestationKey::vouched_tpm(&public, &LIMITS).unwrap_err(), Error::AkNameWeak { alg });
    }
    let public = SoftKey::p256().public(AK_ATTRIBUTES, 0x0c, &[0x18, 0x0b]);
    assert_eq!(AttestationKey::vouched_tpm(&public, &LIMITS).unwrap().name().unwrap().len(), 2 + 48);
}

#[test]
fn a19_key_names_no_scheme() {
    assert_eq!(with_scheme(&SoftKey::p256(), &[0x10]), Error::SchemeMissing);
    assert_eq!(with_scheme(&SoftKey::rsa2048(), &[0x10]), Error::SchemeMissing);
    assert_eq!(with_scheme(&SoftKey::p256(), &[0x1a, 0x0b, 0]), Error::SchemeMissing, "ECDAA");
    assert_eq!(with_scheme(&SoftKey::rsa2048(), &[0x15]), Error::SchemeMissing, "RSAES");
}

#[test]
fn a07_key_signs_sha1_digests() {
    assert_eq!(with_scheme(&SoftKey::rsa2048(), &[0x14, 0x04]), signature::Error::SignatureSha1.into());
    assert_eq!(with_scheme(&SoftKey::p256(), &[0x18, 0x04]), signature::Error::SignatureSha1.into());
}

#[test]
fn a_curve_with_a_hash_that_is_not_supported_is_refused_at_once() {
    let scheme = SignatureScheme { alg: SigningAlg::Ecdsa, hash: HashAlg::Sha512 };
    let error = signature::Error::SchemeUnsupported { scheme };
    assert_eq!(with_scheme(&SoftKey::p384(), &[0x18, 0x0d]), error.into());
}

#[test]
fn a10_key_has_another_name() {
    let name = fixture!("boots/sb-grub/ak-ecc.name");
    let key = |public| AttestationKey::enrolled(public, "d", &LIMITS).unwrap();
    assert!(key(fixture!("boots/sb-grub/ak-ecc.pub")).with_name(name).is_ok());
    let other = key(fixture!("boots/sb-grub/ak-rsa.pub")).with_name(name).unwrap_err();
    assert_eq!(other.code(), "ak_name_mismatch");
    let pem = AttestationKey::vouched(fixture!("boots/sb-grub/ak-ecc.pem"), &LIMITS).unwrap();
    assert_eq!(pem.with_name(name).unwrap_err().code(), "ak_name_mismatch");
}

#[test]
fn weak_rsa_numbers_are_refused() {
    let good = SoftKey::rsa2048().good_public();
    let code = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut public = good.clone();
        change(&mut public);
        AttestationKey::vouched_tpm(&public, &LIMITS).unwrap_err().code()
    };
    let (bits, exponent, modulus) = (16, 18, 24);
    assert_eq!(code(&|key| key[exponent + 3] = 3), "exponent_unsupported");
    assert_eq!(
        code(&|key| key[exponent..exponent + 4].copy_from_slice(&65538u32.to_be_bytes())),
        "exponent_unsupported"
    );
    assert_eq!(code(&|key| key[modulus] = 0x7f), "modulus_unsupported");
    assert_eq!(code(&|key| *key.last_mut().unwrap() &= 0xfe), "modulus_unsupported");
    assert_eq!(
        code(&|key| {
            // 1024 bits, well-formed and odd.
            key[bits..bits + 2].copy_from_slice(&1024u16.to_be_bytes());
            key[modulus - 2..modulus].copy_from_slice(&128u16.to_be_bytes());
            key.truncate(modulus + 128);
            key[modulus] = 0x80;
            *key.last_mut().unwrap() |= 1;
        }),
        "modulus_unsupported"
    );
}

#[test]
fn a_pem_key_proves_no_attributes_but_is_the_same_key() {
    for (pem, public) in [
        (fixture!("boots/sb-grub/ak-ecc.pem"), fixture!("boots/sb-grub/ak-ecc.pub")),
        (fixture!("boots/sb-grub/ak-rsa.pem"), fixture!("boots/sb-grub/ak-rsa.pub")),
    ] {
        let pem = AttestationKey::vouched(pem, &LIMITS).unwrap();
        assert!(!pem.attributes_proven() && pem.name().is_none() && pem.scheme().is_none());
        assert!(pem.verifying == AttestationKey::vouched(public, &LIMITS).unwrap().verifying);
    }
}

#[test]
fn pem_is_one_block_of_one_kind() {
    let good = core::str::from_utf8(fixture!("boots/sb-grub/ak-ecc.pem")).unwrap();
    let code = |pem: &str| AttestationKey::vouched_pem(pem, &LIMITS).unwrap_err().code();
    for (bad, expected) in [
        (String::new(), "pem_malformed"),
        (good.replace("PUBLIC", "PRIVATE"), "pem_malformed"),
        (good.replace("MFkw", "MFk"), "pem_malformed"),
        (good.replace("MFkw", "*Fkw"), "pem_malformed"),
        (good.replace("-----END PUBLIC KEY-----", ""), "pem_malformed"),
        (format!("{good}{good}"), "pem_malformed"),
        (format!("{good}trailing"), "pem_malformed"),
        (good.replace("MFkw", "MFgw"), "spki_malformed"),
        (good.replace("KoZIzj0DAQcD", "KoZIzj0DAQYD"), "spki_key_unsupported"),
        (good.replace("QgAEV3", "QgACV3"), "spki_point_not_uncompressed"),
    ] {
        assert_eq!(code(&bad), expected, "{bad}");
    }
    assert_eq!(code(&" ".repeat(9000)), "too_long");
    let limited = |public_key_bytes| {
        let limits = Limits { public_key_bytes, ..LIMITS };
        AttestationKey::vouched_pem(good, &limits).map(|_| ()).map_err(|error| error.code())
    };
    assert_eq!((limited(good.len()), limited(good.len() - 1)), (Ok(()), Err("too_long")));
}

#[test]
fn a52_pem_keys_changed_in_one_byte_or_cut_never_panic() {
    for pem in [fixture!("boots/sb-grub/ak-ecc.pem"), fixture!("boots/sb-grub/ak-rsa.pem")] {
        for at in 0..pem.len() {
            let _ = AttestationKey::vouched(&pem[..at], &LIMITS);
            let mut changed = pem.to_vec();
            changed[at] ^= 1;
            let _ = AttestationKey::vouched(&changed, &LIMITS);
        }
    }
}
