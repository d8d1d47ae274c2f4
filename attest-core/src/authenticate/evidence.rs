//! The whole of a device's evidence, proven: that TPM, this boot, just now, and which PCRs the logs explain.

use super::authentic_ima::{AuthenticIma, ImaOutcome, registers_of, values_from_logs};
use super::guess::{self, Guesses, NoGuesses};
use super::ima_checkpoint::{ImaCheckpoint, ResumeError};
use super::pcrs::{self, QuotedPcrs};
use super::quote::{self, AuthenticQuote};
use super::replay::{Replay, Stories};
use super::story::Logs;
use super::token::{self, AuthenticToken};
use super::untold::Untold;
use super::{AttestationKey, Challenge};
use crate::digest::{Digest, HashAlg};
use crate::evidence::bundle::{self, Bundle, FirmwareLog};
use crate::evidence::eat::Token;
use crate::evidence::ima_log::ImaLog;
use crate::evidence::tcg_log::EventLog;
use crate::evidence::{Extend, UserspaceLog};
use crate::time::Timestamp;

/// Why evidence is not authentic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The later part of a list, which does not go on from where the verifier was: the whole list is wanted.
    #[error("IMA list: {0}")]
    ImaResume(#[from] ResumeError),
    /// It is not even well-formed.
    #[error(transparent)]
    Malformed(#[from] bundle::Error),
    /// The PCR values are not those that the quote covers.
    #[error(transparent)]
    Pcrs(#[from] pcrs::Error),
    /// Neither PCR values nor a log that leads to them were given, and no good boot's are the quoted ones.
    #[error("the quote covers PCRs, but neither their values nor a log with any event is given")]
    PcrsMissing,
    /// The logs do not lead to the quoted values, and of some quoted PCRs no log tells, or too little: perhaps one was left out.
    #[error("{error}{untold}")]
    PcrsUntold {
        /// Why the values are not the quoted ones.
        error: pcrs::Error,
        /// Of which PCRs.
        untold: Box<Untold>,
    },
    /// The quote itself is not authentic.
    #[error(transparent)]
    Quote(#[from] quote::Error),
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ImaResume(error) => error.code(),
            Self::Malformed(error) => error.code(),
            Self::Pcrs(error) => error.code(),
            Self::PcrsMissing => "pcrs_missing",
            Self::PcrsUntold { error, .. } => error.code(),
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
    /// Two logs beside the firmware's both tell of this PCR, and no order of theirs is proven.
    Ambiguous,
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
            Self::Ambiguous | Self::Mismatch { .. } | Self::DigestMissing => "mismatch",
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
    userspace: Option<UserspaceLog>,
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
        Self::authenticate_after(bundle, None, key, challenge, now)
    }

    /// The same where the device sent only the part of its IMA list that follows a checkpoint of this boot.
    ///
    /// # Errors
    /// As [`authenticate`](Self::authenticate), and [`Error::ImaResume`] where the part does not go on from the checkpoint.
    pub fn authenticate_after(
        bundle: Bundle<'a>,
        checkpoint: Option<ImaCheckpoint>,
        key: &AttestationKey,
        challenge: Challenge,
        now: Timestamp,
    ) -> Result<Self, Error> {
        Self::authenticate_guessing(bundle, checkpoint, key, challenge, now, &NoGuesses)
    }

    /// The same where somebody knows good boots: if no PCR values were sent, and the logs do not lead to the quoted ones, values of good
    /// boots are tried. Those that hash to the signed pcrDigest are the quoted ones, and the appraisal says which PCR the logs tell wrongly.
    ///
    /// # Errors
    /// As [`authenticate_after`](Self::authenticate_after).
    pub fn authenticate_guessing(
        bundle: Bundle<'a>,
        checkpoint: Option<ImaCheckpoint>,
        key: &AttestationKey,
        challenge: Challenge,
        now: Timestamp,
        guesses: &dyn Guesses,
    ) -> Result<Self, Error> {
        let Bundle { attest, signature, log, ima, userspace, pcrs } = bundle;
        // Cheap checks and the signature first: hashing the logs is work, and only the key's holder may ask for it.
        let quote = quote::authenticate(attest, &signature, key, challenge, now)?;
        let before = go_on(&quote, ima.as_ref(), checkpoint)?;
        let is_quoted = |alg| quote.selection().banks().any(|(bank, _)| bank == alg);
        let replay = log.given().map(|log| Replay::in_banks(log, is_quoted));
        let told = Logs { firmware: replay.as_ref(), userspace: userspace.as_ref() };
        let pcrs = match &pcrs {
            Some(values) => QuotedPcrs::from_values(&quote, values)?,
            None if replay.is_none() && ima.is_none() && userspace.is_none() => {
                guess::find(&quote, told, &[Vec::new()], guesses).ok_or(Error::PcrsMissing)?
            }
            None => values_from_logs(&quote, told, ima.as_ref(), before.as_ref()).or_else(|error| {
                let of_list = ima.as_ref().map(|list| registers_of(&quote, list, before.as_ref()));
                let of_list = of_list.unwrap_or_else(|| vec![Vec::new()]);
                guess::find(&quote, told, &of_list, guesses).ok_or_else(|| {
                    let untold = Untold::of(&quote, told, ima.as_ref(), guesses);
                    if untold.is_empty() {
                        error.into()
                    } else {
                        Error::PcrsUntold { error, untold: untold.into() }
                    }
                })
            })?,
        };
        let outcome = |alg, pcr| told.outcome(&pcrs, alg, pcr);
        let mut outcomes: Vec<_> = pcrs.iter().map(|(alg, pcr, _)| (alg, pcr, outcome(alg, pcr))).collect();
        let at_handover = |alg, pcr| told.at_handover(&pcrs, alg, pcr);
        let ima = ima.map(|ima| AuthenticIma::check(ima, &pcrs, before, at_handover));
        for (alg, pcr, outcome) in &mut outcomes {
            let Some(ima) = &ima else { break };
            let twice = told.is_in_userspace(*pcr);
            *outcome = match (*outcome, ima.outcome(*alg, *pcr)) {
                // The firmware's log, then at most one other: two could be woven together in any order.
                (_, ImaOutcome::Match | ImaOutcome::Mismatch { .. }) if twice => Outcome::Ambiguous,
                (Outcome::NoEvents | Outcome::Reset, ImaOutcome::Match) => Outcome::Match,
                (Outcome::NoEvents | Outcome::Reset, ImaOutcome::Mismatch { replayed }) => {
                    Outcome::Mismatch { replayed }
                }
                (outcome, _) => outcome,
            };
        }
        let stories = replay.map(Replay::into_stories).unwrap_or_default();
        Ok(Self { quote, pcrs, log, stories, outcomes, ima, userspace })
    }

    /// Proves a token that came beside the quote: it must carry the same nonce, for both answer one challenge. Whether its key is the same
    /// device's, the appraisal says (A27a).
    ///
    /// # Errors
    /// [`token::Error`].
    pub fn authenticate_token<'k>(
        &self,
        token: Token,
        keys: impl Into<token::Keys<'k>>,
        now: Timestamp,
    ) -> Result<AuthenticToken, token::Error> {
        AuthenticToken::prove(token, keys.into(), self.quote.nonce(), now)
    }

    /// Proves a token that came beside the quote without a word about its key, as in a [`Collection`](crate::evidence::Collection): one of these,
    /// the device's own, must have signed it, and it must carry the quote's nonce.
    ///
    /// # Errors
    /// [`token::Error`]: [`token::Error::KeyMissing`] where there are several keys, and it is by none of them.
    pub fn authenticate_token_by_any(
        &self,
        token: Token,
        keys: &[token::TokenKey],
        now: Timestamp,
    ) -> Result<AuthenticToken, token::Error> {
        AuthenticToken::prove_by_any(token, keys, self.quote.nonce(), now)
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

    /// The log of user space, if one was given.
    #[must_use]
    pub const fn userspace(&self) -> Option<&UserspaceLog> {
        self.userspace.as_ref()
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

    /// The extends of this PCR in order: those that the firmware's log tells, then those of the log of user space. They are proven where
    /// [`outcome`](Self::outcome) is a match, and their digests alone.
    pub fn extends(&self, pcr: u8) -> impl Iterator<Item = Extend<'_, 'a>> + Clone {
        self.of_firmware(pcr).chain(self.of_userspace(pcr))
    }

    /// The same, all at once.
    pub(crate) fn all_extends(&self, pcr: u8) -> Vec<Extend<'_, 'a>> {
        let mut all = Vec::with_capacity(self.stories.of(pcr.into()).len());
        all.extend(self.of_firmware(pcr));
        all.extend(self.of_userspace(pcr));
        all
    }

    fn of_firmware(&self, pcr: u8) -> impl Iterator<Item = Extend<'_, 'a>> + Clone {
        let events = self.log().map(EventLog::events).unwrap_or_default();
        let positions = self.stories.of(pcr.into()).iter();
        positions.filter_map(|at| events.get(usize::try_from(*at).ok()?)).map(Extend::Firmware)
    }

    fn of_userspace(&self, pcr: u8) -> impl Iterator<Item = Extend<'_, 'a>> + Clone {
        self.userspace.iter().flat_map(move |log| log.extends(pcr)).map(Extend::Userspace)
    }
}

/// The checkpoint that the list goes on from, if it is not a whole one.
fn go_on(
    quote: &AuthenticQuote<'_>,
    list: Option<&ImaLog<'_>>,
    checkpoint: Option<ImaCheckpoint>,
) -> Result<Option<ImaCheckpoint>, ResumeError> {
    let Some(before) = list.map(ImaLog::before).filter(|before| before.bytes > 0) else { return Ok(None) };
    let checkpoint = checkpoint.ok_or(ResumeError::CheckpointMissing { entries: before.entries })?;
    checkpoint.check(quote, before)?;
    Ok(Some(checkpoint))
}

#[cfg(test)]
mod tests;
