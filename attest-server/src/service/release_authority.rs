//! `attest.release.v1.ReleaseAuthority`.

use std::sync::Arc;

use attest_core::release::{Name, ObjectId};
use attest_core::{Limits, Timestamp};
use attest_proto::release::v1::{
    ApproveRequest, AttemptRequest, ChangeFamilyRequest, CompensateRequest, Event, GetRequestRequest,
    GetRequestResponse, ListWaitingRequest, ListWaitingResponse, ObjectToRecoveryRequest, PublishRequest,
    Recorded, RecoverRequest, RecoveredRequest, ReviewRequest, RevokeRequest, SignedRequest,
    SubmitRequestRequest, SucceedRequest, Waiting, WatchRequest, WatchResponse,
    release_authority_server::ReleaseAuthority, waiting::For,
};
use tonic::{Request, Response, Status};

use super::Refusal;
use super::releases::{self, Answers, id, who};
use crate::authority::{Ask, Authority, Call, Denied, Fault, Known, State, Told, Who};
use crate::{clock, convert};

const PAGE: u32 = 100;
const PAGE_MOST: u32 = 1_000;
/// Requests that one page looks at.
const LOOKED_AT: usize = 20_000;
/// Events that a watcher is sent at once.
const CHUNK: u64 = 256;

pub(crate) struct ReleaseAuthorityService {
    authority: Arc<Authority>,
    development: bool,
}

impl ReleaseAuthorityService {
    pub(crate) const fn new(authority: Arc<Authority>, development: bool) -> Self {
        Self { authority, development }
    }

    async fn hand_in<T>(
        &self,
        request: Request<T>,
        ask: impl FnOnce(T) -> Result<Ask, Refusal>,
    ) -> Result<Response<Recorded>, Status> {
        let who = who(self.development, &request)?;
        let recorded =
            self.authority.hand_in(who, ask(request.into_inner())?).await.map_err(Refusal::from)?;
        let (index, at) = (recorded.place.index, Some(convert::timestamp(recorded.place.at)));
        Ok(Response::new(Recorded { index, at, already: recorded.already }))
    }

    async fn waiting(&self, who: Who, request: ListWaitingRequest) -> Result<ListWaitingResponse, Refusal> {
        let named = Name::try_from(request.identity.as_str()).ok();
        let person = match who {
            Who::Development => named.ok_or_else(|| Refusal::Malformed {
                code: "identity_malformed",
                detail: "in development, say for whom".to_owned(),
            })?,
            Who::Named(own) if request.identity.is_empty() || named.as_ref() == Some(&own) => own,
            Who::Named(own) => {
                let detail = format!("`{own}` sees what waits for itself");
                return Err(Denied::new(Fault::Role, "role_missing", detail).into());
            }
        };
        let limit = match request.page_size {
            0 => PAGE,
            asked => asked.min(PAGE_MOST),
        };
        let after = if request.page_token.is_empty() { None } else { Some(page(&request.page_token)?) };
        let now = clock::now();
        let listed = self.authority.ask(move |state| list(state, &person, after, limit, now)).await;
        listed.flatten().ok_or(Refusal::ServerFault { code: "log_unreadable" })
    }

    async fn request(&self, request: GetRequestRequest) -> Result<GetRequestResponse, Refusal> {
        let id = id(&request.request_id)?;
        let read = move |state: &State| {
            let known = state.request(&id)?;
            let events = known.leaves.iter().filter_map(|index| state.told(*index)).map(event).collect();
            Some((object(state, &id), events))
        };
        let read = self.authority.ask(read).await.ok_or(Refusal::ServerFault { code: "log_unreadable" })?;
        let (bytes, events) = read.ok_or(Refusal::RequestUnknown)?;
        let request = bytes.ok_or(Refusal::ServerFault { code: "log_unreadable" })?;
        Ok(GetRequestResponse { request, events })
    }
}

/// What waits for this person behind this request, in the order of ids.
fn list(
    state: &State,
    person: &Name,
    after: Option<ObjectId>,
    limit: u32,
    now: Timestamp,
) -> Option<ListWaitingResponse> {
    let limit = usize::try_from(limit).ok()?;
    let (mut waiting, mut last, mut looked_at) = (Vec::new(), None, 0_usize);
    for (id, known) in state.requests_after(after) {
        if waiting.len() >= limit || looked_at >= LOOKED_AT {
            let next_page_token = last.map(|id: &ObjectId| hex::encode(id.as_bytes())).unwrap_or_default();
            return Some(ListWaitingResponse { waiting, next_page_token });
        }
        looked_at = looked_at.saturating_add(1);
        last = Some(id);
        if state.ledger().revoked(id).is_some() {
            continue;
        }
        if let Some((what_for, until)) = wanted(state, person, known, now) {
            waiting.push(Waiting {
                what_for: what_for.into(),
                request_id: id.as_bytes().to_vec(),
                request: object(state, id)?,
                submission: object(state, &known.submission)?,
                index: known.submitted.index,
                until: Some(convert::timestamp(until)),
            });
        }
    }
    Some(ListWaitingResponse { waiting, next_page_token: String::new() })
}

/// What a request wants of this person, and until when.
fn wanted(state: &State, person: &Name, known: &Known, now: Timestamp) -> Option<(For, Timestamp)> {
    let request = &known.request;
    let policy = state.ledger().policy_of(&request.family)?;
    let channel = policy.channel(&request.family, &request.channel)?;
    let is_own = request.requester == *person;
    let approves = channel.approvals.as_ref().is_some_and(|quorum| quorum.people().contains(person));
    let is_open = known.attempts.is_empty() && request.policy == policy.id() && now <= request.not_after;
    if approves && is_open && !is_own && !known.approved_by.contains(person) {
        return Some((For::Approval, request.not_after));
    }
    let reviews = state.reviews(known).filter(|one| one.is_named_now(person) && one.was_named(person))?;
    known.published?;
    let took_part = is_own || known.approved_by.contains(person);
    let until = reviews.until;
    (!took_part && !known.reviewed_by.contains(person) && now <= until).then_some((For::Review, until))
}

fn object(state: &State, id: &ObjectId) -> Option<Vec<u8>> {
    state.files().object(id, Limits::DEFAULT.release_object_bytes).ok().flatten()
}

/// The token is the last id of the page before.
fn page(token: &str) -> Result<ObjectId, Refusal> {
    let malformed =
        || Refusal::Malformed { code: "page_token_malformed", detail: "that is no page token".to_owned() };
    ObjectId::from_text(&format!("sha256:{token}")).ok_or_else(malformed)
}

fn event(told: Told) -> Event {
    Event {
        index: told.index,
        at: Some(convert::timestamp(told.at)),
        what: told.what.to_owned(),
        requests: told.requests.iter().map(|id| id.as_bytes().to_vec()).collect(),
        object: told.object.map(|id| id.as_bytes().to_vec()).unwrap_or_default(),
        because: told.because.map(|because| because.to_string()).unwrap_or_default(),
    }
}

#[tonic::async_trait]
impl ReleaseAuthority for ReleaseAuthorityService {
    type WatchStream = Answers<WatchResponse>;

    async fn submit_request(
        &self,
        request: Request<SubmitRequestRequest>,
    ) -> Result<Response<Recorded>, Status> {
        let ask = |asked: SubmitRequestRequest| {
            let SubmitRequestRequest { submission, request, objects } = asked;
            Ok(Ask::Submit { submission, request, objects })
        };
        self.hand_in(request, ask).await
    }

    async fn list_waiting(
        &self,
        request: Request<ListWaitingRequest>,
    ) -> Result<Response<ListWaitingResponse>, Status> {
        let who = who(self.development, &request)?;
        self.authority.check(&who, Call::Read).map_err(Refusal::from)?;
        Ok(Response::new(self.waiting(who, request.into_inner()).await?))
    }

    async fn get_request(
        &self,
        request: Request<GetRequestRequest>,
    ) -> Result<Response<GetRequestResponse>, Status> {
        let who = who(self.development, &request)?;
        self.authority.check(&who, Call::Read).map_err(Refusal::from)?;
        Ok(Response::new(self.request(request.into_inner()).await?))
    }

    async fn approve(&self, request: Request<ApproveRequest>) -> Result<Response<Recorded>, Status> {
        self.hand_in(request, |asked| Ok(Ask::Approve { approval: asked.approval })).await
    }

    async fn review(&self, request: Request<ReviewRequest>) -> Result<Response<Recorded>, Status> {
        self.hand_in(request, |asked| Ok(Ask::Review { review: asked.review })).await
    }

    async fn revoke(&self, request: Request<RevokeRequest>) -> Result<Response<Recorded>, Status> {
        self.hand_in(request, |asked| Ok(Ask::Revoke { revocation: asked.revocation })).await
    }

    async fn succeed(&self, request: Request<SucceedRequest>) -> Result<Response<Recorded>, Status> {
        let ask =
            |asked: SucceedRequest| Ok(Ask::Succeed { policy: asked.policy, successions: asked.successions });
        self.hand_in(request, ask).await
    }

    async fn recover(&self, request: Request<RecoverRequest>) -> Result<Response<Recorded>, Status> {
        let ask =
            |asked: RecoverRequest| Ok(Ask::Recover { policy: asked.policy, recoveries: asked.recoveries });
        self.hand_in(request, ask).await
    }

    async fn recovered(&self, request: Request<RecoveredRequest>) -> Result<Response<Recorded>, Status> {
        let ask = |asked: RecoveredRequest| {
            Ok(Ask::Recovered { policy: id(&asked.policy_id)?, checkpoint: asked.checkpoint })
        };
        self.hand_in(request, ask).await
    }

    async fn change_family(
        &self,
        request: Request<ChangeFamilyRequest>,
    ) -> Result<Response<Recorded>, Status> {
        let ask = |asked: ChangeFamilyRequest| {
            Ok(Ask::ChangeFamily { change: asked.change, statements: asked.statements })
        };
        self.hand_in(request, ask).await
    }

    async fn compensate(&self, request: Request<CompensateRequest>) -> Result<Response<Recorded>, Status> {
        let ask = |asked: CompensateRequest| {
            Ok(Ask::Compensate { control: asked.control, statements: asked.statements })
        };
        self.hand_in(request, ask).await
    }

    async fn object_to_recovery(
        &self,
        request: Request<ObjectToRecoveryRequest>,
    ) -> Result<Response<Recorded>, Status> {
        self.hand_in(request, |asked| Ok(Ask::Object { objection: asked.objection })).await
    }

    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<Recorded>, Status> {
        let ask = |asked: PublishRequest| {
            Ok(Ask::Publish { request: id(&asked.request_id)?, bundle: asked.bundle })
        };
        self.hand_in(request, ask).await
    }

    async fn attempt(&self, request: Request<AttemptRequest>) -> Result<Response<Recorded>, Status> {
        let ask = |asked: AttemptRequest| {
            Ok(Ask::Attempt { request: id(&asked.request_id)?, number: asked.number })
        };
        self.hand_in(request, ask).await
    }

    async fn signed(&self, request: Request<SignedRequest>) -> Result<Response<Recorded>, Status> {
        let ask = |asked: SignedRequest| {
            Ok(Ask::Signed { request: id(&asked.request_id)?, signatures: asked.signatures })
        };
        self.hand_in(request, ask).await
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let who = who(self.development, &request)?;
        self.authority.check(&who, Call::Read).map_err(Refusal::from)?;
        let next = |authority: Arc<Authority>, at: u64| async move {
            let read = move |state: &State| {
                let leaves = at..at.saturating_add(CHUNK).min(state.ledger().size());
                leaves.filter_map(|index| state.told(index)).collect::<Vec<_>>()
            };
            let told = authority.ask(read).await?;
            let then = told.last().map_or(at, |told| told.index.saturating_add(1));
            let answers = told.into_iter().map(|told| WatchResponse { event: Some(event(told)) });
            Some((answers.collect(), then))
        };
        let from = request.into_inner().from;
        Ok(Response::new(releases::watch(&self.authority, who, from, next)?))
    }
}
