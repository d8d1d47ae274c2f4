//! An organisation that releases golden values: its people, builder, signer, witnesses, and the log as a folder.

// By its path: the end-to-end tests include this file from elsewhere.
#[path = "organisation/keys.rs"]
mod keys;
#[path = "organisation/policy.rs"]
mod policy;
#[path = "organisation/revocations.rs"]
mod revocations;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use attest_core::audit::checkpoint::{Checkpoint, LogIdentity, SignedCheckpoint};
use attest_core::audit::note::{KeyType, SignEd25519, VerifierKey};
use attest_core::audit::tile::{self, Level, Tile};
use attest_core::audit::tree::Frontier;
use attest_core::audit::witness::{LastCosigned, decide};
use attest_core::reference::Golden;
use attest_core::reference::corim::{SignedCorim, profile};
use attest_core::release::bundle::{Bundle, Signature};
use attest_core::release::dsse::pre_authentication_encoding;
use attest_core::release::leaf::{Event, Leaf};
use attest_core::release::object::{self, Blob, Object};
use attest_core::release::policy::{Continues, Custody, LogRules, Purpose};
use attest_core::release::request::{Artifact, Kind as RequestKind, Request, ToSign};
use attest_core::release::statement::{Approval, Described, Statement, Submission, Text};
use attest_core::release::{Name, ObjectId, Quorum, Words, provenance};
use attest_core::{Limits, Timestamp};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use self::keys::{Key, cose};
use self::policy::{log_rules, policy};

const DAY: u64 = 86_400;
/// An emergency is looked at within an hour.
pub(crate) const REVIEW: u64 = 3_600;
const ORIGIN: &str = "log.example/releases";
const PEOPLE: [&str; 4] = ["alice", "bob", "dave", "ci"];
const BUILDER_ID: &str = "https://builder.example/hermetic";
const BUILD_TYPE: &str = "https://builder.example/buildtypes/uki/v1";
/// The seed of the log's key, and the witnesses with those of theirs.
#[derive(Clone, Copy)]
struct Watched {
    log: u8,
    witnesses: [(&'static str, u8); 2],
}

const WATCHED: Watched = Watched { log: 40, witnesses: [("own", 41), ("other", 42)] };
/// Other keys of all of them.
const WATCHED_LATER: Watched = Watched { log: 45, witnesses: [("own", 46), ("other", 47)] };

/// The organisation.
#[derive(Clone)]
pub(crate) struct Organisation {
    folder: PathBuf,
    family: Name,
    policy: ObjectId,
    watched: Watched,
    entries: Vec<Vec<u8>>,
    /// How long ago all of it happened, in seconds.
    ago: u64,
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix(seconds)
}

fn name(text: &str) -> Name {
    Name::try_from(text).unwrap()
}

fn words(text: &str) -> Words {
    Words::try_from(text).unwrap()
}

fn quorum(text: &str) -> Quorum {
    Quorum::parse(text, &Limits::DEFAULT).unwrap()
}

impl Organisation {
    /// Begins a log in this folder, in which everything happens so many seconds ago.
    pub(crate) fn begin(folder: &Path, family: &str, ago: u64) -> Self {
        let family = name(family);
        let policy = policy(&family);
        let (folder, none) = (folder.to_owned(), ObjectId::of(&[]));
        let mut organisation =
            Self { folder, family, policy: none, watched: WATCHED, entries: Vec::new(), ago };
        fs::create_dir_all(organisation.folder.join("object")).unwrap();
        organisation.policy = organisation.keep(&policy);
        organisation.write(Event::Policy { policy: organisation.policy, successions: Vec::new() });
        organisation.publish();
        organisation
    }

    /// What verifiers pin.
    pub(crate) fn authority(&self) -> String {
        self.policy.to_string()
    }

    /// The leaves.
    pub(crate) fn entries(&self) -> &[Vec<u8>] {
        &self.entries
    }

    /// How many there are.
    pub(crate) fn leaves(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap()
    }

    /// The same with the log in another folder, for another history of it.
    pub(crate) fn in_folder(&self, folder: &Path) -> Self {
        fs::create_dir_all(folder.join("object")).unwrap();
        for object in fs::read_dir(self.folder.join("object")).unwrap() {
            let object = object.unwrap();
            fs::copy(object.path(), folder.join("object").join(object.file_name())).unwrap();
        }
        Self { folder: folder.to_owned(), ..self.clone() }
    }

    fn keep<T: Object>(&self, object: &T) -> ObjectId {
        let bytes = object::write(object).unwrap();
        let id = ObjectId::of(&bytes);
        fs::write(self.object(id), bytes).unwrap();
        id
    }

    /// Keeps bytes.
    fn keep_bytes(&self, bytes: &[u8]) -> ObjectId {
        let id = ObjectId::of(bytes);
        fs::write(self.object(id), bytes).unwrap();
        id
    }

    /// A CoRIM with these golden values, signed by whoever has the HSM: what was signed, and the signed thing. Nobody asked for it.
    pub(crate) fn steal(&self, golden: &Golden) -> (ObjectId, Vec<u8>) {
        let edition = profile::Edition { tag_version: 9, validity: None };
        let corim = profile::write(golden, &edition).unwrap();
        let signed = SignedCorim::parse(&cose(&corim, &[]), &Limits::DEFAULT).unwrap().to_be_signed();
        let signature = Key::new(31).sign_ed25519(&signed).unwrap();
        (ObjectId::of(&signed), cose(&corim, &signature))
    }

    /// What the log's key alone can write.
    pub(crate) fn write_down(&mut self, event: Event) {
        self.write(event);
    }

    /// Alice and bob want the log to go on under other keys, and other ones of its witnesses.
    pub(crate) fn change_keys(&mut self) {
        self.watched = WATCHED_LATER;
        let head =
            Frontier::new().append(self.entries.iter().map(Vec::as_slice), &Limits::DEFAULT).unwrap().head;
        let continues = Continues { size: head.size, root: Blob(head.root.as_bytes().to_vec()) };
        let log = LogRules { continues: Some(continues), ..log_rules(&self.watched) };
        self.follow(|next| next.log = log);
    }

    /// Another last leaf than there is.
    pub(crate) fn change_last(&mut self, what: &[u8]) {
        self.entries.pop();
        self.note(what);
    }

    /// What was published for a request.
    pub(crate) fn bundle_of(&self, id: ObjectId) -> ObjectId {
        let leaves = self.entries.iter().map(|entry| object::read::<Leaf>(entry, &Limits::DEFAULT).unwrap());
        let mut published = leaves.filter_map(|leaf| match leaf.event {
            Event::Published { request, bundle } if request == id => Some(bundle),
            _ => None,
        });
        published.next_back().unwrap()
    }

    /// The file of an object.
    pub(crate) fn object(&self, id: ObjectId) -> PathBuf {
        self.folder.join("object").join(id.to_string().replace("sha256:", ""))
    }

    fn write(&mut self, event: Event) {
        self.entries.push(object::write(&Leaf::new(at(now() - self.ago), event)).unwrap());
    }

    /// Witnesses see all of it now, and it is published.
    pub(crate) fn publish(&self) {
        self.publish_first(self.entries.len(), now());
    }

    /// The same of the first leaves alone, at another time.
    pub(crate) fn publish_first(&self, leaves: usize, time: u64) {
        let entries = || self.entries[..leaves].iter().map(Vec::as_slice);
        let head = Frontier::new().append(entries(), &Limits::DEFAULT).unwrap().head;
        // One narrow tile: these logs are short.
        assert!(leaves < 256);
        let tile = Tile::of_tree(Level::Entries, 0, head.size).unwrap();
        let place = self.folder.join(tile.to_string());
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        // As a log does it: whole or not at all.
        fs::write(self.folder.join("tile.new"), tile::render_entries(entries()).unwrap()).unwrap();
        fs::rename(self.folder.join("tile.new"), place).unwrap();
        let key = Key::new(self.watched.log);
        let mut note = Checkpoint::new(ORIGIN, head, &Limits::DEFAULT).unwrap().sign(&key).unwrap();
        let log = VerifierKey::new(ORIGIN, KeyType::Ed25519, key.public_key()).unwrap();
        let signed =
            SignedCheckpoint::verify(note.as_bytes(), &LogIdentity::new(log).unwrap(), &Limits::DEFAULT)
                .unwrap();
        for (called, seed) in self.watched.witnesses {
            let cosignable = decide(&LastCosigned::never(), 0, &[], signed.clone(), at(time)).unwrap();
            note += &cosignable.cosign(&format!("{called}.example"), &Key::new(seed)).unwrap();
        }
        fs::write(self.folder.join("checkpoint.new"), note).unwrap();
        fs::rename(self.folder.join("checkpoint.new"), self.folder.join("checkpoint")).unwrap();
    }

    /// Releases these golden values by this channel, and says under which id. Nothing is published yet.
    pub(crate) fn release(&mut self, golden: &Golden, channel: &str) -> ObjectId {
        let edition = profile::Edition { tag_version: self.leaves(), validity: None };
        let corim = profile::write(golden, &edition).unwrap();
        let provenance = self.provenance(&corim);
        let unsigned = cose(&corim, &[]);
        let signed = SignedCorim::parse(&unsigned, &Limits::DEFAULT).unwrap().to_be_signed();
        let is_lab = channel == "lab";
        let request = Request {
            format: Request::FORMAT.to_owned(),
            authority: self.policy,
            policy: self.policy,
            family: self.family.clone(),
            channel: name(channel),
            kind: if channel == "urgent" { RequestKind::Emergency } else { RequestKind::Normal },
            version: words("2026.11.1"),
            security_version: 1,
            artifacts: vec![Artifact {
                name: words("linux.efi"),
                version: words("6.1.0-27"),
                size: 12_345_678,
                sha256: ObjectId::of(b"linux.efi"),
            }],
            measurements: Some(ObjectId::of(&corim)),
            provenance: if is_lab { vec![] } else { vec![ObjectId::of(&provenance)] },
            sign: vec![ToSign {
                key: name("corim"),
                purpose: Purpose::Corim,
                custody: Custody::OnlineIntermediate,
                sha256: ObjectId::of(&signed),
                size: u64::try_from(signed.len()).unwrap(),
            }],
            replaces: None,
            reason: words("The next one"),
            not_before: at(now() - self.ago - 60),
            not_after: at(now() + DAY),
            requester: name("ci"),
        };
        let id = self.keep(&request);
        self.keep_bytes(&signed);
        self.keep_bytes(&provenance);
        let submission = self.submit(id, &request);
        let approvals = if is_lab {
            vec![]
        } else {
            vec![self.approve(id, &request, "alice"), self.approve(id, &request, "bob")]
        };
        self.write(Event::Attempted { request: id });
        let signature = Key::new(31).sign_ed25519(&signed).unwrap();
        let bundle = Bundle {
            format: Bundle::FORMAT.to_owned(),
            request: Blob(object::write(&request).unwrap()),
            submission: Blob(submission),
            approvals: approvals.into_iter().map(Blob).collect(),
            companions: Vec::new(),
            provenance: if is_lab { vec![] } else { vec![Blob(provenance)] },
            corim: Some(Blob(cose(&corim, &signature))),
            signatures: vec![Signature { signature: Blob(signature.to_vec()), signed: None }],
        };
        self.keep_bytes(ObjectId::of(&signature).as_bytes());
        self.keep_bytes(&signature);
        self.write(Event::Signed { request: id, signatures: bundle.signatures_id() });
        let bundle = self.keep(&bundle);
        self.write(Event::Published { request: id, bundle });
        id
    }

    fn provenance(&self, corim: &[u8]) -> Vec<u8> {
        let hex_of = |id: ObjectId| id.to_string().replace("sha256:", "");
        let statement = json!({
            "_type": provenance::STATEMENT_TYPE,
            "subject": [
                { "name": "linux.efi", "digest": { "sha256": hex_of(ObjectId::of(b"linux.efi")) } },
                { "name": "golden.corim", "digest": { "sha256": hex_of(ObjectId::of(corim)) } },
            ],
            "predicateType": provenance::PREDICATE_TYPE,
            "predicate": {
                "buildDefinition": {
                    "buildType": BUILD_TYPE,
                    "externalParameters": {},
                    "internalParameters": { "actor": "dave@builder.example" },
                    "resolvedDependencies": [{
                        "uri": "git+https://git.example/firmware@refs/heads/main",
                        "digest": { "gitCommit": "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d" },
                    }],
                },
                "runDetails": { "builder": { "id": BUILDER_ID }, "metadata": { "invocationId": "run 1" } },
            },
        });
        let payload = statement.to_string();
        let signed = pre_authentication_encoding(provenance::PAYLOAD_TYPE, payload.as_bytes());
        let signature = Key::new(20).sign_ed25519(&signed).unwrap();
        let envelope = json!({
            "payloadType": provenance::PAYLOAD_TYPE,
            "payload": STANDARD.encode(payload),
            "signatures": [{ "keyid": "", "sig": STANDARD.encode(signature) }],
        });
        envelope.to_string().into_bytes()
    }

    fn submit(&mut self, id: ObjectId, request: &Request) -> Vec<u8> {
        let mut submission = Submission {
            format: Submission::FORMAT.to_owned(),
            request: id,
            by: name("ci"),
            signature: String::new(),
        };
        let text = Text::submission(&submission, Described { id, request }).unwrap();
        submission.signature = Key::of("ci").armored(Submission::NAMESPACE, text.as_str());
        let kept = self.keep(&submission);
        self.write(Event::Submitted { submission: kept, request: id });
        object::write(&submission).unwrap()
    }

    fn approve(&mut self, id: ObjectId, request: &Request, who: &str) -> Vec<u8> {
        let mut approval = Approval {
            format: Approval::FORMAT.to_owned(),
            authority: self.policy,
            policy: self.policy,
            requests: vec![id],
            recomputed: true,
            by: name(who),
            signature: String::new(),
        };
        let text = Text::approval(&approval, &[Described { id, request }]).unwrap();
        approval.signature = Key::of(who).armored(Approval::NAMESPACE, text.as_str());
        let kept = self.keep(&approval);
        self.write(Event::Approved { approval: kept, requests: vec![id] });
        object::write(&approval).unwrap()
    }

    /// A leaf that changes nothing.
    pub(crate) fn note(&mut self, what: &[u8]) {
        self.write(Event::Denied { object: ObjectId::of(what), because: name("role_missing") });
    }
}
