//! The authority's server, as people ask it.

use attest_core::release::ObjectId;
use attest_core::release::delivery::Delivery;
use attest_proto::release::v1 as proto;
use attest_proto::v1::HoldRevocationRequest;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::home::Home;
use crate::cli::Failure;
use crate::remote::{self, Error, Names};

/// A connection to the server.
pub(super) struct Remote(remote::Remote);

/// Where a statement was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) index: u64,
    /// It stood there before.
    pub(super) already: bool,
}

impl Remote {
    pub(super) fn connect(home: &Home) -> Result<Self, Failure> {
        let missing = || Failure::usage("server_missing", "which server? `server` in release.toml");
        let url = home.server.as_deref().ok_or_else(missing)?;
        if url.starts_with("https:") && home.ca.is_none() {
            return Err(Failure::usage("ca_missing", "whose servers are trusted? `ca` in release.toml"));
        }
        if home.certificate.is_some() != home.certificate_key.is_some() {
            let detail = "`certificate` and `certificate_key` go together";
            return Err(Failure::usage("certificate_incomplete", detail));
        }
        let own = home.certificate.as_deref().zip(home.certificate_key.as_deref());
        connect(&Names { url, ca: home.ca.as_deref(), own }).map(Self)
    }

    /// The newest checkpoint that enough witnesses signed.
    pub(super) fn checkpoint(&self) -> Result<Vec<u8>, Failure> {
        self.0.checkpoint().map_err(refused)
    }

    /// Every leaf below the published checkpoint, from this one on.
    pub(super) fn leaves(&self, from: u64) -> Result<Vec<Vec<u8>>, Failure> {
        let mut leaves: Vec<Vec<u8>> = Vec::new();
        loop {
            let next = |read: usize| from.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
            let answer = self.0.leaves(next(leaves.len())).map_err(refused)?;
            let is_last = answer.leaves.is_empty();
            leaves.extend(answer.leaves);
            if is_last || next(leaves.len()) >= answer.size {
                return Ok(leaves);
            }
        }
    }

    /// An object, if the server has it.
    pub(super) fn object(&self, id: &ObjectId) -> Result<Option<Vec<u8>>, Failure> {
        self.0.object(id).map_err(refused)
    }

    pub(super) fn submit(
        &self,
        submission: Vec<u8>,
        request: Vec<u8>,
        objects: Vec<Vec<u8>>,
    ) -> Result<Recorded, Failure> {
        let request = proto::SubmitRequestRequest { submission, request, objects };
        recorded(self.0.mailbox(async |mut mailbox| mailbox.submit_request(request).await))
    }

    pub(super) fn approve(&self, approval: Vec<u8>) -> Result<Recorded, Failure> {
        let request = proto::ApproveRequest { approval };
        recorded(self.0.mailbox(async |mut mailbox| mailbox.approve(request).await))
    }

    pub(super) fn review(&self, review: Vec<u8>) -> Result<Recorded, Failure> {
        let request = proto::ReviewRequest { review };
        recorded(self.0.mailbox(async |mut mailbox| mailbox.review(request).await))
    }

    pub(super) fn revoke(&self, revocation: Vec<u8>) -> Result<Recorded, Failure> {
        let request = proto::RevokeRequest { revocation };
        recorded(self.0.mailbox(async |mut mailbox| mailbox.revoke(request).await))
    }

    pub(super) fn succeed(&self, policy: Vec<u8>, successions: Vec<Vec<u8>>) -> Result<Recorded, Failure> {
        let request = proto::SucceedRequest { policy, successions };
        recorded(self.0.mailbox(async |mut mailbox| mailbox.succeed(request).await))
    }

    pub(super) fn recover(&self, policy: Vec<u8>, recoveries: Vec<Vec<u8>>) -> Result<Recorded, Failure> {
        let request = proto::RecoverRequest { policy, recoveries };
        recorded(self.0.mailbox(async |mut mailbox| mailbox.recover(request).await))
    }

    pub(super) fn recovered(&self, policy: &ObjectId, checkpoint: Vec<u8>) -> Result<Recorded, Failure> {
        let request = proto::RecoveredRequest { policy_id: policy.as_bytes().to_vec(), checkpoint };
        recorded(self.0.mailbox(async |mut mailbox| mailbox.recovered(request).await))
    }

    pub(super) fn change_family(
        &self,
        change: Vec<u8>,
        statements: Vec<Vec<u8>>,
    ) -> Result<Recorded, Failure> {
        let request = proto::ChangeFamilyRequest { change, statements };
        recorded(self.0.mailbox(async |mut mailbox| mailbox.change_family(request).await))
    }

    pub(super) fn compensate(&self, control: Vec<u8>, statements: Vec<Vec<u8>>) -> Result<Recorded, Failure> {
        let request = proto::CompensateRequest { control, statements };
        recorded(self.0.mailbox(async |mut mailbox| mailbox.compensate(request).await))
    }

    pub(super) fn object_to(&self, objection: Vec<u8>) -> Result<Recorded, Failure> {
        let request = proto::ObjectToRecoveryRequest { objection };
        recorded(self.0.mailbox(async |mut mailbox| mailbox.object_to_recovery(request).await))
    }

    pub(super) fn publish(&self, request: &ObjectId, bundle: Vec<u8>) -> Result<Recorded, Failure> {
        let request = proto::PublishRequest { request_id: request.as_bytes().to_vec(), bundle };
        recorded(self.0.mailbox(async |mut mailbox| mailbox.publish(request).await))
    }
}

/// A connection to a verifier, for its administrators.
pub(super) struct Verifier(remote::Remote);

impl Verifier {
    pub(super) fn connect(names: &Names<'_>) -> Result<Self, Failure> {
        connect(names).map(Self)
    }

    /// It counts there when this returns.
    pub(super) fn hold(&self, delivery: Delivery) -> Result<(), Failure> {
        let request = delivery.request.map(|request| request.0).unwrap_or_default();
        let request = HoldRevocationRequest { revocation: delivery.revocation.0, request };
        let answer = self.0.releases(async |mut releases| releases.hold_revocation(request).await);
        answer.map(|_| ()).map_err(refused)
    }
}

fn connect(names: &Names<'_>) -> Result<remote::Remote, Failure> {
    remote::Remote::connect(names).map_err(|error| match &error {
        Error::File(..) => Failure::usage("file_unreadable", error),
        Error::Runtime(_) => Failure::fault("runtime", error),
        Error::Secret(_) => Failure::usage("certificate_key_unusable", error),
        Error::Unusable { .. } => Failure::usage("server_unusable", error),
    })
}

fn recorded(answer: Result<proto::Recorded, Status>) -> Result<Recorded, Failure> {
    answer.map(|proto::Recorded { index, already, .. }| Recorded { index, already }).map_err(refused)
}

/// What the server says, by its stable code. Who cannot be reached is wrong usage; who refuses has judged.
#[expect(clippy::needless_pass_by_value, reason = "as map_err wants it")]
fn refused(status: Status) -> Failure {
    let code = status.get_details_error_info().map(|info| info.reason);
    let code = code.unwrap_or_else(|| format!("{:?}", status.code()).to_lowercase());
    let detail = crate::cli::printable(status.message());
    match status.code() {
        Code::Unavailable | Code::Unimplemented | Code::Unauthenticated => Failure::usage(code, detail),
        Code::Internal | Code::Unknown | Code::DataLoss => Failure::fault(code, detail),
        _ => Failure::malformed(code, detail),
    }
}
