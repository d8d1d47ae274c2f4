//! Any bytes as a signed note, a checkpoint, a verifier key, a request to a witness, a proof of logging. Nothing is believed that nobody signed; the same text,
//! signed, is read as what it is and as nothing else.
#![no_main]

use std::sync::LazyLock;

use attest_core::Limits;
use attest_core::audit::checkpoint::{Checkpoint, LogIdentity, SignedCheckpoint};
use attest_core::audit::note::{self, KeyType, SignEd25519, SignedNote, VerifierKey};
use attest_core::audit::proof::LogProof;
use attest_core::audit::witness::{AddCheckpoint, WitnessQuorum, WitnessedCheckpoint};
use attest_core::result::SignError;
use libfuzzer_sys::fuzz_target;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

const NAME: &str = "log.example/fuzz";

struct Signer(Ed25519KeyPair);

impl SignEd25519 for Signer {
    fn public_key(&self) -> [u8; 32] {
        self.0.public_key().as_ref().try_into().expect("32 bytes")
    }
    fn sign_ed25519(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        Ok(self.0.sign(message).as_ref().try_into().expect("64 bytes"))
    }
}

static SIGNER: LazyLock<Signer> =
    LazyLock::new(|| Signer(Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed")));
static KEY: LazyLock<VerifierKey> =
    LazyLock::new(|| VerifierKey::new(NAME, KeyType::Ed25519, SIGNER.public_key()).expect("a good key"));

static QUORUM: LazyLock<WitnessQuorum> = LazyLock::new(|| {
    let witness = VerifierKey::new("witness.example", KeyType::CosignatureV1, [9; 32]).expect("a key");
    WitnessQuorum::new(1, vec![witness], &Limits::DEFAULT).expect("a quorum")
});

fuzz_target!(|bytes: &[u8]| {
    let limits = &Limits::DEFAULT;
    if let Ok(request) = AddCheckpoint::parse(bytes, limits) {
        assert_eq!(request.to_bytes(), bytes);
    }
    if let Ok(proof) = LogProof::parse(bytes, limits) {
        assert_eq!(proof.to_bytes(), bytes);
        let log = LogIdentity::new(KEY.clone()).expect("a log's key");
        assert!(proof.verify(b"entry", &log, &QUORUM, limits).is_err(), "nobody signed it");
    }
    let key = core::str::from_utf8(bytes).ok().and_then(|text| Some((text, VerifierKey::parse(text).ok()?)));
    if let Some((text, key)) = key {
        assert_eq!(key.to_string(), text);
        drop(WitnessQuorum::new(1, vec![key.clone()], limits));
        drop(LogIdentity::new(key));
    }
    let Ok(parsed) = SignedNote::parse(bytes, limits) else { return };
    assert!(parsed.verify(&KEY).is_err(), "nobody signed it");
    let text = parsed.text();
    let checkpoint = Checkpoint::parse(text, limits);
    if let Ok(checkpoint) = &checkpoint {
        assert_eq!(checkpoint.to_string(), text);
    }

    // With the other lines behind it, and those may name any key.
    let Ok(signed) = note::sign(text, NAME, &*SIGNER) else { return };
    let lines = parsed.note().get(text.len() + 1..).expect("lines");
    let signed = signed + lines;
    let Ok(again) = SignedNote::parse(signed.as_bytes(), limits) else { return };
    assert_eq!((again.text(), again.signatures().len()), (text, parsed.signatures().len() + 1));
    let origin = checkpoint.as_ref().map_or("none", |checkpoint| checkpoint.origin());
    let log = LogIdentity::with_origin(origin, KEY.clone()).expect("a log's key");
    let Ok(believed) = SignedCheckpoint::verify(signed.as_bytes(), &log, limits) else { return };
    assert_eq!(Some(believed.checkpoint()), checkpoint.as_ref().ok());
    assert!(WitnessedCheckpoint::verify(believed, &QUORUM).is_err(), "nobody cosigned it");
});
