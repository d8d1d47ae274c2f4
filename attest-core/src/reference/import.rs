//! Golden values out of somebody else's CoRIM, for people to review: what a maker says of the root of trust in a device
//! (draft-fdb-rats-psa-endorsements), as a section for its tokens.
//!
//! What a golden document cannot say in the maker's words is refused, never passed over: a device would be judged by less than he wrote.

use super::corim::{
    Class, Corim, CryptoKey, Environment, Identifier, Measurement, Profile, Reference, Values, values,
};
use super::golden::{self, Golden, TokenComponent, TokenGolden, TokenVariant};
use super::learn_token;
use crate::digest::{Digest, HashAlg};
use crate::evidence::eat::{Lifecycle, PsaProfile};
use crate::time::Timestamp;

/// The one profile whose reference values are a token's.
const PSA: &str = "tag:arm.com,2025:psa#1.0.0";

/// Why no golden values are made of a CoRIM.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Its components were not all measured by one algorithm: no device's token could be compared with all of them.
    #[error("{place}: no hash algorithm that a token can have is common to all of its components")]
    DigestsUncommon {
        /// Of whom it speaks.
        place: String,
    },
    /// It speaks of less than every device of an implementation.
    #[error("{place}: {what} narrows whom it speaks of, and no token says it")]
    EnvironmentNarrow {
        /// Of whom it speaks.
        place: String,
        /// By what.
        what: &'static str,
    },
    /// What came out is no golden document.
    #[error(transparent)]
    Golden(#[from] golden::Error),
    /// It has no reference values of the implementation that was asked for, or none at all.
    #[error("it has no reference values of such an implementation")]
    ImplementationMissing,
    /// It speaks of more than one implementation, and the software of one is not that of another.
    #[error("it speaks of {count} implementations: say which")]
    Implementations {
        /// How many.
        count: usize,
    },
    /// Another profile, or none: its values are not those of tokens that are judged here.
    #[error("its profile is {}, not `{PSA}`: nothing is imported from it", .got.as_deref().map_or_else(|| "none".into(), |got| format!("`{got}`")))]
    ProfileUnsupported {
        /// What it says.
        got: Option<String>,
    },
    /// A value that no token's component has.
    #[error("{place}: {what} is in no token's component, so nothing would be compared with it")]
    ValueForeign {
        /// Of which element.
        place: String,
        /// Which.
        what: &'static str,
    },
    /// It cannot be judged by at all.
    #[error(transparent)]
    Values(#[from] values::Error),
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DigestsUncommon { .. } => "import_digests_uncommon",
            Self::EnvironmentNarrow { .. } => "import_environment_narrow",
            Self::Golden(error) => error.code(),
            Self::ImplementationMissing => "import_implementation_missing",
            Self::Implementations { .. } => "import_implementations",
            Self::ProfileUnsupported { .. } => "import_profile_unsupported",
            Self::ValueForeign { .. } => "import_value_foreign",
            Self::Values(error) => error.code(),
        }
    }
}

/// What the importer adds of his own.
#[derive(Clone, Copy, Debug)]
pub struct Choices<'c> {
    /// The device family that the document is for.
    pub family: &'c str,
    /// The implementation, where the CoRIM speaks of several.
    pub implementation: Option<&'c [u8]>,
    /// The profile of the family's tokens.
    pub profile: PsaProfile,
    /// When the CoRIM's signature ceases to count, if it is signed and does.
    pub signed_until: Option<Timestamp>,
}

/// A draft, and what of the CoRIM is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// To be reviewed.
    pub golden: Golden,
    /// In words.
    pub left_out: Vec<String>,
    /// The last second in which what it was made of counts, if there is one. The draft says it, and does not end with it.
    pub valid_until: Option<Timestamp>,
}

/// A document out of the reference values of one implementation: each reference triple is one known set of software, whole.
///
/// # Errors
/// [`Error`].
pub fn import(corim: &Corim<'_>, choices: &Choices<'_>) -> Result<Imported, Error> {
    let got = corim.profile.map(|profile| profile.to_string());
    let values = corim.reference_values()?;
    if corim.profile != Some(Profile::Uri(PSA)) {
        return Err(Error::ProfileUnsupported { got });
    }
    let is_wanted =
        |environment| choices.implementation.is_none_or(|wanted| implementation(environment) == Some(wanted));
    // The measurements of one triple share its environment, and stand side by side.
    let triples = values.references.chunk_by(|a, b| core::ptr::eq(a.environment, b.environment));
    let triples: Vec<_> = triples
        .filter(|triple| triple.first().is_some_and(|reference| is_wanted(reference.environment)))
        .collect();
    let mut implementations: Vec<&[u8]> = triples
        .iter()
        .filter_map(|triple| implementation(triple.first().map(|reference| reference.environment)?))
        .collect();
    implementations.sort_unstable();
    implementations.dedup();
    let implementation_id = match implementations.as_slice() {
        [one] => one.to_vec(),
        [] => return Err(Error::ImplementationMissing),
        several => return Err(Error::Implementations { count: several.len() }),
    };
    let mut section = TokenGolden {
        name: "psa".to_owned(),
        profile: Some(choices.profile.name().to_owned()),
        implementation_ids: vec![implementation_id],
        lifecycle: vec![Lifecycle::Secured],
        ..TokenGolden::default()
    };
    for (number, triple) in (1_usize..).zip(&triples) {
        for variant in variants(&format!("corim-{number}"), triple)? {
            let is_new = section.variants.iter().all(|known| known.components != variant.components);
            section.variants.extend(Some(variant).filter(|_| is_new));
        }
    }
    let mut golden = learn_token::empty(choices.family);
    let ends = corim.validity.map(|validity| validity.not_after).into_iter().chain(choices.signed_until);
    let valid_until = ends.min();
    golden.description = Some(described(corim, &triples, valid_until));
    golden.tokens.push(section);
    golden.validate()?;
    Ok(Imported { golden, left_out: left_out(&values, &triples, valid_until), valid_until })
}

fn implementation<'e>(environment: &'e Environment<'_>) -> Option<&'e [u8]> {
    match environment.class.as_ref()?.id.as_ref()? {
        Identifier::Bytes(id) => Some(id),
        _ => None,
    }
}

/// The set of software that a triple names, once for each hash algorithm by which all of it was measured: a device measures by one of them.
fn variants(name: &str, triple: &[Reference<'_, '_>]) -> Result<Vec<TokenVariant>, Error> {
    for reference in triple {
        check_environment(reference.environment)?;
        check_values(reference)?;
    }
    let digests: Vec<Vec<Digest>> = triple.iter().map(|one| usable(one.measurement)).collect();
    let by_all =
        |alg: &HashAlg| digests.iter().all(|of_one| of_one.iter().any(|digest| digest.alg() == *alg));
    let common: Vec<HashAlg> = HashAlg::ALL.into_iter().filter(by_all).collect();
    let of = |name: String, alg: Option<HashAlg>| {
        let chosen = |of_one: &Vec<Digest>| {
            of_one.iter().find(|digest| alg.is_none_or(|alg| digest.alg() == alg)).copied()
        };
        let both = triple.iter().zip(&digests);
        let mut components: Vec<TokenComponent> =
            both.filter_map(|(one, digests)| Some(component(one.measurement, chosen(digests)?))).collect();
        components.sort();
        TokenVariant { name, components, measurements: Vec::new() }
    };
    match common.as_slice() {
        // Each by an algorithm of its own: then that is how it is measured.
        [] if digests.iter().all(|of_one| of_one.len() == 1) => Ok(vec![of(name.to_owned(), None)]),
        [] => {
            let place = triple.first().map(|one| one.environment.to_string()).unwrap_or_default();
            Err(Error::DigestsUncommon { place })
        }
        [one] => Ok(vec![of(name.to_owned(), Some(*one))]),
        several => Ok(several.iter().map(|alg| of(format!("{name}-{}", alg.name()), Some(*alg))).collect()),
    }
}

/// The digests that a token's component can have: 32, 48 or 64 bytes (RFC 9783, section 4.4.1), so that SHA-1 is none.
fn usable(measurement: &Measurement<'_>) -> Vec<Digest> {
    measurement.values.known_digests().filter(|digest| digest.alg().strength() > 0).collect()
}

fn component(measurement: &Measurement<'_>, digest: Digest) -> TokenComponent {
    let Values { name, version, crypto_keys, .. } = &measurement.values;
    let signer = crypto_keys.iter().find_map(|key| match key {
        CryptoKey::Bytes(id) => Some(id.to_vec()),
        _ => None,
    });
    TokenComponent {
        kind: name.map(str::to_owned),
        value: digest.as_bytes().to_vec(),
        signer: signer.unwrap_or_default(),
        version: version.map(str::to_owned),
    }
}

/// Vendor and model only describe: a root of trust is known by its implementation (section 3.2 of the draft).
fn check_environment(environment: &Environment<'_>) -> Result<(), Error> {
    let Environment { class, instance, group } = environment;
    let (layer, index) = match class {
        Some(Class { layer, index, .. }) => (layer.is_some(), index.is_some()),
        None => (false, false),
    };
    let parts =
        [("instance", instance.is_some()), ("group", group.is_some()), ("layer", layer), ("index", index)];
    match parts.into_iter().find(|(_, is_there)| *is_there) {
        None => Ok(()),
        Some((what, _)) => Err(Error::EnvironmentNarrow { place: environment.to_string(), what }),
    }
}

fn check_values(reference: &Reference<'_, '_>) -> Result<(), Error> {
    // Every field by name: a new one must be thought of, too.
    let Values {
        version: _,
        digests: _,
        name: _,
        crypto_keys: _,
        svn,
        flags,
        raw_value,
        mac_address,
        ip_address,
        serial_number,
        ueid,
        uuid,
        integrity_registers,
        int_range,
        extensions,
    } = &reference.measurement.values;
    let parts = [
        ("a security version", svn.is_some()),
        ("a flag", !flags.is_empty()),
        ("a raw value", raw_value.is_some()),
        ("a MAC address", mac_address.is_some()),
        ("an IP address", ip_address.is_some()),
        ("a serial number", serial_number.is_some()),
        ("a UEID", ueid.is_some()),
        ("a UUID", uuid.is_some()),
        ("an integrity register", !integrity_registers.is_empty()),
        ("a number", int_range.is_some()),
        ("an extension", !extensions.is_empty()),
        ("authorized-by", !reference.measurement.authorized_by.is_empty()),
    ];
    match parts.into_iter().find(|(_, is_there)| *is_there) {
        None => Ok(()),
        Some((what, _)) => Err(Error::ValueForeign { place: reference.to_string(), what }),
    }
}

fn described(corim: &Corim<'_>, triples: &[&[Reference<'_, '_>]], until: Option<Timestamp>) -> String {
    let class = triples.first().and_then(|triple| triple.first()?.environment.class.as_ref());
    let words = [class.and_then(|class| class.vendor), class.and_then(|class| class.model)];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    let of = if words.is_empty() { String::new() } else { format!(", of {}", words.join(" ")) };
    let until = until.map(|until| format!("; it counts until {until}")).unwrap_or_default();
    // A description is a line.
    format!("Imported from CoRIM {}{of}{until}", corim.id).replace(char::is_control, " ")
}

fn left_out(
    values: &values::ReferenceValues<'_, '_>,
    triples: &[&[Reference<'_, '_>]],
    until: Option<Timestamp>,
) -> Vec<String> {
    let ends =
        |until| format!("its end: it counts until {until}, and the draft does so until it is replaced");
    let mut words: Vec<String> = until.into_iter().map(ends).collect();
    words.extend(values.not_judged.iter().map(ToString::to_string));
    words.extend(values.endorsed.iter().map(|endorsed| format!("{endorsed}: endorsed, not measured")));
    words.extend(values.attest_keys.iter().map(|key| {
        format!("attestation key of {}: enrol it, or pass it as the token's key", key.environment)
    }));
    let imported = triples.iter().map(|triple| triple.len()).sum::<usize>();
    if let Some(others) = values.references.len().checked_sub(imported).filter(|others| *others > 0) {
        words.push(format!("{others} measurements of other implementations"));
    }
    let unnamed = triples.iter().flat_map(|triple| triple.iter());
    let unnamed = unnamed.filter(|reference| reference.measurement.values.name.is_none()).count();
    if unnamed > 0 {
        words.push(format!(
            "{unnamed} components have no type: only a token's component that has none either is one of them"
        ));
    }
    words
}

#[cfg(test)]
mod tests;
