//! The most memory that reading takes, as a ratio to the input: what was sent counts once. Linux tells the most that a process held
//! (VmHWM); each case runs in a process of its own, so that none finds pages that another left.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a benchmark: what fails ends it")]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "a benchmark asks the system and reads a fixture"
)]

mod inputs;

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use attest_core::authenticate::ima::prefix_of_pcr_10;
use attest_core::evidence::Collection;
use attest_core::evidence::cbor::{Key, Value, encode};
use attest_core::evidence::collection::{IMA_LIST, QUOTE};
use attest_core::evidence::ima_log::ImaLog;
use attest_core::evidence::tcg_event;
use attest_core::evidence::tcg_log::EventLog;
use attest_core::{Digest, HashAlg, Limits};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

const MIB: usize = 1 << 20;
const SHA256: HashAlg = HashAlg::Sha256;

/// What is measured, by name.
type Case = (&'static str, fn() -> Vec<u8>, fn(&[u8]));

const CASES: [Case; 9] = [
    // What reading takes however little it reads: the constant beside the ratio.
    ("event log of a header alone", header, event_log),
    ("event log of real events", || made(None), event_log),
    ("event log of smallest events", || made(Some(&|_| vec![0; 16])), event_log),
    ("event log of variables", || made(Some(&variable)), event_log),
    ("IMA list of files", || ima(b"ima-ng", &file), ima_list),
    ("IMA list of shortest entries", || ima(b"x", &|_| Vec::new()), ima_list),
    ("IMA list of shortest files", || ima(b"ima-ng", &|_| vec![0; 8]), ima_list),
    ("collection in CBOR", || collected(false), collection),
    ("collection in JSON", || collected(true), collection),
];

fn main() {
    if let Some(wanted) = std::env::var_os("ATTEST_MEMORY_CASE") {
        let mut input = Vec::with_capacity(16 * MIB);
        std::io::stdin().read_to_end(&mut input).expect("the input");
        // Forgets the most that was held so far (Linux, Documentation/filesystems/proc.rst, clear_refs).
        std::fs::write("/proc/self/clear_refs", "5").expect("Linux");
        let before = held("VmRSS:");
        if let Some((_, _, read)) = CASES.iter().find(|(name, ..)| *name == wanted) {
            read(&input);
        } else {
            let parser = inputs::parsers().find(|parser| parser.name == wanted).expect("a case");
            black_box((parser.read)(&input).err());
        }
        print!("{}", held("VmHWM:").saturating_sub(before) / 1024);
        return;
    }
    let mut constant = None;
    for (name, input, _) in CASES {
        let input = input();
        let (sent, more) = (kilobytes(&input), measured(name, &input));
        let Some(constant) = constant else {
            println!("{name:<30} {more:>8} KB: the constant");
            constant = Some(more);
            continue;
        };
        println!(
            "{name:<30} {sent:>8} KB sent, {more:>8} KB more, ratio beside the constant {:.2}",
            ratio(sent, more, constant)
        );
    }
    let constant = constant.expect("the first case");
    for parser in inputs::parsers() {
        println!("{}", parser.name);
        for (name, input) in (parser.shapes)() {
            let (sent, more) = (kilobytes(&input), measured(parser.name, &input));
            println!(
                "  {name:<36} {sent:>6} KB sent, {more:>8} KB more, ratio beside the constant {:.2}",
                ratio(sent, more, constant)
            );
        }
    }
}

/// Kilobytes that a process of its own holds at most while it reads this, beside the input.
fn measured(case: &str, input: &[u8]) -> u32 {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.env("ATTEST_MEMORY_CASE", case).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it runs");
    child.stdin.take().expect("a pipe").write_all(input).expect("it reads");
    let out = child.wait_with_output().expect("it ends");
    String::from_utf8(out.stdout).expect("text").parse().expect("a number")
}

fn kilobytes(input: &[u8]) -> u32 {
    u32::try_from(input.len() / 1024).expect("small").max(1)
}

fn ratio(sent: u32, more: u32, constant: u32) -> f64 {
    1.0 + f64::from(more.saturating_sub(constant)) / f64::from(sent)
}

/// Bytes.
fn held(what: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(what)).expect("a line");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

fn event_log(bytes: &[u8]) {
    let log = EventLog::parse(bytes, &Limits::DEFAULT).expect("a log");
    black_box(tcg_event::findings(&log));
}

fn ima_list(bytes: &[u8]) {
    let list = ImaLog::parse(bytes, &Limits::DEFAULT).expect("a list");
    black_box(prefix_of_pcr_10(&list, SHA256, &Digest::zero(SHA256)));
}

fn collection(bytes: &[u8]) {
    black_box(Collection::parse(bytes, &Limits::DEFAULT).expect("a collection").evidence());
}

/// A quote and a list of 100,000 files in one wrapper, which takes any bytes for them.
fn collected(in_json: bool) -> Vec<u8> {
    let messages = [("q", QUOTE, vec![0, 1, 0, 0]), ("i", IMA_LIST, ima(b"ima-ng", &file))];
    if in_json {
        let records = messages.map(|(label, kind, content)| {
            format!(r#""{label}":["{kind}","{}"]"#, URL_SAFE_NO_PAD.encode(content))
        });
        return format!("{{{}}}", records.join(",")).into_bytes();
    }
    let record = |kind, content| Value::Array(vec![Value::Text(kind), Value::Bytes(content)]);
    let records = messages.iter().map(|(label, kind, content)| (Key::Text(label), record(*kind, content)));
    encode(&Value::Map(records.collect()))
}

/// The beginning of a real boot's log.
fn header() -> Vec<u8> {
    let real = real_log();
    let first = EventLog::parse(&real, &Limits::DEFAULT).expect("a log").events()[1].offset;
    real[..first].to_vec()
}

fn real_log() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/boots/sb-grub/eventlog.bin");
    std::fs::read(path).expect("a fixture")
}

/// A log of 1 MiB, or of as many events as may be: those of a real boot again and again, or made ones.
fn made(event: Option<&dyn Fn(u64) -> Vec<u8>>) -> Vec<u8> {
    let real = real_log();
    let log = EventLog::parse(&real, &Limits::DEFAULT).expect("a log");
    let (header, events) = real.split_at(log.events()[1].offset);
    let Some(event) = event else { return [header, &events.repeat(MIB / events.len())].concat() };
    let mut out = header.to_vec();
    // The header is an event, too.
    for nth in 1..u64::try_from(Limits::DEFAULT.event_log_events).expect("few") {
        if out.len() < MIB {
            out.extend(event(nth));
        }
    }
    out
}

fn variable(nth: u64) -> Vec<u8> {
    let data = [
        &[7; 16][..],
        &8_u64.to_le_bytes(),
        &1_u64.to_le_bytes(),
        &[b'a', 0].repeat(4),
        &nth.to_le_bytes(),
        &[1],
    ]
    .concat();
    let mut out = [7, 0x8000_0001, 1].map(u32::to_le_bytes).concat();
    out.extend([0x0b, 0]);
    out.extend(SHA256.hash(&[&data]).as_bytes());
    out.extend(u32::try_from(data.len()).expect("short").to_le_bytes());
    [out, data].concat()
}

/// A hundred thousand entries.
fn ima(template: &[u8], data: &dyn Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let field = |bytes: &[u8]| [&u32::try_from(bytes.len()).expect("short").to_le_bytes(), bytes].concat();
    (0..100_000)
        .flat_map(|nth| {
            [10_u32.to_le_bytes().to_vec(), vec![1; 20], field(template), field(&data(nth))].concat()
        })
        .collect()
}

fn file(nth: u32) -> Vec<u8> {
    let field = |bytes: &[u8]| [&u32::try_from(bytes.len()).expect("short").to_le_bytes(), bytes].concat();
    let digest = [b"sha256:\0", SHA256.hash(&[&nth.to_le_bytes()]).as_bytes()].concat();
    [field(&digest), field(format!("/usr/lib/x86_64-linux-gnu/file-{nth}.so\0").as_bytes())].concat()
}
