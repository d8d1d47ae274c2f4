//! PCR values that a quote vouches for.

use super::quote::AuthenticQuote;
pub use crate::evidence::pcr_values::PcrValues;
use crate::{Digest, HashAlg};

/// Why values are not those that were quoted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The values do not hash to the quote's pcrDigest.
    #[error("the values hash to {got}, the quote says {quoted}")]
    PcrDigestMismatch {
        /// The digest of the values.
        got: Digest,
        /// pcrDigest in hexadecimal.
        quoted: String,
    },
    /// A quoted PCR has no value.
    #[error("PCR {pcr} of bank {alg} is quoted, but no value is given")]
    PcrMissing {
        /// The bank.
        alg: HashAlg,
        /// The index.
        pcr: u8,
    },
}

impl Error {
    /// Stable name of this fact.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::PcrDigestMismatch { .. } => "pcr_digest_mismatch",
            Self::PcrMissing { .. } => "pcr_missing",
        }
    }
}

/// The values of exactly the PCRs that the signed selection names, proven by the signed digest. No other PCR can be asked
/// for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotedPcrs(Vec<((HashAlg, u8), Digest)>);

impl QuotedPcrs {
    /// Believes the claimed values of the quoted PCRs if they hash to the quote's digest. Values of other PCRs are ignored.
    ///
    /// # Errors
    /// [`Error::PcrMissing`] or [`Error::PcrDigestMismatch`].
    pub fn from_values(quote: &AuthenticQuote<'_>, values: &PcrValues) -> Result<Self, Error> {
        Self::from_lookup(quote, |alg, pcr| values.get(alg, pcr))
    }

    /// As [`from_values`](Self::from_values) for values that a replay supplies one by one, so that many candidates can be
    /// tried without building a map of each.
    ///
    /// # Errors
    /// [`Error::PcrMissing`] where `value` is `None` or of another bank, or [`Error::PcrDigestMismatch`].
    pub fn from_lookup(
        quote: &AuthenticQuote<'_>,
        value: impl Fn(HashAlg, u8) -> Option<Digest>,
    ) -> Result<Self, Error> {
        let mut values = Vec::with_capacity(quote.selection().len());
        for (alg, pcr) in quote.selection().iter() {
            let value = value(alg, pcr).filter(|value| value.alg() == alg);
            values.push(value.ok_or(Error::PcrMissing { alg, pcr })?);
        }
        let mismatch = |got| Error::PcrDigestMismatch { got, quoted: hex::encode(quote.pcr_digest()) };
        Self::proven(quote, &values).map_err(mismatch)
    }

    /// As [`from_values`](Self::from_values) for values in the order of the selection, of its banks.
    pub(super) fn from_row(quote: &AuthenticQuote<'_>, values: &[Digest]) -> Option<Self> {
        let banks = quote.selection().iter().map(|(alg, _)| alg);
        let is_whole = banks.eq(values.iter().map(Digest::alg));
        Self::proven(quote, values).ok().filter(|_| is_whole)
    }

    /// The one maker: a value for each quoted PCR, in their order, if they hash to the quote's digest; else what they hash to.
    fn proven(quote: &AuthenticQuote<'_>, values: &[Digest]) -> Result<Self, Digest> {
        // Part 3, TPM2_Quote: the digest is by the hash of the signing scheme, whatever the banks are.
        let mut all = Vec::with_capacity(values.iter().map(|value| value.as_bytes().len()).sum());
        values.iter().for_each(|value| all.extend(value.as_bytes()));
        let got = quote.signing_hash().hash(&[&all]);
        if got.as_bytes() != quote.pcr_digest() {
            return Err(got);
        }
        let mut known = Vec::with_capacity(values.len());
        known.extend(quote.selection().iter().zip(values.iter().copied()));
        // A selection names no bank twice, but in any order.
        known.sort_unstable_by_key(|(place, _)| *place);
        Ok(Self(known))
    }

    /// The value of a quoted PCR; `None` for any other.
    #[must_use]
    pub fn get(&self, alg: HashAlg, pcr: u8) -> Option<Digest> {
        let at = self.0.binary_search_by_key(&(alg, pcr), |(place, _)| *place).ok()?;
        self.0.get(at).map(|(_, value)| *value)
    }

    /// Every quoted PCR, by bank and index.
    pub fn iter(&self) -> impl Iterator<Item = (HashAlg, u8, Digest)> + '_ {
        self.0.iter().map(|((alg, pcr), value)| (*alg, *pcr, *value))
    }

    /// The quoted banks, each once.
    #[must_use]
    pub fn banks(&self) -> Vec<HashAlg> {
        let mut banks: Vec<HashAlg> = self.0.iter().map(|((alg, _), _)| *alg).collect();
        banks.dedup();
        banks
    }
}

#[cfg(test)]
mod tests;
