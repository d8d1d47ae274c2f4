//! Known-good boots out of files: read once, proven where there is a quote.

use std::path::Path;

use attest_core::authenticate::Outcome;
use attest_core::evidence::UserspaceLog;
use attest_core::evidence::ima_log::ImaLog;
use attest_core::evidence::tcg_log::EventLog;
use attest_core::reference::golden::{Evidence, ImaSigner};
use attest_core::reference::learn::{self, Boot, Choices, Measured};
use attest_core::{HashAlg, Limits};

use crate::cli::evidence::Files;
use crate::cli::{Failure, printable};

/// One boot, read and, where there is a quote, proven.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) log: Vec<u8>,
    pub(super) userspace: Option<UserspaceLog>,
    /// The files that IMA measured: with a quote those that it proves.
    pub(super) files: Option<Measured>,
    /// The PCRs that the quote covers in a bank that counts; none without a quote.
    pub(super) quoted: Vec<(HashAlg, u8)>,
    pub(super) has_quote: bool,
}

/// What a quote proves of a boot. The bytes that were proven are those that are learned from: they are read once.
pub(super) fn proven(
    name: String,
    files: &Files,
    signers: &[ImaSigner],
    limits: &Limits,
) -> Result<Source, Failure> {
    let evidence = files
        .authenticate(limits)
        .map_err(|e| Failure::malformed(e.code(), format!("boot `{name}`: {}", e.detail())))?;
    let unproven =
        |detail: String| Failure::malformed("learn_log_unproven", format!("boot `{name}`: {detail}"));
    // Without the IMA list nobody asks for PCR 10; the firmware's own PCRs must be explained.
    let is_learned = |pcr: u8| pcr < 10 || (11..=15).contains(&pcr) || (pcr == 10 && files.ima.is_some());
    let unexplained =
        |(_, pcr, outcome): &&(HashAlg, u8, Outcome)| !outcome.is_explained() && is_learned(*pcr);
    if let Some((alg, pcr, outcome)) = evidence.outcomes().iter().find(unexplained) {
        let outcome = outcome.name();
        return Err(unproven(format!(
            "PCR {pcr} ({alg}) is `{outcome}`: the log does not explain the quote"
        )));
    }
    let listed = match evidence.ima() {
        Some(ima) if ima.coverage().is_none_or(|coverage| coverage.bank.strength() == 0) => {
            return Err(unproven("the quote does not prove the IMA list".to_owned()));
        }
        Some(ima) => Some(learn::files_of(ima.proven_entries(), signers)),
        None => None,
    };
    let quoted = evidence.outcomes().iter().map(|(alg, pcr, _)| (*alg, *pcr)).collect();
    Ok(Source {
        log: files.eventlog.clone().unwrap_or_default(),
        userspace: evidence.userspace().cloned(),
        files: listed,
        quoted,
        has_quote: true,
        name,
    })
}

/// The boots as they are learned from. A quote vouches for one only if it covers every PCR that will be judged, in every bank that will
/// judge it: the digests of a bank that was not quoted are whatever the log says.
pub(super) fn boots<'b, 'a>(
    sources: &'b [Source],
    logs: &'b [EventLog<'a>],
    choices: &Choices,
) -> Result<Vec<Boot<'b, 'a>>, learn::Error> {
    let mut boots: Vec<Boot<'b, 'a>> = sources
        .iter()
        .zip(logs)
        .map(|(source, log)| {
            let files = source.files.as_ref();
            let userspace = source.userspace.as_ref();
            Boot { name: &source.name, log, userspace, evidence: Evidence::LogOnly, files }
        })
        .collect();
    let (banks, judged) = (learn::common_banks(&boots)?, learn::judged(&boots, choices));
    for (boot, source) in boots.iter_mut().zip(sources).filter(|(_, source)| source.has_quote) {
        let mut needed = banks.iter().flat_map(|bank| judged.iter().map(move |pcr| (*bank, *pcr)));
        match needed.find(|needed| !source.quoted.contains(needed)) {
            None => boot.evidence = Evidence::Quoted,
            Some((bank, pcr)) => eprintln!(
                "attest: boot `{}`: PCR {pcr} is judged in {bank}, but its quote does not cover it: marked log_only",
                printable(boot.name)
            ),
        }
    }
    Ok(boots)
}

/// Its event log.
pub(super) fn parse_log<'s>(source: &'s Source, limits: &Limits) -> Result<EventLog<'s>, Failure> {
    EventLog::parse(&source.log, limits)
        .map_err(|e| Failure::malformed(e.code(), format!("boot `{}`: {e}", source.name)))
}

/// A log of user space that no quote proves.
pub(super) fn userspace_log(bytes: &[u8], name: &str, limits: &Limits) -> Result<UserspaceLog, Failure> {
    UserspaceLog::parse(bytes, limits)
        .map_err(|e| Failure::malformed(e.code(), format!("boot `{name}`: {e}")))
}

/// What a list that no quote proves says.
pub(super) fn ima_files(
    bytes: &[u8],
    name: &str,
    signers: &[ImaSigner],
    limits: &Limits,
) -> Result<Measured, Failure> {
    let list = ImaLog::parse(bytes, limits)
        .map_err(|e| Failure::malformed(e.code(), format!("boot `{name}`: {e}")))?;
    Ok(learn::files_of(list.entries(), signers))
}

/// A name from the path: logs are mostly called `eventlog.bin` or `binary_bios_measurements`, so the folder says more.
pub(super) fn boot_name(path: &Path) -> String {
    let text = |part: Option<&std::ffi::OsStr>| part.map(|p| p.to_string_lossy().into_owned());
    let stem = text(path.file_stem()).unwrap_or_default();
    if stem.starts_with("eventlog") || stem.starts_with("binary_bios") {
        text(path.parent().and_then(Path::file_name)).filter(|name| !name.is_empty()).unwrap_or(stem)
    } else {
        stem
    }
}
