#![expect(clippy::disallowed_methods, reason = "the tests sign, and signing needs randomness")]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value as Json, json};

use super::*;
use crate::{
    appraise::{Severity, Status},
    result::{
        Ear, Sign, SignError,
        claims::{Claim, Label, head},
        ear::tests::{NONCE, NOW, context, good, refused, subject},
        key::jwks,
        sign::sig_structure,
    },
};

mod claims;
mod envelope;

struct Signer {
    pair: EcdsaKeyPair,
    public: VerifyingKey,
}

impl Signer {
    fn new() -> Self {
        let rng = SystemRandom::new();
        let alg = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(alg, &rng).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(alg, document.as_ref(), &rng).unwrap();
        let public = VerifyingKey::from_point(pair.public_key().as_ref()).unwrap();
        Self { pair, public }
    }

    /// A JWT with any header and payload, and a genuine signature.
    fn jwt(&self, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.sign_es256(signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A COSE_Sign1 with any headers and payload, and a genuine signature.
    fn cwt(&self, protected: &[u8], unprotected: &[u8], payload: &[u8]) -> Vec<u8> {
        let signature = self.sign_es256(&sig_structure(protected, payload)).unwrap();
        let mut token = vec![0xd2, 0x84];
        token.extend(Claim::Bytes(protected.to_vec()).to_cbor());
        token.extend_from_slice(unprotected);
        token.extend(Claim::Bytes(payload.to_vec()).to_cbor());
        token.extend(Claim::Bytes(signature.to_vec()).to_cbor());
        token
    }

    fn header(&self) -> Json {
        json!({"alg": "ES256", "kid": self.public.id(), "typ": "eat+jwt"})
    }

    fn protected(&self, alg: i64, more: Option<(i64, Claim)>) -> Vec<u8> {
        let mut entries = vec![
            (Label::new("alg", 1), Claim::Integer(alg)),
            (Label::new("kid", 4), Claim::Bytes(self.public.id().as_bytes().to_vec())),
            (Label::new("typ", 16), Claim::text("application/eat+cwt")),
        ];
        entries.extend(more.map(|(number, claim)| (Label::new("more", number), claim)));
        Claim::Map(entries).to_cbor()
    }

    fn verifier(&self) -> EarVerifier {
        EarVerifier::from_jwks(&jwks([&self.public]).to_string()).unwrap()
    }

    fn check(&self, token: &str) -> Result<AcceptedEar, Error> {
        self.verifier().verify_jwt(token, Timestamp::from_unix(NOW), &Expectations::default())
    }

    fn check_cwt(&self, token: &[u8]) -> Result<AcceptedEar, Error> {
        self.verifier().verify_cwt(token, Timestamp::from_unix(NOW), &Expectations::default())
    }

    /// The good claims with one change, genuinely signed.
    fn check_claims(&self, change: impl FnOnce(&mut Json)) -> Result<AcceptedEar, Error> {
        let mut claims = Ear::new(&good(), &context()).to_json();
        change(&mut claims);
        self.check(&self.jwt(&self.header().to_string(), &claims.to_string()))
    }
}

impl Sign for Signer {
    fn public_key(&self) -> &VerifyingKey {
        &self.public
    }

    fn sign_es256(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        let signature = self.pair.sign(&SystemRandom::new(), message).unwrap();
        Ok(signature.as_ref().try_into().unwrap())
    }
}

fn good_ear() -> Ear {
    Ear::new(&good(), &context())
}

#[test]
fn both_forms_of_a_good_result_are_accepted_and_say_the_same() {
    let signer = Signer::new();
    let jwt = signer.check(&good_ear().to_jwt(&signer).unwrap()).unwrap();
    let cwt = signer.check_cwt(&good_ear().to_cwt(&signer).unwrap()).unwrap();
    assert_eq!(jwt, cwt);
    assert_eq!(jwt.nonce(), Some(&NONCE[..]));
    assert_eq!(jwt.confirmation(), Some(&subject()));
    assert_eq!(jwt.boot().trust_vector(), &good().boot.trust_vector);
    assert_eq!(jwt.runtime().status(), Status::None);
    assert_eq!((jwt.golden().source.as_str(), jwt.golden().tier.as_deref()), ("release", Some("production")));
    assert_eq!((jwt.issued_at().unix(), jwt.expires().unix()), (NOW, NOW + 300));
    assert!(!jwt.development() && jwt.family() == "debian-laptop");
    let affirming = jwt.into_affirming().unwrap();
    assert_eq!(affirming.device(), "dev-0123456789abcdef0123456789abcdef");
    assert_eq!(affirming.ear(), &cwt);
}

#[test]
fn a_refused_device_is_accepted_as_a_result_and_never_as_permission() {
    let signer = Signer::new();
    let ear = Ear::new(&refused(), &context());
    let jwt = signer.check(&ear.to_jwt(&signer).unwrap()).unwrap();
    assert_eq!(Ok(jwt.clone()), signer.check_cwt(&ear.to_cwt(&signer).unwrap()));
    let refused = jwt.into_affirming().unwrap_err();
    assert_eq!(refused.status(), Status::Contraindicated);
    let first = &refused.boot().reasons()[0];
    assert_eq!(
        (first.code.as_str(), first.severity, first.pcr),
        ("golden_mismatch", Severity::Refuse, Some(4))
    );
    assert_eq!(first.component.as_deref(), Some("kernel"));
}

#[test]
fn permission_needs_a_device_and_a_judged_boot() {
    let signer = Signer::new();
    assert!(
        signer
            .check_claims(|c| drop(c.as_object_mut().unwrap().remove("sub")))
            .unwrap()
            .into_affirming()
            .is_err()
    );
    for status in ["none", "warning"] {
        let ear = signer.check_claims(|c| {
            c["ear_status"] = json!(status);
            c["submods"]["boot"]["ear_status"] = json!(status);
        });
        assert!(ear.unwrap().into_affirming().is_err(), "{status}");
    }
}

#[test]
fn a52_every_truncated_prefix_and_every_changed_byte_is_refused() {
    let signer = Signer::new();
    let (jwt, cwt) = (good_ear().to_jwt(&signer).unwrap(), good_ear().to_cwt(&signer).unwrap());
    for end in 0..jwt.len() {
        assert!(signer.check(&jwt[..end]).is_err(), "JWT cut at {end}");
    }
    for end in 0..cwt.len() {
        assert!(signer.check_cwt(&cwt[..end]).is_err(), "CWT cut at {end}");
    }
    for at in 0..cwt.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut changed = cwt.clone();
            changed[at] ^= flip;
            assert!(signer.check_cwt(&changed).is_err(), "CWT byte {at} ^ {flip:#x}");
        }
    }
    for at in 0..jwt.len() {
        let mut changed = jwt.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(signer.check(core::str::from_utf8(&changed).unwrap()).is_err(), "JWT byte {at}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let signer = Signer::new();
        prop_assert!(signer.check_cwt(&bytes).is_err());
        prop_assert!(signer.check(&String::from_utf8_lossy(&bytes)).is_err());
    }

    /// Claims of any shape under a good signature: accepted or refused, and never a permission better than the claims say.
    #[test]
    fn arbitrary_signed_claims_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let signer = Signer::new();
        let token = signer.cwt(&signer.protected(-7, None), &[0xa0], &bytes);
        prop_assert!(signer.check_cwt(&token).is_err());
    }
}
