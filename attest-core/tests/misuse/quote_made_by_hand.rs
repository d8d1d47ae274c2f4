//! A parsed quote is not an authentic one.
use attest_core::authenticate::quote::AuthenticQuote;
use attest_core::evidence::tpm::Attest;

fn believe(attest: Attest<'_>) -> AuthenticQuote<'_> {
    AuthenticQuote { attest }
}

fn main() {}
