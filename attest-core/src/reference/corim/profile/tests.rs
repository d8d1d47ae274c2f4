mod refused;

use proptest::prelude::*;

use super::*;
use crate::authenticate::file_signature::KeyId;
use crate::evidence::ima_log::ImaLog;
use crate::evidence::tcg_log::EventLog;
use crate::limits::Limits;
use crate::reference::golden::{
    Accepted, Evidence, ImaBuffer, ImaFile, ImaGolden, ImaPath, ImaSigner, NotJudged, Order, PathEffect,
    Quirk, Replacement, Response, Rule, Sequence, SignerKeyGolden, Slot, Superseded, Variant, Workaround,
    key_from_pem,
};
use crate::reference::learn::{Boot, Choices, ima_files, learn};
use crate::reference::overlay::OverlaySigner;
use crate::testing::fixture;
use crate::{HashAlg, Timestamp};

fn back(bytes: &[u8]) -> Result<Golden, Error> {
    read(&Corim::parse(bytes, &Limits::DEFAULT).expect("a CoRIM"))
}

fn round(golden: &Golden) -> Golden {
    back(&write(golden, &Edition::default()).expect("written")).expect("read")
}

fn learned() -> Golden {
    let log = EventLog::parse(fixture!("boots/sb-grub/eventlog.bin"), &Limits::DEFAULT).unwrap();
    let list = ImaLog::parse(fixture!("boots/sb-grub/ima.bin"), &Limits::DEFAULT).unwrap();
    let files = ima_files(&list);
    let boot = Boot {
        name: "debian \"12\"",
        log: &log,
        userspace: None,
        evidence: Evidence::Quoted,
        files: Some(&files),
    };
    learn("gateway", &[boot], &Choices::default()).unwrap()
}

fn slot(component: &str, seed: u8) -> Slot {
    let digests = [HashAlg::Sha256, HashAlg::Sha384].map(|bank| bank.hash(&[&[seed]])).into();
    Slot { component: component.into(), digests, about: String::new(), rule: None }
}

fn sequence(pcr: u8, name: &str, slots: Vec<Slot>) -> Sequence {
    Sequence {
        pcr,
        name: name.into(),
        evidence: Evidence::Reviewed,
        startup_locality: 0,
        order: Order::Fixed,
        measured_by: (pcr >= 8 && !slots.is_empty()).then(|| "kernel".into()),
        slots,
    }
}

/// Every section and every field of a golden document with a value that is not its default. A new field does not compile until it stands
/// here, and then the round trip shows whether it comes back.
fn full() -> Golden {
    let free = Sequence {
        order: Order::FreeBeforeSeparator,
        startup_locality: 3,
        ..sequence(0, "a \u{e9}", vec![])
    };
    let alternatives = vec![free, sequence(0, "", vec![slot("firmware.code", 1)]), sequence(7, "b", vec![])];
    let exit = Slot {
        rule: Some(Rule::ExitBootServicesRepeat),
        about: "Exit Boot Services \u{7f}\n\"Invocation\"".into(),
        ..slot("boot.exit_boot_services", 2)
    };
    let sequences = vec![
        sequence(4, "", vec![slot("kernel", 3), slot("kernel", 3)]),
        sequence(5, "", vec![exit]),
        sequence(9, "", vec![slot("initrd", 4)]),
    ];
    let key = key_from_pem(core::str::from_utf8(fixture!("boots/sb-grub/ak-ecc.pem")).unwrap()).unwrap();
    Golden {
        family: "fa\"mily\u{0}".into(),
        description: Some("two\nlines".into()),
        banks: vec![HashAlg::Sha256, HashAlg::Sha384],
        judged: vec![0, 4, 5, 7, 9],
        not_judged: vec![NotJudged { pcr: 1, reason: "settings".into() }],
        accepted: vec![Accepted { weakness: "test_keys".into(), reason: "a lab".into() }],
        workarounds: vec![Workaround { quirk: Quirk::SeparatorMissing, reason: "model X".into() }],
        sequences: alternatives,
        variants: vec![
            Variant {
                name: "one".into(),
                evidence: Evidence::Reviewed,
                based_on: None,
                replace: vec![],
                sequences,
            },
            Variant {
                name: "two".into(),
                evidence: Evidence::Predicted,
                based_on: Some("one".into()),
                replace: vec![Replacement { pcr: 9, slot: 0, with: slot("initrd", 5) }],
                sequences: vec![],
            },
        ],
        tokens: Vec::new(),
        overlay_signers: vec![OverlaySigner::from_spki_der("the fleet's", key.spki()).unwrap()],
        superseded: vec![Superseded {
            component: "kernel".into(),
            digests: vec![HashAlg::Sha256.hash(&[b"old"])],
            reason: "CVE".into(),
        }],
        ima: Some(ImaGolden {
            measurement_policy: Some("ima_policy=tcb".into()),
            unknown_files: Response::Warn,
            violations: Response::Warn,
            files: vec![
                ImaFile {
                    path: "/bin/a".into(),
                    digest: HashAlg::Sha1.hash(&[b"a"]),
                    verity: false,
                    required: true,
                },
                ImaFile {
                    path: "/bin/a".into(),
                    digest: HashAlg::Sha256.hash(&[b"a"]),
                    verity: false,
                    required: false,
                },
                ImaFile {
                    path: "/bin/b".into(),
                    digest: HashAlg::Sm3_256.hash(&[b"a"]),
                    verity: true,
                    required: false,
                },
            ],
            kexec: Response::Warn,
            signers: vec![
                ImaSigner {
                    name: "vendor".into(),
                    keyid: key.keyid(),
                    key: SignerKeyGolden::Spki(key.spki().to_vec()),
                },
                ImaSigner {
                    name: "ours".into(),
                    keyid: KeyId([1, 2, 3, 4]),
                    key: SignerKeyGolden::Sha256(HashAlg::Sha256.hash(&[b"key"])),
                },
            ],
            paths: vec![ImaPath {
                pattern: "/run/**".into(),
                effect: PathEffect::AccountsByPathAlone,
                reason: "made at boot".into(),
            }],
            buffers: vec![ImaBuffer {
                name: ".ima".into(),
                digest: HashAlg::Sha256.hash(&[b"buffer"]),
                about: "the vendor's key".into(),
            }],
        }),
    }
}

fn read_again(golden: &Golden) -> Golden {
    let mut golden = Golden::parse(&golden.to_toml(), &Limits::DEFAULT).unwrap();
    // Within a variant the evidence is the variant's: the text form says it once.
    for variant in &mut golden.variants {
        let evidence = variant.evidence;
        variant.sequences.iter_mut().for_each(|sequence| sequence.evidence = evidence);
    }
    golden
}

#[test]
fn a_document_with_every_field_comes_back() {
    let golden = full();
    assert_eq!(read_again(&golden), golden, "the sample is one that the text form keeps");
    assert_eq!(round(&golden), golden);
}

#[test]
fn documents_of_real_boots_come_back() {
    let logs: [&[u8]; 5] = [
        fixture!("boots/sb-grub/eventlog.bin"),
        fixture!("boots/sb-cmdline/eventlog.bin"),
        fixture!("boots/uki-sb/eventlog.bin"),
        fixture!("boots/nosb-grub/eventlog.bin"),
        fixture!("boots/sb-initrd/eventlog.bin"),
    ];
    let choices = Choices {
        accepted: vec![Accepted { weakness: "secure_boot_off".into(), reason: "a test".into() }],
        ..Choices::default()
    };
    for log in logs {
        let log = EventLog::parse(log, &Limits::DEFAULT).unwrap();
        let boot =
            Boot { name: "boot", log: &log, userspace: None, evidence: Evidence::LogOnly, files: None };
        let golden = learn("gateway", &[boot], &choices).unwrap();
        assert_eq!(round(&golden), golden);
    }
    assert_eq!(round(&learned()), learned());
}

#[test]
fn equal_documents_are_equal_bytes_in_deterministic_order() {
    let bytes = write(&full(), &Edition::default()).unwrap();
    assert_eq!(write(&round(&full()), &Edition::default()).unwrap(), bytes);
    let value = cbor::parse(&bytes, &Limits::DEFAULT).unwrap();
    assert_eq!(cbor::encode(&value), bytes);
    let corim = Corim::parse(&bytes, &Limits::DEFAULT).unwrap();
    let Value::Tag(TAG_CORIM, map) = &value else { panic!("tag 501") };
    let Some(Value::Array(tags)) = map.get(1) else { panic!("tags") };
    let Value::Tag(TAG_COMID, comid) = &tags[0] else { panic!("tag 506") };
    let comid = comid.as_bytes().unwrap();
    assert_eq!(cbor::encode(&cbor::parse(comid, &Limits::DEFAULT).unwrap()), comid);
    assert_eq!(corim.tags.len(), 1);
}

#[test]
fn an_edition_says_its_version_and_how_long_it_counts() {
    let validity = Validity {
        not_before: Some(Timestamp::from_unix(1_700_000_000)),
        not_after: Timestamp::from_unix(1_800_000_000),
    };
    let edition = Edition { tag_version: 7, validity: Some(validity) };
    let bytes = write(&full(), &edition).unwrap();
    let corim = Corim::parse(&bytes, &Limits::DEFAULT).unwrap();
    assert_eq!(corim.validity, Some(validity));
    assert_eq!(corim.comids().next().unwrap().identity.version, 7);
    assert_eq!(back(&bytes), Ok(full()));
}

#[test]
fn superseded_digests_are_no_reference_values() {
    let golden = full();
    let bytes = write(&golden, &Edition::default()).unwrap();
    let corim = Corim::parse(&bytes, &Limits::DEFAULT).unwrap();
    let old = golden.superseded[0].digests[0];
    let mut references = corim.comids().flat_map(|comid| &comid.triples.references);
    assert!(
        references
            .all(|triple| triple.measurements.iter().all(|m| m.values.known_digests().all(|d| d != old)))
    );
}

#[test]
fn a_document_without_values_is_no_corim() {
    let empty = Golden { judged: vec![], sequences: vec![], variants: vec![], ima: None, ..full() };
    assert_eq!(write(&empty, &Edition::default()), Err(Error::Empty));
}

/// Slots of any names and texts.
fn any_slot() -> impl Strategy<Value = Slot> {
    ("[a-z.é\"]{1,12}", any::<u8>(), ".{0,12}")
        .prop_map(|(component, seed, about)| Slot { about, ..slot(&component, seed) })
}

proptest! {
    #[test]
    fn any_document_comes_back(
        family in ".{1,12}",
        description in prop::option::of(".{0,20}"),
        alternatives in prop::collection::btree_map((prop::sample::select(vec![0u8, 1, 2, 3, 6, 7]), ".{0,8}"), prop::collection::vec(any_slot(), 0..4), 1..5),
        variants in prop::collection::btree_map(".{1,8}", prop::collection::btree_map(prop::sample::select(vec![4u8, 5, 8, 9, 14]), prop::collection::vec(any_slot(), 0..4), 0..4), 0..4),
        files in prop::option::of(prop::collection::btree_set("(/[a-z é]{1,5}){1,3}", 0..5)),
    ) {
        let golden = Golden {
            family,
            description,
            judged: vec![],
            sequences: alternatives.into_iter().map(|((pcr, name), slots)| sequence(pcr, &name, slots)).collect(),
            variants: variants.into_iter().map(|(name, sequences)| Variant {
                name,
                evidence: Evidence::Reviewed,
                based_on: None,
                replace: vec![],
                sequences: sequences.into_iter().map(|(pcr, slots)| sequence(pcr, "", slots)).collect(),
            }).collect(),
            ima: files.map(|files| ImaGolden {
                files: files.into_iter().map(|path| ImaFile {
                    digest: HashAlg::Sha256.hash(&[path.as_bytes()]),
                    path,
                    verity: false,
                    required: false,
                }).collect(),
                ..ImaGolden::strict()
            }),
            ..full()
        };
        let text = Golden::parse(&golden.to_toml(), &Limits::DEFAULT);
        prop_assert_eq!(text.as_ref(), Ok(&golden));
        prop_assert_eq!(round(&golden), golden);
    }
}
