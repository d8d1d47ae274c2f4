//! IMA templates: which fields an entry's data is made of (Linux, Documentation/security/IMA-templates.rst).

/// One field of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// `d`: a digest of 20 bytes, MD5 or SHA-1.
    D,
    /// `d-ng`: a hash's name, a colon, a NUL, the digest; `d-modsig` is the digest without the appended signature.
    DNg(DigestOf),
    /// `d-ngv2`: what kind of digest it is goes before.
    DNgV2,
    /// Bytes that a text list writes in hexadecimal: signatures, keys, attributes' values.
    Hex(Bytes),
    /// Text with a NUL: `n-ng`, the file's name, or `xattrnames`.
    Text(TextOf),
    /// A number in this many bytes: owner, group, mode.
    Uint(u8),
}

/// Which digest a `d-ng` field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DigestOf {
    /// The file.
    File,
    /// The file without its appended signature; empty where there is none.
    FileWithoutSignature,
}

/// Which bytes a hexadecimal field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bytes {
    /// `buf`: a buffer that was measured, such as a key or a command line.
    Buffer,
    /// `evmsig`: a portable signature over attributes.
    EvmSignature,
    /// `modsig`: a signature appended to the file.
    ModuleSignature,
    /// `sig`: the file's signature in security.ima; empty where there is none.
    Signature,
    /// `xattrlengths` and `xattrvalues`.
    Xattrs,
}

/// Which text a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextOf {
    /// `n`: the name as the `ima` template has it.
    ShortName,
    /// `n-ng`: the file's name.
    Name,
    /// `xattrnames`.
    XattrNames,
}

/// The templates under which kernels tell of files by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plain {
    /// `ima-ng`.
    Ng,
    /// `ima-sig`.
    Sig,
}

/// A template by its name, or by the format that stands in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Template<'a> {
    pub(super) name: &'a [u8],
    /// Its place among the kernel's own: looked up once, for a list has a hundred thousand entries of a few templates.
    place: Option<u8>,
}

const DIGEST: Field = Field::DNg(DigestOf::File);
const NAME: Field = Field::Text(TextOf::Name);
/// The kernel's own; [`Template::is_ima`] and [`Template::plain`] know places.
const BUILT_IN: [(&[u8], &[Field]); 8] = [
    (b"ima", &[Field::D, Field::Text(TextOf::ShortName)]),
    (b"ima-ng", &[DIGEST, NAME]),
    (b"ima-ngv2", &[Field::DNgV2, NAME]),
    (b"ima-sig", &[DIGEST, NAME, Field::Hex(Bytes::Signature)]),
    (b"ima-sigv2", &[Field::DNgV2, NAME, Field::Hex(Bytes::Signature)]),
    (b"ima-buf", &[DIGEST, NAME, Field::Hex(Bytes::Buffer)]),
    (
        b"ima-modsig",
        &[
            DIGEST,
            NAME,
            Field::Hex(Bytes::Signature),
            Field::DNg(DigestOf::FileWithoutSignature),
            Field::Hex(Bytes::ModuleSignature),
        ],
    ),
    (
        b"evm-sig",
        &[
            DIGEST,
            NAME,
            Field::Hex(Bytes::EvmSignature),
            Field::Text(TextOf::XattrNames),
            Field::Hex(Bytes::Xattrs),
            Field::Hex(Bytes::Xattrs),
            Field::Uint(4),
            Field::Uint(4),
            Field::Uint(2),
        ],
    ),
];

impl<'a> Template<'a> {
    /// The template of this name.
    pub(super) fn new(name: &'a [u8]) -> Self {
        let place = (0_u8..).zip(BUILT_IN).find_map(|(place, (known, _))| (known == name).then_some(place));
        Self { name, place }
    }

    /// The template of this name, whose [`place`](Self::place) is known.
    pub(super) const fn at(name: &'a [u8], place: Option<u8>) -> Self {
        Self { name, place }
    }

    /// Its place among the kernel's own.
    pub(super) const fn place(self) -> Option<u8> {
        self.place
    }

    /// Which of the templates it is that tell of a file by its digest and name alone, and of a signature if there is one.
    pub(super) const fn plain(place: Option<u8>) -> Option<Plain> {
        match place {
            Some(1) => Some(Plain::Ng),
            Some(3) => Some(Plain::Sig),
            _ => None,
        }
    }

    /// Its name as the list has it: `ima-ng`, `d-ng|n-ng`.
    #[must_use]
    pub fn name(self) -> &'a str {
        // Checked to be printable ASCII when the list was parsed.
        core::str::from_utf8(self.name).unwrap_or_default()
    }

    /// The first template, which keeps no lengths and hashes the name in 256 bytes.
    #[must_use]
    pub const fn is_ima(self) -> bool {
        matches!(self.place, Some(0))
    }

    /// Its fields, if the name or every part of the format is known.
    #[must_use]
    pub fn fields(self) -> Option<impl Iterator<Item = Field> + Clone + use<'a>> {
        let (known, custom) = match self.built_in() {
            Some(known) => (known, ""),
            None => (&[][..], self.name()),
        };
        let ids = custom.split('|').filter(|id| !id.is_empty());
        let is_known = !known.is_empty() || custom.split('|').all(|id| field(id).is_some());
        is_known.then(|| known.iter().copied().chain(ids.filter_map(field)))
    }

    /// Whether the field is one of its fields.
    pub(super) fn has(self, wanted: Field) -> bool {
        match self.built_in() {
            Some(known) => known.contains(&wanted),
            None => self.fields().is_some_and(|mut fields| fields.any(|field| field == wanted)),
        }
    }

    /// The fields of one of the kernel's own.
    pub(super) fn built_in(self) -> Option<&'static [Field]> {
        BUILT_IN.get(usize::from(self.place?)).map(|(_, fields)| *fields)
    }
}

fn field(id: &str) -> Option<Field> {
    Some(match id {
        "d" => Field::D,
        "d-ng" => Field::DNg(DigestOf::File),
        "d-modsig" => Field::DNg(DigestOf::FileWithoutSignature),
        "d-ngv2" => Field::DNgV2,
        "n" => Field::Text(TextOf::ShortName),
        "n-ng" => Field::Text(TextOf::Name),
        "xattrnames" => Field::Text(TextOf::XattrNames),
        "buf" => Field::Hex(Bytes::Buffer),
        "evmsig" => Field::Hex(Bytes::EvmSignature),
        "modsig" => Field::Hex(Bytes::ModuleSignature),
        "sig" => Field::Hex(Bytes::Signature),
        "xattrlengths" | "xattrvalues" => Field::Hex(Bytes::Xattrs),
        "iuid" | "igid" => Field::Uint(4),
        "imode" => Field::Uint(2),
        _ => return None,
    })
}
