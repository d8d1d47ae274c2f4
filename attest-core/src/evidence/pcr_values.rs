//! PCR values as the device states them.

use super::json;
use super::text::cut;
use crate::{Digest, HashAlg, Limits};

/// Why text is no PCR values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A bank of a hash that is not known here.
    #[error("PCR values: {bank:?} is not a bank")]
    BankUnknown {
        /// Its name, cut after 64 characters.
        bank: String,
    },
    /// An index that is none of 0 to 23, in decimal.
    #[error("PCR values: {pcr:?} is not a PCR, 0 to 23")]
    IndexMalformed {
        /// The text, cut after 64 characters.
        pcr: String,
    },
    /// Not strict JSON.
    #[error("PCR values: {0}")]
    Json(#[from] json::Error),
    /// Not an object of banks, each an object of indices.
    #[error("PCR values: not {{\"sha256\":{{\"0\":\"…\"}}}}")]
    ShapeUnexpected,
    /// A value that is no hexadecimal of its bank's length.
    #[error("PCR {pcr} of {bank} is not {size} hexadecimal bytes", size = bank.size())]
    ValueMalformed {
        /// The bank.
        bank: HashAlg,
        /// The index.
        pcr: u8,
    },
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Json(error) => error.code(),
            _ => "pcrs_malformed",
        }
    }
}

/// PCR values that someone claims, by bank and index. Nothing in it is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PcrValues(Vec<((HashAlg, u8), Digest)>);

impl PcrValues {
    /// No values.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Reads `{"sha256":{"0":"…"}}`: banks, indices, values in hexadecimal.
    ///
    /// # Errors
    /// [`Error`], with bank and index.
    pub fn from_json(text: &[u8], limits: &Limits) -> Result<Self, Error> {
        let banks = json::parse(text, limits)?;
        let mut values = Self::new();
        for (name, bank) in banks.as_object().ok_or(Error::ShapeUnexpected)? {
            let alg = HashAlg::from_name(name).ok_or_else(|| Error::BankUnknown { bank: cut(name, 64) })?;
            for (index, value) in bank.as_object().ok_or(Error::ShapeUnexpected)? {
                let known = (0..24_u8).find(|pcr| pcr.to_string() == *index);
                let pcr = known.ok_or_else(|| Error::IndexMalformed { pcr: cut(index, 64) })?;
                let value = value.as_str().and_then(|value| Digest::from_hex(alg, value));
                values.insert(pcr, value.ok_or(Error::ValueMalformed { bank: alg, pcr })?);
            }
        }
        Ok(values)
    }

    /// Sets a PCR of the value's own bank.
    pub fn insert(&mut self, pcr: u8, value: Digest) {
        match self.place(value.alg(), pcr) {
            Ok(at) => {
                if let Some((_, old)) = self.0.get_mut(at) {
                    *old = value;
                }
            }
            Err(at) => self.0.insert(at, ((value.alg(), pcr), value)),
        }
    }

    /// The value of a PCR, if one is claimed.
    #[must_use]
    pub fn get(&self, alg: HashAlg, pcr: u8) -> Option<Digest> {
        let at = self.place(alg, pcr).ok()?;
        self.0.get(at).map(|(_, value)| *value)
    }

    /// Every value, by bank and index.
    pub fn iter(&self) -> impl Iterator<Item = (HashAlg, u8, Digest)> + '_ {
        self.0.iter().map(|((alg, pcr), value)| (*alg, *pcr, *value))
    }

    /// Where it stands, or would.
    fn place(&self, alg: HashAlg, pcr: u8) -> Result<usize, usize> {
        self.0.binary_search_by_key(&(alg, pcr), |(place, _)| *place)
    }
}

impl FromIterator<(u8, Digest)> for PcrValues {
    fn from_iter<T: IntoIterator<Item = (u8, Digest)>>(values: T) -> Self {
        let mut all = Self::new();
        values.into_iter().for_each(|(pcr, value)| all.insert(pcr, value));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_by_bank_and_index_in_one_spelling() {
        let zero = "00".repeat(32);
        let read = |text: &str| PcrValues::from_json(text.as_bytes(), &Limits::DEFAULT);
        let good = read(&format!(r#"{{"sha256":{{"0":"{zero}","23":"{}"}}}}"#, "FF".repeat(32))).unwrap();
        let all = [(0, Digest::zero(HashAlg::Sha256)), (23, Digest::ones(HashAlg::Sha256))];
        assert_eq!(good, PcrValues::from_iter(all));
        assert_eq!(read("{}").unwrap(), PcrValues::new());
        let one = |bank: &str, pcr: &str, value: &str| read(&format!(r#"{{"{bank}":{{"{pcr}":{value}}}}}"#));
        let text = format!(r#""{zero}""#);
        assert_eq!(one("md5", "0", &text), Err(Error::BankUnknown { bank: "md5".into() }));
        for pcr in ["24", "07", "+7", "-0", "x", ""] {
            assert_eq!(one("sha256", pcr, &text), Err(Error::IndexMalformed { pcr: pcr.into() }), "{pcr}");
        }
        for value in ["1", r#""00""#, &format!(r#""{zero}00""#), &text.replace('0', "g")] {
            let error = Error::ValueMalformed { bank: HashAlg::Sha256, pcr: 7 };
            assert_eq!(one("sha256", "7", value), Err(error), "{value}");
        }
        for shape in ["[]", "1", r#"{"sha256":["00"]}"#, r#"{"sha256":1}"#] {
            assert_eq!(read(shape), Err(Error::ShapeUnexpected), "{shape}");
        }
        assert_eq!(read("{").unwrap_err().code(), "json_syntax");
        let twice = format!(r#"{{"sha256":{{"0":{text},"0":{text}}}}}"#);
        assert_eq!(read(&twice).unwrap_err().code(), "json_duplicate_name");
        assert_eq!(one("md5", "0", &text).unwrap_err().code(), "pcrs_malformed");
    }
}
