//! For each parser of outside bytes: honest input, as many bytes made to be dear, and how it is read.

mod certificates;
mod documents;
mod images;
mod logs;
mod tokens;

pub(crate) const MIB: usize = 1 << 20;

/// Name and bytes.
pub(crate) type Shape = (&'static str, Vec<u8>);

/// A parser and what it is given.
pub(crate) struct Parser {
    pub(crate) name: &'static str,
    /// The first is the measure: honest input.
    pub(crate) shapes: fn() -> Vec<Shape>,
    /// Reads, and searches for findings where a parser leaves that to its caller; why the bytes are refused.
    pub(crate) read: fn(&[u8]) -> Result<(), String>,
}

pub(crate) fn parsers() -> impl Iterator<Item = Parser> {
    logs::PARSERS
        .into_iter()
        .chain(tokens::PARSERS)
        .chain(documents::PARSERS)
        .chain(images::PARSERS)
        .chain(certificates::PARSERS)
}

/// What `of` makes of 0, 1, 2, …, until so many bytes are full.
fn fill(most: usize, of: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    for nth in 0.. {
        let next = of(nth);
        if out.len() + next.len() > most {
            break;
        }
        out.extend(next);
    }
    out
}

/// The same of text, between `head` and `tail`, with commas between.
fn fill_list(most: usize, head: &str, tail: &str, of: impl Fn(usize) -> String) -> Vec<u8> {
    let room = most - head.len() - tail.len();
    let list = fill(room, |nth| format!("{}{}", if nth == 0 { "" } else { "," }, of(nth)).into_bytes());
    [head.as_bytes(), &list, tail.as_bytes()].concat()
}

/// The head of a CBOR item: its major type and its argument in the shortest form.
fn head(major: u8, argument: usize) -> Vec<u8> {
    let major = major << 5;
    let bytes = u32::try_from(argument).expect("small").to_be_bytes();
    match argument {
        0..24 => vec![major | bytes[3]],
        24..0x100 => vec![major | 24, bytes[3]],
        0x100..0x1_0000 => vec![major | 25, bytes[2], bytes[3]],
        _ => [&[major | 26][..], &bytes].concat(),
    }
}

fn bstr(bytes: &[u8]) -> Vec<u8> {
    [head(2, bytes.len()), bytes.to_vec()].concat()
}

fn tstr(text: &str) -> Vec<u8> {
    [head(3, text.len()), text.as_bytes().to_vec()].concat()
}

/// An array or a map of so many bytes: as many of what `of` makes as fit.
fn filled(major: u8, most: usize, of: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    let mut count = 0;
    let mut body = Vec::new();
    loop {
        let next = of(count);
        if body.len() + next.len() + 5 > most {
            break;
        }
        body.extend(next);
        count += 1;
    }
    [head(major, count), body].concat()
}

/// Arrays in arrays.
fn nested(depth: usize, inner: &[u8]) -> Vec<u8> {
    [vec![0x81; depth], inner.to_vec()].concat()
}

fn fixture(path: &str) -> Vec<u8> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    std::fs::read(root.join(path)).expect("a fixture")
}

/// Bytes without a pattern that a hash would be short of.
fn digest(nth: usize) -> Vec<u8> {
    attest_core::HashAlg::Sha256.hash(&[&nth.to_be_bytes()]).as_bytes().to_vec()
}
