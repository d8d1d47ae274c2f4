//! Proof → verdict. Appraisal cannot fail, only refuse; the default is to refuse.

pub mod finding;
pub mod verdict;

pub use crate::reference::GoldenSource;
pub use finding::{Cause, Code, Part, Reason, RootCause, Severity};
pub use verdict::{Status, SubVerdict, TrustVector, Verdict};
