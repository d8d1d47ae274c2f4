//! What is asked for: golden values, the builder's word about them, and a request.

use attest_core::evidence::tcg_log::EventLog;
use attest_core::reference::corim::profile;
use attest_core::reference::golden::Evidence;
use attest_core::reference::learn::{Boot, Choices, learn};
use attest_core::release::dsse::pre_authentication_encoding;
use attest_core::release::form::{ReleaseKey, corim};
use attest_core::release::policy::{Custody, Purpose};
use attest_core::release::request::{Request, ToSign};
use attest_core::release::{ObjectId, provenance};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::organisation::{key_of, request};
use crate::stage::{KEY, LIMITS};

/// An unsigned CoRIM of the family's golden values.
pub(crate) fn unsigned() -> Vec<u8> {
    unsigned_edition(1)
}

/// The same, one of many.
pub(crate) fn unsigned_edition(tag_version: u64) -> Vec<u8> {
    let log = include_bytes!("../../../tests/fixtures/boots/sb-grub/eventlog.bin");
    let log = EventLog::parse(log, LIMITS).unwrap();
    let boot = Boot { name: "b", log: &log, userspace: None, evidence: Evidence::Quoted, files: None };
    let golden = learn("gateway", &[boot], &Choices::default()).unwrap();
    profile::write(&golden, &profile::Edition { tag_version, validity: None }).unwrap()
}

/// The builder's word about the image and the golden values.
pub(crate) fn built(artifact: ObjectId, corim: &[u8]) -> Vec<u8> {
    let digest = |id: ObjectId| json!({ "sha256": id.to_string().replace("sha256:", "") });
    let payload = json!({
        "_type": provenance::STATEMENT_TYPE,
        "subject": [
            { "name": "linux.efi", "digest": digest(artifact) },
            { "name": "gateway.corim", "digest": digest(ObjectId::of(corim)) },
        ],
        "predicateType": provenance::PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": "https://builder.example/buildtypes/uki/v1",
                "externalParameters": {},
                "internalParameters": { "actor": "erin@builder.example" },
                "resolvedDependencies": [{
                    "uri": "git+https://git.example/firmware@refs/heads/main",
                    "digest": { "gitCommit": "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d" },
                }],
            },
            "runDetails": {
                "builder": { "id": "https://builder.example/hermetic" },
                "metadata": { "invocationId": "run 4711" },
            },
        },
    })
    .to_string();
    let signed = pre_authentication_encoding(provenance::PAYLOAD_TYPE, payload.as_bytes());
    let signature = STANDARD.encode(key_of(20).sign(&signed));
    json!({
        "payloadType": provenance::PAYLOAD_TYPE,
        "payload": STANDARD.encode(payload),
        "signatures": [{ "keyid": "", "sig": signature }],
    })
    .to_string()
    .into_bytes()
}

/// A request of `ci` for this edition of the golden values, and all that travels with it.
pub(crate) fn asked_for(pin: ObjectId, tag: &str, edition: u64, key: &ReleaseKey) -> (Request, Vec<Vec<u8>>) {
    let unsigned = unsigned_edition(edition);
    let draft = corim::Draft { signer: KEY, validity: None, corim: &unsigned };
    let to_be_signed = draft.to_be_signed(key, LIMITS).unwrap();
    let mut request = request(pin, pin, tag);
    let provenance = built(request.artifacts[0].sha256, &unsigned);
    request.measurements = Some(ObjectId::of(&unsigned));
    request.provenance = vec![ObjectId::of(&provenance)];
    request.sign = vec![ToSign::new(
        KEY.try_into().unwrap(),
        Purpose::Corim,
        Custody::OnlineIntermediate,
        &to_be_signed,
    )];
    (request, vec![unsigned, provenance, to_be_signed])
}
