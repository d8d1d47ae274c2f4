//! Registers that the log does not explain: one cause each, what known thing would lead there, and when the log's own words are compared.

use attest_core::HashAlg;
use attest_core::appraise::comparison::Comparison;
use attest_core::appraise::{Cause, Code, Explained, Explanation, Policy, Reason, Verdict};
use attest_core::reference::golden::Superseded;

use super::device::{Device, SHA1, SHA256, SHA384, hash, size};
use super::judge::{Sent, context, find, golden, judge};
use super::sample::{Software, good};

/// A device with two banks that judge.
fn two_banks() -> Software {
    Software { banks: vec![SHA1, SHA256, SHA384], ..Software::default() }
}

/// What refuses a register in a bank, where its log does not lead there.
#[track_caller]
fn of<'v>(verdict: &'v Verdict, bank: &str, pcr: u32) -> &'v Reason {
    let codes =
        [Code::ReplayMismatch, Code::PcrWithoutEvents, Code::OtherBankMismatch, Code::KexecOrLostList];
    let is = |r: &&Reason| codes.contains(&r.code) && (r.bank, r.pcr) == (Some(bank), Some(pcr));
    verdict.reasons.iter().find(is).unwrap_or_else(|| panic!("{bank} {pcr}: {verdict:#?}"))
}

/// Cause, what cannot be told from it, register, and what else it explains.
type Root = (Cause, Option<Cause>, Option<u32>, Vec<Explained>);

fn roots(verdict: &Verdict) -> Vec<Root> {
    verdict.causes.iter().map(|root| (root.cause, root.or, root.pcr, root.explains.clone())).collect()
}

const CUT: (Cause, Option<Cause>) = (Cause::LogIncomplete, Some(Cause::UnloggedExtension));
const UNLOGGED: (Cause, Option<Cause>) = (Cause::UnloggedExtension, Some(Cause::LogIncomplete));

/// The comparison of what the log says and nobody proves.
fn told(verdict: &Verdict) -> Vec<&Comparison> {
    verdict.comparison.iter().filter(|comparison| !comparison.proven).collect()
}

fn at(pcr: u32) -> Explained {
    Explained { pcr, event: None, log: None }
}

/// The register is golden, and the log tells it with another digest: as many events as there should be.
#[test]
fn a_log_that_tells_a_good_boot_wrongly() {
    let mut device = good();
    let cfg = device.find("(hd0,gpt1)/grub.cfg");
    device.log[cfg].digests = [SHA1, SHA256].map(|bank| (bank, hash(bank, b"another"))).into();
    let verdict = judge(&device, &golden(&[&good()]));
    assert_eq!(of(&verdict, "sha256", 9).explanation, Some(Explanation::Golden));
    assert_eq!(roots(&verdict), [(CUT.0, CUT.1, Some(9), vec![])]);
    assert_eq!(told(&verdict), Vec::<&Comparison>::new(), "nothing differs but the log");
}

/// Another configuration, and a log without the kernel: put back where golden boots have it, it leads there, and what the log says is compared.
#[test]
fn a_log_that_lacks_an_event_of_another_boot() {
    let mut device = Software { grub_cfg: "another configuration", ..two_banks() }.boot();
    let kernel = device.log.iter().position(|e| e.data == b"/vmlinuz\0").unwrap();
    device.log.remove(kernel);
    let verdict = judge(&device, &golden(&[&two_banks().boot()]));
    assert_eq!(of(&verdict, "sha256", 9).explanation, Some(Explanation::EventNotTold));
    assert_eq!(of(&verdict, "sha384", 9).explanation, Some(Explanation::EventNotTold));
    let words = &of(&verdict, "sha256", 9).explain;
    assert!(words.contains("one event more, kernel.file of variant `boot-1`, before initrd"), "{words}");
    let all = roots(&verdict);
    // Both banks say so, and it is one register.
    assert_eq!(all[0], (CUT.0, CUT.1, Some(9), vec![]));
    assert_eq!(all[1].0, Cause::BootConfigChanged);
    let [compared] = told(&verdict)[..] else { panic!("{:#?}", verdict.comparison) };
    assert_eq!((compared.pcr, compared.bank), (9, "sha256"));
    let causes: Vec<Option<Cause>> = compared.rows.iter().map(|row| row.cause).collect();
    assert_eq!(causes, [Some(Cause::BootConfigChanged), None, None], "that an event is missing says nothing");
}

/// As many events as there should be, and one extend more that nobody knows.
#[test]
fn a_register_that_was_extended_behind_the_log() {
    let mut device = Software { grub_cfg: "another configuration", ..two_banks() }.boot();
    for pcr in [8, 9] {
        device.extend(pcr, b"nobody logged this");
    }
    let verdict = judge(&device, &golden(&[&two_banks().boot()]));
    assert_eq!(roots(&verdict)[0], (UNLOGGED.0, UNLOGGED.1, Some(8), vec![at(9)]));
    assert_eq!(of(&verdict, "sha256", 9).explanation, None);
    let compared: Vec<u32> = told(&verdict).iter().map(|comparison| comparison.pcr).collect();
    assert_eq!(compared, [9], "PCR 8's events are the golden ones");
}

#[test]
fn a_register_of_which_the_log_tells_nothing() {
    let mut device = good();
    device.log.retain(|event| event.pcr != 14);
    device.extend(14, b"nobody logged this");
    device.extend(13, b"nobody logged this");
    let verdict = judge(&device, &golden(&[&good()]));
    for pcr in [13, 14] {
        let reason = of(&verdict, "sha256", pcr);
        assert_eq!((reason.code, reason.explanation), (Code::PcrWithoutEvents, None));
    }
    assert_eq!(told(&verdict), Vec::<&Comparison>::new(), "nothing to compare");
    let expected = [(CUT.0, CUT.1, Some(14), vec![]), (UNLOGGED.0, UNLOGGED.1, Some(13), vec![])];
    assert_eq!(roots(&verdict), expected);
}

/// A log of SHA-1 digests says nothing of SHA-256 registers that are not golden.
#[test]
fn a_log_of_another_bank() {
    let mut device = Software { grub_cfg: "another configuration", ..Software::default() }.boot();
    device.log_banks = vec![SHA1];
    device.log.iter_mut().for_each(|event| event.digests.retain(|bank, _| *bank == SHA1));
    let verdict = judge(&device, &golden(&[&good()]));
    let reason = of(&verdict, "sha256", 9);
    assert_eq!(reason.explanation, Some(Explanation::OtherBank));
    assert!(
        reason.explain.ends_with("; the log has no sha256 digests of its events there; its banks are sha1")
    );
    let others = (0..9).chain([14]).map(at).collect::<Vec<_>>();
    let root = &roots(&verdict)[0];
    assert_eq!((root.0, root.2), (Cause::LogIncomplete, Some(0)));
    assert!(others.iter().skip(1).all(|other| root.3.contains(other)), "{root:?}");
    assert!(told(&verdict).is_empty());
    // Where that is all there is to say, no other cause is perhaps it.
    let mut alone = device;
    alone.selection = vec![(SHA256, vec![9])];
    let verdict = judge(&alone, &golden(&[&good()]));
    assert_eq!(roots(&verdict), [(Cause::LogIncomplete, None, Some(9), vec![])]);
}

/// The log leads to the register in one bank, and not in the other.
#[test]
fn a_bank_that_was_told_wrongly() {
    let mut device = two_banks().boot();
    let cfg = device.find("(hd0,gpt1)/grub.cfg");
    device.log[cfg].digests.insert(SHA384, vec![7; 48]);
    device.extend_digest(SHA384, 9, &[9; 48]);
    device.extend(8, b"nobody logged this");
    let verdict = judge(&device, &golden(&[&two_banks().boot()]));
    let reason = of(&verdict, "sha384", 9);
    assert_eq!(reason.explanation, Some(Explanation::OtherBank));
    let words = "; its events lead to PCR 9 in the sha256 bank: its sha384 digests are wrong, or the sha384 bank was extended alone";
    assert!(reason.explain.ends_with(words), "{}", reason.explain);
    // A register that is explained in no bank is not explained by another register.
    assert_eq!(of(&verdict, "sha384", 8).explanation, None);
}

#[test]
fn what_user_space_left_unlogged_in_pcr_11_explains_pcr_15_and_no_other() {
    let mut device = Software::default().boot_uki();
    let golden = golden(&[&device]);
    device.selection = vec![(SHA256, (0..16).collect())];
    for (pcr, content) in [(11, "enter-initrd"), (15, "machine-id:0123"), (4, "nobody logged this")] {
        device.extend(pcr, content.as_bytes());
    }
    let verdict = judge(&device, &golden);
    assert_eq!(of(&verdict, "sha256", 11).explanation, Some(Explanation::UserspacePhases));
    let userspace = (Cause::UserspaceMeasurementChanged, Some(Cause::UnloggedExtension), Some(11));
    let found: Vec<_> = roots(&verdict).into_iter().map(|root| (root.0, root.1, root.2)).collect();
    assert_eq!(found, [(UNLOGGED.0, UNLOGGED.1, Some(4)), userspace]);
    assert_eq!(roots(&verdict)[1].3, [at(15)]);
}

/// PCR 10 alone: without a log, with a list that leads elsewhere; and without a list, with a log.
#[test]
fn a_lost_list_beside_a_log_or_without_one() {
    let golden = golden(&[&good()]);
    let mut device = good();
    device.selection = vec![(SHA256, vec![10])];
    device.ima.pop();
    let alone = Sent { log: None, ..Sent::by(&device) };
    let verdict = alone.judge(&golden, &Policy::default(), &context());
    let causes: Vec<_> =
        verdict.causes.iter().map(|root| (root.cause, root.component.as_deref(), root.pcr)).collect();
    assert_eq!(
        causes,
        [(Cause::LogMissing, Some("log"), None), (Cause::KexecOrLostList, Some("ima"), Some(10))]
    );
    // Files that would be judged are not: no part of the list is proven.
    let files = super::judge::golden_with_files(&[&good()]);
    let verdict = alone.judge(&files, &Policy::default(), &context());
    let is_unproven = |r: &&Reason| r.code == Code::KexecOrLostList && r.bank.is_none();
    let unproven: Vec<_> =
        verdict.reasons.iter().filter(is_unproven).map(|r| r.component.as_deref()).collect();
    assert_eq!(unproven, [Some("ima")]);
    let without = Sent { ima: None, ..Sent::by(&device) };
    let verdict = without.judge(&golden, &Policy::default(), &context());
    assert_eq!(of(&verdict, "sha256", 10).code, Code::KexecOrLostList);
    let neither = Sent { log: None, ima: None, ..Sent::by(&device) };
    let verdict = neither.judge(&golden, &Policy::default(), &context());
    assert_eq!(of(&verdict, "sha256", 10).code, Code::PcrWithoutEvents);
    assert_eq!(roots(&verdict), [(Cause::LogMissing, None, Some(10), vec![])]);
}

/// What leads to the register is searched from the log's events, and from golden ones.
#[test]
fn what_would_lead_there_is_named() {
    let mut known = golden(&[&good()]);
    let old = HashAlg::Sha256.hash(&[b"old kernel"]);
    // One of another bank beside it, which explains nothing.
    let digests = vec![HashAlg::Sha384.hash(&[b"old kernel"]), old];
    known.superseded.push(Superseded { component: "kernel".into(), digests, reason: "old".into() });
    let explained = |device: &Device, pcr: u32| {
        let reason =
            judge(device, &known).reasons.into_iter().find(|r| r.code == Code::ReplayMismatch).unwrap();
        assert_eq!(reason.pcr, Some(pcr));
        (reason.explanation, reason.explain.split_once("; ").map(|(_, words)| words.to_owned()))
    };
    let words = |text: &str| Some(text.to_owned());
    let mut device = good();
    device.extend(9, b"old kernel");
    let (what, found) = explained(&device, 9);
    assert_eq!(what, Some(Explanation::EventAppended));
    let expected =
        "the log leads there with one extend more at its end, which has the digest of the superseded kernel";
    assert_eq!(found, words(expected));
    // The separator of an error in place of the separator, and in place of another event.
    let error = hash(SHA256, &[1, 0, 0, 0]);
    let replaced = |pcr: u32, data: &[u8]| {
        let mut device = good();
        device.pcrs.insert((SHA256, pcr as u8), vec![0; 32]);
        for event in device.log.clone().iter().filter(|event| event.pcr == pcr) {
            let digest = if event.data == data { &error } else { &event.digests[&SHA256] };
            device.extend_digest(SHA256, pcr as u8, digest);
        }
        device
    };
    assert_eq!(explained(&replaced(7, &[0; 4]), 7).0, Some(Explanation::ErrorSeparator));
    assert_eq!(explained(&replaced(14, b"MokListX\0"), 14), (None, None));
    // The log tells another boot, the register stopped in the middle of the golden one.
    let mut device = Software { grub_cfg: "another configuration", ..Software::default() }.boot();
    device.pcrs.insert((SHA256, 9), vec![0; size(SHA256)]);
    for event in good().log.iter().filter(|event| event.pcr == 9).take(2) {
        device.extend_digest(SHA256, 9, &event.digests[&SHA256]);
    }
    let (what, found) = explained(&device, 9);
    assert_eq!(what, Some(Explanation::StoppedEarly));
    assert_eq!(found, words("variant `boot-1` leads there with its first 2 of 3 events, before initrd"));
}

/// IMA's first entry covers PCR 0 to 7 where it is in SHA-1, and 8 and 9 too where it is not: what moved them moved PCR 10.
#[test]
fn a_change_shows_again_where_the_list_begins_with_it() {
    let measured_again = |software: Software, sha1: bool| {
        let with_list = |software: &Software| {
            let mut device = software.boot();
            device.ima.clear();
            for bank in device.banks() {
                device.pcrs.insert((bank, 10), vec![0; size(bank)]);
            }
            let mut first = device.boot_aggregate();
            if sha1 {
                let values: Vec<u8> = (0..8).flat_map(|pcr| device.pcrs[&(SHA1, pcr)].clone()).collect();
                let field = |bytes: &[u8]| [&(bytes.len() as u32).to_le_bytes(), bytes].concat();
                let digest = [&b"sha1:\0"[..], &hash(SHA1, &values)].concat();
                first.data = [field(&digest), field(b"boot_aggregate\0"), field(&[])].concat();
            }
            device.ima(first);
            device.selection.insert(0, (SHA1, (0..8).collect()));
            device
        };
        let verdict = judge(&with_list(&software), &golden(&[&with_list(&Software::default())]));
        assert_eq!(find(&verdict, Code::BootAggregateUnproven).len(), 0, "{verdict:#?}");
        verdict.causes[0].explains.contains(&at(10))
    };
    let initrd = || Software { initrd: "implant", ..Software::default() };
    let shim = || Software { shim: "implant", ..Software::default() };
    let all = [
        measured_again(initrd(), false),
        measured_again(initrd(), true),
        measured_again(shim(), false),
        measured_again(shim(), true),
    ];
    assert_eq!(all, [true, false, true, true]);
}
