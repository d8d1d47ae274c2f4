//! `attest.v1.Verifier`.

use std::collections::BTreeSet;
use std::sync::Arc;

use attest_core::appraise::{Code, Severity, Verdict};
use attest_core::authenticate::ImaCheckpoint;
use attest_proto::v1::{
    CreateChallengeRequest, CreateChallengeResponse, VerifyRequest, VerifyResponse, verifier_server::Verifier,
};
use tonic::{Request, Response, Status};

use super::{Refusal, Shared, device_id};
use crate::{
    caller::Caller,
    challenge::{IssuedChallenge, check_subject_key},
    clock::{self, Timestamp},
    convert,
    judge::{Case, SentEvidence},
    store::{Spending, StoredCheckpoint, StoredVerdict},
    workers::Place,
};

pub(crate) struct VerifierService {
    shared: Arc<Shared>,
}

impl VerifierService {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    async fn create_challenge(
        &self,
        caller: Caller,
        request: CreateChallengeRequest,
    ) -> Result<CreateChallengeResponse, Refusal> {
        let shared = &self.shared;
        let device_id = device_id(request.device_id)?;
        check_subject_key(&request.subject_public_key)?;
        let device = shared.store.device(device_id).await?.ok_or(Refusal::DeviceUnknown)?;
        if device.revoked.is_some() {
            return Err(Refusal::DeviceRevoked);
        }
        let selection = shared.judge.selection(&device.family)?;
        let known = shared.store.clock(device.id.clone()).await?;
        let expires_at = clock::now().plus(shared.config.challenge.expires_seconds);
        let stored = shared.store.ima_checkpoint(device.id.clone()).await?;
        let checkpoint = shared.judge.ima_checkpoint(&device.family, told_to(caller, stored.as_ref()));
        let challenge =
            IssuedChallenge::new(device.id, request.subject_public_key, selection, known, expires_at)?;
        let name = shared.challenge_key.name(&challenge).map_err(|error| {
            tracing::error!(%error, "a challenge could not be encoded");
            Refusal::ServerFault { code: "challenge_not_encoded" }
        })?;
        Ok(convert::challenge(name, challenge, checkpoint.map_or(0, |known| known.position().bytes)))
    }

    async fn verify(&self, caller: Caller, request: VerifyRequest) -> Result<VerifyResponse, Refusal> {
        let challenge = self.shared.challenge_key.recognise(&request.challenge_id);
        let challenge = challenge.ok_or(Refusal::ChallengeUnknown)?;
        let evidence = convert::evidence(request.evidence.unwrap_or_default())?;
        // A server that has too much to do says so before it spends the challenge.
        let place = self.shared.workers.admit()?;
        let (now, expires_at) = (clock::now(), challenge.expires_at());
        if now > expires_at {
            return Err(Refusal::ChallengeExpired);
        }
        let number = challenge.server_random.clone();
        match self.shared.store.spend_challenge(number, expires_at, caller.to_vec()).await? {
            Spending::Spent => {}
            Spending::SpentBefore => return Err(Refusal::ChallengeSpent),
            Spending::Forgotten => return Err(Refusal::ChallengeExpired),
            Spending::Full => return Err(Refusal::Overloaded),
            Spending::ShareUsedUp => return Err(Refusal::TooManyAnswers),
        }
        // A task of its own: a client that goes away after spending its challenge does not keep a refusal from being recorded.
        let shared = Arc::clone(&self.shared);
        let judging = tokio::spawn(judge_and_record(shared, place, caller, challenge, evidence, now));
        judging.await.map_err(|_| Refusal::ServerFault { code: "worker_panicked" })?
    }
}

/// What this caller may know of how far a device's list was judged: a stranger who knows the device's name learns nothing of what it did since
/// it booted, and cannot find out by trying.
fn told_to(caller: Caller, stored: Option<&StoredCheckpoint>) -> Option<&[u8]> {
    stored.filter(|stored| stored.caller == caller.to_vec()).map(|stored| stored.body.as_slice())
}

async fn judge_and_record(
    shared: Arc<Shared>,
    place: Place,
    caller: Caller,
    challenge: IssuedChallenge,
    evidence: SentEvidence,
    now: Timestamp,
) -> Result<VerifyResponse, Refusal> {
    let device_id = challenge.device_id.clone();
    let device = shared.store.device(device_id.clone()).await?.ok_or(Refusal::DeviceUnknown)?;
    let last_clock = shared.store.clock(device_id.clone()).await?;
    let lease = shared.store.lease(device_id.clone()).await?;
    let stored = shared.store.ima_checkpoint(device_id.clone()).await?;
    let ima_checkpoint = shared.judge.ima_checkpoint(&device.family, told_to(caller, stored.as_ref()));
    let token_keys = shared.store.token_keys(device_id.clone()).await?;
    let case = Case { device, challenge, evidence, last_clock, lease, ima_checkpoint, token_keys, now };
    let worker = Arc::clone(&shared);
    let judgement = match place.run(move || worker.judge.judge(case)).await? {
        Ok(judgement) => judgement,
        Err(refusal) => {
            // The next challenge asks for the whole list. What nobody signed makes the server forget nothing.
            if matches!(refusal, Refusal::WholeListWanted { is_proven: true, .. }) && stored.is_some() {
                shared.store.keep_ima_checkpoint(device_id, None).await?;
            }
            return Err(refusal);
        }
    };

    let (verdict, expires_at) = (&judgement.verdict, judgement.expires_at);
    let shown = convert::verdict(verdict, now, shared.config.development);
    tracing::info!(
        device_id,
        status = verdict.status.as_str(),
        reasons = verdict.reasons.len(),
        causes = ?verdict.causes.iter().map(|cause| cause.cause.as_str()).collect::<Vec<_>>(),
        released = verdict.is_released(),
        "device judged"
    );
    let is_of_no_tier = || verdict.reasons.iter().any(|reason| reason.code == Code::ReleaseTierNotAccepted);
    if verdict.is_released() == Some(false) || verdict.is_released() == Some(true) && is_of_no_tier() {
        tell_of_unreleased(&device_id, verdict);
    }
    let record = StoredVerdict {
        status: verdict.status.as_str().to_owned(),
        judged_at: now,
        expires_at,
        body: convert::encode(&shown),
        ear_jwt: judgement.ear_jwt.clone(),
        ear_cwt: judgement.ear_cwt.clone(),
    };
    let kept_for = device_id.clone();
    if !shared.store.record_verdict(device_id, record, judgement.clock).await? {
        return Err(Refusal::DeviceRevoked);
    }
    // What is not proven says nothing about the list; what is, says how far it is good.
    let body = judgement.verdict.ima_checkpoint.as_ref().map(ImaCheckpoint::to_bytes);
    let checkpoint = body.map(|body| StoredCheckpoint { caller: caller.to_vec(), body });
    if judgement.clock.is_some() && checkpoint != stored {
        shared.store.keep_ima_checkpoint(kept_for, checkpoint).await?;
    }
    Ok(VerifyResponse {
        verdict: Some(shown),
        ear_jwt: judgement.ear_jwt,
        ear_cwt: judgement.ear_cwt,
        expires_at: Some(convert::timestamp(expires_at)),
    })
}

/// A device shows what no release lists, or only one of a tier that is not accepted here. A monitor reads this line.
fn tell_of_unreleased(device_id: &str, verdict: &Verdict) {
    let refusing = verdict.reasons.iter().filter(|reason| reason.severity == Severity::Refuse);
    let codes: BTreeSet<&str> = refusing.map(|reason| reason.code.as_str()).collect();
    let reasons = codes.into_iter().collect::<Vec<_>>().join(" ");
    let family = &verdict.family;
    tracing::warn!(
        alert = "device_unreleased",
        device_id,
        family,
        reasons,
        "a device runs what no release lists that is accepted here"
    );
}

#[tonic::async_trait]
impl Verifier for VerifierService {
    async fn create_challenge(
        &self,
        request: Request<CreateChallengeRequest>,
    ) -> Result<Response<CreateChallengeResponse>, Status> {
        Ok(Response::new(self.create_challenge(Caller::of(&request)?, request.into_inner()).await?))
    }

    async fn verify(&self, request: Request<VerifyRequest>) -> Result<Response<VerifyResponse>, Status> {
        Ok(Response::new(self.verify(Caller::of(&request)?, request.into_inner()).await?))
    }
}
