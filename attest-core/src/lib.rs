//! Did this device boot what we signed for?
//!
//! A certificate says who a device is, not what it runs. This library takes what the device's TPM signed and what its logs claim, proves
//! the one and replays the other, compares every measurement with golden values, and returns a verdict with every reason.
//!
//! ```
//! use attest_core::appraise::{Context, Policy};
//! use attest_core::authenticate::{AttestationKey, AuthenticEvidence, Challenge, Nonce};
//! use attest_core::evidence::{Bundle, Evidence, tcg_log::EventLog};
//! use attest_core::reference::{ReferenceSet, golden, learn};
//! use attest_core::{Limits, Timestamp};
//!
//! # macro_rules! boot { ($name:literal) => { include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/boots/sb-grub/", $name)) } }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let limits = Limits::DEFAULT;
//! // Once: golden values from a boot that people know to be good, reviewed and kept as a document.
//! let log = EventLog::parse(boot!("eventlog.bin"), &limits)?;
//! let good = learn::Boot { name: "debian-12", log: &log, userspace: None, evidence: golden::Evidence::Quoted, files: None };
//! let golden = learn::learn("gateway", &[good], &learn::Choices::default())?;
//! let references = ReferenceSet::development(golden)?;
//!
//! // For each device: bytes, parsed and not believed; then proven against our nonce; then judged.
//! let evidence = Evidence {
//!     attest: boot!("quote-ecc.attest"),
//!     signature: boot!("quote-ecc.sig"),
//!     event_log: Some(boot!("eventlog.bin")),
//!     ima: Some(boot!("ima.bin")),
//!     ..Evidence::default()
//! };
//! let key = AttestationKey::vouched(boot!("ak-ecc.pub"), &limits)?;
//! let nonce = Nonce::new(&hex::decode(boot!("nonce.hex").trim_ascii()).expect("what we sent"))?;
//! let now = Timestamp::from_unix(1_780_000_000);
//! let proven = AuthenticEvidence::authenticate(Bundle::parse(evidence, &limits)?, &key, Challenge::offline(nonce), now)?;
//! let verdict = Policy::default().appraise(&proven, &references, &Context { family: "gateway".into(), ..Context::default() });
//!
//! assert!(verdict.is_affirming(), "{:?}", verdict.reasons);
//! # Ok(())
//! # }
//! ```
//!
//! Data flows one way, and each step is another type that only the step before can make:
//!
//! | type | says | made by |
//! |---|---|---|
//! | `&[u8]` | someone sent this | anyone |
//! | [`evidence::Bundle`] | well-formed and within [`Limits`] | [`evidence::Bundle::parse`] |
//! | [`authenticate::AuthenticEvidence`] | that key, this boot, just now; which PCRs the logs explain | [`authenticate::AuthenticEvidence::authenticate`] |
//! | [`reference::ReferenceSet`] | somebody vouches for these values | [`reference::ReferenceSet::development`], which marks every verdict |
//! | [`appraise::Verdict`] | what we say and why | [`appraise::Policy::appraise`], which cannot fail, only refuse |
//! | [`result`] | the same, signed, for anyone to check | an EAR as JWT or CWT |
//!
//! The library is pure. It has no clock, no randomness, no files, no sockets, no runtime: time, nonces, keys, policy and golden values are
//! arguments. It does not panic on any input, and every bound on hostile input stands in [`Limits`] with its reason.
#![cfg_attr(
    test,
    allow(
        clippy::allow_attributes,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::string_slice,
        reason = "tests build and break bytes by hand; an overflow there is a failed test"
    )
)]

mod alignment;
pub mod appraise;
pub mod audit;
pub mod authenticate;
mod curves;
mod der;
pub mod digest;
pub mod evidence;
pub mod limits;
pub mod reader;
pub mod reference;
pub mod release;
pub mod result;
mod rsa_numbers;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(all(feature = "bench", not(test)))]
#[expect(
    dead_code,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark uses some of what tests do"
)]
pub(crate) mod testing;
pub mod time;
pub mod toml_error;

pub use digest::{Digest, HashAlg};
pub use limits::Limits;
pub use time::Timestamp;
