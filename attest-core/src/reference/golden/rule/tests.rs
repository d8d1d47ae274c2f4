use super::*;
use crate::evidence::tcg_event::{Guid, PartitionUse, SbatLevel, Signature, Signatures, Whole};

fn image(byte: u8) -> Signature {
    Signature::Image([byte; 32])
}

fn held(bytes: &[u8], svn: Option<(u16, u16)>) -> Signatures {
    Signatures {
        all: bytes.iter().copied().map(image).collect(),
        versions: svn.into_iter().map(|version| (Guid::SHIM, version)).collect(),
    }
}

fn listed(bytes: &[u8]) -> Listed {
    bytes.iter().map(|byte| (image(*byte), String::new())).collect()
}

fn dbx(bytes: &[u8], svn: Option<(u16, u16)>) -> Whole {
    Whole::Signatures(Database::Dbx, held(bytes, svn))
}

fn missing(result: Result<(), Departure>) -> Vec<String> {
    match result {
        Err(Departure::Missing(names)) => names,
        other => panic!("{other:?}"),
    }
}

fn unlisted(result: Result<(), Departure>) -> Vec<String> {
    match result {
        Err(Departure::Unlisted(names)) => names,
        other => panic!("{other:?}"),
    }
}

#[test]
fn dbx_may_have_more_and_the_missing_ones_are_named() {
    let rule = Terms::DbxAtLeast(listed(&[1, 2]), [(Guid::SHIM, (7, 1))].into());
    for good in [dbx(&[1, 2], Some((7, 1))), dbx(&[1, 2, 3], Some((7, 2))), dbx(&[2, 1], Some((8, 0)))] {
        assert_eq!(rule.accept(&good), Ok(()));
    }
    assert_eq!(missing(rule.accept(&dbx(&[1, 3, 4], Some((7, 1))))), [image(2).to_string()]);
    let svn = format!("svn:{}=7.1", Guid::SHIM);
    assert_eq!(missing(rule.accept(&dbx(&[1, 2], Some((7, 0))))), std::slice::from_ref(&svn));
    assert_eq!(missing(rule.accept(&dbx(&[1, 2], Some((6, 9))))), std::slice::from_ref(&svn));
    assert_eq!(missing(rule.accept(&dbx(&[1, 2], None))), [svn]);
    assert!(rule.accept(&Whole::Signatures(Database::Db, held(&[1, 2], Some((7, 1))))).is_err());
}

#[test]
fn db_may_have_fewer_and_the_new_ones_are_named() {
    let rule = Terms::AtMost(Database::Db, listed(&[1, 2]));
    let db = |bytes: &[u8], svn| Whole::Signatures(Database::Db, held(bytes, svn));
    assert_eq!(rule.accept(&db(&[1, 2], None)), Ok(()));
    assert_eq!(rule.accept(&db(&[2], None)), Ok(()));
    assert_eq!(unlisted(rule.accept(&db(&[1, 3], None))), [image(3).to_string()]);
    assert_eq!(unlisted(rule.accept(&db(&[1], Some((1, 0))))), [format!("svn:{}", Guid::SHIM)]);
    assert_eq!(rule.accept(&db(&[], None)), Err(Departure::Other("it is empty".into())));
    assert!(rule.accept(&Whole::Signatures(Database::KEK, held(&[1], None))).is_err(), "another database");
    assert!(rule.accept(&dbx(&[1], None)).is_err());
}

#[test]
fn an_sbat_level_is_no_older_in_any_component() {
    let level = |lines: &[&str]| SbatLevel::from_lines(lines.iter().copied()).unwrap();
    let rule = Terms::SbatAtLeast(level(&["sbat,1,2025021800", "shim,4", "grub,5"]));
    let accept = |lines: &[&str]| rule.accept(&Whole::SbatLevel(level(lines)));
    assert_eq!(accept(&["sbat,1,2025021800", "grub,5", "shim,4"]), Ok(()));
    assert_eq!(accept(&["sbat,1,2025051000", "shim,4", "grub,6", "grub.proxmox,2"]), Ok(()));
    assert_eq!(missing(accept(&["sbat,1,2025051000", "shim,3", "grub,5"])), ["shim,4"]);
    assert_eq!(missing(accept(&["sbat,1,2025051000", "shim,4"])), ["grub,5"]);
    assert_eq!(missing(accept(&["sbat,0,2025051000", "shim,4", "grub,5"])), ["sbat,1"]);
    assert_eq!(missing(accept(&["sbat,1,2025021700", "shim,4", "grub,5"])), ["sbat,…,2025021800"]);
}

#[test]
fn partitions_are_the_same_in_number_and_order() {
    let use_of = |attributes, name: &str| PartitionUse { kind: Guid::SHIM, attributes, name: name.into() };
    let rule = Terms::PartitionTable(vec![use_of(0, "ESP"), use_of(0, "root")]);
    let accept = |uses: &[PartitionUse]| rule.accept(&Whole::PartitionTable(uses.to_vec()));
    assert_eq!(accept(&[use_of(0, "ESP"), use_of(0, "root")]), Ok(()));
    assert_eq!(missing(accept(&[use_of(0, "ESP")])), [use_of(0, "root").to_string()]);
    assert_eq!(missing(accept(&[use_of(4, "ESP"), use_of(0, "root")])), [use_of(0, "ESP").to_string()]);
    let more = [use_of(0, "ESP"), use_of(0, "root"), use_of(0, "x")];
    assert_eq!(unlisted(accept(&more)), [use_of(0, "x").to_string()]);
    assert!(accept(&[use_of(0, "root"), use_of(0, "ESP")]).is_err());
    assert!(accept(&[use_of(0, "ESP"), use_of(0, "ESP"), use_of(0, "root")]).is_err());
}

#[test]
fn boot_options_and_their_order() {
    let rule = Terms::BootOrder { numbers: [0, 1].into(), named: false };
    let accept = |order: &[u16], named| rule.accept(&Whole::BootOrder { order: order.to_vec(), named });
    assert_eq!(accept(&[1, 0], false), Ok(()));
    assert_eq!(unlisted(accept(&[1, 0, 3], false)), ["Boot0003"]);
    assert_eq!(missing(accept(&[1], false)), ["Boot0000"]);
    assert!(accept(&[1, 0], true).is_err());
    let rule = Terms::BootEntry { name: Some("Boot0001".into()), option: vec![1] };
    let accept = |name: Option<&str>, option: u8| {
        rule.accept(&Whole::BootEntry { name: name.map(Into::into), option: vec![option] })
    };
    assert_eq!(accept(Some("Boot0001"), 1), Ok(()));
    assert!(accept(Some("Boot0001"), 2).is_err());
    assert!(accept(Some("Boot0002"), 1).is_err());
    assert!(accept(None, 1).is_err());
}

#[test]
fn a_departure_names_some_and_counts_the_rest() {
    let names = (0..10).map(|n| n.to_string()).collect();
    assert_eq!(Departure::Missing(names).to_string(), "it lacks 0, 1, 2, 3, 4, 5, 6, 7 and 2 more");
}

fn read(kind: RuleKind, values: &[&str]) -> Result<Terms, String> {
    Terms::read(kind, &values.iter().map(ToString::to_string).collect::<Vec<_>>())
}

#[test]
fn values_are_read_in_the_one_way_they_are_written() {
    let hash = image(0xab).to_string();
    let certificate = format!("{} A maker's CA", Signature::Certificate([1; 32]));
    let svn = format!("svn:{}=7.1", Guid::SHIM);
    let partition = format!("{} 0000000000000004 a name", Guid::SHIM);
    let good: [(RuleKind, Vec<&str>); 8] = [
        (RuleKind::AtMost(Database::Db), vec![&certificate, &hash]),
        (RuleKind::DbxAtLeast, vec![&hash, &svn]),
        (RuleKind::DbxAtLeast, vec![&svn]),
        (RuleKind::SbatAtLeast, vec!["sbat,1,2025021800", "grub,5"]),
        (RuleKind::PartitionTable, vec![&partition, &partition]),
        (RuleKind::BootEntry, vec!["Boot0001", "hex:0102"]),
        (RuleKind::BootEntry, vec!["hex:0102"]),
        (RuleKind::BootOrder, vec!["BootOrder", "0000", "0001"]),
    ];
    for (kind, values) in good {
        let terms = read(kind, &values).unwrap();
        assert_eq!(terms.kind(), kind);
        assert_eq!(Terms::read(kind, &terms.values()), Ok(terms), "{values:?}");
    }
    let plus = svn.replace("=7", "=+7");
    let upper = hash.to_uppercase();
    let faults: [(RuleKind, Vec<&str>); 14] = [
        (RuleKind::AtMost(Database::Db), vec![]),
        (RuleKind::AtMost(Database::Db), vec![&hash, &hash]),
        (RuleKind::AtMost(Database::Db), vec![&svn]),
        (RuleKind::AtMost(Database::Db), vec![&upper]),
        (RuleKind::DbxAtLeast, vec![]),
        (RuleKind::DbxAtLeast, vec![&svn, &svn]),
        (RuleKind::DbxAtLeast, vec![&plus]),
        (RuleKind::SbatAtLeast, vec!["grub,5"]),
        (RuleKind::PartitionTable, vec![]),
        (RuleKind::BootEntry, vec!["Boot0001"]),
        (RuleKind::BootEntry, vec!["Boot0001", "Boot0002", "hex:00"]),
        (RuleKind::BootEntry, vec!["hex:0A"]),
        (RuleKind::BootOrder, vec!["1"]),
        (RuleKind::BootOrder, vec!["0001", "0001"]),
    ];
    for (kind, values) in faults {
        assert!(read(kind, &values).is_err(), "{} {values:?}", kind.name());
    }
}

#[test]
fn every_kind_has_a_name_of_its_own_and_a_slot() {
    for kind in RuleKind::ALL {
        assert_eq!(RuleKind::from_name(kind.name()), Some(kind));
        assert!(RuleKind::NAMES.contains(kind.name()));
    }
    assert_eq!(RuleKind::from_name("dbx_at_most"), None, "fewer revocations are never allowed");
}

#[test]
fn what_is_the_same_on_every_device_is_not_given_away() {
    for component in ["separator", "secure_boot.state", "mok.validation_state"] {
        assert!(Rule::PerDevice.may_own(7, component).is_err());
    }
    assert_eq!(Rule::PerDevice.may_own(1, "boot.entry"), Ok(()));
}
