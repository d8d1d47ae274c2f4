//! A hash table of places: what is compared stands elsewhere.

/// Places by hash. A power of two of slots, at most three quarters of them in use, each with the upper half of a hash and a place. Golden
/// values alone stand in them, so nobody who chooses what is asked for can make them crowd.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots(Vec<Slot>);

#[derive(Clone, Copy, Debug)]
struct Slot {
    upper: u32,
    /// [`FREE`], or the place.
    place: u32,
}

const FREE: u32 = u32::MAX;

impl Slots {
    pub(super) fn for_as_many_as(places: usize) -> Self {
        let len = places.saturating_mul(4).div_ceil(3).saturating_add(1).next_power_of_two();
        Self(vec![Slot { upper: 0, place: FREE }; len])
    }

    pub(super) fn put(&mut self, hash: u64, place: u32) {
        let free = self.from(hash).find(|at| self.0.get(*at).is_some_and(|slot| slot.place == FREE));
        if let Some(slot) = free.and_then(|at| self.0.get_mut(at)) {
            *slot = Slot { upper: upper(hash), place };
        }
    }

    /// The slots in the order in which they are looked at.
    fn from(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let last = self.0.len().saturating_sub(1);
        let start = usize::try_from(hash & u64::from(u32::MAX)).unwrap_or_default() & last;
        (0..=last).map(move |step| start.wrapping_add(step) & last)
    }

    /// The places with this hash.
    pub(super) fn candidates(&self, hash: u64) -> impl Iterator<Item = u32> + '_ {
        let used = self.from(hash).map_while(|at| self.0.get(at).filter(|slot| slot.place != FREE));
        used.filter(move |slot| slot.upper == upper(hash)).map(|slot| slot.place)
    }
}

fn upper(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or_default()
}
