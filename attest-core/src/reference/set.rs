//! Golden values ready for appraisal.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use sha2::Digest as _;

use super::files::FileIndex;
use super::golden::{Error, Evidence, Golden, Sequence, Superseded};
use super::index::{Index, SequenceId};
use super::overlay::{self, Home, Overlay, OverlaySlot};
use crate::Timestamp;
use crate::digest::Digest;
use crate::release::policy::Tier;

/// Where the golden values came from. Development values mark every verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GoldenSource {
    /// `development` or `release`.
    pub source: &'static str,
    /// The release's name, if there is one.
    pub release: Option<String>,
    /// The release's tier, if there is one.
    pub tier: Option<String>,
    /// The variant that explains the boot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// SHA-256 of the golden document's bytes, lower-case hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_sha256: Option<String>,
    /// SHA-256 of the overlay that brought the device's own digests, if one did, lower-case hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlay_sha256: Option<String>,
    /// What the release passed; only a governed one has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub governed: Option<Governed>,
}

impl GoldenSource {
    /// Releases, none of which is at hand.
    #[must_use]
    pub const fn no_release() -> Self {
        Self {
            source: "release",
            release: None,
            tier: None,
            variant: None,
            document_sha256: None,
            overlay_sha256: None,
            governed: None,
        }
    }

    /// Whether no access system accepts them by default, whatever a verifier's configuration lets in: a document that nobody released, a
    /// release of tier `dev`, which nobody had to approve, or one that was signed with a key in a file, which could have been copied.
    #[must_use]
    pub fn is_development(&self) -> bool {
        let has_file_key = self.governed.as_ref().is_some_and(|governed| !governed.file_keys.is_empty());
        self.source != "release" || self.tier.as_deref() == Some(Tier::Dev.name()) || has_file_key
    }
}

/// The release that golden values came by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Governed {
    /// The first policy of the authority, which is pinned: `sha256:` and 64 digits.
    pub authority: String,
    /// The family.
    pub family: String,
    /// The release's version, as people call it.
    pub version: String,
    /// Its security version.
    pub security_version: u64,
    /// Where it stands in the log, counted from 0.
    pub log_index: u64,
    /// What it passed.
    pub gates: Vec<&'static str>,
    /// The keys that it was signed with and that are kept in files, by their names in the policy; for development alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub file_keys: Vec<String>,
}

/// Values that somebody vouches for: governed releases, or a plain document on the explicit development path, which marks every
/// verdict made with it.
#[derive(Clone, Debug)]
pub struct ReferenceSet {
    shared: Arc<Shared>,
    index: Index,
    /// Variants with a device's own digests, by their position in the document.
    own_variants: BTreeMap<u32, ResolvedVariant>,
    source: GoldenSource,
    /// With an overlay: the attestation key's name of the only device that these values are for.
    bound_to: Option<Vec<u8>>,
    valid_until: Option<Timestamp>,
}

/// What does not differ from device to device.
#[derive(Debug)]
struct Shared {
    golden: Golden,
    variants: Vec<ResolvedVariant>,
    /// Positions of the variants, sorted by name.
    by_name: Vec<u32>,
    log_only: bool,
    files: FileIndex,
}

/// A variant with everything that it inherits.
#[derive(Clone, Debug)]
pub struct ResolvedVariant {
    /// Its name.
    pub name: String,
    /// Its sequences, ascending by PCR; variants share those that are equal.
    pub sequences: Vec<Arc<Sequence>>,
    /// The same in the index.
    pub(crate) ids: Vec<SequenceId>,
}

impl ReferenceSet {
    /// The development path: a plain document, vouched for by whoever passes it in. Every verdict says so.
    ///
    /// # Errors
    /// [`Error`] where a variant does not resolve.
    pub fn development(golden: Golden) -> Result<Self, Error> {
        let source = GoldenSource {
            source: "development",
            release: None,
            tier: None,
            variant: None,
            document_sha256: None,
            overlay_sha256: None,
            governed: None,
        };
        Self::new(golden, source)
    }

    /// A release that passed every gate; `release::evaluate` alone asks for this.
    pub(crate) fn released(golden: Golden, source: GoldenSource) -> Result<Self, Error> {
        Self::new(golden, source)
    }

    fn new(golden: Golden, source: GoldenSource) -> Result<Self, Error> {
        golden.validate()?;
        let variants = golden.variants.iter().map(|variant| {
            let sequences = golden.resolve(variant)?.into_iter().map(Arc::new).collect();
            Ok(ResolvedVariant { name: variant.name.clone(), sequences, ids: Vec::new() })
        });
        let mut variants = variants.collect::<Result<Vec<_>, Error>>()?;
        let index = Index::new(&golden, &mut variants);
        let learned = golden.sequences.iter().map(|s| s.evidence);
        let mut learned = learned.chain(golden.variants.iter().map(|v| v.evidence));
        let log_only = learned.any(|evidence| evidence == Evidence::LogOnly);
        let document = sha2::Sha256::digest(golden.to_toml().as_bytes());
        let source = GoldenSource { document_sha256: Some(hex::encode(document)), ..source };
        let is_superseded = |digest: &Digest| index.superseded(digest).is_some();
        let files = golden.ima.as_ref().map(|ima| FileIndex::new(ima, is_superseded));
        let files = files.unwrap_or_default();
        let mut by_name: Vec<(&str, u32)> =
            variants.iter().zip(0_u32..).map(|(variant, at)| (variant.name.as_str(), at)).collect();
        by_name.sort_unstable();
        let by_name = by_name.into_iter().map(|(_, at)| at).collect();
        let shared = Arc::new(Shared { golden, variants, by_name, log_only, files });
        Ok(Self { shared, index, own_variants: BTreeMap::new(), source, bound_to: None, valid_until: None })
    }

    /// The same values, which count no longer than this.
    #[must_use]
    pub fn until(mut self, last: Timestamp) -> Self {
        self.valid_until = Some(self.valid_until.map_or(last, |known| known.min(last)));
        self
    }

    /// When they stop counting by themselves, as far as is known.
    #[must_use]
    pub const fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }

    /// The same values, with this device's own digests in the slots that the document gives away; for this device only.
    ///
    /// # Errors
    /// [`overlay::Error::GoldenMismatch`] where the overlay was verified for another document.
    pub fn with_overlay(&self, overlay: &Overlay) -> Result<Self, overlay::Error> {
        if self.source.document_sha256.as_deref() != Some(overlay.golden_sha256()) {
            return Err(overlay::Error::GoldenMismatch { overlay: overlay.golden_sha256().to_owned() });
        }
        let mut overlaid = self.clone();
        for own in overlay.slots() {
            overlaid.put(own);
        }
        overlaid.source.overlay_sha256 = Some(overlay.sha256().to_owned());
        overlaid.bound_to = Some(overlay.ak_name().to_vec());
        Ok(overlaid.until(overlay.expires()))
    }

    /// Puts one device's own digests in the place of the document's; nothing where there is no such slot.
    pub(super) fn put(&mut self, own: &OverlaySlot) {
        let with_own = |sequence: &Sequence| {
            let mut sequence = sequence.clone();
            if let Some(slot) = sequence.slots.get_mut(own.slot) {
                slot.digests.clone_from(&own.digests);
            }
            Arc::new(sequence)
        };
        match &own.home {
            Home::Sequence(name) => {
                let Some(id) = self.index.alternative_named(own.pcr, name) else { return };
                let Some(sequence) = self.index.sequence(id).map(with_own) else { return };
                self.index.put(id, sequence);
            }
            Home::Variant(name) => {
                let Some((at, known)) = self.named(name) else { return };
                let known = known.clone();
                let variant = self.own_variants.entry(at).or_insert(known);
                for (sequence, id) in variant.sequences.iter_mut().zip(&mut variant.ids) {
                    if sequence.pcr == own.pcr {
                        *sequence = with_own(sequence);
                        *id = self.index.put_for(at, *id, Arc::clone(sequence));
                    }
                }
            }
        }
    }

    /// The document behind it, as people reviewed it: without an overlay's digests.
    #[must_use]
    pub fn golden(&self) -> &Golden {
        &self.shared.golden
    }

    /// The alternatives of PCR 0–3, 6 and 7, in the order of the document.
    pub fn sequences(&self) -> impl DoubleEndedIterator<Item = &Sequence> {
        self.index.all_alternatives()
    }

    /// The attestation key's name of the only device that these values are for; `None` where they are for the whole family.
    #[must_use]
    pub fn bound_to(&self) -> Option<&[u8]> {
        self.bound_to.as_deref()
    }

    /// Its variants, resolved, in the order of the document.
    #[must_use]
    pub fn variants(&self) -> impl ExactSizeIterator<Item = &ResolvedVariant> + DoubleEndedIterator {
        let own = |at: usize| self.own_variants.get(&u32::try_from(at).ok()?);
        self.shared.variants.iter().enumerate().map(move |(at, variant)| own(at).unwrap_or(variant))
    }

    /// The variant of this name.
    #[must_use]
    pub fn variant_named(&self, name: &str) -> Option<&ResolvedVariant> {
        self.named(name).map(|(_, variant)| variant)
    }

    fn named(&self, name: &str) -> Option<(u32, &ResolvedVariant)> {
        let name_of = |at: &u32| self.variant(*at).map(|variant| variant.name.as_str());
        let from = self.shared.by_name.partition_point(|at| name_of(at) < Some(name));
        let at = *self.shared.by_name.get(from)?;
        self.variant(at).filter(|variant| variant.name == name).map(|variant| (at, variant))
    }

    /// The variant at this position of the document.
    pub(crate) fn variant(&self, at: u32) -> Option<&ResolvedVariant> {
        self.own_variants.get(&at).or_else(|| self.shared.variants.get(usize::try_from(at).ok()?))
    }

    /// Whether some of it was learned from a log that no quote covered.
    #[must_use]
    pub fn is_log_only(&self) -> bool {
        self.shared.log_only
    }

    pub(crate) const fn index(&self) -> &Index {
        &self.index
    }

    /// The first word of the document on one of these digests that were good once. A look-up: a device says as many as it likes.
    pub(crate) fn superseded(&self, digests: impl IntoIterator<Item = Digest>) -> Option<&Superseded> {
        let at = digests.into_iter().filter_map(|digest| self.index.superseded(&digest)).min()?;
        self.shared.golden.superseded.get(at)
    }

    /// Its golden files, ready for look-up.
    pub(crate) fn files(&self) -> &FileIndex {
        &self.shared.files
    }

    /// Where it comes from.
    #[must_use]
    pub const fn source(&self) -> &GoldenSource {
        &self.source
    }

    /// How many variants and sequences of its own this set has, where it shares all else with another one.
    #[cfg(test)]
    pub(crate) fn own_beside(&self, other: &Self) -> Option<(usize, usize)> {
        let sequences = self.index.own_beside(&other.index)?;
        Arc::ptr_eq(&self.shared, &other.shared).then_some((self.own_variants.len(), sequences))
    }
}
