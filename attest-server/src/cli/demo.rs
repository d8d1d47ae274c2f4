//! `attest demo`: devices, good ones and liars, in one terminal, against a real server.

mod access;
mod boots;
mod device;
mod golden;
mod maker;
mod play;
mod scenes;
mod screen;
mod soft_tpm;

use std::{collections::BTreeMap, fmt::Display, fs, path::Path};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::Args;
use serde::Serialize;
use tempfile::TempDir;
use tonic::transport::Endpoint;

use self::{
    access::{AccessSystem, Decision, Presented},
    maker::Maker,
    play::{Outcome, Stage, Token},
};
use super::{Exit, Failure, Output, Style, serve::Signals};
use crate::{
    clock,
    config::{Config, Family},
    server::{self, Running},
};

/// The family of the demonstration's devices.
const FAMILY: &str = "demo-laptop";

/// See it work: devices enrol and attest in this terminal, good ones and liars
///
/// Needs no TPM: a software signer stands in for it. The boot evidence is that of real machines.
#[derive(Args, Debug)]
pub(super) struct Demo {
    /// Keep the server running until Ctrl-C
    #[arg(long)]
    keep: bool,
}

/// Why the demonstration itself fails: our own fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
struct Problem(String);

impl Problem {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Something that cannot fail here did.
    fn of(error: impl Display) -> Self {
        Self(error.to_string())
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::fault("demo_failed", problem)
    }
}

/// The demonstration as a JSON document.
#[derive(Serialize)]
struct Report {
    grpc: String,
    http: String,
    devices: Vec<Outcome>,
    access: Vec<Access>,
    as_expected: bool,
}

/// One decision of the access system.
#[derive(Serialize)]
struct Access {
    title: &'static str,
    decision: String,
    as_expected: bool,
}

impl Demo {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Problem::of)?;
        runtime.block_on(self.show(out))
    }

    async fn show(self, out: &mut Output) -> Result<Exit, Failure> {
        let folder = TempDir::with_prefix("attest-demo-").map_err(Problem::of)?;
        // Whoever interrupts finds nothing left behind.
        let mut signals = Signals::listen().map_err(Problem::of)?;
        let maker = Maker::new("Demonstration TPM maker")?;
        let server = start(folder.path(), &maker).await?;
        // In JSON mode the document comes at the end; what happens is not told.
        let mut silent = Output::to_writer(false, Box::new(std::io::sink()));
        let told = if out.wants_json() { &mut silent } else { &mut *out };
        let report = tokio::select! {
            report = play(&server, maker, told) => report,
            () = signals.any() => Err(Problem::new("interrupted")),
        };
        if let Ok(report) = &report {
            if out.wants_json() {
                out.json(report);
            } else {
                farewell(out, report);
            }
        }
        if self.keep && report.is_ok() {
            invite(&server, folder.path(), out);
            signals.any().await;
        }
        server.stop().await;
        match report?.as_expected {
            true => Ok(Exit::Good),
            // The document says which.
            false if out.wants_json() => Ok(Exit::Fault),
            false => Err(Failure::fault("demo_unexpected", "a scene did not end as it must")),
        }
    }
}

/// A server on free ports of loopback, with a fresh store, that knows one maker and one family.
async fn start(folder: &Path, maker: &Maker) -> Result<Running, Problem> {
    let (root, document) = (folder.join("tpm-maker.der"), folder.join("golden.toml"));
    fs::write(&root, maker.root()).map_err(Problem::of)?;
    fs::write(&document, golden::learn(FAMILY)?.to_toml()).map_err(Problem::of)?;
    let mut config = Config { data_directory: folder.join("data"), development: true, ..Config::default() };
    config.listen.grpc.set_port(0);
    config.listen.http.set_port(0);
    config.enrollment.ek_roots = vec![root];
    let family = Family { golden: document, ..Family::default() };
    config.families = BTreeMap::from([(FAMILY.to_owned(), family)]);
    server::start(config).await.map_err(Problem::of)
}

async fn play(server: &Running, maker: Maker, out: &mut Output) -> Result<Report, Problem> {
    introduce(server, out);
    let address = format!("http://{}", server.grpc());
    let channel =
        Endpoint::from_shared(address).map_err(Problem::of)?.connect().await.map_err(Problem::of)?;
    let unknown_maker = Maker::new("Somebody")?;
    let mut stage = Stage { channel, family: FAMILY, maker, unknown_maker, serial: 1 };
    let mut devices = Vec::new();

    screen::chapter(out, 2, "A device that booted what was signed for");
    let good = stage.play(&scenes::GOOD).await?;
    screen::outcome(out, &scenes::GOOD, &good);
    let token = good.token.as_ref().ok_or_else(|| Problem::new("the good device got no token"))?;
    show_token(out, &good, token);
    let access = decide(server, token, out).await?;
    devices.push(good);

    screen::chapter(out, 4, "Devices that booted something else, and say so");
    for scene in scenes::CHANGED {
        let outcome = stage.play(scene).await?;
        screen::outcome(out, scene, &outcome);
        devices.push(outcome);
    }
    screen::chapter(out, 5, "Devices that lie");
    for scene in scenes::LIARS {
        let outcome = stage.play(scene).await?;
        screen::outcome(out, scene, &outcome);
        devices.push(outcome);
    }
    let as_expected = devices.iter().all(|d| d.as_expected) && access.iter().all(|a| a.as_expected);
    Ok(Report {
        grpc: server.grpc().to_string(),
        http: server.http().to_string(),
        devices,
        access,
        as_expected,
    })
}

fn introduce(server: &Running, out: &mut Output) {
    let title = out.paint(Style::Strong, "attest: did this device boot what we signed for?");
    out.line(title);
    out.line("");
    screen::text(
        out,
        "A verifier and its devices, in one terminal. A software signer stands in for the devices' TPMs, so \
         nothing here is protected by hardware. The boot evidence is genuine: event logs, IMA lists and PCR \
         values of real UEFI boots of Debian 12 (shim, GRUB, Secure Boot).",
    );
    screen::chapter(out, 1, "The verifier");
    screen::field(
        out,
        "golden values",
        "learned just now from one known-good boot, after its TPM's quote was checked",
    );
    screen::field(out, "gRPC", &server.grpc().to_string());
    screen::field(out, "public keys", &format!("http://{}/.well-known/jwks.json", server.http()));
    screen::field(out, "store", "fresh, gone when this ends");
    screen::field(out, "development", "no TLS, and golden values that nobody signed: every token says so");
}

fn show_token(out: &mut Output, good: &Outcome, token: &Token) {
    screen::field(out, "device id", good.device.as_deref().unwrap_or_default());
    screen::field(
        out,
        "nonce",
        &format!("{} = SHA-256(random ‖ id ‖ key)", short(&hex::encode(&token.nonce))),
    );
    screen::field(
        out,
        "verdict",
        &format!("{}, {:.1} ms from evidence to signed token", good.status, good.milliseconds),
    );
    let jwt = format!("{} ({} bytes, JWT; CWT as well)", short(&token.jwt), token.jwt.len());
    screen::field(out, "token", &jwt);
}

/// The first characters of a long text.
fn short(text: &str) -> String {
    format!("{}…", text.chars().take(24).collect::<String>())
}

/// Chapter 3: what the token is worth to those who have only the public key.
async fn decide(server: &Running, token: &Token, out: &mut Output) -> Result<Vec<Access>, Problem> {
    screen::chapter(out, 3, "An access system, with the public key alone");
    let system = AccessSystem::new(server.http()).await?;
    let now = clock::now();
    let mine = Presented { token: &token.jwt, holder: &token.subject };
    let thief = device::new_key()?;
    let edited = edited(&token.jwt)?;
    let cases = [
        ("The device, with its key", system.decide(&mine), true),
        (
            "A thief with the token, and another key",
            system.decide(&Presented { holder: &thief, ..mine }),
            false,
        ),
        ("The token with one claim edited", system.decide(&Presented { token: &edited, ..mine }), false),
        ("The token an hour later", system.decide_at(&mine, now.plus(3_600), true), false),
        ("The same in production: no development accepted", system.decide_at(&mine, now, false), false),
    ];
    out.line("");
    Ok(cases.into_iter().map(|(title, decision, good)| tell(out, title, decision, good)).collect())
}

fn tell(out: &mut Output, title: &'static str, decision: Decision, expect_in: bool) -> Access {
    let (good, word) = match decision {
        Decision::LetIn => (true, "let in".to_owned()),
        Decision::Refuse { because } => (false, because),
    };
    screen::decision(out, good, title, &word);
    Access { title, decision: word, as_expected: good == expect_in }
}

/// The same token for another device family, signature untouched.
fn edited(jwt: &str) -> Result<String, Problem> {
    let parts: Vec<_> = jwt.split('.').collect();
    let [header, payload, signature] = parts.as_slice() else { return Err(Problem::new("not a JWT")) };
    let payload = URL_SAFE_NO_PAD.decode(payload).map_err(Problem::of)?;
    let payload = String::from_utf8(payload).map_err(Problem::of)?.replace(FAMILY, "payment-server");
    Ok(format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(payload)))
}

fn farewell(out: &mut Output, report: &Report) {
    screen::chapter(out, 6, "Next");
    let good = report.devices.iter().filter(|device| device.status == "affirming").count();
    let bad = report.devices.len() - good;
    screen::text(out, &format!("{good} device affirmed, {bad} refused, each for its own reason."));
    out.line("");
    screen::text(out, "Your own machine, if it has a TPM (the README's tour goes on from here):");
    screen::command(out, "attest eventlog /sys/kernel/security/tpm0/binary_bios_measurements");
    screen::text(out, "Everything about one refusal, as a program sees it:");
    screen::command(out, "attest demo --json");
    screen::text(out, "This server to talk to, until Ctrl-C:");
    screen::command(out, "attest demo --keep");
}

/// Says what one can ask the server while it stays.
fn invite(server: &Running, folder: &Path, out: &mut Output) {
    if !out.wants_json() {
        screen::chapter(out, 7, "Still running, until Ctrl-C");
        screen::field(out, "gRPC", &format!("{} (with reflection)", server.grpc()));
        screen::field(out, "HTTP", &format!("http://{}/.well-known/openid-configuration", server.http()));
        screen::field(out, "files", &format!("{} (golden.toml, tpm-maker.der)", folder.display()));
        screen::text(out, "For example:");
        let url = format!("http://{}/attest.v1.Devices/List", server.grpc());
        screen::command(out, &format!("buf curl --protocol grpc --http2-prior-knowledge -d '{{}}' {url}"));
        screen::command(out, &format!("curl http://{}/.well-known/jwks.json", server.http()));
    }
    out.flush();
}

#[cfg(test)]
mod tests;
