//! What an update will measure, before the first device boots it: a golden document with one more variant, computed from the update's
//! files.
//!
//! The rule of this room: **nothing is guessed**. A slot takes a new digest only in a form that a specification gives it (Authenticode of
//! an image, the bytes of a file, UEFI_VARIABLE_DATA) or that the base itself proves (the old text hashes to the old digest). What an
//! update moves besides is moved too, or the prediction says what it still needs. A wrong prediction refuses devices; it never lets one in
//! that does not boot exactly what is predicted.

mod authority;
mod draft;
mod error;
mod finish;
mod form;
mod needs;
pub mod pe;
#[cfg(test)]
mod tests;
mod text;
mod uki;
mod variable;

pub use error::Error;

use super::golden::{Golden, ImaFile};
use crate::digest::{Digest, HashAlg};
use crate::limits::Limits;
use draft::Draft;

/// What to predict.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The document that holds today.
    pub base: &'a Golden,
    /// The variant that the update starts from; may be left out where there is only one.
    pub variant: Option<&'a str>,
    /// What is new, in order.
    pub replace: &'a [Replace<'a>],
    /// Texts that change wherever they stand in GRUB's commands and file names: old and new.
    pub rename: &'a [(&'a str, &'a str)],
    /// Components that somebody vouches to stay as they are although a part that could change them is new; `rest` means all others.
    pub keep: &'a [&'a str],
    /// Files that the update brings and that IMA will measure: golden from then on.
    pub files: &'a [ImaFile],
    /// What to call the new variant.
    pub name: Option<&'a str>,
    /// The banks that the new document judges by, if not all of the base's.
    pub banks: Option<&'a [HashAlg]>,
    /// The old variant goes, for this reason; its digests explain from then on.
    pub supersede: Option<&'a str>,
}

/// One new part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replace<'a> {
    /// The component, as the document names it, or a short name: `kernel`, `initrd`, `kernel_cmdline`, `uki`, `shim`, `grub`.
    pub component: &'a str,
    /// Which, where there are several: its text in the document, or the start of its old digest.
    pub which: Option<&'a str>,
    /// What it is now.
    pub with: Source<'a>,
}

/// Where a new value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// Digests as they will be extended, one a bank.
    Digests(&'a [Digest]),
    /// A file: its name, for people, and its bytes.
    File(&'a str, &'a [u8]),
    /// A text, such as a kernel command line.
    Text(&'a str),
}

/// The new document and what was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prediction {
    /// The base with one more variant, or with more alternatives of PCR 0–3, 6 and 7.
    pub golden: Golden,
    /// The new variant's name, or the new alternatives'.
    pub name: String,
    /// The base variant's name.
    pub based_on: String,
    /// Every slot that differs, by PCR and place.
    pub changes: Vec<Change>,
    /// What a person should know.
    pub warnings: Vec<Warning>,
}

/// One slot that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The PCR.
    pub pcr: u8,
    /// The component.
    pub component: String,
    /// What was there: digests, weakest bank first; empty if the slot is new.
    pub old: Vec<Digest>,
    /// What will be; empty if the slot goes.
    pub new: Vec<Digest>,
    /// What it is, for people.
    pub about: String,
}

/// Something that the files show and the digests do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Which.
    pub code: WarningCode,
    /// About which component.
    pub component: String,
    /// In words.
    pub detail: String,
}

/// Which kind of warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum WarningCode {
    /// Another boot loader may measure other things than its image: learn one boot to be sure.
    BootLoaderBehaviour,
    /// The file has another name than the one that the base loads.
    FileNameDiffers,
    /// GRUB's commands in PCR 8 are taken over; a configuration that runs others needs them too.
    GrubCommandsKept,
    /// Golden files of IMA stay as they are, and the update may bring others.
    ImaFilesKept,
    /// Bytes between sections belong to none: firmware other than EDK II may hash the image differently.
    ImageGaps,
    /// The initrd that the kernel gets was put together as systemd-stub does, and the base could not confirm it.
    InitrdUnproven,
    /// shim would refuse the image: its SBAT generation is revoked.
    SbatRevoked,
    /// The signature in the image is over other bytes: firmware would refuse it.
    SignatureOverOther,
    /// The image is not signed, and the base boots with Secure Boot.
    Unsigned,
    /// No certificate of the image's signatures is one that the base's PCR 7 names.
    SignerChanged,
    /// The stub's version is not known here, or newer than what was checked.
    StubVersion,
}

impl WarningCode {
    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BootLoaderBehaviour => "boot_loader_behaviour",
            Self::FileNameDiffers => "file_name_differs",
            Self::GrubCommandsKept => "grub_commands_kept",
            Self::ImaFilesKept => "ima_files_kept",
            Self::ImageGaps => "image_gaps",
            Self::InitrdUnproven => "initrd_unproven",
            Self::SbatRevoked => "sbat_revoked",
            Self::SignatureOverOther => "signature_over_other",
            Self::Unsigned => "unsigned",
            Self::SignerChanged => "signer_changed",
            Self::StubVersion => "stub_version",
        }
    }
}

/// Computes what the update will measure.
///
/// # Errors
/// [`Error`]: what is wrong, or what else is needed.
pub fn predict(request: &Request<'_>, limits: &Limits) -> Result<Prediction, Error> {
    if request.replace.is_empty() && request.rename.is_empty() {
        return Err(Error::NoReplacement);
    }
    let mut draft = Draft::new(request)?;
    for (old, new) in request.rename {
        text::rename(&mut draft, old, new)?;
    }
    for replace in request.replace {
        form::apply(&mut draft, replace, limits)?;
    }
    needs::check(&draft, request.keep)?;
    finish::finish(draft, request)
}
