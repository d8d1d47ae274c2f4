//! A request that is quorate, a signer that may fail anywhere, and what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use attest_core::Limits;
use attest_core::release::assemble::{Said, assemble, named};
use attest_core::release::form::{ReleaseKey, authenticode};
use attest_core::release::leaf::{Event, Leaf};
use attest_core::release::policy::{Custody, PolicyDocument, Purpose};
use attest_core::release::request::{Request, ToSign};
use attest_core::release::{ObjectId, object};
use attest_proto::release::v1::{GetLeavesRequest, GetObjectRequest};
use attest_server::server::Running;
use attest_server::signing::{Error, Names, Remote, Report, Signing};
use attest_server::witness;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::KeyPair as _;
use serde_json::Value;
use tonic::Status;

use crate::asked::built;
pub(crate) use crate::asked::{asked_for, unsigned};
use crate::client::Client;
use crate::organisation::{bytes, encoded, id_of, key_of};
use crate::site::Site;
pub(crate) use crate::token::{Does, Token, release_key, spki};
pub(crate) use crate::wire::{Breaks, Wire};

pub(crate) const LIMITS: &Limits = &Limits::DEFAULT;
/// The key's name in the policy.
pub(crate) const KEY: &str = "gateway-corim";
pub(crate) const URI: &str = "pkcs11:token=release;object=gateway-corim";

/// Everything that a request needs around it.
pub(crate) struct Stage {
    pub(crate) site: Site,
    pub(crate) server: Running,
    _witness: witness::Running,
    certificate: (PathBuf, PathBuf),
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
        self.ask_in_time(request, objects, approvers).await.unwrap();
    }

    /// The same, where the time for it may be over.
    pub(crate) async fn ask_in_time(
        &self,
        request: &Request,
        objects: Vec<Vec<u8>>,
        approvers: &[&str],
    ) -> Result<(), Status> {
        let mut ci = self.client("ci").await;
        let submission = crate::organisation::submission("ci", "ci", request);
        let mut last = ci.submit_with(&bytes(&submission), &bytes(request), objects).await?.index;
        for who in approvers {
            last = self.client(who).await.approve(who, request).await?.index;
        }
        self.published(last).await;
        Ok(())
    }

    /// Once witnesses have seen all that was told: a leaf is published a moment after, and the log's own head knows it before.
    pub(crate) async fn settled(&self) {
        let head = fs::read_to_string(self.site.path("log/head")).unwrap();
        let size: u64 = head.lines().nth(1).unwrap().parse().unwrap();
        self.published(size.checked_sub(1).unwrap()).await;
    }

    /// Once witnesses have seen this leaf.
    pub(crate) async fn published(&self, index: u64) {
        let (mut client, began) = (self.client("ci").await, Instant::now());
        loop {
            // At first there is no checkpoint at all.
            let answer = client.log.get_leaves(GetLeavesRequest { first: 0, count: 1 }).await;
            if answer.is_ok_and(|answer| answer.into_inner().size > index) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(120), "nobody witnessed leaf {index}");
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
        request.sign = vec![ToSign::new(
            KEY.try_into().unwrap(),
            Purpose::Authenticode,
            Custody::OnlineIntermediate,
            &to_be_signed,
        )];
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

    /// Opens the signer anew, as after a crash, once the log has all that was told, and takes turns until one ends in an error or nothing moves:
    /// the reports of the last.
    pub(crate) async fn turns(
        &self,
        token: &Token,
        breaks: Option<Breaks>,
        images: Option<PathBuf>,
    ) -> Result<Vec<Report>, Error> {
        self.settled().await;
        let (opened, token) = (self.opening(), token.clone());
        let turns = move || {
            let mut signing = opened.open(&token, breaks, images)?;
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

    /// A signer that is not opened yet.
    pub(crate) fn opening(&self) -> Opening {
        Opening {
            url: self.url(),
            ca: self.site.path("servers.pem"),
            own: self.certificate.clone(),
            folder: self.folder(),
            pin: self.site.pin,
            asked: Arc::default(),
            brings: None,
            old: None,
        }
    }

    /// A signer that runs on, with what is in this folder.
    pub(crate) fn runs(&self, folder: &Path, token: &Token, breaks: Option<Breaks>) -> Runs {
        let opening = Opening { folder: folder.to_owned(), ..self.opening() };
        opening.runs(token, breaks)
    }

    /// Publishes what was signed, as alice, once witnesses have seen that it is; the bundle's id and length.
    pub(crate) async fn publish(&self, request: &Request) -> (ObjectId, usize) {
        let mut client = self.client("alice").await;
        let said = loop {
            let said = Said::of(client.leaves().await.iter().map(Vec::as_slice), LIMITS);
            if said.of_request(&id_of(request)).is_some_and(|about| about.signatures.is_some()) {
                break said;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let (mut objects, mut asked) = (BTreeMap::new(), BTreeSet::new());
        loop {
            let named = named(id_of(request), &said, &objects, LIMITS);
            let new: Vec<ObjectId> = named.into_iter().filter(|id| asked.insert(*id)).collect();
            if new.is_empty() {
                break;
            }
            for id in new {
                let asked = GetObjectRequest { id: id.as_bytes().to_vec() };
                objects.insert(id, client.log.get_object(asked).await.unwrap().into_inner().object);
            }
        }
        let bundle = bytes(&assemble(id_of(request), &said, &objects, LIMITS).unwrap());
        let index = client.publish(request, &bundle).await.unwrap().index;
        self.published(index).await;
        (ObjectId::of(&bundle), bundle.len())
    }

    /// The leaves that are about a request, once as many are published as there are: attempts, and what was signed.
    pub(crate) async fn logged(&self, request: &Request) -> (usize, Vec<ObjectId>) {
        self.settled().await;
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
            let asked = GetObjectRequest { id: id.to_vec() };
            client.log.get_object(asked).await.unwrap().into_inner().object
        };
        let digests = object(signed[0].as_bytes()).await;
        assert_eq!(digests.len(), 32);
        let signature = object(&digests).await;
        assert!(key.verifies(to_be_signed, &signature));
        signature
    }
}

/// All that a signer is opened with, to be taken to a thread of its own.
pub(crate) struct Opening {
    url: String,
    ca: PathBuf,
    own: (PathBuf, PathBuf),
    pub(crate) folder: PathBuf,
    pin: ObjectId,
    /// Each object that it asks for.
    pub(crate) asked: Arc<Mutex<Vec<ObjectId>>>,
    /// What somebody in between answers for.
    pub(crate) brings: Option<Vec<u8>>,
    /// The checkpoint that it is served first.
    pub(crate) old: Option<Vec<u8>>,
}

/// A signer that takes one turn after the other.
pub(crate) struct Runs(Option<Signing<Wire>>);

impl Runs {
    pub(crate) fn turn(&mut self) -> Vec<Report> {
        tokio::task::block_in_place(|| self.0.as_mut().unwrap().turn()).unwrap()
    }
}

impl Drop for Runs {
    fn drop(&mut self) {
        // What its connection runs on ends with it.
        tokio::task::block_in_place(|| drop(self.0.take()));
    }
}

impl Opening {
    pub(crate) fn runs(&self, token: &Token, breaks: Option<Breaks>) -> Runs {
        Runs(Some(tokio::task::block_in_place(|| self.open(token, breaks, None)).unwrap()))
    }

    pub(crate) fn open(
        &self,
        token: &Token,
        breaks: Option<Breaks>,
        images: Option<PathBuf>,
    ) -> Result<Signing<Wire>, Error> {
        let own = Some((self.own.0.as_path(), self.own.1.as_path()));
        let remote = Remote::new(Names { url: &self.url, ca: Some(&self.ca), own })?;
        let (brings, old, asked) = (self.brings.clone(), self.old.clone(), Arc::clone(&self.asked));
        let wire = Wire { remote, breaks, brings, old, asked };
        Signing::open(&self.folder, self.pin, wire, Box::new(token.clone()), images)
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
