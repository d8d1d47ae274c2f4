//! How much of a kind comes out as expected, and which exceptions stand.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use serde_json::Value;

/// A listed deviation: how the file's path ends, what deviates, and why that is right.
pub type Exception = (&'static str, &'static str, &'static str);

/// The expectations of one kind.
pub struct Score {
    kind: &'static str,
    files: BTreeMap<String, usize>,
    deviations: BTreeSet<(String, String)>,
}

impl Score {
    pub const fn new(kind: &'static str) -> Self {
        Self { kind, files: BTreeMap::new(), deviations: BTreeSet::new() }
    }

    /// One expectation about `file`; `what` names it, shortly and stably, as exceptions do.
    pub fn check(&mut self, file: &str, what: &str, holds: bool) {
        *self.files.entry(file.to_owned()).or_default() += 1;
        if !holds {
            self.deviations.insert((file.to_owned(), what.to_owned()));
        }
    }

    /// Tells the score, and fails on a deviation that is not listed, a listed one that does not show, or too few files.
    pub fn finish(&self, listed: &[Exception], least: usize) {
        let of = |(path, what, _): &Exception, (file, deviation): &(String, String)| {
            file.ends_with(path) && (deviation == what || deviation.starts_with(&format!("{what} ")))
        };
        let unlisted: Vec<_> = self
            .deviations
            .iter()
            .filter(|deviation| !listed.iter().any(|exception| of(exception, deviation)))
            .collect();
        let stale: Vec<_> =
            listed.iter().filter(|exception| !self.deviations.iter().any(|it| of(exception, it))).collect();
        let wrong: BTreeSet<_> = unlisted.iter().map(|(file, _)| file).collect();
        let checks: usize = self.files.values().sum();
        say(&format!(
            "{} {}/{}, {} exceptions ({} of {checks} expectations met)",
            self.kind,
            self.files.len() - wrong.len(),
            self.files.len(),
            listed.len(),
            checks - self.deviations.len(),
        ));
        assert!(unlisted.is_empty(), "{}: deviations: {unlisted:#?}", self.kind);
        assert!(stale.is_empty(), "{}: listed exceptions that do not show: {stale:#?}", self.kind);
        assert!(self.files.len() >= least, "{}: only {} files", self.kind, self.files.len());
    }
}

/// Told even if the test passes: past the capturing of the test harness.
pub fn say(line: &str) {
    drop(writeln!(std::io::stderr(), "corpus: {line}"));
}

/// The corpus, if it is there.
pub fn corpus() -> Option<PathBuf> {
    crate::common::shared().map(|shared| shared.join("corpus"))
}

/// A file of expectations.
pub fn json(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The expectations whose file names begin so, sorted.
pub fn expectations(root: &Path, prefix: &str) -> Vec<Value> {
    let mut paths: Vec<_> = std::fs::read_dir(root.join("expected"))
        .expect("expected")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)))
        .collect();
    paths.sort();
    paths.iter().map(|path| json(path)).collect()
}

/// A file of the corpus; some hold their bytes in base64.
pub fn bytes(root: &Path, file: &str) -> Vec<u8> {
    let bytes = std::fs::read(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    if !file.ends_with(".b64") {
        return bytes;
    }
    let text: Vec<u8> = bytes.into_iter().filter(|byte| !byte.is_ascii_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(text).expect("base64")
}
