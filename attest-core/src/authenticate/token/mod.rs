//! A token that this key signed over our nonce, and that counts now.

pub mod key;
#[cfg(test)]
mod tests;

pub use key::TokenKey;

use super::Subject;
use super::challenge::{self, Challenge, Nonce};
use crate::Timestamp;
use crate::evidence::eat::{
    self, Algorithm, Claims, Format, Profile, PsaProfile, SubmoduleKind, Tagging, Token,
};

/// How far the attester's clock and ours may be apart, in seconds. It is granted to `iat` and `nbf` only: what has expired has expired.
pub const SKEW_SECONDS: u64 = 60;

/// Why a token is not the answer of this key to this challenge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The algorithm in the protected header is not the key's.
    #[error("the token says that it is signed with `{got}`, the key signs with {expected}")]
    AlgorithmMismatch {
        /// The key's, in words.
        expected: String,
        /// The token's.
        got: String,
    },
    /// The profile does not allow this algorithm.
    #[error("the profile {profile} does not allow `{got}`")]
    AlgorithmNotOfProfile {
        /// The profile.
        profile: &'static str,
        /// The token's algorithm.
        got: String,
    },
    /// `exp` has come.
    #[error("expired at {expired}, it is {now}")]
    Expired {
        /// `exp`.
        expired: Timestamp,
        /// The time of the judgement.
        now: Timestamp,
    },
    /// The token is not even well-formed, or not as its profile says.
    #[error(transparent)]
    Malformed(#[from] eat::Error),
    /// The token is not an answer to this challenge.
    #[error(transparent)]
    Nonce(#[from] challenge::Error),
    /// `iat` or `nbf` is in the future.
    #[error("not valid before {from}, it is {now}")]
    NotYetValid {
        /// The claim's time.
        from: Timestamp,
        /// The time of the judgement.
        now: Timestamp,
    },
    /// The signature is not by this key over these bytes.
    #[error("the signature is not by this key over these bytes")]
    SignatureInvalid,
    /// `exp` is not after `iat` or `nbf`.
    #[error("the token expires before it begins")]
    TimesContradict,
}

impl Error {
    /// Stable name of this fact.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AlgorithmMismatch { .. } => "token_algorithm_mismatch",
            Self::AlgorithmNotOfProfile { .. } => "token_algorithm_not_of_profile",
            Self::Expired { .. } => "token_expired",
            Self::Malformed(error) => error.code(),
            Self::Nonce(error) => error.code(),
            Self::NotYetValid { .. } => "token_not_yet_valid",
            Self::SignatureInvalid => "signature_invalid",
            Self::TimesContradict => "token_times_contradict",
        }
    }
}

/// A token that is proven: this key signed these claims in answer to our nonce. Its private fields have one maker,
/// [`AuthenticToken::authenticate`].
#[derive(Clone, Debug)]
pub struct AuthenticToken {
    token: Token,
    nonce: Nonce,
    subject: Subject,
    key_identity: [u8; 32],
}

/// What people should know about an authentic token, though nothing of it refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remark {
    /// The token brings a key or a certificate; it was not looked at.
    KeyIgnored,
    /// The token holds another attester's token, whose signature was not checked: nothing of it is believed.
    SubmoduleUnproven {
        /// Its name.
        name: String,
    },
    /// The token holds the digest of claims that did not come with it.
    SubmoduleDetached {
        /// Its name.
        name: String,
    },
    /// A CWT without a tag, or a PSA token with another one than 18 (RFC 9783, 5.1.1).
    TagUnexpected,
    /// The token came in wrappers, which prove nothing.
    Wrapped {
        /// Their names, outermost first.
        wrappers: String,
    },
}

impl Remark {
    /// Stable name of this fact.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::KeyIgnored => "token_key_ignored",
            Self::SubmoduleUnproven { .. } => "submodule_unproven",
            Self::SubmoduleDetached { .. } => "submodule_detached",
            Self::TagUnexpected => "token_tag_unexpected",
            Self::Wrapped { .. } => "token_wrapped",
        }
    }

    /// In words.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::KeyIgnored => {
                "the token brings a key or certificate of its own, which counts for nothing".to_owned()
            }
            Self::SubmoduleUnproven { name } => {
                format!("submodule `{name}` is a token of another attester, whose signature was not checked")
            }
            Self::SubmoduleDetached { name } => {
                format!(
                    "of submodule `{name}` there is a digest only, its claims did not come with the token"
                )
            }
            Self::TagUnexpected => "the token is not tagged as its format says: 18, or 61 and 18".to_owned(),
            Self::Wrapped { wrappers } => format!("taken out of: {wrappers}"),
        }
    }
}

impl AuthenticToken {
    /// Proves a token: algorithm, signature, nonce, times. Token and challenge are spent. A `kid` or a certificate in the token choose no
    /// key: the caller says whose key it is.
    ///
    /// # Errors
    /// [`Error`].
    pub fn authenticate(
        token: Token,
        key: &TokenKey,
        challenge: Challenge,
        now: Timestamp,
    ) -> Result<Self, Error> {
        challenge.check_expiry(now)?;
        Self::prove(token, key, challenge.into_nonce(), now)
    }

    /// The same for a token that comes beside a quote and answers the same question.
    pub(super) fn prove(token: Token, key: &TokenKey, nonce: Nonce, now: Timestamp) -> Result<Self, Error> {
        check_algorithm(&token, key)?;
        // A48: exactly one nonce, of exactly these bytes; the parser lets no second one through.
        nonce.check(token.claims.nonce.as_deref().unwrap_or_default())?;
        if !key.verifies(&token.algorithm, &token.signed, &token.signature) {
            return Err(Error::SignatureInvalid);
        }
        check_times(&token.claims, now)?;
        Ok(Self { token, nonce, subject: key.subject().clone(), key_identity: key.identity() })
    }

    /// What the token claims: said by the holder of the key, now.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.token.claims
    }

    /// CWT or JWT.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.token.format
    }

    /// The signature's algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> &Algorithm {
        &self.token.algorithm
    }

    /// The nonce proven in the token.
    #[must_use]
    pub const fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    /// Whose key signed.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Which key signed: [`TokenKey::identity`].
    #[must_use]
    pub const fn key_identity(&self) -> &[u8; 32] {
        &self.key_identity
    }

    /// What people should know.
    #[must_use]
    pub fn remarks(&self) -> Vec<Remark> {
        let mut remarks = Vec::new();
        if !self.token.wrappers.is_empty() {
            remarks.push(Remark::Wrapped { wrappers: self.token.wrappers.join(", ") });
        }
        if self.token.carries_key {
            remarks.push(Remark::KeyIgnored);
        }
        let is_psa = self.claims().psa().is_some();
        if self.token.tagging == Tagging::Untagged || (is_psa && self.token.tagging != Tagging::Sign1) {
            remarks.push(Remark::TagUnexpected);
        }
        for submod in self.token.submods() {
            let name = submod.name.clone();
            match &submod.kind {
                SubmoduleKind::Token { .. } => remarks.push(Remark::SubmoduleUnproven { name }),
                SubmoduleKind::Detached { claims: None, .. } => {
                    remarks.push(Remark::SubmoduleDetached { name })
                }
                _ => {}
            }
        }
        remarks
    }
}

/// A45: the algorithm is the key's, and one that the profile allows (RFC 9783, 5.2: the TFM profile has ECDSA alone).
fn check_algorithm(token: &Token, key: &TokenKey) -> Result<(), Error> {
    let alg = &token.algorithm;
    if !key.allows(alg) {
        return Err(Error::AlgorithmMismatch { expected: key.algorithms(), got: alg.to_string() });
    }
    let is_ecdsa = matches!(alg, Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512);
    match token.claims.profile {
        Profile::Psa(profile @ PsaProfile::Tfm) if !is_ecdsa => {
            Err(Error::AlgorithmNotOfProfile { profile: profile.name(), got: alg.to_string() })
        }
        _ => Ok(()),
    }
}

/// A49: each of the three may be missing, for the nonce makes the token fresh; what is there must hold, in every claims set that is believed.
fn check_times(claims: &Claims, now: Timestamp) -> Result<(), Error> {
    let at = |seconds: Option<u64>| seconds.map(Timestamp::from_unix);
    for from in [at(claims.iat), at(claims.nbf)].into_iter().flatten() {
        if from > now.plus(SKEW_SECONDS) {
            return Err(Error::NotYetValid { from, now });
        }
        if at(claims.exp).is_some_and(|expired| expired <= from) {
            return Err(Error::TimesContradict);
        }
    }
    if let Some(expired) = at(claims.exp)
        && expired <= now
    {
        return Err(Error::Expired { expired, now });
    }
    claims
        .submods()
        .iter()
        .filter_map(|submod| submod.kind.claims())
        .try_for_each(|claims| check_times(claims, now))
}
