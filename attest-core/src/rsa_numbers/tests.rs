//! The bounds, from both sides.

use super::{RsaNumbers, Weak, read_public_key};

const F4: &[u8] = &[1, 0, 1];

/// An odd modulus of this many bytes with its highest bit set.
fn modulus(bytes: usize) -> Vec<u8> {
    [&[0x80][..], &vec![0; bytes - 2], &[1]].concat()
}

fn judged(modulus: &[u8], exponent: &[u8]) -> Result<(), Weak> {
    RsaNumbers::new(modulus, exponent).map(drop)
}

#[test]
fn a_modulus_has_2048_to_4096_bits_in_whole_bytes() {
    for bytes in [256, 257, 384, 512] {
        assert_eq!(judged(&modulus(bytes), F4), Ok(()), "{bytes}");
    }
    for bytes in [2, 128, 255, 513, 1024] {
        assert_eq!(judged(&modulus(bytes), F4), Err(Weak::Modulus), "{bytes}");
    }
    assert_eq!(judged(&[], F4), Err(Weak::Modulus));
}

#[test]
fn a_modulus_has_its_highest_and_its_lowest_bit_set() {
    let mut low = modulus(256);
    low[0] = 0x7f;
    assert_eq!(judged(&low, F4), Err(Weak::Modulus), "2047 bits");
    let zero = [&[0][..], &modulus(256)].concat();
    assert_eq!(judged(&zero, F4), Err(Weak::Modulus), "a second spelling");
    let mut even = modulus(256);
    even[255] = 2;
    assert_eq!(judged(&even, F4), Err(Weak::Modulus));
}

#[test]
fn an_exponent_is_odd_and_from_65537_to_32_bits() {
    for good in [F4, &[1, 0, 3], &[0xff, 0xff, 0xff], &[1, 0, 0, 1], &[0xff, 0xff, 0xff, 0xff]] {
        assert_eq!(judged(&modulus(256), good), Ok(()), "{good:?}");
    }
    let weak: [&[u8]; 8] =
        [&[], &[1], &[3], &[0xff, 0xff], &[1, 0, 0], &[0, 0xff, 0xff], &[0, 1, 0, 1], &[1, 0, 0, 0, 1]];
    for weak in weak {
        assert_eq!(judged(&modulus(256), weak), Err(Weak::Exponent), "{weak:?}");
    }
}

#[test]
fn the_numbers_stay_what_they_were() {
    let key = RsaNumbers::new(&modulus(256), F4).unwrap();
    assert_eq!((key.modulus(), key.exponent()), (&modulus(256)[..], F4));
    let der = [&[0x30, 0x82, 1, 10, 2, 0x82, 1, 1, 0][..], &modulus(256), &[2, 3, 1, 0, 1]].concat();
    assert_eq!(key.public_key(), der);
    assert_eq!(read_public_key(&der), Ok((&modulus(256)[..], F4)));
    assert!(read_public_key(&[&der[..], &[0]].concat()).is_err(), "something follows");
    assert!(read_public_key(&[0x30, 9, 2, 1, 9, 2, 1, 3, 2, 1, 5]).is_err(), "a third number");
    assert!(read_public_key(&[0x30, 6, 2, 1, 0x89, 2, 1, 3]).is_err(), "a negative one");
}
