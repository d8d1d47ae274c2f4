//! `attest verify`.

mod released;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use attest_core::appraise::{Context, Policy, Verdict};
use attest_core::authenticate::{AuthenticEvidence, AuthenticToken, TokenKey};
use attest_core::reference::corim::{self, Class, Corim, Environment, SignedCorim};
use attest_core::reference::overlay::{self, DeviceIds, Overlay};
use attest_core::reference::{self, Golden, GoldenSource, ReferenceSet};
use attest_core::result::{Ear, ResultContext, VerifierId};
use attest_core::{HashAlg, Limits, Timestamp};
use clap::Args;
use serde::Serialize;

use self::released::{ReleaseFlags, Released};
use super::evidence::{EvidenceFlags, Files, check_nonce};
use super::input::read_file;
use super::looks;
use super::token::Sent;
use super::wrapped::{Opened, Wrapped};
use super::{Exit, Failure, Output, verdict};
use crate::clock;
use crate::signer::FileSigner;

/// Judge a device's evidence by a golden document or by releases, offline.
#[derive(Args, Debug)]
pub(super) struct Verify {
    #[command(flatten)]
    evidence: EvidenceFlags,
    /// All of a device's evidence, quote, logs and tokens, as one collection of messages (CMW), instead of a file for each
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "attest", "signature", "signature_scheme", "pcrs", "eventlog", "ima", "userspace_log", "token", "nested_key",
    ])]
    cmw: Option<PathBuf>,
    /// Attestation tokens of the same device: beside the quote, with its nonce, or alone
    #[arg(long, value_name = "FILE", requires = "token_key")]
    token: Vec<PathBuf>,
    /// The key that must have signed each token, in the same order; with --cmw the device's keys, of which one must have signed each
    #[arg(long, value_name = "FILE")]
    token_key: Vec<PathBuf>,
    /// A key that may have signed a token in one of these, another attester's
    #[arg(long, value_name = "FILE", requires = "token")]
    nested_key: Vec<PathBuf>,
    /// The device family that is judged
    #[arg(long, value_name = "NAME")]
    family: String,
    /// The golden document: text or CoRIM
    #[arg(long, value_name = "FILE", required_unless_present = "releases")]
    golden: Option<PathBuf>,
    #[command(flatten)]
    releases: ReleaseFlags,
    /// The device's own digests, signed, as `attest golden overlay` makes them
    #[arg(long, value_name = "FILE")]
    overlay: Option<PathBuf>,
    /// Who must have signed it: their public key, as PEM, JWK or COSE_Key. A signed CoRIM wants it, and nothing else is accepted with it
    #[arg(long, value_name = "FILE")]
    golden_key: Option<PathBuf>,
    /// What must be judged, and how findings are taken; a sensible default without it
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Sign the verdict as an EAR with this ES256 key (PKCS #8, DER), as the server makes one
    #[arg(long, value_name = "FILE")]
    signing_key: Option<PathBuf>,
}

/// A policy is a page of text.
const POLICY_BYTES: usize = 64 << 10;

impl Verify {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let limits = Limits::DEFAULT;
        let wrapped = self.cmw.as_deref().map(|path| Wrapped::read(path, &self.token_key, &limits));
        let wrapped = wrapped.transpose()?;
        let opened = wrapped.as_ref().map(|wrapped| wrapped.open(&limits)).transpose();
        let (files, sent) = match &opened {
            Ok(Some(opened)) => (opened.files(&self.evidence, &limits)?, Tokens::Wrapped(opened)),
            Ok(None) => {
                let tokens = self.read_tokens(&limits)?;
                let alone = self.evidence.attest.is_none() && !tokens.is_empty();
                let files = if alone { None } else { Some(self.evidence.read(&limits)?) };
                (files, Tokens::Named(tokens))
            }
            Err(_) => (None, Tokens::Named(Vec::new())),
        };
        check_nonce(self.evidence.nonce.as_deref())?;
        let signer = self.signing_key.as_deref().map(open_key).transpose()?;
        let by = match &self.golden {
            Some(golden) => By::Golden(Box::new(self.golden(golden, &limits)?)),
            None => By::Releases(Box::new(self.releases.read(&self.family, &limits, out)?)),
        };
        let (policy, policy_sha256) = self.policy.as_deref().map(read_policy).transpose()?.unzip();
        let policy = policy.unwrap_or_default();
        let context = Context { family: self.family.clone(), ..Context::default() };
        let overlay = self.overlay.as_deref().map(|path| read_text(path, limits.token_bytes)).transpose()?;
        if opened.is_ok() && files.is_none() && overlay.is_some() {
            let detail = "an overlay is for the device whose key signed a quote, and there is none";
            return Err(Failure::usage("overlay_without_quote", detail));
        }
        let judged = match (&opened, &files, &by) {
            (Err(refused), ..) => Err(refused.clone()),
            (Ok(_), Some(files), by) => {
                judge(files, &sent, overlay.as_deref(), &policy, by, &context, &limits)
            }
            (Ok(_), None, By::Golden(references)) => sent
                .alone(self.evidence.nonce.as_deref(), &limits)
                .map(|tokens| policy.appraise_tokens(&tokens, references, &context)),
            (Ok(_), None, By::Releases(_)) => {
                let detail = "releases are found by what a quote proves, and there is none";
                return Err(Failure::usage("releases_without_quote", detail));
            }
        };
        let verdict =
            judged.unwrap_or_else(|(code, detail)| policy.refuse(code, &detail, by.source(), &context));
        let ear = signer.map(|signer| sign(&verdict, policy_sha256, &signer)).transpose()?;
        show(&verdict, ear.as_deref(), out);
        Ok(if verdict.is_affirming() { Exit::Good } else { Exit::Refused })
    }
}

/// What a device is judged by.
enum By {
    Golden(Box<ReferenceSet>),
    Releases(Box<Released>),
}

impl By {
    fn source(&self) -> GoldenSource {
        match self {
            Self::Golden(references) => references.source().clone(),
            Self::Releases(released) => released.by().source(),
        }
    }
}

/// The golden values with the device's own digests. An overlay that is refused is not left out: the device is refused.
fn overlaid<'r>(
    references: &'r ReferenceSet,
    overlay: Option<&str>,
    evidence: &AuthenticEvidence<'_>,
    limits: &Limits,
) -> Result<Cow<'r, ReferenceSet>, overlay::Error> {
    let Some(text) = overlay else { return Ok(Cow::Borrowed(references)) };
    let ids = DeviceIds { ak_name: evidence.quote().key_name(), ek_sha256: None };
    let overlay = Overlay::verify(text, references, &ids, clock::now(), limits)?;
    Ok(Cow::Owned(references.with_overlay(&overlay)?))
}

/// Why nothing is proven: a stable code and words.
pub(super) type NotProven = (&'static str, String);

/// Tokens as they came: each in a file with its key, or all in one wrapper.
enum Tokens<'t> {
    Named(Vec<Sent>),
    Wrapped(&'t Opened<'t>),
}

impl Tokens<'_> {
    /// What was sent together is proven together or not at all.
    fn beside(
        &self,
        evidence: &AuthenticEvidence<'_>,
        limits: &Limits,
    ) -> Result<Vec<AuthenticToken>, NotProven> {
        let sent = match self {
            Self::Wrapped(opened) => return opened.beside(evidence),
            Self::Named(sent) => sent,
        };
        let tokens = sent.iter().map(|token| token.authenticate_beside(evidence, limits));
        tokens.collect::<Result<_, _>>().map_err(|refused| (refused.code, refused.detail))
    }

    fn alone(&self, nonce: Option<&str>, limits: &Limits) -> Result<Vec<AuthenticToken>, NotProven> {
        let sent = match self {
            Self::Wrapped(opened) => return opened.alone(nonce),
            Self::Named(sent) => sent,
        };
        let tokens = sent.iter().map(|token| token.authenticate(nonce, limits));
        tokens.collect::<Result<_, _>>().map_err(|refused| (refused.code, refused.detail))
    }
}

impl Verify {
    fn golden(&self, path: &Path, limits: &Limits) -> Result<ReferenceSet, Failure> {
        let (document, signed_until) = match &self.golden_key {
            None => (read_document(path, limits)?, None),
            Some(key) => read_signed(path, key, &self.family, limits)?,
        };
        let ends = document.validity().map(|validity| validity.not_after);
        let golden = document.valid_at(clock::now()).map_err(|error| unusable(path, &error))?;
        let references = ReferenceSet::development(golden).map_err(|e| Failure::usage(e.code(), e))?;
        Ok(ends.into_iter().chain(signed_until).fold(references, ReferenceSet::until))
    }

    fn read_tokens(&self, limits: &Limits) -> Result<Vec<Sent>, Failure> {
        if self.token.len() != self.token_key.len() {
            let detail = "give one --token-key for each --token, in the same order";
            return Err(Failure::usage("count_mismatch", detail));
        }
        let both = self.token.iter().zip(&self.token_key);
        both.map(|(token, key)| Sent::read(token, key, &self.nested_key, limits)).collect()
    }
}

fn judge(
    files: &Files,
    sent: &Tokens<'_>,
    overlay: Option<&str>,
    policy: &Policy,
    by: &By,
    context: &Context,
    limits: &Limits,
) -> Result<Verdict, NotProven> {
    let evidence = match by {
        By::Golden(references) => files.authenticate_guessing(limits, &**references),
        By::Releases(released) => files.authenticate_guessing(limits, released.by().guesses()),
    };
    let evidence = match evidence {
        Ok(evidence) => evidence,
        Err(refused) => {
            return match refused.error() {
                Some(error) => Ok(policy.refuse_unproven(error, &refused.detail(), by.source(), context)),
                None => Err((refused.code(), refused.detail())),
            };
        }
    };
    let tokens = sent.beside(&evidence, limits)?;
    let references = match by {
        By::Golden(references) => references,
        By::Releases(released) => {
            let overlaying = |references: &ReferenceSet| {
                let overlaid = overlay.map(|_| overlaid(references, overlay, &evidence, limits)).transpose();
                overlaid
                    .map(|own| own.map(Cow::into_owned))
                    .map_err(|error| (error.code(), error.to_string()))
            };
            return Ok(policy.appraise_released(&evidence, &tokens, &released.by(), &overlaying, context));
        }
    };
    Ok(match overlaid(references, overlay, &evidence, limits) {
        Ok(references) => policy.appraise_with_tokens(&evidence, &tokens, &references, context),
        Err(error) => policy.refuse_overlay(error.code(), &error.to_string(), &evidence, references, context),
    })
}

fn show(verdict: &Verdict, ear: Option<&str>, out: &mut Output) {
    if out.wants_json() {
        out.json(&Document { verdict, ear });
        return;
    }
    verdict::print(verdict, out);
    if let Some(token) = ear {
        out.line("");
        out.line(token);
    }
}

#[derive(Serialize)]
struct Document<'v> {
    #[serde(flatten)]
    verdict: &'v Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    ear: Option<&'v str>,
}

/// How long a token made on the command line counts.
const EAR_SECONDS: u64 = 300;

pub(super) fn open_key(path: &Path) -> Result<FileSigner, Failure> {
    if !path.exists() {
        return Err(Failure::usage("file_unreadable", format!("{}: no such file", path.display())));
    }
    FileSigner::open(path).map_err(|error| Failure::usage("signing_key", error))
}

/// The verdict as a signed token. Golden values from a plain document mark it as development.
fn sign(verdict: &Verdict, policy_sha256: Option<String>, signer: &FileSigner) -> Result<String, Failure> {
    let now = clock::now();
    let document = verdict.golden.document_sha256.as_deref().unwrap_or("none");
    let policy = policy_sha256.map(|sha256| format!(":policy:{sha256}")).unwrap_or_default();
    let context = ResultContext {
        issued_at: now,
        // Earlier where the verdict's own end is: the token sees to that (A50).
        expires: now.plus(EAR_SECONDS),
        verifier: VerifierId {
            developer: "attest verify".into(),
            build: concat!("attest ", env!("CARGO_PKG_VERSION")).into(),
        },
        issuer: None,
        audience: None,
        policy_id: format!("urn:attest:golden:{}:{document}{policy}", verdict.family),
        confirmation: None,
        development: false,
    };
    Ear::new(verdict, &context).to_jwt(signer).map_err(|error| Failure::fault(error.code(), error))
}

/// The format that a golden document in TOML names.
const GOLDEN: &[u8] = b"attest-golden/";

/// Reads a golden document, text or CoRIM.
pub(super) fn read_document(path: &Path, limits: &Limits) -> Result<reference::Document, Failure> {
    let bytes = read_file(path, limits.golden_bytes)?;
    reference::Document::read(&bytes, limits).map_err(|error| {
        let failure = unusable(path, &error);
        // What says its format is one with a fault in it; anything else is another file.
        if corim::is_cbor(&bytes) || bytes.windows(GOLDEN.len()).any(|part| part == GOLDEN) {
            return failure;
        }
        let is = looks::like(&bytes).map(|kind| format!("this looks like {kind}; ")).unwrap_or_default();
        failure.with_lines([format!(
            "{is}expected a golden document: TOML that says `attest-golden/1`, or a CoRIM"
        )])
    })
}

/// The same for judging by it now.
pub(super) fn read_golden(path: &Path, limits: &Limits) -> Result<Golden, Failure> {
    read_document(path, limits)?.valid_at(clock::now()).map_err(|error| unusable(path, &error))
}

/// The golden document in a CoRIM that the holder of this key signed, who may speak of this family and of no other, and when the signature ends.
fn read_signed(
    path: &Path,
    key: &Path,
    family: &str,
    limits: &Limits,
) -> Result<(reference::Document, Option<Timestamp>), Failure> {
    let key = read_file(key, limits.public_key_bytes)?;
    let key = TokenKey::vouched(&key, limits).map_err(|e| Failure::usage(e.code(), e))?;
    let bytes = read_file(path, limits.golden_bytes)?;
    // A50: what nobody signed is not taken where a signature is asked for.
    if !corim::is_cbor(&bytes) || !matches!(Corim::parse(&bytes, limits), Err(corim::Error::Signed)) {
        let detail = format!("{}: --golden-key wants a signed CoRIM, and this is none", path.display());
        return Err(Failure::usage("golden_unsigned", detail));
    }
    let signed = SignedCorim::parse(&bytes, limits).map_err(|error| unusable(path, &error.into()))?;
    let class = Class { id: None, vendor: None, model: Some(family), layer: None, index: None };
    let authority = [Environment { class: Some(class), instance: None, group: None }];
    let signer = corim::Signer { key: &key, name: None, authority: &authority };
    let refused =
        |error: corim::NotAuthentic| Failure::usage(error.code(), format!("{}: {error}", path.display()));
    let authentic = signed.authenticate(&signer, |_| None, clock::now(), limits).map_err(refused)?;
    let document =
        reference::Document::of_corim(authentic.corim()).map_err(|error| unusable(path, &error))?;
    Ok((document, authentic.valid_until()))
}

/// A golden document that cannot be used is the operator's matter, not the device's.
pub(super) fn unusable(path: &Path, error: &reference::document::Error) -> Failure {
    let failure = Failure::usage(error.code(), format!("{}: {error}", path.display()));
    match error.offset().and_then(|offset| u64::try_from(offset).ok()) {
        Some(offset) => failure.at_offset(offset),
        None => failure,
    }
}

/// A policy, and SHA-256 of its text in lower-case hexadecimal.
fn read_policy(path: &Path) -> Result<(Policy, String), Failure> {
    let text = read_text(path, POLICY_BYTES)?;
    let policy =
        Policy::parse(&text).map_err(|e| Failure::usage(e.code(), format!("{}: {e}", path.display())))?;
    Ok((policy, HashAlg::Sha256.hash(&[text.as_bytes()]).to_string()))
}

fn read_text(path: &Path, most: usize) -> Result<String, Failure> {
    let bytes = read_file(path, most)?;
    String::from_utf8(bytes).map_err(|e| Failure::usage("not_utf8", format!("{}: {e}", path.display())))
}
