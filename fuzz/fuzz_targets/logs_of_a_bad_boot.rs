//! From bytes to verdict. Devices booted, or did since, what their golden values do not know; their TPMs signed for that. Their owners may send
//! any logs and let their roots of trust sign any claims: none makes the verdict good.
//!
//! Input: a byte of choices, then the event log, the IMA list, the log of user space and the claims of a token, with [`BETWEEN`] between them.
#![no_main]

mod signed;

use std::sync::LazyLock;

use attest_core::{
    Digest, HashAlg, Limits, Timestamp,
    appraise::{Context, Policy},
    authenticate::{AttestationKey, AuthenticEvidence, AuthenticToken, Challenge, Nonce},
    evidence::{Bundle, Evidence, PcrValues, UserspaceLog, eat::Token, ima_log::ImaLog, tcg_log::EventLog},
    reference::{Golden, ReferenceSet, golden, learn, learn_token},
    result::{Ear, ResultContext, VerifierId},
};
use libfuzzer_sys::fuzz_target;

/// Something that no log holds: lengths would break with every byte that a mutation puts in.
const BETWEEN: &[u8] = b"\0--next part--\0";
const NOW: Timestamp = Timestamp::from_unix(1_790_000_000);
const LIMITS: Limits = Limits::DEFAULT;

macro_rules! fixture {
    ($path:expr) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/", $path)).as_slice()
    };
}

/// What the TPM of a bad boot said, and what its family should have booted.
struct BadBoot {
    attest: &'static [u8],
    signature: &'static [u8],
    key: AttestationKey,
    nonce: Vec<u8>,
    pcrs: PcrValues,
    references: ReferenceSet,
}

impl BadBoot {
    fn new(golden: Golden, quote: [&'static [u8]; 5]) -> Self {
        let [attest, signature, key, nonce, pcrs] = quote;
        Self {
            attest,
            signature,
            key: AttestationKey::vouched(key, &LIMITS).expect("a good key"),
            nonce: hex::decode(nonce.trim_ascii()).expect("a nonce"),
            pcrs: values(pcrs),
            references: ReferenceSet::development(golden).expect("a good document"),
        }
    }

    fn challenge(&self) -> Challenge {
        Challenge::offline(Nonce::given(&self.nonce).expect("a nonce"))
    }
}

macro_rules! quote {
    ($boot:literal, $which:literal) => {
        [
            fixture!(concat!($boot, "/quote-", $which, ".attest")),
            fixture!(concat!($boot, "/quote-", $which, ".sig")),
            fixture!(concat!($boot, "/ak-ecc.pub")),
            fixture!(concat!($boot, "/nonce.hex")),
            fixture!(concat!($boot, "/pcrs.json")),
        ]
    };
}

static BAD: LazyLock<[BadBoot; 3]> = LazyLock::new(|| {
    let grub = golden(fixture!("boots/sb-grub/eventlog.bin"), fixture!("boots/sb-grub/ima.bin"), None);
    // Golden is all that user space did but for its last word.
    let told = fixture!("changes/own-uki-phase/userspace.log").trim_ascii_end();
    let last = told.iter().rposition(|byte| *byte == b'\n').expect("more than one record");
    let (log, ima) =
        (fixture!("changes/own-uki-phase/eventlog.bin"), fixture!("changes/own-uki-phase/ima.bin"));
    let unified = golden(log, ima, Some(&told[..=last]));
    [
        BadBoot::new(grub.clone(), quote!("boots/sb-cmdline", "ecc")),
        BadBoot::new(grub, quote!("boots/sb-cmdline", "all")),
        BadBoot::new(unified, quote!("changes/own-uki-phase", "all")),
    ]
});

fn golden(log: &[u8], list: &[u8], userspace: Option<&[u8]>) -> Golden {
    let log = EventLog::parse(log, &LIMITS).expect("a good log");
    let list = ImaLog::parse(list, &LIMITS).expect("a good list");
    let userspace = userspace.map(|bytes| UserspaceLog::parse(bytes, &LIMITS).expect("a good log"));
    let files = learn::ima_files(&list);
    let boot = learn::Boot {
        name: "good",
        log: &log,
        userspace: userspace.as_ref(),
        evidence: golden::Evidence::Quoted,
        files: Some(&files),
    };
    let mut golden = learn::learn("gateway", &[boot], &learn::Choices::default()).expect("a good boot");
    let token =
        Token::parse(&signed::cwt(include_bytes!("../seeds/claims/psa")), &LIMITS).expect("a good token");
    let nonce = token.claims().nonce.clone().expect("a nonce");
    let challenge = Challenge::offline(Nonce::given(&nonce).expect("a nonce"));
    let token = AuthenticToken::authenticate(token, &signed::key(), challenge, NOW).expect("a good token");
    learn_token::add(&mut golden, &[("good", &token)]).expect("a good token");
    golden
}

fn values(json: &[u8]) -> PcrValues {
    let json: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(json).expect("JSON");
    let mut values = PcrValues::new();
    for (bank, pcrs) in json {
        let alg = HashAlg::from_name(&bank).expect("a bank");
        for (pcr, value) in pcrs.as_object().expect("PCRs") {
            let value = Digest::from_hex(alg, value.as_str().expect("text")).expect("a value");
            values.insert(pcr.parse().expect("a number"), value);
        }
    }
    values
}

fuzz_target!(|bytes: &[u8]| {
    let Some((choices, mut rest)) = bytes.split_first() else { return };
    let mut part = || {
        let at = rest.windows(BETWEEN.len()).position(|bytes| bytes == BETWEEN);
        let (part, after) = at.map_or((rest, &[][..]), |at| (&rest[..at], &rest[at + BETWEEN.len()..]));
        rest = after;
        part
    };
    let (event_log, ima, userspace_log, claims) = (part(), part(), part(), part());
    let is = |bit: u8| choices & (1 << bit) != 0;
    let bad = &BAD[usize::from(choices >> 5) % BAD.len()];
    let evidence = Evidence {
        attest: bad.attest,
        signature: bad.signature,
        event_log: is(0).then_some(event_log),
        ima: is(1).then_some(ima),
        userspace_log: is(2).then_some(userspace_log),
        // With the quoted values the quote is proven whatever the logs say; without, only logs that lead to them get that far.
        pcrs: is(3).then(|| bad.pcrs.clone()),
        ..Evidence::default()
    };
    let Ok(bundle) = Bundle::parse(evidence, &LIMITS) else { return };
    let evidence = match AuthenticEvidence::authenticate(bundle, &bad.key, bad.challenge(), NOW) {
        Ok(evidence) => evidence,
        Err(error) => return assert!(!is(3), "the quote is genuine, and so are its values: {error}"),
    };
    let token = || {
        let token = Token::parse(&signed::cwt(claims), &LIMITS).ok()?;
        evidence.authenticate_token(token, &signed::key(), NOW).ok()
    };
    let tokens: Vec<AuthenticToken> = is(4).then(token).flatten().into_iter().collect();
    let context = Context { family: "gateway".into(), ..Context::default() };
    let verdict = Policy::default().appraise_with_tokens(&evidence, &tokens, &bad.references, &context);
    assert!(!verdict.is_affirming(), "{verdict:#?}");
    assert!(verdict.reasons.iter().all(|reason| !reason.explain.contains('\x1b')), "{:#?}", verdict.reasons);
    let result = ResultContext {
        issued_at: NOW,
        expires: NOW.plus(60),
        verifier: VerifierId { developer: "fuzz".into(), build: "fuzz".into() },
        issuer: None,
        audience: None,
        policy_id: "urn:fuzz".into(),
        confirmation: None,
        development: true,
    };
    let status = Ear::new(&verdict, &result).to_json()["ear_status"].clone();
    assert_eq!(status, verdict.status.as_str(), "{verdict:#?}");
});
