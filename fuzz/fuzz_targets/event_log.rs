//! Any bytes as an event log: parsed, decoded, replayed, and what the boot says of itself.
#![no_main]

use attest_core::{
    Limits,
    authenticate::replay::Replay,
    evidence::{
        tcg_event::{
            SecureBootState, Whole, WindowsBoot, authenticated_everywhere, decode, findings, secure_boot,
            summary,
        },
        tcg_log::EventLog,
    },
    reference::component,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(log) = EventLog::parse(bytes, &Limits::DEFAULT) else { return };
    for event in log.events() {
        let _ = (decode(event), authenticated_everywhere(event), Whole::read(event, log.banks()));
        let text = summary(event);
        assert!(!text.contains(char::is_control), "a terminal would obey {text:?}");
    }
    assert_eq!(component::names(&log).len(), log.events().len());
    let state = SecureBootState::of(&log);
    let _ = (secure_boot(&log), state.mode(), state.authorities(), state.may_hold_test_keys());
    for finding in log.findings().iter().chain(&findings(&log)) {
        let place = finding.event.and_then(|event| usize::try_from(event).ok());
        assert!(place.is_none_or(|place| place < log.events().len()), "{finding:?}");
        let text = finding.kind.to_string();
        assert!(!text.contains('\x1b'), "a terminal would obey {text:?}");
    }
    let _ = WindowsBoot::of(&log).map(|boot| (boot.boot_counter(), boot.elam().len()));
    let replay = Replay::new(&log);
    for bank in replay.banks() {
        assert!(replay.values(bank).count() <= 24);
    }
});
