//! Golden values from tokens of devices that are known to be good.

use super::golden::{self, Golden, TokenComponent, TokenGolden, TokenVariant};
use crate::authenticate::AuthenticToken;
use crate::digest::HashAlg;
use crate::evidence::eat::{Claims, DebugStatus, Lifecycle, MeasurementResult, OemId, PsaProfile};

/// Why nothing is learned from a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was learned is no golden document: the token says too little.
    #[error(transparent)]
    Golden(#[from] golden::Error),
    /// The token would be refused by what is learned from it.
    #[error("token `{name}`: {detail}: not a device to learn from")]
    Insecure {
        /// Whose.
        name: String,
        /// What it says of itself.
        detail: String,
    },
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Golden(error) => error.code(),
            Self::Insecure { .. } => "learn_token_insecure",
        }
    }
}

/// A document for a family whose devices send tokens alone.
#[must_use]
pub fn empty(family: &str) -> Golden {
    Golden {
        family: family.to_owned(),
        description: None,
        banks: Vec::new(),
        judged: Vec::new(),
        not_judged: Vec::new(),
        accepted: Vec::new(),
        workarounds: Vec::new(),
        sequences: Vec::new(),
        variants: Vec::new(),
        superseded: Vec::new(),
        ima: None,
        overlay_signers: Vec::new(),
        tokens: Vec::new(),
    }
}

/// Adds what authentic tokens of known-good devices say: a section for each profile, a variant for each set of software, under these names.
///
/// # Errors
/// [`Error`].
pub fn add(golden: &mut Golden, tokens: &[(&str, &AuthenticToken)]) -> Result<(), Error> {
    for (name, token) in tokens {
        for token in token.with_nested() {
            add_one(golden, name, token)?;
        }
    }
    golden.tokens.sort_by(|a, b| a.name.cmp(&b.name));
    golden.validate()?;
    Ok(())
}

fn add_one(golden: &mut Golden, name: &str, token: &AuthenticToken) -> Result<(), Error> {
    let claims = token.claims();
    if let Some(unproven) = token.unproven().first() {
        let detail = format!("nothing of its submodule `{}` is proven", unproven.path.join("/"));
        return Err(Error::Insecure { name: name.to_owned(), detail });
    }
    refuse_insecure(name, claims)?;
    let (profile, submodule) = (claims.profile.name().map(str::to_owned), token.path().to_vec());
    let is_its = |section: &TokenGolden| section.profile == profile && section.submodule == submodule;
    let at = golden.tokens.iter().position(is_its);
    let mut section = at.map(|at| golden.tokens.swap_remove(at)).unwrap_or_else(|| TokenGolden {
        name: free_name(golden, &section_name(profile.as_deref(), &submodule)),
        profile,
        submodule,
        boot_seed: claims.bootseed.is_some(),
        oem_boot: claims.oemboot == Some(true),
        ..TokenGolden::default()
    });
    learn(&mut section, name, claims);
    golden.tokens.push(section);
    Ok(())
}

/// The longest name that leaves room for a number.
const NAME: usize = 28;

/// The submodules' names as far as a section's name may hold them, else what the profile is called.
fn section_name(profile: Option<&str>, submodule: &[String]) -> String {
    if submodule.is_empty() {
        return profile_name(profile).to_owned();
    }
    let plain = |char: char| match char.to_ascii_lowercase() {
        char if char.is_ascii_lowercase() || char.is_ascii_digit() || "._-".contains(char) => char,
        _ => '-',
    };
    let name: String = submodule.join(".").chars().map(plain).take(NAME).collect();
    if name.is_empty() { profile_name(profile).to_owned() } else { name }
}

/// The name, with a number if it is taken or is that of another part of the result.
fn free_name(golden: &Golden, name: &str) -> String {
    let is_taken =
        |name: &str| matches!(name, "boot" | "runtime") || golden.tokens.iter().any(|t| t.name == name);
    let numbered = (2..100).map(|number| format!("{name}-{number}"));
    let mut names = core::iter::once(name.to_owned()).chain(numbered);
    // Were all of them taken, validation would refuse the second of one name.
    names.find(|name| !is_taken(name)).unwrap_or_else(|| name.to_owned())
}

fn profile_name(profile: Option<&str>) -> &'static str {
    match profile.and_then(PsaProfile::from_name) {
        None => "eat",
        Some(PsaProfile::Tfm) => "psa",
        Some(PsaProfile::Arm2) => "psa-2.0.0",
        Some(PsaProfile::Iot1) => "psa-1",
    }
}

/// What the device says of itself, in any of its parts, may be nothing that its appraisal refuses.
fn refuse_insecure(name: &str, claims: &Claims) -> Result<(), Error> {
    for (path, part) in claims.parts() {
        let whose = |whole: &str| match path.as_slice() {
            [] => whole.to_owned(),
            path => format!("its part `{}`", path.join("/")),
        };
        let insecure = |detail: String| Err(Error::Insecure { name: name.to_owned(), detail });
        if let Some((state, _)) = part.lifecycle()
            && state != Lifecycle::Secured
        {
            return insecure(format!("{} is in the state {}", whose("the root of trust"), state.name()));
        }
        if matches!(part.dbgstat, Some(DebugStatus::Enabled | DebugStatus::Disabled)) {
            return insecure(format!("{} can be debugged, or could be since its boot", whose("it")));
        }
        if let Some(result) = part.measres.iter().find(|one| one.result == MeasurementResult::Fail) {
            return insecure(format!("{} failed its own comparison of `{}`", whose("it"), result.id));
        }
    }
    Ok(())
}

fn learn(section: &mut TokenGolden, name: &str, claims: &Claims) {
    fn once<T: PartialEq>(all: &mut Vec<T>, one: Option<T>) {
        all.extend(one.filter(|one| !all.contains(one)));
    }
    // What one good device leaves out cannot be asked of all.
    section.boot_seed &= claims.bootseed.is_some();
    section.oem_boot &= claims.oemboot == Some(true);
    // Where the whole does not say it, it cannot be asked for; the parts' words count without golden values, too.
    for (_, part) in claims.parts().into_iter().filter(|_| claims.dbgstat.is_some()) {
        once(&mut section.debug, part.dbgstat);
    }
    once(&mut section.hwmodel, claims.hwmodel.clone());
    once(&mut section.swname, claims.swname.clone());
    once(&mut section.swversion, claims.swversion.as_ref().map(|version| version.version.clone()));
    let oemid = claims.oemid.as_ref().map(|oemid| match oemid {
        OemId::Bytes(bytes) => hex::encode(bytes),
        OemId::Pen(number) => format!("pen:{number}"),
    });
    once(&mut section.oemid, oemid);
    let mut variant = TokenVariant { name: name.to_owned(), ..TokenVariant::default() };
    if let Some(psa) = claims.psa() {
        once(&mut section.implementation_ids, Some(psa.implementation_id.clone()));
        once(&mut section.lifecycle, Some(psa.lifecycle));
        once(&mut section.client_ids, Some(psa.client_id));
        once(&mut section.certification_references, psa.certification_reference.clone());
        let component = |one: &crate::evidence::eat::Component| TokenComponent {
            kind: one.kind.clone(),
            value: one.value.clone(),
            signer: one.signer.clone(),
            version: one.version.clone(),
        };
        variant.components = psa.components.iter().map(component).collect();
        variant.components.sort();
    }
    let measured = claims.measurements.iter();
    variant.measurements =
        measured.map(|one| (one.content_format, HashAlg::Sha256.hash(&[&one.body]))).collect();
    let says_something = !(variant.components.is_empty() && variant.measurements.is_empty());
    let is_new = section.variants.iter().all(|known| {
        (&known.components, &known.measurements) != (&variant.components, &variant.measurements)
    });
    if says_something && is_new {
        section.variants.push(variant);
    }
}
