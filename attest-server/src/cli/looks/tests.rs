use super::*;

macro_rules! boot {
    ($file:literal) => {
        &include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/boots/", $file))[..]
    };
}

#[test]
fn each_kind_is_known_by_its_first_bytes() {
    let ima = format!("10 {} ima-ng sha256:00 boot_aggregate\n", "0a".repeat(20));
    for (bytes, kind) in [
        (&b""[..], Some(Kind::Empty)),
        (boot!("sb-grub/quote-ecc.attest"), Some(Kind::Attest)),
        (boot!("sb-grub/quote-ecc.sig"), Some(Kind::Signature)),
        (boot!("sb-grub/ak-ecc.pub"), Some(Kind::Public)),
        (boot!("sb-grub/eventlog.bin"), Some(Kind::EventLog)),
        (boot!("sb-grub/ima.bin"), Some(Kind::ImaBinary)),
        (boot!("sb-grub/pcrs.json"), Some(Kind::Json)),
        (ima.as_bytes(), Some(Kind::ImaAscii)),
        (b"-----BEGIN CERTIFICATE-----\nMIIB", Some(Kind::PemCertificate)),
        (b"subject=CN = ak\n-----BEGIN TRUSTED CERTIFICATE-----\nMIIB", Some(Kind::PemCertificate)),
        (b"-----BEGIN PUBLIC KEY-----\nMIIB", Some(Kind::PemPublicKey)),
        (b"-----BEGIN EC PRIVATE KEY-----\nMIIB", Some(Kind::PemPrivateKey)),
        (b"-----BEGIN SSH SIGNATURE-----\nMIIB", Some(Kind::Pem)),
        (b"\x30\x82\x02\x10\x30\x82\x01\x80\xa0\x03\x02\x01\x02", Some(Kind::DerCertificate)),
        (b" {\"sha256\": {}}", Some(Kind::Json)),
        (b"\x1e{\"pcr\": 11}\n", Some(Kind::Json)),
        (b"eyJhbGciOiJFUzI1NiJ9.e30.AAAA", Some(Kind::Jwt)),
        (b"ssh-ed25519 AAAA alice", Some(Kind::SshKey)),
        (b"sk-ssh-ed25519@openssh.com AAAA alice", Some(Kind::SshKey)),
        (b"\xd2\x84\x43\xa1\x01\x26", None),
        (b"anything", None),
        (b"\xff\xfe\xfd", None),
        (b"\x00", None),
        (&[0; 31], None),
        (&[0; 32], Some(Kind::Zeros)),
        (&[0; 4_096], Some(Kind::Zeros)),
        (&[0xff; 64], None),
    ] {
        assert_eq!(like(bytes), kind, "{:?}", &bytes[..bytes.len().min(40)]);
    }
}

#[test]
fn a_sized_key_is_one_only_by_its_whole_size() {
    let key = boot!("sb-grub/ak-ecc.pub");
    let (bare, sized) = match like(&key[2..]) {
        Some(Kind::Public) => (key[2..].to_vec(), key.to_vec()),
        _ => (key.to_vec(), [&u16::try_from(key.len()).unwrap().to_be_bytes()[..], key].concat()),
    };
    assert_eq!((like(&bare), like(&sized)), (Some(Kind::Public), Some(Kind::Public)));
    assert_ne!(like(&[&sized[..], b"x"].concat()), Some(Kind::Public));
}

#[test]
fn no_beginning_of_any_file_is_too_short_to_be_looked_at() {
    for file in [
        boot!("sb-grub/quote-ecc.attest"),
        boot!("sb-grub/eventlog.bin"),
        boot!("sb-grub/ima.bin"),
        boot!("sb-grub/pcrs.json"),
    ] {
        for length in 0..file.len().min(200) {
            let _ = like(&file[..length]);
        }
    }
}

#[test]
fn a_log_of_user_space_is_known_by_its_first_record() {
    let tlv = hex::decode(concat!(
        "000000000100",
        "01000000010b",
        "0300000025",
        "0b00000020",
        "1111111111111111111111111111111111111111111111111111111111111111",
        "050000000f00000000040000000d",
        "010000000161",
    ))
    .unwrap();
    let cbor = hex::decode(concat!(
        "81a50000010b0381a2000b015820",
        "1111111111111111111111111111111111111111111111111111111111111111",
        "09050aa20003014161",
    ))
    .unwrap();
    let digest = "11".repeat(32);
    let record = format!(
        r#"{{"recnum":0,"pcr":11,"digests":[{{"hashAlg":"sha256","digest":"{digest}"}}],"content_type":"pcclient_std","content":{{"event_type":"ev_ipl","event_data":""}}}}"#
    );
    let json = format!("[{record}]");
    for (bytes, log) in [
        (&tlv[..], Some("a canonical event log in TLV")),
        (&cbor, Some("a canonical event log in CBOR")),
        (json.as_bytes(), Some("a canonical event log in JSON")),
        (b"[]", None),
        (b"[{\"sha256\": {}}]", None),
        (&cbor[1..], Some("a canonical event log in CBOR")),
        (&cbor[..cbor.len() - 1], None),
        (b"", None),
        (boot!("sb-grub/eventlog.bin"), None),
        (boot!("sb-grub/ima.bin"), None),
        (boot!("sb-grub/ak-ecc.pub"), None),
    ] {
        assert_eq!(userspace_log(bytes), log, "{:?}", &bytes[..bytes.len().min(40)]);
    }
    // Cut in its second record.
    let second = cbor[1..].to_vec();
    assert!(userspace_log(&[&second[..], &second[..9]].concat()).is_some());
}
