//! From signed claims to a result that is believed.

use super::{Error, Expectations, LIFETIME_MAX_SECONDS, SKEW_SECONDS};
use crate::{
    Timestamp,
    appraise::{Severity, Status, TrustVector},
    result::{
        claims::{Label, Node},
        ear::{PROFILE, label},
        key::PublicKey,
    },
};

/// A result that a trusted key signed, that counts now and that meets the expectations. It may well say that the device is refused:
/// see [`into_affirming`](Self::into_affirming).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedEar {
    status: Status,
    boot: TokenPart,
    runtime: TokenPart,
    tokens: Vec<(String, TokenPart)>,
    device: Option<String>,
    family: String,
    nonce: Option<Vec<u8>>,
    confirmation: Option<PublicKey>,
    golden: Golden,
    development: bool,
    issued_at: Timestamp,
    expires: Timestamp,
}

/// A result that says of an enrolled device, just now: it booted what was signed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AffirmingEar {
    ear: AcceptedEar,
    device: String,
}

/// What a result says about one part of the device's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPart {
    status: Status,
    trust_vector: TrustVector,
    reasons: Vec<TokenReason>,
}

/// One reason in a token: the verdict's, shortened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenReason {
    /// Which kind of fact.
    pub code: String,
    /// What it means for the part.
    pub severity: Severity,
    /// The named part of the boot.
    pub component: Option<String>,
    /// The PCR.
    pub pcr: Option<u64>,
}

/// Where the golden values came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Golden {
    /// `development` or `release`.
    pub source: String,
    /// The release's name.
    pub release: Option<String>,
    /// The release's tier.
    pub tier: Option<String>,
}

impl AcceptedEar {
    /// The worst of the judged parts.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Boot integrity.
    #[must_use]
    pub const fn boot(&self) -> &TokenPart {
        &self.boot
    }

    /// Runtime integrity.
    #[must_use]
    pub const fn runtime(&self) -> &TokenPart {
        &self.runtime
    }

    /// What was judged of each attestation token that the device sent, by its golden name.
    #[must_use]
    pub fn tokens(&self) -> &[(String, TokenPart)] {
        &self.tokens
    }

    /// The enrolled device, if the result is about one.
    #[must_use]
    pub fn device(&self) -> Option<&str> {
        self.device.as_deref()
    }

    /// The device family that was judged.
    #[must_use]
    pub fn family(&self) -> &str {
        &self.family
    }

    /// The nonce in the signed evidence.
    #[must_use]
    pub fn nonce(&self) -> Option<&[u8]> {
        self.nonce.as_deref()
    }

    /// The key that the device vouched for. Whoever presents the token must prove that it holds the private half.
    #[must_use]
    pub const fn confirmation(&self) -> Option<&PublicKey> {
        self.confirmation.as_ref()
    }

    /// Where the golden values came from.
    #[must_use]
    pub const fn golden(&self) -> &Golden {
        &self.golden
    }

    /// Whether the result was made in development.
    #[must_use]
    pub const fn development(&self) -> bool {
        self.development
    }

    /// When the verdict was made.
    #[must_use]
    pub const fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// When it stops counting.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// The result as permission to go on, if its status is affirming, boot was judged and affirming, and it is about an enrolled device.
    ///
    /// # Errors
    /// The result itself, for its reasons.
    pub fn into_affirming(self) -> Result<AffirmingEar, Box<Self>> {
        let affirming = self.status == Status::Affirming && self.boot.status == Status::Affirming;
        match self.device.clone() {
            Some(device) if affirming => Ok(AffirmingEar { ear: self, device }),
            _ => Err(Box::new(self)),
        }
    }
}

impl AffirmingEar {
    /// The enrolled device.
    #[must_use]
    pub fn device(&self) -> &str {
        &self.device
    }

    /// Everything else the result says.
    #[must_use]
    pub const fn ear(&self) -> &AcceptedEar {
        &self.ear
    }
}

impl TokenPart {
    /// The part's own status. `None` says that it was not judged.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// The claims about the part; 0 where the token makes none.
    #[must_use]
    pub const fn trust_vector(&self) -> &TrustVector {
        &self.trust_vector
    }

    /// The reasons, refusing ones first.
    #[must_use]
    pub fn reasons(&self) -> &[TokenReason] {
        &self.reasons
    }
}

pub(super) fn accept(
    claims: Node<'_>,
    now: Timestamp,
    expectations: &Expectations<'_>,
) -> Result<AcceptedEar, Error> {
    if text(claims, &label::PROFILE)? != PROFILE {
        return Err(Error::ProfileUnexpected);
    }
    let (issued_at, expires) = times(claims, now)?;
    let submods = required(claims, &label::SUBMODS)?;
    let ear = AcceptedEar {
        status: status(claims)?,
        boot: part(required(submods, &label::BOOT)?)?,
        runtime: part(required(submods, &label::RUNTIME)?)?,
        tokens: tokens(submods)?,
        device: optional(claims, &label::SUB, |node| node.text().map(str::to_owned))?,
        family: text(claims, &label::FAMILY)?.to_owned(),
        nonce: optional(claims, &label::NONCE, Node::bytes)?,
        confirmation: optional(claims, &label::CNF, |cnf| PublicKey::from_node(cnf.get(&label::CNF_KEY)?))?,
        golden: golden(required(claims, &label::GOLDEN)?)?,
        development: required(claims, &label::DEVELOPMENT)?
            .flag()
            .ok_or(Error::ClaimMalformed { claim: "attest_development" })?,
        issued_at,
        expires,
    };
    let parts = [ear.boot.status, ear.runtime.status].into_iter();
    let parts = parts.chain(ear.tokens.iter().map(|(_, token)| token.status));
    if ear.status != parts.fold(ear.status, Status::worst) {
        return Err(Error::StatusInconsistent);
    }
    meets(&ear, claims, expectations)?;
    Ok(ear)
}

fn times(claims: Node<'_>, now: Timestamp) -> Result<(Timestamp, Timestamp), Error> {
    let issued = time(required(claims, &label::IAT)?, "iat")?;
    let expires = time(required(claims, &label::EXP)?, "exp")?;
    let not_before = optional(claims, &label::NBF, Node::unsigned)?.map(Timestamp::from_unix);
    for from in [Some(issued), not_before].into_iter().flatten() {
        if from > now.plus(SKEW_SECONDS) {
            return Err(Error::NotYetValid { from });
        }
    }
    if expires <= issued || expires > issued.plus(LIFETIME_MAX_SECONDS) {
        return Err(Error::LifetimeUnexpected);
    }
    if expires <= now {
        return Err(Error::Expired { expired: expires });
    }
    Ok((issued, expires))
}

fn meets(ear: &AcceptedEar, claims: Node<'_>, expected: &Expectations<'_>) -> Result<(), Error> {
    let differs = |expected: Option<&str>, got: Option<&str>| expected.is_some() && expected != got;
    // Unlike the others an audience binds in both directions.
    if optional(claims, &label::AUD, Node::text)? != expected.audience {
        return Err(Error::AudienceUnexpected);
    }
    if differs(expected.issuer, optional(claims, &label::ISS, Node::text)?) {
        return Err(Error::IssuerUnexpected);
    }
    if differs(expected.device, ear.device()) {
        return Err(Error::DeviceUnexpected);
    }
    if differs(expected.family, Some(ear.family())) {
        return Err(Error::FamilyUnexpected);
    }
    if expected.nonce.is_some() && expected.nonce != ear.nonce() {
        return Err(Error::NonceUnexpected);
    }
    if ear.development && !expected.accept_development {
        return Err(Error::Development);
    }
    Ok(())
}

/// Every further submodule is a token's: none is passed over, for its status counts.
fn tokens(submods: Node<'_>) -> Result<Vec<(String, TokenPart)>, Error> {
    let all = submods.members().ok_or(Error::ClaimMalformed { claim: "submods" })?;
    let is_token = |name: &str| name != label::BOOT.name() && name != label::RUNTIME.name();
    let tokens = all.into_iter().filter(|(name, _)| is_token(name));
    tokens.map(|(name, node)| Ok((name.to_owned(), part(node)?))).collect()
}

fn part(node: Node<'_>) -> Result<TokenPart, Error> {
    let malformed = Error::ClaimMalformed { claim: "ear_verifier_claims" };
    let reasons = match node.get(&label::VERIFIER_CLAIMS).and_then(|claims| claims.get(&label::REASONS)) {
        None => Vec::new(),
        Some(list) => {
            let items = list.items().ok_or(malformed.clone())?;
            items.into_iter().map(|item| reason(item).ok_or(malformed.clone())).collect::<Result<_, _>>()?
        }
    };
    Ok(TokenPart { status: status(node)?, trust_vector: trust_vector(node)?, reasons })
}

fn reason(node: Node<'_>) -> Option<TokenReason> {
    let text = |name| node.get(&Label::text(name))?.text().map(str::to_owned);
    let severity = match text("severity")?.as_str() {
        "info" => Severity::Info,
        "warn" => Severity::Warn,
        "refuse" => Severity::Refuse,
        _ => return None,
    };
    let pcr = node.get(&Label::text("pcr")).and_then(Node::unsigned);
    Some(TokenReason { code: text("code")?, severity, component: text("component"), pcr })
}

fn status(node: Node<'_>) -> Result<Status, Error> {
    let all = [Status::None, Status::Affirming, Status::Warning, Status::Contraindicated];
    let choices = all.map(|status| (status.as_str(), i64::from(status.tier()), status));
    required(node, &label::STATUS)?.choice(&choices).ok_or(Error::ClaimMalformed { claim: "ear_status" })
}

fn trust_vector(node: Node<'_>) -> Result<TrustVector, Error> {
    let mut vector = TrustVector::default();
    let Some(claims) = node.get(&label::VECTOR) else { return Ok(vector) };
    let fields = [
        &mut vector.instance_identity,
        &mut vector.configuration,
        &mut vector.executables,
        &mut vector.file_system,
        &mut vector.hardware,
        &mut vector.runtime_opaque,
    ];
    for ((name, number), field) in label::TRUST.into_iter().zip(fields) {
        if let Some(value) = claims.get(&Label::new(name, number)) {
            let value = value.integer().and_then(|value| i8::try_from(value).ok());
            *field = value.ok_or(Error::ClaimMalformed { claim: "ear_trustworthiness_vector" })?;
        }
    }
    Ok(vector)
}

fn golden(node: Node<'_>) -> Result<Golden, Error> {
    let text = |name| {
        let node = node.get(&Label::text(name));
        node.map(|node| {
            node.text().map(str::to_owned).ok_or(Error::ClaimMalformed { claim: "attest_golden" })
        })
        .transpose()
    };
    let source = text("source")?.ok_or(Error::ClaimMissing { claim: "attest_golden" })?;
    Ok(Golden { source, release: text("release")?, tier: text("tier")? })
}

fn time(node: Node<'_>, claim: &'static str) -> Result<Timestamp, Error> {
    node.unsigned().map(Timestamp::from_unix).ok_or(Error::ClaimMalformed { claim })
}

fn text<'a>(node: Node<'a>, label: &Label) -> Result<&'a str, Error> {
    required(node, label)?.text().ok_or(Error::ClaimMalformed { claim: label.known_name() })
}

fn required<'a>(node: Node<'a>, label: &Label) -> Result<Node<'a>, Error> {
    node.get(label).ok_or(Error::ClaimMissing { claim: label.known_name() })
}

/// A claim that may be missing, but not be malformed.
fn optional<'a, T>(
    node: Node<'a>,
    label: &Label,
    read: impl FnOnce(Node<'a>) -> Option<T>,
) -> Result<Option<T>, Error> {
    let malformed = Error::ClaimMalformed { claim: label.known_name() };
    node.get(label).map(|node| read(node).ok_or(malformed)).transpose()
}
