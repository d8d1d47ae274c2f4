//! Golden values of tokens, as they are learned and written.

use super::*;

#[test]
fn a_golden_document_with_tokens_survives_its_text() {
    let claims =
        with(plain_claims(), 273, Some(Value::Array(vec![Value::Array(vec![int(258), bytes([1, 2])])])));
    let Value::Map(mut entries) = claims else { panic!() };
    entries.extend([
        (int(263), int(3)),
        (int(258), int(70_000)),
        (int(259), bytes([7; 4])),
        (int(262), Value::Bool(true)),
    ]);
    let mut golden = learned(&map(psa_claims()));
    learn_token::add(&mut golden, &[("eat", &proven(&Value::Map(entries)))]).unwrap();
    let text = golden.to_toml();
    let read = Golden::parse(&text, &Limits::DEFAULT).unwrap();
    assert_eq!(read, golden, "{text}");
    assert_eq!(golden.diff(&read), []);
    let mut other = read;
    other.tokens[1].variants[0].components[0].value = vec![0; 32];
    assert_eq!(golden.diff(&other).len(), 2, "one component gone, one come");
}

#[test]
fn nothing_is_learned_from_an_open_device() {
    let submod = |name: &str, claims: Value| Value::Map(vec![(text(name), claims)]);
    for (label, value) in [(2395, int(0x4000)), (263, int(0)), (263, int(1))] {
        let part = submod("os", map([(label, value.clone())]));
        let deeper = submod("os", map([(266, submod("core", map([(label, value.clone())])))]));
        for (label, value, whose) in [(label, value, ""), (266, part, "`os`"), (266, deeper, "`os/core`")] {
            let mut golden = learn_token::empty("sensor");
            let token = proven(&with(psa_claims(), label, Some(value)));
            let error = learn_token::add(&mut golden, &[("x", &token)]).unwrap_err();
            let learn_token::Error::Insecure { detail, .. } = &error else { panic!("{error:?}") };
            assert!(detail.contains(whose), "{detail}");
            assert!(golden.tokens.is_empty());
        }
    }
}

/// What is learned from a device affirms that device.
#[test]
fn a_part_with_another_debug_status_than_the_whole_is_learned() {
    let part = || Value::Map(vec![(text("os"), map([(263, int(3))]))]);
    let without = map(psa_claims().into_iter().chain([(266, part())]));
    let with = map(psa_claims().into_iter().chain([(263, int(2)), (266, part())]));
    for token in [without, with] {
        let verdict = judged(&learned(&token), &[proven(&token)]);
        assert!(verdict.is_affirming(), "{:?}", verdict.reasons);
    }
}

#[test]
fn a_section_that_would_accept_anything_is_refused() {
    let parse = |section: &str| {
        let text = format!(
            "format = \"attest-golden/1\"\nfamily = \"x\"\nbanks = []\njudged = []\n[[token]]\n{section}"
        );
        Golden::parse(&text, &Limits::DEFAULT).unwrap_err().code()
    };
    assert_eq!(parse("name = \"eat\""), "golden_value");
    assert_eq!(parse("name = \"boot\"\nswname = [\"x\"]"), "golden_value");
    assert_eq!(parse("name = \"a b\"\nswname = [\"x\"]"), "golden_value");
    assert_eq!(parse("name = \"psa\"\nprofile = \"tag:psacertified.org,2023:psa#tfm\""), "golden_value");
    assert_eq!(parse("name = \"x\"\nprofile = \"tag:other\"\nswname = [\"x\"]"), "golden_value");
    assert_eq!(parse("name = \"x\"\nswnames = [\"x\"]"), "golden_syntax");
    assert_eq!(parse("name = \"x\"\nswname = [\"x\"]\ndebug = [\"off\"]"), "golden_value");
    assert_eq!(parse("name = \"x\"\nswname = [\"x\"]\n[[token.variant]]\nname = \"v\""), "golden_value");
    let twice = "name = \"x\"\nswname = [\"x\"]\n[[token]]\nname = \"x\"\nswname = [\"x\"]";
    assert_eq!(parse(twice), "golden_duplicate");
}
