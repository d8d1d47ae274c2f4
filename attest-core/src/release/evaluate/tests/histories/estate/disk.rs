//! What the server does to what it keeps: it loses an object, or changes a bit of it.

use super::act::{Act, Estate};
use super::play::{Played, Role};
use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touched {
    Nothing,
    /// What no view can be made without.
    Rule,
    Request(usize),
    Bundle(usize),
    Review(usize, &'static str),
    Other,
}

/// One of the objects is not what it was.
pub(super) fn touch(played: &mut Played, estate: &Estate) -> Touched {
    let (which, byte, bit) = estate.chance;
    let ids: Vec<ObjectId> = played.history.objects.keys().copied().collect();
    let id = ids[which % ids.len()];
    if byte % 3 == 0 {
        played.history.objects.remove(&id);
    } else {
        let kept = played.history.objects.get_mut(&id).unwrap();
        let length = kept.len();
        kept[byte % length] ^= 1 << bit;
    }
    match played.roles[&id] {
        Role::Rule => Touched::Rule,
        Role::Request(of) => Touched::Request(of),
        // A later bundle of the same request, which nobody asks for, may be the one.
        Role::Bundle(of) if is_published(played, of, id) => Touched::Bundle(of),
        Role::Review(number) => match &estate.acts[number] {
            Act::Review { who, of } => Touched::Review(*of, who),
            _ => Touched::Other,
        },
        Role::Bundle(_) | Role::Other => Touched::Other,
    }
}

fn is_published(played: &Played, of: usize, bundle: ObjectId) -> bool {
    let request = played.ids[of];
    let published = played.history.leaves.iter().find_map(|leaf| {
        match object::read::<Leaf>(leaf, &Limits::DEFAULT).unwrap().event {
            Event::Published { request: one, bundle } if one == request => Some(bundle),
            _ => None,
        }
    });
    published == Some(bundle)
}
