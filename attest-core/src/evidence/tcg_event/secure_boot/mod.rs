//! Secure Boot as a log proves it: the switch, the mode, the keys, what was accepted by them, and shim's own part.

mod database;
mod state;
mod switch;
mod test_key;

#[cfg(test)]
mod tests;

pub use database::Database;
pub use state::{Authority, Mode, SecureBootState};
pub use switch::{secure_boot, secure_boot_in};
pub use test_key::{TestKey, test_key};
