//! Evidence in, signed verdict out: the one place where the shell calls the verification.

use std::{collections::BTreeMap, sync::Arc};

use attest_core::{
    Limits, Timestamp,
    appraise::{self, Code, Context, Overlaying, Policy, Reason, Verdict},
    authenticate::{
        self, AttestationKey, AuthenticEvidence, AuthenticToken, Challenge, Guesses, ImaCheckpoint, Nonce,
    },
    evidence::bundle::{self, Bundle},
    reference::{GoldenSource, ReferenceSet, document},
    result::{Ear, PublicKey, ResultContext, Sign, VerifierId, VerifyingKey},
};

use crate::{
    challenge::{IssuedChallenge, Selection},
    config::Config,
    releases::{Releases, Snapshot},
    service::Refusal,
    signer::FileSigner,
    store::{Device, Lease, TpmClock},
};

mod counters;
mod family;
mod sent;

use counters::{counting, last_seen, tpm_clock};
pub use family::Error;
use family::{ByWhat, Family, pcr_selection, read_family};
pub(crate) use sent::SentEvidence;
use sent::{enrolled_token_keys, position, prove_collected, prove_tokens};

/// One device's answer to one spent challenge.
pub(crate) struct Case {
    pub(crate) device: Device,
    pub(crate) challenge: IssuedChallenge,
    pub(crate) evidence: SentEvidence,
    pub(crate) last_clock: Option<TpmClock>,
    /// The counters behind the device's last affirming verdict.
    pub(crate) lease: Option<Lease>,
    /// How far the device's IMA list was proven and judged, as this server stored it.
    pub(crate) ima_checkpoint: Option<ImaCheckpoint>,
    /// The keys that sign the device's tokens, as they were enrolled.
    pub(crate) token_keys: Vec<Vec<u8>>,
    pub(crate) now: Timestamp,
}

/// What is said about it.
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    pub(crate) expires_at: Timestamp,
    pub(crate) ear_jwt: String,
    pub(crate) ear_cwt: Vec<u8>,
    /// The TPM's clock, if the quote was authentic.
    pub(crate) clock: Option<TpmClock>,
}

pub(crate) struct Judge {
    families: BTreeMap<String, Family>,
    releases: Option<Arc<Releases>>,
    signer: FileSigner,
    issuer: String,
    lifetime_seconds: u64,
    development: bool,
}

impl Judge {
    /// Reads the golden documents; families that are released ask `releases`.
    pub(crate) fn new(
        config: &Config,
        releases: Option<Arc<Releases>>,
        signer: FileSigner,
        issuer: String,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let families =
            config.families.iter().map(|(name, family)| Ok((name.clone(), read_family(name, family, now)?)));
        Ok(Self {
            families: families.collect::<Result<_, Error>>()?,
            releases,
            signer,
            issuer,
            lifetime_seconds: config.token.lifetime_seconds,
            development: config.development,
        })
    }

    pub(crate) fn public_key(&self) -> &VerifyingKey {
        self.signer.public_key()
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Released golden values as they are now.
    fn released(&self) -> Arc<Snapshot> {
        self.releases.as_ref().map(|releases| releases.now()).unwrap_or_default()
    }

    /// What devices of a family are to quote.
    pub(crate) fn selection(&self, family: &str) -> Result<Selection, Refusal> {
        let known = self.families.get(family).ok_or(Refusal::FamilyUnknown)?;
        let own = known.selection.clone();
        own.or_else(|| self.released().selection(family)).ok_or(Refusal::ReleasesUnavailable)
    }

    /// How far an IMA list was judged by what is golden now; none of it by anything else.
    pub(crate) fn ima_checkpoint(&self, family: &str, stored: Option<&[u8]>) -> Option<ImaCheckpoint> {
        let known = self.families.get(family)?;
        let checkpoint = ImaCheckpoint::from_store(stored?).ok()?;
        let document = checkpoint.document_sha256();
        let is_golden = match &known.golden {
            ByWhat::Document { references, .. } => {
                references.source().document_sha256.as_deref() == Some(document)
            }
            ByWhat::Releases => self.released().has_document(family, document),
        };
        is_golden.then_some(checkpoint)
    }

    /// Judges a case and signs what it says. A device that is refused is a judgement; an error is about us or our configuration.
    pub(crate) fn judge(&self, case: Case) -> Result<Judgement, Refusal> {
        let Case { device, challenge, evidence, last_clock, lease, ima_checkpoint, token_keys, now } = case;
        let family = self.families.get(&device.family).ok_or(Refusal::FamilyUnknown)?;
        let context = Context {
            family: device.family.clone(),
            development: self.development,
            last_seen: last_clock.map(|latest| last_seen(latest, challenge.counters)),
            lease: lease
                .filter(|_| family.policy.asks_for_leases())
                .and_then(|lease| counting(lease, &device, now)),
            revoked: device.revoked.as_ref().map(|(_, because)| because.clone()),
        };
        let snapshot = self.released();
        let by = By::of(family, &snapshot, &device.family, now)?;
        let policy = &family.policy;
        let limits = Limits::DEFAULT;
        let (key, confirmation, challenge) = prepare(&device, &challenge, &limits)?;
        let refuse = |code, detail: &str| policy.refuse(code, detail, by.source(), &context);
        let token_keys = enrolled_token_keys(&device, &token_keys, &limits)?;
        let mut clock = None;
        let ima_after = position(evidence.ima_list_offset, ima_checkpoint.as_ref())?;
        let collection = evidence.collection(&limits);
        let bundle = collection.as_ref().map_err(Clone::clone).and_then(|collection| {
            let sent = evidence.parts(collection.as_ref())?;
            let sent = bundle::Evidence { ima_after, ..sent };
            Bundle::parse(sent, &limits).map_err(|error| (error.code(), error.to_string()))
        });
        let verdict = match bundle {
            Err((code, detail)) => refuse(code, &detail),
            Ok(bundle) => {
                match AuthenticEvidence::authenticate_guessing(
                    bundle,
                    ima_checkpoint,
                    &key,
                    challenge,
                    now,
                    by.guesses(),
                ) {
                    // Not a sign of tampering: a restart between challenge and quote does that.
                    Err(authenticate::Error::ImaResume(error)) => {
                        return Err(Refusal::WholeListWanted { because: error.code(), is_proven: true });
                    }
                    Err(error) => policy.refuse_unproven(&error, &error.to_string(), by.source(), &context),
                    Ok(proven) => {
                        let quote = proven.quote();
                        clock = Some(tpm_clock(quote.clock_info(), quote.firmware_version()));
                        let tokens = match &collection {
                            Ok(Some(collection)) => prove_collected(&proven, collection, &token_keys, now),
                            _ => prove_tokens(&proven, &evidence.tokens, &token_keys, now, &limits),
                        };
                        let overlaying =
                            |references: &ReferenceSet| family.for_device(references, &device, now, &limits);
                        match tokens {
                            // What was sent together is proven together or not at all.
                            Err((code, detail)) => refuse(code, &detail),
                            Ok(tokens) => by.appraise(policy, &proven, &tokens, &overlaying, &context),
                        }
                    }
                }
            }
        };
        // Another release of the same values than the one that judged the list so far.
        let is_foreign = |reason: &Reason| reason.code == Code::ImaCheckpointForeign;
        if verdict.reasons.iter().any(is_foreign) {
            return Err(Refusal::WholeListWanted { because: "ima_checkpoint_foreign", is_proven: true });
        }
        let policy_id = self.policy_id(family, &verdict);
        self.sign(verdict, policy_id, confirmation, clock, now)
    }

    /// By what was judged: the golden document, and the policy where it is not the default one.
    fn policy_id(&self, family: &Family, verdict: &Verdict) -> String {
        let document = verdict.golden.document_sha256.as_deref().unwrap_or("none");
        let id = format!("{}/golden/{}/{document}", self.issuer, verdict.family);
        match &family.policy_sha256 {
            None => id,
            Some(sha256) => format!("{id}/policy/{sha256}"),
        }
    }

    fn sign(
        &self,
        verdict: Verdict,
        policy_id: String,
        confirmation: PublicKey,
        clock: Option<TpmClock>,
        now: Timestamp,
    ) -> Result<Judgement, Refusal> {
        let expires_at = verdict.expires(now.plus(self.lifetime_seconds));
        let context = ResultContext {
            issued_at: now,
            expires: expires_at,
            verifier: VerifierId {
                developer: self.issuer.clone(),
                build: concat!("attest ", env!("CARGO_PKG_VERSION")).to_owned(),
            },
            issuer: Some(self.issuer.clone()),
            audience: None,
            policy_id,
            confirmation: Some(confirmation),
            development: self.development,
        };
        let ear = Ear::new(&verdict, &context);
        let failed = |error: attest_core::result::SignError| {
            tracing::error!(%error, "a result could not be signed");
            Refusal::ServerFault { code: error.code() }
        };
        let ear_jwt = ear.to_jwt(&self.signer).map_err(failed)?;
        let ear_cwt = ear.to_cwt(&self.signer).map_err(failed)?;
        Ok(Judgement { verdict, expires_at, ear_jwt, ear_cwt, clock })
    }
}

/// The golden values that judge one case.
enum By<'b> {
    Document(&'b ReferenceSet),
    Releases(appraise::Releases<'b>),
}

impl<'b> By<'b> {
    fn of(family: &'b Family, snapshot: &'b Snapshot, name: &str, now: Timestamp) -> Result<Self, Refusal> {
        match &family.golden {
            ByWhat::Document { references, validity } => {
                // A50: what was good when the server started may be over by now.
                document::check_validity(*validity, now).map_err(|error| {
                    tracing::error!(family = name, %error, "the golden document does not count");
                    Refusal::ServerFault { code: error.code() }
                })?;
                Ok(Self::Document(references))
            }
            ByWhat::Releases => {
                snapshot.of(name, now).map(Self::Releases).ok_or(Refusal::ReleasesUnavailable)
            }
        }
    }

    fn source(&self) -> GoldenSource {
        match self {
            Self::Document(references) => references.source().clone(),
            Self::Releases(releases) => releases.source(),
        }
    }

    fn guesses(&self) -> &dyn Guesses {
        match self {
            Self::Document(references) => *references,
            Self::Releases(releases) => releases.guesses(),
        }
    }

    fn appraise(
        &self,
        policy: &Policy,
        proven: &AuthenticEvidence<'_>,
        tokens: &[AuthenticToken],
        overlaying: Overlaying<'_>,
        context: &Context,
    ) -> Verdict {
        let references = match self {
            Self::Releases(by) => return policy.appraise_released(proven, tokens, by, overlaying, context),
            Self::Document(references) => references,
        };
        match overlaying(references) {
            Err((code, detail)) => policy.refuse_overlay(code, &detail, proven, references, context),
            Ok(overlaid) => {
                let references = overlaid.as_ref().unwrap_or(references);
                policy.appraise_with_tokens(proven, tokens, references, context)
            }
        }
    }
}

/// The keys and the question, out of what we stored or gave out ourselves: if they are not good, we are at fault.
fn prepare(
    device: &Device,
    challenge: &IssuedChallenge,
    limits: &Limits,
) -> Result<(AttestationKey, PublicKey, Challenge), Refusal> {
    let damaged = |what: &str| {
        tracing::error!(device_id = device.id, what, "a stored record is damaged");
        Refusal::ServerFault { code: "store_damaged" }
    };
    if device.id != challenge.device_id {
        return Err(damaged("challenge"));
    }
    let key = AttestationKey::enrolled(&device.ak_public, &device.id, limits)
        .and_then(|key| key.with_name(&device.identity.ak_name))
        .map_err(|_| damaged("attestation key"))?;
    let confirmation =
        PublicKey::from_spki_der(&challenge.subject_public_key).map_err(|_| damaged("subject key"))?;
    let nonce = Nonce::new(&challenge.nonce()).map_err(|_| damaged("nonce"))?;
    let selection = pcr_selection(&challenge.selection).map_err(|_| damaged("selection"))?;
    Ok((key, confirmation, Challenge::issued(nonce, selection, challenge.expires_at())))
}
