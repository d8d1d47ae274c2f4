//! Proof → verdict. Appraisal cannot fail, only refuse; the default is to refuse.

mod boot;
mod difference;
mod evidence;
pub mod finding;
mod found;
mod judge;
mod policy;
mod runtime;
mod sequence;
mod vector;
pub mod verdict;
mod words;

pub use crate::reference::GoldenSource;
pub use finding::{Cause, Code, Part, Reason, RootCause, Severity};
pub use policy::{Context, LastSeen, POLICY_FORMAT, Policy, PolicyError, Taken};
pub use verdict::{Status, SubVerdict, TrustVector, Verdict};
