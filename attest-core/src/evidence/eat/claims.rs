//! The claims of one claims set (RFC 9711, section 4; RFC 8392, section 3; RFC 7519, section 4.1), from JSON and CBOR alike.

use serde_json::Value as Json;

use super::error::{Error, cut};
use super::nested::Nesting;
use super::psa::{self, Lifecycle, Psa, PsaProfile};
use super::shown;
use super::submods::{self, Submodule};
use crate::evidence::node::{Label, Node};

mod values;

pub use values::{
    DebugStatus, IntendedUse, Measured, Measurement, MeasurementResult, OemId, Profile, Version,
};

pub(super) mod label {
    use super::Label;

    pub(in super::super) const ISS: Label = Label::new("iss", 1);
    pub(in super::super) const SUB: Label = Label::new("sub", 2);
    pub(in super::super) const EXP: Label = Label::new("exp", 4);
    pub(in super::super) const NBF: Label = Label::new("nbf", 5);
    pub(in super::super) const IAT: Label = Label::new("iat", 6);
    pub(in super::super) const NONCE: Label = Label::new("eat_nonce", 10);
    pub(in super::super) const UEID: Label = Label::new("ueid", 256);
    pub(in super::super) const SUEIDS: Label = Label::new("sueids", 257);
    pub(in super::super) const OEMID: Label = Label::new("oemid", 258);
    pub(in super::super) const HWMODEL: Label = Label::new("hwmodel", 259);
    pub(in super::super) const HWVERSION: Label = Label::new("hwversion", 260);
    pub(in super::super) const UPTIME: Label = Label::new("uptime", 261);
    pub(in super::super) const OEMBOOT: Label = Label::new("oemboot", 262);
    pub(in super::super) const DBGSTAT: Label = Label::new("dbgstat", 263);
    pub(in super::super) const LOCATION: Label = Label::new("location", 264);
    pub(in super::super) const PROFILE: Label = Label::new("eat_profile", 265);
    pub(in super::super) const SUBMODS: Label = Label::new("submods", 266);
    pub(in super::super) const BOOTCOUNT: Label = Label::new("bootcount", 267);
    pub(in super::super) const BOOTSEED: Label = Label::new("bootseed", 268);
    pub(in super::super) const DLOAS: Label = Label::new("dloas", 269);
    pub(in super::super) const SWNAME: Label = Label::new("swname", 270);
    pub(in super::super) const SWVERSION: Label = Label::new("swversion", 271);
    pub(in super::super) const MANIFESTS: Label = Label::new("manifests", 272);
    pub(in super::super) const MEASUREMENTS: Label = Label::new("measurements", 273);
    pub(in super::super) const MEASRES: Label = Label::new("measres", 274);
    pub(in super::super) const INTUSE: Label = Label::new("intuse", 275);
}

/// The last second of the year 9999: later times are not times.
const TIME_MOST: u64 = 253_402_300_799;

/// A claims set: each claim as its specification says, and nothing believed. Claims that are not known here are shown and not judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claims {
    /// Which rules the claims follow.
    pub profile: Profile,
    /// `eat_nonce`, or the legacy PSA nonce; at most one.
    pub nonce: Option<Vec<u8>>,
    /// `ueid`, or the PSA instance id: 7 to 33 bytes.
    pub ueid: Option<Vec<u8>>,
    /// `sueids`: by name.
    pub sueids: Vec<(String, Vec<u8>)>,
    /// `oemid`.
    pub oemid: Option<OemId>,
    /// `hwmodel`: 1 to 32 bytes.
    pub hwmodel: Option<Vec<u8>>,
    /// `hwversion`.
    pub hwversion: Option<Version>,
    /// `uptime` in seconds.
    pub uptime: Option<u64>,
    /// `oemboot`: whether the boot chain was authorised by the maker.
    pub oemboot: Option<bool>,
    /// `dbgstat`.
    pub dbgstat: Option<DebugStatus>,
    /// `bootcount`.
    pub bootcount: Option<u64>,
    /// `bootseed`, or that of the older PSA profiles.
    pub bootseed: Option<Vec<u8>>,
    /// `swname`.
    pub swname: Option<String>,
    /// `swversion`.
    pub swversion: Option<Version>,
    /// `manifests`.
    pub manifests: Vec<Measured>,
    /// `measurements`.
    pub measurements: Vec<Measured>,
    /// `measres`.
    pub measres: Vec<Measurement>,
    /// `intuse`.
    pub intuse: Option<IntendedUse>,
    /// `exp`: seconds since 1970.
    pub exp: Option<u64>,
    /// `nbf`.
    pub nbf: Option<u64>,
    /// `iat`.
    pub iat: Option<u64>,
    pub(super) lifecycle: Option<(Lifecycle, u16)>,
    pub(super) psa: Option<Psa>,
    pub(super) submods: Vec<Submodule>,
    pub(super) shown: serde_json::Map<String, Json>,
}

impl Claims {
    /// What a PSA profile claims.
    #[must_use]
    pub const fn psa(&self) -> Option<&Psa> {
        self.psa.as_ref()
    }

    /// `psa-security-lifecycle`: the state, and the whole claim. A part of the device may say it without following a profile.
    #[must_use]
    pub const fn lifecycle(&self) -> Option<(Lifecycle, u16)> {
        self.lifecycle
    }

    /// These claims and those of every submodule that is a claims set, in order, each with the names that lead to it: all are the same
    /// attester's word. Tokens in them are another's.
    #[must_use]
    pub fn parts(&self) -> Vec<(Vec<&str>, &Self)> {
        let mut parts = vec![(Vec::new(), self)];
        for submod in &self.submods {
            for (path, claims) in submod.kind.claims().map(Self::parts).unwrap_or_default() {
                parts.push(([vec![submod.name.as_str()], path].concat(), claims));
            }
        }
        parts
    }

    /// The submodules.
    #[must_use]
    pub fn submods(&self) -> &[Submodule] {
        &self.submods
    }

    /// Every claim by its registered name (else by its number), for people and programs to read: byte strings in lower-case hexadecimal,
    /// whatever the token's encoding.
    #[must_use]
    pub const fn shown(&self) -> &serde_json::Map<String, Json> {
        &self.shown
    }

    /// Reads a claims set.
    pub(super) fn parse(node: Node<'_>, nesting: &mut Nesting<'_>) -> Result<Self, Error> {
        let profile = profile(node)?;
        let is_old = profile == Profile::Psa(PsaProfile::Iot1);
        let nonce_label = if is_old { &psa::OLD_NONCE } else { &label::NONCE };
        let mut claims = Self {
            nonce: nonce(node, nonce_label)?,
            sueids: sueids(node)?,
            oemid: optional(node, &label::OEMID, "an enterprise number, or 3 or 16 bytes", oemid)?,
            hwversion: optional(node, &label::HWVERSION, "[version, scheme]", version)?,
            uptime: optional(node, &label::UPTIME, "an unsigned integer", Node::unsigned)?,
            oemboot: optional(node, &label::OEMBOOT, "true or false", Node::flag)?,
            dbgstat: optional(node, &label::DBGSTAT, "one of five", |n| n.choice(&DebugStatus::NAMES))?,
            bootcount: optional(node, &label::BOOTCOUNT, "an unsigned integer", Node::unsigned)?,
            swname: optional(node, &label::SWNAME, "text", owned)?,
            swversion: optional(node, &label::SWVERSION, "[version, scheme]", version)?,
            manifests: measured(node, &label::MANIFESTS)?,
            measurements: measured(node, &label::MEASUREMENTS)?,
            measres: measres(node)?,
            intuse: optional(node, &label::INTUSE, "one of five", |n| n.choice(&IntendedUse::NAMES))?,
            hwmodel: bytes(node, &label::HWMODEL, 1..=32, "1 to 32")?,
            ueid: bytes(node, &label::UEID, 7..=33, "7 to 33")?,
            bootseed: bytes(node, &label::BOOTSEED, 1..=64, "1 to 64")?,
            exp: time(node, &label::EXP)?,
            nbf: time(node, &label::NBF)?,
            iat: time(node, &label::IAT)?,
            submods: submods::parse(node, nesting)?,
            lifecycle: None,
            psa: None,
            shown: shown::claims(node),
            profile,
        };
        for (text, claim) in [(&label::ISS, "iss"), (&label::SUB, "sub")] {
            optional(node, text, "text", owned)
                .map_err(|_| Error::ClaimMalformed { claim, expected: "text" })?;
        }
        if let Profile::Psa(profile) = claims.profile {
            psa::parse(node, profile, &mut claims)?;
        } else {
            claims.lifecycle = psa::lifecycle_alone(node)?;
        }
        let mut shown = core::mem::take(&mut claims.shown);
        shown::rename(&claims, &mut shown);
        claims.shown = shown;
        Ok(claims)
    }
}

/// The profile (RFC 9711, 4.3.2): a URI, or an object identifier, of which none is known here. The first PSA profile has a claim of its own
/// for its name and may leave it out.
fn profile(node: Node<'_>) -> Result<Profile, Error> {
    if let Some(named) = node.get(&label::PROFILE) {
        let Some(text) = named.text() else {
            let bytes = named
                .bytes()
                .ok_or(Error::ClaimMalformed { claim: "eat_profile", expected: "a URI or an OID" })?;
            return Err(Error::ProfileUnknown { profile: cut(&hex::encode(bytes), 128) });
        };
        let known = PsaProfile::from_name(text).filter(|profile| *profile != PsaProfile::Iot1);
        let profile = known.ok_or(Error::ProfileUnknown { profile: cut(text, 128) })?;
        if matches!(node, Node::Json(_)) {
            return Err(Error::ProfileNotJson { profile: profile.name() });
        }
        return Ok(Profile::Psa(profile));
    }
    psa::is_old(node).map(|is_old| if is_old { Profile::Psa(PsaProfile::Iot1) } else { Profile::None })
}

/// A48: exactly one nonce, as bytes. RFC 9711, 4.1 allows 8 to 64 bytes, and several nonces, of which none would be ours for certain.
fn nonce(node: Node<'_>, label: &Label) -> Result<Option<Vec<u8>>, Error> {
    let Some(nonce) = node.get(label) else { return Ok(None) };
    if let Some(all) = nonce.items() {
        return Err(Error::NonceNotSingle { count: all.len() });
    }
    let nonce = nonce.bytes().ok_or(Error::NonceMalformed)?;
    if !(8..=64).contains(&nonce.len()) {
        return Err(Error::NonceLength { got: nonce.len(), expected: "8 to 64" });
    }
    Ok(Some(nonce))
}

/// A claim that may be missing, but not be malformed.
pub(super) fn optional<'a, T>(
    node: Node<'a>,
    label: &Label,
    expected: &'static str,
    read: impl FnOnce(Node<'a>) -> Option<T>,
) -> Result<Option<T>, Error> {
    let malformed = Error::ClaimMalformed { claim: label.known_name(), expected };
    node.get(label).map(|node| read(node).ok_or(malformed)).transpose()
}

/// Bytes of one of these lengths.
pub(super) fn bytes(
    node: Node<'_>,
    label: &Label,
    lengths: core::ops::RangeInclusive<usize>,
    expected: &'static str,
) -> Result<Option<Vec<u8>>, Error> {
    let Some(bytes) = optional(node, label, "bytes", Node::bytes)? else { return Ok(None) };
    if lengths.contains(&bytes.len()) {
        return Ok(Some(bytes));
    }
    Err(Error::ClaimLength { claim: label.known_name(), got: bytes.len(), expected })
}

pub(super) fn owned(node: Node<'_>) -> Option<String> {
    node.text().map(str::to_owned)
}

fn oemid(node: Node<'_>) -> Option<OemId> {
    if let Some(number) = node.unsigned() {
        return Some(OemId::Pen(number));
    }
    node.bytes().filter(|bytes| matches!(bytes.len(), 3 | 16)).map(OemId::Bytes)
}

fn version(node: Node<'_>) -> Option<Version> {
    let parts = node.items()?;
    let scheme = match parts.get(1) {
        None => None,
        Some(scheme) => Some(owned(*scheme).or_else(|| scheme.integer().map(|number| number.to_string()))?),
    };
    let (Some(version), true) = (parts.first().copied().and_then(owned), parts.len() <= 2) else {
        return None;
    };
    Some(Version { version, scheme })
}

fn sueids(node: Node<'_>) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let Some(all) = optional(node, &label::SUEIDS, "a map of names", Node::members)? else {
        return Ok(Vec::new());
    };
    let one = |(name, id): (&str, Node<'_>)| match id.bytes() {
        Some(id) if (7..=33).contains(&id.len()) => Ok((name.to_owned(), id)),
        Some(id) => Err(Error::ClaimLength { claim: "sueids", got: id.len(), expected: "7 to 33" }),
        None => Err(Error::ClaimMalformed { claim: "sueids", expected: "bytes by name" }),
    };
    all.into_iter().map(one).collect()
}

fn measured(node: Node<'_>, label: &Label) -> Result<Vec<Measured>, Error> {
    let expected = "an array of [content format, bytes]";
    let one = |node: Node<'_>| match node.items()?.as_slice() {
        [format, body] => {
            Some(Measured { content_format: u16::try_from(format.unsigned()?).ok()?, body: body.bytes()? })
        }
        _ => None,
    };
    let all = |node: Node<'_>| {
        let all: Vec<Measured> = node.items()?.into_iter().map(one).collect::<Option<_>>()?;
        Some(all).filter(|all| !all.is_empty())
    };
    Ok(optional(node, label, expected, all)?.unwrap_or_default())
}

fn measres(node: Node<'_>) -> Result<Vec<Measurement>, Error> {
    let expected = "an array of [system, [[name, result]]]";
    let one = |node: Node<'_>, system: &str| match node.items()?.as_slice() {
        [id, result] => Some(Measurement {
            system: system.to_owned(),
            id: owned(*id).or_else(|| id.bytes().map(hex::encode))?,
            result: result.choice(&MeasurementResult::NAMES)?,
        }),
        _ => None,
    };
    let group = |node: Node<'_>| match node.items()?.as_slice() {
        [system, results] => {
            let system = system.text()?;
            results.items()?.into_iter().map(|node| one(node, system)).collect::<Option<Vec<_>>>()
        }
        _ => None,
    };
    let all = |node: Node<'_>| {
        let groups = node.items()?.into_iter().map(group).collect::<Option<Vec<_>>>()?;
        Some(groups.concat())
    };
    Ok(optional(node, &label::MEASRES, expected, all)?.unwrap_or_default())
}

/// A49: NumericDate in whole seconds. Tag 1 must not be there (RFC 8392, section 2), fractions are not for evidence (RFC 9711, 4.3.1).
fn time(node: Node<'_>, label: &Label) -> Result<Option<u64>, Error> {
    let claim = label.known_name();
    let Some(node) = node.get(label) else { return Ok(None) };
    let detail = "not a whole number of seconds since 1970";
    let seconds = node.unsigned().ok_or(Error::TimeMalformed { claim, detail })?;
    if seconds > TIME_MOST {
        return Err(Error::TimeMalformed { claim, detail: "after the year 9999" });
    }
    Ok(Some(seconds))
}
