//! The whole chain on a real boot: a unified kernel image that two people approved and an HSM signed boots under Secure Boot on a machine whose
//! firmware knows our certificate alone, and attests; one that nobody released does not boot, or is found out; and what is taken back is refused.
//!
//! QEMU emulates the machine, swtpm its TPM; firmware, kernel and boot stub are Debian's. docs/real-boot.md tells it step by step.

mod chain;
mod machine;

use std::path::Path;
use std::time::{Duration, Instant};

use attest_tests::FAMILY;
use chain::{Chain, Image};
use machine::{FirmwareConfig, Machine};

/// An emulated boot takes some 15 seconds on a machine that does nothing else.
const BOOT: Duration = Duration::from_secs(240);

const LINUX: Image = Image { name: "linux", version: "2026.11.1", security_version: 1 };
/// Not a unified image: Debian's own kernel.
const KERNEL: Image = Image { name: "kernel", version: "2026.11.0", security_version: 1 };
const UPDATE: Image = Image { name: "update", version: "2026.12.1", security_version: 2 };

#[test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "the machine that is booted is an x86-64 one")]
fn the_whole_chain_on_a_real_boot() {
    let mut chain = Chain::begin();
    let mut times = Times::new();

    // A kernel alone is signed as a unified image is, beside the signature that it has.
    chain.take_kernel(KERNEL.name);
    let kernel = chain.release_image(&KERNEL);
    let signatures = chain.signatures(&kernel);
    for issuer in ["CN=Debian Secure Boot CA", "CN=Boot root"] {
        assert!(signatures.contains(issuer), "{signatures}");
    }
    times.lap("kernel approved and signed");
    // The image first: no machine starts it before two people approved it and the HSM signed it.
    let linux = chain.release_image(&LINUX);
    times.lap("image approved and signed");
    // Its measurements second, learned from a boot of it in the laboratory.
    let evidence = reference_boot(&chain, &linux);
    times.lap("reference boot");
    let release = chain.release_learned(&evidence);
    times.lap("measurements learned, approved, signed, published");

    // Whoever changes what is in the initrd needs more than the bytes of the signature.
    for (name, image) in chain.unreleased_images() {
        does_not_boot(&chain, name, &image);
        times.lap(name);
    }
    without_secure_boot(&chain, &release);
    times.lap("Secure Boot off: booted, refused");

    let mut machine = affirmed(&mut chain, &linux, &LINUX, &release);
    times.lap("the release: booted, affirmed");
    // An update with a higher security version, whose measurements nobody ever saw: what is below it counts no more.
    let update = chain.release_image(&UPDATE);
    let updated = chain.release_predicted(&LINUX);
    times.lap("update approved, signed, predicted, published");
    let old = withdrawn(&mut machine, "security version 1 is below 2");
    times.lap("the old one is refused");
    assert_eq!(old.json["golden"]["release"], *release, "{}", old.json);
    drop(machine);
    let mut machine = affirmed(&mut chain, &update, &UPDATE, &updated);
    times.lap("the update: booted, affirmed");

    chain.revoke(&updated);
    times.lap("revoked");
    withdrawn(&mut machine, "revoked");
    times.lap("the next refusal");
    let token = machine.wait_for("GUEST token", BOOT);
    assert!(chain.accepted(token.trim_start_matches("GUEST token ")).into_affirming().is_err());
    eprintln!("{times}");
}

/// The evidence of a boot of this image, as `attest-agent collect` wrote it.
fn reference_boot(chain: &Chain, image: &Path) -> Vec<u8> {
    let config = [FirmwareConfig::text("mode", "collect"), FirmwareConfig::text("nonce", &"5a".repeat(32))];
    let mut machine = chain.boot("laboratory", "reference", image, true, &config);
    machine.wait_for("GUEST evidence", BOOT);
    let lines = machine.lines_until("GUEST end of evidence", BOOT);
    base64::Engine::decode(&base64::engine::general_purpose::STANDARD, lines.concat()).expect("base64")
}

fn does_not_boot(chain: &Chain, name: &str, image: &Path) {
    let mut machine = chain.boot("device", name, image, true, &chain.attesting());
    // The firmware says so, and goes on to what else it could boot.
    let refusal = machine.wait_for("BdsDxe: failed to load", BOOT);
    assert!(refusal.contains("Pci(0x1,0x0)") && refusal.contains("Access Denied"), "{name}: {refusal}");
    machine.wait_for_any(&["Shell>", "BdsDxe: No bootable option", "Press any key"], BOOT);
    let console = machine.console();
    assert!(!console.contains("GUEST") && !console.contains("Linux version"), "{name} booted:\n{console}");
    assert!(!console.contains("starting Boot0001"), "{name} was started:\n{console}");
}

/// The same firmware with the same keys, which asks nobody: the image starts, and the verifier tells.
fn without_secure_boot(chain: &Chain, release: &str) {
    let mut machine = chain.boot("device", "secure-boot-off", &chain.unsigned(), false, &chain.attesting());
    assert!(machine.wait_for("GUEST implant", BOOT).contains("a line that nobody reviewed"));
    enrolled(&mut machine);
    let verdict = Verdict::next(&mut machine);
    assert_eq!((verdict.exit, verdict.status()), (1, "contraindicated"), "{}", verdict.json);
    // It is told against what was released, and both differences are named.
    assert_eq!(verdict.json["golden"]["release"], release, "{}", verdict.json);
    for (code, pcr) in [("golden_mismatch", 4), ("golden_mismatch", 7), ("golden_mismatch", 11)] {
        assert!(verdict.names(code, pcr), "{code} in PCR {pcr}: {}", verdict.json);
    }
}

/// A machine that boots an image, attests, and is affirmed by the release's name.
fn affirmed(chain: &mut Chain, path: &Path, image: &Image, release: &str) -> Machine {
    let mut machine = chain.boot("device", image.name, path, true, &chain.attesting());
    enrolled(&mut machine);
    let verdict = Verdict::next(&mut machine);
    assert_eq!((verdict.exit, verdict.status()), (0, "affirming"), "{}", verdict.json);
    let golden = &verdict.json["golden"];
    assert_eq!((&golden["source"], &golden["tier"]), (&"release".into(), &"production".into()), "{golden}");
    assert_eq!(
        (&golden["release"], &golden["version"]),
        (&release.into(), &image.version.into()),
        "{golden}"
    );
    assert_eq!(verdict.json["development"], false, "{}", verdict.json);
    // An access system that knows the verifier's public key alone lets it in.
    let token = machine.wait_for("GUEST token", BOOT);
    let ear = chain.accepted(token.trim_start_matches("GUEST token ")).into_affirming().expect("affirming");
    assert_eq!((ear.ear().golden().release.as_deref(), ear.ear().family()), (Some(release), FAMILY));
    let console = machine.console();
    assert!(!console.contains("nobody reviewed") && console.contains("starting Boot0001"), "{console}");
    machine
}

/// Without a reboot, once the verifier has heard of it.
fn withdrawn(machine: &mut Machine, because: &str) -> Verdict {
    let since = Instant::now();
    let refused = loop {
        let verdict = Verdict::next(machine);
        if verdict.status() != "affirming" {
            break verdict;
        }
        assert!(since.elapsed() < BOOT, "still affirmed: {}", verdict.json);
    };
    assert_eq!((refused.exit, refused.status()), (1, "contraindicated"), "{}", refused.json);
    let reasons = refused.json["reasons"].as_array().expect("reasons");
    let is_it = |it: &serde_json::Value| it["explain"].as_str().is_some_and(|text| text.contains(because));
    assert!(reasons.iter().any(|it| it["code"] == "release_withdrawn" && is_it(it)), "{}", refused.json);
    refused
}

fn enrolled(machine: &mut Machine) {
    let line = machine.wait_for("GUEST enrolled", BOOT);
    assert!(line.starts_with("GUEST enrolled 0 "), "{line}");
}

/// What the agent in the machine was told.
struct Verdict {
    exit: i32,
    json: serde_json::Value,
}

impl Verdict {
    /// `GUEST verdict EXIT UPTIME JSON`.
    fn next(machine: &mut Machine) -> Verdict {
        let line = machine.wait_for("GUEST verdict", BOOT);
        let parts: Vec<&str> = line.splitn(5, ' ').collect();
        let [_, _, exit, _, json] = parts[..] else { panic!("{line}") };
        let json = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {line}"));
        Verdict { exit: exit.parse().expect("a number"), json }
    }

    fn status(&self) -> &str {
        self.json["status"].as_str().expect("a status")
    }

    fn names(&self, code: &str, pcr: u32) -> bool {
        let reasons = self.json["reasons"].as_array().expect("reasons");
        reasons.iter().any(|it| it["code"] == code && it["pcr"] == pcr)
    }
}

/// How long what took.
struct Times {
    since: Instant,
    laps: Vec<(String, Duration)>,
}

impl Times {
    fn new() -> Times {
        Times { since: Instant::now(), laps: Vec::new() }
    }

    fn lap(&mut self, what: &str) {
        self.laps.push((what.to_owned(), self.since.elapsed()));
        self.since = Instant::now();
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.laps.iter().try_for_each(|(what, took)| writeln!(f, "{:6.1} s  {what}", took.as_secs_f32()))
    }
}
