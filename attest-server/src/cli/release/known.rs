//! What is known of the authority: its log, replayed from the first leaf by this program, and the objects that it names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use attest_core::release::assemble::{self, Said};
use attest_core::release::bundle::Bundle;
use attest_core::release::catalogue::{Catalogue, Floors};
use attest_core::release::evaluate::{self, Failure as Gate, Now, Quorate, Weighing};
use attest_core::release::key::CanonicalKey;
use attest_core::release::leaf::Leaf;
use attest_core::release::object::{self, Object};
use attest_core::release::request::Request;
use attest_core::release::view::{self, LogView, Mark};
use attest_core::release::{Name, ObjectId, Policy};
use attest_core::{Limits, Timestamp};

use super::as_of::AsOf;
use super::remote::Remote;
use super::short;
use super::source::Source;
use crate::cli::Failure;
use crate::clock;

/// The log and its objects.
pub(super) struct Known {
    source: Source,
    /// What it is as of, where it is a copy.
    as_of: Option<Rc<AsOf>>,
    /// The checkpoint of these leaves, as its witnesses signed it.
    pub(super) checkpoint: Vec<u8>,
    pub(super) leaves: Vec<Leaf>,
    pub(super) said: Said,
    pub(super) view: LogView,
    pub(super) objects: BTreeMap<ObjectId, Vec<u8>>,
    pub(super) limits: Limits,
    pub(super) now: Timestamp,
    /// Weighed once: neither the log nor the time moves while this is at hand.
    catalogue: Option<Rc<Catalogue>>,
}

impl Known {
    /// Reads all of the log and replays it to its witnessed checkpoint, from its first leaf, the policy that is pinned.
    pub(super) fn read(pin: ObjectId, mut source: Source) -> Result<Self, Failure> {
        let limits = Limits::DEFAULT;
        // The checkpoint first: the log may grow meanwhile.
        let checkpoint = source.checkpoint()?;
        let entries = source.entries(&checkpoint)?;
        let leaves: Vec<Leaf> =
            entries.iter().filter_map(|entry| object::read(entry, &limits).ok()).collect();
        let mut objects = BTreeMap::new();
        for leaf in &leaves {
            while let Some(id) = view::missing(&leaf.event, &objects, &limits) {
                // The replay says where it is missed.
                if !fetch(&source, &mut objects, id)? {
                    break;
                }
            }
        }
        let bytes = entries.iter().map(Vec::as_slice);
        let view = LogView::replay(pin, bytes.clone(), &objects, &checkpoint, &limits)
            .map_err(|error| Failure::malformed(error.code(), error))?;
        let said = Said::of(bytes, &limits);
        let published: Vec<ObjectId> = view.published().map(|(_, _, bundle)| bundle).collect();
        source.published(&published)?;
        let now = clock::now();
        let as_of = match &source {
            Source::Folder(folder) => Some(Rc::new(AsOf::of(folder, &view, now))),
            Source::Server(_) => None,
        };
        Ok(Self { source, as_of, checkpoint, leaves, said, view, objects, limits, now, catalogue: None })
    }

    /// The server, to hand something in. A copy takes nothing.
    pub(super) fn server(&self) -> Result<&Remote, Failure> {
        match &self.source {
            Source::Server(remote) => Ok(remote),
            Source::Folder(folder) => Err(only_read(folder.path())),
        }
    }

    /// What it is as of, where it is a copy.
    pub(super) fn as_of(&self) -> Option<&Rc<AsOf>> {
        self.as_of.as_ref()
    }

    /// The policy that is followed now.
    pub(super) fn policy(&self) -> Result<&Policy, Failure> {
        self.view.policy().ok_or_else(|| Failure::malformed("policy_missing", "the log has no policy"))
    }

    /// The same, and each family's as its managers say.
    pub(super) fn policies(&self) -> Result<Vec<&Policy>, Failure> {
        let changed = self.view.changed(self.view.head().size);
        Ok(core::iter::once(self.policy()?).chain(changed).collect())
    }

    /// Whose this key is now, by any of them.
    pub(super) fn whose(&self, key: &CanonicalKey) -> Option<Name> {
        let policies = self.policies().ok()?;
        policies.iter().find_map(|policy| policy.key(key).map(|of| of.identity.clone()))
    }

    /// An object, from the server or the copy if it was not asked for before.
    pub(super) fn object(&mut self, id: ObjectId) -> Result<Option<&[u8]>, Failure> {
        if !fetch(&self.source, &mut self.objects, id)?
            && let Some(as_of) = &self.as_of
        {
            as_of.lacks(id);
        }
        Ok(self.objects.get(&id).map(Vec::as_slice))
    }

    /// An object that is read.
    pub(super) fn read_object<T: Object>(&mut self, id: ObjectId) -> Result<T, Failure> {
        let limits = self.limits;
        let bytes = self.object(id)?.ok_or_else(|| missing(id))?;
        object::read(bytes, &limits)
            .map_err(|error| Failure::malformed(error.code(), format!("{id}: {error}")))
    }

    /// A request.
    pub(super) fn request(&mut self, id: ObjectId) -> Result<Request, Failure> {
        let limits = self.limits;
        let bytes = self.object(id)?.ok_or_else(|| missing(id))?;
        Request::parse(bytes, &limits)
            .map_err(|error| Failure::malformed(error.code(), format!("{id}: {error}")))
    }

    /// The only request of the log whose id begins like this.
    pub(super) fn find(&self, prefix: &str) -> Result<ObjectId, Failure> {
        the_one(prefix, self.said.requests().map(|(id, _)| *id))
    }

    /// Everything that a request's bundle is made of, and the bundle.
    pub(super) fn bundle(&mut self, id: ObjectId) -> Result<Bundle, Failure> {
        let mut asked = BTreeSet::new();
        loop {
            let named = assemble::named(id, &self.said, &self.objects, &self.limits);
            let new: Vec<ObjectId> = named.into_iter().filter(|id| asked.insert(*id)).collect();
            if new.is_empty() {
                break;
            }
            for id in new {
                self.object(id)?;
            }
        }
        assemble::assemble(id, &self.said, &self.objects, &self.limits)
            .map_err(|error| Failure::malformed(error.code(), error))
    }

    /// What the signer would say now.
    pub(super) fn quorate(&mut self, id: ObjectId) -> Result<Result<Quorate, Vec<Gate>>, Failure> {
        let bundle = self.bundle(id)?;
        let bytes = object::write(&bundle).map_err(|error| Failure::fault(error.code(), error))?;
        let floors = self.catalogue()?.floors().clone();
        Ok(evaluate::quorate(&bytes, &self.weighing(&floors)))
    }

    pub(super) fn weighing<'k>(&'k self, floors: &'k Floors) -> Weighing<'k> {
        // By a copy nobody knows that an emergency's time is not over: it is told where it stands, and does not count.
        let now = Now { clock: self.now, is_confirmed: self.source.is_live() };
        Weighing { view: &self.view, now, floors, limits: &self.limits }
    }

    /// Every release that was published, weighed.
    pub(super) fn catalogue(&mut self) -> Result<Rc<Catalogue>, Failure> {
        if let Some(catalogue) = &self.catalogue {
            return Ok(Rc::clone(catalogue));
        }
        let published: Vec<ObjectId> = self.view.published().map(|(_, _, bundle)| bundle).collect();
        let reviews: Vec<ObjectId> = self.view.reviews().map(|(_, review)| review).collect();
        for id in published.into_iter().chain(reviews) {
            self.object(id)?;
        }
        let now = Now { clock: self.now, is_confirmed: true };
        let catalogue = Catalogue::load(&self.view, &self.objects, &Floors::new(), now, &self.limits);
        Ok(Rc::clone(self.catalogue.insert(Rc::new(catalogue))))
    }

    /// Refused where a copy lacks a release of this family, or a server withholds it: by what is left out the family may have reached more.
    /// Others' may be missing.
    pub(super) fn is_whole(&mut self, family: &Name) -> Result<(), Failure> {
        for id in self.catalogue()?.missing() {
            let is_others = self.request(*id).is_ok_and(|request| request.family != *family);
            if !is_others {
                let bundle = self.view.named(Mark::Published, id).map(|bundle| bundle.to_string());
                let who = if self.source.is_live() { "the server withholds" } else { "the copy lacks" };
                let detail = format!(
                    "{who} the bundle {} of the request {id}: by that release `{family}` may have reached more",
                    bundle.unwrap_or_default()
                );
                return Err(Failure::malformed("release_bundle_missing", detail));
            }
        }
        Ok(())
    }
}

/// The only one of these that begins with the digits that somebody typed.
pub(super) fn the_one(prefix: &str, all: impl Iterator<Item = ObjectId>) -> Result<ObjectId, Failure> {
    let digits = prefix.strip_prefix("sha256:").unwrap_or(prefix);
    // Every id begins with nothing: where there is one request alone, nobody named it.
    if digits.is_empty() {
        let detail =
            "which request? Expected its id, or the first digits of it; `attest release status` lists them";
        return Err(Failure::usage("request_id_missing", detail));
    }
    let begins = |id: &ObjectId| id.to_string().trim_start_matches("sha256:").starts_with(digits);
    let found: Vec<ObjectId> = all.filter(begins).collect();
    match found.as_slice() {
        [id] => Ok(*id),
        [] => {
            let is_hex = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            let hint = match is_hex && digits.len() <= 64 {
                true => "`attest release status` lists them",
                false => {
                    "an id is 64 of 0-9 and a-f, or the first of them; `attest release status` lists them"
                }
            };
            Err(Failure::usage("request_unknown", format!("no request begins with `{prefix}`; {hint}")))
        }
        some => {
            let listed: Vec<String> = some.iter().take(LISTED).map(short).collect();
            let more = if some.len() > LISTED { ", …" } else { "" };
            let detail = format!(
                "several requests begin with `{prefix}`: {}{more}; give more digits",
                listed.join(", ")
            );
            Err(Failure::usage("request_ambiguous", detail))
        }
    }
}

/// How many of several requests are named.
const LISTED: usize = 4;

fn missing(id: ObjectId) -> Failure {
    Failure::malformed("object_missing", format!("{id} is not at hand"))
}

/// A copy is no place to hand something in.
pub(super) fn only_read(folder: &Path) -> Failure {
    let detail = format!(
        "--folder {}: a copy is only read, and this hands something in: leave --folder out, and it goes to the server of release.toml",
        folder.display()
    );
    Failure::usage("folder_only_read", detail)
}

/// Whether the object is at hand now.
fn fetch(source: &Source, objects: &mut BTreeMap<ObjectId, Vec<u8>>, id: ObjectId) -> Result<bool, Failure> {
    if objects.contains_key(&id) {
        return Ok(true);
    }
    let Some(bytes) = source.object(id)? else { return Ok(false) };
    objects.insert(id, bytes);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(prefix: &str, all: &[ObjectId]) -> String {
        the_one(prefix, all.iter().copied()).unwrap_err().to_line()
    }

    #[test]
    fn no_request_is_named_by_nothing() {
        let one = [ObjectId::of(b"one")];
        for nothing in ["", "sha256:"] {
            assert!(said(nothing, &one).ends_with("[request_id_missing]"));
        }
        assert_eq!(the_one(&short(&one[0]), one.iter().copied()), Ok(one[0]));
        let lists = "`attest release status` lists them [request_unknown]";
        let form = "an id is 64 of 0-9 and a-f, or the first of them";
        assert_eq!(said("zz", &one), format!("no request begins with `zz`; {form}; {lists}"));
        assert_eq!(said("0000", &one), format!("no request begins with `0000`; {lists}"));
    }

    #[test]
    fn several_requests_are_named_for_whoever_typed_too_few_digits() {
        let all: Vec<ObjectId> = (0..64_u8).map(|byte| ObjectId::of(&[byte])).collect();
        let digit = short(&all[0]).chars().next().unwrap().to_string();
        let told = said(&digit, &all);
        assert!(
            told.contains(&short(&all[0])) && told.ends_with("give more digits [request_ambiguous]"),
            "{told}"
        );
    }
}
