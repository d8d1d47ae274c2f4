//! Programs that are there again after each kill.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::random;
use crate::site::Process;
use crate::soft::TokenFiles;

/// A program that is there again after each kill.
pub(super) struct Kept {
    arguments: Vec<String>,
    log: PathBuf,
    process: Option<Process>,
}

impl Kept {
    pub(super) fn start(arguments: &[&str], log: PathBuf) -> Self {
        let mut kept =
            Self { arguments: arguments.iter().map(|it| (*it).to_owned()).collect(), log, process: None };
        kept.begin();
        kept
    }

    pub(super) fn begin(&mut self) {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        self.process = Some(Process::start(&arguments, &self.log));
    }

    /// And sometimes once more, while it begins.
    pub(super) fn kill(&mut self) {
        self.process.take().unwrap().kill();
        if random(4) == 0 {
            let mut begun = Command::new(env!("CARGO_BIN_EXE_attest"))
                .args(&self.arguments)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            thread::sleep(Duration::from_millis(random(80)));
            begun.kill().unwrap();
            begun.wait().unwrap();
        }
        self.begin();
    }
}

/// `attest signer run --once`, again and again. It may be refused or find nobody; it ends by no signal but ours.
pub(super) struct Signer {
    /// How often a token was found cut off.
    cut: Arc<AtomicUsize>,
    running: Arc<Mutex<Option<Child>>>,
    ended: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Signer {
    pub(super) fn start(tokens: TokenFiles, mut command: impl FnMut() -> Command + Send + 'static) -> Self {
        let (running, ended) = (Arc::new(Mutex::new(None)), Arc::new(AtomicBool::new(false)));
        let cut = Arc::new(AtomicUsize::new(0));
        let (slot, stop, found) = (Arc::clone(&running), Arc::clone(&ended), Arc::clone(&cut));
        let thread = thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                *slot.lock().unwrap() = Some(command().spawn().unwrap());
                let status = loop {
                    thread::sleep(Duration::from_millis(5));
                    if let Some(status) = slot.lock().unwrap().as_mut().unwrap().try_wait().unwrap() {
                        break status;
                    }
                };
                found.fetch_add(tokens.put_back(), Ordering::SeqCst);
                assert!(status.signal().is_none_or(|signal| signal == 9), "the signer ended by {status}");
            }
        });
        Self { cut, running, ended, thread: Some(thread) }
    }

    pub(super) fn kill(&self) {
        if let Some(child) = self.running.lock().unwrap().as_mut() {
            child.kill().unwrap();
        }
    }

    /// How often SoftHSM2's files were put back.
    pub(super) fn end(mut self) -> usize {
        self.ended.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
        self.cut.load(Ordering::SeqCst)
    }
}
