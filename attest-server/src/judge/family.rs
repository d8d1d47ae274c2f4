//! Device families: golden values, policy and overlays, as the configuration names them.

use std::{
    io,
    path::{Path, PathBuf},
};

use attest_core::{
    Limits, Timestamp,
    appraise::{Policy, PolicyError},
    digest::HashAlg,
    evidence::tpm::{PcrMask, PcrSelection},
    reference::{
        Document, Golden, ReferenceSet,
        corim::Validity,
        document, golden,
        overlay::{DeviceIds, Overlay},
    },
};

use crate::{challenge::Selection, config, file, store::Device};

/// Where IMA measures to: always asked for, because a list that does not lead there is the only trace of some attacks.
const IMA_PCR: u8 = 10;

/// A policy is a page of text.
const POLICY_BYTES: u64 = 64 << 10;

/// Why families cannot be judged. The operator's to mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A golden document cannot be read.
    #[error("family {0}: {1}: {2}")]
    File(String, PathBuf, io::Error),
    /// A golden document is of another family.
    #[error("family {0}: the golden document is of family `{1}`")]
    FamilyMismatch(String, String),
    /// A golden document cannot be read, or does not count now.
    #[error("family {0}: {1}")]
    Document(String, document::Error),
    /// A golden document is refused.
    #[error("family {0}: {1}")]
    Golden(String, golden::Error),
    /// A policy cannot be read.
    #[error("family {0}: {1}: {2}")]
    Policy(String, PathBuf, PolicyError),
    /// The configured PCRs cannot be quoted.
    #[error("family {0}: pcrs: {1}")]
    Pcrs(String, String),
}

/// What devices of one family are judged by.
pub(super) struct Family {
    pub(super) golden: ByWhat,
    pub(super) policy: Policy,
    /// SHA-256 of the policy's text, lower-case hexadecimal; `None` for the default policy.
    pub(super) policy_sha256: Option<String>,
    overlays: Option<PathBuf>,
    /// What a quote must cover; what the golden values judge, where they are released and the configuration says nothing.
    pub(super) selection: Option<Selection>,
}

/// Whose golden values judge a family.
pub(super) enum ByWhat {
    /// A document's.
    Document {
        references: Box<ReferenceSet>,
        /// When it counts.
        validity: Option<Validity>,
    },
    /// Those of its releases.
    Releases,
}

impl Family {
    /// These golden values for this device: with its overlay, where the folder has one. One that is refused is not left out: the device is
    /// refused, under the code.
    pub(super) fn for_device(
        &self,
        references: &ReferenceSet,
        device: &Device,
        now: Timestamp,
        limits: &Limits,
    ) -> Result<Option<ReferenceSet>, (&'static str, String)> {
        let Some(folder) = &self.overlays else { return Ok(None) };
        let path = folder.join(format!("{}.jws", hex::encode(&device.identity.ak_name)));
        let most = u64::try_from(limits.token_bytes).unwrap_or(u64::MAX);
        let text = match file::read_text(&path, most) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                tracing::error!(device_id = device.id, path = %path.display(), %error, "an overlay cannot be read");
                return Err(("overlay_unreadable", "the device's overlay cannot be read".to_owned()));
            }
        };
        let ids = DeviceIds {
            ak_name: Some(&device.identity.ak_name),
            ek_sha256: Some(&device.identity.ek_certificate_sha256),
        };
        let overlaid = Overlay::verify(&text, references, &ids, now, limits)
            .and_then(|overlay| references.with_overlay(&overlay));
        overlaid.map(Some).map_err(|error| {
            tracing::warn!(device_id = device.id, code = error.code(), "an overlay is refused");
            (error.code(), error.to_string())
        })
    }
}

/// What a quote is to select.
pub(super) fn pcr_selection(selection: &Selection) -> Result<PcrSelection, String> {
    let banks = selection.iter().map(|(bank, pcrs)| {
        let alg = HashAlg::from_name(bank).ok_or_else(|| format!("`{bank}` is no bank"))?;
        let indices = pcrs.iter().map(|pcr| u8::try_from(*pcr).map_err(|_| format!("there is no PCR {pcr}")));
        let mask = PcrMask::of(indices.collect::<Result<Vec<_>, _>>()?);
        Ok((alg, mask.ok_or_else(|| format!("{bank}: only PCR 0 to 23 exist"))?))
    });
    let selection =
        PcrSelection::new(banks.collect::<Result<Vec<_>, String>>()?).map_err(|e| e.to_string())?;
    if selection.is_empty() { Err("nothing is selected".to_owned()) } else { Ok(selection) }
}

/// Reads what the configuration names.
pub(super) fn read_family(name: &str, family: &config::Family, now: Timestamp) -> Result<Family, Error> {
    let (golden, judged) = if family.is_released() {
        (ByWhat::Releases, None)
    } else {
        read_document(name, family, now).map(|(golden, judged)| (golden, Some(judged)))?
    };
    let configured = family.pcrs.as_ref().map(|pcrs| pcrs.clone().into_iter().collect());
    let selection: Option<Selection> = configured.or(judged);
    if let Some(selection) = &selection {
        pcr_selection(selection).map_err(|problem| Error::Pcrs(name.to_owned(), problem))?;
    }
    let (policy, policy_sha256) = match &family.policy {
        Some(path) => read_policy(name, path).map(|(policy, sha256)| (policy, Some(sha256)))?,
        None => (Policy::default(), None),
    };
    Ok(Family { golden, policy, policy_sha256, overlays: family.overlays.clone(), selection })
}

/// A golden document, and what it judges.
fn read_document(name: &str, family: &config::Family, now: Timestamp) -> Result<(ByWhat, Selection), Error> {
    let most = u64::try_from(Limits::DEFAULT.golden_bytes).unwrap_or(u64::MAX);
    let bytes = file::read(&family.golden, most)
        .map_err(|error| Error::File(name.to_owned(), family.golden.clone(), error))?;
    let unusable = |error| Error::Document(name.to_owned(), error);
    let document = Document::read(&bytes, &Limits::DEFAULT).map_err(unusable)?;
    let validity = document.validity();
    let golden = document.valid_at(now).map_err(unusable)?;
    if golden.family != name {
        return Err(Error::FamilyMismatch(name.to_owned(), golden.family));
    }
    let judged = selection_for(&golden);
    let references = ReferenceSet::development(golden);
    let references = references.map_err(|error| Error::Golden(name.to_owned(), error))?;
    let references = Box::new(match validity {
        Some(validity) => references.until(validity.not_after),
        None => references,
    });
    Ok((ByWhat::Document { references, validity }, judged))
}

fn read_policy(name: &str, path: &Path) -> Result<(Policy, String), Error> {
    let text = file::read_text(path, POLICY_BYTES)
        .map_err(|error| Error::File(name.to_owned(), path.to_owned(), error))?;
    let policy =
        Policy::parse(&text).map_err(|error| Error::Policy(name.to_owned(), path.to_owned(), error))?;
    Ok((policy, HashAlg::Sha256.hash(&[text.as_bytes()]).to_string()))
}

/// What the document judges, and IMA's PCR, in every bank that may judge.
fn selection_for(golden: &Golden) -> Selection {
    let mut pcrs: Vec<u32> = golden.judged.iter().copied().chain([IMA_PCR]).map(u32::from).collect();
    pcrs.sort_unstable();
    pcrs.dedup();
    golden.banks.iter().map(|bank| (bank.name().to_owned(), pcrs.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections_that_cannot_be_quoted_are_named() {
        let of = |bank: &str, pcrs: &[u32]| pcr_selection(&vec![(bank.to_owned(), pcrs.to_vec())]);
        assert!(of("sha256", &[0, 23]).is_ok());
        assert_eq!(of("md5", &[0]).unwrap_err(), "`md5` is no bank");
        assert_eq!(of("sha256", &[24]).unwrap_err(), "sha256: only PCR 0 to 23 exist");
        assert_eq!(of("sha256", &[256]).unwrap_err(), "there is no PCR 256");
        assert_eq!(of("sha256", &[]).unwrap_err(), "nothing is selected");
        assert!(pcr_selection(&vec![]).is_err());
        assert!(
            pcr_selection(&vec![("sha256".to_owned(), vec![0]), ("sha256".to_owned(), vec![1])]).is_err()
        );
    }
}
