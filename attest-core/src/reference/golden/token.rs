//! Golden values for attestation tokens: `[[token]]`, one for each profile that a family's devices send.
//!
//! A rule that is not written is not asked, but for these: a PSA token's root of trust must be `secured`, nothing may say that it can be
//! debugged now, and a PSA token must be of a known implementation and of one known set of software, whole. Absence refuses: what a rule asks
//! for must be there.

use core::fmt::Write;
use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Error, LintCode};
use crate::digest::{Digest, HashAlg};
use crate::evidence::eat::{DebugStatus, Lifecycle, PsaProfile};

/// Golden values for the tokens of one profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenGolden {
    /// What the verdict calls it: a submodule of the result.
    pub name: String,
    /// The profile that the token names; `None` for tokens that name none.
    pub profile: Option<String>,
    /// Where the token stands in another: the names of the submodules that lead to it, the outermost first. None for a token that comes by itself.
    pub submodule: Vec<String>,
    /// Known implementations (`psa-implementation-id`), 32 bytes each.
    pub implementation_ids: Vec<Vec<u8>>,
    /// States of the root of trust that are good.
    pub lifecycle: Vec<Lifecycle>,
    /// Callers that may have asked (`psa-client-id`).
    pub client_ids: Vec<i32>,
    /// Known certifications.
    pub certification_references: Vec<String>,
    /// What `dbgstat` may say; with any of them it must be there.
    pub debug: Vec<DebugStatus>,
    /// Makers: hexadecimal, or `pen:` and a number.
    pub oemid: Vec<String>,
    /// Models.
    pub hwmodel: Vec<Vec<u8>>,
    /// Names of the software (`swname`).
    pub swname: Vec<String>,
    /// Its versions (`swversion`).
    pub swversion: Vec<String>,
    /// `oemboot` must be there and true.
    pub oem_boot: bool,
    /// The boot seed must be there, be no constant, and be the same in every part of the token.
    pub boot_seed: bool,
    /// Known sets of software: one of them explains all of it.
    pub variants: Vec<TokenVariant>,
}

/// One known set of software.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenVariant {
    /// Its name.
    pub name: String,
    /// All of a PSA token's components, in any order.
    pub components: Vec<TokenComponent>,
    /// SHA-256 of each of the `measurements`, with its content format, in any order.
    pub measurements: Vec<(u16, Digest)>,
}

/// One golden component.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenComponent {
    /// measurement-type.
    pub kind: Option<String>,
    /// measurement-value.
    pub value: Vec<u8>,
    /// signer-id.
    pub signer: Vec<u8>,
    /// version, if it is judged: what the component calls itself is no measurement.
    pub version: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawToken {
    name: String,
    profile: Option<String>,
    #[serde(default)]
    submodule: Vec<String>,
    #[serde(default)]
    implementation_id: Vec<String>,
    lifecycle: Option<Vec<String>>,
    #[serde(default)]
    client_id: Vec<i32>,
    #[serde(default)]
    certification_reference: Vec<String>,
    #[serde(default)]
    debug: Vec<String>,
    #[serde(default)]
    oemid: Vec<String>,
    #[serde(default)]
    hwmodel: Vec<String>,
    #[serde(default)]
    swname: Vec<String>,
    #[serde(default)]
    swversion: Vec<String>,
    #[serde(default)]
    oem_boot: bool,
    #[serde(default)]
    boot_seed: bool,
    #[serde(default)]
    variant: Vec<RawTokenVariant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTokenVariant {
    name: String,
    #[serde(default)]
    components: Vec<RawTokenComponent>,
    #[serde(default)]
    measurements: Vec<RawMeasurement>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTokenComponent {
    #[serde(rename = "type")]
    kind: Option<String>,
    value: String,
    signer: String,
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMeasurement {
    content_format: u16,
    sha256: String,
}

impl TokenGolden {
    pub(super) fn parse(raw: RawToken) -> Result<Self, Error> {
        let place = format!("token `{}`", raw.name);
        let is_psa = raw.profile.as_deref().and_then(PsaProfile::from_name).is_some();
        let value =
            |got: &str, expected| Error::Value { place: place.clone(), got: got.to_owned(), expected };
        let lifecycle = match raw.lifecycle {
            None if is_psa => vec![Lifecycle::Secured],
            None => Vec::new(),
            Some(names) => names
                .iter()
                .map(|name| {
                    Lifecycle::from_name(name).ok_or_else(|| value(name, "a state of the PSA lifecycle"))
                })
                .collect::<Result<_, _>>()?,
        };
        let debug = raw.debug.iter().map(|name| {
            DebugStatus::from_name(name)
                .ok_or_else(|| value(name, "a debug status of RFC 9711, such as disabled-since-boot"))
        });
        let token = Self {
            implementation_ids: raw
                .implementation_id
                .iter()
                .map(|id| bytes(id, &[32], &place))
                .collect::<Result<_, _>>()?,
            lifecycle,
            client_ids: raw.client_id,
            certification_references: raw.certification_reference,
            debug: debug.collect::<Result<_, _>>()?,
            oemid: raw.oemid,
            hwmodel: raw.hwmodel.iter().map(|id| bytes(id, &[], &place)).collect::<Result<_, _>>()?,
            swname: raw.swname,
            swversion: raw.swversion,
            oem_boot: raw.oem_boot,
            boot_seed: raw.boot_seed,
            variants: raw.variant.into_iter().map(|v| variant(v, &place)).collect::<Result<_, _>>()?,
            name: raw.name,
            profile: raw.profile,
            submodule: raw.submodule,
        };
        token.validate()?;
        Ok(token)
    }

    /// A section that would accept any token is refused, and so is a name that the result has another use for.
    pub(super) fn validate(&self) -> Result<(), Error> {
        let place = || format!("token `{}`", self.name);
        let letter = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || "._-".contains(char);
        if !(1..=32).contains(&self.name.len())
            || !self.name.chars().all(letter)
            || matches!(&*self.name, "boot" | "runtime")
        {
            let expected =
                "a name of up to 32 lower-case letters, digits, `.`, `_` and `-`, not boot or runtime";
            return Err(Error::Value { place: place(), got: self.name.clone(), expected });
        }
        let is_psa = match self.profile.as_deref() {
            None => false,
            Some(profile) if PsaProfile::from_name(profile).is_some() => true,
            Some(profile) => {
                let expected = "no profile, or a PSA profile";
                return Err(Error::Value { place: place(), got: profile.to_owned(), expected });
            }
        };
        let judges_psa =
            !self.implementation_ids.is_empty() && !self.lifecycle.is_empty() && !self.variants.is_empty();
        let judges_any = !(self.debug.is_empty()
            && self.oemid.is_empty()
            && self.hwmodel.is_empty()
            && self.swname.is_empty()
            && self.swversion.is_empty()
            && self.variants.is_empty());
        if !(if is_psa { judges_psa } else { judges_any }) {
            let expected = if is_psa {
                "implementation_id, lifecycle and a variant"
            } else {
                "a rule that refuses something"
            };
            return Err(Error::Value { place: place(), got: String::new(), expected });
        }
        let mut names = BTreeSet::new();
        for variant in &self.variants {
            if !names.insert(&variant.name) {
                return Err(Error::Duplicate { place: place(), what: variant.name.clone() });
            }
            if variant.components.is_empty() && variant.measurements.is_empty() {
                let expected = "components or measurements in each variant";
                return Err(Error::Value { place: place(), got: variant.name.clone(), expected });
            }
        }
        Ok(())
    }

    /// What a reviewer should hear about.
    pub(super) fn check(&self, add: &mut impl FnMut(LintCode, String, String)) {
        let place = || format!("token `{}`", self.name);
        let mut weak = |what: String| add(LintCode::AcceptedWeakness, place(), what);
        if self.debug.iter().any(|status| matches!(status, DebugStatus::Enabled | DebugStatus::Disabled)) {
            weak("a device that can be debugged, or could be since its boot, is accepted".into());
        }
        for state in self.lifecycle.iter().filter(|state| **state != Lifecycle::Secured) {
            weak(format!("the lifecycle state {} is accepted", state.name()));
        }
        let is_psa = self.profile.is_some();
        if is_psa && self.client_ids.is_empty() {
            weak(
                "no client_id: a token that the non-secure side asked for passes for one of the secure side"
                    .into(),
            );
        }
        if !is_psa && self.debug.is_empty() {
            weak("no debug rule: a token that does not say whether it can be debugged is accepted".into());
        }
        if self.variants.is_empty() {
            weak("no variant: what software runs is not judged".into());
        }
    }

    /// The section as people review it.
    pub(super) fn write(&self, out: &mut String) {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let list = |all: Vec<String>| format!("[{}]", all.join(", "));
        let texts = |all: &[String]| list(all.iter().map(|text| quoted(text)).collect());
        let hexes = |all: &[Vec<u8>]| list(all.iter().map(|bytes| quoted(&hex::encode(bytes))).collect());
        let mut line = |key: &str, value: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{key} = {value}");
        };
        line("name", quoted(&self.name));
        if let Some(profile) = &self.profile {
            line("profile", quoted(profile));
        }
        let lists = [
            ("submodule", !self.submodule.is_empty(), texts(&self.submodule)),
            ("implementation_id", !self.implementation_ids.is_empty(), hexes(&self.implementation_ids)),
            (
                "lifecycle",
                !self.lifecycle.is_empty(),
                list(self.lifecycle.iter().map(|l| quoted(l.name())).collect()),
            ),
            (
                "client_id",
                !self.client_ids.is_empty(),
                list(self.client_ids.iter().map(ToString::to_string).collect()),
            ),
            (
                "certification_reference",
                !self.certification_references.is_empty(),
                texts(&self.certification_references),
            ),
            ("debug", !self.debug.is_empty(), list(self.debug.iter().map(|d| quoted(d.name())).collect())),
            ("oemid", !self.oemid.is_empty(), texts(&self.oemid)),
            ("hwmodel", !self.hwmodel.is_empty(), hexes(&self.hwmodel)),
            ("swname", !self.swname.is_empty(), texts(&self.swname)),
            ("swversion", !self.swversion.is_empty(), texts(&self.swversion)),
            ("oem_boot", self.oem_boot, "true".to_owned()),
            ("boot_seed", self.boot_seed, "true".to_owned()),
        ];
        for (key, _, value) in lists.into_iter().filter(|(_, is_written, _)| *is_written) {
            line(key, value);
        }
        for variant in &self.variants {
            variant.write(out);
        }
    }

    /// Places in words and their values, for a comparison of two documents: nothing that is compared at appraisal is left out.
    pub(super) fn flatten(&self) -> Vec<(String, String)> {
        let mut text = String::new();
        self.write(&mut text);
        let mut within = String::new();
        let mut flat = Vec::new();
        for line in text.lines().map(str::trim) {
            if let Some((key, value)) = line.split_once(" = ").filter(|(key, _)| !key.starts_with('{')) {
                if !within.is_empty() && key == "name" {
                    within = format!("variant {value} ");
                }
                flat.push((format!("token `{}` {within}{key}", self.name), value.to_owned()));
            } else if line.starts_with("[[") {
                within = "variant ".to_owned();
            } else if line.starts_with('{') {
                flat.push((format!("token `{}` {within}{line}", self.name), "golden".to_owned()));
            }
        }
        flat
    }
}

impl TokenVariant {
    fn write(&self, out: &mut String) {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let _ = writeln!(out, "\n[[token.variant]]\nname = {}", quoted(&self.name));
        if !self.components.is_empty() {
            let _ = writeln!(out, "components = [");
            for component in &self.components {
                let mut fields = Vec::new();
                fields.extend(component.kind.as_ref().map(|kind| format!("type = {}", quoted(kind))));
                fields.push(format!("value = \"{}\"", hex::encode(&component.value)));
                fields.push(format!("signer = \"{}\"", hex::encode(&component.signer)));
                fields.extend(
                    component.version.as_ref().map(|version| format!("version = {}", quoted(version))),
                );
                let _ = writeln!(out, "  {{ {} }},", fields.join(", "));
            }
            let _ = writeln!(out, "]");
        }
        if !self.measurements.is_empty() {
            let _ = writeln!(out, "measurements = [");
            for (format, digest) in &self.measurements {
                let _ = writeln!(out, "  {{ content_format = {format}, sha256 = \"{digest}\" }},");
            }
            let _ = writeln!(out, "]");
        }
    }
}

fn variant(raw: RawTokenVariant, place: &str) -> Result<TokenVariant, Error> {
    let place = format!("{place} variant `{}`", raw.name);
    let component = |raw: RawTokenComponent| {
        Ok(TokenComponent {
            kind: raw.kind,
            value: bytes(&raw.value, &[32, 48, 64], &place)?,
            signer: bytes(&raw.signer, &[32, 48, 64], &place)?,
            version: raw.version,
        })
    };
    let measurement = |raw: RawMeasurement| {
        let detail = "not hexadecimal of the bank's length";
        let bad = || Error::Digest { place: place.clone(), bank: "sha256".into(), detail };
        Ok((raw.content_format, Digest::from_hex(HashAlg::Sha256, &raw.sha256).ok_or_else(bad)?))
    };
    let mut components: Vec<TokenComponent> =
        raw.components.into_iter().map(component).collect::<Result<_, _>>()?;
    components.sort();
    let measurements = raw.measurements.into_iter().map(measurement).collect::<Result<_, _>>()?;
    Ok(TokenVariant { name: raw.name, components, measurements })
}

/// Hexadecimal of one of these lengths in bytes, or of any.
fn bytes(text: &str, lengths: &[usize], place: &str) -> Result<Vec<u8>, Error> {
    let expected = "hexadecimal of the claim's length";
    let bad = || Error::Value { place: place.to_owned(), got: text.chars().take(80).collect(), expected };
    let bytes = hex::decode(text).map_err(|_| bad())?;
    if lengths.is_empty() || lengths.contains(&bytes.len()) { Ok(bytes) } else { Err(bad()) }
}
