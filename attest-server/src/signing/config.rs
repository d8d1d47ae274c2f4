//! The signer's configuration.

use std::path::{Path, PathBuf};
use std::time::Duration;

use attest_core::release::ObjectId;
use attest_core::toml_error::described;
use serde::Deserialize;

use super::{Names, Remote, Signing};
use crate::config::Log;
use crate::file;
use crate::hsm::{FileKeys, Holder, Pin, Token, Worker};

const MOST_BYTES: u64 = 1 << 20;

/// What the signer is told, in TOML.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignerConfig {
    /// The id of the first policy, `sha256:…`. Everything else follows from it.
    pub policy: String,
    /// What the signer remembers.
    pub folder: PathBuf,
    /// Images that are to be signed, each named by the 64 digits of its SHA-256.
    pub images: Option<PathBuf>,
    /// How long it waits between two looks at the log, in seconds.
    #[serde(default = "pause")]
    pub pause_seconds: u64,
    /// Whom it asks.
    pub authority: AuthorityConfig,
    /// The HSM.
    pub hsm: Option<HsmConfig>,
    /// In the place of an HSM.
    pub development: Option<DevelopmentConfig>,
    /// Its own logs.
    #[serde(default)]
    pub log: Log,
}

/// The release service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityConfig {
    /// `https://host:port`; `http:` in development alone.
    pub url: String,
    /// Who vouches for it, PEM.
    pub ca: Option<PathBuf>,
    /// The signer's certificate, PEM.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM, mode 600.
    pub key: Option<PathBuf>,
}

/// A PKCS #11 module.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HsmConfig {
    /// The shared library.
    pub module: PathBuf,
    /// The user's PIN in a file, mode 600.
    pub pin_file: PathBuf,
    /// How long the token may take for a signature, in seconds.
    #[serde(default = "deadline")]
    pub deadline_seconds: u64,
}

/// Keys that whoever runs the machine can copy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevelopmentConfig {
    /// A folder of `<object>.p8`: PKCS #8, DER, mode 600.
    pub keys: PathBuf,
}

const fn pause() -> u64 {
    5
}

const fn deadline() -> u64 {
    60
}

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file.
    #[error("{0}: {1}")]
    File(PathBuf, String),
    /// Neither an HSM nor files, or both.
    #[error("one of [hsm] and [development] says where the keys are")]
    Holder,
    /// No id.
    #[error("policy: `{0}` is not sha256: and 64 digits")]
    Policy(String),
    /// Without TLS whoever is in between could answer, and the service could not tell who asks.
    #[error("authority.url: `{0}` is not https, which only keys in files for development may do without")]
    PlainText(String),
}

impl SignerConfig {
    /// Reads the file.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let failed = |why: String| ConfigError::File(path.to_owned(), why);
        let text = file::read_text(path, MOST_BYTES).map_err(|error| failed(error.to_string()))?;
        let config: Self = toml::from_str(&text).map_err(|error| failed(described(&text, &error)))?;
        config.pin()?;
        if config.hsm.is_some() == config.development.is_some() {
            return Err(ConfigError::Holder);
        }
        if config.development.is_none() && !config.authority.url.starts_with("https://") {
            return Err(ConfigError::PlainText(config.authority.url));
        }
        Ok(config)
    }

    /// The pinned policy.
    ///
    /// # Errors
    /// [`ConfigError::Policy`].
    pub fn pin(&self) -> Result<ObjectId, ConfigError> {
        ObjectId::from_text(&self.policy).ok_or_else(|| ConfigError::Policy(self.policy.clone()))
    }

    /// The token; nothing where keys are in files.
    ///
    /// # Errors
    /// The PIN's file.
    pub fn token(&self) -> Result<Option<(Token, Duration)>, super::Error> {
        let Some(hsm) = &self.hsm else { return Ok(None) };
        let token = Token::new(&hsm.module, Pin::read(&hsm.pin_file)?);
        Ok(Some((token, Duration::from_secs(hsm.deadline_seconds))))
    }

    /// Who holds the keys.
    ///
    /// # Errors
    /// The PIN's file, or the token's thread.
    pub fn holder(&self) -> Result<Box<dyn Holder>, super::Error> {
        let files = self.development.as_ref().map(|development| development.keys.clone()).unwrap_or_default();
        Ok(match self.token()? {
            Some((token, deadline)) => Box::new(Worker::start(token, deadline, None)?),
            None => Box::new(FileKeys::new(files)),
        })
    }

    /// The signer.
    ///
    /// # Errors
    /// As [`Signing::open`] and [`Remote::new`].
    pub fn open(&self) -> Result<Signing<Remote>, super::Error> {
        let own = self.authority.certificate.as_deref().zip(self.authority.key.as_deref());
        let names = Names { url: &self.authority.url, ca: self.authority.ca.as_deref(), own };
        let pin = self.pin().map_err(|_| super::Error::Withheld("the pin".to_owned()))?;
        Signing::open(&self.folder, pin, Remote::new(names)?, self.holder()?, self.images.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SignerConfig, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signer.toml");
        std::fs::write(&path, text).unwrap();
        SignerConfig::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn a_configuration_says_where_the_keys_are_and_hides_nothing_on_the_wire() {
        let pin = format!("policy = 'sha256:{}'\nfolder = 'f'\n", "00".repeat(32));
        let https = "[authority]\nurl = 'https://a:1'\n";
        let http = "[authority]\nurl = 'http://a:1'\n";
        let hsm = "[hsm]\nmodule = 'm'\npin_file = 'p'\n";
        let files = "[development]\nkeys = 'k'\n";
        let config = read(&format!("{pin}{https}{hsm}")).unwrap();
        assert_eq!((config.pause_seconds, config.hsm.unwrap().deadline_seconds), (5, 60));
        assert!(read(&format!("{pin}{http}{files}")).is_ok());
        let refused = |text: String| read(&text).unwrap_err();
        assert!(refused(format!("{pin}{http}{hsm}")).contains("is not https"));
        assert!(refused(format!("{pin}{https}")).contains("one of [hsm] and [development]"));
        assert!(refused(format!("{pin}{https}{hsm}{files}")).contains("one of [hsm] and [development]"));
        assert!(refused(format!("policy = '00'\nfolder = 'f'\n{https}{hsm}")).contains("64 digits"));
        assert!(refused(format!("{pin}pin = '1234'\n{https}{hsm}")).contains("unknown field"));
    }
}
