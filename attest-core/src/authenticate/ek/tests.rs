use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, date_time_ymd,
};

use super::*;
use crate::der::{Der, tlv};
use crate::testing::{fixture, tpm2b};

const LIMITS: Limits = Limits::DEFAULT;
/// In December 2026, after the captured boots.
const NOW: Timestamp = Timestamp::from_unix(1_796_000_000);
const EK_USAGE: &[u64] = &[2, 23, 133, 8, 1];

fn public(bytes: &[u8]) -> Public<'_> {
    Public::parse(bytes, &LIMITS).unwrap()
}

mod genuine;
mod paths;

fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn ca_params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name(common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// A leaf as the EK Credential Profile wants it: empty subject, critical subjectAltName with a directoryName, the usage.
fn leaf_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.is_ca = IsCa::ExplicitNoCa;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(EK_USAGE.to_vec())];
    // SEQUENCE { [4] { Name { SET { SEQUENCE { 2.23.133.2.1, UTF8String "id:ffff" } } } } }
    let san = hex::decode("3018a416301431123010060567810502010c0769643a66666666").unwrap();
    let mut san = CustomExtension::from_oid_content(&[2, 5, 29, 17], san);
    san.set_criticality(true);
    params.custom_extensions = vec![san];
    params.not_after = date_time_ymd(9999, 12, 31);
    params
}

fn critical(oid: &[u64]) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(oid, vec![5, 0]);
    extension.set_criticality(true);
    extension
}

/// A maker of TPMs: root, intermediate, and the key of one TPM.
struct Maker {
    root_key: KeyPair,
    ca_key: KeyPair,
    ek_key: KeyPair,
}

impl Maker {
    fn new() -> Self {
        let [root_key, ca_key, ek_key] =
            [(); 3].map(|()| KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap());
        Self { root_key, ca_key, ek_key }
    }

    fn roots(&self) -> EkRoots {
        let mut roots = EkRoots::new();
        roots.add(ca_params("Root").self_signed(&self.root_key).unwrap().der()).unwrap();
        roots
    }

    fn intermediate(&self, params: &CertificateParams) -> Vec<u8> {
        let root = Issuer::new(ca_params("Root"), &self.root_key);
        params.signed_by(&self.ca_key, &root).unwrap().der().to_vec()
    }

    fn leaf(&self, params: &CertificateParams) -> Vec<u8> {
        let ca = Issuer::new(ca_params("CA"), &self.ca_key);
        params.signed_by(&self.ek_key, &ca).unwrap().der().to_vec()
    }

    fn ek_public(&self) -> Vec<u8> {
        let (x, y) = self.ek_key.public_key_raw()[1..].split_at(32);
        let head = [0, 0x23, 0, 0x0b, 0, 3, 0, 0xb2, 0, 0, 0, 6, 0, 128, 0, 0x43, 0, 0x10, 0, 3, 0, 0x10];
        tpm2b(&[&head[..], &tpm2b(x), &tpm2b(y)].concat())
    }

    fn verify(&self, leaf: &[u8], intermediate: &[u8]) -> Result<EndorsementKey, Error> {
        verify_ek(&self.roots(), leaf, &[intermediate], &public(&self.ek_public()), NOW, &LIMITS)
    }

    /// What comes out for a leaf of these parameters under a good intermediate.
    fn with_leaf(&self, params: &CertificateParams) -> Result<EndorsementKey, Error> {
        self.verify(&self.leaf(params), &self.intermediate(&ca_params("CA")))
    }
}

#[test]
fn a_chain_as_the_profile_wants_it() {
    let maker = Maker::new();
    let ek = maker.with_leaf(&leaf_params()).unwrap();
    let renewed = maker.with_leaf(&leaf_params()).unwrap();
    assert_eq!(ek.identity(), renewed.identity(), "the key is the TPM, whatever the certificate");
    assert_ne!(ek.certificate(), renewed.certificate());
}

#[test]
fn a_name_that_the_profile_allows_is_in_the_certificate() {
    // The fixture certificates have it, too; here it is the only thing that makes the extension critical.
    let maker = Maker::new();
    let leaf = maker.leaf(&leaf_params());
    assert!(leaf.windows(7).any(|window| window == b"id:ffff"));
}

#[test]
fn a24_wrong_or_missing_usage() {
    let maker = Maker::new();
    let mut params = leaf_params();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    assert_eq!(maker.with_leaf(&params), Err(Error::UsageMissing));
    params.extended_key_usages = vec![];
    assert_eq!(maker.with_leaf(&params), Err(Error::UsageMissing));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
    assert_eq!(maker.with_leaf(&params), Err(Error::UsageMissing));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(vec![2, 23, 133, 8, 3])];
    assert_eq!(maker.with_leaf(&params), Err(Error::UsageMissing), "an attestation key's certificate");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(vec![2, 23, 133, 8, 2])];
    assert_eq!(maker.with_leaf(&params), Err(Error::PlatformCertificate));
}

#[test]
fn a24_an_intermediate_for_other_purposes() {
    let maker = Maker::new();
    let mut ca = ca_params("CA");
    ca.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    assert_eq!(maker.verify(&maker.leaf(&leaf_params()), &maker.intermediate(&ca)), Err(Error::UsageMissing));
    ca.extended_key_usages.push(ExtendedKeyUsagePurpose::Other(EK_USAGE.to_vec()));
    assert!(maker.verify(&maker.leaf(&leaf_params()), &maker.intermediate(&ca)).is_ok());
}

#[test]
fn a24_ca_as_leaf() {
    let maker = Maker::new();
    let mut params = leaf_params();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    assert_eq!(maker.with_leaf(&params), Err(Error::CertificateIsCa));
}

#[test]
fn a24_leaf_as_ca() {
    let maker = Maker::new();
    let mut ca = ca_params("CA");
    ca.is_ca = IsCa::ExplicitNoCa;
    let refused = maker.verify(&maker.leaf(&leaf_params()), &maker.intermediate(&ca)).unwrap_err();
    assert_eq!(refused, Error::ChainRefused { reason: "EndEntityUsedAsCa".into() });
}

#[test]
fn a24_expired_leaf_or_intermediate() {
    let maker = Maker::new();
    let mut params = leaf_params();
    params.not_after = date_time_ymd(2026, 1, 1);
    assert_eq!(maker.with_leaf(&params), Err(Error::CertificateExpired { not_after: 1_767_225_600 }));
    let mut ca = ca_params("CA");
    ca.not_after = date_time_ymd(2026, 1, 1);
    let refused = maker.verify(&maker.leaf(&leaf_params()), &maker.intermediate(&ca)).unwrap_err();
    assert_eq!(refused.code(), "ek_certificate_expired");
}

#[test]
fn a24_missing_intermediate_or_another_one() {
    let maker = Maker::new();
    let leaf = maker.leaf(&leaf_params());
    let judged = verify_ek(&maker.roots(), &leaf, &[], &public(&maker.ek_public()), NOW, &LIMITS);
    assert_eq!(judged, Err(Error::IssuerUnknown));
    assert_eq!(maker.verify(&leaf, &maker.intermediate(&ca_params("Another CA"))), Err(Error::IssuerUnknown));
    let order = [maker.intermediate(&ca_params("Another CA")), maker.intermediate(&ca_params("CA"))];
    let order: Vec<&[u8]> = order.iter().map(Vec::as_slice).collect();
    assert!(verify_ek(&maker.roots(), &leaf, &order, &public(&maker.ek_public()), NOW, &LIMITS).is_ok());
}

#[test]
fn a24_same_name_with_another_key() {
    let (maker, impostor) = (Maker::new(), Maker::new());
    // The impostor's chain has every name right.
    let (leaf, ca) = (impostor.leaf(&leaf_params()), impostor.intermediate(&ca_params("CA")));
    let judged = |leaf: &[u8], ca: &[u8]| {
        verify_ek(&maker.roots(), leaf, &[ca], &public(&impostor.ek_public()), NOW, &LIMITS)
    };
    assert_eq!(judged(&leaf, &ca), Err(Error::SignatureInvalid), "root");
    assert_eq!(
        judged(&leaf, &maker.intermediate(&ca_params("CA"))),
        Err(Error::SignatureInvalid),
        "intermediate"
    );
}

#[test]
fn a24_unknown_critical_extension() {
    let maker = Maker::new();
    let mut params = leaf_params();
    params.custom_extensions.push(critical(&[1, 3, 6, 1, 4, 1, 99999, 1]));
    assert_eq!(maker.with_leaf(&params), Err(Error::CriticalExtensionUnknown { place: Place::Leaf }));
    let mut ca = ca_params("CA");
    ca.custom_extensions.push(critical(&[2, 5, 29, 32]));
    let place = Place::Intermediate { at: 0 };
    let refused = maker.verify(&maker.leaf(&leaf_params()), &maker.intermediate(&ca));
    assert_eq!(refused, Err(Error::CriticalExtensionUnknown { place }), "policies are not processed");
}

#[test]
fn a_path_longer_than_a_ca_allows() {
    let maker = Maker::new();
    let mut ca = ca_params("CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    assert!(maker.verify(&maker.leaf(&leaf_params()), &maker.intermediate(&ca)).is_ok());
    // The leaf below a second intermediate, which the first may not have.
    let sub_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let sub = ca_params("Sub").signed_by(&sub_key, &Issuer::new(ca_params("CA"), &maker.ca_key)).unwrap();
    let leaf = leaf_params().signed_by(&maker.ek_key, &Issuer::new(ca_params("Sub"), &sub_key)).unwrap();
    let chain = [maker.intermediate(&ca), sub.der().to_vec()];
    let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
    let judged = verify_ek(&maker.roots(), leaf.der(), &chain, &public(&maker.ek_public()), NOW, &LIMITS);
    assert_eq!(judged, Err(Error::ChainRefused { reason: "PathLenConstraintViolated".into() }));
}

#[test]
fn a24_attribute_certificates_are_named() {
    // AttributeCertificate { AttributeCertificateInfo { version 1, Holder { [0] … } … } … }
    let attribute = [0x30, 0x0b, 0x30, 0x09, 0x02, 0x01, 0x01, 0x30, 0x04, 0xa0, 0x02, 0x30, 0x00];
    let maker = Maker::new();
    let judged = maker.verify(&attribute, &maker.intermediate(&ca_params("CA")));
    assert_eq!(judged, Err(Error::AttributeCertificate { place: Place::Leaf }));
    let judged = maker.verify(&maker.leaf(&leaf_params()), &attribute);
    assert_eq!(judged, Err(Error::AttributeCertificate { place: Place::Intermediate { at: 0 } }));
    let refused = EkRoots::new().add(&attribute);
    assert_eq!(refused, Err(Error::AttributeCertificate { place: Place::Root { at: 0 } }));
}

#[test]
fn a26_a_key_with_the_fingerprint_of_roca() {
    let judged = |modulus: &[u8]| {
        let head = [0, 1, 0, 0x0b, 0, 3, 0, 0xb2, 0, 0, 0, 6, 0, 128, 0, 0x43, 0, 0x10, 8, 0, 0, 0, 0, 0];
        let area = tpm2b(&[&head[..], &tpm2b(modulus)].concat());
        let spki = spki::encode(&VerifyingKey::new(&public(&area).key()).unwrap());
        certified_key(&spki, &public(&area)).map(|_| ())
    };
    let mut modulus = roca::tests::fingerprinted();
    assert_eq!(judged(&modulus), Err(Error::KeyRoca));
    modulus[255] ^= 2;
    assert_eq!(judged(&modulus), Ok(()));
}

#[test]
fn keys_of_other_kinds_are_named() {
    // SubjectPublicKeyInfo of id-ecPublicKey on P-521 (1.3.132.0.35), its point all ones.
    let algorithm = tlv(0x30, &hex::decode("06072a8648ce3d020106052b81040023").unwrap());
    let spki = tlv(0x30, &[algorithm, tlv(3, &[&[0, 4][..], &[1; 132]].concat())].concat());
    let maker = Maker::new();
    let refused = certified_key(&spki, &public(&maker.ek_public())).map(|_| ()).unwrap_err();
    assert_eq!(refused, Error::Spki(spki::Error::KeyUnsupported));
    assert_eq!(refused.code(), "ek_key_unsupported");
}

/// The certificate with its subject replaced by these bytes, signed anew by the key.
fn with_subject(certificate: &[u8], subject: &[u8], key: &KeyPair) -> Vec<u8> {
    use rcgen::SigningKey as _;
    let mut fields = Der::only(certificate, 0x30).unwrap().inside();
    let mut tbs = fields.expect(0x30).unwrap().inside();
    let algorithm = fields.next().unwrap().whole;
    let mut out = Vec::new();
    let mut nth = 0;
    while !tbs.is_empty() {
        let field = tbs.next().unwrap();
        // version, serialNumber, signature, issuer, validity, subject.
        out.extend_from_slice(if nth == 5 { subject } else { field.whole });
        nth += 1;
    }
    let tbs = tlv(0x30, &out);
    let signature = tlv(3, &[&[0][..], &key.sign(&tbs).unwrap()].concat());
    tlv(0x30, &[&tbs[..], algorithm, &signature].concat())
}

#[test]
fn a25_a_name_that_is_not_der_is_reported_and_never_encoded_anew() {
    let maker = Maker::new();
    let ca = maker.intermediate(&ca_params("CA"));
    let attribute = |oid: u8, text: &[u8]| tlv(0x30, &[&[6, 3, 0x55, 4, oid], &tlv(0x0c, text)[..]].concat());
    let (cn, o) = (attribute(3, b"TPM"), attribute(10, b"Maker of TPMs"));
    let sorted = tlv(0x30, &tlv(0x31, &[&cn[..], &o].concat()));
    let unsorted = tlv(0x30, &tlv(0x31, &[&o[..], &cn].concat()));
    let leaf = maker.leaf(&leaf_params());
    let good = with_subject(&leaf, &sorted, &maker.ca_key);
    let bad = with_subject(&leaf, &unsorted, &maker.ca_key);
    assert!(maker.verify(&good, &ca).unwrap().not_der().is_empty());
    let ek = maker.verify(&bad, &ca).unwrap();
    assert!(matches!(ek.not_der(), [(Place::Leaf, offset)] if *offset > 100));

    // Sorting the name of the bad one gives the good one's name, but the signature was over what was sent.
    let at = bad.windows(unsorted.len()).position(|window| window == unsorted).unwrap();
    let mut repaired = bad.clone();
    repaired[at..at + sorted.len()].copy_from_slice(&sorted);
    assert_eq!(maker.verify(&repaired, &ca), Err(Error::SignatureInvalid));
}

#[test]
fn a25_lengths_that_are_not_der_are_refused_with_their_place() {
    let maker = Maker::new();
    let ca = maker.intermediate(&ca_params("CA"));
    let leaf = maker.leaf(&leaf_params());
    // The outer length in three bytes instead of two; the signature is not concerned.
    assert_eq!(leaf[1], 0x82);
    let long = [&[0x30, 0x83, 0][..], &leaf[2..]].concat();
    let error = Error::NotACertificate { place: Place::Leaf, offset: Some(1) };
    assert_eq!(maker.verify(&long, &ca), Err(error));
    let indefinite = [&[0x30, 0x80][..], &leaf[4..], &[0, 0]].concat();
    let error = Error::NotACertificate { place: Place::Leaf, offset: Some(1) };
    assert_eq!(maker.verify(&indefinite, &ca), Err(error));
}

#[test]
fn a24_sha1_signatures_do_not_count() {
    // SHA-1 with RSA cannot be made with the tools here, so the algorithm's identifier is changed: it decides before the value.
    let key = KeyPair::from_pkcs8_der_and_sign_algo(&fixture!("keys/rsa2048.pk8").into(), &PKCS_RSA_SHA256)
        .unwrap();
    let maker = Maker::new();
    let root = ca_params("Root").self_signed(&key).unwrap();
    let leaf = leaf_params().signed_by(&maker.ek_key, &Issuer::new(ca_params("Root"), &key)).unwrap();
    let mut roots = EkRoots::new();
    roots.add(root.der()).unwrap();
    let verify = |leaf: &[u8]| verify_ek(&roots, leaf, &[], &public(&maker.ek_public()), NOW, &LIMITS);
    assert!(verify(leaf.der()).is_ok());
    let mut sha1 = leaf.der().to_vec();
    let sha256_with_rsa = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
    for at in 0..sha1.len() - 9 {
        if sha1[at..at + 9] == sha256_with_rsa {
            sha1[at + 8] = 0x05;
        }
    }
    assert_eq!(verify(&sha1), Err(Error::SignatureAlgorithmUnsupported));
}

#[test]
fn a_root_in_der_may_end_as_a_line_and_no_other_way() {
    let maker = Maker::new();
    let root = ca_params("Another").self_signed(&maker.root_key).unwrap();
    let add = |behind: &[u8]| EkRoots::new().add(&[root.der().as_ref(), behind].concat());
    for ending in ["", "\n", "\r\n"] {
        assert_eq!(add(ending.as_bytes()), Ok(1), "{ending:?}");
    }
    for behind in ["\r", "\n\n", " \n", "\0", "\n\r", "\r\n\n"] {
        let error = Error::BytesBehind { place: Place::Root { at: 0 }, count: behind.len() };
        assert_eq!(add(behind.as_bytes()), Err(error), "{behind:?}");
    }
}
