//! Lists made for tests, true or lying.

use crate::digest::HashAlg;

/// Fields, each after its length.
pub(crate) fn fields(fields: &[&[u8]]) -> Vec<u8> {
    fields.iter().flat_map(|field| [&(field.len() as u32).to_le_bytes(), *field].concat()).collect()
}

/// The data of an `ima-ng` entry: its digest is that of the name.
pub(crate) fn ng(name: &[u8]) -> Vec<u8> {
    let digest = HashAlg::Sha256.hash(&[name]);
    fields(&[&[b"sha256:\0", digest.as_bytes()].concat(), &[name, &[0]].concat()])
}

/// A record with this template digest.
pub(crate) fn record(pcr: u32, hash: &[u8], template: &str, data: &[u8]) -> Vec<u8> {
    let mut out = [&pcr.to_le_bytes(), hash].concat();
    out.extend((template.len() as u32).to_le_bytes());
    out.extend(template.as_bytes());
    out.extend((data.len() as u32).to_le_bytes());
    out.extend(data);
    out
}

/// A true record in a list of SHA-1 template digests.
pub(crate) fn true_record(pcr: u32, template: &str, data: &[u8]) -> Vec<u8> {
    record(pcr, HashAlg::Sha1.hash(&[data]).as_bytes(), template, data)
}

/// A violation: the kernel shows zeros for the digest and keeps the name.
pub(crate) fn violation(pcr: u32, name: &[u8]) -> Vec<u8> {
    let data = fields(&[&[b"sha256:\0".as_slice(), &[0; 32]].concat(), &[name, &[0]].concat()]);
    record(pcr, &[0; 20], "ima-ng", &data)
}
