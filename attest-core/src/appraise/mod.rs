//! Proof → verdict. Appraisal cannot fail, only refuse; the default is to refuse.

pub mod finding;
pub mod verdict;

pub use finding::{Cause, Code, Part, Reason, RootCause, Severity};
pub use verdict::{GoldenSource, Status, SubVerdict, TrustVector, Verdict};
