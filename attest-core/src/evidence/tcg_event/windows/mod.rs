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
use crate::evidence::text::shortened;

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

/// Of what findings stand on, this many different values are told of each kind: a contradiction shows, and no event fills a page.
const OF_A_KIND: usize = 2;
/// The longest such value in characters. Texts of real ones are names and paths.
const VALUE: usize = 100;

impl WindowsEvent<'_> {
    /// The leaves that say something to people: no containers, and of a module its path alone.
    fn tells(event: &Sipa<'_>) -> bool {
        const OF_A_MODULE: u32 = 0x0007_0000;
        let detail = event.kind & !0xffff == OF_A_MODULE && event.kind != sipa::MODULE_PATH;
        !event.is_container() && !detail
    }

    /// In some `most` characters: what findings stand on first, and never cut; then the others in their order, and how many more there are.
    pub(super) fn summary(&self, most: usize) -> String {
        // A name and a value take two characters at least, and two stand between them.
        let mut leaves = Leaves { most_others: most / 4, ..Leaves::default() };
        let mut measurements = self.measurements();
        measurements.by_ref().for_each(|event| leaves.take(event));
        let mut texts: Vec<String> = leaves.telling.iter().map(|event| shortened(event, VALUE)).collect();
        let (mut more, others) = (leaves.more, leaves.others);
        let told = texts.iter().map(|text| text.chars().count().saturating_add(2)).sum();
        let mut left = most.saturating_sub(told);
        for event in others {
            let text = if left == 0 { String::new() } else { shortened(event, left) };
            left = left.saturating_sub(text.chars().count().saturating_add(2));
            if left == 0 {
                more = more.saturating_add(1);
            } else {
                texts.push(text);
            }
        }
        if measurements.is_malformed() {
            texts.push("bytes that are no measurement".to_owned());
        }
        let all = texts.join(", ");
        if more == 0 { all } else { format!("{all} … and {more} more") }
    }
}

/// What a summary is made of. An event may hold a hundred thousand measurements: each is looked at once, beside two others at most.
#[derive(Default)]
struct Leaves<'a> {
    telling: Vec<Sipa<'a>>,
    /// Where in `telling` the values of a kind stand.
    kinds: [[Option<usize>; OF_A_KIND]; sipa::TELLING.len()],
    others: Vec<Sipa<'a>>,
    most_others: usize,
    /// How many are in neither.
    more: usize,
}

impl<'a> Leaves<'a> {
    fn take(&mut self, event: Sipa<'a>) {
        let Some(places) = event.nth_telling().and_then(|nth| self.kinds.get_mut(nth)) else {
            if WindowsEvent::tells(&event) {
                if self.others.len() < self.most_others {
                    self.others.push(event);
                } else {
                    self.more = self.more.saturating_add(1);
                }
            }
            return;
        };
        for place in places {
            match place.and_then(|at| self.telling.get(at)) {
                Some(known) if *known == event => return,
                Some(_) => {}
                None => {
                    *place = Some(self.telling.len());
                    return self.telling.push(event);
                }
            }
        }
        self.more = self.more.saturating_add(1);
    }
}

/// The leaves that say something to people, in their order.
impl fmt::Display for WindowsEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut separator, mut events) = ("", self.measurements());
        for event in events.by_ref().filter(Self::tells) {
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
