//! Signing an [`Ear`]: ES256 as JWS (RFC 7515) and as COSE_Sign1 (RFC 9052).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    claims::{self, Claim, Label},
    ear::Ear,
    key::VerifyingKey,
};

/// `typ` of the JWT: an EAT in JWT form (RFC 9782).
pub(crate) const JWT_TYPE: &str = "eat+jwt";
/// `typ` of the CWT (RFC 9596): an EAT in CWT form (RFC 9782).
pub(crate) const CWT_TYPE: &str = "application/eat+cwt";
/// ES256 in COSE (RFC 9053, 2.1).
pub(crate) const COSE_ES256: i64 = -7;
pub(crate) const COSE_ALG: i64 = 1;
pub(crate) const COSE_KID: i64 = 4;
pub(crate) const COSE_TYP: i64 = 16;
/// The CBOR tag of COSE_Sign1 (RFC 9052, 2).
pub(crate) const COSE_SIGN1_TAG: u64 = 18;

/// Why there is no signature. The fault is ours or our operator's, never the device's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The key cannot be used now.
    #[error("the signing key cannot be used: {detail}")]
    KeyUnavailable {
        /// What its holder says.
        detail: String,
    },
}

impl SignError {
    /// Stable text.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::KeyUnavailable { .. } => "signing_key_unavailable",
        }
    }
}

/// The holder of a P-256 key: a file, an HSM. It brings its own randomness.
pub trait Sign {
    /// The key that verifies what this one signs.
    fn public_key(&self) -> &VerifyingKey;

    /// ECDSA over P-256 with SHA-256 of `message`: r ‖ s, 32 bytes each, big-endian.
    ///
    /// # Errors
    /// [`SignError`] when the key cannot be used.
    fn sign_es256(&self, message: &[u8]) -> Result<[u8; 64], SignError>;

    /// Names the key in a token's header, for choosing it from a key set.
    fn key_id(&self) -> &str {
        self.public_key().id()
    }
}

impl Ear {
    /// The result as a JWT: JWS compact serialization, `alg`, `kid` and `typ` in the header.
    ///
    /// # Errors
    /// The signer's.
    pub fn to_jwt(&self, signer: &dyn Sign) -> Result<String, SignError> {
        let header =
            serde_json::json!({ "alg": "ES256", "kid": signer.key_id(), "typ": JWT_TYPE }).to_string();
        let payload = self.claims().to_json().to_string();
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = signer.sign_es256(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// The result as a CWT: tagged COSE_Sign1, deterministic CBOR, with `alg`, `kid` and `typ` in the protected header and nothing in the
    /// unprotected one.
    ///
    /// # Errors
    /// The signer's.
    pub fn to_cwt(&self, signer: &dyn Sign) -> Result<Vec<u8>, SignError> {
        let protected = Claim::Map(vec![
            (Label::new("alg", COSE_ALG), Claim::Integer(COSE_ES256)),
            (Label::new("kid", COSE_KID), Claim::Bytes(signer.key_id().as_bytes().to_vec())),
            (Label::new("typ", COSE_TYP), Claim::text(CWT_TYPE)),
        ])
        .to_cbor();
        let payload = self.claims().to_cbor();
        let signature = signer.sign_es256(&sig_structure(&protected, &payload))?;
        let mut token = Vec::new();
        claims::head(&mut token, 6, COSE_SIGN1_TAG);
        let parts = vec![
            Claim::Bytes(protected),
            Claim::Map(Vec::new()),
            Claim::Bytes(payload),
            Claim::Bytes(signature.to_vec()),
        ];
        token.extend(Claim::Array(parts).to_cbor());
        Ok(token)
    }
}

/// What a COSE_Sign1 signature covers, without external data (RFC 9052, 4.4).
pub(crate) fn sig_structure(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let bytes = |bytes: &[u8]| Claim::Bytes(bytes.to_vec());
    Claim::Array(vec![Claim::text("Signature1"), bytes(protected), bytes(&[]), bytes(payload)]).to_cbor()
}
