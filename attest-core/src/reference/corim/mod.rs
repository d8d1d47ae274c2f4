//! Concise Reference Integrity Manifests (draft-ietf-rats-corim-11): golden values as they travel between programs.
//!
//! [`Corim::parse`] reads any CoRIM strictly and keeps all of it: what is not understood is named, never dropped. [`profile`] is the form
//! that golden documents take in it, written and read. A [`SignedCorim`] is only taken apart; its payload is for those who check the
//! signature.

mod authentic;
mod comid;
mod digest;
mod environment;
mod error;
mod foreign;
mod manifest;
mod measurement;
mod node;
pub mod profile;
mod signed;
#[cfg(test)]
mod tests;
pub mod values;

pub use authentic::{AuthenticCorim, Error as NotAuthentic, Signer};
pub use comid::{Carried, Comid, KeyTriple, Statement, TagIdentity, Triples};
pub use digest::{TaggedDigest, accepts};
pub use environment::{Class, CryptoKey, Environment, Identifier};
pub use error::Error;
pub use manifest::{Corim, Entity, Locator, Profile, Tag, TagId, Validity};
pub use measurement::{Element, IntRange, Measurement, RawValue, Register, Svn, Values};
pub use node::Extension;
pub(crate) use signed::sig_structure;
pub use signed::{Claims, Meta, SignedCorim};
pub use values::{FinalPcr, Measured, NotJudged, Reference, ReferenceValues};

/// Whether these bytes are CBOR rather than the text of a golden document: no such text begins with a byte above 0x7f, but for a byte
/// order mark (of UTF-16 FE or FF, which no CBOR begins with), and every CoRIM does.
#[must_use]
pub fn is_cbor(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| (0x80..0xfe).contains(first)) && !bytes.starts_with(&[0xef, 0xbb, 0xbf])
}
