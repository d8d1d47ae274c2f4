//! Any bytes as a new part of a boot that is golden today: a file, a text, or a renaming. What is predicted is written as text that reads the
//! same, and the golden boot stays as it was.
//!
//! Input: a byte that chooses the base and the part, then the part.
#![no_main]

use std::sync::LazyLock;

use attest_core::Limits;
use attest_core::evidence::tcg_log::EventLog;
use attest_core::reference::Golden;
use attest_core::reference::golden::Evidence;
use attest_core::reference::learn::{Boot, Choices, learn};
use attest_core::reference::predict::{Replace, Request, Source, predict};
use libfuzzer_sys::fuzz_target;

static BASES: LazyLock<[Golden; 2]> = LazyLock::new(|| {
    [
        include_bytes!("../../tests/fixtures/boots/sb-grub/eventlog.bin").as_slice(),
        include_bytes!("../../tests/fixtures/changes/own-uki/eventlog.bin"),
    ]
    .map(|log| {
        let log = EventLog::parse(log, &Limits::DEFAULT).expect("a real log");
        let boot = Boot { name: "boot", log: &log, evidence: Evidence::Quoted, files: None, userspace: None };
        learn("fuzz", &[boot], &Choices::default()).expect("golden")
    })
});

const PARTS: [&str; 7] = ["kernel", "initrd", "uki", "shim", "grub", "kernel_cmdline", "dbx"];

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let base = &BASES[usize::from(choice & 1)];
    let which = usize::from(choice >> 1);
    let text = core::str::from_utf8(bytes);
    let names = text.ok().and_then(|text| text.split_once('\n'));
    let (mut replace, mut rename) = (Vec::new(), Vec::new());
    match (which & 16 != 0, which & 32 != 0, text, names) {
        (true, _, Ok(text), _) => replace.push(("kernel_cmdline", Source::Text(text))),
        (_, true, _, Some(names)) => rename.push(names),
        _ => replace.push((PARTS[which % 8 % PARTS.len()], Source::File("new", bytes))),
    }
    let replace: Vec<_> =
        replace.into_iter().map(|(component, with)| Replace { component, which: None, with }).collect();
    let request = Request {
        base,
        variant: None,
        replace: &replace,
        rename: &rename,
        keep: if choice & 16 == 0 { &[] } else { &["rest"] },
        files: &[],
        name: None,
        banks: None,
        supersede: None,
    };
    let Ok(prediction) = predict(&request, &Limits::DEFAULT) else { return };
    let text = prediction.golden.to_toml();
    assert_eq!(Golden::parse(&text, &Limits::DEFAULT).as_ref(), Ok(&prediction.golden), "{text}");
    assert!(base.variants.iter().all(|variant| prediction.golden.variants.contains(variant)));
});
