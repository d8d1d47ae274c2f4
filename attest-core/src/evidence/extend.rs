//! One extend of a PCR, whichever log tells it.

use super::cel::Record;
use super::tcg_log::Event;
use crate::digest::{Digest, HashAlg};

/// An extend as the firmware's log or the log of user space tells it. A PCR's story is those of the first, then those of the second.
#[derive(Clone, Copy, Debug)]
pub enum Extend<'e, 'a> {
    /// An event of the firmware's log.
    Firmware(&'e Event<'a>),
    /// A record of the log of user space.
    Userspace(&'e Record),
}

/// Which log tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The firmware's.
    ByFirmware,
    /// User space's.
    ByUserspace,
}

impl<'e, 'a> Extend<'e, 'a> {
    /// Its place in its own log.
    #[must_use]
    pub const fn index(&self) -> u32 {
        match self {
            Self::Firmware(event) => event.index,
            Self::Userspace(record) => record.index,
        }
    }

    /// Its digest in this bank, if it has one.
    #[must_use]
    pub fn digest(&self, alg: HashAlg) -> Option<&'e [u8]> {
        match self {
            Self::Firmware(event) => event.digest(alg),
            Self::Userspace(record) => record.digest(alg).map(Digest::as_bytes),
        }
    }

    /// The same as a [`Digest`].
    #[must_use]
    pub fn typed_digest(&self, alg: HashAlg) -> Option<Digest> {
        match self {
            Self::Firmware(event) => event.typed_digest(alg),
            Self::Userspace(record) => record.digest(alg).copied(),
        }
    }

    /// The firmware's event, if it is one.
    #[must_use]
    pub const fn firmware(&self) -> Option<&'e Event<'a>> {
        match self {
            Self::Firmware(event) => Some(event),
            Self::Userspace(_) => None,
        }
    }

    /// Which log tells it.
    #[must_use]
    pub const fn told(&self) -> Told {
        match self {
            Self::Firmware(_) => Told::ByFirmware,
            Self::Userspace(_) => Told::ByUserspace,
        }
    }
}
