//! `attest verify`.

use std::path::{Path, PathBuf};

use attest_core::Limits;
use attest_core::appraise::{Context, Policy, Verdict};
use attest_core::reference::{Golden, ReferenceSet};
use clap::Args;

use super::evidence::{EvidenceFlags, NotAuthentic};
use super::input::read_file;
use super::{Exit, Failure, Output, verdict};

/// Judge a device's evidence by a golden document, offline.
#[derive(Args, Debug)]
pub(super) struct Verify {
    #[command(flatten)]
    evidence: EvidenceFlags,
    /// The device family that is judged
    #[arg(long, value_name = "NAME")]
    family: String,
    /// The golden document
    #[arg(long, value_name = "FILE")]
    golden: PathBuf,
    /// What must be judged, and how findings are taken; a sensible default without it
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

/// A policy is a page of text.
const POLICY_BYTES: usize = 64 << 10;

impl Verify {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let limits = Limits::DEFAULT;
        let files = self.evidence.read(&limits)?;
        let golden = read_golden(&self.golden, &limits)?;
        let references = ReferenceSet::development(golden).map_err(|e| Failure::malformed(e.code(), e))?;
        let policy = self.policy.as_deref().map(read_policy).transpose()?.unwrap_or_default();
        let context = Context { family: self.family, ..Context::default() };
        let verdict = match files.authenticate(&limits) {
            Ok(evidence) => policy.appraise(&evidence, &references, &context),
            Err(NotAuthentic::Evidence(error)) => {
                policy.refuse(error.code(), &error.to_string(), references.source().clone(), &context)
            }
            Err(NotAuthentic::Before { code, detail }) => {
                policy.refuse(code, &detail, references.source().clone(), &context)
            }
        };
        show(&verdict, out);
        Ok(if verdict.is_affirming() { Exit::Good } else { Exit::Refused })
    }
}

fn show(verdict: &Verdict, out: &mut Output) {
    if out.wants_json() {
        out.json(verdict);
    } else {
        verdict::print(verdict, out);
    }
}

/// Reads a golden document.
pub(super) fn read_golden(path: &Path, limits: &Limits) -> Result<Golden, Failure> {
    let text = read_text(path, limits.golden_bytes)?;
    Golden::parse(&text, limits).map_err(|e| Failure::malformed(e.code(), format!("{}: {e}", path.display())))
}

fn read_policy(path: &Path) -> Result<Policy, Failure> {
    let text = read_text(path, POLICY_BYTES)?;
    Policy::parse(&text).map_err(|e| Failure::malformed(e.code(), format!("{}: {e}", path.display())))
}

fn read_text(path: &Path, most: usize) -> Result<String, Failure> {
    let bytes = read_file(path, most)?;
    String::from_utf8(bytes).map_err(|e| Failure::malformed("not_utf8", format!("{}: {e}", path.display())))
}
