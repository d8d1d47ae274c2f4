//! One entry of a list.

use super::BOOT_AGGREGATE;
use super::binary::push_field;
use super::template::{Bytes, DigestOf, Field, Template, TextOf};
use crate::digest::{Digest, HashAlg};
use crate::reader::{Reader, len32};

/// One measurement. Its data is what its digest covers; the register is not.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'e> {
    /// Its place in the list, counted from 0.
    pub index: u32,
    /// Where it begins in the input, in bytes.
    pub offset: usize,
    /// The PCR that the kernel extended: 10 unless its policy says otherwise.
    pub pcr: u32,
    /// The template digest as the list has it; all zeros for a violation.
    pub template_hash: &'e [u8],
    /// Which fields the data has.
    pub template: Template<'e>,
    /// The fields, each after its length in four bytes; the `ima` template has its own form.
    pub data: &'e [u8],
}

/// A file's digest as the entry tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileDigest<'e> {
    /// `ima` or `verity`; only `d-ngv2` says it.
    pub kind: Option<&'e str>,
    /// The hash's name in the kernel: `sha256`.
    pub algorithm: &'e str,
    /// Its bytes; all zeros for a violation.
    pub bytes: &'e [u8],
}

impl FileDigest<'_> {
    /// As a [`Digest`], if the hash is known and the length is right.
    #[must_use]
    pub fn typed(&self) -> Option<Digest> {
        Digest::new(HashAlg::from_name(self.algorithm)?, self.bytes)
    }
}

/// The `ima` template hashes the name in a buffer of this size (Linux, IMA_EVENT_NAME_LEN_MAX + 1).
pub(super) const IMA_NAME_BUFFER: usize = 256;
/// The `ima` template's digest.
pub(super) const IMA_DIGEST: usize = 20;

impl<'e> Entry<'e> {
    /// An entry that another log tells of: its template and data alone, and no violation.
    pub(in crate::evidence) fn told(template: &'e str, data: &'e [u8]) -> Self {
        let template = Template::new(template.as_bytes());
        Self { index: 0, offset: 0, pcr: 0, template_hash: &[u8::MAX], template, data }
    }

    /// Whether the kernel reports that it could not measure faithfully: the file was open for writing, or changed.
    #[must_use]
    pub fn is_violation(&self) -> bool {
        self.template_hash.iter().all(|byte| *byte == 0)
    }

    /// The digest of its data with this hash: what the kernel extends, unless it is a violation.
    #[must_use]
    pub fn template_digest(&self, alg: HashAlg) -> Digest {
        if !self.template.is_ima() {
            return alg.hash(&[self.data]);
        }
        let (digest, name) = self.data.split_at_checked(IMA_DIGEST).unwrap_or_default();
        let name = name.get(4..).unwrap_or_default();
        let padding = [0; IMA_NAME_BUFFER];
        let padding = padding.get(name.len()..).unwrap_or_default();
        alg.hash(&[digest, name, padding])
    }

    /// Its fields in order; none if the template is not known.
    pub fn fields(&self) -> impl Iterator<Item = (Field, &'e [u8])> + use<'e> {
        let mut reader = Reader::new(self.data);
        let is_ima = self.template.is_ima();
        let fields = self.template.fields().into_iter().flatten();
        fields.map_while(move |field| {
            let len = match field {
                Field::D if is_ima => IMA_DIGEST,
                _ => len32(reader.u32_le().ok()?),
            };
            Some((field, reader.bytes(len).ok()?))
        })
    }

    /// The first two fields: what was measured, and its name. The template's name is in no digest, so only where every template has them
    /// may they be read, or a file's name could pass as its digest under a relabelled template.
    fn digest_and_name(&self) -> Option<[(Field, &'e [u8]); 2]> {
        // The kernel's own, but for the first, have a length before each field.
        if let Some([first, second, ..]) = self.template.built_in().filter(|_| !self.template.is_ima()) {
            let (digest, rest) = split_field(self.data)?;
            let (name, _) = split_field(rest)?;
            return Some([(*first, digest), (*second, name)]);
        }
        let mut fields = self.fields();
        Some([fields.next()?, fields.next()?])
    }

    /// The file's name, or `boot_aggregate` and the like, without its NUL.
    #[must_use]
    pub fn name(&self) -> Option<&'e [u8]> {
        let [_, (field, name)] = self.digest_and_name()?;
        let is_name = matches!(field, Field::Text(TextOf::Name | TextOf::ShortName));
        is_name.then(|| name.strip_suffix(&[0]).unwrap_or(name))
    }

    /// Whether it is named as the entry over the PCRs of the boot. A violation is not: its name is in no digest.
    pub(crate) fn is_boot_aggregate(&self) -> bool {
        self.name() == Some(BOOT_AGGREGATE) && !self.is_violation()
    }

    /// The file's digest.
    #[must_use]
    pub fn file_digest(&self) -> Option<FileDigest<'e>> {
        let (field, bytes) = match self.digest_and_name() {
            Some([first, _]) => first,
            None => self.fields().next()?,
        };
        match field {
            Field::D => Some(FileDigest { kind: None, algorithm: "sha1", bytes }),
            Field::DNg(DigestOf::File) => {
                let (algorithm, bytes) = named(bytes)?;
                Some(FileDigest { kind: None, algorithm, bytes })
            }
            Field::DNgV2 => {
                let (names, bytes) = named(bytes)?;
                let (kind, algorithm) = names.split_once(':')?;
                Some(FileDigest { kind: Some(kind), algorithm, bytes })
            }
            _ => None,
        }
    }

    /// The file's signature in its extended attribute, if it has one.
    #[must_use]
    pub fn signature(&self) -> Option<&'e [u8]> {
        self.hex(Bytes::Signature)
    }

    /// Whether it is told as the measurement of a buffer.
    #[must_use]
    pub fn has_buffer(&self) -> bool {
        self.template.has(Field::Hex(Bytes::Buffer))
    }

    /// The buffer that was measured, if it is a buffer.
    #[must_use]
    pub fn buffer(&self) -> Option<&'e [u8]> {
        self.hex(Bytes::Buffer)
    }

    /// The signature that is appended to the file, as kernel modules have them (PKCS #7), if it has one.
    #[must_use]
    pub fn appended_signature(&self) -> Option<&'e [u8]> {
        self.hex(Bytes::ModuleSignature)
    }

    fn hex(&self, wanted: Bytes) -> Option<&'e [u8]> {
        let (_, bytes) = self.fields().find(|(field, _)| *field == Field::Hex(wanted))?;
        (!bytes.is_empty()).then_some(bytes)
    }
}

/// The data of a file's entry as kernels write it under the templates `ima-ng`, and `ima-sig` of a file without signature.
pub(crate) fn file_data(path: &str, digest: &Digest) -> Option<[Vec<u8>; 2]> {
    let mut without = Vec::new();
    push_field(&mut without, &[digest.alg().name().as_bytes(), b":\0", digest.as_bytes()].concat())?;
    push_field(&mut without, &[path.as_bytes(), &[0]].concat())?;
    let mut with = without.clone();
    push_field(&mut with, &[])?;
    Some([without, with])
}

/// The bytes of a field after its length, and what follows.
fn split_field(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = data.split_first_chunk()?;
    rest.split_at_checked(len32(u32::from_le_bytes(*len)))
}

/// A hash's name before `:` and NUL, and what follows. A name that is not printable is none.
fn named(field: &[u8]) -> Option<(&str, &[u8])> {
    // What nearly every entry has, without a search.
    if let Some(digest) = field.strip_prefix(b"sha256:\0") {
        return Some(("sha256", digest));
    }
    let at = field.windows(2).position(|pair| pair == b":\0")?;
    let (name, rest) = field.split_at_checked(at)?;
    let name =
        core::str::from_utf8(name).ok().filter(|name| name.bytes().all(|byte| byte.is_ascii_graphic()))?;
    Some((name, rest.get(2..)?))
}
