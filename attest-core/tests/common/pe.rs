//! Writes PE images, true or lying. Shares no code with the reader: what it hashes it knows from what it wrote.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests build and break bytes by hand; an overflow there is a failed test"
)]

/// A section to write.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) data: Vec<u8>,
    /// VirtualSize, if it is not the data's length.
    pub(crate) virtual_size: Option<u32>,
}

/// An image to write.
#[derive(Clone, Debug)]
pub(crate) struct Pe {
    /// PE32+ or PE32.
    pub(crate) plus: bool,
    pub(crate) machine: u16,
    /// Number of data directories.
    pub(crate) directories: u32,
    pub(crate) file_alignment: usize,
    pub(crate) sections: Vec<Section>,
    /// Bytes behind the last section, such as a symbol table.
    pub(crate) tail: Vec<u8>,
    /// The attribute certificate table.
    pub(crate) certificates: Vec<u8>,
}

const PE_OFFSET: usize = 0x80;
const OPTIONAL: usize = PE_OFFSET + 24;

impl Pe {
    pub(crate) fn new(sections: &[(&str, &[u8])]) -> Self {
        let section = |(name, data): &(&str, &[u8])| Section {
            name: (*name).to_owned(),
            data: data.to_vec(),
            virtual_size: None,
        };
        Self {
            plus: true,
            machine: 0x8664,
            directories: 16,
            file_alignment: 512,
            sections: sections.iter().map(section).collect(),
            tail: Vec::new(),
            certificates: Vec::new(),
        }
    }

    /// With this signature: certificates by their DER, over this Authenticode hash (OID and digest).
    pub(crate) fn signed(mut self, hash_oid: &[u8], digest: &[u8], certificates: &[Vec<u8>]) -> Self {
        while !self.data_end().is_multiple_of(8) {
            self.tail.push(0);
        }
        let pkcs7 = signed_data(hash_oid, digest, certificates);
        let mut table = ((pkcs7.len() + 8) as u32).to_le_bytes().to_vec();
        table.extend(0x0200_u16.to_le_bytes());
        table.extend(2_u16.to_le_bytes());
        table.extend(pkcs7);
        table.resize(table.len().next_multiple_of(8), 0);
        self.certificates.extend(table);
        self
    }

    pub(crate) const fn optional_size(&self) -> usize {
        (if self.plus { 112 } else { 96 }) + self.directories as usize * 8
    }

    /// Offset of CheckSum.
    pub(crate) const fn checksum(&self) -> usize {
        OPTIONAL + 64
    }

    /// Offset of the certificate table's directory entry.
    pub(crate) const fn certificate_entry(&self) -> usize {
        OPTIONAL + if self.plus { 112 } else { 96 } + 32
    }

    /// Offset of the number of data directories.
    pub(crate) const fn directory_count(&self) -> usize {
        OPTIONAL + if self.plus { 108 } else { 92 }
    }

    /// Offset of NumberOfSections.
    pub(crate) const fn section_count(&self) -> usize {
        PE_OFFSET + 6
    }

    /// Offset of SizeOfHeaders.
    pub(crate) const fn size_of_headers(&self) -> usize {
        OPTIONAL + 60
    }

    /// Offset of a section's header: Name 8, VirtualSize 4, VirtualAddress 4, SizeOfRawData 4, PointerToRawData 4.
    pub(crate) const fn section_header(&self, index: usize) -> usize {
        OPTIONAL + self.optional_size() + index * 40
    }

    fn headers(&self) -> usize {
        (OPTIONAL + self.optional_size() + self.sections.len() * 40).next_multiple_of(self.file_alignment)
    }

    fn data_end(&self) -> usize {
        let padded: usize =
            self.sections.iter().map(|s| s.data.len().next_multiple_of(self.file_alignment)).sum();
        self.headers() + padded + self.strings().len() + self.tail.len()
    }

    /// The string table with the names of more than 8 bytes; empty without such.
    fn strings(&self) -> Vec<u8> {
        let long = self.sections.iter().filter(|section| section.name.len() > 8);
        let names: Vec<u8> = long.flat_map(|section| [section.name.as_bytes(), &[0]].concat()).collect();
        let size = (names.len() as u32 + 4).to_le_bytes();
        if names.is_empty() { names } else { [&size[..], &names].concat() }
    }

    /// The name, or where in the string table it is.
    fn short_name(&self, section: &Section) -> String {
        if section.name.len() <= 8 {
            return section.name.clone();
        }
        let strings = self.strings();
        let name = [section.name.as_bytes(), &[0]].concat();
        let at = strings.windows(name.len()).position(|window| window == name).unwrap();
        format!("/{at}")
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        let mut out = vec![0; self.headers()];
        out[..2].copy_from_slice(b"MZ");
        put32(&mut out, 0x3c, PE_OFFSET as u32);
        out[PE_OFFSET..PE_OFFSET + 4].copy_from_slice(b"PE\0\0");
        put16(&mut out, PE_OFFSET + 4, self.machine);
        put16(&mut out, self.section_count(), self.sections.len() as u16);
        put16(&mut out, PE_OFFSET + 20, self.optional_size() as u16);
        put16(&mut out, OPTIONAL, if self.plus { 0x20b } else { 0x10b });
        put32(&mut out, self.size_of_headers(), self.headers() as u32);
        put32(&mut out, self.checksum(), 0x1234_5678);
        put32(&mut out, self.directory_count(), self.directories);
        let (mut offset, mut address) = (self.headers(), 0x1000);
        for (index, section) in self.sections.iter().enumerate() {
            let at = self.section_header(index);
            let name = self.short_name(section);
            out[at..at + name.len()].copy_from_slice(name.as_bytes());
            let size = section.data.len().next_multiple_of(self.file_alignment);
            let virtual_size = section.virtual_size.unwrap_or(section.data.len() as u32);
            for (i, field) in [virtual_size, address, size as u32, offset as u32].into_iter().enumerate() {
                put32(&mut out, at + 8 + i * 4, field);
            }
            out.extend(&section.data);
            offset += size;
            out.resize(offset, 0);
            address += (size as u32).next_multiple_of(0x1000);
        }
        if !self.strings().is_empty() {
            put32(&mut out, PE_OFFSET + 12, offset as u32);
            out.extend(self.strings());
        }
        out.extend(&self.tail);
        if !self.certificates.is_empty() {
            let at = self.certificate_entry();
            let offset = out.len() as u32;
            put32(&mut out, at, offset);
            put32(&mut out, at + 4, self.certificates.len() as u32);
            out.extend(&self.certificates);
        }
        out
    }

    /// The bytes that Authenticode hashes, in order.
    pub(crate) fn hashed(&self) -> Vec<u8> {
        let file = self.build();
        let mut out = file[..self.checksum()].to_vec();
        let end = file.len() - self.certificates.len();
        if self.directories > 4 {
            out.extend(&file[self.checksum() + 4..self.certificate_entry()]);
            out.extend(&file[self.certificate_entry() + 8..end]);
        } else {
            out.extend(&file[self.checksum() + 4..end]);
        }
        out
    }
}

pub(crate) fn put16(out: &mut [u8], at: usize, value: u16) {
    out[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

pub(crate) fn put32(out: &mut [u8], at: usize, value: u32) {
    out[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// A DER value.
pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len();
    let mut out = vec![tag];
    match len {
        0..=0x7f => out.push(len as u8),
        0x80..=0xff => out.extend([0x81, len as u8]),
        _ => out.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    out.extend(content);
    out
}

/// A certificate's shell with these common names: enough for whoever reads names.
pub(crate) fn certificate(subject: &str, issuer: &str) -> Vec<u8> {
    let name = |text: &str| {
        let pair = [tlv(6, &[0x55, 4, 3]), tlv(0x0c, text.as_bytes())].concat();
        tlv(0x30, &tlv(0x31, &tlv(0x30, &pair)))
    };
    let validity = tlv(0x30, &[tlv(0x17, b"250101000000Z"), tlv(0x17, b"350101000000Z")].concat());
    let tbs = [tlv(2, &[1]), tlv(0x30, &[]), name(issuer), validity, name(subject), tlv(0x30, &[])].concat();
    tlv(0x30, &[tlv(0x30, &tbs), tlv(0x30, &[]), tlv(3, &[0, 1])].concat())
}

/// SignedData over SpcIndirectDataContent, without signers.
fn signed_data(hash_oid: &[u8], digest: &[u8], certificates: &[Vec<u8>]) -> Vec<u8> {
    let algorithm = tlv(0x30, &[tlv(6, hash_oid), tlv(5, &[])].concat());
    let info = tlv(0x30, &[algorithm.clone(), tlv(4, digest)].concat());
    let spc = tlv(0x30, &[tlv(0x30, &[]), info].concat());
    let spc_oid = [0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 1, 4];
    let content = tlv(0x30, &[tlv(6, &spc_oid), tlv(0xa0, &spc)].concat());
    let signed =
        [tlv(2, &[1]), tlv(0x31, &algorithm), content, tlv(0xa0, &certificates.concat()), tlv(0x31, &[])]
            .concat();
    let oid = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
    tlv(0x30, &[tlv(6, &oid), tlv(0xa0, &tlv(0x30, &signed))].concat())
}

/// id-sha256.
pub(crate) const SHA256_OID: [u8; 9] = [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
