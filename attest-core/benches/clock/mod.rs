//! What work costs.

use std::time::{Duration, Instant};

/// The thread's own time on a CPU, where the system tells it: a machine with other work would slow long runs more than short ones.
pub(crate) fn time(run: impl FnOnce()) -> Duration {
    let (before, start) = (cpu_time(), Instant::now());
    run();
    match (before, cpu_time()) {
        (Some(before), Some(after)) if after > before => after.saturating_sub(before),
        _ => start.elapsed(),
    }
}

fn cpu_time() -> Option<Duration> {
    // Giving the CPU away makes the kernel bring the sum up to date.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

/// The fastest round: what the work costs when nothing else disturbs it.
pub(crate) fn fastest(times: Vec<Duration>) -> Duration {
    times.into_iter().min().expect("rounds")
}
