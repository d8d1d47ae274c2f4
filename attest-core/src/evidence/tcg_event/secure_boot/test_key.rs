//! Keys whose private half is public, or that were never meant to protect a machine (PKfail, CVE-2024-8105, CERT/CC VU#455367).

use crate::digest::HashAlg;
use crate::evidence::tcg_event::der::Certificate;

/// What vendors write into the names of such certificates: this, and one of the ends.
const MARK: &[u8] = b"DO NOT ";
const ENDS: [&[u8]; 3] = [b"TRUST", b"SHIP", b"USE"];

/// A published key, by its SubjectPublicKeyInfo.
struct Known {
    /// Its last bytes, modulus and exponent: what ends otherwise need not be hashed.
    end: [u8; 16],
    sha256: [u8; 32],
}

/// "DO NOT TRUST - AMI Test PK", serial number 55fbef878123008447170bb3cd873af4, whose private half was leaked (CERT/CC VU#455367): it counts
/// in whatever certificate it stands.
const LEAKED: Known = Known {
    end: *b"\x33\x04\x3e\xa1\xc6\x7f\x96\x0d\xeb\x63\x59\x02\x03\x01\x00\x01",
    sha256: [
        0xb7, 0x2c, 0x23, 0x08, 0xeb, 0x61, 0x29, 0x30, 0x89, 0x00, 0xbd, 0x53, 0x99, 0x5f, 0xdb, 0x60, 0x25,
        0xaa, 0x72, 0xc3, 0x0e, 0x43, 0xf3, 0x52, 0x72, 0x54, 0xb3, 0xec, 0x87, 0xc2, 0x36, 0xdb,
    ],
};
/// "SnakeOil": PK, KEK and db of OVMF_VARS.snakeoil. The package ovmf of Debian and Ubuntu holds the private half, for virtual machines that try
/// things out.
const LAB: Known = Known {
    end: *b"\x85\xfc\x7f\x80\xf3\x0f\x25\x50\x96\x62\x05\x02\x03\x01\x00\x01",
    sha256: [
        0xfc, 0xc9, 0x7d, 0xa0, 0x97, 0xd0, 0x23, 0x97, 0x0a, 0xd0, 0x00, 0xea, 0xc5, 0x54, 0x62, 0xc7, 0x7c,
        0xd7, 0x0f, 0xa8, 0x88, 0xd3, 0xbc, 0xbe, 0x1d, 0x0a, 0x42, 0x78, 0x00, 0xda, 0x83, 0xc4,
    ],
};

impl Known {
    fn is(&self, public_key_info: &[u8]) -> bool {
        public_key_info.ends_with(&self.end)
            && HashAlg::Sha256.hash(&[public_key_info]).as_bytes() == self.sha256
    }
}

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
    if LEAKED.is(parts.public_key_info) || is_marked(parts.subject) || is_marked(parts.issuer) {
        Some(TestKey::Field)
    } else {
        LAB.is(parts.public_key_info).then_some(TestKey::Lab)
    }
}

/// Whether a search for marks is worth while: a name without NULs that has no "NOT " in it has none. Written so that it is done for many
/// letters at once.
fn may_be_marked(name: &[u8]) -> bool {
    let [from_2, from_3, from_4] = [1, 2, 3].map(|at| name.get(at..).unwrap_or_default());
    let letters = name.iter().zip(from_2).zip(from_3).zip(from_4);
    let has_not = letters.fold(false, |has, (((n, o), t), space)| {
        has | ((n | 0x20 == b'n') & (o | 0x20 == b'o') & (t | 0x20 == b't') & (*space == b' '))
    });
    has_not | name.iter().fold(false, |has, byte| has | (*byte == 0))
}

/// A name may be in UTF-16 (BMPString): NULs between the letters do not hide it.
fn is_marked(name: &[u8]) -> bool {
    if !may_be_marked(name) {
        return false;
    }
    let mut letters = name.iter().filter(|byte| **byte != 0).map(u8::to_ascii_uppercase);
    let mut seen = 0_usize;
    while let Some(letter) = letters.next() {
        // No letter of what the marks begin with stands in it twice as its first does: what broke off can only begin anew.
        let is_next = MARK.get(seen) == Some(&letter);
        seen = if is_next { seen.saturating_add(1) } else { usize::from(MARK.first() == Some(&letter)) };
        if seen == MARK.len() {
            seen = 0;
            if ENDS.iter().any(|end| end.iter().copied().eq(letters.clone().take(end.len()))) {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::is_marked;

    #[test]
    fn a_mark_anywhere_in_any_case_and_width() {
        for name in [
            "DO NOT TRUST",
            "x do not ship y",
            "DO DO NOT USE",
            "DDO NOT TRUST",
            "DO NOT DO NOT USE",
            "DO NOT SDO NOT SHIP",
        ] {
            let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
            assert!(is_marked(name.as_bytes()) && is_marked(&wide), "{name}");
        }
        for name in [
            "",
            "DO NOT",
            "DO NOT ",
            "DO NOT TRUS",
            "DONOTTRUST",
            "DO NOT LOOK",
            "DO NOTDO NO TRUST",
            "NOT TRUST",
            "NOT DO TRUST, USE, SHIP",
        ] {
            assert!(!is_marked(name.as_bytes()), "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_mark_is_found_as_a_search_finds_it(name in "[DO NTUSEdo]{0,40}(DO NOT USE)?[DO NT]{0,9}") {
            let upper = name.to_ascii_uppercase();
            let expected = ["DO NOT TRUST", "DO NOT SHIP", "DO NOT USE"].iter().any(|mark| upper.contains(mark));
            proptest::prop_assert_eq!(is_marked(name.as_bytes()), expected);
        }
    }
}
