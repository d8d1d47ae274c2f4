//! Each measured file and buffer against the golden document: digests first, then signatures, and paths last.

mod signers;

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Cause, Code, Explanation, Part, Reason, Severity};
use crate::authenticate::file_signature::{self, KeyId, SignerKey};
use crate::authenticate::{AuthenticIma, Judged};
use crate::digest::Digest;
use crate::digest::HashAlg;
use crate::evidence::ima_log::Entry;
use crate::evidence::text::{Utf8, shortened};
use crate::limits::Limits;
use crate::reference::ReferenceSet;
use crate::reference::files::{Asked, Batch, FileIndex};
use crate::reference::golden::{ImaFile, ImaGolden, PathEffect, Response, Superseded};

/// How many entries are looked up together.
const AT_ONCE: usize = 64;
/// Characters of a name in a finding.
const NAME: usize = 1_024;

/// The rules by which entries are judged.
pub(super) struct Files<'g> {
    pub(super) rules: &'g ImaGolden,
    pub(super) index: &'g FileIndex,
    pub(super) references: &'g ReferenceSet,
}

/// What the entries come to.
pub(super) struct Found {
    pub(super) about_entries: Vec<Reason>,
    pub(super) judged: Judged,
}

/// Why an entry is golden that is no golden file.
enum Golden {
    /// A golden key signed it, or it is a golden buffer.
    Otherwise,
    /// It stands under the pattern at this place.
    Path(usize),
}

/// What is known while the entries go by.
struct State<'e> {
    /// Keys by their identifier, those of the list among them.
    keys: BTreeMap<KeyId, SignerKey>,
    /// Files are measured more than once, and a signature is dear.
    checked: BTreeMap<(Digest, &'e [u8]), Result<(), file_signature::Error>>,
    /// How many of them are not what they say.
    invalid: usize,
    required: BTreeSet<u32>,
    by_path: Vec<u32>,
}

/// One reason for all those that are not listed.
fn left_out(((code, severity), all): ((Code, Severity), usize)) -> Option<Reason> {
    let more = all.checked_sub(Limits::DEFAULT.findings).filter(|more| *more > 0)?;
    let explain = format!("{more} more findings of this kind are not listed: there are {all}");
    let reason = Reason::new(code, severity, Part::Runtime, explain);
    Some(Reason { pcr: Some(10), component: Some("ima".into()), left_out: Some(more), ..reason })
}

impl Files<'_> {
    /// Judges the entries that were not judged before.
    pub(super) fn judge(&self, ima: &AuthenticIma<'_>, before: Vec<Reason>, judged: Judged) -> Found {
        // Each severity has its own budget: what is tolerated never crowds out what refuses.
        let mut kept: BTreeMap<(Code, Severity), usize> = BTreeMap::new();
        for reason in &before {
            let count = kept.entry((reason.code, reason.severity)).or_default();
            *count = count.saturating_add(1);
        }
        let mut about_entries = before;
        let mut by_path = judged.by_path.clone();
        by_path.resize(self.rules.paths.len(), 0);
        let mut state = State {
            keys: self.keys(ima, &judged),
            checked: BTreeMap::new(),
            invalid: 0,
            required: judged.required_found.iter().copied().collect(),
            by_path,
        };
        let mut proven = ima.proven_digests();
        let (mut some, mut others, mut batch) = (Vec::new(), Vec::new(), Batch::default());
        loop {
            some.clear();
            batch.digests.clear();
            for (at, digest) in proven.by_ref().take(AT_ONCE) {
                some.push(at);
                batch.digests.push(digest);
            }
            if some.is_empty() {
                break;
            }
            self.index.in_whole(&mut batch);
            others.clear();
            for (at, place) in some.iter().zip(&batch.places) {
                match place {
                    Some(place) => state.required.extend(self.index.required(self.rules, *place)),
                    None => others.extend(ima.list().entry(*at)),
                }
            }
            // The first boot_aggregate has been judged as what it is; another one as a second kernel's.
            others.retain(|entry| !entry.is_boot_aggregate());
            batch.asked.clear();
            batch.asked.extend(others.iter().map(asked_by));
            self.index.here(&mut batch);
            for ((entry, asked), here) in others.iter().zip(&batch.asked).zip(&batch.places) {
                if let Some(place) = here {
                    state.required.extend(self.index.required(self.rules, *place));
                    continue;
                }
                let reason = match self.entry(entry, asked.as_ref(), &mut state) {
                    Ok(Golden::Path(place)) => {
                        if let Some(count) = state.by_path.get_mut(place) {
                            *count = count.saturating_add(1);
                        }
                        continue;
                    }
                    Ok(Golden::Otherwise) => continue,
                    Err(reason) => *reason,
                };
                let count = kept.entry((reason.code, reason.severity)).or_default();
                *count = count.saturating_add(1);
                if *count <= Limits::DEFAULT.findings {
                    about_entries.push(reason);
                }
            }
        }
        about_entries.extend(kept.into_iter().filter_map(left_out));
        let judged = Judged {
            required_found: state.required.into_iter().collect(),
            by_path: state.by_path,
            measured_keys: state.keys.values().filter_map(|key| self.measured_key(key)).collect(),
            ..judged
        };
        Found { about_entries, judged }
    }

    /// What only the whole list can say: required files that are absent, and how much passed by its path.
    pub(super) fn about_the_whole(&self, judged: &Judged) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for (path, count) in self.rules.paths.iter().zip(&judged.by_path).filter(|(_, count)| **count > 0) {
            let entries = if *count == 1 { "entry accounts" } else { "entries account" };
            let explain = format!(
                "{count} {entries} by the path {} alone, whatever the content: {}",
                path.pattern, path.reason
            );
            let reason = Reason::new(Code::FileByPathAlone, Severity::Info, Part::Runtime, explain);
            reasons.push(Reason { component: Some("ima.paths".into()), ..reason });
        }
        for (first, file) in self.index.all_required(self.rules) {
            // In ascending order.
            if judged.required_found.binary_search(&first).is_err() {
                let explain = format!("{} is required, and was not measured", file.path);
                let reason = Reason::new(Code::FileRequiredMissing, Severity::Refuse, Part::Runtime, explain);
                reasons.push(Reason {
                    pcr: Some(10),
                    component: Some("ima.files".into()),
                    expected: vec![file.digest.to_string()],
                    cause: Some(Cause::FileChanged),
                    ..reason
                });
            }
        }
        reasons
    }

    /// Why the entry is golden although it is no golden file, or why it is not.
    fn entry<'e>(
        &self,
        entry: &Entry<'e>,
        asked: Option<&Asked<'e>>,
        state: &mut State<'e>,
    ) -> Result<Golden, Box<Reason>> {
        let name = entry.name().unwrap_or_default();
        if entry.is_violation() {
            // Its name is in no digest: no path may excuse it.
            let explain = format!(
                "IMA could not measure {} faithfully: it was open for writing, or changed",
                shown(name)
            );
            return Err(about(entry, Code::ImaViolation, severity(self.rules.violations), explain));
        }
        // The template's name is in no digest: under another one what the rules ask about is not there, or not where it was.
        let told = entry.file_digest().filter(|_| entry.name().is_some());
        let told = told.ok_or_else(|| unreadable(entry))?;
        let at_path = FileIndex::at_path(self.rules, name);
        let Some(digest) = told.typed() else {
            let is_of_another_hash =
                HashAlg::from_name(told.algorithm).is_none() && !told.algorithm.contains(':');
            let is_unknown = is_of_another_hash && at_path.is_empty();
            return Err(if is_unknown { self.unknown(entry, None) } else { unreadable(entry) });
        };
        if let Some(old) = self.references.superseded([digest]) {
            return Err(self.outdated(entry, name, &digest, old));
        }
        if entry.has_buffer() {
            return self.buffer(entry, name, &digest);
        }
        if !at_path.is_empty() {
            let other = asked.and_then(|asked| self.index.elsewhere(self.rules, asked));
            let content = match other {
                Some(other) => format!(", but has the golden content of {}", other.path),
                None => other_kind(told.kind == Some("verity"), at_path).to_owned(),
            };
            return Err(Box::new(Reason {
                explanation: other.map(|_| Explanation::GoldenElsewhere),
                expected: at_path.iter().map(|file| file.digest.to_string()).collect(),
                got: Some(digest.to_string()),
                cause: Some(Cause::FileChanged),
                ..*about(
                    entry,
                    Code::FileChanged,
                    Severity::Refuse,
                    format!("{} is not the golden file{content}", shown(name)),
                )
            }));
        }
        let signature = self.signature(entry, &told, &digest, state);
        match signature {
            Some(Ok(())) => return Ok(Golden::Otherwise),
            Some(Err(error)) if !error.is_as_none() => return Err(self.unsigned(entry, &error)),
            Some(Err(_)) | None => {}
        }
        if let Some(file) = asked.and_then(|asked| self.index.elsewhere(self.rules, asked)) {
            let explain = format!("{} has the golden content of {}", shown(name), file.path);
            let got = Some(digest.to_string());
            return Err(Box::new(Reason { got, ..*about(entry, Code::FileMoved, Severity::Warn, explain) }));
        }
        self.path(entry, name, &digest, signature.and_then(Result::err))
    }

    /// A content that was good once: no path, no signature and no golden value that was left in the document makes it count.
    fn outdated(&self, entry: &Entry<'_>, name: &[u8], digest: &Digest, old: &Superseded) -> Box<Reason> {
        let explain = format!("{} is superseded ({})", shown(name), old.reason);
        let golden = FileIndex::at_path(self.rules, name).iter().map(|file| file.digest);
        Box::new(Reason {
            component: Some(if entry.has_buffer() { "ima.buffers" } else { "ima.files" }.into()),
            expected: golden.filter(|golden| golden != digest).map(|golden| golden.to_string()).collect(),
            got: Some(digest.to_string()),
            cause: Some(Cause::FileChanged),
            ..*about(entry, Code::Superseded, Severity::Refuse, explain)
        })
    }

    /// What stands after the digests and signatures: the path, which says little.
    fn path(
        &self,
        entry: &Entry<'_>,
        name: &[u8],
        digest: &Digest,
        signature: Option<file_signature::Error>,
    ) -> Result<Golden, Box<Reason>> {
        let mut matching = self.rules.paths.iter().enumerate().filter(|(_, path)| path.matches(name));
        let tolerated = match matching.next() {
            Some((place, path)) if path.effect == PathEffect::AccountsByPathAlone => {
                return Ok(Golden::Path(place));
            }
            other => other.map(|(_, path)| path),
        };
        let reason = match signature {
            Some(error) => self.unsigned(entry, &error),
            None => self.unknown(entry, Some(digest)),
        };
        let Some(path) = tolerated else { return Err(reason) };
        let explain = format!("{}; tolerated under {}: {}", reason.explain, path.pattern, path.reason);
        Err(Box::new(Reason { severity: Severity::Warn, explain, ..*reason }))
    }

    /// A buffer: a key, a policy, the command line of a kexec. Its bytes stand in the entry, and count only if they hash to its digest.
    fn buffer(&self, entry: &Entry<'_>, name: &[u8], digest: &Digest) -> Result<Golden, Box<Reason>> {
        let is_true = digest.alg().hash(&[entry.buffer().unwrap_or_default()]) == *digest;
        let golden = || self.rules.buffers.iter().filter(|buffer| buffer.name.as_bytes() == name);
        if is_true && golden().any(|buffer| buffer.digest == *digest) {
            return Ok(Golden::Otherwise);
        }
        let what = if is_true { "is no golden buffer" } else { "has other bytes than were measured" };
        let severity = if is_true { severity(self.rules.unknown_files) } else { Severity::Refuse };
        Err(Box::new(Reason {
            component: Some("ima.buffers".into()),
            expected: golden().map(|buffer| buffer.digest.to_string()).collect(),
            got: Some(digest.to_string()),
            cause: Some(if name == b"kexec-cmdline" { Cause::KexecOrLostList } else { Cause::UnknownFile }),
            ..*about(entry, Code::BufferUnknown, severity, format!("the buffer {} {what}", shown(name)))
        }))
    }

    fn unknown(&self, entry: &Entry<'_>, digest: Option<&Digest>) -> Box<Reason> {
        let explain = format!("{} has no golden value", shown(entry.name().unwrap_or_default()));
        Box::new(Reason {
            got: digest.map(ToString::to_string),
            cause: Some(Cause::UnknownFile),
            ..*about(entry, Code::FileUnknown, severity(self.rules.unknown_files), explain)
        })
    }

    /// A file that is golden by no digest, and whose signature does not make it so.
    fn unsigned(&self, entry: &Entry<'_>, error: &file_signature::Error) -> Box<Reason> {
        let severity = if error.is_as_none() { severity(self.rules.unknown_files) } else { Severity::Refuse };
        let explain = format!("{}: {error}", shown(entry.name().unwrap_or_default()));
        Box::new(Reason {
            detail_code: Some(error.code()),
            got: entry.file_digest().and_then(|told| told.typed()).map(|digest| digest.to_string()),
            cause: Some(Cause::UnknownFile),
            ..*about(entry, Code::FileSignature, severity, explain)
        })
    }
}

/// What the entry says about a file; nothing for violations and buffers, which are judged on their own.
fn asked_by<'e>(entry: &Entry<'e>) -> Option<Asked<'e>> {
    if entry.is_violation() || entry.has_buffer() {
        return None;
    }
    let told = entry.file_digest()?;
    let path = entry.name().unwrap_or_default();
    Some(Asked { path, digest: told.typed()?, verity: told.kind == Some("verity") })
}

/// What to say where no golden value is of the kind that was measured: fs-verity's digest is that of a tree, and never the content's own, so
/// the two tell nothing of one another.
fn other_kind(by_verity: bool, golden: &[ImaFile]) -> &'static str {
    match (by_verity, golden.iter().all(|file| file.verity != by_verity)) {
        (_, false) => "",
        (true, true) => ": its fs-verity digest was measured, and that of its content is golden",
        (false, true) => ": the digest of its content was measured, and its fs-verity digest is golden",
    }
}

fn about(entry: &Entry<'_>, code: Code, severity: Severity, explain: String) -> Box<Reason> {
    Box::new(Reason {
        pcr: Some(entry.pcr),
        event: Some(entry.index),
        component: Some("ima.files".into()),
        ..Reason::new(code, severity, Part::Runtime, explain)
    })
}

/// What was measured, and cannot be told.
fn unreadable(entry: &Entry<'_>) -> Box<Reason> {
    let name = entry.name().map_or_else(|| "an entry".to_owned(), shown);
    let template = entry.template.name();
    let explain = format!("{name} has no digest and name that can be read under the template `{template}`");
    let cause = Some(Cause::UnknownFile);
    Box::new(Reason {
        cause,
        ..*about(entry, Code::FileUnreadable, Severity::Refuse, shortened(explain, NAME))
    })
}

/// A name for people: harmless, as long as names are, and with what stands after a NUL, which is part of the name. Whoever controls the device
/// makes names as long as a list may be.
fn shown(name: &[u8]) -> String {
    struct Shown<'n>(&'n [u8]);
    impl fmt::Display for Shown<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            for (at, part) in self.0.split(|byte| *byte == 0).enumerate() {
                if at > 0 {
                    f.write_str("\\0")?;
                }
                write!(f, "{}", Utf8(part))?;
            }
            Ok(())
        }
    }
    shortened(Shown(name), NAME)
}

const fn severity(response: Response) -> Severity {
    match response {
        Response::Refuse => Severity::Refuse,
        Response::Warn => Severity::Warn,
    }
}
