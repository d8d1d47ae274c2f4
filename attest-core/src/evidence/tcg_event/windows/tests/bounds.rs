//! By which banks Windows' word counts, and how much of it is kept.

use super::*;
use crate::evidence::tcg_log::build::log_in_banks;

fn boot<T>(events: &[Made], ask: impl FnOnce(&WindowsBoot<'_>) -> T) -> T {
    let bytes = log(events);
    ask(&WindowsBoot::of(&EventLog::parse(&bytes, &Limits::DEFAULT).unwrap()).unwrap())
}

#[test]
fn the_banks_that_are_asked_decide() {
    let banks = [HashAlg::Sha256, HashAlg::Sha384];
    let data = boundary(&[tag(sipa::TEST_SIGNING, &[1])]);
    let mut made = Made::in_banks(12, EventType::EVENT_TAG, &data, &banks);
    made.digests[1].1[0] ^= 1;
    let bytes = log_in_banks(&banks, &[made]);
    let log = EventLog::parse(&bytes, &Limits::DEFAULT).unwrap();
    let signing = |banks: &[HashAlg]| WindowsBoot::in_banks(&log, banks).unwrap().switch(Switch::TestSigning);
    assert_eq!((signing(&banks[..1]), signing(&banks[1..]), signing(&banks)), (Some(true), None, None));
    let none = log_in_banks(&banks, &[Made::in_banks(12, EventType::SEPARATOR, b"WBCL", &banks)]);
    assert_eq!(WindowsBoot::in_banks(&EventLog::parse(&none, &Limits::DEFAULT).unwrap(), &banks), None);
}

#[test]
fn drivers_and_unlocks_are_kept_up_to_sixteen() {
    let drivers = |count: u32| (0..count).map(|at| tag(sipa::ELAM_DRIVER, &utf16(&format!("driver {at}"))));
    let unlocks = |count: u32| (0..count).map(|at| tag(sipa::BITLOCKER_UNLOCK, &(1_u32 << at).to_le_bytes()));
    for (count, kept) in [(15, 15), (16, 16), (17, 16)] {
        let all: Vec<_> = drivers(count).chain(unlocks(count)).collect();
        let events = [Made::new(12, EventType::EVENT_TAG, &boundary(&all))];
        assert_eq!(boot(&events, |boot| (boot.elam().len(), boot.unlocks().len())), (kept, kept), "{count}");
    }
}

#[test]
fn numbers_are_those_that_were_measured() {
    let number = |kind, number: u64| tag(kind, &number.to_le_bytes());
    let all = boundary(&[
        number(sipa::BOOT_COUNTER, 2),
        number(sipa::DATA_EXECUTION_PREVENTION, 3),
        number(sipa::HYPERVISOR_LAUNCH_TYPE, 4),
        number(sipa::VSM_LAUNCH_TYPE, 5),
        number(sipa::HVCI_POLICY, 6),
    ]);
    let numbers = |boot: &WindowsBoot<'_>| {
        [
            boot.boot_counter(),
            boot.data_execution_prevention(),
            boot.hypervisor_launch_type(),
            boot.vsm_launch_type(),
            boot.hvci_policy(),
        ]
    };
    assert_eq!(boot(&[Made::new(12, EventType::EVENT_TAG, &all)], numbers), [2, 3, 4, 5, 6].map(Some));
    let none = Made::new(12, EventType::EVENT_TAG, &boundary(&[tag(sipa::TEST_SIGNING, &[1])]));
    assert_eq!(boot(&[none], numbers), [None; 5]);
}

/// What is odd about one event is told of each, up to four.
#[test]
fn of_each_kind_four_findings_are_kept() {
    let lie = Made { data: boundary(&[tag(sipa::WINPE, &[0])]), ..Made::new(12, EventType::EVENT_TAG, b"x") };
    let weak = Made::new(12, EventType::EVENT_TAG, &boundary(&[tag(sipa::WINPE, &[1])]));
    let events = [vec![lie; 6], vec![weak]].concat();
    let codes: Vec<_> = findings(&events).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, [&["windows_unproven"; 4][..], &["windows_winpe"]].concat());
}

#[test]
fn what_holds_others_or_nothing_is_told_by_its_name_alone() {
    let told = |kind, data| Sipa { kind, data }.to_string();
    let name = told(sipa::BOOT_COUNTER, &[]);
    assert_eq!(told(sipa::BOOT_COUNTER, &[7, 0, 0, 0]), format!("{name} 7"));
    let container = told(0x4001_0003, &[]);
    assert_eq!((told(0x4001_0003, &[1, 2, 3]), container.is_empty()), (container, false));
}

/// Of each kind two values in words, the rest as a number, however often they are told.
#[test]
fn a_hundred_thousand_switches_are_counted_and_not_told() {
    let value = |value: u8| tag(sipa::HVCI_POLICY, &[value; 4]);
    let many = [vec![value(1), value(1), value(2)], (0..9_000).map(|_| value(3)).collect()].concat();
    let others = (0..9_000).map(|_| tag(0x0002_0001, &[1])).collect::<Vec<_>>();
    let data = boundary(&[many, others].concat());
    let made = log(&[Made::new(12, EventType::EVENT_TAG, &data)]);
    let log = EventLog::parse(&made, &Limits::DEFAULT).unwrap();
    let summary = crate::evidence::tcg_event::summary(log.events().last().unwrap());
    let count = |text: &str| summary.matches(text).count();
    assert_eq!(
        (count("HVCI policy 16843009"), count("HVCI policy 33686018"), count("HVCI policy")),
        (1, 1, 2)
    );
    let told = count("information on");
    assert!(told > 0 && summary.ends_with(&format!(" … and {} more", 18_000 - told)), "{summary}");
}
