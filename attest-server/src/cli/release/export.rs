//! `attest release export`: a folder that tells others where a release stands, and lets them check it with their own tools.

mod bare;
mod copies;
mod guide;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use attest_core::release::ObjectId;
use attest_core::release::view;
use clap::Args;
use serde_json::json;

pub(in crate::cli) use self::copies::differing;
use self::copies::{Copies, Signed};
use self::guide::Guide;
use super::known::Known;
use super::{Desk, bytes, make_folder, write};
use crate::cli::layout::hanging;
use crate::cli::{Exit, Failure, Output, printable};

/// Flags of `export`.
#[derive(Args, Debug)]
pub(super) struct Export {
    /// The request
    id: String,
    /// The folder to make
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

impl Export {
    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let mut known = desk.known(out)?;
        let id = known.find(&self.id)?;
        // What is there of another release would be taken for this one's.
        make_folder(&self.out)?;
        let put = |name: &str, bytes: &[u8]| write(&self.out.join(name), bytes);
        // That of these leaves: the log may have grown since.
        put("checkpoint", &known.checkpoint)?;
        put("checkpoint.go", include_bytes!("export/checkpoint.go"))?;
        self.log(&known)?;
        self.objects(&mut known)?;
        let Copies { files, signed, bare, revocation } = Copies::of(&mut known, id)?;
        files.iter().try_for_each(|(name, bytes)| put(name, bytes))?;
        let revoked = known.view.revoked(&id).is_some();
        let told = Guide::of(&mut known, id, revocation.as_ref())?;
        put("README.md", told.text(&known, id, &signed, &bare).as_bytes())?;
        if out.wants_json() {
            let by = |what: &str| {
                let said = signed.iter().filter(|signed| signed.file.starts_with(what));
                said.map(|signed| signed.by.as_str()).collect::<BTreeSet<_>>()
            };
            let out_folder = self.out.display().to_string();
            out.json(&json!({ "request": id, "out": out_folder, "approvals": by("approval-"), "reviews": by("review-"),
                             "standing": told.standing, "revoked": revoked }));
        } else {
            out.line(format!("{}: README.md says how others verify it", self.out.display()));
            hanging(out, "standing  ", 10, &printable(&told.standing));
            let (folder, pin) = (self.out.display(), known.view.authority());
            out.line("verify it offline:");
            out.line(format!("attest audit verify --folder {folder} --policy-pin {pin}"));
        }
        Ok(Exit::Good)
    }

    /// Every leaf, so that the root can be computed again.
    fn log(&self, known: &Known) -> Result<(), Failure> {
        let folder = self.out.join("leaves");
        std::fs::create_dir_all(&folder).map_err(|error| Failure::usage("file_unwritable", error))?;
        for (leaf, index) in known.leaves.iter().zip(0_u64..) {
            write(&folder.join(format!("{index:08}.cbor")), &bytes(leaf)?)?;
        }
        Ok(())
    }

    /// What a replay of the leaves wants, and the releases of the family: by them `attest verify --releases` judges a device without a network.
    fn objects(&self, known: &mut Known) -> Result<(), Failure> {
        let id = known.find(&self.id)?;
        let family = known.request(id)?.family;
        let mut wanted: BTreeMap<ObjectId, Vec<u8>> = BTreeMap::new();
        for leaf in &known.leaves {
            while let Some(id) = view::missing(&leaf.event, &wanted, &known.limits) {
                let bytes = known
                    .objects
                    .get(&id)
                    .ok_or_else(|| Failure::malformed("object_missing", format!("{id} is not at hand")))?;
                wanted.insert(id, bytes.clone());
            }
        }
        let mut others: Vec<ObjectId> = known.view.reviews().map(|(_, review)| review).collect();
        let published: Vec<(ObjectId, ObjectId)> =
            known.view.published().map(|(request, _, bundle)| (request, bundle)).collect();
        for (request, bundle) in published {
            others.push(request);
            // Other families' releases say nothing of this one.
            if known.request(request).is_ok_and(|request| request.family == family) {
                others.push(bundle);
            }
        }
        for id in others {
            if let Some(bytes) = known.object(id)? {
                wanted.insert(id, bytes.to_vec());
            }
        }
        let folder = self.out.join("object");
        std::fs::create_dir_all(&folder).map_err(|error| Failure::usage("file_unwritable", error))?;
        wanted.iter().try_for_each(|(id, bytes)| write(&folder.join(hex::encode(id.as_bytes())), bytes))
    }
}
