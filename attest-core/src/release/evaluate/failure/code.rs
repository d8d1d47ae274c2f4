//! Each failure's stable code.

use super::Failure;

impl Failure {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AuthorityMismatch { .. } => "release_authority_mismatch",
            Self::BelowFloor { .. } => "release_below_floor",
            Self::BuilderSuspended => "release_builder_suspended",
            Self::Bundle(error) => error.code(),
            Self::BundleNotPublished { .. } => "release_bundle_not_published",
            Self::ChannelUnknown { .. } => "release_channel_unknown",
            Self::ClockUnconfirmed => "release_clock_unconfirmed",
            Self::Corim(error) => error.code(),
            Self::CorimMismatch { .. } => "release_corim_mismatch",
            Self::CorimMissing { .. } => "release_corim_missing",
            Self::EmergencyPending { .. } => "release_emergency_pending",
            Self::FamilyUnknown { .. } => "release_family_unknown",
            Self::GoldenFamilyMismatch { .. } => "release_golden_family_mismatch",
            Self::GoldenMalformed { code, .. } => code,
            Self::GoldenNotBooted { .. } => "release_golden_not_booted",
            Self::KeyCustody { .. } => "release_key_custody",
            Self::KeyCustodyMismatch { .. } => "release_key_custody_mismatch",
            Self::KeyScope { .. } => "release_key_scope",
            Self::KeyTime { .. } => "release_key_time",
            Self::KeyUnknown { .. } => "release_key_unknown",
            Self::KindUnfit { .. } => "release_kind_unfit",
            Self::Lapsed { .. } => "release_lapsed",
            Self::MeasurementUnbound => "release_measurement_unbound",
            Self::NotLogged { .. } => "release_not_logged",
            Self::NotRequester { .. } => "release_not_requester",
            Self::OtherRequest { .. } => "release_other_request",
            Self::OutOfOrder { .. } => "release_out_of_order",
            Self::PolicyExpired { .. } => "release_policy_expired",
            Self::PolicyNotFollowed { .. } => "release_policy_not_followed",
            Self::PolicyUnknown { .. } => "release_policy_unknown",
            Self::Provenance(error) => error.code(),
            Self::QuorumMissing { .. } => "release_quorum_missing",
            Self::ReplacesNoRelease { .. } => "release_replaces_no_release",
            Self::ReplacesNothing => "release_replaces_nothing",
            Self::Request(error) => error.code(),
            Self::Requester(error) => error.code(),
            Self::Revoked(_) => "release_revoked",
            Self::SignatureInvalid { .. } => "release_signature_invalid",
            Self::SignatureMissing { .. } => "release_signature_missing",
            Self::SignaturesNotLogged => "release_signatures_not_logged",
            Self::SubmissionMismatch => "release_submission_mismatch",
            Self::TooMany { .. } => "release_too_many",
            Self::VersionStep { .. } => "release_version_step",
            Self::ViewStale { .. } => "release_view_stale",
            Self::Window { .. } => "release_window",
            Self::WindowTooLong { .. } => "release_window_too_long",
        }
    }
}
