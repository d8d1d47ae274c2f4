use super::*;

/// EFI_SIGNATURE_LIST: type, the three sizes, the header, then owner and data of each signature.
fn list(kind: Guid, header: &[u8], size: usize, signatures: &[(Guid, &[u8])]) -> Vec<u8> {
    let body: Vec<u8> = signatures.iter().flat_map(|(owner, data)| [&owner.0[..], data].concat()).collect();
    let whole = 28 + header.len() + body.len();
    let sizes = [whole, header.len(), size].map(|size| (size as u32).to_le_bytes());
    [kind.0.to_vec(), sizes.concat(), header.to_vec(), body].concat()
}

const OWNER: Guid = Guid::SHIM;
const SHA256: Guid = Guid::new(0xc1c4_1626, 0x504c, 0x4092, [0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28]);
const X509: Guid = Guid::new(0xa5c0_59a1, 0x94e4, 0x4aa7, [0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72]);
const X509_SHA256: Guid =
    Guid::new(0x3bd2_a492, 0x96c0, 0x4079, [0xb4, 0x20, 0xfc, 0xf9, 0x8e, 0xf1, 0x03, 0xed]);
const BOOTMGR: Guid =
    Guid::new(0x9d13_2b61, 0x59d5, 0x4388, [0xab, 0x1c, 0x18, 0x5c, 0x3c, 0xb2, 0xeb, 0x92]);

fn hashes(hashes: &[[u8; 32]]) -> Vec<u8> {
    let signatures: Vec<(Guid, &[u8])> = hashes.iter().map(|h| (OWNER, h.as_slice())).collect();
    list(SHA256, &[], 48, &signatures)
}

/// What stands in the place of a hash: 01, application, minor, major, zeros.
fn svn(major: u16, minor: u16) -> Vec<u8> {
    let mut data = vec![1];
    data.extend(BOOTMGR.0);
    data.extend(minor.to_le_bytes());
    data.extend(major.to_le_bytes());
    data.resize(32, 0);
    list(SHA256, &[], 48, &[(SECURITY_VERSIONS, &data)])
}

#[test]
fn signatures_of_all_types_are_told_apart_and_owners_do_not_matter() {
    let certificate = list(X509, &[], 16 + 5, &[(OWNER, b"0\x03abc")]);
    let revoked = list(X509_SHA256, &[], 64, &[(OWNER, &[9; 48])]);
    let other = list(Guid::GLOBAL, &[], 20, &[(OWNER, b"four")]);
    let data = [hashes(&[[1; 32], [2; 32]]), certificate, revoked, other, svn(7, 0)].concat();
    let all = Signatures::parse(&data).unwrap();
    assert_eq!(all.all.len(), 5);
    assert_eq!(all.versions, BTreeMap::from([(BOOTMGR, (7, 0))]));
    for signature in &all.all {
        assert_eq!(signature.to_string().parse(), Ok(signature.clone()));
    }
    let other_owner = list(SHA256, &[], 48, &[(Guid::GLOBAL, &[1; 32])]);
    assert_eq!(Signatures::parse(&other_owner), Signatures::parse(&hashes(&[[1; 32]])));
    assert_eq!(Signatures::parse(&[]), Some(Signatures::default()));
}

/// The bytes of a published dbx entry (bootmgfw.efi, SVN 7.0).
#[test]
fn a_security_version_as_it_is_published() {
    let entry = hex::decode("01612b139dd5598843ab1c185c3cb2eb92000007000000000000000000000000").unwrap();
    assert_eq!(security_version(&entry), Some((BOOTMGR, (7, 0))));
}

#[test]
fn the_highest_security_version_counts() {
    let data = [svn(2, 5), svn(7, 1), svn(3, 0)].concat();
    assert_eq!(Signatures::parse(&data).unwrap().versions[&BOOTMGR], (7, 1));
    assert!((7_u16, 1_u16) > (7, 0) && (7_u16, 0_u16) > (6, 9));
}

/// A hash that only looks like a security version is a hash, and a security version that is none is no database.
#[test]
fn a_security_version_has_its_owner_and_its_form() {
    let mut data = vec![1];
    data.extend(BOOTMGR.0);
    data.resize(32, 0);
    let by_other = list(SHA256, &[], 48, &[(OWNER, &data)]);
    assert!(Signatures::parse(&by_other).unwrap().versions.is_empty());
    data[31] = 1;
    assert_eq!(Signatures::parse(&list(SHA256, &[], 48, &[(SECURITY_VERSIONS, &data)])), None);
    data[31] = 0;
    data[0] = 2;
    assert_eq!(Signatures::parse(&list(SHA256, &[], 48, &[(SECURITY_VERSIONS, &data)])), None);
}

#[test]
fn a33_databases_that_do_not_parse_to_the_last_byte() {
    let good = hashes(&[[1; 32]]);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let faults = [
        ("trailing byte", [good.as_slice(), &[0]].concat()),
        ("cut", good[..good.len() - 1].to_vec()),
        ("list too long", with(16, 77)),
        ("list too short", with(16, 75)),
        ("signature of another size", with(24, 47)),
        ("size zero", with(24, 0)),
        ("a header", list(SHA256, &[1, 2, 3, 4], 48, &[(OWNER, &[1; 32])])),
        ("a hash of another size", list(SHA256, &[], 49, &[(OWNER, &[1; 33])])),
        ("a certificate's hash of another size", list(X509_SHA256, &[], 65, &[(OWNER, &[1; 49])])),
    ];
    for (fault, bytes) in faults {
        assert_eq!(Signatures::parse(&bytes), None, "{fault}");
    }
    assert!(Signatures::parse(&good).is_some());
}

/// Firmware reads a list by its type: a hash under another one's type revokes nothing.
#[test]
fn a33_a_revocation_under_the_type_of_another_hash() {
    let x509_sha384 =
        Guid::new(0x7076_876e, 0x80c2, 0x4ee6, [0xaa, 0xd2, 0x28, 0xb3, 0x49, 0xa6, 0x86, 0x5b]);
    let x509_sha512 =
        Guid::new(0x446d_bf63, 0x2502, 0x4cda, [0xbc, 0xfa, 0x24, 0x65, 0xd2, 0xb0, 0xfe, 0x9d]);
    let kinds = [(X509_SHA256, 32), (x509_sha384, 48), (x509_sha512, 64)];
    for (kind, own) in kinds {
        for (_, size) in kinds {
            let data = vec![7; size + 16];
            let read = Signatures::parse(&list(kind, &[], 16 + data.len(), &[(OWNER, &data)]));
            let expected = BTreeSet::from([Signature::CertificateHash(data)]);
            assert_eq!(read.map(|read| read.all), (size == own).then_some(expected), "{own} {size}");
        }
    }
}

#[test]
fn a_signature_is_written_in_one_way() {
    let faults = ["", "sha256", "sha256:00", "md5:00", "sha256:zz", "x509_hash:00"];
    for fault in faults {
        assert_eq!(fault.parse::<Signature>(), Err(NotASignature), "{fault}");
    }
    let upper = format!("sha256:{}", "AB".repeat(32));
    assert_eq!(upper.parse::<Signature>(), Err(NotASignature));
}
