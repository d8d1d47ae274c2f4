//! How many ways lead up from a certificate, by names alone.
//!
//! webpki tries each certificate that has the issuer's name, and above it each that has the next one's, until a signature holds. Certificates that may
//! all stand above each other are thousands of ways, of which it tries a hundred; who sends them pays nothing. Counting them takes no signature.

use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;

use super::Error;

/// Refuses certificates that can be put above each other in too many ways.
pub(super) fn check(
    leaf: &EndEntityCert<'_>,
    intermediates: &[CertificateDer<'_>],
    limit: usize,
) -> Result<(), Error> {
    // What webpki does not read it puts above nothing.
    let read: Vec<EndEntityCert<'_>> =
        intermediates.iter().filter_map(|der| EndEntityCert::try_from(der).ok()).collect();
    let all: Vec<&EndEntityCert<'_>> = read.iter().collect();
    let mut left = limit;
    if climbs(leaf.issuer(), &all, &mut left) { Ok(()) } else { Err(Error::ChainAmbiguous { limit }) }
}

/// Counts each certificate that may stand above, and those above it; false where there are more than were left. As deep as there are certificates.
fn climbs(issuer: &[u8], others: &[&EndEntityCert<'_>], left: &mut usize) -> bool {
    others.iter().filter(|above| above.subject() == issuer).all(|above| {
        let Some(fewer) = left.checked_sub(1) else { return false };
        *left = fewer;
        let rest: Vec<&EndEntityCert<'_>> =
            others.iter().copied().filter(|other| !core::ptr::eq(*other, *above)).collect();
        climbs(above.issuer(), &rest, left)
    })
}
