//! A client of both services.

use attest_core::release::ObjectId;
use attest_core::release::object::Object;
use attest_core::release::request::Request;
use attest_proto::release::v1::{
    ApproveRequest, AttemptRequest, GetLeavesRequest, PublishRequest, Recorded, ReviewRequest, RevokeRequest,
    SignedRequest, SubmitRequestRequest, SucceedRequest, audit_log_client::AuditLogClient,
    release_authority_client::ReleaseAuthorityClient,
};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::organisation::{approval, bytes, id_of, objects, submission};

#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) log: AuditLogClient<Channel>,
    pub(crate) mailbox: ReleaseAuthorityClient<Channel>,
}

pub(crate) type Answer = Result<Recorded, Status>;

pub(crate) fn id(id: ObjectId) -> Vec<u8> {
    id.as_bytes().to_vec()
}

impl Client {
    pub(crate) fn on(channel: Channel) -> Self {
        Self { log: AuditLogClient::new(channel.clone()), mailbox: ReleaseAuthorityClient::new(channel) }
    }

    /// `ci` asks for it, with all that travels with it.
    pub(crate) async fn submit(&mut self, request: &Request, tag: &str) -> Answer {
        self.submit_with(&bytes(&submission("ci", "ci", request)), &bytes(request), objects(tag)).await
    }

    pub(crate) async fn submit_with(
        &mut self,
        submission: &[u8],
        request: &[u8],
        objects: Vec<Vec<u8>>,
    ) -> Answer {
        let (submission, request) = (submission.to_vec(), request.to_vec());
        let asked = SubmitRequestRequest { submission, request, objects };
        Ok(self.mailbox.submit_request(asked).await?.into_inner())
    }

    pub(crate) async fn approve(&mut self, who: &str, request: &Request) -> Answer {
        self.approve_with(&approval(who, who, &[request])).await
    }

    pub(crate) async fn approve_with<T: Object>(&mut self, approval: &T) -> Answer {
        let asked = ApproveRequest { approval: bytes(approval) };
        Ok(self.mailbox.approve(asked).await?.into_inner())
    }

    pub(crate) async fn review_with<T: Object>(&mut self, review: &T) -> Answer {
        Ok(self.mailbox.review(ReviewRequest { review: bytes(review) }).await?.into_inner())
    }

    pub(crate) async fn revoke_with<T: Object>(&mut self, revocation: &T) -> Answer {
        let asked = RevokeRequest { revocation: bytes(revocation) };
        Ok(self.mailbox.revoke(asked).await?.into_inner())
    }

    pub(crate) async fn succeed(&mut self, policy: Vec<u8>, successions: Vec<Vec<u8>>) -> Answer {
        let asked = SucceedRequest { policy, successions };
        Ok(self.mailbox.succeed(asked).await?.into_inner())
    }

    pub(crate) async fn attempt(&mut self, request: &Request, number: u32) -> Answer {
        let asked = AttemptRequest { request_id: id(id_of(request)), number };
        Ok(self.mailbox.attempt(asked).await?.into_inner())
    }

    pub(crate) async fn signed(&mut self, request: &Request, signatures: &[&[u8]]) -> Answer {
        let signatures = signatures.iter().map(|signature| signature.to_vec()).collect();
        let asked = SignedRequest { request_id: id(id_of(request)), signatures };
        Ok(self.mailbox.signed(asked).await?.into_inner())
    }

    pub(crate) async fn publish(&mut self, request: &Request, bundle: &[u8]) -> Answer {
        let asked = PublishRequest { request_id: id(id_of(request)), bundle: bundle.to_vec() };
        Ok(self.mailbox.publish(asked).await?.into_inner())
    }

    /// Every published leaf.
    pub(crate) async fn leaves(&mut self) -> Vec<Vec<u8>> {
        let mut leaves = Vec::new();
        loop {
            let first = u64::try_from(leaves.len()).unwrap();
            let asked = GetLeavesRequest { first, count: 1_000 };
            let answer = self.log.get_leaves(asked).await.unwrap().into_inner();
            leaves.extend(answer.leaves);
            if u64::try_from(leaves.len()) == Ok(answer.size) {
                return leaves;
            }
        }
    }
}

/// The gRPC code and the stable reason of a refusal.
#[track_caller]
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, Status>) -> (Code, String) {
    let status = result.unwrap_err();
    let info = status.get_details_error_info();
    let info = info.unwrap_or_else(|| panic!("no ErrorInfo in {status:?}"));
    (status.code(), info.reason)
}
