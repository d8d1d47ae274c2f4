//! What a CoRIM of somebody else says that can be judged by, and by name what it says that cannot.

use core::fmt;
use std::collections::BTreeMap;

use super::digest::{TaggedDigest, accepts};
use super::foreign::{self, PcrOf};
use super::{
    Comid, Corim, CryptoKey, Element, Environment, KeyTriple, Measurement, Profile, Register, Statement, Tag,
    TagId, Values, profile,
};
use crate::{Digest, HashAlg};

/// Why a CoRIM cannot be judged by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is a golden document, which says more than values: read it as one.
    #[error("it is a golden document, not a list of values")]
    GoldenDocument,
    /// A profile that is not known here: what its values mean is not known either.
    #[error("profile `{profile}` is not known")]
    ProfileUnknown {
        /// The profile.
        profile: String,
    },
    /// It breaks a rule of its profile.
    #[error("{place}: {rule}, as profile `{profile}` wants it")]
    ProfileViolated {
        /// The profile.
        profile: String,
        /// Where.
        place: String,
        /// The rule.
        rule: &'static str,
    },
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::GoldenDocument => "corim_golden_document",
            Self::ProfileUnknown { .. } => "corim_profile_unknown",
            Self::ProfileViolated { .. } => "corim_profile_violated",
        }
    }
}

/// The values of a CoRIM, parsed and not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceValues<'c, 'a> {
    /// What evidence should say. Several about the same element of the same environment are alternatives.
    pub references: Vec<Reference<'c, 'a>>,
    /// What is so without evidence saying it.
    pub endorsed: Vec<Reference<'c, 'a>>,
    /// Keys with which an environment signs evidence.
    pub attest_keys: Vec<&'c KeyTriple<'a>>,
    /// What it holds beside that. None of it counts.
    pub not_judged: Vec<NotJudged>,
    pcr_of: PcrOf,
}

/// One measurement of one environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference<'c, 'a> {
    /// Of whom it speaks.
    pub environment: &'c Environment<'a>,
    /// What it says.
    pub measurement: &'c Measurement<'a>,
}

/// Something that is read and does not count, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotJudged {
    /// What.
    pub what: String,
    /// Why not.
    pub reason: &'static str,
}

impl fmt::Display for NotJudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.reason)
    }
}

/// A final value that a PCR should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinalPcr<'c, 'a> {
    /// Of whom it speaks.
    pub environment: &'c Environment<'a>,
    /// The PCR.
    pub pcr: u8,
    /// The value, in its bank.
    pub value: Digest,
}

impl<'a> Corim<'a> {
    /// What can be judged by.
    ///
    /// # Errors
    /// [`Error`]: a profile that is not known, or that the CoRIM breaks; then none of it counts, as the specification wants it.
    pub fn reference_values(&self) -> Result<ReferenceValues<'_, 'a>, Error> {
        let name = self.profile.map(|profile| profile.to_string());
        let rules = match (self.profile, name) {
            (None, _) => foreign::BASE,
            (Some(Profile::Uri(profile::PROFILE)), _) => return Err(Error::GoldenDocument),
            (Some(known), name) => {
                let profile = name.unwrap_or_default();
                let rules =
                    foreign::of(&known).ok_or_else(|| Error::ProfileUnknown { profile: profile.clone() })?;
                let violated = |(place, rule)| Error::ProfileViolated { profile, place, rule };
                self.comids().try_for_each(|comid| rules.check(comid)).map_err(violated)?;
                rules
            }
        };
        let mut values = ReferenceValues {
            references: Vec::new(),
            endorsed: Vec::new(),
            attest_keys: Vec::new(),
            not_judged: Vec::new(),
            pcr_of: rules.pcr_of,
        };
        values.collect(self);
        Ok(values)
    }
}

impl<'c, 'a> ReferenceValues<'c, 'a> {
    fn collect(&mut self, corim: &'c Corim<'a>) {
        for locator in &corim.dependent_rims {
            self.skip(format!("dependent manifest {}", locator.uris.join(", ")), "nothing is ever fetched");
        }
        let replaced: Vec<&TagId<'_>> = corim
            .comids()
            .flat_map(|comid| &comid.linked_tags)
            .filter(|(_, rel)| *rel == 1)
            .map(|(id, _)| id)
            .collect();
        let mut newest: BTreeMap<TagId<'_>, u64> = BTreeMap::new();
        for comid in corim.comids() {
            let version = newest.entry(comid.identity.id).or_default();
            *version = comid.identity.version.max(*version);
        }
        for extension in &corim.extensions {
            self.skip(extension.place(), "only its profile explains it");
        }
        for tag in &corim.tags {
            let Tag::Comid(comid) = tag else {
                self.skip(format!("a {}", tag.kind()), "only CoMIDs are judged by");
                continue;
            };
            let id = comid.identity.id;
            if replaced.contains(&&id) {
                self.skip(format!("tag {id}"), "another tag replaces it");
            } else if newest.get(&id).is_some_and(|newest| *newest > comid.identity.version) {
                self.skip(format!("tag {id} version {}", comid.identity.version), "a later version is here");
            } else {
                self.collect_comid(comid);
            }
        }
    }

    fn collect_comid(&mut self, comid: &'c Comid<'a>) {
        let flat = |statements: &'c [Statement<'a>]| {
            statements.iter().flat_map(|Statement { environment, measurements }| {
                measurements.iter().map(move |measurement| Reference { environment, measurement })
            })
        };
        for reference in flat(&comid.triples.references) {
            self.name_what_never_matches(reference);
            self.references.push(reference);
        }
        self.endorsed.extend(flat(&comid.triples.endorsed));
        self.attest_keys.extend(&comid.triples.attest_keys);
        for triple in &comid.triples.identity {
            self.skip(
                format!("identity key of {}", triple.environment),
                "devices are known by their attestation key",
            );
        }
        for carried in &comid.triples.carried {
            self.skip(format!("{} {}", carried.count, carried.kind), "this kind of triple is not judged by");
        }
        for extension in comid.extensions.iter().chain(&comid.triples.extensions) {
            self.skip(extension.place(), "only its profile explains it");
        }
    }

    /// A value that cannot be compared makes the whole measurement match nothing: that is stricter, and should be known.
    fn name_what_never_matches(&mut self, reference: Reference<'_, '_>) {
        let Measurement { values, authorized_by, .. } = reference.measurement;
        for extension in &values.extensions {
            self.skip(
                format!("{reference}: {}", extension.place()),
                "it cannot be compared, so this matches nothing",
            );
        }
        if !authorized_by.is_empty() {
            self.skip(
                format!("{reference}: authorized-by"),
                "authority is not tracked here, so this matches nothing",
            );
        }
        for digest in values.digests.iter().filter(|digest| digest.known().is_none()) {
            self.skip(format!("{reference}: digest by {}", digest.alg_name()), "the algorithm is not known");
        }
    }

    fn skip(&mut self, what: String, reason: &'static str) {
        self.not_judged.push(NotJudged { what, reason });
    }

    /// The final values of PCRs in banks that may judge. A digest of another algorithm, of SHA-1, or for a register that is no PCR is
    /// left out.
    pub fn final_pcrs(&self) -> impl Iterator<Item = FinalPcr<'c, 'a>> + '_ {
        self.references.iter().flat_map(|reference| {
            let Measurement { element, values, .. } = reference.measurement;
            let by_element = match (self.pcr_of, element) {
                (PcrOf::Element, Some(Element::Number(pcr))) => Some((*pcr, values.digests.as_slice())),
                _ => None,
            };
            let registers =
                values.integrity_registers.iter().filter_map(|(register, digests)| match register {
                    Register::Number(pcr) => Some((*pcr, digests.as_slice())),
                    Register::Name(_) => None,
                });
            by_element.into_iter().chain(registers).flat_map(move |(pcr, digests)| {
                let pcr = u8::try_from(pcr).ok().filter(|pcr| *pcr < 24);
                let known = digests.iter().filter_map(TaggedDigest::known).filter(|d| d.alg().strength() > 0);
                known.filter_map(move |value| {
                    Some(FinalPcr { environment: reference.environment, pcr: pcr?, value })
                })
            })
        })
    }

    /// Whether a PCR's value is one of those that this environment may have: `None` if nothing is said about this PCR in this bank.
    #[must_use]
    pub fn accepts_pcr(&self, of: &Environment<'_>, alg: HashAlg, pcr: u8, value: &Digest) -> Option<bool> {
        let about = self.final_pcrs().filter(|reference| reference.environment.covers(of));
        let mut about =
            about.filter(|reference| reference.pcr == pcr && reference.value.alg() == alg).peekable();
        about.peek()?;
        Some(about.any(|reference| reference.value == *value))
    }
}

impl fmt::Display for Reference<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.measurement.element {
            Some(element) => write!(f, "{element} of {}", self.environment),
            None => write!(f, "{}", self.environment),
        }
    }
}

/// What evidence says about one element, to be compared with a reference. What it does not say is not there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured<'m> {
    /// Its version.
    pub version: Option<&'m str>,
    /// Its security version.
    pub svn: Option<u64>,
    /// Its digests, each algorithm once.
    pub digests: &'m [Digest],
    /// Its flags.
    pub flags: &'m [(u64, bool)],
    /// Its bytes.
    pub raw_value: Option<&'m [u8]>,
    /// Its hardware address.
    pub mac_address: Option<&'m [u8]>,
    /// Its network address.
    pub ip_address: Option<&'m [u8]>,
    /// Its serial number.
    pub serial_number: Option<&'m str>,
    /// Its UEID.
    pub ueid: Option<&'m [u8]>,
    /// Its UUID.
    pub uuid: Option<[u8; 16]>,
    /// Its name.
    pub name: Option<&'m str>,
    /// Identifiers of the keys that signed it, in order.
    pub key_ids: &'m [&'m [u8]],
    /// Its registers.
    pub registers: &'m [(Register<'m>, &'m [Digest])],
    /// Its number.
    pub integer: Option<i128>,
}

impl Reference<'_, '_> {
    /// The specification's comparison: every value that the reference has must be there and agree. One that cannot be compared agrees
    /// with nothing.
    #[must_use]
    pub fn accepts(&self, measured: &Measured<'_>) -> bool {
        self.measurement.authorized_by.is_empty() && self.measurement.values.accepts(measured)
    }
}

impl Values<'_> {
    fn accepts(&self, measured: &Measured<'_>) -> bool {
        fn same<T: PartialEq>(wanted: Option<T>, got: Option<T>) -> bool {
            wanted.is_none() || wanted == got
        }
        // Every field by name: a new one must be compared, too.
        let Values {
            version,
            svn,
            digests,
            flags,
            raw_value,
            mac_address,
            ip_address,
            serial_number,
            ueid,
            uuid,
            name,
            crypto_keys,
            integrity_registers,
            int_range,
            extensions,
        } = self;
        same(*version, measured.version)
            && svn.is_none_or(|svn| measured.svn.is_some_and(|got| svn.accepts(got)))
            && (digests.is_empty() || accepts(digests, measured.digests))
            && flags.iter().all(|flag| measured.flags.contains(flag))
            && raw_value.is_none_or(|raw| measured.raw_value.is_some_and(|got| raw.accepts(got)))
            && same(*mac_address, measured.mac_address)
            && same(*ip_address, measured.ip_address)
            && same(*serial_number, measured.serial_number)
            && same(*ueid, measured.ueid)
            && same(*uuid, measured.uuid)
            && same(*name, measured.name)
            && keys_accept(crypto_keys, measured.key_ids)
            && integrity_registers.iter().all(|(id, digests)| {
                measured.registers.iter().any(|(got, values)| got == id && accepts(digests, values))
            })
            && int_range.is_none_or(|range| measured.integer.is_some_and(|got| range.accepts(got)))
            && extensions.is_empty()
    }
}

/// Entry by entry, in order; evidence may have more behind them.
fn keys_accept(wanted: &[CryptoKey<'_>], got: &[&[u8]]) -> bool {
    wanted.len() <= got.len()
        && wanted.iter().zip(got).all(|(wanted, got)| matches!(wanted, CryptoKey::Bytes(id) if id == got))
}

#[cfg(test)]
mod tests;
