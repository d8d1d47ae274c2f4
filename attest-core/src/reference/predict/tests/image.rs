//! Boot loaders: their hash, and what their signatures and sections foretell.

use super::pe::{Pe, SHA256_OID, certificate, put32};
use super::*;

fn loader(sbat: &str) -> Pe {
    Pe { tail: Vec::new(), ..Pe::new(&[(".text", b"loader"), (".sbat", sbat.as_bytes())]) }
}

/// Signed as its authority would.
fn signed(pe: Pe, signer: &str, authority: &str) -> Vec<u8> {
    let digest = HashAlg::Sha256.hash(&[&pe.hashed()]);
    pe.signed(&SHA256_OID, digest.as_bytes(), &[certificate(signer, authority)]).build()
}

const GOOD: &str = "sbat,1,SBAT Version\ngrub,5,Free Software Foundation,grub,2.12,https://gnu.org\n";

#[test]
fn a_boot_loader_moves_its_image_and_says_what_it_cannot_know() {
    let base = grub_boot();
    let pe = loader(GOOD);
    let file_bytes = signed(pe.clone(), "Debian Secure Boot Signer", "Debian Secure Boot CA");
    let prediction = predicted(&base, &[file("grub", &file_bytes)]);
    assert_eq!(components(&prediction), [(4, "boot_loader.grub")]);
    assert_eq!(digests(&prediction, 4, "boot_loader.grub"), [hash(&base, &pe.hashed())]);
    assert_eq!(codes(&prediction), [WarningCode::BootLoaderBehaviour]);
    assert!(prediction.warnings[0].detail.contains("(2.12)"));
    let by_digest = hash(&base, &pe.hashed());
    let prediction = predicted(&base, &[with("boot_loader.grub", Source::Digests(&by_digest))]);
    assert_eq!(codes(&prediction), [WarningCode::BootLoaderBehaviour]);
}

#[test]
fn signer_that_the_base_does_not_name() {
    let prediction =
        predicted(&grub_boot(), &[file("grub", &signed(loader(GOOD), "Somebody", "Somebody's CA"))]);
    assert_eq!(codes(&prediction), [WarningCode::SignerChanged, WarningCode::BootLoaderBehaviour]);
    assert!(prediction.warnings[0].detail.contains("\"Somebody\", \"Somebody's CA\""));
}

#[test]
fn signature_missing_under_secure_boot() {
    let prediction = predicted(&grub_boot(), &[file("grub", &loader(GOOD).build())]);
    assert_eq!(codes(&prediction)[0], WarningCode::Unsigned);
    assert!(!prediction.warnings[0].detail.contains("change its hash"));
    let unpadded = Pe { tail: b"odd".to_vec(), ..loader(GOOD) };
    let prediction = predicted(&grub_boot(), &[file("grub", &unpadded.build())]);
    assert!(prediction.warnings[0].detail.contains("signing it would change its hash"));
}

#[test]
fn signature_over_other_bytes() {
    let file_bytes =
        loader(GOOD).signed(&SHA256_OID, &[7; 32], &[certificate("x", "Debian Secure Boot CA")]).build();
    let prediction = predicted(&grub_boot(), &[file("grub", &file_bytes)]);
    assert_eq!(codes(&prediction)[0], WarningCode::SignatureOverOther);
}

#[test]
fn certificate_table_broken() {
    let mut pe = loader(GOOD).signed(&SHA256_OID, &[7; 32], &[]);
    pe.certificates[0] = 1;
    pe.certificates[1] = 0;
    let error = refused(&grub_boot(), &[file("grub", &pe.build())]);
    assert_eq!(error.code(), "pe_certificate");
}

#[test]
fn generation_that_is_revoked() {
    let old = "sbat,1,SBAT Version\ngrub,4,Free Software Foundation,grub,2.06,https://gnu.org\n";
    let prediction =
        predicted(&grub_boot(), &[file("grub", &signed(loader(old), "x", "Debian Secure Boot CA"))]);
    assert_eq!(codes(&prediction)[0], WarningCode::SbatRevoked);
    assert!(prediction.warnings[0].detail.contains("grub generation 4, SbatLevel asks for 5"));
}

#[test]
fn bytes_between_sections() {
    let pe = Pe::new(&[(".text", b"a"), (".gap", b"b"), (".data", b"c")]);
    let mut file_bytes = pe.build();
    put32(&mut file_bytes, pe.section_header(1) + 16, 0);
    let prediction = predicted(&grub_boot(), &[file("grub", &file_bytes)]);
    assert_eq!(codes(&prediction)[0], WarningCode::ImageGaps);
}

/// A shim with a newer level of its own raises SbatLevel before it measures it.
#[test]
fn a_shim_that_raises_sbat_level() {
    let base = grub_boot();
    for (date, moves) in [("2030010100", true), ("2025021800", false), ("2020010100", false)] {
        let own = format!("sbat,1,{date}\nshim,9\n");
        let mut section = [0_u32.to_le_bytes(), 8_u32.to_le_bytes(), 99_u32.to_le_bytes()].concat();
        section.extend(own.as_bytes());
        section.push(0);
        let pe = Pe::new(&[(".text", b"shim"), (".sbatlevel", &section)]);
        let prediction =
            predicted(&base, &[file("shim", &signed(pe, "x", "Microsoft Corporation UEFI CA 2011"))]);
        let level = slots(&prediction, 7);
        assert_eq!(!level.is_empty(), moves, "{date}");
        if moves {
            assert_eq!(level[7].about, "SbatLevel: sbat,1,2030010100; shim,9");
        }
    }
}

/// A signature that another hash made says so too.
#[test]
fn signature_in_an_unknown_hash_is_no_lie() {
    let file_bytes =
        loader(GOOD).signed(&[0x2a, 3, 4], &[7; 32], &[certificate("x", "Debian Secure Boot CA")]).build();
    let prediction = predicted(&grub_boot(), &[file("grub", &file_bytes)]);
    assert_eq!(codes(&prediction), [WarningCode::BootLoaderBehaviour]);
}
