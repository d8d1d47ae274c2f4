//! `attest.v1.Enrollment`.

use std::sync::Arc;

use attest_proto::v1::{
    ActivateRequest, ActivateResponse, BeginRequest, BeginResponse, enrollment_server::Enrollment,
};
use tonic::{Request, Response, Status};
use zeroize::Zeroizing;

use super::{DEVICE, ENROLLMENT, Refusal, Shared};
use crate::{
    clock, config, convert, dice,
    enroll::{Application, answers},
    store::{PendingEnrollment, Standing},
};

pub(crate) struct EnrollmentService {
    shared: Arc<Shared>,
}

impl EnrollmentService {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    async fn begin(&self, request: BeginRequest) -> Result<BeginResponse, Refusal> {
        let shared = &self.shared;
        if !config::is_family_name(&request.family) {
            return Err(malformed(
                "family_malformed",
                "a family has up to 64 letters, digits, `.`, `_` and `-`",
            ));
        }
        if !shared.config.families.contains_key(&request.family) {
            return Err(Refusal::FamilyUnknown);
        }
        let now = clock::now();
        let family = request.family.clone();
        let application = Application {
            ek_certificate: request.ek_certificate,
            intermediates: request.intermediates,
            ek_public: request.ek_public,
            ak_public: request.ak_public,
        };
        let place = shared.workers.admit()?;
        let worker = Arc::clone(shared);
        let question = place.run(move || application.check(&worker.ek_roots, now)).await??;
        match shared.store.standing(question.identity.clone(), family.clone(), now).await? {
            Standing::Free | Standing::Known { .. } => {}
            Standing::Revoked => return Err(Refusal::DeviceRevoked),
            Standing::Conflict { code } => return Err(Refusal::Conflict { code }),
        }
        let expires_at = now.plus(shared.config.enrollment.expires_seconds);
        let session_id = dice::name(ENROLLMENT)?;
        let pending = PendingEnrollment {
            session_id: session_id.clone(),
            secret_sha256: question.secret_sha256,
            family,
            identity: question.identity,
            ek_certificate: question.ek_certificate,
            ak_public: question.ak_public,
            expires_at,
        };
        if !shared.store.open_enrollment(pending, now, shared.config.enrollment.max_open).await? {
            return Err(Refusal::TooManyEnrollments);
        }
        tracing::info!(session_id, "enrolment begun");
        Ok(BeginResponse {
            session_id,
            credential_blob: question.credential.credential_blob,
            encrypted_secret: question.credential.encrypted_secret,
            expires_at: Some(convert::timestamp(expires_at)),
        })
    }

    async fn activate(&self, request: ActivateRequest) -> Result<ActivateResponse, Refusal> {
        let secret = Zeroizing::new(request.secret);
        if !dice::is_name(ENROLLMENT, &request.session_id) {
            return Err(Refusal::EnrollmentUnknown);
        }
        let store = &self.shared.store;
        // Taken before the secret is looked at: a wrong answer ends the session, so that there is one guess and no more.
        let Some(pending) = store.take_enrollment(request.session_id.clone()).await? else {
            return Err(Refusal::EnrollmentUnknown);
        };
        let now = clock::now();
        if now > pending.expires_at {
            return Err(Refusal::EnrollmentExpired);
        }
        if !answers(&secret, &pending.secret_sha256) {
            tracing::warn!(session_id = request.session_id, "enrolment answered with a wrong secret");
            return Err(Refusal::EnrollmentSecretMismatch);
        }
        let id = dice::name(DEVICE)?;
        match store.admit(id.clone(), pending, now).await? {
            Standing::Free => {
                tracing::info!(device_id = id, session_id = request.session_id, "device enrolled");
                Ok(ActivateResponse { device_id: id, already_enrolled: false })
            }
            Standing::Known { device_id } => Ok(ActivateResponse { device_id, already_enrolled: true }),
            Standing::Revoked => Err(Refusal::DeviceRevoked),
            Standing::Conflict { code } => Err(Refusal::Conflict { code }),
        }
    }
}

#[tonic::async_trait]
impl Enrollment for EnrollmentService {
    async fn begin(&self, request: Request<BeginRequest>) -> Result<Response<BeginResponse>, Status> {
        Ok(Response::new(self.begin(request.into_inner()).await?))
    }

    async fn activate(
        &self,
        request: Request<ActivateRequest>,
    ) -> Result<Response<ActivateResponse>, Status> {
        Ok(Response::new(self.activate(request.into_inner()).await?))
    }
}

fn malformed(code: &'static str, detail: &str) -> Refusal {
    Refusal::Malformed { code, detail: detail.to_owned() }
}
