//! Tokens in tokens.

use super::*;

/// A device's token with a secure element's in it, at this place.
fn with_element(place: &str, element: &Value) -> AuthenticToken {
    with_elements(&[(place, element)])
}

fn with_elements(elements: &[(&str, &Value)]) -> AuthenticToken {
    let one = |(place, claims): &(&str, &Value)| (text(place), bytes(Sign1::of(ES384, claims).bytes()));
    let submods = Value::Map(elements.iter().map(one).collect());
    let outer = Sign1::new(&with(psa_claims(), 266, Some(submods))).bytes();
    let token = Token::parse(&outer, &Limits::DEFAULT).unwrap();
    let challenge = Challenge::offline(Nonce::given(&NONCE).unwrap());
    let (own, nested) = (Signer::P256.key(), [Signer::P384.key()]);
    AuthenticToken::authenticate(token, Keys { own: &own, nested: &nested }, challenge, NOW).unwrap()
}

fn element(name: &str) -> Value {
    map(plain_claims().into_iter().chain([(270, text(name)), (263, int(3))]))
}

fn learned_with_element() -> Golden {
    let mut golden = learn_token::empty("sensor");
    learn_token::add(&mut golden, &[("1.2.3", &with_element("se", &element("SE")))]).unwrap();
    golden
}

#[test]
fn a_nested_token_is_judged_like_any_other() {
    let golden = learned_with_element();
    assert_eq!(Golden::parse(&golden.to_toml(), &Limits::DEFAULT).unwrap(), golden);
    let verdict = judged(&golden, &[with_element("se", &element("SE"))]);
    assert_eq!(verdict.status, Status::Affirming, "{:?}", verdict.reasons);
    let parts: Vec<_> =
        verdict.tokens.iter().map(|token| (token.name.as_str(), token.verdict.status)).collect();
    assert_eq!(parts, [("psa", Status::Affirming), ("se", Status::Affirming)]);
    assert_eq!(ear(&verdict)["submods"]["se"]["ear_status"], "affirming");
    let other = judged(&golden, &[with_element("se", &element("Other"))]);
    assert_eq!(refusing(&other), [Code::TokenClaimUnexpected]);
    let open = with([(270, text("SE"))].into_iter().chain(plain_claims()).collect(), 263, Some(int(0)));
    assert_eq!(refusing(&judged(&golden, &[with_element("se", &open)])), [Code::TokenDebugEnabled]);
}

/// The golden values of one place are not those of another, and a token that is asked for may not come by itself, where nothing binds it.
#[test]
fn a27a_a_nested_token_counts_in_its_place_alone() {
    let golden = learned_with_element();
    assert_eq!(refusing(&judged(&golden, &[proven(&map(psa_claims()))])), [Code::TokenMissing]);
    assert_eq!(refusing(&judged(&golden, &[with_element("tee", &element("SE"))])), [Code::TokenMissing]);
    let beside = [proven(&map(psa_claims())), by(ES384, &element("SE"))];
    assert_eq!(refusing(&judged(&golden, &beside)), [Code::TokenMissing]);
}

#[test]
fn a_device_with_a_nested_token_that_nobody_knows_does_not_affirm() {
    let both = [("se", &element("SE")), ("tee", &element("Other"))];
    let verdict = judged(&learned_with_element(), &[with_elements(&both)]);
    assert_eq!(verdict.status, Status::Warning);
    let statuses: Vec<_> = verdict.tokens.iter().map(|token| token.verdict.status).collect();
    assert_eq!(statuses, [Status::Warning, Status::Affirming, Status::None]);
    let not_judged = verdict.reasons.iter().filter(|reason| reason.code == Code::TokenNotJudged);
    let named: Vec<_> = not_judged.map(|r| (r.token.as_deref().unwrap(), r.component.as_deref())).collect();
    assert_eq!(named, [("token-2", None), ("psa", Some("psa.tee"))]);
    // A token that came by itself is beside the others, and in none.
    let beside = [with_element("se", &element("SE")), by(ES384, &element("Other"))];
    let statuses: Vec<_> =
        judged(&learned_with_element(), &beside).tokens.iter().map(|token| token.verdict.status).collect();
    assert_eq!(statuses, [Status::Affirming, Status::Affirming, Status::None]);
}

#[test]
fn a27a_a_nested_token_of_another_device() {
    let limits = Limits::DEFAULT;
    let key = |signer: Signer, device| TokenKey::enrolled(&signer.cose_key(), device, &limits).unwrap();
    let submods = Value::Map(vec![(text("se"), bytes(Sign1::of(ES384, &element("SE")).bytes()))]);
    let outer = Sign1::new(&with(psa_claims(), 266, Some(submods))).bytes();
    let judge = |device| {
        let token = Token::parse(&outer, &limits).unwrap();
        let challenge = Challenge::offline(Nonce::given(&NONCE).unwrap());
        let (own, nested) = (key(Signer::P256, "dev-a"), [key(Signer::P384, device)]);
        let keys = Keys { own: &own, nested: &nested };
        let token = AuthenticToken::authenticate(token, keys, challenge, NOW).unwrap();
        refusing(&judged(&learned_with_element(), &[token]))
    };
    assert_eq!(judge("dev-a"), []);
    assert_eq!(judge("dev-b"), [Code::TokenOfAnotherDevice]);
}

#[test]
fn nothing_is_learned_from_a_part_that_is_not_proven() {
    let submods = Value::Map(vec![(text("se"), bytes(Sign1::of(ES384, &map(plain_claims())).bytes()))]);
    let token = proven(&with(psa_claims(), 266, Some(submods)));
    let error = learn_token::add(&mut learn_token::empty("sensor"), &[("x", &token)]).unwrap_err();
    assert!(matches!(error, learn_token::Error::Insecure { .. }));
}

#[test]
fn sections_of_submodules_have_names_that_the_result_can_carry() {
    let names = |places: &[&str]| {
        let all: Vec<_> = places.iter().map(|place| element(place)).collect();
        let elements: Vec<_> = places.iter().copied().zip(&all).collect();
        let mut golden = learn_token::empty("sensor");
        learn_token::add(&mut golden, &[("x", &with_elements(&elements))]).unwrap();
        golden.tokens.iter().map(|token| token.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        names(&["boot", "Secure Element", "secure-element"]),
        ["boot-2", "psa", "secure-element", "secure-element-2"]
    );
    assert_eq!(names(&["", &"x".repeat(99)]), ["eat", "psa", &"x".repeat(28)]);
}

/// What a part of the device measured is not held against anything: it is said where there is something.
#[test]
fn measurements_of_a_part_are_told_of() {
    let part = |measured: Option<i64>| {
        let content = Value::Array(vec![Value::Array(vec![int(258), bytes(b"swid")])]);
        let claims = measured.map(|label| (label, content)).into_iter().chain([(270, text("OS"))]);
        let submods = Value::Map(vec![(text("os"), map(claims))]);
        let verdict =
            judged(&learned(&map(psa_claims())), &[proven(&with(psa_claims(), 266, Some(submods)))]);
        let told = verdict.reasons.iter().filter(|r| r.code == Code::TokenMeasurementsNotJudged);
        told.map(|r| r.component.clone().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(part(None), Vec::<String>::new());
    for (label, told) in [(272, "psa.os.manifests"), (273, "psa.os.measurements")] {
        assert_eq!(part(Some(label)), [told], "{label}");
    }
}
