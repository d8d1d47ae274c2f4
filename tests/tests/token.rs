//! The verdict token, read with nothing of ours: JWS by hand, the key from the published key set.

use attest_tests::{Member, Site};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::Value;
use tpm_sim::boot::debian::Parts;

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// Header and claims of a token whose signature is by a published key.
fn verified(token: &str, keys: &str) -> (Value, Value) {
    let keys: Value = serde_json::from_str(keys).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&decode(header)).unwrap();
    assert_eq!(header["alg"], "ES256");
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let coordinate = |name: &str| decode(key[name].as_str().unwrap());
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(signed.as_bytes(), &decode(signature))
        .unwrap();
    (header, serde_json::from_slice(&decode(claims)).unwrap())
}

#[tokio::test]
async fn a15_the_token_carries_the_proven_nonce_the_device_and_the_subject_key() {
    let site = Site::new();
    let server = site.serve();
    let client = server.connect().await;
    let mut member = Member::new(&site);
    let id = member.enrol(&client).await;
    let challenge = client.challenge(&id, &member.subject_key).await.unwrap();
    let judgement = client.verify(&challenge.id, member.answer(&challenge)).await.unwrap();
    let keys = server.get("/.well-known/jwks.json");
    let (_, claims) = verified(&judgement.ear_jwt, &keys);
    assert_eq!(claims["submods"]["boot"]["ear_status"], "affirming", "{claims:#}");
    let text = claims.to_string();
    let nonce: String = challenge.nonce.iter().map(|byte| format!("{byte:02x}")).collect();
    let nonce_base64 = URL_SAFE_NO_PAD.encode(&challenge.nonce);
    assert!(text.contains(&nonce) || text.contains(&nonce_base64), "{claims:#}");
    assert!(text.contains(&id), "{claims:#}");
    // The point's x coordinate stands in `cnf` as JWK.
    let x = URL_SAFE_NO_PAD.encode(&member.subject_key[27..59]);
    assert_eq!(claims["cnf"]["jwk"]["x"], x.as_str(), "{claims:#}");
    assert!(claims["exp"].as_i64().unwrap() > claims["iat"].as_i64().unwrap());

    // A refused device gets a token too, and it says so.
    member.boot(&Parts::with_implant());
    let judgement = member.attest(&client, &id).await;
    let (_, claims) = verified(&judgement.ear_jwt, &keys);
    assert_eq!(claims["submods"]["boot"]["ear_status"], "contraindicated", "{claims:#}");

    // One changed byte in it and nobody believes it.
    let mut forged = judgement.ear_jwt.clone();
    forged = forged.replacen("ey", "eZ", 2);
    assert!(std::panic::catch_unwind(|| verified(&forged, &keys)).is_err());
}
