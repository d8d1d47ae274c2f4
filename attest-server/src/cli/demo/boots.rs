//! Evidence of real UEFI boots of Debian 12 in a virtual machine (shim, GRUB, a signed kernel), each with a TPM that kept what was measured.

use std::collections::BTreeMap;

use super::Problem;

/// What a boot left behind.
#[derive(Clone, Copy)]
pub(super) struct Boot {
    pub(super) event_log: &'static [u8],
    pub(super) ima_list: &'static [u8],
    pcrs: &'static str,
}

macro_rules! boot {
    ($name:literal) => {
        Boot {
            event_log: include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../tests/fixtures/boots/",
                $name,
                "/eventlog.bin"
            )),
            ima_list: include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../tests/fixtures/boots/",
                $name,
                "/ima.bin"
            )),
            pcrs: include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../tests/fixtures/boots/",
                $name,
                "/pcrs.json"
            )),
        }
    };
}

/// The boot that golden values are learned from.
pub(super) const KNOWN_GOOD: Boot = boot!("sb-grub");
/// The same installation, booted again.
pub(super) const AGAIN: Boot = boot!("sb-grub-again");
/// One word more on the kernel command line.
pub(super) const CMDLINE: Boot = boot!("sb-cmdline");
/// Another initrd; everything signed is untouched.
pub(super) const INITRD: Boot = boot!("sb-initrd");
/// An older kernel, which its maker signed as well.
pub(super) const OLD_KERNEL: Boot = boot!("sb-oldkernel");
/// Secure Boot switched off.
pub(super) const SECURE_BOOT_OFF: Boot = boot!("nosb-grub");

/// PCR values by bank and index.
pub(super) struct Pcrs(BTreeMap<String, BTreeMap<u32, Vec<u8>>>);

impl Boot {
    /// What the TPM's PCRs held at the end of the boot.
    pub(super) fn pcrs(&self) -> Result<Pcrs, Problem> {
        let banks: BTreeMap<String, BTreeMap<u32, String>> =
            serde_json::from_str(self.pcrs).map_err(Problem::of)?;
        let decode = |(pcr, value): (u32, String)| Ok((pcr, hex::decode(value).map_err(Problem::of)?));
        let bank = |(name, pcrs): (String, BTreeMap<u32, String>)| {
            Ok((name, pcrs.into_iter().map(decode).collect::<Result<_, Problem>>()?))
        };
        Ok(Pcrs(banks.into_iter().map(bank).collect::<Result<_, Problem>>()?))
    }
}

impl Pcrs {
    pub(super) fn get(&self, bank: &str, pcr: u32) -> Option<&[u8]> {
        self.0.get(bank)?.get(&pcr).map(Vec::as_slice)
    }
}
