//! Attestation tokens beside the quote.

use attest_proto::v1;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use tonic::Code;

use crate::{
    harness::{Clients, answer, enrolled, refusal, refusing},
    soft_tpm::SoftTpm,
};

/// A root of trust that signs tokens.
struct Attester(EcdsaKeyPair);

impl Attester {
    fn new() -> Self {
        let der =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let random = SystemRandom::new();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref(), &random).unwrap())
    }

    fn jwk(&self) -> Vec<u8> {
        let point = self.0.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#).into_bytes()
    }

    fn token(&self, nonce: &[u8]) -> Vec<u8> {
        self.sign(&format!(r#"{{"eat_nonce":"{}","swname":"modem"}}"#, URL_SAFE_NO_PAD.encode(nonce)))
    }

    /// A token with this other attester's in it.
    fn token_around(&self, inner: &Self, nonce: &[u8]) -> Vec<u8> {
        let (inner, nonce) = (inner.token(nonce), URL_SAFE_NO_PAD.encode(nonce));
        let inner = String::from_utf8(inner).unwrap();
        self.sign(&format!(r#"{{"eat_nonce":"{nonce}","submods":{{"se":["JWT","{inner}"]}}}}"#))
    }

    fn sign(&self, claims: &str) -> Vec<u8> {
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref())).into_bytes()
    }

    async fn enrol(&self, clients: &mut Clients, device_id: &str) -> Result<Vec<u8>, tonic::Status> {
        let request = v1::EnrollTokenKeyRequest { device_id: device_id.to_owned(), public_key: self.jwk() };
        Ok(clients.devices.enroll_token_key(request).await?.into_inner().key_identity)
    }
}

/// The device's answer to a new challenge, with this token beside it.
async fn attest_with(
    clients: &mut Clients,
    device_id: &str,
    tpm: &SoftTpm,
    token: impl FnOnce(&[u8]) -> v1::Token,
) -> v1::Verdict {
    let challenge = clients.challenge(device_id).await.unwrap();
    let tokens = vec![token(&challenge.nonce)];
    let evidence = v1::Evidence { tokens, ..answer(&challenge, tpm) };
    clients.verify(&challenge.challenge_id, evidence).await.unwrap().verdict.unwrap()
}

fn unnamed(token: Vec<u8>) -> v1::Token {
    v1::Token { token, key_identity: Vec::new() }
}

#[tokio::test]
async fn a_token_of_the_same_device_stands_beside_its_quote() {
    let (_server, mut clients, tpm, device_id) = enrolled().await;
    let attester = Attester::new();
    let key_identity = attester.enrol(&mut clients, &device_id).await.unwrap();
    // Twice is once.
    assert_eq!(attester.enrol(&mut clients, &device_id).await.unwrap(), key_identity);
    let token = |nonce: &[u8]| v1::Token { token: attester.token(nonce), key_identity };
    let verdict = attest_with(&mut clients, &device_id, &tpm, token).await;
    assert_eq!(verdict.status(), v1::Status::Affirming, "{:#?}", verdict.reasons);
    // Proven, and without golden values not judged.
    assert_eq!(verdict.tokens.len(), 1);
    assert_eq!(verdict.tokens[0].part.as_ref().unwrap().status(), v1::Status::None);
    assert!(verdict.reasons.iter().any(|reason| reason.code == "token_not_judged"));
}

#[tokio::test]
async fn a27a_a_token_of_another_device_counts_for_nothing() {
    let (_server, mut clients, tpm, device_id) = enrolled().await;
    let (own, other) = (Attester::new(), Attester::new());
    let detail = |verdict: &v1::Verdict| {
        assert_eq!(verdict.status(), v1::Status::Contraindicated);
        refusing(verdict)[0].to_owned()
    };
    // Before any key is enrolled.
    let verdict = attest_with(&mut clients, &device_id, &tpm, |nonce| unnamed(other.token(nonce))).await;
    assert_eq!(detail(&verdict), "token_key_unknown");
    let key_identity = own.enrol(&mut clients, &device_id).await.unwrap();
    let verdict = attest_with(&mut clients, &device_id, &tpm, |nonce| unnamed(other.token(nonce))).await;
    assert_eq!(detail(&verdict), "signature_invalid");
    let named = |nonce: &[u8]| v1::Token { token: other.token(nonce), key_identity: vec![7; 32] };
    let verdict = attest_with(&mut clients, &device_id, &tpm, named).await;
    assert_eq!(detail(&verdict), "token_key_unknown");
    // The right key, and another challenge's nonce.
    let old = |_: &[u8]| v1::Token { token: own.token(&[9; 32]), key_identity };
    let verdict = attest_with(&mut clients, &device_id, &tpm, old).await;
    assert_eq!(detail(&verdict), "nonce_mismatch");
}

#[tokio::test]
async fn a27a_a_token_in_a_token_is_by_another_key_of_the_device() {
    let (_server, mut clients, tpm, device_id) = enrolled().await;
    let (own, element, other) = (Attester::new(), Attester::new(), Attester::new());
    let key_identity = own.enrol(&mut clients, &device_id).await.unwrap();
    element.enrol(&mut clients, &device_id).await.unwrap();
    let verdict = |inner: &'static str| {
        let (own, inner) = (
            &own,
            match inner {
                "element" => &element,
                "own" => &own,
                _ => &other,
            },
        );
        let key_identity = key_identity.clone();
        move |nonce: &[u8]| v1::Token { token: own.token_around(inner, nonce), key_identity }
    };
    let good = attest_with(&mut clients, &device_id, &tpm, verdict("element")).await;
    assert_eq!(good.status(), v1::Status::Affirming, "{:#?}", good.reasons);
    assert_eq!(good.tokens.len(), 2);
    for inner in ["own", "other"] {
        let bad = attest_with(&mut clients, &device_id, &tpm, verdict(inner)).await;
        assert_eq!(bad.status(), v1::Status::Contraindicated, "{inner}");
        assert_eq!(refusing(&bad), ["token_submodule_unproven"], "{inner}");
    }
}

#[tokio::test]
async fn a_token_key_has_one_device_for_good() {
    let (server, mut clients, _tpm, device_id) = enrolled().await;
    let attester = Attester::new();
    attester.enrol(&mut clients, &device_id).await.unwrap();
    let mut second = SoftTpm::new(&server.maker);
    let other = clients.enroll(&mut second).await.unwrap();
    let conflict = refusal(attester.enrol(&mut clients, &other).await);
    assert_eq!(conflict, (Code::AlreadyExists, "token_key_enrolled_with_another_device".to_owned()));
    let unknown = refusal(attester.enrol(&mut clients, "dev-00000000000000000000000000000000").await);
    assert_eq!(unknown, (Code::NotFound, "device_unknown".to_owned()));
    let request = v1::EnrollTokenKeyRequest { device_id, public_key: br#"{"kty":"oct","k":"AA"}"#.to_vec() };
    let symmetric = refusal(clients.devices.enroll_token_key(request).await);
    assert_eq!(symmetric, (Code::InvalidArgument, "key_symmetric".to_owned()));
}

/// What a device sends, as one collection of messages in JSON.
fn collection(answer: &v1::Evidence, tokens: &[Vec<u8>]) -> v1::Evidence {
    let size = u16::try_from(answer.attest.len()).unwrap().to_be_bytes();
    let quote = [&size, answer.attest.as_slice(), &answer.signature].concat();
    let own = |kind: &str| format!("application/vnd.attest.{kind}");
    let mut messages = vec![("quote".to_owned(), own("tpm2-quote"), quote)];
    messages.extend(answer.event_log.clone().map(|log| ("log".to_owned(), own("tcg-event-log"), log)));
    messages.extend(answer.ima_list.clone().map(|list| ("ima".to_owned(), own("ima-list"), list)));
    let tokens = tokens.iter().enumerate();
    messages
        .extend(tokens.map(|(at, token)| (at.to_string(), "application/eat+jwt".to_owned(), token.clone())));
    let messages = messages.into_iter();
    let records = messages
        .map(|(label, kind, content)| (label, serde_json::json!([kind, URL_SAFE_NO_PAD.encode(content)])));
    let cmw = serde_json::Value::Object(records.collect()).to_string().into_bytes();
    v1::Evidence { cmw: Some(cmw), ..v1::Evidence::default() }
}

#[tokio::test]
async fn a27a_quote_and_tokens_in_one_collection_are_of_one_device() {
    let (_server, mut clients, tpm, device_id) = enrolled().await;
    let (own, second, other) = (Attester::new(), Attester::new(), Attester::new());
    async fn verdict(
        clients: &mut Clients,
        device_id: &str,
        tpm: &SoftTpm,
        tokens: impl FnOnce(&[u8]) -> Vec<Vec<u8>>,
    ) -> v1::Verdict {
        let challenge = clients.challenge(device_id).await.unwrap();
        let sent = collection(&answer(&challenge, tpm), &tokens(&challenge.nonce));
        clients.verify(&challenge.challenge_id, sent).await.unwrap().verdict.unwrap()
    }
    let alone = verdict(&mut clients, &device_id, &tpm, |_| Vec::new()).await;
    assert_eq!(alone.status(), v1::Status::Affirming, "{:#?}", alone.reasons);
    // Before any key is enrolled; by one key, by both.
    let unknown = verdict(&mut clients, &device_id, &tpm, |nonce| vec![own.token(nonce)]).await;
    assert_eq!(refusing(&unknown), ["token_key_unknown"]);
    own.enrol(&mut clients, &device_id).await.unwrap();
    second.enrol(&mut clients, &device_id).await.unwrap();
    let both =
        verdict(&mut clients, &device_id, &tpm, |nonce| vec![second.token(nonce), own.token(nonce)]).await;
    assert_eq!((both.status(), both.tokens.len()), (v1::Status::Affirming, 2), "{:#?}", both.reasons);
    let foreign =
        verdict(&mut clients, &device_id, &tpm, |nonce| vec![own.token(nonce), other.token(nonce)]).await;
    assert_eq!(refusing(&foreign), ["token_key_unknown"]);
    let old = verdict(&mut clients, &device_id, &tpm, |_| vec![own.token(&[9; 32])]).await;
    assert_eq!(refusing(&old), ["nonce_mismatch"]);
    for (tokens, code) in [("{}", "collection_empty"), ("{", "json_syntax")] {
        let challenge = clients.challenge(&device_id).await.unwrap();
        let sent = v1::Evidence { cmw: Some(tokens.into()), ..v1::Evidence::default() };
        let verdict = clients.verify(&challenge.challenge_id, sent).await.unwrap().verdict.unwrap();
        assert_eq!(refusing(&verdict), [code]);
    }
}

#[tokio::test]
async fn a_collection_stands_alone_and_holds_a_quote() {
    let (_server, mut clients, tpm, device_id) = enrolled().await;
    let attester = Attester::new();
    attester.enrol(&mut clients, &device_id).await.unwrap();
    let answered = clients.challenge(&device_id).await.unwrap();
    let sent = answer(&answered, &tpm);
    let cmw = collection(&sent, &[]).cmw;
    let value = v1::PcrValue { bank: "sha256".into(), pcr: 0, value: vec![0; 32] };
    for beside in [
        v1::Evidence { attest: sent.attest.clone(), ..v1::Evidence::default() },
        v1::Evidence { signature: sent.signature.clone(), ..v1::Evidence::default() },
        v1::Evidence { event_log: Some(Vec::new()), ..v1::Evidence::default() },
        v1::Evidence { ima_list: Some(Vec::new()), ..v1::Evidence::default() },
        v1::Evidence { userspace_log: Some(Vec::new()), ..v1::Evidence::default() },
        v1::Evidence { pcr_values: vec![value], ..v1::Evidence::default() },
        v1::Evidence { tokens: vec![unnamed(attester.token(&answered.nonce))], ..v1::Evidence::default() },
    ] {
        let twice = v1::Evidence { cmw: cmw.clone(), ..beside };
        let error = refusal(clients.verify(&answered.challenge_id, twice).await);
        assert_eq!(error, (Code::InvalidArgument, "evidence_twice".into()));
    }
    let challenge = clients.challenge(&device_id).await.unwrap();
    let token = URL_SAFE_NO_PAD.encode(attester.token(&challenge.nonce));
    let cmw = Some(format!(r#"{{"t":["application/eat+jwt","{token}"]}}"#).into_bytes());
    let alone = v1::Evidence { cmw, ..v1::Evidence::default() };
    let verdict = clients.verify(&challenge.challenge_id, alone).await.unwrap().verdict.unwrap();
    assert_eq!(refusing(&verdict), ["quote_missing"]);
}
