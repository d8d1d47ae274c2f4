//! The SBAT level: which generation of each boot component is the oldest that may still run.

use core::fmt;
use std::collections::BTreeMap;

/// shim's SbatLevel: a line `sbat,1,DATE`, then a line `component,generation` each (shim, SBAT.md).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SbatLevel {
    /// When the level was made: YYYYMMDDNN.
    pub date: u64,
    /// The oldest generation that may run, by component; `sbat` itself is one.
    pub generations: BTreeMap<String, u16>,
}

impl SbatLevel {
    /// Reads a level to its last byte: each line ended, no component twice, numbers without leading zeros, generations of 16 bits.
    #[must_use]
    pub fn parse(data: &[u8]) -> Option<Self> {
        let text = core::str::from_utf8(data).ok()?.strip_suffix('\n')?;
        Self::from_lines(text.split('\n'))
    }

    /// The same from lines without their ends.
    #[must_use]
    pub fn from_lines<'t>(mut lines: impl Iterator<Item = &'t str>) -> Option<Self> {
        let (own, date) = lines.next()?.strip_prefix("sbat,")?.split_once(',')?;
        let mut level = Self { date: number(date)?, generations: BTreeMap::new() };
        level.generations.insert("sbat".to_owned(), generation(own)?);
        for line in lines {
            let (component, generation) = line.split_once(',')?;
            let generation = self::generation(generation)?;
            let is_name = !component.is_empty() && component.bytes().all(|byte| byte.is_ascii_graphic());
            if !is_name || level.generations.insert(component.to_owned(), generation).is_some() {
                return None;
            }
        }
        Some(level)
    }

    /// Its lines, without their ends.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let own = self.generations.get("sbat").copied().unwrap_or_default();
        let others = self.generations.iter().filter(|(component, _)| *component != "sbat");
        let others = others.map(|(component, generation)| format!("{component},{generation}"));
        core::iter::once(format!("sbat,{own},{}", self.date)).chain(others).collect()
    }
}

impl fmt::Display for SbatLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("; "))
    }
}

/// shim compares generations in 16 bits and drops what is above them (shim, sbat.c, `verify_single_entry`): 65538 allows what 2 does.
fn generation(text: &str) -> Option<u16> {
    number(text).and_then(|generation| u16::try_from(generation).ok())
}

/// A decimal number as it is written in one way only.
fn number(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_real_shims_are_read_and_written() {
        for text in ["sbat,1,2021030218\n", "sbat,1,2023012900\nshim,2\ngrub,3\ngrub.debian,4\n"] {
            let level = SbatLevel::parse(text.as_bytes()).unwrap();
            assert_eq!(level.generations["sbat"], 1);
            let again = level.lines();
            assert_eq!(SbatLevel::from_lines(again.iter().map(String::as_str)), Some(level));
        }
    }

    #[test]
    fn a33_a_generation_that_shim_wraps_to_an_older_one_is_none() {
        let level =
            |generation: u64| SbatLevel::parse(format!("sbat,1,2025021800\nshim,{generation}\n").as_bytes());
        assert_eq!(level(65_535).unwrap().generations["shim"], 65_535);
        for wrapped in [65_536, 65_538, 131_071, 4_294_967_298] {
            assert_eq!(level(wrapped), None, "{wrapped}");
        }
        assert_eq!(SbatLevel::parse(b"sbat,65537,2025021800\n"), None);
    }

    #[test]
    fn a33_bytes_that_are_no_level_are_none() {
        let faults: [&[u8]; 14] = [
            b"",
            b"\n",
            b"sbat,1,2025021800",
            b"sbat,1,2025021800\n\n",
            b"sbat,1,2025021800\n\0",
            b"sbat,1,2025021800\nshim,4\nshim,3\n",
            b"sbat,1,2025021800\nsbat,1\n",
            b"sbat,1,2025021800\nshim,04\n",
            b"sbat,1,2025021800\nshim,4,x\n",
            b"sbat,1,2025021800\nshim,\n",
            b"sbat,1,2025021800\nshim,4294967296\n",
            b"sbat,1,2025021800\nshi m,4\n",
            b"sbat,1,2025021800\n,4\n",
            b"shim,4\nsbat,1,2025021800\n",
        ];
        for fault in faults {
            assert_eq!(SbatLevel::parse(fault), None, "{}", String::from_utf8_lossy(fault));
        }
    }
}
