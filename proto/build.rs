//! Compiles the `.proto` files without `protoc`.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const FILES: [&str; 7] = [
    "attest/release/v1/audit_log.proto",
    "attest/release/v1/release_authority.proto",
    "attest/v1/devices.proto",
    "attest/v1/enrollment.proto",
    "attest/v1/releases.proto",
    "attest/v1/verdict.proto",
    "attest/v1/verifier.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=attest");
    println!("cargo:rerun-if-changed=build.rs");
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("attest_descriptor.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().build_transport(false).compile_fds(descriptors)?;
    Ok(())
}
