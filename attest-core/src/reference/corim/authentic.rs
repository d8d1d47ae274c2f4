//! A signed CoRIM whose signature was checked: who signed it, that they may speak of what it speaks of, and that it counts now.

use super::environment::Environment;
use super::manifest::{Corim, TagId, Validity};
use super::signed::SignedCorim;
use crate::authenticate::TokenKey;
use crate::evidence::eat::Algorithm;
use crate::limits::Limits;
use crate::time::Timestamp;

/// Someone who may sign CoRIMs, on the caller's word.
#[derive(Clone, Debug)]
pub struct Signer<'k> {
    /// Their key.
    pub key: &'k TokenKey,
    /// What they must call themselves in the protected header; anything, if empty.
    pub name: Option<&'k str>,
    /// The environments that they may speak of: one of these must cover each environment of a CoRIM. None covers nothing.
    pub authority: &'k [Environment<'k>],
}

/// Why a signed CoRIM does not count. None of it does then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The protected header's algorithm cannot be this key's.
    #[error("signed with {got}, which the signer's key does not sign with")]
    AlgorithmUnexpected {
        /// What the header says.
        got: String,
    },
    /// It speaks of an environment that is not the signer's to speak of.
    #[error("the signer has no authority for {environment}")]
    AuthorityMissing {
        /// The environment.
        environment: String,
    },
    /// The payload is no CoRIM.
    #[error(transparent)]
    Corim(#[from] super::Error),
    /// Its time, or the signature's, is over.
    #[error("expired at {until}")]
    Expired {
        /// The last second in which it counted.
        until: Timestamp,
    },
    /// Its time, or the signature's, has not come.
    #[error("not valid before {from}")]
    NotYetValid {
        /// The first second in which it counts.
        from: Timestamp,
    },
    /// The signature is not this key's over these bytes.
    #[error("the signature is not the signer's")]
    SignatureInvalid,
    /// Someone else says to have signed it.
    #[error("it says to be signed by `{got}`")]
    SignerUnexpected {
        /// Who.
        got: String,
    },
    /// An edition older than one that was already seen.
    #[error("tag {tag} is version {got}, and version {seen} was already seen")]
    TagOlder {
        /// The tag.
        tag: String,
        /// Its version.
        got: u64,
        /// The version that was seen.
        seen: u64,
    },
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AlgorithmUnexpected { .. } => "corim_algorithm_unexpected",
            Self::AuthorityMissing { .. } => "corim_authority_missing",
            Self::Corim(error) => error.code(),
            Self::Expired { .. } => "corim_expired",
            Self::NotYetValid { .. } => "corim_not_yet_valid",
            Self::SignatureInvalid => "corim_signature_invalid",
            Self::SignerUnexpected { .. } => "corim_signer_unexpected",
            Self::TagOlder { .. } => "corim_tag_older",
        }
    }
}

/// A CoRIM that this signer signed, may sign, and that counts now. Only [`SignedCorim::authenticate`] makes one; an unsigned one has no
/// way to become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticCorim<'a> {
    corim: Corim<'a>,
    valid_until: Option<Timestamp>,
}

impl<'a> AuthenticCorim<'a> {
    /// What was signed.
    #[must_use]
    pub const fn corim(&self) -> &Corim<'a> {
        &self.corim
    }

    /// The last second in which all of it counts, if there is one.
    #[must_use]
    pub const fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }
}

/// A CoRIM that this signer signed and may sign, whenever that counts.
pub(crate) struct Vouched<'a> {
    corim: Corim<'a>,
    period: Period,
}

impl<'a> Vouched<'a> {
    /// What was signed.
    pub(crate) fn into_corim(self) -> Corim<'a> {
        self.corim
    }

    /// The last second in which all of it counts, if there is one.
    pub(crate) const fn valid_until(&self) -> Option<Timestamp> {
        self.period.until
    }

    /// Whether all of it counts then.
    ///
    /// # Errors
    /// [`Error::NotYetValid`], [`Error::Expired`].
    pub(crate) fn check(&self, now: Timestamp) -> Result<(), Error> {
        self.period.check(now)
    }
}

impl<'a> SignedCorim<'a> {
    /// Checks the signature, and then what it covers. `seen` tells the newest version of a tag that was ever accepted, so that an older
    /// one is not replayed.
    ///
    /// # Errors
    /// [`Error`].
    pub fn authenticate(
        self,
        signer: &Signer<'_>,
        seen: impl Fn(&TagId<'_>) -> Option<u64>,
        now: Timestamp,
        limits: &Limits,
    ) -> Result<AuthenticCorim<'a>, Error> {
        let vouched = self.vouched(signer, seen, limits)?;
        vouched.period.check(now)?;
        Ok(AuthenticCorim { valid_until: vouched.period.until, corim: vouched.corim })
    }

    /// As [`SignedCorim::authenticate`], for those who also have to know what counted once.
    pub(crate) fn vouched(
        self,
        signer: &Signer<'_>,
        seen: impl Fn(&TagId<'_>) -> Option<u64>,
        limits: &Limits,
    ) -> Result<Vouched<'a>, Error> {
        // Nothing that was sent is looked at further, and the payload not at all, before the signature is checked.
        self.check_signature(signer.key)?;
        self.check_name(signer.name)?;
        let corim = Corim::read(self.payload, self.payload_offset, self.form, limits)?;
        for comid in corim.comids() {
            let covered = |of: &&Environment<'_>| !signer.authority.iter().any(|pattern| pattern.covers(of));
            if let Some(environment) = comid.environments().find(covered) {
                return Err(Error::AuthorityMissing { environment: environment.to_string() });
            }
            let (tag, got) = (comid.identity.id, comid.identity.version);
            if let Some(seen) = seen(&tag).filter(|seen| *seen > got) {
                return Err(Error::TagOlder { tag: tag.to_string(), got, seen });
            }
        }
        let period = self.period(corim.validity);
        Ok(Vouched { corim, period })
    }

    /// A45: the algorithm is the one in the protected header, and one that this key signs with.
    fn check_signature(&self, key: &TokenKey) -> Result<(), Error> {
        let algorithm = Algorithm::from_cose(self.algorithm);
        if !key.allows(&algorithm) {
            return Err(Error::AlgorithmUnexpected { got: algorithm.to_string() });
        }
        let is_theirs = key.verifies(&algorithm, &self.to_be_signed(), self.signature);
        if is_theirs { Ok(()) } else { Err(Error::SignatureInvalid) }
    }

    /// Both places that may name the signer must name the expected one.
    fn check_name(&self, expected: Option<&str>) -> Result<(), Error> {
        let Some(expected) = expected else { return Ok(()) };
        let names =
            self.meta.map(|meta| meta.signer).into_iter().chain(self.claims.map(|claims| claims.issuer));
        match names.into_iter().find(|name| *name != expected) {
            Some(other) => Err(Error::SignerUnexpected { got: other.to_owned() }),
            None => Ok(()),
        }
    }

    /// When all of it counts: the payload, and both periods in the protected header.
    fn period(&self, corim: Option<Validity>) -> Period {
        let claims = self.claims.map_or(Period::default(), |claims| Period {
            from: claims.not_before.map(Timestamp::from_unix),
            // From `exp` on it does not count (RFC 8392, 3.1.4).
            until: claims.expires.map(|exp| Timestamp::from_unix(exp.saturating_sub(1))),
        });
        let meta = self.meta.and_then(|meta| meta.validity);
        claims.and(Period::of(meta)).and(Period::of(corim))
    }
}

/// Both ends belong to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Period {
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Period {
    fn of(validity: Option<Validity>) -> Self {
        Self { from: validity.and_then(|v| v.not_before), until: validity.map(|v| v.not_after) }
    }

    /// What belongs to both.
    fn and(self, other: Self) -> Self {
        let until = self.until.into_iter().chain(other.until).min();
        Self { from: self.from.max(other.from), until }
    }

    fn check(&self, now: Timestamp) -> Result<(), Error> {
        match (self.from, self.until) {
            (Some(from), _) if from > now => Err(Error::NotYetValid { from }),
            (_, Some(until)) if until < now => Err(Error::Expired { until }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
