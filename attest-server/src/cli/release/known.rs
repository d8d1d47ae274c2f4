//! What is known of the authority: its log, replayed from the first leaf by this program, and the objects that it names.

use std::collections::{BTreeMap, BTreeSet};

use attest_core::audit::checkpoint::Checkpoint;
use attest_core::release::assemble::{self, Said};
use attest_core::release::bundle::Bundle;
use attest_core::release::catalogue::{Catalogue, Floors};
use attest_core::release::evaluate::{self, Failure as Gate, Now, Quorate, Weighing};
use attest_core::release::leaf::Leaf;
use attest_core::release::object::{self, Object};
use attest_core::release::request::Request;
use attest_core::release::view::{self, LogView};
use attest_core::release::{ObjectId, Policy};
use attest_core::{Limits, Timestamp};

use super::home::Home;
use super::remote::Remote;
use crate::cli::Failure;
use crate::clock;

/// The log and its objects.
pub(super) struct Known {
    pub(super) remote: Remote,
    pub(super) leaves: Vec<Leaf>,
    pub(super) said: Said,
    pub(super) view: LogView,
    pub(super) objects: BTreeMap<ObjectId, Vec<u8>>,
    pub(super) limits: Limits,
    pub(super) now: Timestamp,
}

impl Known {
    /// Reads all of the log and replays it to its witnessed checkpoint.
    pub(super) fn read(home: &Home) -> Result<Self, Failure> {
        let limits = Limits::DEFAULT;
        let remote = Remote::connect(home)?;
        // The checkpoint first: the log may grow meanwhile, and then there are leaves that nobody witnessed.
        let checkpoint = remote.checkpoint()?;
        let said = Checkpoint::unverified(&checkpoint, &limits)
            .map_err(|error| Failure::malformed(error.code(), error))?;
        let mut entries = remote.leaves(0)?;
        entries.truncate(usize::try_from(said.head().size).unwrap_or(usize::MAX));
        let leaves: Vec<Leaf> =
            entries.iter().filter_map(|entry| object::read(entry, &limits).ok()).collect();
        let mut objects = BTreeMap::new();
        for leaf in &leaves {
            while let Some(id) = view::missing(&leaf.event, &objects, &limits) {
                // The replay says where it is missed.
                if !fetch(&remote, &mut objects, id)? {
                    break;
                }
            }
        }
        let bytes = entries.iter().map(Vec::as_slice);
        let view = LogView::replay(home.authority, bytes.clone(), &objects, &checkpoint, &limits)
            .map_err(|error| Failure::malformed(error.code(), error))?;
        let said = Said::of(bytes, &limits);
        Ok(Self { remote, leaves, said, view, objects, limits, now: clock::now() })
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

    /// An object, from the server if it was not asked for before.
    pub(super) fn object(&mut self, id: ObjectId) -> Result<Option<&[u8]>, Failure> {
        fetch(&self.remote, &mut self.objects, id)?;
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
        let digits = prefix.strip_prefix("sha256:").unwrap_or(prefix);
        let begins = |id: &&ObjectId| id.to_string().trim_start_matches("sha256:").starts_with(digits);
        let mut found = self.said.requests().map(|(id, _)| id).filter(begins);
        match (found.next(), found.next()) {
            (Some(id), None) => Ok(*id),
            (None, _) => Err(Failure::usage("request_unknown", format!("no request begins with `{prefix}`"))),
            (Some(_), Some(_)) => {
                Err(Failure::usage("request_ambiguous", format!("several requests begin with `{prefix}`")))
            }
        }
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
        let now = Now { clock: self.now, is_confirmed: true };
        Weighing { view: &self.view, now, floors, limits: &self.limits }
    }

    /// Every release that was published, weighed.
    pub(super) fn catalogue(&mut self) -> Result<Catalogue, Failure> {
        let published: Vec<ObjectId> = self.view.published().map(|(_, _, bundle)| bundle).collect();
        let reviews: Vec<ObjectId> = self.view.reviews().map(|(_, review)| review).collect();
        for id in published.into_iter().chain(reviews) {
            self.object(id)?;
        }
        let now = Now { clock: self.now, is_confirmed: true };
        Ok(Catalogue::load(&self.view, &self.objects, &Floors::new(), now, &self.limits))
    }
}

fn missing(id: ObjectId) -> Failure {
    Failure::malformed("object_missing", format!("{id} is not at hand"))
}

/// Whether the object is at hand now.
fn fetch(remote: &Remote, objects: &mut BTreeMap<ObjectId, Vec<u8>>, id: ObjectId) -> Result<bool, Failure> {
    if objects.contains_key(&id) {
        return Ok(true);
    }
    let Some(bytes) = remote.object(&id)? else { return Ok(false) };
    objects.insert(id, bytes);
    Ok(true)
}
