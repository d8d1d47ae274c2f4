//! A device in software: PCRs, an event log, an IMA list, and a key that quotes them. It can lie in every part separately.

use std::collections::BTreeMap;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use sha2::Digest as _;

pub const SHA1: u16 = 0x0004;
pub const SHA256: u16 = 0x000b;
pub const SHA384: u16 = 0x000c;

pub const NO_ACTION: u32 = 3;
pub const SEPARATOR: u32 = 4;

pub const S_CRTM_VERSION: u32 = 8;
pub const IPL: u32 = 0xd;
pub const VARIABLE_CONFIG: u32 = 0x8000_0001;
pub const VARIABLE_BOOT: u32 = 0x8000_0002;
pub const APPLICATION: u32 = 0x8000_0003;
pub const GPT: u32 = 0x8000_0006;
pub const EFI_ACTION: u32 = 0x8000_0007;
pub const BLOB: u32 = 0x8000_0008;
pub const VARIABLE_AUTHORITY: u32 = 0x8000_00e0;

pub const NONCE: [u8; 32] = [0x5a; 32];

pub fn hash(alg: u16, data: &[u8]) -> Vec<u8> {
    match alg {
        SHA1 => sha1::Sha1::digest(data).to_vec(),
        SHA256 => sha2::Sha256::digest(data).to_vec(),
        SHA384 => sha2::Sha384::digest(data).to_vec(),
        _ => panic!("no such bank"),
    }
}

pub fn size(alg: u16) -> usize {
    hash(alg, &[]).len()
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub pcr: u32,
    pub kind: u32,
    pub data: Vec<u8>,
    /// By bank; what the log says, which need not be what was extended.
    pub digests: BTreeMap<u16, Vec<u8>>,
}

/// One line of the IMA list.
#[derive(Clone, Debug)]
pub struct Measurement {
    pub pcr: u32,
    pub template: &'static str,
    pub data: Vec<u8>,
    pub violation: bool,
}

impl Measurement {
    /// `ima-sig` of a file with this content.
    pub fn file(path: &[u8], content: &[u8]) -> Self {
        Self::digest(path, &hash(SHA256, content))
    }

    pub fn digest(path: &[u8], sha256: &[u8]) -> Self {
        let field = |bytes: &[u8]| [&(bytes.len() as u32).to_le_bytes(), bytes].concat();
        let digest = field(&[b"sha256:\0", sha256].concat());
        let data = [digest, field(&[path, &[0]].concat()), field(&[])].concat();
        Self { pcr: 10, template: "ima-sig", data, violation: false }
    }
}

#[derive(Clone)]
pub struct Device {
    /// The TPM's registers.
    pub pcrs: BTreeMap<(u16, u8), Vec<u8>>,
    /// The banks that the log's header names.
    pub log_banks: Vec<u16>,
    pub log: Vec<Event>,
    pub ima: Vec<Measurement>,
    /// What the quote covers, in the order of the quote.
    pub selection: Vec<(u16, Vec<u8>)>,
    pub clock: u64,
    pub resets: u32,
    pub restarts: u32,
    pub safe: u8,
    pub firmware: u64,
}

impl Device {
    pub fn new(banks: &[u16], locality: u8) -> Self {
        let mut pcrs = BTreeMap::new();
        for bank in banks {
            for pcr in 0..24_u8 {
                let fill = if (17..=22).contains(&pcr) { 0xff } else { 0 };
                let mut value = vec![fill; size(*bank)];
                if pcr == 0 {
                    *value.last_mut().unwrap() = locality;
                }
                pcrs.insert((*bank, pcr), value);
            }
        }
        let quoted: Vec<u8> = (0..=14).collect();
        Self {
            pcrs,
            log_banks: banks.to_vec(),
            log: Vec::new(),
            ima: Vec::new(),
            selection: banks.iter().filter(|b| **b != SHA1).map(|b| (*b, quoted.clone())).collect(),
            clock: 100_000,
            resets: 7,
            restarts: 1,
            safe: 1,
            firmware: 0x2023_0001,
        }
    }

    pub fn banks(&self) -> Vec<u16> {
        let mut banks: Vec<u16> = self.pcrs.keys().map(|(bank, _)| *bank).collect();
        banks.dedup();
        banks
    }

    /// TPM2_PCR_Extend in one bank.
    pub fn extend_digest(&mut self, bank: u16, pcr: u8, digest: &[u8]) {
        let value = self.pcrs.get_mut(&(bank, pcr)).unwrap();
        *value = hash(bank, &[value.as_slice(), digest].concat());
    }

    /// Extends every bank with the digest of `content`, and tells nobody.
    pub fn extend(&mut self, pcr: u8, content: &[u8]) {
        for bank in self.banks() {
            self.extend_digest(bank, pcr, &hash(bank, content));
        }
    }

    /// Writes into the log, and extends nothing.
    pub fn write(&mut self, pcr: u32, kind: u32, data: &[u8], content: &[u8]) {
        let digests = self.log_banks.iter().map(|bank| (*bank, hash(*bank, content))).collect();
        self.log.push(Event { pcr, kind, data: data.to_vec(), digests });
    }

    /// An honest measurement: `content` is hashed, `data` is logged.
    pub fn measure(&mut self, pcr: u8, kind: u32, data: &[u8], content: &[u8]) {
        self.write(pcr.into(), kind, data, content);
        self.extend(pcr, content);
    }

    /// Extends what an event of the log says, in every bank that it says it for.
    pub fn replay(&mut self, event: &Event) {
        for (bank, digest) in &event.digests {
            if self.pcrs.contains_key(&(*bank, 0)) {
                self.extend_digest(*bank, event.pcr as u8, digest);
            }
        }
    }

    /// Root does again what an event of the log says, and logs it.
    pub fn repeat(&mut self, event: &Event) {
        self.replay(event);
        self.log.push(event.clone());
    }

    /// IMA measures a file, honestly: every bank with its own digest.
    pub fn ima(&mut self, entry: Measurement) {
        for bank in self.banks() {
            let digest = if entry.violation { vec![0xff; size(bank)] } else { hash(bank, &entry.data) };
            self.extend_digest(bank, entry.pcr as u8, &digest);
        }
        self.ima.push(entry);
    }

    /// IMA starts: the digest of PCR 0–9.
    pub fn boot_aggregate(&self) -> Measurement {
        let bank = self.banks().into_iter().find(|bank| *bank == SHA256);
        let covered = |bank| (0..10).flat_map(|pcr| self.pcrs[&(bank, pcr)].clone()).collect::<Vec<u8>>();
        let digest = bank.map_or(vec![0; 32], |bank| hash(SHA256, &covered(bank)));
        Measurement::digest(b"boot_aggregate", &digest)
    }

    /// The index in the log of the one event whose data contains this text.
    pub fn find(&self, text: &str) -> usize {
        let has = |e: &&Event| e.data.windows(text.len()).any(|w| w == text.as_bytes());
        let found = self.log.iter().filter(has).count();
        assert_eq!(found, 1, "{text}: {found} events");
        self.log.iter().position(|e| has(&e)).unwrap()
    }

    /// A crypto-agile log: the header in the old format, then TCG_PCR_EVENT2.
    pub fn log_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut header = b"Spec ID Event03\0".to_vec();
        header.extend(0_u32.to_le_bytes());
        header.extend([0, 2, 0, 2]);
        header.extend((self.log_banks.len() as u32).to_le_bytes());
        for bank in &self.log_banks {
            header.extend(bank.to_le_bytes());
            header.extend((size(*bank) as u16).to_le_bytes());
        }
        header.push(0);
        out.extend(0_u32.to_le_bytes());
        out.extend(NO_ACTION.to_le_bytes());
        out.extend([0; 20]);
        out.extend((header.len() as u32).to_le_bytes());
        out.extend(header);
        for event in &self.log {
            out.extend(event.pcr.to_le_bytes());
            out.extend(event.kind.to_le_bytes());
            out.extend((event.digests.len() as u32).to_le_bytes());
            for (bank, digest) in &event.digests {
                out.extend(bank.to_le_bytes());
                out.extend(digest);
            }
            out.extend((event.data.len() as u32).to_le_bytes());
            out.extend(&event.data);
        }
        out
    }

    /// A binary list with SHA-1 template digests.
    pub fn ima_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for entry in &self.ima {
            out.extend(entry.pcr.to_le_bytes());
            out.extend(if entry.violation { vec![0; 20] } else { hash(SHA1, &entry.data) });
            out.extend((entry.template.len() as u32).to_le_bytes());
            out.extend(entry.template.as_bytes());
            out.extend((entry.data.len() as u32).to_le_bytes());
            out.extend(&entry.data);
        }
        out
    }

    /// TPMS_ATTEST of type quote, with SHA-256 as the signing hash.
    pub fn attest(&self) -> Vec<u8> {
        let mut values = Vec::new();
        for (bank, pcrs) in &self.selection {
            let mut pcrs = pcrs.clone();
            pcrs.sort_unstable();
            pcrs.iter().for_each(|pcr| values.extend(&self.pcrs[&(*bank, *pcr)]));
        }
        let mut out = 0xff54_4347_u32.to_be_bytes().to_vec();
        out.extend(0x8018_u16.to_be_bytes());
        out.extend(sized(&[&SHA256.to_be_bytes()[..], &[0x77; 32]].concat()));
        out.extend(sized(&NONCE));
        out.extend(self.clock.to_be_bytes());
        out.extend(self.resets.to_be_bytes());
        out.extend(self.restarts.to_be_bytes());
        out.push(self.safe);
        out.extend(self.firmware.to_be_bytes());
        out.extend((self.selection.len() as u32).to_be_bytes());
        for (bank, pcrs) in &self.selection {
            out.extend(bank.to_be_bytes());
            out.push(3);
            let mut map = [0_u8; 3];
            pcrs.iter().for_each(|pcr| map[usize::from(pcr / 8)] |= 1 << (pcr % 8));
            out.extend(map);
        }
        out.extend(sized(&hash(SHA256, &values)));
        out
    }
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

fn key() -> EcdsaKeyPair {
    let der = include_bytes!("../../../tests/fixtures/keys/p256.pk8");
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &SystemRandom::new()).unwrap()
}

/// TPMT_SIGNATURE, ECDSA with SHA-256.
pub fn sign(attest: &[u8]) -> Vec<u8> {
    let signature = key().sign(&SystemRandom::new(), attest).unwrap();
    let (r, s) = signature.as_ref().split_at(32);
    [&[0, 0x18, 0, 0x0b][..], &sized(r), &sized(s)].concat()
}

/// TPMT_PUBLIC of a restricted signing key on P-256.
pub fn ak_public() -> Vec<u8> {
    let key = key();
    let (x, y) = key.public_key().as_ref()[1..].split_at(32);
    let mut out = vec![0, 0x23, 0, 0x0b];
    // fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, restricted, sign.
    out.extend(0x0005_0072_u32.to_be_bytes());
    out.extend([0, 0, 0, 0x10, 0, 0x18, 0, 0x0b, 0, 3, 0, 0x10]);
    out.extend([sized(x), sized(y)].concat());
    out
}
