use super::*;
use crate::Limits;
use crate::evidence::tpm::PcrMask;
use crate::testing::{AttestFields, SoftKey, fixture, nonce_of};

const LIMITS: Limits = Limits::DEFAULT;
const NONCE: [u8; 32] = [0x11; 32];
const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

fn offline(nonce: &[u8]) -> Challenge {
    Challenge::offline(Nonce::new(nonce).unwrap())
}

/// Judges bytes against the challenge; the nonce proven, or the code of the refusal.
fn judge(
    attest: &[u8],
    signature: &[u8],
    key: &AttestationKey,
    challenge: Challenge,
) -> Result<String, &'static str> {
    let attest = Attest::parse(attest, &LIMITS).map_err(|error| error.code())?;
    let signature = Signature::parse(signature, &LIMITS).map_err(|error| error.code())?;
    let quote = authenticate(attest, &signature, key, challenge, NOW).map_err(|error| error.code())?;
    Ok(format!("{:?} {} {}", quote.nonce(), quote.algorithm(), quote.selection()))
}

/// What comes out when this key signs these fields.
fn signed(fields: &AttestFields, soft: &SoftKey, challenge: Challenge) -> Result<String, &'static str> {
    let attest = fields.bytes();
    let key = AttestationKey::vouched(&soft.good_public(), &LIMITS).unwrap();
    judge(&attest, &soft.sign(&attest), &key, challenge)
}

fn lie(change: impl FnOnce(&mut AttestFields)) -> Result<String, &'static str> {
    let mut fields = AttestFields::good(&NONCE);
    change(&mut fields);
    signed(&fields, &SoftKey::p256(), offline(&NONCE))
}

fn sha256(pcrs: &[u8]) -> PcrSelection {
    PcrSelection::new([(HashAlg::Sha256, PcrMask::of(pcrs.iter().copied()).unwrap())]).unwrap()
}

struct Genuine {
    attest: &'static [u8],
    signature: &'static [u8],
    public: &'static [u8],
    pem: &'static [u8],
    algorithm: &'static str,
}

const ECC: Genuine = Genuine {
    attest: fixture!("boots/sb-grub/quote-ecc.attest"),
    signature: fixture!("boots/sb-grub/quote-ecc.sig"),
    public: fixture!("boots/sb-grub/ak-ecc.pub"),
    pem: fixture!("boots/sb-grub/ak-ecc.pem"),
    algorithm: "ecdsa-p256-sha256",
};
const RSA: Genuine = Genuine {
    attest: fixture!("boots/sb-grub/quote-rsa.attest"),
    signature: fixture!("boots/sb-grub/quote-rsa.sig"),
    public: fixture!("boots/sb-grub/ak-rsa.pub"),
    pem: fixture!("boots/sb-grub/ak-rsa.pem"),
    algorithm: "rsassa-sha256",
};

fn genuine_nonce() -> Vec<u8> {
    nonce_of(fixture!("boots/sb-grub/nonce.hex"))
}

fn vouched(bytes: &[u8]) -> AttestationKey {
    AttestationKey::vouched(bytes, &LIMITS).unwrap()
}

#[test]
fn genuine_quotes_are_authentic() {
    for genuine in [ECC, RSA] {
        let expected = format!(
            "{} {} sha256:0,1,2,3,4,5,6,7,8,9,10,14",
            hex::encode(genuine_nonce()),
            genuine.algorithm
        );
        for key in [vouched(genuine.public), vouched(genuine.pem)] {
            let judgement = judge(genuine.attest, genuine.signature, &key, offline(&genuine_nonce()));
            assert_eq!(judgement.as_ref(), Ok(&expected));
        }
    }
}

#[test]
fn a_quote_says_who_signed_and_whether_that_is_proven() {
    let attest = || Attest::parse(ECC.attest, &LIMITS).unwrap();
    let signature = Signature::parse(ECC.signature, &LIMITS).unwrap();
    let of = |key: AttestationKey| {
        authenticate(attest(), &signature, &key, offline(&genuine_nonce()), NOW).unwrap()
    };
    let (tpm, pem) = (of(vouched(ECC.public)), of(vouched(ECC.pem)));
    assert!(tpm.attributes_proven() && !pem.attributes_proven());
    let ek = crate::evidence::tpm::Public::parse(fixture!("boots/sb-grub/ek-rsa.pub"), &LIMITS).unwrap();
    let ak = crate::evidence::tpm::Public::parse(ECC.public, &LIMITS).unwrap();
    let qualified = ak.qualified_name(&ek.qualified_name(&[0x40, 0, 0, 0x0b]));
    assert_eq!((tpm.qualified_signer(), pem.qualified_signer()), (&*qualified, &*qualified));
}

#[test]
fn software_quotes_of_every_kind_are_authentic() {
    let good = AttestFields::good(&NONCE);
    assert!(signed(&good, &SoftKey::p256(), offline(&NONCE)).unwrap().contains("ecdsa-p256-sha256"));
    assert!(signed(&good, &SoftKey::rsa2048(), offline(&NONCE)).unwrap().contains("rsassa-sha256"));
    let mut sha384 = good.clone();
    sha384.pcr_digest = vec![0; 48];
    assert!(signed(&sha384, &SoftKey::p384(), offline(&NONCE)).unwrap().contains("ecdsa-p384-sha384"));
    let rsa = SoftKey::rsa2048();
    let public = rsa.public(crate::testing::AK_ATTRIBUTES, 0x0b, &[0x16, 0x0b]);
    let attest = good.bytes();
    let judgement = judge(&attest, &rsa.sign_pss(&attest), &vouched(&public), offline(&NONCE));
    assert!(judgement.unwrap().contains("rsapss-sha256"));
}

#[test]
fn a02_empty_selection() {
    assert_eq!(lie(|quote| quote.selections = vec![]), Err("selection_empty"));
    assert_eq!(lie(|quote| quote.selections = vec![(0x0b, vec![0, 0, 0])]), Err("selection_empty"));
}

#[test]
fn a01_other_pcrs_than_asked_for() {
    let judged = |asked: PcrSelection| {
        let challenge = Challenge::issued(Nonce::new(&NONCE).unwrap(), asked, NOW);
        signed(&AttestFields::good(&NONCE), &SoftKey::p256(), challenge)
    };
    assert!(judged(sha256(&[0, 1])).is_ok());
    assert_eq!(judged(sha256(&[0])), Err("selection_mismatch"), "extra");
    assert_eq!(judged(sha256(&[0, 1, 2])), Err("selection_mismatch"), "missing");
    assert_eq!(judged(sha256(&[0, 2])), Err("selection_mismatch"), "relabelled");
    let mask = PcrMask::of([0, 1]).unwrap();
    let other_bank = PcrSelection::new([(HashAlg::Sha384, mask)]).unwrap();
    assert_eq!(judged(other_bank), Err("selection_mismatch"));
    let both = PcrSelection::new([(HashAlg::Sha256, mask), (HashAlg::Sha384, mask)]).unwrap();
    assert_eq!(judged(both), Err("selection_mismatch"));
    assert_eq!(judged(PcrSelection::default()), Err("selection_mismatch"), "nothing asked for");
}

#[test]
fn a07_signature_scheme_is_not_the_keys() {
    let rsa = SoftKey::rsa2048();
    let attest = AttestFields::good(&NONCE).bytes();
    let key = vouched(&rsa.good_public());
    assert_eq!(judge(&attest, &rsa.sign_pss(&attest), &key, offline(&NONCE)), Err("scheme_mismatch"));
    let pss = vouched(&rsa.public(crate::testing::AK_ATTRIBUTES, 0x0b, &[0x16, 0x0b]));
    assert_eq!(judge(&attest, &rsa.sign(&attest), &pss, offline(&NONCE)), Err("scheme_mismatch"));
    let sha384 = vouched(&rsa.public(crate::testing::AK_ATTRIBUTES, 0x0b, &[0x14, 0x0c]));
    assert_eq!(judge(&attest, &rsa.sign(&attest), &sha384, offline(&NONCE)), Err("scheme_mismatch"));
    let ecdsa = SoftKey::p256().sign(&attest);
    assert_eq!(judge(&attest, &ecdsa, &key, offline(&NONCE)), Err("scheme_not_for_key"));
}

#[test]
fn a07_sha1_signatures() {
    let mut signature = RSA.signature.to_vec();
    signature[3] = 0x04;
    for key in [RSA.public, RSA.pem] {
        let judgement = judge(RSA.attest, &signature, &vouched(key), offline(&genuine_nonce()));
        assert_eq!(judgement, Err("signature_sha1"));
    }
}

#[test]
fn a08_pcr_digest_of_another_hash() {
    assert_eq!(lie(|quote| quote.pcr_digest = vec![0; 48]), Err("pcr_digest_length"));
    assert_eq!(lie(|quote| quote.pcr_digest = vec![]), Err("pcr_digest_length"));
}

#[test]
fn a10_qualified_signer_is_another() {
    let named = |name: &[u8]| {
        let key = vouched(ECC.public).with_qualified_name(name);
        judge(ECC.attest, ECC.signature, &key, offline(&genuine_nonce())).map(|_| ())
    };
    let ek = crate::evidence::tpm::Public::parse(fixture!("boots/sb-grub/ek-rsa.pub"), &LIMITS).unwrap();
    let ak = crate::evidence::tpm::Public::parse(ECC.public, &LIMITS).unwrap();
    assert_eq!(named(&ak.qualified_name(&ek.qualified_name(&[0x40, 0, 0, 0x0b]))), Ok(()));
    let owner = ak.qualified_name(&ek.qualified_name(&[0x40, 0, 0, 0x01]));
    assert_eq!(named(&owner), Err("qualified_signer_mismatch"));
    assert_eq!(named(&ak.name()), Err("qualified_signer_mismatch"));
    // A name by another algorithm than the key's, none at all, a handle.
    for signer in [[&[0, 0x0c][..], &[7; 48]].concat(), vec![], vec![0x40, 0, 0, 7], vec![0, 0x0b]] {
        assert_eq!(lie(|quote| quote.qualified_signer = signer), Err("qualified_signer_mismatch"));
    }
}

#[test]
fn a11_evidence_without_a_nonce() {
    assert_eq!(lie(|quote| quote.extra_data = vec![]), Err("nonce_missing"));
}

#[test]
fn a14_nonce_is_another_or_cut_or_padded() {
    assert_eq!(lie(|quote| quote.extra_data = vec![0x12; 32]), Err("nonce_mismatch"));
    assert_eq!(lie(|quote| quote.extra_data = vec![0x11; 31]), Err("nonce_wrong_length"));
    assert_eq!(lie(|quote| quote.extra_data.push(0)), Err("nonce_wrong_length"));
    assert_eq!(lie(|quote| quote.extra_data.insert(0, 0)), Err("nonce_wrong_length"));
}

#[test]
fn a14_nonce_expired() {
    let challenge = |expires| Challenge::issued(Nonce::new(&NONCE).unwrap(), sha256(&[0, 1]), expires);
    let judged = |expires| signed(&AttestFields::good(&NONCE), &SoftKey::p256(), challenge(expires));
    assert!(judged(NOW).is_ok());
    assert_eq!(judged(Timestamp::from_unix(NOW.unix() - 1)), Err("nonce_expired"));
}

#[test]
fn a20_quote_by_another_key() {
    let judgement = judge(ECC.attest, RSA.signature, &vouched(RSA.public), offline(&genuine_nonce()));
    assert_eq!(judgement, Err("signature_invalid"), "genuine key, genuine signature, of another quote");
    let soft = SoftKey::p256();
    let judgement =
        judge(ECC.attest, &soft.sign(ECC.attest), &vouched(ECC.public), offline(&genuine_nonce()));
    assert_eq!(judgement, Err("signature_invalid"));
}

#[test]
fn a51_the_signature_is_checked_last() {
    // Every cheap refusal comes out although the signature is not valid either.
    let garbage =
        [&[0, 0x18, 0, 0x0b][..], &crate::testing::tpm2b(&[1; 32]), &crate::testing::tpm2b(&[1; 32])]
            .concat();
    let judged = |change: fn(&mut AttestFields)| {
        let mut fields = AttestFields::good(&NONCE);
        change(&mut fields);
        judge(&fields.bytes(), &garbage, &vouched(&SoftKey::p256().good_public()), offline(&NONCE))
    };
    assert_eq!(judged(|_| ()), Err("signature_invalid"));
    assert_eq!(judged(|quote| quote.extra_data = vec![9; 32]), Err("nonce_mismatch"));
    assert_eq!(judged(|quote| quote.selections = vec![]), Err("selection_empty"));
    assert_eq!(judged(|quote| quote.qualified_signer = vec![]), Err("qualified_signer_mismatch"));
    assert_eq!(judged(|quote| quote.pcr_digest = vec![]), Err("pcr_digest_length"));
}

#[test]
fn a52_every_changed_byte_of_a_quote_or_signature_is_refused() {
    for genuine in [ECC, RSA] {
        let key = vouched(genuine.public);
        for at in 0..genuine.attest.len() {
            for flip in [1, 0x80, 0xff] {
                let mut attest = genuine.attest.to_vec();
                attest[at] ^= flip;
                let judgement = judge(&attest, genuine.signature, &key, offline(&genuine_nonce()));
                assert!(judgement.is_err(), "attest byte {at}");
            }
        }
        for at in 0..genuine.signature.len() {
            for flip in [1, 0x80, 0xff] {
                let mut signature = genuine.signature.to_vec();
                signature[at] ^= flip;
                let judgement = judge(genuine.attest, &signature, &key, offline(&genuine_nonce()));
                assert!(judgement.is_err(), "signature byte {at}");
            }
        }
    }
}

#[test]
fn a52_every_changed_byte_of_a_key_is_refused_or_changes_only_its_name() {
    for genuine in [ECC, RSA] {
        let expected =
            judge(genuine.attest, genuine.signature, &vouched(genuine.public), offline(&genuine_nonce()));
        let name = vouched(genuine.public).name().unwrap().to_vec();
        for at in 0..genuine.public.len() {
            for flip in [1, 0x80, 0xff] {
                let mut public = genuine.public.to_vec();
                public[at] ^= flip;
                let Ok(key) = AttestationKey::vouched(&public, &LIMITS) else { continue };
                assert_ne!(key.name(), Some(&name[..]));
                let judgement = judge(genuine.attest, genuine.signature, &key, offline(&genuine_nonce()));
                // Attributes that do not matter here may change: then it is another key by name and the same judgement.
                assert!(judgement.is_err() || judgement == expected, "key byte {at}");
                assert!(key.with_name(&name).is_err());
            }
        }
    }
}
