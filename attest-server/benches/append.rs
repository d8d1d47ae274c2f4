//! Leaves appended to the log in batches, as a ratio to the two flushes without which a batch is not on the disk: one of its bytes, one of the
//! head that names them.
#![expect(clippy::expect_used, reason = "a benchmark: what fails ends it")]

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use attest_core::Limits;
use attest_server::log::{NoteKey, Writer};

/// As many bytes as a leaf of an approval has.
const LEAF: usize = 220;
const BATCHES: usize = 60;

fn main() {
    let folder = tempfile::tempdir_in(".").expect("a folder on a disk");
    for batch in [1, 16, 256] {
        let entries: Vec<Vec<u8>> = (0..batch).map(|at| format!("{at:0LEAF$}").into_bytes()).collect();
        let floor = flushed(folder.path(), &entries);
        let work = appended(folder.path(), &entries);
        let each =
            |time: Duration| time.as_secs_f64() * 1e6 / f64::from(u32::try_from(batch).expect("small"));
        println!(
            "batches of {batch:>3}: {:>8.1} us a leaf, flushed alone {:>8.1} us   ratio {:.2}",
            each(work),
            each(floor),
            work.as_secs_f64() / floor.as_secs_f64()
        );
    }
}

fn appended(folder: &Path, entries: &[Vec<u8>]) -> Duration {
    let root = tempfile::tempdir_in(folder).expect("a folder");
    let key = NoteKey::make(&root.path().join("key"), "log.example/bench").expect("a key");
    let mut log = Writer::open(&root.path().join("log"), key, &Limits::DEFAULT, |_, _| {}).expect("a log");
    middle(|| {
        log.append(entries).expect("appended");
    })
}

fn flushed(folder: &Path, entries: &[Vec<u8>]) -> Duration {
    let open = |name| File::create(folder.join(name)).expect("a file");
    let (mut leaves, mut head) = (open("leaves"), open("head"));
    middle(|| {
        leaves.write_all(&entries.concat()).and_then(|()| leaves.sync_all()).expect("flushed");
        head.write_all(&[7; 180]).and_then(|()| head.sync_all()).expect("flushed");
    })
}

/// What a batch costs that is neither lucky nor unlucky: disks have good moments.
fn middle(mut run: impl FnMut()) -> Duration {
    let time = |_| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    let mut times: Vec<Duration> = (0..BATCHES).map(time).collect();
    times.sort_unstable();
    times.into_iter().nth(BATCHES / 2).expect("rounds")
}
