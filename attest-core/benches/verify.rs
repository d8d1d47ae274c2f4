//! From bytes to verdict, as a ratio to the bare cryptography on the same evidence, measured in the same run.
//!
//! The floor is one signature check by ring with the key's bytes at hand, and the hashing that the evidence demands, by sha2's own
//! interface: one extend an event in the quoted bank, the pcrDigest, the data of the variables that say what Secure Boot is, and the IMA
//! list's template digests and extends. Rounds of floor and verification alternate, so a
//! machine that slows down slows both.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a benchmark: what fails ends it")]
#![expect(
    clippy::disallowed_methods,
    clippy::arithmetic_side_effects,
    reason = "a benchmark reads the clock"
)]

mod boot;
mod clock;

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

use attest_core::appraise::{Context, Policy};
use attest_core::authenticate::{AttestationKey, AuthenticEvidence, Challenge, Nonce, replay::Replay};
use attest_core::evidence::tcg_event::authenticated;
use attest_core::evidence::tcg_log::{Event, EventLog, EventType};
use attest_core::evidence::{Bundle, Evidence, PcrValues};
use attest_core::{Digest, HashAlg, Limits, Timestamp};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384};

use boot::references;
use clock::fastest;

const ROUNDS: usize = 40;
const CALLS: u32 = 50;

/// One device's evidence, in files.
struct Sample {
    name: &'static str,
    attest: Vec<u8>,
    signature: Vec<u8>,
    key: AttestationKey,
    nonce: Nonce,
    log: Vec<u8>,
    ima: Option<Vec<u8>>,
    pcrs: PcrValues,
    floor: Floor,
}

/// What ring needs for the bare check.
struct Floor {
    algorithm: &'static dyn ring::signature::VerificationAlgorithm,
    key: Vec<u8>,
    signature: Vec<u8>,
    extends: usize,
    quoted: usize,
    ima_entries: usize,
    /// The data of PCR 7's variables.
    secure_boot: Vec<Vec<u8>>,
}

impl Floor {
    fn run(&self, attest: &[u8]) {
        let key = ring::signature::UnparsedPublicKey::new(self.algorithm, &self.key);
        key.verify(attest, &self.signature).expect("the bare signature is good");
        let mut value = [0; 32];
        for _ in 0..self.extends + self.ima_entries {
            value = black_box(Sha256::new().chain_update(value).chain_update([7; 32]).finalize().into());
        }
        for _ in 0..self.ima_entries {
            black_box(Sha256::digest([7; 100]));
        }
        for data in &self.secure_boot {
            black_box(Sha256::digest(data));
        }
        black_box(Sha256::digest(vec![7; 32 * self.quoted]));
    }
}

fn main() {
    for rsa in [false, true] {
        let sample = embedded(rsa);
        measure(&sample);
        log_alone(&sample);
        match reference(rsa) {
            Some(sample) => {
                measure(&sample);
                log_alone(&sample);
            }
            None => eprintln!("SKIPPED: the reference evidence is not there (ATTEST_SHARED or ../shared)"),
        }
    }
    before_the_signature(&embedded(false));
    nowhere(&embedded(false));
}

/// What a log costs that comes with a wrong signature: four times the log should cost four times the time at most.
fn before_the_signature(sample: &Sample) {
    let limits = Limits::DEFAULT;
    let log = EventLog::parse(&sample.log, &limits).expect("a log");
    let (header, events) = sample.log.split_at(log.events()[1].offset);
    let mut wrong = sample.signature.clone();
    *wrong.last_mut().expect("a signature") ^= 1;
    let refuse = |times: usize| {
        let log = [header, &events.repeat(times)].concat();
        let evidence = Evidence {
            attest: &sample.attest,
            signature: &wrong,
            event_log: Some(&log),
            pcrs: Some(sample.pcrs.clone()),
            ..Evidence::default()
        };
        let bundle = Bundle::parse(evidence, &limits).expect("well-formed");
        let challenge = Challenge::offline(sample.nonce.clone());
        AuthenticEvidence::authenticate(bundle, &sample.key, challenge, Timestamp::from_unix(0))
            .expect_err("refused");
    };
    let fastest_of = |times: usize| fastest((0..5).map(|_| time(|| refuse(times))).collect());
    let (few, many) = (fastest_of(20), fastest_of(80));
    println!(
        "wrong signature: {} KB of log {:.0} us, four times that {:.0} us, ratio {:.2}",
        sample.log.len() * 20 / 1024,
        micros(few),
        micros(many),
        micros(many) / micros(few),
    );
}

/// A log of as many events as may be that leads nowhere, from a device that sends no values: the whole search for them, and for why.
fn nowhere(sample: &Sample) {
    let limits = Limits::DEFAULT;
    let log = EventLog::parse(&sample.log, &limits).expect("a log");
    let told = log.events().len();
    let event = |nth: usize| {
        let mut out = [8_u32, 0xd].map(u32::to_le_bytes).concat();
        out.extend(u32::try_from(log.banks().len()).expect("few").to_le_bytes());
        for bank in log.banks() {
            out.extend(bank.tpm_id().to_le_bytes());
            out.extend(bank.hash(&[&nth.to_le_bytes()]).as_bytes());
        }
        [out, vec![0; 4]].concat()
    };
    let references = references(&log);
    for more in [0, limits.event_log_events - told] {
        // Two events more than the TPM knows are more than the search looks for.
        let bytes = [sample.log.clone(), (0..more.max(2)).flat_map(event).collect()].concat();
        let once = || {
            let evidence = Evidence {
                attest: &sample.attest,
                signature: &sample.signature,
                event_log: Some(&bytes),
                ..Evidence::default()
            };
            let bundle = Bundle::parse(evidence, &limits).expect("well-formed");
            let (challenge, now) = (Challenge::offline(sample.nonce.clone()), Timestamp::from_unix(0));
            let guessed = AuthenticEvidence::authenticate_guessing(
                bundle,
                None,
                &sample.key,
                challenge,
                now,
                &references,
            );
            black_box(guessed).expect_err("it leads nowhere");
        };
        let whole = fastest((0..5).map(|_| clock::time(once)).collect());
        println!(
            "no values, a log of {:>5} events that leads nowhere: {:>8.0} us",
            told + more.max(2),
            micros(whole)
        );
    }
}

fn measure(sample: &Sample) {
    let limits = Limits::DEFAULT;
    let log = EventLog::parse(&sample.log, &limits).expect("a log");
    let references = references(&log);
    let context = Context { family: "bench".into(), ..Context::default() };
    let policy = Policy::default();
    let once = || {
        let evidence = Evidence {
            attest: &sample.attest,
            signature: &sample.signature,
            signature_scheme: None,
            event_log: Some(&sample.log),
            ima: sample.ima.as_deref(),
            userspace_log: None,
            pcrs: Some(sample.pcrs.clone()),
            ..Evidence::default()
        };
        let bundle = Bundle::parse(evidence, &limits).expect("well-formed");
        let challenge = Challenge::offline(sample.nonce.clone());
        let now = Timestamp::from_unix(0);
        let evidence =
            AuthenticEvidence::authenticate(bundle, &sample.key, challenge, now).expect("authentic");
        policy.appraise(&evidence, &references, &context)
    };
    let verdict = once();
    let (mut floors, mut wholes, mut logs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        floors.push(time(|| sample.floor.run(&sample.attest)));
        wholes.push(time(|| drop(black_box(once()))));
        logs.push(time(|| drop(black_box(EventLog::parse(&sample.log, &limits).expect("a log")))));
    }
    let (floor, whole, log) = (fastest(floors), fastest(wholes), fastest(logs));
    println!(
        "{:<22} floor {:>8.1} us   bytes to verdict {:>8.1} us   ratio {:.2}   (parsing the log {:.1} us; boot {})",
        sample.name,
        micros(floor),
        micros(whole),
        micros(whole) / micros(floor),
        micros(log),
        verdict.boot.status.as_str(),
    );
}

/// Reading the event log, replaying it and finding what of each event its digest covers, in one bank and in all, beside the bare hashing: one
/// extend an event, and one hash of all its data.
fn log_alone(sample: &Sample) {
    let limits = Limits::DEFAULT;
    let parsed = EventLog::parse(&sample.log, &limits).expect("a log");
    let extended = || parsed.events().iter().filter(|event| event.is_extended());
    for banks in [vec![HashAlg::Sha256], parsed.banks().to_vec()] {
        let floor = || {
            for bank in &banks {
                let mut value = Digest::zero(*bank);
                for event in extended() {
                    value = match bank {
                        HashAlg::Sha256 => extend::<Sha256>(*bank, &value, event),
                        HashAlg::Sha384 => extend::<Sha384>(*bank, &value, event),
                        HashAlg::Sha1 => extend::<Sha1>(*bank, &value, event),
                        _ => value,
                    };
                }
                black_box(value);
            }
        };
        let whole = || {
            let log = EventLog::parse(&sample.log, &limits).expect("a log");
            black_box(Replay::in_banks(&log, |bank| banks.contains(&bank)));
            for event in log.events() {
                for bank in &banks {
                    black_box(authenticated(event, *bank));
                }
            }
        };
        let (mut floors, mut wholes) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            floors.push(time(floor));
            wholes.push(time(whole));
        }
        let (floor, whole) = (fastest(floors), fastest(wholes));
        println!(
            "{:<22} the log alone, {} bank(s): hashing {:>7.1} us   parse, replay, data digests {:>7.1} us   ratio {:.2}",
            sample.name,
            banks.len(),
            micros(floor),
            micros(whole),
            micros(whole) / micros(floor),
        );
    }
}

/// What any reader pays for an event in one bank.
fn extend<D: sha2::Digest>(bank: HashAlg, value: &Digest, event: &Event<'_>) -> Digest {
    black_box(D::digest(event.data));
    let digest = event.digest(bank).unwrap_or_default();
    let extended = D::new().chain_update(value.as_bytes()).chain_update(digest).finalize();
    Digest::new(bank, &extended).expect("its size")
}

/// One of many calls in a row.
fn time(run: impl Fn()) -> Duration {
    clock::time(|| (0..CALLS).for_each(|_| run())) / CALLS
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The boot that the project carries.
fn embedded(rsa: bool) -> Sample {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/boots/sb-grub");
    let read = |name: &str| std::fs::read(root.join(name)).expect(name);
    let kind = if rsa { "rsa" } else { "ecc" };
    let nonce = String::from_utf8(read("nonce.hex")).expect("text");
    sample(
        if rsa { "sb-grub RSA-2048" } else { "sb-grub P-256" },
        read(&format!("quote-{kind}.attest")),
        read(&format!("quote-{kind}.sig")),
        &read(&format!("ak-{kind}.pub")),
        nonce.trim(),
        read("eventlog.bin"),
        Some(read("ima.bin")),
        pcrs_json(&read("pcrs.json")),
    )
}

/// The larger log that peers were measured with.
fn reference(rsa: bool) -> Option<Sample> {
    let shared = std::env::var_os("ATTEST_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let root = shared.join("reference-evidence");
    let read = |name: &str| std::fs::read(root.join(name)).ok();
    let kind = if rsa { "rsa" } else { "ecc" };
    let raw = read("pcrs256.raw")?;
    let values = raw.chunks_exact(32).zip(0..=16_u8);
    let pcrs = values.filter_map(|(value, pcr)| Some((pcr, Digest::new(HashAlg::Sha256, value)?))).collect();
    Some(sample(
        if rsa { "reference RSA-2048" } else { "reference P-256" },
        read(&format!("q_{kind}.msg"))?,
        read(&format!("q_{kind}.sig"))?,
        &read(&format!("ak_{kind}.pub"))?,
        "deadbeef00112233445566778899aabbccddeeff",
        read("eventlog.bin")?,
        None,
        pcrs,
    ))
}

#[expect(clippy::too_many_arguments, reason = "the files of one sample")]
fn sample(
    name: &'static str,
    attest: Vec<u8>,
    signature: Vec<u8>,
    public: &[u8],
    nonce: &str,
    log: Vec<u8>,
    ima: Option<Vec<u8>>,
    pcrs: PcrValues,
) -> Sample {
    let limits = Limits::DEFAULT;
    let key = AttestationKey::vouched(public, &limits).expect("a key");
    let nonce = Nonce::given(&hex::decode(nonce).expect("hexadecimal")).expect("a nonce");
    let parsed = EventLog::parse(&log, &limits).expect("a log");
    let list = ima
        .as_deref()
        .map(|bytes| attest_core::evidence::ima_log::ImaLog::parse(bytes, &limits).expect("a list"));
    let (algorithm, bare_key, bare_signature) = bare(public, &signature);
    let variables = [EventType::EFI_VARIABLE_DRIVER_CONFIG, EventType::EFI_VARIABLE_AUTHORITY];
    let is_variable = |event: &&Event<'_>| event.pcr == 7 && variables.contains(&event.event_type);
    let floor = Floor {
        algorithm,
        key: bare_key,
        signature: bare_signature,
        extends: parsed.events().iter().filter(|event| event.is_extended()).count(),
        quoted: 16,
        ima_entries: list.map_or(0, |list| list.len()),
        secure_boot: parsed.events().iter().filter(is_variable).map(|event| event.data.to_vec()).collect(),
    };
    Sample { name, attest, signature, key, nonce, log, ima, pcrs, floor }
}

/// Key and signature as ring takes them, cut out of the TPM's structures by their known offsets from the end.
fn bare(
    public: &[u8],
    signature: &[u8],
) -> (&'static dyn ring::signature::VerificationAlgorithm, Vec<u8>, Vec<u8>) {
    let tail = |n: usize| &public[public.len() - n..];
    if signature[..2] == [0, 0x18] {
        // TPM2B x and y, TPM2B r and s.
        let (x, y) = (&tail(66)[..32], &tail(32)[..32]);
        let (r, s) = (&signature[6..38], &signature[40..72]);
        let key = [&[4], x, y].concat();
        (&ring::signature::ECDSA_P256_SHA256_FIXED, key, [r, s].concat())
    } else {
        let modulus = tail(256);
        let integer = |bytes: &[u8], lead: &[u8]| [&[2, 0x82, 1, 1][..], lead, bytes].concat();
        let body = [integer(modulus, &[0]), vec![2, 3, 1, 0, 1]].concat();
        let len = u16::try_from(body.len()).expect("short").to_be_bytes();
        let key = [&[0x30, 0x82][..], &len, &body].concat();
        (&ring::signature::RSA_PKCS1_2048_8192_SHA256, key, signature[6..].to_vec())
    }
}

fn pcrs_json(bytes: &[u8]) -> PcrValues {
    let banks: serde_json::Value = serde_json::from_slice(bytes).expect("JSON");
    let mut values = PcrValues::new();
    for (bank, pcrs) in banks.as_object().expect("banks") {
        let alg = HashAlg::from_name(bank).expect("a bank");
        for (pcr, value) in pcrs.as_object().expect("PCRs") {
            let digest = Digest::from_hex(alg, value.as_str().expect("hexadecimal")).expect("a digest");
            values.insert(pcr.parse().expect("an index"), digest);
        }
    }
    values
}
