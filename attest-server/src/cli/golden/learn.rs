//! `attest golden learn`.

use std::fs;
use std::path::{Path, PathBuf};

use attest_core::Limits;
use attest_core::evidence::ima_log::ImaLog;
use attest_core::evidence::tcg_log::EventLog;
use attest_core::reference::golden::{Accepted, Evidence, ImaFile, NotJudged};
use attest_core::reference::learn::{self, Boot, Choices};
use clap::Args;
use serde_json::json;

use crate::cli::evidence::EvidenceFlags;
use crate::cli::input::read_file;
use crate::cli::{Exit, Failure, Output};

/// Flags of `learn`: each list names the boots in the same order.
#[derive(Args, Debug)]
pub(super) struct Learn {
    /// The device family
    #[arg(long, value_name = "NAME")]
    family: String,
    /// Event logs of known-good boots
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    eventlog: Vec<PathBuf>,
    /// IMA lists of the same boots; without them runtime integrity will not be judged
    #[arg(long, value_name = "FILE", num_args = 1..)]
    ima: Vec<PathBuf>,
    /// Quotes of the same boots, so that the logs are proven
    #[arg(long, value_name = "FILE", num_args = 1.., requires_all = ["signature", "ak", "nonce"])]
    attest: Vec<PathBuf>,
    /// Their signatures
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "attest")]
    signature: Vec<PathBuf>,
    /// Their attestation keys
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "attest")]
    ak: Vec<PathBuf>,
    /// Their nonces
    #[arg(long, value_name = "HEX", num_args = 1.., requires = "attest")]
    nonce: Vec<String>,
    /// Their PCR values
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "attest")]
    pcrs: Vec<PathBuf>,
    /// Scheme of bare signatures
    #[arg(long, value_name = "SCHEME", requires = "attest")]
    signature_scheme: Option<String>,
    /// What to call the boots; else the names of their files or folders
    #[arg(long, value_name = "NAME", num_args = 1..)]
    name: Vec<String>,
    /// Accept a weakness: secure_boot_off, shim_validation_off or test_keys, with a reason after `=`
    #[arg(long, value_name = "WEAKNESS[=REASON]", num_args = 1..)]
    accept: Vec<String>,
    /// Do not judge a PCR, with the reason after `=`
    #[arg(long, value_name = "PCR=REASON", num_args = 1..)]
    not_judged: Vec<String>,
    /// Write the draft here instead of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// One boot's files, read and owned.
struct Source {
    name: String,
    log: Vec<u8>,
    ima: Option<Vec<u8>>,
    evidence: Evidence,
}

impl Learn {
    pub(super) fn run(self, limits: &Limits, out: &mut Output) -> Result<Exit, Failure> {
        self.check_counts()?;
        let choices = self.choices()?;
        let count = self.eventlog.len();
        let sources = (0..count).map(|at| self.source(at, limits)).collect::<Result<Vec<_>, _>>()?;
        let logs = sources.iter().map(|s| parse_log(s, limits)).collect::<Result<Vec<_>, _>>()?;
        let files = sources.iter().map(|s| ima_files(s, limits)).collect::<Result<Vec<_>, _>>()?;
        let boots: Vec<Boot<'_, '_>> = sources
            .iter()
            .zip(&logs)
            .zip(&files)
            .map(|((source, log), files)| Boot {
                name: &source.name,
                log,
                evidence: source.evidence,
                files: files.as_deref(),
            })
            .collect();
        let golden =
            learn::learn(&self.family, &boots, &choices).map_err(|e| Failure::malformed(e.code(), e))?;
        let text = golden.to_toml();
        let Some(path) = &self.out else {
            if out.wants_json() {
                out.json(
                    &json!({ "family": golden.family, "variants": golden.variants.len(), "document": text }),
                );
            } else {
                out.line(text.trim_end());
            }
            return Ok(Exit::Good);
        };
        fs::write(path, &text)
            .map_err(|e| Failure::usage("file_unwritable", format!("{}: {e}", path.display())))?;
        let names: Vec<&str> = golden.variants.iter().map(|v| v.name.as_str()).collect();
        if out.wants_json() {
            out.json(&json!({ "family": golden.family, "variants": names, "out": path }));
        } else {
            out.line(format!(
                "{}: a draft with {} variant(s): {}",
                path.display(),
                names.len(),
                names.join(", ")
            ));
            out.line("Review it (`attest golden show`, `attest golden check`) before you trust it.");
        }
        Ok(Exit::Good)
    }

    fn check_counts(&self) -> Result<(), Failure> {
        let boots = self.eventlog.len();
        let lists = [
            ("--ima", self.ima.len()),
            ("--attest", self.attest.len()),
            ("--signature", self.signature.len()),
            ("--ak", self.ak.len()),
            ("--nonce", self.nonce.len()),
            ("--pcrs", self.pcrs.len()),
            ("--name", self.name.len()),
        ];
        match lists.into_iter().find(|(_, count)| *count != 0 && *count != boots) {
            None => Ok(()),
            Some((flag, count)) => {
                let detail = format!(
                    "{boots} event logs, but {count} of {flag}: give one for each, in the same order"
                );
                Err(Failure::usage("count_mismatch", detail))
            }
        }
    }

    fn choices(&self) -> Result<Choices, Failure> {
        let accept = |text: &String| {
            let (weakness, reason) =
                text.split_once('=').unwrap_or((text, "accepted when the draft was made"));
            match weakness {
                "secure_boot_off" | "shim_validation_off" | "test_keys" => {
                    Ok(Accepted { weakness: weakness.to_owned(), reason: reason.to_owned() })
                }
                other => Err(Failure::usage("weakness_unknown", format!("`{other}` is not a weakness"))),
            }
        };
        let not_judged = |text: &String| {
            let bad = || Failure::usage("not_judged_malformed", format!("`{text}` is not PCR=REASON"));
            let (pcr, reason) = text.split_once('=').ok_or_else(bad)?;
            if reason.trim().is_empty() {
                return Err(bad());
            }
            Ok(NotJudged { pcr: pcr.parse().map_err(|_| bad())?, reason: reason.to_owned() })
        };
        Ok(Choices {
            accepted: self.accept.iter().map(accept).collect::<Result<_, _>>()?,
            not_judged: self.not_judged.iter().map(not_judged).collect::<Result<_, _>>()?,
        })
    }

    fn source(&self, at: usize, limits: &Limits) -> Result<Source, Failure> {
        let missing = || Failure::usage("count_mismatch", "fewer files than event logs");
        let log_path = self.eventlog.get(at).ok_or_else(missing)?;
        let log = read_file(log_path, limits.event_log_bytes)?;
        let ima = self.ima.get(at).map(|path| read_file(path, limits.ima_bytes)).transpose()?;
        let name = self.name.get(at).cloned().unwrap_or_else(|| boot_name(log_path));
        let Some(attest) = self.attest.get(at) else {
            return Ok(Source { name, log, ima, evidence: Evidence::LogOnly });
        };
        let flags = EvidenceFlags {
            attest: attest.clone(),
            signature: self.signature.get(at).ok_or_else(missing)?.clone(),
            ak: self.ak.get(at).ok_or_else(missing)?.clone(),
            nonce: self.nonce.get(at).cloned(),
            pcrs: self.pcrs.get(at).cloned(),
            eventlog: Some(log_path.clone()),
            ima: self.ima.get(at).cloned(),
            signature_scheme: self.signature_scheme.clone(),
        };
        let files = flags.read(limits)?;
        let evidence = files
            .authenticate(limits)
            .map_err(|e| Failure::malformed(e.code(), format!("boot `{name}`: {}", e.detail())))?;
        let unexplained = evidence.outcomes().iter().find(|(_, pcr, outcome)| {
            // Without the IMA list nobody asks for PCR 10; the firmware's own PCRs must be explained.
            !outcome.is_explained() && (*pcr < 10 || (11..=15).contains(pcr))
        });
        if let Some((alg, pcr, outcome)) = unexplained {
            let detail = format!(
                "boot `{name}`: PCR {pcr} ({alg}) is `{}`: the log does not explain the quote",
                outcome.name()
            );
            return Err(Failure::malformed("learn_log_unproven", detail));
        }
        Ok(Source { name, log, ima, evidence: Evidence::Quoted })
    }
}

fn parse_log<'s>(source: &'s Source, limits: &Limits) -> Result<EventLog<'s>, Failure> {
    EventLog::parse(&source.log, limits)
        .map_err(|e| Failure::malformed(e.code(), format!("boot `{}`: {e}", source.name)))
}

fn ima_files(source: &Source, limits: &Limits) -> Result<Option<Vec<ImaFile>>, Failure> {
    let Some(bytes) = &source.ima else { return Ok(None) };
    let list = ImaLog::parse(bytes, limits)
        .map_err(|e| Failure::malformed(e.code(), format!("boot `{}`: {e}", source.name)))?;
    Ok(Some(learn::ima_files(&list)))
}

/// A name from the path: logs are mostly called `eventlog.bin` or `binary_bios_measurements`, so the folder says more.
fn boot_name(path: &Path) -> String {
    let text = |part: Option<&std::ffi::OsStr>| part.map(|p| p.to_string_lossy().into_owned());
    let stem = text(path.file_stem()).unwrap_or_default();
    if stem.starts_with("eventlog") || stem.starts_with("binary_bios") {
        text(path.parent().and_then(Path::file_name)).filter(|name| !name.is_empty()).unwrap_or(stem)
    } else {
        stem
    }
}
