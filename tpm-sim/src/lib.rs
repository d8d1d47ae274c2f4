//! The device side of attestation: a TPM on any TCTI ([`device`]), real swtpm processes ([`swtpm`]) and measured boots that can lie
//! ([`boot`]).
//!
//! This crate deliberately does not depend on `attest-core`: it writes event logs and IMA lists with its own writers, so a misread
//! specification cannot pass its own test.

pub mod agent;
pub mod bank;
pub mod boot;
mod cbor;
pub mod client;
pub mod descriptors;
pub mod device;
pub mod fleet;
pub mod learn;
pub mod quiet;
pub mod root_of_trust;
pub mod scenario;
pub mod subject;
pub mod swtpm;
