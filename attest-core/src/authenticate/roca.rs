//! RSA keys whose private part can be computed from the public one (CVE-2017-15361, "ROCA").
//!
//! The faulty library made primes of the form k·M + (65537^a mod M), M being a product of small primes. So the modulus, too,
//! is a power of 65537 modulo each of these small primes, which happens to other moduli about once in 2^27
//! (Nemec et al., "The Return of Coppersmith's Attack", CCS 2017).

const GENERATOR: u32 = 65537;
/// The odd primes in the smallest M that the library used. Some tell nothing: 65537 generates all their residues.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether the modulus, big-endian, has the fingerprint.
pub(super) fn is_vulnerable(modulus: &[u8]) -> bool {
    PRIMES.into_iter().all(|prime| is_power_of_generator(residue(modulus, prime), prime))
}

fn residue(number: &[u8], prime: u32) -> u32 {
    number.iter().fold(0u32, |sum, byte| {
        sum.wrapping_mul(256).wrapping_add(u32::from(*byte)).checked_rem(prime).unwrap_or(0)
    })
}

fn is_power_of_generator(wanted: u32, prime: u32) -> bool {
    let generator = GENERATOR.checked_rem(prime).unwrap_or(0);
    let mut power = 1u32;
    for _ in 0..prime {
        if power == wanted {
            return true;
        }
        power = power.wrapping_mul(generator).checked_rem(prime).unwrap_or(0);
    }
    false
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::testing::{SoftKey, fixture};

    /// A 2048-bit modulus with the fingerprint: k times the product of the primes, plus 1, which is 65537^0 for all of them.
    pub(in crate::authenticate) fn fingerprinted() -> Vec<u8> {
        let mut number = [vec![0; 27], vec![0x30], vec![0xff; 227], vec![0xfe]].concat();
        for prime in PRIMES {
            let mut carry = 0u32;
            for byte in number.iter_mut().rev() {
                let product = u32::from(*byte) * prime + carry;
                *byte = product as u8;
                carry = product >> 8;
            }
            assert_eq!(carry, 0);
        }
        *number.last_mut().unwrap() += 1;
        number
    }

    #[test]
    fn a26_the_fingerprint_is_found() {
        assert!(is_vulnerable(&fingerprinted()));
    }

    #[test]
    fn other_keys_do_not_have_it() {
        for key in [
            fixture!("boots/sb-grub/ek-rsa.pub"),
            fixture!("boots/sb-grub/ak-rsa.pub"),
            &SoftKey::rsa2048().good_public(),
        ] {
            assert!(!is_vulnerable(&key[key.len() - 256..]));
        }
        let mut near = fingerprinted();
        *near.last_mut().unwrap() ^= 2;
        assert!(!is_vulnerable(&near));
    }
}
