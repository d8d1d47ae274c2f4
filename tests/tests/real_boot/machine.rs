//! A machine under QEMU: OVMF, a disk, swtpm, a serial console, a network that reaches the host.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// With SMM, so that the running system cannot write the firmware's variables.
const FIRMWARE: &str = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd";

/// What a machine is told from outside, unmeasured: `opt/attest/NAME`.
pub(crate) struct FirmwareConfig(String);

impl FirmwareConfig {
    pub(crate) fn text(name: &str, text: &str) -> FirmwareConfig {
        FirmwareConfig(format!("name=opt/attest/{name},string={text}"))
    }

    pub(crate) fn file(name: &str, path: &Path) -> FirmwareConfig {
        FirmwareConfig(format!("name=opt/attest/{name},file={}", path.display()))
    }
}

/// What a machine is made of.
pub(crate) struct Parts<'a> {
    /// A folder for this power-on alone.
    pub(crate) folder: PathBuf,
    pub(crate) disk: &'a Path,
    /// The firmware's variable store; it is copied.
    pub(crate) variables: &'a Path,
    /// The folder with the TPM's state, which it keeps.
    pub(crate) tpm: &'a Path,
    pub(crate) config: &'a [FirmwareConfig],
}

/// A running machine. Dropping it pulls the plug.
pub(crate) struct Machine {
    qemu: Child,
    tpm: Child,
    console: PathBuf,
    /// How many bytes of the console were looked at.
    read: usize,
}

impl Machine {
    pub(crate) fn start(parts: &Parts<'_>) -> Machine {
        fs::create_dir_all(&parts.folder).expect("a folder");
        let path = |name: &str| parts.folder.join(name);
        fs::copy(parts.variables, path("variables.fd")).expect("a variable store");
        let socket = path("tpm.sock");
        let tpm = started(
            child("swtpm", "swtpm")
                .args(["socket", "--tpm2", "--tpmstate"])
                .arg(format!("dir={}", parts.tpm.display()))
                .arg("--ctrl")
                .arg(format!("type=unixio,path={}", socket.display())),
            &path("tpm.log"),
        );
        let since = Instant::now();
        while !socket.exists() {
            assert!(since.elapsed() < Duration::from_secs(60), "swtpm: {}", read(&path("tpm.log")));
            sleep(Duration::from_millis(10));
        }
        let console = path("console.log");
        File::create(&console).expect("a console");
        let accelerator = std::env::var("ATTEST_BOOT_ACCEL").unwrap_or_else(|_| "tcg".to_owned());
        let mut qemu = child("qemu-system-x86_64", "qemu-system-x86");
        qemu.args(["-accel", &accelerator, "-machine", "q35,smm=on", "-cpu", "qemu64,+rdrand", "-m", "512"]);
        qemu.args(["-smp", "1", "-nodefaults", "-display", "none", "-vga", "none", "-no-reboot"]);
        qemu.args(["-global", "driver=cfi.pflash01,property=secure,value=on"]);
        qemu.args(["-global", "ICH9-LPC.disable_s3=1"]);
        qemu.args(["-drive", &format!("if=pflash,format=raw,unit=0,readonly=on,file={FIRMWARE}")]);
        let variables = path("variables.fd");
        qemu.args(["-drive", &format!("if=pflash,format=raw,unit=1,file={}", variables.display())]);
        qemu.args(["-chardev", &format!("socket,id=tpm,path={}", socket.display())]);
        qemu.args(["-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-tis,tpmdev=tpm0"]);
        qemu.args([
            "-drive",
            &format!("if=none,id=disk,format=raw,readonly=on,file={}", parts.disk.display()),
        ]);
        qemu.args(["-device", "virtio-blk-pci,drive=disk,addr=1,bootindex=0"]);
        qemu.args(["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,addr=2,romfile="]);
        qemu.args(["-serial", &format!("file:{}", console.display())]);
        for FirmwareConfig(entry) in parts.config {
            qemu.args(["-fw_cfg", entry]);
        }
        let qemu = started(&mut qemu, &path("qemu.log"));
        Machine { qemu, tpm, console, read: 0 }
    }

    /// What it wrote to its serial console so far, without control sequences.
    pub(crate) fn console(&self) -> String {
        plain(&read(&self.console))
    }

    /// The next line with this text, and nothing before it any more.
    pub(crate) fn wait_for(&mut self, text: &str, at_most: Duration) -> String {
        self.wait_for_any(&[text], at_most)
    }

    /// The next line with one of these texts.
    pub(crate) fn wait_for_any(&mut self, texts: &[&str], at_most: Duration) -> String {
        let since = Instant::now();
        loop {
            let ended = self.qemu.try_wait().expect("its state").is_some();
            while let Some(line) = self.next_line() {
                if texts.iter().any(|text| line.contains(text)) {
                    return line;
                }
            }
            let why = if ended { "it ended" } else { "it took too long" };
            let told = || format!("{why}, waiting for {texts:?}:\n{}\n{}", self.errors(), self.console());
            assert!(!ended && since.elapsed() < at_most, "{}", told());
            sleep(Duration::from_millis(100));
        }
    }

    /// The lines up to the next one with this text.
    pub(crate) fn lines_until(&mut self, text: &str, at_most: Duration) -> Vec<String> {
        let mut lines = Vec::new();
        let since = Instant::now();
        loop {
            match self.next_line() {
                Some(line) if line.contains(text) => return lines,
                Some(line) => lines.push(line),
                None => sleep(Duration::from_millis(100)),
            }
            assert!(since.elapsed() < at_most, "{text} never came:\n{}", self.console());
        }
    }

    /// The next whole line. A prompt is one, too, though it does not end.
    fn next_line(&mut self) -> Option<String> {
        let bytes = fs::read(&self.console).expect("the console");
        let rest = bytes.get(self.read..).unwrap_or_default();
        let text = String::from_utf8_lossy(rest);
        let end = rest.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let end = end.or_else(|| text.trim_end().ends_with("Shell>").then_some(rest.len()))?;
        self.read += end;
        Some(plain(&String::from_utf8_lossy(&rest[..end])).trim().to_owned())
    }

    fn errors(&self) -> String {
        let log = |name: &str| read(&self.console.with_file_name(name));
        format!("{}{}", log("qemu.log"), log("tpm.log"))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        for child in [&mut self.qemu, &mut self.tpm] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// Without escape sequences (ECMA-48, CSI) and carriage returns.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        match next {
            '\u{1b}' => {
                rest.next();
                rest.by_ref().find(|it| it.is_ascii_alphabetic());
            }
            '\r' => {}
            other => out.push(other),
        }
    }
    out
}

/// A program that goes when the test goes.
fn child(program: &str, package: &str) -> Command {
    let is_there = |folder: PathBuf| folder.join(program).exists();
    let path = std::env::var_os("PATH").unwrap_or_default();
    assert!(
        std::env::split_paths(&path).any(is_there),
        "{program} is not there (Debian: {package}); scripts/packages installs it"
    );
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]).stdin(Stdio::null());
    command
}

fn started(command: &mut Command, log: &Path) -> Child {
    let log = File::create(log).expect("a log file");
    let both = log.try_clone().expect("a log file");
    command.stdout(both).stderr(log).spawn().expect("setpriv (util-linux) starts")
}
