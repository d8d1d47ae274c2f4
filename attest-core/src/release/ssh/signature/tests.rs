use super::*;
use crate::release::ssh::key;
use crate::testing::fixture;
use crate::testing::ssh::{Fields, Signer, mpint, string};

const NAMESPACE: &str = "approve@attest";
const MESSAGE: &[u8] = fixture!("ssh/message");
const TOUCHED: u8 = Flags::UP;
const VERIFIED: u8 = Flags::UP | Flags::UV;

macro_rules! signed {
    ($key:literal) => {
        signed!($key, $key)
    };
    ($key:literal, $signature:literal) => {{
        let key = core::str::from_utf8(fixture!(concat!("ssh/", $key, ".pub"))).unwrap();
        let signature = core::str::from_utf8(fixture!(concat!("ssh/", $signature, ".sig"))).unwrap();
        (PublicKey::parse_line(key, &Limits::DEFAULT).unwrap().0, signature)
    }};
}

fn parse(text: &str) -> Result<Signature, Error> {
    Signature::parse(text, &Limits::DEFAULT)
}

fn refused(fields: &Fields) -> Error {
    Signature::from_blob(&fields.blob(), &Limits::DEFAULT).unwrap_err()
}

fn verify(fields: &Fields, key: &PublicKey, demanded: Presence) -> Result<VerifiedSignature, Error> {
    Signature::from_blob(&fields.blob(), &Limits::DEFAULT)?.verify(key, NAMESPACE, MESSAGE, demanded)
}

fn signers() -> [Signer; 4] {
    [
        Signer::ed25519(1, None),
        Signer::p256(None),
        Signer::ed25519(1, Some("ssh:")),
        Signer::p256(Some("ssh:")),
    ]
}

#[test]
fn what_ssh_keygen_signs_is_verified() {
    for (name, (key, text), presence) in [
        ("ecdsa-p256", signed!("ecdsa-p256"), Presence::Unproven),
        ("ecdsa-p384", signed!("ecdsa-p384"), Presence::Unproven),
        ("ecdsa-p521", signed!("ecdsa-p521"), Presence::Unproven),
        ("ed25519", signed!("ed25519"), Presence::Unproven),
        ("ed25519, SHA-256", signed!("ed25519", "ed25519-sha256"), Presence::Unproven),
        ("sk-ecdsa-p256", signed!("sk-ecdsa-p256"), Presence::Present),
        ("sk-ed25519", signed!("sk-ed25519"), Presence::Present),
        ("sk-ed25519-verified", signed!("sk-ed25519-verified"), Presence::Verified),
    ] {
        let signature = parse(text).unwrap();
        assert_eq!(signature.key().canonical(), key.canonical(), "{name}");
        assert_eq!(signature.namespace(), NAMESPACE);
        let verified = signature.verify(&key, NAMESPACE, MESSAGE, presence);
        let verified = verified.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(verified.presence(), presence, "{name}");
        assert_eq!(verified.key().fingerprint(), key.fingerprint());
        assert_eq!(verified.namespace(), NAMESPACE);
        assert_eq!(verified.message(), HashAlg::Sha256.hash(&[MESSAGE]));
        assert_eq!(verified.flags().is_some(), key.key_type().is_sk());
        assert_eq!(signature.flags(), verified.flags());
        assert_eq!(verified.counter(), key.key_type().is_sk().then_some(0x1234_5678));
        assert_eq!(
            signature
                .verify(&key, NAMESPACE, b"Approve release 8 of gateway.\n", Presence::Unproven)
                .unwrap_err(),
            Error::SignatureInvalid,
            "{name}"
        );
    }
}

#[test]
fn a65_an_approval_is_no_review() {
    let (key, text) = signed!("ed25519");
    let signature = parse(text).unwrap();
    let mismatch = Error::NamespaceMismatch { signed: NAMESPACE.into() };
    for namespace in ["review@attest", "approve@attest ", "Approve@attest", ""] {
        assert_eq!(signature.verify(&key, namespace, MESSAGE, Presence::Unproven).unwrap_err(), mismatch);
    }
    // The name in the signature is what was signed, not only what is compared.
    for signer in signers() {
        let mut renamed = signer.sign("review@attest", MESSAGE, TOUCHED);
        renamed.namespace = NAMESPACE.into();
        let error = verify(&renamed, &signer.public(), Presence::Unproven).unwrap_err();
        assert_eq!(error, Error::SignatureInvalid);
    }
}

#[test]
fn a61_it_is_the_enrolled_keys_in_the_enrolled_form() {
    let (key, _) = signed!("ed25519");
    let (_, text) = signed!("sk-ed25519");
    let error = parse(text).unwrap().verify(&key, NAMESPACE, MESSAGE, Presence::Unproven).unwrap_err();
    assert_eq!(error, Error::KeyMismatch);
}

#[test]
fn a66_a_plain_signature_is_none_of_a_token() {
    // The one private key, enrolled as a token's and used without one.
    let (plain, sk) = (Signer::ed25519(1, None), Signer::ed25519(1, Some("ssh:")));
    let signature = plain.sign(NAMESPACE, MESSAGE, 0);
    assert_eq!(verify(&signature, &sk.public(), Presence::Unproven).unwrap_err(), Error::KeyMismatch);
    let signature = sk.sign(NAMESPACE, MESSAGE, TOUCHED);
    assert_eq!(verify(&signature, &plain.public(), Presence::Unproven).unwrap_err(), Error::KeyMismatch);
    let elsewhere = Signer::ed25519(1, Some("ssh:elsewhere")).sign(NAMESPACE, MESSAGE, TOUCHED);
    assert_eq!(verify(&elsewhere, &sk.public(), Presence::Unproven).unwrap_err(), Error::KeyMismatch);
}

#[test]
fn a66_a_token_must_have_been_touched() {
    let (key, text) = signed!("sk-ed25519-no-touch");
    let error = parse(text).unwrap().verify(&key, NAMESPACE, MESSAGE, Presence::Unproven).unwrap_err();
    assert_eq!(error, Error::UserPresenceMissing);
    for signer in [Signer::ed25519(1, Some("ssh:")), Signer::p256(Some("ssh:"))] {
        let key = signer.public();
        for flags in [0, Flags::UV] {
            let untouched = signer.sign(NAMESPACE, MESSAGE, flags);
            assert_eq!(verify(&untouched, &key, Presence::Unproven).unwrap_err(), Error::UserPresenceMissing);
        }
        let touched = signer.sign(NAMESPACE, MESSAGE, TOUCHED);
        assert_eq!(verify(&touched, &key, Presence::Present).unwrap().presence(), Presence::Present);
        let error = verify(&touched, &key, Presence::Verified).unwrap_err();
        assert_eq!(
            error,
            Error::PresenceInsufficient { demanded: Presence::Verified, proven: Presence::Present }
        );
        let verified = verify(&signer.sign(NAMESPACE, MESSAGE, VERIFIED), &key, Presence::Verified).unwrap();
        assert_eq!(verified.presence(), Presence::Verified);
        let backed_up = signer.sign(NAMESPACE, MESSAGE, TOUCHED | Flags::BE | Flags::BS);
        let flags = verify(&backed_up, &key, Presence::Present).unwrap().flags().unwrap();
        assert!(flags.backup() && flags.user_present() && !flags.user_verified());
        assert_eq!(flags.bits(), 0x19);
    }
}

#[test]
fn a66_a_plain_key_proves_no_touch() {
    let signer = Signer::p256(None);
    let signature = signer.sign(NAMESPACE, MESSAGE, 0);
    assert!(verify(&signature, &signer.public(), Presence::Unproven).is_ok());
    for demanded in [Presence::Present, Presence::Verified] {
        let error = verify(&signature, &signer.public(), demanded).unwrap_err();
        assert_eq!(error, Error::PresenceInsufficient { demanded, proven: Presence::Unproven });
    }
}

#[test]
fn a66_flags_and_counter_are_what_the_token_signed() {
    for signer in [Signer::ed25519(1, Some("ssh:")), Signer::p256(Some("ssh:"))] {
        let fields = signer.sign(NAMESPACE, MESSAGE, 0);
        let end = fields.signature.len();
        for (at, value) in [(end - 5, TOUCHED), (end - 5, VERIFIED), (end - 1, 8), (end - 4, 1)] {
            let mut told = fields.clone();
            told.signature[at] = value;
            let error = verify(&told, &signer.public(), Presence::Unproven).unwrap_err();
            let expected = if at == end - 5 { Error::SignatureInvalid } else { Error::UserPresenceMissing };
            assert_eq!(error, expected, "{at}");
        }
        let mut counted = signer.sign(NAMESPACE, MESSAGE, TOUCHED);
        *counted.signature.last_mut().unwrap() ^= 1;
        let error = verify(&counted, &signer.public(), Presence::Unproven).unwrap_err();
        assert_eq!(error, Error::SignatureInvalid);
        for flags in [TOUCHED | Flags::AT, TOUCHED | Flags::ED] {
            assert_eq!(refused(&signer.sign(NAMESPACE, MESSAGE, flags)), Error::FlagsUnexpected { flags });
        }
    }
}

#[test]
fn each_field_is_as_the_protocol_says() {
    for signer in signers() {
        let good = signer.sign(NAMESPACE, MESSAGE, TOUCHED);
        assert!(verify(&good, &signer.public(), Presence::Unproven).is_ok());
        assert_eq!(refused(&Fields { magic: b"SSHSIH".to_vec(), ..good.clone() }), Error::MagicUnexpected);
        for version in [0, 2, 0x0100_0000] {
            assert_eq!(refused(&Fields { version, ..good.clone() }), Error::VersionUnsupported { version });
        }
        assert_eq!(refused(&Fields { namespace: Vec::new(), ..good.clone() }), Error::NamespaceEmpty);
        assert_eq!(refused(&Fields { reserved: vec![0], ..good.clone() }), Error::ReservedNotEmpty);
        for name in ["sha1", "sha384", "SHA512", "sha512 ", ""] {
            let error = refused(&Fields { hash: name.into(), ..good.clone() });
            assert_eq!(error, Error::HashUnsupported { name: name.into() });
        }
        // ssh-keygen's strings may end in a zero byte.
        for namespace in [b"approve@attest\0".to_vec(), b"approve\n".to_vec(), "apprové".into()] {
            let error = refused(&Fields { namespace, ..good.clone() });
            assert!(matches!(error, Error::Wire(wire::Error::TextNotPrintable { .. })), "{error:?}");
        }
        let len = good.blob().len();
        let trailing = Error::Wire(wire::Error::TrailingBytes { offset: len, count: 1 });
        assert_eq!(refused(&Fields { trailing: vec![0], ..good.clone() }), trailing);
        let error = refused(&Fields { signature: [&good.signature[..], &[0]].concat(), ..good.clone() });
        assert!(matches!(error, Error::Wire(wire::Error::TrailingBytes { count: 1, .. })), "{error:?}");
    }
}

#[test]
fn a45_the_other_hash_was_not_signed() {
    for signer in signers() {
        let told = Fields { hash: b"sha256".to_vec(), ..signer.sign(NAMESPACE, MESSAGE, TOUCHED) };
        assert_eq!(verify(&told, &signer.public(), Presence::Unproven).unwrap_err(), Error::SignatureInvalid);
    }
}

#[test]
fn a45_the_signature_is_of_the_keys_type() {
    for name in
        ["ssh-ed25519", "ecdsa-sha2-nistp256", "webauthn-sk-ecdsa-sha2-nistp256@openssh.com", "rsa-sha2-512"]
    {
        for signer in signers().into_iter().filter(|signer| signer.type_name() != name) {
            let mut other = signer.sign(NAMESPACE, MESSAGE, TOUCHED);
            let rest = other.signature.split_off(4 + signer.type_name().len());
            other.signature = [string(name.as_bytes()), rest].concat();
            assert_eq!(refused(&other), Error::TypeMismatch { signature: name.into() });
        }
    }
    let (_, rsa) = (0, core::str::from_utf8(fixture!("ssh/rsa.sig")).unwrap());
    assert_eq!(parse(rsa).unwrap_err(), Error::Key(key::Error::RsaUnsupported));
}

#[test]
fn numbers_are_of_the_fields_length() {
    let ed25519 = Signer::ed25519(1, None);
    for len in [0, 63, 65] {
        let mut fields = ed25519.sign(NAMESPACE, MESSAGE, 0);
        fields.signature = [string(b"ssh-ed25519"), string(&vec![1; len])].concat();
        assert_eq!(refused(&fields), Error::LengthUnexpected { len });
    }
    let p256 = Signer::p256(None);
    let of = |numbers: Vec<u8>| {
        let mut fields = p256.sign(NAMESPACE, MESSAGE, 0);
        fields.signature = [string(b"ecdsa-sha2-nistp256"), string(&numbers)].concat();
        fields
    };
    let one = mpint(&[1]);
    assert_eq!(refused(&of([mpint(&[1; 33]), one.clone()].concat())), Error::LengthUnexpected { len: 33 });
    assert_eq!(refused(&of([one.clone(), mpint(&[1; 33])].concat())), Error::LengthUnexpected { len: 33 });
    assert!(matches!(refused(&of([one.clone(), one.clone(), one.clone()].concat())), Error::Wire(_)));
    assert!(matches!(refused(&of([one.clone(), string(&[0, 1])].concat())), Error::Wire(_)));
    assert!(matches!(refused(&of(one.clone())), Error::Wire(_)));
    for zero in [[mpint(&[]), one.clone()], [one, mpint(&[])]] {
        let error = verify(&of(zero.concat()), &p256.public(), Presence::Unproven).unwrap_err();
        assert_eq!(error, Error::SignatureInvalid);
    }
}

/// n - s for P-256.
fn negated(s: &[u8]) -> Vec<u8> {
    let order = hex::decode("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551").unwrap();
    let mut borrow = 0;
    let mut out: Vec<u8> = order
        .iter()
        .zip(s)
        .rev()
        .map(|(n, s)| {
            let difference = i16::from(*n) - i16::from(*s) - borrow;
            borrow = i16::from(difference < 0);
            difference.rem_euclid(256) as u8
        })
        .collect();
    out.reverse();
    out
}

#[test]
fn the_twin_of_an_ecdsa_signature_says_the_same() {
    let signer = Signer::p256(Some("ssh:"));
    let good = signer.sign(NAMESPACE, MESSAGE, TOUCHED);
    let one = Signature::from_blob(&good.blob(), &Limits::DEFAULT).unwrap();
    let twin = [&one.value[..32], &negated(&one.value[32..])].concat();
    let twin = Fields { signature: signer.inner(&twin, TOUCHED, 7), ..good.clone() };
    assert_ne!(twin.blob(), good.blob());
    let [one, twin] =
        [good, twin].map(|fields| verify(&fields, &signer.public(), Presence::Present).unwrap());
    assert_eq!(one.key().canonical(), twin.key().canonical());
    assert_eq!(
        (one.namespace(), one.message(), one.flags()),
        (twin.namespace(), twin.message(), twin.flags())
    );
    assert_eq!((one.counter(), one.presence()), (twin.counter(), twin.presence()));
}

#[test]
fn an_ed25519_signature_has_no_twin() {
    // s + L, which ssh-keygen takes.
    let signer = Signer::ed25519(1, None);
    let good = signer.sign(NAMESPACE, MESSAGE, 0);
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
    let mut twin = good.clone();
    let at = twin.signature.len() - 32;
    let mut carry = 0;
    for (byte, order) in twin.signature[at..].iter_mut().zip(&order) {
        let sum = u16::from(*byte) + u16::from(*order) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    assert!(verify(&good, &signer.public(), Presence::Unproven).is_ok());
    assert_eq!(verify(&twin, &signer.public(), Presence::Unproven).unwrap_err(), Error::SignatureInvalid);
}

#[test]
fn the_armor_holds_one_signature_and_nothing_else() {
    let (key, text) = signed!("ed25519");
    let is_good = |text: &str| {
        parse(text)
            .and_then(|signature| signature.verify(&key, NAMESPACE, MESSAGE, Presence::Unproven))
            .is_ok()
    };
    let body: Vec<&str> = text.lines().collect();
    let base64 = body[1..body.len() - 1].concat();
    let wrapped = format!("{BEGIN}\n{base64}\n{END}\n");
    for good in [text.to_owned(), text.trim_end().to_owned(), wrapped] {
        assert!(is_good(&good), "{good}");
    }
    for bad in [
        format!("{text}{text}"),
        text.replace('\n', "\r\n"),
        format!("{text}\n"),
        format!("{text}approved"),
        format!("\n{text}"),
        format!(" {text}"),
        text.replace(END, &format!("\n{END}")),
        text.replace(END, &format!("{END} ")),
        text.replace(END, ""),
        text.replace(BEGIN, "-----BEGIN SSH SIGNATURE----"),
        text.replace("SSH SIGNATURE", "PGP SIGNATURE"),
        format!("{BEGIN}\n"),
        BEGIN.to_owned(),
        String::new(),
    ] {
        assert_eq!(parse(&bad).unwrap_err(), Error::ArmorUnexpected, "{bad}");
    }
    let line = format!("{BEGIN}\n {base64}\n{END}\n");
    for bad in [line, text.replace("==", ""), text.replace("==", "="), text.replace("AA==", "AB==")] {
        assert_eq!(parse(&bad).unwrap_err(), Error::Base64Malformed, "{bad}");
    }
    let limits = Limits { ssh_signature_bytes: text.len(), ..Limits::DEFAULT };
    assert!(Signature::parse(text, &limits).is_ok());
    let long = "-".repeat(8_193);
    let too_long = Error::TooLong { len: 8_193, limit: 8_192 };
    assert_eq!(parse(&long).unwrap_err(), too_long);
    assert_eq!(Signature::from_blob(long.as_bytes(), &Limits::DEFAULT).unwrap_err(), too_long);
}

#[test]
fn every_byte_of_a_signature_counts() {
    for signer in signers() {
        let blob = signer.sign(NAMESPACE, MESSAGE, TOUCHED).blob();
        let is_good = |blob: &[u8]| {
            Signature::from_blob(blob, &Limits::DEFAULT)
                .and_then(|s| s.verify(&signer.public(), NAMESPACE, MESSAGE, Presence::Unproven))
                .is_ok()
        };
        assert!(is_good(&blob));
        for at in 0..blob.len() {
            assert!(!is_good(&blob[..at]), "{at}");
            for bit in 0..8 {
                let mut changed = blob.clone();
                changed[at] ^= 1 << bit;
                assert!(!is_good(&changed), "byte {at}, bit {bit}");
            }
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_refused(bytes: Vec<u8>, text: String) {
        proptest::prop_assert!(Signature::from_blob(&bytes, &Limits::DEFAULT).is_err());
        proptest::prop_assert!(parse(&text).is_err());
    }
}
