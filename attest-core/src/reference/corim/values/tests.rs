use super::*;
use crate::evidence::cbor::{Key, Value};
use crate::reference::corim::{
    Class, Extension, Identifier, IntRange, Locator, RawValue, Svn, TagIdentity, Triples,
};

fn environment(instance: Option<Identifier<'static>>) -> Environment<'static> {
    let id = Some(Identifier::Bytes(&[7; 32]));
    let class = Class { id, vendor: Some("ACME"), model: Some("RoadRunner"), layer: None, index: None };
    Environment { class: Some(class), instance, group: None }
}

fn digest(seed: u8) -> Digest {
    HashAlg::Sha256.hash(&[&[seed]])
}

fn known(seed: u8) -> Vec<TaggedDigest<'static>> {
    vec![TaggedDigest::Known(digest(seed))]
}

fn measurement(element: Option<Element<'static>>, values: Values<'static>) -> Measurement<'static> {
    Measurement { element, values, authorized_by: Vec::new() }
}

fn component(name: &'static str) -> Measurement<'static> {
    let crypto_keys = vec![CryptoKey::Bytes(&[1; 32])];
    measurement(Some(Element::Name(name)), Values { digests: known(1), crypto_keys, ..Values::default() })
}

fn comid(id: &'static str, measurements: Vec<Measurement<'static>>) -> Comid<'static> {
    let references = vec![Statement { environment: environment(None), measurements }];
    Comid {
        language: None,
        identity: TagIdentity { id: TagId::Text(id), version: 0 },
        entities: Vec::new(),
        linked_tags: Vec::new(),
        triples: Triples { references, ..Triples::default() },
        extensions: Vec::new(),
    }
}

fn corim(profile: Option<&'static str>, comids: Vec<Comid<'static>>) -> Corim<'static> {
    Corim {
        id: TagId::Text("id"),
        tags: comids.into_iter().map(|comid| Tag::Comid(Box::new(comid))).collect(),
        dependent_rims: Vec::new(),
        profile: profile.map(Profile::Uri),
        validity: None,
        entities: Vec::new(),
        extensions: Vec::new(),
    }
}

const PSA: &str = "tag:arm.com,2025:psa#1.0.0";
const CCA: &str = "tag:arm.com,2025:cca_platform#1.0.0";
const REALM: &str = "tag:arm.com,2025:cca_realm#1.0.0";
const PARSEC: &str = "tag:github.com/parallaxsecond,2023-03-03:tpm";
const ENACT: &str = "https://enacttrust.com/veraison/1.0.0";
const RIOT: &str = "tag:veraison-project.com,2026:riot";

fn rule(profile: &'static str, comid: Comid<'static>) -> Option<&'static str> {
    match corim(Some(profile), vec![comid]).reference_values() {
        Ok(_) => None,
        Err(Error::ProfileViolated { rule, .. }) => Some(rule),
        Err(other) => panic!("{other}"),
    }
}

fn keys(instance: Option<Identifier<'static>>, keys: Vec<CryptoKey<'static>>) -> Comid<'static> {
    let triple =
        KeyTriple { environment: environment(instance), keys, element: None, authorized_by: Vec::new() };
    let triples = Triples { attest_keys: vec![triple], ..Triples::default() };
    Comid { triples, ..comid("keys", vec![]) }
}

fn pem() -> CryptoKey<'static> {
    CryptoKey::Key("PEM")
}

#[test]
fn an_unknown_profile_is_not_judged_by() {
    let foreign = corim(Some("https://example.com/p"), vec![comid("a", vec![component("x")])]);
    let expected = Error::ProfileUnknown { profile: "https://example.com/p".into() };
    assert_eq!(foreign.reference_values(), Err(expected));
    let mut oid = corim(None, vec![comid("a", vec![component("x")])]);
    oid.profile = Some(Profile::Oid(b"\x2a\x03"));
    assert_eq!(oid.reference_values().unwrap_err().code(), "corim_profile_unknown");
    let golden = corim(Some(profile::PROFILE), vec![comid("a", vec![component("x")])]);
    assert_eq!(golden.reference_values(), Err(Error::GoldenDocument));
    assert!(corim(None, vec![comid("a", vec![component("x")])]).reference_values().is_ok());
}

#[test]
fn psa_rules() {
    let good = || component("psa.software-component");
    assert_eq!(rule(PSA, comid("a", vec![good()])), None);
    assert_eq!(rule(PSA, comid("a", vec![component("other")])), Some("mkey is psa.software-component"));
    let mut bad = good();
    bad.values.digests.clear();
    assert_eq!(rule(PSA, comid("a", vec![good(), bad])), Some("a measurement has digests"));
    let signer = Some("cryptokeys is one identifier of 32, 48 or 64 bytes");
    for keys in [vec![], vec![pem()], vec![CryptoKey::Bytes(&[1; 24])], vec![CryptoKey::Bytes(&[1; 32]); 2]] {
        let mut bad = good();
        bad.values.crypto_keys = keys;
        assert_eq!(rule(PSA, comid("a", vec![bad])), signer);
    }
    let mut class = comid("a", vec![good()]);
    class.triples.references[0].environment.class.as_mut().unwrap().id = Some(Identifier::Bytes(&[7; 31]));
    assert_eq!(rule(PSA, class), Some("class-id is an implementation id of 32 bytes"));
}

#[test]
fn attestation_keys_name_one_device_and_are_one() {
    let ueid = || Some(Identifier::Ueid(&[1; 33]));
    for profile in [PSA, CCA, PARSEC] {
        assert_eq!(rule(profile, keys(ueid(), vec![pem()])), None);
        assert_eq!(
            rule(profile, keys(ueid(), vec![pem(), pem()])),
            Some("there is one key, a PEM public key")
        );
        assert_eq!(rule(profile, keys(None, vec![pem()])), Some("instance is a UEID of 33 bytes"));
        assert_eq!(
            rule(profile, keys(Some(Identifier::Uuid([0; 16])), vec![pem()])),
            Some("instance is a UEID of 33 bytes")
        );
    }
    assert_eq!(rule(ENACT, keys(Some(Identifier::Uuid([0; 16])), vec![pem()])), None);
    assert_eq!(rule(ENACT, keys(ueid(), vec![pem()])), Some("instance is a UUID"));
    assert_eq!(
        rule(ENACT, keys(Some(Identifier::Uuid([0; 16])), vec![pem(), pem()])),
        Some("there is one key, a PEM public key")
    );
    assert_eq!(rule(RIOT, keys(None, vec![pem()])), None);
    let mut riot = keys(None, vec![pem()]);
    riot.triples.attest_keys[0].environment.class.as_mut().unwrap().vendor = None;
    assert_eq!(rule(RIOT, riot), Some("there is a vendor and a model"));
    assert_eq!(rule(RIOT, comid("a", vec![component("x")])), Some("no reference values"));
    let mut parsec = keys(ueid(), vec![pem()]);
    parsec.triples.attest_keys[0].environment.class.as_mut().unwrap().id = None;
    assert_eq!(rule(PARSEC, parsec), Some("there is a class-id"));
}

#[test]
fn cca_and_tpm_rules() {
    let raw = |value: &'static [u8]| Values {
        raw_value: Some(RawValue { value, mask: None }),
        ..Values::default()
    };
    let named = |name, values| measurement(Some(Element::Name(name)), values);
    assert_eq!(
        rule(
            CCA,
            comid("a", vec![component("cca.software-component"), named("cca.platform-config", raw(b"c"))])
        ),
        None
    );
    assert_eq!(
        rule(CCA, comid("a", vec![component("cca.platform-config")])),
        Some("cca.platform-config has a raw-value")
    );
    assert_eq!(
        rule(CCA, comid("a", vec![component("x")])),
        Some("mkey is cca.software-component or cca.platform-config")
    );
    assert_eq!(rule(REALM, comid("a", vec![component("cca.rim"), named("cca.rpv", raw(&[0; 64]))])), None);
    assert_eq!(rule(REALM, comid("a", vec![component("cca.rem0")])), Some("there is a cca.rim"));
    assert_eq!(rule(REALM, comid("a", vec![named("cca.rim", raw(b"c"))])), Some("a measurement has digests"));
    assert_eq!(
        rule(REALM, comid("a", vec![component("cca.rim"), component("cca.rpv")])),
        Some("cca.rpv has a raw-value of 64 bytes")
    );
    let pcr =
        |pcr| measurement(Some(Element::Number(pcr)), Values { digests: known(1), ..Values::default() });
    assert_eq!(rule(PARSEC, comid("a", vec![pcr(0), pcr(23)])), None);
    assert_eq!(rule(PARSEC, comid("a", vec![pcr(24)])), Some("mkey is a PCR"));
    assert_eq!(rule(PARSEC, comid("a", vec![component("x")])), Some("mkey is a PCR"));
    let mut node = comid("a", vec![pcr(0)]);
    node.triples.references[0].environment.instance = Some(Identifier::Uuid([1; 16]));
    assert_eq!(rule(ENACT, node.clone()), None);
    node.triples.references[0].measurements.push(pcr(1));
    assert_eq!(rule(ENACT, node), Some("there is one measurement with one digest"));
}

#[test]
fn final_values_of_pcrs() {
    let registers = vec![
        (Register::Number(0), known(1)),
        (Register::Number(24), known(2)),
        (Register::Name("0"), known(3)),
        (
            Register::Number(7),
            vec![TaggedDigest::Known(HashAlg::Sha1.hash(&[b"weak"])), TaggedDigest::Named("x", b"y")],
        ),
    ];
    let one = measurement(None, Values { integrity_registers: registers, ..Values::default() });
    let other = Values { integrity_registers: vec![(Register::Number(0), known(9))], ..Values::default() };
    let by_element = measurement(Some(Element::Number(4)), Values { digests: known(4), ..Values::default() });
    let base = corim(None, vec![comid("a", vec![one, measurement(None, other), by_element.clone()])]);
    let values = base.reference_values().unwrap();
    let found: Vec<_> = values.final_pcrs().map(|f| (f.pcr, f.value)).collect();
    assert_eq!(
        found,
        [(0, digest(1)), (0, digest(9))],
        "no SHA-1, no PCR 24, no name, no mkey without a profile that says so"
    );
    let env = environment(Some(Identifier::Bytes(b"one of them")));
    let accepts = |pcr, seed| values.accepts_pcr(&env, HashAlg::Sha256, pcr, &digest(seed));
    assert_eq!(
        (accepts(0, 1), accepts(0, 9), accepts(0, 2), accepts(4, 4)),
        (Some(true), Some(true), Some(false), None)
    );
    let mut other = env.clone();
    other.class.as_mut().unwrap().vendor = Some("another");
    assert_eq!(values.accepts_pcr(&other, HashAlg::Sha256, 0, &digest(1)), None);
    let parsec = corim(Some(PARSEC), vec![comid("a", vec![by_element])]);
    let values = parsec.reference_values().unwrap();
    assert_eq!(values.final_pcrs().map(|f| f.pcr).collect::<Vec<_>>(), [4]);
}

#[test]
fn what_is_not_judged_is_named() {
    let mut first = comid("old", vec![component("x")]);
    let mut second = comid("new", vec![component("y")]);
    second.linked_tags.push((TagId::Text("old"), 1));
    second.linked_tags.push((TagId::Text("new"), 0));
    let mut third = comid("new", vec![component("z")]);
    third.identity.version = 1;
    third.triples.carried.push(crate::reference::corim::Carried { kind: "membership-triples", count: 2 });
    third.triples.identity.push(KeyTriple {
        environment: environment(None),
        keys: vec![pem()],
        element: None,
        authorized_by: vec![],
    });
    first.extensions.push(Extension { map: "concise-mid-tag", key: Key::Integer(-1), value: Value::Null });
    let mut corim = corim(None, vec![first, second, third]);
    corim.tags.push(Tag::Coswid(b""));
    corim.dependent_rims.push(Locator { uris: vec!["https://a"], thumbprints: vec![] });
    corim.extensions.push(Extension { map: "corim-map", key: Key::Integer(-2), value: Value::Null });
    let values = corim.reference_values().unwrap();
    let said: Vec<String> = values.not_judged.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "dependent manifest https://a: nothing is ever fetched",
            "corim-map -2: only its profile explains it",
            "tag old: another tag replaces it",
            "tag new version 0: a later version is here",
            "identity key of class 0707070707070707070707070707070707070707070707070707070707070707, vendor `ACME`, model `RoadRunner`: devices are known by their attestation key",
            "2 membership-triples: this kind of triple is not judged by",
            "a CoSWID: only CoMIDs are judged by",
        ]
    );
    assert_eq!(values.references.len(), 1);
    assert_eq!(values.references[0].measurement.element, Some(Element::Name("z")));
}

/// Every value of a reference counts: each is alone wrong once.
#[test]
fn a_reference_accepts_only_evidence_that_agrees_in_all_it_says() {
    let values = Values {
        version: Some("1"),
        svn: Some(Svn::AtLeast(3)),
        digests: known(1),
        flags: vec![(3, false)],
        raw_value: Some(RawValue { value: b"raw", mask: None }),
        mac_address: Some(b"mac"),
        ip_address: Some(b"ip"),
        serial_number: Some("serial"),
        ueid: Some(b"ueid"),
        uuid: Some([1; 16]),
        name: Some("name"),
        crypto_keys: vec![CryptoKey::Bytes(b"key")],
        integrity_registers: vec![(Register::Number(0), known(2))],
        int_range: Some(IntRange { min: Some(0), max: Some(9) }),
        extensions: Vec::new(),
    };
    let registers: [(Register<'_>, &[Digest]); 2] =
        [(Register::Number(0), &[digest(2)]), (Register::Name("0"), &[])];
    let (digests, key_ids): (&[Digest], &[&[u8]]) = (&[digest(1)], &[b"key", b"more"]);
    let good = Measured {
        version: Some("1"),
        svn: Some(4),
        digests,
        flags: &[(3, false), (4, true)],
        raw_value: Some(b"raw"),
        mac_address: Some(b"mac"),
        ip_address: Some(b"ip"),
        serial_number: Some("serial"),
        ueid: Some(b"ueid"),
        uuid: Some([1; 16]),
        name: Some("name"),
        key_ids,
        registers: &registers,
        integer: Some(5),
    };
    let environment = environment(None);
    let mut whole = measurement(None, values.clone());
    let accepts = |measurement: &Measurement<'_>, measured: &Measured<'_>| {
        Reference { environment: &environment, measurement }.accepts(measured)
    };
    assert!(accepts(&whole, &good));
    assert!(accepts(&measurement(None, Values { svn: Some(Svn::Exactly(4)), ..Values::default() }), &good));
    let wrong = [digest(7)];
    for (at, bad) in [
        Measured { version: None, ..good },
        Measured { svn: Some(2), ..good },
        Measured { svn: None, ..good },
        Measured { digests: &wrong, ..good },
        Measured { digests: &[], ..good },
        Measured { flags: &[(3, true)], ..good },
        Measured { flags: &[], ..good },
        Measured { raw_value: Some(b"row"), ..good },
        Measured { raw_value: None, ..good },
        Measured { mac_address: None, ..good },
        Measured { ip_address: None, ..good },
        Measured { serial_number: Some("other"), ..good },
        Measured { ueid: None, ..good },
        Measured { uuid: None, ..good },
        Measured { name: None, ..good },
        Measured { key_ids: &[], ..good },
        Measured { key_ids: &[b"other"], ..good },
        Measured { registers: &[], ..good },
        Measured { registers: &[(Register::Number(0), &wrong)], ..good },
        Measured { registers: &[(Register::Name("0"), &[digest(2)])], ..good },
        Measured { integer: Some(10), ..good },
        Measured { integer: None, ..good },
    ]
    .iter()
    .enumerate()
    {
        assert!(!accepts(&whole, bad), "{at}: {bad:?}");
    }
    whole.authorized_by.push(pem());
    assert!(!accepts(&whole, &good), "authority is not tracked");
    let extension = Extension { map: "measurement-values-map", key: Key::Integer(-1), value: Value::Null };
    let extended = measurement(None, Values { extensions: vec![extension], ..values });
    assert!(!accepts(&extended, &good), "what cannot be compared agrees with nothing");
    let corim = corim(None, vec![comid("a", vec![whole, extended])]);
    let values = corim.reference_values().unwrap();
    assert_eq!(values.not_judged.len(), 2);
}
