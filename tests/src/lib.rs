//! The harness of the end-to-end tests: the real `attest` binary on free ports, real software TPMs, golden values learned from their boots.
//!
//! Everything here panics when something is wrong: it runs in tests only.

mod bin;
mod member;
mod server;
mod site;

pub use bin::{binary, run};
pub use member::{Keys, LABEL, Member, names};
pub use server::Server;
pub use site::{FAMILY, Site};
