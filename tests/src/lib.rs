//! attest-tests
