//! Why something differs: likely causes, and what would lead to it.

use core::fmt;

use serde::{Serialize, Serializer};

names! {
    /// The likely cause of a difference.
    Cause {
        /// Grub's configuration or commands, not the kernel command line.
        BootConfigChanged = "boot_config_changed",
        /// shim, GRUB or systemd-boot.
        BootLoaderChanged = "boot_loader_changed",
        /// BootOrder or a Boot#### entry.
        BootOrderChanged = "boot_order_changed",
        /// A measured file.
        FileChanged = "file_changed",
        /// Firmware settings in PCR 1.
        FirmwareSettings = "firmware_settings",
        /// The firmware's version or code.
        FirmwareUpdate = "firmware_update",
        /// Hardware that shows in the firmware's own measurements.
        HardwareChange = "hardware_change",
        /// The initial RAM disk.
        InitrdChanged = "initrd_changed",
        /// The kernel image.
        KernelChanged = "kernel_changed",
        /// The kernel command line.
        KernelCmdlineChanged = "kernel_cmdline_changed",
        /// A kernel that the golden document names as superseded.
        KernelRollback = "kernel_rollback",
        /// A kexec, or an IMA list that was lost.
        KexecOrLostList = "kexec_or_lost_list",
        /// Events are missing from the log.
        LogIncomplete = "log_incomplete",
        /// There is no log.
        LogMissing = "log_missing",
        /// A machine owner key or shim's lists of them.
        MokChanged = "mok_changed",
        /// An option ROM or driver.
        OptionRomChange = "option_rom_change",
        /// The partition table.
        PartitionTableChanged = "partition_table_changed",
        /// dbx or the SBAT level.
        RevocationListChanged = "revocation_list_changed",
        /// PK, KEK or db.
        SecureBootKeysChanged = "secure_boot_keys_changed",
        /// Secure Boot is switched off.
        SecureBootOff = "secure_boot_off",
        /// The platform is in setup mode.
        SecureBootSetupMode = "secure_boot_setup_mode",
        /// shim's validation is switched off.
        ShimValidationOff = "shim_validation_off",
        /// A unified kernel image.
        UkiChanged = "uki_changed",
        /// A file without golden value.
        UnknownFile = "unknown_file",
        /// Software without golden value that is no known part's successor.
        UnknownSoftware = "unknown_software",
        /// A PCR was extended without an entry in the log.
        UnloggedExtension = "unlogged_extension",
        /// What user space measured.
        UserspaceMeasurementChanged = "userspace_measurement_changed",
    }
}

names! {
    /// A known thing that would lead to what was found. It explains, and excuses nothing.
    Explanation {
        /// The firmware ended the PCR with the separator of an error.
        ErrorSeparator = "error_separator",
        /// One more extend, with a digest that is known from elsewhere.
        EventAppended = "event_appended",
        /// One event less.
        EventMissing = "event_missing",
        /// One event more, between others: a golden one that the log leaves out.
        EventNotTold = "event_not_told",
        /// One event twice.
        EventRepeated = "event_repeated",
        /// The quoted value is the golden one: the boot is told wrong, or not told.
        Golden = "golden",
        /// The digest is golden in another variant or another PCR, the content at another path.
        GoldenElsewhere = "golden_elsewhere",
        /// The log speaks of another bank.
        OtherBank = "other_bank",
        /// Another startup locality.
        StartupLocality = "startup_locality",
        /// The extends stop early.
        StoppedEarly = "stopped_early",
        /// The phases of the boot that systemd measures from user space.
        UserspacePhases = "userspace_phases",
    }
}
