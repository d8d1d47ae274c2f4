//! `tpm-sim`: devices with real software TPMs that tell the truth, or lie, to an attestation server.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tpm_sim::client::{Address, Server};
use tpm_sim::device::AkAlgorithm;
use tpm_sim::root_of_trust::RootOfTrust;
use tpm_sim::scenario::{self, BANKS, Error, Outcome, Report, Scenario, Stage};
use tpm_sim::swtpm::Maker;
use tpm_sim::{fleet, learn, quiet};

/// Devices with real software TPMs that tell the truth, or lie, to an attestation server.
///
/// Exit codes: 0 every answer was as expected, 1 one was not, 2 wrong usage, 3 a fault.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Lists the scenarios and the right answer to each.
    List {
        /// As one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Plays scenarios against a server and holds each answer against the right one.
    Run(Run),
    /// Writes the evidence of the known-good boots, for learning golden values, and the EK CA's certificates.
    Learn {
        /// The folder to write to.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        #[command(flatten)]
        home: Home,
    },
    /// Signs a PSA token over a nonce, as a root of trust beside the TPM, and writes it to standard output.
    Token {
        /// The root of trust's key, PEM; made if there is none.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Write the public key, PEM, instead.
        #[arg(long, conflicts_with = "nonce")]
        public: bool,
        /// The nonce, in hexadecimal.
        #[arg(required_unless_present = "public")]
        nonce: Option<String>,
    },
    /// Lets many devices attest in rounds and reports how long it takes.
    Fleet {
        /// How many devices.
        #[arg(long)]
        devices: usize,
        /// How often each attests.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Args)]
struct Run {
    /// A scenario's name, or `all`.
    #[arg(long)]
    scenario: String,
    /// Algorithm of the attestation key.
    #[arg(long, value_enum, default_value = "ecc")]
    ak: Algorithm,
    #[command(flatten)]
    target: Target,
}

#[derive(Args)]
struct Home {
    /// Where the EK CA is kept, so that a server configured with its root knows the next devices too.
    #[arg(long, value_name = "DIR", default_value_os_t = default_home())]
    home: PathBuf,
}

#[derive(Args)]
struct Target {
    /// The server: https://host:port, or http://127.0.0.1:port of a development server.
    #[arg(long)]
    server: String,
    /// The family that the devices claim.
    #[arg(long, default_value = "sim-debian")]
    family: String,
    /// Root certificates that the server's certificate is checked with, PEM.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The client's certificate chain for mutual TLS, PEM.
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// The client's private key for mutual TLS, PEM.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    home: Home,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Algorithm {
    /// ECDSA on P-256.
    Ecc,
    /// RSASSA, 2048 bits.
    Rsa,
}

fn default_home() -> PathBuf {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    state.or_else(home).unwrap_or_else(std::env::temp_dir).join("tpm-sim")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    quiet::restart_without_tss_log();
    let result = match Cli::parse().command {
        Command::List { json } => Ok(list(json)),
        Command::Run(options) => run(options).await,
        Command::Learn { out, home } => learn_into(&out, &home),
        Command::Token { key, nonce, .. } => token(&key, nonce.as_deref()),
        Command::Fleet { devices, rounds, target } => fleet_of(devices, rounds, target).await,
    };
    result.unwrap_or_else(|error| {
        eprintln!("tpm-sim: {error}");
        ExitCode::from(3)
    })
}

fn list(json: bool) -> ExitCode {
    if json {
        let entry = |scenario: &Scenario| {
            serde_json::json!({
                "name": scenario.name, "about": scenario.about, "expected": scenario.expected.describe(),
            })
        };
        println!("{}", serde_json::Value::Array(scenario::all().map(entry).collect()));
    } else {
        for scenario in scenario::all() {
            println!(
                "{:<24} {}\n{:<24}   -> {}",
                scenario.name,
                scenario.about,
                "",
                scenario.expected.describe()
            );
        }
    }
    ExitCode::SUCCESS
}

async fn run(options: Run) -> Result<ExitCode, Error> {
    let scenarios: Vec<&'static Scenario> = match options.scenario.as_str() {
        "all" => scenario::all().collect(),
        name => scenario::find(name).into_iter().collect(),
    };
    if scenarios.is_empty() {
        eprintln!("tpm-sim: no scenario is called {:?}; tpm-sim list shows them", options.scenario);
        return Ok(ExitCode::from(2));
    }
    let algorithm = match options.ak {
        Algorithm::Ecc => AkAlgorithm::EccP256,
        Algorithm::Rsa => AkAlgorithm::Rsa2048,
    };
    let target = options.target;
    let maker = Maker::open(&target.home.home, &BANKS)?;
    let server = connect(&target).await?;
    let mut stage = Stage::new(maker, server, &target.family, algorithm)?;
    let mut reports = Vec::new();
    for scenario in scenarios {
        let report = stage.play(scenario).await;
        if !target.json {
            show(&report);
        }
        reports.push(report);
    }
    if target.json {
        println!("{}", serde_json::json!({ "reports": reports }));
    }
    Ok(exit_code(&reports))
}

/// A scenario that could not be played is a fault; a wrong answer is a wrong answer.
fn exit_code(reports: &[Report]) -> ExitCode {
    let stopped = |report: &Report| matches!(report.outcome, Outcome::Stopped { .. });
    if reports.iter().any(stopped) {
        ExitCode::from(3)
    } else if reports.iter().all(|report| report.as_expected) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    }
}

fn show(report: &Report) {
    println!("{}: {}", report.scenario, report.about);
    for step in &report.steps {
        println!("  {:<10} {}", step.step, step.detail);
    }
    if report.as_expected {
        println!("  as expected: {}", report.expected);
    } else {
        println!("  NOT AS EXPECTED, which was {}", report.expected);
        report.faults.iter().for_each(|fault| println!("    {fault}"));
    }
    println!();
}

fn learn_into(out: &std::path::Path, home: &Home) -> Result<ExitCode, Error> {
    let maker = Maker::open(&home.home, &BANKS)?;
    for folder in learn::learn(&maker, out)? {
        println!("{}", folder.display());
    }
    println!("{}", out.join("ek-root.pem").display());
    println!("{}", out.join("ek-intermediate.pem").display());
    Ok(ExitCode::SUCCESS)
}

fn token(key: &std::path::Path, nonce: Option<&str>) -> Result<ExitCode, Error> {
    let root_of_trust = RootOfTrust::open(key)?;
    let Some(nonce) = nonce else {
        print!("{}", root_of_trust.public_key_pem());
        return Ok(ExitCode::SUCCESS);
    };
    let Ok(nonce) = hex::decode(nonce) else {
        eprintln!("tpm-sim: a nonce is hexadecimal");
        return Ok(ExitCode::from(2));
    };
    if let Err(error) = std::io::stdout().write_all(&root_of_trust.token(&nonce)?) {
        eprintln!("tpm-sim: {error}");
        return Ok(ExitCode::from(3));
    }
    Ok(ExitCode::SUCCESS)
}

async fn fleet_of(devices: usize, rounds: usize, target: Target) -> Result<ExitCode, Error> {
    let server = connect(&target).await?;
    let report = fleet::run(&target.home.home, &server, &target.family, devices, rounds).await?;
    if target.json {
        println!("{}", serde_json::json!(report));
    } else {
        println!(
            "{} devices, {} rounds: {} as expected, {} not; median {} ms, slowest {} ms (boot included)",
            report.devices,
            report.rounds,
            report.as_expected,
            report.failures.len(),
            report.median_ms,
            report.slowest_ms
        );
        report.failures.iter().for_each(show);
    }
    Ok(exit_code(&report.failures))
}

async fn connect(target: &Target) -> Result<Server, Error> {
    let address = Address {
        url: target.server.clone(),
        ca: target.ca.clone(),
        certificate: target.cert.clone(),
        key: target.key.clone(),
    };
    Ok(Server::connect(&address).await?)
}
