//! SHA-256 of messages that are at hand in whole, block by block (FIPS 180-4, 5.1.1 and 6.2): what a hasher that may be fed in parts does
//! beside the blocks costs as much as a block, and evidence is mostly short messages.

const BLOCK: usize = 64;
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The digest of a message.
pub(super) fn of(message: &[u8]) -> [u8; 32] {
    let mut state = INITIAL;
    let (blocks, rest) = message.as_chunks::<BLOCK>();
    sha2::block_api::compress256(&mut state, blocks);
    // The bit 1 and the length in bits go after the message, in one block if there is room.
    let mut last = [[0; BLOCK]; 2];
    let flat = last.as_flattened_mut();
    if let Some((head, tail)) = flat.split_at_mut_checked(rest.len()) {
        head.copy_from_slice(rest);
        if let Some(after) = tail.first_mut() {
            *after = 0x80;
        }
    }
    let bits = u64::try_from(message.len()).unwrap_or(u64::MAX).wrapping_mul(8);
    let [first, second] = &mut last;
    let is_one = rest.len() < BLOCK - 8;
    if let Some(length) = if is_one { first } else { second }.last_chunk_mut() {
        *length = bits.to_be_bytes();
    }
    let padded = if is_one { last.get(..1) } else { last.get(..) };
    sha2::block_api::compress256(&mut state, padded.unwrap_or_default());
    bytes(state)
}

/// The digest of two values, one after the other: a block of message, one of padding.
pub(super) fn of_two(one: &[u8; 32], other: &[u8; 32]) -> [u8; 32] {
    const PADDING: [u8; BLOCK] = {
        let mut block = [0; BLOCK];
        block[0] = 0x80;
        block[62] = 0x02;
        block
    };
    let mut message = [0; BLOCK];
    for (half, part) in message.chunks_exact_mut(32).zip([one, other]) {
        half.copy_from_slice(part);
    }
    let mut state = INITIAL;
    sha2::block_api::compress256(&mut state, &[message, PADDING]);
    bytes(state)
}

fn bytes(state: [u32; 8]) -> [u8; 32] {
    let mut digest = [0; 32];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    #[test]
    fn every_length_is_padded_as_the_standard_says() {
        let message: Vec<u8> = (0..=255).cycle().take(400).collect();
        for len in 0..message.len() {
            let expected: [u8; 32] = Sha256::digest(&message[..len]).into();
            assert_eq!(super::of(&message[..len]), expected, "{len}");
        }
    }

    proptest::proptest! {
        #[test]
        fn of_two_is_of_both(one: [u8; 32], other: [u8; 32]) {
            let expected: [u8; 32] = Sha256::digest([one, other].concat()).into();
            proptest::prop_assert_eq!(super::of_two(&one, &other), expected);
        }
    }
}
