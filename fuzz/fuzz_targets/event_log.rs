//! Any bytes as an event log: parsed, decoded, replayed.
#![no_main]

use attest_core::{
    Limits,
    authenticate::replay::Replay,
    evidence::{
        tcg_event::{decode, summary},
        tcg_log::EventLog,
    },
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(log) = EventLog::parse(bytes, &Limits::DEFAULT) else { return };
    for event in log.events() {
        let _ = decode(event);
        let text = summary(event);
        assert!(!text.contains('\x1b'), "a terminal would obey {text:?}");
    }
    let replay = Replay::new(&log);
    for bank in replay.banks() {
        assert!(replay.values(bank).count() <= 24);
    }
});
