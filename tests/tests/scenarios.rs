//! Every scenario, against the real server with real software TPMs.

use attest_tests::{FAMILY, Site};
use tpm_sim::device::AkAlgorithm;
use tpm_sim::scenario::{self, Stage};

/// One device is rebooted into every scenario; all faults are shown, not the first one.
async fn play_all(algorithm: AkAlgorithm) {
    let site = Site::new();
    let server = site.serve();
    let mut stage = Stage::new(site.maker(), server.connect().await, FAMILY, algorithm).unwrap();
    let mut faults = Vec::new();
    for scenario in scenario::all() {
        let report = stage.play(scenario).await;
        if !report.as_expected {
            faults.push(format!("{}: expected {}, {:?}", report.scenario, report.expected, report.faults));
        }
    }
    assert!(faults.is_empty(), "{}\nserver log:\n{}", faults.join("\n"), server.log());
}

#[tokio::test]
async fn every_scenario_gets_the_right_answer_with_an_ecc_key() {
    play_all(AkAlgorithm::EccP256).await;
}

#[tokio::test]
async fn every_scenario_gets_the_right_answer_with_an_rsa_key() {
    play_all(AkAlgorithm::Rsa2048).await;
}

/// The scenarios must be able to fail: a server whose golden values know only another boot affirms nobody.
#[tokio::test]
async fn a_good_device_of_an_unknown_boot_is_refused() {
    let site = Site::new();
    let golden = std::fs::read_to_string(site.path("golden.toml")).unwrap();
    // The command line's digest, in every variant, by one of a command line that nobody boots.
    let digest = |text: &str| {
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let good = digest("/vmlinuz root=/dev/vda2 ro quiet");
    assert!(golden.contains(&good));
    std::fs::write(site.path("golden.toml"), golden.replace(&good, &digest("/vmlinuz another"))).unwrap();
    let server = site.serve();
    let mut stage = Stage::new(site.maker(), server.connect().await, FAMILY, AkAlgorithm::EccP256).unwrap();
    let report = stage.play(scenario::find("good").unwrap()).await;
    assert!(!report.as_expected, "{report:?}");
}
