//! The real server as a child process.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use tpm_sim::client;
use tpm_sim::descriptors::without_ours;

use crate::binary;

/// A running server. Dropping it kills it with SIGKILL.
#[derive(Debug)]
pub struct Server {
    child: Child,
    grpc: SocketAddr,
    http: SocketAddr,
    log: PathBuf,
    scheme: &'static str,
}

impl Server {
    /// Starts `attest serve` on free ports and waits until it listens.
    ///
    /// # Panics
    /// If it does not come up.
    #[must_use]
    pub fn start(arguments: &[&str], config: &Path) -> Server {
        Server::start_with(arguments, config, &[])
    }

    /// The same in another environment.
    ///
    /// # Panics
    /// If it does not come up.
    #[must_use]
    pub fn start_with(arguments: &[&str], config: &Path, environment: &[(String, String)]) -> Server {
        let log = config.with_extension("log");
        let file = File::options().create(true).append(true).open(&log).expect("a log file");
        // Should the test itself be killed, the server goes with it.
        let mut child = without_ours("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(binary("attest-server", "attest"))
            .args([
                "serve",
                "--json",
                "--listen-grpc",
                "127.0.0.1:0",
                "--listen-http",
                "127.0.0.1:0",
                "--config",
            ])
            .arg(config)
            .args(arguments)
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .expect("setpriv (util-linux) starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let Ok(started) = serde_json::from_str::<serde_json::Value>(&line) else {
            panic!("attest serve did not start: {}", std::fs::read_to_string(&log).unwrap_or_default());
        };
        let address =
            |name: &str| started[name].as_str().and_then(|text| text.parse().ok()).expect("an address");
        let scheme = if arguments.contains(&"--development") { "http" } else { "https" };
        Server { grpc: address("grpc"), http: address("http"), child, log, scheme }
    }

    /// The address of gRPC as clients write it.
    #[must_use]
    pub fn url(&self) -> String {
        // Certificates of the tests name localhost.
        match self.scheme {
            "http" => format!("http://{}", self.grpc),
            _ => format!("https://localhost:{}", self.grpc.port()),
        }
    }

    /// A connection in plain text.
    ///
    /// # Panics
    /// If nobody answers.
    pub async fn connect(&self) -> client::Server {
        let address = client::Address { url: self.url(), ..client::Address::default() };
        client::Server::connect(&address).await.expect("the server answers")
    }

    /// SIGKILL, in the middle of whatever it does.
    ///
    /// # Panics
    /// If there is no such process.
    pub fn kill(mut self) {
        self.child.kill().expect("the server runs");
        self.child.wait().expect("the server ends");
    }

    /// What the server wrote to its log so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The body of an HTTP document.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.http).expect("HTTP answers");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .expect("a request");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("a reply");
        let (head, body) = reply.split_once("\r\n\r\n").expect("a body");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        body.to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
