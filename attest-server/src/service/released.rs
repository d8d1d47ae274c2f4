//! `attest.v1.Releases`.

use std::sync::Arc;

use attest_proto::v1::{
    GetStateRequest, GetStateResponse, HoldRevocationRequest, HoldRevocationResponse,
    releases_server::Releases as Service,
};
use tonic::{Request, Response, Status};

use super::{Refusal, Shared, check_admin};
use crate::{convert, releases::Releases};

pub(crate) struct ReleasesService {
    shared: Arc<Shared>,
    releases: Arc<Releases>,
}

impl ReleasesService {
    pub(crate) const fn new(shared: Arc<Shared>, releases: Arc<Releases>) -> Self {
        Self { shared, releases }
    }
}

#[tonic::async_trait]
impl Service for ReleasesService {
    async fn hold_revocation(
        &self,
        request: Request<HoldRevocationRequest>,
    ) -> Result<Response<HoldRevocationResponse>, Status> {
        check_admin(&self.shared.config, &request)?;
        let HoldRevocationRequest { revocation, request } = request.into_inner();
        self.releases
            .hold(revocation, Some(request).filter(|request| !request.is_empty()))
            .await
            .map_err(Refusal::from)?;
        Ok(Response::new(HoldRevocationResponse {}))
    }

    async fn get_state(
        &self,
        request: Request<GetStateRequest>,
    ) -> Result<Response<GetStateResponse>, Status> {
        check_admin(&self.shared.config, &request)?;
        Ok(Response::new(convert::releases(&self.releases.now())))
    }
}
