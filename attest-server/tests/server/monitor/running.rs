//! A monitor that goes on.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::*;

/// On any machine that tests run on.
const SOON: Duration = Duration::from_secs(60);

/// A monitor that goes on, and its lines.
struct Running {
    child: Child,
    lines: std::sync::mpsc::Receiver<Value>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let _ = sender.send(serde_json::from_str(&line.unwrap()).unwrap());
            }
        });
        Self { child, lines }
    }

    fn next(&self) -> Value {
        self.lines.recv_timeout(SOON).expect("a line in time")
    }

    /// Waits for a line, whatever else is told.
    fn until(&self, line: &str) {
        let since = Instant::now();
        while told(&self.next()) != line {
            assert!(since.elapsed() < SOON, "{line}");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn put(path: &Path, bytes: &[u8]) {
    let draft = path.with_extension("new");
    fs::write(&draft, bytes).unwrap();
    fs::rename(draft, path).unwrap();
}

#[test]
fn a72_the_time_from_a_stolen_signature_to_the_alert() {
    let mut site = Site::new();
    let count = site.path("count");
    put(&count, b"1");
    let found = site.path("found.corim");
    fs::copy(site.organisation.object(site.organisation.bundle_of(site.release)), &found).unwrap();
    let mut command = site.command("log");
    command.args([
        "--every",
        "1",
        "--counter",
        &format!("corim={}", count.display()),
        "--seen",
        found.to_str().unwrap(),
    ]);
    let running = Running::start(command);
    assert_eq!(running.next()["monitor"], "watches");

    // The thief asks the HSM: it counts.
    let since = Instant::now();
    put(&count, b"2");
    assert_eq!(told(&running.next()), "raised counter_ahead");
    let by_counter = since.elapsed();
    // What was signed turns up.
    let since = Instant::now();
    put(&found, &site.organisation.steal(&golden()).1);
    assert_eq!(told(&running.next()), "raised signature_unlogged");
    let by_find = since.elapsed();
    // It stands in the log.
    let since = Instant::now();
    let request = ObjectId::of(b"the thief's");
    site.organisation.write_down(Event::Signed { request, signatures: ObjectId::of(b"made") });
    site.organisation.publish();
    assert_eq!(told(&running.next()), "raised signature_without_request");
    let by_log = since.elapsed();
    let ms = |time: Duration| time.as_millis();
    println!(
        "from a stolen signature to the alert, looking every second: {} ms by the counter, {} ms by the find, {} ms by the log",
        ms(by_counter),
        ms(by_find),
        ms(by_log)
    );
    for time in [by_counter, by_find, by_log] {
        assert!(time < SOON, "{time:?}");
    }
}

#[test]
fn a67b_an_object_that_is_not_answered_for_keeps_nobody_from_the_leaves() {
    let mut site = Site::new();
    let bundle = ObjectId::of(b"a bundle that nobody has");
    site.organisation.write_down(Event::Published { request: ObjectId::of(b"a request"), bundle });
    site.organisation.publish();
    let mut command = site.command("log");
    command.args(["--every", "1"]);
    let running = Running::start(command);
    running.until("raised object_withheld");
    // It was not there, and now nobody knows: the folder fails there, and where the next leaf asks for something.
    let request = ObjectId::of(b"a request that nobody has");
    fs::create_dir(site.organisation.object(bundle)).unwrap();
    fs::create_dir(site.organisation.object(request)).unwrap();
    site.organisation.write_down(Event::Attempted { request });
    let request = ObjectId::of(b"the thief's");
    site.organisation.write_down(Event::Signed { request, signatures: ObjectId::of(b"made") });
    site.organisation.publish();
    running.until("raised signature_without_request");
}
