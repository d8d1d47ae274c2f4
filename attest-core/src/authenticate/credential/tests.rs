use ring::hmac;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::{Oaep, RsaPrivateKey};

use super::*;
use crate::Limits;
use crate::testing::{fixture, random};

const SOFT_EK: &[u8] = fixture!("credential/soft-ek.pub");
const AK_NAME: &[u8] = fixture!("boots/sb-grub/ak-ecc.name");
const SECRET: &[u8] = b"a secret of 32 bytes, no more...";

fn soft_ek() -> Public<'static> {
    Public::parse(SOFT_EK, &Limits::DEFAULT).unwrap()
}

fn tpm2b_at(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (size, rest) = bytes.split_at(2);
    rest.split_at(usize::from(u16::from_be_bytes(size.try_into().unwrap())))
}

fn mac(alg: hmac::Algorithm, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(alg, key));
    parts.iter().for_each(|part| context.update(part));
    context.sign().as_ref().to_vec()
}

/// What a TPM with this RSA key does in TPM2_ActivateCredential, for SHA-256 and AES-128.
fn activate(private: &[u8], ak_name: &[u8], blob: &[u8], encrypted: &[u8]) -> Result<Vec<u8>, &'static str> {
    activate_by(HashAlg::Sha256, private, ak_name, blob, encrypted)
}

/// The same with another name algorithm.
fn activate_by(
    alg: HashAlg,
    private: &[u8],
    ak_name: &[u8],
    blob: &[u8],
    encrypted: &[u8],
) -> Result<Vec<u8>, &'static str> {
    let key = RsaPrivateKey::from_pkcs8_der(private).unwrap();
    let (ciphertext, rest) = tpm2b_at(encrypted);
    assert!(rest.is_empty());
    let (padding, hash) = match alg {
        HashAlg::Sha256 => (Oaep::new_with_label::<rsa::sha2::Sha256, _>("IDENTITY\0"), hmac::HMAC_SHA256),
        HashAlg::Sha384 => (Oaep::new_with_label::<rsa::sha2::Sha384, _>("IDENTITY\0"), hmac::HMAC_SHA384),
        _ => (Oaep::new_with_label::<rsa::sha2::Sha512, _>("IDENTITY\0"), hmac::HMAC_SHA512),
    };
    let seed = key.decrypt(padding, ciphertext).map_err(|_| "seed")?;
    let (object, rest) = tpm2b_at(blob);
    assert!(rest.is_empty());
    let (integrity, identity) = tpm2b_at(object);
    let bits = u32::try_from(alg.size() * 8).unwrap().to_be_bytes();
    let hmac_key = mac(hash, &seed, &[&[0, 0, 0, 1], b"INTEGRITY\0", &bits]);
    if mac(hash, &hmac_key, &[identity, ak_name]) != integrity {
        return Err("integrity");
    }
    let key = &mac(hash, &seed, &[&[0, 0, 0, 1], b"STORAGE\0", ak_name, &[0, 0, 0, 128]])[..16];
    let mut plain = identity.to_vec();
    cfb_mode::Decryptor::<Aes128>::new_from_slices(key, &[0; 16]).unwrap().decrypt(&mut plain);
    Ok(tpm2b_at(&plain).0.to_vec())
}

#[test]
fn the_foreign_credential_opens_here() {
    let cred = fixture!("credential/tpm2-tools.cred");
    assert_eq!(&cred[..8], [0xba, 0xdc, 0xc0, 0xde, 0, 0, 0, 1]);
    let (object, encrypted) = tpm2b_at(&cred[8..]);
    let blob = crate::testing::tpm2b(object);
    assert_eq!(activate(fixture!("keys/rsa2048.pk8"), AK_NAME, &blob, encrypted).as_deref(), Ok(SECRET));
}

#[test]
fn our_credential_has_the_shape_of_the_foreign_one_and_opens_the_same_way() {
    let made = make_credential(&soft_ek(), AK_NAME, SECRET, &random()).unwrap();
    assert_eq!(
        made.credential_blob.len() + made.encrypted_secret.len() + 8,
        fixture!("credential/tpm2-tools.cred").len()
    );
    let opened =
        activate(fixture!("keys/rsa2048.pk8"), AK_NAME, &made.credential_blob, &made.encrypted_secret);
    assert_eq!(opened.as_deref(), Ok(SECRET));
    let short = make_credential(&soft_ek(), AK_NAME, b"x", &random()).unwrap();
    let opened =
        activate(fixture!("keys/rsa2048.pk8"), AK_NAME, &short.credential_blob, &short.encrypted_secret);
    assert_eq!(opened.as_deref(), Ok(&b"x"[..]));
}

/// An RSA key's name algorithm is that of the padding and of every key derived.
#[test]
fn an_rsa_key_may_be_named_by_any_of_the_three_hashes() {
    for (id, alg) in [(0x0b, HashAlg::Sha256), (0x0c, HashAlg::Sha384), (0x0d, HashAlg::Sha512)] {
        let mut ek = SOFT_EK.to_vec();
        ek[5] = id;
        let ek = Public::parse(&ek, &Limits::DEFAULT).unwrap();
        let secret = &[7; 64][..alg.size()];
        let made = make_credential(&ek, AK_NAME, secret, &random()).unwrap();
        let (blob, encrypted) = (&made.credential_blob, &made.encrypted_secret);
        let opened = activate_by(alg, fixture!("keys/rsa2048.pk8"), AK_NAME, blob, encrypted);
        assert_eq!(opened.as_deref(), Ok(secret), "{alg}");
    }
}

/// The padding's randomness is that of the argument, and its failure is remembered over whatever succeeds later.
#[test]
fn the_padding_is_random_or_there_is_no_credential() {
    use rsa::rand_core::RngCore as _;
    let mut calls = 0_u8;
    let mut fill = |dest: &mut [u8]| {
        calls += 1;
        dest.fill(calls);
        if calls == 4 { Err(ring::error::Unspecified) } else { Ok(()) }
    };
    let mut rng = Infallible { fill: &mut fill, failed: false };
    let mut bytes = [0; 4];
    rng.fill_bytes(&mut bytes);
    assert_eq!((bytes, rng.failed), ([1; 4], false));
    assert!(rng.try_fill_bytes(&mut bytes).is_ok());
    assert_eq!((bytes, rng.next_u32(), rng.failed), ([2; 4], 0x0303_0303, false));
    assert_eq!((rng.next_u64(), rng.failed), (0x0404_0404_0404_0404, true));
    rng.fill_bytes(&mut bytes);
    assert_eq!((bytes, rng.failed), ([5; 4], true));
}

#[test]
fn two_credentials_share_nothing() {
    let [a, b] = [(); 2].map(|()| make_credential(&soft_ek(), AK_NAME, SECRET, &random()).unwrap());
    assert!(a.credential_blob != b.credential_blob && a.encrypted_secret != b.encrypted_secret);
}

#[test]
fn a20_activation_for_another_ak_name() {
    let made = make_credential(&soft_ek(), AK_NAME, SECRET, &random()).unwrap();
    let other = fixture!("boots/sb-grub/ak-rsa.name");
    let opened = activate(fixture!("keys/rsa2048.pk8"), other, &made.credential_blob, &made.encrypted_secret);
    assert_eq!(opened, Err("integrity"));
}

#[test]
fn a20_activation_for_another_ek() {
    let ek = Public::parse(fixture!("boots/sb-grub/ek-rsa.pub"), &Limits::DEFAULT).unwrap();
    let made = make_credential(&ek, AK_NAME, SECRET, &random()).unwrap();
    let opened =
        activate(fixture!("keys/rsa2048.pk8"), AK_NAME, &made.credential_blob, &made.encrypted_secret);
    assert_eq!(opened, Err("seed"));
}

#[test]
fn a20_a_blob_changed_in_one_byte_opens_nothing() {
    let made = make_credential(&soft_ek(), AK_NAME, SECRET, &random()).unwrap();
    for at in (2..made.credential_blob.len()).filter(|at| !(2..4).contains(at)) {
        let mut blob = made.credential_blob.clone();
        blob[at] ^= 1;
        let opened = activate(fixture!("keys/rsa2048.pk8"), AK_NAME, &blob, &made.encrypted_secret);
        assert_eq!(opened, Err("integrity"), "byte {at}");
    }
}

#[test]
fn a19_an_ek_that_is_no_restricted_decryption_key() {
    let attributes = 6;
    for (byte, bit) in [(1, 1), (1, 2), (1, 4)] {
        let mut ek = SOFT_EK.to_vec();
        ek[attributes + byte] ^= bit;
        let ek = Public::parse(&ek, &Limits::DEFAULT).unwrap();
        assert_eq!(make_credential(&ek, AK_NAME, SECRET, &random()), Err(Error::EkNotRestrictedDecryption));
    }
    let ak = Public::parse(fixture!("boots/sb-grub/ak-rsa.pub"), &Limits::DEFAULT).unwrap();
    assert_eq!(make_credential(&ak, AK_NAME, SECRET, &random()), Err(Error::EkNotRestrictedDecryption));
}

#[test]
fn ciphers_and_hashes_that_are_not_supported_are_named() {
    let ek = |change: fn(&mut Vec<u8>)| {
        let mut ek = SOFT_EK.to_vec();
        change(&mut ek);
        let ek = Public::parse(&ek, &Limits::DEFAULT).unwrap();
        make_credential(&ek, AK_NAME, SECRET, &random()).unwrap_err().code()
    };
    let symmetric = 2 + 2 + 2 + 4 + 2 + 32;
    assert_eq!(SOFT_EK[symmetric..symmetric + 6], [0, 6, 0, 128, 0, 0x43]);
    assert_eq!(ek(|ek| ek[2 + 2 + 2 + 4 + 2 + 32 + 1] = 0x13), "ek_cipher_unsupported");
    assert_eq!(ek(|ek| ek[2 + 2 + 2 + 4 + 2 + 32 + 3] = 64), "ek_cipher_unsupported");
    assert_eq!(ek(|ek| ek[2 + 2 + 2 + 4 + 2 + 32 + 5] = 0x44), "ek_cipher_unsupported");
    assert_eq!(ek(|ek| ek[5] = 0x04), "ek_name_alg_unsupported");
    assert_eq!(ek(|ek| *ek.last_mut().unwrap() &= 0xfe), "modulus_unsupported");
}

#[test]
fn names_and_secrets_have_their_lengths() {
    let make = |name: &[u8], secret: &[u8]| make_credential(&soft_ek(), name, secret, &random());
    assert_eq!(make(AK_NAME, &[]), Err(Error::SecretLength { len: 0, max: 32 }));
    assert_eq!(make(AK_NAME, &[1; 33]), Err(Error::SecretLength { len: 33, max: 32 }));
    for name in [&[][..], &[0], &[0, 0x0b], &AK_NAME[..33], &[AK_NAME, &[0]].concat(), &[0x40, 0, 0, 7]] {
        assert_eq!(make(name, SECRET), Err(Error::AkNameMalformed { len: name.len() }));
    }
}

/// TPM2B_PUBLIC of the endorsement key of an ECC template: P-256 with SHA-256 and AES-128, or P-384 with SHA-384 and AES-256.
fn ecc_ek(curve: EccCurve, point: &[u8]) -> Vec<u8> {
    let (name_alg, key_bits, id) = match curve {
        EccCurve::NistP256 => (0x0b, 128u16, 3),
        EccCurve::NistP384 => (0x0c, 256, 4),
    };
    let mut out = vec![0, 0x23, 0, name_alg, 0, 3, 0, 0xb2, 0, 0, 0, 6];
    out.extend(key_bits.to_be_bytes());
    out.extend([0, 0x43, 0, 0x10, 0, id, 0, 0x10]);
    let (x, y) = point.split_at(point.len() / 2);
    out.extend([crate::testing::tpm2b(x), crate::testing::tpm2b(y)].concat());
    crate::testing::tpm2b(&out)
}

#[test]
fn ecc_credentials_carry_a_fresh_point() {
    for (curve, algorithm) in
        [(EccCurve::NistP256, &agreement::ECDH_P256), (EccCurve::NistP384, &agreement::ECDH_P384)]
    {
        let theirs = agreement::EphemeralPrivateKey::generate(algorithm, &random()).unwrap();
        let public = theirs.compute_public_key().unwrap();
        let ek = ecc_ek(curve, &public.as_ref()[1..]);
        let ek = Public::parse(&ek, &Limits::DEFAULT).unwrap();
        let made = make_credential(&ek, AK_NAME, SECRET, &random()).unwrap();
        let (point, _) = tpm2b_at(&made.encrypted_secret);
        let (x, rest) = tpm2b_at(point);
        let (y, rest) = tpm2b_at(rest);
        assert!(rest.is_empty());
        assert_eq!((x.len(), y.len()), (curve.field_bytes(), curve.field_bytes()));

        // The other half of the exchange, from the specification's formulas: the integrity value must come out.
        let ephemeral = [&[4][..], x, y].concat();
        let peer = agreement::UnparsedPublicKey::new(algorithm, ephemeral);
        let seed = agreement::agree_ephemeral(theirs, &peer, |z| {
            let their_x = &public.as_ref()[1..1 + curve.field_bytes()];
            ek.name_alg().hash(&[&[0, 0, 0, 1], z, b"IDENTITY\0", x, their_x])
        })
        .unwrap();
        let alg = if curve == EccCurve::NistP256 { hmac::HMAC_SHA256 } else { hmac::HMAC_SHA384 };
        let (object, _) = tpm2b_at(&made.credential_blob);
        let (integrity, identity) = tpm2b_at(object);
        let bits = (ek.name_alg().size() as u32 * 8).to_be_bytes();
        let key = hmac::sign(
            &hmac::Key::new(alg, seed.as_bytes()),
            &[&[0, 0, 0, 1], &b"INTEGRITY\0"[..], &bits].concat(),
        );
        let expected = hmac::sign(&hmac::Key::new(alg, key.as_ref()), &[identity, AK_NAME].concat());
        assert_eq!(integrity, expected.as_ref());
    }
}

#[test]
fn a_point_that_is_not_on_its_curve_is_refused() {
    for curve in [EccCurve::NistP256, EccCurve::NistP384] {
        let ek = ecc_ek(curve, &vec![1; curve.field_bytes() * 2]);
        let ek = Public::parse(&ek, &Limits::DEFAULT).unwrap();
        assert_eq!(make_credential(&ek, AK_NAME, SECRET, &random()), Err(Error::EkNumbersInvalid));
    }
}
