//! Where tiles are served: `tile/<L>/<N>[.p/<W>]` (C2SP tlog-tiles, Merkle Tree and Log entries).

use core::fmt;

use super::{Error, Level, Tile, WIDTH};
use crate::Limits;
use crate::audit::checkpoint::decimal;

/// Longer than the path of any tile: seven groups of digits hold every 64-bit index.
const MAX_PATH: usize = 64;

impl Tile {
    /// Reads a path, without the log's prefix before it. A tile has one path.
    ///
    /// # Errors
    /// [`Error::PathMalformed`]; [`Error::BeyondLog`] for a tile of a larger log than there may be.
    pub fn parse(path: &str, limits: &Limits) -> Result<Self, Error> {
        let tile = (path.len() <= MAX_PATH).then(|| parse(path)).flatten().ok_or(Error::PathMalformed)?;
        // The way back tells whether groups are of three digits and nothing else, and whether each stood where it must.
        if tile.to_string() != path {
            return Err(Error::PathMalformed);
        }
        if !tile.is_in(limits.log_leaves) {
            return Err(Error::BeyondLog { tile: path.to_owned() });
        }
        Ok(tile)
    }
}

fn parse(path: &str) -> Option<Tile> {
    let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
    let level = match level {
        "entries" => Level::Entries,
        number => Level::Hashes(u8::try_from(decimal(number)?).ok().filter(|level| *level < 64)?),
    };
    let (number, width) = match rest.split_once(".p/") {
        Some((number, width)) => (number, u16::try_from(decimal(width)?).ok()?),
        None => (rest, WIDTH),
    };
    let mut index = 0_u64;
    for group in number.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    (1..=WIDTH).contains(&width).then_some(Tile { level, index, width })
}

/// The path: the index in groups of three digits, all but the last of them behind an `x`; the width only if the tile is not full.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Level::Entries => write!(f, "tile/entries/")?,
            Level::Hashes(level) => write!(f, "tile/{level}/")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        let (last, before) = groups.split_first().unwrap_or((&0, &[]));
        before.iter().rev().try_for_each(|group| write!(f, "x{group:03}/"))?;
        write!(f, "{last:03}")?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}
