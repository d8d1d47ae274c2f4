//! File, environment, flags: each beats the one before.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use attest_core::toml_error::described;
use toml::{Table, Value};

use super::{Config, releases};
use crate::file;

/// Bytes of a configuration file.
const FILE_BYTES: u64 = 1 << 20;

/// Why there is no configuration. All of these are the operator's to mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A golden document where only releases count.
    #[error("families.{0}.golden: a document that nobody released, but releases.production is set")]
    DevelopmentGolden(String),
    /// `--development` with an address that others can reach.
    #[error("--development listens on loopback only, but {0} is {1}")]
    DevelopmentNotLoopback(&'static str, SocketAddr),
    /// `--development` together with certificates.
    #[error("--development is without TLS, but tls.certificate is set: choose one")]
    DevelopmentWithTls,
    /// A file cannot be read.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// A setting has a value that makes no sense.
    #[error("{setting}: {problem}")]
    Invalid {
        /// Its path.
        setting: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Not TOML, an unknown setting, or a value of the wrong type.
    #[error("{origin}: {problem}")]
    Malformed {
        /// The file or variable.
        origin: String,
        /// What is wrong, and where.
        problem: String,
    },
    /// There is no certificate and no `--development`.
    #[error(
        "no TLS: set tls.certificate and tls.key, or start with --development (plain text on loopback, and every verdict says so)"
    )]
    NoTls,
    /// An environment variable that looks like a setting names none.
    #[error("{variable}: there is no setting {setting}")]
    UnknownVariable {
        /// The variable.
        variable: String,
        /// The path that it stands for.
        setting: String,
    },
}

impl Error {
    /// Stable name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DevelopmentGolden(_) => "config_development_golden",
            Self::DevelopmentNotLoopback(..) => "config_development_not_loopback",
            Self::DevelopmentWithTls => "config_development_with_tls",
            Self::File(..) => "config_file_unreadable",
            Self::Invalid { .. } => "config_setting_invalid",
            Self::Malformed { .. } => "config_malformed",
            Self::NoTls => "config_no_tls",
            Self::UnknownVariable { .. } => "config_variable_unknown",
        }
    }
}

/// What the command line sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--development`.
    pub development: bool,
    /// `--listen-grpc`.
    pub grpc: Option<SocketAddr>,
    /// `--listen-http`.
    pub http: Option<SocketAddr>,
    /// `--data-directory`.
    pub data_directory: Option<PathBuf>,
}

impl Config {
    /// Reads the file, if one is named, lays the environment over it and the flags over both, and checks the whole.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        overrides: Overrides,
    ) -> Result<Self, Error> {
        let mut config = match file {
            Some(path) => Self::from_toml(&read(path)?, &path.display().to_string(), environment)?,
            None => Self::from_toml("", "defaults", environment)?,
        };
        if let Some(grpc) = overrides.grpc {
            config.listen.grpc = grpc;
        }
        if let Some(http) = overrides.http {
            config.listen.http = http;
        }
        if let Some(directory) = overrides.data_directory {
            config.data_directory = directory;
        }
        config.development = overrides.development;
        config.check()?;
        Ok(config)
    }

    fn from_toml(
        text: &str,
        origin: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Error> {
        let malformed = |error: toml::de::Error| Error::Malformed {
            origin: origin.to_owned(),
            problem: described(text, &error),
        };
        // The file by itself first: its errors then name its own lines.
        toml::from_str::<Self>(text).map_err(malformed)?;
        let mut settings: Table = toml::from_str(text).map_err(malformed)?;
        for (variable, value) in environment {
            let Some(path) = setting_path(&variable) else { continue };
            set(&mut settings, &path, parse_value(&value));
            // One after the other, so that an error names its variable.
            Self::from_table(&settings).map_err(|problem| {
                let setting = path.join(".");
                if problem.contains("unknown field") {
                    Error::UnknownVariable { variable: variable.clone(), setting }
                } else {
                    Error::Malformed { origin: variable.clone(), problem }
                }
            })?;
        }
        Self::from_table(&settings).map_err(|problem| Error::Malformed { origin: origin.to_owned(), problem })
    }

    fn from_table(settings: &Table) -> Result<Self, String> {
        settings.clone().try_into().map_err(|error: toml::de::Error| error.message().to_owned())
    }

    /// Holds the settings against one another.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn check(&self) -> Result<(), Error> {
        if self.development {
            if self.tls.certificate.is_some() || self.tls.client_ca.is_some() {
                return Err(Error::DevelopmentWithTls);
            }
            for (name, address) in [("listen.grpc", self.listen.grpc), ("listen.http", self.listen.http)] {
                if !address.ip().is_loopback() {
                    return Err(Error::DevelopmentNotLoopback(name, address));
                }
            }
        } else if self.tls.certificate.is_none() || self.tls.key.is_none() {
            return Err(Error::NoTls);
        }
        self.check_numbers()?;
        if let Some(authority) = &self.authority {
            authority.check(self)?;
        }
        releases::check_families(self)?;
        if let Some(releases) = &self.releases {
            releases.check(self)?;
        }
        for fingerprint in &self.tls.admin_certificates_sha256 {
            if hex::decode(fingerprint).map_or(0, |bytes| bytes.len()) != 32 {
                return Err(invalid(
                    "tls.admin_certificates_sha256",
                    format!("`{fingerprint}` is not 64 hex digits"),
                ));
            }
        }
        if !self.tls.admin_certificates_sha256.is_empty() && self.tls.client_ca.is_none() {
            return Err(invalid("tls.admin_certificates_sha256", "needs tls.client_ca".to_owned()));
        }
        for name in self.families.keys() {
            if !is_family_name(name) {
                return Err(invalid(
                    "families",
                    format!(
                        "`{}` is not a name: up to 64 letters, digits, `.`, `_`, `-`",
                        name.escape_debug()
                    ),
                ));
            }
        }
        if let Some(issuer) = &self.token.issuer
            && !(issuer.starts_with("https://") || (self.development && issuer.starts_with("http://")))
        {
            return Err(invalid("token.issuer", format!("`{issuer}` is not an https:// address")));
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), Error> {
        const DAY: u64 = 86_400;
        let l = &self.limits;
        let narrow = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let ranges: [(&str, u64, u64, u64); 12] = [
            ("challenge.expires_seconds", self.challenge.expires_seconds, 1, 3_600),
            ("enrollment.expires_seconds", self.enrollment.expires_seconds, 1, 3_600),
            ("enrollment.max_open", self.enrollment.max_open.into(), 1, 1 << 24),
            ("limits.connections", narrow(l.connections), 1, 1 << 20),
            ("limits.evidence_message_bytes", narrow(l.evidence_message_bytes), 1 << 10, 1 << 30),
            ("limits.handshake_seconds", l.handshake_seconds, 1, 600),
            ("limits.incoming_bytes", narrow(l.incoming_bytes), narrow(l.evidence_message_bytes), 1 << 40),
            ("limits.message_bytes", narrow(l.message_bytes), 1 << 10, 1 << 24),
            ("limits.request_seconds", l.request_seconds, 1, 3_600),
            ("limits.requests_per_connection", l.requests_per_connection.into(), 1, 1 << 16),
            ("limits.shutdown_seconds", l.shutdown_seconds, 0, 3_600),
            ("token.lifetime_seconds", self.token.lifetime_seconds, 1, DAY),
        ];
        for (setting, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(invalid(setting, format!("{value} is not within {least} to {most}")));
            }
        }
        Ok(())
    }
}

/// Whether a family may have this name. It stands in logs and tokens.
#[must_use]
pub(crate) fn is_family_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

pub(super) fn invalid(setting: &str, problem: String) -> Error {
    Error::Invalid { setting: setting.to_owned(), problem }
}

fn read(path: &Path) -> Result<String, Error> {
    file::read_text(path, FILE_BYTES).map_err(|error| Error::File(path.to_owned(), error))
}

/// `ATTEST_LISTEN__GRPC` → listen, grpc. Variables without two underscores belong to others (`ATTEST_SHARED`), but for the few settings that
/// stand at the top.
fn setting_path(variable: &str) -> Option<Vec<String>> {
    let name = variable.strip_prefix("ATTEST_")?;
    if name != "DATA_DIRECTORY" && !name.contains("__") {
        return None;
    }
    Some(name.split("__").map(str::to_ascii_lowercase).collect())
}

/// A TOML value where it is one (`7`, `["a"]`, `true`), else a string: `127.0.0.1:0` needs no quotes then.
fn parse_value(text: &str) -> Value {
    toml::from_str::<Table>(&format!("v = {text}"))
        .ok()
        .filter(|table| table.len() == 1)
        .and_then(|mut table| table.remove("v"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn set(table: &mut Table, path: &[String], value: Value) {
    match path {
        [] => {}
        [last] => {
            table.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            let inner = table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new()));
            if !inner.is_table() {
                *inner = Value::Table(Table::new());
            }
            if let Value::Table(inner) = inner {
                set(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
