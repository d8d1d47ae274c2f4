//! Scenarios: one good boot, an update, and one scenario per lie. Each says what a verifier must answer.

mod expect;
mod lengths;
mod lies;
mod report;
mod stage;
mod table;

pub use expect::{Expected, Fault, named, status_name};
pub use lies::BANKS;
pub use report::{Outcome, Report, Step};
pub use stage::{Error, Stage};
pub use table::{all, find};

use crate::boot::Record;
use crate::boot::debian::Parts;
use crate::device::{self, Device};

/// One story a device can tell.
#[derive(Debug)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens, in one sentence.
    pub about: &'static str,
    /// What the verifier must say.
    pub expected: Expected,
    /// What really boots.
    pub parts: fn() -> Parts,
    /// What root does after the boot: to the PCRs, and to the logs that will be shown.
    pub afterwards: fn(&mut Device, &mut Record) -> Result<(), device::Error>,
    /// What is wrong with the way evidence is given.
    pub trick: Trick,
}

/// Lies that are not in the boot or its logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trick {
    /// None: the challenge is answered as it should be.
    Honest,
    /// Files are measured between quote and reading of the list, as it happens all the time.
    ListGrew,
    /// No event log is sent at all.
    LogWithheld,
    /// The quote covers only PCR 0 of what was asked.
    NarrowQuote,
    /// The device reboots, properly, between challenge and quote.
    RebootedBetween,
    /// The quote and everything else is from an earlier challenge.
    ReplayedQuote,
    /// The quote is made by another TPM, which booted well.
    StrangerQuote,
    /// The quote covers the PCRs that were asked for in the sha1 bank alone.
    WeakBankQuote,
    /// The TPM alone is reset after the boot; the machine shows its old logs.
    TpmReset,
    /// The TPM alone is reset after the boot, and root extends the digests of a good boot into it.
    TpmResetAndRefilled,
    /// As before, but the IMA list of the bad boot is extended and shown.
    TpmResetAndListKept,
    /// Enrolment with a signing key that is not restricted, and so signs anything.
    UnrestrictedKey,
}
