use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

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
        let mut child = Command::new(env!("CARGO_BIN_EXE_attest"))
            .args(["serve", "--development", "--json", "--config"])
            .arg(config)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
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
    let mut server = Process::start(&config_file(folder.path(), &maker));
    // An idle client does not hold it up.
    let _clients = Clients::connect(server.grpc).await;
    Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status().unwrap();
    let status = tokio::task::spawn_blocking(move || {
        let status = server.child.wait().unwrap();
        std::mem::forget(server);
        status
    });
    let status = tokio::time::timeout(std::time::Duration::from_secs(10), status).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn refuses_to_start_without_tls_or_with_unknown_settings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("attest.toml");
    let run = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_attest")).arg("serve").args(arguments).output().unwrap();
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
