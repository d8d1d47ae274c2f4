//! `attest witness`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::serve::Signals;
use super::{Exit, Failure, Output};
use crate::config;
use crate::file;
use crate::telemetry;
use crate::tls;
use crate::witness::{self, Witness as State};

/// Keys of logs, a line each: a file of as many as anybody watches.
const KEYS_BYTES: u64 = 1 << 20;

/// Watch logs: sign their checkpoints, and only such as continue what was signed before (C2SP tlog-witness).
#[derive(Args, Debug)]
pub(super) struct Witness {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(New),
    Run(Run),
}

/// Make a witness: its key and an empty memory. Once: a memory that is lost is not begun again.
#[derive(Args, Debug)]
struct New {
    /// For its key and its memory.
    #[arg(long, value_name = "FOLDER")]
    state: PathBuf,
    /// The witness's name: letters that policies and cosignatures carry, as `witness.example.org`.
    #[arg(long)]
    name: String,
}

/// Answer `POST /add-checkpoint`.
#[derive(Args, Debug)]
struct Run {
    /// What `attest witness new` made.
    #[arg(long, value_name = "FOLDER")]
    state: PathBuf,
    /// A log's verifier key (`name+id+key`), or a file with one a line. Nothing else is signed.
    #[arg(long, required = true, value_name = "KEY or FILE")]
    log: Vec<String>,
    /// Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8446")]
    listen: SocketAddr,
    /// PEM. Without one it answers in plain text; nothing that is said is secret.
    #[arg(long, requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// Its private key, PEM.
    #[arg(long, requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
}

impl Witness {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        match self.command {
            Command::New(command) => command.run(out),
            Command::Run(command) => command.run(out),
        }
    }
}

fn failure(error: &witness::Error) -> Failure {
    Failure::usage(error.code(), error)
}

impl New {
    fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let key = State::make(&self.state, &self.name).map_err(|error| failure(&error))?;
        if out.wants_json() {
            out.json(&json!({ "key": key.to_string() }));
        } else {
            out.line(key);
        }
        Ok(Exit::Good)
    }
}

impl Run {
    fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let mut logs = Vec::new();
        for log in &self.log {
            logs.extend(keys(log)?);
        }
        telemetry::start(&config::Log::default())
            .map_err(|error| Failure::usage("config_setting_invalid", error))?;
        let tls =
            config::Tls { certificate: self.tls_certificate, key: self.tls_key, ..config::Tls::default() };
        let tls =
            tls::Configs::load(&tls).map_err(|error| failure(&error.into()))?.map(|configs| configs.http);
        let state = State::open(&self.state, &logs).map_err(|error| failure(&error))?;
        let key = state.verifier().map_err(|error| failure(&error))?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::fault("runtime", error))?;
        runtime.block_on(async {
            let mut signals = Signals::listen().map_err(|error| Failure::fault("signals", error))?;
            let running = witness::start(state, self.listen, tls).await.map_err(|error| failure(&error))?;
            let url = format!("{scheme}://{}", running.address());
            // One line that programs can wait for.
            if out.wants_json() {
                out.json_line(&json!({ "url": url, "key": key.to_string() }));
            } else {
                out.line(format_args!("{url}, {key}"));
            }
            out.flush();
            signals.any().await;
            running.stop().await;
            Ok(Exit::Good)
        })
    }
}

/// A verifier key, or those in a file.
fn keys(text: &str) -> Result<Vec<String>, Failure> {
    if text.contains('+') && !Path::new(text).exists() {
        return Ok(vec![text.to_owned()]);
    }
    let read = file::read_text(Path::new(text), KEYS_BYTES);
    let read = read.map_err(|error| Failure::usage("file_unreadable", format!("{text}: {error}")))?;
    Ok(read.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}
