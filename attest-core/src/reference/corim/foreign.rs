//! The rules of profiles that other verifiers use, so far as they say what a well-made CoRIM of theirs looks like.

use super::{Comid, CryptoKey, Element, Environment, Identifier, KeyTriple, Measurement, Profile, Statement};

/// Where a profile puts the index of a PCR, beside `integrity-registers`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PcrOf {
    /// Nowhere else.
    Registers,
    /// In `mkey`.
    Element,
}

/// A profile.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) pcr_of: PcrOf,
    reference: fn(&Statement<'_>) -> Result<(), &'static str>,
    keys: fn(&KeyTriple<'_>) -> Result<(), &'static str>,
}

/// No profile: the specification alone.
pub(super) const BASE: Rules = Rules { pcr_of: PcrOf::Registers, reference: |_| Ok(()), keys: |_| Ok(()) };

/// Known profiles.
const PROFILES: [(&str, Rules); 6] = [
    // draft-fdb-rats-psa-endorsements.
    ("tag:arm.com,2025:psa#1.0.0", Rules { pcr_of: PcrOf::Registers, reference: psa, keys: arm_keys }),
    // draft-ydb-rats-cca-endorsements.
    (
        "tag:arm.com,2025:cca_platform#1.0.0",
        Rules { pcr_of: PcrOf::Registers, reference: cca_platform, keys: arm_keys },
    ),
    (
        "tag:arm.com,2025:cca_realm#1.0.0",
        Rules { pcr_of: PcrOf::Registers, reference: cca_realm, keys: |_| Ok(()) },
    ),
    // The schemes of the Veraison project.
    (
        "tag:github.com/parallaxsecond,2023-03-03:tpm",
        Rules { pcr_of: PcrOf::Element, reference: parsec_tpm, keys: parsec_keys },
    ),
    (
        "https://enacttrust.com/veraison/1.0.0",
        Rules { pcr_of: PcrOf::Registers, reference: enacttrust, keys: enacttrust_keys },
    ),
    (
        "tag:veraison-project.com,2026:riot",
        Rules { pcr_of: PcrOf::Registers, reference: |_| Err("no reference values"), keys: riot_keys },
    ),
];

/// The rules of a profile that is known.
pub(super) fn of(profile: &Profile<'_>) -> Option<Rules> {
    let Profile::Uri(uri) = profile else { return None };
    PROFILES.iter().find(|(known, _)| known == uri).map(|(_, rules)| *rules)
}

impl Rules {
    /// Whether a CoMID keeps the profile's rules; else where not, and which.
    pub(super) fn check(&self, comid: &Comid<'_>) -> Result<(), (String, &'static str)> {
        for statement in &comid.triples.references {
            (self.reference)(statement).map_err(|rule| (statement.environment.to_string(), rule))?;
        }
        for triple in &comid.triples.attest_keys {
            (self.keys)(triple).map_err(|rule| (triple.environment.to_string(), rule))?;
        }
        Ok(())
    }
}

type Check = Result<(), &'static str>;

fn must(holds: bool, rule: &'static str) -> Check {
    if holds { Ok(()) } else { Err(rule) }
}

fn class_id<'e, 'a>(environment: &'e Environment<'a>) -> Option<&'e Identifier<'a>> {
    environment.class.as_ref()?.id.as_ref()
}

fn name<'a>(measurement: &Measurement<'a>) -> &'a str {
    if let Some(Element::Name(name)) = measurement.element { name } else { "" }
}

/// A signer's id is a hash of a key: 32, 48 or 64 bytes.
fn one_signer(measurement: &Measurement<'_>) -> Check {
    let good = matches!(measurement.values.crypto_keys.as_slice(), [CryptoKey::Bytes(id)] if matches!(id.len(), 32 | 48 | 64));
    must(good, "cryptokeys is one identifier of 32, 48 or 64 bytes")
}

fn with_digests(measurement: &Measurement<'_>) -> Check {
    must(!measurement.values.digests.is_empty(), "a measurement has digests")
}

fn implementation(environment: &Environment<'_>) -> Check {
    let good = matches!(class_id(environment), Some(Identifier::Bytes(id)) if id.len() == 32);
    must(good, "class-id is an implementation id of 32 bytes")
}

fn one_pem_key(triple: &KeyTriple<'_>) -> Check {
    must(matches!(triple.keys.as_slice(), [CryptoKey::Key(_)]), "there is one key, a PEM public key")
}

fn ueid_instance(environment: &Environment<'_>) -> Check {
    let good = matches!(environment.instance, Some(Identifier::Ueid(id)) if id.len() == 33);
    must(good, "instance is a UEID of 33 bytes")
}

fn psa(statement: &Statement<'_>) -> Check {
    implementation(&statement.environment)?;
    for measurement in &statement.measurements {
        must(name(measurement) == "psa.software-component", "mkey is psa.software-component")?;
        with_digests(measurement)?;
        one_signer(measurement)?;
    }
    Ok(())
}

fn arm_keys(triple: &KeyTriple<'_>) -> Check {
    implementation(&triple.environment)?;
    ueid_instance(&triple.environment)?;
    one_pem_key(triple)
}

fn cca_platform(statement: &Statement<'_>) -> Check {
    implementation(&statement.environment)?;
    for measurement in &statement.measurements {
        match name(measurement) {
            "cca.software-component" => {
                with_digests(measurement)?;
                one_signer(measurement)?;
            }
            "cca.platform-config" => {
                must(measurement.values.raw_value.is_some(), "cca.platform-config has a raw-value")?
            }
            _ => return Err("mkey is cca.software-component or cca.platform-config"),
        }
    }
    Ok(())
}

fn cca_realm(statement: &Statement<'_>) -> Check {
    must(matches!(class_id(&statement.environment), Some(Identifier::Bytes(_))), "class-id is bytes")?;
    for measurement in &statement.measurements {
        match name(measurement) {
            "cca.rim" | "cca.rem0" | "cca.rem1" | "cca.rem2" | "cca.rem3" => with_digests(measurement)?,
            "cca.rpv" => {
                let raw = measurement.values.raw_value;
                must(raw.is_some_and(|raw| raw.value.len() == 64), "cca.rpv has a raw-value of 64 bytes")?;
            }
            _ => return Err("mkey is cca.rim, cca.rem0 to cca.rem3, or cca.rpv"),
        }
    }
    must(statement.measurements.iter().any(|m| name(m) == "cca.rim"), "there is a cca.rim")
}

fn parsec_tpm(statement: &Statement<'_>) -> Check {
    must(class_id(&statement.environment).is_some(), "there is a class-id")?;
    for measurement in &statement.measurements {
        must(matches!(measurement.element, Some(Element::Number(pcr)) if pcr < 24), "mkey is a PCR")?;
        with_digests(measurement)?;
    }
    Ok(())
}

fn parsec_keys(triple: &KeyTriple<'_>) -> Check {
    must(class_id(&triple.environment).is_some(), "there is a class-id")?;
    ueid_instance(&triple.environment)?;
    one_pem_key(triple)
}

fn node(environment: &Environment<'_>) -> Check {
    must(matches!(environment.instance, Some(Identifier::Uuid(_))), "instance is a UUID")
}

fn enacttrust(statement: &Statement<'_>) -> Check {
    node(&statement.environment)?;
    let one = matches!(statement.measurements.as_slice(), [only] if only.values.digests.len() == 1);
    must(one, "there is one measurement with one digest")
}

fn enacttrust_keys(triple: &KeyTriple<'_>) -> Check {
    node(&triple.environment)?;
    one_pem_key(triple)
}

fn riot_keys(triple: &KeyTriple<'_>) -> Check {
    let class = triple.environment.class.as_ref();
    must(
        class.is_some_and(|class| class.vendor.is_some() && class.model.is_some()),
        "there is a vendor and a model",
    )
}
