//! `attest release review` and `attest release revoke`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use attest_core::release::delivery::Delivery;
use attest_core::release::key::CanonicalKey;
use attest_core::release::object::Object as _;
use attest_core::release::request::Request;
use attest_core::release::statement::{Described, ReviewStatement, Revocation, Revoked, Text};
use attest_core::release::{Name, ObjectId, Words};
use attest_core::{Limits, Timestamp};
use clap::Args;
use serde_json::json;

use super::home::Home;
use super::known::Known;
use super::people::{SUSPENSION, falls, keys_of, listed};
use super::reviewable::{Reviewable, reviewed_by};
use super::words::Change;
use super::{Desk, answer, bytes, name, short, sign, words, write};
use crate::cli::{Exit, Failure, Output, Style, input, printable};

/// Flags of `review`.
#[derive(Args, Debug)]
pub(super) struct Review {
    /// The request of the emergency release
    id: String,
    /// What was found
    #[arg(long, value_parser = words)]
    finding: Words,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Review {
    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let home = desk.home()?;
        let mut known = desk.known(out)?;
        let id = known.find(&self.id)?;
        let change = Change::read(&mut known, id)?;
        if !out.wants_json() {
            change.tell(out);
            out.flush();
        }
        let by = home.who(desk.by.as_ref())?;
        if let Some(index) = reviewed_by(&mut known, id, &by) {
            let line = format!("you already did, at index {index} of the log");
            super::policy::answer(out, json!({ "reviewed": id, "index": index, "already": true }), line);
            return Ok(Exit::Good);
        }
        Reviewable::of(&mut known, id, &change)?.by(&by)?;
        let mut review = ReviewStatement {
            format: ReviewStatement::FORMAT.to_owned(),
            authority: known.view.authority(),
            request: id,
            finding: self.finding,
            by,
            signature: String::new(),
        };
        let text = Text::review(&review, Described { id, request: &change.request })
            .ok_or_else(|| Failure::fault("review", "the text is of another request"))?;
        answer::confirm(&format!("Was it right, {}?", review.by), self.yes)?;
        let key = home.signing_key(desk.key.as_deref())?;
        review.signature = sign::sign_as::<ReviewStatement>(&known.policies()?, &review.by, &key, &text)?;
        let at = known.server()?.review(bytes(&review)?)?;
        if out.wants_json() {
            out.json(&json!({ "reviewed": id, "index": at.index, "already": at.already }));
        } else {
            let done = out.paint(Style::Good, "reviewed");
            let enough = format!("`attest release status {}` says whether that is enough", short(&id));
            out.line(format!("{done} at index {} of the log; {enough}", at.index));
        }
        Ok(Exit::Good)
    }
}

/// Flags of `revoke`.
#[derive(Args, Debug)]
pub(super) struct Revoke {
    /// The request: with it goes the release that came of it
    #[arg(required_unless_present_any = ["suspend", "control"])]
    id: Option<String>,
    /// Instead, what makes up for a family's weakness: a control, by the first digits of its id
    #[arg(long, value_name = "CONTROL", conflicts_with_all = ["id", "suspend"])]
    control: Option<String>,
    /// Instead, suspend a person's keys for 14 days
    #[arg(long, value_name = "NAME", value_parser = name, conflicts_with = "id")]
    suspend: Option<Name>,
    /// With --suspend: the first index of the log from which on they do not count; 0 where nobody knows when they were lost
    #[arg(long, value_name = "INDEX", default_value_t = 0, requires = "suspend")]
    from_index: u64,
    /// Why
    #[arg(long, value_parser = words)]
    reason: Words,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Write the statements there as well, each with the request that it is about, to be brought to verifiers by `attest release deliver`
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// The log cannot be had, or is not to be waited for: ask nobody, and write to --out alone. The id is given in full
    #[arg(long, requires = "out", conflicts_with = "suspend")]
    unlogged: bool,
    /// With --unlogged: the request's own bytes, as `request.cbor` of a release that was exported. A verifier that never read the request needs them
    #[arg(long, value_name = "FILE", requires = "unlogged", conflicts_with = "control")]
    request: Option<PathBuf>,
}

impl Revoke {
    pub(super) const fn hands_in(&self) -> bool {
        !self.unlogged
    }

    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        if self.unlogged {
            return self.write_alone(desk, out);
        }
        let home = desk.home()?;
        let mut known = desk.known(out)?;
        let by = home.who(desk.by.as_ref())?;
        let (mut what, mut falling) = (Vec::new(), Vec::new());
        if let Some(id) = &self.id {
            let id = known.find(id)?;
            if let Some(index) = self.did_already(&mut known, id, &by) {
                let line = format!("you already did, at index {index} of the log");
                super::policy::answer(out, json!({ "indices": [index], "by": by, "already": true }), line);
                return Ok(Exit::Good);
            }
            if !out.wants_json() {
                Change::read(&mut known, id)?.tell(out);
            }
            what.push((id, Revoked::Request(id)));
        }
        if let Some(prefix) = &self.control {
            let id = super::control::find(&known, prefix)?;
            what.push((id, Revoked::Control(id)));
        }
        if let Some(suspended) = &self.suspend {
            let until = known.now.plus(SUSPENSION);
            super::in_log(&known, "--from-index", self.from_index)?;
            let mut keys = keys_of(&known, suspended);
            if keys.is_empty() {
                return Err(Failure::usage("identity_unknown", format!("`{suspended}` has no key")));
            }
            let before = suspended_before(&known, &keys, self.from_index, &by)?;
            if !out.wants_json() {
                before.iter().for_each(|one| out.line(one.words()));
            }
            keys.retain(|key, _| !before.iter().any(|one| one.key == *key));
            if keys.is_empty() {
                let indices: Vec<u64> = before.iter().map(|one| one.index).collect();
                if out.wants_json() {
                    out.json(&json!({ "indices": indices, "by": by, "already": true }));
                }
                return Ok(Exit::Good);
            }
            for spki_sha256 in keys.keys().copied() {
                what.push((spki_sha256, Revoked::Key { spki_sha256, from_index: self.from_index, until }));
            }
            if !out.wants_json() {
                let (count, from) = (what.len(), self.from_index);
                let what = format!(
                    "what they said from index {from} of the log on does not count until {}",
                    until.utc()
                );
                out.line(format!("{count} key(s) of {suspended}: {what}, releases that stand on it neither"));
            }
            falling = falls(&mut known, &keys, (self.from_index, until), &by)?;
            if !out.wants_json() {
                let told = listed(&falling, "falls");
                let none = "no release that counts now falls".to_owned();
                for line in if told.is_empty() { vec![none] } else { told } {
                    out.line(format!("  {}", printable(&line)));
                }
            }
        }
        out.flush();
        answer::confirm(&format!("Take that back, {by}?"), self.yes)?;
        let key = home.signing_key(desk.key.as_deref())?;
        let mut indices = Vec::new();
        for (id, revokes) in what {
            let request = match revokes {
                Revoked::Request(id) if self.out.is_some() => known.object(id)?.map(<[u8]>::to_vec),
                _ => None,
            };
            let encoded = self.signed((id, request), revokes, &home, &by, (&key, Some(&known)))?;
            indices.push(known.server()?.revoke(encoded)?.index);
        }
        if out.wants_json() {
            let falls: Vec<ObjectId> = falling.iter().map(|(id, _)| *id).collect();
            out.json(&json!({ "indices": indices, "by": by, "falls": falls }));
        } else {
            let done = out.paint(Style::Bad, "revoked");
            let places: Vec<String> = indices.iter().map(u64::to_string).collect();
            out.line(format!("{done} at index {} of the log", places.join(", ")));
        }
        Ok(Exit::Good)
    }

    /// Where the same person took the same request back before. One that is to be written is written all the same.
    fn did_already(&self, known: &mut Known, id: ObjectId, by: &Name) -> Option<u64> {
        let withdrawn = known.view.revoked(&id).filter(|_| self.out.is_none())?;
        let (revocation, index) = (withdrawn.revocation, withdrawn.place.index);
        let said = known.read_object::<Revocation>(revocation).ok()?;
        (said.by == *by).then_some(index)
    }

    /// A revocation, signed, and written where it is to be, with the request that it is about.
    fn signed(
        &self,
        (id, request): (ObjectId, Option<Vec<u8>>),
        revokes: Revoked,
        home: &Home,
        by: &Name,
        (key, known): (&Path, Option<&Known>),
    ) -> Result<Vec<u8>, Failure> {
        let mut revocation = Revocation {
            format: Revocation::FORMAT.to_owned(),
            authority: home.authority,
            revokes,
            reason: self.reason.clone(),
            by: by.clone(),
            signature: String::new(),
        };
        let text = Text::revocation(&revocation);
        revocation.signature = match known {
            Some(known) => sign::sign_as::<Revocation>(&known.policies()?, by, key, &text)?,
            None => sign::sign::<Revocation>(key, &text)?,
        };
        let encoded = bytes(&revocation)?;
        if let Some(folder) = &self.out {
            std::fs::create_dir_all(folder).map_err(|error| Failure::usage("file_unwritable", error))?;
            let delivery = bytes(&Delivery::new(encoded.clone(), request))?;
            write(&folder.join(format!("{}.cbor", short(&id))), &delivery)?;
        }
        Ok(encoded)
    }

    /// The request in --request, which is the one of this id.
    fn brought(&self, id: ObjectId) -> Result<Option<Vec<u8>>, Failure> {
        let Some(file) = &self.request else { return Ok(None) };
        let limits = Limits::DEFAULT;
        let request = input::read_file(file, limits.release_object_bytes)?;
        Request::parse(&request, &limits)
            .map_err(|error| super::unfit(file, "a request", error.code(), error))?;
        let got = ObjectId::of(&request);
        if got == id {
            return Ok(Some(request));
        }
        let detail = format!("{}: it is the request {got}, and {id} is revoked", file.display());
        Err(Failure::usage("delivery_request_mismatch", detail))
    }

    /// Without the log: of what is revoked only the id is known, and its bytes where they are given.
    fn write_alone(&self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let home = desk.home()?;
        let by = home.who(desk.by.as_ref())?;
        let in_full = |text: &str| {
            let id = ObjectId::from_text(&format!("sha256:{}", text.trim_start_matches("sha256:")));
            id.ok_or_else(|| Failure::usage("usage", "--unlogged: the id is given in full, 64 digits"))
        };
        let (id, revokes) = match (&self.id, &self.control) {
            (Some(text), _) => (in_full(text)?, Revoked::Request(in_full(text)?)),
            (None, Some(text)) => (in_full(text)?, Revoked::Control(in_full(text)?)),
            (None, None) => return Err(Failure::usage("usage", "what is revoked?")),
        };
        let request = self.brought(id)?;
        let (is_request, is_whole) = (matches!(revokes, Revoked::Request(_)), request.is_some());
        answer::confirm(&format!("Take {id} back, {by}?"), self.yes)?;
        self.signed((id, request), revokes, &home, &by, (&home.signing_key(desk.key.as_deref())?, None))?;
        let mut line = "signed, and not in the log: bring it to verifiers with `attest release deliver`, and to the log when it can be had".to_owned();
        if is_request && !is_whole {
            line.push_str(
                "\nwithout --request: a verifier that has not read the request itself does not take it",
            );
        }
        let json = json!({ "revokes": id, "by": by, "logged": false, "with_request": is_whole });
        super::policy::answer(out, json, line);
        Ok(Exit::Good)
    }
}

/// A key that the same person suspended before.
struct Before {
    key: ObjectId,
    index: u64,
    from: u64,
    until: Timestamp,
}

impl Before {
    fn words(&self) -> String {
        let (key, index, from, until) = (short(&self.key), self.index, self.from, self.until.utc());
        format!(
            "the key {key}: you already did, at index {index} of the log, from index {from} on, until {until}"
        )
    }
}

/// Which of these keys this person suspended already, as far as is asked now. One person suspends a key once: who wants more is told so before
/// anything is signed.
fn suspended_before(
    known: &Known,
    keys: &BTreeMap<ObjectId, CanonicalKey>,
    from: u64,
    by: &Name,
) -> Result<Vec<Before>, Failure> {
    let mut before = Vec::new();
    for (id, key) in keys {
        let own = known.view.suspensions().iter().find(|one| one.by == *by && one.key == *key);
        let Some(own) = own else { continue };
        let one = Before { key: *id, index: own.place.index, from: own.from_index, until: own.until };
        if known.now > own.until || from < own.from_index {
            let detail = format!(
                "{}. One person suspends a key once: another one who revokes may, and a succession takes it out for good",
                one.words()
            );
            return Err(Failure::malformed("suspension_renewed_alone", detail));
        }
        before.push(one);
    }
    Ok(before)
}
