//! `attest.v1.Devices`.

use std::sync::Arc;

use attest_core::{Limits, authenticate::TokenKey};
use attest_proto::v1::{
    self, EnrollTokenKeyRequest, EnrollTokenKeyResponse, GetRequest, GetResponse, LastVerdictRequest,
    LastVerdictResponse, ListRequest, ListResponse, RevokeRequest, RevokeResponse, devices_server::Devices,
};
use tonic::{Request, Response, Status};

use super::{Refusal, Shared, check_admin, device_id};
use crate::releases::Releases;
use crate::store::{Device, TokenKeyStanding};
use crate::{clock, convert};

const PAGE: u32 = 100;
const PAGE_MOST: u32 = 1_000;

/// Characters of a revocation's reason.
const BECAUSE: usize = 500;

pub(crate) struct DevicesService {
    shared: Arc<Shared>,
    /// Where devices are judged by releases.
    releases: Option<Arc<Releases>>,
}

impl DevicesService {
    pub(crate) const fn new(shared: Arc<Shared>, releases: Option<Arc<Releases>>) -> Self {
        Self { shared, releases }
    }

    /// The device, as it stands now.
    fn shown(&self, device: Device) -> v1::Device {
        let snapshot = self.releases.as_ref().map(|releases| releases.now());
        convert::device(device, snapshot.as_deref(), clock::now())
    }

    async fn list(&self, request: ListRequest) -> Result<ListResponse, Refusal> {
        let limit = match request.page_size {
            0 => PAGE,
            asked => asked.min(PAGE_MOST),
        };
        let after = if request.page_token.is_empty() {
            String::new()
        } else {
            // The token is the last id of the page before.
            device_id(request.page_token).map_err(|_| Refusal::Malformed {
                code: "page_token_malformed",
                detail: "that is no page token".to_owned(),
            })?
        };
        let family = Some(request.family).filter(|family| !family.is_empty());
        let devices = self.shared.store.devices(after, family, limit).await?;
        let is_full = u32::try_from(devices.len()) == Ok(limit);
        let next_page_token =
            devices.last().filter(|_| is_full).map(|device| device.id.clone()).unwrap_or_default();
        Ok(ListResponse {
            devices: devices.into_iter().map(|device| self.shown(device)).collect(),
            next_page_token,
        })
    }

    async fn last_verdict(&self, request: LastVerdictRequest) -> Result<LastVerdictResponse, Refusal> {
        let id = device_id(request.device_id)?;
        let device = self.shared.store.device(id.clone()).await?.ok_or(Refusal::DeviceUnknown)?;
        let verdict = self.shared.store.last_verdict(id).await?.ok_or(Refusal::VerdictNone)?;
        let snapshot = self.releases.as_ref().map(|releases| releases.now());
        convert::last_verdict(verdict, device.revoked.is_some(), snapshot.as_deref(), clock::now())
            .ok_or(Refusal::ServerFault { code: "stored_verdict_damaged" })
    }

    async fn revoke(&self, request: RevokeRequest) -> Result<RevokeResponse, Refusal> {
        let id = device_id(request.device_id)?;
        if request.because.chars().count() > BECAUSE {
            let detail = format!("more than {BECAUSE} characters");
            return Err(Refusal::Malformed { code: "because_too_long", detail });
        }
        let now = clock::now();
        let device = self.shared.store.revoke(id.clone(), request.because, now).await?;
        let device = device.ok_or(Refusal::DeviceUnknown)?;
        tracing::warn!(device_id = id, "device revoked");
        Ok(RevokeResponse { device: Some(self.shown(device)) })
    }
}

impl DevicesService {
    async fn enrol_token_key(
        &self,
        request: EnrollTokenKeyRequest,
    ) -> Result<EnrollTokenKeyResponse, Refusal> {
        let id = device_id(request.device_id)?;
        let limits = Limits::DEFAULT;
        let key = TokenKey::enrolled(&request.public_key, id.clone(), &limits).map_err(|error| {
            Refusal::Malformed { code: error.code(), detail: format!("public_key: {error}") }
        })?;
        let identity = key.identity().to_vec();
        let store = &self.shared.store;
        match store.enrol_token_key(id.clone(), identity.clone(), request.public_key, clock::now()).await? {
            TokenKeyStanding::Enrolled => {
                tracing::info!(device_id = id, "token key enrolled");
                Ok(EnrollTokenKeyResponse { key_identity: identity })
            }
            TokenKeyStanding::DeviceUnknown => Err(Refusal::DeviceUnknown),
            TokenKeyStanding::DeviceRevoked => Err(Refusal::DeviceRevoked),
            TokenKeyStanding::OfAnotherDevice => {
                tracing::warn!(device_id = id, "a token key of another device was offered for enrolment");
                Err(Refusal::Conflict { code: "token_key_enrolled_with_another_device" })
            }
            TokenKeyStanding::TooMany => Err(Refusal::Malformed {
                code: "too_many_token_keys",
                detail: "the device has as many token keys as one may have".to_owned(),
            }),
        }
    }
}

#[tonic::async_trait]
impl Devices for DevicesService {
    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        check_admin(&self.shared.config, &request)?;
        let id = device_id(request.into_inner().device_id)?;
        let device = self.shared.store.device(id).await.map_err(Refusal::from)?;
        let device = device.ok_or(Refusal::DeviceUnknown)?;
        Ok(Response::new(GetResponse { device: Some(self.shown(device)) }))
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListResponse>, Status> {
        check_admin(&self.shared.config, &request)?;
        Ok(Response::new(self.list(request.into_inner()).await?))
    }

    async fn last_verdict(
        &self,
        request: Request<LastVerdictRequest>,
    ) -> Result<Response<LastVerdictResponse>, Status> {
        check_admin(&self.shared.config, &request)?;
        Ok(Response::new(self.last_verdict(request.into_inner()).await?))
    }

    async fn revoke(&self, request: Request<RevokeRequest>) -> Result<Response<RevokeResponse>, Status> {
        check_admin(&self.shared.config, &request)?;
        Ok(Response::new(self.revoke(request.into_inner()).await?))
    }

    async fn enroll_token_key(
        &self,
        request: Request<EnrollTokenKeyRequest>,
    ) -> Result<Response<EnrollTokenKeyResponse>, Status> {
        check_admin(&self.shared.config, &request)?;
        Ok(Response::new(self.enrol_token_key(request.into_inner()).await?))
    }
}
