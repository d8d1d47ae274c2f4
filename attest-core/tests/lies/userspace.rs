//! The log of user space: which registers it may tell of, beside which other log, and what a reset between two verdicts means.

use attest_core::appraise::comparison::Relation;
use attest_core::appraise::{Code, Context, Policy, Severity, Status, Verdict};
use attest_core::evidence::tcg_log::EventLog;
use attest_core::evidence::tpm::ClockInfo;
use attest_core::evidence::userspace_log::UserspaceLog;
use attest_core::reference::golden::{self, Golden, Superseded};
use attest_core::reference::learn::{self, Boot, Choices};
use attest_core::{Digest, HashAlg, Limits};

use super::device::{Device, NO_ACTION, SHA256, hash};
use super::judge::{FAMILY, Sent, affirmed, context, find, golden, has, refused, refused_only};
use super::sample::good;
use super::sequence::booted;

/// A device with systemd: it extends, and tells so.
struct Systemd {
    device: Device,
    log: String,
}

impl Systemd {
    fn boots() -> Self {
        let mut device = good();
        device.selection = vec![(SHA256, (0..=15).collect())];
        Self { device, log: String::new() }
    }

    /// A boot of a machine with systemd 260 in its initrd.
    fn booted() -> Self {
        let mut systemd = Self::boots();
        for pcr in [0, 1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 14] {
            systemd.measure(pcr, "os-separator", "os-separator");
        }
        systemd.measure(11, "phase", "enter-initrd");
        systemd.measure(15, "machine-id", "machine-id:0123456789abcdef0123456789abcdef");
        systemd
    }

    fn measure(&mut self, pcr: u8, kind: &str, string: &str) {
        self.device.extend(pcr, string.as_bytes());
        self.tell(&format!("\"pcr\":{pcr}"), kind, string);
    }

    fn tell(&mut self, register: &str, kind: &str, string: &str) {
        let digest = hex::encode(hash(SHA256, string.as_bytes()));
        self.log += &format!(
            "\u{1e}{{{register},\"digests\":[{{\"hashAlg\":\"sha256\",\"digest\":\"{digest}\"}}],\"content_type\":\"systemd\",\
             \"content\":{{\"string\":{string:?},\"bootId\":\"00112233445566778899aabbccddeeff\",\"timestamp\":1,\"eventType\":\"{kind}\"}}}}\n"
        );
    }

    fn sent(&self) -> Sent {
        let userspace = Some(self.log.clone().into_bytes());
        // Without a list of IMA PCR 10 would be unexplained, and what is wrong hard to see.
        Sent { userspace, ..Sent::by(&self.device) }
    }

    fn judge(&self, golden: &Golden) -> Verdict {
        self.sent().judge(golden, &Policy::default(), &context())
    }

    fn learned(&self) -> Result<Golden, learn::Error> {
        let firmware = self.device.log_bytes();
        let firmware = EventLog::parse(&firmware, &Limits::DEFAULT).unwrap();
        let log = UserspaceLog::parse(self.log.as_bytes(), &Limits::DEFAULT).unwrap();
        let evidence = golden::Evidence::Quoted;
        let boot = Boot { name: "systemd", log: &firmware, userspace: Some(&log), evidence, files: None };
        learn::learn(FAMILY, &[boot], &Choices::default())
    }
}

#[test]
fn a_boot_with_separators_of_systemd_is_golden_and_affirms() {
    let systemd = Systemd::booted();
    let golden = systemd.learned().unwrap();
    let of_pcr_7 = golden.sequences.iter().find(|s| s.pcr == 7).unwrap();
    assert_eq!(of_pcr_7.slots.last().unwrap().component, "userspace.os_separator");
    affirmed(&systemd.judge(&golden));
    // The same firmware under another system: the separator is missing, and missing it is a difference.
    let without = Systemd::boots();
    refused(&Sent::by(&without.device).judge(&golden, &Policy::default(), &context()), Code::EventMissing);
}

/// A measurement of user space that counts no more: reason and cause lead to its record, not to an event of the firmware's log.
#[test]
fn a_superseded_measurement_of_user_space_is_told_by_its_log() {
    let systemd = Systemd::booted();
    let mut golden = systemd.learned().unwrap();
    let digest = Digest::new(HashAlg::Sha256, &hash(SHA256, b"os-separator")).unwrap();
    let component = "userspace.os_separator".into();
    golden.superseded.push(Superseded { component, digests: vec![digest], reason: "old".into() });
    let verdict = systemd.judge(&golden);
    refused(&verdict, Code::Superseded);
    let reasons = find(&verdict, Code::Superseded);
    let places: Vec<_> = reasons.iter().map(|reason| (reason.log, reason.event)).collect();
    assert!(places.iter().all(|(log, event)| *log == Some("userspace") && event.is_some()), "{places:?}");
    let causes: Vec<_> = verdict.causes.iter().map(|cause| (cause.log, cause.event)).collect();
    assert!(!causes.is_empty() && causes.iter().all(|cause| places.contains(cause)), "{causes:?}");
}

#[test]
fn a32_user_space_extends_a_register_of_the_firmware() {
    for pcr in 0..8 {
        let mut systemd = Systemd::booted();
        systemd.measure(pcr, "phase", "more");
        // Golden values of such a boot cannot be learned.
        let error = systemd.learned().unwrap_err();
        assert_eq!(error.code(), "learn_log_refused", "{error}");
        let verdict = systemd.judge(&Systemd::booted().learned().unwrap());
        refused(&verdict, Code::LogFinding);
        let finding =
            find(&verdict, Code::LogFinding).into_iter().find(|r| r.pcr == Some(pcr.into())).unwrap();
        assert_eq!(
            (finding.detail_code, finding.log),
            (Some("userspace_in_firmware_pcr"), Some("userspace"))
        );
    }
}

#[test]
fn a32_root_moves_an_event_of_the_firmware_into_the_other_log() {
    // PCR 4's last event told by user space: the same values, another teller.
    let mut systemd = Systemd::boots();
    let golden = golden(&[&systemd.device]);
    let at = systemd.device.log.iter().rposition(|event| event.pcr == 4).unwrap();
    let event = systemd.device.log.remove(at);
    let digest = hex::encode(&event.digests[&SHA256]);
    systemd.tell("\"pcr\":4", "os-separator", "os-separator");
    let honest = hex::encode(hash(SHA256, b"os-separator"));
    systemd.log = systemd.log.replace(&honest, &digest);
    let mut sent = systemd.sent();
    sent.values = Sent::by(&systemd.device).values;
    refused(&sent.judge(&golden, &Policy::default(), &context()), Code::LogFinding);
}

#[test]
fn a40_two_logs_beside_the_firmwares_tell_of_one_register() {
    // IMA's list leads to PCR 10, and the other log says that it had a part in it.
    let mut systemd = Systemd::booted();
    let golden = systemd.learned().unwrap();
    systemd.tell("\"pcr\":10", "phase", "ready");
    let verdict = systemd.judge(&golden);
    refused(&verdict, Code::StoryAmbiguous);
    assert!(find(&verdict, Code::StoryAmbiguous).iter().all(|r| r.pcr == Some(10)));
    // Even if its extend came last, and both together lead to the value: no order of theirs is proven.
    let mut systemd = Systemd::booted();
    systemd.measure(10, "phase", "ready");
    refused(&systemd.judge(&golden), Code::StoryAmbiguous);
}

#[test]
fn a35_an_extend_that_the_log_does_not_tell() {
    let mut systemd = Systemd::booted();
    let golden = systemd.learned().unwrap();
    systemd.device.extend(11, b"more");
    refused(&systemd.judge(&golden), Code::ReplayMismatch);
    let mut systemd = Systemd::booted();
    systemd.device.extend(8, b"more");
    refused(&systemd.judge(&golden), Code::ReplayMismatch);
}

#[test]
fn a38a_root_extends_allowed_digests_once_more_and_tells_so() {
    let golden = Systemd::booted().learned().unwrap();
    for (pcr, kind, string) in [(11, "phase", "enter-initrd"), (12, "os-separator", "os-separator")] {
        let mut systemd = Systemd::booted();
        systemd.measure(pcr, kind, string);
        refused_only(&systemd.judge(&golden), Code::EventRepeated);
    }
    let mut systemd = Systemd::booted();
    systemd.measure(11, "phase", "leave-initrd");
    refused_only(&systemd.judge(&golden), Code::EventAppended);
}

#[test]
fn a35_a_log_that_is_empty_or_of_another_kind_of_machine() {
    let systemd = Systemd::boots();
    let golden = golden(&[&systemd.device]);
    let finding = |bytes: Vec<u8>| {
        let verdict =
            Sent { userspace: Some(bytes), ..systemd.sent() }.judge(&golden, &Policy::default(), &context());
        refused_only(&verdict, Code::LogFinding);
        let refuses = |r: &&attest_core::appraise::Reason| r.severity == Severity::Refuse;
        find(&verdict, Code::LogFinding).into_iter().find(refuses).unwrap().detail_code.unwrap()
    };
    assert_eq!(finding(Vec::new()), "log_empty");
    let tlv = |kind: u8, value: &[u8]| [&[kind, 0, 0, 0, value.len() as u8][..], value].concat();
    let record = [tlv(0, &[0]), tlv(108, &[4]), tlv(3, &tlv(0x0b, &[7; 32])), tlv(80, b"x")].concat();
    assert_eq!(finding(record), "register_foreign");
}

#[test]
fn a40_a_log_that_goes_on_over_a_kexec() {
    let mut systemd = Systemd::booted();
    let golden = systemd.learned().unwrap();
    let first = systemd.log.clone();
    systemd.measure(11, "phase", "enter-initrd");
    let second = systemd.log[first.len()..].replace("00112233", "99999999");
    systemd.log = first + &second;
    let verdict = systemd.judge(&golden);
    let finding = find(&verdict, Code::LogFinding)[0];
    assert_eq!((finding.detail_code, finding.severity), (Some("boot_id_changed"), Severity::Refuse));
    // Of twelve separators, a phase and an identity, this is the next record.
    assert_eq!((finding.event, finding.component.as_deref()), (Some(14), Some("userspace")));
    refused(&verdict, Code::EventRepeated);
}

#[test]
fn registers_that_no_quote_covers_prove_nothing_and_refuse_nothing() {
    let mut systemd = Systemd::booted();
    let golden = systemd.learned().unwrap();
    systemd.tell("\"nv_index\":30474752", "product-id", "product-id:missing");
    systemd.measure(16, "phase", "debug");
    let verdict = systemd.judge(&golden);
    affirmed(&verdict);
    let codes: Vec<_> = find(&verdict, Code::LogFinding).iter().map(|r| r.detail_code.unwrap()).collect();
    assert_eq!(codes, ["resettable_pcr", "nv_index_not_quoted"]);
    // What refuses nothing is no part of the boot that is refused.
    assert!(find(&verdict, Code::LogFinding).iter().all(|r| r.component.is_none()));
}

/// IMA's boot_aggregate is held against registers as the firmware left them where all that followed is proven, and else against the quote.
#[test]
fn a42_a_register_that_user_space_does_not_explain_is_not_the_firmwares() {
    let mut systemd = Systemd::booted();
    let golden = systemd.learned().unwrap();
    assert!(!has(&systemd.judge(&golden), Code::BootAggregateMismatch));
    systemd.device.extend(9, b"nobody logged this");
    let verdict = systemd.judge(&golden);
    refused(&verdict, Code::ReplayMismatch);
    refused(&verdict, Code::BootAggregateMismatch);
}

/// A firmware log of another bank begins a story that the log of user space cannot go on with.
#[test]
fn a_register_whose_first_events_have_no_digest_in_the_bank() {
    use attest_core::HashAlg;
    use attest_core::authenticate::Outcome;
    let mut systemd = Systemd::booted();
    systemd.device.log_banks = vec![super::device::SHA1];
    for event in &mut systemd.device.log {
        event.digests.retain(|bank, _| *bank == super::device::SHA1);
    }
    let sent = systemd.sent();
    let evidence = sent.authenticate().unwrap();
    let outcome = |pcr| evidence.outcome(HashAlg::Sha256, pcr);
    assert_eq!((outcome(9), outcome(12)), (Some(Outcome::DigestMissing), Some(Outcome::Match)));
    // Without that log nobody tells of it in this bank.
    let sent = Sent { userspace: None, ..sent };
    let evidence = sent.authenticate().unwrap();
    assert_eq!(evidence.outcome(HashAlg::Sha256, 9), Some(Outcome::NoEvents));
}

/// A finding about an extend of user space says that its index is one of that log.
#[test]
fn findings_say_in_which_log_they_are() {
    let systemd = Systemd::booted();
    let mut golden = systemd.learned().unwrap();
    let digest = |text: &str| attest_core::HashAlg::Sha256.hash(&[text.as_bytes()]);
    golden.superseded.push(golden::Superseded {
        component: "userspace.phase".into(),
        digests: vec![digest("enter-initrd")],
        reason: "old".into(),
    });
    golden.judged.retain(|pcr| *pcr != 15);
    let verdict = systemd.judge(&golden);
    let placed = |code| find(&verdict, code).iter().map(|r| (r.pcr, r.event, r.log)).collect::<Vec<_>>();
    assert_eq!(placed(Code::Superseded), [(Some(11), Some(12), Some("userspace"))]);
    assert_eq!(placed(Code::PcrNotJudged), [(Some(15), Some(13), Some("userspace"))]);
}

/// The counters behind an affirming verdict that still counts; the sample device has 7 and 1.
fn leased(reset_count: u32, restart_count: u32, policy: &str) -> Verdict {
    let device = good();
    let lease = Some(ClockInfo { clock: 1, reset_count, restart_count, safe: true });
    let context = Context { lease, ..context() };
    let is_said = policy.contains("reset_within_lease");
    let policy =
        Policy::parse(&format!("format = 'attest-policy/1'\nmust_judge = [0, 4, 7]\n{policy}")).unwrap();
    // Whoever lets devices boot when they want gives a lease only where the policy says what that means.
    assert_eq!(policy.asks_for_leases(), is_said);
    Sent::by(&device).judge(&golden(&[&device]), &policy, &context)
}

#[test]
fn a40_a_reset_within_a_lease_does_not_affirm() {
    for (resets, restarts) in [(6, 1), (5, 0), (7, 0), (7, 2), (8, 1)] {
        for warning in ["", "reset_within_lease = 'warn'"] {
            let verdict = leased(resets, restarts, warning);
            assert_eq!(verdict.status, Status::Warning, "{resets}/{restarts}");
            assert!(has(&verdict, Code::ResetWithinLease));
        }
        refused_only(&leased(resets, restarts, "reset_within_lease = 'refuse'"), Code::ResetWithinLease);
        let accepted = leased(resets, restarts, "reset_within_lease = 'accept'");
        affirmed(&accepted);
        assert!(!has(&accepted, Code::ResetWithinLease));
    }
    affirmed(&leased(7, 1, ""));
    affirmed(&leased(7, 1, "reset_within_lease = 'refuse'"));
}

/// What is missing in user space is missing before a record, or behind the last one: records are numbered apart from the firmware's events.
#[test]
fn what_user_space_left_out_has_its_place_among_the_records() {
    let with = |phases: &[&str]| {
        let mut systemd = Systemd::booted();
        phases.iter().for_each(|phase| systemd.measure(11, "phase", phase));
        systemd
    };
    let before = UserspaceLog::parse(Systemd::booted().log.as_bytes(), &Limits::DEFAULT).unwrap();
    let before = u32::try_from(before.records().len()).unwrap();
    let known = with(&["enter-initrd", "leave-initrd", "sysinit"]).learned().unwrap();
    for (phases, position, at_end) in [
        (["enter-initrd", "sysinit"], before + 1, false),
        (["enter-initrd", "leave-initrd"], before + 2, true),
    ] {
        let verdict = with(&phases).judge(&known);
        let first = verdict.first_difference.expect("a difference");
        assert_eq!((first.pcr, first.event, first.relation), (11, None, Relation::Missing));
        assert_eq!((first.position, first.log, first.at_end), (position, Some("userspace"), at_end));
    }
    // What the firmware left out is missing behind its own last event. The log's header is event 0.
    let whole = good().log;
    let last = whole.iter().rposition(|event| event.pcr == 5 && event.kind != NO_ACTION).unwrap();
    let device = booted(&[&whole[..last], &whole[last + 1..]].concat());
    let verdict = Sent::by(&device).judge(&golden(&[&good()]), &Policy::default(), &context());
    let first = verdict.first_difference.expect("a difference");
    assert_eq!((first.pcr, first.relation, first.log, first.at_end), (5, Relation::Missing, None, true));
    assert_eq!(first.position, u32::try_from(whole.len()).unwrap());
}
