//! What IMA measured in known-good boots, as golden values.

use super::super::golden::{Golden, ImaBuffer, ImaFile, ImaGolden, ImaSigner};
use super::{Boot, Choices};
use crate::authenticate::file_signature::{KeyId, SignerKey};
use crate::authenticate::ima::ToldAggregate;
use crate::evidence::ima_log::{Entry, FileDigest, FileSignature, IMA_PCR, ImaLog};

/// What IMA measured in a known-good boot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// The files that no golden key has signed, ascending, each once.
    pub files: Vec<ImaFile>,
    /// The buffers, ascending, each once.
    pub buffers: Vec<ImaBuffer>,
    /// Which boot the list says that it is of.
    pub boot_aggregate: ToldAggregate,
}

pub(super) fn golden(boots: &[Boot<'_, '_>], golden: &Golden, choices: &Choices) -> Option<ImaGolden> {
    let measured = || boots.iter().filter_map(|boot| boot.files);
    let mut files: Vec<ImaFile> = measured().flat_map(|measured| &measured.files).cloned().collect();
    files.sort();
    files.dedup();
    // Lists of nothing but boot_aggregate have no file to judge by.
    if files.is_empty() && (choices.signers.is_empty() || measured().next().is_none()) {
        return None;
    }
    let mut buffers: Vec<ImaBuffer> = measured().flat_map(|measured| &measured.buffers).cloned().collect();
    buffers.sort();
    buffers.dedup();
    let cmdlines = golden.variants.iter().flat_map(|v| &v.sequences).flat_map(|s| &s.slots);
    let mut words = cmdlines.filter(|s| s.component.contains("cmdline")).flat_map(|s| s.about.split(' '));
    let policy = words.find(|word| word.starts_with("ima_policy=")).map(ToOwned::to_owned);
    let signers = choices.signers.clone();
    Some(ImaGolden { measurement_policy: policy, files, signers, buffers, ..ImaGolden::strict() })
}

/// What an IMA list says, as golden values: every entry that names a file or a buffer and its digest, violations and boot_aggregate left
/// out.
#[must_use]
pub fn ima_files(list: &ImaLog<'_>) -> Measured {
    files_of(list.entries(), &[])
}

/// The same of some entries, such as those that a quote proves, and without the files that one of these keys has signed.
#[must_use]
pub fn files_of<'e>(entries: impl Iterator<Item = Entry<'e>>, signers: &[ImaSigner]) -> Measured {
    let keys: Vec<SignerKey> = signers.iter().filter_map(ImaSigner::public_key).collect();
    let mut measured = Measured::default();
    let mut is_first = true;
    for entry in entries {
        if entry.pcr == IMA_PCR && core::mem::take(&mut is_first) {
            measured.boot_aggregate = ToldAggregate::of(&entry);
        }
        if entry.is_violation() || entry.is_boot_aggregate() {
            continue;
        }
        let name = entry.name().and_then(|name| String::from_utf8(name.to_vec()).ok());
        let (Some(name), Some(told)) = (name, entry.file_digest()) else { continue };
        let Some(digest) = told.typed() else { continue };
        if entry.has_buffer() {
            if digest.alg().hash(&[entry.buffer().unwrap_or_default()]) == digest {
                let about = String::new();
                measured.buffers.push(ImaBuffer { name, digest, about });
            }
        } else if !is_signed(&entry, &told, &keys) {
            let verity = told.kind == Some("verity");
            measured.files.push(ImaFile { path: name, digest, verity, required: false });
        }
    }
    measured.files.sort();
    measured.files.dedup();
    measured.buffers.sort();
    measured.buffers.dedup();
    measured
}

fn is_signed(entry: &Entry<'_>, told: &FileDigest<'_>, keys: &[SignerKey]) -> bool {
    let Some(Ok(signature)) = entry.signature().map(FileSignature::parse) else { return false };
    let mut named = keys.iter().filter(|key| key.keyid() == KeyId(signature.keyid));
    named.any(|key| key.verify(&signature, told).is_ok())
}
