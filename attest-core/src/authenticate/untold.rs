//! Quoted registers of which the logs tell nothing, or less than they do after a good boot: what is known where the values are not.

use core::fmt;
use std::collections::BTreeSet;

use super::guess::Guesses;
use super::quote::AuthenticQuote;
use super::story::Logs;
use crate::evidence::ima_log::ImaLog;
use crate::limits::Limits;

/// The register of systemd's phases, and of its stub.
pub(super) const PHASES_PCR: u8 = 11;
/// The register of what the system is: its machine id, its file systems.
const SYSTEM_PCR: u8 = 15;

/// Of which quoted PCRs the logs tell too little. Nothing proves that these, or these alone, are why the values are not the quoted ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Untold {
    /// Those without any event, but for `idle`.
    pub silent: Vec<u8>,
    /// Those without any event that known good boots do not extend either.
    pub idle: Vec<u8>,
    /// Those that user space extends after a known good boot, more often than its log tells; where no boot says so and there is no such log,
    /// those that systemd may have extended.
    pub userspace: Vec<u8>,
    /// Whether there is a log of user space.
    pub has_userspace_log: bool,
}

impl Untold {
    pub(super) fn of(
        quote: &AuthenticQuote<'_>,
        told: Logs<'_, '_, '_>,
        list: Option<&ImaLog<'_>>,
        guesses: &dyn Guesses,
    ) -> Self {
        let quoted: BTreeSet<u8> = quote.selection().iter().map(|(_, pcr)| pcr).collect();
        let banks = || quote.selection().banks().map(|(alg, _)| alg);
        let is_told = |pcr: u8| told.tells_of(pcr) || list.is_some_and(|list| list.is_in(pcr.into()));
        let not_extended = |pcr, alg| guesses.row(0, alg, pcr).is_some_and(|row| row.is_empty());
        let is_idle = |pcr: &u8| banks().any(|alg| not_extended(*pcr, alg));
        let (idle, silent) = quoted.iter().copied().filter(|pcr| !is_told(*pcr)).partition(is_idle);
        let mut untold =
            Self { silent, idle, userspace: Vec::new(), has_userspace_log: told.userspace.is_some() };
        let records = |pcr| told.userspace.map_or(0, |log| log.extends(pcr).count());
        let lacks = |pcr: u8| {
            let mut boots = 0..guesses.boots().min(Limits::DEFAULT.compared);
            boots.any(|boot| banks().any(|alg| guesses.userspace(boot, alg, pcr).len() > records(pcr)))
        };
        untold.userspace = quoted.iter().copied().filter(|pcr| lacks(*pcr)).collect();
        // systemd measures its phases where its stub measured an image: both in PCR 11.
        if untold.userspace.is_empty() && told.userspace.is_none() && told.tells_of(PHASES_PCR) {
            let may_be = |pcr: &u8| *pcr == PHASES_PCR || (*pcr == SYSTEM_PCR && untold.silent.contains(pcr));
            untold.userspace = quoted.iter().copied().filter(may_be).collect();
        }
        untold
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.silent.is_empty() && self.idle.is_empty() && self.userspace.is_empty()
    }
}

impl fmt::Display for Untold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.silent.is_empty(), self.idle.is_empty()) {
            (true, true) => {}
            (false, true) => write!(f, "; of PCR {} there is no log", listed(&self.silent))?,
            (true, false) => {
                write!(f, "; of PCR {} there is no log, nor in a good boot", listed(&self.idle))?;
            }
            (false, false) => {
                let (silent, idle) = (listed(&self.silent), listed(&self.idle));
                write!(
                    f,
                    "; of PCR {silent} there is no log, nor of {idle}, which good boots do not extend"
                )?;
            }
        }
        if self.userspace.is_empty() {
            return Ok(());
        }
        let what = if self.has_userspace_log {
            "tells of fewer extends than a good boot's"
        } else {
            "was not given"
        };
        let pcrs = listed(&self.userspace);
        write!(f, "; user space extends PCR {pcrs}, and its log (systemd's tpm2-measure.log) {what}")
    }
}

fn listed(pcrs: &[u8]) -> String {
    pcrs.iter().map(u8::to_string).collect::<Vec<_>>().join(", ")
}
