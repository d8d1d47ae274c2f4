use std::collections::HashSet;

use super::*;

const DEVICE: &str = "dev-00000000000000000000000000000000";

fn key(byte: u8) -> ChallengeKey {
    ChallengeKey::new(&[byte; KEY_BYTES]).unwrap()
}

fn challenge() -> IssuedChallenge {
    IssuedChallenge {
        device_id: DEVICE.to_owned(),
        server_random: vec![1; 32],
        subject_public_key: vec![7; 91],
        selection: vec![("sha256".to_owned(), vec![0, 7])],
        counters: Some(Counters { reset_count: u32::MAX, restart_count: 1, clock: u64::MAX }),
        expires_at: 1_000_120,
    }
}

/// A name with these bytes in it, sealed as a challenge is.
fn sealed(key: &ChallengeKey, body: &[u8]) -> String {
    let random = [1; RANDOM_BYTES];
    let (sealing, nonce) = key.sealing(&random).unwrap();
    let mut body = body.to_vec();
    sealing.seal_in_place_append_tag(nonce, aead::Aad::empty(), &mut body).unwrap();
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([&random[..], &body].concat()))
}

/// Who knows a device's name can ask for its challenge, and must not learn from it when the device was last restarted.
#[test]
fn a53_a_challenge_tells_a_stranger_nothing_of_the_device() {
    let name = key(1).name(&challenge()).unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(&name[PREFIX.len()..]).unwrap();
    let shows = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(!shows(DEVICE) && !shows("reset_count") && !shows("sha256") && !shows("expires_at"), "{name}");
    let known = IssuedChallenge { server_random: vec![2; 32], ..challenge() };
    let other = key(1).name(&known).unwrap();
    let other = URL_SAFE_NO_PAD.decode(&other[PREFIX.len()..]).unwrap();
    // No two are sealed with the same stream.
    assert!(bytes[RANDOM_BYTES..].iter().zip(&other[RANDOM_BYTES..]).filter(|(a, b)| a == b).count() < 16);
}

/// What is sealed still shows how long it is.
#[test]
fn a53_a_challenge_is_as_long_whatever_the_counters_are() {
    let counters = |reset_count, restart_count, clock| Some(Counters { reset_count, restart_count, clock });
    let all = [None, counters(0, 0, 0), counters(1, 10, 99_999), counters(u32::MAX, u32::MAX, u64::MAX)];
    let lengths =
        all.map(|counters| key(1).name(&IssuedChallenge { counters, ..challenge() }).unwrap().len());
    assert!(lengths.iter().all(|length| *length == lengths[0]), "{lengths:?}");
}

#[test]
fn a13_a_hundred_thousand_nonces_are_different() {
    let subject = [7; 91];
    let nonces = (0..100_000).map(|_| nonce(&dice::bytes::<32>().unwrap(), DEVICE, &subject));
    assert_eq!(nonces.collect::<HashSet<_>>().len(), 100_000);
}

#[test]
fn a28_the_nonce_binds_device_and_key() {
    let nonce = |device: &str, key: &[u8]| super::nonce(&[1; 32], device, key);
    let all = [nonce("dev-1", b"a"), nonce("dev-2", b"a"), nonce("dev-1", b"b")];
    assert_eq!(HashSet::from(all).len(), 3);
    let hash = digest::digest(&digest::SHA256, &[&[1; 32][..], b"dev-1a"].concat());
    assert_eq!(all[0], hash.as_ref());
}

#[test]
fn a_challenge_comes_back_as_it_was_given() {
    let zero = Some(Counters { reset_count: 0, restart_count: 0, clock: 0 });
    let [none, zero] = [None, zero].map(|counters| IssuedChallenge { counters, ..challenge() });
    for challenge in [challenge(), none, zero] {
        let name = key(1).name(&challenge).unwrap();
        assert_eq!(key(1).recognise(&name), Some(challenge));
    }
}

#[test]
fn a12_a_challenge_that_was_touched_is_not_ours() {
    let name = key(1).name(&challenge()).unwrap();
    let sealed = URL_SAFE_NO_PAD.decode(&name[PREFIX.len()..]).unwrap();
    for at in 0..sealed.len() {
        let mut touched = sealed.clone();
        touched[at] ^= 1;
        let name = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(touched));
        assert_eq!(key(1).recognise(&name), None, "byte {at}");
    }
    for end in 0..name.len() {
        assert_eq!(key(1).recognise(&name[..end]), None, "{end} bytes");
    }
    assert_eq!(key(1).recognise(&format!("{name}A")), None);
}

#[test]
fn a12_a_challenge_of_the_devices_own_making_is_not_ours() {
    let body = serde_json::to_vec(&challenge()).unwrap();
    assert_eq!(key(1).recognise(&key(2).name(&challenge()).unwrap()), None, "another key");
    let random = [1; RANDOM_BYTES];
    let bare = hmac::sign(&key(1).0, &random);
    let bare =
        aead::LessSafeKey::new(aead::UnboundKey::new(&aead::CHACHA20_POLY1305, bare.as_ref()).unwrap());
    let mut in_place = body.clone();
    let nonce = aead::Nonce::assume_unique_for_key([0; aead::NONCE_LEN]);
    bare.seal_in_place_append_tag(nonce, aead::Aad::empty(), &mut in_place).unwrap();
    let bare = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([&random[..], &in_place].concat()));
    assert_eq!(key(1).recognise(&bare), None, "a key that was derived for another purpose");
    let none = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([&random[..], &body].concat()));
    assert_eq!(key(1).recognise(&none), None, "not sealed");
    assert!(key(1).recognise(&sealed(&key(1), &body)).is_some());
}

#[test]
fn a_challenge_of_another_form_is_unknown() {
    let mut body: serde_json::Value = serde_json::to_value(challenge()).unwrap();
    body["more"] = 1.into();
    assert_eq!(key(1).recognise(&sealed(&key(1), body.to_string().as_bytes())), None);
    assert_eq!(key(1).recognise(&sealed(&key(1), b"")), None);
    let long = IssuedChallenge { subject_public_key: vec![7; 4_000], ..challenge() };
    assert_eq!(key(1).recognise(&key(1).name(&long).unwrap()), None, "longer than any that is given out");
}

#[test]
fn the_largest_challenge_has_a_name() {
    let all = |bank: &str| (bank.to_owned(), (0..24).collect());
    let selection = ["sha1", "sha256", "sha384", "sha512", "sm3_256"].map(all).to_vec();
    let largest = IssuedChallenge { subject_public_key: vec![7; 550], selection, ..challenge() };
    let name = key(1).name(&largest).unwrap();
    assert!(name.len() < 4_096, "{}", name.len());
    assert_eq!(key(1).recognise(&name), Some(largest));
}

#[test]
fn the_key_is_a_file_of_its_own_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("challenge.key");
    let name = ChallengeKey::open(&path).unwrap().name(&challenge()).unwrap();
    assert_eq!(ChallengeKey::open(&path).unwrap().recognise(&name), Some(challenge()));
    let short = folder.path().join("short.key");
    secret_file::read_or_make(&short, || Ok(Zeroizing::new(vec![1; KEY_BYTES - 1]))).unwrap();
    assert!(matches!(ChallengeKey::open(&short), Err(secret_file::Error::NotOurs(_))));
}
