//! The whole of a device's evidence, proven: that TPM, this boot, just now, and which PCRs the logs explain.

use super::authentic_ima::{AuthenticIma, ImaOutcome, values_from_logs};
use super::pcrs::{self, QuotedPcrs};
use super::quote::{self, AuthenticQuote};
use super::replay::{Replay, Stories, reset_value};
use super::{AttestationKey, Challenge};
use crate::digest::{Digest, HashAlg};
use crate::evidence::bundle::{self, Bundle, FirmwareLog};
use crate::evidence::tcg_log::{Event, EventLog};
use crate::time::Timestamp;

/// Why evidence is not authentic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is not even well-formed.
    #[error(transparent)]
    Malformed(#[from] bundle::Error),
    /// The PCR values are not those that the quote covers.
    #[error(transparent)]
    Pcrs(#[from] pcrs::Error),
    /// Neither PCR values nor a log that leads to them were given.
    #[error("the quote covers PCRs, but neither their values nor a log is given")]
    PcrsMissing,
    /// The quote itself is not authentic.
    #[error(transparent)]
    Quote(#[from] quote::Error),
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(error) => error.code(),
            Self::Pcrs(error) => error.code(),
            Self::PcrsMissing => "pcrs_missing",
            Self::Quote(error) => error.code(),
        }
    }
}

/// What the logs say about one quoted PCR in one bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The events lead to the quoted value.
    Match,
    /// They lead elsewhere.
    Mismatch {
        /// Where.
        replayed: Digest,
    },
    /// An event of this PCR has no digest in this bank.
    DigestMissing,
    /// A value, but no event.
    NoEvents,
    /// The reset value, and no event.
    Reset,
}

impl Outcome {
    /// Its name in the command line's contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Mismatch { .. } | Self::DigestMissing => "mismatch",
            Self::NoEvents => "no_events",
            Self::Reset => "reset",
        }
    }

    /// Whether the logs explain the value.
    #[must_use]
    pub const fn is_explained(self) -> bool {
        matches!(self, Self::Match | Self::Reset)
    }
}

/// Evidence that is proven. Its private fields have one maker: [`AuthenticEvidence::authenticate`].
#[derive(Debug)]
pub struct AuthenticEvidence<'a> {
    quote: AuthenticQuote<'a>,
    pcrs: QuotedPcrs,
    log: FirmwareLog<'a>,
    stories: Stories,
    outcomes: Vec<(HashAlg, u8, Outcome)>,
    ima: Option<AuthenticIma<'a>>,
}

impl<'a> AuthenticEvidence<'a> {
    /// Proves a bundle: nonce, signature, PCR values, then the logs against them. Bundle and challenge are spent.
    ///
    /// Without `bundle.pcrs` the values are those that the logs lead to; they count only if they hash to the signed pcrDigest.
    ///
    /// # Errors
    /// [`Error`] where the quote is not that key's answer to this challenge. A log that does not explain the PCRs is no error: it
    /// shows in [`outcome`](Self::outcome), and the appraisal refuses it.
    pub fn authenticate(
        bundle: Bundle<'a>,
        key: &AttestationKey,
        challenge: Challenge,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let Bundle { attest, signature, log, ima, pcrs } = bundle;
        // Cheap checks and the signature first: hashing the logs is work, and only the key's holder may ask for it.
        let quote = quote::authenticate(attest, &signature, key, challenge, now)?;
        let is_quoted = |alg| quote.selection().banks().any(|(bank, _)| bank == alg);
        let replay = log.given().map(|log| Replay::in_banks(log, is_quoted));
        let pcrs = match &pcrs {
            Some(values) => QuotedPcrs::from_values(&quote, values)?,
            None if replay.is_none() && ima.is_none() => return Err(Error::PcrsMissing),
            None => values_from_logs(&quote, replay.as_ref(), ima.as_ref())?,
        };
        let firmware = |alg, pcr| firmware_outcome(replay.as_ref(), &pcrs, alg, pcr);
        let mut outcomes: Vec<_> = pcrs.iter().map(|(alg, pcr, _)| (alg, pcr, firmware(alg, pcr))).collect();
        let stories = replay.map(Replay::into_stories).unwrap_or_default();
        let ima = ima.map(|ima| AuthenticIma::check(ima, &pcrs));
        if let Some(ima) = &ima {
            for (alg, pcr, outcome) in &mut outcomes {
                if *outcome == Outcome::NoEvents || *outcome == Outcome::Reset {
                    *outcome = match ima.outcome(*alg, *pcr) {
                        ImaOutcome::NotItsPcr => *outcome,
                        ImaOutcome::Match => Outcome::Match,
                        ImaOutcome::Mismatch { replayed } => Outcome::Mismatch { replayed },
                    };
                }
            }
        }
        Ok(Self { quote, pcrs, log, stories, outcomes, ima })
    }

    /// The quote.
    #[must_use]
    pub const fn quote(&self) -> &AuthenticQuote<'a> {
        &self.quote
    }

    /// The quoted values.
    #[must_use]
    pub const fn pcrs(&self) -> &QuotedPcrs {
        &self.pcrs
    }

    /// Whether there is a firmware log, and whether it holds anything.
    #[must_use]
    pub const fn firmware_log(&self) -> &FirmwareLog<'a> {
        &self.log
    }

    /// The firmware log, if one was given that is not empty.
    #[must_use]
    pub const fn log(&self) -> Option<&EventLog<'a>> {
        self.log.given()
    }

    /// The IMA list, as far as the quote covers it.
    #[must_use]
    pub const fn ima(&self) -> Option<&AuthenticIma<'a>> {
        self.ima.as_ref()
    }

    /// Every quoted PCR with what the logs say about it, in the order of banks and PCRs.
    #[must_use]
    pub fn outcomes(&self) -> &[(HashAlg, u8, Outcome)] {
        &self.outcomes
    }

    /// What the logs say about one quoted PCR; `None` if it is not quoted in that bank.
    #[must_use]
    pub fn outcome(&self, alg: HashAlg, pcr: u8) -> Option<Outcome> {
        self.outcomes.iter().find(|(a, p, _)| (*a, *p) == (alg, pcr)).map(|(_, _, outcome)| *outcome)
    }

    /// The bank that decides about a quoted PCR: the strongest in which it is both quoted and logged, else the strongest quoted.
    #[must_use]
    pub fn deciding_bank(&self, pcr: u8) -> Option<HashAlg> {
        let quoted = || self.outcomes.iter().filter(move |(_, p, _)| *p == pcr);
        let logged = |outcome: &Outcome| !matches!(outcome, Outcome::NoEvents | Outcome::DigestMissing);
        let strongest_logged =
            quoted().filter(|(_, _, o)| logged(o)).map(|(alg, ..)| *alg).max_by_key(|alg| alg.strength());
        strongest_logged.or_else(|| quoted().map(|(alg, ..)| *alg).max_by_key(|alg| alg.strength()))
    }

    /// The events that extended this PCR, in order, as the log tells it. They are proven where [`outcome`](Self::outcome) is a match,
    /// and their digests alone.
    pub fn extends(&self, pcr: u8) -> impl Iterator<Item = &Event<'a>> + Clone {
        let events = self.log().map(EventLog::events).unwrap_or_default();
        self.stories.of(pcr.into()).iter().filter_map(|at| events.get(usize::try_from(*at).ok()?))
    }
}

fn firmware_outcome(replay: Option<&Replay<'_, '_>>, pcrs: &QuotedPcrs, alg: HashAlg, pcr: u8) -> Outcome {
    let quoted = pcrs.get(alg, pcr);
    let index = u32::from(pcr);
    let locality = replay.and_then(|r| r.log().startup_locality());
    let Some(replay) = replay.filter(|r| !r.positions(index).is_empty()) else {
        let is_reset = quoted == Some(reset_value(alg, index, locality));
        return if is_reset { Outcome::Reset } else { Outcome::NoEvents };
    };
    match replay.value(alg, index) {
        Some(replayed) if Some(replayed) == quoted => Outcome::Match,
        Some(replayed) => Outcome::Mismatch { replayed },
        // The log names the bank, but an event lacks its digest; or the log knows nothing of the bank.
        None if replay.banks().any(|bank| bank == alg) => Outcome::DigestMissing,
        None if quoted == Some(reset_value(alg, index, locality)) => Outcome::Reset,
        None => Outcome::NoEvents,
    }
}
