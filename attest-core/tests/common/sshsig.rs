//! An SSHSIG taken apart and put together otherwise: what the table of manipulations is made with.

use base64::{Engine as _, engine::general_purpose::STANDARD};

pub(crate) fn armor(blob: &[u8]) -> String {
    let base64 = STANDARD.encode(blob);
    let lines: Vec<_> =
        base64.as_bytes().chunks(70).map(|line| core::str::from_utf8(line).expect("base64")).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}

pub(crate) fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).expect("short").to_be_bytes(), bytes].concat()
}

/// The strings that follow each other.
pub(crate) fn strings(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let Some((len, rest)) = bytes.split_first_chunk::<4>() {
        let (string, rest) = rest.split_at(u32::from_be_bytes(*len) as usize);
        found.push(string.to_vec());
        bytes = rest;
    }
    found
}

/// An SSHSIG in pieces.
#[derive(Clone)]
pub(crate) struct Pieces {
    pub(crate) version: u32,
    /// Key, namespace, reserved, hash, signature.
    pub(crate) strings: Vec<Vec<u8>>,
}

impl Pieces {
    pub(crate) fn of(blob: &[u8]) -> Self {
        let version = u32::from_be_bytes(blob[6..10].try_into().expect("four bytes"));
        Self { version, strings: strings(&blob[10..]) }
    }

    pub(crate) fn with(&self, at: usize, value: Vec<u8>) -> String {
        let mut told = self.clone();
        told.strings[at] = value;
        told.armored()
    }

    pub(crate) fn armored(&self) -> String {
        let body: Vec<u8> = self.strings.iter().flat_map(|one| string(one)).collect();
        armor(&[&b"SSHSIG"[..], &self.version.to_be_bytes(), &body].concat())
    }
}

/// The signature in the last field: its type, its numbers, and what follows them.
pub(crate) fn numbers(signature: &[u8]) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let len = |at: usize| u32::from_be_bytes(signature[at..at + 4].try_into().expect("four bytes")) as usize;
    let name = 4 + len(0);
    let end = name + 4 + len(name);
    (signature[..name].to_vec(), signature[name + 4..end].to_vec(), signature[end..].to_vec())
}

/// Little-endian a + b, or a - b.
pub(crate) fn little_endian(a: &[u8], b: &[u8], minus: bool) -> Vec<u8> {
    let mut carry = 0i16;
    let pairs = a.iter().zip(b);
    pairs
        .map(|(a, b)| {
            let sum = i16::from(*a) + if minus { -i16::from(*b) } else { i16::from(*b) } + carry;
            carry = sum.div_euclid(256);
            sum.rem_euclid(256) as u8
        })
        .collect()
}

pub(crate) fn mpint(number: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
    let zero: &[u8] = if digits.first().is_some_and(|first| *first >= 0x80) { &[0] } else { &[] };
    string(&[zero, &digits].concat())
}

/// (r, n - s) of P-256.
pub(crate) fn twin(signature: &[u8]) -> Vec<u8> {
    let (name, both, rest) = numbers(signature);
    let both = strings(&both);
    let mut order =
        hex::decode("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551").expect("hex");
    order.reverse();
    let mut s: Vec<u8> = both[1].iter().rev().copied().take(32).collect();
    s.resize(32, 0);
    let mut negated = little_endian(&order, &s, true);
    negated.reverse();
    let both = [string(&both[0]), mpint(&negated)].concat();
    [name, string(&both), rest].concat()
}

/// A zero before r.
pub(crate) fn longer_number(signature: &[u8]) -> Vec<u8> {
    let (name, both, rest) = numbers(signature);
    let both = strings(&both);
    let both = [string(&[&[0], &both[0][..]].concat()), string(&both[1])].concat();
    [name, string(&both), rest].concat()
}

/// (R, s + L) of Ed25519.
pub(crate) fn unreduced(signature: &[u8]) -> Vec<u8> {
    let (name, both, rest) = numbers(signature);
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").expect("hex");
    let both = [&both[..32], &little_endian(&both[32..], &order, false)].concat();
    [name, string(&both), rest].concat()
}
