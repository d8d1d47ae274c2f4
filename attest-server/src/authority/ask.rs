//! What is handed in.

use attest_core::release::ObjectId;
use attest_core::release::bundle::signature_list;

use super::Call;

/// Objects as bytes, nothing of them believed.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Approve { approval: Vec<u8> },
    Attempt { request: ObjectId, number: u32 },
    ChangeFamily { change: Vec<u8>, statements: Vec<Vec<u8>> },
    Compensate { control: Vec<u8>, statements: Vec<Vec<u8>> },
    Object { objection: Vec<u8> },
    Publish { request: ObjectId, bundle: Vec<u8> },
    Recover { policy: Vec<u8>, recoveries: Vec<Vec<u8>> },
    Recovered { policy: ObjectId, checkpoint: Vec<u8> },
    Review { review: Vec<u8> },
    Revoke { revocation: Vec<u8> },
    Signed { request: ObjectId, signatures: Vec<Vec<u8>> },
    Submit { submission: Vec<u8>, request: Vec<u8>, objects: Vec<Vec<u8>> },
    Succeed { policy: Vec<u8>, successions: Vec<Vec<u8>> },
}

impl Ask {
    /// What whoever hands it in must be named for.
    pub(crate) const fn call(&self) -> Call {
        match self {
            Self::Approve { .. } => Call::Approve,
            Self::Attempt { .. } | Self::Signed { .. } => Call::Sign,
            Self::ChangeFamily { .. } => Call::Manage,
            Self::Compensate { .. } => Call::Compensate,
            Self::Object { .. } => Call::Object,
            Self::Publish { .. } => Call::Publish,
            Self::Review { .. } => Call::Review,
            Self::Revoke { .. } => Call::Revoke,
            Self::Submit { .. } => Call::Submit,
            Self::Recover { .. } | Self::Recovered { .. } | Self::Succeed { .. } => Call::Succeed,
        }
    }

    /// What a leaf names if it is turned away.
    pub(super) fn subject(&self) -> ObjectId {
        match self {
            Self::Approve { approval: object }
            | Self::ChangeFamily { change: object, .. }
            | Self::Compensate { control: object, .. }
            | Self::Object { objection: object }
            | Self::Review { review: object }
            | Self::Revoke { revocation: object }
            | Self::Publish { bundle: object, .. }
            | Self::Recover { policy: object, .. }
            | Self::Succeed { policy: object, .. }
            | Self::Submit { request: object, .. } => ObjectId::of(object),
            Self::Attempt { request, .. } => *request,
            Self::Recovered { policy, .. } => *policy,
            Self::Signed { signatures, .. } => {
                ObjectId::of(&signature_list(signatures.iter().map(Vec::as_slice)))
            }
        }
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> usize {
        let all = |objects: &[Vec<u8>]| objects.iter().map(Vec::len).sum::<usize>();
        match self {
            Self::Approve { approval: object }
            | Self::Object { objection: object }
            | Self::Review { review: object }
            | Self::Revoke { revocation: object }
            | Self::Publish { bundle: object, .. }
            | Self::Recovered { checkpoint: object, .. } => object.len(),
            Self::Attempt { .. } => 32,
            Self::Signed { signatures, .. } => all(signatures),
            Self::Submit { submission, request, objects } => {
                submission.len().saturating_add(request.len()).saturating_add(all(objects))
            }
            Self::ChangeFamily { change: policy, statements }
            | Self::Compensate { control: policy, statements }
            | Self::Recover { policy, recoveries: statements }
            | Self::Succeed { policy, successions: statements } => {
                policy.len().saturating_add(all(statements))
            }
        }
    }
}
