//! `attest signer`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use attest_core::release::ObjectId;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::serve::Signals;
use super::{Exit, Failure, Output};
use crate::hsm::KeyKind;
use crate::signing::{Error, Looked, Remote, Report, SignerConfig, Signing};
use crate::telemetry;

/// Sign what is quorate, with keys in an HSM: replays the log, and believes nothing else.
#[derive(Args, Debug)]
pub(super) struct Signer {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Run),
    MakeKey(MakeKey),
}

/// Look at the log again and again, and sign for each request that is quorate.
#[derive(Args, Debug)]
struct Run {
    /// TOML.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Take every request as far as it goes now, and end.
    #[arg(long)]
    once: bool,
}

/// Make a key pair in the HSM that never leaves it and only signs, and print what the policy says of it.
#[derive(Args, Debug)]
struct MakeKey {
    /// TOML.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Where it will be: `pkcs11:token=…;object=…`.
    #[arg(long, value_name = "URI")]
    uri: String,
    /// p256, p384, ed25519, rsa2048, rsa3072 or rsa4096.
    #[arg(long)]
    kind: KeyKind,
}

impl Signer {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        match self.command {
            Command::Run(command) => command.run(out),
            Command::MakeKey(command) => command.run(out),
        }
    }
}

fn failure(error: &Error) -> Failure {
    Failure::usage(error.code(), error)
}

fn config(path: &Path) -> Result<SignerConfig, Failure> {
    let config = SignerConfig::read(path).map_err(|error| Failure::usage("signer_config", error))?;
    telemetry::start(&config.log).map_err(|error| Failure::usage("config_setting_invalid", error))?;
    Ok(config)
}

impl MakeKey {
    fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let config = config(&self.config)?;
        let token = config.token().map_err(|error| failure(&error))?;
        let (mut token, _) =
            token.ok_or_else(|| Failure::usage("signer_config", "there is no [hsm] in it"))?;
        let spki = token.make(&self.uri, self.kind).map_err(|error| failure(&error.into()))?;
        let spki = STANDARD.encode(spki);
        if out.wants_json() {
            out.json(&json!({ "public_key": spki, "pkcs11": self.uri }));
        } else {
            out.line(format_args!("public_key = {spki}"));
            out.line(format_args!("pkcs11 = {}", self.uri));
        }
        Ok(Exit::Good)
    }
}

impl Run {
    fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let config = config(&self.config)?;
        let mut signing = config.open().map_err(|error| failure(&error))?;
        let mut told = BTreeMap::new();
        if self.once {
            look_at_keys(&mut signing).map_err(|error| failure(&error))?;
            let last = until_nothing_moves(&mut signing, out, &mut told).map_err(|error| failure(&error))?;
            return done(&last);
        }
        let ended = end_by_signal()?;
        if out.wants_json() {
            out.json_line(&json!({ "signer": "runs", "policy": config.policy }));
        } else {
            out.line(format_args!("signs under {}", config.policy));
        }
        out.flush();
        let mut has_looked = false;
        while !ended.load(Ordering::Relaxed) {
            let turn = if has_looked { Ok(()) } else { look_at_keys(&mut signing) };
            // Whoever starts it should know at once.
            if let Err(error @ Error::Hsm(_)) = &turn {
                return Err(failure(error));
            }
            has_looked |= turn.is_ok();
            match turn.and_then(|()| signing.turn()) {
                Ok(reports) => tell(&reports, out, &mut told),
                // The service may be away for a while. Whatever it is, nothing is signed meanwhile.
                Err(error) => tell_error(&error),
            }
            out.flush();
            let pause = Duration::from_secs(config.pause_seconds.max(1));
            let began = std::time::Instant::now();
            while began.elapsed() < pause && !ended.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Ok(Exit::Good)
    }
}

/// Says which keys are not here: another signer may hold them.
fn look_at_keys(signing: &mut Signing<Remote>) -> Result<(), Error> {
    for Looked { key, found } in signing.check_keys()? {
        match found {
            Ok(()) => tracing::info!(key, "the key can sign, and is kept as it must be"),
            Err(error) => tracing::warn!(key, code = error.code(), "the key cannot sign here: {error}"),
        }
    }
    Ok(())
}

/// Whoever runs it from a script learns by the exit code that what people approved was not signed.
fn done(last: &[Report]) -> Result<Exit, Failure> {
    let failed = |report: &Report| match report {
        Report::Failed { request, error } => Some(format!("{request}: {error} [{}]", error.code())),
        _ => None,
    };
    let failed: Vec<String> = last.iter().filter_map(failed).collect();
    if failed.is_empty() {
        return Ok(Exit::Good);
    }
    Err(Failure::fault("signer_not_signed", format!("not signed, {}", failed.join("; "))))
}

/// Turns until one says nothing new; witnesses take a moment, so after an attempt it looks again for a while. The last turn's reports.
fn until_nothing_moves(
    signing: &mut Signing<Remote>,
    out: &mut Output,
    told: &mut BTreeMap<ObjectId, Value>,
) -> Result<Vec<Report>, Error> {
    const LOOKS: u32 = 100;
    let mut reports = Vec::new();
    for _ in 0..LOOKS {
        reports = signing.turn()?;
        tell(&reports, out, told);
        out.flush();
        if !reports.iter().any(|report| matches!(report, Report::Attempted { .. })) {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(reports)
}

/// Why something is not done. A monitor reads lines with `alert`.
fn tell_error(error: &Error) {
    if error.is_alarming() {
        tracing::error!(alert = error.code(), detail = %error, "the signer found what only a thief does");
    } else {
        tracing::error!(code = error.code(), "{error}");
    }
}

/// Says what became of each request, once.
fn tell(reports: &[Report], out: &mut Output, told: &mut BTreeMap<ObjectId, Value>) {
    for report in reports {
        let (request, what) = match report {
            Report::Attempted { request, number } => {
                (request, json!({ "request": request.to_string(), "attempted": number }))
            }
            Report::Failed { request, error } => {
                tell_error(error);
                (
                    request,
                    json!({ "request": request.to_string(), "failed": error.code(), "detail": error.to_string() }),
                )
            }
            Report::NotQuorate { request, failures } => {
                let codes: Vec<&str> = failures.iter().map(|failure| failure.code()).collect();
                (request, json!({ "request": request.to_string(), "not_quorate": codes }))
            }
            Report::Signed { request } => {
                (request, json!({ "request": request.to_string(), "signed": true }))
            }
        };
        if told.insert(*request, what.clone()).as_ref() == Some(&what) {
            continue;
        }
        if out.wants_json() {
            out.json_line(&what);
        } else {
            out.line(what);
        }
    }
}

/// Turns true at the first signal to end: a turn is never cut short by one.
pub(super) fn end_by_signal() -> Result<Arc<AtomicBool>, Failure> {
    let ended = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&ended);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::fault("runtime", error))?;
    let waiting = std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            if let Ok(mut signals) = Signals::listen() {
                signals.any().await;
            }
            flag.store(true, Ordering::Relaxed);
        });
    });
    waiting.map(|_| ended).map_err(|error| Failure::fault("signals", error))
}
