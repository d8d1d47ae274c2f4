use super::*;
use crate::authenticate::challenge::{Challenge, Nonce};
use crate::authenticate::key::AttestationKey;
use crate::authenticate::quote::{self, AuthenticQuote};
use crate::evidence::tpm::{Attest, Signature};
use crate::testing::{AttestFields, SoftKey, fixture, nonce_of, pcrs_of};
use crate::{Limits, Timestamp};

const LIMITS: Limits = Limits::DEFAULT;
const NONCE: [u8; 32] = [0x11; 32];

fn quoted(attest: &[u8], key: &SoftKey, then: impl FnOnce(AuthenticQuote<'_>)) {
    let signature = key.sign(attest);
    let public = AttestationKey::vouched(&key.good_public(), &LIMITS).unwrap();
    let challenge = Challenge::offline(Nonce::new(&NONCE).unwrap());
    let quote = quote::authenticate(
        Attest::parse(attest, &LIMITS).unwrap(),
        &Signature::parse(&signature, &LIMITS).unwrap(),
        &public,
        challenge,
        Timestamp::from_unix(0),
    );
    then(quote.unwrap());
}

fn zeros(alg: HashAlg, pcrs: impl IntoIterator<Item = u8>) -> PcrValues {
    pcrs.into_iter().map(|pcr| (pcr, Digest::zero(alg))).collect()
}

#[test]
fn genuine_quotes_prove_exactly_their_selection() {
    let sb_grub = (fixture!("boots/sb-grub/nonce.hex"), fixture!("boots/sb-grub/pcrs.json"));
    let sb_sha384 = (fixture!("boots/sb-sha384/nonce.hex"), fixture!("boots/sb-sha384/pcrs.json"));
    for (attest, sig, key, (nonce, pcrs), banks) in [
        (
            fixture!("boots/sb-grub/quote-ecc.attest"),
            fixture!("boots/sb-grub/quote-ecc.sig"),
            fixture!("boots/sb-grub/ak-ecc.pub"),
            sb_grub,
            &[HashAlg::Sha256][..],
        ),
        (
            fixture!("boots/sb-grub/quote-rsa.attest"),
            fixture!("boots/sb-grub/quote-rsa.sig"),
            fixture!("boots/sb-grub/ak-rsa.pem"),
            sb_grub,
            &[HashAlg::Sha256],
        ),
        (
            fixture!("boots/sb-grub/quote-all.attest"),
            fixture!("boots/sb-grub/quote-all.sig"),
            fixture!("boots/sb-grub/ak-ecc.pub"),
            sb_grub,
            &[HashAlg::Sha1, HashAlg::Sha256, HashAlg::Sha384],
        ),
        // The bank is sha384, the digest over it sha256.
        (
            fixture!("boots/sb-sha384/quote-ecc.attest"),
            fixture!("boots/sb-sha384/quote-ecc.sig"),
            fixture!("boots/sb-sha384/ak-ecc.pub"),
            sb_sha384,
            &[HashAlg::Sha384],
        ),
    ] {
        let quote = quote::authenticate(
            Attest::parse(attest, &LIMITS).unwrap(),
            &Signature::parse(sig, &LIMITS).unwrap(),
            &AttestationKey::vouched(key, &LIMITS).unwrap(),
            Challenge::offline(Nonce::new(&nonce_of(nonce)).unwrap()),
            Timestamp::from_unix(0),
        )
        .unwrap();
        let values = pcrs_of(pcrs);
        let pcrs = QuotedPcrs::from_values(&quote, &values).unwrap();
        assert_eq!(pcrs.banks(), banks);
        assert_eq!(
            pcrs.iter().map(|(alg, pcr, _)| (alg, pcr)).collect::<Vec<_>>(),
            quote.selection().iter().collect::<Vec<_>>()
        );
        for (alg, pcr, value) in pcrs.iter() {
            assert_eq!(values.get(alg, pcr), Some(value));
        }
        assert_eq!(pcrs.get(banks[0], 23), None, "the value is given, but not quoted");
        assert_eq!(pcrs.get(HashAlg::Sha512, 0), None);
    }
}

#[test]
fn a01_values_beyond_the_selection_do_not_count_and_missing_ones_refuse() {
    quoted(&AttestFields::good(&NONCE).bytes(), &SoftKey::p256(), |quote| {
        let mut values = zeros(HashAlg::Sha256, 0..=1);
        values.insert(2, Digest::ones(HashAlg::Sha256));
        values.insert(0, Digest::ones(HashAlg::Sha384));
        let pcrs = QuotedPcrs::from_values(&quote, &values).unwrap();
        assert_eq!(pcrs.get(HashAlg::Sha256, 1), Some(Digest::zero(HashAlg::Sha256)));
        assert_eq!((pcrs.get(HashAlg::Sha256, 2), pcrs.get(HashAlg::Sha384, 0)), (None, None));
        let missing = QuotedPcrs::from_values(&quote, &zeros(HashAlg::Sha256, [0]));
        assert_eq!(missing, Err(Error::PcrMissing { alg: HashAlg::Sha256, pcr: 1 }));
    });
}

#[test]
fn a01_values_relabelled_to_another_bank_or_index() {
    quoted(&AttestFields::good(&NONCE).bytes(), &SoftKey::p256(), |quote| {
        let missing = Err(Error::PcrMissing { alg: HashAlg::Sha256, pcr: 0 });
        assert_eq!(QuotedPcrs::from_values(&quote, &zeros(HashAlg::Sm3_256, 0..=1)), missing);
        assert_eq!(QuotedPcrs::from_values(&quote, &zeros(HashAlg::Sha256, 1..=2)), missing);
        let relabelled = QuotedPcrs::from_lookup(&quote, |_, _| Some(Digest::zero(HashAlg::Sm3_256)));
        assert_eq!(relabelled, missing);
    });
}

#[test]
fn a01_values_swapped_or_changed() {
    let mut fields = AttestFields::good(&NONCE);
    let (a, b) = (Digest::zero(HashAlg::Sha256), Digest::ones(HashAlg::Sha256));
    fields.pcr_digest = HashAlg::Sha256.hash(&[a.as_bytes(), b.as_bytes()]).as_bytes().to_vec();
    quoted(&fields.bytes(), &SoftKey::p256(), |quote| {
        let of = |a, b| QuotedPcrs::from_values(&quote, &[(0, a), (1, b)].into_iter().collect());
        assert!(of(a, b).is_ok());
        assert_eq!(of(b, a).unwrap_err().code(), "pcr_digest_mismatch");
        assert_eq!(of(a, a).unwrap_err().code(), "pcr_digest_mismatch");
    });
}

#[test]
fn a08_pcr_digest_is_by_the_signing_schemes_hash_not_the_banks() {
    // A key that signs with SHA-384 quotes the SHA-256 bank: the digest is a SHA-384 one.
    let mut fields = AttestFields::good(&NONCE);
    let right = HashAlg::Sha384.hash(&[&[0; 64]]);
    fields.pcr_digest = right.as_bytes().to_vec();
    quoted(&fields.bytes(), &SoftKey::p384(), |quote| {
        assert!(QuotedPcrs::from_values(&quote, &zeros(HashAlg::Sha256, 0..=1)).is_ok());
    });
    // The bank's hash, lengthened to pass for the scheme's.
    fields.pcr_digest = [HashAlg::Sha256.hash(&[&[0; 64]]).as_bytes(), &[0; 16]].concat();
    quoted(&fields.bytes(), &SoftKey::p384(), |quote| {
        let error = QuotedPcrs::from_values(&quote, &zeros(HashAlg::Sha256, 0..=1)).unwrap_err();
        assert_eq!(error.code(), "pcr_digest_mismatch");
    });
}
