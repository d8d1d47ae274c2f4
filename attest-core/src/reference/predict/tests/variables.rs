//! UEFI variables in PCR 7, and shim's in PCR 14.

use super::*;
use crate::evidence::tcg_event::{Guid, Variable};
use crate::reference::golden::RuleKind;

/// The contents of a variable in the real boot's PCR 7.
fn contents(name: &str) -> Vec<u8> {
    let log = fixture!("boots/sb-grub/eventlog.bin");
    let log = EventLog::parse(log, &LIMITS).unwrap();
    let variables = log.events().iter().filter(|e| e.pcr == 7).filter_map(|e| Variable::parse(e.data));
    variables.filter(|v| v.name.is(name)).map(|v| v.data.to_vec()).next().unwrap()
}

fn dbx_with_one_more() -> Vec<u8> {
    let mut dbx = contents("dbx");
    let one = dbx.clone();
    dbx.extend(one);
    dbx
}

/// The structure of the real boot's own variables makes the real boot's own digests.
#[test]
fn the_old_contents_make_the_old_digests() {
    let base = grub_boot();
    for (component, name) in [
        ("secure_boot.pk", "PK"),
        ("secure_boot.kek", "KEK"),
        ("secure_boot.db", "db"),
        ("secure_boot.dbx", "dbx"),
        ("secure_boot.sbat_level", "SbatLevel"),
    ] {
        assert_eq!(refused(&base, &[file(component, &contents(name))]).code(), "predict_nothing_changes");
    }
}

#[test]
fn a_new_revocation_list_adds_an_alternative_and_no_variant() {
    let base = grub_boot();
    let dbx = dbx_with_one_more();
    let prediction = predicted(&base, &[file("secure_boot.dbx", &dbx)]);
    assert_eq!(prediction.golden.variants, base.variants);
    assert_eq!(prediction.golden.sequences.len(), base.sequences.len() + 1);
    let slot = &slots(&prediction, 7)[4];
    assert_eq!(slot.about, "dbx: 2 hashes");
    let name: Vec<u8> = utf16("dbx")[..6].to_vec();
    let event =
        [&Guid::IMAGE_SECURITY.0[..], &3_u64.to_le_bytes(), &(dbx.len() as u64).to_le_bytes(), &name, &dbx]
            .concat();
    assert_eq!(slot.digests, hash(&base, &event));
    // As efivarfs gives it: four bytes of attributes in front.
    let with_attributes = [&[0x27, 0, 0, 0], dbx.as_slice()].concat();
    assert_eq!(predicted(&base, &[file("secure_boot.dbx", &with_attributes)]).changes, prediction.changes);
}

#[test]
fn a_superseded_alternative_goes() {
    let base = grub_boot();
    let dbx = dbx_with_one_more();
    let replace = [file("secure_boot.dbx", &dbx)];
    let asked = Request { supersede: Some("revoked"), ..request(&base, &replace) };
    let prediction = checked(predict(&asked, &LIMITS).unwrap());
    assert_eq!(prediction.golden.sequences.len(), base.sequences.len());
    assert_eq!(prediction.golden.variants, base.variants);
    assert_eq!(prediction.golden.superseded.len(), 1);
}

#[test]
fn variable_that_holds_no_signature_list() {
    let base = grub_boot();
    for garbage in [&b""[..], b"garbage", &contents("dbx")[..40]] {
        assert_eq!(refused(&base, &[file("secure_boot.dbx", garbage)]).code(), "predict_variable");
    }
    let error = refused(&base, &[file("secure_boot.sbat_level", b"garbage")]);
    assert_eq!(error.code(), "predict_variable");
}

/// Some shims measured only the contents: where the base's text does not make its digest so, nobody knows the form.
#[test]
fn sbat_level_in_an_unknown_form() {
    let mut base = grub_boot();
    let other = hash(&base, b"sbat,1,2025021800\nshim,4\ngrub,5\n");
    let pcr7 = base.sequences.iter_mut().find(|s| s.pcr == 7).unwrap();
    pcr7.slots[7].digests = other;
    let error = refused(&base, &[file("secure_boot.sbat_level", b"sbat,1,2030010100\n")]);
    assert_eq!(error.code(), "predict_text_unproven");
}

#[test]
fn shims_lists_are_hashed_as_they_are() {
    let base = grub_boot();
    let prediction = predicted(&base, &[file("mok.list", b"one more certificate")]);
    assert_eq!(digests(&prediction, 14, "mok.list"), [hash(&base, b"one more certificate")]);
}

/// Which of several alternatives goes with a variant is told by its name, and by nothing else.
#[test]
fn alternative_of_another_variant() {
    let dbx = dbx_with_one_more();
    let mut base = predicted(&grub_boot(), &[file("secure_boot.dbx", &dbx)]).golden;
    base.sequences.iter_mut().filter(|s| s.pcr == 7).for_each(|s| s.name.push('!'));
    let error = refused(&base, &[file("secure_boot.dbx", &[dbx.as_slice(), &contents("dbx")].concat())]);
    let names = vec!["grub!".to_owned(), "grub+secure_boot.dbx!".to_owned()];
    assert_eq!(error, Error::AlternativeAmbiguous { component: "secure_boot.dbx".into(), pcr: 7, names });
}

/// The rule's values are the old ones: the new digest counts by itself, and the old alternative keeps its rule.
#[test]
fn a_new_value_under_a_rule_is_exact() {
    let log = fixture!("boots/sb-grub/eventlog.bin");
    let log = EventLog::parse(log, &LIMITS).unwrap();
    let boot = Boot { name: "grub", log: &log, evidence: Evidence::Quoted, files: None, userspace: None };
    let choices = Choices { rules: vec![RuleKind::SbatAtLeast], ..Choices::default() };
    let base = learn("f", &[boot], &choices).unwrap();
    let prediction = predicted(&base, &[file("secure_boot.sbat_level", b"sbat,1,2030010100\n")]);
    assert_eq!(slots(&prediction, 7)[7].rule, None);
    let old = prediction.golden.sequences.iter().find(|s| s.pcr == 7 && s.name == "grub").unwrap();
    assert!(old.slots[7].rule.is_some());
}
