use super::*;
use crate::testing::{AttestFields, SoftKey, fixture, tpm2b};
use crate::{HashAlg, Limits};

const LIMITS: Limits = Limits::DEFAULT;
const NONCE: [u8; 32] = [0x11; 32];

fn lie(change: impl FnOnce(&mut AttestFields)) -> Error {
    let mut fields = AttestFields::good(&NONCE);
    change(&mut fields);
    Attest::parse(&fields.bytes(), &LIMITS).unwrap_err()
}

#[test]
fn a_genuine_quote_is_read_field_by_field() {
    let attest = Attest::parse(fixture!("boots/sb-grub/quote-all.attest"), &LIMITS).unwrap();
    assert_eq!(
        hex::encode(attest.qualified_signer()),
        "000b161e3439f92c4ffd9858e45374ba271505be4653e87c41eb584c6e7613f0ab01"
    );
    assert_eq!(hex::encode(attest.extra_data()).as_bytes(), fixture!("boots/sb-grub/nonce.hex"));
    let clock = ClockInfo { clock: 0x173bf, reset_count: 2, restart_count: 0, safe: true };
    assert_eq!(attest.clock_info(), clock);
    assert_eq!(attest.firmware_version(), 0x2019_1023_0016_3636);
    let range = "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14";
    assert_eq!(attest.selection().to_string(), format!("sha1:{range}+sha256:{range}+sha384:{range}"));
    assert_eq!(attest.pcr_digest().len(), 32);
    assert_eq!(attest.raw().len(), 157);
}

#[test]
fn the_software_quote_is_read_back() {
    let bytes = AttestFields::good(&NONCE).bytes();
    let attest = Attest::parse(&bytes, &LIMITS).unwrap();
    assert_eq!(attest.extra_data(), NONCE);
    assert_eq!(attest.selection().to_string(), "sha256:0,1");
    assert!(attest.selection().contains(HashAlg::Sha256, 1));
    assert!(
        !attest.selection().contains(HashAlg::Sha256, 2) && !attest.selection().contains(HashAlg::Sha1, 0)
    );
}

#[test]
fn a03_two_selections_of_one_bank() {
    let error = lie(|quote| quote.selections = vec![(0x0b, vec![3, 0, 0]), (0x0b, vec![4, 0, 0])]);
    assert_eq!(error, Error::BankDuplicate { alg: HashAlg::Sha256 });
    assert_eq!(
        PcrSelection::new([(HashAlg::Sha1, PcrMask::default()), (HashAlg::Sha1, PcrMask::default())]),
        Err(Error::BankDuplicate { alg: HashAlg::Sha1 })
    );
}

#[test]
fn a03_size_of_select_out_of_range() {
    for size in [0, 1, 2, 4, 8] {
        let mut map = vec![0; size];
        map.iter_mut().take(1).for_each(|bits| *bits = 3);
        let error = lie(|quote| quote.selections = vec![(0x0b, map)]);
        assert_eq!(error, Error::SelectSizeOutOfRange { got: size as u8 });
    }
}

#[test]
fn a03_pcr_index_beyond_the_last() {
    let error = lie(|quote| quote.selections = vec![(0x0b, vec![3, 0, 0, 2])]);
    assert_eq!(error, Error::PcrIndexOutOfRange { alg: HashAlg::Sha256, index: 25 });
    assert_eq!(PcrMask::of([24]), None);
    assert!(!PcrMask::of([23]).unwrap().contains(255));
}

#[test]
fn a03_unknown_bank_and_too_many_selections() {
    let error = lie(|quote| quote.selections = vec![(0x27, vec![3, 0, 0])]);
    assert!(matches!(error, Error::BankUnknown { id: 0x27, .. }));
    let error = lie(|quote| quote.selections = vec![(0x0b, vec![3, 0, 0]); 17]);
    assert_eq!(error, Error::TooManySelections { count: 17, limit: 16 });
    let mut claims = AttestFields::good(&NONCE).bytes();
    let count = claims.len() - 34 - 6 - 4;
    claims[count..count + 4].copy_from_slice(&[0xff; 4]);
    assert!(matches!(Attest::parse(&claims, &LIMITS), Err(Error::TooManySelections { count: u32::MAX, .. })));
}

#[test]
fn a51_what_is_as_long_as_the_limit_is_read() {
    let bytes = AttestFields::good(&[7; 32]).bytes();
    let limited =
        |attest_bytes| Attest::parse(&bytes, &Limits { attest_bytes, ..Limits::DEFAULT }).map(|_| ());
    assert_eq!(limited(bytes.len()), Ok(()));
    assert_eq!(limited(bytes.len() - 1), Err(Error::TooLong { len: bytes.len(), limit: bytes.len() - 1 }));
}

#[test]
fn a04_magic_is_not_tpm_generated() {
    assert_eq!(lie(|quote| quote.magic = 0xff54_4346), Error::MagicNotTpmGenerated { got: 0xff54_4346 });
}

#[test]
fn a04_a_quote_by_a_tpm_1_2() {
    // TPM_QUOTE_INFO: version 1.1.0.0, "QUOT", a composite hash and a nonce.
    let quote = [&[1, 1, 0, 0][..], b"QUOT", &[7; 40]].concat();
    assert_eq!(Attest::parse(&quote, &LIMITS), Err(Error::MagicNotTpmGenerated { got: 0x0101_0000 }));
}

#[test]
fn a05_type_is_not_quote() {
    for kind in [0x8014, 0x8015, 0x8016, 0x8017, 0x8019, 0x801a, 0x801c] {
        assert_eq!(lie(|quote| quote.kind = kind), Error::AttestTypeNotQuote { got: kind });
    }
}

#[test]
fn a06_trailing_bytes_after_attest() {
    assert!(matches!(lie(|quote| quote.trailing = vec![0]), Error::TrailingBytes { count: 1, .. }));
}

#[test]
fn a06_trailing_bytes_after_signature() {
    for genuine in [fixture!("boots/sb-grub/quote-ecc.sig"), fixture!("boots/sb-grub/quote-rsa.sig")] {
        assert!(Signature::parse(genuine, &LIMITS).is_ok());
        let longer = [genuine, &[0]].concat();
        let error = Error::TrailingBytes { offset: genuine.len(), count: 1 };
        assert_eq!(Signature::parse(&longer, &LIMITS), Err(error));
    }
}

#[test]
fn a06_trailing_bytes_after_public() {
    let tpmt = SoftKey::p256().good_public();
    assert!(Public::parse(&tpmt, &LIMITS).is_ok() && Public::parse(&tpm2b(&tpmt), &LIMITS).is_ok());
    for longer in [[&tpmt[..], &[0]].concat(), tpm2b(&[&tpmt[..], &[0]].concat())] {
        assert!(matches!(Public::parse(&longer, &LIMITS), Err(Error::TrailingBytes { count: 1, .. })));
    }
}

#[test]
fn safe_is_yes_or_no() {
    assert_eq!(lie(|quote| quote.safe = 2), Error::SafeNotYesNo { got: 2 });
}

#[test]
fn a47_oversized_fields_are_refused() {
    assert!(matches!(lie(|quote| quote.extra_data = vec![0; 67]), Error::Oversized { len: 67, max: 66, .. }));
    assert!(matches!(lie(|quote| quote.pcr_digest = vec![0; 65]), Error::Oversized { len: 65, max: 64, .. }));
    assert!(matches!(Attest::parse(&[0; 2049], &LIMITS), Err(Error::TooLong { len: 2049, .. })));
    assert!(matches!(Signature::parse(&[0; 1025], &LIMITS), Err(Error::TooLong { .. })));
    assert!(matches!(Public::parse(&[0; 8193], &LIMITS), Err(Error::TooLong { .. })));
}

#[test]
fn a51_as_many_selections_as_the_limit_are_read() {
    let bytes =
        AttestFields { selections: vec![(0x0b, vec![3, 0, 0])], ..AttestFields::good(&NONCE) }.bytes();
    let limited = |selections| Attest::parse(&bytes, &Limits { selections, ..LIMITS }).map(|_| ());
    assert_eq!(limited(1), Ok(()));
    assert_eq!(limited(0), Err(Error::TooManySelections { count: 1, limit: 0 }));
}

#[test]
fn a_set_of_pcrs_has_each_once() {
    let set = |indices: &[u8]| PcrMask::of(indices.iter().copied()).unwrap();
    assert_eq!([set(&[]).len(), set(&[7]).len(), set(&[0, 7, 23]).len()], [0, 1, 3]);
    assert_eq!((set(&[7, 7]), set(&[0, 7, 0]).bits()), (set(&[7]), 0x81));
}

#[test]
fn genuine_public_areas_have_the_names_the_tpm_computed() {
    for (public, name) in [
        (fixture!("boots/sb-grub/ak-ecc.pub"), fixture!("boots/sb-grub/ak-ecc.name")),
        (fixture!("boots/sb-grub/ak-rsa.pub"), fixture!("boots/sb-grub/ak-rsa.name")),
    ] {
        let parsed = Public::parse(public, &LIMITS).unwrap();
        assert_eq!(parsed.name(), name);
        let without_size = Public::parse(&public[2..], &LIMITS).unwrap();
        assert_eq!((without_size.name(), without_size.raw()), (parsed.name(), parsed.raw()));
        assert_eq!((parsed.raw(), parsed.attributes().bits()), (&public[2..], 0x0005_0072));
        assert!(parsed.scheme().is_some());
    }
}

#[test]
fn a_storage_key_is_read_with_its_cipher() {
    let ek = Public::parse(fixture!("boots/sb-grub/ek-rsa.pub"), &LIMITS).unwrap();
    assert_eq!(ek.symmetric(), Some(Symmetric { alg: 6, key_bits: 128, mode: 0x43 }));
    assert_eq!(ek.scheme(), None);
    assert!(ek.attributes().decrypt() && !ek.attributes().sign());
    assert!(matches!(ek.key(), PublicKey::Rsa { exponent: 65537, modulus } if modulus.len() == 256));
    assert_eq!(ek.auth_policy().len(), 32);
}

#[test]
fn the_attestation_keys_stand_below_the_endorsement_key() {
    let ek = Public::parse(fixture!("boots/sb-grub/ek-rsa.pub"), &LIMITS).unwrap();
    let ek = ek.qualified_name(&[0x40, 0, 0, 0x0b]);
    let ak = Public::parse(fixture!("boots/sb-grub/ak-ecc.pub"), &LIMITS).unwrap();
    let attest = Attest::parse(fixture!("boots/sb-grub/quote-ecc.attest"), &LIMITS).unwrap();
    assert_eq!(ak.qualified_name(&ek), attest.qualified_signer());
}

#[test]
fn keys_of_other_kinds_are_refused_by_name() {
    let mut public = SoftKey::p256().good_public();
    public[1] = 0x08;
    assert_eq!(Public::parse(&public, &LIMITS), Err(Error::KeyTypeUnsupported { id: 8 }));
    let curve = 2 + 2 + 4 + 2 + 2 + 4 + 1;
    let mut public = SoftKey::p256().good_public();
    public[curve] = 5;
    assert_eq!(Public::parse(&public, &LIMITS), Err(Error::CurveUnsupported { id: 5 }));
    public[curve] = 4;
    assert!(Public::parse(&public, &LIMITS).is_ok(), "short coordinates are real");
    let mut public = SoftKey::p384().good_public();
    public[curve] = 3;
    assert!(matches!(Public::parse(&public, &LIMITS), Err(Error::Oversized { len: 48, max: 32, .. })));
    let mut public = SoftKey::rsa2048().good_public();
    public[17] = 1;
    assert_eq!(Public::parse(&public, &LIMITS), Err(Error::ModulusLength { bits: 2049, bytes: 256 }));
}

#[test]
fn schemes_have_names() {
    for name in ["rsassa-sha256", "rsapss-sha384", "ecdsa-sha512", "rsassa-sha1"] {
        assert_eq!(SignatureScheme::from_name(name).unwrap().to_string(), name);
    }
    for name in ["", "rsassa", "rsassa-", "-sha256", "rsassa-md5", "hmac-sha256", "rsassa-sha256-"] {
        assert_eq!(SignatureScheme::from_name(name), None, "{name}");
    }
}

#[test]
fn selections_are_the_same_whatever_the_order_of_banks() {
    let mask = |pcrs: &[u8]| PcrMask::of(pcrs.iter().copied()).unwrap();
    let of = |banks: &[(HashAlg, PcrMask)]| PcrSelection::new(banks.iter().copied()).unwrap();
    let a = of(&[(HashAlg::Sha256, mask(&[0, 7])), (HashAlg::Sha384, mask(&[1]))]);
    let b =
        of(&[(HashAlg::Sha384, mask(&[1])), (HashAlg::Sha1, mask(&[])), (HashAlg::Sha256, mask(&[7, 0]))]);
    assert!(a.selects_same(&b) && b.selects_same(&a));
    assert!(!a.selects_same(&of(&[(HashAlg::Sha256, mask(&[0, 7]))])));
    assert!(!a.selects_same(&of(&[(HashAlg::Sha256, mask(&[0, 8])), (HashAlg::Sha384, mask(&[1]))])));
    assert!(of(&[(HashAlg::Sha1, mask(&[]))]).is_empty() && !a.is_empty());
    assert_eq!(
        a.iter().collect::<Vec<_>>(),
        [(HashAlg::Sha256, 0), (HashAlg::Sha256, 7), (HashAlg::Sha384, 1)]
    );
}

#[test]
fn a52_every_truncated_prefix_is_refused() {
    for genuine in [fixture!("boots/sb-grub/quote-all.attest"), fixture!("boots/sb-sha384/quote-ecc.attest")]
    {
        for len in 0..genuine.len() {
            assert!(Attest::parse(&genuine[..len], &LIMITS).is_err(), "attest of {len}");
        }
    }
    for genuine in [fixture!("boots/sb-grub/quote-ecc.sig"), fixture!("boots/sb-grub/quote-rsa.sig")] {
        for len in 0..genuine.len() {
            assert!(Signature::parse(&genuine[..len], &LIMITS).is_err(), "signature of {len}");
        }
    }
    for genuine in [
        fixture!("boots/sb-grub/ak-ecc.pub"),
        fixture!("boots/sb-grub/ak-rsa.pub"),
        fixture!("boots/sb-grub/ek-rsa.pub"),
    ] {
        for len in 0..genuine.len() {
            assert!(Public::parse(&genuine[..len], &LIMITS).is_err(), "public of {len}");
        }
        for len in 0..genuine.len() - 2 {
            assert!(Public::parse(&genuine[2..][..len], &LIMITS).is_err(), "public without size of {len}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400), head in 0..4usize) {
        let head: &[u8] = [&b""[..], &[0xff, 0x54, 0x43, 0x47, 0x80, 0x18], &[0, 0x18, 0, 0x0b], &[0, 0x23, 0, 0x0b]][head];
        let bytes = [head, &bytes].concat();
        let _ = Attest::parse(&bytes, &LIMITS);
        let _ = Signature::parse(&bytes, &LIMITS);
        let _ = Public::parse(&bytes, &LIMITS);
    }
}
