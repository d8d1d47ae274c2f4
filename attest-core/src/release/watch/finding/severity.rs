//! How urgent a finding is.

/// What a finding asks of people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// To be known.
    Note,
    /// To be done in the next days.
    Warning,
    /// Now: a key may be in other hands, or the log is not what it was.
    Alert,
}

impl Severity {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Note => "note",
            Self::Warning => "warning",
        }
    }
}
