//! Revocations that were handed in here, logged or not.

use std::collections::BTreeMap;
use std::sync::Arc;

use attest_core::Limits;
use attest_core::release::bundle::Bundle;
use attest_core::release::delivery::Delivery;
use attest_core::release::object::Blob;
use attest_core::release::statement::{Revocation, Revoked};
use attest_core::release::view::{self, LogView, Mark, Place};
use attest_core::release::{Name, ObjectId, object};
use tokio::time::Instant;

use super::{AGAIN, Error, Follower, LOGGED_WITHIN, Log};
use crate::store::HeldRevocation;

/// How many of one revoker are held that the log does not have: requests that nobody made can be revoked without end. Of each, so that one of
/// them fills nothing for the others.
const MOST: usize = 1_024;

impl Follower {
    /// A revocation that is handed in counts when it is signed by whoever may revoke, logged or not, and whatever its release counts for now: it
    /// holds when that is read only later, or is in force again.
    pub(super) async fn hold(&mut self, delivery: Delivery) -> Result<(), Error> {
        let revocation = delivery.revocation(&Limits::DEFAULT)?;
        let Delivery { format: _, revocation: Blob(statement), request: brought } = delivery;
        let request = match revocation.revokes {
            Revoked::Request(request) => {
                let known = || self.request(request).ok_or(Error::RequestUnknown);
                Some(brought.map_or_else(known, |Blob(request)| Ok(request))?)
            }
            Revoked::Control(_) | Revoked::Key { .. } => None,
        };
        let id = ObjectId::of(&statement);
        let before = self.snapshot.view.as_deref().ok_or(Error::CheckpointMissing)?;
        let known = self.held.iter().find(|known| known.id == id.as_bytes()).cloned();
        let is_new = known.is_none();
        let Place { index, at } = before.next_place();
        let held =
            known.unwrap_or(HeldRevocation { id: id.as_bytes().to_vec(), statement, request, index, at });
        let mut view = before.clone();
        hold(&mut view, &held)?;
        // What is revoked for good, by the log or by what is held, is not held once more.
        if is_new && !is_revoked(before, &revocation.revokes) {
            has_room(&self.held, &revocation.by)?;
            let authority = self.settings.authority.as_bytes().to_vec();
            self.store.hold_revocation(authority, held.clone()).await?;
            self.held.push(held);
        }
        tracing::info!(revocation = %id, by = %revocation.by, "a revocation was handed in");
        self.tell_of_left_out();
        self.snapshot.view = Some(Arc::new(view));
        self.needs_weighing = true;
        self.releases.put(self.snapshot.clone());
        // A key that was suspended takes its approvals with it.
        self.weigh().await
    }

    /// A67b: what the log does not have, though it was handed in here long ago, somebody leaves out of it, or nobody brought there. Whoever was not
    /// brought it by hand knows nothing of it.
    pub(super) fn tell_of_left_out(&mut self) {
        if self.snapshot.view.is_none() {
            return;
        }
        // The log's own are at hand once a leaf names them.
        let has = |log: &Log, id: &[u8]| {
            id.try_into().is_ok_and(|id| log.objects.contains_key(&ObjectId::from_bytes(id)))
        };
        let now = Instant::now();
        let within = self.settings.refresh.saturating_mul(LOGGED_WITHIN);
        let mut left_out = std::mem::take(&mut self.left_out);
        for held in self.held.iter().filter(|held| !has(&self.log, &held.id)) {
            let since = left_out.remove(&held.id);
            let mut told = since.unwrap_or(now + within);
            if told <= now {
                let revocation = hex::encode(&held.id);
                tracing::error!(
                    alert = "releases_revocation_left_out",
                    revocation,
                    "a revocation that was handed in here is not in the log: hand it in there, or ask whoever serves it why"
                );
                told = now + AGAIN;
            }
            self.left_out.insert(held.id.clone(), told);
        }
        let count = u64::try_from(self.left_out.len()).unwrap_or(u64::MAX);
        if self.snapshot.left_out != count {
            self.snapshot.left_out = count;
            // Not before there is anything to judge by.
            if self.weighed.is_some() {
                self.releases.put(self.snapshot.clone());
            }
        }
    }

    /// The bytes of a request that is known here: by itself, or by its release, in force or not.
    fn request(&self, id: ObjectId) -> Option<Vec<u8>> {
        if let Some(bytes) = self.log.objects.get(&id) {
            return Some(bytes.clone());
        }
        let bundle = self.snapshot.view.as_deref()?.named(Mark::Published, &id)?;
        let bundle: Bundle = object::read(self.log.objects.get(&bundle)?, &Limits::DEFAULT).ok()?;
        Some(bundle.request.0).filter(|bytes| ObjectId::of(bytes) == id)
    }
}

/// A newer view, with a revocation that was handed in before.
pub(super) fn again(view: &mut LogView, held: &HeldRevocation) {
    if let Err(error) = hold(view, held) {
        let revocation = hex::encode(&held.id);
        tracing::error!(alert = "releases_revocation_over", revocation, %error, "a revocation that was handed in does not count any more");
    }
}

/// Puts this revocation into the view.
fn hold(view: &mut LogView, held: &HeldRevocation) -> Result<(), view::Error> {
    let request = held.request.iter().map(|bytes| (ObjectId::of(bytes), bytes.clone()));
    let place = Place { index: held.index, at: held.at };
    view.hold(&held.statement, place, &request.collect::<BTreeMap<_, _>>(), &Limits::DEFAULT)
}

/// Whether that counts for nothing any more, for good.
fn is_revoked(view: &LogView, revokes: &Revoked) -> bool {
    match revokes {
        Revoked::Control(id) | Revoked::Request(id) => view.revoked(id).is_some(),
        Revoked::Key { .. } => false,
    }
}

/// Whether one more of this revoker's is held.
fn has_room(held: &[HeldRevocation], by: &Name) -> Result<(), Error> {
    let is_theirs = |one: &&HeldRevocation| {
        let said = object::read::<Revocation>(&one.statement, &Limits::DEFAULT);
        said.is_ok_and(|said| said.by == *by)
    };
    if held.iter().filter(is_theirs).count() >= MOST {
        return Err(Error::RevocationsFull { by: by.clone(), most: MOST });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use attest_core::Timestamp;
    use attest_core::release::object::Object as _;

    use super::*;

    fn held(by: &str, number: usize) -> HeldRevocation {
        let revocation = Revocation {
            format: Revocation::FORMAT.to_owned(),
            authority: ObjectId::of(b"authority"),
            revokes: Revoked::Request(ObjectId::of(&number.to_be_bytes())),
            reason: "Lost".try_into().unwrap(),
            by: by.try_into().unwrap(),
            signature: String::new(),
        };
        let statement = object::write(&revocation).unwrap();
        let id = ObjectId::of(&statement).as_bytes().to_vec();
        HeldRevocation { id, statement, request: None, index: 1, at: Timestamp::from_unix(0) }
    }

    #[test]
    fn a47_one_revoker_fills_nothing_for_another() {
        let (dave, alice) = ("dave".try_into().unwrap(), "alice".try_into().unwrap());
        let mut all: Vec<_> = (1..MOST).map(|number| held("dave", number)).collect();
        assert!(has_room(&all, &dave).is_ok());
        all.push(held("dave", 0));
        assert_eq!(has_room(&all, &dave).unwrap_err().code(), "releases_revocations_full");
        assert!(has_room(&all, &alice).is_ok());
    }
}
