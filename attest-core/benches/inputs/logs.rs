//! IMA lists and logs of user space.

use std::hint::black_box;

use attest_core::Limits;
use attest_core::evidence::UserspaceLog;
use attest_core::evidence::ima_log::ImaLog;

use super::{MIB, Parser, Shape, bstr, digest, fill, fill_list, filled, fixture, head, tstr};

pub(super) const PARSERS: [Parser; 6] = [
    Parser { name: "IMA list, binary", shapes: ima_binary, read: ima },
    Parser { name: "IMA list, ASCII", shapes: ima_text, read: ima },
    Parser { name: "CEL in TLV", shapes: cel_tlv, read: userspace },
    Parser { name: "CEL in JSON", shapes: cel_json, read: userspace },
    Parser { name: "CEL in CBOR", shapes: cel_cbor, read: userspace },
    Parser { name: "systemd's log", shapes: systemd, read: userspace },
];

fn ima(bytes: &[u8]) -> Result<(), String> {
    let list = ImaLog::parse(bytes, &Limits::DEFAULT).map_err(|error| error.to_string())?;
    black_box(list.findings(&Limits::DEFAULT));
    Ok(())
}

fn userspace(bytes: &[u8]) -> Result<(), String> {
    black_box(UserspaceLog::parse(bytes, &Limits::DEFAULT).map_err(|error| error.to_string())?);
    Ok(())
}

fn field(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).expect("short").to_le_bytes()[..], bytes].concat()
}

/// An entry of IMA's binary list: register, template digest, name, data with its length.
fn entry(template: &[u8], digest: u8, data: &[u8]) -> Vec<u8> {
    [&10_u32.to_le_bytes()[..], &[digest; 20], &field(template), &field(data)].concat()
}

/// A file under `ima-ng`.
fn file(digest: u8, path: &[u8], nth: usize) -> Vec<u8> {
    let told = [b"sha256:\0", &super::digest(nth)[..]].concat();
    entry(b"ima-ng", digest, &[field(&told), field(&[path, &[0]].concat())].concat())
}

fn ima_binary() -> Vec<Shape> {
    let real = fixture("boots/ima-ng/ima.bin");
    vec![
        ("a real list, again and again", real.repeat(MIB / real.len())),
        ("shortest entries", fill(MIB, |_| entry(b"x", 1, b""))),
        ("shortest files", fill(MIB, |_| entry(b"ima-ng", 1, &[0; 8]))),
        ("templates of other names", fill(MIB, |nth| entry(format!("x{nth:x}").as_bytes(), 1, b""))),
        ("violations", fill(MIB, |nth| file(0, b"/a", nth))),
        ("paths out of their folder", fill(MIB, |nth| file(1, b"/../\n", nth))),
        ("long paths of control characters", fill(MIB, |nth| file(1, &[0x1b; 4_000], nth))),
        (
            "digests that do not fit",
            fill(MIB, |_| entry(b"ima-ng", 1, &[field(b"sha256:\0x"), field(b"/\0")].concat())),
        ),
        ("cut short", [fill(MIB - 10, |_| entry(b"x", 1, b"")), vec![10, 0, 0, 0, 1]].concat()),
    ]
}

fn ima_text() -> Vec<Shape> {
    let real = fixture("boots/ima-ng/ima.ascii");
    let line = |digest: &str, rest: &str| format!("10 {} {rest}\n", digest.repeat(40)).into_bytes();
    let file = |name: &str, nth| format!("ima-ng sha256:{} {name}", hex::encode(digest(nth)));
    vec![
        ("a real list, again and again", real.repeat(MIB / real.len())),
        ("shortest entries", fill(MIB, |_| line("1", "x "))),
        ("shortest files", fill(MIB, |_| line("1", "ima-ng md5:00000000000000000000000000000000 a"))),
        ("templates of other names", fill(MIB, |nth| line("1", &format!("{nth:x} ")))),
        ("violations", fill(MIB, |nth| line("0", &file("/a", nth)))),
        ("paths out of their folder", fill(MIB, |nth| line("1", &file("/../", nth)))),
        ("long paths of control characters", fill(MIB, |nth| line("1", &file(&"\u{1b}".repeat(4_000), nth)))),
        (
            "long paths, three empty fields stripped",
            fill(MIB, |nth| {
                line("1", &format!("ima-modsig sha256:{} {}", hex::encode(digest(nth)), "a".repeat(4_000)))
            }),
        ),
        ("blanks", [line("1", &file("/a", 0)), vec![b' '; MIB]].concat()),
        ("empty lines", [line("1", &file("/a", 0)), vec![b'\n'; MIB]].concat()),
    ]
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind][..], &u32::try_from(value.len()).expect("short").to_be_bytes(), value].concat()
}

/// The fewest bytes of a number, most significant first.
fn number(nth: usize) -> Vec<u8> {
    let bytes = nth.to_be_bytes();
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(7);
    bytes[first..].to_vec()
}

fn cel_tlv() -> Vec<Shape> {
    let record = |nth: usize, digests: &[u8], content: &[u8]| {
        [tlv(0, &number(nth)), tlv(1, &[11]), tlv(3, digests), content.to_vec()].concat()
    };
    let event = |data: &[u8]| tlv(5, &[tlv(0, &[13]), tlv(1, data)].concat());
    let honest = |nth| record(nth, &tlv(11, &digest(nth)), &event(&[b'k'; 80]));
    let sha1 = tlv(4, &[7; 20]);
    let unknown = fill(200 * 6, |nth| tlv(u8::try_from(0x30 + nth).unwrap_or(u8::MAX), &[7]));
    vec![
        ("records of 200 bytes", fill(MIB, honest)),
        ("shortest records", fill(MIB, |nth| record(nth, &sha1, &tlv(9, b"")))),
        ("empty events", fill(MIB, |nth| record(nth, &sha1, &event(b"")))),
        ("events of an unknown kind", fill(MIB, |nth| record(nth, &sha1, &tlv(0xee, b"")))),
        ("texts of control characters", fill(MIB, |nth| record(nth, &sha1, &event(&[0x1b; 80])))),
        (
            "digests by unknown algorithms",
            fill(MIB, |nth| record(nth, &[&sha1[..], &unknown].concat(), &event(b""))),
        ),
        ("records without a digest", fill(MIB, |nth| record(nth, b"", &tlv(9, b"")))),
        ("cut short", [fill(MIB - 100, |nth| record(nth, &sha1, &tlv(9, b""))), vec![0, 0]].concat()),
    ]
}

/// A record in JSON, as systemd writes it or, with a number, as a canonical event log has it.
fn json(number: &str, digests: &str, content: &str) -> String {
    format!("{{{number}\"pcr\":11,\"digests\":[{digests}],{content}}}")
}

fn cel_json() -> Vec<Shape> {
    let list = |of: &dyn Fn(usize) -> String| fill_list(MIB, "[", "]", of);
    let record =
        |nth: usize, digests: &str, content: &str| json(&format!("\"recnum\":{nth},"), digests, content);
    let sha256 = |nth| format!(r#"{{"hashAlg":"sha256","digest":"{}"}}"#, hex::encode(digest(nth)));
    let event = |data: &str| {
        format!(r#""content_type":"pcclient_std","content":{{"event_type":"EV_IPL","event_data":"{data}"}}"#)
    };
    let sha1 = format!(r#"{{"hashAlg":"sha1","digest":"{}"}}"#, "07".repeat(20));
    let other = r#""content_type":"9","content":"""#;
    let one = |digests: &str, content: &str| format!("[{}]", record(0, digests, content)).into_bytes();
    vec![
        ("records of 400 bytes", list(&|nth| record(nth, &sha256(nth), &event(&"6b".repeat(80))))),
        ("shortest records", list(&|nth| record(nth, &sha1, other))),
        ("empty events", list(&|nth| record(nth, &sha1, &event("")))),
        ("records without a digest", list(&|nth| record(nth, "", other))),
        ("empty objects", list(&|_| "{}".into())),
        (
            "escapes",
            list(&|nth| {
                record(
                    nth,
                    &sha256(nth),
                    &format!(r#""content_type":"{}","content":{{}}"#, "\\u001b".repeat(60)),
                )
            }),
        ),
        (
            "one text of escapes",
            one(&sha1, &format!(r#""content_type":"{}","content":{{}}"#, "\\u001b".repeat(MIB / 7))),
        ),
        ("one record of many fields", {
            let fields = String::from_utf8(fill_list(MIB - 400, "{", "}", |nth| format!(r#""{nth:x}":0"#)))
                .expect("text");
            one(&sha1, &format!(r#""content_type":"x","content":{fields}"#))
        }),
        (
            "many such records",
            list(&|nth| {
                let fields = (0..900).map(|nth| format!(r#""{nth:x}":0"#)).collect::<Vec<_>>().join(",");
                record(nth, &sha256(nth), &format!(r#""content_type":"x","content":{{{fields}}}"#))
            }),
        ),
        (
            "a digest by many algorithms",
            one(&vec![r#"{"hashAlg":99,"digest":"07"}"#; 16_000].join(","), other),
        ),
        ("brackets", vec![b'['; MIB]),
        ("arrays of arrays", list(&|_| format!("{}{}", "[".repeat(15), "]".repeat(15)))),
        ("blanks", [b"[", &vec![b' '; MIB][..]].concat()),
    ]
}

fn cel_cbor() -> Vec<Shape> {
    let list = |of: &dyn Fn(usize) -> Vec<u8>| filled(4, MIB, of);
    let record = |nth: usize, digests: &[u8], kind: u8, content: &[u8]| {
        [&[0xa5, 0][..], &head(0, nth), &[1, 11, 3], digests, &[9, kind, 10], content].concat()
    };
    let event = |data: &[u8]| [&[0xa2, 0, 13, 1][..], &bstr(data)].concat();
    let sha256 = |nth| [&[0x81, 0xa2, 0, 11, 1][..], &bstr(&digest(nth))].concat();
    let sha1 = [&[0x81, 0xa2, 0, 4, 1][..], &bstr(&[7; 20])].concat();
    let unknown =
        filled(4, 12_000 * 8, |nth| [&[0xa2, 0][..], &head(0, 1_000 + nth), &[1, 0x41, 7]].concat());
    vec![
        ("records of 140 bytes", list(&|nth| record(nth, &sha256(nth), 5, &event(&[b'k'; 80])))),
        ("shortest records", list(&|nth| record(nth, &sha1, 9, &[0x40]))),
        ("empty events", list(&|nth| record(nth, &sha1, 5, &event(b"")))),
        ("texts of control characters", list(&|nth| record(nth, &sha1, 5, &event(&[0x1b; 80])))),
        (
            "names of events as text",
            list(&|nth| record(nth, &sha1, 5, &[&[0xa2, 0][..], &tstr("EV_IPL"), &[1, 0x40]].concat())),
        ),
        ("a digest by many algorithms", [vec![0x81], record(0, &unknown, 9, &[0x40])].concat()),
        (
            "records of many fields",
            list(&|nth| {
                let fields = filled(5, 4_000, |label| [head(0, label + 70), vec![0]].concat());
                record(nth, &sha256(nth), 5, &fields)
            }),
        ),
        ("empty maps", list(&|_| vec![0xa0])),
        ("arrays in arrays", list(&|_| super::nested(14, &[0]))),
    ]
}

fn systemd() -> Vec<Shape> {
    let real = fixture("changes/own-uki-phase/userspace.log");
    let list = |of: &dyn Fn(usize) -> String| fill(MIB, |nth| format!("\u{1e}{}\n", of(nth)).into_bytes());
    let sha1 = format!(r#"{{"hashAlg":"sha1","digest":"{}"}}"#, "07".repeat(20));
    let content = |text: &str| {
        format!(r#""content_type":"systemd","content":{{"string":"{text}","eventType":"phase"}}"#)
    };
    vec![
        ("a real log, again and again", real.repeat(MIB / real.len())),
        ("shortest records", list(&|_| json("", &sha1, r#""content":0"#))),
        ("empty records", list(&|_| "{}".into())),
        ("records without a text", list(&|_| json("", &sha1, r#""content":{}"#))),
        ("texts of escapes", list(&|_| json("", &sha1, &content(&"\\u001b".repeat(60))))),
        ("one text of escapes", list(&|_| json("", &sha1, &content(&"\\u001b".repeat(MIB / 7))))),
        (
            "many newer fields",
            list(&|_| {
                let fields = (0..900).map(|nth| format!(r#""{nth:x}":0"#)).collect::<Vec<_>>().join(",");
                format!(r#"{{"pcr":11,"digests":[{sha1}],{fields}}}"#)
            }),
        ),
        ("arrays in arrays", list(&|_| format!(r#"{{"a":{}{}}}"#, "[".repeat(14), "]".repeat(14)))),
        ("separators", vec![0x1e; MIB]),
        ("blanks", list(&|_| format!("{}}}", " ".repeat(MIB - 10)))),
    ]
}
