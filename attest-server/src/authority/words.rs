//! What was said about a request, told apart by what it says and not by its bytes: anyone can write a signature in other lines, and an ECDSA
//! signature has a twin. The same word in other bytes is no other word, and makes no leaf.

use std::collections::BTreeMap;

use attest_core::Limits;
use attest_core::release::ObjectId;
use attest_core::release::object;
use attest_core::release::ssh::Signature;
use attest_core::release::statement::{Approval, ReviewStatement, Statement};
use attest_core::release::view::Place;

/// How many different words about one request are taken that one key signed. People say it once, and once more with a touch; only who has the key can
/// use it up, and another key of the same person begins anew.
const WORDS: usize = 8;

/// Somebody's word by one of their keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Word {
    /// SHA-256 of the key's SubjectPublicKeyInfo.
    key: ObjectId,
    /// What the token says of a touch, which a channel may ask for.
    flags: Option<u8>,
    /// SHA-256 of the object without its signature.
    says: ObjectId,
}

impl Word {
    fn of<S: Statement>(signature: &str, unsigned: &S) -> Option<Self> {
        let signature = Signature::parse(signature, &Limits::DEFAULT).ok()?;
        Some(Self {
            key: ObjectId::of(&signature.key().canonical().spki_der()),
            flags: signature.flags().map(|flags| flags.bits()),
            says: ObjectId::of(&object::write(unsigned).ok()?),
        })
    }

    pub(super) fn approval(approval: &Approval) -> Option<Self> {
        Self::of(&approval.signature, &Approval { signature: String::new(), ..approval.clone() })
    }

    pub(super) fn review(review: &ReviewStatement) -> Option<Self> {
        Self::of(&review.signature, &ReviewStatement { signature: String::new(), ..review.clone() })
    }
}

/// The words about one request, and where each stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words(BTreeMap<Word, Place>);

impl Words {
    /// One that is written down. The first place counts.
    pub(super) fn add(&mut self, word: Word, place: Place) {
        self.0.entry(word).or_insert(place);
    }

    pub(super) fn place(&self, word: &Word) -> Option<Place> {
        self.0.get(word).copied()
    }

    /// Whether this key has said as much as is taken.
    pub(super) fn are_enough(&self, word: &Word) -> bool {
        self.0.keys().filter(|other| other.key == word.key).count() >= WORDS
    }
}
