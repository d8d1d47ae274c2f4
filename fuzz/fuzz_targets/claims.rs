//! Any bytes as the claims that a device's root of trust signs, from token to verdict. Claims of other software than golden affirm nothing.
#![no_main]

mod signed;

use std::sync::LazyLock;

use attest_core::{
    Limits, Timestamp,
    appraise::{Context, Policy},
    authenticate::{AuthenticToken, Challenge, Nonce},
    evidence::eat::Token,
    reference::{ReferenceSet, learn_token},
};
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp::from_unix(1_790_000_000);
const GOOD: &[u8] = include_bytes!("../seeds/claims/psa");
/// The measurement value of the golden bootloader.
const BOOTLOADER: [u8; 32] = [0xb1; 32];

fn authentic(claims: &[u8]) -> Option<AuthenticToken> {
    let token = Token::parse(&signed::cwt(claims), &Limits::DEFAULT).ok()?;
    let nonce = Nonce::given(token.claims().nonce.as_deref()?).ok()?;
    AuthenticToken::authenticate(token, &signed::key(), Challenge::offline(nonce), NOW).ok()
}

static REFERENCES: LazyLock<ReferenceSet> = LazyLock::new(|| {
    let mut golden = learn_token::empty("sensor");
    learn_token::add(&mut golden, &[("good", &authentic(GOOD).expect("a good token"))])
        .expect("a good token");
    ReferenceSet::development(golden).expect("a good document")
});

fuzz_target!(|claims: &[u8]| {
    let Some(token) = authentic(claims) else { return };
    // What can be learned from is golden for itself.
    let mut learned = learn_token::empty("sensor");
    if learn_token::add(&mut learned, &[("this", &token)]).is_ok() {
        let text = learned.to_toml();
        let read = attest_core::reference::Golden::parse(&text, &Limits::DEFAULT);
        assert_eq!(read.as_ref(), Ok(&learned), "{text}");
    }
    let context = Context { family: "sensor".into(), ..Context::default() };
    let _ = token.remarks();
    let verdict = Policy::default().appraise_tokens(&[token], &REFERENCES, &context);
    let names_it = claims.windows(BOOTLOADER.len()).any(|bytes| bytes == BOOTLOADER);
    assert!(names_it || !verdict.is_affirming(), "{verdict:#?}");
});
