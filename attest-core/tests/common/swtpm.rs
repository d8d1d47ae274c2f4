//! A software TPM, driven by tpm2-tools as a person would.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A software TPM in a folder of its own, gone with this value.
pub(crate) struct Swtpm {
    child: Child,
    pub(crate) folder: PathBuf,
    port: u16,
}

impl Swtpm {
    /// Starts one, if the programs are there; says so if they are not. The name keeps its folder apart from others'.
    pub(crate) fn start(name: &str) -> Option<Self> {
        if !["swtpm", "tpm2_createek", "tpm2_activatecredential"].into_iter().all(installed) {
            eprintln!("SKIPPED: swtpm and tpm2-tools are not installed");
            return None;
        }
        let folder = std::env::temp_dir().join(format!("attest-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("state")).expect("folder");
        let since = Instant::now();
        while since.elapsed() < Duration::from_secs(60) {
            let port = free_port_pair();
            let mut child = start(&folder, port);
            // One that ends found that somebody else had taken a port meanwhile.
            while child.try_wait().expect("its state").is_none() {
                // The control port: a connection to the other one would be taken for the one client.
                if TcpStream::connect(("127.0.0.1", port + 1)).is_ok() {
                    return Some(Self { child, folder, port });
                }
                std::thread::sleep(Duration::from_millis(20));
                if since.elapsed() > Duration::from_secs(60) {
                    let _ = child.kill();
                }
            }
        }
        panic!("swtpm does not listen");
    }

    /// Runs one of tpm2-tools in the folder; its standard error if it fails.
    pub(crate) fn run(&self, program: &str, args: &[&str]) -> Result<(), String> {
        let output = Command::new(program)
            .args(args)
            .current_dir(&self.folder)
            .env("TPM2TOOLS_TCTI", format!("swtpm:host=127.0.0.1,port={}", self.port))
            .output()
            .map_err(|error| format!("{program}: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr)))
    }

    pub(crate) fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(file)).expect(file)
    }
}

impl Drop for Swtpm {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn start(folder: &Path, port: u16) -> Child {
    Command::new("swtpm")
        .args(["socket", "--tpm2", "--tpmstate", &format!("dir={}", folder.join("state").display())])
        .args([
            "--ctrl",
            &format!("type=tcp,port={}", port + 1),
            "--server",
            &format!("type=tcp,port={port}"),
        ])
        .args(["--flags", "not-need-init,startup-clear"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("swtpm")
}

/// tpm2-tss expects the control port right behind the server's. Both are below those that the system gives to whoever asks for any.
fn free_port_pair() -> u16 {
    let first = u16::try_from(std::process::id() % 1_000).expect("small");
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    (0..1_000)
        .map(|step| 10_000 + 2 * ((first + step) % 1_000))
        .find(|port| is_free(*port) && is_free(port + 1))
        .expect("two free ports side by side")
}

fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder: PathBuf| Path::new(&folder).join(program).is_file())
}
