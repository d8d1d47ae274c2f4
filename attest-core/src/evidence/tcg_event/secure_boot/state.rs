//! The state of Secure Boot, made of proven data only.

use core::cell::Cell;
use std::collections::BTreeMap;

use super::{Database, TestKey, switch, test_key};
use crate::digest::HashAlg;
use crate::evidence::tcg_event::{
    Authenticated, CertificateName, Guid, SignatureKind, SignatureLists, Variable, authenticated_everywhere,
    authenticated_in, der, measured_byte,
};
use crate::evidence::tcg_log::{Event, EventLog, EventType, Finding, FindingKind, Format};
use crate::evidence::text::{Utf8, shortened};

/// Who may change the keys, and whether images are checked (UEFI 2.10, 32.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Images are judged, the judgement is only written down.
    Audit,
    /// Keys change by signature alone, and the mode cannot be left.
    Deployed,
    /// There is no platform key: anybody may set keys.
    Setup,
    /// There is a platform key.
    User,
}

impl Mode {
    /// Its name, stable.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Deployed => "deployed",
            Self::Setup => "setup",
            Self::User => "user",
        }
    }
}

/// By what an image was accepted (EV_EFI_VARIABLE_AUTHORITY), or what shim logged in that form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The event.
    pub event: u32,
    /// The variable that holds it (`db`, `MokList`, `Shim`, `vendor_db`), harmless in a terminal.
    pub variable: String,
    /// The certificate's name, if it is one; harmless in a terminal.
    pub certificate: Option<String>,
    /// Whether the digest covers all of this; otherwise it is a hint.
    pub proven: bool,
}

/// The state of Secure Boot. Its private fields have one maker each for all banks and for one, and they read proven data only.
#[derive(Clone, Debug)]
pub struct SecureBootState<'a> {
    secure_boot: Option<bool>,
    modes: BTreeMap<&'static str, bool>,
    databases: BTreeMap<Database, SignatureLists<'a>>,
    hidden: Option<u32>,
    authorities: Vec<Told<'a>>,
    sbat_level: Option<&'a [u8]>,
    validation: Option<bool>,
    findings: Vec<Finding>,
}

/// An [`Authority`] that nobody has asked for in words.
#[derive(Clone, Debug)]
struct Told<'a> {
    event: u32,
    variable: Variable<'a>,
    proven: bool,
}

/// Switches of UEFI besides SecureBoot that say who may change keys.
const MODES: [&str; 3] = ["SetupMode", "AuditMode", "DeployedMode"];
/// Authorities shown: real boots have up to ten.
const AUTHORITIES: usize = 64;
const NAME: usize = 200;
/// Events whose digests are computed again: of real boots some 40. What lies beyond is not proven, and may be anything.
const EVENTS_HASHED: usize = 512;

impl<'a> SecureBootState<'a> {
    /// What every bank that may judge proves; SHA-1 speaks only where it is alone.
    #[must_use]
    pub fn of(log: &EventLog<'a>) -> Self {
        Self::proven(log, &authenticated_everywhere)
    }

    /// What all of these banks prove that may judge.
    #[must_use]
    pub fn in_banks(log: &EventLog<'a>, banks: &[HashAlg]) -> Self {
        Self::proven(log, &|event| authenticated_in(event, banks))
    }

    fn proven(log: &EventLog<'a>, proven: &dyn Fn(&Event<'_>) -> Authenticated) -> Self {
        let (left, beyond) = (Cell::new(EVENTS_HASHED), Cell::new(None));
        let proven = &|event: &Event<'_>| match left.get().checked_sub(1) {
            Some(less) => {
                left.set(less);
                proven(event)
            }
            None => {
                beyond.set(beyond.get().or(Some((event.index, event.pcr))));
                Authenticated::No
            }
        };
        let mut state = Self {
            secure_boot: switch::state(log, proven),
            modes: BTreeMap::new(),
            databases: BTreeMap::new(),
            hidden: None,
            authorities: Vec::new(),
            sbat_level: None,
            validation: None,
            findings: Vec::new(),
        };
        let register = switch::register(log);
        let mok_register = if log.format() == Format::Ccel { 3 } else { 14 };
        let mut ended = false;
        for event in log.events() {
            match event.event_type {
                _ if event.pcr == register && event.is_separator() => ended = true,
                EventType::EFI_VARIABLE_DRIVER_CONFIG if event.pcr == register && !ended => {
                    state.configured(event, proven(event) == Authenticated::WholeData);
                }
                // No digest covers a type. In a CCEL the register is PCR 1's, too.
                _ if event.pcr == register
                    && !ended
                    && event.is_extended()
                    && log.format() != Format::Ccel
                    && may_be_keys(event, proven(event)) =>
                {
                    state.hide(event);
                    state.report(event, FindingKind::SecureBootUnproven);
                }
                EventType::EFI_VARIABLE_AUTHORITY if event.pcr == register => {
                    let whole = [Authenticated::WholeData, Authenticated::Variable];
                    state.authority(event, || whole.contains(&proven(event)));
                }
                EventType::IPL if event.pcr == mok_register => state.mok(event),
                _ => {}
            }
        }
        state.conclude(log, register);
        // What was not looked at may be the one that refuses.
        state.findings.extend(beyond.get().map(|(event, pcr)| Finding {
            kind: FindingKind::TooMany { code: FindingKind::SecureBootUnproven.code() },
            event: Some(event),
            pcr: Some(pcr),
        }));
        state
    }

    /// A variable of the firmware's configuration.
    fn configured(&mut self, event: &Event<'a>, proven: bool) {
        // No digest covers its name either.
        if !proven {
            self.hide(event);
        }
        let Some(variable) = Variable::parse(event.data).filter(|variable| variable.trailing.is_empty())
        else {
            return;
        };
        let database = Database::of(&variable);
        let mode = MODES.into_iter().find(|name| variable.is(Guid::GLOBAL, name));
        let is_switch = variable.is(Guid::GLOBAL, "SecureBoot");
        if !proven && (is_switch || database.is_some() || mode.is_some()) {
            return self.report(event, FindingKind::SecureBootUnproven);
        }
        if is_switch && !matches!(variable.data, [0 | 1]) {
            self.report(event, FindingKind::SecureBootValue);
        }
        if let Some((mode, [value @ (0 | 1)])) = mode.zip(Some(variable.data)) {
            self.modes.insert(mode, *value == 1);
            if mode == "AuditMode" && *value == 1 {
                self.report(event, FindingKind::AuditMode);
            }
        }
        if let Some(database) = database {
            self.keys(event, database, &variable);
        }
    }

    /// An event that may be any variable.
    fn hide(&mut self, event: &Event<'_>) {
        self.hidden.get_or_insert(event.index);
    }

    /// The first event that may be PK, KEK or db, where not all of these are proven.
    fn hidden_keys(&self) -> Option<u32> {
        let all = [Database::PK, Database::KEK, Database::Db];
        self.hidden.filter(|_| all.iter().any(|database| !self.databases.contains_key(database)))
    }

    fn keys(&mut self, event: &Event<'a>, database: Database, variable: &Variable<'a>) {
        self.databases.insert(database, variable.signature_lists());
        if database == Database::PK && variable.data.is_empty() {
            self.report(event, FindingKind::SetupMode);
        }
        let lists = Some(variable.signature_lists()).filter(|_| database.decides());
        match lists.and_then(test_key_in) {
            Some(TestKey::Field) => self.report(event, FindingKind::TestKey { database }),
            Some(TestKey::Lab) => self.report(event, FindingKind::LabKey { database }),
            None => {}
        }
    }

    /// A certificate that accepted an image, or a variable of shim's.
    fn authority(&mut self, event: &Event<'a>, proven: impl Fn() -> bool) {
        let Some(variable) = Variable::parse(event.data) else { return };
        if variable.is(Guid::SHIM, "SbatLevel") && proven() {
            self.sbat_level = Some(variable.data);
        } else if variable.is(Guid::SHIM, "MokSBState") && proven() {
            self.validation(event, variable.data == [1]);
        } else if self.authorities.len() < AUTHORITIES {
            self.authorities.push(Told { event: event.index, variable, proven: proven() });
        }
    }

    /// One of shim's variables by name; contents of one byte can be told from the digest.
    fn mok(&mut self, event: &Event<'a>) {
        if Utf8(event.data).bytes() != b"MokSBState" {
            return;
        }
        let byte = event.strongest().and_then(|alg| measured_byte(event, alg));
        // Shim has the variable only where somebody switched; contents that cannot be told are no reason to hope.
        self.validation(event, byte != Some(0));
    }

    fn validation(&mut self, event: &Event<'a>, off: bool) {
        if off && self.validation != Some(false) {
            self.report(event, FindingKind::ShimValidationOff);
        }
        self.validation = Some(!off && self.validation != Some(false));
    }

    /// What no single event shows.
    fn conclude(&mut self, log: &EventLog<'a>, register: u32) {
        if let Some(event) = self.hidden_keys() {
            let kind = FindingKind::TestKeyUnproven;
            self.findings.push(Finding { kind, event: Some(event), pcr: Some(register) });
        }
        let images = [EventType::EFI_BOOT_SERVICES_APPLICATION, EventType::EFI_BOOT_SERVICES_DRIVER];
        let loaded = log.events().iter().find(|event| event.pcr == 4 && images.contains(&event.event_type));
        if let Some(event) = loaded.filter(|_| self.secure_boot == Some(true) && self.authorities.is_empty())
        {
            let kind = FindingKind::AuthorityMissing;
            self.findings.push(Finding { kind, event: Some(event.index), pcr: Some(register) });
        }
    }

    /// Whether Secure Boot was on. `None` where the log does not prove it.
    #[must_use]
    pub const fn secure_boot(&self) -> Option<bool> {
        self.secure_boot
    }

    /// The mode, as far as the variables tell it: some firmware measures only the platform key.
    #[must_use]
    pub fn mode(&self) -> Option<Mode> {
        let on = |name| self.modes.get(name) == Some(&true);
        let key = self.databases.get(&Database::PK).map(|lists| !lists.is_exhausted());
        match key {
            _ if on("AuditMode") => Some(Mode::Audit),
            Some(false) => Some(Mode::Setup),
            _ if on("SetupMode") => Some(Mode::Setup),
            _ if on("DeployedMode") => Some(Mode::Deployed),
            Some(true) => Some(Mode::User),
            None => None,
        }
    }

    /// The proven contents of a list.
    #[must_use]
    pub fn database(&self, database: Database) -> Option<SignatureLists<'a>> {
        self.databases.get(&database).copied()
    }

    /// By what images were accepted, in the order of the log.
    pub fn authorities(&self) -> impl ExactSizeIterator<Item = Authority> {
        self.authorities.iter().map(|told| {
            let (_, data) = told.variable.authority();
            Authority {
                event: told.event,
                variable: shortened(told.variable.name, NAME),
                certificate: der::is_sequence(data).then(|| shortened(CertificateName(data), NAME)),
                proven: told.proven,
            }
        })
    }

    /// Shim's SBAT level, its lines in one, harmless in a terminal.
    #[must_use]
    pub fn sbat_level(&self) -> Option<String> {
        Some(shortened(Lines(self.sbat_level?), NAME))
    }

    /// Whether shim checks what it starts. `None` where it says nothing of it, which is its default: it checks.
    #[must_use]
    pub const fn shim_validation(&self) -> Option<bool> {
        self.validation
    }

    /// Whether PK, KEK or db hold a test key that is in the field by mistake, or might: their contents are not proven.
    #[must_use]
    pub fn may_hold_test_keys(&self) -> bool {
        self.hidden_keys().is_some()
            || self.findings.iter().any(|finding| matches!(finding.kind, FindingKind::TestKey { .. }))
    }

    /// What a reader must know, in the order of the events.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    fn report(&mut self, event: &Event<'_>, kind: FindingKind) {
        // One of a kind for each list or switch of a real log; a hostile one may repeat them without end.
        let same = self.findings.iter().filter(|finding| finding.kind == kind).count();
        if same < 8 {
            self.findings.push(Finding { kind, event: Some(event.index), pcr: Some(event.pcr) });
        }
    }
}

/// Whether an event before the separator may be PK, KEK or db under another type: its digest does not say what it is, or says that it is a list of
/// keys. A certificate by which a driver was accepted is none.
fn may_be_keys(event: &Event<'_>, proven: Authenticated) -> bool {
    let of_keys = |variable: &Variable<'_>| Database::of(variable).is_some_and(Database::decides);
    let is_list = |variable: &Variable<'_>| {
        event.event_type != EventType::EFI_VARIABLE_AUTHORITY || variable.signature_lists().next().is_some()
    };
    proven != Authenticated::WholeData
        || Variable::parse(event.data).is_some_and(|variable| of_keys(&variable) && is_list(&variable))
}

/// The worst key for tests among the certificates in the lists; bytes that are no list count as one, so that a mark in them is found.
fn test_key_in(mut lists: SignatureLists<'_>) -> Option<TestKey> {
    let of_certificates = lists.by_ref().filter(|list| list.kind == SignatureKind::X509);
    let keys = of_certificates.flat_map(|list| list.signatures()).filter_map(|(_, der)| test_key(der));
    let worst = keys.max();
    worst.max(if lists.is_exhausted() { None } else { test_key(lists.rest()) })
}

/// Lines of text in one.
struct Lines<'a>(&'a [u8]);

impl core::fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut separator = "";
        for line in self.0.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            write!(f, "{separator}{}", Utf8(line))?;
            separator = "; ";
        }
        Ok(())
    }
}
