//! Proof → verdict. Appraisal cannot fail, only refuse; the default is to refuse.

mod align;
mod boot;
mod carried;
mod cause;
pub mod comparison;
mod difference;
mod elsewhere;
mod evidence;
mod explanation;
mod files;
pub mod finding;
mod found;
mod guesses;
mod judge;
mod judged;
mod policy;
mod released;
mod report;
mod roots;
mod runtime;
mod sequence;
mod status;
mod token;
mod unexplained;
mod vector;
pub mod verdict;
mod words;

pub use crate::reference::GoldenSource;
pub use cause::{Explained, RootCause};
pub use finding::{Cause, Code, Explanation, Part, Reason, Severity};
pub use policy::{Context, LastSeen, POLICY_FORMAT, Policy, PolicyError, Reset, Taken};
pub use released::{Overlaying, Releases};
pub use verdict::{Status, SubVerdict, TokenVerdict, TrustVector, Verdict};
