//! An Entity Attestation Result (draft-ietf-rats-ear-04) made from a verdict.
//!
//! | claim | JSON | CBOR | content |
//! |---|---|---|---|
//! | profile | `eat_profile` | 265 | [`PROFILE`] |
//! | issuer, audience | `iss`, `aud` | 1, 3 | as configured |
//! | subject | `sub` | 2 | the enrolled device's id; absent for a key that only the caller vouches for |
//! | times | `iat`, `exp` | 6, 4 | seconds since 1970; `exp` never after what the verdict stands on is over |
//! | nonce | `eat_nonce` | 10 | the one in the signed evidence; absent when the evidence proved nothing |
//! | confirmation | `cnf` | 8 | the subject's public key; absent when the evidence proved nothing, for it is bound through the nonce |
//! | status | `ear_status` | 1000 | the worst of the judged parts |
//! | verifier | `ear_verifier_id` | 1004 | developer and build |
//! | parts | `submods` | 266 | `boot`, `runtime`, and one for each token by its golden name, see below |
//! | family | `attest_family` | -71001 | the device family that was judged |
//! | golden values | `attest_golden` | -71002 | source, release, tier, variant, digest of the document; of a release the authority, its place in the log, versions and gates |
//! | development | `attest_development` | -71003 | always there, so that its absence cannot mean "no" |
//!
//! Each part has `ear_status`, `ear_trustworthiness_vector` (1001, claims of value 0 left out), `ear_appraisal_policy_ids` (1003) and
//! `ear_verifier_claims` (1006): `reasons` (code, severity, component, pcr; refusing ones first, at most [`REASONS_MAX`]), `reason_count`,
//! `components` that are not affirming, and for `boot` also `causes` and the `banks` that decided. `ear_attester_claims` (1005) of `boot`
//! hold what the TPM signed about itself. There is no `ueid`: an id that an enrolment gives is not the permanent one that EAT means.

use super::{
    claims::{Claim, Label},
    key::PublicKey,
};
use crate::{
    Timestamp,
    appraise::{Part, Reason, Severity, Status, SubVerdict, Verdict},
};

/// The profile of the tokens made here.
pub const PROFILE: &str = "tag:ietf.org,2026:rats/ear#04";

/// Reasons written into one part of a token. Gateways give up on large headers; the whole list is in the verdict.
pub const REASONS_MAX: usize = 12;

/// Components and causes written into one part of a token, for the same reason.
const NAMES_MAX: usize = 24;

pub(crate) mod label {
    use super::Label;

    pub(crate) const ISS: Label = Label::new("iss", 1);
    pub(crate) const SUB: Label = Label::new("sub", 2);
    pub(crate) const AUD: Label = Label::new("aud", 3);
    pub(crate) const EXP: Label = Label::new("exp", 4);
    pub(crate) const NBF: Label = Label::new("nbf", 5);
    pub(crate) const IAT: Label = Label::new("iat", 6);
    pub(crate) const CNF: Label = Label::new("cnf", 8);
    // RFC 8747, 3.2: COSE_Key has label 1 in cnf; RFC 7800, 3.2: jwk.
    pub(crate) const CNF_KEY: Label = Label::new("jwk", 1);
    pub(crate) const NONCE: Label = Label::new("eat_nonce", 10);
    pub(crate) const PROFILE: Label = Label::new("eat_profile", 265);
    pub(crate) const SUBMODS: Label = Label::new("submods", 266);
    pub(crate) const STATUS: Label = Label::new("ear_status", 1000);
    pub(crate) const VECTOR: Label = Label::new("ear_trustworthiness_vector", 1001);
    pub(crate) const POLICIES: Label = Label::new("ear_appraisal_policy_ids", 1003);
    pub(crate) const VERIFIER: Label = Label::new("ear_verifier_id", 1004);
    pub(crate) const DEVELOPER: Label = Label::new("developer", 0);
    pub(crate) const BUILD: Label = Label::new("build", 1);
    pub(crate) const ATTESTER_CLAIMS: Label = Label::new("ear_attester_claims", 1005);
    pub(crate) const VERIFIER_CLAIMS: Label = Label::new("ear_verifier_claims", 1006);
    // CWT labels below -65536 are for private use (RFC 8392, 9.1).
    pub(crate) const FAMILY: Label = Label::new("attest_family", -71_001);
    pub(crate) const GOLDEN: Label = Label::new("attest_golden", -71_002);
    pub(crate) const DEVELOPMENT: Label = Label::new("attest_development", -71_003);
    pub(crate) const BOOT: Label = Label::text("boot");
    pub(crate) const RUNTIME: Label = Label::text("runtime");
    pub(crate) const REASONS: Label = Label::text("reasons");

    /// The claims of the trustworthiness vector with their CBOR labels (AR4SI).
    pub(crate) const TRUST: [(&str, i64); 6] = [
        ("instance-identity", 0),
        ("configuration", 1),
        ("executables", 2),
        ("file-system", 3),
        ("hardware", 4),
        ("runtime-opaque", 5),
    ];
}

/// Who judged: `ear_verifier_id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierId {
    /// Who made the verifier, as a URI or a name.
    pub developer: String,
    /// Name and version of the verifier.
    pub build: String,
}

/// What a result says beside its verdict. Device, family and nonce are not here: they come from the verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultContext {
    /// When the verdict was made.
    pub issued_at: Timestamp,
    /// When it stops counting, unless the verdict does before.
    pub expires: Timestamp,
    /// Who judged.
    pub verifier: VerifierId,
    /// `iss`: the verifier's address as access systems know it.
    pub issuer: Option<String>,
    /// `aud`: for whom the result is meant.
    pub audience: Option<String>,
    /// Names the policy and the golden values that judged, as a URI.
    pub policy_id: String,
    /// `cnf`: the key for which the device vouched through the nonce.
    pub confirmation: Option<PublicKey>,
    /// The server runs in development mode. Golden values that nobody released, or in tier `dev`, mark a result too.
    pub development: bool,
}

/// An Entity Attestation Result, ready to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ear {
    claims: Claim,
}

impl Ear {
    /// The result that says what `verdict` says: for a refused device and for evidence that is not authentic as well.
    #[must_use]
    pub fn new(verdict: &Verdict, context: &ResultContext) -> Self {
        Self { claims: Claim::Map(top(verdict, context)) }
    }

    /// The claims as JSON, for people to read: not signed.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        self.claims.to_json()
    }

    pub(crate) const fn claims(&self) -> &Claim {
        &self.claims
    }
}

fn top(verdict: &Verdict, context: &ResultContext) -> Vec<(Label, Claim)> {
    let development = context.development || verdict.golden.is_development();
    let mut claims = vec![
        (label::PROFILE, Claim::text(PROFILE)),
        (label::IAT, Claim::Unsigned(context.issued_at.unix())),
        (label::EXP, Claim::Unsigned(verdict.expires(context.expires).unix())),
        (label::VERIFIER, verifier(&context.verifier)),
        (label::STATUS, tier(status(verdict))),
        (label::SUBMODS, submods(verdict, context)),
        (label::FAMILY, Claim::text(&verdict.family)),
        (label::GOLDEN, golden(verdict)),
        (label::DEVELOPMENT, Claim::Bool(development)),
    ];
    let optional = [
        (label::ISS, context.issuer.clone().map(Claim::Text)),
        (label::AUD, context.audience.clone().map(Claim::Text)),
        (label::SUB, verdict.device.clone().map(Claim::Text)),
        (label::NONCE, proven_nonce(verdict)),
        (label::CNF, confirmation(verdict, context)),
    ];
    claims.extend(present(optional));
    claims
}

/// Never better than the worst part (draft-ietf-rats-ear, `ear_status` of the whole).
fn status(verdict: &Verdict) -> Status {
    let boot = verdict.status.worst(verdict.boot.status).worst(verdict.runtime.status);
    verdict.tokens.iter().fold(boot, |worst, token| worst.worst(token.verdict.status))
}

/// A15: the nonce is what the signed evidence holds. A request's nonce never comes near this function.
fn proven_nonce(verdict: &Verdict) -> Option<Claim> {
    hex::decode(verdict.proven_nonce()?).ok().map(Claim::Bytes)
}

/// The key is bound through the nonce, so without a proven nonce the device has vouched for no key.
fn confirmation(verdict: &Verdict, context: &ResultContext) -> Option<Claim> {
    verdict.proven_nonce()?;
    let key = context.confirmation.as_ref()?.claim();
    Some(Claim::Map(vec![(label::CNF_KEY, key)]))
}

fn verifier(id: &VerifierId) -> Claim {
    Claim::Map(vec![(label::DEVELOPER, Claim::text(&id.developer)), (label::BUILD, Claim::text(&id.build))])
}

fn golden(verdict: &Verdict) -> Claim {
    let golden = &verdict.golden;
    let optional = [
        ("release", &golden.release),
        ("tier", &golden.tier),
        ("variant", &golden.variant),
        ("document_sha256", &golden.document_sha256),
        ("overlay_sha256", &golden.overlay_sha256),
    ];
    let mut claims = vec![(Label::text("source"), Claim::text(golden.source))];
    claims.extend(present(optional.map(|(name, value)| (Label::text(name), value.clone().map(Claim::Text)))));
    if let Some(governed) = &golden.governed {
        let gates = governed.gates.iter().map(|gate| Claim::text(*gate)).collect();
        claims.extend([
            (Label::text("authority"), Claim::text(&governed.authority)),
            (Label::text("version"), Claim::text(&governed.version)),
            (Label::text("security_version"), Claim::Unsigned(governed.security_version)),
            (Label::text("log_index"), Claim::Unsigned(governed.log_index)),
            (Label::text("gates"), Claim::Array(gates)),
        ]);
        if !governed.file_keys.is_empty() {
            let keys = governed.file_keys.iter().map(Claim::text).collect();
            claims.push((Label::text("file_keys"), Claim::Array(keys)));
        }
    }
    Claim::Map(claims)
}

fn submods(verdict: &Verdict, context: &ResultContext) -> Claim {
    let mut boot = part(verdict, (Part::Boot, None), &verdict.boot, context);
    if let Some(claims) = attester_claims(verdict) {
        boot.push((label::ATTESTER_CLAIMS, claims));
    }
    let runtime = part(verdict, (Part::Runtime, None), &verdict.runtime, context);
    let mut all = vec![(label::BOOT, Claim::Map(boot)), (label::RUNTIME, Claim::Map(runtime))];
    for token in &verdict.tokens {
        let mut claims = part(verdict, (Part::Token, Some(token.name.as_str())), &token.verdict, context);
        if let Some(profile) = token.profile {
            let says = Claim::Map(vec![(Label::text("profile"), Claim::text(profile))]);
            claims.push((label::ATTESTER_CLAIMS, says));
        }
        all.push((Label::owned(token.name.clone()), Claim::Map(claims)));
    }
    Claim::Map(all)
}

/// A part of the device: boot, runtime, or the token of this name.
type Which<'v> = (Part, Option<&'v str>);

fn part(
    verdict: &Verdict,
    part: Which<'_>,
    sub: &SubVerdict,
    context: &ResultContext,
) -> Vec<(Label, Claim)> {
    let mut claims = vec![
        (label::STATUS, tier(sub.status)),
        (label::POLICIES, Claim::Array(vec![Claim::text(&context.policy_id)])),
        (label::VERIFIER_CLAIMS, Claim::Map(verifier_claims(verdict, part))),
    ];
    let values = sub.trust_vector.claims();
    let vector: Vec<_> = label::TRUST
        .into_iter()
        .filter_map(|(name, number)| {
            let value = values.iter().find_map(|(n, value)| (*n == name && *value != 0).then_some(*value))?;
            Some((Label::new(name, number), Claim::Integer(value.into())))
        })
        .collect();
    if !vector.is_empty() {
        claims.push((label::VECTOR, Claim::Map(vector)));
    }
    claims
}

fn verifier_claims(verdict: &Verdict, (part, token): Which<'_>) -> Vec<(Label, Claim)> {
    let is_own = |r: &&Reason| r.part == part && (token.is_none() || r.token.as_deref() == token);
    let mut reasons: Vec<_> =
        verdict.reasons.iter().filter(|r| is_own(r) || r.part == Part::Evidence).collect();
    let count = u64::try_from(reasons.len()).unwrap_or(u64::MAX);
    // Stable: within one severity the appraisal's order stays.
    reasons.sort_by_key(|reason| core::cmp::Reverse(reason.severity));
    reasons.truncate(REASONS_MAX);
    let mut claims = vec![
        (Label::text("reason_count"), Claim::Unsigned(count)),
        (label::REASONS, Claim::Array(reasons.into_iter().map(reason).collect())),
    ];
    if part == Part::Boot {
        let causes = verdict.causes.iter().take(NAMES_MAX).map(|root| Claim::text(root.cause.as_str()));
        claims.push((Label::text("causes"), Claim::Array(causes.collect())));
        claims.push((Label::text("components"), Claim::Map(components(verdict))));
        let mut banks: Vec<_> = verdict.judged.iter().map(|judged| judged.bank).collect();
        banks.sort_unstable();
        banks.dedup();
        claims.push((Label::text("banks"), Claim::Array(banks.into_iter().map(Claim::text).collect())));
    }
    claims
}

fn reason(reason: &Reason) -> Claim {
    let severity = match reason.severity {
        Severity::Info => "info",
        Severity::Warn => "warn",
        Severity::Refuse => "refuse",
    };
    let mut claims = vec![
        (Label::text("code"), Claim::text(reason.code.as_str())),
        (Label::text("severity"), Claim::text(severity)),
    ];
    claims.extend(present([
        (Label::text("detail_code"), reason.detail_code.map(Claim::text)),
        (Label::text("component"), reason.component.clone().map(Claim::Text)),
        (Label::text("pcr"), reason.pcr.map(|pcr| Claim::Unsigned(pcr.into()))),
    ]));
    Claim::Map(claims)
}

/// The components that are not affirming. A map has a name once, so the worst of two with one name counts.
fn components(verdict: &Verdict) -> Vec<(Label, Claim)> {
    let mut worst = std::collections::BTreeMap::new();
    for component in verdict.components.iter().filter(|c| c.status != Status::Affirming) {
        let status = worst.entry(&component.name).or_insert(component.status);
        *status = status.worst(component.status);
    }
    worst
        .into_iter()
        .take(NAMES_MAX)
        .map(|(name, status)| (Label::owned(name.to_string()), Claim::text(status.as_str())))
        .collect()
}

/// What the TPM signed about itself.
fn attester_claims(verdict: &Verdict) -> Option<Claim> {
    let proven = verdict.proven.as_ref()?;
    let clock = &proven.clock;
    let mut claims = vec![
        (Label::text("tpm_firmware_version"), Claim::text(&proven.firmware_version)),
        (Label::text("tpm_clock"), Claim::Unsigned(clock.clock)),
        (Label::text("tpm_reset_count"), Claim::Unsigned(clock.reset_count.into())),
        (Label::text("tpm_restart_count"), Claim::Unsigned(clock.restart_count.into())),
        (Label::text("tpm_clock_safe"), Claim::Bool(clock.safe)),
    ];
    claims.extend(present([(Label::text("tpm_ak_name"), proven.ak_name.clone().map(Claim::Text))]));
    Some(Claim::Map(claims))
}

fn tier(status: Status) -> Claim {
    Claim::Choice(status.as_str(), status.tier().into())
}

fn present<const N: usize>(claims: [(Label, Option<Claim>); N]) -> impl Iterator<Item = (Label, Claim)> {
    claims.into_iter().filter_map(|(label, claim)| Some((label, claim?)))
}

#[cfg(test)]
pub(crate) mod tests;
