//! A monitor that runs, and what it says.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use attest_tests::binary;
use serde_json::Value;
use tpm_sim::descriptors::without_ours;

use crate::stage::{KEY, write};

/// A monitor that runs, and what it said.
pub(crate) struct Watching {
    child: Child,
    lines: Arc<Mutex<Vec<Value>>>,
    told: usize,
}

impl Watching {
    pub(crate) fn start(folder: &Path, pin: &str, found: &[u8]) -> Watching {
        write(&folder.join("count"), b"1");
        write(&folder.join("found"), found);
        write(&folder.join("found.sig"), found);
        write(&folder.join("found.bin"), b"nothing yet");
        let mut child = without_ours(binary("attest-server", "attest"))
            .current_dir(folder)
            .args([
                "release", "monitor", "--json", "--every", "1", "--state", "monitor", "--folder", "data/log",
            ])
            .args(["--policy-pin", pin, "--counter", &format!("{KEY}=count")])
            .args(["--server-log", "server.log", "--server-log", "verifier.log"])
            .args(["--seen", "found", "--seen", "found.sig,found.bin"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the monitor starts");
        let stdout = BufReader::new(child.stdout.take().expect("its output"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                sink.lock().expect("nobody panicked").push(serde_json::from_str(&line).expect("a JSON line"));
            }
        });
        let watching = Watching { child, lines, told: 0 };
        let since = Instant::now();
        while !watching.all().iter().any(|line| line["monitor"] == "watches") {
            assert!(since.elapsed() < Duration::from_secs(90), "the monitor does not begin");
            std::thread::sleep(Duration::from_millis(50));
        }
        watching
    }

    fn all(&self) -> Vec<Value> {
        self.lines.lock().expect("nobody panicked").clone()
    }

    /// What was raised since the last time that somebody asked: `code`, or `code detail` where a program told it.
    pub(crate) fn raised(&mut self) -> Vec<String> {
        let all = self.all();
        let new = all.get(self.told..).unwrap_or_default();
        self.told = all.len();
        let raised = new.iter().filter(|line| line["state"] == "raised");
        raised.map(|line| format!("{} {}", line["code"].as_str().unwrap_or("?"), line["what"])).collect()
    }

    /// Waits until each of these was raised, and says how long it took.
    pub(crate) fn alerts(&mut self, branch: &str, since: Instant, codes: &[&str]) {
        let mut wanted: Vec<&str> = codes.to_vec();
        let mut heard = Vec::new();
        loop {
            for line in self.raised() {
                if let Some(at) = wanted.iter().position(|code| line.contains(code)) {
                    let code = wanted.remove(at);
                    eprintln!("{branch}: {code} after {} ms", since.elapsed().as_millis());
                }
                heard.push(line);
            }
            if wanted.is_empty() {
                return;
            }
            assert!(since.elapsed() < Duration::from_secs(120), "{branch}: no {wanted:?} among {heard:#?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
