//! An unsigned CoRIM is not an authentic one, and there is no way to make it one.
use attest_core::reference::corim::{AuthenticCorim, Corim};

fn believe(corim: Corim<'_>) -> AuthenticCorim<'_> {
    AuthenticCorim { corim, valid_until: None }
}

fn main() {}
