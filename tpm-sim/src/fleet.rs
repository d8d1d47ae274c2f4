//! Many devices, one after the other, each with a TPM of its own: how long enrolling and attesting take.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::client::Server;
use crate::device::AkAlgorithm;
use crate::scenario::{Error, Report, Stage, find};
use crate::swtpm::Maker;

/// How a fleet fared.
#[derive(Clone, Debug, Serialize)]
pub struct FleetReport {
    /// Devices that took part.
    pub devices: usize,
    /// Rounds of attestation for each.
    pub rounds: usize,
    /// Verdicts that were as expected.
    pub as_expected: usize,
    /// Those that were not.
    pub failures: Vec<Report>,
    /// Median time of one attestation, boot included, in milliseconds.
    pub median_ms: u64,
    /// The slowest.
    pub slowest_ms: u64,
}

/// Makes the devices, boots each well and lets each attest `rounds` times. The first round enrols.
///
/// # Errors
/// A TPM cannot be made.
pub async fn run(
    home: &std::path::Path,
    server: &Server,
    family: &str,
    devices: usize,
    rounds: usize,
) -> Result<FleetReport, Error> {
    let mut stages = Vec::new();
    for _ in 0..devices {
        let maker = Maker::open(home, &crate::scenario::BANKS)?;
        stages.push(Stage::new(maker, server.clone(), family, AkAlgorithm::EccP256)?);
    }
    let mut times: Vec<Duration> = Vec::new();
    let mut failures = Vec::new();
    let good = find("good").into_iter();
    for scenario in good.cycle().take(rounds) {
        for stage in &mut stages {
            let start = Instant::now();
            let report = stage.play(scenario).await;
            times.push(start.elapsed());
            if !report.as_expected {
                failures.push(report);
            }
        }
    }
    times.sort_unstable();
    let milliseconds =
        |time: Option<&Duration>| time.map_or(0, |time| time.as_millis().try_into().unwrap_or(u64::MAX));
    Ok(FleetReport {
        devices,
        rounds,
        as_expected: times.len() - failures.len(),
        failures,
        median_ms: milliseconds(times.get(times.len() / 2)),
        slowest_ms: milliseconds(times.last()),
    })
}
