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

/// A template by its name, or by the format that stands in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Template<'a>(pub(super) &'a [u8]);

impl<'a> Template<'a> {
    /// Its name as the list has it: `ima-ng`, `d-ng|n-ng`.
    #[must_use]
    pub fn name(self) -> &'a str {
        // Checked to be printable ASCII when the list was parsed.
        core::str::from_utf8(self.0).unwrap_or_default()
    }

    /// The first template, which keeps no lengths and hashes the name in 256 bytes.
    #[must_use]
    pub fn is_ima(self) -> bool {
        self.0 == b"ima"
    }

    /// Whether it is one of the kernel's own, by its name.
    pub(super) fn is_built_in(self) -> bool {
        self.built_in().is_some()
    }

    /// Its fields, if the name or every part of the format is known.
    #[must_use]
    pub fn fields(self) -> Option<impl Iterator<Item = Field> + Clone + use<'a>> {
        // A list has a hundred thousand entries of a few templates: the kernel's own are not read as formats each time.
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

    fn built_in(self) -> Option<&'static [Field]> {
        use Field::{D, DNg, DNgV2, Hex, Text, Uint};
        const DIGEST: Field = DNg(DigestOf::File);
        const NAME: Field = Text(TextOf::Name);
        Some(match self.0 {
            b"ima" => &[D, Text(TextOf::ShortName)],
            b"ima-ng" => &[DIGEST, NAME],
            b"ima-ngv2" => &[DNgV2, NAME],
            b"ima-sig" => &[DIGEST, NAME, Hex(Bytes::Signature)],
            b"ima-sigv2" => &[DNgV2, NAME, Hex(Bytes::Signature)],
            b"ima-buf" => &[DIGEST, NAME, Hex(Bytes::Buffer)],
            b"ima-modsig" => &[
                DIGEST,
                NAME,
                Hex(Bytes::Signature),
                DNg(DigestOf::FileWithoutSignature),
                Hex(Bytes::ModuleSignature),
            ],
            b"evm-sig" => &[
                DIGEST,
                NAME,
                Hex(Bytes::EvmSignature),
                Text(TextOf::XattrNames),
                Hex(Bytes::Xattrs),
                Hex(Bytes::Xattrs),
                Uint(4),
                Uint(4),
                Uint(2),
            ],
            _ => return None,
        })
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
