use super::*;
use crate::evidence::ima_log::build::{ng, true_record, violation};
use crate::limits::Limits;

const SHA256: HashAlg = HashAlg::Sha256;

fn list(bytes: &[u8]) -> ImaLog<'_> {
    ImaLog::parse(bytes, &Limits::DEFAULT).unwrap()
}

fn entry(pcr: u32, name: &str) -> Vec<u8> {
    true_record(pcr, "ima-ng", &ng(name.as_bytes()))
}

fn value(bytes: &[u8], pcr: u32) -> Digest {
    ImaReplay::new(&list(bytes), &[SHA256]).value(SHA256, pcr).unwrap()
}

#[test]
fn each_bank_gets_its_own_digest_of_the_data_or_the_padded_sha1() {
    let data = ng(b"boot_aggregate");
    let bytes = true_record(10, "ima-ng", &data);
    let list = list(&bytes);
    let replay = ImaReplay::new(&list, &HashAlg::ALL);
    for alg in HashAlg::ALL {
        let own = Digest::zero(alg).extended(alg.hash(&[&data]).as_bytes());
        assert_eq!(replay.value(alg, 10), Some(own));
        let mut padded = vec![0; alg.size()];
        padded[..20].copy_from_slice(HashAlg::Sha1.hash(&[&data]).as_bytes());
        assert_eq!(replay.padded_value(alg, 10), Some(Digest::zero(alg).extended(&padded)));
    }
    assert_eq!((replay.value(SHA256, 11), replay.pcrs().collect::<Vec<_>>()), (None, vec![10]));
}

#[test]
fn a41_a_violation_is_extended_as_all_ones() {
    let bytes = violation(10, b"/var/log/wtmp");
    assert_eq!(value(&bytes, 10), Digest::zero(SHA256).extended(&[0xff; 32]));
    let list = list(&bytes);
    let padded = ImaReplay::new(&list, &[SHA256]).padded_value(SHA256, 10);
    assert_eq!(padded, Some(value(&bytes, 10)));
}

#[test]
fn a41_what_is_extended_is_the_digest_of_the_data_shown_not_the_one_logged() {
    let honest = [entry(10, "boot_aggregate"), entry(10, "/bin/sh")].concat();
    let quoted = value(&honest, 10);
    // Another name under the digest that was extended.
    let shown = ng(b"/bin/id");
    let logged = HashAlg::Sha1.hash(&[&ng(b"/bin/sh")]);
    let lie = crate::evidence::ima_log::build::record(10, logged.as_bytes(), "ima-ng", &shown);
    let lying = [entry(10, "boot_aggregate"), lie].concat();
    assert_eq!(prefix_of_pcr_10(&list(&lying), SHA256, &quoted), None);
}

#[test]
fn a43_only_an_exact_prefix_counts() {
    let parts = [entry(10, "boot_aggregate"), entry(10, "/a"), entry(10, "/b"), entry(10, "/c")];
    let bytes = parts.concat();
    let quoted = value(&parts[..3].concat(), 10);
    let found = prefix_of_pcr_10(&list(&bytes), SHA256, &quoted);
    assert_eq!(found, Some(PrefixMatch { end: 3, entries_covered: 3, left_over: 1, padded: false }));
    let dropped = [&parts[0], &parts[2], &parts[3]].map(Clone::clone).concat();
    assert_eq!(prefix_of_pcr_10(&list(&dropped), SHA256, &quoted), None, "an entry dropped");
    let swapped = [&parts[0], &parts[2], &parts[1], &parts[3]].map(Clone::clone).concat();
    assert_eq!(prefix_of_pcr_10(&list(&swapped), SHA256, &quoted), None, "two swapped");
    let repeated = [&parts[0], &parts[1], &parts[1], &parts[2]].map(Clone::clone).concat();
    assert_eq!(prefix_of_pcr_10(&list(&repeated), SHA256, &quoted), None, "one repeated");
    assert_eq!(prefix_of_pcr_10(&list(&bytes), SHA256, &Digest::zero(SHA256)), None, "a reset PCR");
    assert_eq!(prefix_of_pcr_10(&list(&bytes), HashAlg::Sha384, &Digest::zero(HashAlg::Sha384)), None);
}

#[test]
fn a43_entries_in_several_pcrs_fit_all_quoted_ones_at_one_place() {
    let parts =
        [entry(10, "boot_aggregate"), entry(11, "/a"), entry(10, "/b"), entry(11, "/c"), entry(10, "/d")];
    let bytes = parts.concat();
    let log = list(&bytes);
    let at = |covered: usize, pcr| (pcr, value(&parts[..covered].concat(), pcr));
    let covers = |quoted: &[(u32, Digest)]| {
        prefix(&log, SHA256, quoted).map(|found| (found.end, found.entries_covered, found.left_over))
    };
    assert_eq!(covers(&[at(4, 10), at(4, 11)]), Some((4, 4, 1)));
    assert_eq!(covers(&[at(4, 10)]), Some((3, 2, 3)), "PCR 11 is not quoted, so its entries are not covered");
    assert_eq!(covers(&[at(5, 10), at(2, 11)]), None, "no moment had both values");
    assert_eq!(covers(&[at(2, 10), at(4, 11)]), None);
    assert_eq!(covers(&[(12, Digest::zero(SHA256))]), None, "a PCR without entries");
    assert_eq!(covers(&[]), None);
}

#[test]
fn a43_a_padded_bank_is_told() {
    let parts = [entry(10, "boot_aggregate"), entry(10, "/a")];
    let bytes = parts.concat();
    let log = list(&bytes);
    let quoted = ImaReplay::new(&log, &[HashAlg::Sha384]).padded_value(HashAlg::Sha384, 10).unwrap();
    let found = prefix_of_pcr_10(&log, HashAlg::Sha384, &quoted).unwrap();
    assert_eq!((found.entries_covered, found.padded), (2, true));
    // SHA-1 is its own padding.
    let quoted = ImaReplay::new(&log, &[HashAlg::Sha1]).value(HashAlg::Sha1, 10).unwrap();
    assert!(!prefix_of_pcr_10(&log, HashAlg::Sha1, &quoted).unwrap().padded);
}

fn aggregate(alg: &str, digest: &[u8]) -> Vec<u8> {
    let named = [alg.as_bytes(), b":\0", digest].concat();
    true_record(10, "ima-ng", &crate::evidence::ima_log::build::fields(&[&named, b"boot_aggregate\0"]))
}

#[test]
fn a42_boot_aggregate_covers_8_pcrs_in_sha1_and_10_in_other_banks() {
    let quoted = |alg: HashAlg, pcr: u32| Some(alg.hash(&[&pcr.to_le_bytes()]));
    for (alg, count) in [(HashAlg::Sha1, 8), (HashAlg::Sha256, 10), (HashAlg::Sha384, 10)] {
        let of = |count: u32| {
            let values: Vec<u8> =
                (0..count).flat_map(|pcr| quoted(alg, pcr).unwrap().as_bytes().to_vec()).collect();
            alg.hash(&[&values])
        };
        let check =
            |digest: &Digest| boot_aggregate(&list(&aggregate(alg.name(), digest.as_bytes())), quoted);
        assert_eq!(check(&of(count)), BootAggregate::Match { alg });
        let other = of(18 - count);
        assert_eq!(check(&other), BootAggregate::Mismatch { alg, expected: of(count), got: other });
    }
}

#[test]
fn a42_what_cannot_be_held_against_the_quote_is_unproven_and_never_a_match() {
    let zero = |alg: HashAlg, _: u32| Some(Digest::zero(alg));
    let check = |bytes: &[u8]| boot_aggregate(&list(bytes), zero);
    let unproven = |why| BootAggregate::Unproven(why);
    assert_eq!(check(&aggregate("sha256", &[0; 32])), unproven(Unproven::AllZero));
    assert_eq!(check(&aggregate("sha256", &[])), unproven(Unproven::AllZero));
    assert_eq!(check(&aggregate("wp512", &[1; 64])), unproven(Unproven::AlgorithmUnknown));
    assert_eq!(check(&aggregate("sha256", &[1; 20])), unproven(Unproven::AlgorithmUnknown));
    assert_eq!(check(&entry(10, "/bin/sh")), unproven(Unproven::Missing));
    let second = [entry(10, "/bin/sh"), aggregate("sha256", &[1; 32])].concat();
    assert_eq!(check(&second), unproven(Unproven::Missing), "only the first entry is it");
    let fewer = |alg: HashAlg, pcr: u32| (pcr != 9).then(|| Digest::zero(alg));
    let told = boot_aggregate(&list(&aggregate("sha256", &[1; 32])), fewer);
    assert_eq!(told, unproven(Unproven::NotQuoted { alg: SHA256, pcr: 9 }));
}

/// A golden file's entry is known by the digest that was extended for it: what is kept for that must be that digest, or nothing.
#[test]
fn digests_of_entries_are_kept_where_the_plain_sha256_bank_needed_them() {
    let data: Vec<Vec<u8>> = ["boot_aggregate", "/a", "/b", "/c"].map(|name| ng(name.as_bytes())).to_vec();
    let pcrs = [10, 11, 10, 10];
    let parts: Vec<Vec<u8>> =
        data.iter().zip(pcrs).map(|(data, pcr)| true_record(pcr, "ima-ng", data)).collect();
    let bytes = parts.concat();
    let log = list(&bytes);
    let noted = |bank: HashAlg, padded: bool| {
        let replay = ImaReplay::new(&log, &[bank]);
        let quoted = if padded { replay.padded_value(bank, 10) } else { replay.value(bank, 10) }.unwrap();
        let mut noted = TemplateDigests::default();
        let found = prefix_noting(&log, bank, &[(10, quoted)], &mut noted).unwrap();
        assert_eq!((found.end, found.padded), (4, padded));
        (0..5).map(|at| noted.get(at).copied()).collect::<Vec<_>>()
    };
    let sha256 = |at: usize| Some(*SHA256.hash(&[&data[at]]).as_bytes().first_chunk().unwrap());
    assert_eq!(noted(SHA256, false), [sha256(0), Some([0; 32]), sha256(2), sha256(3), None]);
    for (bank, padded) in [(SHA256, true), (HashAlg::Sha384, false), (HashAlg::Sm3_256, false)] {
        assert_eq!(noted(bank, padded), [None; 5], "{bank} {padded}");
    }
}

/// What is kept is never larger than the list itself, whoever made it.
#[test]
fn no_digests_are_kept_of_entries_that_are_too_short_to_be_files() {
    let short = |at: u8| true_record(10, "x", &[at]);
    let kept = |parts: &[Vec<u8>]| {
        let bytes = parts.concat();
        let mut noted = TemplateDigests::default();
        let quoted = value(&bytes, 10);
        assert!(prefix_noting(&list(&bytes), SHA256, &[(10, quoted)], &mut noted).is_some());
        noted.get(0).is_some()
    };
    assert!(!kept(&[short(1), short(2), short(3)]));
    let shortest = true_record(10, "ima-ng", &crate::evidence::ima_log::build::fields(&[b"", b""]));
    assert_eq!(shortest.len(), SHORTEST_FILE);
    assert!(kept(&[shortest.clone(), shortest.clone()]));
    assert!(!kept(&[shortest.clone(), shortest, short(1)]));
}

#[test]
fn every_reason_why_boot_aggregate_proves_nothing_has_its_code() {
    use Unproven::{AlgorithmUnknown, AllZero, ListNotQuoted, Missing, NotQuoted};
    let all = [AlgorithmUnknown, AllZero, ListNotQuoted, Missing, NotQuoted { alg: SHA256, pcr: 9 }];
    let codes = ["algorithm_unknown", "all_zero", "list_not_quoted", "missing", "not_quoted"];
    assert_eq!(all.map(Unproven::code), codes);
}
