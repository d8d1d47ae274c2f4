//! Golden values: what a good device of a family boots, as a document that people review and as a set ready for appraisal.

mod candidates;
pub mod component;
pub mod corim;
pub mod document;
pub(crate) mod files;
pub mod golden;
pub mod import;
pub(crate) mod index;
pub mod learn;
pub mod learn_token;
pub mod overlay;
pub mod predict;
mod set;

pub use candidates::Candidates;
pub use document::Document;
pub use golden::Golden;
pub use set::{GoldenSource, Governed, ReferenceSet, ResolvedVariant};
