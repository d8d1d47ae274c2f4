//! `attest release export`: a folder that tells others where a release stands, and lets them check it with their own tools.

mod bare;
mod guide;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use attest_core::release::bundle::Bundle;
use attest_core::release::object;
use attest_core::release::request::Request;
use attest_core::release::statement::{Approval, Described, ReviewStatement, Revocation, Statement, Text};
use attest_core::release::view::{self, Mark, Place};
use attest_core::release::{ObjectId, ssh};
use clap::Args;
use serde_json::json;

use self::guide::Guide;
use super::known::Known;
use super::{Desk, bytes, gates, make_folder, write};
use crate::cli::layout::hanging;
use crate::cli::{Exit, Failure, Output, printable};

/// Flags of `export`.
#[derive(Args, Debug)]
pub(super) struct Export {
    /// The request
    id: String,
    /// The folder to make
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

impl Export {
    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let mut known = desk.known(out)?;
        let id = known.find(&self.id)?;
        let bundle = known.bundle(id)?;
        // What is there of another release would be taken for this one's.
        make_folder(&self.out)?;
        let put = |name: &str, bytes: &[u8]| write(&self.out.join(name), bytes);
        put("request.cbor", &bundle.request.0)?;
        put("bundle.cbor", &bytes(&bundle)?)?;
        let policy = known.request(id)?.policy;
        if let Some(policy) = known.object(policy)? {
            put("policy.cbor", policy)?;
        }
        // That of these leaves: the log may have grown since.
        put("checkpoint", &known.checkpoint)?;
        if let Some(policy) = known.view.policy() {
            put("log.key", format!("{}\n", policy.document().log.key).as_bytes())?;
        }
        put("checkpoint.go", include_bytes!("export/checkpoint.go"))?;
        if let Some(corim) = &bundle.corim {
            put("golden.corim.cose", &corim.0)?;
        }
        for (envelope, number) in bundle.provenance.iter().zip(1..) {
            put(&format!("provenance-{number}.dsse.json"), &envelope.0)?;
        }
        self.log(&known)?;
        self.objects(&mut known)?;
        let revoked = known.view.revoked(&id).cloned();
        let revocation = revoked.as_ref().and_then(|it| known.read_object::<Revocation>(it.revocation).ok());
        if let Some(revocation) = &revocation {
            write(&self.out.join("revocation.cbor"), &bytes(revocation)?)?;
        }
        let readable = request_policy(&mut known, id)?;
        write(&self.out.join("policy.toml"), readable.as_bytes())?;
        let signed = self.statements(&mut known, id, &bundle, revocation.as_ref())?;
        let told = Guide::of(&mut known, id, revocation.as_ref())?;
        let bare = bare::signatures(&mut known, id, &bundle, &self.out)?;
        write(&self.out.join("README.md"), told.text(&known, id, &signed, &bare).as_bytes())?;
        if out.wants_json() {
            let by = |what: &str| {
                let said = signed.iter().filter(|signed| signed.file.starts_with(what));
                said.map(|signed| signed.by.as_str()).collect::<BTreeSet<_>>()
            };
            let out_folder = self.out.display().to_string();
            out.json(&json!({ "request": id, "out": out_folder, "approvals": by("approval-"), "reviews": by("review-"),
                             "standing": told.standing, "revoked": revoked.is_some() }));
        } else {
            out.line(format!("{}: README.md says how others verify it", self.out.display()));
            hanging(out, "standing  ", 10, &printable(&told.standing));
            let (folder, pin) = (self.out.display(), known.view.authority());
            out.line("verify it offline:");
            out.line(format!("attest audit verify --folder {folder} --policy-pin {pin}"));
        }
        Ok(Exit::Good)
    }

    /// Every leaf, so that the root can be computed again.
    fn log(&self, known: &Known) -> Result<(), Failure> {
        let folder = self.out.join("leaves");
        std::fs::create_dir_all(&folder).map_err(|error| Failure::usage("file_unwritable", error))?;
        for (leaf, index) in known.leaves.iter().zip(0_u64..) {
            write(&folder.join(format!("{index:08}.cbor")), &bytes(leaf)?)?;
        }
        Ok(())
    }

    /// What a replay of the leaves wants, and the releases of the family: by them `attest verify --releases` judges a device without a network.
    fn objects(&self, known: &mut Known) -> Result<(), Failure> {
        let id = known.find(&self.id)?;
        let family = known.request(id)?.family;
        let mut wanted: BTreeMap<ObjectId, Vec<u8>> = BTreeMap::new();
        for leaf in &known.leaves {
            while let Some(id) = view::missing(&leaf.event, &wanted, &known.limits) {
                let bytes = known
                    .objects
                    .get(&id)
                    .ok_or_else(|| Failure::malformed("object_missing", format!("{id} is not at hand")))?;
                wanted.insert(id, bytes.clone());
            }
        }
        let mut others: Vec<ObjectId> = known.view.reviews().map(|(_, review)| review).collect();
        let published: Vec<(ObjectId, ObjectId)> =
            known.view.published().map(|(request, _, bundle)| (request, bundle)).collect();
        for (request, bundle) in published {
            others.push(request);
            // Other families' releases say nothing of this one.
            if known.request(request).is_ok_and(|request| request.family == family) {
                others.push(bundle);
            }
        }
        for id in others {
            if let Some(bytes) = known.object(id)? {
                wanted.insert(id, bytes.to_vec());
            }
        }
        let folder = self.out.join("object");
        std::fs::create_dir_all(&folder).map_err(|error| Failure::usage("file_unwritable", error))?;
        wanted.iter().try_for_each(|(id, bytes)| write(&folder.join(hex::encode(id.as_bytes())), bytes))
    }

    /// Each approval and review as `ssh-keygen -Y verify` takes it: the text, the signature, and whose keys signed.
    fn statements(
        &self,
        known: &mut Known,
        id: ObjectId,
        bundle: &Bundle,
        revocation: Option<&Revocation>,
    ) -> Result<Vec<Signed>, Failure> {
        let limits = known.limits;
        let request =
            |bytes: &[u8]| Request::parse(bytes, &limits).map_err(|e| Failure::malformed(e.code(), e));
        let mut described = vec![(id, request(&bundle.request.0)?)];
        for companion in &bundle.companions {
            described.push((ObjectId::of(&companion.0), request(&companion.0)?));
        }
        let named = |id: &ObjectId| {
            let (id, request) = described.iter().find(|(known, _)| known == id)?;
            Some(Described { id: *id, request })
        };
        let mut all = Vec::new();
        for approval in &bundle.approvals {
            let place = known.view.place(Mark::Approved, &ObjectId::of(&approval.0));
            let Ok(approval) = object::read::<Approval>(&approval.0, &limits) else { continue };
            let named: Option<Vec<_>> = approval.requests.iter().map(named).collect();
            let text = named.and_then(|named| Text::approval(&approval, &named));
            all.extend(text.map(|text| Signed::new("approval", &approval, &text, place)));
        }
        for (_, review) in known.view.reviews().filter(|(of, _)| *of == id).collect::<Vec<_>>() {
            let place = known.view.place(Mark::Reviewed, &review);
            let Ok(review) = known.read_object::<ReviewStatement>(review) else { continue };
            let text = named(&id).and_then(|described| Text::review(&review, described));
            all.extend(text.map(|text| Signed::new("review", &review, &text, place)));
        }
        if let Some(revocation) = revocation {
            let place = known.view.revoked(&id).map(|it| it.place);
            all.push(Signed::new("revocation", revocation, &Text::revocation(revocation), place));
        }
        let mut signers = BTreeSet::new();
        let mut files: BTreeMap<String, u32> = BTreeMap::new();
        for signed in &mut all {
            // Who said more than one thing.
            let count = files.entry(signed.file.clone()).or_default();
            *count = count.saturating_add(1);
            if *count > 1 {
                signed.file = format!("{}-{count}", signed.file);
            }
            write(&self.out.join(format!("{}.txt", signed.file)), signed.text.as_bytes())?;
            write(&self.out.join(format!("{}.txt.sig", signed.file)), signed.signature.as_bytes())?;
            if let Ok(signature) = ssh::Signature::parse(&signed.signature, &limits) {
                signers.insert(format!("{} {}\n", signed.by, signature.key().to_line()));
            }
        }
        write(&self.out.join("allowed_signers"), signers.into_iter().collect::<String>().as_bytes())?;
        Ok(all)
    }
}

/// What somebody signed, for others to verify.
pub(super) struct Signed {
    pub(super) by: String,
    pub(super) namespace: &'static str,
    /// Without `.txt` and `.txt.sig`.
    pub(super) file: String,
    text: String,
    signature: String,
    pub(super) place: Option<Place>,
}

impl Signed {
    fn new<S: Statement>(what: &str, said: &S, text: &Text, place: Option<Place>) -> Self {
        let by = said.by().to_string();
        let (file, signature) = (format!("{what}-{by}"), said.signature().to_owned());
        Self { by, namespace: S::NAMESPACE, file, text: text.as_str().to_owned(), signature, place }
    }
}

/// The policy that the request is made under, as people read it, with the family's people as they were.
fn request_policy(known: &mut Known, id: ObjectId) -> Result<String, Failure> {
    let request = known.request(id)?;
    match gates::policy(known, id, &request) {
        Some(policy) => super::policy::to_toml(policy.document()),
        None => Ok("# the log never followed the policy that the request names\n".to_owned()),
    }
}
