//! Entry bundles: entries, each behind its length as a big-endian uint16 (C2SP tlog-tiles, Log entries).

use super::{Error, Tile, WIDTH};
use crate::reader::Reader;

/// The entries of a bundle. They are what someone sent; [`ProvenTiles::entries`](super::ProvenTiles::entries) holds them against the tree. A
/// full bundle may stand for a narrower one, whose entries are its first ones.
///
/// # Errors
/// [`Error::BundleTruncated`], [`Error::BundleCount`].
pub fn parse_entries<'a>(tile: &Tile, bytes: &'a [u8]) -> Result<Vec<&'a [u8]>, Error> {
    let mut reader = Reader::new(bytes);
    let mut entries = Vec::new();
    let full = usize::from(WIDTH);
    while !reader.is_empty() && entries.len() <= full {
        let len = reader.u16_be()?;
        entries.push(reader.bytes(len.into())?);
    }
    let (got, expected) = (entries.len(), tile.width());
    if got != usize::from(expected) && got != full {
        return Err(Error::BundleCount { expected, got });
    }
    entries.truncate(expected.into());
    Ok(entries)
}

/// A bundle as it is served.
///
/// # Errors
/// [`Error::EntryTooLarge`].
pub fn render_entries<'e>(entries: impl IntoIterator<Item = &'e [u8]>) -> Result<Vec<u8>, Error> {
    let mut bundle = Vec::new();
    for entry in entries {
        let too_large = Error::EntryTooLarge { got: entry.len(), limit: u16::MAX.into() };
        let len = u16::try_from(entry.len()).map_err(|_| too_large)?;
        bundle.extend(len.to_be_bytes());
        bundle.extend(entry);
    }
    Ok(bundle)
}
