//! The gRPC services. They speak protobuf outwards and the shell's own types inwards; `convert` stands between.

mod audit_log;
mod devices;
mod enrollment;
mod refusal;
mod release_authority;
mod released;
mod releases;
mod verifier;

use std::sync::Arc;

use crate::{
    authority::Authority, challenge::ChallengeKey, config::Config, dice, enroll::EkRoots, judge::Judge,
    listener::Peer, store::Store, workers::Workers,
};

pub(crate) use audit_log::AuditLogService;
pub(crate) use devices::DevicesService;
pub(crate) use enrollment::EnrollmentService;
pub(crate) use refusal::Refusal;
pub(crate) use release_authority::ReleaseAuthorityService;
pub(crate) use released::ReleasesService;
pub(crate) use verifier::VerifierService;

/// What the services share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) judge: Judge,
    pub(crate) challenge_key: ChallengeKey,
    pub(crate) ek_roots: EkRoots,
    pub(crate) workers: Workers,
    /// The log of releases, if this server keeps it.
    pub(crate) authority: Option<Arc<Authority>>,
}

const DEVICE: &str = "dev";
const ENROLLMENT: &str = "enr";

/// A58: nothing that is not shaped like an id of ours is looked up or logged.
fn device_id(text: String) -> Result<String, Refusal> {
    if dice::is_name(DEVICE, &text) { Ok(text) } else { Err(Refusal::DeviceIdMalformed) }
}

/// Whether this caller may see and revoke devices. With TLS that takes a certificate from the configured list; in development everyone on
/// this machine may.
fn check_admin<T>(config: &Config, request: &tonic::Request<T>) -> Result<(), Refusal> {
    if config.development {
        return Ok(());
    }
    let shown = request.extensions().get::<Peer>().and_then(|peer| peer.certificate_sha256).map(hex::encode);
    let listed = |shown: &String| {
        config.tls.admin_certificates_sha256.iter().any(|listed| listed.eq_ignore_ascii_case(shown))
    };
    if shown.as_ref().is_some_and(listed) { Ok(()) } else { Err(Refusal::AdminRequired) }
}
