//! In which register, and on which side of its separator, an event says something about Secure Boot; and how many are kept.

use super::*;

fn read<T>(events: &[Made], ask: impl FnOnce(&SecureBootState<'_>) -> T) -> T {
    let bytes = log(events);
    ask(&SecureBootState::of(&EventLog::parse(&bytes, &Limits::DEFAULT).unwrap()))
}

fn elsewhere(pcr: u32, made: Made) -> Made {
    Made { pcr, ..made }
}

fn database(events: &[Made], database: Database) -> Option<String> {
    read(events, |state| state.database(database).map(|lists| lists.to_string()))
}

#[test]
fn a32_keys_told_after_the_separator_or_in_another_register_are_not_those_that_decided() {
    let mut after = good();
    after.push(config(Guid::GLOBAL, "PK", &list(AMI)));
    after.push(config(Guid::GLOBAL, "DeployedMode", &[1]));
    after.push(config(Guid::IMAGE_SECURITY, "dbt", &list(AMI)));
    assert_eq!(told(&after), []);
    assert_eq!(state(&after), state(&good()));
    assert_eq!(database(&after, Database::PK), database(&good(), Database::PK));
    assert_eq!(database(&after, Database::Dbt), None);
    let mut other = good();
    other.insert(0, elsewhere(1, config(Guid::GLOBAL, "PK", &list(AMI))));
    other.insert(0, elsewhere(1, config(Guid::IMAGE_SECURITY, "dbt", &list(AMI))));
    assert_eq!((told(&other), database(&other, Database::Dbt)), (vec![], None));
    // Another register's separator ends nothing here.
    let mut early = good();
    early.insert(0, Made::separator(0));
    assert_eq!((told(&early), state(&early)), (vec![], state(&good())));
}

#[test]
fn authorities_and_shims_switch_count_in_their_register() {
    let by = |events: &[Made]| read(events, |state| state.authorities().len());
    let mut other = good();
    other.push(elsewhere(5, authority(Guid::IMAGE_SECURITY, "db", &vendor())));
    assert_eq!((by(&good()), by(&other)), (1, 1));
    let switch = |pcr| Made { data: b"MokSBState".to_vec(), ..Made::new(pcr, EventType::IPL, &[1]) };
    for (pcr, validation) in [(14, Some(false)), (13, None), (7, None)] {
        let events = [good(), vec![switch(pcr)]].concat();
        assert_eq!(read(&events, |state| state.shim_validation()), validation, "{pcr}");
    }
    let many = |count| vec![authority(Guid::IMAGE_SECURITY, "db", &vendor()); count];
    assert_eq!([by(&many(64)), by(&many(65))], [64, 64]);
}

#[test]
fn an_authority_is_missed_where_an_image_was_loaded() {
    let on = || vec![config(Guid::GLOBAL, "SecureBoot", &[1]), Made::separator(7)];
    let with = |made: Made| told(&[on(), vec![made]].concat());
    let missing = vec![("authority_missing", Some(3))];
    assert_eq!(with(Made::new(4, EventType::EFI_BOOT_SERVICES_APPLICATION, b"image")), missing);
    assert_eq!(with(Made::new(4, EventType::EFI_BOOT_SERVICES_DRIVER, b"image")), missing);
    assert_eq!(with(Made::new(4, EventType::EFI_ACTION, b"Calling EFI Application")), []);
    assert_eq!(with(Made::new(2, EventType::EFI_BOOT_SERVICES_DRIVER, b"an option ROM")), []);
    assert_eq!(told(&on()), []);
}

#[test]
fn of_each_kind_eight_findings_are_kept() {
    let lie = |name: &str| Made {
        data: variable(Guid::IMAGE_SECURITY, name, &[1]),
        ..config(Guid::GLOBAL, "x", &[])
    };
    let events = [
        vec![config(Guid::GLOBAL, "AuditMode", &[1])],
        vec![lie("db"); 12],
        vec![config(Guid::GLOBAL, "PK", &[])],
    ];
    let codes: Vec<_> = told(&events.concat()).into_iter().map(|(code, _)| code).collect();
    assert_eq!(
        codes,
        [&["audit_mode"][..], &["secure_boot_unproven"; 8], &["setup_mode"], &["test_key_unproven"]].concat()
    );
}

#[test]
fn a26_a_mark_in_either_name_is_enough() {
    let old = b"DO NOT TRUST - AMI Test PK";
    let places: Vec<_> = (0..AMI.len() - old.len()).filter(|at| AMI[*at..].starts_with(old)).collect();
    assert_eq!(places.len(), 3, "issuer, subject, and whose key signed");
    let modulus = AMI.windows(4).position(|w| w == [0xe7, 0x36, 0x7b, 0x20]).unwrap();
    for (left, marked) in [(0, Some(TestKey::Field)), (1, Some(TestKey::Field)), (2, None)] {
        let mut one = AMI.to_vec();
        one[modulus] ^= 1;
        for (_, place) in places.iter().enumerate().filter(|(at, _)| *at != left) {
            one[*place..place + old.len()].copy_from_slice(b"Vendor Ltd. Platform Key..");
        }
        assert_eq!(test_key(&one), marked, "{left}");
    }
}

/// A log may tell of more events than anybody hashes before he knows better: what lies beyond is not proven, and the log is refused for it.
#[test]
fn a51_events_beyond_the_bound_are_not_hashed_and_refuse() {
    let flood = |count: u8, of: fn(Guid, &str, &[u8]) -> Made| {
        (0..count).map(move |nth| of(Guid::SHIM, "SbatLevel", &[nth])).collect::<Vec<_>>()
    };
    let off = || authority(Guid::SHIM, "MokSBState", &[1]);
    let within = [good(), flood(255, authority), vec![off()]].concat();
    let beyond = [good(), flood(255, authority), flood(255, authority), vec![off()]].concat();
    assert_eq!(read(&within, |state| state.shim_validation()), Some(false));
    assert_eq!(read(&beyond, |state| state.shim_validation()), None);
    let last = |events: &[Made]| {
        read(events, |state| state.findings().last().map(|found| (found.code(), found.severity())))
    };
    assert_eq!(last(&within), Some(("shim_validation_off", Severity::Warn)));
    assert_eq!(last(&beyond), Some(("too_many_findings", Severity::Refuse)));
    // Keys before the separator, likewise.
    let mut keys = flood(255, config);
    keys.extend(flood(255, config));
    keys.extend(flood(2, config));
    keys.extend([config(Guid::GLOBAL, "PK", &list(AMI)), Made::separator(7)]);
    assert_eq!(database(&keys, Database::PK), None);
    assert_eq!(database(&keys[500..], Database::PK), Some("\"DO NOT TRUST - AMI Test PK\"".to_owned()));
    let kinds = told(&keys).into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
    for kind in ["test_key_unproven", "secure_boot_unproven", "too_many_findings"] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
}
