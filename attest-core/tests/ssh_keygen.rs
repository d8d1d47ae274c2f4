//! OpenSSH's keys and signatures between this library and `ssh-keygen`: what it makes is read, and for a table of manipulations both say what is
//! expected of each. Nothing is accepted here that ssh-keygen refuses; where it alone accepts, the row says so.
//!
//! Debian: openssh-client, and openssh-tests for FIDO keys without a token (`sk-dummy.so`). Without them this says so and passes, unless
//! `ATTEST_REQUIRE_SSH` is set.
#![allow(
    clippy::allow_attributes,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test reads files and runs programs, and a panic in it is a failed test"
)]

#[path = "common/sshsig.rs"]
mod sshsig;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use attest_core::Limits;
use attest_core::release::ssh::{Presence, PublicKey, Signature};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use self::sshsig::{Pieces, armor, longer_number, numbers, string, strings, twin, unreduced};

const LIMITS: &Limits = &Limits::DEFAULT;
const SK_DUMMY: &str = "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so";
const NAMESPACE: &str = "approve@attest";
const MESSAGE: &[u8] = b"Approve release 7 of gateway.\n";
/// Name and arguments of each kind of key.
const PLAIN: [(&str, &[&str]); 5] = [
    ("ed25519", &["-t", "ed25519"]),
    ("p256", &["-t", "ecdsa", "-b", "256"]),
    ("p384", &["-t", "ecdsa", "-b", "384"]),
    ("p521", &["-t", "ecdsa", "-b", "521"]),
    ("rsa", &["-t", "rsa", "-b", "2048"]),
];
const SK: [(&str, &[&str]); 3] = [
    ("sk-ed25519", &["-t", "ed25519-sk", "-w", SK_DUMMY]),
    ("sk-p256", &["-t", "ecdsa-sk", "-w", SK_DUMMY, "-O", "application=ssh:release"]),
    ("sk-untouched", &["-t", "ed25519-sk", "-w", SK_DUMMY, "-O", "no-touch-required"]),
];

/// Keys of every kind, each with a signature over the message.
struct Keys {
    folder: PathBuf,
    has_sk: bool,
}

fn missing(what: &str) {
    assert!(std::env::var_os("ATTEST_REQUIRE_SSH").is_none(), "{what}");
    // Past the capturing of the test harness.
    drop(writeln!(std::io::stderr(), "SKIPPED: {what}"));
}

impl Keys {
    fn new(name: &str) -> Option<Self> {
        if Command::new("ssh-keygen").arg("-?").output().is_err() {
            missing("no ssh-keygen (Debian: openssh-client)");
            return None;
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).expect("folder");
        let has_sk = Path::new(SK_DUMMY).exists();
        if !has_sk {
            missing("no FIDO keys without a token (Debian: openssh-tests)");
        }
        let keys = Self { folder, has_sk };
        keys.write("message", MESSAGE);
        for (name, args) in keys.kinds() {
            keys.ok(keys.keygen(&["-q", "-N", "", "-C", "a comment", "-f", name]).args(args));
            keys.ok(&mut keys.keygen(&["-q", "-Y", "sign", "-n", NAMESPACE, "-f", name, "message"]));
            std::fs::rename(keys.folder.join("message.sig"), keys.folder.join(format!("{name}.sig")))
                .expect("a signature");
        }
        Some(keys)
    }

    fn kinds(&self) -> Vec<(&'static str, &'static [&'static str])> {
        PLAIN.into_iter().chain(SK.into_iter().filter(|_| self.has_sk)).collect()
    }

    fn keygen(&self, args: &[&str]) -> Command {
        let mut command = Command::new("ssh-keygen");
        command.args(args).current_dir(&self.folder).env("SSH_SK_PROVIDER", SK_DUMMY).stdin(Stdio::null());
        command
    }

    fn ok(&self, command: &mut Command) -> String {
        let output = command.output().expect("ssh-keygen");
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.folder.join(name), content).expect("a file");
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).expect("a file")
    }

    fn line(&self, name: &str) -> String {
        self.text(&format!("{name}.pub"))
    }

    fn key(&self, name: &str) -> PublicKey {
        PublicKey::parse_line(&self.line(name), LIMITS).expect("a key").0
    }

    fn blob(&self, name: &str) -> Vec<u8> {
        let text = self.text(&format!("{name}.sig"));
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('-')).collect();
        STANDARD.decode(lines.concat()).expect("base64")
    }

    /// Whether ssh-keygen finds that the key of this name signed the message.
    fn verifies(&self, name: &str, armored: &str, namespace: &str, message: &[u8]) -> bool {
        self.write("allowed", format!("alice {}", self.line(name)).as_bytes());
        self.write("signature", armored.as_bytes());
        let args = ["-Y", "verify", "-f", "allowed", "-I", "alice", "-n", namespace, "-s", "signature"];
        let mut child = self
            .keygen(&args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("ssh-keygen");
        // It may have refused before it read the message.
        drop(child.stdin.take().expect("its input").write_all(message));
        child.wait().expect("ssh-keygen").success()
    }
}

fn ours(key: &PublicKey, armored: &str, namespace: &str, message: &[u8]) -> bool {
    let verified =
        Signature::parse(armored, LIMITS).map(|s| s.verify(key, namespace, message, Presence::Unproven));
    matches!(verified, Ok(Ok(_)))
}

/// Who accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Both,
    Neither,
    /// ssh-keygen alone: another encoding of the same, or what it does not ask.
    SshKeygenAlone,
    /// Not here; ssh-keygen as its version may be.
    NotHere,
}

use Expected::{Both, Neither, NotHere, SshKeygenAlone};

type Row = (&'static str, String, Expected);

/// What can be done to any signature.
fn any_key(pieces: &Pieces) -> Vec<Row> {
    let good = pieces.armored();
    let base64 = good.lines().nth(1).expect("base64");
    let mut version = pieces.clone();
    let mut of_version = |number| {
        version.version = number;
        version.armored()
    };
    let trailing = {
        let text: Vec<_> = good.lines().filter(|line| !line.starts_with('-')).collect();
        armor(&[&STANDARD.decode(text.concat()).expect("base64")[..], &[0]].concat())
    };
    let (name, inner, rest) = numbers(&pieces.strings[4]);
    vec![
        ("as it was made", good.clone(), Both),
        ("without the last line end", good.trim_end().into(), Both),
        (
            "in one line",
            good.replace('\n', "").replace("-----U", "-----\nU").replace("-----END", "\n-----END"),
            Both,
        ),
        ("with CR LF", good.replace('\n', "\r\n"), NotHere),
        ("text before it", format!("Approved:\n{good}"), Neither),
        ("text after it", format!("{good}and release 8\n"), SshKeygenAlone),
        ("two of them", format!("{good}{good}"), SshKeygenAlone),
        (
            "white space inside",
            good.replace(base64, &format!("{} {}", &base64[..9], &base64[9..])),
            SshKeygenAlone,
        ),
        ("an empty line", good.replace(base64, &format!("{base64}\n")), SshKeygenAlone),
        ("no end", good.replace("-----END", "-----"), Neither),
        ("version 0", of_version(0), SshKeygenAlone),
        ("version 2", of_version(2), Neither),
        ("another namespace told", pieces.with(1, b"review@attest".to_vec()), Neither),
        ("a namespace with a zero byte", pieces.with(1, b"approve@attest\0".to_vec()), SshKeygenAlone),
        ("reserved bytes", pieces.with(2, b"something".to_vec()), SshKeygenAlone),
        ("the other hash", pieces.with(3, b"sha256".to_vec()), Neither),
        ("a hash that is none", pieces.with(3, b"sha1".to_vec()), Neither),
        ("bytes after it", trailing, Neither),
        ("bytes after the signature", pieces.with(4, [&pieces.strings[4][..], &[0]].concat()), Neither),
        (
            "a signature that is cut",
            pieces.with(4, pieces.strings[4][..pieces.strings[4].len() - 1].to_vec()),
            Neither,
        ),
        ("no signature", pieces.with(4, Vec::new()), Neither),
        (
            "another type of signature",
            pieces.with(4, [string(b"ssh-rsa"), string(&inner), rest.clone()].concat()),
            Neither,
        ),
        (
            "a type with a zero byte",
            pieces.with(4, [string(&[&name[4..], &[0]].concat()), string(&inner), rest].concat()),
            SshKeygenAlone,
        ),
    ]
}

fn of_kind(kind: &str, pieces: &Pieces) -> Vec<Row> {
    let signature = &pieces.strings[4];
    let touched = |at: usize, byte: u8| {
        let mut told = signature.clone();
        let at = told.len() - at;
        told[at] = byte;
        pieces.with(4, told)
    };
    match kind {
        "ed25519" => vec![("s that is not reduced", pieces.with(4, unreduced(signature)), NotHere)],
        "p256" | "sk-p256" => vec![
            ("the twin", pieces.with(4, twin(signature)), Both),
            ("a longer number", pieces.with(4, longer_number(signature)), SshKeygenAlone),
        ],
        "sk-ed25519" => vec![
            ("flags that were not signed", touched(5, 5), Neither),
            ("no flags", touched(5, 0), Neither),
            ("another counter", touched(1, 0), Neither),
        ],
        _ => Vec::new(),
    }
}

#[test]
fn both_judge_manipulated_signatures_as_expected() {
    let Some(keys) = Keys::new("ssh-manipulated") else { return };
    for (kind, _) in keys.kinds().into_iter().filter(|(kind, _)| !matches!(*kind, "rsa" | "sk-untouched")) {
        let key = keys.key(kind);
        let pieces = Pieces::of(&keys.blob(kind));
        for (what, armored, expected) in [any_key(&pieces), of_kind(kind, &pieces)].concat() {
            let here = ours(&key, &armored, NAMESPACE, MESSAGE);
            let there = keys.verifies(kind, &armored, NAMESPACE, MESSAGE);
            let is_expected = match expected {
                Both => here && there,
                Neither => !here && !there,
                SshKeygenAlone => !here && there,
                NotHere => !here,
            };
            assert!(is_expected, "{kind}, {what}: here {here}, ssh-keygen {there}\n{armored}");
        }
        let good = keys.text(&format!("{kind}.sig"));
        for (namespace, message) in
            [("review@attest", MESSAGE), (NAMESPACE, b"Approve release 8 of gateway.\n")]
        {
            assert!(
                !ours(&key, &good, namespace, message) && !keys.verifies(kind, &good, namespace, message)
            );
        }
        for (other, _) in
            keys.kinds().into_iter().filter(|(other, _)| !matches!(*other, "rsa") && *other != kind)
        {
            assert!(!ours(&keys.key(other), &good, NAMESPACE, MESSAGE), "{kind} {other}");
            assert!(!keys.verifies(other, &good, NAMESPACE, MESSAGE), "{kind} {other}");
        }
    }
}

#[test]
fn what_ssh_keygen_alone_takes_for_an_approval() {
    let Some(keys) = Keys::new("ssh-alone") else { return };
    let rsa = keys.text("rsa.sig");
    assert!(keys.verifies("rsa", &rsa, NAMESPACE, MESSAGE));
    assert!(Signature::parse(&rsa, LIMITS).is_err());
    if keys.has_sk {
        // Nobody touched the token, and its signature says so.
        let untouched = keys.text("sk-untouched.sig");
        assert!(keys.verifies("sk-untouched", &untouched, NAMESPACE, MESSAGE));
        assert!(!ours(&keys.key("sk-untouched"), &untouched, NAMESPACE, MESSAGE));
    }
}

#[test]
fn a_changed_byte_is_never_accepted_here_alone() {
    let Some(keys) = Keys::new("ssh-bytes") else { return };
    for kind in
        ["ed25519", "p256", "sk-ed25519"].into_iter().filter(|kind| keys.has_sk || !kind.starts_with("sk"))
    {
        let (key, blob) = (keys.key(kind), keys.blob(kind));
        for at in 0..blob.len() {
            let mut changed = blob.clone();
            changed[at] ^= 1;
            assert!(!ours(&key, &armor(&changed), NAMESPACE, MESSAGE), "{kind}, byte {at}");
            // The version is in no signature.
            let there = keys.verifies(kind, &armor(&changed), NAMESPACE, MESSAGE);
            assert_eq!(there, at == 9, "{kind}, byte {at}");
        }
    }
}

#[test]
fn both_read_the_same_keys() {
    let Some(keys) = Keys::new("ssh-keys") else { return };
    let listed = |line: &str| {
        keys.write("some.pub", line.as_bytes());
        let output = keys.keygen(&["-l", "-f", "some.pub"]).output().expect("ssh-keygen");
        let text = String::from_utf8(output.stdout).expect("text");
        output.status.success().then(|| text.split(' ').nth(1).expect("a fingerprint").to_owned())
    };
    for (kind, _) in keys.kinds().into_iter().filter(|(kind, _)| *kind != "rsa") {
        let (line, key) = (keys.line(kind), keys.key(kind));
        assert_eq!(listed(&line), Some(key.fingerprint()));
        assert_eq!(listed(&format!("{}\n", key.to_line())), Some(key.fingerprint()));
        let pieces = strings(key.blob());
        let name = pieces[0].clone();
        let told = |pieces: &[Vec<u8>]| {
            let blob: Vec<u8> = pieces.iter().flat_map(|one| string(one)).collect();
            format!("{} {}\n", String::from_utf8_lossy(&name), STANDARD.encode(blob))
        };
        let with = |at: usize, value: Vec<u8>| {
            let mut pieces = pieces.clone();
            pieces[at] = value;
            told(&pieces)
        };
        let mut rows = vec![
            ("as it is", told(&pieces), Both),
            ("one string more", told(&[&pieces[..], &[b"x".to_vec()]].concat()), Neither),
            ("one string less", told(&pieces[..pieces.len() - 1]), Neither),
            ("another type inside", with(0, b"ssh-rsa".to_vec()), Neither),
        ];
        if kind.contains("ed25519") || kind == "sk-untouched" {
            let mut unreduced = vec![0xff; 32];
            (unreduced[0], unreduced[31]) = (0xf0, 0x7f);
            rows.push(("a point of small order", with(1, vec![0; 32]), SshKeygenAlone));
            rows.push(("a point that is not reduced", with(1, unreduced), SshKeygenAlone));
            rows.push(("a short point", with(1, vec![9; 31]), Neither));
        } else {
            let point = &pieces[2];
            let half = 1 + point.len() / 2;
            let compressed = [&[2 + (point[point.len() - 1] & 1)], &point[1..half]].concat();
            let mut off = point.clone();
            *off.last_mut().expect("a point") ^= 1;
            rows.push(("a compressed point", with(2, compressed), Neither));
            rows.push(("a point off the curve", with(2, off), Neither));
            rows.push(("another curve", with(1, b"nistp192".to_vec()), Neither));
        }
        if kind.starts_with("sk") {
            let last = pieces.len() - 1;
            rows.push(("for a web site", with(last, b"https://example.org".to_vec()), SshKeygenAlone));
        }
        for (what, line, expected) in rows {
            let here = PublicKey::parse_line(&line, LIMITS).is_ok();
            let there = listed(&line).is_some();
            let is_expected = match expected {
                Both => here && there,
                Neither => !here && !there,
                _ => !here && there,
            };
            assert!(is_expected, "{kind}, {what}: here {here}, ssh-keygen {there}: {line}");
        }
    }
}
