//! What is said of files that are given for others.

use super::*;
use attest_core::{Digest, HashAlg};

use crate::cli::Exit;

/// One file of a boot in the place of another, and what is said of it; the code stays that of the error itself.
#[test]
fn a_file_under_the_wrong_flag_is_told_by_what_it_looks_like() {
    let boot = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/boots/sb-grub");
    let folder = tempfile::tempdir().unwrap();
    let certificate = folder.path().join("ak.pem");
    std::fs::write(&certificate, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n").unwrap();
    let good = EvidenceFlags {
        attest: Some(boot.join("quote-ecc.attest")),
        signature: Some(boot.join("quote-ecc.sig")),
        ak: Some(boot.join("ak-ecc.pub")),
        nonce: Some(std::fs::read_to_string(boot.join("nonce.hex")).unwrap().trim().to_owned()),
        pcrs: None,
        eventlog: Some(boot.join("eventlog.bin")),
        ima: Some(boot.join("ima.bin")),
        userspace_log: None,
        signature_scheme: None,
    };
    let refused = |flags: &EvidenceFlags| {
        let files = flags.read(&Limits::DEFAULT).unwrap();
        files.authenticate(&Limits::DEFAULT).map(|_| ()).map_err(|error| error.detail())
    };
    assert_eq!(refused(&good), Ok(()));
    let mut other_nonce = good.clone();
    other_nonce.nonce = Some("00".repeat(32));
    let detail = refused(&other_nonce).unwrap_err();
    assert!(!detail.contains("looks like"), "nothing is said of files that fit: {detail}");
    type Change<'c> = (&'c str, &'c str, &'c dyn Fn(&mut EvidenceFlags));
    let cel = folder.path().join("cel");
    let record = format!("81a50000010b0381a2000b015820{}09050aa2000d014161", "11".repeat(32));
    std::fs::write(&cel, hex::decode(record).unwrap()).unwrap();
    let changes: [Change<'_>; 9] = [
        ("eventlog", "a canonical event log in CBOR", &|flags| flags.eventlog = Some(cel.clone())),
        ("ima", "a canonical event log in CBOR", &|flags| flags.ima = Some(cel.clone())),
        ("ima", "a firmware event log", &|flags| flags.ima.clone_from(&flags.eventlog)),
        ("attest", "a TPM's signature (TPMT_SIGNATURE)", &|flags| flags.attest.clone_from(&flags.signature)),
        ("signature", "a quote (TPMS_ATTEST)", &|flags| flags.signature.clone_from(&flags.attest)),
        ("ak", "a TPM's signature (TPMT_SIGNATURE)", &|flags| flags.ak.clone_from(&flags.signature)),
        ("ak", "a PEM certificate", &|flags| flags.ak = Some(certificate.clone())),
        ("eventlog", "a PEM certificate", &|flags| flags.eventlog = Some(certificate.clone())),
        ("eventlog", "JSON", &|flags| flags.eventlog = Some(boot.join("pcrs.json"))),
    ];
    for (flag, kind, change) in changes {
        let mut flags = good.clone();
        change(&mut flags);
        let detail = refused(&flags).unwrap_err();
        let told = format!(" looks like {kind}, and --{flag} wants ");
        assert!(detail.contains(&told) && !detail.starts_with("--"), "{detail}");
        assert_eq!(detail.matches("looks like").count(), 1, "{detail}");
        assert_eq!(detail.contains("openssl x509"), flag == "ak" && kind == "a PEM certificate", "{detail}");
    }
    let garbage = folder.path().join("garbage");
    std::fs::write(&garbage, b"\xfd\xfe\xff\xfd\xfe\xff").unwrap();
    let zeros = folder.path().join("zeros");
    std::fs::write(&zeros, vec![0; 4_096]).unwrap();
    let large = folder.path().join("large");
    std::fs::write(&large, vec![1; Limits::DEFAULT.public_key_bytes + 1]).unwrap();
    let changes: [Change<'_>; 5] = [
        ("ak", " expected the attestation key: TPM2B_PUBLIC", &|flags| flags.ak = Some(garbage.clone())),
        ("ak", " holds more than ", &|flags| flags.ak = Some(large.clone())),
        ("signature", " does not begin like TPMT_SIGNATURE", &|flags| {
            flags.signature = Some(garbage.clone());
        }),
        ("attest", " does not begin like a quote", &|flags| flags.attest = Some(garbage.clone())),
        ("eventlog", " looks like nothing: all of its bytes are zero", &|flags| {
            flags.eventlog = Some(zeros.clone());
        }),
    ];
    for (flag, told, change) in changes {
        let mut flags = good.clone();
        change(&mut flags);
        let detail = refused(&flags).unwrap_err();
        assert!(detail.contains(told) && detail.contains(&format!("--{flag}")), "{detail}");
    }
    let mut folders = good.clone();
    folders.signature = Some(folder.path().to_owned());
    let failure = folders.read(&Limits::DEFAULT).unwrap_err().to_line();
    assert!(failure.contains(": is a folder; expected TPMT_SIGNATURE"), "{failure}");
    let failure = read_pcrs(&boot.join("eventlog.bin")).unwrap_err().to_line();
    assert!(failure.contains("it looks like a firmware event log, and --pcrs wants JSON"), "{failure}");
}

#[test]
fn pcr_values_that_the_operator_gave_wrongly_are_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pcrs.json");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        read_pcrs(&path)
    };
    let zero = "00".repeat(32);
    let good = read(&format!(r#"{{"sha256":{{"0":"{zero}","23":"{}"}}}}"#, "FF".repeat(32))).unwrap();
    assert_eq!(good.get(HashAlg::Sha256, 0), Some(Digest::zero(HashAlg::Sha256)));
    assert_eq!(good.get(HashAlg::Sha256, 23), Some(Digest::ones(HashAlg::Sha256)));
    for wrong in [
        "".to_owned(),
        "[]".to_owned(),
        r#"{"sha256":["00"]}"#.to_owned(),
        format!(r#"{{"md5":{{"0":"{zero}"}}}}"#),
        format!(r#"{{"sha256":{{"x":"{zero}"}}}}"#),
        format!(r#"{{"sha256":{{"256":"{zero}"}}}}"#),
        format!(r#"{{"sha384":{{"0":"{zero}"}}}}"#),
        format!(r#"{{"sha256":{{"0":"{zero}00"}}}}"#),
        format!(r#"{{"sha256":{{"0":"0x{zero}"}}}}"#),
        format!(r#"{{"sha256":{{"0":"{zero}"}}}} more"#),
    ] {
        let failure = read(&wrong).unwrap_err();
        assert_eq!((failure.exit(), failure.exit().code()), (Exit::Usage, 2), "{wrong}");
        assert_eq!(failure.to_json()["error"]["code"], "pcrs_malformed", "{wrong}");
    }
    let absent = read_pcrs(&folder.path().join("absent")).unwrap_err();
    assert_eq!((absent.exit(), &absent.to_json()["error"]["code"]), (Exit::Usage, &"file_unreadable".into()));
}
