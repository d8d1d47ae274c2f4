//! `attest golden predict`.

mod doubts;
mod files;

use std::fs;
use std::path::{Path, PathBuf};

use attest_core::reference::golden::Golden;
use attest_core::reference::predict::{self, Change, Error, Prediction, Replace, Request, Source};
use attest_core::{Digest, HashAlg, Limits};
use clap::Args;
use serde_json::{Value, json};

use crate::cli::input::read_file;
use crate::cli::verify::read_golden;
use crate::cli::{Exit, Failure, Output, Style, printable};

/// Flags of `predict`.
#[derive(Args, Debug)]
pub(super) struct Predict {
    /// The golden document that holds today
    #[arg(long, value_name = "GOLDEN")]
    base: PathBuf,
    /// What is new: COMPONENT=FILE, COMPONENT=sha256:HEX[,sha384:HEX…] or COMPONENT=string:TEXT; COMPONENT@TEXT or COMPONENT@DIGEST where
    /// there are several. Components as the document names them, or kernel, initrd, kernel_cmdline, uki, shim, grub
    #[arg(long, value_name = "COMPONENT=NEW", num_args = 1.., required_unless_present = "rename")]
    replace: Vec<String>,
    /// A text that changes in all of GRUB's commands and file names, such as the kernel's version
    #[arg(long, value_name = "OLD=NEW", num_args = 1..)]
    rename: Vec<String>,
    /// A component that stays as it is although a part that could change it is new; `rest` for all others
    #[arg(long, value_name = "COMPONENT", num_args = 1..)]
    keep: Vec<String>,
    /// Files that the update brings and that IMA will measure, by their path on the machine: PATH=FILE, PATH=FOLDER (all in it) or
    /// PATH=sha256:HEX
    #[arg(long, value_name = "PATH=NEW", num_args = 1..)]
    files: Vec<String>,
    /// The variant that the update starts from
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// What to call the new variant
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The banks that the new document judges by, fewer than the base's
    #[arg(long, value_name = "BANK", num_args = 1.., value_delimiter = ',')]
    banks: Vec<String>,
    /// Drop the old variant, for this reason: devices that boot it are refused from then on
    #[arg(long, value_name = "REASON")]
    supersede: Option<String>,
    /// Write the document here instead of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A replacement as it was typed, with its file read.
struct Given {
    component: String,
    which: Option<String>,
    new: New,
}

enum New {
    Digests(Vec<Digest>),
    File(String, Vec<u8>),
    Text(String),
}

impl Predict {
    pub(super) fn run(self, limits: &Limits, out: &mut Output) -> Result<Exit, Failure> {
        let base = read_golden(&self.base, limits)?;
        let given = self.replace.iter().map(|text| given(text, limits)).collect::<Result<Vec<_>, _>>()?;
        let replace: Vec<Replace<'_>> = given.iter().map(Given::as_replace).collect();
        let rename = self.rename.iter().map(|text| pair(text)).collect::<Result<Vec<_>, _>>()?;
        let keep: Vec<&str> = self.keep.iter().map(String::as_str).collect();
        let banks = self.banks.iter().map(|name| bank(name)).collect::<Result<Vec<_>, _>>()?;
        let files = self
            .files
            .iter()
            .map(|text| files::measured(text, limits))
            .collect::<Result<Vec<_>, _>>()?
            .concat();
        let request = Request {
            base: &base,
            variant: self.variant.as_deref(),
            replace: &replace,
            rename: &rename,
            keep: &keep,
            files: &files,
            name: self.name.as_deref(),
            banks: (!banks.is_empty()).then_some(banks.as_slice()),
            supersede: self.supersede.as_deref(),
        };
        let prediction = predict::predict(&request, limits).map_err(refused)?;
        let document = prediction.golden.to_toml();
        if let Some(path) = &self.out {
            fs::write(path, &document)
                .map_err(|e| Failure::usage("file_unwritable", format!("{}: {e}", path.display())))?;
        }
        let doubts = given.iter().filter_map(Given::doubt).collect::<Vec<_>>();
        tell(&prediction, &doubts, &document, self.out.as_deref(), out);
        Ok(Exit::Good)
    }
}

/// Names that the document does not have are wrong usage; files and values that do not fit are refused.
fn refused(error: Error) -> Failure {
    match error {
        Error::NameTaken { .. }
        | Error::NoReplacement
        | Error::Unknown { .. }
        | Error::VariantUnknown { .. }
        | Error::BankUnknown { .. } => Failure::usage(error.code(), error),
        other => Failure::malformed(other.code(), other),
    }
}

const TEXT: &str = "string:";
const FILE: &str = "file:";

/// `COMPONENT[@WHICH]=NEW`. WHICH may hold a `=` where NEW begins with its kind.
fn given(text: &str, limits: &Limits) -> Result<Given, Failure> {
    let kinds = HashAlg::ALL.iter().map(|alg| format!("={}:", alg.name()));
    let kinds = kinds.chain([format!("={TEXT}"), format!("={FILE}")]);
    let split = kinds.filter_map(|kind| text.find(&kind)).min().or_else(|| text.find('='));
    let (component, new) =
        split.and_then(|at| Some((text.get(..at)?, text.get(at.checked_add(1)?..)?))).ok_or_else(|| {
            Failure::usage(
                "replacement_malformed",
                format!("`{text}` is not COMPONENT=FILE, COMPONENT=sha256:HEX or COMPONENT=string:TEXT"),
            )
        })?;
    let (component, which) = match component.split_once('@') {
        Some((component, which)) => (component, Some(which.to_owned())),
        None => (component, None),
    };
    if component.is_empty() || new.is_empty() {
        return Err(Failure::usage(
            "replacement_malformed",
            format!("`{text}` names no component or nothing new"),
        ));
    }
    Ok(Given { component: component.to_owned(), which, new: value(new, limits)? })
}

fn value(new: &str, limits: &Limits) -> Result<New, Failure> {
    if let Some(text) = new.strip_prefix(TEXT) {
        return Ok(New::Text(text.to_owned()));
    }
    let is_digest =
        |text: &str| text.split_once(':').is_some_and(|(name, _)| HashAlg::from_name(name).is_some());
    if is_digest(new) {
        return Ok(New::Digests(new.split(',').map(digest).collect::<Result<_, _>>()?));
    }
    let path = new.strip_prefix(FILE).unwrap_or(new);
    let bytes = read_file(Path::new(path), limits.image_bytes)?;
    if bytes.is_empty() {
        // No boot loader loads nothing, and a copy that failed looks like this.
        let detail = format!("--replace {path}: the file is empty, and no boot loads nothing");
        return Err(Failure::usage("replacement_empty", detail));
    }
    Ok(New::File(path.to_owned(), bytes))
}

pub(super) fn digest(text: &str) -> Result<Digest, Failure> {
    let (name, hex) = text.split_once(':').unwrap_or((text, ""));
    let digest = HashAlg::from_name(name).and_then(|alg| Digest::from_hex(alg, hex));
    digest.ok_or_else(|| Failure::usage("digest_malformed", format!("`{text}` is no digest as sha256:HEX")))
}

fn pair(text: &str) -> Result<(&str, &str), Failure> {
    let pair = text.split_once('=').filter(|(old, new)| !old.is_empty() && old != new);
    pair.ok_or_else(|| Failure::usage("rename_malformed", format!("`{text}` is not OLD=NEW")))
}

fn bank(name: &str) -> Result<HashAlg, Failure> {
    let known = HashAlg::from_name(name);
    known.ok_or_else(|| Failure::usage("bank_unknown", format!("`{name}` is no bank")))
}

/// A file that does not look like its component: which one, and in words.
type Doubt = (String, String);

impl Given {
    fn doubt(&self) -> Option<Doubt> {
        let New::File(path, bytes) = &self.new else { return None };
        Some((self.component.clone(), doubts::doubt(&self.component, path, bytes)?))
    }

    fn as_replace(&self) -> Replace<'_> {
        let with = match &self.new {
            New::Digests(digests) => Source::Digests(digests),
            New::File(name, bytes) => Source::File(name, bytes),
            New::Text(text) => Source::Text(text),
        };
        Replace { component: &self.component, which: self.which.as_deref(), with }
    }
}

/// Where the document itself goes to standard output, people read the rest on standard error.
fn tell(prediction: &Prediction, doubts: &[Doubt], document: &str, path: Option<&Path>, out: &mut Output) {
    if out.wants_json() {
        let mut answer = summary(prediction, doubts);
        match path {
            Some(path) => answer["out"] = json!(path.display().to_string()),
            None => answer["document"] = json!(document),
        }
        out.json(&answer);
        return;
    }
    for (component, detail) in doubts {
        let line = format!("{component}: {detail} [{}]", doubts::CODE);
        eprintln!("attest: {}", printable(&line));
    }
    for warning in &prediction.warnings {
        let line = format!("{}: {} [{}]", warning.component, warning.detail, warning.code.as_str());
        eprintln!("attest: {}", printable(&line));
    }
    let Some(path) = path else {
        out.line(document.trim_end());
        return;
    };
    let name = out.paint(Style::Strong, printable(&prediction.name));
    out.line(format!("{name}, predicted from `{}`: {}", printable(&prediction.based_on), path.display()));
    for change in &prediction.changes {
        let what = match (change.old.is_empty(), change.new.is_empty()) {
            (true, _) => "new".to_owned(),
            (_, true) => "gone".to_owned(),
            _ => format!("{} → {}", start(&change.old), start(&change.new)),
        };
        out.line(printable(&format!(
            "  PCR {:<2} {:22} {what}  {}",
            change.pcr, change.component, change.about
        )));
    }
    out.line("Review it (`attest golden diff`, `attest golden check`) before you trust it.");
}

fn start(digests: &[Digest]) -> String {
    digests.first().map(ToString::to_string).unwrap_or_default().chars().take(12).collect()
}

fn summary(prediction: &Prediction, doubts: &[Doubt]) -> Value {
    let digests = |digests: &[Digest]| -> Value {
        digests
            .iter()
            .map(|d| (d.alg().name().to_owned(), json!(d.to_string())))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let change = |c: &Change| json!({ "pcr": c.pcr, "component": c.component, "about": c.about, "old": digests(&c.old), "new": digests(&c.new) });
    let golden: &Golden = &prediction.golden;
    let warnings = prediction
        .warnings
        .iter()
        .map(|w| json!({ "code": w.code.as_str(), "component": w.component, "detail": w.detail }));
    let doubts = doubts
        .iter()
        .map(|(component, detail)| json!({ "code": doubts::CODE, "component": component, "detail": detail }));
    json!({
        "family": golden.family,
        "variant": prediction.name,
        "based_on": prediction.based_on,
        "banks": golden.banks.iter().map(|bank| bank.name()).collect::<Vec<_>>(),
        "changed": prediction.changes.iter().map(change).collect::<Vec<_>>(),
        "warnings": warnings.chain(doubts).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests;
