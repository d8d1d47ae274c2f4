//! What Windows measured about itself, as far as digests cover it.

use std::collections::BTreeMap;

use super::sipa::{self, Sipa};
use super::{SipaEvents, Unlock, WindowsEvent};
use crate::digest::HashAlg;
use crate::evidence::tcg_event::{Authenticated, authenticated_everywhere, authenticated_in};
use crate::evidence::tcg_log::{Event, EventLog, EventType, Finding, FindingKind, Format};
use crate::evidence::text::shortened;
use crate::reader::{Reader, len32};

/// A switch of Windows that weakens it in one of its positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Switch {
    /// A debugger may attach to the boot loader.
    BootDebugging,
    /// Code is checked before it runs.
    CodeIntegrity,
    /// Pre-release signatures count.
    FlightSigning,
    /// A debugger may attach to the hypervisor.
    HypervisorDebugging,
    /// A debugger may attach to the kernel.
    KernelDebugging,
    /// Started without most drivers.
    SafeMode,
    /// Anybody's test signatures count.
    TestSigning,
    /// A preinstallation environment, not the installed system.
    WinPe,
}

impl Switch {
    /// Every switch.
    pub const ALL: [Self; 8] = [
        Self::BootDebugging,
        Self::CodeIntegrity,
        Self::FlightSigning,
        Self::HypervisorDebugging,
        Self::KernelDebugging,
        Self::SafeMode,
        Self::TestSigning,
        Self::WinPe,
    ];

    /// Its name, stable, in snake_case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BootDebugging => "boot_debugging",
            Self::CodeIntegrity => "code_integrity",
            Self::FlightSigning => "flight_signing",
            Self::HypervisorDebugging => "hypervisor_debugging",
            Self::KernelDebugging => "kernel_debugging",
            Self::SafeMode => "safe_mode",
            Self::TestSigning => "test_signing",
            Self::WinPe => "winpe",
        }
    }

    const fn of(kind: u32) -> Option<Self> {
        Some(match kind {
            sipa::BOOT_DEBUGGING => Self::BootDebugging,
            sipa::CODE_INTEGRITY => Self::CodeIntegrity,
            sipa::FLIGHT_SIGNING => Self::FlightSigning,
            sipa::HYPERVISOR_DEBUGGING => Self::HypervisorDebugging,
            sipa::KERNEL_DEBUGGING => Self::KernelDebugging,
            sipa::SAFE_MODE => Self::SafeMode,
            sipa::TEST_SIGNING => Self::TestSigning,
            sipa::WINPE => Self::WinPe,
            _ => return None,
        })
    }

    /// The position that weakens.
    const fn weak(self) -> bool {
        !matches!(self, Self::CodeIntegrity)
    }
}

/// A list of revoked boot loaders, as Windows had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocations<'a> {
    /// When it was made: 100 ns since 1601 (FILETIME).
    pub created: u64,
    /// TPM_ALG_ID of its digest.
    pub alg: u16,
    /// Its digest.
    pub digest: &'a [u8],
}

impl<'a> Revocations<'a> {
    fn parse(data: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        let created = reader.u64_le().ok()?;
        let size = len32(reader.u32_le().ok()?);
        let alg = reader.u16_le().ok()?;
        let digest = reader.bytes(size).ok()?;
        reader.is_empty().then_some(Self { created, alg, digest })
    }
}

/// What Windows measured about itself. Its private fields have one maker, [`WindowsBoot::of`], which reads proven data only.
///
/// Each stage measures its switches again; a position that weakens stays, whatever a later stage says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WindowsBoot<'a> {
    switches: BTreeMap<Switch, bool>,
    numbers: BTreeMap<u32, u64>,
    unlocks: Vec<Unlock>,
    elam: Vec<String>,
    revocations: [Option<Revocations<'a>>; 2],
    findings: Vec<Finding>,
    seen: bool,
}

/// Names of early-launch drivers are shown up to this length and number.
const ELAM_NAME: usize = 100;
const ELAM_DRIVERS: usize = 16;
const UNLOCKS: usize = 16;

impl<'a> WindowsBoot<'a> {
    /// From every event of Windows before the separator that ends Windows' part; `None` where there is no such event.
    ///
    /// "Proven" is what the log's digests cover in every bank that may judge; a quote must cover those.
    #[must_use]
    pub fn of(log: &EventLog<'a>) -> Option<Self> {
        Self::proven(log, &authenticated_everywhere)
    }

    /// The same by what all of these banks prove that may judge.
    #[must_use]
    pub fn in_banks(log: &EventLog<'a>, banks: &[HashAlg]) -> Option<Self> {
        Self::proven(log, &|event| authenticated_in(event, banks))
    }

    fn proven(log: &EventLog<'a>, proven: &dyn Fn(&Event<'_>) -> Authenticated) -> Option<Self> {
        // The registers of a confidential virtual machine are others.
        if log.format() == Format::Ccel {
            return None;
        }
        let mut boot = Self::default();
        let mut ended = [false; 4];
        for event in log.events() {
            let at = event.pcr.checked_sub(11).and_then(|at| usize::try_from(at).ok());
            let Some(ended) = at.and_then(|at| ended.get_mut(at)) else { continue };
            if event.event_type == EventType::SEPARATOR {
                *ended = true;
            } else if let Some(inner) = WindowsEvent::of(event).map(|inner| inner.measurements()) {
                boot.seen = true;
                boot.event(event, inner, *ended, proven);
            }
        }
        boot.seen.then_some(boot)
    }

    fn event(
        &mut self,
        event: &Event<'a>,
        mut inner: SipaEvents<'a>,
        ended: bool,
        proven: &dyn Fn(&Event<'_>) -> Authenticated,
    ) {
        if ended {
            return self.report(event, FindingKind::WindowsEventAfterSeparator);
        }
        if proven(event) != Authenticated::WholeData {
            return self.report(event, FindingKind::WindowsUnproven);
        }
        let before = self.switches.clone();
        inner.by_ref().for_each(|measurement| self.take(&measurement));
        if inner.is_malformed() {
            self.report(event, FindingKind::WindowsUnreadable);
        }
        let weak = |switch: &Switch, on: &bool| *on == switch.weak();
        let news: Vec<_> =
            self.switches.iter().filter(|(s, on)| weak(s, on) && before.get(s) != Some(on)).collect();
        let news: Vec<_> =
            news.into_iter().map(|(switch, _)| FindingKind::WindowsWeakened { switch: *switch }).collect();
        news.into_iter().for_each(|kind| self.report(event, kind));
    }

    fn take(&mut self, measurement: &Sipa<'a>) {
        let kind = measurement.kind;
        if let Some((switch, on)) = Switch::of(kind).zip(measurement.switch()) {
            let known = self.switches.entry(switch).or_insert(on);
            if on == switch.weak() {
                *known = on;
            }
        }
        match kind {
            sipa::BITLOCKER_UNLOCK if self.unlocks.len() < UNLOCKS => {
                let unlock = measurement.number().map(Unlock).filter(|unlock| !self.unlocks.contains(unlock));
                self.unlocks.extend(unlock);
            }
            sipa::ELAM_DRIVER if self.elam.len() < ELAM_DRIVERS => {
                let name = shortened(measurement.text(), ELAM_NAME);
                if !self.elam.contains(&name) {
                    self.elam.push(name);
                }
            }
            sipa::BOOT_REVOCATION_LIST => self.revoked(0, measurement),
            sipa::OS_REVOCATION_LIST => self.revoked(1, measurement),
            sipa::BOOT_COUNTER
            | sipa::DATA_EXECUTION_PREVENTION
            | sipa::HYPERVISOR_LAUNCH_TYPE
            | sipa::VSM_LAUNCH_TYPE
            | sipa::HVCI_POLICY => {
                if let Some(number) = measurement.number() {
                    self.numbers.insert(kind, number);
                }
            }
            _ => {}
        }
    }

    fn revoked(&mut self, which: usize, measurement: &Sipa<'a>) {
        if let Some(slot) = self.revocations.get_mut(which) {
            *slot = Revocations::parse(measurement.data);
        }
    }

    /// The position of a switch; the one that weakens if any stage had it. `None` where nothing proves it.
    #[must_use]
    pub fn switch(&self, switch: Switch) -> Option<bool> {
        self.switches.get(&switch).copied()
    }

    /// What opened BitLocker volumes, each once.
    #[must_use]
    pub fn unlocks(&self) -> &[Unlock] {
        &self.unlocks
    }

    /// The early-launch antimalware drivers by name, harmless in a terminal.
    #[must_use]
    pub fn elam(&self) -> &[String] {
        &self.elam
    }

    /// How often the TPM was started.
    #[must_use]
    pub fn boot_counter(&self) -> Option<u64> {
        self.number(sipa::BOOT_COUNTER)
    }

    /// The policy of data execution prevention, as Windows numbers it.
    #[must_use]
    pub fn data_execution_prevention(&self) -> Option<u64> {
        self.number(sipa::DATA_EXECUTION_PREVENTION)
    }

    /// How the hypervisor was launched; 0 is not at all.
    #[must_use]
    pub fn hypervisor_launch_type(&self) -> Option<u64> {
        self.number(sipa::HYPERVISOR_LAUNCH_TYPE)
    }

    /// How virtual secure mode was launched; 0 is not at all.
    #[must_use]
    pub fn vsm_launch_type(&self) -> Option<u64> {
        self.number(sipa::VSM_LAUNCH_TYPE)
    }

    /// The policy of hypervisor-protected Code Integrity, as Windows numbers it.
    #[must_use]
    pub fn hvci_policy(&self) -> Option<u64> {
        self.number(sipa::HVCI_POLICY)
    }

    /// The boot manager's list of revoked loaders.
    #[must_use]
    pub const fn boot_revocations(&self) -> Option<Revocations<'a>> {
        let [boot, _] = self.revocations;
        boot
    }

    /// The operating system's list of revoked loaders.
    #[must_use]
    pub const fn os_revocations(&self) -> Option<Revocations<'a>> {
        let [_, os] = self.revocations;
        os
    }

    /// What a reader must know, in the order of the events.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    fn number(&self, kind: u32) -> Option<u64> {
        self.numbers.get(&kind).copied()
    }

    fn report(&mut self, event: &Event<'_>, kind: FindingKind) {
        // Each weak switch is told once; of the rest the first few say enough.
        let same = self.findings.iter().filter(|finding| finding.kind == kind).count();
        if same < 4 {
            self.findings.push(Finding { kind, event: Some(event.index), pcr: Some(event.pcr) });
        }
    }
}
