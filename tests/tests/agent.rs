//! The agent of real machines, against a software TPM and files in the place of the kernel's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use attest_tests::{FAMILY, Member, Server, Site, binary, run};
use tpm_sim::boot::debian::Parts;

struct Machine {
    site: Site,
    member: Member,
    server: Server,
}

impl Machine {
    fn new() -> Machine {
        let site = Site::new();
        let (member, server) = (Member::new(&site), site.serve());
        fs::write(site.path("intermediate.pem"), site.maker().intermediate_pem().unwrap()).unwrap();
        Machine { site, member, server }
    }

    fn state(&self) -> PathBuf {
        self.site.path("agent")
    }

    fn agent(&self, command: &str, arguments: &[&str]) -> (i32, String, String) {
        let mut agent = Command::new(binary("tpm-sim", "attest-agent"));
        agent.arg(command).args(["--tcti", &self.member.tpm.tcti(), "--server", &self.server.url()]);
        agent.arg("--state-dir").arg(self.state()).args(arguments).current_dir(self.site.path("."));
        run(&mut agent)
    }

    fn enrol(&self) -> (i32, String, String) {
        self.agent("enrol", &["--family", FAMILY, "--intermediates", "intermediate.pem"])
    }

    fn attest(&self, arguments: &[&str]) -> (i32, String, String) {
        fs::write(self.site.path("log"), self.member.record.log.bytes()).unwrap();
        fs::write(self.site.path("ima"), self.member.record.ima.bytes()).unwrap();
        let given = ["--event-log", "log", "--ima", "ima", "--out", "token.jwt"];
        self.agent("attest", &[&given, arguments].concat())
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_agent_enrols_attests_and_is_refused_when_the_boot_is_bad() {
    let mut machine = Machine::new();
    let (code, _, words) = machine.attest(&[]);
    assert_eq!((code, words.contains("not enrolled")), (2, true), "{words}");

    let (code, id, words) = machine.enrol();
    assert_eq!(code, 0, "{words}");
    assert!(id.starts_with("dev-"), "{id}");
    // Again: the same key from the TPM, the same device.
    assert_eq!(machine.enrol(), (0, id, String::new()));

    let (code, text, words) = machine.attest(&[]);
    assert_eq!(code, 0, "{text}{words}");
    assert!(text.starts_with("affirming"), "{text}");
    let token = machine.site.path("token.jwt");
    let first = fs::read_to_string(&token).unwrap();
    assert_eq!(first.split('.').count(), 3);
    for private in [token.clone(), machine.state().join("subject.pem"), machine.state().join("device.json")] {
        assert_eq!(mode(&private), 0o600, "{}", private.display());
    }
    assert_eq!(mode(&machine.state()), 0o700);

    // The attestation key is still there after a reboot; a bad boot is judged, and the token says so.
    machine.member.boot(&Parts::with_cmdline());
    let (code, text, words) = machine.attest(&["--json"]);
    assert_eq!(code, 1, "{text}{words}");
    let verdict: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(verdict["status"], "contraindicated");
    assert!(
        verdict["causes"].as_array().unwrap().iter().any(|cause| cause == "kernel_cmdline_changed"),
        "{text}"
    );
    assert_ne!(fs::read_to_string(&token).unwrap(), first);

    // No log is no pass.
    machine.member.boot(&Parts::new());
    let (code, text, _) = machine.agent("attest", &["--no-event-log", "--ima", "ima", "--out", "token.jwt"]);
    assert_eq!((code, text.contains("log_missing")), (1, true), "{text}");
}

#[test]
fn the_agent_says_when_the_tpm_is_another_one() {
    let mut machine = Machine::new();
    assert_eq!(machine.enrol().0, 0);
    machine.member = Member::new(&machine.site);
    let (code, _, words) = machine.attest(&[]);
    assert_eq!((code, words.contains("enrol again")), (2, true), "{words}");
}

#[test]
fn the_agent_uses_a_given_subject_key_and_an_rsa_key_if_told_so() {
    let machine = Machine::new();
    let mut openssl = Command::new("openssl");
    let key = machine.site.path("given.pem");
    openssl.args(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out"]).arg(&key);
    if openssl.output().is_ok_and(|output| output.status.success()) {
        let enrol = ["--family", FAMILY, "--intermediates", "intermediate.pem", "--ak", "rsa"];
        let (code, _, words) = machine.agent("enrol", &enrol);
        assert_eq!(code, 0, "{words}");
        let (code, text, words) = machine.attest(&["--subject-key", key.to_str().unwrap()]);
        assert_eq!(code, 0, "{text}{words}");
        assert!(!machine.state().join("subject.pem").exists());
    } else {
        eprintln!("SKIPPED: no openssl to make a key of somebody else's");
    }
    let (code, _, words) = machine.attest(&["--subject-key", "log"]);
    assert_eq!(code, 2, "{words}");
}

#[test]
fn what_the_agent_collects_is_what_golden_values_are_learned_from() {
    let machine = Machine::new();
    let path = |name: &str| machine.site.path(name);
    fs::write(path("log"), machine.member.record.log.bytes()).unwrap();
    fs::write(path("ima"), machine.member.record.ima.bytes()).unwrap();
    let collect = |nonce: &str| {
        let mut agent = Command::new(binary("tpm-sim", "attest-agent"));
        agent.args(["collect", "--tcti", &machine.member.tpm.tcti(), "--nonce", nonce]);
        agent.args(["--event-log", "log", "--ima", "ima", "--out", "boot"]).current_dir(path("."));
        run(&mut agent)
    };
    assert_eq!(collect("5a5a").0, 2, "a nonce of two bytes");
    let (code, written, words) = collect(&"5a".repeat(32));
    assert_eq!((code, written.lines().count()), (0, 7), "{written}{words}");

    let mut learn = Command::new(binary("attest-server", "attest"));
    learn.args(["golden", "learn", "--family", FAMILY, "--out", "learned.toml"]);
    learn.args(["--eventlog", "boot/eventlog.bin", "--ima", "boot/ima.bin", "--pcrs", "boot/pcrs.json"]);
    learn.args(["--attest", "boot/quote.attest", "--signature", "boot/quote.sig", "--ak", "boot/ak.pub"]);
    learn.args(["--nonce", &fs::read_to_string(path("boot/nonce.hex")).unwrap()]);
    let (code, _, words) = run(learn.current_dir(path(".")));
    assert_eq!(code, 0, "{words}");
    let learned = fs::read_to_string(path("learned.toml")).unwrap();
    assert!(learned.contains("evidence = \"quoted\""), "{learned}");
}
