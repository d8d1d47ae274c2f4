//! How much a finding weighs.

use core::fmt;

use serde::Serialize;

/// What a finding does to a verdict. The order is that of its weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; changes nothing.
    Info,
    /// Shown in the verdict; real machines do this too.
    Warn,
    /// The evidence does not tell one story: it is refused.
    Refuse,
}

impl Severity {
    /// As JSON and people write it: `refuse`, `warn` or `info`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Refuse => "refuse",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Severity::{Info, Refuse, Warn};

    #[test]
    fn a_severity_is_written_by_its_name_and_ordered_by_its_weight() {
        assert_eq!([Info, Warn, Refuse].map(|severity| severity.to_string()), ["info", "warn", "refuse"]);
        assert!(Info < Warn && Warn < Refuse);
    }
}
