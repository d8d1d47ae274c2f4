//! Any bytes as each kind of governed object: what is read has exactly this encoding, and a text that can be read as a quorum is met by all
//! whom it names and by nobody else.
#![no_main]

use std::collections::BTreeSet;

use attest_core::Limits;
use attest_core::release::family::FamilyChange;
use attest_core::release::leaf::Leaf;
use attest_core::release::object::{self, Object, ObjectId};
use attest_core::release::statement::{
    Approval, Described, FamilyStatement, ReviewStatement, Revocation, Submission, Succession, Text,
};
use attest_core::release::{Policy, Quorum, Request};
use libfuzzer_sys::fuzz_target;

fn same<T: Object>(bytes: &[u8]) -> Option<T> {
    let read: T = object::read(bytes, &Limits::DEFAULT).ok()?;
    assert_eq!(object::write(&read).as_deref(), Ok(bytes), "two encodings of one object");
    Some(read)
}

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::DEFAULT;
    if let Ok(policy) = Policy::parse(bytes, &limits) {
        assert_eq!(object::write(policy.document()).as_deref(), Ok(bytes));
        assert!(
            policy.document().root.least_people() >= 2
                && policy.document().root.survives_the_loss_of_anyone()
        );
    }
    if let Ok(request) = Request::parse(bytes, &limits) {
        assert_eq!(request.id(), Some(ObjectId::of(bytes)));
        let described = Described { id: ObjectId::of(bytes), request: &request };
        let submission = Submission {
            format: Submission::FORMAT.to_owned(),
            request: described.id,
            by: request.requester.clone(),
            signature: String::new(),
        };
        let text = Text::submission(&submission, described).expect("it is about this request");
        let told = |word: &str| text.as_str().lines().filter(|line| line.starts_with(word)).count();
        assert_eq!((told("family "), told("reason "), told("artifact ")), (1, 1, request.artifacts.len()));
    }
    if let Some(change) = same::<FamilyChange>(bytes) {
        let id = ObjectId::of(bytes);
        let (format, by) = (FamilyStatement::FORMAT.to_owned(), change.family.clone());
        let statement = FamilyStatement { format, change: id, by, signature: String::new() };
        let text = Text::family(&statement, id, &change).expect("it is about this change");
        let told = |word: &str| text.as_str().lines().filter(|line| line.starts_with(word)).count();
        assert_eq!(
            (told("family "), told("new "), told("channel ")),
            (1, change.people.len(), change.channels.len())
        );
    }
    let _ = same::<FamilyStatement>(bytes);
    let _ = (same::<Approval>(bytes), same::<Leaf>(bytes), same::<ReviewStatement>(bytes));
    let _ = (same::<Revocation>(bytes), same::<Submission>(bytes), same::<Succession>(bytes));
    let Some(quorum) = core::str::from_utf8(bytes).ok().and_then(|text| Quorum::parse(text, &limits).ok())
    else {
        return;
    };
    assert!(quorum.is_met_by(&quorum.people()) && !quorum.is_met_by(&BTreeSet::new()));
    assert_eq!(Quorum::parse(&quorum.to_string(), &limits), Ok(quorum));
});
