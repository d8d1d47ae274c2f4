//! `attest verify` by releases: a copy of their log, replayed from its first leaf under the pinned first policy. Nobody is asked anything, and
//! the verdict is the one that a server with the same log makes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use attest_core::Limits;
use attest_core::appraise::Releases;
use attest_core::audit::checkpoint::Checkpoint;
use attest_core::audit::tile::{self, Level, Tile, TileReader as _};
use attest_core::release::catalogue::{Catalogue, Floors};
use attest_core::release::choice::{AcceptedTiers, Choice};
use attest_core::release::delivery::Delivery;
use attest_core::release::evaluate::Now;
use attest_core::release::object::Object as _;
use attest_core::release::policy::Tier;
use attest_core::release::request::Request;
use attest_core::release::statement::Revoked;
use attest_core::release::view::LogView;
use attest_core::release::{Name, ObjectId};
use clap::{Args, ValueEnum};

use super::super::audit::verify::{self as log, Reader, Unread};
use super::super::input::read_file;
use super::super::{Failure, Output, Style};
use crate::clock;
use crate::releases::Source;

/// Leaves that are read: whoever made the copy could make up more than memory holds.
const LEAVES: u64 = 4 << 20;

/// Where releases come from.
#[derive(Args, Debug)]
pub(super) struct ReleaseFlags {
    /// Instead of --golden: judge by the releases of this log, a copy of its folder or one that `attest release export` made
    #[arg(long, value_name = "FOLDER", requires = "policy_pin", conflicts_with_all = ["golden", "golden_key"])]
    releases: Option<PathBuf>,
    /// The first policy, `sha256:` and 64 digits, as you have it from people and not from the log
    #[arg(long, value_name = "ID", requires = "releases")]
    policy_pin: Option<String>,
    /// A revocation that the log does not have, as `attest release revoke --out` writes it; may be repeated
    #[arg(long, value_name = "FILE", requires = "releases")]
    revocation: Vec<PathBuf>,
    /// Take releases of this tier, too; production and emergency without it
    #[arg(long, value_name = "TIER", requires = "releases")]
    accept_tier: Vec<Accepted>,
}

/// Tiers that production takes no values of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Accepted {
    /// For trying things out
    Dev,
    /// A builder's word, without people's
    Delegated,
}

/// The releases of one family.
pub(super) struct Released {
    view: LogView,
    choice: Choice,
    now: Now,
}

impl ReleaseFlags {
    /// The releases as this copy of the log has them.
    pub(super) fn read(&self, family: &str, limits: &Limits, out: &mut Output) -> Result<Released, Failure> {
        let (Some(folder), Some(pin)) = (&self.releases, &self.policy_pin) else {
            return Err(Failure::usage("usage", "--golden, or --releases with --policy-pin, is needed"));
        };
        let pin = ObjectId::from_text(pin)
            .ok_or_else(|| Failure::usage("usage", "--policy-pin: expected sha256: and 64 digits"))?;
        let family = Name::try_from(family).map_err(|error| Failure::usage(error.code(), error))?;
        // Without a memory of what was seen before, nobody knows that an emergency's time is not over.
        let now = Now { clock: clock::now(), is_confirmed: false };
        let mut copy = Copy::open(folder, limits)?;
        let view =
            LogView::replay(pin, copy.entries.iter().map(Vec::as_slice), &copy.objects, &copy.note, limits);
        let view = view.map_err(|error| Failure::malformed(error.code(), error))?;
        let view = self.revocation.iter().try_fold(view, |view, file| copy.hold(&view, file, limits))?;
        copy.releases(&view, limits)?;
        let catalogue = Catalogue::load(&view, &copy.objects, &Floors::new(), now, limits);
        copy.is_whole(&catalogue, &family, limits)?;
        let tier = |accepted: &Accepted| match accepted {
            Accepted::Delegated => Tier::Delegated,
            Accepted::Dev => Tier::Dev,
        };
        let tiers: AcceptedTiers =
            self.accept_tier.iter().map(tier).chain([Tier::Production, Tier::Emergency]).collect();
        if !out.wants_json() {
            let (size, seen) = (view.head().size, view.time().utc());
            let line = format!("by the releases of {pin}: {size} leaves, seen by witnesses at {seen}");
            out.line(out.paint(Style::Dim, line));
        }
        Ok(Released { choice: Choice::new(&family, &catalogue, &tiers), view, now })
    }
}

impl Released {
    pub(super) fn by(&self) -> Releases<'_> {
        Releases { choice: &self.choice, view: &self.view, now: self.now, is_forked: false }
    }
}

/// A copy of a log.
struct Copy {
    reader: Reader,
    note: Vec<u8>,
    entries: Vec<Vec<u8>>,
    objects: BTreeMap<ObjectId, Vec<u8>>,
}

impl Copy {
    fn open(folder: &Path, limits: &Limits) -> Result<Self, Failure> {
        let reader = Reader::new(Source::folder(folder))?;
        let note = reader.checkpoint().map_err(Unread::failure)?;
        let said =
            Checkpoint::unverified(&note, limits).map_err(|error| Failure::malformed(error.code(), error))?;
        let size = said.head().size;
        if size > LEAVES {
            return Err(Failure::malformed("log_too_large", format!("{size} leaves, more than {LEAVES}")));
        }
        let leaves = folder.join("leaves");
        let entries =
            if leaves.is_dir() { log::exported(&leaves, size, limits)? } else { tiled(&reader, size)? };
        let objects = log::objects(&reader, &entries)?;
        Ok(Self { reader, note, entries, objects })
    }

    /// An object, from the copy if it was not read before.
    fn keep(&mut self, id: ObjectId, most: usize) -> Result<bool, Failure> {
        if !self.objects.contains_key(&id) {
            let Some(bytes) = self.reader.object(id, most).map_err(Unread::failure)? else {
                return Ok(false);
            };
            self.objects.insert(id, bytes);
        }
        Ok(true)
    }

    /// The view with a revocation that was handed over by file.
    fn hold(&mut self, view: &LogView, file: &Path, limits: &Limits) -> Result<LogView, Failure> {
        let wrong = |code: &'static str, error: &dyn std::fmt::Display| {
            Failure::malformed(code, format!("{}: {error}", file.display()))
        };
        let encoded = read_file(file, Delivery::most_bytes(limits))?;
        let (delivery, revocation) =
            Delivery::read(&encoded, limits).map_err(|error| wrong(error.code(), &error))?;
        match (revocation.revokes, delivery.request) {
            (Revoked::Request(request), Some(brought)) => drop(self.objects.insert(request, brought.0)),
            (Revoked::Request(request), None) => drop(self.keep(request, limits.release_object_bytes)?),
            (Revoked::Control(_) | Revoked::Key { .. }, _) => {}
        }
        let held = view.holding(&delivery.revocation.0, view.next_place(), &self.objects, limits);
        held.map_err(|error| wrong(error.code(), &error))
    }

    /// Everything that was published, and every review.
    fn releases(&mut self, view: &LogView, limits: &Limits) -> Result<(), Failure> {
        let published: Vec<ObjectId> = view.published().map(|(_, _, bundle)| bundle).collect();
        let reviews: Vec<ObjectId> = view.reviews().map(|(_, review)| review).collect();
        for bundle in published {
            self.keep(bundle, limits.release_bundle_bytes)?;
        }
        for review in reviews {
            self.keep(review, limits.release_object_bytes)?;
        }
        Ok(())
    }

    /// A release that the copy does not have may be what the family has reached: only another family's may be missing.
    fn is_whole(&mut self, catalogue: &Catalogue, family: &Name, limits: &Limits) -> Result<(), Failure> {
        for id in catalogue.missing() {
            self.keep(*id, limits.release_object_bytes)?;
            let request = self.objects.get(id).and_then(|bytes| Request::parse(bytes, limits).ok());
            if request.is_none_or(|request| request.family == *family) {
                let detail = format!("the copy does not have the release of {id}");
                return Err(Failure::malformed("release_bundle_missing", detail));
            }
        }
        Ok(())
    }
}

/// The leaves of a log's folder, in the same way.
fn tiled(mut reader: &Reader, size: u64) -> Result<Vec<Vec<u8>>, Failure> {
    let mut entries = Vec::new();
    for tile in (0..).map_while(|index| Tile::of_tree(Level::Entries, index, size)) {
        let bundle = reader.read(&tile).map_err(Unread::failure)?;
        let own = tile::parse_entries(&tile, &bundle).map_err(|error| Unread::from(error).failure())?;
        entries.extend(own.into_iter().map(<[u8]>::to_vec));
    }
    Ok(entries)
}
