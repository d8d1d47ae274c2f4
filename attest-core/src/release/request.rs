//! A request: what is to be released to which devices, and exactly which bytes are to be signed for it.
//!
//! A request that enough people approved is a grant: one use, one family, one channel, one window of time. There is no other right to sign.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::name::{Name, Words};
use super::object::{self, Object, ObjectId, moment};
use super::policy::{Custody, Purpose, Tier};
use crate::{Limits, Timestamp};

/// What is asked for. Its id is what people approve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// [`Request::FORMAT`].
    pub format: String,
    /// The first policy of this authority: a request counts nowhere else.
    pub authority: ObjectId,
    /// The policy that it is made under.
    pub policy: ObjectId,
    /// For which devices.
    pub family: Name,
    /// By which way.
    pub channel: Name,
    /// What kind of request it is.
    pub kind: Kind,
    /// The release's version, as people call it.
    pub version: Words,
    /// Its security version: no device that has seen a higher one takes it back.
    pub security_version: u64,
    /// What is released.
    pub artifacts: Vec<Artifact>,
    /// What a device measures that boots it: SHA-256 of the unsigned CoRIM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measurements: Option<ObjectId>,
    /// SHA-256 of each DSSE envelope that vouches for the build.
    pub provenance: Vec<ObjectId>,
    /// The exact bytes to be signed, and with which key. There is no time of signing in them: signing again gives the same.
    pub sign: Vec<ToSign>,
    /// The release that it takes the place of: an earlier one of the same family. A rollback names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<ObjectId>,
    /// Why.
    pub reason: Words,
    /// Nothing is signed for it before.
    #[serde(with = "moment")]
    pub not_before: Timestamp,
    /// Nothing is signed for it after.
    #[serde(with = "moment")]
    pub not_after: Timestamp,
    /// Who asks.
    pub requester: Name,
}

/// What kind of request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Now, and looked at afterwards.
    Emergency,
    /// The next release.
    Normal,
    /// One named earlier release again; it lowers no floor.
    Rollback,
}

impl Kind {
    /// Whether a channel of this tier takes such requests.
    #[must_use]
    pub fn comes_by(self, tier: Tier) -> bool {
        match self {
            Kind::Emergency => tier == Tier::Emergency,
            Kind::Normal => tier != Tier::Emergency,
            // A62: what was superseded comes back by people's word only.
            Kind::Rollback => tier == Tier::Production,
        }
    }
}

/// One thing that is released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Its name, as provenance calls it.
    pub name: Words,
    /// Its version.
    pub version: Words,
    /// Its size in bytes.
    pub size: u64,
    /// SHA-256 of its bytes.
    pub sha256: ObjectId,
}

/// Bytes to be signed. They are named by their digest, and travel beside the request: golden values of a family are megabytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToSign {
    /// With which of the policy's signing keys.
    pub key: Name,
    /// What for: the key's purpose, said again, so that whoever approves sees it.
    pub purpose: Purpose,
    /// Where the policy says that the key is kept, said again for the same reason: a bundle tells by itself what was signed with a key in a
    /// file.
    pub custody: Custody,
    /// SHA-256 of the bytes: of what the key's algorithm hashes and signs, as a COSE `Sig_structure` (RFC 9052, section 4.4).
    pub sha256: ObjectId,
    /// How many there are.
    pub size: u64,
}

/// Why bytes are no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing is released by it.
    #[error("there is neither an artifact nor a measurement in it")]
    Empty,
    /// Not such an object.
    #[error(transparent)]
    Object(#[from] object::Error),
    /// One thing listed twice.
    #[error("{what} stands there twice")]
    Repeated {
        /// What.
        what: String,
    },
    /// A list that is too long.
    #[error("{count} {what}, at most {most} expected")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many fit.
        most: usize,
    },
    /// It ends before it begins.
    #[error("it may be used until {until}, and not before {from}", until = .until.utc(), from = .from.utc())]
    Window {
        /// Its first second.
        from: Timestamp,
        /// Its last.
        until: Timestamp,
    },
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "request_empty",
            Self::Object(error) => error.code(),
            Self::Repeated { .. } => "request_repeated",
            Self::TooMany { .. } => "request_too_many",
            Self::Window { .. } => "request_window",
        }
    }
}

impl Object for Request {
    const FORMAT: &'static str = "attest-release-request/1";
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// [`Error`].
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        let request: Self = object::read(bytes, limits)?;
        request.check(limits)?;
        Ok(request)
    }

    /// The keys to sign with that it says are kept in files. That the policy says so too is for its gates to see.
    pub fn file_keys(&self) -> impl Iterator<Item = &Name> {
        self.sign.iter().filter(|sign| sign.custody == Custody::File).map(|sign| &sign.key)
    }

    /// Its id; nothing if it cannot be written, which none is that was read.
    #[must_use]
    pub fn id(&self) -> Option<ObjectId> {
        object::write(self).ok().map(|bytes| ObjectId::of(&bytes))
    }

    fn check(&self, limits: &Limits) -> Result<(), Error> {
        let lists = [
            ("artifacts", self.artifacts.len()),
            ("statements of provenance", self.provenance.len()),
            ("things to sign", self.sign.len()),
        ];
        let most = limits.request_items;
        if let Some((what, count)) = lists.into_iter().find(|(_, count)| *count > most) {
            return Err(Error::TooMany { what, count, most });
        }
        if self.artifacts.is_empty() && self.measurements.is_none() {
            return Err(Error::Empty);
        }
        let artifacts = self.artifacts.iter().map(|artifact| format!("the artifact `{}`", artifact.name));
        let provenance = self.provenance.iter().map(|id| format!("the provenance {id}"));
        let sign = self.sign.iter().map(|sign| format!("the bytes {} for `{}`", sign.sha256, sign.key));
        let mut seen = std::collections::BTreeSet::new();
        if let Some(what) = artifacts.chain(provenance).chain(sign).find(|what| !seen.insert(what.clone())) {
            return Err(Error::Repeated { what });
        }
        if self.not_after < self.not_before {
            return Err(Error::Window { from: self.not_before, until: self.not_after });
        }
        Ok(())
    }
}

impl Kind {
    /// As statements write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Emergency => "emergency",
            Self::Normal => "normal",
            Self::Rollback => "rollback",
        }
    }
}
