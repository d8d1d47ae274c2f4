//! Evidence in, signed verdict out: the one place where the shell calls the verification.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use crate::{
    challenge::{Counters, IssuedChallenge, Selection},
    config::{self, Config},
    file,
    service::Refusal,
    signer::FileSigner,
    store::{Device, Lease, TpmClock},
};
use attest_core::{
    Limits, Timestamp,
    appraise::{Context, LastSeen, Policy, PolicyError, Verdict},
    authenticate::{
        self, AttestationKey, AuthenticEvidence, AuthenticToken, Challenge, ImaCheckpoint, Nonce, TokenKey,
    },
    digest::HashAlg,
    evidence::{
        PcrValues,
        bundle::{self, Bundle, Evidence},
        eat::Token,
        ima_log::Position,
        tpm::{ClockInfo, PcrMask, PcrSelection},
    },
    reference::{
        Document, Golden, ReferenceSet,
        corim::Validity,
        document, golden,
        overlay::{DeviceIds, Overlay},
    },
    result::{Ear, PublicKey, ResultContext, Sign, VerifierId, VerifyingKey},
};

/// Where IMA measures to: always asked for, because a list that does not lead there is the only trace of some attacks.
const IMA_PCR: u8 = 10;

/// A policy is a page of text.
const POLICY_BYTES: u64 = 64 << 10;

/// Why families cannot be judged. The operator's to mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A golden document cannot be read.
    #[error("family {0}: {1}: {2}")]
    File(String, PathBuf, io::Error),
    /// A golden document is of another family.
    #[error("family {0}: the golden document is of family `{1}`")]
    FamilyMismatch(String, String),
    /// A golden document cannot be read, or does not count now.
    #[error("family {0}: {1}")]
    Document(String, document::Error),
    /// A golden document is refused.
    #[error("family {0}: {1}")]
    Golden(String, golden::Error),
    /// A policy cannot be read.
    #[error("family {0}: {1}: {2}")]
    Policy(String, PathBuf, PolicyError),
    /// The configured PCRs cannot be quoted.
    #[error("family {0}: pcrs: {1}")]
    Pcrs(String, String),
}

/// What came with a request. Nothing of it is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SentEvidence {
    pub(crate) attest: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) event_log: Option<Vec<u8>>,
    pub(crate) ima_list: Option<Vec<u8>>,
    pub(crate) ima_list_offset: u64,
    pub(crate) userspace_log: Option<Vec<u8>>,
    pub(crate) pcrs: Option<PcrValues>,
    /// Attestation tokens, each with the identity of the enrolled key that is said to have signed it; empty if the device has but one.
    pub(crate) tokens: Vec<(Vec<u8>, Vec<u8>)>,
}

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
    signer: FileSigner,
    issuer: String,
    lifetime_seconds: u64,
    development: bool,
}

struct Family {
    references: ReferenceSet,
    policy: Policy,
    overlays: Option<PathBuf>,
    selection: Selection,
    /// When the golden document counts.
    validity: Option<Validity>,
}

impl Family {
    /// The golden values for this device: with its overlay, where the folder has one. One that is refused is not left out: the device is
    /// refused, under the code.
    fn for_device(
        &self,
        device: &Device,
        now: Timestamp,
        limits: &Limits,
    ) -> Result<Cow<'_, ReferenceSet>, (&'static str, String)> {
        let Some(folder) = &self.overlays else { return Ok(Cow::Borrowed(&self.references)) };
        let path = folder.join(format!("{}.jws", hex::encode(&device.identity.ak_name)));
        let most = u64::try_from(limits.token_bytes).unwrap_or(u64::MAX);
        let text = match file::read_text(&path, most) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Cow::Borrowed(&self.references));
            }
            Err(error) => {
                tracing::error!(device_id = device.id, path = %path.display(), %error, "an overlay cannot be read");
                return Err(("overlay_unreadable", "the device's overlay cannot be read".to_owned()));
            }
        };
        let ids = DeviceIds {
            ak_name: Some(&device.identity.ak_name),
            ek_sha256: Some(&device.identity.ek_certificate_sha256),
        };
        let overlaid = Overlay::verify(&text, &self.references, &ids, now, limits)
            .and_then(|overlay| self.references.with_overlay(&overlay));
        overlaid.map(Cow::Owned).map_err(|error| {
            tracing::warn!(device_id = device.id, code = error.code(), "an overlay is refused");
            (error.code(), error.to_string())
        })
    }
}

impl Judge {
    /// Reads the golden documents.
    pub(crate) fn new(
        config: &Config,
        signer: FileSigner,
        issuer: String,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let families =
            config.families.iter().map(|(name, family)| Ok((name.clone(), read_family(name, family, now)?)));
        Ok(Self {
            families: families.collect::<Result<_, Error>>()?,
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

    /// What devices of a family are to quote.
    pub(crate) fn selection(&self, family: &str) -> Option<Selection> {
        Some(self.families.get(family)?.selection.clone())
    }

    /// How far an IMA list was judged by what is golden now; none of it by anything else.
    pub(crate) fn ima_checkpoint(&self, family: &str, stored: Option<&[u8]>) -> Option<ImaCheckpoint> {
        let golden = self.families.get(family)?.references.source().document_sha256.as_deref();
        let checkpoint = ImaCheckpoint::from_store(stored?).ok()?;
        (Some(checkpoint.document_sha256()) == golden).then_some(checkpoint)
    }

    /// Judges a case and signs what it says. A device that is refused is a judgement; an error is about us or our configuration.
    pub(crate) fn judge(&self, case: Case) -> Result<Judgement, Refusal> {
        let Case { device, challenge, evidence, last_clock, lease, ima_checkpoint, token_keys, now } = case;
        let family = self.families.get(&device.family).ok_or(Refusal::FamilyUnknown)?;
        let context = Context {
            family: device.family.clone(),
            development: self.development,
            last_seen: last_clock.map(|latest| last_seen(latest, challenge.counters)),
            lease: lease.and_then(|lease| counting(lease, &device, now)),
            revoked: device.revoked.as_ref().map(|(_, because)| because.clone()),
        };
        // A50: what was good when the server started may be over by now.
        document::check_validity(family.validity, now).map_err(|error| {
            tracing::error!(family = device.family, %error, "the golden document does not count");
            Refusal::ServerFault { code: error.code() }
        })?;
        let (references, policy) = (&family.references, &family.policy);
        let limits = Limits::DEFAULT;
        let (key, confirmation, challenge) = prepare(&device, &challenge, &limits)?;
        let refuse = |code, detail: &str| policy.refuse(code, detail, references.source().clone(), &context);
        let token_keys = enrolled_token_keys(&device, &token_keys, &limits)?;
        let mut clock = None;
        let ima_after = position(evidence.ima_list_offset, ima_checkpoint.as_ref())?;
        let sent = bundle::Evidence { ima_after, ..evidence.borrowed() };
        let verdict = match Bundle::parse(sent, &limits) {
            Err(error) => refuse(error.code(), &error.to_string()),
            Ok(bundle) => {
                match AuthenticEvidence::authenticate_after(bundle, ima_checkpoint, &key, challenge, now) {
                    // Not a sign of tampering: a restart between challenge and quote does that.
                    Err(authenticate::Error::ImaResume(error)) => {
                        return Err(Refusal::WholeListWanted { because: error.code() });
                    }
                    Err(error) => refuse(error.code(), &error.to_string()),
                    Ok(proven) => {
                        let quote = proven.quote();
                        clock = Some(tpm_clock(quote.clock_info(), quote.firmware_version()));
                        let tokens = prove_tokens(&proven, &evidence.tokens, &token_keys, now, &limits);
                        match (tokens, family.for_device(&device, now, &limits)) {
                            // What was sent together is proven together or not at all.
                            (Err((code, detail)), _) => refuse(code, &detail),
                            (Ok(_), Err((code, detail))) => {
                                policy.refuse_overlay(code, &detail, &proven, references, &context)
                            }
                            (Ok(tokens), Ok(references)) => {
                                policy.appraise_with_tokens(&proven, &tokens, &references, &context)
                            }
                        }
                    }
                }
            }
        };
        self.sign(verdict, confirmation, clock, now)
    }

    fn sign(
        &self,
        verdict: Verdict,
        confirmation: PublicKey,
        clock: Option<TpmClock>,
        now: Timestamp,
    ) -> Result<Judgement, Refusal> {
        let expires_at = now.plus(self.lifetime_seconds);
        let document = verdict.golden.document_sha256.as_deref().unwrap_or("none");
        let context = ResultContext {
            issued_at: now,
            expires: expires_at,
            verifier: VerifierId {
                developer: self.issuer.clone(),
                build: concat!("attest ", env!("CARGO_PKG_VERSION")).to_owned(),
            },
            issuer: Some(self.issuer.clone()),
            audience: None,
            policy_id: format!("{}/golden/{}/{document}", self.issuer, verdict.family),
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

impl SentEvidence {
    fn borrowed(&self) -> Evidence<'_> {
        Evidence {
            attest: &self.attest,
            signature: &self.signature,
            event_log: self.event_log.as_deref(),
            ima: self.ima_list.as_deref(),
            userspace_log: self.userspace_log.as_deref(),
            pcrs: self.pcrs.clone(),
            ..Evidence::default()
        }
    }
}

/// Where in its list a device begins: nowhere but where this server was.
fn position(offset: u64, checkpoint: Option<&ImaCheckpoint>) -> Result<Option<Position>, Refusal> {
    if offset == 0 {
        return Ok(None);
    }
    let position = checkpoint.map(ImaCheckpoint::position).filter(|position| position.bytes == offset);
    position.map(Some).ok_or(Refusal::WholeListWanted { because: "ima_other_position" })
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

/// The device's token keys: what was stored was checked when it was enrolled.
fn enrolled_token_keys(
    device: &Device,
    stored: &[Vec<u8>],
    limits: &Limits,
) -> Result<Vec<TokenKey>, Refusal> {
    let key = |bytes: &Vec<u8>| {
        TokenKey::enrolled(bytes, &device.id, limits).map_err(|_| {
            tracing::error!(device_id = device.id, "a stored token key is damaged");
            Refusal::ServerFault { code: "store_damaged" }
        })
    };
    stored.iter().map(key).collect()
}

/// A27a: a token is held against a key of this device alone. Which one, the request says; no other one is tried.
fn prove_tokens(
    proven: &AuthenticEvidence<'_>,
    sent: &[(Vec<u8>, Vec<u8>)],
    keys: &[TokenKey],
    now: Timestamp,
    limits: &Limits,
) -> Result<Vec<AuthenticToken>, (&'static str, String)> {
    let one = |(token, identity): &(Vec<u8>, Vec<u8>)| {
        let named = |key: &&TokenKey| identity.is_empty() || key.identity().as_slice() == identity.as_slice();
        let mut fitting = keys.iter().filter(named);
        let (Some(key), None) = (fitting.next(), fitting.next()) else {
            let detail =
                "no key of this device is enrolled under that identity, or it has several and none is named";
            return Err(("token_key_unknown", detail.to_owned()));
        };
        let token = Token::parse(token, limits).map_err(|error| (error.code(), error.to_string()))?;
        proven.authenticate_token(token, key, now).map_err(|error| (error.code(), error.to_string()))
    };
    sent.iter().map(one).collect()
}

fn pcr_selection(selection: &Selection) -> Result<PcrSelection, String> {
    let banks = selection.iter().map(|(bank, pcrs)| {
        let alg = HashAlg::from_name(bank).ok_or_else(|| format!("`{bank}` is no bank"))?;
        let indices = pcrs.iter().map(|pcr| u8::try_from(*pcr).map_err(|_| format!("there is no PCR {pcr}")));
        let mask = PcrMask::of(indices.collect::<Result<Vec<_>, _>>()?);
        Ok((alg, mask.ok_or_else(|| format!("{bank}: only PCR 0 to 23 exist"))?))
    });
    let selection =
        PcrSelection::new(banks.collect::<Result<Vec<_>, String>>()?).map_err(|e| e.to_string())?;
    if selection.is_empty() { Err("nothing is selected".to_owned()) } else { Ok(selection) }
}

fn read_family(name: &str, family: &config::Family, now: Timestamp) -> Result<Family, Error> {
    let most = u64::try_from(Limits::DEFAULT.golden_bytes).unwrap_or(u64::MAX);
    let bytes = file::read(&family.golden, most)
        .map_err(|error| Error::File(name.to_owned(), family.golden.clone(), error))?;
    let unusable = |error| Error::Document(name.to_owned(), error);
    let document = Document::read(&bytes, &Limits::DEFAULT).map_err(unusable)?;
    let validity = document.validity();
    let golden = document.valid_at(now).map_err(unusable)?;
    let refused = |error| Error::Golden(name.to_owned(), error);
    if golden.family != name {
        return Err(Error::FamilyMismatch(name.to_owned(), golden.family));
    }
    let selection = match &family.pcrs {
        Some(pcrs) => pcrs.clone().into_iter().collect(),
        None => selection_for(&golden),
    };
    pcr_selection(&selection).map_err(|problem| Error::Pcrs(name.to_owned(), problem))?;
    let references = ReferenceSet::development(golden).map_err(refused)?;
    let policy = match &family.policy {
        Some(path) => read_policy(name, path)?,
        None => Policy::default(),
    };
    Ok(Family { references, policy, overlays: family.overlays.clone(), selection, validity })
}

fn read_policy(name: &str, path: &Path) -> Result<Policy, Error> {
    let text = file::read_text(path, POLICY_BYTES)
        .map_err(|error| Error::File(name.to_owned(), path.to_owned(), error))?;
    Policy::parse(&text).map_err(|error| Error::Policy(name.to_owned(), path.to_owned(), error))
}

/// What the document judges, and IMA's PCR, in every bank that may judge.
fn selection_for(golden: &Golden) -> Selection {
    let mut pcrs: Vec<u32> = golden.judged.iter().copied().chain([IMA_PCR]).map(u32::from).collect();
    pcrs.sort_unstable();
    pcrs.dedup();
    golden.banks.iter().map(|bank| (bank.name().to_owned(), pcrs.clone())).collect()
}

/// The lease's counters, if it is of the key that signs now and its verdict still counts.
fn counting(lease: Lease, device: &Device, now: Timestamp) -> Option<ClockInfo> {
    let Lease { ak_name, clock, reset_count, restart_count, safe, expires_at } = lease;
    let counts = ak_name == device.identity.ak_name && now <= expires_at;
    counts.then_some(ClockInfo { clock, reset_count, restart_count, safe })
}

/// What the counters must not fall behind: the latest boot that is known, and what was known of it when the challenge was made. Two answers of
/// one boot may overtake one another, and the older one's clock did not go back.
fn last_seen(latest: TpmClock, at_challenge: Option<Counters>) -> LastSeen {
    let TpmClock { reset_count, safe, firmware_version, .. } = latest;
    let of_this_boot = at_challenge.filter(|known| known.reset_count == reset_count);
    let (clock, restart_count) = of_this_boot.map_or((0, 0), |known| (known.clock, known.restart_count));
    LastSeen { clock: ClockInfo { clock, reset_count, restart_count, safe }, firmware_version }
}

fn tpm_clock(info: ClockInfo, firmware_version: u64) -> TpmClock {
    let ClockInfo { clock, reset_count, restart_count, safe } = info;
    TpmClock { clock, reset_count, restart_count, safe, firmware_version }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Identity;

    #[test]
    fn a40_a_lease_counts_for_its_own_key_until_its_verdict_expires() {
        let at = Timestamp::from_unix;
        let identity =
            Identity { ek_identity: vec![1], ek_certificate_sha256: vec![2], ak_name: vec![0, 11, 3] };
        let device = Device {
            id: "dev-1".to_owned(),
            family: "debian".to_owned(),
            identity,
            ak_public: vec![],
            enrolled_at: at(1),
            revoked: None,
            refused_registrations: 0,
            last: None,
        };
        let lease = |ak_name: &[u8]| Lease {
            ak_name: ak_name.to_vec(),
            clock: 9,
            reset_count: 5,
            restart_count: 2,
            safe: true,
            expires_at: at(100),
        };
        let counters = ClockInfo { clock: 9, reset_count: 5, restart_count: 2, safe: true };
        assert_eq!(counting(lease(&[0, 11, 3]), &device, at(100)), Some(counters));
        assert_eq!(counting(lease(&[0, 11, 3]), &device, at(101)), None, "expired");
        assert_eq!(counting(lease(&[0, 11, 4]), &device, at(100)), None, "another AK");
    }

    #[test]
    fn a16_counters_are_held_against_the_latest_boot_and_what_the_challenge_knew_of_it() {
        let latest =
            TpmClock { clock: 900, reset_count: 5, restart_count: 3, safe: true, firmware_version: 7 };
        let seen = |at_challenge: Option<(u32, u32, u64)>| {
            let counters =
                |(reset_count, restart_count, clock)| Counters { reset_count, restart_count, clock };
            let seen = last_seen(latest, at_challenge.map(counters));
            assert_eq!((seen.firmware_version, seen.clock.safe), (7, true));
            (seen.clock.reset_count, seen.clock.restart_count, seen.clock.clock)
        };
        assert_eq!(seen(Some((5, 3, 900))), (5, 3, 900), "nothing came between");
        assert_eq!(seen(Some((5, 2, 400))), (5, 2, 400), "another answer of this boot came between");
        assert_eq!(seen(Some((4, 9, 800))), (5, 0, 0), "the first answer of this boot came between");
        assert_eq!(seen(None), (5, 0, 0), "the device's first answer came between");
    }

    #[test]
    fn selections_that_cannot_be_quoted_are_named() {
        let of = |bank: &str, pcrs: &[u32]| pcr_selection(&vec![(bank.to_owned(), pcrs.to_vec())]);
        assert!(of("sha256", &[0, 23]).is_ok());
        assert_eq!(of("md5", &[0]).unwrap_err(), "`md5` is no bank");
        assert_eq!(of("sha256", &[24]).unwrap_err(), "sha256: only PCR 0 to 23 exist");
        assert_eq!(of("sha256", &[256]).unwrap_err(), "there is no PCR 256");
        assert_eq!(of("sha256", &[]).unwrap_err(), "nothing is selected");
        assert!(pcr_selection(&vec![]).is_err());
        assert!(
            pcr_selection(&vec![("sha256".to_owned(), vec![0]), ("sha256".to_owned(), vec![1])]).is_err()
        );
    }
}
