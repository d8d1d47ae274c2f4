//! A Debian-like UEFI boot: firmware, shim, GRUB, signed kernel, initrd. Its order, event types and hashed bytes are those of Debian 12
//! on edk2 2022.11 with shim 16.1 and GRUB 2.06; the Secure Boot variables are that machine's own.

use std::fmt;

use super::event_type::{
    EV_EFI_ACTION, EV_EFI_BOOT_SERVICES_APPLICATION, EV_EFI_GPT_EVENT, EV_EFI_PLATFORM_FIRMWARE_BLOB,
    EV_EFI_VARIABLE_AUTHORITY, EV_EFI_VARIABLE_BOOT, EV_EFI_VARIABLE_DRIVER_CONFIG, EV_IPL,
    EV_S_CRTM_VERSION, EV_SEPARATOR,
};
use super::uefi::{
    GLOBAL_VARIABLE, SECURITY_DATABASE, SHIM_LOCK, file_path, firmware_blob, gpt, image_load, load_option,
    variable,
};
use super::{Boot, Measurement};
use crate::bank::Bank;

const PK: &[u8] = include_bytes!("../../data/pk.bin");
const KEK: &[u8] = include_bytes!("../../data/kek.bin");
const DB: &[u8] = include_bytes!("../../data/db.bin");
const DBX: &[u8] = include_bytes!("../../data/dbx.bin");
/// The signature-list entry of db that vouches for shim.
const DB_AUTHORITY: &[u8] = include_bytes!("../../data/db-authority.bin");
const SBAT_LEVEL: &[u8] = b"sbat,1,2025021800\nshim,4\ngrub,5\n";
/// Debian's certificate inside shim, which vouches for GRUB and the kernel.
const MOK_LIST_RT: &[u8] = include_bytes!("../../data/mok-list-rt.bin");

/// The parts of the machine and of its system that scenarios exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The SecureBoot variable.
    pub secure_boot: bool,
    /// The first firmware volume.
    pub firmware: Vec<u8>,
    /// The kernel image, standing for what its Authenticode digest covers.
    pub kernel: Vec<u8>,
    /// The initrd.
    pub initrd: Vec<u8>,
    /// The kernel command line after the image's name.
    pub cmdline: String,
    /// Files that IMA measures.
    pub files: Vec<(String, Vec<u8>)>,
    /// Where firmware loaded the images; differs from boot to boot and is never hashed.
    pub load_address: u64,
}

impl Parts {
    /// The machine as it was delivered.
    #[must_use]
    pub fn new() -> Parts {
        let file = |path: &str| (path.to_owned(), format!("content of {path}").into_bytes());
        Parts {
            secure_boot: true,
            firmware: b"edk2 firmware volume 2022.11-6+deb12u2".to_vec(),
            kernel: b"vmlinuz-6.1.0-56-amd64".to_vec(),
            initrd: b"initrd.img-6.1.0-56-amd64".to_vec(),
            cmdline: "root=/dev/vda2 ro quiet".to_owned(),
            files: ["/usr/lib/systemd/systemd", "/usr/sbin/sshd", "/usr/bin/bash"].map(file).to_vec(),
            load_address: 0x2900_0000,
        }
    }

    /// The same machine after a reviewed update of kernel and initrd.
    #[must_use]
    pub fn updated() -> Parts {
        Parts {
            kernel: b"vmlinuz-6.1.0-57-amd64".to_vec(),
            initrd: b"initrd.img-6.1.0-57-amd64".to_vec(),
            ..Parts::new()
        }
    }

    /// The same machine with a kernel from before, which Secure Boot still accepts.
    #[must_use]
    pub fn rolled_back() -> Parts {
        Parts {
            kernel: b"vmlinuz-6.1.0-47-amd64".to_vec(),
            initrd: b"initrd.img-6.1.0-47-amd64".to_vec(),
            ..Parts::new()
        }
    }

    /// Kernel and initrd that nobody reviewed.
    #[must_use]
    pub fn unannounced() -> Parts {
        Parts {
            kernel: b"vmlinuz-6.1.0-58-amd64".to_vec(),
            initrd: b"initrd.img-6.1.0-58-amd64".to_vec(),
            ..Parts::new()
        }
    }

    /// The machine as delivered, with another kernel command line.
    #[must_use]
    pub fn with_cmdline() -> Parts {
        Parts { cmdline: "root=/dev/vda2 ro quiet init=/bin/sh".to_owned(), ..Parts::new() }
    }

    /// The machine as delivered, with an implant in its initrd.
    #[must_use]
    pub fn with_implant() -> Parts {
        Parts { initrd: b"initrd.img-6.1.0-56-amd64 with an implant".to_vec(), ..Parts::new() }
    }

    /// The machine as delivered, with Secure Boot switched off.
    #[must_use]
    pub fn without_secure_boot() -> Parts {
        Parts { secure_boot: false, ..Parts::new() }
    }

    /// The delivered kernel with the update's initrd: each is known, together they are not.
    #[must_use]
    pub fn mixed() -> Parts {
        Parts { initrd: Parts::updated().initrd, ..Parts::new() }
    }

    /// The machine as delivered, with another sshd.
    #[must_use]
    pub fn with_other_file() -> Parts {
        let mut parts = Parts::new();
        for (path, content) in &mut parts.files {
            if path == "/usr/sbin/sshd" {
                *content = b"an sshd with a back door".to_vec();
            }
        }
        parts
    }

    /// The boot of these parts, measured into the banks.
    #[must_use]
    pub fn boot(&self, banks: &[Bank]) -> Boot {
        let measurements =
            [self.firmware(), self.boot_manager(), self.shim(), self.grub(), exit_boot_services()].concat();
        Boot { banks: banks.to_vec(), measurements, files: self.files.clone() }
    }

    /// PCR 0 and 7, up to PCR 7's separator.
    fn firmware(&self) -> Vec<Measurement> {
        let config = |guid, name: &str, data: &[u8]| {
            Measurement::of_data(7, EV_EFI_VARIABLE_DRIVER_CONFIG, variable(guid, name, data))
        };
        let mut dxe = self.firmware.clone();
        dxe.extend(b" (drivers)");
        let (pei_blob, dxe_blob) =
            (firmware_blob(0x0082_0000, 0xe_0000), firmware_blob(0x0090_0000, 0xc0_0000));
        vec![
            Measurement::of_data(0, EV_S_CRTM_VERSION, [0, 0]),
            Measurement::of_content(0, EV_EFI_PLATFORM_FIRMWARE_BLOB, pei_blob, self.firmware.clone()),
            Measurement::of_content(0, EV_EFI_PLATFORM_FIRMWARE_BLOB, dxe_blob, dxe),
            config(GLOBAL_VARIABLE, "SecureBoot", &[u8::from(self.secure_boot)]),
            config(GLOBAL_VARIABLE, "PK", PK),
            config(GLOBAL_VARIABLE, "KEK", KEK),
            config(SECURITY_DATABASE, "db", DB),
            config(SECURITY_DATABASE, "dbx", DBX),
            separator(7),
        ]
    }

    /// Boot variables, the other separators, the partition table and shim's image.
    fn boot_manager(&self) -> Vec<Measurement> {
        // This firmware hashes a boot variable's data alone.
        let boot_variable = |name: &str, data: Vec<u8>| {
            Measurement::of_content(1, EV_EFI_VARIABLE_BOOT, variable(GLOBAL_VARIABLE, name, &data), data)
        };
        let shim_path = file_path("\\EFI\\debian\\shimx64.efi");
        let mut steps = vec![
            boot_variable("BootOrder", vec![1, 0, 0, 0]),
            boot_variable("Boot0001", load_option(1, "debian", &shim_path)),
            boot_variable("Boot0000", load_option(0x109, "UiApp", &file_path("\\UiApp"))),
            Measurement::of_data(4, EV_EFI_ACTION, *b"Calling EFI Application from Boot Option"),
        ];
        steps.extend((0..=6).map(separator));
        if self.secure_boot {
            steps.push(authority(SECURITY_DATABASE, "db", DB_AUTHORITY));
        }
        steps.push(Measurement::of_data(5, EV_EFI_GPT_EVENT, gpt([0x11; 16], [0x66; 16])));
        steps.push(self.application(0, b"shimx64.efi 16.1", &shim_path));
        steps
    }

    /// What shim measures before it starts GRUB. It logs the MOK lists by name and hashes their content.
    fn shim(&self) -> Vec<Measurement> {
        let mok = |name: &str| {
            Measurement::of_content(14, EV_IPL, [name.as_bytes(), b"\0"].concat(), name.to_ascii_lowercase())
        };
        let mut steps = vec![mok("MokList"), mok("MokListX")];
        if self.secure_boot {
            steps.push(authority(SHIM_LOCK, "SbatLevel", SBAT_LEVEL));
        }
        steps.push(mok("MokListTrusted"));
        if self.secure_boot {
            steps.push(authority(SHIM_LOCK, "MokListRT", MOK_LIST_RT));
        }
        steps.push(self.application(
            1,
            b"grubx64.efi 2.06-13+deb12u2",
            &file_path("\\EFI\\debian\\grubx64.efi"),
        ));
        steps
    }

    /// GRUB's commands (PCR 8), the files it reads (PCR 9), and the kernel's image, which shim lists twice with an empty path.
    fn grub(&self) -> Vec<Measurement> {
        let config = format!("set timeout=0\nlinux /vmlinuz {0}\ninitrd /initrd.img\nboot\n", self.cmdline);
        let mut steps = vec![
            grub_command("[ -e (hd0,gpt1)/EFI/debian/grub.cfg ]"),
            grub_command("source (hd0,gpt1)/EFI/debian/grub.cfg"),
            grub_file("(hd0,gpt1)/EFI/debian/grub.cfg", config.as_bytes()),
            grub_command("set timeout=0"),
            grub_command(&format!("linux /vmlinuz {}", self.cmdline)),
            // The file's bytes and what its Authenticode digest covers differ; the simulated one gets a signature appended.
            grub_file("/vmlinuz", &[&self.kernel, b" with signature".as_slice()].concat()),
        ];
        let times_listed = if self.secure_boot { 2 } else { 1 };
        steps.extend((0..times_listed).map(|copy| self.application(2 + copy, &self.kernel, &[])));
        steps.extend([
            prefixed("kernel_cmdline: ", &format!("/vmlinuz {}", self.cmdline)),
            grub_command("initrd /initrd.img"),
            grub_file("/initrd.img", &self.initrd),
            grub_command("boot"),
        ]);
        steps
    }

    fn application(&self, nth: u64, image: &[u8], device_path: &[u8]) -> Measurement {
        let address = self.load_address - nth * 0x10_0000;
        // The text that stands for an image is short; the event tells a length as of a real one.
        let length = 0x7d_0000 + 8 * u64::try_from(image.len()).unwrap_or(0);
        let event = image_load(address, length, device_path);
        Measurement::of_content(4, EV_EFI_BOOT_SERVICES_APPLICATION, event, image)
    }
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secure_boot = if self.secure_boot { "on" } else { "off" };
        let text = String::from_utf8_lossy;
        let (kernel, initrd) = (text(&self.kernel), text(&self.initrd));
        write!(f, "Secure Boot {secure_boot}, {kernel}, {initrd}, `{}`", self.cmdline)
    }
}

impl Default for Parts {
    fn default() -> Parts {
        Parts::new()
    }
}

fn separator(pcr: u32) -> Measurement {
    Measurement::of_data(pcr, EV_SEPARATOR, [0; 4])
}

fn authority(guid: [u8; 16], name: &str, data: &[u8]) -> Measurement {
    Measurement::of_data(7, EV_EFI_VARIABLE_AUTHORITY, variable(guid, name, data))
}

fn grub_command(command: &str) -> Measurement {
    prefixed("grub_cmd: ", command)
}

/// GRUB hashes the text after the prefix, without the NUL that it logs.
fn prefixed(prefix: &str, text: &str) -> Measurement {
    Measurement::of_content(8, EV_IPL, format!("{prefix}{text}\0"), text)
}

fn grub_file(path: &str, content: &[u8]) -> Measurement {
    Measurement::of_content(9, EV_IPL, format!("{path}\0"), content)
}

fn exit_boot_services() -> Vec<Measurement> {
    ["Exit Boot Services Invocation", "Exit Boot Services Returned with Success"]
        .map(|text| Measurement::of_data(5, EV_EFI_ACTION, text))
        .to_vec()
}
