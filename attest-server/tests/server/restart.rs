use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use attest_proto::v1;
use tonic::Code;

use crate::{
    harness::{Clients, FAMILY, answer, config_in, enrolled, refusal},
    soft_tpm::{Maker, SoftTpm},
};

#[tokio::test]
async fn a12_challenges_survive_a_restart_spent_ones_too() {
    let (server, mut clients, tpm, device_id) = enrolled().await;
    let spent = clients.challenge(&device_id).await.unwrap();
    clients.verify(&spent.challenge_id, answer(&spent, &tpm)).await.unwrap();
    let open = clients.challenge(&device_id).await.unwrap();
    drop(clients);

    let server = server.restart().await;
    let mut clients = server.clients().await;
    let again = clients.verify(&spent.challenge_id, answer(&spent, &tpm)).await;
    assert_eq!(refusal(again), (Code::NotFound, "challenge_spent".to_owned()));
    let response = clients.verify(&open.challenge_id, answer(&open, &tpm)).await.unwrap();
    assert!(response.verdict.unwrap().proven.is_some());
}

/// The real program, killed when dropped.
struct Process {
    child: Child,
    grpc: std::net::SocketAddr,
}

impl Process {
    fn start(config: &Path) -> Self {
        Self::start_logging(config, Stdio::null())
    }

    fn start_logging(config: &Path, log: Stdio) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_attest"))
            .args(["serve", "--development", "--json", "--config"])
            .arg(config)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let started: serde_json::Value = serde_json::from_str(&line).unwrap();
        Self { child, grpc: started["grpc"].as_str().unwrap().parse().unwrap() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn config_file(folder: &Path, maker: &Maker) -> std::path::PathBuf {
    let config = config_in(folder, maker);
    let text = format!(
        "data_directory = {:?}\nlisten = {{ grpc = '127.0.0.1:0', http = '127.0.0.1:0' }}\n\
         enrollment.ek_roots = [{:?}]\n[families.{FAMILY}]\ngolden = {:?}\n",
        config.data_directory, config.enrollment.ek_roots[0], config.families[FAMILY].golden,
    );
    let path = folder.join("attest.toml");
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn a54_sigkill_loses_nothing_that_was_acknowledged() {
    let (folder, maker) = (tempfile::tempdir().unwrap(), Maker::new());
    let config = config_file(folder.path(), &maker);
    let mut tpm = SoftTpm::new(&maker);

    let server = Process::start(&config);
    let mut clients = Clients::connect(server.grpc).await;
    let device_id = clients.enroll(&mut tpm).await.unwrap();
    let spent = clients.challenge(&device_id).await.unwrap();
    clients.verify(&spent.challenge_id, answer(&spent, &tpm)).await.unwrap();
    let open = clients.challenge(&device_id).await.unwrap();
    drop(server);

    let server = Process::start(&config);
    let mut clients = Clients::connect(server.grpc).await;
    let again = clients.verify(&spent.challenge_id, answer(&spent, &tpm)).await;
    assert_eq!(refusal(again), (Code::NotFound, "challenge_spent".to_owned()));
    clients.verify(&open.challenge_id, answer(&open, &tpm)).await.unwrap();
    let again = clients.verify(&open.challenge_id, answer(&open, &tpm)).await;
    assert_eq!(refusal(again), (Code::NotFound, "challenge_spent".to_owned()));
}

#[tokio::test]
async fn sigterm_stops_the_program_in_good_order() {
    let (folder, maker) = (tempfile::tempdir().unwrap(), Maker::new());
    let config = config_file(folder.path(), &maker);
    let text = std::fs::read_to_string(&config).unwrap();
    // Whoever waits for clients waits for longer than the test.
    std::fs::write(
        &config,
        format!("limits = {{ handshake_seconds = 600, shutdown_seconds = 600 }}\n{text}"),
    )
    .unwrap();
    let mut server = Process::start(&config);
    // Idle clients do not hold it up.
    let _clients = Clients::connect(server.grpc).await;
    let _silent = tokio::net::TcpStream::connect(server.grpc).await.unwrap();
    Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status().unwrap();
    let status = tokio::task::spawn_blocking(move || {
        let status = server.child.wait().unwrap();
        std::mem::forget(server);
        status
    });
    let status = tokio::time::timeout(std::time::Duration::from_secs(60), status).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn a58_nothing_that_a_client_sends_forges_a_log_line() {
    const FORGED: &str = "x\n2026-01-01T00:00:00Z ERROR forged\u{1b}[31m\u{202e}";
    for format in ["json", "pretty"] {
        let (folder, maker) = (tempfile::tempdir().unwrap(), Maker::new());
        let config = config_file(folder.path(), &maker);
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, format!("log = {{ format = '{format}', filter = 'debug' }}\n{text}"))
            .unwrap();
        let log = folder.path().join("log");
        let server = Process::start_logging(&config, std::fs::File::create(&log).unwrap().into());
        let mut clients = Clients::connect(server.grpc).await;
        let mut tpm = SoftTpm::new(&maker);
        let device_id = clients.enroll(&mut tpm).await.unwrap();
        let because = FORGED.to_owned();
        clients.devices.revoke(v1::RevokeRequest { device_id: device_id.clone(), because }).await.unwrap();
        clients.challenge(FORGED).await.unwrap_err();
        clients.challenge(&format!("{device_id}{FORGED}")).await.unwrap_err();
        clients.device(FORGED).await.unwrap_err();
        clients.activate(FORGED, vec![]).await.unwrap_err();
        clients.verify(FORGED, v1::Evidence::default()).await.unwrap_err();
        let begin = v1::BeginRequest { family: FORGED.to_owned(), ..v1::BeginRequest::default() };
        clients.enrollment.begin(begin).await.unwrap_err();
        let mut request = tonic::Request::new(v1::ListRequest::default());
        request.metadata_mut().insert("x-request-id", "x ERROR forged".parse().unwrap());
        clients.devices.list(request).await.unwrap();
        drop(server);

        let log = std::fs::read_to_string(&log).unwrap();
        assert!(log.contains("device revoked") && log.contains(&device_id), "{log}");
        assert!(!log.contains("forged") && !log.contains('\u{1b}') && !log.contains('\u{202e}'), "{log}");
    }
}

#[test]
fn refuses_to_start_without_tls_or_with_unknown_settings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("attest.toml");
    let run = |arguments: &[&str]| {
        // A server that does start here would run for ever.
        let program = ["120", env!("CARGO_BIN_EXE_attest"), "serve"];
        let output = Command::new("timeout").args(program).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, text) = run(&[]);
    assert_eq!(code, Some(2));
    assert!(
        text.contains("no TLS") && text.contains("--development") && text.contains("config_no_tls"),
        "{text}"
    );
    let (code, text) = run(&["--development", "--listen-grpc", "0.0.0.0:0"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("loopback"), "{text}");
    std::fs::write(&path, "lisen = 1").unwrap();
    let (code, text) = run(&["--development", "--config", path.to_str().unwrap()]);
    assert_eq!(code, Some(2));
    assert!(text.contains("lisen") && text.contains("attest.toml"), "{text}");
}
