//! Golden documents as text and as CoRIM, and the CoRIM of others.

use std::hint::black_box;

use attest_core::Limits;
use attest_core::evidence::tcg_log::EventLog;
use attest_core::reference::Document;
use attest_core::reference::corim::{Corim, profile};
use attest_core::reference::golden::{Evidence, Golden, Replacement, Superseded, Variant};
use attest_core::reference::learn::{Boot, Choices, learn};

use super::{MIB, Parser, Shape, bstr, digest, fill, fill_list, filled, fixture, head, nested, tstr};

pub(super) const PARSERS: [Parser; 2] = [
    Parser { name: "golden document, text", shapes: texts, read: text },
    Parser { name: "CoRIM", shapes: corims, read: corim },
];

fn text(bytes: &[u8]) -> Result<(), String> {
    let text = core::str::from_utf8(bytes).expect("text");
    black_box(Golden::parse(text, &Limits::DEFAULT).map_err(|error| error.to_string())?);
    Ok(())
}

/// As a maker's and as our own.
fn corim(bytes: &[u8]) -> Result<(), String> {
    let corim = Corim::parse(bytes, &Limits::DEFAULT).map_err(|error| error.to_string())?;
    black_box(corim.reference_values().map(|values| values.final_pcrs().count()).ok());
    black_box(Document::of_corim(&corim).ok());
    Ok(())
}

fn learned() -> Golden {
    let log = fixture("boots/sb-grub/eventlog.bin");
    let log = EventLog::parse(&log, &Limits::DEFAULT).expect("a log");
    let boot = Boot { name: "bench", log: &log, userspace: None, evidence: Evidence::Quoted, files: None };
    learn("bench", &[boot], &Choices::default()).expect("golden")
}

/// With as many variants as fit, each with digests of its own.
fn honest() -> Golden {
    let mut golden = learned();
    let first = golden.variants.remove(0);
    let mut len = golden.to_toml().len();
    for nth in 0.. {
        let mut variant = Variant { name: format!("boot {nth}"), ..first.clone() };
        for slot in variant.sequences.iter_mut().flat_map(|sequence| &mut sequence.slots) {
            for digest in &mut slot.digests {
                *digest = digest.alg().hash(&[&nth.to_string().into_bytes(), digest.as_bytes()]);
            }
        }
        golden.variants.push(variant);
        if nth == 0 {
            len = golden.to_toml().len() - len;
        }
        if len * (nth + 2) > MIB {
            return golden;
        }
    }
    golden
}

/// One variant with as many slots as fill half a megabyte, and as many others that are it but for their name, or one slot.
fn inheriting(is_replacing: bool) -> Vec<u8> {
    let mut golden = learned();
    let base = &mut golden.variants[0];
    let name = base.name.clone();
    let slots =
        &mut base.sequences.iter_mut().find(|sequence| !sequence.slots.is_empty()).expect("one").slots;
    let slot = slots[0].clone();
    slots.extend(vec![slot; 2_500]);
    let base = golden.variants[0].clone();
    let long = base.sequences.iter().find(|sequence| sequence.slots.len() > 2_500).expect("the long one");
    let other = Replacement { pcr: long.pcr, slot: 2_000, with: long.slots[0].clone() };
    let heir = |nth: usize| Variant {
        name: format!("{nth:x}"),
        based_on: Some(name.clone()),
        sequences: vec![],
        replace: if is_replacing { vec![other.clone()] } else { vec![] },
        ..base.clone()
    };
    golden.variants.extend((0..200).map(heir));
    let one = golden.to_toml();
    let at = one.rfind("\n[[variant]]").expect("variants");
    let (_, last) = one.split_at(at);
    let heirs = fill(MIB - one.len(), |nth| last.replace("\"c7\"", &format!("\"x{nth:x}\"")).into_bytes());
    [one.as_bytes(), &heirs].concat()
}

fn superseded() -> Vec<u8> {
    let mut golden = learned();
    let digests =
        golden.variants[0].sequences.iter().flat_map(|sequence| &sequence.slots).next().expect("a slot");
    let component = digests.component.clone();
    let digest = digests.digests[0];
    let old = |nth: usize| Superseded {
        component: component.clone(),
        digests: vec![digest.alg().hash(&[&nth.to_be_bytes()])],
        reason: "old".into(),
    };
    golden.superseded = (0..6_000).map(old).collect();
    golden.to_toml().into_bytes()
}

fn texts() -> Vec<Shape> {
    let honest = honest().to_toml();
    let start = learned().to_toml();
    let with = |more: Vec<u8>| [start.as_bytes(), &more].concat();
    let room = MIB - start.len();
    let list = |open: &str, close: &str, of: &dyn Fn(usize) -> String| {
        let head = format!("x = {open}");
        fill_list(MIB, &head, close, of)
    };
    vec![
        ("a document of many boots", honest.into_bytes()),
        ("heirs of a long variant", inheriting(false)),
        ("heirs that replace a slot of a long variant", inheriting(true)),
        ("many superseded digests", superseded()),
        (
            "emptiest variants",
            with(fill(room, |nth| format!("[[variant]]\nname=\"{nth:x}\"\n").into_bytes())),
        ),
        (
            "emptiest sequences",
            with(fill(room, |nth| format!("[[sequence]]\npcr=1\nname=\"{nth:x}\"\n").into_bytes())),
        ),
        ("one name again and again", with(fill(room, |_| b"[[variant]]\nname=\"\"\n".to_vec()))),
        ("many keys", fill(MIB, |nth| format!("a{nth:x}=0\n").into_bytes())),
        ("keys descending", fill(MIB, |nth| format!("a{:x}=0\n", 1_000_000 - nth).into_bytes())),
        (
            "keys alike but at their end",
            fill(MIB, |nth| format!("{}{nth:x}=0\n", "a".repeat(250)).into_bytes()),
        ),
        (
            "a key twice, at the end",
            [fill(MIB - 100, |nth| format!("a{nth:x}=0\n").into_bytes()), b"a0=0\n".to_vec()].concat(),
        ),
        ("keys of keys", fill(MIB, |nth| format!("{}{nth:x}=0\n", "a.".repeat(70)).into_bytes())),
        ("one key of keys", format!("{}a=0\n", "a.".repeat(MIB / 2 - 3)).into_bytes()),
        ("many tables", fill(MIB, |nth| format!("[a{nth:x}]\n").into_bytes())),
        ("tables in tables", fill(MIB, |nth| format!("[{}{nth:x}]\n", "a.".repeat(70)).into_bytes())),
        ("smallest items", list("[", "]", &|_| "0".into())),
        ("arrays in arrays", list("[", "]", &|_| format!("{}{}", "[".repeat(60), "]".repeat(60)))),
        ("brackets", format!("x={}", "[".repeat(MIB - 2)).into_bytes()),
        ("inline tables", list("[", "]", &|_| "{a=0}".into())),
        ("text of escapes", list("\"", "\"", &|_| "\\u001b".into())),
        ("numbers with underscores", list("[", "]", &|_| "1_0_0_0_0_0.1_0e1".into())),
        ("dates", list("[", "]", &|_| "1979-05-27T07:32:00.999999Z".into())),
        ("comments", with(fill(room, |_| b"#\n".to_vec()))),
        ("line feeds", with(vec![b'\n'; room])),
        ("no line ends, a mistake", vec![b'='; MIB]),
    ]
}

/// A CoRIM of these CoMIDs, or of one of so many bytes.
fn of_comids(comids: &[Vec<u8>]) -> Vec<u8> {
    let tags = comids.iter().map(|comid| [&[0xd9, 1, 0xfa][..], &bstr(comid)].concat());
    let tags = [head(4, comids.len()), tags.collect::<Vec<_>>().concat()].concat();
    [&[0xd9, 1, 0xf5, 0xa2, 0, 0x61, b'i', 1][..], &tags].concat()
}

/// A CoMID with triples of this kind.
fn comid(most: usize, kind: usize, of: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    let triples = [&[0xa1][..], &head(0, kind), &filled(4, most - 40, of)].concat();
    [&[0xa2, 1, 0xa1, 0, 0x61, b't', 4][..], &triples].concat()
}

fn corims() -> Vec<Shape> {
    let mut golden = honest();
    let mut own = profile::write(&golden, &profile::Edition::default()).expect("written");
    while own.len() > MIB {
        golden.variants.pop();
        own = profile::write(&golden, &profile::Edition::default()).expect("written");
    }
    let one = |kind: usize, of: &dyn Fn(usize) -> Vec<u8>| of_comids(&[comid(MIB - 60, kind, of)]);
    let vendor = |nth: usize| [&[0xa1, 0, 0xa1, 1][..], &tstr(&format!("{nth:x}"))].concat();
    let value = |nth: usize| [&[0xa1, 1, 0xa1, 2, 0x81, 0x82, 1][..], &bstr(&digest(nth))].concat();
    let key = [&[0xd9, 2, 0x2a][..], &tstr("x")].concat();
    let pcrs = |nth: usize| {
        let register = |pcr: u8| [&[pcr, 0x81, 0x82, 1][..], &bstr(&digest(nth))].concat();
        [&[0xa1, 1, 0xa1, 14, 0xb7][..], &(0..23).map(register).collect::<Vec<_>>().concat()].concat()
    };
    let small = comid(950, 0, |nth| [vec![0x82], vendor(nth), vec![0x81], value(nth)].concat());
    vec![
        ("a golden document of ours", own),
        ("a value of each maker", one(0, &|nth| [vec![0x82], vendor(nth), vec![0x81], value(nth)].concat())),
        ("a value again and again", one(0, &|_| [vec![0x82], vendor(0), vec![0x81], value(0)].concat())),
        (
            "many values of one maker",
            one(0, &|_| [vec![0x82], vendor(0), filled(4, MIB - 150, value)].concat()),
        ),
        (
            "shortest values",
            one(0, &|nth| [vec![0x82], vendor(nth), vec![0x81, 0xa1, 1, 0xa1, 11, 0x60]].concat()),
        ),
        (
            "final values of registers",
            one(0, &|nth| [vec![0x82], vendor(nth), vec![0x81], pcrs(nth)].concat()),
        ),
        (
            "many digests of one value",
            one(0, &|_| {
                let digests = filled(4, MIB - 200, |nth| [vec![0x82, 1], bstr(&digest(nth))].concat());
                [vec![0x82], vendor(0), vec![0x81, 0xa1, 1, 0xa1, 2], digests].concat()
            }),
        ),
        ("keys of devices", one(3, &|nth| [vec![0x82], vendor(nth), vec![0x81], key.clone()].concat())),
        ("triples that are carried", one(10, &|_| vec![0x80])),
        ("1,024 tags", of_comids(&vec![small.clone(); 1_024])),
        ("more tags than may be", of_comids(&vec![small; 1_050])),
        (
            "extensions",
            of_comids(&[[
                &[0xa2, 1, 0xa1, 0, 0x61, b't', 4][..],
                &filled(5, MIB - 60, |nth| [head(1, nth), vec![0]].concat()),
            ]
            .concat()]),
        ),
        ("smallest items", one(10, &|_| vec![0])),
        ("arrays in arrays", one(10, &|_| nested(8, &[0]))),
        ("tags in tags", one(10, &|_| [vec![0xc1; 8], vec![0]].concat())),
        ("a map twice the same key", of_comids(&[filled(5, MIB - 60, |_| vec![0, 0])])),
    ]
}
