//! Golden values ready for appraisal.

use std::sync::Arc;

use serde::Serialize;
use sha2::Digest as _;

use super::files::FileIndex;
use super::golden::{Error, Evidence, Golden, Sequence};
use super::index::{Index, SequenceId};

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
}

/// Values that somebody vouches for: governed releases, or a plain document on the explicit development path, which marks every
/// verdict made with it.
#[derive(Clone, Debug)]
pub struct ReferenceSet {
    golden: Golden,
    variants: Vec<ResolvedVariant>,
    index: Index,
    log_only: bool,
    source: GoldenSource,
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
        let source = GoldenSource {
            source: "development",
            release: None,
            tier: None,
            variant: None,
            document_sha256: Some(hex::encode(document)),
        };
        let files = golden.ima.as_ref().map(FileIndex::new).unwrap_or_default();
        Ok(Self { golden, variants, index, log_only, source, files })
    }

    /// The document behind it.
    #[must_use]
    pub const fn golden(&self) -> &Golden {
        &self.golden
    }

    /// Its variants, resolved, in the order of the document.
    #[must_use]
    pub fn variants(&self) -> &[ResolvedVariant] {
        &self.variants
    }

    /// Whether some of it was learned from a log that no quote covered.
    #[must_use]
    pub const fn is_log_only(&self) -> bool {
        self.log_only
    }

    pub(crate) const fn index(&self) -> &Index {
        &self.index
    }

    /// Its golden files, ready for look-up.
    pub(crate) const fn files(&self) -> &FileIndex {
        &self.files
    }

    /// Where it comes from.
    #[must_use]
    pub const fn source(&self) -> &GoldenSource {
        &self.source
    }
}
