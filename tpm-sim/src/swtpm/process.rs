//! One swtpm child process.
//!
//! A child must not outlive us, whatever kills us. Its parent is therefore a one-line shell that holds the reading end of a pipe from us:
//! when we drop the pipe, or die in any way, the shell reads end-of-file and kills swtpm by its process id. (PR_SET_PDEATHSIG would need
//! unsafe code, and fires when the *thread* that started the child ends.)

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::maker::STATE_FILE;
use super::ports::free_pair;
use super::{Error, at};
use crate::descriptors::CLOSE;
use crate::device::{self, Device};

/// `$1` is the private folder; the rest is swtpm's command line. `read` returns when we say `stop` or when our end of the pipe is gone;
/// then nobody else is left to remove the folder. Other TPMs' sockets are closed first: see [`crate::descriptors`].
const KEEPER: &str = r#"folder=$1; shift
swtpm "$@" </dev/null >>"$folder/swtpm.log" 2>&1 &
pid=$!
read -r word
kill -KILL "$pid" 2>/dev/null
wait "$pid" 2>/dev/null
[ "$word" = stop ] || rm -rf "$folder"
exit 0"#;

/// swtpm answers 31 ms after its start in the median; a loaded machine needs longer.
const START_LIMIT: Duration = Duration::from_secs(20);
const START_ATTEMPTS: usize = 5;

/// A software TPM: a private folder with its state, and the process while it is powered.
#[derive(Debug)]
pub struct Swtpm {
    folder: TempDir,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    keeper: Child,
    pid: u32,
    port: u16,
}

impl Swtpm {
    /// Copies the state into a private folder and powers the TPM on.
    pub(super) fn start(state: &Path) -> Result<Swtpm, Error> {
        let folder = at(std::env::temp_dir(), tempfile::Builder::new().prefix("tpm-sim-").tempdir())?;
        at(state, fs::copy(state, folder.path().join(STATE_FILE)))?;
        let mut tpm = Swtpm { folder, running: None };
        tpm.power_on()?;
        Ok(tpm)
    }

    /// The TCTI by which [`Device::open`] reaches this TPM. It changes with every power-on.
    #[must_use]
    pub fn tcti(&self) -> String {
        format!("swtpm:host=127.0.0.1,port={}", self.running.as_ref().map_or(0, |running| running.port))
    }

    /// swtpm's process id while it is powered.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.pid)
    }

    /// The private folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Opens the TPM. It serves one client at a time.
    ///
    /// # Errors
    /// It does not answer.
    pub fn open(&self) -> Result<Device, device::Error> {
        Device::open(&self.tcti())
    }

    /// Takes the power away without a shutdown, as a crash does: the clock is no longer `safe`.
    pub fn power_cut(&mut self) {
        if let Some(mut running) = self.running.take() {
            stop(&mut running.keeper);
            // The keeper kills swtpm and ends; should it have been killed itself, there is nothing left to wait for.
            let _ = running.keeper.wait();
        }
    }

    /// An orderly reboot: TPM2_Shutdown, then as [`Swtpm::power_cycle`]. The clock stays `safe`.
    ///
    /// # Errors
    /// swtpm does not start. A TPM that refuses the shutdown is rebooted all the same.
    pub fn reboot(&mut self) -> Result<(), Error> {
        if let Ok(mut device) = self.open() {
            let _ = device.shutdown();
        }
        self.power_cycle()
    }

    /// Power cut and power on: PCRs are back in their reset state, transient objects are gone, resetCount is one higher.
    ///
    /// # Errors
    /// swtpm does not start.
    pub fn power_cycle(&mut self) -> Result<(), Error> {
        self.power_cut();
        self.power_on()
    }

    fn power_on(&mut self) -> Result<(), Error> {
        let mut log = String::new();
        for _ in 0..START_ATTEMPTS {
            let port = free_pair()?;
            match self.spawn(port)? {
                Ok(running) => {
                    self.running = Some(running);
                    return Ok(());
                }
                // Most likely somebody else took a port in between.
                Err(text) => log = text,
            }
        }
        Err(Error::Start { log })
    }

    /// The outer error is final, the inner one (swtpm's log) is worth another attempt.
    fn spawn(&self, port: u16) -> Result<Result<Running, String>, Error> {
        let folder = self.folder.path();
        let (log, pid_file) = (folder.join("swtpm.log"), folder.join("swtpm.pid"));
        let _ = fs::remove_file(&pid_file);
        let _ = fs::remove_file(&log);
        let mut keeper = Command::new("bash")
            .args(["-c", &format!("{CLOSE}{KEEPER}"), "tpm-sim-keeper"])
            .arg(folder)
            .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
            .args(["--tpmstate", &format!("dir={}", folder.display())])
            .args(["--server", &format!("type=tcp,port={port},bindaddr=127.0.0.1")])
            .args(["--ctrl", &format!("type=tcp,port={},bindaddr=127.0.0.1", port + 1)])
            .args(["--pid", &format!("file={}", pid_file.display())])
            // Its own process group: Ctrl-C reaches us, not the keeper before us.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| Error::Program { program: "bash", source })?;
        match wait_until_listening(&pid_file, port) {
            Some(pid) => Ok(Ok(Running { keeper, pid, port })),
            None => {
                stop(&mut keeper);
                let _ = keeper.wait();
                Ok(Err(read_log(&log)))
            }
        }
    }
}

impl Drop for Swtpm {
    fn drop(&mut self) {
        self.power_cut();
    }
}

/// Asks the keeper to kill swtpm and to leave the folder alone.
fn stop(keeper: &mut Child) {
    if let Some(mut pipe) = keeper.stdin.take() {
        let _ = pipe.write_all(b"stop\n");
    }
}

/// swtpm writes its process id after it has bound its sockets, so the file proves that it is *our* swtpm that listens there.
fn wait_until_listening(pid_file: &PathBuf, port: u16) -> Option<u32> {
    let deadline = Instant::now() + START_LIMIT;
    while Instant::now() < deadline {
        sleep(Duration::from_millis(5));
        let Ok(text) = fs::read_to_string(pid_file) else { continue };
        let Ok(pid) = text.trim().parse::<u32>() else { continue };
        if !Path::new(&format!("/proc/{pid}")).exists() {
            return None;
        }
        // The control channel answers any number of connections; the data channel is left to the one client.
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port + 1)).is_ok() {
            return Some(pid);
        }
    }
    None
}

fn read_log(path: &Path) -> String {
    let mut text = String::new();
    if let Ok(file) = fs::File::open(path) {
        let _ = file.take(16 * 1024).read_to_string(&mut text);
    }
    text
}
