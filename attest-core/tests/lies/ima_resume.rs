//! A list that is judged in parts: the verdict is that of the whole, and a part that does not go on from where we were is none.

use attest_core::appraise::{Code, Policy, Severity, Status, Verdict};
use attest_core::authenticate::{
    AttestationKey, AuthenticEvidence, Challenge, Error, ImaCheckpoint, Nonce, ResumeError,
};
use attest_core::evidence::bundle::{Bundle, Evidence};
use attest_core::evidence::ima_log::Position;
use attest_core::reference::ReferenceSet;
use attest_core::reference::golden::{Golden, ImaPath, PathEffect, Response};
use attest_core::{Limits, Timestamp};

use super::device::{Device, Measurement, NONCE, SHA256, SHA384, ak_public, hash};
use super::judge::{Sent, affirmed, context, find, golden_with_files, has, refused, refused_only};
use super::sample::{Software, good};

fn file(path: &str, content: &str) -> Measurement {
    Measurement::file(path.as_bytes(), content.as_bytes())
}

/// The part of the device's list that follows `after`, under a quote of now.
struct Part<'p> {
    sent: Sent,
    list: Vec<u8>,
    after: Position,
    checkpoint: Option<&'p ImaCheckpoint>,
}

impl<'p> Part<'p> {
    fn of(device: &Device, checkpoint: &'p ImaCheckpoint) -> Self {
        let after = checkpoint.position();
        let list = device.ima_bytes()[after.bytes as usize..].to_vec();
        Self { sent: Sent::by(device), list, after, checkpoint: Some(checkpoint) }
    }

    fn judge(&self, golden: &Golden) -> Result<Verdict, Error> {
        let evidence = Evidence {
            attest: &self.sent.attest,
            signature: &self.sent.signature,
            event_log: self.sent.log.as_deref(),
            ima: Some(&self.list),
            ima_after: Some(self.after),
            pcrs: self.sent.values.clone(),
            ..Evidence::default()
        };
        let bundle = Bundle::parse(evidence, &Limits::DEFAULT)?;
        let key = AttestationKey::vouched_tpm(&ak_public(), &Limits::DEFAULT).unwrap();
        let challenge = Challenge::offline(Nonce::new(&NONCE).unwrap());
        let now = Timestamp::from_unix(1_800_000_000);
        let evidence =
            AuthenticEvidence::authenticate_after(bundle, self.checkpoint.cloned(), &key, challenge, now)?;
        Ok(Policy::default().appraise(
            &evidence,
            &ReferenceSet::development(golden.clone()).unwrap(),
            &context(),
        ))
    }
}

fn whole(device: &Device, golden: &Golden) -> Verdict {
    Sent::by(device).judge(golden, &Policy::default(), &context())
}

/// The verdict on the part, which is that on the whole, with the values given or derived. What is kept goes through the store.
#[track_caller]
pub fn resumed(device: &Device, checkpoint: &ImaCheckpoint, golden: &Golden) -> Verdict {
    let stored = ImaCheckpoint::from_store(&checkpoint.to_bytes()).unwrap();
    assert_eq!(stored, *checkpoint);
    let mut part = Part::of(device, &stored);
    let verdict = part.judge(golden).unwrap();
    assert_eq!(verdict, whole(device, golden));
    part.sent.values = None;
    assert_eq!(part.judge(golden).unwrap(), verdict);
    verdict
}

fn ima_golden() -> Golden {
    golden_with_files(&[&good()])
}

pub fn checkpoint(device: &Device, golden: &Golden) -> ImaCheckpoint {
    whole(device, golden).ima_checkpoint.expect("a good list")
}

#[test]
fn the_verdict_on_parts_is_that_on_the_whole() {
    let golden = ima_golden();
    let mut device = good();
    let mut now = checkpoint(&device, &golden);
    // Nothing new, one entry, several; each time the next part begins where the last one ended.
    affirmed(&resumed(&device, &now, &golden));
    for count in [1, 3, 0, 2] {
        for _ in 0..count {
            device.ima(file("/usr/bin/sh", "shell"));
        }
        let verdict = resumed(&device, &now, &golden);
        affirmed(&verdict);
        now = verdict.ima_checkpoint.unwrap();
        assert_eq!(now.position().bytes, device.ima_bytes().len() as u64);
    }
    // What is bad in a part is as bad as in the whole, and nothing goes on from there.
    device.ima(file("/tmp/x", "implant"));
    let verdict = resumed(&device, &now, &golden);
    refused_only(&verdict, Code::FileUnknown);
    assert_eq!(find(&verdict, Code::FileUnknown)[0].event, Some(9));
    assert_eq!(verdict.ima_checkpoint, None);
}

#[test]
fn a43_a_part_is_cost_in_proportion_to_what_is_new() {
    let golden = ima_golden();
    let mut device = good();
    for _ in 0..500 {
        device.ima(file("/usr/bin/sh", "shell"));
    }
    let now = checkpoint(&device, &golden);
    device.ima(file("/usr/bin/sh", "shell"));
    let part = Part::of(&device, &now);
    let entry = device.ima_bytes().len() / 504;
    assert!(part.list.len() < 2 * entry, "{} bytes are sent", part.list.len());
    assert!(now.to_bytes().len() < 2_000, "what is kept does not grow with the list");
    let proven = part.judge(&golden).unwrap().proven.unwrap().ima.unwrap();
    assert_eq!((proven.entries_covered, proven.entries_left_over), (504, 0));
}

#[test]
fn a43_warnings_of_the_beginning_are_said_again() {
    let mut golden = ima_golden();
    let ima = golden.ima.as_mut().unwrap();
    (ima.violations, ima.unknown_files, ima.kexec) = (Response::Warn, Response::Warn, Response::Warn);
    let path = ImaPath {
        pattern: "/var/cache/*".into(),
        effect: PathEffect::AccountsByPathAlone,
        reason: "caches".into(),
    };
    ima.paths.push(path);
    let mut device = good();
    device.ima(Measurement { violation: true, ..Measurement::digest(b"/var/log/x", &[0; 32]) });
    device.ima(file("/opt/unknown", "x"));
    device.ima(file("/mnt/sh", "shell"));
    device.ima(file("/var/cache/a", "x"));
    device.ima(good().boot_aggregate());
    let now = checkpoint(&device, &golden);
    device.ima(file("/usr/bin/sh", "shell"));
    device.ima(file("/var/cache/b", "x"));
    device.ima(good().boot_aggregate());
    let verdict = resumed(&device, &now, &golden);
    assert_eq!(verdict.runtime.status, Status::Warning);
    for code in [Code::ImaViolation, Code::FileUnknown, Code::FileMoved] {
        assert_eq!(find(&verdict, code)[0].severity, Severity::Warn);
    }
    assert_eq!(find(&verdict, Code::KexecOrLostList).len(), 2);
    assert!(find(&verdict, Code::FileByPathAlone)[0].explain.contains("2 entries account"));
    // More than are kept: nothing goes on from there.
    for n in 0..70 {
        device.ima(file(&format!("/opt/{n}"), "x"));
    }
    assert_eq!(whole(&device, &golden).ima_checkpoint, None);
}

#[test]
fn a43a_required_files_are_counted_over_the_whole() {
    let mut golden = ima_golden();
    golden.ima.as_mut().unwrap().files.iter_mut().for_each(|file| file.required = true);
    let mut device = good();
    let now = checkpoint(&device, &golden);
    device.ima(file("/usr/bin/sh", "shell"));
    affirmed(&resumed(&device, &now, &golden));
    // One that was never measured refuses, and then nothing is kept.
    let mut early = Software { files: vec![("/usr/bin/init", "init")], ..Software::default() }.boot();
    refused_only(&whole(&early, &golden), Code::FileRequiredMissing);
    assert_eq!(whole(&early, &golden).ima_checkpoint, None);
    early.ima(file("/usr/bin/sh", "shell"));
    affirmed(&whole(&early, &golden));
}

/// The list between the checkpoint and the part, or in the part, is not the one that was extended.
#[test]
fn a43_a_part_that_is_cut_or_skips() {
    let golden = ima_golden();
    let mut device = good();
    let now = checkpoint(&device, &golden);
    device.ima(file("/tmp/x", "implant"));
    device.ima(file("/usr/bin/sh", "shell"));
    device.ima(file("/usr/bin/init", "init"));
    for hidden in 3..6 {
        let mut liar = device.clone();
        liar.ima.remove(hidden);
        let verdict = Part::of(&liar, &now).judge(&golden).unwrap();
        refused_only(&verdict, Code::KexecOrLostList);
        assert_eq!(verdict.ima_checkpoint, None);
        let mut cut = device.clone();
        cut.ima.truncate(hidden);
        refused_only(&Part::of(&cut, &now).judge(&golden).unwrap(), Code::KexecOrLostList);
    }
    // A part that has been seen is sent again.
    let mut again = Part::of(&device, &now);
    again.list = device.ima_bytes();
    refused(&again.judge(&golden).unwrap(), Code::KexecOrLostList);
    // Cut inside an entry.
    let mut torn = Part::of(&device, &now);
    torn.list.pop();
    assert_eq!(torn.judge(&golden).unwrap_err().code(), "truncated");
}

#[test]
fn a43_a_part_at_another_place() {
    let golden = ima_golden();
    let mut device = good();
    let first = checkpoint(&device, &golden);
    device.ima(file("/usr/bin/sh", "shell"));
    let second = checkpoint(&device, &golden);
    device.ima(file("/usr/bin/sh", "shell"));
    let (at_first, at_second) = (Part::of(&device, &first), Part::of(&device, &second));
    let mixed = Part { checkpoint: Some(&second), ..at_first };
    let expected =
        ResumeError::OtherPosition { expected: second.position().bytes, got: first.position().bytes };
    assert_eq!(mixed.judge(&golden), Err(Error::ImaResume(expected)));
    // Nobody knows what came before.
    let alone = Part { checkpoint: None, ..at_second };
    assert_eq!(alone.judge(&golden).unwrap_err().code(), "ima_checkpoint_missing");
    // The same bytes told to be more entries, or of another hash.
    for change in
        [Position { entries: 7, ..second.position() }, Position { hash_size: 32, ..second.position() }]
    {
        let told = Part { after: change, list: Vec::new(), ..Part::of(&device, &second) };
        assert_eq!(told.judge(&golden).unwrap_err().code(), "ima_other_position");
    }
}

#[test]
fn a43_a_checkpoint_of_another_boot() {
    let golden = ima_golden();
    let now = checkpoint(&good(), &golden);
    let rebooted = |resets: u32, restarts: u32| {
        let mut device = good();
        (device.resets, device.restarts) = (device.resets + resets, device.restarts + restarts);
        Part::of(&device, &now).judge(&golden).map(|_| ())
    };
    assert_eq!(rebooted(0, 0), Ok(()));
    for (resets, restarts) in [(1, 0), (0, 1), (1, 1)] {
        assert_eq!(rebooted(resets, restarts), Err(Error::ImaResume(ResumeError::OtherBoot)));
    }
    // A whole list needs no checkpoint, and one that does not fit is of no matter.
    let mut device = good();
    device.resets += 1;
    let part = Part { list: device.ima_bytes(), after: Position::default(), ..Part::of(&device, &now) };
    affirmed(&part.judge(&golden).unwrap());
}

/// The checkpoint of another device, or of this one under another quote.
#[test]
fn a43_a_checkpoint_of_another_key_or_selection() {
    let golden = ima_golden();
    let mut stored = String::from_utf8(checkpoint(&good(), &golden).to_bytes()).unwrap();
    let at = stored.find("000b").unwrap() + 8;
    stored.replace_range(at..at + 1, if &stored[at..=at] == "0" { "1" } else { "0" });
    let foreign = ImaCheckpoint::from_store(stored.as_bytes()).unwrap();
    let part = Part::of(&good(), &foreign);
    assert_eq!(part.judge(&golden), Err(Error::ImaResume(ResumeError::OtherKey)));
    let now = checkpoint(&good(), &golden);
    let mut fewer = good();
    fewer.selection[0].1.retain(|pcr| *pcr != 3);
    assert_eq!(Part::of(&fewer, &now).judge(&golden), Err(Error::ImaResume(ResumeError::OtherSelection)));
    assert!(ImaCheckpoint::from_store(b"{}").is_err());
    let unknown_field = stored.replacen('{', "{\"x\":1,", 1);
    assert!(ImaCheckpoint::from_store(unknown_field.as_bytes()).is_err());
}

/// What was good by another document is not good by this one.
#[test]
fn a43_a_checkpoint_of_another_golden_document() {
    let golden = ima_golden();
    let now = checkpoint(&good(), &golden);
    let mut other = golden.clone();
    other.ima.as_mut().unwrap().files.remove(0);
    refused(&whole(&good(), &other), Code::FileUnknown);
    let verdict = Part::of(&good(), &now).judge(&other).unwrap();
    refused_only(&verdict, Code::ImaCheckpointForeign);
    assert_eq!(verdict.ima_checkpoint, None);
    assert_eq!(
        now.document_sha256(),
        ReferenceSet::development(golden).unwrap().source().document_sha256.clone().unwrap()
    );
}

/// boot_aggregate stands in the beginning; the quote it is held against is today's.
#[test]
fn a42_the_boot_aggregate_of_the_beginning_is_held_against_each_quote() {
    let golden = ima_golden();
    let now = checkpoint(&good(), &golden);
    let mut device = good();
    device.extend(9, b"loaded later");
    let verdict = Part::of(&device, &now).judge(&golden).unwrap();
    refused(&verdict, Code::BootAggregateMismatch);
    // Zeros in the beginning stay unproven.
    let mut zeros = good();
    for bank in zeros.banks() {
        zeros.pcrs.insert((bank, 10), vec![0; super::device::size(bank)]);
    }
    zeros.ima.clear();
    zeros.ima(Measurement::digest(b"boot_aggregate", &[0; 32]));
    zeros.ima(file("/usr/bin/sh", "shell"));
    let now = checkpoint(&zeros, &golden);
    zeros.ima(file("/usr/bin/sh", "shell"));
    assert!(has(&resumed(&zeros, &now, &golden), Code::BootAggregateUnproven));
}

/// A second kernel that comes in a part is one.
#[test]
fn a40_a_second_kernel_in_a_part() {
    let golden = ima_golden();
    let mut device = good();
    let now = checkpoint(&device, &golden);
    device.ima(good().boot_aggregate());
    refused_only(&resumed(&device, &now, &golden), Code::KexecOrLostList);
}

#[test]
fn what_is_not_proven_or_not_good_is_no_checkpoint() {
    let golden = ima_golden();
    let mut liar = good();
    liar.ima(file("/tmp/x", "implant"));
    assert_eq!(whole(&liar, &golden).ima_checkpoint, None);
    let mut unlogged = good();
    unlogged.extend(10, b"not told");
    assert_eq!(whole(&unlogged, &golden).ima_checkpoint, None);
    // No golden files: nothing was judged.
    assert_eq!(whole(&good(), &super::judge::golden(&[&good()])).ima_checkpoint, None);
    // A quote that lags: the part begins where the proof ended, not where the bytes did.
    let mut later = good();
    later.ima(file("/tmp/x", "implant"));
    let mut sent = Sent::by(&good());
    sent.ima = Some(later.ima_bytes());
    let lagging = sent.judge(&golden, &Policy::default(), &context()).ima_checkpoint.unwrap();
    assert_eq!(lagging.position().entries, 3);
    refused_only(&resumed(&later, &lagging, &golden), Code::FileUnknown);
}

#[test]
fn a_part_goes_on_in_every_bank_as_it_was_extended() {
    let software = Software { banks: vec![SHA256, SHA384], ..Software::default() };
    let golden = golden_with_files(&[&software.boot()]);
    let mut device = software.boot();
    let now = checkpoint(&device, &golden);
    device.ima(file("/usr/bin/sh", "shell"));
    affirmed(&resumed(&device, &now, &golden));
    for bank in [SHA256, SHA384] {
        let mut liar = device.clone();
        liar.extend_digest(bank, 10, &vec![7; super::device::size(bank)]);
        refused_only(&Part::of(&liar, &now).judge(&golden).unwrap(), Code::KexecOrLostList);
    }
    // A bank of padded digests stays one: what was padded goes on padded.
    let software = Software { banks: vec![SHA384], ..Software::default() };
    let golden = golden_with_files(&[&software.boot()]);
    let padded = |device: &mut Device, entries: &[Measurement]| {
        for entry in entries {
            let digest = [hash(super::device::SHA1, &entry.data), vec![0; 28]].concat();
            device.extend_digest(SHA384, 10, &digest);
        }
    };
    let mut device = software.boot();
    device.pcrs.insert((SHA384, 10), vec![0; 48]);
    let entries = device.ima.clone();
    padded(&mut device, &entries);
    let now = checkpoint(&device, &golden);
    let entry = file("/usr/bin/sh", "shell");
    let mut honest = device.clone();
    honest.ima.push(entry.clone());
    padded(&mut honest, core::slice::from_ref(&entry));
    assert!(has(&resumed(&honest, &now, &golden), Code::ImaPadded));
    device.ima(entry);
    refused_only(&Part::of(&device, &now).judge(&golden).unwrap(), Code::KexecOrLostList);
}
