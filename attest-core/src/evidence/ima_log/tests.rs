mod text;

use std::hint::black_box;

use super::build::{fields, ng, record, true_record, violation};
use super::*;
use crate::evidence::Severity;
use crate::testing::fixture;

const NG: &[u8] = fixture!("boots/ima-ng/ima.bin");
const SIG: &[u8] = fixture!("boots/ima-sig/ima.bin");
const IMA: &[u8] = fixture!("boots/ima-sha1/ima.bin");
const NG_ASCII: &[u8] = fixture!("boots/ima-ng/ima.ascii");

fn parse(bytes: &[u8]) -> Result<ImaLog<'_>, Error> {
    ImaLog::parse(bytes, &Limits::DEFAULT)
}

fn error(bytes: &[u8]) -> &'static str {
    parse(bytes).expect_err("malformed").code()
}

fn findings(bytes: &[u8]) -> Vec<(&'static str, Option<u32>)> {
    let list = parse(bytes).unwrap();
    list.findings(&Limits::DEFAULT).iter().map(|finding| (finding.code(), finding.entry)).collect()
}

fn aggregate() -> Vec<u8> {
    true_record(10, "ima-ng", &ng(BOOT_AGGREGATE))
}

#[test]
fn real_lists_are_read_whole() {
    for (bytes, template, entries) in [(NG, "ima-ng", 64), (SIG, "ima-sig", 81), (IMA, "ima", 64)] {
        let list = parse(bytes).unwrap();
        assert_eq!((list.format(), list.template_alg()), (Format::Binary, HashAlg::Sha1));
        assert_eq!((list.len(), list.violations()), (entries, 0));
        assert_eq!(list.templates().into_iter().collect::<Vec<_>>(), [template]);
        assert_eq!(list.findings(&Limits::DEFAULT), []);
        let first = list.entry(0).unwrap();
        assert_eq!((first.name(), first.pcr, first.offset), (Some(BOOT_AGGREGATE), 10, 0));
        let second = list.entry(1).unwrap();
        assert_eq!(second.name(), Some(&b"/init"[..]));
        let digest = second.file_digest().unwrap();
        assert_eq!(digest.algorithm, if template == "ima" { "sha1" } else { "sha256" });
        assert!(digest.typed().is_some() && digest.kind.is_none());
    }
    let signed = parse(SIG).unwrap().entries().filter(|entry| entry.signature().is_some()).count();
    assert!(signed > 0, "the list has signed files");
}

#[test]
fn every_template_of_the_kernel_is_known() {
    let digest = [b"sha256:\0".as_slice(), &[7; 32]].concat();
    let v2 = [b"verity:sha256:\0".as_slice(), &[7; 32]].concat();
    let name: &[u8] = b"/bin/sh\0";
    let sig: &[u8] = &[3, 2, 4];
    let cases: [(&str, Vec<&[u8]>); 8] = [
        ("ima-ng", vec![&digest, name]),
        ("ima-sig", vec![&digest, name, sig]),
        ("ima-buf", vec![&digest, name, sig]),
        ("ima-ngv2", vec![&v2, name]),
        ("ima-sigv2", vec![&v2, name, &[]]),
        ("ima-modsig", vec![&digest, name, &[], &digest, sig]),
        (
            "evm-sig",
            vec![&digest, name, sig, b"security.ima\0", &[4, 0, 0, 0], sig, &[0; 4], &[0; 4], &[0; 2]],
        ),
        ("d-ng|n-ng|imode", vec![&digest, name, &[0xed, 0x81]]),
    ];
    for (template, parts) in cases {
        let bytes = [aggregate(), true_record(10, template, &fields(&parts))].concat();
        let list = parse(&bytes).unwrap();
        assert_eq!(findings(&bytes), [], "{template}");
        let entry = list.entry(1).unwrap();
        assert_eq!(entry.fields().map(|(_, bytes)| bytes).collect::<Vec<_>>(), parts, "{template}");
        assert_eq!(entry.name(), Some(&b"/bin/sh"[..]));
        assert_eq!(entry.file_digest().unwrap().bytes, [7; 32]);
        assert_eq!(entry.file_digest().unwrap().kind, template.contains("v2").then_some("verity"));
        assert_eq!(entry.buffer().is_some(), template == "ima-buf");
    }
    // Its own order of known fields: read, but the template's name is in no digest, so it names no file.
    let parts = [name, sig, &digest];
    let bytes = [aggregate(), true_record(10, "n-ng|sig|d-ng", &fields(&parts))].concat();
    let list = parse(&bytes).unwrap();
    let entry = list.entry(1).unwrap();
    assert_eq!(entry.fields().map(|(_, bytes)| bytes).collect::<Vec<_>>(), parts);
    assert_eq!((entry.name(), entry.file_digest()), (None, None));
    let unknown = [aggregate(), true_record(10, "d-new|n-ng", b"whatever")].concat();
    assert_eq!(findings(&unknown), [("template_unknown", Some(1))]);
    assert_eq!(error(b"10 0000000000000000000000000000000000000000 d-new|n-ng x y\n"), "template_unknown");
}

#[test]
fn template_digests_may_be_of_four_sizes() {
    for alg in [HashAlg::Sha1, HashAlg::Sha256, HashAlg::Sm3_256, HashAlg::Sha384, HashAlg::Sha512] {
        let record = |data: &[u8]| record(10, alg.hash(&[data]).as_bytes(), "ima-ng", data);
        let bytes = [record(&ng(BOOT_AGGREGATE)), record(&ng(b"/bin/sh"))].concat();
        let list = parse(&bytes).unwrap();
        assert_eq!((list.template_alg(), list.len()), (alg, 2));
        assert_eq!(list.findings(&Limits::DEFAULT), []);
    }
}

#[test]
fn a41_a_template_digest_that_is_not_that_of_its_data_is_refused() {
    let data = ng(b"/bin/sh");
    let lie = record(10, &[5; 20], "ima-ng", &data);
    let bytes = [aggregate(), lie].concat();
    assert_eq!(findings(&bytes), [("template_hash_mismatch", Some(1))]);
    assert_eq!(parse(&bytes).unwrap().findings(&Limits::DEFAULT)[0].severity(), Severity::Refuse);
    // A whole real list, one byte of one file's digest changed.
    let list = parse(NG).unwrap();
    let digest = list.entry(5).unwrap().file_digest().unwrap().bytes;
    let at = digest.as_ptr() as usize - NG.as_ptr() as usize;
    let mut changed = NG.to_vec();
    changed[at] ^= 1;
    assert_eq!(findings(&changed), [("template_hash_mismatch", Some(5))]);
}

#[test]
fn a41_violations_are_visible() {
    let bytes = [aggregate(), violation(10, b"/var/log/wtmp"), violation(10, b"/tmp/x")].concat();
    assert_eq!(findings(&bytes), [("violations", Some(1))]);
    let list = parse(&bytes).unwrap();
    assert_eq!(list.violations(), 2);
    assert_eq!(list.findings(&Limits::DEFAULT)[0].kind, FindingKind::Violations { count: 2 });
    assert_eq!(list.entry(1).unwrap().name(), Some(&b"/var/log/wtmp"[..]));
}

#[test]
fn a42_a_list_without_boot_aggregate_or_with_two_says_so() {
    let file = true_record(10, "ima-ng", &ng(b"/bin/sh"));
    assert_eq!(findings(&file), [("boot_aggregate_missing", Some(0))]);
    let kexec = [aggregate(), file, aggregate()].concat();
    assert_eq!(findings(&kexec), [("boot_aggregate_repeated", Some(2))]);
}

#[test]
fn a44_odd_names_are_reported() {
    for name in [&b"/tmp/a\nb"[..], b"/tmp/a\0b", b"/tmp/\x1b[2J", b"/tmp/../etc/shadow", b".."] {
        let bytes = [aggregate(), true_record(10, "ima-ng", &ng(name))].concat();
        assert_eq!(findings(&bytes), [("odd_name", Some(1))], "{name:?}");
    }
    let fine = [aggregate(), true_record(10, "ima-ng", &ng(b"/tmp/..hidden/\xc3\xa4"))].concat();
    assert_eq!(findings(&fine), []);
}

#[test]
fn records_that_lie_about_themselves_are_malformed() {
    let data = ng(b"/bin/sh");
    let good = true_record(10, "ima-ng", &data);
    assert_eq!(error(&true_record(24, "ima-ng", &data)), "pcr_invalid");
    assert_eq!(error(&[good.clone(), true_record(u32::MAX, "ima-ng", &data)].concat()), "pcr_invalid");
    assert_eq!(error(&[good.clone(), true_record(10, "", &data)].concat()), "template_name");
    assert_eq!(error(&[good.clone(), true_record(10, &"x".repeat(161), &data)].concat()), "template_name");
    assert_eq!(error(&[good.clone(), true_record(10, "ima\n", &data)].concat()), "template_name");
    let longer = [data.as_slice(), &[0]].concat();
    assert_eq!(error(&true_record(10, "ima-ng", &longer)), "template_fields");
    assert_eq!(error(&true_record(10, "ima-sig", &data)), "template_fields", "the signature is not there");
    let mut huge = good.clone();
    let len_at = 4 + 20 + 4 + 6;
    huge[len_at..len_at + 4].copy_from_slice(&3_200_000_000_u32.to_le_bytes());
    assert_eq!(error(&huge), "truncated");
    let mut old =
        [10_u32.to_le_bytes().as_slice(), &[1; 20], &3_u32.to_le_bytes(), b"ima", &[2; 20]].concat();
    old.extend(256_u32.to_le_bytes());
    old.extend([b'a'; 256]);
    assert_eq!(error(&old), "template_fields", "the kernel's buffer holds 255 characters and a NUL");
}

#[test]
fn a52_every_truncated_prefix_is_refused_or_a_shorter_list() {
    for original in [NG, IMA] {
        let whole = parse(original).unwrap();
        let ends: Vec<_> = whole.entries().skip(1).map(|entry| entry.offset).collect();
        for len in 0..original.len() {
            let is_end = ends.contains(&len);
            assert_eq!(parse(&original[..len]).is_ok(), is_end, "cut at {len}");
        }
    }
    for len in 0..NG_ASCII.len() {
        let _ = parse(&NG_ASCII[..len]);
    }
}

#[test]
fn a52_every_single_byte_change_is_refused_or_another_list() {
    let original = parse(NG).unwrap();
    let values = |list: &ImaLog<'_>| -> Vec<_> {
        list.entries()
            .map(|entry| (entry.pcr, entry.template_digest(HashAlg::Sha256), entry.is_violation()))
            .collect()
    };
    let good = values(&original);
    let mut only_shown = 0;
    // The first entries: every record has the same form.
    for at in 0..400 {
        for change in [0x01, 0x80, 0xff] {
            let mut changed = NG.to_vec();
            changed[at] ^= change;
            let Ok(list) = parse(&changed) else { continue };
            if values(&list) != good {
                continue;
            }
            // The logged digest, or the template's name where its data still fits another or an unknown one.
            let codes: Vec<_> = list.findings(&Limits::DEFAULT).iter().map(Finding::code).collect();
            let shown = ["template_hash_mismatch", "template_unknown", "boot_aggregate_missing"];
            assert!(codes.iter().any(|code| shown.contains(code)), "byte {at}: {codes:?}");
            only_shown += 1;
        }
    }
    assert!(only_shown > 0);
}

#[test]
fn a51_size_and_count_are_bounded() {
    let limits = Limits { ima_bytes: NG.len(), ima_entries: 63, ..Limits::DEFAULT };
    let code = |bytes: &[u8]| ImaLog::parse(bytes, &limits).unwrap_err().code();
    assert_eq!(code(NG), "too_many_entries");
    assert_eq!(code(&[NG, &[0]].concat()), "log_too_large");
    assert_eq!(code(&[]), "log_empty");
    let limits = Limits { findings: 1, ..Limits::DEFAULT };
    let lie = record(10, &[5; 20], "ima-ng", &ng(b"/bin/sh"));
    let bytes = [aggregate(), lie.clone(), lie.clone(), lie].concat();
    let findings = parse(&bytes).unwrap().findings(&limits);
    let kinds: Vec<_> = findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::TemplateHash, FindingKind::TooMany { code: "template_hash_mismatch" }]);
}

/// A line of a text list, its template digest that of the data.
fn line(template: &str, data: &[u8], text: &[u8]) -> Vec<u8> {
    let hash = HashAlg::Sha1.hash(&[data]).to_string();
    [format!("10 {hash} {template} ").as_bytes(), text, b"\n"].concat()
}

fn ng_text(name: &[u8]) -> Vec<u8> {
    [format!("sha256:{} ", HashAlg::Sha256.hash(&[name])).as_bytes(), name].concat()
}

#[test]
fn a44_a_name_with_blanks_or_line_breaks_in_a_text_list_is_read_by_its_digest_and_reported() {
    let head = line("ima-ng", &ng(BOOT_AGGREGATE), &ng_text(BOOT_AGGREGATE));
    let tail = line("ima-ng", &ng(b"/bin/ls"), &ng_text(b"/bin/ls"));
    for name in [&b"/tmp/a b  c"[..], b"/tmp/a\nb", b"/tmp/a\n10 fake ima-ng sha256:00 /b\n"] {
        let middle = line("ima-ng", &ng(name), &ng_text(name));
        let bytes = [head.clone(), middle, tail.clone()].concat();
        let list = parse(&bytes).unwrap();
        let names: Vec<_> = list.entries().map(|entry| entry.name().unwrap().to_vec()).collect();
        assert_eq!(names, [BOOT_AGGREGATE, name, b"/bin/ls"]);
        assert!(findings(&bytes).contains(&("ambiguous_text", Some(1))), "{name:?}");
    }
}

#[test]
fn a41_a_changed_line_of_a_text_list_is_a_mismatch() {
    let text = core::str::from_utf8(NG_ASCII).unwrap();
    let changed = text.replacen("/bin/busybox", "/bin/busyboy", 1);
    assert_eq!(findings(changed.as_bytes()), [("template_hash_mismatch", Some(2))]);
}

#[test]
fn lines_that_are_none_are_malformed() {
    let hash = "00".repeat(20);
    let cases = [
        ("this-is-an-invalid-ima-log-file", "line"),
        ("10", "line"),
        ("10 00 ima-ng sha256:00 /x", "line"),
        ("99999999999 x", "line"),
        (&format!("24 {hash} ima-ng sha256:00 /x"), "pcr_invalid"),
        (&format!("10 {hash} ima-ng sha256:00"), "line"),
        (&format!("10 {hash} ima-ng sha256:0 /x"), "line"),
        (&format!("10 {hash} ima-ng 00 /x"), "line"),
        (&format!("10 {hash} ima 00 /x"), "line"),
        (&format!("10 {hash} \u{1b} 00 /x"), "line"),
        (&format!("10 {hash} ima-ng sha256:00 /x\n\n"), "line"),
        (
            &format!("10 {hash} ima-ng sha256:00 /x\n10 {hash}{} ima-ng sha256:00 /y\n", "00".repeat(12)),
            "line",
        ),
    ];
    for (text, code) in cases {
        assert_eq!(error(text.as_bytes()), code, "{text}");
    }
    // The kernel pads the PCR to two columns.
    let padded = format!(" 2 {hash} ima-ng sha256:00 /x");
    assert_eq!(parse(padded.as_bytes()).unwrap().entry(0).unwrap().pcr, 2);
}

#[test]
fn a44_a_hash_name_with_escapes_is_no_name() {
    let data = fields(&[b"sha\x1b[2J:\0\x07\x07", b"/bin/sh\0"]);
    let bytes = [aggregate(), true_record(10, "ima-ng", &data)].concat();
    assert_eq!(parse(&bytes).unwrap().entry(1).unwrap().file_digest(), None);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_refused_or_read_without_panic(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600),
        text in "( ?[0-9]{1,2} [0-9a-f]{40} (ima|ima-ng|ima-sig|ima-buf|n|d-ng) [ -~\\n]{0,60}\\n?){0,4}",
    ) {
        let after_a_good_one = [aggregate(), bytes.clone()].concat();
        for bytes in [&bytes, &after_a_good_one, &text.into_bytes()] {
            let Ok(list) = parse(bytes) else { continue };
            black_box(list.findings(&Limits::DEFAULT));
            for entry in list.entries() {
                black_box((entry.name(), entry.file_digest(), entry.template_digest(HashAlg::Sha384)));
            }
        }
    }
}

/// A list in parts: where one ends the next begins, and together they are within the limits of a whole one.
#[test]
fn a_part_of_a_list_knows_its_place() {
    let entries = ["boot_aggregate", "/a", "/b"]
        .map(|name| build::true_record(10, "ima-ng", &build::ng(name.as_bytes())));
    let whole = entries.concat();
    let first = ImaLog::parse(&whole, &Limits::DEFAULT).unwrap();
    let at = |log: &ImaLog<'_>, index| log.position(index).map(|at| (at.entries, at.bytes, at.hash_size));
    let one = entries[0].len() as u64;
    assert_eq!((at(&first, 0), at(&first, 1)), (Some((0, 0, 20)), Some((1, one, 20))));
    assert_eq!(at(&first, 3), Some((3, whole.len() as u64, 20)));
    assert_eq!(at(&first, 9), at(&first, 3), "there is nothing behind the end");
    assert!(!first.is_empty());

    let before = first.position(1).unwrap();
    let rest = &whole[entries[0].len()..];
    let limited = |ima_bytes| ImaLog::parse_after(before, rest, &Limits { ima_bytes, ..Limits::DEFAULT });
    let part = limited(whole.len()).unwrap();
    assert_eq!((part.len(), part.is_empty(), part.before()), (2, false, before));
    assert_eq!(at(&part, 1), Some((2, one + entries[1].len() as u64, 20)));
    assert_eq!(at(&part, 2), at(&first, 3));
    let kind = ErrorKind::TooLarge { len: whole.len(), most: whole.len() - 1 };
    assert_eq!(limited(whole.len() - 1).unwrap_err(), kind.at(0, 1));

    let end = first.position(3).unwrap();
    let nothing = ImaLog::parse_after(end, b"", &Limits::DEFAULT).unwrap();
    assert!(nothing.is_empty());
    assert_eq!((nothing.before(), nothing.position(0)), (end, Some(end)));
    let two =
        [entries[0].clone(), build::true_record(10, "ima-sig", &[&build::ng(b"/s")[..], &[0; 4]].concat())]
            .concat()
            .repeat(2);
    let two = ImaLog::parse(&two, &Limits::DEFAULT).unwrap();
    assert_eq!(two.templates().into_iter().collect::<Vec<_>>(), ["ima-ng", "ima-sig"]);
    // A text list has no place in the kernel's bytes.
    let text = ImaLog::parse(crate::testing::fixture!("boots/sb-grub/ima.ascii"), &Limits::DEFAULT).unwrap();
    assert_eq!((text.position(0), text.is_empty()), (None, false));
}

/// Every field that a custom format may name (Linux, Documentation/security/IMA-templates).
#[test]
fn every_field_of_a_custom_format_is_known_by_its_name() {
    use super::template::{Bytes, DigestOf, Field, Template, TextOf};
    let all = [
        ("d", Field::D),
        ("d-ng", Field::DNg(DigestOf::File)),
        ("d-modsig", Field::DNg(DigestOf::FileWithoutSignature)),
        ("d-ngv2", Field::DNgV2),
        ("n", Field::Text(TextOf::ShortName)),
        ("n-ng", Field::Text(TextOf::Name)),
        ("xattrnames", Field::Text(TextOf::XattrNames)),
        ("buf", Field::Hex(Bytes::Buffer)),
        ("evmsig", Field::Hex(Bytes::EvmSignature)),
        ("modsig", Field::Hex(Bytes::ModuleSignature)),
        ("sig", Field::Hex(Bytes::Signature)),
        ("xattrlengths", Field::Hex(Bytes::Xattrs)),
        ("xattrvalues", Field::Hex(Bytes::Xattrs)),
        ("iuid", Field::Uint(4)),
        ("igid", Field::Uint(4)),
        ("imode", Field::Uint(2)),
    ];
    for (id, field) in all {
        let format = format!("{id}|n-ng");
        let template = Template::new(format.as_bytes());
        assert_eq!(template.fields().unwrap().next(), Some(field), "{id}");
        assert!(template.has(field) && !template.has(Field::Uint(8)), "{id}");
    }
    assert!(Template::new(b"d-ng|unknown").fields().is_none());
}
