//! attest-server
