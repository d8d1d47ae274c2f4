//! The PSA profiles: what must be there, what must not, lengths and ranges (RFC 9783, section 4; for the first profile
//! draft-tschofenig-rats-psa-token-05, whose keys section 4.6 of the RFC maps).

use super::claims::{self, Claims, label, optional, owned};
use super::error::Error;
use crate::evidence::node::{Label, Node};

/// A PSA profile, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PsaProfile {
    /// `PSA_IOT_PROFILE_1`: claim keys of private use.
    Iot1,
    /// `http://arm.com/psa/2.0.0`: registered keys, of the drafts.
    Arm2,
    /// `tag:psacertified.org,2023:psa#tfm`: RFC 9783.
    Tfm,
}

impl PsaProfile {
    const NAMES: [(Self, &'static str); 3] = [
        (Self::Iot1, "PSA_IOT_PROFILE_1"),
        (Self::Arm2, "http://arm.com/psa/2.0.0"),
        (Self::Tfm, "tag:psacertified.org,2023:psa#tfm"),
    ];

    /// As tokens name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Iot1 => "PSA_IOT_PROFILE_1",
            Self::Arm2 => "http://arm.com/psa/2.0.0",
            Self::Tfm => "tag:psacertified.org,2023:psa#tfm",
        }
    }

    /// The profile of this name. The first was also spelt `PSA_IoT_PROFILE_1`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let known = Self::NAMES.iter().find(|(_, known)| *known == name).map(|(profile, _)| *profile);
        known.or_else(|| (name == "PSA_IoT_PROFILE_1").then_some(Self::Iot1))
    }
}

/// The state of the PSA root of trust (RFC 9783, 4.3.1): the upper byte of the claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// An invalid state.
    Unknown,
    /// Assembly and test.
    AssemblyAndTest,
    /// Being provisioned.
    PsaRotProvisioning,
    /// In use.
    Secured,
    /// The rest of the device is debugged, the root of trust is not.
    NonPsaRotDebug,
    /// The root of trust is debugged.
    RecoverablePsaRotDebug,
    /// Out of use.
    Decommissioned,
}

impl Lifecycle {
    const NAMES: [(Self, &'static str); 7] = [
        (Self::Unknown, "unknown"),
        (Self::AssemblyAndTest, "assembly_and_test"),
        (Self::PsaRotProvisioning, "psa_rot_provisioning"),
        (Self::Secured, "secured"),
        (Self::NonPsaRotDebug, "non_psa_rot_debug"),
        (Self::RecoverablePsaRotDebug, "recoverable_psa_rot_debug"),
        (Self::Decommissioned, "decommissioned"),
    ];

    /// Its name in golden documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(state, _)| *state == self).map_or("", |(_, name)| name)
    }

    /// The state of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(state, _)| *state)
    }

    fn from_claim(claim: u64) -> Option<Self> {
        let state = match claim {
            0..=0xff => Self::Unknown,
            0x1000..=0x10ff => Self::AssemblyAndTest,
            0x2000..=0x20ff => Self::PsaRotProvisioning,
            0x3000..=0x30ff => Self::Secured,
            0x4000..=0x40ff => Self::NonPsaRotDebug,
            0x5000..=0x50ff => Self::RecoverablePsaRotDebug,
            0x6000..=0x60ff => Self::Decommissioned,
            _ => return None,
        };
        Some(state)
    }
}

/// One measured piece of software (RFC 9783, 4.4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// measurement-type: `BL`, `PRoT`, `ARoT`, `App`, `TS`, or another.
    pub kind: Option<String>,
    /// measurement-value: 32, 48 or 64 bytes.
    pub value: Vec<u8>,
    /// version.
    pub version: Option<String>,
    /// signer-id: 32, 48 or 64 bytes.
    pub signer: Vec<u8>,
    /// measurement-desc: by which hash it was measured.
    pub description: Option<String>,
}

/// What a PSA token claims beside nonce, instance id (`ueid`) and boot seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Psa {
    /// Which profile.
    pub profile: PsaProfile,
    /// Who asked: negative for the non-secure, positive for the secure side.
    pub client_id: i32,
    /// The state of the root of trust.
    pub lifecycle: Lifecycle,
    /// The whole claim, with the implementation's own part in the lower byte.
    pub lifecycle_claim: u16,
    /// Of which kind the hardware is: 32 bytes.
    pub implementation_id: Vec<u8>,
    /// EAN-13, `-` and five more digits; the first profile leaves out the hyphen, or all of them.
    pub certification_reference: Option<String>,
    /// The measured software; empty only if the first profile says that nothing was measured.
    pub components: Vec<Component>,
    /// Where the token could be verified: a hint that is never followed.
    pub verification_service: Option<String>,
}

/// The keys of one profile.
struct Keys {
    client_id: Label,
    lifecycle: Label,
    implementation_id: Label,
    boot_seed: Label,
    certification_reference: Label,
    components: Label,
    verification_service: Label,
}

const OLD_PROFILE: Label = Label::new("psa-profile", -75_000);
const NO_MEASUREMENTS: Label = Label::new("psa-no-sw-measurements", -75_007);
pub(super) const OLD_NONCE: Label = Label::new("psa-nonce", -75_008);
const OLD_INSTANCE: Label = Label::new("psa-instance-id", -75_009);
/// The boot seed of `http://arm.com/psa/2.0.0`.
const DRAFT_SEED: Label = Label::new("psa-boot-seed", 2397);

const OLD: Keys = Keys {
    client_id: Label::new("psa-client-id", -75_001),
    lifecycle: Label::new("psa-security-lifecycle", -75_002),
    implementation_id: Label::new("psa-implementation-id", -75_003),
    boot_seed: Label::new("psa-boot-seed", -75_004),
    certification_reference: Label::new("psa-hwver", -75_005),
    components: Label::new("psa-software-components", -75_006),
    verification_service: Label::new("psa-verification-service-indicator", -75_010),
};

const NEW: Keys = Keys {
    client_id: Label::new("psa-client-id", 2394),
    lifecycle: Label::new("psa-security-lifecycle", 2395),
    implementation_id: Label::new("psa-implementation-id", 2396),
    boot_seed: label::BOOTSEED,
    certification_reference: Label::new("psa-certification-reference", 2398),
    components: Label::new("psa-software-components", 2399),
    verification_service: Label::new("psa-verification-service-indicator", 2400),
};

/// Every key of the first profile, and every key that only a later one has: none may stand in the other's tokens, so that no claim stands
/// in a token twice.
pub(super) const OLD_KEYS: [&Label; 11] = [
    &OLD_PROFILE,
    &OLD.client_id,
    &OLD.lifecycle,
    &OLD.implementation_id,
    &OLD.boot_seed,
    &OLD.certification_reference,
    &OLD.components,
    &NO_MEASUREMENTS,
    &OLD_NONCE,
    &OLD_INSTANCE,
    &OLD.verification_service,
];
pub(super) const NEW_KEYS: [&Label; 7] = [
    &NEW.client_id,
    &NEW.lifecycle,
    &NEW.implementation_id,
    &DRAFT_SEED,
    &NEW.certification_reference,
    &NEW.components,
    &NEW.verification_service,
];

/// Whether these are claims of the first profile: its own claim says so, or, where it is left out, its other keys do.
pub(super) fn is_old(node: Node<'_>) -> Result<bool, Error> {
    if let Some(named) = node.get(&OLD_PROFILE).filter(|_| matches!(node, Node::Cbor(_))) {
        let name = named.text().ok_or(Error::ClaimMalformed { claim: "psa-profile", expected: "text" })?;
        return match PsaProfile::from_name(name) {
            Some(PsaProfile::Iot1) => Ok(true),
            _ => Err(Error::ProfileUnknown { profile: super::error::cut(name, 128) }),
        };
    }
    Ok(matches!(node, Node::Cbor(_)) && OLD_KEYS.iter().any(|key| node.get(key).is_some()))
}

/// Reads the profile's claims, and holds every claim against it.
pub(super) fn parse(node: Node<'_>, profile: PsaProfile, claims: &mut Claims) -> Result<(), Error> {
    let is_old = profile == PsaProfile::Iot1;
    let keys = if is_old { &OLD } else { &NEW };
    foreign(node, profile)?;
    let missing = |claim| Error::ClaimMissing { claim, profile: profile.name() };
    if is_old {
        claims.ueid = claims::bytes(node, &OLD_INSTANCE, 33..=33, "33")?;
    }
    check_common(profile, claims)?;
    claims.bootseed = boot_seed(node, profile, keys)?;
    let client_id = optional(node, &keys.client_id, "a signed 32-bit number other than 0", |id| {
        i32::try_from(id.integer()?).ok().filter(|id| *id != 0)
    })?;
    claims.lifecycle = lifecycle(node, &keys.lifecycle)?;
    let (lifecycle, lifecycle_claim) = claims.lifecycle.ok_or(missing("psa-security-lifecycle"))?;
    let reference = |text: Node<'_>| owned(text).filter(|text| is_reference(text, is_old));
    let certification_reference =
        optional(node, &keys.certification_reference, "EAN-13, or EAN-13, `-` and five digits", reference)?;
    let service = |text: Node<'_>| owned(text).filter(|text| !text.is_empty());
    claims.psa = Some(Psa {
        profile,
        client_id: client_id.ok_or(missing("psa-client-id"))?,
        lifecycle,
        lifecycle_claim,
        implementation_id: claims::bytes(node, &keys.implementation_id, 32..=32, "32")?
            .ok_or(missing("psa-implementation-id"))?,
        certification_reference,
        components: components(node, profile, keys)?,
        verification_service: optional(
            node,
            &keys.verification_service,
            "text with something in it",
            service,
        )?,
    });
    Ok(())
}

/// What claims without a profile say of the lifecycle: the claim is registered by itself (RFC 9783, section 4.3.1).
pub(super) fn lifecycle_alone(node: Node<'_>) -> Result<Option<(Lifecycle, u16)>, Error> {
    lifecycle(node, &NEW.lifecycle)
}

fn lifecycle(node: Node<'_>, label: &Label) -> Result<Option<(Lifecycle, u16)>, Error> {
    optional(node, label, "a state of the lifecycle", |claim| {
        let claim = claim.unsigned()?;
        Some((Lifecycle::from_claim(claim)?, u16::try_from(claim).ok()?))
    })
}

/// Nonce and instance id (RFC 9783, 4.1.1 and 4.2.1). That the nonce is there and ours, authentication says.
fn check_common(profile: PsaProfile, claims: &Claims) -> Result<(), Error> {
    if let Some(nonce) = &claims.nonce
        && !is_hash(nonce)
    {
        return Err(Error::NonceLength { got: nonce.len(), expected: "32, 48 or 64" });
    }
    match claims.ueid.as_deref() {
        Some([1, rest @ ..]) if rest.len() == 32 => Ok(()),
        Some([1, ..]) => {
            let got = claims.ueid.as_ref().map_or(0, Vec::len);
            Err(Error::ClaimLength { claim: "psa-instance-id", got, expected: "33" })
        }
        Some(_) => {
            Err(Error::ClaimMalformed { claim: "psa-instance-id", expected: "of the type RAND (0x01)" })
        }
        None => Err(Error::ClaimMissing { claim: "psa-instance-id", profile: profile.name() }),
    }
}

/// What belongs to another profile: the same claim under a second key would be read by one verifier and not by another.
fn foreign(node: Node<'_>, profile: PsaProfile) -> Result<(), Error> {
    const EAT_KEYS: [&Label; 4] = [&label::NONCE, &label::UEID, &label::PROFILE, &label::BOOTSEED];
    const EAT_SEED: [&Label; 1] = [&label::BOOTSEED];
    const PSA_SEED: [&Label; 1] = [&DRAFT_SEED];
    let found = |keys: &[&'static Label]| keys.iter().copied().find(|key| node.get(key).is_some());
    let other = match profile {
        PsaProfile::Iot1 => found(&NEW_KEYS).or(found(&EAT_KEYS)),
        PsaProfile::Arm2 => found(&OLD_KEYS).or(found(&EAT_SEED)),
        PsaProfile::Tfm => found(&OLD_KEYS).or(found(&PSA_SEED)),
    };
    other.map_or(Ok(()), |key| {
        let number = key.number().unwrap_or_default();
        Err(Error::ClaimForeign { claim: key.known_name(), key: number, profile: profile.name() })
    })
}

/// Exactly 32 bytes and mandatory in the first profile; later optional, of 8 to 32 (RFC 9783, 4.3.2).
fn boot_seed(node: Node<'_>, profile: PsaProfile, keys: &Keys) -> Result<Option<Vec<u8>>, Error> {
    match profile {
        PsaProfile::Iot1 => {
            let seed = claims::bytes(node, &keys.boot_seed, 32..=32, "32")?;
            let missing = Error::ClaimMissing { claim: "psa-boot-seed", profile: profile.name() };
            seed.map(Some).ok_or(missing)
        }
        PsaProfile::Arm2 => claims::bytes(node, &DRAFT_SEED, 8..=32, "8 to 32"),
        PsaProfile::Tfm => claims::bytes(node, &keys.boot_seed, 8..=32, "8 to 32"),
    }
}

/// At least one component. The first profile may instead say that nothing was measured, and must not say both (draft 05, section 3.4.2).
fn components(node: Node<'_>, profile: PsaProfile, keys: &Keys) -> Result<Vec<Component>, Error> {
    let missing = Error::ClaimMissing { claim: "psa-software-components", profile: profile.name() };
    let nothing = if profile == PsaProfile::Iot1 {
        optional(node, &NO_MEASUREMENTS, "1", |says| says.unsigned().filter(|says| *says == 1))?
    } else {
        None
    };
    let malformed = Error::ClaimMalformed {
        claim: "psa-software-components",
        expected: "an array of at least one component",
    };
    match (node.get(&keys.components), nothing) {
        (None, Some(_)) => Ok(Vec::new()),
        (None, None) => Err(missing),
        (Some(_), Some(_)) => {
            let expected = "to stand beside psa-software-components";
            Err(Error::ClaimMalformed { claim: "psa-no-sw-measurements", expected })
        }
        (Some(all), None) => {
            let all = all.items().filter(|all| !all.is_empty()).ok_or(malformed)?;
            all.into_iter().map(|node| component(node, profile)).collect()
        }
    }
}

fn component(node: Node<'_>, profile: PsaProfile) -> Result<Component, Error> {
    const TYPE: Label = Label::new("measurement-type", 1);
    const VALUE: Label = Label::new("measurement-value", 2);
    const VERSION: Label = Label::new("version", 4);
    const SIGNER: Label = Label::new("signer-id", 5);
    const DESCRIPTION: Label = Label::new("measurement-desc", 6);
    let hash = |label: &Label| {
        let claim = label.known_name();
        let value = optional(node, label, "bytes", Node::bytes)?;
        match value {
            Some(value) if is_hash(&value) => Ok(value),
            Some(value) => Err(Error::ClaimLength { claim, got: value.len(), expected: "32, 48 or 64" }),
            None => Err(Error::ClaimMissing { claim, profile: profile.name() }),
        }
    };
    Ok(Component {
        kind: optional(node, &TYPE, "text", owned)?,
        value: hash(&VALUE)?,
        version: optional(node, &VERSION, "text", owned)?,
        signer: hash(&SIGNER)?,
        description: optional(node, &DESCRIPTION, "text", owned)?,
    })
}

/// psa-hash-type: 32, 48 or 64 bytes.
fn is_hash(bytes: &[u8]) -> bool {
    matches!(bytes.len(), 32 | 48 | 64)
}

fn is_reference(text: &str, is_old: bool) -> bool {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('-') {
        Some((ean, version)) => digits(ean, 13) && digits(version, 5),
        // The first profile has no five digits; Trusted Firmware-M and what is made of it write them all the same, with no hyphen.
        None => is_old && (digits(text, 13) || digits(text, 18)),
    }
}
