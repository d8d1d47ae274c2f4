//! The section `[authority]`: this server keeps the log of releases.

use std::collections::BTreeMap;
use std::path::PathBuf;

use attest_core::release::{Name, ObjectId};
use hyper::Uri;
use serde::Deserialize;

use super::load::invalid;
use super::{Config, Error};

/// The log of releases and the mailbox before it. Without this section the server keeps none.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// The log's folder; `log` in the data directory if absent.
    #[serde(default)]
    pub folder: Option<PathBuf>,
    /// The file of the log's key, `PRIVATE+KEY+name+id+key` (`attest audit new-key`). Its name is the log's origin.
    pub log_key: PathBuf,
    /// SHA-256 of the first policy, `sha256:` and 64 digits: the authority itself.
    pub policy_pin: String,
    /// The first policy. Read when the log is begun, and not needed after that.
    #[serde(default)]
    pub first_policy: Option<PathBuf>,
    /// The one name in the client certificate of the signer. Without it nobody may say that something was signed.
    #[serde(default)]
    pub signer_name: Option<String>,
    /// Where witnesses take checkpoints, by the names that the policy gives them.
    #[serde(default)]
    pub witnesses: BTreeMap<String, String>,
    /// PEM: the roots of witnesses that are reached over https.
    #[serde(default)]
    pub witness_ca: Option<PathBuf>,
    /// A message with a request's objects, or with a bundle: golden values may have 64 MB.
    #[serde(default = "message_bytes")]
    pub message_bytes: usize,
    /// Leaves about what was turned away, for one caller in an hour. What comes beyond that is turned away as well, and only logged.
    #[serde(default = "denials_per_hour")]
    pub denials_per_hour: u32,
    /// Calls of Watch at a time.
    #[serde(default = "watchers")]
    pub watchers: usize,
    /// After so long without a new leaf, witnesses are asked again, so that verifiers know that the log is as it was.
    #[serde(default = "refresh_seconds")]
    pub refresh_seconds: u64,
}

const fn message_bytes() -> usize {
    96 << 20
}

const fn denials_per_hour() -> u32 {
    60
}

const fn watchers() -> usize {
    256
}

const fn refresh_seconds() -> u64 {
    600
}

impl Authority {
    /// The pinned policy; nothing where the configuration is refused.
    #[must_use]
    pub fn pin(&self) -> Option<ObjectId> {
        ObjectId::from_text(&self.policy_pin)
    }

    /// Holds the settings against one another.
    pub(super) fn check(&self, config: &Config) -> Result<(), Error> {
        if self.pin().is_none() {
            return Err(invalid("authority.policy_pin", "expected sha256: and 64 digits".to_owned()));
        }
        // Callers are known by their certificates, and by nothing else.
        if !config.development && config.tls.client_ca.is_none() {
            return Err(invalid("authority", "needs tls.client_ca".to_owned()));
        }
        if let Some(name) = &self.signer_name {
            Name::try_from(name.as_str())
                .map_err(|error| invalid("authority.signer_name", error.to_string()))?;
        }
        for (name, url) in &self.witnesses {
            let setting = format!("authority.witnesses.{name}");
            Name::try_from(name.as_str()).map_err(|error| invalid(&setting, error.to_string()))?;
            let scheme = url.parse::<Uri>().ok().filter(|url| url.host().is_some());
            match scheme.as_ref().and_then(Uri::scheme_str) {
                Some("http") => {}
                Some("https") if self.witness_ca.is_some() => {}
                Some("https") => return Err(invalid(&setting, "needs authority.witness_ca".to_owned())),
                _ => return Err(invalid(&setting, format!("`{url}` is not an http:// or https:// address"))),
            }
        }
        let narrow = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let ranges = [
            (
                "authority.message_bytes",
                narrow(self.message_bytes),
                1 << 20,
                narrow(config.limits.incoming_bytes),
            ),
            ("authority.denials_per_hour", self.denials_per_hour.into(), 0, 1 << 16),
            ("authority.watchers", narrow(self.watchers), 1, 1 << 16),
            ("authority.refresh_seconds", self.refresh_seconds, 1, 86_400),
        ];
        for (setting, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(invalid(setting, format!("{value} is not within {least} to {most}")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    fn load(text: &str, development: bool) -> Result<Config, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Config::load(Some(file.path()), [], Overrides { development, ..Overrides::default() })
    }

    fn section(more: &str) -> String {
        format!("[authority]\nlog_key = 'k'\npolicy_pin = 'sha256:{}'\n{more}", "0a".repeat(32))
    }

    #[test]
    fn the_section_is_there_or_not() {
        assert_eq!(load("", true).unwrap().authority, None);
        let authority = load(&section(""), true).unwrap().authority.unwrap();
        assert_eq!((authority.message_bytes, authority.watchers), (96 << 20, 256));
        assert!(authority.pin().is_some());
        assert_eq!(load("[authority]\nlog_key = 'k'", true).unwrap_err().code(), "config_malformed");
        assert_eq!(load(&section("keys = 1"), true).unwrap_err().code(), "config_malformed");
    }

    #[test]
    fn a56_callers_without_certificates_are_for_development() {
        let tls = "[tls]\ncertificate = 'c'\nkey = 'k'\n";
        let error = load(&format!("{tls}{}", section("")), false).unwrap_err();
        assert_eq!(error.to_string(), "authority: needs tls.client_ca");
        assert!(load(&format!("{tls}client_ca = 'ca'\n{}", section("")), false).is_ok());
    }

    #[test]
    fn senseless_values_are_named() {
        let pin = |pin: &str| format!("[authority]\nlog_key = 'k'\npolicy_pin = '{pin}'");
        for text in [
            &pin("sha256:00"),
            &pin(&"0a".repeat(32)),
            &pin(&format!("sha256:{}", "0A".repeat(32))),
            &section("message_bytes = 7"),
            &section("message_bytes = 268435457"),
            &section("watchers = 0"),
            &section("refresh_seconds = 0"),
            &section("signer_name = 'Signer'"),
            &section("witnesses = { own = 'witness.example' }"),
            &section("witnesses = { own = 'ftp://witness.example' }"),
            &section("witnesses = { own = 'https://witness.example' }"),
            &section("witnesses = { Own = 'http://witness.example' }"),
        ] {
            let error = load(text, true).unwrap_err();
            assert_eq!(error.code(), "config_setting_invalid", "{text}: {error}");
        }
        assert!(
            load(&section("witness_ca = 'x'\nwitnesses = { own = 'https://w.example/a' }"), true).is_ok()
        );
    }
}
