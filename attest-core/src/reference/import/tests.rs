use super::super::corim::{
    Comid, Corim, IntRange, KeyTriple, RawValue, Register, Statement, Svn, Tag, TagId, TagIdentity,
    TaggedDigest, Triples, Validity,
};
use super::*;
use crate::appraise::{Code, Context, Policy, Severity, Verdict};
use crate::authenticate::{AuthenticToken, Challenge, Nonce};
use crate::evidence::eat::Token;
use crate::reference::ReferenceSet;
use crate::reference::corim::Element;
use crate::testing::tokens::*;
use crate::{Limits, Timestamp};

const IMPLEMENTATION: &[u8] = &[0x1d; 32];

fn class(id: &'static [u8]) -> Class<'static> {
    let id = Some(Identifier::Bytes(id));
    Class { id, vendor: Some("ACME"), model: Some("Road\x1bRunner"), layer: None, index: None }
}

fn environment(id: &'static [u8]) -> Environment<'static> {
    Environment { class: Some(class(id)), instance: None, group: None }
}

fn digest(alg: HashAlg, byte: u8) -> TaggedDigest<'static> {
    TaggedDigest::Known(Digest::new(alg, &vec![byte; alg.size()]).unwrap())
}

fn component(name: &'static str, digests: Vec<TaggedDigest<'static>>) -> Measurement<'static> {
    let values = Values {
        name: Some(name),
        version: Some("1.2.3"),
        digests,
        crypto_keys: vec![CryptoKey::Bytes(&[0x51; 32])],
        ..Values::default()
    };
    Measurement { element: Some(Element::Name("psa.software-component")), values, authorized_by: Vec::new() }
}

/// What `psa_claims` was made of, and the measurement's digests by this algorithm.
fn good(alg: HashAlg) -> Vec<Measurement<'static>> {
    [("BL", 0xb1), ("PRoT", 0xb2)].map(|(name, byte)| component(name, vec![digest(alg, byte)])).to_vec()
}

fn statement(id: &'static [u8], measurements: Vec<Measurement<'static>>) -> Statement<'static> {
    Statement { environment: environment(id), measurements }
}

fn corim(references: Vec<Statement<'static>>) -> Corim<'static> {
    let comid = Comid {
        language: None,
        identity: TagIdentity { id: TagId::Text("tag"), version: 0 },
        entities: Vec::new(),
        linked_tags: Vec::new(),
        triples: Triples { references, ..Triples::default() },
        extensions: Vec::new(),
    };
    Corim {
        id: TagId::Text("acme"),
        tags: vec![Tag::Comid(Box::new(comid))],
        dependent_rims: Vec::new(),
        profile: Some(Profile::Uri(PSA)),
        validity: None,
        entities: Vec::new(),
        extensions: Vec::new(),
    }
}

fn choices() -> Choices<'static> {
    Choices { family: "sensor", implementation: None, profile: PsaProfile::Tfm, signed_until: None }
}

fn of(references: Vec<Statement<'static>>) -> Result<Imported, Error> {
    import(&corim(references), &choices())
}

/// A triple of the good measurements, with something else in it.
fn changed(change: impl FnOnce(&mut Statement<'static>)) -> Result<Imported, Error> {
    let mut statement = statement(IMPLEMENTATION, good(HashAlg::Sha256));
    change(&mut statement);
    of(vec![statement])
}

fn judged(golden: &Golden, claims: &ciborium::Value) -> Verdict {
    let token = Token::parse(&Sign1::new(claims).bytes(), &Limits::DEFAULT).unwrap();
    let challenge = Challenge::offline(Nonce::given(&NONCE).unwrap());
    let now = Timestamp::from_unix(1_790_000_000);
    let token = AuthenticToken::authenticate(token, &Signer::P256.key(), challenge, now).unwrap();
    // As people review it.
    let text = golden.to_toml();
    let reviewed = Golden::parse(&text, &Limits::DEFAULT).unwrap();
    assert_eq!(&reviewed, golden, "{text}");
    let references = ReferenceSet::development(reviewed).unwrap();
    let context = Context { family: "sensor".into(), ..Context::default() };
    Policy::default().appraise_tokens(&[token], &references, &context)
}

fn refusing(verdict: &Verdict) -> Vec<Code> {
    verdict.reasons.iter().filter(|r| r.severity == Severity::Refuse).map(|r| r.code).collect()
}

#[test]
fn a_makers_reference_values_reach_a_verdict() {
    let imported = of(vec![statement(IMPLEMENTATION, good(HashAlg::Sha256))]).unwrap();
    assert_eq!(imported.left_out, Vec::<String>::new());
    assert_eq!(imported.golden.description.as_deref(), Some("Imported from CoRIM acme, of ACME Road Runner"));
    let verdict = judged(&imported.golden, &map(psa_claims()));
    assert!(verdict.is_affirming(), "{:#?}", verdict.reasons);
    let other = [("implementation", 2396, bytes([0x1e; 32])), ("lifecycle", 2395, int(0x5000))];
    for (what, label, value) in other {
        assert!(!judged(&imported.golden, &with(psa_claims(), label, Some(value))).is_affirming(), "{what}");
    }
    // Other software, other version, or one component less.
    for change in [
        |all: &mut Vec<Measurement<'static>>| all[0].values.digests = vec![digest(HashAlg::Sha256, 0xb3)],
        |all: &mut Vec<Measurement<'static>>| all[0].values.version = Some("1.2.4"),
        |all: &mut Vec<Measurement<'static>>| all[0].values.name = Some("\"M1\"\n\\\u{7f}'''"),
        |all: &mut Vec<Measurement<'static>>| all[0].values.name = None,
        |all: &mut Vec<Measurement<'static>>| all[0].values.crypto_keys = vec![CryptoKey::Bytes(&[0x52; 32])],
        |all: &mut Vec<Measurement<'static>>| drop(all.remove(0)),
    ] {
        let mut measurements = good(HashAlg::Sha256);
        change(&mut measurements);
        let imported = of(vec![statement(IMPLEMENTATION, measurements)]).unwrap();
        let verdict = judged(&imported.golden, &map(psa_claims()));
        assert!(!refusing(&verdict).is_empty(), "{verdict:#?}");
    }
}

#[test]
fn a38b_each_triple_is_one_set_of_software_and_sets_do_not_mix() {
    let newer = [("BL", 0xc1), ("PRoT", 0xc2)];
    let newer = newer.map(|(name, byte)| component(name, vec![digest(HashAlg::Sha256, byte)])).to_vec();
    let both = vec![
        statement(IMPLEMENTATION, good(HashAlg::Sha256)),
        statement(IMPLEMENTATION, newer),
        statement(IMPLEMENTATION, good(HashAlg::Sha256)),
    ];
    let golden = of(both).unwrap().golden;
    let names: Vec<_> = golden.tokens[0].variants.iter().map(|variant| variant.name.as_str()).collect();
    assert_eq!(names, ["corim-1", "corim-2"], "said twice is said once");
    assert!(judged(&golden, &map(psa_claims())).is_affirming());
    let component = |kind: &str, value: u8| {
        map([(1, text(kind)), (2, bytes([value; 32])), (4, text("1.2.3")), (5, bytes([0x51; 32]))])
    };
    let mixed = ciborium::Value::Array(vec![component("BL", 0xb1), component("PRoT", 0xc2)]);
    assert!(!judged(&golden, &with(psa_claims(), 2399, Some(mixed))).is_affirming());
}

#[test]
fn software_of_one_implementation_is_not_anothers() {
    let other: &[u8] = &[0x1e; 32];
    let both =
        || vec![statement(IMPLEMENTATION, good(HashAlg::Sha256)), statement(other, good(HashAlg::Sha256))];
    assert_eq!(of(both()), Err(Error::Implementations { count: 2 }));
    let one = Choices { implementation: Some(other), ..choices() };
    let imported = import(&corim(both()), &one).unwrap();
    assert_eq!(imported.golden.tokens[0].implementation_ids, [other]);
    assert_eq!(imported.left_out, ["2 measurements of other implementations"]);
    let none = Choices { implementation: Some(&[0x1f; 32]), ..choices() };
    assert_eq!(import(&corim(both()), &none), Err(Error::ImplementationMissing));
    assert_eq!(of(Vec::new()), Err(Error::ImplementationMissing));
}

#[test]
fn a_set_is_measured_by_one_algorithm_or_each_component_by_its_own() {
    let by_two = |byte| vec![digest(HashAlg::Sha256, byte), digest(HashAlg::Sha512, byte)];
    let measurements = vec![component("BL", by_two(1)), component("PRoT", by_two(2))];
    let golden = of(vec![statement(IMPLEMENTATION, measurements)]).unwrap().golden;
    let variants = &golden.tokens[0].variants;
    assert_eq!((variants[0].name.as_str(), variants[0].components[0].value.len()), ("corim-1-sha256", 32));
    assert_eq!((variants[1].name.as_str(), variants[1].components[1].value.len()), ("corim-1-sha512", 64));
    let own = vec![
        component("BL", vec![digest(HashAlg::Sha256, 1)]),
        component("PRoT", vec![digest(HashAlg::Sha384, 2)]),
    ];
    let golden = of(vec![statement(IMPLEMENTATION, own)]).unwrap().golden;
    let sizes: Vec<_> = golden.tokens[0].variants[0].components.iter().map(|one| one.value.len()).collect();
    assert_eq!((golden.tokens[0].variants.len(), sizes), (1, vec![32, 48]));
    let mut uncommon = vec![component("BL", by_two(1)), component("PRoT", vec![digest(HashAlg::Sha384, 2)])];
    let refused = of(vec![statement(IMPLEMENTATION, uncommon.clone())]).unwrap_err();
    assert_eq!(refused.code(), "import_digests_uncommon");
    for digests in [vec![digest(HashAlg::Sha1, 1)], vec![TaggedDigest::Number(99, &[1; 32])]] {
        uncommon[0].values.digests = digests;
        let refused = of(vec![statement(IMPLEMENTATION, uncommon.clone())]).unwrap_err();
        assert_eq!(refused.code(), "import_digests_uncommon", "an algorithm that no token's value has");
    }
}

#[test]
fn what_a_token_cannot_say_is_refused_and_never_passed_over() {
    let values = |change: fn(&mut Values<'static>)| changed(|s| change(&mut s.measurements[1].values));
    let raw = RawValue { value: &[1], mask: None };
    let foreign = [
        ("a security version", values(|v| v.svn = Some(Svn::AtLeast(3)))),
        ("a flag", values(|v| v.flags = vec![(1, true)])),
        ("a raw value", changed(|s| s.measurements[0].values.raw_value = Some(raw))),
        ("a MAC address", values(|v| v.mac_address = Some(&[1; 6]))),
        ("an IP address", values(|v| v.ip_address = Some(&[1; 4]))),
        ("a serial number", values(|v| v.serial_number = Some("1"))),
        ("a UEID", values(|v| v.ueid = Some(&[1; 33]))),
        ("a UUID", values(|v| v.uuid = Some([1; 16]))),
        ("an integrity register", values(|v| v.integrity_registers = vec![(Register::Number(1), vec![])])),
        ("a number", values(|v| v.int_range = Some(IntRange { min: None, max: Some(1) }))),
        ("authorized-by", changed(|s| s.measurements[0].authorized_by = vec![CryptoKey::Key("PEM")])),
    ];
    for (wanted, refused) in foreign {
        let place = format!("psa.software-component of {}", environment(IMPLEMENTATION));
        assert_eq!(refused, Err(Error::ValueForeign { place, what: wanted }));
    }
    let narrow = [
        ("instance", changed(|s| s.environment.instance = Some(Identifier::Ueid(&[1; 33])))),
        ("group", changed(|s| s.environment.group = Some(Identifier::Bytes(&[1])))),
        ("layer", changed(|s| s.environment.class.as_mut().unwrap().layer = Some(1))),
        ("index", changed(|s| s.environment.class.as_mut().unwrap().index = Some(0))),
    ];
    for (wanted, refused) in narrow {
        assert!(
            matches!(refused, Err(Error::EnvironmentNarrow { what, .. }) if what == wanted),
            "{refused:?}"
        );
    }
}

#[test]
fn only_one_profile_speaks_of_tokens() {
    let mut other = corim(vec![statement(IMPLEMENTATION, good(HashAlg::Sha256))]);
    let code = |corim: &Corim<'_>| import(corim, &choices()).unwrap_err().code();
    other.profile = None;
    assert_eq!(import(&other, &choices()), Err(Error::ProfileUnsupported { got: None }));
    other.profile = Some(Profile::Uri("https://example.com/p"));
    assert_eq!(code(&other), "corim_profile_unknown");
    other.profile = Some(Profile::Uri(crate::reference::corim::profile::PROFILE));
    assert_eq!(code(&other), "corim_golden_document");
    other.profile = Some(Profile::Uri("tag:arm.com,2025:cca_platform#1.0.0"));
    assert_eq!(code(&other), "corim_profile_violated");
    let Some(Tag::Comid(comid)) = other.tags.first_mut() else { panic!("a CoMID") };
    for measurement in &mut comid.triples.references[0].measurements {
        measurement.element = Some(Element::Name("cca.software-component"));
    }
    assert_eq!(code(&other), "import_profile_unsupported");
}

/// A golden document in text has no end; that its source had one is told, and stands in it.
#[test]
fn when_the_source_ceases_to_count_is_told() {
    let at = |hour: u64| Timestamp::from_unix(1_800_000_000 + hour * 3600);
    let mut corim = corim(vec![statement(IMPLEMENTATION, good(HashAlg::Sha256))]);
    assert_eq!(import(&corim, &choices()).unwrap().valid_until, None);
    let signed = |hour| Choices { signed_until: Some(at(hour)), ..choices() };
    for (validity, signed, until) in
        [(Some(5), choices(), 5), (Some(5), signed(4), 4), (Some(4), signed(5), 4), (None, signed(3), 3)]
    {
        corim.validity = validity.map(|hour| Validity { not_before: None, not_after: at(hour) });
        let imported = import(&corim, &signed).unwrap();
        assert_eq!(imported.valid_until, Some(at(until)));
        let words = format!("it counts until {}", at(until));
        assert!(imported.golden.description.unwrap().ends_with(&words));
        assert!(imported.left_out[0].contains(&words), "{:?}", imported.left_out);
    }
}

#[test]
fn what_is_left_out_is_told() {
    let mut corim = corim(vec![statement(IMPLEMENTATION, good(HashAlg::Sha256))]);
    let Some(Tag::Comid(comid)) = corim.tags.first_mut() else { panic!("a CoMID") };
    comid.triples.endorsed = vec![statement(IMPLEMENTATION, vec![component("BL", Vec::new())])];
    let environment =
        Environment { instance: Some(Identifier::Ueid(&[1; 33])), ..environment(IMPLEMENTATION) };
    let keys = vec![CryptoKey::Key("PEM")];
    let key = KeyTriple { environment, keys, element: None, authorized_by: Vec::new() };
    comid.triples.attest_keys = vec![key];
    comid.triples.references[0].measurements[0].values.name = None;
    let told = import(&corim, &choices()).unwrap().left_out;
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told[0].contains("endorsed") && told[1].contains("enrol it") && told[2].starts_with("1 components")
    );
}
