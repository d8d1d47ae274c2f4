//! UEFI variables and the signature lists in them.

use core::fmt;

use super::boot::LoadOption;
use super::der;
use super::guid::Guid;
use crate::digest::HashAlg;
use crate::evidence::text::{Hex, Pieces, Utf8, Utf16};
use crate::reader::{Reader, len32};

/// A measured variable (TCG PC Client Platform Firmware Profile, UEFI_VARIABLE_DATA).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable<'a> {
    /// Whose variable it is.
    pub vendor: Guid,
    /// Its name, UTF-16.
    pub name: Utf16<'a>,
    /// Its contents.
    pub data: &'a [u8],
    /// Bytes after its contents; none in well-made events.
    pub trailing: &'a [u8],
}

impl<'a> Variable<'a> {
    /// The variable in an event's data, if the lengths fit.
    #[must_use]
    pub fn parse(event_data: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(event_data);
        let vendor = Guid(reader.array().ok()?);
        let name_len = usize::try_from(reader.u64_le().ok()?).ok()?;
        let data_len = usize::try_from(reader.u64_le().ok()?).ok()?;
        let name = Utf16(reader.bytes(name_len.checked_mul(2)?).ok()?);
        let data = reader.bytes(data_len).ok()?;
        Some(Self { vendor, name, data, trailing: reader.rest() })
    }

    /// Whether it is this variable.
    #[must_use]
    pub fn is(&self, vendor: Guid, name: &str) -> bool {
        self.vendor == vendor && self.name.is(name)
    }

    /// Whether it holds signature lists: PK, KEK, db, dbx, dbt or dbr.
    #[must_use]
    pub fn is_signature_database(&self) -> bool {
        ["PK", "KEK"].into_iter().any(|name| self.is(Guid::GLOBAL, name))
            || ["db", "dbx", "dbt", "dbr"].into_iter().any(|name| self.is(Guid::IMAGE_SECURITY, name))
    }

    /// Whether it is a boot option `Boot0001`.
    #[must_use]
    pub fn is_boot_option(&self) -> bool {
        let mut units = self.name.units();
        let starts =
            self.vendor == Guid::GLOBAL && "Boot".encode_utf16().all(|unit| units.next() == Some(unit));
        let is_digit = |unit: u16| u8::try_from(unit).is_ok_and(|byte| byte.is_ascii_hexdigit());
        let count = units.try_fold(0_u32, |count, unit| is_digit(unit).then_some(count.saturating_add(1)));
        starts && count == Some(4)
    }

    /// Its signature lists.
    #[must_use]
    pub const fn signature_lists(&self) -> SignatureLists<'a> {
        SignatureLists::new(self.data)
    }

    /// The signature that a boot image was accepted by (an authority event): its owner and its data.
    ///
    /// Some shims log the certificate without an owner.
    #[must_use]
    pub fn authority(&self) -> (Option<Guid>, &'a [u8]) {
        match self.data.split_first_chunk::<16>() {
            Some((owner, data)) if !der::is_sequence(self.data) => (Some(Guid(*owner)), data),
            _ => (None, self.data),
        }
    }
}

/// What the variable holds, for people.
impl fmt::Display for Variable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        let switch = ["SecureBoot", "SetupMode", "AuditMode", "DeployedMode", "MokSBState", "VendorKeys"];
        match self.data {
            [] => f.write_str(", empty"),
            [0] if switch.iter().any(|name| self.name.is(name)) => f.write_str(" = off"),
            [1] if switch.iter().any(|name| self.name.is(name)) => f.write_str(" = on"),
            data if self.is(Guid::GLOBAL, "BootOrder") => {
                let (options, _) = data.as_chunks::<2>();
                let mut out = Pieces::new(f);
                out.few(*b":")?;
                for option in options {
                    out.few(*b" ")?;
                    out.word(u16::from_le_bytes(*option))?;
                }
                out.flush()
            }
            data if self.is_boot_option() => match LoadOption::parse(data) {
                Some(option) => write!(f, ": {option}"),
                None => write!(f, ": {}", Hex(data)),
            },
            _ if self.is_signature_database() => write!(f, ": {}", self.signature_lists()),
            // SbatLevel and its like are lines of text.
            data if data.iter().all(|byte| byte.is_ascii_graphic() || b" \n".contains(byte)) => {
                let mut separator = ": ";
                for line in data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                    write!(f, "{separator}{}", Utf8(line))?;
                    separator = "; ";
                }
                Ok(())
            }
            data => {
                f.write_str(": ")?;
                Hex(data).fmt(f)
            }
        }
    }
}

/// Goes through EFI_SIGNATURE_LIST after EFI_SIGNATURE_LIST (UEFI 2.10, 32.4.1); stops at the first that does not fit.
#[derive(Clone, Copy, Debug)]
pub struct SignatureLists<'a>(Reader<'a>);

/// Signatures of one kind.
#[derive(Clone, Copy, Debug)]
pub struct SignatureList<'a> {
    /// Of what kind.
    pub kind: SignatureKind,
    /// Bytes of each signature, its owner included.
    pub size: usize,
    /// Bytes between the list's sizes and its first signature; no type has any (UEFI 2.10, 32.4.1).
    pub header_len: usize,
    signatures: &'a [u8],
}

/// What a signature list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureKind {
    /// EFI_CERT_SHA256: hashes of images.
    Sha256,
    /// EFI_CERT_X509: certificates.
    X509,
    /// EFI_CERT_X509_SHA256, EFI_CERT_X509_SHA384 or EFI_CERT_X509_SHA512: hashes of certificates with a time of revocation.
    X509Hash(HashAlg),
    /// Another type.
    Other(Guid),
}

const CERT_SHA256: Guid =
    Guid::new(0xc1c4_1626, 0x504c, 0x4092, [0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28]);
const CERT_X509: Guid =
    Guid::new(0xa5c0_59a1, 0x94e4, 0x4aa7, [0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72]);
const CERT_X509_SHA256: Guid =
    Guid::new(0x3bd2_a492, 0x96c0, 0x4079, [0xb4, 0x20, 0xfc, 0xf9, 0x8e, 0xf1, 0x03, 0xed]);
const CERT_X509_SHA384: Guid =
    Guid::new(0x7076_876e, 0x80c2, 0x4ee6, [0xaa, 0xd2, 0x28, 0xb3, 0x49, 0xa6, 0x86, 0x5b]);
const CERT_X509_SHA512: Guid =
    Guid::new(0x446d_bf63, 0x2502, 0x4cda, [0xbc, 0xfa, 0x24, 0x65, 0xd2, 0xb0, 0xfe, 0x9d]);

impl<'a> SignatureLists<'a> {
    /// The lists in a variable's contents.
    #[must_use]
    pub const fn new(data: &'a [u8]) -> Self {
        Self(Reader::new(data))
    }

    /// Whether every byte belonged to a list; asked after the last one.
    #[must_use]
    pub const fn is_exhausted(&self) -> bool {
        self.0.is_empty()
    }

    /// What is left: after the last list, bytes that are none.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.0.rest()
    }

    fn list(&mut self) -> Option<SignatureList<'a>> {
        let mut reader = self.0;
        let kind = Guid(reader.array().ok()?);
        let [list_size, header_size, size] =
            [reader.u32_le().ok()?, reader.u32_le().ok()?, reader.u32_le().ok()?].map(len32);
        let signatures_len = list_size.checked_sub(28)?.checked_sub(header_size)?;
        reader.bytes(header_size).ok()?;
        let signatures = reader.bytes(signatures_len).ok()?;
        if size <= 16 || !signatures_len.is_multiple_of(size) {
            return None;
        }
        let kind = match kind {
            CERT_SHA256 => SignatureKind::Sha256,
            CERT_X509 => SignatureKind::X509,
            CERT_X509_SHA256 => SignatureKind::X509Hash(HashAlg::Sha256),
            CERT_X509_SHA384 => SignatureKind::X509Hash(HashAlg::Sha384),
            CERT_X509_SHA512 => SignatureKind::X509Hash(HashAlg::Sha512),
            other => SignatureKind::Other(other),
        };
        self.0 = reader;
        Some(SignatureList { kind, size, header_len: header_size, signatures })
    }
}

impl<'a> Iterator for SignatureLists<'a> {
    type Item = SignatureList<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() { None } else { self.list() }
    }
}

impl<'a> SignatureList<'a> {
    /// Its signatures: owner and data (a hash, a certificate).
    pub fn signatures(&self) -> impl Iterator<Item = (Guid, &'a [u8])> + use<'a> {
        let signatures = self.signatures.chunks_exact(self.size);
        signatures.filter_map(|signature| {
            let (owner, data) = signature.split_first_chunk::<16>()?;
            Some((Guid(*owner), data))
        })
    }

    /// How many signatures.
    #[must_use]
    pub fn len(&self) -> usize {
        self.signatures.len().checked_div(self.size).unwrap_or(0)
    }

    /// Whether it holds none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.signatures.is_empty()
    }
}

/// Certificates by name, hashes by number.
impl fmt::Display for SignatureLists<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut hashes, mut others, mut comma) = (0_usize, 0_usize, "");
        let mut lists = *self;
        for list in &mut lists {
            match list.kind {
                SignatureKind::X509 => {
                    for (_, certificate) in list.signatures() {
                        write!(f, "{comma}{}", CertificateName(certificate))?;
                        comma = ", ";
                    }
                }
                SignatureKind::Sha256 => hashes = hashes.saturating_add(list.len()),
                SignatureKind::X509Hash(_) | SignatureKind::Other(_) => {
                    others = others.saturating_add(list.len())
                }
            }
        }
        for (count, one, many) in
            [(hashes, "hash", "hashes"), (others, "other signature", "other signatures")]
        {
            if count > 0 {
                write!(f, "{comma}{count} {}", if count == 1 { one } else { many })?;
                comma = ", ";
            }
        }
        if lists.is_exhausted() { Ok(()) } else { write!(f, "{comma}bytes that are no signature list") }
    }
}

/// A DER certificate's common name, or what stands for it.
#[derive(Clone, Copy, Debug)]
pub struct CertificateName<'a>(pub &'a [u8]);

impl fmt::Display for CertificateName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match der::subject_name(self.0) {
            Some(name) => write!(f, "\"{}\"", Utf8(name)),
            None => f.write_str("a certificate without a name"),
        }
    }
}

/// The common name of a DER certificate's issuer, or what stands for it.
#[derive(Clone, Copy, Debug)]
pub struct IssuerName<'a>(pub &'a [u8]);

impl fmt::Display for IssuerName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match der::issuer_name(self.0) {
            Some(name) => write!(f, "\"{}\"", Utf8(name)),
            None => f.write_str("an issuer without a name"),
        }
    }
}
