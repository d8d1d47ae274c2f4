//! The bundle of a request, made of what this server's own log says.

use std::collections::{BTreeMap, BTreeSet};

use attest_core::release::ObjectId;
use attest_core::release::assemble::{Said, assemble, named};
use attest_core::release::bundle::Bundle;
use attest_core::release::policy::Purpose;
use attest_core::release::request::Request;

use super::{Admission, Denied, Known, LIMITS, now_not};

impl Admission<'_> {
    /// What is published first is the release for good. One that something was left out of, or put into, would be refused by all who verify,
    /// and the whole one after it, too.
    pub(super) fn is_whole(&self, id: ObjectId, known: &Known, bundle: &Bundle) -> Result<(), Denied> {
        let entry = |index: &u64| self.state.entries().get(usize::try_from(*index).ok()?);
        let entries = known.leaves.iter().filter_map(entry).map(Vec::as_slice);
        let said = Said::of(entries, LIMITS);
        let objects = self.objects_of(id, &known.request, &said)?;
        let made = assemble(id, &said, &objects, LIMITS).map_err(|error| now_not(error.code(), error))?;
        if made == *bundle {
            return Ok(());
        }
        Err(now_not("bundle_other_objects", "it is not made of all that the log has for the request"))
    }

    /// All that the bundle is made of, within a bundle's bytes.
    fn objects_of(
        &self,
        id: ObjectId,
        request: &Request,
        said: &Said,
    ) -> Result<BTreeMap<ObjectId, Vec<u8>>, Denied> {
        let (raw, others): (Vec<_>, Vec<_>) =
            request.sign.iter().partition(|sign| sign.purpose == Purpose::Raw);
        let goes_along =
            |id: &ObjectId| request.provenance.contains(id) || others.iter().any(|sign| sign.sha256 == *id);
        let raw = raw.iter().map(|sign| sign.sha256);
        let mut asked: BTreeSet<ObjectId> = raw.filter(|id| !goes_along(id)).collect();
        let (mut objects, mut left) = (BTreeMap::new(), LIMITS.release_bundle_bytes);
        loop {
            let named = named(id, said, &objects, LIMITS);
            let new: Vec<ObjectId> = named.into_iter().filter(|id| asked.insert(*id)).collect();
            if new.is_empty() {
                return Ok(objects);
            }
            for id in new {
                let read = self.state.files().object(&id, left);
                if let Some(bytes) = read.map_err(|error| now_not(error.code(), error))? {
                    left = left.saturating_sub(bytes.len());
                    objects.insert(id, bytes);
                }
            }
        }
    }
}
