//! A site: an EK CA with its devices, and golden values learned from their known-good boots.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tpm_sim::learn::learn;
use tpm_sim::scenario::BANKS;
use tpm_sim::swtpm::Maker;

use crate::{Server, binary, run};

/// The device family of every simulated device.
pub const FAMILY: &str = "sim-debian";

/// A temporary folder with everything that a server needs to know about the devices.
#[derive(Debug)]
pub struct Site {
    folder: TempDir,
}

impl Site {
    /// Makes the CA, boots the known-good boots, learns golden values from them (proven by their quotes), writes a configuration.
    ///
    /// # Panics
    /// If any of it fails.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "a site costs seconds and processes; nobody wants one by default"
    )]
    pub fn new() -> Site {
        let folder = tempfile::Builder::new().prefix("attest-site-").tempdir().expect("a folder");
        let site = Site { folder };
        learn(&site.maker(), &site.path("learned")).expect("the known-good boots boot");
        site.learn_golden();
        let config = format!(
            "data_directory = {data:?}\n[challenge]\nexpires_seconds = 3600\n[enrollment]\nexpires_seconds = 3600\nek_roots = [{roots:?}]\n\
             [families.{FAMILY}]\ngolden = {golden:?}\n",
            data = site.path("data"),
            roots = site.path("learned/ek-root.pem"),
            golden = site.path("golden.toml"),
        );
        fs::write(site.path("attest.toml"), config).expect("the configuration is written");
        site
    }

    /// A file or folder of the site.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The maker of this site's devices.
    ///
    /// # Panics
    /// If its folder cannot be written.
    #[must_use]
    pub fn maker(&self) -> Maker {
        Maker::open(&self.path("maker"), &BANKS).expect("the maker's folder")
    }

    /// Starts the development server on free ports. It may be started again on the same data.
    ///
    /// # Panics
    /// If it does not come up.
    #[must_use]
    pub fn serve(&self) -> Server {
        Server::start(&["--development"], &self.path("attest.toml"))
    }

    /// The golden values judge tokens as well, which are good if they are as this one. It was signed over this nonce.
    ///
    /// # Panics
    /// If nothing can be learned from it.
    pub fn judge_tokens(&self, token: &[u8], public_key_pem: &str, nonce: &[u8]) {
        fs::write(self.path("good-token"), token).expect("the token is written");
        fs::write(self.path("token-key.pem"), public_key_pem).expect("the key is written");
        let nonce: String = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut command = self.learning();
        command.arg("--token").arg(self.path("good-token"));
        command.arg("--token-key").arg(self.path("token-key.pem")).args(["--token-nonce", &nonce]);
        let (code, _, error) = run(&mut command);
        assert_eq!(code, 0, "golden learn: {error}");
    }

    fn learn_golden(&self) {
        let (code, _, error) = run(&mut self.learning());
        assert_eq!(code, 0, "golden learn: {error}");
    }

    /// The command that learns from the known-good boots.
    fn learning(&self) -> Command {
        let boots = ["good", "updated"];
        let file = |boot: &str, name: &str| self.path("learned").join(boot).join(name);
        let mut command = Command::new(binary("attest-server", "attest"));
        command.args(["golden", "learn", "--family", FAMILY, "--out"]).arg(self.path("golden.toml"));
        for (flag, name) in [
            ("--eventlog", "eventlog.bin"),
            ("--ima", "ima.bin"),
            ("--attest", "quote.attest"),
            ("--signature", "quote.sig"),
            ("--ak", "ak.pub"),
            ("--pcrs", "pcrs.json"),
        ] {
            command.arg(flag).args(boots.map(|boot| file(boot, name)));
        }
        command.arg("--nonce").args(boots.map(|boot| read(&file(boot, "nonce.hex"))));
        command.arg("--name").args(boots);
        command
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a learned file")
}
