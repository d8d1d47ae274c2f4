//! An organisation for tests: who is in it, and what they sign.

pub(crate) mod history;
pub(crate) mod play;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::name::{Name, Words};
use super::object::{self, Blob, Object, ObjectId};
use super::policy::*;
use super::quorum::Quorum;
use super::request::{Artifact, Kind as RequestKind, Request, ToSign};
use super::statement::{Approval, Described, Statement, Text};
use crate::audit::note::{KeyType, VerifierKey};
use crate::audit::testing::Signer as Machine;
use crate::testing::ssh::Signer;
use crate::{Limits, Timestamp};

/// 2026-11-22T00:00:00Z
pub(crate) const NOW: u64 = 1_795_305_600;
pub(crate) const DAY: u64 = 86_400;
/// People, and the program that files requests; each one's key is of the seed at its place.
pub(crate) const PEOPLE: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "ci"];

/// People whom a family brings in; each one's key is of the seed after those.
pub(crate) const NEWCOMERS: [&str; 2] = ["gateway.zoe", "gateway.yan"];

pub(crate) const BUILDER_ID: &str = "https://builder.example/hermetic";
pub(crate) const BUILD_TYPE: &str = "https://builder.example/buildtypes/uki/v1";

pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix(seconds)
}

pub(crate) fn name(text: &str) -> Name {
    Name::try_from(text).unwrap()
}

pub(crate) fn names<C: FromIterator<Name>>(text: &str) -> C {
    text.split_whitespace().map(name).collect()
}

pub(crate) fn words(text: &str) -> Words {
    Words::try_from(text).unwrap()
}

pub(crate) fn quorum(text: &str) -> Quorum {
    Quorum::parse(text, &Limits::DEFAULT).unwrap()
}

pub(crate) fn id(text: &str) -> ObjectId {
    ObjectId::of(text.as_bytes())
}

/// The key of whoever is called this.
pub(crate) fn signer(who: &str) -> Signer {
    let place = PEOPLE.iter().chain(&NEWCOMERS).position(|known| *known == who).unwrap();
    Signer::ed25519(u8::try_from(place + 1).unwrap(), None)
}

/// Any key, by its seed.
pub(crate) fn spki(seed: u8) -> Vec<u8> {
    Signer::ed25519(seed, None).public().canonical().spki_der()
}

/// A key of the log or a witness, by its seed.
pub(crate) fn verifier_key(called: &str, key_type: KeyType, seed: u8) -> String {
    let public = spki(seed)[12..].try_into().unwrap();
    VerifierKey::new(called, key_type, public).unwrap().to_string()
}

pub(crate) fn key_of(line: String) -> IdentityKey {
    IdentityKey {
        key: line,
        protection: Protection::Software,
        from: at(NOW - 30 * DAY),
        until: at(NOW + 300 * DAY),
        attestation: None,
    }
}

fn identity(kind: Kind, who: &str, key: String) -> (Name, Identity) {
    let accounts = [words(&format!("{who}@builder.example"))].into();
    let identity =
        Identity { kind, name: words(who), organisation: name("acme"), keys: vec![key_of(key)], accounts };
    (name(who), identity)
}

/// A person whom a family brings in.
pub(crate) fn newcomer(who: &str) -> (Name, Identity) {
    identity(Kind::Person, who, signer(who).public().to_line())
}

fn channel(tier: Tier, approvals: Option<&str>) -> Channel {
    let demand = ProvenanceDemand {
        builders: [(name("hermetic"), words(BUILDER_ID))].into(),
        build_types: [words(BUILD_TYPE)].into(),
        source: PlaceRule::Exactly(words("https://git.example/firmware")),
        refs: vec![PlaceRule::Exactly(words("refs/heads/main"))],
        other_sources: Vec::new(),
        parameters: [(words("/target"), ParameterRule::Exactly(words("\"gateway\"")))].into(),
        on_behalf_of: Some(words("/internalParameters/actor")),
        run: None,
        independent: 1,
    };
    Channel {
        tier,
        approvals: approvals.map(quorum),
        presence: None,
        request_seconds: 7 * DAY,
        provenance: Some(demand),
        reference_boot: false,
        review: None,
    }
}

/// A policy without a fault: five people, one program, a builder, a family with a channel of each tier, two keys, two of three witnesses.
pub(crate) fn policy() -> PolicyDocument {
    let mut identities: BTreeMap<_, _> = PEOPLE
        .iter()
        .map(|who| {
            let kind = if *who == "ci" { Kind::Service } else { Kind::Person };
            identity(kind, who, signer(who).public().to_line())
        })
        .collect();
    identities.extend([identity(Kind::Builder, "hermetic", STANDARD.encode(spki(20)))]);
    let people = "group release 2 alice bob carol\nquorum release";
    let mut emergency = channel(Tier::Emergency, Some(people));
    let review =
        Review { quorum: quorum("group review 1 dave erin\nquorum review"), within_seconds: 2 * DAY };
    emergency.review = Some(review);
    let mut dev = channel(Tier::Dev, None);
    dev.provenance = None;
    let channels = [
        ("stable", channel(Tier::Production, Some(people))),
        ("nightly", channel(Tier::Delegated, None)),
        ("urgent", emergency),
        ("lab", dev),
    ];
    let family = Family {
        capability: Capability::Measured,
        weak_roots: false,
        version_floor: 3,
        version_step: 5,
        requesters: names("alice ci"),
        revokers: names("alice dave"),
        controls: Some(ControlRules {
            quorum: quorum("group controls 2 bob dave erin\nquorum controls"),
            most_seconds: 30 * DAY,
        }),
        managers: Some(ManagerRules {
            quorum: quorum("group managers 2 bob carol dave\nquorum managers"),
            fixed: names(""),
            enrol: Some(Protection::Software),
            carries: None,
        }),
        channels: channels.into_iter().map(|(called, channel)| (name(called), channel)).collect(),
    };
    let key = |seed, family: Option<&str>, purpose, parent: Option<&str>, custody| SigningKey {
        public_key: Blob(spki(seed)),
        pkcs11: words("pkcs11:token=attest"),
        family: family.map(name),
        purpose,
        rsa_padding: None,
        parent: parent.map(name),
        custody,
        from: at(NOW - 30 * DAY),
        until: at(NOW + 300 * DAY),
    };
    let online = Custody::OnlineIntermediate;
    let mut uki = key(32, Some("gateway"), Purpose::Authenticode, Some("root"), online);
    // What firmware checks.
    uki.public_key = Blob(crate::testing::tokens::Signer::Rsa.spki());
    let signing_keys = [
        ("root", key(30, None, Purpose::Root, None, Custody::OfflineRoot)),
        ("gateway-corim", key(31, Some("gateway"), Purpose::Corim, Some("root"), online)),
        ("gateway-uki", uki),
    ];
    let witness = |called: &str, seed, outside| {
        let key = verifier_key(&format!("{called}.example"), KeyType::CosignatureV1, seed);
        (name(called), WitnessRule { key, outside })
    };
    PolicyDocument {
        format: PolicyDocument::FORMAT.to_owned(),
        version: 1,
        previous: None,
        expires: at(NOW + 200 * DAY),
        root: quorum("group root 2 alice bob carol\nquorum root"),
        recovery: Some(quorum("group recovery 2 dave erin\nquorum recovery")),
        identities,
        families: [(name("gateway"), family)].into(),
        signing_keys: signing_keys.into_iter().map(|(called, key)| (name(called), key)).collect(),
        log: LogRules {
            key: verifier_key("log.example/gateway", KeyType::Ed25519, 40),
            continues: None,
            witnesses: [witness("own", 41, false), witness("other", 42, true), witness("third", 43, true)]
                .into(),
            threshold: 2,
            soft_age_seconds: DAY,
            hard_age_seconds: 7 * DAY,
        },
        compromised: BTreeMap::new(),
        token_makers: Vec::new(),
    }
}

pub(crate) fn bytes<T: Object>(object: &T) -> Vec<u8> {
    object::write(object).unwrap()
}

pub(crate) fn id_of<T: Object>(object: &T) -> ObjectId {
    ObjectId::of(&bytes(object))
}

/// What `ci` asks for: a kernel image in the channel `stable`.
pub(crate) fn request() -> Request {
    let policy = id_of(&policy());
    Request {
        format: Request::FORMAT.to_owned(),
        authority: policy,
        policy,
        family: name("gateway"),
        channel: name("stable"),
        kind: RequestKind::Normal,
        version: words("2026.11.1"),
        security_version: 4,
        artifacts: vec![Artifact {
            name: words("linux.efi"),
            version: words("6.1.0-27"),
            size: 12_345_678,
            sha256: id("linux.efi"),
        }],
        measurements: Some(id("corim")),
        provenance: vec![id("provenance")],
        sign: vec![ToSign {
            key: name("gateway-corim"),
            purpose: Purpose::Corim,
            custody: Custody::OnlineIntermediate,
            sha256: id("the Sig_structure of a CoRIM"),
            size: 28,
        }],
        replaces: None,
        reason: words("Fixes CVE-2026-1"),
        not_before: at(NOW),
        not_after: at(NOW + 7 * DAY),
        requester: name("ci"),
    }
}

/// Armors a signature as `ssh-keygen` does.
pub(crate) fn armored<S: Statement>(by: &Signer, text: &Text) -> String {
    armored_with::<S>(by, text, 5)
}

/// The same, where a token says this of its user.
pub(crate) fn armored_with<S: Statement>(by: &Signer, text: &Text, flags: u8) -> String {
    let blob = STANDARD.encode(by.sign(S::NAMESPACE, text.as_str().as_bytes(), flags).blob());
    let lines: Vec<&str> =
        blob.as_bytes().chunks(70).map(|line| core::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}

/// An approval of these requests by this person.
pub(crate) fn approval(who: &str, requests: &[&Request]) -> Approval {
    let described: Vec<_> =
        requests.iter().map(|request| Described { id: id_of(*request), request }).collect();
    let mut approval = Approval {
        format: Approval::FORMAT.to_owned(),
        authority: requests[0].authority,
        policy: requests[0].policy,
        requests: described.iter().map(|described| described.id).collect(),
        recomputed: true,
        by: name(who),
        signature: String::new(),
    };
    approval.signature = armored::<Approval>(&signer(who), &Text::approval(&approval, &described).unwrap());
    approval
}
