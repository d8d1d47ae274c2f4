//! `attest serve`.

use std::{env, io, net::SocketAddr, path::PathBuf};

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Exit, Failure, Output};
use crate::{
    config::{Config, Overrides},
    server, telemetry,
};

/// Run the verifier: gRPC for devices, HTTPS for those who check its tokens.
///
/// Settings come from the file, then from the environment (`ATTEST_LISTEN__GRPC` is `listen.grpc`), then from the flags.
#[derive(Args, Debug)]
pub(super) struct Serve {
    /// The configuration, TOML.
    #[arg(long, env = "ATTEST_CONFIG")]
    config: Option<PathBuf>,

    /// Without TLS, on loopback only; every verdict says so.
    #[arg(long)]
    development: bool,

    /// Where gRPC listens. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen_grpc: Option<SocketAddr>,

    /// Where `/.well-known/…` listens. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen_http: Option<SocketAddr>,

    /// For the store and the signing key.
    #[arg(long)]
    data_directory: Option<PathBuf>,
}

impl Serve {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let overrides = Overrides {
            development: self.development,
            grpc: self.listen_grpc,
            http: self.listen_http,
            data_directory: self.data_directory,
        };
        let environment =
            env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        let config = Config::load(self.config.as_deref(), environment, overrides)
            .map_err(|error| Failure::usage(error.code(), error))?;
        telemetry::start(&config.log).map_err(|error| Failure::usage("config_setting_invalid", error))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::fault("runtime", error))?;
        runtime.block_on(serve(config, out))
    }
}

async fn serve(config: Config, out: &mut Output) -> Result<Exit, Failure> {
    let development = config.development;
    // Before anyone can know that the server runs, and so ask it to stop.
    let mut signals = Signals::listen().map_err(|error| Failure::fault("signals", error))?;
    let server = server::start(config).await.map_err(|error| Failure::usage("server_not_started", error))?;
    // One line that programs can wait for: the ports may have been chosen by the system.
    if out.wants_json() {
        out.json_line(&serde_json::json!({
            "grpc": server.grpc(), "http": server.http(), "issuer": server.issuer(), "development": development,
        }));
    } else {
        let (grpc, http) = (server.grpc(), server.http());
        let scheme = if development { "http" } else { "https" };
        out.line(format_args!("gRPC on {grpc}, {scheme}://{http}/.well-known/openid-configuration"));
        if development {
            out.line("Development: no TLS, and every verdict says so.");
        }
    }
    out.flush();
    signals.any().await;
    server.stop().await;
    Ok(Exit::Good)
}

/// The signals by which a program is asked to end.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    pub(super) async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
