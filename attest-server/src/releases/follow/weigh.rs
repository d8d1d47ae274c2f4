//! Every release of a view, weighed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use attest_core::Limits;
use attest_core::release::Name;
use attest_core::release::catalogue::{Catalogue, Kept};
use attest_core::release::choice::{AcceptedTiers, Choice};
use attest_core::release::evaluate::{Failure, Now};
use attest_core::release::view::LogView;
use tokio::time::Instant;

use super::{Error, Family, Follower};
use crate::clock;
use crate::store::{ReleaseFloor, ReleaseMark};

impl Follower {
    /// Weighs every release, and puts all that counts in the place of what did. Where it cannot be kept how far the log was seen, or what
    /// families reached, nothing new counts, and what does not count any more is taken away all the same.
    pub(super) async fn weigh(&mut self) -> Result<(), Error> {
        let Some(view) = self.snapshot.view.clone() else { return Ok(()) };
        let is_kept = self.mark.as_ref().is_some_and(|mark| is_of(mark, &view));
        let now = Now { clock: clock::now(), is_confirmed: self.snapshot.is_confirmed };
        let (floors, before) = (self.floors.clone(), std::mem::take(&mut self.catalogue));
        let weighed = self
            .log
            .apart(move |log| before.again(&view, &log.objects, &floors, now, &Limits::DEFAULT))
            .await;
        let catalogue = self.or_anew(weighed)?;
        let kept = if is_kept { self.keep_floors(&catalogue).await } else { Ok(()) };
        let only = (!is_kept || kept.is_err()).then(|| Arc::clone(&self.snapshot.families));
        let families = self.settings.families.clone();
        let sorted = self.log.apart(move |_| {
            let of_family = |(name, (own, accepted)): (String, (Name, AcceptedTiers))| {
                let choice = Choice::new(&own, &catalogue, &accepted);
                let family = match &only {
                    None => Family::new(choice),
                    Some(before) => {
                        before.get(&name).map_or_else(Family::default, |before| before.only(choice))
                    }
                };
                (name, family)
            };
            let families: BTreeMap<_, _> = families.into_iter().map(of_family).collect();
            (catalogue, families)
        });
        let sorted = sorted.await;
        let (catalogue, families) = self.or_anew(sorted)?;
        tell(&catalogue);
        self.catalogue = catalogue;
        self.snapshot.families = Arc::new(families);
        (self.weighed, self.needs_weighing) = (Some(Instant::now()), kept.is_err());
        self.releases.put(self.snapshot.clone());
        kept
    }

    /// After a panic all of the log is read again.
    fn or_anew<T>(&mut self, worked: Result<T, Error>) -> Result<T, Error> {
        worked.inspect_err(|_| self.note.clear())
    }

    /// What families have reached is on the disk before anything counts by it.
    async fn keep_floors(&mut self, catalogue: &Catalogue) -> Result<(), Error> {
        if *catalogue.floors() != self.floors {
            let floor = |Kept { family, since, version }| {
                let family = Name::to_string(&family);
                ReleaseFloor { family, since, version }
            };
            let floors = catalogue.floors().iter().map(floor);
            let authority = self.settings.authority.as_bytes().to_vec();
            self.store.keep_release_floors(authority, floors.collect()).await?;
            self.floors.clone_from(catalogue.floors());
        }
        Ok(())
    }
}

/// Whether this is how far the log was seen, as it is kept.
fn is_of(mark: &ReleaseMark, view: &LogView) -> bool {
    mark.size == view.head().size && mark.seen_at == view.time()
}

fn tell(catalogue: &Catalogue) {
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
}
