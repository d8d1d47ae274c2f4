//! Authenticode hashes of real images, held against `pesign` and against the images' own signatures. Images are taken from where Debian's
//! packages put them (systemd-boot-efi, shim-signed, grub-efi-amd64-signed, linux-image-*) and from the folder ATTEST_PE_IMAGES.
#![allow(
    clippy::allow_attributes,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    reason = "a test reads files and runs programs, and a panic in it is a failed test"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use attest_core::reference::predict::pe::Image;
use attest_core::{HashAlg, Limits};

/// Files below a folder, two levels deep, that start as images do.
fn images(folder: &Path, depth: u8, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && depth > 0 {
            images(&path, depth - 1, found);
        } else if std::fs::read(&path).is_ok_and(|bytes| bytes.starts_with(b"MZ")) {
            found.push(path);
        }
    }
}

fn real_images() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["/usr/lib/systemd/boot/efi", "/usr/lib/shim", "/usr/lib/grub/x86_64-efi-signed", "/boot"] {
        images(Path::new(folder), 1, &mut found);
    }
    if let Some(folder) = std::env::var_os("ATTEST_PE_IMAGES") {
        images(Path::new(&folder), 8, &mut found);
    }
    found.sort();
    found
}

fn pesign(path: &Path, alg: HashAlg) -> Option<String> {
    let output = Command::new("pesign").args(["-h", "-d", alg.name(), "-i"]).arg(path).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.trim().rsplit(' ').next().filter(|hex| hex.len() == alg.size() * 2).map(ToOwned::to_owned)
}

#[test]
fn real_images_hash_as_others_hash_them() {
    let paths = real_images();
    let (mut by_pesign, mut by_signature) = (0, 0);
    for path in &paths {
        let name = path.display();
        let file = std::fs::read(path).expect("readable");
        let image = Image::parse(&file, &Limits::DEFAULT).unwrap_or_else(|error| panic!("{name}: {error}"));
        for alg in [HashAlg::Sha1, HashAlg::Sha256, HashAlg::Sha384, HashAlg::Sha512] {
            // pesign hashes an image as if it were padded already.
            if let Some(expected) = pesign(path, alg).filter(|_| image.is_padded()) {
                assert_eq!(image.authenticode(alg).to_string(), expected, "{name} {alg}");
                by_pesign += 1;
            }
        }
        for signature in image.signatures().unwrap_or_else(|error| panic!("{name}: {error}")) {
            let digest = signature.digest.unwrap_or_else(|| panic!("{name}: a signature without a digest"));
            assert_eq!(image.authenticode(digest.alg()), digest, "{name}: {:?}", signature.names);
            assert!(!signature.names.is_empty(), "{name}: a signature without certificates");
            by_signature += 1;
        }
    }
    if by_pesign == 0 || by_signature == 0 {
        eprintln!(
            "SKIPPED (in part): {} images, {by_pesign} hashes checked with pesign, {by_signature} with signatures; install pesign, \
             systemd-boot-efi and shim-signed, or set ATTEST_PE_IMAGES",
            paths.len()
        );
    }
    eprintln!("{} images, {by_pesign} hashes by pesign, {by_signature} by signature", paths.len());
}
