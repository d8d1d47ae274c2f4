//! Any bytes as an envelope, which nobody signed, and as the Statement that a builder signs. What passes every check names its source, and who
//! triggered the build.
#![no_main]

use std::sync::LazyLock;

use attest_core::release::CanonicalKey;
use attest_core::release::dsse::{Envelope, pre_authentication_encoding};
use attest_core::release::provenance::{
    Builder, PAYLOAD_TYPE, Parameter, Place, Provenance, ProvenanceRule, Refs,
};
use attest_core::{Digest, HashAlg, Limits};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use libfuzzer_sys::fuzz_target;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

const BUILDER: &str = "https://builder.example/hosted";

static KEY: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key"));

static BUILDERS: LazyLock<Vec<Builder>> = LazyLock::new(|| {
    let spki =
        [b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00".as_slice(), KEY.public_key().as_ref()].concat();
    let key = CanonicalKey::from_spki_der(&spki).expect("a key");
    vec![Builder { id: BUILDER.into(), keys: vec![key] }]
});

static RULE: LazyLock<ProvenanceRule> = LazyLock::new(|| ProvenanceRule {
    builders: [BUILDER.into()].into(),
    build_types: ["https://builder.example/image/v1".into()].into(),
    source: Place::Below("https://code.example/firmware".into()),
    refs: Refs::OneOf(vec![Place::Below("refs/tags".into())]),
    other_sources: Vec::new(),
    parameters: [("/path".into(), Parameter::Any)].into(),
    on_behalf_of: Some("/internalParameters/actor".into()),
    run: None,
});

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::DEFAULT;
    assert!(Provenance::verify(bytes, &BUILDERS, &limits).is_err(), "nobody signed this");
    if let Ok(envelope) = Envelope::parse(bytes, &limits) {
        assert!(!envelope.is_signed_by(&BUILDERS[0].keys[0]));
    }
    let signature = KEY.sign(&pre_authentication_encoding(PAYLOAD_TYPE, bytes));
    let (payload, sig) = (STANDARD.encode(bytes), STANDARD.encode(signature));
    let envelope = format!(
        r#"{{"payloadType":"{PAYLOAD_TYPE}","payload":"{payload}","signatures":[{{"sig":"{sig}"}}]}}"#
    );
    let Ok(provenance) = Provenance::verify(envelope.as_bytes(), &BUILDERS, &limits) else { return };
    assert_eq!(provenance.builder_id(), BUILDER);
    let artifact = Digest::zero(HashAlg::Sha256);
    if provenance.check(&RULE, &artifact).is_empty() {
        assert!(provenance.has_subject(&artifact));
        let source = provenance.source(&RULE).expect("exactly one source");
        assert!(source.uri.contains("https://code.example/firmware/"), "{source:?}");
        assert!(provenance.on_behalf_of(&RULE).is_some());
    }
});
