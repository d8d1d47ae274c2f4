//! Revocations that were handed in here, logged or not.

use std::collections::BTreeMap;
use std::sync::Arc;

use attest_core::Limits;
use attest_core::release::statement::{Revocation, Revoked};
use attest_core::release::view::{self, LogView, Place};
use attest_core::release::{ObjectId, object};

use super::{Error, Follower};
use crate::store::HeldRevocation;

impl Follower {
    /// A revocation that is handed in counts when it is signed by whoever may revoke, logged or not.
    pub(super) async fn hold(&mut self, statement: Vec<u8>) -> Result<(), Error> {
        let revocation: Revocation = object::read(&statement, &Limits::DEFAULT)?;
        let request = match revocation.revokes {
            Revoked::Request(request) => Some(self.request(request).ok_or(Error::RequestUnknown)?),
            Revoked::Control(_) | Revoked::Key { .. } => None,
        };
        let id = ObjectId::of(&statement);
        let view = self.snapshot.view.as_deref().ok_or(Error::CheckpointMissing)?;
        let known = self.held.iter().find(|known| known.id == id.as_bytes()).cloned();
        let is_new = known.is_none();
        let Place { index, at } = view.next_place();
        let held =
            known.unwrap_or(HeldRevocation { id: id.as_bytes().to_vec(), statement, request, index, at });
        let view = holding(view, &held)?;
        if is_new {
            let authority = self.settings.authority.as_bytes().to_vec();
            self.store.hold_revocation(authority, held.clone()).await?;
            self.held.push(held);
        }
        tracing::info!(revocation = %id, by = %revocation.by, "a revocation was handed in");
        self.snapshot.view = Some(Arc::new(view));
        self.needs_weighing = true;
        self.releases.put(self.snapshot.clone());
        // A key that was suspended takes its approvals with it.
        self.weigh().await
    }

    /// The bytes of a request that is known here: by itself, or by its release.
    fn request(&self, id: ObjectId) -> Option<Vec<u8>> {
        if let Some(bytes) = self.log.objects.get(&id) {
            return Some(bytes.clone());
        }
        let mut offers = self.snapshot.families.values().flat_map(|family| family.choice.offers());
        let offer = offers.find(|offer| offer.release().id() == id)?;
        object::write(offer.release().request()).ok()
    }
}

/// A newer view with a revocation that was handed in before.
pub(super) fn again(view: &LogView, held: &HeldRevocation) -> Option<LogView> {
    let again = holding(view, held);
    if let Err(error) = &again {
        let revocation = hex::encode(&held.id);
        tracing::error!(alert = "releases_revocation_over", revocation, %error, "a revocation that was handed in does not count any more");
    }
    again.ok()
}

/// The view with this revocation in it.
fn holding(view: &LogView, held: &HeldRevocation) -> Result<LogView, view::Error> {
    let request = held.request.iter().map(|bytes| (ObjectId::of(bytes), bytes.clone()));
    let place = Place { index: held.index, at: held.at };
    view.holding(&held.statement, place, &request.collect::<BTreeMap<_, _>>(), &Limits::DEFAULT)
}
