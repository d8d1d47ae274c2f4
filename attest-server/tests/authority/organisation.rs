//! An organisation: who is in it, its policy, and what its people sign, written here anew so that nothing of what is tested signs for itself.

use attest_core::release::family::FamilyChange;
use attest_core::release::object::{self, Object};
use attest_core::release::policy::PolicyDocument;
use attest_core::release::request::Request;
use attest_core::release::statement::{
    Approval, Control, ControlStatement, Described, FamilyStatement, Objection, Recovery, ReviewStatement,
    Revocation, Revoked, Statement, Submission, Succession, Text,
};
use attest_core::release::{ObjectId, Policy};
use attest_core::{Limits, Timestamp};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest::{SHA512, digest};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

/// People, a program that files requests, and one that only reads.
pub(crate) const PEOPLE: [&str; 7] = ["alice", "bob", "carol", "dave", "erin", "ci", "reader"];
/// Somebody whom the family brings in.
pub(crate) const NEWCOMER: &str = "gateway.zoe";
const DAY: u64 = 86_400;

/// Now, by the machine's clock: the server's.
/// When the tests began: what is asked for is the same however long a test takes.
static BEGAN: std::sync::LazyLock<u64> = std::sync::LazyLock::new(now);

pub(crate) fn now() -> u64 {
    attest_server::clock::now().unix()
}

pub(crate) fn key_of(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

/// The key of whoever is called this.
fn key(who: &str) -> Ed25519KeyPair {
    let place = PEOPLE.iter().chain([&NEWCOMER]).position(|known| *known == who).unwrap();
    key_of(u8::try_from(place + 1).unwrap())
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

pub(crate) fn ssh_public(key: &Ed25519KeyPair) -> Vec<u8> {
    [string(b"ssh-ed25519"), string(key.public_key().as_ref())].concat()
}

/// As `ssh-keygen` writes a public key.
pub(crate) fn line_of(who: &str) -> String {
    format!("ssh-ed25519 {}", STANDARD.encode(ssh_public(&key(who))))
}

/// The same with the private half (PROTOCOL.key), which `ssh-keygen` signs with.
pub(crate) fn private_of(who: &str) -> String {
    let place = PEOPLE.iter().chain([&NEWCOMER]).position(|known| *known == who).unwrap();
    let (key, seed) = (key(who), [u8::try_from(place + 1).unwrap(); 32]);
    let pair = [&seed[..], key.public_key().as_ref()].concat();
    let mut own = [&[7; 8][..], &ssh_public(&key), &string(&pair), &string(b"")].concat();
    let pad = (8 - own.len() % 8) % 8;
    own.extend((1..=pad).map(|one| u8::try_from(one).unwrap()));
    let none = [string(b"none"), string(b"none"), string(b"")].concat();
    let blob =
        [&b"openssh-key-v1\0"[..], &none, &[0, 0, 0, 1], &string(&ssh_public(&key)), &string(&own)].concat();
    let text = STANDARD.encode(blob);
    let lines: Vec<&str> =
        text.as_bytes().chunks(70).map(|line| core::str::from_utf8(line).unwrap()).collect();
    let (begin, end) = ("-----BEGIN OPENSSH PRIVATE KEY-----", "-----END OPENSSH PRIVATE KEY-----");
    format!("{begin}\n{}\n{end}\n", lines.join("\n"))
}

/// An SSHSIG by PROTOCOL.sshsig, armored.
pub(crate) fn sshsig(key: &Ed25519KeyPair, namespace: &str, message: &[u8]) -> String {
    let head = [string(namespace.as_bytes()), string(b""), string(b"sha512")].concat();
    let signed = [&b"SSHSIG"[..], &head, &string(digest(&SHA512, message).as_ref())].concat();
    let signature = [string(b"ssh-ed25519"), string(key.sign(&signed).as_ref())].concat();
    let blob = [&b"SSHSIG\0\0\0\x01"[..], &string(&ssh_public(key)), &head, &string(&signature)].concat();
    let text = STANDARD.encode(blob);
    let lines: Vec<&str> =
        text.as_bytes().chunks(70).map(|line| core::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}

fn utc(seconds: u64) -> String {
    Timestamp::from_unix(seconds).utc().to_string()
}

fn spki(key: &Ed25519KeyPair) -> String {
    let prefix = hex::decode("302a300506032b6570032100").unwrap();
    STANDARD.encode([&prefix, key.public_key().as_ref()].concat())
}

/// The first policy as JSON: two of three people release, three watch emergencies, `alice` and `dave` revoke, `ci` asks.
pub(crate) fn policy(log_key: &str, witnesses: &[(&str, String)], threshold: u64) -> Value {
    let (from, until) = (utc(now() - 30 * DAY), utc(now() + 300 * DAY));
    let identity = |kind: &str, who: &str, key: String| {
        let key = json!({ "key": key, "protection": "software", "from": from, "until": until });
        json!({
            "kind": kind, "name": who, "organisation": "acme", "keys": [key],
            "accounts": [format!("{who}@builder.example")],
        })
    };
    let mut identities = serde_json::Map::new();
    for who in PEOPLE {
        let kind = if matches!(who, "ci" | "reader") { "service" } else { "person" };
        identities.insert(who.to_owned(), identity(kind, who, line_of(who)));
    }
    identities.insert("hermetic".to_owned(), identity("builder", "hermetic", spki(&key_of(20))));
    let provenance = json!({
        "builders": { "hermetic": "https://builder.example/hermetic" },
        "build_types": ["https://builder.example/buildtypes/uki/v1"],
        "source": { "exactly": "https://git.example/firmware" },
        "refs": [{ "exactly": "refs/heads/main" }],
        "parameters": {},
        "on_behalf_of": "/internalParameters/actor",
        "independent": 1,
    });
    let quorum = "group release 2 alice bob carol\nquorum release";
    let channel = |tier: &str, approvals: Option<&str>| {
        let mut channel = json!({ "tier": tier, "request_seconds": 7 * DAY, "provenance": provenance });
        if let Some(approvals) = approvals {
            channel["approvals"] = approvals.into();
        }
        channel
    };
    let mut urgent = channel("emergency", Some(quorum));
    urgent["review"] =
        json!({ "quorum": "group review 1 carol dave erin\nquorum review", "within_seconds": 2 * DAY });
    let signing = |seed, family: Option<&str>, purpose: &str| {
        let mut key = json!({
            "public_key": spki(&key_of(seed)), "pkcs11": "pkcs11:token=attest", "purpose": purpose,
            "custody": if family.is_some() { "online_intermediate" } else { "offline_root" },
            "from": from, "until": until,
        });
        if let Some(family) = family {
            key["family"] = family.into();
            key["parent"] = "root".into();
        }
        key
    };
    let witnesses: serde_json::Map<String, Value> = witnesses
        .iter()
        .map(|(name, key)| ((*name).to_owned(), json!({ "key": key, "outside": true })))
        .collect();
    json!({
        "format": PolicyDocument::FORMAT,
        "version": 1,
        "expires": utc(now() + 200 * DAY),
        "root": "group root 2 alice bob carol\nquorum root",
        "identities": identities,
        "families": { "gateway": {
            "capability": "measured", "weak_roots": false, "version_floor": 3, "version_step": 5,
            "requesters": ["alice", "ci"], "revokers": ["alice", "dave"],
            "controls": { "quorum": "group controls 2 bob dave erin\nquorum controls", "most_seconds": 30 * DAY },
            "managers": { "quorum": "group managers 2 bob carol dave\nquorum managers", "enrol": "software" },
            "channels": {
                "stable": channel("production", Some(quorum)),
                "nightly": channel("delegated", None),
                "urgent": urgent,
            },
        } },
        "signing_keys": {
            "root": signing(30, None, "root"),
            "gateway-corim": signing(31, Some("gateway"), "corim"),
        },
        "log": {
            "key": log_key, "witnesses": witnesses, "threshold": threshold,
            "soft_age_seconds": DAY, "hard_age_seconds": 7 * DAY,
        },
    })
}

/// The bytes of an object that is told as JSON.
pub(crate) fn encoded<T: Object>(object: Value) -> Vec<u8> {
    object::write(&serde_json::from_value::<T>(object).unwrap()).unwrap()
}

pub(crate) fn bytes<T: Object>(object: &T) -> Vec<u8> {
    object::write(object).unwrap()
}

/// What travels with a request.
pub(crate) fn objects(tag: &str) -> Vec<Vec<u8>> {
    let [corim, provenance, payload] = ["unsigned corim", "provenance", "what is in the signed corim"]
        .map(|what| format!("{what} {tag}").into_bytes());
    // RFC 9052, section 4.4.
    let len = u8::try_from(payload.len()).unwrap();
    let to_be_signed = [&b"\x84\x6aSignature1\x41\xa0\x40\x58"[..], &[len], &payload].concat();
    vec![corim, provenance, to_be_signed]
}

/// A request of `ci`, told apart by its tag.
pub(crate) fn request(authority: ObjectId, policy: ObjectId, tag: &str) -> Request {
    let ids: Vec<String> = objects(tag).iter().map(|object| ObjectId::of(object).to_string()).collect();
    let request = json!({
        "format": Request::FORMAT,
        "authority": authority.to_string(),
        "policy": policy.to_string(),
        "family": "gateway",
        "channel": "stable",
        "kind": "normal",
        "version": format!("2026.11-{tag}"),
        "security_version": 4,
        "artifacts": [{
            "name": "linux.efi", "version": "6.1.0-27", "size": 12_345_678,
            "sha256": ObjectId::of(tag.as_bytes()).to_string(),
        }],
        "measurements": ids[0],
        "provenance": [ids[1]],
        "sign": [{
            "key": "gateway-corim", "purpose": "corim", "custody": "online_intermediate",
            "sha256": ids[2], "size": objects(tag)[2].len(),
        }],
        "reason": "Fixes CVE-2026-1",
        "not_before": utc(*BEGAN - 60),
        "not_after": utc(*BEGAN + DAY),
        "requester": "ci",
    });
    serde_json::from_value(request).unwrap()
}

pub(crate) fn id_of<T: Object>(object: &T) -> ObjectId {
    ObjectId::of(&bytes(object))
}

fn sign<S: Statement>(who: &str, text: &Text) -> String {
    sshsig(&key(who), S::NAMESPACE, text.as_str().as_bytes())
}

fn name(who: &str) -> attest_core::release::Name {
    who.try_into().unwrap()
}

/// `who` asks for it; `by` signs, who is not always the same.
pub(crate) fn submission(who: &str, by: &str, request: &Request) -> Submission {
    let mut submission = Submission {
        format: Submission::FORMAT.to_owned(),
        request: id_of(request),
        by: name(who),
        signature: String::new(),
    };
    let text = Text::submission(&submission, Described { id: id_of(request), request }).unwrap();
    submission.signature = sign::<Submission>(by, &text);
    submission
}

pub(crate) fn approval(who: &str, by: &str, requests: &[&Request]) -> Approval {
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
    approval.signature = sign::<Approval>(by, &Text::approval(&approval, &described).unwrap());
    approval
}

pub(crate) fn review(who: &str, by: &str, request: &Request) -> ReviewStatement {
    let mut review = ReviewStatement {
        format: ReviewStatement::FORMAT.to_owned(),
        authority: request.authority,
        request: id_of(request),
        finding: "as it should be".try_into().unwrap(),
        by: name(who),
        signature: String::new(),
    };
    let text = Text::review(&review, Described { id: id_of(request), request }).unwrap();
    review.signature = sign::<ReviewStatement>(by, &text);
    review
}

pub(crate) fn revocation(who: &str, by: &str, authority: ObjectId, revokes: Revoked) -> Revocation {
    let mut revocation = Revocation {
        format: Revocation::FORMAT.to_owned(),
        authority,
        revokes,
        reason: "lost".try_into().unwrap(),
        by: name(who),
        signature: String::new(),
    };
    revocation.signature = sign::<Revocation>(by, &Text::revocation(&revocation));
    revocation
}

pub(crate) fn succession(who: &str, policy: &PolicyDocument) -> Succession {
    let mut succession = Succession {
        format: Succession::FORMAT.to_owned(),
        policy: id_of(policy),
        by: name(who),
        signature: String::new(),
    };
    succession.signature = sign::<Succession>(who, &Text::succession(&succession, policy));
    succession
}

/// Somebody's word for a policy by recovery.
pub(crate) fn recovery(who: &str, policy: &PolicyDocument) -> Recovery {
    let mut recovery = Recovery {
        format: Recovery::FORMAT.to_owned(),
        authority: policy.previous.unwrap(),
        policy: id_of(policy),
        by: name(who),
        signature: String::new(),
    };
    recovery.signature = sign::<Recovery>(who, &Text::recovery(&recovery, policy));
    recovery
}

/// Somebody's word against it.
pub(crate) fn objection(who: &str, policy: &PolicyDocument) -> Objection {
    let mut objection = Objection {
        format: Objection::FORMAT.to_owned(),
        authority: policy.previous.unwrap(),
        policy: id_of(policy),
        reason: "I am here".try_into().unwrap(),
        by: name(who),
        signature: String::new(),
    };
    objection.signature = sign::<Objection>(who, &Text::objection(&objection));
    objection
}

/// Zoe comes in the place of alice among those who approve.
pub(crate) fn family_change(authority: ObjectId, policy: &Value) -> FamilyChange {
    let policy = Policy::parse(&encoded::<PolicyDocument>(policy.clone()), &Limits::DEFAULT).unwrap();
    let (reason, until) = ("Alice leaves".try_into().unwrap(), Timestamp::from_unix(now() + DAY));
    let mut change = FamilyChange::of(authority, &policy, &name("gateway"), reason, until).unwrap();
    let zoe = json!({
        "kind": "person", "name": "Zoe", "organisation": "acme", "accounts": [],
        "keys": [{ "key": line_of(NEWCOMER), "protection": "software", "from": utc(now() - DAY), "until": utc(now() + DAY) }],
    });
    change.people = [(name(NEWCOMER), serde_json::from_value(zoe).unwrap())].into();
    for called in ["stable", "urgent"] {
        let text = format!("group release 2 {NEWCOMER} bob carol\nquorum release");
        change.channels.get_mut(called).unwrap().approvals = Some(text.try_into().unwrap());
    }
    change
}

/// A manager's word for it.
pub(crate) fn managing(who: &str, change: &FamilyChange) -> FamilyStatement {
    let mut statement = FamilyStatement {
        format: FamilyStatement::FORMAT.to_owned(),
        change: id_of(change),
        by: name(who),
        signature: String::new(),
    };
    let text = Text::family(&statement, id_of(change), change).unwrap();
    statement.signature = sign::<FamilyStatement>(who, &text);
    statement
}

/// What makes up for a family's weakness, until so many seconds from now.
pub(crate) fn control(authority: ObjectId, seconds: u64) -> Control {
    let control = json!({
        "format": Control::FORMAT, "authority": authority.to_string(), "family": "gateway", "compensates": ["none"],
        "control": "They stand in a room of their own", "not_after": utc(now() + seconds),
    });
    serde_json::from_value(control).unwrap()
}

/// Somebody's word for it.
pub(crate) fn vouching(who: &str, control: &Control) -> ControlStatement {
    let mut statement = ControlStatement {
        format: ControlStatement::FORMAT.to_owned(),
        control: id_of(control),
        by: name(who),
        signature: String::new(),
    };
    let text = Text::control(&statement, id_of(control), control).unwrap();
    statement.signature = sign::<ControlStatement>(who, &text);
    statement
}
