//! `attest release deliver`: revocations brought to verifiers by file. They count there at once, whether the log has them or not, or says so.

use std::path::PathBuf;

use attest_core::Limits;
use attest_core::release::delivery::Delivery;
use attest_core::release::object::Object as _;
use clap::Args;
use serde_json::json;

use super::Desk;
use super::home::Home;
use super::remote::Verifier;
use crate::cli::{Exit, Failure, Output, Style, input, printable};
use crate::remote::Names;

/// Flags of `deliver`.
#[derive(Args, Debug)]
pub(super) struct Deliver {
    /// Revocations, as `attest release revoke --out` writes them
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// A verifier: `https://host:port`, or `http://127.0.0.1:port` in development; may be repeated
    #[arg(long = "verifier", value_name = "URL", required = true)]
    verifiers: Vec<String>,
    #[command(flatten)]
    access: Access,
}

/// How verifiers are reached: as one of their administrators.
#[derive(Args, Clone, Debug)]
struct Access {
    /// The roots of the verifiers' https, PEM; `ca` in release.toml without it
    #[arg(long, value_name = "FILE")]
    verifier_ca: Option<PathBuf>,
    /// A certificate that they know as an administrator's, PEM; `certificate` in release.toml without it
    #[arg(long, value_name = "FILE", requires = "admin_key")]
    admin_certificate: Option<PathBuf>,
    /// Its private key
    #[arg(long, value_name = "FILE", requires = "admin_certificate")]
    admin_key: Option<PathBuf>,
}

impl Deliver {
    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let limits = Limits::DEFAULT;
        let read = |path: &PathBuf| {
            let bytes = input::read_file(path, Delivery::most_bytes(&limits))?;
            // What is none is told before anybody is asked.
            let read = Delivery::read(&bytes, &limits).map(|(delivery, _)| delivery);
            read.map_err(|error| Failure::malformed(error.code(), format!("{}: {error}", path.display())))
        };
        let deliveries = self.files.iter().map(read).collect::<Result<Vec<_>, Failure>>()?;
        // Whoever stands at a verifier need not have a desk.
        let home = desk.home().ok();
        let delivered = self.access.deliver(&deliveries, &self.verifiers, home.as_ref());
        tell(&delivered, out);
        Ok(done(&delivered))
    }
}

/// What a verifier said.
struct Delivered {
    verifier: String,
    refused: Option<Failure>,
}

impl Access {
    /// To each of the verifiers, whatever others say.
    fn deliver(&self, deliveries: &[Delivery], verifiers: &[String], home: Option<&Home>) -> Vec<Delivered> {
        let one = |verifier: &String| {
            let taken = self
                .connect(verifier, home)
                .and_then(|remote| deliveries.iter().try_for_each(|delivery| remote.hold(delivery.clone())));
            Delivered { verifier: verifier.clone(), refused: taken.err() }
        };
        verifiers.iter().map(one).collect()
    }

    fn connect(&self, url: &str, home: Option<&Home>) -> Result<Verifier, Failure> {
        let ca = self.verifier_ca.as_deref().or_else(|| home?.ca.as_deref());
        let flags = self.admin_certificate.as_deref().zip(self.admin_key.as_deref());
        let own = flags.or_else(|| home?.certificate.as_deref().zip(home?.certificate_key.as_deref()));
        if url.starts_with("https:") && ca.is_none() {
            let detail = "whose verifiers are trusted? --verifier-ca FILE, or `ca` in release.toml";
            return Err(Failure::usage("ca_missing", detail));
        }
        Verifier::connect(&Names { url, ca, own })
    }
}

/// For people and programs.
fn tell(delivered: &[Delivered], out: &mut Output) {
    if out.wants_json() {
        return out.json(&json!({ "delivered": json(delivered) }));
    }
    for one in delivered {
        let (style, words) = match &one.refused {
            None => (Style::Good, "knows it".to_owned()),
            Some(failure) => (Style::Bad, failure.to_line()),
        };
        let words = out.paint(style, printable(&words));
        out.line(format!("{}: {words}", printable(&one.verifier)));
    }
}

/// For programs.
fn json(delivered: &[Delivered]) -> serde_json::Value {
    let one = |one: &Delivered| {
        let refused = one.refused.as_ref();
        json!({ "verifier": one.verifier, "held": refused.is_none(), "because": refused.map(Failure::to_line) })
    };
    delivered.iter().map(one).collect()
}

/// Good where everyone took it, and else as the worst of what was said.
fn done(delivered: &[Delivered]) -> Exit {
    let refused = delivered.iter().filter_map(|one| one.refused.as_ref()).map(Failure::exit);
    refused.max_by_key(|exit| exit.code()).unwrap_or(Exit::Good)
}
