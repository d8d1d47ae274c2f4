use attest_core::HashAlg;
use attest_core::reference::Golden;
use attest_core::reference::golden::Evidence;
use clap::Parser;

use super::*;

#[derive(Parser)]
struct Wrapper {
    #[command(flatten)]
    learn: Learn,
}

const BOOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/boots/");

/// The draft from a boot with its quote and the PCR values that came beside it; the IMA list is that of `ima`.
fn learned(boot: &str, quote: &str, ima: Option<&str>, more: &[&str]) -> Result<Golden, Failure> {
    let file = |name: &str| format!("{BOOTS}{boot}/{name}");
    let nonce = fs::read_to_string(file("nonce.hex")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("golden.toml");
    let mut args: Vec<String> =
        ["learn", "--family", "f", "--nonce", nonce.trim(), "--out"].map(Into::into).into();
    args.push(out.display().to_string());
    for (flag, name) in [
        ("--eventlog", "eventlog.bin"),
        ("--attest", &format!("{quote}.attest")),
        ("--signature", &format!("{quote}.sig")),
        ("--ak", "ak-ecc.pub"),
        ("--pcrs", "pcrs.json"),
    ] {
        args.extend([flag.to_owned(), file(name)]);
    }
    args.extend(ima.into_iter().flat_map(|of| ["--ima".to_owned(), format!("{BOOTS}{of}/ima.bin")]));
    args.extend(more.iter().map(ToString::to_string));
    let learn = Wrapper::try_parse_from(args).unwrap().learn;
    let mut sink = Output::to_writer(true, Box::new(std::io::sink()));
    learn.run(&Limits::DEFAULT, &mut sink)?;
    Ok(Golden::parse(&fs::read_to_string(out).unwrap(), &Limits::DEFAULT).unwrap())
}

fn evidence(golden: &Golden) -> Vec<Evidence> {
    let mut all: Vec<Evidence> = golden.sequences.iter().map(|s| s.evidence).collect();
    all.extend(golden.variants.iter().map(|v| v.evidence));
    all.dedup();
    all
}

#[test]
fn a_quote_over_every_judged_pcr_vouches_for_the_boot() {
    let golden = learned("sb-grub", "quote-all", Some("sb-grub"), &[]).unwrap();
    assert_eq!(evidence(&golden), [Evidence::Quoted]);
    assert!(!golden.ima.unwrap().files.is_empty());
}

/// Its files would be golden, and nobody quoted them.
#[test]
fn an_ima_list_that_the_quote_does_not_prove_is_not_learned() {
    let refused = learned("sb-grub", "quote-ecc", Some("ima-sig"), &[]).unwrap_err();
    assert_eq!(refused.to_json()["error"]["code"], "learn_log_unproven");
}

/// No quote speaks for it, and yet it says itself that it is of another boot.
#[test]
fn a42_a_list_of_another_boot_is_not_learned() {
    let learn = |ima: &str| {
        let log = format!("{BOOTS}sb-grub/eventlog.bin");
        let ima = format!("{BOOTS}{ima}/ima.bin");
        let args = ["learn", "--family", "f", "--eventlog", &log, "--ima", &ima];
        let mut sink = Output::to_writer(true, Box::new(std::io::sink()));
        Wrapper::try_parse_from(args).unwrap().learn.run(&Limits::DEFAULT, &mut sink)
    };
    assert_eq!(learn("sb-grub").unwrap(), Exit::Good);
    let refused = learn("sb-cmdline").unwrap_err();
    assert_eq!(refused.to_json()["error"]["code"], "learn_ima_of_another_boot");
    assert_eq!(refused.exit(), Exit::Refused);
}

/// The quote is over the PCRs to 10 and 14, the log has the sections of the unified kernel in PCR 11.
#[test]
fn a_quote_that_leaves_out_a_judged_pcr_vouches_for_nothing() {
    let golden = learned("uki-sb", "quote-ecc", None, &[]).unwrap();
    assert!(golden.judged.contains(&11));
    assert_eq!(evidence(&golden), [Evidence::LogOnly]);
}

/// The log's sha384 digests are golden too, and the quote is over sha256 alone: they are what the log says.
#[test]
fn a_quote_that_leaves_out_a_judging_bank_vouches_for_nothing() {
    let golden = learned("sb-grub", "quote-ecc", None, &[]).unwrap();
    assert_eq!(golden.banks, [HashAlg::Sha256, HashAlg::Sha384]);
    assert_eq!(evidence(&golden), [Evidence::LogOnly]);
}

/// A file's name need not be text, and the answer is JSON all the same.
#[test]
fn an_output_file_whose_name_is_no_text_is_written() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join(OsString::from_vec(b"golden-\xff.toml".to_vec()));
    let log = format!("{BOOTS}sb-grub/eventlog.bin");
    let mut args: Vec<OsString> =
        ["learn", "--family", "f", "--eventlog", &log, "--out"].map(Into::into).into();
    args.push(out.clone().into());
    let learn = Wrapper::try_parse_from(args).unwrap().learn;
    let mut sink = Output::to_writer(true, Box::new(std::io::sink()));
    assert_eq!(learn.run(&Limits::DEFAULT, &mut sink).unwrap(), Exit::Good);
    assert!(out.exists());
}

/// Nothing is read: neither file is there.
#[test]
fn a_family_that_no_release_could_name_is_refused_before_anything_is_read() {
    for family in ["Gate way", "", "-a", "größe", &"x".repeat(65)] {
        let args = ["learn", "--eventlog", "/nonexistent", &format!("--family={family}")];
        let mut sink = Output::to_writer(true, Box::new(std::io::sink()));
        let learn = Wrapper::try_parse_from(args).unwrap().learn;
        let told = learn.run(&Limits::DEFAULT, &mut sink).unwrap_err();
        assert_eq!(told.exit(), Exit::Usage);
        assert!(told.to_line().contains("expected 1 to 64 of a-z, 0-9"), "{}", told.to_line());
    }
}
