//! Tokens: what a device's own attester says, held against the golden document's `[[token]]` sections.

use super::finding::{Code, Part, Reason, Severity};
use super::status::{evidence_refuses, status};
use super::verdict::{Status, SubVerdict, TokenVerdict, TrustVector};
use crate::authenticate::{AuthenticEvidence, AuthenticToken, Subject};
use crate::digest::HashAlg;
use crate::evidence::eat::{Claims, Component, DebugStatus, MeasurementResult, OemId, Psa, SubmoduleKind};
use crate::reference::golden::{Golden, Superseded, TokenComponent, TokenGolden, TokenVariant};

/// What was found about all tokens: findings about the evidence as a whole, and one judgement a token.
pub(super) struct Tokens {
    pub(super) reasons: Vec<Reason>,
    judged: Vec<Judged>,
}

struct Judged {
    name: String,
    has_golden: bool,
    judges_hardware: bool,
    judges_software: bool,
    nonce: Option<String>,
    profile: Option<&'static str>,
}

/// Judges every token, and misses those that the golden document has a section for.
pub(super) fn judge(
    tokens: &[AuthenticToken],
    evidence: Option<&AuthenticEvidence<'_>>,
    golden: &Golden,
) -> Tokens {
    let mut out = Tokens { reasons: Vec::new(), judged: Vec::new() };
    for (at, token) in tokens.iter().enumerate() {
        out.reasons.extend(together(token, tokens, evidence));
        let profile = token.claims().profile.name();
        let section = golden.tokens.iter().find(|section| section.profile.as_deref() == profile);
        let name = section.map_or_else(|| format!("token-{at}"), |section| section.name.clone());
        match section {
            None => out.reasons.push(not_judged(&name)),
            Some(_) if out.judged.iter().any(|known| known.name == name) => {
                let explain = format!("there are two tokens of `{name}`: which one is the device?");
                let reason = Reason::new(Code::TokenRepeated, Severity::Refuse, Part::Evidence, explain);
                out.reasons.push(Reason { token: Some(name), ..reason });
                continue;
            }
            Some(section) => {
                let mut judge = Judge { section, superseded: &golden.superseded, reasons: Vec::new() };
                judge.token(token.claims());
                out.reasons.extend(judge.reasons);
            }
        }
        out.judged.push(Judged {
            name,
            has_golden: section.is_some(),
            judges_hardware: section
                .is_some_and(|s| !(s.implementation_ids.is_empty() && s.hwmodel.is_empty())),
            judges_software: section.is_some_and(|s| !s.variants.is_empty()),
            nonce: Some(hex::encode(token.nonce().as_bytes())),
            profile,
        });
    }
    for section in &golden.tokens {
        if out.judged.iter().all(|judged| judged.name != section.name) {
            let explain =
                format!("the golden values ask for the token `{}`, and there is none", section.name);
            let reason = Reason::new(Code::TokenMissing, Severity::Refuse, Part::Token, explain);
            out.reasons.push(Reason { token: Some(section.name.clone()), ..reason });
            out.judged.push(Judged {
                name: section.name.clone(),
                has_golden: true,
                judges_hardware: false,
                judges_software: false,
                nonce: None,
                profile: None,
            });
        }
    }
    out
}

/// A27a: a token counts beside a quote, or beside another token, only if its key is enrolled to the same device, and it answers the same
/// question.
fn together(
    token: &AuthenticToken,
    all: &[AuthenticToken],
    evidence: Option<&AuthenticEvidence<'_>>,
) -> Vec<Reason> {
    let quote = evidence.map(|evidence| (evidence.quote().subject(), evidence.quote().nonce()));
    let first = all.first().map(|first| (first.subject(), first.nonce()));
    let Some((subject, nonce)) = quote.or(first) else { return Vec::new() };
    let mut reasons = Vec::new();
    let mut refuse =
        |code, explain: String| reasons.push(Reason::new(code, Severity::Refuse, Part::Evidence, explain));
    if token.subject() != subject {
        let explain = format!(
            "the token is of {}, the rest of the evidence is of {}",
            whose(token.subject()),
            whose(subject)
        );
        refuse(Code::TokenOfAnotherDevice, explain);
    }
    if token.nonce() != nonce {
        refuse(
            Code::TokenOfAnotherChallenge,
            "the token answers another challenge than the rest of the evidence".into(),
        );
    }
    reasons
}

fn whose(subject: &Subject) -> String {
    match subject {
        Subject::Enrolled { device_id } => format!("the device {device_id}"),
        Subject::Vouched => "a device that only the caller vouches for".to_owned(),
    }
}

fn not_judged(name: &str) -> Reason {
    let explain = "there are no golden values for this token: it is authentic, and not judged";
    let reason = Reason::new(Code::TokenNotJudged, Severity::Warn, Part::Token, explain);
    Reason { token: Some(name.to_owned()), ..reason }
}

struct Judge<'g> {
    section: &'g TokenGolden,
    superseded: &'g [Superseded],
    reasons: Vec<Reason>,
}

impl Judge<'_> {
    fn add(&mut self, code: Code, severity: Severity, part: &str, explain: impl Into<String>) {
        self.compared(code, severity, part, explain, Vec::new(), None);
    }

    fn compared(
        &mut self,
        code: Code,
        severity: Severity,
        part: &str,
        explain: impl Into<String>,
        expected: Vec<String>,
        got: Option<String>,
    ) {
        self.reasons.push(Reason {
            token: Some(self.section.name.clone()),
            component: Some(format!("{}.{part}", self.section.name)),
            expected,
            got,
            ..Reason::new(code, severity, Part::Token, explain)
        });
    }

    /// What a claim says must be among what is golden; if nothing is, the claim is not judged.
    fn one_of(&mut self, claim: &str, golden: Vec<String>, got: Option<String>) {
        if golden.is_empty() || got.as_ref().is_some_and(|got| golden.contains(got)) {
            return;
        }
        let code = if got.is_some() { Code::TokenClaimUnexpected } else { Code::TokenClaimMissing };
        let what = if got.is_some() { "is not a golden one" } else { "is not there" };
        self.compared(code, Severity::Refuse, claim, format!("`{claim}` {what}"), golden, got);
    }

    fn token(&mut self, claims: &Claims) {
        let section = self.section;
        if let Some(psa) = claims.psa() {
            self.psa(psa);
        }
        let texts = |all: &[Vec<u8>]| all.iter().map(hex::encode).collect::<Vec<_>>();
        self.one_of("oemid", section.oemid.clone(), claims.oemid.as_ref().map(oemid));
        self.one_of("hwmodel", texts(&section.hwmodel), claims.hwmodel.as_ref().map(hex::encode));
        self.one_of("swname", section.swname.clone(), claims.swname.clone());
        let version = claims.swversion.as_ref().map(|version| version.version.clone());
        self.one_of("swversion", section.swversion.clone(), version);
        let wanted = if section.oem_boot { vec!["true".to_owned()] } else { Vec::new() };
        self.one_of("oemboot", wanted, claims.oemboot.map(|is| is.to_string()));
        if !section.debug.is_empty() && claims.dbgstat.is_none() {
            let names = section.debug.iter().map(|status| status.name().to_owned()).collect();
            self.one_of("dbgstat", names, None);
        }
        if section.boot_seed {
            self.boot_seed(claims);
        }
        self.software(claims);
        self.every_part(claims, "", claims.bootseed.as_deref());
    }

    fn psa(&mut self, psa: &Psa) {
        let section = self.section;
        if !section.lifecycle.contains(&psa.lifecycle) {
            let explain = format!("the root of trust is in the state {}", psa.lifecycle.name());
            let expected = section.lifecycle.iter().map(|state| state.name().to_owned()).collect();
            let got = Some(format!("{:#06x}", psa.lifecycle_claim));
            self.compared(
                Code::TokenLifecycleInsecure,
                Severity::Refuse,
                "lifecycle",
                explain,
                expected,
                got,
            );
        }
        let ids = section.implementation_ids.iter().map(hex::encode).collect();
        self.one_of("implementation_id", ids, Some(hex::encode(&psa.implementation_id)));
        let callers = section.client_ids.iter().map(ToString::to_string).collect();
        self.one_of("client_id", callers, Some(psa.client_id.to_string()));
        let known = section.certification_references.clone();
        self.one_of("certification_reference", known, psa.certification_reference.clone());
    }

    fn boot_seed(&mut self, claims: &Claims) {
        match claims.bootseed.as_deref() {
            None => {
                self.add(
                    Code::TokenBootSeed,
                    Severity::Refuse,
                    "bootseed",
                    "there is no boot seed: no boot is told from another",
                );
            }
            // Made at random at each boot it would not come out so.
            Some(seed) if seed.iter().all(|byte| Some(byte) == seed.first()) => {
                let explain = "the boot seed is a constant, and so tells no boot from another";
                let got = Some(hex::encode(seed));
                self.compared(Code::TokenBootSeed, Severity::Refuse, "bootseed", explain, Vec::new(), got);
            }
            Some(_) => {}
        }
    }

    /// What every part of the device says of itself is as true as the token: no part may be open, or have failed its own comparison.
    fn every_part(&mut self, claims: &Claims, path: &str, seed: Option<&[u8]>) {
        let at = |claim: &str| if path.is_empty() { claim.to_owned() } else { format!("{path}.{claim}") };
        if let Some(status) = claims.dbgstat {
            let allowed = match self.section.debug.as_slice() {
                [] => status != DebugStatus::Enabled,
                golden => golden.contains(&status),
            };
            if !allowed {
                let explain = format!("the debug status is {}", status.name());
                let expected = self.section.debug.iter().map(|golden| golden.name().to_owned()).collect();
                let got = Some(status.name().to_owned());
                self.compared(
                    Code::TokenDebugEnabled,
                    Severity::Refuse,
                    &at("dbgstat"),
                    explain,
                    expected,
                    got,
                );
            }
        }
        if self.section.boot_seed && claims.bootseed.is_some() && claims.bootseed.as_deref() != seed {
            let explain = "the boot seed is not that of the whole token: the parts are not of one boot";
            let got = claims.bootseed.as_ref().map(hex::encode);
            self.compared(Code::TokenBootSeed, Severity::Refuse, &at("bootseed"), explain, Vec::new(), got);
        }
        for result in &claims.measres {
            let (severity, what) = match result.result {
                MeasurementResult::Success => continue,
                MeasurementResult::Fail => (Severity::Refuse, "failed"),
                MeasurementResult::NotRun => (Severity::Warn, "was not made"),
                MeasurementResult::Absent => (Severity::Warn, "found nothing to compare"),
            };
            let explain =
                format!("the device's own comparison of `{}` by {} {what}", result.id, result.system);
            self.add(Code::TokenMeasurementFailed, severity, &at("measres"), explain);
        }
        let is_measured = !claims.measurements.is_empty() || !claims.manifests.is_empty();
        if is_measured && !path.is_empty() {
            self.add(
                Code::TokenMeasurementsNotJudged,
                Severity::Warn,
                &at("measurements"),
                "measurements without golden values",
            );
        }
        for submod in claims.submods() {
            let path = at(&submod.name);
            match &submod.kind {
                SubmoduleKind::Token { .. } => {
                    let explain = "another attester's token, whose signature was not checked: nothing of it is believed";
                    self.add(Code::TokenSubmoduleUnproven, Severity::Warn, &path, explain);
                }
                SubmoduleKind::Detached { claims: None, .. } => {
                    let explain = "claims that did not come with the token";
                    self.add(Code::TokenSubmoduleUnproven, Severity::Warn, &path, explain);
                }
                kind => {
                    if let Some(claims) = kind.claims() {
                        self.every_part(claims, &path, seed);
                    }
                }
            }
        }
    }

    /// One variant explains all of the software: nothing of one release beside something of another.
    fn software(&mut self, claims: &Claims) {
        let none = Vec::new();
        let components = claims.psa().map_or(&none, |psa| &psa.components);
        let measured: Vec<(u16, crate::Digest)> = claims
            .measurements
            .iter()
            .map(|one| (one.content_format, HashAlg::Sha256.hash(&[&one.body])))
            .collect();
        let nothing_golden = self.section.variants.iter().all(|variant| variant.measurements.is_empty());
        if nothing_golden && !measured.is_empty() {
            let explain =
                "the token carries measurements (CoSWID or another format), and no golden values for them";
            self.add(Code::TokenMeasurementsNotJudged, Severity::Warn, "measurements", explain);
        }
        let mut nearest: Option<(&TokenVariant, Vec<Difference<'_>>, bool)> = None;
        for variant in &self.section.variants {
            let different = differences(components, &variant.components);
            let same = variant.measurements.is_empty() || same(&measured, &variant.measurements);
            if different.is_empty() && same {
                return;
            }
            let is_nearer = nearest.as_ref().is_none_or(|(_, known, _)| different.len() < known.len());
            if is_nearer {
                nearest = Some((variant, different, same));
            }
        }
        // None explains it; the nearest one explains best.
        let Some((nearest, different, same)) = nearest else { return };
        for difference in different {
            self.difference(&difference, &nearest.name);
        }
        if !same {
            let explain = format!("the measurements are not those of `{}`", nearest.name);
            let expected = nearest.measurements.iter().map(|(_, digest)| digest.to_string()).collect();
            let got: Vec<_> = measured.iter().map(|(_, digest)| digest.to_string()).collect();
            let (code, got) = (Code::TokenComponentMismatch, Some(got.join(" ")));
            self.compared(code, Severity::Refuse, "measurements", explain, expected, got);
        }
    }

    fn difference(&mut self, difference: &Difference<'_>, variant: &str) {
        let name = |kind: &Option<String>| kind.clone().unwrap_or_else(|| "component".to_owned());
        match difference {
            Difference::Missing(golden) => {
                let explain = format!("`{}` of `{variant}` is not there", name(&golden.kind));
                let (code, expected) = (Code::TokenComponentMissing, vec![hex::encode(&golden.value)]);
                self.compared(code, Severity::Refuse, &name(&golden.kind), explain, expected, None);
            }
            Difference::Unexpected(got, golden) => {
                let old = self
                    .superseded
                    .iter()
                    .find(|old| old.digests.iter().any(|d| d.as_bytes() == got.value.as_slice()));
                let (code, explain) = match (old, golden) {
                    (Some(old), _) => (
                        Code::Superseded,
                        format!("`{}` is an old one that no longer counts ({})", name(&got.kind), old.reason),
                    ),
                    (None, Some(_)) => (
                        Code::TokenComponentMismatch,
                        format!("`{}` is not the one of `{variant}`", name(&got.kind)),
                    ),
                    (None, None) => (
                        Code::TokenComponentUnexpected,
                        format!("`{}` is not golden at all", name(&got.kind)),
                    ),
                };
                let expected =
                    golden.map(|golden| described(&golden.value, &golden.signer, golden.version.as_deref()));
                let expected = expected.into_iter().collect();
                let shown = Some(described(&got.value, &got.signer, got.version.as_deref()));
                self.compared(code, Severity::Refuse, &name(&got.kind), explain, expected, shown);
            }
        }
    }
}

fn described(value: &[u8], signer: &[u8], version: Option<&str>) -> String {
    let version = version.map(|version| format!(", version {version}")).unwrap_or_default();
    format!("{} signed by {}{version}", hex::encode(value), hex::encode(signer))
}

fn oemid(oemid: &OemId) -> String {
    match oemid {
        OemId::Bytes(bytes) => hex::encode(bytes),
        OemId::Pen(number) => format!("pen:{number}"),
    }
}

/// How a token's component and a golden set do not fit.
enum Difference<'a> {
    Missing(&'a TokenComponent),
    /// With the golden one that it stands in the place of.
    Unexpected(&'a Component, Option<&'a TokenComponent>),
}

/// Each component uses up one golden one, and none is left over.
fn differences<'a>(got: &'a [Component], golden: &'a [TokenComponent]) -> Vec<Difference<'a>> {
    let mut left: Vec<&TokenComponent> = golden.iter().collect();
    let mut strange = Vec::new();
    for component in got {
        match left.iter().position(|golden| is_same(component, golden)) {
            Some(at) => {
                left.swap_remove(at);
            }
            None => strange.push(component),
        }
    }
    let mut out = Vec::new();
    for component in strange {
        let at = left.iter().position(|golden| golden.kind == component.kind);
        out.push(Difference::Unexpected(component, at.map(|at| left.swap_remove(at))));
    }
    out.extend(left.into_iter().map(Difference::Missing));
    out
}

/// The measurement decides, and who signed it; the version only if it is golden.
fn is_same(got: &Component, golden: &TokenComponent) -> bool {
    got.kind == golden.kind
        && got.value == golden.value
        && got.signer == golden.signer
        && (golden.version.is_none() || got.version == golden.version)
}

fn same(got: &[(u16, crate::Digest)], golden: &[(u16, crate::Digest)]) -> bool {
    let sorted = |all: &[(u16, crate::Digest)]| {
        let mut all: Vec<_> = all.iter().map(|(format, digest)| (*format, digest.to_string())).collect();
        all.sort();
        all
    };
    sorted(got) == sorted(golden)
}

impl Tokens {
    /// Each token's own verdict, by the truth table of the parts.
    pub(super) fn verdicts(&self, reasons: &[Reason], identity: i8) -> Vec<TokenVerdict> {
        let evidence_refuses = evidence_refuses(reasons);
        let one = |judged: &Judged| {
            let is_own =
                |r: &&Reason| r.part == Part::Token && r.token.as_deref() == Some(judged.name.as_str());
            let worst = reasons.iter().filter(is_own).map(|reason| reason.severity).max();
            let status = status(evidence_refuses, worst, judged.has_golden);
            TokenVerdict {
                name: judged.name.clone(),
                profile: judged.profile,
                nonce: judged.nonce.clone(),
                verdict: SubVerdict { status, trust_vector: vector(judged, status, identity) },
            }
        };
        self.judged.iter().map(one).collect()
    }
}

/// AR4SI's claims as for a boot (A60): 2 and 3 are approved, 96 contraindicated, 0 is no claim.
fn vector(judged: &Judged, status: Status, identity: i8) -> TrustVector {
    let (executables, hardware, configuration) = match status {
        Status::None => (0, 0, 0),
        Status::Contraindicated => (96, if judged.judges_hardware { 96 } else { 0 }, 96),
        Status::Affirming | Status::Warning => {
            (if judged.judges_software { 3 } else { 0 }, if judged.judges_hardware { 2 } else { 0 }, 2)
        }
    };
    TrustVector {
        instance_identity: identity,
        configuration,
        executables,
        hardware,
        ..TrustVector::default()
    }
}

/// The whole device's claims: of two parts that make a claim, the worse one counts.
pub(super) fn worse(whole: TrustVector, part: TrustVector) -> TrustVector {
    TrustVector {
        instance_identity: whole.instance_identity.max(part.instance_identity),
        configuration: whole.configuration.max(part.configuration),
        executables: whole.executables.max(part.executables),
        file_system: whole.file_system.max(part.file_system),
        runtime_opaque: whole.runtime_opaque.max(part.runtime_opaque),
        hardware: whole.hardware.max(part.hardware),
    }
}

#[cfg(test)]
mod tests;
