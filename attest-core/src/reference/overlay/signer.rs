//! Who may sign overlays: a P-256 key that the golden document names.

use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::digest::HashAlg;

/// SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING of 66 bytes, 0 unused bits } (RFC 5480): the one DER encoding.
const P256_PREFIX: &[u8] =
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";

/// A key that may sign overlays for the devices of a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverlaySigner {
    /// Whose it is, for people.
    pub name: String,
    point: [u8; 65],
    id: String,
}

impl OverlaySigner {
    /// The key in a SubjectPublicKeyInfo for P-256, DER. Whether it is on the curve shows at the first verification.
    #[must_use]
    pub fn from_spki_der(name: &str, der: &[u8]) -> Option<Self> {
        let point: [u8; 65] = der.strip_prefix(P256_PREFIX)?.try_into().ok()?;
        let [4, xy @ ..] = &point else { return None };
        let (x, y) = xy.split_first_chunk::<32>()?;
        // Its thumbprint (RFC 7638, 3): the required members in alphabetical order.
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let jwk = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let id = URL_SAFE_NO_PAD.encode(HashAlg::Sha256.hash(&[jwk.as_bytes()]).as_bytes());
        Some(Self { name: name.to_owned(), point, id })
    }

    /// The same from standard base64, as the document writes it.
    #[must_use]
    pub fn from_base64(name: &str, text: &str) -> Option<Self> {
        Self::from_spki_der(name, &STANDARD.decode(text).ok()?)
    }

    /// Its SubjectPublicKeyInfo in standard base64.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode([P256_PREFIX, self.point.as_slice()].concat())
    }

    /// The unpadded base64url of its thumbprint (RFC 7638): the `kid` of what it signs.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether `signature` (r ‖ s, 32 bytes each) is this key's ES256 signature over `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let algorithm = &ring::signature::ECDSA_P256_SHA256_FIXED;
        ring::signature::UnparsedPublicKey::new(algorithm, &self.point).verify(message, signature).is_ok()
    }
}
