//! Predictions from two real boots (GRUB behind shim; a unified kernel image), with parts made here.

mod grub;
mod image;
mod unified;
mod variables;

use super::*;
use crate::evidence::tcg_log::EventLog;
use crate::reference::golden::{Evidence, Slot};
use crate::reference::learn::{Boot, Choices, learn};
use crate::testing::{fixture, pe};

const LIMITS: Limits = Limits::DEFAULT;

fn golden(name: &str, log: &[u8]) -> Golden {
    let log = EventLog::parse(log, &LIMITS).unwrap();
    let boot = Boot { name, log: &log, evidence: Evidence::Quoted, files: None, userspace: None };
    learn("f", &[boot], &Choices::default()).unwrap()
}

/// shim, GRUB, kernel and initrd of Debian 12, Secure Boot on.
fn grub_boot() -> Golden {
    golden("grub", fixture!("boots/sb-grub/eventlog.bin"))
}

/// A unified kernel image by systemd-stub 252.
fn uki_boot() -> Golden {
    golden("uki", fixture!("boots/uki-sb/eventlog.bin"))
}

fn request<'a>(base: &'a Golden, replace: &'a [Replace<'a>]) -> Request<'a> {
    Request {
        base,
        variant: None,
        replace,
        rename: &[],
        keep: &[],
        files: &[],
        name: None,
        banks: None,
        supersede: None,
    }
}

const fn with<'a>(component: &'a str, with: Source<'a>) -> Replace<'a> {
    Replace { component, which: None, with }
}

const fn file<'a>(component: &'a str, bytes: &'a [u8]) -> Replace<'a> {
    with(component, Source::File("new/file", bytes))
}

const fn text<'a>(component: &'a str, line: &'a str) -> Replace<'a> {
    with(component, Source::Text(line))
}

fn predicted(base: &Golden, replace: &[Replace<'_>]) -> Prediction {
    checked(predict(&request(base, replace), &LIMITS).unwrap())
}

fn refused(base: &Golden, replace: &[Replace<'_>]) -> Error {
    predict(&request(base, replace), &LIMITS).unwrap_err()
}

/// What is predicted reads the same after it was written, and every change is in the new document.
fn checked(prediction: Prediction) -> Prediction {
    let text = prediction.golden.to_toml();
    assert!(Golden::parse(&text, &LIMITS).as_ref() == Ok(&prediction.golden), "{text}");
    prediction
}

/// The slots of a PCR in the predicted variant, or in the predicted alternative.
fn slots(prediction: &Prediction, pcr: u8) -> Vec<Slot> {
    let golden = &prediction.golden;
    let of_variant =
        golden.variants.iter().find(|v| v.name == prediction.name).map(|v| golden.resolve(v).unwrap());
    let alternatives = golden.sequences.iter().filter(|s| s.name == prediction.name).cloned();
    let mut sequences = of_variant.into_iter().flatten().chain(alternatives);
    sequences.find(|s| s.pcr == pcr).map(|s| s.slots).unwrap_or_default()
}

/// The digests of a component's slots in a PCR.
fn digests(prediction: &Prediction, pcr: u8, component: &str) -> Vec<Vec<Digest>> {
    let slots = slots(prediction, pcr).into_iter().filter(|slot| slot.component == component);
    slots.map(|slot| slot.digests).collect()
}

fn hash(golden: &Golden, bytes: &[u8]) -> Vec<Digest> {
    golden.banks.iter().map(|bank| bank.hash(&[bytes])).collect()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

fn codes(prediction: &Prediction) -> Vec<WarningCode> {
    prediction.warnings.iter().map(|warning| warning.code).collect()
}

fn components(prediction: &Prediction) -> Vec<(u8, &str)> {
    prediction.changes.iter().map(|change| (change.pcr, change.component.as_str())).collect()
}

#[test]
fn nothing_is_replaced() {
    assert_eq!(refused(&grub_boot(), &[]), Error::NoReplacement);
}

#[test]
fn the_new_variant_names_its_base_and_only_what_differs() {
    let base = grub_boot();
    let prediction = predicted(&base, &[file("initrd", b"new")]);
    let [old, new] = prediction.golden.variants.as_slice() else { panic!("two variants") };
    assert_eq!(old, &base.variants[0]);
    assert_eq!((new.name.as_str(), new.based_on.as_deref()), ("grub+initrd", Some("grub")));
    assert_eq!((new.evidence, new.replace.len(), new.sequences.len()), (Evidence::Predicted, 1, 0));
    assert_eq!(prediction.golden.sequences, base.sequences);
}

/// An update on top of an update is one against the boot that was seen.
#[test]
fn a_prediction_from_a_prediction_is_based_on_the_root() {
    let first = predicted(&grub_boot(), &[file("initrd", b"new")]).golden;
    let replace = [file("grub.config", b"set timeout=1")];
    let asked = Request { variant: Some("grub+initrd"), ..request(&first, &replace) };
    let prediction = checked(predict(&asked, &LIMITS).unwrap());
    let variant = &prediction.golden.variants[2];
    assert_eq!((variant.based_on.as_deref(), variant.replace.len()), (Some("grub"), 2));
    assert_eq!(components(&prediction), [(9, "grub.config")]);
}

#[test]
fn variant_not_named_where_there_are_several() {
    let two = predicted(&grub_boot(), &[file("initrd", b"new")]).golden;
    let known = vec!["grub".to_owned(), "grub+initrd".to_owned()];
    let error = refused(&two, &[file("initrd", b"newer")]);
    assert_eq!(error, Error::VariantUnknown { variant: String::new(), known: known.clone() });
    let replace = [file("initrd", b"newer")];
    let asked = Request { variant: Some("other"), ..request(&two, &replace) };
    assert_eq!(
        predict(&asked, &LIMITS).unwrap_err(),
        Error::VariantUnknown { variant: "other".into(), known }
    );
}

#[test]
fn names_are_given_and_must_be_new() {
    let base = grub_boot();
    let replace = [file("initrd", b"new")];
    let named = Request { name: Some("2026-12"), ..request(&base, &replace) };
    assert_eq!(predict(&named, &LIMITS).unwrap().name, "2026-12");
    let taken = Request { name: Some("grub"), ..request(&base, &replace) };
    assert_eq!(predict(&taken, &LIMITS).unwrap_err(), Error::NameTaken { name: "grub".into() });
}

#[test]
fn the_same_update_twice_is_golden_already() {
    let once = predicted(&grub_boot(), &[file("initrd", b"new")]).golden;
    let replace = [file("initrd", b"new")];
    let asked = Request { variant: Some("grub"), ..request(&once, &replace) };
    assert_eq!(predict(&asked, &LIMITS).unwrap_err(), Error::AlreadyGolden { variant: "grub+initrd".into() });
}

#[test]
fn component_unknown_or_not_what_it_seems() {
    let base = grub_boot();
    let Error::Unknown { component, known } = refused(&base, &[file("kernal", b"")]) else {
        panic!("unknown")
    };
    assert_eq!(component, "kernal");
    assert!(known.contains(&"kernel".to_owned()) && known.is_sorted());
    let error = refused(&base, &[file("firmware.version", b"1")]);
    assert_eq!(error, Error::FormUnknown { component: "firmware.version".into(), what: "a file" });
    let error = refused(&base, &[text("initrd", "text")]);
    assert_eq!(error, Error::FormUnknown { component: "initrd".into(), what: "a text" });
}

#[test]
fn a_part_among_several_is_named_by_its_text_or_its_digest() {
    let base = grub_boot();
    let digests: Vec<Digest> = hash(&base, b"other");
    let new = Source::Digests(&digests);
    let error = refused(&base, &[with("secure_boot.authority", new)]);
    let Error::Ambiguous { parts, .. } = error else { panic!("{error}") };
    assert_eq!(parts.len(), 2);
    for which in ["MokListRT: \"Debian Secure Boot CA\"", "23b2707f", "23B2707FF7"] {
        let replace = [Replace { which: Some(which), ..with("secure_boot.authority", new) }];
        let prediction = predicted(&base, &replace);
        assert_eq!(components(&prediction), [(7, "secure_boot.authority")]);
        assert_eq!(slots(&prediction, 7)[8].digests, digests);
    }
    for which in ["23b2707", "nothing"] {
        let replace = [Replace { which: Some(which), ..with("secure_boot.authority", new) }];
        assert_eq!(refused(&base, &replace).code(), "predict_component_unknown");
    }
}

#[test]
fn bank_not_given_is_asked_for_and_not_guessed() {
    let base = grub_boot();
    let sha256 = [HashAlg::Sha256.hash(&[b"new"])];
    let replace = [with("initrd", Source::Digests(&sha256))];
    let error = refused(&base, &replace);
    assert_eq!(error, Error::BankMissing { component: "initrd".into(), bank: HashAlg::Sha384 });
    let narrow = Request { banks: Some(&[HashAlg::Sha256]), ..request(&base, &replace) };
    let prediction = checked(predict(&narrow, &LIMITS).unwrap());
    assert_eq!(prediction.golden.banks, [HashAlg::Sha256]);
    let more = Request { banks: Some(&[HashAlg::Sha512]), ..request(&base, &replace) };
    assert_eq!(predict(&more, &LIMITS).unwrap_err(), Error::BankUnknown { bank: HashAlg::Sha512 });
}

#[test]
fn what_is_kept_must_be_there_and_stay() {
    let base = grub_boot();
    let replace = [file("initrd", b"new")];
    let asked = Request { keep: &["initrd"], ..request(&base, &replace) };
    assert_eq!(predict(&asked, &LIMITS).unwrap_err(), Error::KeptChanges { component: "initrd".into() });
    let asked = Request { keep: &["uki"], ..request(&base, &replace) };
    assert_eq!(predict(&asked, &LIMITS).unwrap_err().code(), "predict_component_unknown");
}

#[test]
fn the_old_file_is_no_update() {
    let base = grub_boot();
    let initrd = base.variants[0].sequences.iter().find(|s| s.pcr == 9).unwrap().slots[2].digests.clone();
    let error = refused(&base, &[with("initrd", Source::Digests(&initrd))]);
    assert_eq!(error, Error::NothingChanges { component: "initrd".into(), about: "/initrd.img".into() });
}

#[test]
fn a_file_too_large_is_refused() {
    let base = grub_boot();
    let limits = Limits { image_bytes: 3, ..LIMITS };
    let replace = [file("initrd", b"1234")];
    let error = predict(&request(&base, &replace), &limits).unwrap_err();
    assert_eq!(error, Error::TooLarge { file: "new/file".into(), got: 4, limit: 3 });
}

#[test]
fn a_superseded_variant_goes_and_explains() {
    let base = grub_boot();
    let replace = [file("initrd", b"new")];
    let asked = Request { supersede: Some("old initrd"), ..request(&base, &replace) };
    let prediction = checked(predict(&asked, &LIMITS).unwrap());
    let [only] = prediction.golden.variants.as_slice() else { panic!("one variant") };
    assert_eq!((only.name.as_str(), &only.based_on, only.replace.len()), ("grub+initrd", &None, 0));
    let [old] = prediction.golden.superseded.as_slice() else { panic!("one digest") };
    assert_eq!((old.component.as_str(), old.reason.as_str()), ("initrd", "old initrd"));
    assert_eq!(old.digests, prediction.changes[0].old);
    assert!(prediction.golden.check().iter().all(|lint| !lint.code.is_error()));
}

/// What another variant still boots is not superseded.
#[test]
fn a_digest_that_stays_golden_is_not_superseded() {
    let two = predicted(&grub_boot(), &[file("grub.config", b"set timeout=1")]).golden;
    let replace = [file("initrd", b"new")];
    let asked = Request { variant: Some("grub"), supersede: Some("old"), ..request(&two, &replace) };
    let prediction = checked(predict(&asked, &LIMITS).unwrap());
    let names: Vec<_> = prediction.golden.variants.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names, ["grub+grub.config", "grub+initrd"]);
    assert!(prediction.golden.superseded.is_empty());
}

#[test]
fn golden_files_of_ima_stay_but_for_those_that_are_given() {
    let mut base = grub_boot();
    let replace = [file("initrd", b"new")];
    let ima_file = |digest| ImaFile { path: "/mod/a.ko".into(), digest, verity: false, required: false };
    let (module, old) = (HashAlg::Sha256.hash(&[b"module"]), HashAlg::Sha256.hash(&[b"old"]));
    let (module, old) = (ima_file(module), ima_file(old));
    let files = [module.clone()];
    let asked = Request { files: &files, ..request(&base, &replace) };
    assert_eq!(predict(&asked, &LIMITS).unwrap_err(), Error::NoIma);
    let section =
        format!("\n[ima]\nfiles = [{{ path = \"/mod/a.ko\", digest = \"sha256:{}\" }}]\n", old.digest);
    base = Golden::parse(&(base.to_toml() + &section), &LIMITS).unwrap();
    assert!(codes(&predicted(&base, &replace)).contains(&WarningCode::ImaFilesKept));
    assert!(!codes(&predicted(&base, &[file("grub.config", b"x")])).contains(&WarningCode::ImaFilesKept));
    let prediction =
        checked(predict(&Request { files: &files, ..request(&base, &replace) }, &LIMITS).unwrap());
    assert!(!codes(&prediction).contains(&WarningCode::ImaFilesKept));
    let mut both = vec![old, module];
    both.sort();
    assert_eq!(prediction.golden.ima.unwrap().files, both);
}
