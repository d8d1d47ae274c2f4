//! The server as it runs outside development: TLS, and clients that show a certificate.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use attest_tests::{FAMILY, Member, Server, Site, binary, run};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tpm_sim::client::{self, Address, Error};

type Ca = CertifiedIssuer<'static, KeyPair>;

fn ca(name: &str) -> Ca {
    let mut parameters = CertificateParams::new([]).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

/// Certificate and key, PEM, for `localhost`.
fn issue(ca: &Ca, usage: ExtendedKeyUsagePurpose) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new(["localhost".to_owned()]).unwrap();
    parameters.extended_key_usages = vec![usage];
    let certificate = parameters.signed_by(&key, ca).unwrap();
    (certificate.pem(), key.serialize_pem())
}

/// A site whose server has TLS and wants client certificates.
struct Guarded {
    site: Site,
    server: Server,
}

impl Guarded {
    fn new() -> Guarded {
        let site = Site::new();
        let (servers, clients, strangers) = (ca("servers"), ca("clients"), ca("strangers"));
        let write = |name: &str, text: &str| fs::write(site.path(name), text).unwrap();
        write("server-ca.pem", &servers.pem());
        write("client-ca.pem", &clients.pem());
        for (name, (certificate, key)) in [
            ("server", issue(&servers, ExtendedKeyUsagePurpose::ServerAuth)),
            ("client", issue(&clients, ExtendedKeyUsagePurpose::ClientAuth)),
            ("stranger", issue(&strangers, ExtendedKeyUsagePurpose::ClientAuth)),
        ] {
            write(&format!("{name}.pem"), &certificate);
            write(&format!("{name}.key"), &key);
        }
        let config = fs::read_to_string(site.path("attest.toml")).unwrap();
        let tls = format!(
            "[tls]\ncertificate = {:?}\nkey = {:?}\nclient_ca = {:?}\n",
            site.path("server.pem"),
            site.path("server.key"),
            site.path("client-ca.pem")
        );
        write("tls.toml", &(config + &tls));
        let server = Server::start(&[], &site.path("tls.toml"));
        Guarded { site, server }
    }

    fn address(&self, ca: &str, client: Option<&str>) -> Address {
        let file = |name: String| -> PathBuf { self.site.path(&name) };
        Address {
            url: self.server.url(),
            ca: Some(file(ca.to_owned())),
            certificate: client.map(|name| file(format!("{name}.pem"))),
            key: client.map(|name| file(format!("{name}.key"))),
        }
    }

    /// Whether a client with these files gets an answer to anything.
    async fn is_answered(&self, ca: &str, client: Option<&str>) -> bool {
        // TLS 1.3 tells a client that its certificate is refused only after the handshake.
        match client::Server::connect(&self.address(ca, client)).await {
            Err(_) => false,
            Ok(server) => {
                let asked = server.challenge("dev-0123456789abcdef0123456789abcdef", &[]).await;
                matches!(asked, Err(Error::Refused { reason, .. }) if reason == "subject_key_malformed")
            }
        }
    }
}

#[tokio::test]
async fn a56_only_clients_with_a_certificate_of_the_configured_authority_are_answered() {
    let guarded = Guarded::new();
    assert!(guarded.is_answered("server-ca.pem", Some("client")).await);
    assert!(!guarded.is_answered("server-ca.pem", None).await);
    assert!(!guarded.is_answered("server-ca.pem", Some("stranger")).await);
    // And the client does not talk to a server that its root does not know.
    assert!(!guarded.is_answered("client-ca.pem", Some("client")).await);
}

#[test]
fn the_agent_attests_over_mutual_tls() {
    let guarded = Guarded::new();
    let member = Member::new(&guarded.site);
    let path = |name: &str| guarded.site.path(name).to_str().unwrap().to_owned();
    fs::write(path("intermediate.pem"), guarded.site.maker().intermediate_pem().unwrap()).unwrap();
    fs::write(path("log"), member.record.log.bytes()).unwrap();
    fs::write(path("ima"), member.record.ima.bytes()).unwrap();
    let agent = |command: &str, arguments: &[&str]| {
        let mut agent = Command::new(binary("tpm-sim", "attest-agent"));
        agent.arg(command).args(["--tcti", &member.tpm.tcti(), "--server", &guarded.server.url()]);
        agent.args([
            "--ca",
            &path("server-ca.pem"),
            "--cert",
            &path("client.pem"),
            "--key",
            &path("client.key"),
        ]);
        run(agent.args(["--state-dir", &path("agent")]).args(arguments))
    };
    let (code, _, words) =
        agent("enrol", &["--family", FAMILY, "--intermediates", &path("intermediate.pem")]);
    assert_eq!(code, 0, "{words}");
    let (code, text, words) =
        agent("attest", &["--event-log", &path("log"), "--ima", &path("ima"), "--out", &path("token.jwt")]);
    assert_eq!(code, 0, "{text}{words}");
    // Nobody signed the golden values, and the verdict says so, TLS or not.
    assert!(text.starts_with("affirming (development"), "{text}");
}
