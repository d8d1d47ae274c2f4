//! SoftHSM2 with a token of its own, and the signer that uses it.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use attest_core::release::ObjectId;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::site::Site;
use crate::stage::{Stage, URI, certificate, files};

const PIN: &str = "4711";

/// SoftHSM2 empties `token.object` at every login to write its flags anew: whoever is killed right there leaves no token behind. No HSM does
/// that to its owner, so it is not what is looked for here.
pub(crate) struct TokenFiles(Vec<(Vec<u8>, PathBuf)>);

impl TokenFiles {
    /// Once nobody uses the tokens: files that were cut off are put back. How many.
    pub(crate) fn put_back(&self) -> usize {
        let is_cut = |(bytes, path): &&(Vec<u8>, PathBuf)| fs::read(path).unwrap().len() < bytes.len();
        let cut: Vec<_> = self.0.iter().filter(is_cut).collect();
        for (bytes, path) in &cut {
            fs::write(path, bytes).unwrap();
        }
        cut.len()
    }
}

/// A token of its own in a folder.
pub(crate) struct Soft {
    folder: tempfile::TempDir,
    pub(crate) module: PathBuf,
}

impl Soft {
    pub(crate) fn new() -> Option<Self> {
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

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SOFTHSM2_CONF", self.path("softhsm2.conf"));
        command
    }

    /// The signer's configuration, for the service of this site if there is one yet.
    pub(crate) fn config(&self, service: Option<(&Site, &str)>) -> PathBuf {
        let pin = service.map_or_else(|| ObjectId::of(b""), |(site, _)| site.pin);
        let mut text = format!("policy = '{pin}'\nfolder = {:?}\n", self.path("signer"));
        text += "pause_seconds = 1\n[authority]\n";
        match service {
            None => text += "url = 'https://localhost:1'\n",
            Some((site, url)) => {
                let (certificate, key) = certificate(site);
                text += &format!("url = '{url}'\nca = {:?}\n", site.path("servers.pem"));
                text += &format!("certificate = {certificate:?}\nkey = {key:?}\n");
            }
        }
        text += &format!("[hsm]\nmodule = {:?}\npin_file = {:?}\n", self.module, self.path("pin"));
        let path = self.path("signer.toml");
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn attest(&self, config: &Path, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_attest"));
        command.args(["--json", "signer"]).args(arguments).arg("--config").arg(config);
        command
    }

    /// Makes the key that the policy names: its SubjectPublicKeyInfo.
    pub(crate) fn make(&self) -> Vec<u8> {
        let config = self.config(None);
        let made = self.attest(&config, &["make-key", "--uri", URI, "--kind", "p256"]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let told: Value = serde_json::from_slice(&made.stdout).unwrap();
        assert_eq!(told["pkcs11"], URI);
        STANDARD.decode(told["public_key"].as_str().unwrap()).unwrap()
    }

    /// Every file of the tokens, as it is now.
    pub(crate) fn copy(&self) -> TokenFiles {
        let read = |path: PathBuf| (fs::read(&path).unwrap(), path);
        TokenFiles(files(&self.path("tokens")).into_iter().map(read).collect())
    }

    /// The same where the token is not plugged in.
    pub(crate) async fn without_token(&self, stage: &Stage) -> std::process::Output {
        let mut command = self.attest(&self.config(Some((&stage.site, &stage.url()))), &["run", "--once"]);
        command.env("SOFTHSM2_CONF", "/nonexistent");
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// Takes everything as far as it goes, and ends.
    pub(crate) async fn once(&self, stage: &Stage) -> String {
        self.once_with(stage, &[]).await
    }

    /// The same with this in its environment.
    pub(crate) async fn once_with(&self, stage: &Stage, environment: &[(&str, &str)]) -> String {
        let mut command = self.attest(&self.config(Some((&stage.site, &stage.url()))), &["run", "--once"]);
        command.envs(environment.iter().copied());
        let ran = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(ran.status.success(), "{ran:?}");
        String::from_utf8(ran.stdout).unwrap()
    }
}
