//! What a release must pass.

/// What a release must pass; all of them, and each says so by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// A policy of the pinned authority was followed from the request to the signature.
    Policy,
    /// The request is one, and of a kind that its channel takes.
    Request,
    /// Whoever asked may ask.
    Requester,
    /// Enough people approved.
    Quorum,
    /// Each step stands in the log after the one before it, and in time.
    Order,
    /// The build is vouched for.
    Provenance,
    /// The measurements belong to what was built, and to this family.
    Measurement,
    /// The keys are this family's for this purpose.
    Key,
    /// What was approved is what was signed.
    Signature,
    /// Nobody took it back.
    Revocation,
    /// The log is known up to a recent time.
    Freshness,
    /// What was let in without waiting was looked at in time.
    BreakGlass,
    /// It is not older than what the family has reached, and no leap beyond it; what it takes the place of was a release.
    Version,
}

impl Gate {
    /// Every gate, in the order in which they are told.
    pub const ALL: [Self; 13] = [
        Self::Policy,
        Self::Request,
        Self::Requester,
        Self::Quorum,
        Self::Order,
        Self::Provenance,
        Self::Measurement,
        Self::Key,
        Self::Signature,
        Self::Revocation,
        Self::Freshness,
        Self::BreakGlass,
        Self::Version,
    ];

    /// Its name in verdicts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BreakGlass => "break_glass",
            Self::Freshness => "freshness",
            Self::Key => "key",
            Self::Measurement => "measurement",
            Self::Order => "order",
            Self::Policy => "policy",
            Self::Provenance => "provenance",
            Self::Quorum => "quorum",
            Self::Request => "request",
            Self::Requester => "requester",
            Self::Revocation => "revocation",
            Self::Signature => "signature",
            Self::Version => "version",
        }
    }
}
