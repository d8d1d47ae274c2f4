//! The program itself, with keys in SoftHSM2: made, used, and the signer killed with SIGKILL at random points. `ATTEST_KILLS` says how often
//! (15).

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use attest_core::release::ObjectId;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::organisation::id_of;
use crate::stage::*;

const PIN: &str = "4711";

/// A token of its own in a folder.
struct Soft {
    folder: tempfile::TempDir,
    module: PathBuf,
}

/// One signer, killed when it is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Soft {
    fn new() -> Option<Self> {
        let places = [
            "/usr/lib/softhsm/libsofthsm2.so",
            "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
            "/usr/lib64/pkcs11/libsofthsm2.so",
        ];
        let Some(module) = places.into_iter().map(PathBuf::from).find(|place| place.exists()) else {
            let missing = "no SoftHSM2 (Debian: softhsm2)";
            assert!(std::env::var_os("ATTEST_REQUIRE_SOFTHSM").is_none(), "{missing}");
            // Past the capturing of the test harness.
            drop(writeln!(std::io::stderr(), "SKIPPED: {missing}"));
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let soft = Self { folder, module };
        fs::create_dir(soft.path("tokens")).unwrap();
        let tokens =
            format!("directories.tokendir = {}\nobjectstore.backend = file\n", soft.path("tokens").display());
        fs::write(soft.path("softhsm2.conf"), tokens).unwrap();
        fs::write(soft.path("pin"), format!("{PIN}\n")).unwrap();
        fs::set_permissions(soft.path("pin"), fs::Permissions::from_mode(0o600)).unwrap();
        let init = ["--init-token", "--free", "--label", "release", "--pin", PIN, "--so-pin", "0815"];
        let made = soft.command("softhsm2-util").args(init).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        Some(soft)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SOFTHSM2_CONF", self.path("softhsm2.conf"));
        command
    }

    /// The signer's configuration, for the service of this stage if there is one yet.
    fn config(&self, stage: Option<&Stage>) -> PathBuf {
        let mut text = match stage {
            None => format!("policy = '{}'\n", ObjectId::of(b"")),
            Some(stage) => format!("policy = '{}'\n", stage.site.pin),
        };
        text += &format!("folder = {:?}\npause_seconds = 1\n[authority]\n", self.path("signer"));
        match stage {
            None => text += "url = 'https://localhost:1'\n",
            Some(stage) => {
                let (certificate, key) = certificate(&stage.site);
                text += &format!("url = '{}'\nca = {:?}\n", stage.url(), stage.site.path("servers.pem"));
                text += &format!("certificate = {certificate:?}\nkey = {key:?}\n");
            }
        }
        text += &format!("[hsm]\nmodule = {:?}\npin_file = {:?}\n", self.module, self.path("pin"));
        let path = self.path("signer.toml");
        fs::write(&path, text).unwrap();
        path
    }

    fn attest(&self, config: &Path, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_attest"));
        command.args(["--json", "signer"]).args(arguments).arg("--config").arg(config);
        command
    }

    /// Makes the key that the policy names: its SubjectPublicKeyInfo.
    fn make(&self) -> Vec<u8> {
        let config = self.config(None);
        let made = self.attest(&config, &["make-key", "--uri", URI, "--kind", "p256"]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let told: Value = serde_json::from_slice(&made.stdout).unwrap();
        assert_eq!(told["pkcs11"], URI);
        STANDARD.decode(told["public_key"].as_str().unwrap()).unwrap()
    }

    /// Takes everything as far as it goes, and ends.
    async fn once(&self, stage: &Stage) -> String {
        let mut command = self.attest(&self.config(Some(stage)), &["run", "--once"]);
        let ran = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(ran.status.success(), "{ran:?}");
        String::from_utf8(ran.stdout).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_signed_by_a_key_that_never_leaves_its_token() {
    let Some(soft) = Soft::new() else { return };
    let spki = soft.make();
    let stage = Stage::new(&spki, |_| ()).await;
    let key = release_key(&spki);
    let (request, objects) = stage.request("hsm", &key);
    let bytes = objects[2].clone();
    stage.ask(&request, objects, &["alice", "carol"]).await;
    let told = soft.once(&stage).await;
    let id = id_of(&request).to_string();
    assert!(told.lines().any(|line| line.contains(&id) && line.contains("\"signed\":true")), "{told}");
    stage.signature(&request, &key, &bytes).await;
    assert_eq!(stage.logged(&request).await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signer_that_is_killed_at_any_point_signs_all_and_nothing_twice() {
    let Some(soft) = Soft::new() else { return };
    let kills: u64 = std::env::var("ATTEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(15);
    let spki = soft.make();
    let stage = Stage::new(&spki, |_| ()).await;
    let key = release_key(&spki);
    let config = soft.config(Some(&stage));
    let mut asked = Vec::new();
    for round in 0..kills {
        let (request, objects) = stage.request(&format!("k{round}"), &key);
        let bytes = objects[2].clone();
        stage.ask(&request, objects, &["alice", "bob"]).await;
        asked.push((request, bytes));
        let mut run = soft.attest(&config, &["run"]);
        let signer = Killed(run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let random = u64::from_le_bytes(attest_server::dice::bytes().unwrap()) % 2_500;
        tokio::time::sleep(Duration::from_millis(random)).await;
        drop(signer);
    }
    soft.once(&stage).await;
    let mut attempts = Vec::new();
    for (request, bytes) in &asked {
        stage.signature(request, &key, bytes).await;
        attempts.push(stage.logged(request).await.0);
    }
    println!("{kills} kills, attempts {attempts:?}");
    assert!(attempts.iter().all(|attempts| *attempts >= 1));
}
