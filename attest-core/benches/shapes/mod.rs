//! Logs made to be dear, each of a megabyte or of as many events as a log may have.

use attest_core::{HashAlg, Limits};

pub(crate) const MIB: usize = 1 << 20;

/// What shapes are made of: the header of a real log, its events, and how many there may be.
pub(crate) struct Maker<'a> {
    pub(crate) header: &'a [u8],
    pub(crate) events: &'a [u8],
}

const VARIABLE: u32 = 0x8000_0001;
const BOOT_VARIABLE: u32 = 0x8000_0002;
const IMAGE: u32 = 0x8000_0003;
const HANDOFF: u32 = 0x8000_0009;
const IPL: u32 = 0xd;
const TAG: u32 = 6;
const SEPARATOR: u32 = 4;
const GLOBAL: [u8; 16] =
    [0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c];

impl Maker<'_> {
    /// As many events as there may be, until a megabyte is full.
    fn made(&self, of: &dyn Fn(u64) -> Vec<u8>) -> Vec<u8> {
        // The header is an event, too.
        let most = u64::try_from(Limits::DEFAULT.event_log_events).expect("few") - 1;
        let mut out = self.header.to_vec();
        let mut nth = 0;
        while out.len() < MIB && nth < most {
            out.extend(of(nth));
            nth += 1;
        }
        out
    }

    /// Name and bytes; the first is the measure.
    pub(crate) fn shapes(&self) -> Vec<(&'static str, Vec<u8>)> {
        let honest = [self.header, &self.events.repeat(MIB / self.events.len())].concat();
        let nested = (0..9_000).fold(vec![], |inner: Vec<u8>, _| sipa(0x4001_0001, &inner));
        let one_of = |texts: usize, byte: u8| vec![byte; texts];
        vec![
            ("real events", honest),
            ("smallest events", self.made(&|_| [&[0; 12][..], &[0; 4]].concat())),
            ("separators of other data", self.made(&|nth| event(4, SEPARATOR, &nth.to_le_bytes()))),
            ("long separators", self.made(&|nth| event(4, SEPARATOR, &filled(30_000, 0, nth)))),
            ("separators everywhere", self.made(&|nth| separator(nth))),
            ("variables of like names", self.made(&|nth| event(7, VARIABLE, &variable(2_000, nth)))),
            ("variables", self.made(&|nth| event(7, VARIABLE, &variable(4, nth)))),
            ("variables that fill it", self.made(&|nth| event(7, VARIABLE, &variable(85, nth)))),
            ("separators that fill it", self.made(&|nth| event(4, SEPARATOR, &filled(200, 0, nth)))),
            ("containers of Windows", self.made(&|_| event(12, TAG, &nested))),
            ("switches of Windows", self.made(&|nth| event(12, TAG, &switches(nth)))),
            ("texts", self.made(&|_| event(8, IPL, &one_of(60_000, 0x1b)))),
            ("short texts", self.made(&|nth| event(8, IPL, &filled(196, 0x1b, nth)))),
            ("bytes that are no text", self.made(&|nth| event(8, IPL, &filled(196, 0xff, nth)))),
            ("names of control characters", self.made(&|nth| event(7, VARIABLE, &named(0x1b, 30_000, nth)))),
            ("short such names", self.made(&|nth| event(7, VARIABLE, &named(0x1b, 80, nth)))),
            ("device paths of small nodes", self.made(&|nth| event(4, IMAGE, &path(nth)))),
            ("boot orders", self.made(&|nth| event(1, BOOT_VARIABLE, &order(nth)))),
            ("tables", self.made(&|nth| event(1, HANDOFF, &tables(nth)))),
            ("keys for tests, nearly", self.made(&|nth| event(7, VARIABLE, &keys(nth)))),
        ]
    }
}

/// An event whose SHA-256 covers its data; other banks have no digest.
fn event(pcr: u32, kind: u32, data: &[u8]) -> Vec<u8> {
    let mut out = [pcr, kind, 1].map(u32::to_le_bytes).concat();
    out.extend([0x0b, 0]);
    out.extend(HashAlg::Sha256.hash(&[data]).as_bytes());
    out.extend(u32::try_from(data.len()).expect("short").to_le_bytes());
    [out, data.to_vec()].concat()
}

/// So many bytes, and a number that no other event has.
fn filled(len: usize, byte: u8, nth: u64) -> Vec<u8> {
    [&vec![byte; len][..], &nth.to_le_bytes()].concat()
}

/// A long separator in each register in turn, in every bank that the header may name.
fn separator(nth: u64) -> Vec<u8> {
    event(u32::try_from(nth % 24).expect("few"), SEPARATOR, &filled(4_000, 0, nth))
}

fn uefi(vendor: [u8; 16], name: &[u8], data: &[u8]) -> Vec<u8> {
    let len = u64::try_from(name.len() / 2).expect("short");
    let data_len = u64::try_from(data.len()).expect("short");
    [&vendor[..], &len.to_le_bytes(), &data_len.to_le_bytes(), name, data].concat()
}

/// A variable whose name differs from others at its end only.
fn variable(name: usize, nth: u64) -> Vec<u8> {
    uefi([7; 16], &[&[b'a', 0].repeat(name)[..], &nth.to_le_bytes()].concat(), &[1])
}

fn named(character: u8, len: usize, nth: u64) -> Vec<u8> {
    uefi([7; 16], &[&[character, 0].repeat(len)[..], &nth.to_le_bytes()].concat(), &[1])
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn order(nth: u64) -> Vec<u8> {
    uefi(GLOBAL, &utf16("BootOrder"), &filled(140, 0xab, nth))
}

/// An image whose device path is made of nodes of no known kind, without data.
fn path(nth: u64) -> Vec<u8> {
    let nodes = [0xaa, 0xbb, 4, 0].repeat(40);
    let len = u64::try_from(nodes.len()).expect("short");
    [nth, 1, 0, len].map(u64::to_le_bytes).concat().into_iter().chain(nodes).collect()
}

fn tables(nth: u64) -> Vec<u8> {
    let mut data = 8_u64.to_le_bytes().to_vec();
    data.extend(filled(8 * 24 - 8, 0xc3, nth));
    data
}

fn sipa(kind: u32, data: &[u8]) -> Vec<u8> {
    let len = u32::try_from(data.len()).expect("short");
    [&kind.to_le_bytes()[..], &len.to_le_bytes(), data].concat()
}

/// Every measurement that findings stand on, twice with other values, and then again and again with a third.
fn switches(nth: u64) -> Vec<u8> {
    const TELLING: [u32; 16] = [
        0x0002_0005,
        0x0004_0001,
        0x0004_0002,
        0x0005_0001,
        0x0005_0002,
        0x0005_0003,
        0x0005_0004,
        0x0005_0005,
        0x0005_0006,
        0x0005_000a,
        0x0005_000d,
        0x0005_0012,
        0x0005_0013,
        0x0005_0021,
        0x0009_0001,
        0x000a_0007,
    ];
    let first = TELLING.iter().flat_map(|kind| [sipa(*kind, &[2]), sipa(*kind, &[3])].concat());
    let more = (0..6_000).flat_map(|_| sipa(0x000a_0007, &[4]));
    first.chain(more).chain(sipa(0x0002_0001, &nth.to_le_bytes())).collect()
}

/// A list of certificates that are none, each beginning as the mark of a key for tests again and again.
fn keys(nth: u64) -> Vec<u8> {
    let body = [b"DO NOT DO NOT TRUS".repeat(200), nth.to_le_bytes().to_vec()].concat();
    uefi(GLOBAL, &utf16("PK"), &body)
}
