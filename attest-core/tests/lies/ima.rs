//! Runtime integrity: what the IMA list says, as far as the quote proves it.

use attest_core::appraise::{Cause, Code, Explanation, Part, Policy, Severity, Status, Verdict};
use attest_core::reference::golden::{Golden, Response};

use super::device::{Device, Event, IPL, Measurement};
use super::judge::{Sent, affirmed, context, find, golden_with_files, judge, refused, refused_only};
use super::sample::{Software, good};

pub fn ima_golden() -> Golden {
    golden_with_files(&[&good()])
}

pub fn file(path: &str, content: &str) -> Measurement {
    Measurement::file(path.as_bytes(), content.as_bytes())
}

/// A device whose kernel measured exactly this list.
pub fn measured(list: Vec<Measurement>) -> Device {
    let mut device = good();
    for bank in device.banks() {
        device.pcrs.insert((bank, 10), vec![0; super::device::size(bank)]);
    }
    device.ima.clear();
    list.into_iter().for_each(|entry| device.ima(entry));
    device
}

#[track_caller]
pub fn runtime_refused(verdict: &Verdict, code: Code) {
    refused_only(verdict, code);
    assert_eq!(verdict.boot.status, Status::Affirming, "the boot is not to blame");
    assert_eq!(verdict.runtime.status, Status::Contraindicated);
    assert!(find(verdict, code).iter().all(|r| r.part == Part::Runtime));
}

#[test]
fn the_good_list_affirms() {
    let verdict = judge(&good(), &ima_golden());
    affirmed(&verdict);
    assert_eq!(verdict.runtime.status, Status::Affirming);
    assert_eq!(verdict.trust_vector.executables, 2, "the golden command line orders the measurements");
    assert_eq!(verdict.trust_vector.file_system, 2);
}

/// What ran is no better than what it runs on.
#[test]
fn runtime_is_never_better_than_boot() {
    let implant = Software { kernel: "implant", ..Software::default() }.boot();
    let verdict = judge(&implant, &ima_golden());
    assert!(verdict.reasons.iter().all(|r| r.part != Part::Runtime), "the list is good");
    assert_eq!(verdict.runtime.status, Status::Contraindicated);
    assert_eq!((verdict.trust_vector.executables, verdict.trust_vector.file_system), (96, 96));
    let mut odd = good();
    odd.log.insert(3, Event { pcr: 4, kind: super::device::NO_ACTION, ..odd.log[3].clone() });
    let verdict = judge(&odd, &ima_golden());
    assert_eq!((verdict.boot.status, verdict.runtime.status), (Status::Warning, Status::Warning));
    assert_eq!(verdict.trust_vector.executables, 3);
}

/// A template's name is in no digest, and what a vendor's template means by the same bytes nobody knows.
#[test]
fn a43_the_data_of_a_golden_file_under_another_templates_name() {
    let (path, content) = Software::default().files[0];
    let signed = file(path, content);
    let data = signed.data[..signed.data.len() - 4].to_vec();
    let under = |template| {
        let mut device = good();
        device.ima(Measurement { template, data: data.clone(), ..signed.clone() });
        judge(&device, &ima_golden())
    };
    affirmed(&under("ima-ng"));
    let verdict = under("vendor-ng");
    assert_eq!(verdict.boot.status, Status::Affirming);
    assert_ne!(verdict.runtime.status, Status::Affirming, "{:?}", verdict.reasons);
}

/// Another golden file in the place of one is refused, and told from an implant.
#[test]
fn a43a_a_golden_path_with_the_golden_content_of_another() {
    let software = Software::default();
    let [(path, own), (other, content)] = software.files[..2] else { panic!("two files") };
    let told = |content: &str| {
        let mut liar = good();
        liar.ima(file(path, content));
        let verdict = judge(&liar, &ima_golden());
        runtime_refused(&verdict, Code::FileChanged);
        let reason = find(&verdict, Code::FileChanged)[0].clone();
        (reason.explanation, reason.explain.contains(other))
    };
    assert_ne!(own, content);
    assert_eq!(told(content), (Some(Explanation::GoldenElsewhere), true));
    assert_eq!(told("an implant"), (None, false));
}

#[test]
fn a_changed_file_and_an_unknown_one() {
    let mut liar = good();
    liar.ima(file("/usr/bin/sh", "another shell"));
    let verdict = judge(&liar, &ima_golden());
    runtime_refused(&verdict, Code::FileChanged);
    assert_eq!(find(&verdict, Code::FileChanged)[0].event, Some(3));
    assert_eq!(verdict.causes[0].cause, Cause::FileChanged);
    let mut liar = good();
    liar.ima(file("/tmp/implant", "implant"));
    let verdict = judge(&liar, &ima_golden());
    runtime_refused(&verdict, Code::FileUnknown);
    assert_eq!(verdict.causes[0].cause, Cause::UnknownFile);
}

#[test]
fn a41_violations_are_visible_and_under_policy() {
    let mut device = good();
    device.ima(Measurement { violation: true, ..Measurement::digest(b"/var/log/journal", &[0; 32]) });
    runtime_refused(&judge(&device, &ima_golden()), Code::ImaViolation);
    let mut tolerant = ima_golden();
    tolerant.ima.as_mut().unwrap().violations = Response::Warn;
    let verdict = judge(&device, &tolerant);
    assert_eq!(find(&verdict, Code::ImaViolation)[0].severity, Severity::Warn);
    assert_eq!((verdict.runtime.status, verdict.status), (Status::Warning, Status::Warning));
    assert_eq!(verdict.trust_vector.executables, 3);
    // A violation is no excuse for an entry that the kernel measured.
    let mut liar = good();
    liar.ima(file("/tmp/implant", "implant"));
    liar.ima.last_mut().unwrap().violation = true;
    runtime_refused(&judge(&liar, &tolerant), Code::KexecOrLostList);
}

#[test]
fn a43a_no_list_although_files_are_golden() {
    let mut sent = Sent::by(&good());
    sent.ima = None;
    let verdict = sent.judge(&ima_golden(), &Policy::default(), &context());
    refused(&verdict, Code::ImaMissing);
    // PCR 10 is not quoted either.
    let mut device = good();
    device.selection[0].1.retain(|pcr| *pcr != 10);
    let mut sent = Sent::by(&device);
    sent.ima = None;
    runtime_refused(&sent.judge(&ima_golden(), &Policy::default(), &context()), Code::ImaMissing);
}

#[test]
fn a43a_golden_values_for_no_file() {
    let mut empty = ima_golden();
    empty.ima.as_mut().unwrap().files.clear();
    for response in [Response::Refuse, Response::Warn] {
        empty.ima.as_mut().unwrap().unknown_files = response;
        let device = measured(vec![good().boot_aggregate()]);
        runtime_refused(&judge(&device, &empty), Code::GoldenMissing);
    }
}

#[test]
fn a43a_an_empty_measurement_policy_orders_nothing() {
    for policy in
        [None, Some(""), Some(" "), Some("ima_policy"), Some("tcb"), Some("ima_policy=critical_data")]
    {
        let mut golden = ima_golden();
        golden.ima.as_mut().unwrap().measurement_policy = policy.map(ToOwned::to_owned);
        let verdict = judge(&good(), &golden);
        assert_eq!(verdict.trust_vector.executables, 3, "{policy:?}");
    }
    // Two blanks have an empty word between them.
    let blanks = Software { cmdline: "/vmlinuz  quiet ", ..Software::default() }.boot();
    let mut golden = golden_with_files(&[&blanks]);
    golden.ima.as_mut().unwrap().measurement_policy = Some(String::new());
    assert_eq!(judge(&blanks, &golden).trust_vector.executables, 3);
}

/// The golden document says that the command line orders the measurements; the digest is that of another command line.
#[test]
fn a43a_a_measurement_policy_that_no_digest_covers() {
    let plain = Software { cmdline: "/vmlinuz root=/dev/sda2", ..Software::default() };
    let mut teacher = plain.boot();
    for text in ["kernel_cmdline: /vmlinuz", "grub_cmd: linux /vmlinuz"] {
        let at = teacher.find(text);
        teacher.log[at].data = format!("{text} root=/dev/sda2 ima_policy=tcb\0").into_bytes();
    }
    let golden = golden_with_files(&[&teacher]);
    for device in [plain.boot(), teacher] {
        assert_eq!(judge(&device, &golden).trust_vector.executables, 3);
    }
}

/// The policy's word stands in a GRUB command, which is proven and golden, and not in the kernel's command line.
#[test]
fn a43a_a_measurement_policy_that_the_kernel_never_sees() {
    let software = Software { cmdline: "/vmlinuz root=/dev/sda2", ..Software::default() };
    let mut device = Device::new(&software.banks, software.locality);
    software.firmware(&mut device);
    software.shim_and_grub(&mut device);
    device.measure(8, IPL, b"grub_cmd: echo ima_policy=tcb\0", b"echo ima_policy=tcb");
    software.kernel(&mut device);
    let first = device.boot_aggregate();
    device.ima(first);
    device.ima(file("/usr/bin/sh", "shell"));
    let mut golden = golden_with_files(&[&device]);
    golden.ima.as_mut().unwrap().measurement_policy = Some("ima_policy=tcb".into());
    // The reviewed words of the command line lie, too.
    let pcr_8 = golden.variants[0].sequences.iter_mut().find(|s| s.pcr == 8).unwrap();
    pcr_8.slots.iter_mut().for_each(|slot| slot.about = "ima_policy=tcb".into());
    let verdict = judge(&device, &golden);
    affirmed(&verdict);
    assert_eq!(verdict.trust_vector.executables, 3);
}

#[test]
fn a43a_a_required_file_that_was_not_measured() {
    let mut golden = ima_golden();
    golden.ima.as_mut().unwrap().files.iter_mut().for_each(|file| file.required = true);
    affirmed(&judge(&good(), &golden));
    for left_out in 1..good().ima.len() {
        let mut list = good().ima;
        list.remove(left_out);
        runtime_refused(&judge(&measured(list), &golden), Code::FileRequiredMissing);
    }
}

/// A mount namespace lets an attacker choose paths: a path excuses no content, and content excuses no path.
#[test]
fn a43a_no_exemption_by_path() {
    for path in ["/usr/bin/sh", "/usr/bin/init", "/usr/bin/../bin/sh", "/proc/self/root/usr/bin/sh"] {
        let mut liar = good();
        liar.ima(file(path, "implant"));
        assert_eq!(judge(&liar, &ima_golden()).runtime.status, Status::Contraindicated, "{path}");
    }
    let mut moved = good();
    moved.ima(file("/mnt/usr/bin/sh", "shell"));
    let verdict = judge(&moved, &ima_golden());
    assert_eq!(verdict.runtime.status, Status::Warning);
    assert!(find(&verdict, Code::FileMoved)[0].explain.contains("/usr/bin/sh"));
}

#[test]
fn a44_paths_with_line_breaks_nuls_and_escapes() {
    let evil: [&[u8]; 7] = [
        "/usr/bin/\u{202e}hs".as_bytes(),
        b"/usr/bin/sh\n10 0000 ima-ng sha256:00 /etc/passwd",
        b"/usr/bin/sh\0/tmp/implant",
        b"/usr/bin/../../tmp/sh",
        b"/usr/bin/sh\x1b[2J\x1b[1;1Haffirming",
        b"\xff\xfe/usr/bin/sh",
        b"",
    ];
    for path in evil {
        let mut liar = good();
        liar.ima(Measurement::file(path, b"implant"));
        let verdict = judge(&liar, &ima_golden());
        runtime_refused(&verdict, Code::FileUnknown);
        // What is shown is all that was measured: nothing hides behind a NUL.
        let hides = path.contains(&0);
        assert!(!hides || find(&verdict, Code::FileUnknown)[0].explain.contains("sh\\0/tmp/implant"));
        for reason in &verdict.reasons {
            let texts = [Some(&reason.explain), reason.got.as_ref(), reason.component.as_ref()];
            let is_harmless = |text: &String| !text.chars().any(|c| c.is_control() || c == '\u{202e}');
            assert!(texts.into_iter().flatten().all(is_harmless), "{reason:?}");
        }
    }
}

/// A measured buffer is judged by its digest as any entry is, not by what stands beside it.
#[test]
fn a44_a_buffer_is_no_file() {
    let mut liar = good();
    let mut buffer = Measurement::file(b"/usr/bin/sh", b"implant");
    buffer.template = "ima-buf";
    liar.ima(buffer);
    runtime_refused(&judge(&liar, &ima_golden()), Code::BufferUnknown);
    // A template that nobody knows has no name and no digest.
    let mut unknown = file("/usr/bin/sh", "shell");
    unknown.template = "ima-of-tomorrow";
    let mut liar = good();
    liar.ima(unknown);
    runtime_refused(&judge(&liar, &ima_golden()), Code::FileUnreadable);
}

/// Golden values that are SHA-1 digests prove no more than SHA-1.
#[test]
fn a09_files_known_by_sha1_are_a_warning() {
    let mut golden = ima_golden();
    let weak = attest_core::HashAlg::Sha1.hash(&[b"file"]);
    golden.ima.as_mut().unwrap().files[0].digest = weak;
    let mut list = good().ima;
    list.remove(1);
    let verdict = judge(&measured(list), &golden);
    assert_eq!(find(&verdict, Code::WeakBank)[0].severity, Severity::Warn);
    assert_eq!(verdict.runtime.status, Status::Warning);
}

/// The template's name is in no digest. Under another one, a file whose name looks like a digest would pass for the file that has it.
#[test]
fn a41_a_relabelled_template_does_not_make_a_name_a_digest() {
    let golden_digest = super::device::hash(super::device::SHA256, b"shell");
    let name = [&b"sha256:\0"[..], &golden_digest].concat();
    let implant = Measurement::file(&name, b"implant");
    // A trailing NUL would make the name no digest, but a kernel may cut it: take it off, and its count.
    let mut data = implant.data;
    let at = 4 + 8 + 32;
    let len = u32::from_le_bytes(data[at..at + 4].try_into().unwrap()) - 1;
    data[at..at + 4].copy_from_slice(&len.to_le_bytes());
    data.remove(at + 4 + len as usize);
    for template in ["n-ng|d-ng|sig", "sig|d-ng|n-ng", "n|d-ng|sig"] {
        let mut liar = good();
        liar.ima(Measurement { pcr: 10, template, data: data.clone(), violation: false });
        runtime_refused(&judge(&liar, &ima_golden()), Code::FileUnreadable);
    }
}

/// PCR 16 can be reset and filled by anyone: what stands there is no proof that a required file was measured.
#[test]
fn a43a_a_required_file_in_a_resettable_register() {
    let mut golden = ima_golden();
    golden.ima.as_mut().unwrap().files.iter_mut().for_each(|file| file.required = true);
    let mut list = good().ima;
    list.last_mut().unwrap().pcr = 16;
    let mut liar = measured(list);
    for (_, pcrs) in &mut liar.selection {
        pcrs.push(16);
        pcrs.sort_unstable();
        pcrs.dedup();
    }
    runtime_refused(&judge(&liar, &golden), Code::FileRequiredMissing);
}
