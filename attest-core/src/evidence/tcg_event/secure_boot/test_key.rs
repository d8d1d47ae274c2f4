//! Keys whose private half is public, or that were never meant to protect a machine (PKfail, CVE-2024-8105, CERT/CC VU#455367).

use crate::digest::HashAlg;
use crate::evidence::tcg_event::der::Certificate;

/// What vendors write into the names of such certificates.
const MARKS: [&[u8]; 3] = [b"DO NOT TRUST", b"DO NOT SHIP", b"DO NOT USE"];

/// SHA-256 of the SubjectPublicKeyInfo of "DO NOT TRUST - AMI Test PK", serial number 55fbef878123008447170bb3cd873af4, whose private
/// half was leaked (CERT/CC VU#455367): it counts in whatever certificate it stands.
const LEAKED: &str = "b72c2308eb6129308900bd53995fdb6025aa72c30e43f3527254b3ec87c236db";
/// The same of "SnakeOil": PK, KEK and db of OVMF_VARS.snakeoil. The package ovmf of Debian and Ubuntu holds the private half, for
/// virtual machines that try things out.
const LAB: &str = "fcc97da097d023970ad000eac55462c77cd70fa888d3bcbe1d0a427800da83c4";

/// What kind of key for tests a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TestKey {
    /// A published key of a laboratory.
    Lab,
    /// A key that the certificate says not to trust or ship, or that was leaked: in the field by mistake.
    Field,
}

/// Whether this certificate is for a known test key, or says of itself that it is.
#[must_use]
pub fn test_key(certificate: &[u8]) -> Option<TestKey> {
    let Some(parts) = Certificate::parse(certificate) else {
        return is_marked(certificate).then_some(TestKey::Field);
    };
    let key = HashAlg::Sha256.hash(&[parts.public_key_info]).to_string();
    if key == LEAKED || is_marked(parts.subject) || is_marked(parts.issuer) {
        Some(TestKey::Field)
    } else {
        (key == LAB).then_some(TestKey::Lab)
    }
}

/// A name may be in UTF-16 (BMPString): NULs between the letters do not hide it.
fn is_marked(name: &[u8]) -> bool {
    let letters: Vec<u8> = name.iter().filter(|byte| **byte != 0).map(u8::to_ascii_uppercase).collect();
    MARKS.iter().any(|mark| letters.windows(mark.len()).any(|window| window == *mark))
}
