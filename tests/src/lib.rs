//! The harness of the end-to-end tests: the real `attest` binary on free ports, real software TPMs, golden values learned from their boots.
//!
//! Everything here panics when something is wrong: it runs in tests only.

mod bin;
mod member;
mod page;
mod server;
mod shell;
mod site;

pub use bin::{binary, run};
pub use member::{Keys, LABEL, Member, names};
pub use page::{changed_hour, first_hour, ports};
pub use server::Server;
pub use shell::Shell;
pub use site::{FAMILY, Site};
