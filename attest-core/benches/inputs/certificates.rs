//! An endorsement key's certificate with those between it and a root: at most 8 KiB each, and six of them.

use attest_core::authenticate::ek::{EkRoots, verify_ek};
use attest_core::evidence::tpm::Public;
use attest_core::{Limits, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
};

use super::{Parser, Shape};

pub(super) const PARSERS: [Parser; 1] = [Parser { name: "endorsement key's chain", shapes, read }];

/// In December 2026.
const NOW: Timestamp = Timestamp::from_unix(1_796_000_000);

/// Root, public area and certificates, each behind its length.
fn read(bytes: &[u8]) -> Result<(), String> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some((len, behind)) = rest.split_first_chunk::<4>() {
        let len = usize::try_from(u32::from_be_bytes(*len)).expect("short");
        let (part, behind) = behind.split_at(len);
        parts.push(part);
        rest = behind;
    }
    let limits = Limits::DEFAULT;
    let mut roots = EkRoots::new();
    roots.add(parts[0]).expect("a root");
    let public = Public::parse(parts[1], &limits).expect("a public area");
    verify_ek(&roots, parts[2], &parts[3..], &public, NOW, &limits)
        .map(drop)
        .map_err(|error| error.to_string())
}

fn ca(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key")
}

/// An extension of so many bytes that nothing knows.
fn extension(nth: u64, content: Vec<u8>) -> CustomExtension {
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, nth], content)
}

fn leaf(key: &KeyPair, issuer: &Issuer<'_, &KeyPair>, more: Vec<CustomExtension>) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.is_ca = IsCa::ExplicitNoCa;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(vec![2, 23, 133, 8, 1])];
    params.custom_extensions = more;
    params.signed_by(key, issuer).expect("signed").der().to_vec()
}

fn tpm2b(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).expect("short").to_be_bytes(), bytes].concat()
}

fn shapes() -> Vec<Shape> {
    let (root, between, own) = (key(), key(), key());
    let anchor = ca("Root").self_signed(&root).expect("signed").der().to_vec();
    let (x, y) = own.public_key_raw()[1..].split_at(32);
    let start = [0, 0x23, 0, 0x0b, 0, 3, 0, 0xb2, 0, 0, 0, 6, 0, 128, 0, 0x43, 0, 0x10, 0, 3, 0, 0x10];
    let public = tpm2b(&[&start[..], &tpm2b(x), &tpm2b(y)].concat());
    let put = |certificates: &[Vec<u8>]| {
        let parts = [anchor.clone(), public.clone()].into_iter().chain(certificates.iter().cloned());
        parts
            .flat_map(|part| [&u32::try_from(part.len()).expect("short").to_be_bytes()[..], &part].concat())
            .collect::<Vec<u8>>()
    };
    let by_root = Issuer::new(ca("Root"), &root);
    let by_ca = Issuer::new(ca("CA"), &between);
    let between_der = ca("CA").signed_by(&between, &by_root).expect("signed").der().to_vec();
    let plain = leaf(&own, &by_ca, vec![]);
    // Of the right name, with other keys, which the root has signed.
    let strangers: Vec<Vec<u8>> =
        (0..6).map(|_| ca("CA").signed_by(&key(), &by_root).expect("signed").der().to_vec()).collect();
    // Each of the name that issued all of them: any may stand above any.
    let keys: Vec<KeyPair> = (0..6).map(|_| key()).collect();
    let circle: Vec<Vec<u8>> = keys
        .iter()
        .enumerate()
        .map(|(nth, own)| {
            let above = Issuer::new(ca("CA"), &keys[(nth + 1) % 6]);
            ca("CA").signed_by(own, &above).expect("signed").der().to_vec()
        })
        .collect();
    // One key for all, so that every signature holds, and no root above them.
    let alike: Vec<Vec<u8>> =
        (0..6).map(|_| ca("CA").signed_by(&between, &by_ca).expect("signed").der().to_vec()).collect();
    let many = |bytes: usize, each: usize| {
        let count = u64::try_from(bytes / (each + 20)).expect("few");
        (0..count).map(|nth| extension(nth, vec![4; each])).collect::<Vec<_>>()
    };
    let nested = [0x30, 0x80].repeat(3_500);
    vec![
        ("a leaf, one between", put(&[plain.clone(), between_der.clone()])),
        ("many extensions", put(&[leaf(&own, &by_ca, many(7_000, 2)), between_der.clone()])),
        ("one long extension", put(&[leaf(&own, &by_ca, many(7_500, 7_000)), between_der.clone()])),
        (
            "an extension of nested heads",
            put(&[leaf(&own, &by_ca, vec![extension(1, nested)]), between_der.clone()]),
        ),
        ("six strangers of the name", put(&[&[plain.clone()][..], &strangers].concat())),
        (
            "six strangers, then the right one",
            put(&[&[plain.clone()][..], &strangers[..5], &[between_der]].concat()),
        ),
        ("a circle of six", put(&[&[plain.clone()][..], &circle].concat())),
        ("six of one key without a root", put(&[&[plain][..], &alike].concat())),
    ]
}
