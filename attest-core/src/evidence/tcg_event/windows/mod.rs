//! Windows' own measurements (WBCL): tagged events in PCR 11 to 14 (Windows SDK, `wbcl.h`).
//!
//! Windows extends the hash of an event's whole data, so what a digest covers is what was extended. Who extended it, no digest
//! says: that Windows' loader did takes a golden PCR 4.

mod boot;
mod sipa;

#[cfg(test)]
mod tests;

pub use boot::{Revocations, Switch, WindowsBoot};
pub use sipa::{Sipa, SipaEvents};

use core::fmt;

use crate::evidence::tcg_log::{Event, EventType};

/// The data of an event of Windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowsEvent<'a>(&'a [u8]);

impl<'a> WindowsEvent<'a> {
    /// The data of a tagged event in the registers that Windows extends, if it begins as Windows' events do.
    pub(super) fn of(event: &Event<'a>) -> Option<Self> {
        let theirs = event.event_type == EventType::EVENT_TAG && matches!(event.pcr, 11..=14);
        (theirs && SipaEvents::is_one(event.data)).then_some(Self(event.data))
    }

    /// Its measurements.
    #[must_use]
    pub fn measurements(&self) -> SipaEvents<'a> {
        SipaEvents::new(self.0)
    }
}

/// The leaves that say something to people: no containers, and of a module its path alone.
impl fmt::Display for WindowsEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const OF_A_MODULE: u32 = 0x0007_0000;
        let tells = |event: &Sipa<'_>| {
            let detail = event.kind & !0xffff == OF_A_MODULE && event.kind != sipa::MODULE_PATH;
            !event.is_container() && !detail
        };
        let (mut separator, mut events) = ("", self.measurements());
        for event in events.by_ref().filter(tells) {
            write!(f, "{separator}{event}")?;
            separator = ", ";
        }
        if events.is_malformed() { write!(f, "{separator}bytes that are no measurement") } else { Ok(()) }
    }
}

/// What opened a BitLocker volume (FVEB_UNLOCK_FLAG_…).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unlock(pub u64);

impl Unlock {
    const FLAGS: [(u64, &'static str); 8] = [
        (0x01, "cached"),
        (0x02, "media"),
        (0x04, "tpm"),
        (0x10, "pin"),
        (0x20, "external_key"),
        (0x40, "recovery"),
        (0x80, "passphrase"),
        (0x100, "network"),
    ];

    /// Its flags by name; none where no volume was locked.
    pub fn flags(self) -> impl Iterator<Item = &'static str> {
        Self::FLAGS.into_iter().filter(move |(bit, _)| self.0 & bit != 0).map(|(_, name)| name)
    }
}

impl fmt::Display for Unlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "unlocked by ";
        for flag in self.flags() {
            write!(f, "{separator}{flag}")?;
            separator = "+";
        }
        if self.0 == 0 { f.write_str("nothing to unlock") } else { Ok(()) }
    }
}
