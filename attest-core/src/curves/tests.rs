use ring::signature::{ED25519, UnparsedPublicKey};

use super::*;

fn with_sign(mut key: [u8; 32]) -> [[u8; 32]; 2] {
    let plain = key;
    key[31] |= 0x80;
    [plain, key]
}

#[test]
fn a61_for_ed25519_keys_of_small_order_anyone_signs() {
    // The identity as the key: r is the identity, s = 0.
    let mut identity = [0; 32];
    identity[0] = 1;
    let signature = [identity, [0; 32]].concat();
    let forged = UnparsedPublicKey::new(&ED25519, identity);
    assert!(forged.verify(b"anything", &signature).is_ok(), "this is why they are refused");
    for key in SMALL_ORDER.into_iter().flat_map(with_sign) {
        assert_eq!(ed25519_flaw(&key), Some(Flaw::SmallOrder), "{key:02x?}");
    }
}

#[test]
fn a61_a_point_of_ed25519_has_one_encoding() {
    // y, and the same y plus the prime: 0 to 18 are the only ones that have two encodings.
    let mut high = [0xff; 32];
    high[31] = 0x7f;
    for y in 0..19 {
        high[0] = 0xed + y;
        for key in with_sign(high) {
            assert_eq!(ed25519_flaw(&key), Some(Flaw::NotCanonical), "{key:02x?}");
        }
    }
    // p - 1 is reduced; it is of small order. p - 2 is the largest that counts.
    high[0] = 0xec;
    assert_eq!(ed25519_flaw(&high), Some(Flaw::SmallOrder));
    high[0] = 0xeb;
    assert_eq!(ed25519_flaw(&high), None);
    // Only what is all ones in the middle is not below the prime.
    for at in 1..31 {
        let mut below = [0xff; 32];
        (below[at], below[31]) = (0xfe, 0x7f);
        assert_eq!(ed25519_flaw(&below), None, "{at}");
    }
    // The base point (RFC 8032, section 5.1).
    let mut base = [0x66; 32];
    base[0] = 0x58;
    assert_eq!(with_sign(base).map(|key| ed25519_flaw(&key)), [None, None]);
}
