//! Where a person's side of releases is kept: `release.toml`, which names the authority, its server, and whose word this is.

use std::path::{Path, PathBuf};

use attest_core::release::{Name, ObjectId};
use attest_core::toml_error::described;
use serde::{Deserialize, Serialize};

use crate::cli::{Failure, input};

/// The file's name in the folder.
pub(super) const FILE: &str = "release.toml";
const MOST_BYTES: usize = 64 << 10;

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Home {
    /// The first policy, pinned: nothing of any other authority counts.
    pub(super) authority: ObjectId,
    /// The authority's server: `https://host:port`, or `http://127.0.0.1:port` in development.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) server: Option<String>,
    /// Its roots, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ca: Option<PathBuf>,
    /// This person's client certificate, PEM, and its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) certificate: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) certificate_key: Option<PathBuf>,
    /// Whose word it is: a name of the policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) identity: Option<Name>,
    /// What signs it, as `ssh-keygen -Y sign -f` takes it: a private key, or a public one whose other half ssh-agent has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<PathBuf>,
}

impl Home {
    /// Reads the file. Paths in it start at its folder.
    pub(super) fn load(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(FILE);
        if !path.exists() {
            let detail = format!(
                "{}: there is no such file; --home names the folder with release.toml, which `attest release init` makes",
                path.display()
            );
            return Err(Failure::usage("release_home_missing", detail));
        }
        let bytes = input::read_file(&path, MOST_BYTES)?;
        let unusable =
            |error: String| Failure::usage("release_home_unusable", format!("{}: {error}", path.display()));
        let text = String::from_utf8(bytes).map_err(|error| unusable(error.to_string()))?;
        let mut home: Self = toml::from_str(&text).map_err(|error| unusable(described(&text, &error)))?;
        for file in [&mut home.ca, &mut home.certificate, &mut home.certificate_key, &mut home.key] {
            *file = file.take().map(|path| folder.join(path));
        }
        Ok(home)
    }

    /// Whose word it is, by the flag or by the file.
    pub(super) fn who(&self, flag: Option<&Name>) -> Result<Name, Failure> {
        let missing = || {
            Failure::usage("identity_missing", "whose word is it? --as NAME, or `identity` in release.toml")
        };
        flag.or(self.identity.as_ref()).cloned().ok_or_else(missing)
    }

    /// What signs it, by the flag or by the file.
    pub(super) fn signing_key(&self, flag: Option<&Path>) -> Result<PathBuf, Failure> {
        let missing = || Failure::usage("key_missing", "what signs it? --key FILE, or `key` in release.toml");
        flag.or(self.key.as_deref()).map(Path::to_owned).ok_or_else(missing)
    }
}
