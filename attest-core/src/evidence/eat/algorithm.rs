//! Signature algorithms as token headers name them.

use core::fmt;

/// What a protected header says about its signature. Only the named ones can be verified; every other is kept by its name, to be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// Ed25519 (RFC 9053, 2.2; RFC 8037, 3.1; RFC 9864, 2.2).
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 9053, 2.1; RFC 7518, 3.4; RFC 9864, 2.1).
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// RSASSA-PSS with SHA-256 and a salt as long (RFC 8230, 2; RFC 7518, 3.5).
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// Another one: a MAC, RSASSA-PKCS1-v1_5, `none`, or one that nobody knows.
    Other(String),
}

/// COSE algorithms that are refused by name (IANA "COSE Algorithms"), so that people read `RS256` and not `-257`.
const COSE_REFUSED: [(i128, &str); 12] = [
    (-65_535, "RS1"),
    (-259, "RS512"),
    (-258, "RS384"),
    (-257, "RS256"),
    (-47, "ES256K"),
    (1, "A128GCM"),
    (2, "A192GCM"),
    (3, "A256GCM"),
    (4, "HMAC 256/64"),
    (5, "HMAC 256/256"),
    (6, "HMAC 384/384"),
    (7, "HMAC 512/512"),
];

impl Algorithm {
    /// The algorithm with this number in the registry "COSE Algorithms".
    #[must_use]
    pub fn from_cose(number: i128) -> Self {
        match number {
            -8 | -19 => Self::EdDsa,
            -7 | -9 => Self::Es256,
            -35 | -51 => Self::Es384,
            -36 | -52 => Self::Es512,
            -37 => Self::Ps256,
            -38 => Self::Ps384,
            -39 => Self::Ps512,
            other => {
                let name = COSE_REFUSED.iter().find(|(number, _)| *number == other);
                Self::Other(name.map_or_else(|| other.to_string(), |(_, name)| (*name).to_owned()))
            }
        }
    }

    /// The algorithm with this name in the registry "JSON Web Signature and Encryption Algorithms". Names differ by case.
    #[must_use]
    pub fn from_jose(name: &str) -> Self {
        match name {
            "EdDSA" | "Ed25519" => Self::EdDsa,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "ES512" => Self::Es512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            other => Self::Other(other.chars().take(64).collect()),
        }
    }

    /// Its name, as JOSE spells it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
