//! ring against AWS-LC, signature by signature, in one run: `cargo bench -p attest-core --features aws-lc-rs --bench algorithms`.
#![expect(clippy::expect_used, reason = "a benchmark: what fails ends it")]
#![expect(
    clippy::disallowed_methods,
    clippy::arithmetic_side_effects,
    reason = "a benchmark reads the clock"
)]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use attest_core::authenticate::Algorithms;
use attest_core::authenticate::algorithms::Algorithm;
use ring::rand::SystemRandom;
use ring::signature::{self as r, EcdsaKeyPair, KeyPair};

const ROUNDS: usize = 20;
const CALLS: u32 = 200;
const MESSAGE: &[u8] = &[7; 145];

/// A key as the algorithms take it, and its signature.
struct Signed {
    key: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

fn main() {
    let (ring, aws) = (&Algorithms::RING, &Algorithms::AWS_LC_RS);
    let p256 = ecdsa(&r::ECDSA_P256_SHA256_ASN1_SIGNING);
    let p384 = ecdsa(&r::ECDSA_P384_SHA384_ASN1_SIGNING);
    let rsa = rsa();
    compare("ecdsa-p256-sha256", &p256, ring.ecdsa_p256_sha256, aws.ecdsa_p256_sha256);
    compare("ecdsa-p384-sha384", &p384, ring.ecdsa_p384_sha384, aws.ecdsa_p384_sha384);
    compare("rsassa-sha256 2048", &rsa, ring.rsassa_sha256, aws.rsassa_sha256);
}

fn compare(name: &str, signed: &Signed, ring: Algorithm, aws: Algorithm) {
    let (mut with_ring, mut with_aws) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        with_ring.push(time(|| verify(ring, signed)));
        with_aws.push(time(|| verify(aws, signed)));
    }
    let micros = |times: Vec<Duration>| times.into_iter().min().expect("rounds").as_secs_f64() * 1e6;
    let (ring, aws) = (micros(with_ring), micros(with_aws));
    println!("{name:<20} ring {ring:>7.1} us   aws-lc {aws:>7.1} us   ring / aws-lc {:.2}", ring / aws);
}

fn verify(algorithm: Algorithm, signed: &Signed) {
    black_box(algorithm.verify_signature(&signed.key, &signed.message, &signed.signature)).expect("good");
}

fn time(run: impl Fn()) -> Duration {
    let start = Instant::now();
    for _ in 0..CALLS {
        run();
    }
    start.elapsed() / CALLS
}

fn ecdsa(algorithm: &'static r::EcdsaSigningAlgorithm) -> Signed {
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, pair.as_ref(), &random).expect("a key");
    let signature = pair.sign(&random, MESSAGE).expect("a signature").as_ref().to_vec();
    Signed { key: pair.public_key().as_ref().to_vec(), message: MESSAGE.to_vec(), signature }
}

/// A quote of the project's own boots.
fn rsa() -> Signed {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/boots/sb-grub");
    let read = |name: &str| std::fs::read(root.join(name)).expect(name);
    let public = read("ak-rsa.pub");
    let modulus = public.last_chunk::<256>().expect("a modulus");
    // RSAPublicKey: SEQUENCE of INTEGER, with its leading zero, and INTEGER 65537.
    let key = [&[0x30, 0x82, 1, 0x0a, 2, 0x82, 1, 1, 0][..], modulus, &[2, 3, 1, 0, 1]].concat();
    let signature = read("quote-rsa.sig").last_chunk::<256>().expect("a signature").to_vec();
    Signed { key, message: read("quote-rsa.attest"), signature }
}
