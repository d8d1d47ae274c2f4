//! The organisation of docs/first-hour.md with two people more, who recover what is lost; and somebody who types commands.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use attest_core::Timestamp;
use attest_tests::{Shell, binary, changed_hour, ports, run};
use serde_json::Value;
use tempfile::TempDir;
use tpm_sim::descriptors::without_ours;

/// One after the other: each looks for free ports.
static ONE: Mutex<()> = Mutex::new(());

/// What comes by itself comes in this time, on any machine that tests run on.
const SOON: Duration = Duration::from_secs(90);

/// Those who have a home in the folder, with a certificate and a key.
pub(crate) const PEOPLE: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "ci"];

pub(crate) struct Desk {
    /// What it started ends with it.
    shell: Shell,
    path: String,
    folder: TempDir,
    agent: Option<Child>,
    _one: MutexGuard<'static, ()>,
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    /// Six sections of the first hour, and what the seventh makes before it asks.
    pub(crate) fn begin() -> Self {
        let one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let folder = tempfile::Builder::new().prefix("attest-desk-").tempdir().expect("a folder");
        let (attest, sim) = (binary("attest-server", "attest"), binary("tpm-sim", "tpm-sim"));
        let port = ports();
        let mut shell = Shell::start(folder.path(), &[&attest, &sim]);
        let changed = |section: u32, changes: &[(&str, &str)]| changed_hour(section, port, changes);
        let people = PEOPLE.join(" ");
        shell.run(&changed(1, &[("in alice bob carol ci;", &format!("in {people};"))]));
        shell.run(&changed(2, &[("in alice bob ci", &format!("in {people}"))]));
        shell.run(&changed(3, &[]));
        shell.run(&changed(4, &[]));
        let section = changed(5, &[("in alice bob ci", &format!("in {people}"))]);
        let (init, rest) = section.split_once("PIN=$(").expect("it pins the policy");
        shell.run(init);
        extend(folder.path());
        shell.run("attest release policy build policy/policy.toml --out policy/policy.cbor\n");
        shell.run("sed -i \"s/^authority = .*/authority = \\\"sha256:$(sha256sum policy/policy.cbor | cut -d' ' -f1)\\\"/\" policy/release.toml\n");
        shell.run(&format!("PIN=$({rest}"));
        shell.run(&changed(
            6,
            &[("signer_name = \"signer\"", "signer_name = \"signer\"\nrefresh_seconds = 2")],
        ));
        let section = changed(7, &[]);
        let (made, _) = section.split_once("ID=$(").expect("it asks");
        shell.run(made);
        let path = [&attest, &sim].map(|program| program.parent().expect("a folder").display().to_string());
        let path = format!("{}:{}", path.join(":"), std::env::var("PATH").unwrap_or_default());
        Self { shell, path, folder, agent: None, _one: one }
    }

    /// No server, witness or anything else that was started runs any more.
    pub(crate) fn stop(&mut self) {
        self.shell.run("kill $(jobs -p) 2> /dev/null || true\nwait 2> /dev/null || true\n");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).expect("written");
    }

    /// Types a command.
    pub(crate) fn said(&self, command: &str) -> Said {
        let mut bash = Command::new("bash");
        bash.args(["-c", command]).current_dir(self.folder.path()).env("PATH", &self.path);
        bash.env("SOFTHSM2_CONF", self.path("softhsm2.conf")).env_remove("SSH_AUTH_SOCK");
        let (code, out, err) = run(&mut bash);
        Said { code, out, err }
    }

    /// One that does what it says: what it writes.
    #[track_caller]
    pub(crate) fn good(&self, command: &str) -> String {
        let said = self.said(command);
        assert_eq!(said.code, 0, "{command}\n{}{}", said.out, said.err);
        said.out
    }

    /// The same for a program.
    #[track_caller]
    pub(crate) fn json(&self, command: &str) -> Value {
        let out = self.good(&for_programs(command));
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{command}: {error}: {out}"))
    }

    /// One that is refused, with this exit code; the words, and the stable code that they end with in brackets, are told to people, the code to
    /// programs.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, words: &str, command: &str) {
        let said = self.said(command);
        assert_eq!(said.code, code, "{command}\n{}{}", said.out, said.err);
        let (words, stable) =
            words.strip_suffix(']').and_then(|words| words.rsplit_once('[')).expect("a code in brackets");
        let is_told = said.err.contains(words.trim_end()) && said.err.contains(&format!("[{stable}"));
        assert!(is_told, "{command}\n{}\nexpected: {words}[{stable}]", said.err);
        let said = self.said(&for_programs(command));
        assert_eq!(said.code, code, "{command}, for programs\n{}{}", said.out, said.err);
        let told: Value = serde_json::from_str(&said.out)
            .unwrap_or_else(|error| panic!("{command}: {error}: {}", said.out));
        assert_eq!(told["error"]["code"], stable, "{command}: {told}");
    }

    /// One that was not typed right: the program says how.
    #[track_caller]
    pub(crate) fn unusable(&self, words: &str, command: &str) {
        let said = self.said(command);
        assert_eq!(said.code, 2, "{command}\n{}{}", said.out, said.err);
        assert!(said.err.contains(words), "{command}\n{}\nexpected: {words}", said.err);
    }

    /// In a terminal, with this for an answer.
    pub(crate) fn typed(&self, answer: &str, command: &str) -> Said {
        self.said(&format!("echo {answer} | NO_COLOR=1 script -qec '{command}' /dev/null"))
    }

    /// The request of this version by CI; its id.
    #[track_caller]
    pub(crate) fn request(&self, version: &str, channel: &str, more: &str) -> String {
        let told = self.json(&format!("{} {more}", asked(version, channel)));
        let id = told["request"].as_str().expect("an id").to_owned();
        self.until(&id, "submitted");
        id
    }

    /// Waits until a request is so, as witnesses saw.
    #[track_caller]
    pub(crate) fn until(&self, id: &str, state: &str) -> Value {
        let since = Instant::now();
        loop {
            let said = self.said(&format!("attest release status --home alice {id} --json"));
            let told: Value = serde_json::from_str(&said.out).unwrap_or_default();
            let standing = told["requests"][0]["standing"].clone();
            if standing["state"] == state {
                return standing;
            }
            assert!(since.elapsed() < SOON, "{id} is not {state}: {told}{}", said.err);
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until the log that witnesses saw has so many leaves.
    #[track_caller]
    pub(crate) fn seen(&self, index: &Value) {
        let (since, index) = (Instant::now(), index.as_u64().expect("an index"));
        while self.json("attest release status --home alice")["size"].as_u64() <= Some(index) {
            assert!(since.elapsed() < SOON, "leaf {index} is not seen");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Two people approve it, and the signer signs.
    #[track_caller]
    pub(crate) fn sign(&self, id: &str) {
        for who in ["alice", "bob"] {
            self.good(&format!("attest release approve --home {who} {id} --recomputed --yes"));
        }
        self.until(id, "quorate");
        self.good("attest signer run --config signer.toml --once");
        self.until(id, "signed");
    }

    /// And it is published.
    #[track_caller]
    pub(crate) fn release(&self, version: &str) -> String {
        let id = self.request(version, "stable", "");
        self.sign(&id);
        self.good(&format!("attest release publish --home alice {id}"));
        self.until(&id, "published");
        id
    }

    /// An ssh-agent that holds this key; what it listens on.
    pub(crate) fn agent(&mut self, key: &str) -> String {
        let socket = self.path("agent").display().to_string();
        let mut agent = without_ours("setpriv");
        agent.args(["--pdeathsig", "KILL", "--", "ssh-agent", "-D", "-a", &socket]).stdout(Stdio::null());
        self.agent = Some(agent.spawn().expect("ssh-agent starts"));
        let since = Instant::now();
        while self.said(&format!("SSH_AUTH_SOCK={socket} ssh-add -q {key}")).code != 0 {
            assert!(since.elapsed() < SOON, "ssh-agent does not take the key");
            std::thread::sleep(Duration::from_millis(50));
        }
        socket
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(agent) = &mut self.agent {
            let _ = agent.kill();
            let _ = agent.wait();
        }
    }
}

fn for_programs(command: &str) -> String {
    command.replace("attest release ", "attest --json release ")
}

/// How CI asks.
pub(crate) fn asked(version: &str, channel: &str) -> String {
    format!(
        "attest release request --home ci --family sim-debian --channel {channel} --release {version} --security-version 1 \
         --artifact image.bin=image.bin --golden golden.toml --provenance provenance.json --reason 'Release {version}'"
    )
}

/// Dave and Erin, who recover what is lost and vouch for what makes up for a weakness. They are written down as a person would.
fn extend(folder: &Path) {
    let file = folder.join("policy/policy.toml");
    let text = fs::read_to_string(&file).expect("policy.toml");
    let line = |name: &str| text.lines().find(|line| line.starts_with(name)).expect("a line").to_owned();
    let (began, until) = (line("from = "), line("until = "));
    // Since yesterday, so that there is something that is over today.
    let at = Timestamp::from_utc(began.trim_start_matches("from = ").trim_matches('"')).expect("a time");
    let from = format!("from = \"{}\"", Timestamp::from_unix(at.unix() - 86_400).utc());
    let text = text.replace(&began, &from);
    let quorum = |called: &str| format!("\"\"\"\ngroup {called} 2 dave erin\nquorum {called}\"\"\"\n");
    let mut next =
        text.replacen("\n[identities", &format!("recovery = {}\n[identities", quorum("recovery")), 1);
    for who in ["dave", "erin"] {
        let key = fs::read_to_string(folder.join(format!("{who}.ssh.pub"))).expect("a key");
        let key: Vec<&str> = key.split_whitespace().take(2).collect();
        next += &format!(
            "\n[identities.{who}]\nkind = \"person\"\nname = \"{who}\"\norganisation = \"acme\"\naccounts = [\"{who}\"]\n\n\
             [[identities.{who}.keys]]\nkey = \"{}\"\nprotection = \"software\"\n{from}\n{until}\n",
            key.join(" ")
        );
    }
    next +=
        &format!("\n[families.sim-debian.controls]\nquorum = {}most_seconds = 2592000\n", quorum("controls"));
    fs::write(file, next).expect("policy.toml is written");
}
