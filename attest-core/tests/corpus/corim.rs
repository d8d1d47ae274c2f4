//! CoRIM and CoMID.

use std::path::Path;

use attest_core::authenticate::TokenKey;
use attest_core::reference::corim::values::Error as ValuesError;
use attest_core::reference::corim::{Class, Comid, Corim, Environment, Error, SignedCorim, Signer};
use attest_core::{Limits, Timestamp};
use serde_json::Value;

use crate::score::{Exception, Score, bytes, corpus, json};

/// Deviations.
const CORIMS: &[Exception] = &[
    ("coev/tdx/testcases/ce-qe-evidence.cbor", "refused", CONCISE_EVIDENCE),
    ("coev/testcases/ce-coswid.cbor", "refused", CONCISE_EVIDENCE),
    ("coev/testcases/ce-identity.cbor", "refused", CONCISE_EVIDENCE),
    ("coserv/testvectors/discovery-single-capability.cbor", "refused", COSERV),
    ("coserv/testvectors/example-instance-selector.cbor", "refused", COSERV),
    ("coserv/testvectors/rv-class-simple-results-source-artifacts.cbor", "refused", COSERV),
    ("coserv/testvectors/rv-class-simple.cbor", "refused", COSERV),
    ("coserv/testvectors/rv-class-stateful.cbor", "refused", COSERV),
    ("coserv/testvectors/sample_key.cbor", "refused", "a COSE_Key"),
    ("cmd/testcases/signed-corim-valid.cbor", "refused", UNTAGGED),
    ("cmd/testcases/test-cots.cbor", "refused", TRUST_ANCHORS),
    ("data/comid/1.cbor", "refused", OLD_CLASS_ID),
    ("data/comid/comid-dice-refval.cbor", "refused", TWICE),
    ("data/coswid/1.cbor", "refused", "a CoSWID, which is kept as bytes inside a CoRIM and not read alone"),
    ("data/cots/namedtastore.cbor", "refused", TRUST_ANCHORS),
    ("data/cots/vendor.cbor", "refused", TRUST_ANCHORS),
    ("perf/data/corim-psa-full.cbor", "refused", UNTAGGED),
    ("test-harness/corim-psa-p2-refvalue.cbor", "refused", UNTAGGED),
    ("test-harness/corim-psa-p2-trustanchor.cbor", "refused", UNTAGGED),
    ("test-harness/corim-psa-refvalue.cbor", "refused", UNTAGGED),
    ("test-harness/corim-psa-trustanchor.cbor", "refused", UNTAGGED),
    ("test-harness/corim-tpm-enacttrust-trustanchor.cbor", "refused", UNTAGGED),
    (
        "cca/testcases/cca-platform-invalid-digests.cbor",
        "refused",
        "a SHA-256 digest of 31 bytes, as its name says",
    ),
    (
        "psa/testcases/psa-invalid-attest-key.cbor",
        "refused",
        "two attestation keys for one device, as its name says",
    ),
    (
        "psa/testcases/psa-invalid-impl-id.cbor",
        "refused",
        "an implementation id of 31 bytes, as its name says",
    ),
];

const CONCISE_EVIDENCE: &str = "concise evidence (tag 571) is no reference value";
const COSERV: &str = "a query or answer of CoSERV is no CoRIM";
const UNTAGGED: &str =
    "the form before draft-ietf-rats-corim-01: no tag 501, tags packed in untagged byte strings";
const TRUST_ANCHORS: &str = "a trust anchor store alone is no CoRIM";
const OLD_CLASS_ID: &str = "tag 551 holds an integer in every draft; here it is bytes, and keys are maps";
const TWICE: &str = "two digests by one algorithm in one list: the specification's comparison is false";

#[test]
fn corims() {
    let Some(root) = corpus() else { return };
    let mut score = Score::new("CoRIM");
    for expected in json(&root.join("expected/tokens_corim.json")).as_array().expect("array") {
        let file = expected["file"].as_str().expect("file");
        let kind = expected["kind"].as_str().expect("kind");
        let is_ours = matches!(kind, "corim" | "comid" | "coswid") || file.contains("corim-psa-full");
        if is_ours && file.ends_with(".cbor") {
            corim(&root, expected, file, &mut score);
        }
    }
    score.finish(CORIMS, 75);
}

fn corim(root: &Path, expected: &Value, file: &str, score: &mut Score) {
    let bytes = bytes(root, file);
    let accept = expected["expect"] == "accept";
    let code = read(&bytes);
    match (accept, &code) {
        (true, Err(code)) => score.check(file, &format!("refused {code}"), false),
        (false, Ok(())) => score.check(file, "accepted", false),
        _ => score.check(file, "as expected", true),
    }
}

/// A CoRIM of any form, its values by the rules of its profile where that is known; or a CoMID alone.
fn read(bytes: &[u8]) -> Result<(), String> {
    let limits = Limits::DEFAULT;
    let signed;
    let corim = match Corim::parse(bytes, &limits) {
        Err(Error::Signed) => {
            signed = SignedCorim::parse(bytes, &limits).map_err(|e| e.code().to_owned())?;
            signed.unverified(&limits)
        }
        other => other,
    };
    match corim {
        Ok(corim) => match corim.reference_values() {
            Ok(_) | Err(ValuesError::ProfileUnknown { .. }) => Ok(()),
            Err(error) => Err(error.code().to_owned()),
        },
        Err(error) if bytes.first().is_some_and(|first| first >> 5 == 5) => {
            Comid::parse(bytes, &limits).map(drop).map_err(|_| error.code().to_owned())
        }
        Err(error) => Err(error.code().to_owned()),
    }
}

/// Signed by the key beside them, and valid until the end of 2025.
#[test]
fn signatures() {
    let Some(root) = corpus() else { return };
    let folder = root.join("all/veraison__corim/corim/testcases");
    // It is a private key there, which is refused as a public one.
    let mut key = json(&folder.join("src/ec-p256.jwk"));
    key.as_object_mut().expect("a JWK").retain(|name, _| matches!(name.as_str(), "kty" | "crv" | "x" | "y"));
    let key = TokenKey::vouched(key.to_string().as_bytes(), &Limits::DEFAULT).expect("key");
    let class = Class { id: None, vendor: Some("ACME"), model: None, layer: None, index: None };
    let acme = [Environment { class: Some(class), instance: None, group: None }];
    for file in ["signed-good-corim.cbor", "signed-corim-with-extensions.cbor"] {
        let bytes = std::fs::read(folder.join(file)).expect(file);
        let judged = |bytes: &[u8], authority: &[Environment<'_>], now: u64| {
            let signed = SignedCorim::parse(bytes, &Limits::DEFAULT).map_err(|error| error.code())?;
            let signer = Signer { key: &key, name: Some("ACME Ltd signing key"), authority };
            let now = Timestamp::from_unix(now);
            let authentic = signed.authenticate(&signer, |_| None, now, &Limits::DEFAULT);
            authentic.map(|authentic| authentic.corim().tags.len()).map_err(|error| error.code())
        };
        assert_eq!(judged(&bytes, &acme, 1_700_000_000), Ok(1), "{file}");
        assert_eq!(judged(&bytes, &acme, 1_800_000_000), Err("corim_expired"), "{file}");
        assert_eq!(judged(&bytes, &[], 1_700_000_000), Err("corim_authority_missing"), "{file}");
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x04;
            assert!(judged(&bytes, &acme, 1_700_000_000).is_err(), "{file}: byte {at}");
        }
    }
}

/// What is judged by in the valid ones of other verifiers.
#[test]
fn values_of_other_verifiers() {
    let Some(root) = corpus() else { return };
    let count = |file: &str| {
        let bytes = bytes(&root, &format!("all/{file}"));
        let corim = Corim::parse(&bytes, &Limits::DEFAULT).expect(file);
        let values = corim.reference_values().expect(file);
        let not_judged: Vec<String> = values.not_judged.iter().map(ToString::to_string).collect();
        (values.references.len(), values.attest_keys.len(), not_judged)
    };
    let services = "veraison__services/scheme";
    assert_eq!(
        count(&format!("{services}/arm-cca/test/corim/corim-cca-platform-valid.cbor")),
        (5, 1, vec![])
    );
    assert_eq!(count(&format!("{services}/arm-cca/test/corim/corim-cca-realm-valid.cbor")), (6, 0, vec![]));
    assert_eq!(
        count(&format!("{services}/tpm-enacttrust/test/corim/corim-enacttrust-valid.cbor")),
        (1, 1, vec![])
    );
    assert_eq!(count("veraison__corim/profiles/psa/testcases/psa-valid.cbor"), (1, 1, vec![]));
}
