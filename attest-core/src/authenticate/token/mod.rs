//! A token that this key signed over our nonce, and that counts now.

pub mod key;
mod nested;
#[cfg(test)]
mod tests;

pub use key::TokenKey;
pub use nested::{Keys, Unproven};

use super::Subject;
use super::challenge::{self, Challenge, Nonce};
use crate::Timestamp;
use crate::evidence::eat::{self, Algorithm, Claims, Format, Profile, PsaProfile, Tagging, Token};
use nested::Question;

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
    /// A submodule is the digest of claims that did not come with the token.
    #[error("of this submodule there is a digest only, its claims did not come with the token")]
    DetachedMissing,
    /// `exp` has come.
    #[error("expired at {expired}, it is {now}")]
    Expired {
        /// `exp`.
        expired: Timestamp,
        /// The time of the judgement.
        now: Timestamp,
    },
    /// Signed by none of the device's keys.
    #[error("signed by none of the keys that sign this device's tokens")]
    KeyMissing,
    /// The token is not even well-formed, or not as its profile says.
    #[error(transparent)]
    Malformed(#[from] eat::Error),
    /// A nested token is signed by none of the given keys, or by that of a token around it.
    #[error("another attester's token, signed by none of the keys that may sign it")]
    NestedKeyMissing,
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
            Self::DetachedMissing => "submodule_detached",
            Self::Expired { .. } => "token_expired",
            Self::KeyMissing => "token_key_unknown",
            Self::Malformed(error) => error.code(),
            Self::NestedKeyMissing => "token_nested_key_missing",
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
    path: Vec<String>,
    nested: Vec<Self>,
    unproven: Vec<Unproven>,
}

/// What people should know about an authentic token, though nothing of it refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remark {
    /// The token brings a key or a certificate; it was not looked at.
    KeyIgnored,
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
            Self::TagUnexpected => "the token is not tagged as its format says: 18, or 61 and 18".to_owned(),
            Self::Wrapped { wrappers } => format!("taken out of: {wrappers}"),
        }
    }
}

impl AuthenticToken {
    /// Proves a token: algorithm, signature, nonce, times; then the tokens in it, each with a key of its own. Token and challenge are spent. A
    /// `kid` or a certificate in the token choose no key: the caller says whose key it is.
    ///
    /// # Errors
    /// [`Error`] about the token itself. A token in it that is not proven is no error: it is among the [`unproven`](Self::unproven), and the
    /// appraisal refuses it.
    pub fn authenticate<'k>(
        token: Token,
        keys: impl Into<Keys<'k>>,
        challenge: Challenge,
        now: Timestamp,
    ) -> Result<Self, Error> {
        challenge.check_expiry(now)?;
        Self::prove(token, keys.into(), &challenge.into_nonce(), now)
    }

    /// The same where nothing that counts says which of the device's keys signed: it is found by trying, and nobody else's is tried.
    ///
    /// # Errors
    /// As [`authenticate`](Self::authenticate), and [`Error::KeyMissing`] where there are several keys, and it is by none of them.
    pub fn authenticate_by_any(
        token: Token,
        keys: &[TokenKey],
        challenge: Challenge,
        now: Timestamp,
    ) -> Result<Self, Error> {
        challenge.check_expiry(now)?;
        Self::prove_by_any(token, keys, &challenge.into_nonce(), now)
    }

    /// The same for a token that comes beside a quote and answers the same question.
    pub(super) fn prove(token: Token, keys: Keys<'_>, nonce: &Nonce, now: Timestamp) -> Result<Self, Error> {
        check(&token, keys.own, nonce, now)?;
        Ok(Self::of(token, keys.own, Vec::new(), &[], Question { keys: keys.nested, nonce, now }))
    }

    /// The same beside a quote.
    pub(super) fn prove_by_any(
        token: Token,
        keys: &[TokenKey],
        nonce: &Nonce,
        now: Timestamp,
    ) -> Result<Self, Error> {
        for key in keys {
            match check(&token, key, nonce, now) {
                Ok(()) => return Ok(Self::of(token, key, Vec::new(), &[], Question { keys, nonce, now })),
                // Another key's, perhaps.
                Err(Error::AlgorithmMismatch { .. } | Error::SignatureInvalid) if keys.len() > 1 => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::KeyMissing)
    }

    /// A token that was checked, and what is in it. `around` are the keys of the tokens around it.
    fn of(
        token: Token,
        key: &TokenKey,
        path: Vec<String>,
        around: &[[u8; 32]],
        question: Question<'_>,
    ) -> Self {
        let within = question.ask(&token.claims, &path, &[around, &[key.identity()]].concat());
        Self {
            token,
            nonce: question.nonce.clone(),
            subject: key.subject().clone(),
            key_identity: key.identity(),
            path,
            nested: within.proven,
            unproven: within.unproven,
        }
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

    /// The names of the submodules that lead to it, the outermost first: none for a token that came by itself.
    #[must_use]
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// Tokens in this one that are proven, too; those in them are theirs.
    #[must_use]
    pub fn nested(&self) -> &[Self] {
        &self.nested
    }

    /// Itself and every proven token in it, the outer one first.
    #[must_use]
    pub fn with_nested(&self) -> Vec<&Self> {
        core::iter::once(self).chain(self.nested.iter().flat_map(Self::with_nested)).collect()
    }

    /// Submodules of which nothing is proven: tokens that no key signed, claims that did not come.
    #[must_use]
    pub fn unproven(&self) -> &[Unproven] {
        &self.unproven
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
        remarks
    }
}

/// That this key signed this token in answer to our nonce, and that it counts now.
fn check(token: &Token, key: &TokenKey, nonce: &Nonce, now: Timestamp) -> Result<(), Error> {
    check_algorithm(token, key)?;
    // A48: exactly one nonce, of exactly these bytes; the parser lets no second one through.
    nonce.check(token.claims.nonce.as_deref().unwrap_or_default())?;
    if !key.verifies(&token.algorithm, &token.signed, &token.signature) {
        return Err(Error::SignatureInvalid);
    }
    check_times(&token.claims, now)
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
