use std::sync::{Arc, Mutex};

use clap::Parser;

use super::*;

#[path = "../../../../../attest-core/tests/common/pe.rs"]
mod pe;

#[derive(Parser)]
struct Wrapper {
    #[command(flatten)]
    predict: Predict,
}

/// A folder with the golden document of a real boot, `base.toml`.
fn folder() -> tempfile::TempDir {
    use attest_core::evidence::tcg_log::EventLog;
    use attest_core::reference::golden::Evidence;
    use attest_core::reference::learn::{Boot, Choices, learn};
    let boot = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/boots/sb-grub/eventlog.bin");
    let log = fs::read(boot).unwrap();
    let log = EventLog::parse(&log, &Limits::DEFAULT).unwrap();
    let boot = Boot { name: "sb-grub", log: &log, evidence: Evidence::Quoted, files: None, userspace: None };
    let golden = learn("f", &[boot], &Choices::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("base.toml"), golden.to_toml()).unwrap();
    folder
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The JSON answer, or the failure; `{}` in an argument is the folder.
fn run(folder: &tempfile::TempDir, args: &[&str]) -> Result<Value, Failure> {
    let folder = folder.path().display().to_string();
    let mut line = vec!["predict".to_owned(), "--base".to_owned(), format!("{folder}/base.toml")];
    line.extend(args.iter().map(|arg| arg.replace("{}", &folder)));
    let predict = Wrapper::try_parse_from(line).unwrap().predict;
    let sink = Sink::default();
    let mut out = Output::to_writer(true, Box::new(sink.clone()));
    assert_eq!(predict.run(&Limits::DEFAULT, &mut out)?, Exit::Good);
    out.finish().unwrap();
    let bytes = sink.0.lock().unwrap().clone();
    Ok(serde_json::from_slice(&bytes).unwrap())
}

fn failure(folder: &tempfile::TempDir, args: &[&str]) -> (i32, String) {
    let failure = run(folder, args).unwrap_err();
    (i32::from(failure.exit().code()), failure.to_json()["error"]["code"].as_str().unwrap().to_owned())
}

const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[test]
fn answers_with_what_changed_and_the_document() {
    let folder = folder();
    let answer = run(
        &folder,
        &["--banks", "sha256", "--replace", &format!("initrd=sha256:{ZEROS}"), "--name", "next"],
    )
    .unwrap();
    assert_eq!((&answer["variant"], &answer["based_on"]), (&json!("next"), &json!("sb-grub")));
    assert_eq!(answer["banks"], json!(["sha256"]));
    let [change] = answer["changed"].as_array().unwrap().as_slice() else { panic!("one change") };
    assert_eq!((&change["pcr"], &change["component"]), (&json!(9), &json!("initrd")));
    assert_eq!(change["new"], json!({ "sha256": ZEROS }));
    let document = answer["document"].as_str().unwrap();
    assert!(Golden::parse(document, &Limits::DEFAULT).is_ok());
}

#[test]
fn writes_the_document_where_it_is_told() {
    let folder = folder();
    fs::write(folder.path().join("initrd"), b"new").unwrap();
    let answer = run(&folder, &["--replace", "initrd={}/initrd", "--out", "{}/new.toml"]).unwrap();
    assert_eq!(answer.get("document"), None);
    let written = fs::read_to_string(folder.path().join("new.toml")).unwrap();
    let golden = Golden::parse(&written, &Limits::DEFAULT).unwrap();
    assert_eq!(golden.variants.len(), 2);
    // The warning about the file's name.
    assert_eq!(answer["warnings"][0]["code"], "file_name_differs");
    let nowhere = ["--replace", "initrd={}/initrd", "--out", "{}/no/folder.toml"];
    assert_eq!(failure(&folder, &nowhere), (2, "file_unwritable".into()));
}

#[test]
fn a_kernels_file_is_hashed_in_both_forms() {
    let folder = folder();
    let image = pe::Pe::new(&[(".text", b"kernel")]);
    fs::write(folder.path().join("vmlinuz"), image.build()).unwrap();
    let answer = run(&folder, &["--replace", "kernel={}/vmlinuz", "kernel.file=file:{}/vmlinuz"]);
    // The same file twice is nothing new.
    assert_eq!(answer.unwrap_err().to_json()["error"]["code"], "predict_nothing_changes");
    let answer = run(&folder, &["--replace", "kernel={}/vmlinuz"]).unwrap();
    let new: Vec<&Value> =
        answer["changed"].as_array().unwrap().iter().map(|c| &c["new"]["sha256"]).collect();
    let flat = HashAlg::Sha256.hash(&[&image.build()]).to_string();
    let authenticode = HashAlg::Sha256.hash(&[&image.hashed()]).to_string();
    assert_eq!(new, [&json!(authenticode), &json!(authenticode), &json!(flat)]);
}

#[test]
fn a_selector_may_hold_an_equals_sign() {
    let folder = folder();
    let command =
        "grub.command@linux /vmlinuz console=ttyS0 rdinit=/init rootfstype=ramfs=string:linux /vmlinuz a=b";
    let line = "grub.kernel_cmdline=string:/vmlinuz a=b";
    let answer = run(&folder, &["--replace", command, line, "--keep", "grub.config"]).unwrap();
    assert_eq!(answer["changed"].as_array().unwrap().len(), 2);
    let new = HashAlg::Sha256.hash(&[b"linux /vmlinuz a=b"]).to_string();
    assert_eq!(answer["changed"][0]["new"]["sha256"], new);
}

#[test]
fn what_is_typed_wrongly_is_wrong_usage() {
    let folder = folder();
    let hex = format!("initrd=sha256:{}", &ZEROS[1..]);
    fs::write(folder.path().join("empty"), b"").unwrap();
    for (args, code) in [
        (&["--replace", "initrd"][..], "replacement_malformed"),
        (&["--replace", "=sha256:00"], "replacement_malformed"),
        (&["--replace", "initrd="], "replacement_malformed"),
        (&["--replace", &hex], "digest_malformed"),
        (&["--replace", "initrd=sha256:zz,sha384:zz"], "digest_malformed"),
        (&["--replace", "initrd={}/missing"], "file_unreadable"),
        (&["--replace", "initrd={}/empty"], "replacement_empty"),
        (&["--replace", "kernel={}/empty"], "replacement_empty"),
        (&["--replace", "initrd={}"], "file_unreadable"),
        (&["--rename", "old"], "rename_malformed"),
        (&["--rename", "=new"], "rename_malformed"),
        (&["--replace", "initrd={}/base.toml", "--banks", "md5"], "bank_unknown"),
        (&["--replace", "initrd={}/base.toml", "--banks", "sha512"], "predict_bank_unknown"),
        (&["--replace", "kernal={}/base.toml"], "predict_component_unknown"),
        (&["--replace", "initrd={}/base.toml", "--variant", "other"], "predict_variant_unknown"),
        (&["--replace", "initrd={}/base.toml", "--name", "sb-grub"], "predict_name_taken"),
    ] {
        assert_eq!(failure(&folder, args), (2, code.into()), "{args:?}");
    }
    assert!(Wrapper::try_parse_from(["predict", "--base", "x"]).is_err(), "nothing to replace");
}

#[test]
fn what_cannot_be_predicted_is_refused() {
    let folder = folder();
    let sha384 = format!("initrd=sha384:{ZEROS}{}", &ZEROS[..32]);
    for (args, code) in [
        (&["--replace", "kernel={}/base.toml"][..], "pe_not_an_image"),
        (&["--replace", &sha384], "predict_bank_missing"),
        (&["--replace", "kernel_cmdline=string:quiet"], "predict_also_needed"),
        (&["--replace", "secure_boot.dbx={}/base.toml"], "predict_variable"),
        (&["--replace", "kernel_cmdline={}/base.toml"], "predict_form_unknown"),
    ] {
        assert_eq!(failure(&folder, args), (1, code.into()), "{args:?}");
    }
}

/// An image broken at any place is refused with a code or predicted; it never ends the program.
#[test]
fn a_broken_image_is_never_a_crash() {
    let folder = folder();
    let good = pe::Pe::new(&[(".text", b"kernel")]).build();
    for at in 0..good.len().min(600) {
        let mut broken = good.clone();
        broken[at] ^= 0xff;
        fs::write(folder.path().join("vmlinuz"), &broken[..]).unwrap();
        if let Err(failure) = run(&folder, &["--replace", "kernel={}/vmlinuz"]) {
            assert_eq!(failure.exit(), Exit::Refused, "byte {at}: {failure:?}");
        }
    }
}

#[test]
fn a_base_that_cannot_be_read_is_wrong_usage() {
    let folder = folder();
    fs::write(folder.path().join("base.toml"), "format = 1").unwrap();
    assert_eq!(failure(&folder, &["--rename", "a=b"]).0, 2);
}

#[test]
fn files_for_ima_come_from_folders_files_and_digests() {
    let folder = folder();
    let root = folder.path();
    fs::create_dir_all(root.join("tree/kernel")).unwrap();
    fs::write(root.join("tree/kernel/a.ko"), b"a").unwrap();
    fs::write(root.join("tree/modules.dep"), b"dep").unwrap();
    std::os::unix::fs::symlink("modules.dep", root.join("tree/link")).unwrap();
    let measured =
        |text: &str| files::measured(&text.replace("{}", &root.display().to_string()), &Limits::DEFAULT);
    let found = measured("/lib/modules/6=/{}/tree/").unwrap();
    let names: Vec<&str> = found.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(names, ["/lib/modules/6/kernel/a.ko", "/lib/modules/6/modules.dep"]);
    assert_eq!(found[0].digest, HashAlg::Sha256.hash(&[b"a"]));
    assert_eq!(measured("/a={}/tree/kernel/a.ko").unwrap()[0].path, "/a");
    let by_digest = measured(&format!("/a=sha256:{ZEROS}")).unwrap();
    assert_eq!(by_digest[0].digest.to_string(), ZEROS);
    fs::create_dir(root.join("empty")).unwrap();
    for (text, code) in [
        ("relative={}/tree", "files_malformed"),
        ("/a", "files_malformed"),
        ("/a=sha256:0", "digest_malformed"),
        ("/a={}/missing", "file_unreadable"),
        ("/a={}/empty", "files_empty"),
    ] {
        assert_eq!(measured(text).unwrap_err().to_json()["error"]["code"], code, "{text}");
    }
    // The base of these tests does not judge files.
    fs::write(root.join("initrd"), b"new").unwrap();
    let args = ["--replace", "initrd={}/initrd", "--files", "/lib/modules/6={}/tree"];
    assert_eq!(failure(&folder, &args), (1, "predict_no_ima".into()));
}

#[test]
fn a_file_that_does_not_look_like_its_component_is_warned_of_and_taken() {
    let folder = folder();
    let codes = |bytes: &[u8]| {
        fs::write(folder.path().join("new"), bytes).unwrap();
        let answer = run(&folder, &["--replace", "initrd={}/new"]).unwrap();
        let warnings = answer["warnings"].as_array().unwrap().clone();
        warnings.into_iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let unlike = doubts::CODE.to_owned();
    assert!(codes(b"new").contains(&unlike));
    assert!(!codes(b"\x28\xb5\x2f\xfdnew").contains(&unlike));
}
