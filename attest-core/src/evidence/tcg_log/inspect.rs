//! The rules that a log of one boot keeps, one pass over the events.

use std::sync::LazyLock;

use super::{Event, EventLog, EventType, Finding, FindingKind, Format, PCRS, SpecId};
use crate::digest::{Digest, HashAlg};
use crate::limits::Limits;

/// What the pass found.
#[derive(Clone, Debug, Default)]
pub(super) struct Inspected {
    pub(super) startup_locality: Option<u8>,
    pub(super) findings: Vec<Finding>,
}

/// PCRs that the firmware must end with a separator (TCG PC Client Platform Firmware Profile, EV_SEPARATOR).
const FIRMWARE_PCRS: u32 = 8;
/// MRTD and the four runtime registers (UEFI 2.10, 38.4.1).
pub(super) const CCEL_REGISTERS: u32 = 5;
const STARTUP_LOCALITY: &[u8] = b"StartupLocality\0";
/// What a separator's data may be, and the value whose digest says that measuring failed.
const SEPARATORS: [&[u8]; 2] = [&[0; 4], &[0xff; 4]];
const ERROR_SEPARATOR: &[u8] = &[1, 0, 0, 0];
/// Separators of one register whose digests are computed again, before any signature is checked: real ones carry up to five. And the
/// variables of PCR 7 that are kept in mind: real machines measure up to twenty.
const SEPARATORS_HASHED: u32 = 16;
/// Bytes of separators' data that are hashed in all banks together: what is none of the firmware's is hashed once, and real data has four bytes.
const SEPARATOR_BYTES_HASHED: usize = 4_096;
const VARIABLES_KEPT: usize = 512;

pub(super) fn inspect(log: &EventLog<'_>, pieces: usize, limits: &Limits) -> Inspected {
    // With one digest of every algorithm of the header the list has this length, and only then: none repeats.
    let sizes =
        log.spec_id.iter().flat_map(SpecId::algorithms).map(|(_, size)| usize::from(size).saturating_add(2));
    let all_digests = if log.spec_id.is_some() { sizes.sum() } else { HashAlg::Sha1.size() };
    let mut pass = Pass {
        log,
        all_digests,
        most: limits.findings,
        found: Inspected::default(),
        separators: [0; PCRS_USIZE],
        extended: [false; PCRS_USIZE],
        missing: [0; PCRS_USIZE],
        variables: Vec::new(),
        hashes: Vec::new(),
        bytes_left: SEPARATOR_BYTES_HASHED,
    };
    log.events.iter().for_each(|event| pass.event(event));
    pass.whole_log(pieces);
    pass.found
}

const PCRS_USIZE: usize = 24;

struct Pass<'a, 'l> {
    log: &'l EventLog<'a>,
    /// Bytes of an event's digests if none is missing.
    all_digests: usize,
    most: usize,
    found: Inspected,
    separators: [u32; PCRS_USIZE],
    extended: [bool; PCRS_USIZE],
    /// Of each register the banks, a bit each, whose missing digest was reported.
    missing: [u64; PCRS_USIZE],
    /// Vendor and name of the variables measured into PCR 7, in order.
    variables: Vec<&'a [u8]>,
    /// Digests already computed of separator data that is none of the firmware's.
    hashes: Vec<(&'a [u8], Digest)>,
    /// Bytes that may still be hashed.
    bytes_left: usize,
}

/// What a separator measures, and its digest in one bank.
type Marker = (&'static [u8], Digest);

/// What the separators that firmware writes extend, with their data, in every bank there is, and the bytes that they begin with: nearly
/// every other digest begins otherwise. It depends on nothing that was sent.
static MARKERS: LazyLock<(Vec<Marker>, [bool; 256])> = LazyLock::new(|| {
    let data = [SEPARATORS[0], SEPARATORS[1], ERROR_SEPARATOR];
    let of = |alg: HashAlg| data.map(|data| (data, alg.hash(&[data])));
    let all: Vec<Marker> = HashAlg::ALL.into_iter().flat_map(of).collect();
    let begins = |byte: usize| {
        all.iter().any(|(_, digest)| digest.as_bytes().first().map(|b| usize::from(*b)) == Some(byte))
    };
    let begins = core::array::from_fn(begins);
    (all, begins)
});

/// Whether what a separator extends is extended by nothing else there. Settings (PCR 1) and what vendors like (PCR 6) may be such bytes:
/// the boot order 0001 0000 is those of the error separator.
const fn tells_separators(format: Format, pcr: u32) -> bool {
    match format {
        Format::Ccel => pcr == 2,
        Format::CryptoAgile | Format::Sha1 => matches!(pcr, 0 | 2..=5 | 7),
    }
}

/// Whether an event extended what a separator of the firmware extends: its type says what its writer likes.
pub(super) fn extends_a_separator(event: &Event<'_>) -> bool {
    event.pcr < FIRMWARE_PCRS && event.is_extended() && is_marker(event)
}

fn is_marker(event: &Event<'_>) -> bool {
    let (markers, begins) = &*MARKERS;
    let may_be =
        |digest: &[u8]| digest.first().and_then(|byte| begins.get(usize::from(*byte))) == Some(&true);
    let is = |alg, digest: &[u8]| {
        markers.iter().any(|(_, marker)| marker.alg() == alg && marker.as_bytes() == digest)
    };
    event.digests().any(|(alg, digest)| may_be(digest) && is(alg, digest))
}

impl<'a> Pass<'a, '_> {
    fn event(&mut self, event: &Event<'a>) {
        if event.event_type == EventType::NO_ACTION {
            return self.no_action(event);
        }
        let registers = if self.log.format == Format::Ccel { CCEL_REGISTERS } else { PCRS };
        if event.pcr >= registers {
            self.report(event, FindingKind::PcrInvalid);
        }
        if event.pcr >= PCRS {
            return;
        }
        self.missing_digests(event);
        match event.event_type {
            EventType::SEPARATOR => self.separator(event),
            _ if tells_separators(self.log.format, event.pcr) && is_marker(event) => {
                self.report(event, FindingKind::SeparatorDisguised);
                self.count_separator(event);
            }
            _ if self.log.format != Format::Ccel => self.order(event),
            _ => {}
        }
        if let Some(extended) = at(&mut self.extended, event.pcr) {
            *extended = true;
        }
    }

    fn no_action(&mut self, event: &Event<'a>) {
        // Windows writes its trust point, with a digest, into the register 0xFFFFFFFF.
        if event.pcr != u32::MAX && event.has_digest() {
            self.report(event, FindingKind::NoActionDigest);
        }
        let Some(locality) = event.data.strip_prefix(STARTUP_LOCALITY) else { return };
        let late = self.extended.first().copied().unwrap_or_default();
        match locality {
            _ if event.pcr != 0 => self.report(event, FindingKind::StartupLocalityMisplaced),
            [_] if self.found.startup_locality.is_some() => {
                self.report(event, FindingKind::StartupLocalityRepeated);
            }
            [_] if late => self.report(event, FindingKind::StartupLocalityLate),
            [locality @ (0 | 3 | 4)] => self.found.startup_locality = Some(*locality),
            [locality] => self.report(event, FindingKind::StartupLocalityValue { locality: *locality }),
            _ => self.report(event, FindingKind::StartupLocalitySize),
        }
    }

    /// Once for each register and bank: the first event says it.
    fn missing_digests(&mut self, event: &Event<'a>) {
        if event.digests.list.len() == self.all_digests {
            return;
        }
        for (nth, alg) in (0..).zip(self.log.banks.iter().copied()) {
            let bank = 1_u64.checked_shl(nth).unwrap_or_default();
            let reported = at(&mut self.missing, event.pcr).copied().unwrap_or_default();
            if reported & bank == 0 && event.digest(alg).is_none() {
                self.report(event, FindingKind::DigestMissing { alg });
                if let Some(reported) = at(&mut self.missing, event.pcr) {
                    *reported |= bank;
                }
            }
        }
    }

    fn separator(&mut self, event: &Event<'a>) {
        self.count_separator(event);
        if at(&mut self.separators, event.pcr).is_some_and(|count| *count > SEPARATORS_HASHED) {
            return self.report(event, FindingKind::TooMany { code: "separator_digest" });
        }
        let mut all_known = true;
        let wrong = event.digests().find(|(alg, digest)| match self.hash(*alg, event.data) {
            Some(hash) => hash.as_bytes() != *digest,
            None => {
                all_known = false;
                false
            }
        });
        // The error separator's digest is that of 00000001, whatever its data explains.
        let fails = |(alg, digest): (HashAlg, &[u8])| alg.hash(&[ERROR_SEPARATOR]).as_bytes() == digest;
        let is_odd = wrong.is_some() || !all_known;
        if event.data == ERROR_SEPARATOR || (is_odd && event.digests().any(fails)) {
            return self.report(event, FindingKind::SeparatorError);
        }
        if let Some((alg, _)) = wrong {
            self.report(event, FindingKind::SeparatorDigest { alg });
        } else if !all_known {
            self.report(event, FindingKind::TooMany { code: "separator_digest" });
        }
        // Windows ends PCR 12 to 14 with separators of its own ("WBCL").
        if event.pcr < FIRMWARE_PCRS && !SEPARATORS.contains(&event.data) {
            self.report(event, FindingKind::SeparatorData);
        }
    }

    /// Whether the firmware must end this register: beyond them boot loaders measure what they like.
    const fn is_firmwares(&self, pcr: u32) -> bool {
        match self.log.format {
            Format::Ccel => matches!(pcr, 1 | 2),
            Format::CryptoAgile | Format::Sha1 => pcr < FIRMWARE_PCRS,
        }
    }

    fn count_separator(&mut self, event: &Event<'a>) {
        let Some(count) = at(&mut self.separators, event.pcr) else { return };
        *count = count.saturating_add(1);
        if *count > separators_allowed(self.log.format, event.pcr) {
            self.report(event, FindingKind::DuplicateSeparator);
        }
    }

    /// `None` for more bytes than are hashed before any signature is checked.
    fn hash(&mut self, alg: HashAlg, data: &'a [u8]) -> Option<Digest> {
        let mut known = MARKERS.0.iter().chain(&self.hashes);
        if let Some((_, digest)) = known.find(|(of, digest)| digest.alg() == alg && *of == data) {
            return Some(*digest);
        }
        self.bytes_left = self.bytes_left.checked_sub(data.len())?;
        let digest = alg.hash(&[data]);
        // A hostile log may give every separator other data; the few that Windows writes are worth keeping.
        if self.hashes.len() < 32 {
            self.hashes.push((data, digest));
        }
        Some(digest)
    }

    /// Firmware-type events after the separator, and variables measured twice.
    fn order(&mut self, event: &Event<'a>) {
        let ended = at(&mut self.separators, event.pcr).is_some_and(|count| *count > 0);
        match (event.pcr, event.event_type) {
            (
                0,
                EventType::S_CRTM_CONTENTS
                | EventType::S_CRTM_VERSION
                | EventType::POST_CODE
                | EventType::POST_CODE2
                | EventType::EFI_PLATFORM_FIRMWARE_BLOB
                | EventType::EFI_PLATFORM_FIRMWARE_BLOB2
                | EventType::EFI_HCRTM_EVENT,
            ) if ended => {
                let event_type = event.event_type;
                self.report(event, FindingKind::FirmwareEventAfterSeparator { event_type });
            }
            (7, EventType::EFI_VARIABLE_DRIVER_CONFIG) => {
                if ended {
                    self.report(event, FindingKind::VariableAfterSeparator);
                }
                let Some(key) = variable_key(event.data) else { return };
                if self.variables.len() >= VARIABLES_KEPT {
                    return self.report(event, FindingKind::TooMany { code: "duplicate_variable" });
                }
                match self.variables.binary_search(&key) {
                    Ok(_) => self.report(event, FindingKind::DuplicateVariable),
                    Err(place) => self.variables.insert(place, key),
                }
            }
            _ => {}
        }
    }

    /// What no single event shows.
    fn whole_log(&mut self, pieces: usize) {
        let separators = self.separators;
        for (pcr, count) in (0..PCRS).zip(separators) {
            if count == 0 && self.is_firmwares(pcr) {
                self.add(FindingKind::SeparatorMissing, None, Some(pcr));
            }
            if self.log.format == Format::Ccel && count > 1 && count <= separators_allowed(Format::Ccel, pcr)
            {
                self.add(FindingKind::SeparatorsShared { count }, None, Some(pcr));
            }
        }
        let algorithms = self.log.spec_id.into_iter().flat_map(|spec_id| spec_id.algorithms());
        for (id, _) in algorithms.filter(|(id, _)| HashAlg::from_tpm(*id).is_none()) {
            self.add(FindingKind::AlgorithmUnknown { id }, None, None);
        }
        if pieces > 1 {
            self.add(FindingKind::ConcatenatedLogs { count: pieces }, None, None);
        }
    }

    fn report(&mut self, event: &Event<'_>, kind: FindingKind) {
        self.add(kind, Some(event.index), Some(event.pcr));
    }

    fn add(&mut self, kind: FindingKind, event: Option<u32>, pcr: Option<u32>) {
        let len = self.found.findings.len();
        if len < self.most {
            self.found.findings.push(Finding { kind, event, pcr });
        } else if len == self.most {
            self.found.findings.push(Finding {
                kind: FindingKind::TooMany { code: kind.code() },
                event,
                pcr,
            });
        }
    }
}

/// Separators that a register may carry: one; a CCEL register one for each PCR that it serves
/// (UEFI 2.10, 38.4.1, the mapping of PCRs to TDX registers).
const fn separators_allowed(format: Format, pcr: u32) -> u32 {
    match (format, pcr) {
        // PCR 0, 1 and 7.
        (Format::Ccel, 1) => 3,
        // PCR 2 to 6.
        (Format::Ccel, 2) => 5,
        // PCR 8 to 15.
        (Format::Ccel, 3) => 8,
        _ => 1,
    }
}

/// Vendor GUID, length and name of a UEFI variable: what makes it the same variable.
fn variable_key(data: &[u8]) -> Option<&[u8]> {
    let (guid, rest) = data.split_first_chunk::<16>()?;
    let (name_len, _) = rest.split_first_chunk::<8>()?;
    let name_len = usize::try_from(u64::from_le_bytes(*name_len)).ok()?;
    let after_name = guid.len().checked_add(16)?.checked_add(name_len.checked_mul(2)?)?;
    data.get(..after_name)
}

fn at<T>(slots: &mut [T; PCRS_USIZE], pcr: u32) -> Option<&mut T> {
    slots.get_mut(usize::try_from(pcr).ok()?)
}
