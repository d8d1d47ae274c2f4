//! A64: a field that nobody knows is refused in every map of every governed object, however deep, so that nothing is dropped that a newer program
//! would have read as a bound.

use std::fmt::Debug;

use super::*;
use crate::release::delivery::Delivery;
use crate::release::leaf::{Event, Leaf};
use crate::release::policy::{Continues, KeyAttestation, PolicyDocument, Weakness};
use crate::release::statement::Revoked;
use crate::release::testing::history::{
    History, control, family_change, managing, objection, recovery, revocation, succession, vouching,
};
use crate::release::testing::play::Play;
use crate::release::testing::{at, name, policy};

/// Maps whose keys are names, and not fields: what stands under a new name is of the wrong type all the same.
const NAMED: [&str; 9] = [
    "builders",
    "channels",
    "compromised",
    "families",
    "identities",
    "parameters",
    "people",
    "signing_keys",
    "witnesses",
];

/// The places of all maps in it: the keys and indices that lead there, and the last key.
fn maps(value: &Value, path: &mut Vec<usize>, called: &str, found: &mut Vec<(Vec<usize>, String)>) {
    let inner: Vec<(&Value, String)> = match value {
        Value::Map(entries) => {
            found.push((path.clone(), called.to_owned()));
            entries.iter().map(|(key, value)| (value, key.as_text().unwrap_or_default().to_owned())).collect()
        }
        Value::Array(values) => values.iter().map(|value| (value, called.to_owned())).collect(),
        _ => return,
    };
    for (at, (value, called)) in inner.into_iter().enumerate() {
        path.push(at);
        maps(value, path, &called, found);
        path.pop();
    }
}

fn map_at<'v>(mut value: &'v mut Value, path: &[usize]) -> &'v mut Entries {
    for at in path {
        value = match value {
            Value::Map(entries) => &mut entries[*at].1,
            Value::Array(values) => &mut values[*at],
            other => panic!("{other:?}"),
        };
    }
    value.as_map_mut().unwrap()
}

/// How many maps of fields the object has, each of which refused one more.
fn refused<T: Object + Debug>(object: &T) -> usize {
    let whole: Value = ciborium::from_reader(write(object).unwrap().as_slice()).unwrap();
    let mut found = Vec::new();
    maps(&whole, &mut Vec::new(), "", &mut found);
    let mut fields = 0;
    for (path, called) in found {
        let mut more = whole.clone();
        let entries = map_at(&mut more, &path);
        entries.push((Value::from("unknown"), Value::from(0)));
        // As deterministic encoding has it: shorter keys first.
        entries.sort_by_key(|(key, _)| {
            let key = key.as_text().unwrap();
            (key.len(), key.to_owned())
        });
        let mut bytes = Vec::new();
        ciborium::into_writer(&more, &mut bytes).unwrap();
        match read::<T>(&bytes, &Limits::DEFAULT) {
            Err(Error::Shape { .. }) if NAMED.contains(&called.as_str()) => {}
            Err(Error::Shape { detail }) => {
                // Of a choice there is one, and nothing beside it.
                let is_known =
                    detail.contains("unknown field `unknown`") || detail.contains("map, expected enum");
                assert!(is_known, "{} {called}: {detail}", T::FORMAT);
                fields += 1;
            }
            other => panic!("{} {called}: {other:?}", T::FORMAT),
        }
    }
    fields
}

/// A policy with everything that a policy may have.
fn full() -> PolicyDocument {
    let mut document = policy();
    document.log.continues = Some(Continues { size: 1, root: Blob(vec![0; 32]) });
    let alice = document.identities.get_mut(&name("alice")).unwrap();
    alice.keys[0].attestation = Some(KeyAttestation {
        statement: Blob(vec![1]),
        intermediates: vec![Blob(vec![2])],
        challenge: Blob(vec![3]),
    });
    document
}

#[test]
fn a64_an_unknown_field_refuses_in_every_object() {
    let mut play = Play::whole(History::new());
    play.review("dave");
    let document = policy();
    let (control, change) = (control(&[Weakness::WeakRoots], 1), family_change(&document));
    let revokes = [
        Revoked::Request(ObjectId::of(b"")),
        Revoked::Control(ObjectId::of(b"")),
        Revoked::Key { spki_sha256: ObjectId::of(b""), from_index: 0, until: at(9) },
    ];
    let revocations = revokes.map(|revokes| refused(&revocation("dave", revokes)));
    let delivery = Delivery::new(write(&revocation("dave", Revoked::Request(play.id()))).unwrap(), None);
    let event = Event::Denied { object: ObjectId::of(b""), because: name("x") };
    let counts: [usize; 15] = [
        refused(&full()),
        refused(&play.request),
        refused(&play.bundle),
        refused(&play.submission("ci")),
        refused(&crate::release::testing::approval("alice", &[&play.request])),
        refused(&control),
        refused(&vouching("bob", &control)),
        refused(&change),
        refused(&managing("bob", &change)),
        refused(&objection("alice", &document)),
        refused(&recovery("dave", &document)),
        refused(&succession("alice", &document)),
        refused(
            &read::<crate::release::statement::ReviewStatement>(&play.reviews[0], &Limits::DEFAULT).unwrap(),
        ),
        refused(&delivery),
        refused(&Leaf::new(at(1), event)),
    ];
    let [of_policy, others @ ..] = counts;
    assert!(of_policy > 30, "{of_policy}");
    assert_eq!((others, revocations), ([3, 2, 1, 1, 1, 1, 7, 1, 1, 1, 1, 1, 1, 3], [2, 2, 3]));
}
