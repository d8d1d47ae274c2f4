//! A good boot, in the order in which a Debian machine under Secure Boot makes it: firmware, shim, GRUB, kernel, IMA.

use super::device::{
    APPLICATION, BLOB, Device, EFI_ACTION, Event, GPT, IPL, Measurement, NO_ACTION, S_CRTM_VERSION,
    SEPARATOR, SHA1, SHA256, VARIABLE_AUTHORITY, VARIABLE_BOOT, VARIABLE_CONFIG,
};

pub const GLOBAL: [u8; 16] =
    [0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c];
pub const SECURITY: [u8; 16] =
    [0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45, 0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f];
pub const SHIM: [u8; 16] =
    [0x50, 0xab, 0x5d, 0x60, 0x46, 0xe0, 0x00, 0x43, 0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23];

pub const CALLING: &[u8] = b"Calling EFI Application from Boot Option";
pub const EXIT: &[u8] = b"Exit Boot Services Invocation";
pub const EXIT_FAILED: &[u8] = b"Exit Boot Services Returned with Failure";
pub const EXIT_OK: &[u8] = b"Exit Boot Services Returned with Success";

/// What is installed. Two devices differ in one of these.
#[derive(Clone)]
pub struct Software {
    pub banks: Vec<u16>,
    pub locality: u8,
    pub secure_boot: u8,
    pub firmware: &'static str,
    pub db: &'static str,
    pub shim: &'static str,
    pub grub: &'static str,
    pub grub_cfg: &'static str,
    pub kernel: &'static str,
    pub cmdline: &'static str,
    pub initrd: &'static str,
    pub files: Vec<(&'static str, &'static str)>,
    /// How often ExitBootServices fails first.
    pub failed_exits: usize,
}

impl Default for Software {
    fn default() -> Self {
        Self {
            banks: vec![SHA1, SHA256],
            locality: 3,
            secure_boot: 1,
            firmware: "firmware volume, version 1",
            db: "certificate of the vendor",
            shim: "shim 15.8",
            grub: "grub 2.06",
            grub_cfg: "linux /vmlinuz root=/dev/sda2",
            kernel: "linux 6.1",
            cmdline: "/vmlinuz root=/dev/sda2 ima_policy=tcb",
            initrd: "initrd of linux 6.1",
            files: vec![("/usr/bin/init", "init"), ("/usr/bin/sh", "shell")],
            failed_exits: 0,
        }
    }
}

/// The good device.
pub fn good() -> Device {
    Software::default().boot()
}

impl Software {
    pub fn boot(&self) -> Device {
        let mut d = Device::new(&self.banks, self.locality);
        self.firmware(&mut d);
        self.shim_and_grub(&mut d);
        self.kernel(&mut d);
        let first = d.boot_aggregate();
        d.ima(first);
        for (path, content) in &self.files {
            d.ima(Measurement::file(path.as_bytes(), content.as_bytes()));
        }
        d
    }

    pub fn firmware(&self, d: &mut Device) {
        startup_locality(d, self.locality);
        let version = utf16("0.1\0");
        d.measure(0, S_CRTM_VERSION, &version, &version);
        d.measure(0, BLOB, &[&0x82_0000_u64.to_le_bytes()[..], &[0; 8]].concat(), self.firmware.as_bytes());
        let config: [(&[u8; 16], &str, &[u8]); 5] = [
            (&GLOBAL, "SecureBoot", &[self.secure_boot]),
            (&GLOBAL, "PK", b"platform key"),
            (&GLOBAL, "KEK", b"key exchange key"),
            (&SECURITY, "db", self.db.as_bytes()),
            (&SECURITY, "dbx", b"revoked"),
        ];
        for (vendor, name, data) in config {
            let data = variable(vendor, name, data);
            d.measure(7, VARIABLE_CONFIG, &data, &data);
        }
        separator(d, 7);
        let order = variable(&GLOBAL, "BootOrder", &[0, 0, 1, 0]);
        d.measure(1, VARIABLE_BOOT, &order, &[0, 0, 1, 0]);
        let entry = variable(&GLOBAL, "Boot0000", b"debian");
        d.measure(1, VARIABLE_BOOT, &entry, b"debian");
        d.measure(4, EFI_ACTION, CALLING, CALLING);
        (0..=6).for_each(|pcr| separator(d, pcr));
        if self.secure_boot == 1 {
            authority(d, &SECURITY, "db", self.db);
        }
        d.measure(5, GPT, b"EFI PART and so on", b"EFI PART and so on");
    }

    pub fn shim_and_grub(&self, d: &mut Device) {
        d.measure(4, APPLICATION, &image("\\EFI\\debian\\shimx64.efi"), self.shim.as_bytes());
        d.measure(14, IPL, b"MokList\0", b"no machine owner key");
        d.measure(14, IPL, b"MokListX\0", b"nothing revoked");
        authority(d, &SHIM, "SbatLevel", "sbat,1,2024010900\n");
        d.measure(14, IPL, b"MokListTrusted\0", &[1]);
        if self.secure_boot == 1 {
            authority(d, &SHIM, "MokListRT", "certificate of Debian");
        }
        d.measure(4, APPLICATION, &image("\\EFI\\debian\\grubx64.efi"), self.grub.as_bytes());
        grub(d, "grub_cmd", "configfile /grub.cfg");
        d.measure(9, IPL, b"(hd0,gpt1)/grub.cfg\0", self.grub_cfg.as_bytes());
        grub(d, "grub_cmd", &format!("linux {}", self.cmdline));
        d.measure(9, IPL, b"/vmlinuz\0", self.kernel.as_bytes());
    }

    pub fn kernel(&self, d: &mut Device) {
        let authenticode = format!("authenticode of {}", self.kernel);
        d.measure(4, APPLICATION, &image(""), authenticode.as_bytes());
        if self.secure_boot == 1 {
            d.measure(4, APPLICATION, &image(""), authenticode.as_bytes());
        }
        grub(d, "kernel_cmdline", self.cmdline);
        grub(d, "grub_cmd", "initrd /initrd.img");
        d.measure(9, IPL, b"/initrd.img\0", self.initrd.as_bytes());
        for _ in 0..self.failed_exits {
            d.measure(5, EFI_ACTION, EXIT, EXIT);
            d.measure(5, EFI_ACTION, EXIT_FAILED, EXIT_FAILED);
        }
        d.measure(5, EFI_ACTION, EXIT, EXIT);
        d.measure(5, EFI_ACTION, EXIT_OK, EXIT_OK);
    }

    /// A unified kernel image that the firmware starts by itself: PCR 11, and neither shim nor GRUB.
    pub fn boot_uki(&self) -> Device {
        let mut d = Device::new(&self.banks, self.locality);
        self.firmware(&mut d);
        d.measure(4, APPLICATION, &image("\\EFI\\Linux\\linux.efi"), self.kernel.as_bytes());
        for (name, content) in [(".linux", self.kernel), (".cmdline", self.cmdline), (".initrd", self.initrd)]
        {
            let shown = utf16(name);
            d.measure(11, IPL, &shown, format!("{name}\0").as_bytes());
            d.measure(11, IPL, &shown, content.as_bytes());
        }
        d.measure(5, EFI_ACTION, EXIT, EXIT);
        d.measure(5, EFI_ACTION, EXIT_OK, EXIT_OK);
        let first = d.boot_aggregate();
        d.ima(first);
        d
    }
}

pub fn separator(d: &mut Device, pcr: u8) {
    d.measure(pcr, SEPARATOR, &[0; 4], &[0; 4]);
}

/// EV_NO_ACTION with digests of zeros: told, not extended.
pub fn startup_locality(d: &mut Device, locality: u8) {
    let digests = d.log_banks.iter().map(|bank| (*bank, vec![0; super::device::size(*bank)])).collect();
    let data = [b"StartupLocality\0", &[locality][..]].concat();
    d.log.push(Event { pcr: 0, kind: NO_ACTION, data, digests });
}

fn authority(d: &mut Device, vendor: &[u8; 16], name: &str, data: &str) {
    let data = variable(vendor, name, data.as_bytes());
    d.measure(7, VARIABLE_AUTHORITY, &data, &data);
}

fn grub(d: &mut Device, prefix: &str, text: &str) {
    d.measure(8, IPL, format!("{prefix}: {text}\0").as_bytes(), text.as_bytes());
}

/// UEFI_VARIABLE_DATA.
pub fn variable(vendor: &[u8; 16], name: &str, data: &[u8]) -> Vec<u8> {
    let name = utf16(name);
    let mut out = vendor.to_vec();
    out.extend((name.len() as u64 / 2).to_le_bytes());
    out.extend((data.len() as u64).to_le_bytes());
    [out, name, data.to_vec()].concat()
}

/// The SecureBoot variable.
pub fn secure_boot_variable(value: u8) -> Vec<u8> {
    variable(&GLOBAL, "SecureBoot", &[value])
}

/// UEFI_IMAGE_LOAD_EVENT with a file path.
fn image(path: &str) -> Vec<u8> {
    let mut nodes = Vec::new();
    if !path.is_empty() {
        let text = utf16(&format!("{path}\0"));
        nodes.extend([4, 4]);
        nodes.extend((text.len() as u16 + 4).to_le_bytes());
        nodes.extend(text);
    }
    nodes.extend([0x7f, 0xff, 4, 0]);
    let mut out = Vec::new();
    for word in [0x7e00_0000_u64, 0x10_0000, 0, nodes.len() as u64] {
        out.extend(word.to_le_bytes());
    }
    [out, nodes].concat()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
