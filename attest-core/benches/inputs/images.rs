//! PE images: read, hashed as firmware hashes them, their signatures read. Hashing is the most of it.

use std::hint::black_box;

use attest_core::reference::predict::pe::Image;
use attest_core::{HashAlg, Limits};

#[path = "../../tests/common/pe.rs"]
mod pe;

use super::{MIB, Parser, Shape};
use pe::{Pe, put16, put32};

pub(super) const PARSERS: [Parser; 1] = [Parser { name: "PE image", shapes, read }];

fn read(bytes: &[u8]) -> Result<(), String> {
    let image = Image::parse(bytes, &Limits::DEFAULT).map_err(|error| error.to_string())?;
    black_box((image.authenticode(HashAlg::Sha256), image.has_gaps()));
    black_box((image.section(b".sbat"), image.long_section(b".longer-than-8")));
    black_box(image.signatures().map_err(|error| error.to_string())?);
    Ok(())
}

/// The OID of SHA-256 in DER.
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];

/// An image of two sections and one signature by two certificates.
fn honest() -> Pe {
    let (text, data) = (vec![0x90; MIB / 2], vec![7; MIB / 2 - 8_192]);
    Pe::new(&[(".text", &text), (".data", &data)]).signed(
        SHA256,
        &[7; 32],
        &[vec![0x30; 1_500], vec![0x30; 1_500]],
    )
}

/// Sections by the thousand, each of 512 bytes.
fn sections(count: usize, name: impl Fn(usize) -> String) -> Vec<u8> {
    let names: Vec<String> = (0..count).map(name).collect();
    let data = [7; 400];
    let sections: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &data[..])).collect();
    Pe::new(&sections).build()
}

/// Attribute certificates of this kind and content, until a megabyte is full.
fn certificates(revision: u16, kind: u16, content: &[u8]) -> Vec<u8> {
    let mut image = Pe::new(&[(".text", &[0x90; 512])]);
    let len = u32::try_from(content.len() + 8).expect("short");
    let mut one = [&len.to_le_bytes()[..], &revision.to_le_bytes(), &kind.to_le_bytes(), content].concat();
    one.resize(one.len().next_multiple_of(8), 0);
    image.certificates = one.repeat((MIB - 4_096) / one.len());
    image.build()
}

fn shapes() -> Vec<Shape> {
    let descending = {
        let mut bytes = sections(1_800, |nth| format!("{nth}"));
        let image = Pe::new(&vec![("a", &[7; 400][..]); 1_800]);
        // The table names the sections of the file from its end.
        let offset = |bytes: &[u8], nth: usize| {
            let at = image.section_header(nth) + 20;
            u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four"))
        };
        let offsets: Vec<u32> = (0..1_800).map(|nth| offset(&bytes, nth)).collect();
        for (nth, offset) in offsets.iter().rev().enumerate() {
            put32(&mut bytes, image.section_header(nth) + 20, *offset);
        }
        bytes
    };
    let overlapping = {
        let mut bytes = sections(1_800, |nth| format!("{nth}"));
        let image = Pe::new(&vec![("a", &[7; 400][..]); 1_800]);
        let at = image.section_header(1_799) + 20;
        let first = image.section_header(1_798) + 20;
        bytes.copy_within(first..first + 4, at);
        bytes
    };
    let too_many = {
        let image = Pe::new(&[]);
        let mut bytes = vec![0; MIB];
        let small = honest().build();
        bytes[..small.len().min(MIB)].copy_from_slice(&small[..small.len().min(MIB)]);
        put16(&mut bytes, image.section_count(), 0xffff);
        bytes
    };
    let long = |nth| format!(".long-name-{nth}");
    let signed = |certificates: usize, of: usize| {
        Pe::new(&[(".text", &[0x90; 512])])
            .signed(SHA256, &[7; 32], &vec![vec![0x30; of]; certificates])
            .build()
    };
    vec![
        ("two sections, a signature", honest().build()),
        ("1,800 sections", sections(1_800, |nth| format!("{nth}"))),
        ("1,800 sections of long names", sections(1_800, long)),
        ("sections from the end", descending),
        ("sections that overlap", overlapping),
        ("more sections than may be", too_many),
        ("smallest certificates", certificates(0x200, 2, &[])),
        ("certificates of another kind", certificates(0x200, 1, &[])),
        ("certificates that are no signature", certificates(0x200, 2, &[0x30, 0x80, 0, 0, 0, 0, 0, 0])),
        ("a signature of 60,000 certificates", signed(60_000, 9)),
        ("a signature of long certificates", signed(120, 8_000)),
        ("hashed bytes behind the sections", {
            let mut image = Pe::new(&[(".text", &[0x90; 512])]);
            image.tail = vec![7; MIB - 2_048];
            image.build()
        }),
    ]
}
