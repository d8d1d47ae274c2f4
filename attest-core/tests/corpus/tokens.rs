//! Claims and tokens from public projects: PSA and CCA claims, the examples of EAT and EAR, CMW, COSE and JWS vectors. What is not signed is
//! signed here, by an encoder and signer that share nothing with the readers.

use std::collections::BTreeMap;
use std::path::Path;

use attest_core::authenticate::token::{self, AuthenticToken, TokenKey};
use attest_core::authenticate::{Challenge, Nonce};
use attest_core::evidence::eat::Token;
use attest_core::result::{EarVerifier, Expectations, VerifyingKey};
use attest_core::{Limits, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ciborium::Value;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::Value as Json;

use crate::diag;
use crate::score::{Exception, Score, corpus, json, say};

/// Where the outcome here is not the one expected there.
const TOKENS: &[Exception] = &[
    ("psa-mac0.cbor", "refused cose_kind_unsupported", "a MAC: refused by a verifier of signatures"),
    ("psa-mac0.diag", "refused cose_kind_unsupported", "a MAC: refused by a verifier of signatures"),
    (
        "test-boot-seed-invalid-missing.json",
        "accepted",
        "the defect is one of the first profile, the file is of the second",
    ),
    ("psa.badinstance.json", "accepted", "the claims are good; that service does not know the instance"),
    ("corim-psa-full.cbor", "refused wrapper_malformed", "a CoRIM"),
    ("CcaPlatformClaimsAll.diag", "refused profile_unknown", CCA),
    ("CcaPlatformClaimsMandatoryOnly.diag", "refused profile_unknown", CCA),
    ("CcaPlatformLegacyClaimsMandatoryOnly.diag", "refused profile_unknown", CCA),
    ("bug-33-repro.cbor", "refused token_form_unexpected", CCA_PAIR),
    ("cca-evidence.cbor", "refused token_form_unexpected", CCA_PAIR),
    (
        "collection-cbor-mixed-keys.cbor",
        "refused wrapper_not_single",
        "a collection of two, and none of them a token",
    ),
    (
        "collection-cbor-ok-2.cbor",
        "refused wrapper_type_unexpected",
        "a collection of something else than a token",
    ),
    ("coswid/hlos.diag", "refused token_form_unexpected", "a CoSWID, no token"),
    (
        "Example-Payloads/submods.json",
        "refused claim_malformed",
        "a draft's example with padded base64url, which RFC 7515, section 2, and so RFC 9711 has without",
    ),
    (
        "Example-Payloads/submods.diag",
        "refused claim_malformed",
        "a draft's example: 271 is text there, the software's name once, and a version in RFC 9711",
    ),
    (
        "deb.json",
        "refused token_algorithm_mismatch",
        "the main token is a MAC (HS256), which whoever checks it can make",
    ),
    (
        "valid_cwt.diag",
        "refused signature_invalid",
        "COSE_Sign1 by a key that is not published beside it; its claims are read",
    ),
    ("valid_key_store.diag", "refused token_expired", "`exp` has passed (RFC 8392, section 3.1.4)"),
    ("ear-claims-extension-ok.json", "refused profile_unknown", RESULT),
    ("ear-claims-key-attestation-ok.json", "refused profile_unknown", RESULT),
    ("ext-teep-cbor-1.diag", "refused profile_unknown", RESULT),
    ("ext-teep-json-1.diag", "refused profile_unknown", RESULT),
    ("ext-veraison-cbor-1.diag", "refused profile_unknown", RESULT),
    ("ext-veraison-json-2.diag", "refused profile_unknown", RESULT),
];

const RESULT: &str = "a result, no evidence: its profile is not one of tokens";
const CCA: &str = "claims of an Arm CCA platform: a profile that is not judged, and whose nonce is no nonce but the hash of a realm's key";
const CCA_PAIR: &str = "Arm CCA: tag 399 around a platform's token and a realm's, which answer one question together only by a rule of that profile";

/// Files that there must be.
const LEAST: usize = 66;

/// Tokens that are signed, by veraison's example key.
const SIGNED: [&str; 2] = ["psa-evidence.cbor", "psa.good.cbor"];

struct Signer(EcdsaKeyPair);

impl Signer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref(), &random).unwrap())
    }

    fn key(&self) -> TokenKey {
        TokenKey::vouched(self.jwk().as_bytes(), &Limits::DEFAULT).unwrap()
    }

    fn jwk(&self) -> String {
        let point = self.0.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#)
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }

    fn cwt(&self, payload: &[u8]) -> Vec<u8> {
        self.cwt_with(&[0xa1, 1, 0x26], payload)
    }

    fn cwt_with(&self, protected: &[u8], payload: &[u8]) -> Vec<u8> {
        let protected = Value::Bytes(protected.to_vec());
        let payload = Value::Bytes(payload.to_vec());
        let empty = Value::Bytes(Vec::new());
        let signed =
            Value::Array(vec![Value::Text("Signature1".into()), protected.clone(), empty, payload.clone()]);
        let signature = Value::Bytes(self.sign(&encode(&signed)));
        let parts = Value::Array(vec![protected, Value::Map(Vec::new()), payload, signature]);
        encode(&Value::Tag(18, Box::new(parts)))
    }

    fn jwt(&self, payload: &[u8]) -> Vec<u8> {
        self.jwt_with(r#"{"alg":"ES256"}"#, payload)
    }

    fn jwt_with(&self, header: &str, payload: &[u8]) -> Vec<u8> {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.sign(signed.as_bytes()))).into_bytes()
    }
}

fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    ciborium::into_writer(value, &mut out).unwrap();
    out
}

/// The stable code of a refusal, with the token's own nonce as the one that was sent.
fn judge(token: &[u8], key: &TokenKey) -> Result<(), &'static str> {
    let parsed = Token::parse(token, &Limits::DEFAULT).map_err(|error| error.code())?;
    let nonce = parsed.claims().nonce.clone().unwrap_or(vec![0; 32]);
    let challenge = Challenge::offline(Nonce::given(&nonce).unwrap());
    let now = Timestamp::from_unix(1_790_000_000);
    AuthenticToken::authenticate(parsed, key, challenge, now)
        .map_or_else(|error| Err(token::Error::code(&error)), |_| Ok(()))
}

/// The claims of a PSA token as veraison's tools write them in JSON, as CBOR of one profile.
fn psa_claims(json: &Json, old: bool) -> Option<Vec<u8>> {
    let has = |name: &str| json.get(name).is_some();
    if !has(if old { "psa-profile" } else { "eat-profile" }) {
        return None;
    }
    let keys: &[(&str, i64, i64)] = &[
        ("eat-profile", 0, 265),
        ("psa-profile", -75_000, 0),
        ("psa-client-id", -75_001, 2394),
        ("psa-security-lifecycle", -75_002, 2395),
        ("psa-implementation-id", -75_003, 2396),
        ("psa-boot-seed", -75_004, 2397),
        ("psa-hwver", -75_005, 0),
        ("psa-certification-reference", 0, 2398),
        ("psa-software-components", -75_006, 2399),
        ("psa-no-software-measurements", -75_007, 0),
        ("psa-nonce", -75_008, 10),
        ("psa-instance-id", -75_009, 256),
        ("psa-verification-service-indicator", -75_010, 2400),
    ];
    let mut entries = Vec::new();
    for (name, value) in json.as_object()? {
        let Some((_, in_old, in_new)) = keys.iter().find(|(known, ..)| known == name) else { continue };
        let key = if old { *in_old } else { *in_new };
        if key != 0 {
            entries.push((Value::Integer(key.into()), psa_value(name, value)));
        }
    }
    Some(encode(&Value::Map(entries)))
}

fn psa_value(name: &str, value: &Json) -> Value {
    const TEXT: [&str; 7] = [
        "eat-profile",
        "psa-profile",
        "psa-hwver",
        "psa-certification-reference",
        "psa-verification-service-indicator",
        "measurement-type",
        "version",
    ];
    const MEMBERS: [(&str, i64); 4] =
        [("measurement-type", 1), ("measurement-value", 2), ("version", 4), ("signer-id", 5)];
    match value {
        Json::Array(all) => Value::Array(all.iter().map(|one| psa_value("", one)).collect()),
        Json::Object(members) => {
            let key = |name: &str| MEMBERS.iter().find(|(known, _)| *known == name).unwrap().1;
            let one =
                |(name, value): (&String, &Json)| (Value::Integer(key(name).into()), psa_value(name, value));
            Value::Map(members.iter().map(one).collect())
        }
        Json::String(text) if TEXT.contains(&name) => Value::Text(text.clone()),
        Json::String(text) => Value::Bytes(STANDARD.decode(text).unwrap()),
        Json::Number(number) => Value::Integer(number.as_i64().unwrap().into()),
        other => panic!("{other}"),
    }
}

/// Each way to make a token of a file.
fn made(path: &Path, signer: &Signer) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(path).unwrap();
    let name = path.to_str().unwrap();
    let json: Json = serde_json::from_slice(&bytes).unwrap_or_default();
    if json.get("eat-profile").or(json.get("psa-profile")).is_some() {
        let both = [psa_claims(&json, true), psa_claims(&json, false)];
        return both.into_iter().flatten().map(|claims| signer.cwt(&claims)).collect();
    }
    if name.ends_with(".diag") {
        let text = String::from_utf8(bytes).unwrap();
        return match diag::read(&text) {
            // JSON in a file for CBOR.
            None => vec![signer.jwt(text.as_bytes())],
            Some(value @ Value::Tag(..)) => vec![encode(&value)],
            Some(value) => vec![signer.cwt(&encode(&value))],
        };
    }
    if name.ends_with(".cbor") {
        let is_claims = name.contains("realm-claims");
        return vec![if is_claims { signer.cwt(&bytes) } else { bytes }];
    }
    vec![if bytes.trim_ascii_start().starts_with(b"[") { bytes } else { signer.jwt(&bytes) }]
}

#[test]
fn tokens() {
    let Some(root) = corpus() else { return };
    let mut score = Score::new("tokens");
    let signer = Signer::new();
    let key = signer.key();
    let example = std::fs::read(root.join("all/veraison__evcli/misc/ec256.json")).expect("key");
    let example = TokenKey::vouched(&example, &Limits::DEFAULT).expect("key");
    for expected in json(&root.join("expected/tokens_corim.json")).as_array().expect("array") {
        let file = expected["file"].as_str().expect("file");
        if !is_token(file, expected["kind"].as_str().expect("kind")) {
            continue;
        }
        let accept = expected["expect"] == "accept";
        let key = if SIGNED.iter().any(|end| file.ends_with(end)) { &example } else { &key };
        let made = made(&root.join(file), &signer);
        let refused: Vec<_> = made.iter().filter_map(|token| judge(token, key).err()).collect();
        // A file of claims of both profiles is bad in one of them at least, and good in all.
        if !accept {
            score.check(file, "accepted", !refused.is_empty());
        }
        for code in refused.iter().filter(|_| accept) {
            score.check(file, &format!("refused {code}"), false);
        }
        if accept && refused.is_empty() {
            score.check(file, "nothing to judge", !made.is_empty());
        }
    }
    score.finish(TOKENS, LEAST);
}

fn is_token(file: &str, kind: &str) -> bool {
    let is_evidence =
        matches!(kind, "psa-token" | "eat-cwt") || (kind == "cca-token" && !file.ends_with(".json"));
    let is_another = file.ends_with(".der") || file.ends_with("cca-endorsements.cbor");
    (is_evidence || kind == "ear") && !is_another
}

/// Results of other verifiers, by older drafts and their own profiles, signed by a key that is trusted and as this project's own are: what
/// their claims mean here nobody said, so an access system refuses them by their profile, before anything else of them is read.
#[test]
fn a49_results_of_other_profiles() {
    let Some(root) = corpus() else { return };
    let mut score = Score::new("results of other verifiers");
    let signer = Signer::new();
    let key = VerifyingKey::from_jwk(&signer.jwk()).expect("key");
    let verifier = EarVerifier::new(key.clone());
    let (now, any) = (Timestamp::from_unix(1_790_000_000), Expectations::default());
    for expected in json(&root.join("expected/tokens_corim.json")).as_array().expect("array") {
        let file = expected["file"].as_str().expect("file");
        if expected["kind"] != "ear" {
            continue;
        }
        let text = std::fs::read_to_string(root.join(file)).expect("text");
        let refused = match diag::read(&text).filter(|_| file.ends_with(".diag")) {
            Some(claims) => {
                let typ = Value::Text("application/eat+cwt".into());
                let header =
                    [(1, Value::Integer((-7).into())), (4, Value::Bytes(key.id().into())), (16, typ)];
                let header = header.map(|(label, value)| (Value::Integer(label.into()), value));
                let token = signer.cwt_with(&encode(&Value::Map(header.into())), &encode(&claims));
                verifier.verify_cwt(&token, now, &any).map(drop)
            }
            None => {
                let header = format!(r#"{{"alg":"ES256","kid":"{}","typ":"eat+jwt"}}"#, key.id());
                let token = signer.jwt_with(&header, text.as_bytes());
                verifier.verify_jwt(core::str::from_utf8(&token).expect("text"), now, &any).map(drop)
            }
        };
        let is_profile = refused == Err(attest_core::result::verify::Error::ProfileUnexpected);
        score.check(file, &format!("{refused:?}"), is_profile);
    }
    score.finish(&[], 6);
}

/// The published token of RFC 9711's examples that is signed by a key of RFC 9052's key set would be one; these are other payloads, or have
/// expired, and none may pass.
#[test]
fn a45_no_cose_example_is_a_token() {
    let Some(root) = corpus() else { return };
    let mut score = Score::new("COSE examples as tokens");
    let key = Signer::new().key();
    let mut codes = BTreeMap::<&str, usize>::new();
    for expected in json(&root.join("expected/cose_examples.json")).as_array().expect("array") {
        let token = hex::decode(expected["cbor"].as_str().expect("cbor")).expect("hexadecimal");
        let judged = judge(&token, &key);
        score.check(expected["file"].as_str().expect("file"), "accepted", judged.is_err());
        *codes.entry(judged.err().unwrap_or("accepted")).or_default() += 1;
    }
    say(&format!("COSE examples as tokens: {codes:?}"));
    score.finish(&[], 65);
}
