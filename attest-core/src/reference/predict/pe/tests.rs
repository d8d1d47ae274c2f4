//! Images made by a writer that shares nothing with the reader: true ones hash to what the writer knows, lying ones are refused, each
//! for its own reason.

use proptest::prelude::*;

use super::*;
use crate::digest::HashAlg;
use crate::reader::Truncated;
use crate::testing::pe::{Pe, SHA256_OID, certificate, put16, put32};

const LIMITS: Limits = Limits::DEFAULT;

fn sample() -> Pe {
    let mut pe = Pe::new(&[(".text", &[0x90; 700]), (".data", b"data"), (".sbat", b"sbat,1\n")]);
    pe.tail = b"symbols".to_vec();
    pe
}

fn signed() -> Pe {
    sample().signed(&SHA256_OID, &[7; 32], &[certificate("Signer", "Authority")])
}

fn refused(pe: &Pe, lie: impl FnOnce(&mut Vec<u8>)) -> Error {
    let mut file = pe.build();
    assert!(Image::parse(&file, &LIMITS).is_ok(), "the image is good before the lie");
    lie(&mut file);
    Image::parse(&file, &LIMITS).unwrap_err()
}

fn assert_hash(pe: &Pe) {
    let file = pe.build();
    let image = Image::parse(&file, &LIMITS).unwrap();
    for alg in HashAlg::ALL {
        assert_eq!(image.authenticode(alg), alg.hash(&[&pe.hashed()]), "{alg} {pe:?}");
    }
    assert!(!image.has_gaps());
}

#[test]
fn the_hash_is_that_of_what_was_written() {
    for plus in [true, false] {
        for directories in [16, 5, 4, 0] {
            assert_hash(&Pe { plus, directories, ..sample() });
        }
        assert_hash(&Pe { plus, ..signed() });
    }
}

#[test]
fn signing_leaves_a_padded_images_hash_as_it_is_and_nothing_else_does() {
    let unsigned = Pe { tail: b"8 bytes.".to_vec(), ..sample() };
    let signed = unsigned.clone().signed(&SHA256_OID, &[7; 32], &[]);
    let hash = |file: &[u8]| Image::parse(file, &LIMITS).unwrap().authenticode(HashAlg::Sha256);
    let expected = hash(&unsigned.build());
    assert_eq!(hash(&signed.build()), expected);
    let mut checksum = signed.build();
    put32(&mut checksum, signed.checksum(), 0);
    assert_eq!(hash(&checksum), expected);
    for at in [3, signed.checksum() + 4, signed.certificate_entry() + 8, signed.section_header(0), 512, 1800]
    {
        let mut file = signed.build();
        file[at] ^= 1;
        assert_ne!(hash(&file), expected, "byte {at}");
    }
}

/// Signing pads to a multiple of 8 and hashes the padding, so the hash of such a file changes by being signed.
#[test]
fn an_image_that_signing_would_pad_says_so() {
    let (unsigned, signed) = (sample(), signed());
    let (unsigned, signed) = (unsigned.build(), signed.build());
    let (unsigned, signed) =
        (Image::parse(&unsigned, &LIMITS).unwrap(), Image::parse(&signed, &LIMITS).unwrap());
    assert!(!unsigned.is_padded() && !unsigned.is_signed());
    assert!(signed.is_padded() && signed.is_signed());
    assert_ne!(unsigned.authenticode(HashAlg::Sha256), signed.authenticode(HashAlg::Sha256));
}

#[test]
fn sections_are_hashed_by_their_place_in_the_file() {
    let pe = sample();
    let mut file = pe.build();
    // The table names them in another order than they lie in the file.
    let (a, b) = (pe.section_header(0), pe.section_header(1));
    let (first, second) = (file[a..b].to_vec(), file[b..b + 40].to_vec());
    file[a..b].copy_from_slice(&second);
    file[b..b + 40].copy_from_slice(&first);
    let image = Image::parse(&file, &LIMITS).unwrap();
    let mut expected = file[..pe.checksum()].to_vec();
    expected.extend(&file[pe.checksum() + 4..pe.certificate_entry()]);
    expected.extend(&file[pe.certificate_entry() + 8..]);
    assert_eq!(image.authenticode(HashAlg::Sha256), HashAlg::Sha256.hash(&[&expected]));
}

/// The specification counts hashed bytes: behind a gap the rest is taken from too early a place.
#[test]
fn a_gap_is_told() {
    let pe = sample();
    let mut file = pe.build();
    let at = pe.section_header(1) + 16;
    put32(&mut file, at, 0);
    let image = Image::parse(&file, &LIMITS).unwrap();
    assert!(image.has_gaps());
    let headers = 512;
    assert_eq!(image.headers, headers);
    let (text, sbat) = (headers..headers + 1024, headers + 1536..headers + 2048);
    let mut expected = file[..pe.checksum()].to_vec();
    expected.extend(&file[pe.checksum() + 4..pe.certificate_entry()]);
    expected.extend(&file[pe.certificate_entry() + 8..headers]);
    expected.extend(&file[text]);
    expected.extend(&file[sbat]);
    expected.extend(&file[headers + 1536..]);
    assert_eq!(image.authenticode(HashAlg::Sha256), HashAlg::Sha256.hash(&[&expected]));
}

#[test]
fn sections_by_name_and_as_they_are_in_memory() {
    let mut pe = sample();
    pe.sections[1].virtual_size = Some(600);
    let file = pe.build();
    let image = Image::parse(&file, &LIMITS).unwrap();
    assert_eq!(image.machine(), 0x8664);
    assert_eq!(image.section(b".sbat").unwrap().in_memory(), (&b"sbat,1\n"[..], 0));
    let (bytes, zeros) = image.section(b".data").unwrap().in_memory();
    assert_eq!((bytes.len(), zeros), (512, 88));
    assert_eq!(image.section(b".none"), None);
    assert_eq!(image.long_section(b".sbatlevel"), None);
    let long = Pe::new(&[(".text", b"a"), (".sbatlevel", b"level"), (".vendor_cert", b"cert")]);
    assert_hash(&long);
    let file = long.build();
    let image = Image::parse(&file, &LIMITS).unwrap();
    assert_eq!(image.section(b"/4").map(|s| s.in_memory().0), Some(&b"level"[..]));
    assert_eq!(image.long_section(b".sbatlevel").map(|s| s.in_memory().0), Some(&b"level"[..]));
    assert_eq!(image.long_section(b".vendor_cert").map(|s| s.in_memory().0), Some(&b"cert"[..]));
}

#[test]
fn signatures_say_digest_and_names() {
    let file = signed().build();
    let image = Image::parse(&file, &LIMITS).unwrap();
    let signatures = image.signatures().unwrap();
    assert_eq!(
        signatures,
        [Signature {
            digest: crate::Digest::new(HashAlg::Sha256, &[7; 32]),
            names: vec!["\"Signer\"".into(), "\"Authority\"".into()]
        }]
    );
    let two = signed().signed(&SHA256_OID, &[8; 32], &[]);
    assert_eq!(Image::parse(&two.build(), &LIMITS).unwrap().signatures().unwrap().len(), 2);
}

#[test]
fn signature_not_authenticode() {
    let mut pe = sample().signed(&SHA256_OID, &[7; 32], &[]);
    pe.certificates[6] = 1;
    let file = pe.build();
    assert_eq!(
        Image::parse(&file, &LIMITS).unwrap().signatures(),
        Ok(vec![Signature::default()]),
        "another certificate type has no digest"
    );
    let mut pe = sample().signed(&SHA256_OID, &[7; 32], &[]);
    pe.certificates[8] = 0x31;
    let file = pe.build();
    assert_eq!(Image::parse(&file, &LIMITS).unwrap().signatures(), Ok(vec![Signature::default()]));
}

#[test]
fn certificate_too_long() {
    let mut pe = signed();
    put32(&mut pe.certificates, 0, u32::MAX);
    let file = pe.build();
    let image = Image::parse(&file, &LIMITS).unwrap();
    let left = pe.certificates.len();
    let offset = file.len() - left;
    assert_eq!(image.signatures(), Err(Error::Certificate { offset, len: 0xffff_ffff, left }));
}

#[test]
fn certificate_shorter_than_its_header() {
    let mut pe = signed();
    put32(&mut pe.certificates, 0, 7);
    let file = pe.build();
    let left = pe.certificates.len();
    let offset = file.len() - left;
    let signatures = Image::parse(&file, &LIMITS).unwrap().signatures();
    assert_eq!(signatures, Err(Error::Certificate { offset, len: 7, left }));
}

#[test]
fn certificates_too_many() {
    let mut pe = sample();
    pe.tail = vec![0; 8];
    pe.certificates = [8_u32.to_le_bytes(), [0, 2, 9, 0]].concat().repeat(17);
    let file = pe.build();
    let signatures = Image::parse(&file, &LIMITS).unwrap().signatures();
    assert_eq!(signatures, Err(Error::TooManyCertificates { limit: 16 }));
}

#[test]
fn certificate_table_in_the_middle() {
    let pe = signed();
    let size = pe.certificates.len();
    let offset = pe.build().len() - size;
    let error = refused(&pe, |file| file.extend([0; 8]));
    assert_eq!(error, Error::CertificateTable { offset, size, file: offset + size + 8 });
}

#[test]
fn certificate_table_over_a_section() {
    let pe = signed();
    let file = pe.build().len();
    let error = refused(&pe, |bytes| {
        put32(bytes, pe.certificate_entry(), 1024);
        put32(bytes, pe.certificate_entry() + 4, (file - 1024) as u32);
    });
    assert_eq!(error, Error::CertificateTable { offset: 1024, size: file - 1024, file });
}

#[test]
fn certificate_table_misaligned() {
    let mut pe = sample();
    pe.tail = vec![0; 4];
    pe.certificates = vec![8, 0, 0, 0, 0, 2, 2, 0];
    let file = pe.build();
    let error = Image::parse(&file, &LIMITS).unwrap_err();
    assert_eq!(error, Error::CertificateTable { offset: file.len() - 8, size: 8, file: file.len() });
}

#[test]
fn certificate_table_past_the_end() {
    let pe = signed();
    let error = refused(&pe, |bytes| put32(bytes, pe.certificate_entry(), u32::MAX));
    assert_eq!(error.code(), "pe_certificate_table");
}

#[test]
fn sections_overlap() {
    let pe = sample();
    let error = refused(&pe, |file| put32(file, pe.section_header(1) + 20, 1024));
    assert_eq!(error, Error::Overlap { section: 1, offset: 1024, end: 1536 });
}

#[test]
fn section_over_the_headers() {
    let pe = sample();
    let error = refused(&pe, |file| put32(file, pe.section_header(0) + 20, 256));
    assert_eq!(error, Error::Overlap { section: 0, offset: 256, end: 512 });
}

#[test]
fn section_past_the_end() {
    let pe = sample();
    let len = pe.build().len();
    let error = refused(&pe, |file| put32(file, pe.section_header(2) + 16, 4096));
    assert_eq!(error, Error::SectionPastEnd { section: 2, offset: 2048, size: 4096, file: len });
    let error = refused(&pe, |file| put32(file, pe.section_header(2) + 20, u32::MAX));
    assert_eq!(error, Error::SectionPastEnd { section: 2, offset: 0xffff_ffff, size: 512, file: len });
}

#[test]
fn sections_none() {
    let pe = sample();
    assert_eq!(refused(&pe, |file| put16(file, pe.section_count(), 0)), Error::NoSections);
}

#[test]
fn sections_too_many() {
    let pe = sample();
    let error = refused(&pe, |file| put16(file, pe.section_count(), 0xffff));
    assert_eq!(error, Error::TooManySections { got: 65_535, limit: LIMITS.image_sections });
}

#[test]
fn section_table_out_of_the_header() {
    let pe = sample();
    let len = pe.build().len();
    let end = pe.section_header(40);
    let error = refused(&pe, |file| put16(file, pe.section_count(), 40));
    assert_eq!(error, Error::HeaderSize { size: 512, table_end: end, file: len });
    let error = refused(&pe, |file| put32(file, pe.size_of_headers(), u32::MAX));
    assert_eq!(error.code(), "pe_header_size");
}

#[test]
fn optional_header_of_unknown_kind() {
    let pe = sample();
    let error = refused(&pe, |file| put16(file, pe.checksum() - 64, 0x107));
    assert_eq!(error, Error::Magic { offset: pe.checksum() - 64, magic: 0x107 });
}

#[test]
fn optional_header_too_short() {
    let pe = sample();
    let start = pe.checksum() - 64;
    let error = refused(&pe, |file| put16(file, start - 4, 60));
    assert_eq!(error, Error::Truncated(Truncated { offset: start + 60, wanted: 4, left: 0 }));
    // The number of directories says more than the header holds.
    let error = refused(&pe, |file| put16(file, start - 4, 116));
    assert!(matches!(error, Error::Truncated(_)));
}

#[test]
fn signatures_of_the_format_missing() {
    let pe = sample();
    assert_eq!(refused(&pe, |file| file[0] = b'N'), Error::NotAnImage { offset: 0 });
    assert_eq!(refused(&pe, |file| file[0x80] = 0), Error::NotAnImage { offset: 0x80 });
    let error = refused(&pe, |file| put32(file, 0x3c, u32::MAX));
    assert!(matches!(error, Error::Truncated(Truncated { wanted: 0xffff_ffff, .. })));
    assert_eq!(Image::parse(b"", &LIMITS).unwrap_err(), Error::NotAnImage { offset: 0 });
}

#[test]
fn file_too_large() {
    let file = sample().build();
    let limits = Limits { image_bytes: file.len() - 1, ..LIMITS };
    let error = Image::parse(&file, &limits).unwrap_err();
    assert_eq!(error, Error::TooLarge { got: file.len(), limit: file.len() - 1 });
}

proptest! {
    #[test]
    fn any_layout_hashes_to_what_was_written(
        plus: bool,
        alignment in prop::sample::select(vec![16_usize, 32, 512]),
        sections in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..200), 1..6),
        tail in prop::collection::vec(any::<u8>(), 0..40),
        is_signed: bool,
    ) {
        let named: Vec<(&str, &[u8])> = sections.iter().map(|data| (".s", data.as_slice())).collect();
        let mut pe = Pe { plus, file_alignment: alignment, tail, ..Pe::new(&named) };
        if is_signed {
            pe = pe.signed(&SHA256_OID, &[1; 32], &[]);
        }
        assert_hash(&pe);
    }

    #[test]
    fn broken_bytes_never_panic_and_what_is_read_can_be_hashed(
        at in prop::collection::vec((0..2_000_usize, any::<u8>()), 1..12),
        cut in 0..3_000_usize,
    ) {
        let mut file = signed().build();
        for (at, byte) in at {
            file[at] = byte;
        }
        file.truncate(file.len().saturating_sub(cut));
        if let Ok(image) = Image::parse(&file, &LIMITS) {
            let _ = (image.authenticode(HashAlg::Sha256), image.signatures(), image.has_gaps());
        }
    }
}
