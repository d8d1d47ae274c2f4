//! `attest release publish`, `verify` and `export`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use attest_core::release::bundle::Bundle;
use attest_core::release::catalogue::Floors;
use attest_core::release::evaluate::{self, Failure as Gate, Gate as Name, Release};
use attest_core::release::object;
use attest_core::release::request::Request;
use attest_core::release::statement::{Approval, Described, ReviewStatement, Statement, Text};
use attest_core::release::view::{self, Mark};
use attest_core::release::{ObjectId, ssh};
use clap::Args;
use serde_json::json;

use super::known::Known;
use super::{Desk, bytes, make_folder, short, unfit, write};
use crate::cli::{Exit, Failure, Output, Style, input, printable};

/// Flags of `publish`.
#[derive(Args, Debug)]
pub(super) struct Publish {
    /// The request
    id: String,
}

impl Publish {
    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let mut known = desk.known()?;
        let id = known.find(&self.id)?;
        let bundle = bytes(&known.bundle(id)?)?;
        let failures = weigh(&mut known, id, &bundle)?.err().unwrap_or_default();
        // All but what comes of publishing it is asked before.
        let others: Vec<&Gate> =
            failures.iter().filter(|one| **one != Gate::NotLogged { mark: Mark::Published }).collect();
        if !others.is_empty() {
            tell(&others, out);
            return Ok(Exit::Refused);
        }
        let named = ObjectId::of(&bundle);
        let at = known.remote.publish(&id, bundle)?;
        if out.wants_json() {
            out.json(&json!({ "request": id, "bundle": named, "index": at.index, "already": at.already }));
        } else {
            let done = out.paint(Style::Good, "published");
            out.line(format!("{done} {} at index {} of the log", short(&id), at.index));
        }
        Ok(Exit::Good)
    }
}

/// Flags of `verify`.
#[derive(Args, Debug)]
pub(super) struct Verify {
    /// The request whose release is weighed, or a bundle's file
    release: String,
}

impl Verify {
    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let mut known = desk.known()?;
        let file = PathBuf::from(&self.release);
        let (id, bundle) = if file.is_file() {
            let bundle = input::read_file(&file, known.limits.release_bundle_bytes)?;
            let read: Bundle = object::read(&bundle, &known.limits)
                .map_err(|error| unfit(&file, "a release's bundle", error.code(), error))?;
            (ObjectId::of(&read.request.0), bundle)
        } else {
            let id = known.find(&self.release).map_err(|failure| {
                let is_path = self.release.contains(['/', '.']);
                let missing =
                    || Failure::usage("file_unreadable", format!("{}: there is no such file", self.release));
                if is_path { missing() } else { failure }
            })?;
            let published = known.view.named(Mark::Published, &id);
            let published = published.ok_or_else(|| {
                Failure::malformed(
                    "release_not_published",
                    format!("{}: nothing was published for it", short(&id)),
                )
            })?;
            let missing = || Failure::malformed("object_missing", format!("{published} is not at hand"));
            (id, known.object(published)?.ok_or_else(missing)?.to_vec())
        };
        match weigh(&mut known, id, &bundle)? {
            Ok(release) => {
                good(&release, out);
                Ok(Exit::Good)
            }
            Err(failures) => {
                tell(&failures.iter().collect::<Vec<_>>(), out);
                Ok(Exit::Refused)
            }
        }
    }
}

fn weigh(known: &mut Known, id: ObjectId, bundle: &[u8]) -> Result<Result<Release, Vec<Gate>>, Failure> {
    let floors: Floors = known.catalogue()?.floors().clone();
    let reviews: Vec<ObjectId> =
        known.view.reviews().filter(|(request, _)| *request == id).map(|(_, review)| review).collect();
    for review in &reviews {
        known.object(*review)?;
    }
    let reviews: Vec<&[u8]> =
        reviews.iter().filter_map(|id| known.objects.get(id)).map(Vec::as_slice).collect();
    Ok(evaluate::evaluate(bundle, &reviews, &known.weighing(&floors)))
}

fn good(release: &Release, out: &mut Output) {
    let request = release.request();
    if out.wants_json() {
        let gates: Vec<&str> = Name::ALL.iter().map(|gate| gate.name()).collect();
        return out.json(&json!({
            "counts": true, "request": release.id(), "bundle": release.bundle(), "tier": release.tier().name(),
            "family": request.family, "version": request.version, "security_version": request.security_version,
            "log_index": release.published().index, "approvers": release.approvers(), "gates": gates, "failures": [],
        }));
    }
    let done = out.paint(Style::Good, "counts");
    let version = printable(request.version.as_str());
    let (tier, index) = (release.tier().name(), release.published().index);
    out.line(format!("{done}: {} {version}, tier {tier}, index {index} of the log", request.family));
    let approvers: Vec<&str> = release.approvers().iter().map(attest_core::release::Name::as_str).collect();
    out.line(format!("approved by {}", approvers.join(", ")));
    for gate in Name::ALL {
        let passed = out.paint(Style::Good, "passed");
        out.line(format!("  {:<12} {passed}", gate.name()));
    }
}

fn tell(failures: &[&Gate], out: &mut Output) {
    if out.wants_json() {
        let failures: Vec<_> = failures
            .iter()
            .map(|one| json!({ "gate": one.gate().name(), "code": one.code(), "detail": one.to_string() }))
            .collect();
        return out.json(&json!({ "counts": false, "failures": failures }));
    }
    let bad = out.paint(Style::Bad, "does not count");
    out.line(bad);
    for gate in Name::ALL {
        let own: Vec<&&Gate> = failures.iter().filter(|one| one.gate() == gate).collect();
        let style = if own.is_empty() { Style::Good } else { Style::Bad };
        let word = out.paint(style, if own.is_empty() { "passed" } else { "failed" });
        out.line(format!("  {:<12} {word}", gate.name()));
        for one in own {
            out.line(format!("    {} [{}]", printable(&one.to_string()), one.code()));
        }
    }
}

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
        let mut known = desk.known()?;
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
        put("checkpoint", &known.remote.checkpoint()?)?;
        if let Some(corim) = &bundle.corim {
            put("golden.corim.cose", &corim.0)?;
        }
        for (envelope, number) in bundle.provenance.iter().zip(1..) {
            put(&format!("provenance-{number}.dsse.json"), &envelope.0)?;
        }
        self.log(&known)?;
        self.objects(&mut known)?;
        let signed = self.statements(&mut known, id, &bundle)?;
        let put = |name: &str, bytes: &[u8]| write(&self.out.join(name), bytes);
        put("README.md", guide(&known, id, &signed).as_bytes())?;
        if out.wants_json() {
            let by = |what: &str| {
                let said = signed.iter().filter(|signed| signed.file.starts_with(what));
                said.map(|signed| signed.by.as_str()).collect::<BTreeSet<_>>()
            };
            let out_folder = self.out.display().to_string();
            out.json(&json!({ "request": id, "out": out_folder, "approvals": by("approval-"), "reviews": by("review-") }));
        } else {
            out.line(format!("{}: README.md says how others verify it", self.out.display()));
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
    fn statements(&self, known: &mut Known, id: ObjectId, bundle: &Bundle) -> Result<Vec<Signed>, Failure> {
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
            let Ok(approval) = object::read::<Approval>(&approval.0, &limits) else { continue };
            let named: Option<Vec<_>> = approval.requests.iter().map(named).collect();
            let text = named.and_then(|named| Text::approval(&approval, &named));
            all.extend(text.map(|text| Signed::new("approval", &approval, &text)));
        }
        for (_, review) in known.view.reviews().filter(|(of, _)| *of == id).collect::<Vec<_>>() {
            let Ok(review) = known.read_object::<ReviewStatement>(review) else { continue };
            let text = named(&id).and_then(|described| Text::review(&review, described));
            all.extend(text.map(|text| Signed::new("review", &review, &text)));
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
struct Signed {
    by: String,
    namespace: &'static str,
    /// Without `.txt` and `.txt.sig`.
    file: String,
    text: String,
    signature: String,
}

impl Signed {
    fn new<S: Statement>(what: &str, said: &S, text: &Text) -> Self {
        let by = said.by().to_string();
        let (file, signature) = (format!("{what}-{by}"), said.signature().to_owned());
        Self { by, namespace: S::NAMESPACE, file, text: text.as_str().to_owned(), signature }
    }
}

fn guide(known: &Known, id: ObjectId, signed: &[Signed]) -> String {
    let mut text = format!(
        "# Release {id}\n\nAuthority (the first policy, pinned out of band): {}\nLog: {} leaves, seen by witnesses at {}\n\n\
         Each check uses somebody else's tool. `allowed_signers` is made of the keys in the statements: compare it with the policy.\n\n",
        known.view.authority(),
        known.view.head().size,
        known.view.time().utc(),
    );
    text.push_str("```sh\nsha256sum request.cbor            # the release's name\nsha256sum policy.cbor             # the policy that the request names\n");
    for Signed { by, namespace, file, .. } in signed {
        text.push_str(&format!(
            "ssh-keygen -Y verify -f allowed_signers -I {by} -n {namespace} -s {file}.txt.sig < {file}.txt\n"
        ));
    }
    text.push_str("```\n\n`checkpoint` is a C2SP signed note over the tree of `leaves` (RFC 6962 hashes): any tlog client reads it.\n\n");
    text.push_str("`object` has what the leaves name. `attest verify --releases . --policy-pin AUTHORITY` judges a device's evidence by this folder alone.\n\n");
    text.push_str("| control | evidence here |\n|---|---|\n");
    for (control, evidence) in CONTROLS {
        text.push_str(&format!("| {control} | {evidence} |\n"));
    }
    text
}

/// What auditors ask for, and where it is.
const CONTROLS: [(&str, &str); 6] = [
    (
        "OWASP NHI 2025, NHI1 improper offboarding",
        "policy.cbor: each key has a last second; leaves: suspensions and successions",
    ),
    (
        "OWASP NHI 2025, NHI5 overprivileged NHI",
        "policy.cbor: one key, one family, one purpose; the requester approves nothing",
    ),
    (
        "OWASP NHI 2025, NHI7 long-lived secrets",
        "request.cbor: the grant's window; it is spent once (leaves: attempted, signed)",
    ),
    ("OWASP NHI 2025, NHI9 NHI reuse", "policy.cbor: no key speaks for two identities"),
    (
        "NIST CSF 2.0, PR.AA-05 access permissions, least privilege, separation of duties",
        "approval-*.txt with signatures; policy.cbor: quorums",
    ),
    (
        "NIST CSF 2.0, PR.DS data security (integrity)",
        "golden.corim.cose, provenance-*.dsse.json, checkpoint",
    ),
];
