//! The files of an exported release that say again what the log and its objects say: for other people's tools, and each to be held against the log.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use attest_core::release::bundle::Bundle;
use attest_core::release::object;
use attest_core::release::request::Request;
use attest_core::release::statement::{Approval, Described, ReviewStatement, Revocation, Statement, Text};
use attest_core::release::view::{Mark, Place};
use attest_core::release::{ObjectId, ssh};

use super::bare;
use crate::cli::input::read_file;
use crate::cli::release::known::Known;
use crate::cli::release::source::Source;
use crate::cli::release::{bytes, gates, policy};
use crate::cli::{Failure, printable};

/// What people read the request's policy in; the same words may be laid out in another way.
const POLICY: &str = "policy.toml";
/// How the names of these files begin. What else stands in a folder is no evidence.
const NAMES: [&str; 9] = [
    "approval-",
    "golden.",
    "key-",
    "policy.",
    "provenance-",
    "review-",
    "revocation",
    "signature-",
    "signed-",
];

/// Files by their names, and what README.md tells of them.
pub(super) struct Copies {
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) signed: Vec<Signed>,
    /// Commands that check bare signatures.
    pub(super) bare: Vec<String>,
    pub(super) revocation: Option<Revocation>,
}

impl Copies {
    /// Those of a request and its release. Equal logs and objects make equal files.
    pub(super) fn of(known: &mut Known, id: ObjectId) -> Result<Self, Failure> {
        let bundle = known.bundle(id)?;
        let mut files = BTreeMap::new();
        let mut put = |name: &str, bytes: &[u8]| drop(files.insert(name.to_owned(), bytes.to_vec()));
        put("request.cbor", &bundle.request.0);
        put("bundle.cbor", &bytes(&bundle)?);
        let policy = known.request(id)?.policy;
        if let Some(policy) = known.object(policy)? {
            put("policy.cbor", policy);
        }
        if let Some(policy) = known.view.policy() {
            put("log.key", format!("{}\n", policy.document().log.key).as_bytes());
        }
        if let Some(corim) = &bundle.corim {
            put("golden.corim.cose", &corim.0);
        }
        for (envelope, number) in bundle.provenance.iter().zip(1..) {
            put(&format!("provenance-{number}.dsse.json"), &envelope.0);
        }
        let revoked = known.view.revoked(&id).cloned();
        let revocation = revoked.as_ref().and_then(|it| known.read_object::<Revocation>(it.revocation).ok());
        if let Some(revocation) = &revocation {
            put("revocation.cbor", &bytes(revocation)?);
        }
        put(POLICY, request_policy(known, id)?.as_bytes());
        let signed = statements(known, id, &bundle, revocation.as_ref(), &mut files)?;
        let bare = bare::signatures(known, id, &bundle, &mut files)?;
        Ok(Self { files, signed, bare, revocation })
    }
}

/// What in an exported folder is not as its log has it, in words: files that were changed, that are missing, and that belong to nothing.
///
/// # Errors
/// [`Failure`]: the folder's log cannot be read, or has no such request.
pub(in crate::cli) fn differing(
    folder: &Path,
    pin: ObjectId,
    id: ObjectId,
    most: usize,
) -> Result<Vec<String>, Failure> {
    let mut known = Known::read(pin, Source::folder(folder)?)?;
    let expected = Copies::of(&mut known, id)?.files;
    let mut told = Vec::new();
    for (name, bytes) in &expected {
        let path = folder.join(name);
        if !path.exists() {
            told.push(format!("{name} is missing"));
        } else if read_file(&path, most)? != *bytes && !(name == POLICY && is_same_policy(&path, bytes)) {
            told.push(format!("{name} is not what the log has"));
        }
    }
    let unreadable = |error| Failure::usage("file_unreadable", format!("{}: {error}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
        if NAMES.iter().any(|begin| name.starts_with(begin)) && !expected.contains_key(&name) {
            told.push(format!("{} belongs to nothing in the log", printable(&name)));
        }
    }
    told.sort();
    Ok(told)
}

/// Whether the file says the same as this text.
fn is_same_policy(path: &Path, text: &[u8]) -> bool {
    let expected = core::str::from_utf8(text).ok().and_then(|text| toml::from_str(text).ok());
    expected.is_some_and(|expected| policy::from_toml(path, &attest_core::Limits::DEFAULT) == Ok(expected))
}

/// Each approval and review as `ssh-keygen -Y verify` takes it: the text, the signature, and whose keys signed.
fn statements(
    known: &mut Known,
    id: ObjectId,
    bundle: &Bundle,
    revocation: Option<&Revocation>,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<Vec<Signed>, Failure> {
    let limits = known.limits;
    let request = |bytes: &[u8]| Request::parse(bytes, &limits).map_err(|e| Failure::malformed(e.code(), e));
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
    let mut names: BTreeMap<String, u32> = BTreeMap::new();
    for signed in &mut all {
        // Who said more than one thing.
        let count = names.entry(signed.file.clone()).or_default();
        *count = count.saturating_add(1);
        if *count > 1 {
            signed.file = format!("{}-{count}", signed.file);
        }
        files.insert(format!("{}.txt", signed.file), signed.text.clone().into_bytes());
        files.insert(format!("{}.txt.sig", signed.file), signed.signature.clone().into_bytes());
        if let Ok(signature) = ssh::Signature::parse(&signed.signature, &limits) {
            signers.insert(format!("{} {}\n", signed.by, signature.key().to_line()));
        }
    }
    files.insert("allowed_signers".to_owned(), signers.into_iter().collect::<String>().into_bytes());
    Ok(all)
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
        Some(policy) => policy::to_toml(policy.document()),
        None => Ok("# the log never followed the policy that the request names\n".to_owned()),
    }
}
