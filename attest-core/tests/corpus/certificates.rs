//! Certificates of real TPMs and their makers: each is read, refused or reported as it should be.

use std::path::Path;

use attest_core::authenticate::ek::{EkRoots, EndorsementKey, Error, Place, verify_ek};
use attest_core::evidence::tpm::Public;
use attest_core::{Limits, Timestamp};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value;
use webpki::EndEntityCert;

use crate::score::{Exception, Score, corpus, json};

/// In December 2026.
const NOW: Timestamp = Timestamp::from_unix(1_796_000_000);
const GOOGLE: &str = "all/google__go-tpm-tools/internal/test/certificates";
const GOOGLE_CAS: &str = "all/google__go-tpm-tools/server/ca-certs";
const HIRS: &str = "all/nsacyber__HIRS/HIRS_AttestationCA/src/test/resources/certificates";
const KEYLIME: &str = "all/keylime__keylime/tpm_cert_store";
const PACCOR: &str = "all/nsacyber__paccor/src/test/resources";

struct Corpus(std::path::PathBuf);

impl Corpus {
    fn ders(&self, file: &str) -> Vec<Vec<u8>> {
        let bytes = std::fs::read(self.0.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        if bytes.starts_with(b"\x30") {
            return vec![bytes];
        }
        CertificateDer::pem_slice_iter(&bytes).filter_map(Result::ok).map(|der| der.to_vec()).collect()
    }

    fn der(&self, folder: &str, file: &str) -> Vec<u8> {
        self.ders(&Path::new(folder).join(file).to_string_lossy()).remove(0)
    }

    fn roots(&self, files: &[(&str, &str)]) -> EkRoots {
        let mut roots = EkRoots::new();
        for (folder, file) in files {
            roots.add(&self.der(folder, file)).unwrap();
        }
        roots
    }
}

fn tpm2b(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// A public area for the RSA-2048 or P-256 key in a certificate, by the templates of the EK Credential Profile.
fn public_area(certificate: &[u8]) -> Vec<u8> {
    let certificate = CertificateDer::from(certificate);
    let spki = EndEntityCert::try_from(&certificate).unwrap().subject_public_key_info();
    let head =
        |kind| [&[0, kind, 0, 0x0b, 0, 3, 0, 0xb2, 0, 0, 0, 6, 0, 0x80, 0, 0x43, 0, 0x10][..]].concat();
    let area = match spki.strip_suffix(&[2, 3, 1, 0, 1]) {
        Some(rsa) => [head(1), vec![8, 0, 0, 0, 0, 0], tpm2b(&rsa[rsa.len() - 256..])].concat(),
        None => {
            let (x, y) = spki[spki.len() - 64..].split_at(32);
            [head(0x23), vec![0, 3, 0, 0x10], tpm2b(x), tpm2b(y)].concat()
        }
    };
    tpm2b(&area)
}

fn verify(roots: &EkRoots, leaf: &[u8], chain: &[&[u8]], now: Timestamp) -> Result<EndorsementKey, Error> {
    let public = public_area(leaf);
    verify_ek(roots, leaf, chain, &Public::parse(&public, &Limits::DEFAULT).unwrap(), now, &Limits::DEFAULT)
}

#[test]
fn a_google_virtual_tpm() {
    let Some(corpus) = corpus().map(Corpus) else { return };
    let roots = corpus.roots(&[(GOOGLE_CAS, "tpm_ek_root_1.cer")]);
    let intermediate = corpus.der(GOOGLE_CAS, "tpm_ek_intermediate_3.crt");
    let other = corpus.der(GOOGLE_CAS, "tpm_ek_intermediate_2.crt");
    let leaf = corpus.der(GOOGLE, "uca_tpm_rsa_enc_cert.pem");
    assert!(verify(&roots, &leaf, &[&other, &intermediate], NOW).unwrap().not_der().is_empty());
    assert_eq!(verify(&roots, &leaf, &[&other], NOW), Err(Error::IssuerUnknown));
    // The newer ones name no purpose.
    let roots = corpus.roots(&[(GOOGLE_CAS, "gcp_ek_ak_ca_root.crt")]);
    let intermediate = corpus.der(GOOGLE_CAS, "gcp_ek_ak_ca_intermediate_v3.crt");
    let leaf = corpus.der(GOOGLE, "pca_tpm_rsa_sign_cert.pem");
    assert_eq!(verify(&roots, &leaf, &[&intermediate], NOW), Err(Error::UsageMissing));
}

#[test]
fn an_stm_tpm_whose_ca_has_critical_policies() {
    let Some(corpus) = corpus().map(Corpus) else { return };
    let leaf = corpus.der(&format!("{PACCOR}/sample_testgen1"), "ek.crt");
    let ca = corpus.der(KEYLIME, "STM_RSA_06I.pem");
    let as_root = corpus.roots(&[(KEYLIME, "STM_RSA_06I.pem")]);
    assert!(verify(&as_root, &leaf, &[], NOW).is_ok());
    let other_root = corpus.roots(&[(KEYLIME, "STM_RSA_04I.pem")]);
    let refused = verify(&other_root, &leaf, &[&ca], NOW).unwrap_err();
    assert_eq!(refused.code(), "ek_critical_extension_unknown");
}

#[test]
fn a24_an_older_stm_tpm_whose_certificate_is_signed_with_sha1() {
    let Some(corpus) = corpus().map(Corpus) else { return };
    // Its key is marked for OAEP only, which is read.
    let leaf = corpus.der(&format!("{HIRS}/nuc-2"), "tpmcert.pem");
    let roots = corpus.roots(&[(KEYLIME, "STM_RSA_02I.pem")]);
    assert_eq!(verify(&roots, &leaf, &[], NOW).unwrap_err().code(), "ek_certificate_expired");
    let valid = Timestamp::from_unix(1_600_000_000);
    assert_eq!(verify(&roots, &leaf, &[], valid), Err(Error::SignatureAlgorithmUnsupported));
}

#[test]
fn a25_a_nuvoton_certificate_as_the_tpm_holds_it() {
    let Some(corpus) = corpus().map(Corpus) else { return };
    let padded = corpus.der(HIRS, "ek_cert_with_padded_bytes.cer");
    let end = 4 + usize::from(u16::from_be_bytes([padded[2], padded[3]]));
    assert!(end < padded.len());
    let roots = corpus.roots(&[(KEYLIME, "NTC1.pem")]);
    let public = public_area(&padded[..end]);
    let judge = |leaf: &[u8]| {
        let public = Public::parse(&public, &Limits::DEFAULT).unwrap();
        verify_ek(&roots, leaf, &[], &public, NOW, &Limits::DEFAULT)
    };
    assert_eq!(judge(&padded), Err(Error::BytesBehind { place: Place::Leaf, count: padded.len() - end }));
    assert_eq!(judge(&padded[..end]), Err(Error::IssuerUnknown), "its issuer's certificate is not here");
}

/// Roots that are refused: file's end, code, reason.
const ROOTS_REFUSED: &[Exception] =
    &[("ek_cert_with_padded_bytes.cer", "ek_certificate_not_der", "bytes behind the certificate")];

#[test]
fn every_certificate_is_read_or_refused_by_name() {
    let Some(corpus) = corpus().map(Corpus) else { return };
    let mut score = Score::new("certificates");
    let mut attribute = 0;
    let expectations = json(&corpus.0.join("expected/certs.json"));
    let of_tpms = |expected: &&Value| expected["kind"] == "ek-cert";
    for expected in expectations.as_array().unwrap().iter().filter(of_tpms) {
        let file = expected["file"].as_str().unwrap();
        for der in corpus.ders(file) {
            let what = match EkRoots::new().add(&der) {
                Ok(1) => "read",
                Ok(count) => panic!("{file}: {count} at once"),
                Err(Error::AttributeCertificate { .. }) => {
                    attribute += 1;
                    "read"
                }
                Err(error) => error.code(),
            };
            score.check(file, what, what == "read");
        }
    }
    score.finish(ROOTS_REFUSED, 60);
    assert!(attribute >= 6, "only {attribute} attribute certificates were named as such");
}
