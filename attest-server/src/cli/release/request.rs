//! `attest release request`: from files to a request that its requester signed.

mod failing;
mod replaced;
mod submit;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use attest_core::Limits;
use attest_core::reference::corim::{Corim, is_cbor, profile};
use attest_core::release::dsse::Envelope;
use attest_core::release::evaluate::Failure as Gate;
use attest_core::release::form::{self, ReleaseKey};
use attest_core::release::object::Object as _;
use attest_core::release::policy::{Custody, Policy, Purpose};
use attest_core::release::request::{Artifact, Kind, Request as Object, ToSign};
use attest_core::release::statement::{Described, Submission, Text};
use attest_core::release::{Name, ObjectId, Words};
use clap::{Args, ValueEnum};
use serde_json::json;

use self::replaced::{Candidate, candidates, chosen, released};
pub(super) use self::submit::Submit;
use super::home::Home;
use super::init::purpose;
use super::known::Known;
use super::{Desk, bytes, listed, name, sign, unknown_family, words, write};
use crate::cli::verify::read_document;
use crate::cli::{Exit, Failure, Output, Style, input, printable};
use crate::clock;

const HOUR: u64 = 3_600;
/// A kernel image with its initrd has 100 MB.
const ARTIFACT_BYTES: usize = 1 << 30;

/// Flags of `request`.
#[derive(Args, Debug)]
pub(super) struct Request {
    /// For which devices
    #[arg(long, value_parser = name)]
    family: Name,
    /// By which way
    #[arg(long, value_parser = name)]
    channel: Name,
    /// What kind of request it is
    #[arg(long, value_enum, default_value_t = Way::Normal)]
    kind: Way,
    /// The release's version, as people call it
    #[arg(long, value_name = "VERSION", value_parser = words)]
    release: Words,
    /// Its security version: no device that has seen a higher one takes it back
    #[arg(long, value_name = "NUMBER")]
    security_version: u64,
    /// What is released, by the name that provenance has for it
    #[arg(long = "artifact", value_name = "NAME=FILE", value_parser = artifact)]
    artifacts: Vec<(Words, PathBuf)>,
    /// The golden values of a boot with it: a document, or an unsigned CoRIM
    #[arg(long, value_name = "FILE")]
    golden: Option<PathBuf>,
    /// A DSSE envelope that vouches for the build
    #[arg(long, value_name = "FILE")]
    provenance: Vec<PathBuf>,
    /// An artifact to be signed: `authenticode=linux.efi`, `cose=…` or `raw=…`. Golden values are signed anyway
    #[arg(long = "sign", value_name = "PURPOSE=NAME", value_parser = super::named_words)]
    sign: Vec<(String, Words)>,
    /// The request whose release it takes the place of. A rollback names one: at a terminal it asks which
    #[arg(long, value_name = "ID")]
    replaces: Option<String>,
    /// Why
    #[arg(long, value_parser = words)]
    reason: Words,
    /// For how long it may be used; as long as the channel lets it without this
    #[arg(long, value_name = "NUMBER")]
    hours: Option<u64>,
    /// The policy, where no server is to be asked
    #[arg(long, value_name = "FILE", requires = "out")]
    policy: Option<PathBuf>,
    /// Write request.cbor, submission.cbor and the objects into this folder, and hand in nothing
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Way {
    Emergency,
    Normal,
    Rollback,
}

impl Way {
    const fn kind(self) -> Kind {
        match self {
            Way::Emergency => Kind::Emergency,
            Way::Normal => Kind::Normal,
            Way::Rollback => Kind::Rollback,
        }
    }
}

fn artifact(text: &str) -> Result<(Words, PathBuf), String> {
    let (left, right) = text.split_once('=').ok_or("expected NAME=FILE")?;
    Ok((words(left).map_err(|error| error.to_string())?, PathBuf::from(right)))
}

/// What goes with a request.
#[derive(Default)]
struct Parcel {
    objects: BTreeMap<ObjectId, Vec<u8>>,
}

impl Parcel {
    fn add(&mut self, bytes: Vec<u8>) -> ObjectId {
        let id = ObjectId::of(&bytes);
        self.objects.insert(id, bytes);
        id
    }
}

impl Request {
    pub(super) const fn hands_in(&self) -> bool {
        self.out.is_none()
    }

    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let limits = Limits::DEFAULT;
        let home = desk.home()?;
        let mut known = if self.policy.is_none() { Some(desk.known(out)?) } else { None };
        let read = self.policy.as_deref().map(|path| super::policy::read(path, &limits)).transpose()?;
        let earlier = match &mut known {
            Some(known) if self.names_none() || self.replaces.is_some() => candidates(known, &self.family)?,
            _ => Vec::new(),
        };
        let catalogue = known.as_mut().map(Known::catalogue).transpose()?;
        let policy = match (&known, &read) {
            (Some(known), _) => known.policy()?,
            (None, Some(policy)) => policy,
            (None, None) => return Err(Failure::fault("policy_missing", "neither asked for nor read")),
        };
        let mut parcel = Parcel::default();
        let request = self.object(&home, desk, policy, (known.as_ref(), &earlier), &mut parcel, &limits)?;
        let encoded = bytes(&request)?;
        let id = ObjectId::of(&encoded);
        Object::parse(&encoded, &limits).map_err(|error| Failure::usage(error.code(), error))?;
        let failing = failing::of(policy, catalogue.as_deref(), &request, &parcel.objects, &limits);
        // At once, and not when people are to approve it.
        for (code, detail) in failing.iter().filter(|_| !out.wants_json()) {
            eprintln!("it cannot count as it stands: {} [{code}]", printable(detail));
        }
        let failing: Vec<_> =
            failing.iter().map(|(code, detail)| json!({ "code": code, "detail": detail })).collect();
        let mut submission = Submission {
            format: Submission::FORMAT.to_owned(),
            request: id,
            by: request.requester.clone(),
            signature: String::new(),
        };
        let described = Described { id, request: &request };
        let text = Text::submission(&submission, described)
            .ok_or_else(|| Failure::fault("submission", "the text is of another request"))?;
        let key = home.signing_key(desk.key.as_deref())?;
        let policies = known.as_ref().map_or_else(|| Ok(vec![policy]), Known::policies)?;
        submission.signature = sign::sign_as::<Submission>(&policies, &submission.by, &key, &text)?;
        let submission = bytes(&submission)?;
        match (self.out, known) {
            (Some(folder), _) => keep(&folder, &encoded, &submission, &parcel)?,
            (None, Some(known)) => {
                let objects = parcel.objects.into_values().collect();
                let at = known.server()?.submit(submission, encoded, objects)?;
                if out.wants_json() {
                    let (index, already) = (at.index, at.already);
                    out.json(
                        &json!({ "request": id, "index": index, "already": already, "failing": failing }),
                    );
                    return Ok(Exit::Good);
                }
                let id = out.paint(Style::Strong, id);
                out.line(format!("asked for {id} at index {} of the log", at.index));
                return Ok(Exit::Good);
            }
            (None, None) => {}
        }
        if out.wants_json() {
            out.json(&json!({ "request": id, "failing": failing }));
        } else {
            let id = out.paint(Style::Strong, id);
            out.line(format!("{id} is written down, and not handed in: `attest release submit`"));
        }
        Ok(Exit::Good)
    }

    fn object(
        &self,
        home: &Home,
        desk: &Desk,
        policy: &Policy,
        released: (Option<&Known>, &[Candidate]),
        parcel: &mut Parcel,
        limits: &Limits,
    ) -> Result<Object, Failure> {
        let unknown = || {
            let Some(family) = policy.family(&self.family) else {
                return unknown_family(policy, &self.family);
            };
            let there = listed(family.channels.keys());
            let detail = format!("no channel `{}` of `{}`; it has {there}", self.channel, self.family);
            Failure::usage("channel_unknown", detail)
        };
        let channel = policy.channel(&self.family, &self.channel).ok_or_else(unknown)?;
        let kind = self.kind.kind();
        if !kind.comes_by(channel.tier) {
            let gate = Gate::KindUnfit { kind, tier: channel.tier };
            let detail = format!("--kind, --channel {}: {gate}", self.channel);
            return Err(Failure::usage(gate.code(), detail));
        }
        let now = clock::now();
        let seconds = self.hours.map_or(channel.request_seconds, |hours| hours.saturating_mul(HOUR));
        if seconds == 0 || seconds > channel.request_seconds {
            let most = channel.request_seconds / HOUR;
            let detail = format!("--hours: expected 1 to {most}, which is what `{}` gives", self.channel);
            return Err(Failure::usage("usage", detail));
        }
        let mut request = Object {
            format: Object::FORMAT.to_owned(),
            authority: home.authority,
            policy: policy.id(),
            family: self.family.clone(),
            channel: self.channel.clone(),
            kind,
            version: self.release.clone(),
            security_version: self.security_version,
            artifacts: Vec::new(),
            measurements: None,
            provenance: Vec::new(),
            sign: Vec::new(),
            replaces: self.replaces(released)?,
            reason: self.reason.clone(),
            not_before: now,
            not_after: now.plus(seconds),
            requester: home.who(desk.by.as_ref())?,
        };
        self.artifacts(policy, &mut request, parcel, limits)?;
        for path in &self.provenance {
            request.provenance.push(parcel.add(provenance(path, limits)?));
        }
        if let Some(path) = &self.golden {
            let corim = corim(path, &self.family, limits)?;
            let (called, custody, key) = self.key(policy, Purpose::Corim)?;
            let draft = form::corim::Draft { signer: self.family.as_str(), validity: None, corim: &corim };
            let signed = draft.to_be_signed(&key, limits);
            let signed = signed.map_err(|e| Failure::usage(e.code(), e).about(path))?;
            request.sign.push(ToSign::new(called, Purpose::Corim, custody, &signed));
            request.measurements = Some(parcel.add(corim));
            parcel.add(signed);
        }
        Ok(request)
    }

    /// A rollback that does not say which release it takes the place of.
    fn names_none(&self) -> bool {
        self.kind == Way::Rollback && self.replaces.is_none()
    }

    fn replaces(
        &self,
        (known, earlier): (Option<&Known>, &[Candidate]),
    ) -> Result<Option<ObjectId>, Failure> {
        match (&self.replaces, known) {
            (None, Some(_)) if self.names_none() => chosen(&self.family, earlier).map(Some),
            (None, None) if self.names_none() => {
                let gate = Gate::ReplacesNothing;
                let detail =
                    format!("--kind rollback: {gate}; without a server, give --replaces all of its id");
                Err(Failure::usage(gate.code(), detail))
            }
            (None, _) => Ok(None),
            (Some(id), Some(known)) => released(&self.family, known.find(id)?, earlier).map(Some),
            (Some(id), None) => ObjectId::from_text(id).map(Some).ok_or_else(|| {
                Failure::usage("request_unknown", "without a server, --replaces needs all of the id")
            }),
        }
    }

    fn artifacts(
        &self,
        policy: &Policy,
        request: &mut Object,
        parcel: &mut Parcel,
        limits: &Limits,
    ) -> Result<(), Failure> {
        let mut files = BTreeMap::new();
        for (called, path) in &self.artifacts {
            let file = input::read_file(path, ARTIFACT_BYTES)?;
            request.artifacts.push(Artifact {
                name: called.clone(),
                version: self.release.clone(),
                size: u64::try_from(file.len()).unwrap_or(u64::MAX),
                sha256: ObjectId::of(&file),
            });
            files.insert(called, file);
        }
        for (what, called) in &self.sign {
            let purpose = purpose(what)?;
            let missing =
                || Failure::usage("artifact_unknown", format!("there is no artifact `{called}` to sign"));
            let file = files.get(called).ok_or_else(missing)?;
            let (key_name, custody, key) = self.key(policy, purpose)?;
            let unfit = |error: form::Error| Failure::usage(error.code(), error);
            let signed = match purpose {
                Purpose::Authenticode => form::authenticode::to_be_signed(file, limits).map_err(unfit)?,
                Purpose::Cose => {
                    form::cose::envelope(&key, None, None, &ObjectId::of(file)).map_err(unfit)?
                }
                Purpose::Raw => file.clone(),
                Purpose::Corim | Purpose::Root => {
                    return Err(Failure::usage(
                        "purpose_unknown",
                        format!("an artifact is not signed for {what}"),
                    ));
                }
            };
            request.sign.push(ToSign::new(key_name, purpose, custody, &signed));
            parcel.add(signed);
        }
        Ok(())
    }

    /// The family's key for this, now, and where it is kept.
    fn key(&self, policy: &Policy, purpose: Purpose) -> Result<(Name, Custody, ReleaseKey), Failure> {
        let now = clock::now();
        let fits = |key: &attest_core::release::policy::SigningKey| {
            key.family.as_ref() == Some(&self.family)
                && key.purpose == purpose
                && key.from <= now
                && now <= key.until
        };
        let found = policy.document().signing_keys.iter().find(|(_, key)| fits(key));
        let missing = || {
            Failure::usage("key_missing", format!("`{}` has no key for {} now", self.family, purpose.name()))
        };
        let (called, key) = found.ok_or_else(missing)?;
        let release_key = ReleaseKey::try_from(key).map_err(|error| Failure::usage(error.code(), error))?;
        Ok((called.clone(), key.custody, release_key))
    }
}

/// The build's provenance in this file. Whose word it is and what it says, the channel's rule asks; what is no envelope nobody can have signed.
fn provenance(path: &Path, limits: &Limits) -> Result<Vec<u8>, Failure> {
    let expected = "the build's provenance, a DSSE envelope in JSON (`payload`, `payloadType`, `signatures`)";
    let bytes = input::read_given("provenance", path, expected, limits.provenance_bytes)?;
    match Envelope::parse(&bytes, limits) {
        Ok(_) => Ok(bytes),
        Err(error) => {
            let detail = format!("--provenance {}: {error}; expected {expected}", path.display());
            Err(Failure::usage(error.code(), detail))
        }
    }
}

/// The unsigned CoRIM in this file, or of the golden document in it, if it is of this family: what can never count is not asked for.
fn corim(path: &Path, family: &Name, limits: &Limits) -> Result<Vec<u8>, Failure> {
    let unfit = |code: &str, error: &dyn std::fmt::Display| Failure::usage(code, error).about(path);
    let file = input::read_file(path, limits.golden_bytes)?;
    let file = if is_cbor(&file) {
        file
    } else {
        let document = read_document(path, limits)?;
        profile::write(document.golden(), &profile::Edition::default())
            .map_err(|error| unfit(error.code(), &error))?
    };
    let corim = Corim::parse(&file, limits).map_err(|error| unfit(error.code(), &error))?;
    let golden = profile::read(&corim).map_err(|error| unfit(error.code(), &error))?;
    if golden.family != family.as_str() {
        let gate = Gate::GoldenFamilyMismatch { got: golden.family };
        return Err(unfit(gate.code(), &format!("--golden, --family {family}: {gate}")));
    }
    Ok(file)
}

fn keep(folder: &Path, request: &[u8], submission: &[u8], parcel: &Parcel) -> Result<(), Failure> {
    let objects = folder.join("objects");
    std::fs::create_dir_all(&objects)
        .map_err(|error| Failure::usage("file_unwritable", format!("{}: {error}", objects.display())))?;
    write(&folder.join("request.cbor"), request)?;
    write(&folder.join("submission.cbor"), submission)?;
    for (id, bytes) in &parcel.objects {
        write(&objects.join(id.to_string().trim_start_matches("sha256:")), bytes)?;
    }
    Ok(())
}
