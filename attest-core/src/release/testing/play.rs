//! One release as it comes to be, step by step, each of which may be left out, done twice, or told wrongly.

use std::sync::LazyLock;

use serde_json::{Value as Json, json};

use super::history::History;
use super::*;
use crate::evidence::cbor::{Key, Value, encode};
use crate::evidence::tcg_log::EventLog;
use crate::reference::corim::{SignedCorim, profile};
use crate::reference::golden::{Evidence, Golden};
use crate::reference::learn::{Boot, Choices, learn};
use crate::release::bundle::{Bundle, Signature};
use crate::release::catalogue::{Catalogue, Floors};
use crate::release::evaluate::{self, Failure, Now, Quorate, Release, Weighing};
use crate::release::leaf::Event;
use crate::release::provenance;
use crate::release::statement::{ReviewStatement, Submission};
use crate::testing::fixture;
use crate::testing::provenance::{Key as BuilderKey, envelope};

/// The golden values of one boot, for this family.
pub(crate) fn golden(family: &str) -> Golden {
    let log = EventLog::parse(fixture!("boots/sb-grub/eventlog.bin"), &Limits::DEFAULT).unwrap();
    let boot = Boot { name: "b", log: &log, userspace: None, evidence: Evidence::Quoted, files: None };
    learn(family, &[boot], &Choices::default()).unwrap()
}

/// The same as an unsigned CoRIM, of this edition.
pub(crate) fn corim(golden: &Golden, edition: u64) -> Vec<u8> {
    profile::write(golden, &profile::Edition { tag_version: edition, validity: None }).unwrap()
}

/// A `COSE_Sign1` around a CoRIM, with this signature.
pub(crate) fn cose(corim: &[u8], signature: &[u8]) -> Vec<u8> {
    let claims = Value::Map(vec![(Key::Integer(1), Value::Text("gateway"))]);
    let protected = encode(&Value::Map(vec![
        (Key::Integer(1), Value::Integer(-8)),
        (Key::Integer(3), Value::Text("application/rim+cbor")),
        (Key::Integer(15), claims),
    ]));
    let parts =
        [Value::Bytes(&protected), Value::Map(Vec::new()), Value::Bytes(corim), Value::Bytes(signature)];
    encode(&Value::Tag(18, Box::new(Value::Array(parts.into()))))
}

/// What the builder says about the kernel image and the golden values of a boot with it.
pub(crate) fn built(corim: &[u8], actor: &str) -> Json {
    let hex_of = |id: ObjectId| id.to_string().replace("sha256:", "");
    json!({
        "_type": provenance::STATEMENT_TYPE,
        "subject": [
            { "name": "linux.efi", "digest": { "sha256": hex_of(id("linux.efi")) } },
            { "name": "gateway.corim", "digest": { "sha256": hex_of(ObjectId::of(corim)) } },
        ],
        "predicateType": provenance::PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": { "target": "gateway" },
                "internalParameters": { "actor": format!("{actor}@builder.example") },
                "resolvedDependencies": [{
                    "uri": "git+https://git.example/firmware@refs/heads/main",
                    "digest": { "gitCommit": "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d" },
                }],
            },
            "runDetails": { "builder": { "id": BUILDER_ID }, "metadata": { "invocationId": "run 4711" } },
        },
    })
}

/// A release on its way.
#[derive(Clone)]
pub(crate) struct Play {
    pub(crate) history: History,
    pub(crate) request: Request,
    pub(crate) bundle: Bundle,
    pub(crate) reviews: Vec<Vec<u8>>,
    /// The key that the measurements are signed with.
    pub(crate) seed: u8,
    pub(crate) is_confirmed: bool,
    pub(crate) floors: Floors,
}

impl Play {
    /// What `ci` asks for: erin triggered the build.
    pub(crate) fn new(history: History) -> Self {
        static CORIM: LazyLock<Vec<u8>> = LazyLock::new(|| corim(&golden("gateway"), 1));
        Self::of(history, &CORIM, "erin")
    }

    pub(crate) fn of(history: History, corim: &[u8], actor: &str) -> Self {
        Self::with(history, corim, &built(corim, actor))
    }

    pub(crate) fn with(history: History, corim: &[u8], built: &Json) -> Self {
        let provenance = envelope(built, &[&BuilderKey::ed25519(20)]);
        let unsigned = cose(corim, &[]);
        let signed = SignedCorim::parse(&unsigned, &Limits::DEFAULT).unwrap().to_be_signed();
        let mut request = request();
        request.measurements = Some(ObjectId::of(corim));
        request.provenance = vec![ObjectId::of(&provenance)];
        request.sign[0].sha256 = ObjectId::of(&signed);
        request.sign[0].size = u64::try_from(signed.len()).unwrap();
        let bundle = Bundle {
            format: Bundle::FORMAT.to_owned(),
            request: Blob::default(),
            submission: Blob::default(),
            approvals: Vec::new(),
            companions: Vec::new(),
            provenance: vec![Blob(provenance)],
            corim: Some(Blob(unsigned)),
            signatures: Vec::new(),
        };
        let floors = Floors::new();
        Self { history, request, bundle, reviews: Vec::new(), seed: 31, is_confirmed: true, floors }
    }

    /// Every step, as it should be.
    pub(crate) fn whole(history: History) -> Self {
        let mut play = Self::new(history);
        play.all();
        play
    }

    pub(crate) fn all(&mut self) {
        self.submit("ci");
        self.approve("alice");
        self.approve("bob");
        self.finish();
    }

    pub(crate) fn finish(&mut self) {
        self.attempt();
        self.sign();
        self.publish();
    }

    pub(crate) fn id(&self) -> ObjectId {
        id_of(&self.request)
    }

    pub(crate) fn described(&self) -> Described<'_> {
        Described { id: self.id(), request: &self.request }
    }

    pub(crate) fn submission(&self, who: &str) -> Submission {
        let mut submission = Submission {
            format: Submission::FORMAT.to_owned(),
            request: self.id(),
            by: name(who),
            signature: String::new(),
        };
        let text = Text::submission(&submission, self.described()).unwrap();
        submission.signature = armored::<Submission>(&signer(who), &text);
        submission
    }

    pub(crate) fn submit(&mut self, who: &str) -> u64 {
        self.bundle.request = Blob(bytes(&self.request));
        let submission = self.submission(who);
        self.bundle.submission = Blob(bytes(&submission));
        self.history.keep(&self.request);
        let submission = self.history.keep(&submission);
        self.history.write(Event::Submitted { submission, request: self.id() })
    }

    pub(crate) fn approve(&mut self, who: &str) -> u64 {
        let approval = approval(who, &[&self.request]);
        self.hand_in(&approval)
    }

    pub(crate) fn hand_in(&mut self, approval: &Approval) -> u64 {
        self.bundle.approvals.push(Blob(bytes(approval)));
        let requests = approval.requests.clone();
        let approval = self.history.keep(approval);
        self.history.write(Event::Approved { approval, requests })
    }

    pub(crate) fn attempt(&mut self) -> u64 {
        self.history.write(Event::Attempted { request: self.id() })
    }

    /// What the signer makes.
    pub(crate) fn made(&mut self) {
        let unsigned = self.bundle.corim.clone().unwrap();
        let parsed = SignedCorim::parse(&unsigned.0, &Limits::DEFAULT).unwrap();
        let signature = Machine::new(self.seed).sign(&parsed.to_be_signed());
        self.bundle.corim = Some(Blob(cose(parsed.payload(), &signature)));
        self.bundle.signatures = vec![Signature { signature: Blob(signature.to_vec()), signed: None }];
    }

    pub(crate) fn sign(&mut self) -> u64 {
        self.made();
        let signatures = self.bundle.signatures_id();
        self.history.write(Event::Signed { request: self.id(), signatures })
    }

    pub(crate) fn publish(&mut self) -> u64 {
        let bundle = self.history.keep(&self.bundle);
        self.history.write(Event::Published { request: self.id(), bundle })
    }

    pub(crate) fn review(&mut self, who: &str) -> u64 {
        self.review_with(who, &signer(who))
    }

    /// The same with any key.
    pub(crate) fn review_with(&mut self, who: &str, key: &Signer) -> u64 {
        let mut review = ReviewStatement {
            format: ReviewStatement::FORMAT.to_owned(),
            authority: self.request.authority,
            request: self.id(),
            finding: words("It was right"),
            by: name(who),
            signature: String::new(),
        };
        let text = Text::review(&review, self.described()).unwrap();
        review.signature = armored::<ReviewStatement>(key, &text);
        self.reviews.push(bytes(&review));
        let review = self.history.keep(&review);
        self.history.write(Event::Reviewed { review, request: self.id() })
    }

    /// An emergency on the same way.
    pub(crate) fn emergency(mut self) -> Self {
        (self.request.kind, self.request.channel) = (RequestKind::Emergency, name("urgent"));
        self
    }

    fn now(&self, clock: u64) -> Now {
        Now { clock: at(clock), is_confirmed: self.is_confirmed }
    }

    /// What a verifier says at this time.
    pub(crate) fn weighed_at(&self, clock: u64) -> Result<Release, Vec<Failure>> {
        let view = self.history.view().unwrap();
        let by =
            Weighing { view: &view, now: self.now(clock), floors: &self.floors, limits: &Limits::DEFAULT };
        let reviews: Vec<&[u8]> = self.reviews.iter().map(Vec::as_slice).collect();
        evaluate::evaluate(&bytes(&self.bundle), &reviews, &by)
    }

    pub(crate) fn weighed(&self) -> Result<Release, Vec<Failure>> {
        self.weighed_at(self.history.clock)
    }

    /// The codes of what a verifier finds wrong just after the last leaf.
    pub(crate) fn wrong(&self) -> Vec<&'static str> {
        self.weighed().err().unwrap_or_default().iter().map(Failure::code).collect()
    }

    pub(crate) fn wrong_at(&self, clock: u64) -> Vec<&'static str> {
        self.weighed_at(clock).err().unwrap_or_default().iter().map(Failure::code).collect()
    }

    /// What the signer says now.
    pub(crate) fn quorate(&self) -> Result<Quorate, Vec<Failure>> {
        self.quorate_at(self.history.clock)
    }

    pub(crate) fn quorate_at(&self, clock: u64) -> Result<Quorate, Vec<Failure>> {
        let view = self.history.view().unwrap();
        let by =
            Weighing { view: &view, now: self.now(clock), floors: &self.floors, limits: &Limits::DEFAULT };
        evaluate::quorate(&bytes(&self.bundle), &by)
    }
}

/// All releases of a log, as a verifier that knows nothing else sees them.
pub(crate) fn catalogue(history: &History, clock: u64) -> Catalogue {
    let now = Now { clock: at(clock), is_confirmed: true };
    let view = history.view().unwrap();
    Catalogue::load(&view, &history.objects, &Floors::new(), now, &Limits::DEFAULT)
}
