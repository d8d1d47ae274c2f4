//! An image with one more signature: the certificate table, its directory entry, and CheckSum (Microsoft PE Format, "The Attribute Certificate
//! Table"; ImageHlp's checksum).

use super::Image;
use super::authenticode::missing_to_8;
use super::signature::{MOST_CERTIFICATES, PKCS_SIGNED_DATA};

/// WIN_CERT_REVISION_2_0.
const REVISION: u16 = 0x0200;

impl Image<'_> {
    /// The file with this PKCS #7 value behind the signatures that it has. `None`: there is no directory entry for a certificate table, the
    /// table is full or broken, or the file becomes larger than 32 bits tell.
    pub(crate) fn with_signature(&self, pkcs7: &[u8]) -> Option<Vec<u8>> {
        let entry = self.certificate_entry?;
        if self.signed_data().ok()?.len() >= MOST_CERTIFICATES {
            return None;
        }
        let padding = missing_to_8(pkcs7.len());
        let len = u32::try_from(pkcs7.len().checked_add(padding)?.checked_add(8)?).ok()?;
        let mut file = self.file.to_vec();
        pad(&mut file);
        let table = match self.certificates.len() {
            0 => file.len(),
            old => self.file.len().checked_sub(old)?,
        };
        file.extend(len.to_le_bytes());
        file.extend(REVISION.to_le_bytes());
        file.extend(PKCS_SIGNED_DATA.to_le_bytes());
        file.extend_from_slice(pkcs7);
        pad(&mut file);
        let size = u32::try_from(file.len().checked_sub(table)?).ok()?;
        put(&mut file, entry, u32::try_from(table).ok()?)?;
        put(&mut file, entry.checked_add(4)?, size)?;
        put(&mut file, self.checksum, 0)?;
        let sum = checksum(&file)?;
        put(&mut file, self.checksum, sum)?;
        Some(file)
    }
}

fn pad(file: &mut Vec<u8>) {
    file.extend(core::iter::repeat_n(0, missing_to_8(file.len())));
}

fn put(file: &mut [u8], at: usize, value: u32) -> Option<()> {
    file.get_mut(at..at.checked_add(4)?)?.copy_from_slice(&value.to_le_bytes());
    Some(())
}

/// The sum of all 16-bit words with the carries added back, and the length. The field itself must be 0.
fn checksum(file: &[u8]) -> Option<u32> {
    let sum = file.chunks(2).fold(0_u32, |sum, pair| {
        let word = match pair {
            [low, high] => u16::from_le_bytes([*low, *high]),
            [last] => u16::from(*last),
            _ => 0,
        };
        let sum = sum.wrapping_add(word.into());
        (sum & 0xffff).wrapping_add(sum >> 16)
    });
    sum.checked_add(u32::try_from(file.len()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::super::Image;
    use super::*;
    use crate::Limits;
    use crate::testing::pe::Pe;

    #[test]
    fn the_checksum_is_the_sum_of_words_with_their_carries_and_the_length() {
        assert_eq!(checksum(&[]), Some(0));
        assert_eq!(checksum(&[1, 2, 3]), Some(0x0204 + 3));
        assert_eq!(checksum(&[0xff, 0xff, 2, 0]), Some(2 + 4));
        assert_eq!(checksum(&[0xff, 0xff, 0xff, 0xff, 1, 0]), Some(1 + 6));
    }

    #[test]
    fn one_more_signature_each_time_until_the_table_is_full() {
        let mut pe = Pe::new(&[(".text", b"code")]);
        pe.tail = b"odd".to_vec();
        let mut file = pe.build();
        for count in 1..=MOST_CERTIFICATES {
            let image = Image::parse(&file, &Limits::DEFAULT).unwrap();
            let next = image.with_signature(&vec![0x30; count]).unwrap();
            let image = Image::parse(&next, &Limits::DEFAULT).unwrap();
            assert_eq!(image.signatures().unwrap().len(), count);
            let last = image.signed_data().unwrap()[count - 1].unwrap();
            assert_eq!(last, [vec![0x30; count], vec![0; missing_to_8(count)]].concat());
            file = next;
        }
        assert_eq!(Image::parse(&file, &Limits::DEFAULT).unwrap().with_signature(b"1"), None);
        let without = Pe { directories: 4, ..pe }.build();
        assert_eq!(Image::parse(&without, &Limits::DEFAULT).unwrap().with_signature(b"1"), None);
    }
}
