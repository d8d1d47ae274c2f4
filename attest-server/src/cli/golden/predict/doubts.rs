//! Files that do not look like what they are given for: told, and taken as they are, as a boot loader may know more kinds.

use crate::cli::looks::{self, Kind};

/// The stable code of the warning.
pub(super) const CODE: &str = "replacement_unlike_component";

/// How the archives begin that Linux unpacks as an initrd, compressed or not, or as a micro code that stands before it.
const INITRD: [&[u8]; 11] = [
    b"070701",
    b"070702",
    b"070707",
    b"\x1f\x8b",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
    b"\x02\x21\x4c\x18",
    b"\x04\x22\x4d\x18",
    b"BZh",
    b"\x5d\0\0",
    b"\x89LZO\0\r\n\x1a\n",
];

/// What is odd about these bytes in the place of this component, in words; nothing where they fit, or nobody can say.
pub(super) fn doubt(component: &str, path: &str, bytes: &[u8]) -> Option<String> {
    let expected = match component.rsplit('.').next()? {
        "initrd" if !INITRD.iter().any(|begin| bytes.starts_with(begin)) => {
            "an initrd: cpio, or gzip, xz, zstd, lz4, bzip2, lzma or lzop"
        }
        "kernel" if !is_pe(bytes) => "a kernel as an EFI program (PE)",
        _ => return None,
    };
    // What a PE is given for is no evidence; that has names in `looks`.
    let is = match looks::like(bytes) {
        _ if is_pe(bytes) => "; it is an EFI program (PE)".to_owned(),
        Some(kind) if kind != Kind::Empty => format!("; it looks like {kind}"),
        _ => String::new(),
    };
    Some(format!("--replace {path} does not begin like {expected}{is}"))
}

/// The DOS header, and where it says, the signature of a PE.
fn is_pe(bytes: &[u8]) -> bool {
    let at = bytes.get(0x3c..).and_then(|rest| rest.first_chunk()).map(|at| u32::from_le_bytes(*at));
    let at = at.and_then(|at| usize::try_from(at).ok());
    let is_signed = |at: usize| bytes.get(at..).is_some_and(|rest| rest.starts_with(b"PE\0\0"));
    bytes.starts_with(b"MZ") && at.is_some_and(is_signed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pe() -> Vec<u8> {
        let mut pe = vec![0; 0x44];
        pe[..2].copy_from_slice(b"MZ");
        pe[0x3c] = 0x40;
        pe[0x40..].copy_from_slice(b"PE\0\0");
        pe
    }

    #[test]
    fn an_initrd_begins_as_one_that_linux_unpacks() {
        for begin in INITRD {
            assert_eq!(doubt("initrd", "f", &[begin, b"more"].concat()), None, "{begin:?}");
        }
        let told = doubt("grub.initrd", "new.img", b"anything").unwrap();
        assert!(told.starts_with("--replace new.img does not begin like an initrd: cpio"), "{told}");
        assert!(doubt("initrd", "f", &pe()).unwrap().ends_with("it is an EFI program (PE)"));
        assert!(doubt("initrd", "f", b"{\"a\": 1}").unwrap().ends_with("it looks like JSON"));
    }

    #[test]
    fn a_kernel_is_a_pe_to_its_signature() {
        assert_eq!(doubt("kernel", "f", &pe()), None);
        for (at, other) in [(0, b'X'), (0x3c, 0xff), (0x40, b'X')] {
            let mut no_pe = pe();
            no_pe[at] = other;
            assert!(doubt("kernel", "f", &no_pe).unwrap().contains("a kernel as an EFI program"), "{at}");
        }
        assert!(doubt("kernel", "f", b"070701").is_some());
    }

    #[test]
    fn of_other_components_nothing_is_said() {
        for other in ["kernel_cmdline", "grub.kernel_cmdline", "uki", "shim"] {
            assert_eq!(doubt(other, "f", b"anything"), None, "{other}");
        }
    }
}
