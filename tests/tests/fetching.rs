//! Nothing is fetched that evidence names (A27): neither issuers nor revocation lists nor OCSP answers that an EK certificate points to.

use std::io::ErrorKind;
use std::net::TcpListener;

use attest_tests::{FAMILY, LABEL, Member, Server, Site};
use rcgen::{
    BasicConstraints, CertificateParams, CrlDistributionPoint, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use tpm_sim::client::Enrolment;

/// tcg-kp-EKCertificate.
const EK_USAGE: [u64; 5] = [2, 23, 133, 8, 1];
/// id-pe-authorityInfoAccess (RFC 5280, section 4.2.2.1).
const AUTHORITY_INFO_ACCESS: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 1, 1];
/// id-ad-ocsp and id-ad-caIssuers, as DER.
const ACCESS_METHODS: [[u8; 10]; 2] = [[6, 8, 43, 6, 1, 5, 5, 7, 48, 1], [6, 8, 43, 6, 1, 5, 5, 7, 48, 2]];

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    assert!(content.len() < 128);
    [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
}

fn named(name: &str, is_ca: IsCa) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = is_ca;
    params
}

/// A certificate that says where its issuer, its issuer's revocation list and its OCSP responder are.
fn pointing(mut params: CertificateParams, port: u16) -> CertificateParams {
    let at = |name: &str| format!("http://127.0.0.1:{port}/{name}");
    let descriptions: Vec<u8> = ACCESS_METHODS
        .iter()
        .flat_map(|method| tlv(0x30, &[&method[..], &tlv(0x86, at("issuer").as_bytes())].concat()))
        .collect();
    let access = CustomExtension::from_oid_content(&AUTHORITY_INFO_ACCESS, tlv(0x30, &descriptions));
    params.custom_extensions.push(access);
    params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![at("revoked.crl")] }];
    params
}

/// TPM2B_PUBLIC of an EK of P-256 by template L-2, but without its policy.
fn ek_public(key: &KeyPair) -> Vec<u8> {
    let (x, y) = key.public_key_raw()[1..].split_at(32);
    let sized = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    let head = [0, 0x23, 0, 0x0b, 0, 3, 0, 0xb2, 0, 0, 0, 6, 0, 128, 0, 0x43, 0, 0x10, 0, 3, 0, 0x10];
    sized(&[&head[..], &sized(x), &sized(y)].concat())
}

#[tokio::test]
async fn a27_nothing_is_fetched_that_a_certificate_names() {
    let site = Site::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();

    let [root_key, ca_key, ek_key] = [(); 3].map(|()| KeyPair::generate().unwrap());
    let is_ca = || IsCa::Ca(BasicConstraints::Unconstrained);
    let root = named("Root", is_ca()).self_signed(&root_key).unwrap();
    std::fs::write(site.path("learned/ek-root.pem"), root.pem()).unwrap();
    let ca = pointing(named("CA", is_ca()), port)
        .signed_by(&ca_key, &Issuer::new(named("Root", is_ca()), &root_key))
        .unwrap();
    let mut leaf = pointing(named("EK", IsCa::ExplicitNoCa), port);
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(EK_USAGE.to_vec())];
    let leaf = leaf.signed_by(&ek_key, &Issuer::new(named("CA", is_ca()), &ca_key)).unwrap();
    assert!(leaf.der().windows(16).any(|window| window == b"http://127.0.0.1"), "it names where to ask");

    let member = Member::new(&site);
    let ak = member.keys(&mut member.device(), LABEL).ak;
    let enrolment = |intermediates| Enrolment {
        ek_certificate: leaf.der().to_vec(),
        intermediates,
        ek_public: ek_public(&ek_key),
        ak_public: ak.public.clone(),
        family: FAMILY.to_owned(),
    };
    let server: Server = site.serve();
    let client = server.connect().await;
    // The issuer is not sent: it is not looked for where the certificate says that it is.
    let refused = client.begin(enrolment(vec![])).await.unwrap_err();
    assert_eq!(refused.reason(), Some("ek_issuer_unknown"), "{refused}");
    // It is sent: nobody is asked whether it is revoked.
    client.begin(enrolment(vec![ca.der().to_vec()])).await.unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "somebody was asked");
}
