//! A writer of the CBOR (RFC 8949) that devices need.

pub(crate) fn map(entries: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let entries_encoded = entries.iter().flat_map(|(key, value)| [number(0, *key), value.clone()]);
    [head(5, entries.len()), entries_encoded.collect::<Vec<_>>().concat()].concat()
}

/// A map of keys and values in turn.
pub(crate) fn map_of(items: &[Vec<u8>]) -> Vec<u8> {
    [head(5, items.len() / 2), items.concat()].concat()
}

pub(crate) fn bytes(content: &[u8]) -> Vec<u8> {
    [head(2, content.len()), content.to_vec()].concat()
}

pub(crate) fn text(content: &str) -> Vec<u8> {
    [head(3, content.len()), content.as_bytes().to_vec()].concat()
}

fn head(major: u8, length: usize) -> Vec<u8> {
    wide(major, u32::try_from(length).unwrap_or(u32::MAX))
}

pub(crate) fn number(major: u8, number: u16) -> Vec<u8> {
    wide(major, number.into())
}

/// A head of CBOR (RFC 8949, section 3) in its shortest form.
fn wide(major: u8, number: u32) -> Vec<u8> {
    let [first, second, high, low] = number.to_be_bytes();
    match number {
        0..24 => vec![major << 5 | low],
        24..256 => vec![major << 5 | 24, low],
        256..0x1_0000 => vec![major << 5 | 25, high, low],
        _ => vec![major << 5 | 26, first, second, high, low],
    }
}

pub(crate) fn array(items: &[Vec<u8>]) -> Vec<u8> {
    [head(4, items.len()), items.concat()].concat()
}

pub(crate) fn tag(tag: u16, content: &[u8]) -> Vec<u8> {
    [&number(6, tag), content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_the_shortest() {
        assert_eq!(number(0, 23), [0x17]);
        assert_eq!(number(2, 32), [0x58, 32]);
        assert_eq!(number(0, 256), [0x19, 1, 0]);
        assert_eq!(text("BL"), [0x62, b'B', b'L']);
        assert_eq!(map(&[(1, number(0, 2))]), [0xa1, 1, 2]);
        assert_eq!(bytes(&[7; 65_536])[..6], [0x5a, 0, 1, 0, 0, 7]);
        assert_eq!(tag(501, &array(&[])), [0xd9, 1, 0xf5, 0x80]);
    }
}
