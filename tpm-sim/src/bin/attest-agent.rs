//! `attest-agent`: enrols a real machine with its TPM and attests what it booted.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tpm_sim::agent::{
    Agent, Collect, DEFAULT_EVENT_LOG, DEFAULT_IMA_LIST, DEFAULT_USERSPACE_LOG, EnrolOptions, Error, Logs,
    Source, TokenProgram, write_private,
};
use tpm_sim::bank::Bank;
use tpm_sim::client::{Address, Judgement};
use tpm_sim::device::AkAlgorithm;
use tpm_sim::quiet;
use tpm_sim::scenario::status_name;

/// Proves to an attestation server what this machine booted.
///
/// Exit codes: 0 done (attest: the verdict is affirming), 1 the server refused or the verdict is not affirming, 2 wrong usage or something
/// is missing on this machine (no TPM, no log, no right to read it), 3 another fault.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes the attestation key, proves to the server that it lives in this TPM, and keeps the device's id.
    Enrol(Enrol),
    /// Answers one challenge and writes the verdict token to a file.
    Attest(Attest),
    /// Writes this boot's evidence into a folder, for `attest golden learn` and `attest verify`. No server is asked.
    Collect(CollectBoot),
}

#[derive(Args)]
struct Common {
    /// The TPM: device:/dev/tpmrm0, tabrmd:, or swtpm:host=127.0.0.1,port=2321.
    #[arg(long, default_value = "device:/dev/tpmrm0")]
    tcti: String,
    /// The server: https://host:port.
    #[arg(long)]
    server: String,
    /// Root certificates that the server's certificate is checked with, PEM.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// This client's certificate chain for mutual TLS, PEM.
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// This client's private key for mutual TLS, PEM.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Where the device's id and the subject key are kept.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/attest-agent")]
    state_dir: PathBuf,
    /// The key that the verdict is meant for, PEM (P-256 private key, or any public key). Without it one is made in the state folder.
    #[arg(long, value_name = "FILE")]
    subject_key: Option<PathBuf>,
}

#[derive(Args)]
struct Enrol {
    #[command(flatten)]
    common: Common,
    /// The device family, as the server's configuration names it.
    #[arg(long)]
    family: String,
    /// Certificates between this TPM's endorsement certificate and a root that the server knows, PEM. Without it, those that the TPM's maker
    /// left in the TPM.
    #[arg(long, value_name = "FILE")]
    intermediates: Option<PathBuf>,
    /// Persistent handle for the attestation key.
    #[arg(long, value_parser = handle, default_value = "0x81014154")]
    ak_handle: u32,
    /// Algorithm of the attestation key, if it has to be made.
    #[arg(long, value_enum, default_value = "ecc")]
    ak: Algorithm,
}

#[derive(Args)]
struct Attest {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    logs: LogFlags,
    /// A program that asks another root of trust for an attestation token: it gets the nonce in hexadecimal as its argument, and writes the
    /// token (CWT or JWT) to its standard output. One verdict is about quote and tokens.
    #[arg(long, value_name = "PROGRAM")]
    token_program: Vec<PathBuf>,
    /// Which of the device's enrolled keys signs its tokens, in hexadecimal, for each program in the same order. Not needed where there is one.
    #[arg(long, value_name = "HEX", requires = "token_program", value_parser = key_identity)]
    token_key: Vec<KeyIdentity>,
    /// Send quote, logs and tokens as one collection of messages (CMW).
    #[arg(long, conflicts_with = "token_key")]
    cmw: bool,
    /// Where the verdict token (JWT) is written.
    #[arg(long, value_name = "FILE", default_value = "token.jwt")]
    out: PathBuf,
    /// Print the verdict as one JSON document.
    #[arg(long)]
    json: bool,
}

/// Where the logs come from.
#[derive(Args)]
struct LogFlags {
    #[arg(long, value_name = "FILE", help = format!("The firmware's event log [default: {DEFAULT_EVENT_LOG}]"))]
    event_log: Option<PathBuf>,
    /// Send no event log.
    #[arg(long, conflicts_with = "event_log")]
    no_event_log: bool,
    #[arg(long, value_name = "FILE", help = format!("The IMA list [default: {DEFAULT_IMA_LIST}, if there is one]"))]
    ima: Option<PathBuf>,
    /// Send no IMA list.
    #[arg(long, conflicts_with = "ima")]
    no_ima: bool,
    #[arg(long, value_name = "FILE", help = format!("systemd's userspace log [default: {DEFAULT_USERSPACE_LOG}, if there is one]"))]
    userspace_log: Option<PathBuf>,
}

impl LogFlags {
    fn logs(self) -> Logs {
        let source = |withheld, file: Option<PathBuf>| match (withheld, file) {
            (true, _) => Source::Withheld,
            (false, Some(file)) => Source::File(file),
            (false, None) => Source::Kernel,
        };
        Logs {
            event_log: source(self.no_event_log, self.event_log),
            ima_list: source(self.no_ima, self.ima),
            userspace_log: source(false, self.userspace_log),
        }
    }
}

#[derive(Args)]
struct CollectBoot {
    /// The TPM: device:/dev/tpmrm0, tabrmd:, or swtpm:host=127.0.0.1,port=2321.
    #[arg(long, default_value = "device:/dev/tpmrm0")]
    tcti: String,
    /// Persistent handle of the attestation key.
    #[arg(long, value_parser = handle, default_value = "0x81014154")]
    ak_handle: u32,
    /// Algorithm of the attestation key, if it has to be made.
    #[arg(long, value_enum, default_value = "ecc")]
    ak: Algorithm,
    /// Banks to quote.
    #[arg(long, value_enum, default_value = "sha256", value_delimiter = ',')]
    banks: Vec<QuotedBank>,
    /// What the quote is made over, in hexadecimal: 16 to 64 bytes of whoever will look at it.
    #[arg(long, value_parser = nonce)]
    nonce: Nonce,
    #[command(flatten)]
    logs: LogFlags,
    /// The folder to write.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum QuotedBank {
    Sha256,
    Sha384,
    Sha512,
}

impl From<QuotedBank> for Bank {
    fn from(bank: QuotedBank) -> Bank {
        match bank {
            QuotedBank::Sha256 => Bank::Sha256,
            QuotedBank::Sha384 => Bank::Sha384,
            QuotedBank::Sha512 => Bank::Sha512,
        }
    }
}

/// Bytes that a quote is made over.
#[derive(Clone)]
struct Nonce(Vec<u8>);

fn nonce(text: &str) -> Result<Nonce, String> {
    let bytes = hex::decode(text).map_err(|error| error.to_string())?;
    if (16..=64).contains(&bytes.len()) { Ok(Nonce(bytes)) } else { Err("16 to 64 bytes".to_owned()) }
}

#[derive(Clone, Copy, ValueEnum)]
enum Algorithm {
    /// ECDSA on P-256.
    Ecc,
    /// RSASSA, 2048 bits.
    Rsa,
}

impl From<Algorithm> for AkAlgorithm {
    fn from(algorithm: Algorithm) -> AkAlgorithm {
        match algorithm {
            Algorithm::Ecc => AkAlgorithm::EccP256,
            Algorithm::Rsa => AkAlgorithm::Rsa2048,
        }
    }
}

/// As the server names an enrolled key.
#[derive(Clone)]
struct KeyIdentity(Vec<u8>);

fn key_identity(text: &str) -> Result<KeyIdentity, String> {
    hex::decode(text).map(KeyIdentity).map_err(|error| error.to_string())
}

fn handle(text: &str) -> Result<u32, String> {
    let digits = text.strip_prefix("0x").ok_or("a handle is written in hexadecimal, as 0x81010001")?;
    u32::from_str_radix(digits, 16).map_err(|error| error.to_string())
}

impl Common {
    fn agent(self) -> Agent {
        let address = Address { url: self.server, ca: self.ca, certificate: self.cert, key: self.key };
        Agent { tcti: self.tcti, address, state_dir: self.state_dir, subject_key: self.subject_key }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    quiet::restart_without_tss_log();
    let result = match Cli::parse().command {
        Command::Enrol(options) => enrol(options).await,
        Command::Attest(options) => attest(options).await,
        Command::Collect(options) => collect(options),
    };
    result.unwrap_or_else(|error| {
        eprintln!("attest-agent: {error}");
        ExitCode::from(if error.is_refusal() {
            1
        } else if error.is_usage() {
            2
        } else {
            3
        })
    })
}

async fn enrol(options: Enrol) -> Result<ExitCode, Error> {
    let Enrol { common, family, intermediates, ak_handle, ak } = options;
    let algorithm = ak.into();
    let state = common.agent().enrol(&EnrolOptions { family, intermediates, ak_handle, algorithm }).await?;
    println!("{}", state.device_id);
    Ok(ExitCode::SUCCESS)
}

async fn attest(options: Attest) -> Result<ExitCode, Error> {
    let logs = options.logs.logs();
    if !options.token_key.is_empty() && options.token_key.len() != options.token_program.len() {
        eprintln!("attest-agent: give one --token-key for each --token-program, in the same order, or none");
        return Ok(ExitCode::from(2));
    }
    let identities = options.token_key.into_iter().map(|KeyIdentity(identity)| identity);
    let identities = identities.chain(std::iter::repeat(Vec::new()));
    let programs: Vec<_> = options
        .token_program
        .into_iter()
        .zip(identities)
        .map(|(program, key_identity)| TokenProgram { program, key_identity })
        .collect();
    let judgement = options.common.agent().attest(&logs, &programs, options.cmw).await?;
    write_private(&options.out, judgement.ear_jwt.as_bytes())?;
    show(&judgement, options.json);
    let affirming = status_name(judgement.verdict.status()) == "affirming";
    Ok(if affirming { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn collect(options: CollectBoot) -> Result<ExitCode, Error> {
    let CollectBoot { tcti, ak_handle, ak, banks, nonce, logs, out } = options;
    let banks = banks.into_iter().map(Bank::from).collect();
    let algorithm = ak.into();
    let collect = Collect { tcti, ak_handle, algorithm, banks, nonce: nonce.0, logs: logs.logs() };
    for path in collect.run(&out)? {
        println!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn show(judgement: &Judgement, json: bool) {
    let verdict = &judgement.verdict;
    let status = status_name(verdict.status());
    if json {
        let reasons: Vec<serde_json::Value> = verdict
            .reasons
            .iter()
            .map(|reason| {
                serde_json::json!({
                    "code": reason.code, "severity": reason.severity, "component": reason.component,
                    "pcr": reason.pcr, "event": reason.event, "explain": reason.explain, "cause": reason.cause,
                })
            })
            .collect();
        let causes: Vec<&str> = verdict.causes.iter().map(|cause| cause.cause.as_str()).collect();
        let golden = verdict.golden.as_ref().map(|golden| {
            serde_json::json!({
                "source": golden.source, "release": golden.release, "tier": golden.tier, "variant": golden.variant,
                "version": golden.governed.as_ref().map(|governed| &governed.version),
                "log_index": golden.governed.as_ref().map(|governed| governed.log_index),
            })
        });
        let document = serde_json::json!({
            "status": status, "development": verdict.development, "golden": golden, "reasons": reasons, "causes": causes,
        });
        println!("{document}");
        return;
    }
    println!(
        "{status}{}",
        if verdict.development { " (development: no TLS, or golden values that nobody signed)" } else { "" }
    );
    if let Some((golden, governed)) =
        verdict.golden.as_ref().and_then(|golden| Some((golden, golden.governed.as_ref()?)))
    {
        println!("  release {}: {}, {}", governed.version, golden.tier, golden.release);
    }
    for reason in verdict.reasons.iter().filter(|reason| reason.severity != "info") {
        let place = reason.pcr.map_or(String::new(), |pcr| format!(" (PCR {pcr})"));
        println!("  {}: {}{place}: {}", reason.severity, reason.code, reason.explain);
    }
    for cause in &verdict.causes {
        println!("  cause: {} {}", cause.cause, cause.component);
    }
}
