//! Golden values out of released ones: which authority is pinned, where its log is, and what is accepted.

use std::path::{Path, PathBuf};

use attest_core::release::policy::Tier;
use attest_core::release::{Name, ObjectId};
use hyper::Uri;
use serde::Deserialize;

use super::load::{Error, invalid};
use super::{Config, Family};

/// What a family's `golden` says where releases judge it.
const RELEASE: &str = "release";

/// Where releases come from. Without this section families are judged by documents alone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Releases {
    /// SHA-256 of the first policy, `sha256:` and 64 digits, from out of band: all trust hangs on it.
    pub authority: String,
    /// The log as a folder on this machine.
    #[serde(default)]
    pub folder: Option<PathBuf>,
    /// The log as it is served (C2SP tlog-tiles), `https://…` or `http://…`: nothing that is fetched is believed for where it came from.
    #[serde(default)]
    pub url: Option<String>,
    /// PEM: the roots of a log that is reached over https.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// How often the log is looked at.
    #[serde(default = "refresh_milliseconds")]
    pub refresh_milliseconds: u64,
    /// The tiers of releases that count, where a family does not say otherwise.
    #[serde(default = "accepted_tiers")]
    pub accepted_tiers: Vec<Tier>,
    /// Golden documents that nobody released, and tiers without people's word, are refused at the start.
    #[serde(default = "production")]
    pub production: bool,
}

const fn refresh_milliseconds() -> u64 {
    400
}

fn accepted_tiers() -> Vec<Tier> {
    vec![Tier::Production, Tier::Emergency]
}

const fn production() -> bool {
    true
}

impl Releases {
    /// The pinned policy; nothing where the configuration is refused.
    #[must_use]
    pub fn pin(&self) -> Option<ObjectId> {
        ObjectId::from_text(&self.authority)
    }

    /// Holds the settings against one another.
    pub(super) fn check(&self, config: &Config) -> Result<(), Error> {
        if self.pin().is_none() {
            return Err(invalid("releases.authority", "expected sha256: and 64 digits".to_owned()));
        }
        if self.folder.is_some() == self.url.is_some() {
            return Err(invalid("releases", "needs one of folder and url".to_owned()));
        }
        if let Some(url) = &self.url {
            let parsed = url.parse::<Uri>().ok().filter(|url| url.host().is_some() && url.query().is_none());
            match parsed.as_ref().and_then(Uri::scheme_str) {
                Some("http") => {}
                Some("https") if self.ca.is_some() => {}
                Some("https") => return Err(invalid("releases.url", "needs releases.ca".to_owned())),
                _ => {
                    return Err(invalid(
                        "releases.url",
                        format!("`{url}` is not an http:// or https:// address"),
                    ));
                }
            }
        }
        if !(50..=60_000).contains(&self.refresh_milliseconds) {
            let problem = format!("{} is not within 50 to 60000", self.refresh_milliseconds);
            return Err(invalid("releases.refresh_milliseconds", problem));
        }
        self.check_tiers("releases.accepted_tiers", &self.accepted_tiers)?;
        for (name, family) in &config.families {
            if let Some(tiers) = &family.accepted_tiers {
                self.check_tiers(&format!("families.{name}.accepted_tiers"), tiers)?;
            }
            // A tier never upgrades, and what nobody released has none.
            if self.production && !family.is_released() {
                return Err(Error::DevelopmentGolden(name.clone()));
            }
        }
        Ok(())
    }

    fn check_tiers(&self, setting: &str, tiers: &[Tier]) -> Result<(), Error> {
        if tiers.is_empty() {
            return Err(invalid(setting, "accepts nothing".to_owned()));
        }
        let low = tiers.iter().find(|tier| matches!(tier, Tier::Dev | Tier::Delegated));
        match low.filter(|_| self.production) {
            Some(low) => {
                let problem = format!("`{}` is not accepted while releases.production is set", low.name());
                Err(invalid(setting, problem))
            }
            None => Ok(()),
        }
    }
}

impl Family {
    /// Whether releases judge it, and no document.
    #[must_use]
    pub fn is_released(&self) -> bool {
        self.golden == Path::new(RELEASE)
    }
}

/// Families that releases judge have names that requests can have.
pub(super) fn check_families(config: &Config) -> Result<(), Error> {
    for (name, _) in config.families.iter().filter(|(_, family)| family.is_released()) {
        let setting = format!("families.{name}.golden");
        if config.releases.is_none() {
            return Err(invalid(&setting, "`release` needs the section [releases]".to_owned()));
        }
        Name::try_from(name.as_str())
            .map_err(|error| invalid(&setting, format!("no release has such a family: {error}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    fn load(text: &str) -> Result<Config, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Config::load(Some(file.path()), [], Overrides { development: true, ..Overrides::default() })
    }

    fn section(more: &str) -> String {
        format!("[releases]\nauthority = 'sha256:{}'\n{more}\n", "0a".repeat(32))
    }

    #[test]
    fn the_section_is_there_or_not() {
        assert_eq!(load("").unwrap().releases, None);
        let releases = load(&section("folder = 'log'")).unwrap().releases.unwrap();
        assert!(releases.production && releases.pin().is_some());
        assert_eq!(releases.accepted_tiers, [Tier::Production, Tier::Emergency]);
        assert_eq!(load("[releases]\nfolder = 'log'").unwrap_err().code(), "config_malformed");
        assert_eq!(load(&section("folder = 'log'\nkeys = 1")).unwrap_err().code(), "config_malformed");
    }

    #[test]
    fn a_family_is_judged_by_releases_or_by_a_document() {
        let config = load(&section("folder = 'log'\n[families.gateway]\ngolden = 'release'")).unwrap();
        assert!(config.families["gateway"].is_released());
        assert!(!Family { golden: "./release".into(), ..Family::default() }.is_released());
        let error = load("[families.gateway]\ngolden = 'release'").unwrap_err();
        assert_eq!(error.to_string(), "families.gateway.golden: `release` needs the section [releases]");
        let error = load(&section("folder = 'log'\n[families.Gateway]\ngolden = 'release'")).unwrap_err();
        assert_eq!(error.code(), "config_setting_invalid");
    }

    #[test]
    fn a50_production_refuses_documents_that_nobody_released() {
        let both =
            "folder = 'log'\n[families.gateway]\ngolden = 'release'\n[families.lab]\ngolden = 'lab.toml'";
        let error = load(&section(both)).unwrap_err();
        assert_eq!(error.code(), "config_development_golden");
        assert!(error.to_string().contains("families.lab.golden"), "{error}");
        assert!(load(&section(&format!("production = false\n{both}"))).is_ok());
    }

    #[test]
    fn inv16_production_accepts_no_tier_without_people() {
        for tier in ["dev", "delegated"] {
            let of_all = format!("folder = 'log'\naccepted_tiers = ['production', '{tier}']");
            let of_one = format!(
                "folder = 'log'\n[families.gateway]\ngolden = 'release'\naccepted_tiers = ['{tier}']"
            );
            for text in [of_all, of_one] {
                assert_eq!(load(&section(&text)).unwrap_err().code(), "config_setting_invalid", "{text}");
                assert!(load(&section(&format!("production = false\n{text}"))).is_ok(), "{text}");
            }
        }
    }

    #[test]
    fn senseless_values_are_named() {
        for text in [
            "[releases]\nauthority = 'sha256:00'\nfolder = 'log'".to_owned(),
            section(""),
            section("folder = 'log'\nurl = 'http://log.example'"),
            section("url = 'ftp://log.example'"),
            section("url = 'log.example'"),
            section("url = 'https://log.example'"),
            section("url = 'http://log.example/?a=b'"),
            section("folder = 'log'\nrefresh_milliseconds = 0"),
            section("folder = 'log'\naccepted_tiers = []"),
        ] {
            assert_eq!(load(&text).unwrap_err().code(), "config_setting_invalid", "{text}");
        }
        assert_eq!(
            load(&section("folder = 'log'\naccepted_tiers = ['best']")).unwrap_err().code(),
            "config_malformed"
        );
    }
}
