//! The signer from outside: the real server and a witness, an organisation's people, and a key in a token that counts, fails as it is told to, or
//! is SoftHSM2's.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "the organisation and its site are those of the tests of the authority, which use all of them"
)]

mod asked;
mod bounded;
#[path = "../authority/client.rs"]
mod client;
mod crashes;
mod floors;
mod keys;
mod killed;
#[path = "../authority/organisation.rs"]
mod organisation;
#[path = "../../../attest-core/tests/common/pe.rs"]
mod pe;
mod programs;
mod refused;
#[path = "../authority/site.rs"]
mod site;
mod soft;
mod spy;
mod stage;
mod token;
mod wire;
