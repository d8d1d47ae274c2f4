use super::*;
use crate::testing::fixture;
use crate::testing::ssh::{Signer, string};

macro_rules! line {
    ($name:literal) => {
        core::str::from_utf8(fixture!(concat!("ssh/", $name, ".pub"))).unwrap()
    };
}

fn read(line: &str) -> Result<(PublicKey, &str), Error> {
    PublicKey::parse_line(line, &Limits::DEFAULT)
}

fn refused(line: &str) -> Error {
    read(line).unwrap_err()
}

fn refused_blob(blob: &[u8]) -> Error {
    PublicKey::from_blob(blob, &Limits::DEFAULT).unwrap_err()
}

#[test]
fn keys_of_every_kind_are_read_as_ssh_keygen_writes_them() {
    for (line, key_type, fingerprint, comment, application) in [
        (
            line!("ecdsa-p256"),
            KeyType::EcdsaP256,
            "SHA256:+Z0zBTymZuDmaIJC/+xZwYqm8HtQtTGmf7UpDpi2gR8",
            "p256",
            None,
        ),
        (
            line!("ecdsa-p384"),
            KeyType::EcdsaP384,
            "SHA256:LNf9Q24ZSosvML70aJ0fcynvEJi0uKrHgITqMKgx5hI",
            "p384",
            None,
        ),
        (
            line!("ecdsa-p521"),
            KeyType::EcdsaP521,
            "SHA256:5b5RvuZKe/+IVnFnFMdH9JUXlDmBGX02AYyBKXLqRsk",
            "p521",
            None,
        ),
        (
            line!("ed25519"),
            KeyType::Ed25519,
            "SHA256:h0r01cTTKL3fBXjIwuqduDiUdoH2VwUnA8kEOfNOXB4",
            "alice@example.org",
            None,
        ),
        (
            line!("sk-ecdsa-p256"),
            KeyType::SkEcdsaP256,
            "SHA256:5SzDx+Mc5pkI3oGAzHw/ifmSerqlhAVGRQ/VL6D9p2A",
            "token",
            Some("ssh:"),
        ),
        (
            line!("sk-ed25519"),
            KeyType::SkEd25519,
            "SHA256:RFuE/HWm/hZjyLrQQ55pH+wlbkcQkJzDoUc/i8my8x4",
            "token",
            Some("ssh:release"),
        ),
    ] {
        let (key, read_comment) = read(line).unwrap();
        assert_eq!(key.key_type(), key_type);
        assert_eq!(key.fingerprint(), fingerprint);
        assert_eq!(read_comment, comment);
        assert_eq!(key.application(), application);
        assert_eq!(format!("{} {comment}\n", key.to_line()), line);
        assert_eq!(PublicKey::from_blob(key.blob(), &Limits::DEFAULT).unwrap().canonical(), key.canonical());
    }
}

#[test]
fn keys_that_do_not_count_are_refused_by_name() {
    assert_eq!(refused(line!("rsa")), Error::RsaUnsupported);
    assert_eq!(refused(line!("ed25519-cert")), Error::CertificateUnsupported);
    let of = |name: &str| refused_blob(&string(name.as_bytes()));
    assert_eq!(of("ssh-dss"), Error::DsaUnsupported);
    assert_eq!(of("sk-ssh-ed25519-cert-v01@openssh.com"), Error::CertificateUnsupported);
    assert_eq!(of("ssh-rsa-cert-v00@openssh.com"), Error::CertificateUnsupported);
    assert_eq!(of("ssh-xmss@openssh.com"), Error::TypeUnknown { name: "ssh-xmss@openssh.com".into() });
    let options = format!("restrict {}", line!("ed25519"));
    assert_eq!(refused(&options), Error::TypeUnknown { name: "restrict".into() });
}

#[test]
fn a61_renamed_and_in_another_form_it_is_one_key() {
    let (key, _) = read(line!("ed25519")).unwrap();
    let renamed = line!("ed25519").replace("alice@example.org", "bob@example.org");
    assert_eq!(read(&renamed).unwrap().0.canonical(), key.canonical());
    for (plain, sk) in [
        (Signer::ed25519(1, None), Signer::ed25519(1, Some("ssh:"))),
        (Signer::p256(None), Signer::p256(Some("ssh:x"))),
    ] {
        let (plain, sk) = (plain.public(), sk.public());
        assert_eq!(plain.canonical(), sk.canonical());
        assert_ne!(plain.fingerprint(), sk.fingerprint());
        assert!(!plain.is_same_form(&sk));
        assert_eq!(CanonicalKey::from_spki_der(&plain.canonical().spki_der()).as_ref(), Ok(sk.canonical()));
    }
    assert_ne!(Signer::ed25519(1, None).public().canonical(), Signer::ed25519(2, None).public().canonical());
}

#[test]
fn a61_base64_of_a_key_has_one_form() {
    let line = line!("sk-ed25519-verified");
    let (name, rest) = line.split_once(' ').unwrap();
    let (base64, _) = rest.split_once(' ').unwrap();
    assert!(base64.ends_with('='));
    for other in [
        base64.trim_end_matches('=').to_owned(),
        format!("{base64}="),
        base64.replace('+', "-").replace('/', "_"),
        // Bits that no byte of the key has.
        base64.replace("g==", "h==").replace("s=", "t=").replace("o=", "p=").replace("6", "7"),
    ] {
        if other != base64 {
            assert!(read(&format!("{name} {other}")).is_err(), "{other}");
        }
    }
    let bits = STANDARD.encode([string(b"ssh-ed25519"), string(&[7; 32])].concat());
    assert!(bits.ends_with('H') || bits.len() % 4 == 0);
    assert_eq!(refused("ssh-ed25519 AAAA!AAA"), Error::Base64Malformed);
    assert_eq!(refused("ssh-ed25519 AB=="), Error::Base64Malformed);
}

#[test]
fn one_line_is_one_key() {
    let line = line!("ed25519");
    let bare = line.trim_end();
    for good in [bare.to_owned(), format!("{bare}\r\n"), bare.replace(' ', "  "), bare.replace(' ', "\t")] {
        assert_eq!(read(&good).unwrap().1, "alice@example.org", "{good:?}");
    }
    assert_eq!(read(&bare[..bare.len() - "alice@example.org".len()]).unwrap().1, "");
    for bad in [
        format!("{line}{line}"),
        format!("{line}\n"),
        bare.replace("alice", "\u{1b}[2Jalice"),
        "ssh-ed25519".into(),
        String::new(),
    ] {
        assert_eq!(refused(&bad), Error::LineUnexpected, "{bad:?}");
    }
    assert_eq!(refused(&format!(" {line}")), Error::TypeUnknown { name: String::new() });
    let other = format!("ecdsa-sha2-nistp256 {}", bare.split_once(' ').unwrap().1);
    assert_eq!(refused(&other), Error::TypeMismatch { line: KeyType::EcdsaP256, key: KeyType::Ed25519 });
    let limits = Limits { public_key_bytes: line.len(), ..Limits::DEFAULT };
    assert!(PublicKey::parse_line(line, &limits).is_ok());
    let limits = Limits { public_key_bytes: line.len() - 1, ..Limits::DEFAULT };
    assert!(PublicKey::parse_line(line, &limits).is_err());
    let long = "a".repeat(8_193);
    assert_eq!(refused(&long), Error::Key(key::Error::TooLong { len: 8_193, limit: 8_192 }));
    let long = PublicKey::from_blob(long.as_bytes(), &Limits::DEFAULT).unwrap_err();
    assert_eq!(long, Error::Key(key::Error::TooLong { len: 8_193, limit: 8_192 }));
}

#[test]
fn the_curve_inside_is_that_of_the_type() {
    let signer = Signer::p256(None);
    let blob = signer.blob();
    let text = String::from_utf8_lossy(&blob).into_owned();
    assert!(text.contains("nistp256"));
    let at = blob.windows(8).rposition(|window| window == b"nistp256").unwrap();
    let mut other = blob.clone();
    other[at..at + 8].copy_from_slice(b"nistp384");
    assert_eq!(refused_blob(&other), Error::CurveMismatch { key_type: KeyType::EcdsaP256 });
    // The same point, compressed.
    let point = &blob[blob.len() - 65..];
    let mut compressed = vec![2 + (point[64] & 1)];
    compressed.extend(&point[1..33]);
    let compressed = [string(b"ecdsa-sha2-nistp256"), string(b"nistp256"), string(&compressed)].concat();
    assert_eq!(refused_blob(&compressed), Error::Key(key::Error::PointNotUncompressed));
}

#[test]
fn a66_the_application_of_a_token_is_ssh() {
    for application in ["", "https://example.org", "SSH:", "xssh:"] {
        let blob = Signer::ed25519(1, Some(application)).blob();
        assert_eq!(refused_blob(&blob), Error::ApplicationUnexpected { application: application.into() });
    }
    let nul = Signer::ed25519(1, Some("ssh:\0")).blob();
    assert!(matches!(refused_blob(&nul), Error::Wire(wire::Error::TextNotPrintable { .. })));
}

#[test]
fn every_byte_of_a_key_counts() {
    for signer in [
        Signer::ed25519(1, None),
        Signer::p256(None),
        Signer::ed25519(1, Some("ssh:")),
        Signer::p256(Some("ssh:")),
    ] {
        let blob = signer.blob();
        for len in 0..blob.len() {
            assert!(PublicKey::from_blob(&blob[..len], &Limits::DEFAULT).is_err(), "{len}");
        }
        let longer = [&blob[..], &[0]].concat();
        let trailing = Error::Wire(wire::Error::TrailingBytes { offset: blob.len(), count: 1 });
        assert_eq!(refused_blob(&longer), trailing);
        for at in 0..blob.len() {
            let mut changed = blob.clone();
            changed[at] ^= 1;
            if let Ok(key) = PublicKey::from_blob(&changed, &Limits::DEFAULT) {
                assert!(!key.is_same_form(&signer.public()), "{at}");
                assert!(key.canonical() != signer.public().canonical() || signer.application.is_some());
            }
        }
    }
}

#[test]
fn mpints_have_one_form() {
    let read = |bytes: &[u8]| wire::unsigned(&mut Reader::new(&string(bytes))).map(<[u8]>::to_vec);
    assert_eq!(read(&[]), Ok(vec![]));
    assert_eq!(read(&[1, 0]), Ok(vec![1, 0]));
    assert_eq!(read(&[0, 0x80]), Ok(vec![0x80]));
    assert_eq!(read(&[0]), Err(wire::Error::MpintNotMinimal { offset: 4 }));
    assert_eq!(read(&[0, 0x7f]), Err(wire::Error::MpintNotMinimal { offset: 4 }));
    assert_eq!(read(&[0x80]), Err(wire::Error::MpintNegative { offset: 4 }));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_a_key_or_refused(bytes: Vec<u8>, line: String) {
        if let Ok(key) = PublicKey::from_blob(&bytes, &Limits::DEFAULT) {
            proptest::prop_assert_eq!(key.blob(), &bytes[..]);
        }
        let _ = read(&line);
    }
}
