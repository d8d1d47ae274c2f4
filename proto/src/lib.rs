//! The gRPC interface of attest: what stands in `attest/v1/*.proto`, generated, and nothing else.

/// The file descriptors of the whole interface, encoded, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/attest_descriptor.bin"));

/// Domain of every `google.rpc.ErrorInfo` that the server sends.
pub const ERROR_DOMAIN: &str = "attest";

/// `package attest.v1`.
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    missing_docs,
    reason = "generated code"
)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/attest.v1.rs"));
}

/// `package attest.release.v1`: golden values under governance.
pub mod release {
    /// `package attest.release.v1`.
    #[expect(
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        missing_docs,
        reason = "generated code"
    )]
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/attest.release.v1.rs"));
    }
}
