//! Certificates that swtpm made for the captured boots.

use super::*;

const ROOT: &[u8] = fixture!("boots/sb-grub/ek-ca/root.pem");
const INTERMEDIATE: &[u8] = fixture!("boots/sb-grub/ek-ca/intermediate.pem");
const RSA: &[u8] = fixture!("boots/sb-grub/ek-rsa.crt");
const ECC: &[u8] = fixture!("boots/sb-grub/ek-ecc384.crt");
const RSA_PUBLIC: &[u8] = fixture!("boots/sb-grub/ek-rsa.pub");

fn roots(pem: &[u8]) -> EkRoots {
    let mut roots = EkRoots::new();
    assert_eq!(roots.add(pem), Ok(1));
    roots
}

fn intermediate() -> Vec<u8> {
    CertificateDer::from_pem_slice(INTERMEDIATE).unwrap().to_vec()
}

fn verify(certificate: &[u8], chain: &[&[u8]], now: Timestamp) -> Result<EndorsementKey, Error> {
    verify_ek(&roots(ROOT), certificate, chain, &public(RSA_PUBLIC), now, &LIMITS)
}

/// TPM2B_PUBLIC for the key in the ECC certificate, by the template for P-384.
fn ecc_public() -> Vec<u8> {
    let leaf = CertificateDer::from(ECC);
    let spki = EndEntityCert::try_from(&leaf).unwrap().subject_public_key_info();
    let (x, y) = spki[spki.len() - 96..].split_at(48);
    let head = [0, 0x23, 0, 0x0c, 0, 3, 0, 0xf2, 0, 0, 0, 6, 1, 0, 0, 0x43, 0, 0x10, 0, 4, 0, 0x10];
    tpm2b(&[&head[..], &tpm2b(x), &tpm2b(y)].concat())
}

#[test]
fn swtpm_certificates_lead_to_their_root() {
    let ek = verify(RSA, &[&intermediate()], NOW).unwrap();
    assert_eq!(ek.certificate(), HashAlg::Sha256.hash(&[RSA]));
    let leaf = CertificateDer::from(RSA);
    let spki = EndEntityCert::try_from(&leaf).unwrap().subject_public_key_info();
    assert_eq!(ek.identity(), HashAlg::Sha256.hash(&[&spki]));
    assert!(ek.not_der().is_empty());
    let far = Timestamp::from_unix(253_402_300_799);
    assert_eq!(verify(RSA, &[&intermediate()], far), Ok(ek.clone()), "until 9999-12-31T23:59:59Z");
    let ecc = verify_ek(&roots(ROOT), ECC, &[&intermediate()], &public(&ecc_public()), NOW, &LIMITS).unwrap();
    assert_ne!(ecc.identity(), ek.identity());
}

#[test]
fn an_intermediate_may_be_the_root() {
    assert!(verify_ek(&roots(INTERMEDIATE), RSA, &[], &public(RSA_PUBLIC), NOW, &LIMITS).is_ok());
}

#[test]
fn a24_missing_intermediate() {
    assert_eq!(verify(RSA, &[], NOW), Err(Error::IssuerUnknown));
}

#[test]
fn a24_not_valid_yet() {
    let code = verify(RSA, &[&intermediate()], Timestamp::from_unix(1_700_000_000)).unwrap_err().code();
    assert_eq!(code, "ek_certificate_not_yet_valid");
}

#[test]
fn a24_a_platform_certificate_is_not_an_ek_certificate() {
    // swtpm's is a public-key certificate for the same key, by the same issuer.
    let platform = fixture!("boots/sb-grub/platform.crt");
    assert_eq!(verify(platform, &[&intermediate()], NOW), Err(Error::PlatformCertificate));
}

#[test]
fn a20_certificate_of_another_ek() {
    assert_eq!(verify(ECC, &[&intermediate()], NOW), Err(Error::PublicMismatch));
    let other = fixture!("credential/soft-ek.pub");
    let judged = verify_ek(&roots(ROOT), RSA, &[&intermediate()], &public(other), NOW, &LIMITS);
    assert_eq!(judged, Err(Error::PublicMismatch));
}

#[test]
fn without_roots_nothing_is_believed() {
    let judged = verify_ek(&EkRoots::new(), RSA, &[&intermediate()], &public(RSA_PUBLIC), NOW, &LIMITS);
    assert_eq!(judged, Err(Error::RootsMissing));
}

#[test]
fn roots_are_certificates() {
    let mut roots = EkRoots::new();
    for bad in [&b""[..], b"text", fixture!("boots/sb-grub/ak-ecc.pem"), &[0x30, 0x03, 1, 1, 1]] {
        assert_eq!(roots.add(bad).unwrap_err().code(), "ek_certificate_not_der");
    }
    assert!(roots.is_empty());
    assert_eq!(roots.add(&[ROOT, INTERMEDIATE].concat()), Ok(2));
    assert_eq!(roots.add(&intermediate()), Ok(1));
    assert_eq!(roots.len(), 3);
}

#[test]
fn a51_sizes_are_bounded() {
    let long = vec![0; LIMITS.certificate_bytes + 1];
    assert_eq!(verify(&long, &[], NOW).unwrap_err().code(), "ek_certificate_too_long");
    assert_eq!(verify(RSA, &[&long], NOW).unwrap_err().code(), "ek_certificate_too_long");
    let intermediate = intermediate();
    assert_eq!(verify(RSA, &[&intermediate[..]; 7], NOW).unwrap_err().code(), "ek_too_many_intermediates");
    // What the limits allow is not refused: a chain of so many certificates, each as long as this.
    let longest = RSA.len().max(intermediate.len());
    let limited = |certificate_bytes, intermediates| {
        let limits = Limits { certificate_bytes, intermediates, ..LIMITS };
        let ek = verify_ek(&roots(ROOT), RSA, &[&intermediate], &public(RSA_PUBLIC), NOW, &limits);
        ek.map(|_| ()).map_err(|error| error.code())
    };
    assert_eq!(limited(longest, 1), Ok(()));
    assert_eq!(limited(longest - 1, 1), Err("ek_certificate_too_long"));
    assert_eq!(limited(longest, 0), Err("ek_too_many_intermediates"));
}

#[test]
fn a52_every_truncated_prefix_and_every_changed_byte_is_refused() {
    let intermediate = intermediate();
    for len in 0..RSA.len() {
        assert!(verify(&RSA[..len], &[&intermediate], NOW).is_err(), "prefix {len}");
    }
    for at in 0..RSA.len() {
        let mut changed = RSA.to_vec();
        changed[at] ^= 1;
        assert!(verify(&changed, &[&intermediate], NOW).is_err(), "byte {at}");
    }
}

#[test]
fn a25_bytes_behind_the_certificate() {
    let padded = [RSA, &[0xff; 8]].concat();
    let error = Error::BytesBehind { place: Place::Leaf, count: 8 };
    assert_eq!(verify(&padded, &[&intermediate()], NOW), Err(error));
    let padded = [&intermediate()[..], &[0]].concat();
    let error = Error::BytesBehind { place: Place::Intermediate { at: 0 }, count: 1 };
    assert_eq!(verify(RSA, &[&padded], NOW), Err(error));
    // Not even the end of a line: what a device sends is no file of somebody's.
    assert_eq!(
        verify(&[RSA, b"\n"].concat(), &[&intermediate()], NOW),
        Err(Error::BytesBehind { place: Place::Leaf, count: 1 })
    );
}
