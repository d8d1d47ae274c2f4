//! A TPM maker for the demonstration: a certification authority of its own that vouches for endorsement keys.
//!
//! Certificates as the TCG EK Credential Profile describes them, written by hand: they need a dozen DER elements, and no crate.

use attest_core::result::VerifyingKey;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};

use super::Problem;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `[0]`, `[3]` and `[4]`, constructed.
const CONTEXT_0: u8 = 0xa0;
const CONTEXT_3: u8 = 0xa3;
const CONTEXT_4: u8 = 0xa4;
const TRUE: &[u8] = &[0x01, 0x01, 0xff];

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
/// tcg-kp-EKCertificate, 2.23.133.8.1.
const EK_CERTIFICATE: &[u8] = &[0x67, 0x81, 0x05, 0x08, 0x01];
/// tcg-at-tpmManufacturer, tcg-at-tpmModel, tcg-at-tpmVersion: 2.23.133.2.1 to 3.
const TPM_MANUFACTURER: &[u8] = &[0x67, 0x81, 0x05, 0x02, 0x01];
const TPM_MODEL: &[u8] = &[0x67, 0x81, 0x05, 0x02, 0x02];
const TPM_VERSION: &[u8] = &[0x67, 0x81, 0x05, 0x02, 0x03];

/// A certification authority that exists for one run.
pub(super) struct Maker {
    name: &'static str,
    key: EcdsaKeyPair,
    root: Vec<u8>,
}

impl Maker {
    pub(super) fn new(name: &'static str) -> Result<Self, Problem> {
        let rng = SystemRandom::new();
        let alg = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(alg, &rng).map_err(Problem::of)?;
        let key = EcdsaKeyPair::from_pkcs8(alg, document.as_ref(), &rng).map_err(Problem::of)?;
        let mut maker = Self { name, key, root: Vec::new() };
        let extensions = [
            extension(BASIC_CONSTRAINTS, true, &der(SEQUENCE, &[TRUE])),
            // keyCertSign
            extension(KEY_USAGE, true, &der(BIT_STRING, &[&[2, 0x04]])),
        ];
        let point = maker.key.public_key().as_ref().to_vec();
        maker.root = maker.certificate(1, name, &point, &extensions.concat())?;
        Ok(maker)
    }

    /// The root certificate, DER.
    pub(super) fn root(&self) -> &[u8] {
        &self.root
    }

    /// A certificate for an endorsement key with this point, DER.
    pub(super) fn vouch(&self, serial: u8, point: &[u8]) -> Result<Vec<u8>, Problem> {
        let attribute = |oid: &[u8], text: &str| relative_name(oid, text);
        let tpm = der(
            SEQUENCE,
            &[
                &attribute(TPM_MANUFACTURER, "id:00000000"),
                &attribute(TPM_MODEL, "software signer"),
                &attribute(TPM_VERSION, "id:00010000"),
            ],
        );
        let extensions = [
            extension(EXTENDED_KEY_USAGE, false, &der(SEQUENCE, &[&der(OID, &[EK_CERTIFICATE])])),
            extension(SUBJECT_ALT_NAME, true, &der(SEQUENCE, &[&der(CONTEXT_4, &[&tpm])])),
            extension(BASIC_CONSTRAINTS, true, &der(SEQUENCE, &[])),
            // keyAgreement
            extension(KEY_USAGE, true, &der(BIT_STRING, &[&[3, 0x08]])),
        ];
        self.certificate(serial, "", point, &extensions.concat())
    }

    fn certificate(
        &self,
        serial: u8,
        subject: &str,
        point: &[u8],
        extensions: &[u8],
    ) -> Result<Vec<u8>, Problem> {
        let spki = VerifyingKey::from_point(point).map_err(Problem::of)?.spki_der();
        let algorithm = der(SEQUENCE, &[&der(OID, &[ECDSA_WITH_SHA256])]);
        let body = der(
            SEQUENCE,
            &[
                &der(CONTEXT_0, &[&der(INTEGER, &[&[2]])]),
                &der(INTEGER, &[&[serial]]),
                &algorithm,
                &name(self.name),
                // From 2026 on and without an end, as the profile allows (99991231235959Z).
                b"\x30\x20\x17\x0d260101000000Z\x18\x0f99991231235959Z",
                &name(subject),
                &spki,
                &der(CONTEXT_3, &[&der(SEQUENCE, &[extensions])]),
            ],
        );
        let signature = self.key.sign(&SystemRandom::new(), &body).map_err(Problem::of)?;
        Ok(der(SEQUENCE, &[&body, &algorithm, &der(BIT_STRING, &[&[0], signature.as_ref()])]))
    }
}

fn name(common_name: &str) -> Vec<u8> {
    if common_name.is_empty() {
        return der(SEQUENCE, &[]);
    }
    der(SEQUENCE, &[&relative_name(COMMON_NAME, common_name)])
}

fn relative_name(oid: &[u8], text: &str) -> Vec<u8> {
    let value = der(SEQUENCE, &[&der(OID, &[oid]), &der(UTF8_STRING, &[text.as_bytes()])]);
    der(SET, &[&value])
}

fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { TRUE } else { &[] };
    der(SEQUENCE, &[&der(OID, &[oid]), critical, &der(OCTET_STRING, &[value])])
}

/// One element: tag, shortest length, the parts of its content.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(len) if len < 0x80 => out.push(len),
        Ok(len) => out.extend([0x81, len]),
        // Certificates stay far below 64 KiB.
        Err(_) => {
            let len = u16::try_from(content.len()).unwrap_or(u16::MAX);
            out.push(0x82);
            out.extend(len.to_be_bytes());
        }
    }
    out.extend(content);
    out
}
