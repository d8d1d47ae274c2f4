//! The shell around `attest-core`: bytes in and out, clock, dice, disk.

// Under the name by which tests from outside call it: some of what they are made of serves tests in here.
#[cfg(test)]
extern crate self as attest_server;

pub mod authority;
mod caller;
mod challenge;
pub mod cli;
pub mod clock;
pub mod config;
mod convert;
pub mod dice;
mod disk;
mod enroll;
mod fetch;
mod file;
pub mod hsm;
mod http;
mod intake;
mod judge;
mod listener;
pub mod log;
mod monitor;
mod releases;
mod remote;
mod secret_file;
pub mod server;
mod service;
pub mod signer;
pub mod signing;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod witness;
mod workers;

pub use enroll::RootsError;
pub use judge::Error as JudgeError;
pub use releases::Error as ReleasesError;
pub use secret_file::Error as SecretFileError;
