//! Text lists field by field, and findings in words.

use super::*;

/// A line of a text list: the template digest of this data in this bank.
fn line(alg: HashAlg, template: &str, data: &[u8], fields: &str) -> String {
    format!("10 {} {template} {fields}\n", hex::encode(alg.hash(&[data]).as_bytes()))
}

#[test]
fn a_text_list_is_read_by_template_digests_of_each_bank() {
    for alg in [HashAlg::Sha1, HashAlg::Sha256, HashAlg::Sm3_256, HashAlg::Sha384, HashAlg::Sha512] {
        // A name with a blank and a line break: which reading is right, the digest alone tells.
        let (name, digest) = (&b"/tmp/a b\nc"[..], hex::encode([7; 32]));
        let data = fields(&[&[b"sha256:\0".as_slice(), &[7; 32]].concat(), &[name, &[0]].concat()]);
        let text = line(alg, "ima-ng", &data, &format!("sha256:{digest} /tmp/a b\nc"));
        let list = parse(text.as_bytes()).unwrap();
        let entry = list.entry(0).unwrap();
        assert_eq!((list.len(), entry.name(), entry.data), (1, Some(name), &data[..]), "{alg}");
        let ambiguous =
            [("boot_aggregate_missing", Some(0)), ("odd_name", Some(0)), ("ambiguous_text", Some(0))];
        assert_eq!(findings(text.as_bytes()), ambiguous, "{alg}");
    }
}

/// The kernel ends a line with a blank for each empty field at its end; editors and tools strip them.
#[test]
fn blanks_that_were_stripped_from_the_end_of_a_line_are_put_back() {
    let digest = hex::encode([7; 32]);
    let ng = [b"sha256:\0".as_slice(), &[7; 32]].concat();
    let cases: [(&str, &str, Vec<&[u8]>); 5] = [
        ("ima-sig", "/a", vec![&ng, b"/a\0", b""]),
        // What looks like a signature is the name's end.
        ("ima-sig", "/a be", vec![&ng, b"/a be\0", b""]),
        ("ima-modsig", "/a", vec![&ng, b"/a\0", b"", b"", b""]),
        ("ima-modsig", "/a 0302", vec![&ng, b"/a\0", &[3, 2], b"", b""]),
        ("d-ng|n-ng|imode", "/a", vec![&ng, b"/a\0", b""]),
    ];
    for (template, rest, expected) in cases {
        let data = fields(&expected);
        let text = line(HashAlg::Sha256, template, &data, &format!("sha256:{digest} {rest}"));
        for text in [text.as_str(), text.trim_end()] {
            let list = parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((list.len(), list.entry(0).unwrap().data), (1, &data[..]), "{text}");
            assert!(findings(text.as_bytes()).iter().all(|(code, _)| *code != "template_hash_mismatch"));
        }
    }
    // A name's own blank is not guessed, and what fits no digest is a finding, not another reading.
    let named = fields(&[&ng, b"/a \0"]);
    let text = line(HashAlg::Sha256, "ima-ng", &named, &format!("sha256:{digest} /a"));
    assert!(findings(text.as_bytes()).contains(&("template_hash_mismatch", Some(0))));
    let other = line(HashAlg::Sha256, "ima-sig", b"other", &format!("sha256:{digest} /a"));
    assert!(findings(other.as_bytes()).contains(&("template_hash_mismatch", Some(0))));
    let violation = |rest: &str| format!("10 {} ima-sig sha1:{} {rest}\n", "00".repeat(20), "00".repeat(20));
    assert_eq!(parse(violation("/a").as_bytes()).unwrap().entry(0).unwrap().name(), Some(&b"/a"[..]));
    assert_eq!(
        error(violation("/a b").as_bytes()),
        "line",
        "its digest tells nothing of where the name ends"
    );
    assert_eq!(parse(other.as_bytes()).unwrap().entry(0).unwrap().name(), Some(&b"/a"[..]));
}

/// Each line could be read as four, and hashed as often.
#[test]
fn a51_lines_of_a_list_that_fits_nowhere_are_not_put_together_for_ever() {
    let misfit = format!("10 {} ima-ng sha256:{} /x\n", "11".repeat(20), "07".repeat(32));
    let data = fields(&[&[b"sha256:\0".as_slice(), &[7; 32]].concat(), b"/a\nb\0"]);
    let broken = line(HashAlg::Sha1, "ima-ng", &data, &format!("sha256:{} /a\nb", "07".repeat(32)));
    let list = |misfits| [misfit.repeat(misfits), broken.clone()].concat();
    assert_eq!(parse(list(999).as_bytes()).unwrap().len(), 1_000);
    let refused = parse(list(1_000).as_bytes()).unwrap_err();
    assert_eq!((refused.code(), refused.entry), ("line", 1_001));
}

#[test]
fn each_field_of_a_text_list_has_its_binary_form() {
    let digest = hex::encode([7; 32]);
    let ng = [b"sha256:\0".as_slice(), &[7; 32]].concat();
    let bare = [7; 20];
    let cases: [(&str, String, Vec<&[u8]>); 7] = [
        ("ima-ng", format!("sha256:{digest} /a"), vec![&ng, b"/a\0"]),
        // A digest of another template than `ima` has a length before it; so has one that is empty.
        ("d|n-ng", format!("{} /a", hex::encode(bare)), vec![&bare, b"/a\0"]),
        ("d|n-ng", " /a".to_owned(), vec![b"", b"/a\0"]),
        ("d-ng|n-ng", " /a".to_owned(), vec![b"", b"/a\0"]),
        ("d-ng|n-ng|imode", format!("sha256:{digest} /a 33261"), vec![&ng, b"/a\0", &[0xed, 0x81]]),
        ("d-ng|n-ng|imode", format!("sha256:{digest} /a "), vec![&ng, b"/a\0", b""]),
        ("d-ng|n-ng|iuid", format!("sha256:{digest} /a 4294967295"), vec![&ng, b"/a\0", &[0xff; 4]]),
    ];
    for (template, text, expected) in cases {
        let data = fields(&expected);
        let text = line(HashAlg::Sha256, template, &data, &text);
        let list = parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(list.entry(0).unwrap().data, data, "{text}");
        assert_eq!(findings(text.as_bytes()), [("boot_aggregate_missing", Some(0))], "{text}");
    }
    let zeros = "00".repeat(20);
    for (number, is_read) in [
        ("", true),
        ("7", true),
        ("x", false),
        ("+1", false),
        ("-1", false),
        ("4294967295", true),
        ("4294967296", false),
        ("99999999999999999999", false),
        ("1x", false),
    ] {
        let text = format!("10 {zeros} d-ng|n-ng|iuid sha256:{digest} /a {number}\n");
        assert_eq!(parse(text.as_bytes()).is_ok(), is_read, "{number}");
    }
    // The kernel's first template: 20 bytes, and a name that fits its buffer.
    let name = |len: usize| format!("10 {zeros} ima {} {}\n", hex::encode(bare), "a".repeat(len));
    assert_eq!(parse(name(255).as_bytes()).unwrap().entry(0).unwrap().name(), Some(&[b'a'; 255][..]));
    assert_eq!(error(name(256).as_bytes()), "line");
    assert_eq!(error(format!("10 {zeros} ima {digest} /a\n").as_bytes()), "line");
}

#[test]
fn a_list_of_a_big_endian_kernel_is_told_as_such() {
    let good = true_record(10, "ima-ng", &ng(BOOT_AGGREGATE));
    let mut swapped = good.clone();
    swapped[..4].reverse();
    assert_eq!(error(&swapped), "big_endian");
    swapped[..4].copy_from_slice(&23_u32.to_be_bytes());
    assert_eq!(error(&swapped), "big_endian");
    swapped[..4].copy_from_slice(&24_u32.to_be_bytes());
    assert_eq!(error(&swapped), "pcr_invalid");
    // Register 0 reads the same in both.
    swapped[..4].fill(0);
    assert!(parse(&swapped).is_ok());
}

#[test]
fn findings_are_told_in_sentences_of_their_own() {
    let kinds = [
        FindingKind::AmbiguousText,
        FindingKind::BootAggregateMissing,
        FindingKind::BootAggregateRepeated,
        FindingKind::OddName,
        FindingKind::TemplateHash,
        FindingKind::TemplateUnknown,
        FindingKind::TooMany { code: "odd_name" },
        FindingKind::Violations { count: 1 },
        FindingKind::Violations { count: 7 },
    ];
    let words = kinds.map(|kind| kind.to_string());
    assert_eq!(words.iter().collect::<std::collections::BTreeSet<_>>().len(), kinds.len());
    assert_eq!(words[0], "the text can be read in several ways; a binary list is certain");
    assert_eq!(words[6], "more findings odd_name are not listed");
    assert_eq!(words[7], "one entry reports a violation");
    assert_eq!(words[8], "7 entries report violations");
}

/// The kernel's numbers of hashes (include/uapi/linux/hash_info.h) are in what a signature of version 3 covers.
#[test]
fn what_a_signature_of_each_version_is_over() {
    use crate::evidence::ima_log::{FileSignature, SignatureOver};
    for (alg, id) in [(HashAlg::Sha256, 4), (HashAlg::Sha384, 5), (HashAlg::Sha512, 6)] {
        let file = alg.hash(&[b"a file"]);
        let field = |kind: u8, version: u8| vec![kind, version, id, 1, 2, 3, 4, 0, 1, 9];
        for (kind, version, over, tag) in [
            (3, 2, SignatureOver::FileDigest, None),
            (3, 3, SignatureOver::FileId, Some(3)),
            (6, 3, SignatureOver::VerityFileId, Some(6)),
        ] {
            let field = field(kind, version);
            let signature = FileSignature::parse(&field).unwrap();
            assert_eq!((signature.over, signature.hash, signature.hash_id()), (over, alg, id));
            let expected = tag.map_or(file, |tag: u8| alg.hash(&[&[tag, id], file.as_bytes()]));
            assert_eq!(signature.signed(file.as_bytes()), Some(expected));
        }
    }
}
