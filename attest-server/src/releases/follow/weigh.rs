//! Every release of a view, weighed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use attest_core::Limits;
use attest_core::release::Name;
use attest_core::release::choice::{AcceptedTiers, Choice};
use attest_core::release::evaluate::{Failure, Now};
use tokio::time::Instant;

use super::{Error, Family, Follower};
use crate::clock;

impl Follower {
    /// Weighs every release, and puts all that counts in the place of what did.
    pub(super) async fn weigh(&mut self) -> Result<(), Error> {
        let Some(view) = self.snapshot.view.clone() else { return Ok(()) };
        let now = Now { clock: clock::now(), is_confirmed: self.snapshot.is_confirmed };
        let (floors, families) = (self.floors.clone(), self.settings.families.clone());
        let before = std::mem::take(&mut self.catalogue);
        let weighed = self.log.apart(move |log| {
            let catalogue = before.again(&view, &log.objects, &floors, now, &Limits::DEFAULT);
            let of_family = |(name, (own, accepted)): (String, (Name, AcceptedTiers))| {
                (name, Family::new(Choice::new(&own, &catalogue, &accepted)))
            };
            let families: BTreeMap<_, _> = families.into_iter().map(of_family).collect();
            (catalogue, families)
        });
        let (catalogue, families) = match weighed.await {
            Ok(weighed) => weighed,
            Err(error) => {
                // All of it is read again.
                self.note.clear();
                return Err(error);
            }
        };
        if *catalogue.floors() != self.floors {
            let floors = catalogue.floors().iter().map(|(name, floor)| (name.to_string(), floor));
            let authority = self.settings.authority.as_bytes().to_vec();
            self.store.keep_release_floors(authority, floors.collect()).await?;
            self.floors.clone_from(catalogue.floors());
        }
        for refused in catalogue.refused() {
            let codes: BTreeSet<_> = refused.failures.iter().map(Failure::code).collect();
            tracing::info!(request = %refused.request, ?codes, "a release does not count");
        }
        for request in catalogue.missing() {
            tracing::error!(alert = "releases_bundle_missing", %request, "a release was published, and its bundle cannot be had");
        }
        tracing::info!(
            releases = catalogue.releases().count(),
            refused = catalogue.refused().len(),
            "releases weighed"
        );
        self.catalogue = catalogue;
        self.snapshot.families = Arc::new(families);
        (self.weighed, self.needs_weighing) = (Some(Instant::now()), false);
        self.releases.put(self.snapshot.clone());
        Ok(())
    }
}
