//! A request that is quorate, a signer that may fail anywhere, and what came of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use attest_core::Limits;
use attest_core::evidence::tcg_log::EventLog;
use attest_core::reference::corim::profile;
use attest_core::reference::golden::Evidence;
use attest_core::reference::learn::{Boot, Choices, learn};
use attest_core::release::dsse::pre_authentication_encoding;
use attest_core::release::form::{ReleaseKey, Scheme, authenticode, corim};
use attest_core::release::leaf::{Event, Leaf};
use attest_core::release::policy::{PolicyDocument, Purpose};
use attest_core::release::request::{Request, ToSign};
use attest_core::release::{ObjectId, object, provenance};
use attest_server::hsm::{Error as HsmError, Holder};
use attest_server::server::Running;
use attest_server::signing::{Authority, Error, Names, Remote, Report, Signing, Unreached};
use attest_server::witness;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::client::Client;
use crate::organisation::{bytes, encoded, id_of, key_of, request};
use crate::site::Site;

pub(crate) const LIMITS: &Limits = &Limits::DEFAULT;
/// The key's name in the policy.
pub(crate) const KEY: &str = "gateway-corim";
pub(crate) const URI: &str = "pkcs11:token=release;object=gateway-corim";

fn pair() -> EcdsaKeyPair {
    let pkcs8 = include_bytes!("../../../tests/fixtures/keys/p256.pk8");
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &SystemRandom::new()).unwrap()
}

/// The SubjectPublicKeyInfo of the key that the tests' own token has.
pub(crate) fn spki() -> Vec<u8> {
    let prefix = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
    [&prefix, pair().public_key().as_ref()].concat()
}

/// The key as the policy has it.
pub(crate) fn release_key(spki: &[u8]) -> ReleaseKey {
    ReleaseKey::new(spki, Purpose::Corim, None).unwrap()
}

/// What a token does with one question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Does {
    /// Signs.
    Signs,
    /// Signs, and its answer is lost.
    Breaks,
    /// Is not there, and does not sign.
    IsAway,
    /// Signs something else.
    Lies,
}

/// A token that counts.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) script: Arc<Mutex<Vec<Does>>>,
    pub(crate) calls: Arc<AtomicUsize>,
    pub(crate) messages: Arc<Mutex<Vec<Vec<u8>>>>,
    pub(crate) is_development: bool,
}

impl Token {
    pub(crate) fn new(script: &[Does]) -> Self {
        Self {
            script: Arc::new(Mutex::new(script.to_vec())),
            calls: Arc::default(),
            messages: Arc::default(),
            is_development: false,
        }
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Holder for Token {
    fn sign(&mut self, uri: &str, key: &ReleaseKey, to_be_signed: &[u8]) -> Result<Vec<u8>, HsmError> {
        assert_eq!(uri, URI);
        let mut script = self.script.lock().unwrap();
        let does = if script.is_empty() { Does::Signs } else { script.remove(0) };
        if does == Does::IsAway {
            return Err(HsmError::Unavailable("pulled out".to_owned()));
        }
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.messages.lock().unwrap().push(to_be_signed.to_vec());
        let signature = match key.scheme() {
            Scheme::Ed25519 => key_of(33).sign(to_be_signed).as_ref().to_vec(),
            _ => pair().sign(&SystemRandom::new(), to_be_signed).unwrap().as_ref().to_vec(),
        };
        assert!(key.verifies(to_be_signed, &signature));
        match does {
            Does::Breaks => Err(HsmError::InTheMiddle("CKR_DEVICE_ERROR".to_owned())),
            Does::Lies => Err(HsmError::SignatureInvalid),
            Does::Signs | Does::IsAway => Ok(signature),
        }
    }

    fn check(&mut self, _: &str, _: &ReleaseKey) -> Result<(), HsmError> {
        Ok(())
    }

    fn used(&mut self) -> Option<u64> {
        u64::try_from(self.calls()).ok()
    }

    fn is_development(&self) -> bool {
        self.is_development
    }
}

/// Where the connection to the service breaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Breaks {
    BeforeAttempt,
    AfterAttempt,
    BeforeSigned,
    AfterSigned,
}

/// The service, with a connection that breaks once.
pub(crate) struct Wire {
    remote: Remote,
    breaks: Option<Breaks>,
}

impl Wire {
    fn breaks(&mut self, here: Breaks) -> Result<(), Unreached> {
        if self.breaks == Some(here) {
            self.breaks = None;
            return Err(Unreached("the connection broke".to_owned()));
        }
        Ok(())
    }
}

impl Authority for Wire {
    fn checkpoint(&mut self) -> Result<Vec<u8>, Unreached> {
        self.remote.checkpoint()
    }

    fn leaves(&mut self, first: u64) -> Result<Vec<Vec<u8>>, Unreached> {
        self.remote.leaves(first)
    }

    fn object(&mut self, id: &ObjectId) -> Result<Option<Vec<u8>>, Unreached> {
        self.remote.object(id)
    }

    fn attempt(&mut self, request: &ObjectId, number: u32) -> Result<(), Unreached> {
        self.breaks(Breaks::BeforeAttempt)?;
        self.remote.attempt(request, number)?;
        self.breaks(Breaks::AfterAttempt)
    }

    fn signed(&mut self, request: &ObjectId, signatures: &[Vec<u8>]) -> Result<(), Unreached> {
        self.breaks(Breaks::BeforeSigned)?;
        self.remote.signed(request, signatures)?;
        self.breaks(Breaks::AfterSigned)
    }
}

/// Everything that a request needs around it.
pub(crate) struct Stage {
    pub(crate) site: Site,
    pub(crate) server: Running,
    _witness: witness::Running,
    certificate: (PathBuf, PathBuf),
}

/// An unsigned CoRIM of the family's golden values.
pub(crate) fn unsigned() -> Vec<u8> {
    unsigned_edition(1)
}

/// The same, one of many.
fn unsigned_edition(tag_version: u64) -> Vec<u8> {
    let log = include_bytes!("../../../tests/fixtures/boots/sb-grub/eventlog.bin");
    let log = EventLog::parse(log, LIMITS).unwrap();
    let boot = Boot { name: "b", log: &log, userspace: None, evidence: Evidence::Quoted, files: None };
    let golden = learn("gateway", &[boot], &Choices::default()).unwrap();
    profile::write(&golden, &profile::Edition { tag_version, validity: None }).unwrap()
}

/// The builder's word about the image and the golden values.
fn built(artifact: ObjectId, corim: &[u8]) -> Vec<u8> {
    let digest = |id: ObjectId| json!({ "sha256": id.to_string().replace("sha256:", "") });
    let payload = json!({
        "_type": provenance::STATEMENT_TYPE,
        "subject": [
            { "name": "linux.efi", "digest": digest(artifact) },
            { "name": "gateway.corim", "digest": digest(ObjectId::of(corim)) },
        ],
        "predicateType": provenance::PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": "https://builder.example/buildtypes/uki/v1",
                "externalParameters": {},
                "internalParameters": { "actor": "erin@builder.example" },
                "resolvedDependencies": [{
                    "uri": "git+https://git.example/firmware@refs/heads/main",
                    "digest": { "gitCommit": "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d" },
                }],
            },
            "runDetails": {
                "builder": { "id": "https://builder.example/hermetic" },
                "metadata": { "invocationId": "run 4711" },
            },
        },
    })
    .to_string();
    let signed = pre_authentication_encoding(provenance::PAYLOAD_TYPE, payload.as_bytes());
    let signature = STANDARD.encode(key_of(20).sign(&signed));
    json!({
        "payloadType": provenance::PAYLOAD_TYPE,
        "payload": STANDARD.encode(payload),
        "signatures": [{ "keyid": "", "sig": signature }],
    })
    .to_string()
    .into_bytes()
}

/// The signer's certificate and its key, as files.
pub(crate) fn certificate(site: &Site) -> (PathBuf, PathBuf) {
    use std::os::unix::fs::PermissionsExt as _;
    let (certificate, key) = site.identity(&["signer"]);
    let paths = (site.path("signer.pem"), site.path("signer.key"));
    fs::write(&paths.0, certificate).unwrap();
    fs::write(&paths.1, key).unwrap();
    fs::set_permissions(&paths.1, fs::Permissions::from_mode(0o600)).unwrap();
    paths
}

/// A second key of the family, for files, Ed25519.
pub(crate) fn file_key() -> ReleaseKey {
    let prefix = hex::decode("302a300506032b6570032100").unwrap();
    let spki = [&prefix, key_of(33).public_key().as_ref()].concat();
    ReleaseKey::new(&spki, Purpose::Cose, None).unwrap()
}

/// The same in the policy, as `gateway-cose`.
pub(crate) fn with_file_key(policy: &mut Value) {
    let mut key = policy["signing_keys"][KEY].clone();
    key["public_key"] = STANDARD.encode(file_key().spki_der()).into();
    key["purpose"] = "cose".into();
    policy["signing_keys"]["gateway-cose"] = key;
}

/// A site with this public key in the policy, and what else is told otherwise in it.
pub(crate) fn site(spki: &[u8], change: impl FnOnce(&mut Value)) -> Site {
    let mut site = Site::new(1, 1);
    let key = &mut site.policy["signing_keys"][KEY];
    key["public_key"] = STANDARD.encode(spki).into();
    key["pkcs11"] = URI.into();
    change(&mut site.policy);
    let policy = encoded::<PolicyDocument>(site.policy.clone());
    fs::write(site.path("policy-1.cbor"), &policy).unwrap();
    site.pin = ObjectId::of(&policy);
    site
}

/// A request of `ci` for this edition of the golden values, and all that travels with it.
pub(crate) fn asked_for(pin: ObjectId, tag: &str, edition: u64, key: &ReleaseKey) -> (Request, Vec<Vec<u8>>) {
    let unsigned = unsigned_edition(edition);
    let draft = corim::Draft { signer: KEY, validity: None, corim: &unsigned };
    let to_be_signed = draft.to_be_signed(key, LIMITS).unwrap();
    let mut request = request(pin, pin, tag);
    let provenance = built(request.artifacts[0].sha256, &unsigned);
    request.measurements = Some(ObjectId::of(&unsigned));
    request.provenance = vec![ObjectId::of(&provenance)];
    request.sign = vec![ToSign::new(KEY.try_into().unwrap(), Purpose::Corim, &to_be_signed)];
    (request, vec![unsigned, provenance, to_be_signed])
}

impl Stage {
    /// With this public key in the policy, and what else is told otherwise in it.
    pub(crate) async fn new(spki: &[u8], change: impl FnOnce(&mut Value)) -> Self {
        let site = site(spki, change);
        let witness = site.witness(1).await;
        let server = site.serve(site.config(false, &[witness.address()])).await;
        let certificate = certificate(&site);
        Self { site, server, _witness: witness, certificate }
    }

    pub(crate) async fn client(&self, who: &str) -> Client {
        Client::on(self.site.connect_as(&self.server, &[who]).await)
    }

    /// A request of `ci`, and all that travels with it.
    pub(crate) fn request(&self, tag: &str, key: &ReleaseKey) -> (Request, Vec<Vec<u8>>) {
        asked_for(self.site.pin, tag, 1, key)
    }

    /// Submitted and approved by these people.
    pub(crate) async fn ask(&self, request: &Request, objects: Vec<Vec<u8>>, approvers: &[&str]) {
        let mut ci = self.client("ci").await;
        let submission = crate::organisation::submission("ci", "ci", request);
        let mut last = ci.submit_with(&bytes(&submission), &bytes(request), objects).await.unwrap().index;
        for who in approvers {
            last = self.client(who).await.approve(who, request).await.unwrap().index;
        }
        self.published(last).await;
    }

    /// Once witnesses have seen this leaf.
    pub(crate) async fn published(&self, index: u64) {
        let mut client = self.client("ci").await;
        while u64::try_from(client.leaves().await.len()).unwrap() <= index {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A request for an image alone, by the same key.
    pub(crate) fn image_request(&self, image: &[u8], key: &ReleaseKey) -> (Request, Vec<Vec<u8>>) {
        let to_be_signed = authenticode::to_be_signed(image, LIMITS).unwrap();
        assert_eq!(key.purpose(), Purpose::Authenticode);
        let (mut request, objects) = self.request("image", &release_key(&spki()));
        request.measurements = None;
        request.artifacts[0].sha256 = ObjectId::of(image);
        request.artifacts[0].size = u64::try_from(image.len()).unwrap();
        let provenance = built(request.artifacts[0].sha256, &objects[0]);
        request.provenance = vec![ObjectId::of(&provenance)];
        request.sign = vec![ToSign::new(KEY.try_into().unwrap(), Purpose::Authenticode, &to_be_signed)];
        (request, vec![provenance, to_be_signed])
    }

    /// One that two people approved.
    pub(crate) async fn quorate(&self, tag: &str) -> (Request, Vec<u8>) {
        let (request, objects) = self.request(tag, &release_key(&spki()));
        let to_be_signed = objects[2].clone();
        self.ask(&request, objects, &["alice", "bob"]).await;
        (request, to_be_signed)
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.server.grpc().port())
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.site.path("signer")
    }

    /// Opens the signer anew, as after a crash, and takes turns until one ends in an error or nothing moves: the reports of the last.
    pub(crate) async fn turns(
        &self,
        token: &Token,
        breaks: Option<Breaks>,
        images: Option<PathBuf>,
    ) -> Result<Vec<Report>, Error> {
        let (url, ca, own) = (self.url(), self.site.path("servers.pem"), self.certificate.clone());
        let (folder, pin, token) = (self.folder(), self.site.pin, token.clone());
        let turns = move || {
            let names = Names { url: &url, ca: Some(&ca), own: Some((&own.0, &own.1)) };
            let wire = Wire { remote: Remote::new(names)?, breaks };
            let mut signing = Signing::open(&folder, pin, wire, Box::new(token), images)?;
            loop {
                let reports = signing.turn()?;
                if !reports.iter().any(|report| matches!(report, Report::Attempted { .. })) {
                    return Ok(reports);
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        };
        tokio::task::spawn_blocking(turns).await.unwrap()
    }

    /// The leaves that are about a request, once as many are published as there are: attempts, and what was signed.
    pub(crate) async fn logged(&self, request: &Request) -> (usize, Vec<ObjectId>) {
        // A leaf is published a moment after it was told.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let id = id_of(request);
        let (mut attempts, mut signed) = (0, Vec::new());
        for leaf in self.client("ci").await.leaves().await {
            match object::read::<Leaf>(&leaf, LIMITS).unwrap().event {
                Event::Attempted { request } if request == id => attempts += 1,
                Event::Signed { request, signatures } if request == id => signed.push(signatures),
                _ => {}
            }
        }
        (attempts, signed)
    }

    /// The signature that the log names, which is the key's over these bytes.
    pub(crate) async fn signature(
        &self,
        request: &Request,
        key: &ReleaseKey,
        to_be_signed: &[u8],
    ) -> Vec<u8> {
        let (_, signed) = self.logged(request).await;
        assert_eq!(signed.len(), 1, "one result");
        let mut client = self.client("ci").await;
        let mut object = async |id: &[u8]| {
            let asked = attest_proto::release::v1::GetObjectRequest { id: id.to_vec() };
            client.log.get_object(asked).await.unwrap().into_inner().object
        };
        let digests = object(signed[0].as_bytes()).await;
        assert_eq!(digests.len(), 32);
        let signature = object(&digests).await;
        assert!(key.verifies(to_be_signed, &signature));
        signature
    }
}

/// What a report says, in a word.
pub(crate) fn word(reports: &[Report]) -> String {
    reports
        .iter()
        .map(|report| match report {
            Report::Attempted { .. } => "attempted".to_owned(),
            Report::Failed { error, .. } => error.code().to_owned(),
            Report::NotQuorate { failures, .. } => {
                failures.iter().map(|failure| failure.code()).collect::<Vec<_>>().join(" ")
            }
            Report::Signed { .. } => "signed".to_owned(),
        })
        .collect::<Vec<_>>()
        .join(", ")
}

/// The files of a folder and below, for looking at what was kept.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}
