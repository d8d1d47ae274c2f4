use ciborium::Value;

use super::super::{AuthenticToken, Error, Keys, TokenKey};
use crate::authenticate::{Challenge, Nonce, challenge};
use crate::evidence::eat::Token;
use crate::testing::tokens::*;
use crate::{Limits, Timestamp};

const NOW: Timestamp = Timestamp::from_unix(1_790_000_000);
const ES384: (Signer, &str, i64) = (Signer::P384, "ES384", -35);
const EDDSA: (Signer, &str, i64) = (Signer::Ed25519, "EdDSA", -8);

/// The whole device's token, by P-256, with this at `se`.
fn outer(submodule: Value) -> Vec<u8> {
    Sign1::new(&around(submodule)).bytes()
}

fn around(submodule: Value) -> Value {
    with(plain_claims(), 266, Some(Value::Map(vec![(text("se"), submodule)])))
}

/// A token by the secure element's own key.
fn inner() -> Sign1 {
    Sign1::of(ES384, &map(plain_claims()))
}

fn proven(token: &[u8], keys: &[TokenKey]) -> AuthenticToken {
    let token = Token::parse(token, &Limits::DEFAULT).unwrap();
    let challenge = Challenge::offline(Nonce::given(&NONCE).unwrap());
    let own = Signer::P256.key();
    AuthenticToken::authenticate(token, Keys { own: &own, nested: keys }, challenge, NOW).unwrap()
}

fn all_keys() -> [TokenKey; 3] {
    [Signer::P256.key(), Signer::Ed25519.key(), Signer::P384.key()]
}

/// Why the token at `se` is not proven.
fn unproven(inner: &[u8], keys: &[TokenKey]) -> Error {
    let token = proven(&outer(bytes(inner)), keys);
    assert!(token.nested().is_empty());
    let [unproven] = token.unproven() else { panic!("{:?}", token.unproven()) };
    assert_eq!(unproven.path, ["se"]);
    unproven.error.clone()
}

#[test]
fn a_nested_token_is_proven_by_its_own_key() {
    let token = proven(&outer(bytes(inner().bytes())), &all_keys());
    assert!(token.unproven().is_empty() && token.path().is_empty());
    let [nested] = token.nested() else { panic!() };
    assert_eq!(nested.path(), ["se"]);
    assert_eq!(nested.key_identity(), &Signer::P384.key().identity());
    assert_eq!(nested.nonce(), token.nonce());
    assert_eq!(token.with_nested().len(), 2);
}

#[test]
fn a_token_in_a_token_in_claims_is_found_by_its_path() {
    let deepest = Sign1::of(EDDSA, &map(plain_claims())).bytes();
    let middle = Sign1::of(ES384, &around(bytes(deepest))).bytes();
    let tee = Value::Map(vec![(int(266), Value::Map(vec![(text("applet"), bytes(middle))]))]);
    let token = proven(&outer(tee), &all_keys());
    assert_eq!(token.unproven(), []);
    let paths: Vec<_> = token.with_nested().iter().map(|token| token.path().join("/")).collect();
    assert_eq!(paths, ["", "se/applet", "se/applet/se"]);
}

#[test]
fn a45_a_nested_token_that_no_key_signed() {
    let good = inner().bytes();
    assert_eq!(unproven(&good, &[]), Error::NestedKeyMissing);
    assert_eq!(unproven(&good, &[Signer::Ed25519.key(), Signer::P521.key()]), Error::NestedKeyMissing);
    let mut forged = good;
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(unproven(&forged, &all_keys()), Error::NestedKeyMissing);
}

/// RFC 9711, 4.2.18.3: the part's attester has keys of its own. Whoever holds the whole device's key does not speak for its secure element.
#[test]
fn a45_the_outer_key_does_not_speak_for_a_part() {
    let by_the_outer = Sign1::new(&map(plain_claims())).bytes();
    assert_eq!(unproven(&by_the_outer, &all_keys()), Error::NestedKeyMissing);
    // Nor does one that is further out.
    let deepest = Sign1::new(&map(plain_claims())).bytes();
    let middle = Sign1::of(ES384, &around(bytes(deepest))).bytes();
    let token = proven(&outer(bytes(middle)), &all_keys());
    assert_eq!(token.nested().len(), 1);
    let nested = &token.nested()[0];
    assert_eq!(nested.unproven()[0].path, ["se", "se"]);
    assert_eq!(nested.unproven()[0].error, Error::NestedKeyMissing);
}

/// A token of yesterday in a token of today: nothing is inherited from the outer token, its nonce neither.
#[test]
fn a48_a_nested_token_answers_the_same_question() {
    let with_nonce = |nonce| Sign1::of(ES384, &with(plain_claims(), 10, nonce)).bytes();
    let wrong = |error| Error::Nonce(error);
    assert_eq!(
        unproven(&with_nonce(Some(bytes([1; 32]))), &all_keys()),
        wrong(challenge::Error::NonceMismatch)
    );
    assert_eq!(unproven(&with_nonce(None), &all_keys()), wrong(challenge::Error::NonceMissing));
}

#[test]
fn a49_a_nested_token_that_has_expired() {
    let past = i64::try_from(NOW.unix()).unwrap() - 1;
    let claims = map(plain_claims().into_iter().chain([(4, int(past))]));
    let expired = Timestamp::from_unix(NOW.unix() - 1);
    let error = unproven(&Sign1::of(ES384, &claims).bytes(), &all_keys());
    assert_eq!(error, Error::Expired { expired, now: NOW });
}

#[test]
fn what_cannot_be_read_or_did_not_come_is_unproven() {
    let unknown = with(plain_claims(), 265, Some(text("tag:example.com,2026:other")));
    let error = unproven(&Sign1::of(ES384, &unknown).bytes(), &all_keys());
    assert_eq!(error.code(), "profile_unknown");
    let token = proven(&outer(Value::Array(vec![int(-16), bytes([1; 32])])), &all_keys());
    assert_eq!(token.unproven()[0].error, Error::DetachedMissing);
}
