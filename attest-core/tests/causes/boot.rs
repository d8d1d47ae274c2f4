//! A real boot's log as a list of events that can be edited.

use std::collections::BTreeMap;
use std::path::Path;

use attest_core::appraise::{Cause, Verdict};
use attest_core::reference::golden::{Golden, Superseded};
use attest_core::{Digest, HashAlg};

use super::device::{
    Device, Event, IPL, Measurement, NO_ACTION, SHA1, SHA256, SHA384, VARIABLE_AUTHORITY, hash, size,
};
use super::judge;

/// EV_CPU_MICROCODE, EV_PLATFORM_CONFIG_FLAGS, EV_EFI_HANDOFF_TABLES, EV_EFI_BOOT_SERVICES_DRIVER.
pub const MICROCODE: u32 = 9;
pub const CONFIG_FLAGS: u32 = 0xa;
pub const HANDOFF_TABLES: u32 = 0x8000_0009;
pub const DRIVER: u32 = 0x8000_0004;

/// How the machine boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// shim, GRUB, kernel, initrd.
    Grub,
    /// A unified kernel image that the firmware starts.
    Uki,
}

#[derive(Clone)]
pub struct Boot {
    pub way: Way,
    pub locality: u8,
    pub events: Vec<Event>,
    pub files: Vec<(&'static str, &'static str)>,
}

impl Boot {
    /// A boot of a machine that measures more than a virtual one does: microcode, settings, tables, an option ROM, a GRUB module.
    pub fn good(way: Way) -> Self {
        let scenario = match way {
            Way::Grub => "base",
            Way::Uki => "own-uki",
        };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/changes").join(scenario);
        let events = parse(&std::fs::read(path.join("eventlog.bin")).unwrap());
        let files = vec![("/usr/bin/init", "init"), ("/usr/bin/sh", "shell")];
        let mut boot = Self { way, locality: 0, events, files };
        let at = boot.at(1, "BootOrder");
        boot.insert(at, 1, MICROCODE, b"microcode\0", b"microcode 1");
        boot.insert(at, 1, CONFIG_FLAGS, b"setup\0", b"setup 1");
        boot.insert(at, 1, HANDOFF_TABLES, &[0; 16], b"SMBIOS 1");
        boot.insert(at, 2, DRIVER, &driver(), b"option ROM 1");
        if way == Way::Grub {
            let at = boot.at(9, "/vmlinuz");
            boot.insert(at, 9, IPL, b"(hd0,gpt1)/x86_64-efi/part.mod\0", b"module 1");
        }
        boot
    }

    /// The one event of this PCR whose data contains the text, in ASCII or UTF-16.
    #[track_caller]
    pub fn at(&self, pcr: u32, text: &str) -> usize {
        let found = self.all(pcr, text);
        assert_eq!(found.len(), 1, "PCR {pcr} {text}: {found:?}");
        found[0]
    }

    pub fn all(&self, pcr: u32, text: &str) -> Vec<usize> {
        let wide = utf16(text);
        let has = |data: &[u8], text: &[u8]| text.is_empty() || data.windows(text.len()).any(|w| w == text);
        let is = |e: &&Event| e.pcr == pcr && (has(&e.data, text.as_bytes()) || has(&e.data, &wide));
        self.events.iter().enumerate().filter(|(_, e)| is(e)).map(|(at, _)| at).collect()
    }

    /// The events of one type in one PCR.
    pub fn of_type(&self, pcr: u32, kind: u32) -> Vec<usize> {
        let events = self.events.iter().enumerate();
        events.filter(|(_, e)| e.pcr == pcr && e.kind == kind).map(|(at, _)| at).collect()
    }

    /// Measures something else there.
    pub fn content(&mut self, at: usize, content: &[u8]) {
        self.events[at].digests = digests(content);
    }

    /// Tells something else there, and measures it.
    pub fn replace(&mut self, at: usize, data: &[u8], content: &[u8]) {
        self.events[at].data = data.to_vec();
        self.content(at, content);
    }

    pub fn insert(&mut self, at: usize, pcr: u32, kind: u32, data: &[u8], content: &[u8]) {
        self.events.insert(at, Event { pcr, kind, data: data.to_vec(), digests: digests(content) });
    }

    /// The contents of a UEFI variable, in an event whose digest covers all of it (PCR 7) or the contents alone (PCR 1).
    pub fn variable(&mut self, at: usize, contents: &[u8]) {
        let old = &self.events[at].data;
        let name = u64::from_le_bytes(old[16..24].try_into().unwrap()) as usize;
        let mut data = old[..24].to_vec();
        data.extend((contents.len() as u64).to_le_bytes());
        data.extend(&old[32..32 + name * 2]);
        data.extend(contents);
        let measured = if self.events[at].pcr == 1 { contents.to_vec() } else { data.clone() };
        self.replace(at, &data, &measured);
    }

    /// A GRUB string: the text is measured, the prefix is not.
    pub fn grub(&mut self, at: usize, text: &str) {
        let old = String::from_utf8(self.events[at].data.clone()).unwrap();
        let prefix = old.split(": ").next().unwrap().to_owned();
        self.replace(at, format!("{prefix}: {text}\0").as_bytes(), text.as_bytes());
    }

    pub fn grub_text(&self, at: usize) -> String {
        let text = String::from_utf8(self.events[at].data.clone()).unwrap();
        text.trim_end_matches('\0').split_once(": ").unwrap().1.to_owned()
    }

    /// The measurement of a section's contents; its name stands before it.
    pub fn section(&self, name: &str) -> usize {
        *self.all(11, name).last().unwrap()
    }

    /// Boots: every event is extended and logged, then IMA begins.
    pub fn device(&self) -> Device {
        let mut device = Device::new(&[SHA1, SHA256, SHA384], self.locality);
        device.selection = [SHA256, SHA384].map(|bank| (bank, (0..=15).collect())).to_vec();
        if self.locality != 0 {
            let zeros = device.log_banks.iter().map(|bank| (*bank, vec![0; size(*bank)])).collect();
            let data = [b"StartupLocality\0", &[self.locality][..]].concat();
            device.log.push(Event { pcr: 0, kind: NO_ACTION, data, digests: zeros });
        }
        for event in &self.events {
            if event.kind == NO_ACTION {
                device.log.push(event.clone());
            } else {
                device.repeat(event);
            }
        }
        let first = device.boot_aggregate();
        device.ima(first);
        for (path, content) in &self.files {
            device.ima(Measurement::file(path.as_bytes(), content.as_bytes()));
        }
        device
    }
}

/// What the document calls the old kernel.
pub const OLD_KERNEL: &[u8] = b"authenticode of an old kernel";

/// Golden values from the good boot; an old kernel is named as superseded.
pub fn golden(way: Way) -> Golden {
    let mut golden = judge::golden_with_files(&[&Boot::good(way).device()]);
    golden.superseded.push(Superseded {
        component: "kernel".into(),
        digests: [HashAlg::Sha256, HashAlg::Sha384].map(|alg| alg.hash(&[OLD_KERNEL])).to_vec(),
        reason: "CVE-2026-0002".into(),
    });
    golden
}

/// A cause with what cannot be told from it.
pub fn named(verdict: &Verdict) -> Vec<(Cause, Option<Cause>)> {
    verdict.causes.iter().map(|root| (root.cause, root.or)).collect()
}

pub fn digests(content: &[u8]) -> BTreeMap<u16, Vec<u8>> {
    [SHA1, SHA256, SHA384].map(|bank| (bank, hash(bank, content))).into()
}

pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// UEFI_IMAGE_LOAD_EVENT of a driver at PciRoot(0x0)/Pci(0x3,0x0).
pub fn driver() -> Vec<u8> {
    let path = [2, 1, 12, 0, 0xd0, 0x41, 3, 0xa, 0, 0, 0, 0, 1, 1, 6, 0, 0, 3, 0x7f, 0xff, 4, 0];
    let mut data = Vec::new();
    for word in [0x7e00_0000_u64, 0x10_0000, 0, path.len() as u64] {
        data.extend(word.to_le_bytes());
    }
    [data, path.to_vec()].concat()
}

/// A variable in PCR 7 that vouches for an image.
pub fn authority(vendor: &[u8], name: &str, data: &[u8]) -> Event {
    let wide = utf16(name);
    let mut bytes = vendor.to_vec();
    bytes.extend((name.len() as u64).to_le_bytes());
    bytes.extend((data.len() as u64).to_le_bytes());
    let bytes = [bytes, wide, data.to_vec()].concat();
    Event { pcr: 7, kind: VARIABLE_AUTHORITY, digests: digests(&bytes), data: bytes }
}

/// The events of a crypto-agile log behind its header.
fn parse(bytes: &[u8]) -> Vec<Event> {
    let mut at = 0;
    let mut take = |count: usize| {
        at += count;
        bytes.get(at - count..at)
    };
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    take(28).unwrap();
    let header = word(take(4).unwrap()) as usize;
    take(header).unwrap();
    let mut events = Vec::new();
    while let Some(pcr) = take(4) {
        let (pcr, kind, count) = (word(pcr), word(take(4).unwrap()), word(take(4).unwrap()));
        let mut digests = BTreeMap::new();
        for _ in 0..count {
            let bank = u16::from_le_bytes(take(2).unwrap().try_into().unwrap());
            digests.insert(bank, take(size(bank)).unwrap().to_vec());
        }
        let length = word(take(4).unwrap()) as usize;
        events.push(Event { pcr, kind, data: take(length).unwrap().to_vec(), digests });
    }
    events
}

/// A digest that nothing golden has.
pub fn unknown(alg: HashAlg) -> Digest {
    alg.hash(&[b"unknown"])
}
