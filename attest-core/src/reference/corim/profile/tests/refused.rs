//! What is no golden document.

use super::*;
use crate::reference::corim::Carried;

/// The CoRIM of the full document with one change.
fn edited(edit: impl FnOnce(&mut Corim<'_>)) -> Error {
    let bytes = write(&full(), &Edition::default()).unwrap();
    let mut corim = Corim::parse(&bytes, &Limits::DEFAULT).unwrap();
    edit(&mut corim);
    read(&corim).expect_err("refused")
}

fn comid_of<'c, 'a>(corim: &'c mut Corim<'a>) -> &'c mut Comid<'a> {
    let Some(Tag::Comid(comid)) = corim.tags.first_mut() else { panic!("a CoMID") };
    comid
}

#[test]
fn another_profile_or_none_is_no_golden_document() {
    assert_eq!(edited(|corim| corim.profile = None), Error::ProfileForeign { got: None });
    let other = "urn:attest:corim:golden:2";
    let foreign = edited(|corim| corim.profile = Some(Profile::Uri(other)));
    assert_eq!(foreign, Error::ProfileForeign { got: Some(other.into()) });
    assert_eq!(
        edited(|corim| corim.profile = Some(Profile::Oid(PROFILE.as_bytes()))).code(),
        "corim_profile_foreign"
    );
}

/// They say what is golden where something else holds, and nothing here asks for that: a document that needs it is none of ours.
#[test]
fn conditional_endorsements_are_refused_by_name() {
    for kind in ["conditional-endorsement-triples", "conditional-endorsement-series-triples"] {
        let refused = edited(|c| comid_of(c).triples.carried.push(Carried { kind, count: 1 }));
        assert!(refused.to_string().contains(kind), "{refused}");
        assert_eq!(refused.code(), "corim_golden_unexpected");
    }
}

/// What the profile does not have is refused, one kind at a time: none of it would be judged by.
#[test]
fn nothing_is_passed_over() {
    use super::super::super::{Extension, KeyTriple, Locator, RawValue, Svn, TagId};
    let extension = || Extension { map: "m", key: Key::Integer(-2), value: Value::Null };
    let unexpected: [Error; 19] = [
        edited(|c| c.tags.push(Tag::Coswid(b""))),
        edited(|c| {
            let again = c.tags[0].clone();
            c.tags.push(again);
        }),
        edited(|c| c.extensions.push(extension())),
        edited(|c| c.dependent_rims.push(Locator { uris: vec!["https://a.example"], thumbprints: vec![] })),
        edited(|c| comid_of(c).extensions.push(extension())),
        edited(|c| comid_of(c).linked_tags.push((TagId::Text("other"), 1))),
        edited(|c| comid_of(c).triples.extensions.push(extension())),
        edited(|c| comid_of(c).triples.carried.push(Carried { kind: "dependency-triples", count: 1 })),
        edited(|c| {
            let triple = comid_of(c).triples.references[0].clone();
            comid_of(c).triples.endorsed.push(triple);
        }),
        edited(|c| {
            let environment = comid_of(c).triples.references[0].environment.clone();
            let keys = KeyTriple { environment, keys: vec![], element: None, authorized_by: vec![] };
            comid_of(c).triples.attest_keys.push(keys);
        }),
        edited(|c| comid_of(c).triples.references[0].measurements[0].values.svn = Some(Svn::AtLeast(1))),
        edited(|c| comid_of(c).triples.references[1].measurements[1].values.flags.push((3, true))),
        edited(|c| {
            let raw = RawValue { value: b"a", mask: None };
            comid_of(c).triples.references[1].measurements[1].values.raw_value = Some(raw);
        }),
        edited(|c| comid_of(c).triples.references[1].measurements[1].values.extensions.push(extension())),
        edited(|c| {
            comid_of(c).triples.references[1].measurements[1]
                .authorized_by
                .push(super::super::super::CryptoKey::Bytes(b"k"))
        }),
        edited(|c| comid_of(c).triples.references[1].measurements[1].element = None),
        edited(|c| comid_of(c).triples.references[0].environment.instance = Some(Identifier::Bytes(b"one"))),
        edited(|c| comid_of(c).triples.references[0].environment.group = None),
        edited(|c| {
            comid_of(c).triples.references[0].environment.class.as_mut().unwrap().model = Some("another")
        }),
    ];
    for (at, error) in unexpected.iter().enumerate() {
        assert_eq!(error.code(), "corim_golden_unexpected", "{at}: {error}");
    }
    assert_eq!(edited(|c| c.tags.clear()).code(), "corim_golden_missing");
    assert_eq!(edited(|c| comid_of(c).extensions.clear()).code(), "corim_golden_missing");
    assert_eq!(
        edited(|c| {
            comid_of(c).triples.references[1].measurements.remove(0);
        })
        .code(),
        "corim_golden_missing"
    );
}

/// What the text form refuses is refused here too, by the same reader.
#[test]
fn the_document_inside_must_fit_together() {
    type Fields<'a> = Vec<(Key<'a>, Value<'a>)>;
    let own = |edit: &dyn Fn(&mut Fields<'_>)| {
        edited(|corim| {
            let Value::Map(fields) = &mut comid_of(corim).extensions[0].value else { panic!("a map") };
            edit(fields);
        })
    };
    let without = |name: &'static str| own(&|fields| fields.retain(|(key, _)| *key != Key::Text(name)));
    assert_eq!(without("judged").code(), "golden_syntax");
    assert_eq!(without("format").code(), "golden_syntax");
    assert_eq!(without("family").code(), "corim_golden_unexpected");
    assert_eq!(without("ima").code(), "corim_golden_missing");
    assert_eq!(without("variant").code(), "corim_golden_unexpected");
    assert_eq!(own(&|fields| fields.push((Key::Text("jugded"), Value::Integer(1)))).code(), "golden_syntax");
    assert_eq!(own(&|fields| fields.push((Key::Integer(1), Value::Null))).code(), "corim_golden_unexpected");
    // A PCR that is judged and has no sequence any more.
    let gone = edited(|corim| {
        comid_of(corim)
            .triples
            .references
            .retain(|triple| triple.measurements[0].element != Some(super::super::super::Element::Number(9)))
    });
    assert_eq!(gone.code(), "golden_no_sequence");
    let weak = edited(|corim| {
        let sha1 = HashAlg::Sha1.hash(&[b"weak"]);
        let values = &mut comid_of(corim).triples.references[1].measurements[1].values;
        values.digests.push(super::super::super::TaggedDigest::Known(sha1));
    });
    assert_eq!(weak.code(), "golden_syntax");
}
