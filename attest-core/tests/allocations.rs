//! How often memory is asked for on the way from bytes to verdict: not once an event.
//!
//! Requests are counted, not timed: the count is the same on every machine and under any load.
#![allow(
    clippy::allow_attributes,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "a test makes bytes by hand, uses a part of the device of other tests, and a panic in it is a failed test"
)]

#[path = "lies/device.rs"]
mod device;
#[path = "lies/judge.rs"]
mod judge;
#[path = "lies/sample.rs"]
mod sample;

use allocation_counter::measure;
use attest_core::Limits;
use attest_core::appraise::{Policy, Status};
use attest_core::authenticate::replay::Replay;
use attest_core::evidence::tcg_event::authenticated_everywhere;
use attest_core::evidence::tcg_log::EventLog;
use attest_core::reference::ReferenceSet;

use device::{Device, IPL};
use judge::{Sent, context, golden};

/// A good boot whose GRUB ran so many more commands.
fn after(commands: usize) -> Device {
    let mut device = sample::good();
    for number in 0..commands {
        let command = format!("set place_{number}=(hd0,gpt{number})/a/path/of/some/length");
        device.measure(8, IPL, format!("grub_cmd: {command}\0").as_bytes(), command.as_bytes());
    }
    // IMA began with what was before.
    device.ima.clear();
    for bank in device.banks() {
        device.pcrs.insert((bank, 10), vec![0; device::size(bank)]);
    }
    let first = device.boot_aggregate();
    device.ima(first);
    device
}

/// Lists grow by doubling: some requests more for ten times the events, never one for each.
const FEW: usize = 150;
const MANY: usize = 1_500;
const DOUBLINGS: u64 = 16;

/// How many requests more the longer log takes.
fn more(requests: impl Fn(&Device) -> u64) -> u64 {
    let (few, many) = (requests(&after(FEW)), requests(&after(MANY)));
    println!("{FEW} commands: {few} requests; {MANY} commands: {many}");
    many.saturating_sub(few)
}

#[test]
fn reading_and_replaying_a_log_asks_for_no_memory_an_event() {
    let more = more(|device| {
        let bytes = device.log_bytes();
        measure(|| {
            let log = EventLog::parse(&bytes, &Limits::DEFAULT).unwrap();
            drop(Replay::new(&log));
            for event in log.events() {
                let _ = authenticated_everywhere(event);
            }
        })
        .count_total
    });
    assert!(more <= DOUBLINGS, "{more} requests more");
}

#[test]
fn a_verdict_asks_for_no_memory_an_event() {
    let more = more(|device| {
        let references = ReferenceSet::development(golden(&[device])).unwrap();
        let sent = Sent::by(device);
        let mut status = None;
        let info = measure(|| {
            status = Some(sent.judge_by(&references, &Policy::default(), &context()).status);
        });
        assert_eq!(status, Some(Status::Affirming));
        info.count_total
    });
    assert!(more <= DOUBLINGS, "{more} requests more");
}
