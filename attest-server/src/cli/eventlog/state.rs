//! What a log proves about Secure Boot and about Windows, in JSON and for people.

use std::collections::BTreeMap;

use attest_core::HashAlg;
use attest_core::evidence::tcg_event::{
    Authority, Database, Revocations, SecureBootState, Switch, Unlock, WindowsBoot,
};
use attest_core::evidence::text::Hex;
use serde::Serialize;

use crate::cli::{Output, Style, layout};

/// `secure_boot_state`: proven data only, but for authorities that say that they are not.
#[derive(Serialize)]
pub(super) struct SecureBootJson {
    mode: Option<&'static str>,
    /// What each list holds, by its variable's name.
    databases: BTreeMap<&'static str, String>,
    authorities: Vec<AuthorityJson>,
    sbat_level: Option<String>,
    shim_validation: Option<bool>,
}

#[derive(Serialize)]
struct AuthorityJson {
    event: u32,
    variable: String,
    certificate: Option<String>,
    proven: bool,
}

impl SecureBootJson {
    pub(super) fn new(state: &SecureBootState<'_>) -> Self {
        let lists = Database::ALL.into_iter().filter_map(|database| {
            let lists = state.database(database)?.to_string();
            Some((database.name(), if lists.is_empty() { "empty".to_owned() } else { lists }))
        });
        let authority = |authority: Authority| AuthorityJson {
            event: authority.event,
            variable: authority.variable,
            certificate: authority.certificate,
            proven: authority.proven,
        };
        Self {
            mode: state.mode().map(|mode| mode.name()),
            databases: lists.collect(),
            authorities: state.authorities().map(authority).collect(),
            sbat_level: state.sbat_level(),
            shim_validation: state.shim_validation(),
        }
    }

    pub(super) fn show(&self, out: &mut Output) {
        if let Some(mode) = self.mode {
            out.line(format!("Secure Boot mode {mode}"));
        }
        if let Some(level) = &self.sbat_level {
            layout::hanging(out, "SBAT level ", 11, level);
        }
        if self.shim_validation == Some(false) {
            out.line(out.paint(Style::Warn, "shim's validation is off"));
        }
    }
}

/// `windows`: null where Windows measured nothing.
#[derive(Serialize)]
pub(super) struct WindowsJson {
    #[serde(flatten)]
    switches: BTreeMap<&'static str, Option<bool>>,
    bitlocker: Vec<Vec<&'static str>>,
    boot_counter: Option<u64>,
    data_execution_prevention: Option<u64>,
    elam: Vec<String>,
    hypervisor_launch_type: Option<u64>,
    vsm_launch_type: Option<u64>,
    hvci_policy: Option<u64>,
    boot_revocations: Option<RevocationsJson>,
    os_revocations: Option<RevocationsJson>,
}

#[derive(Serialize)]
struct RevocationsJson {
    /// FILETIME.
    created: u64,
    alg: String,
    digest: String,
}

impl RevocationsJson {
    fn new(list: Revocations<'_>) -> Self {
        let alg = HashAlg::from_tpm(list.alg);
        Self {
            created: list.created,
            alg: alg.map_or_else(|| format!("{:#06x}", list.alg), |alg| alg.name().to_owned()),
            digest: list.digest.chunks(32).map(|part| Hex(part).to_string()).collect(),
        }
    }
}

impl WindowsJson {
    pub(super) fn new(boot: &WindowsBoot<'_>) -> Self {
        let flags = |unlock: &Unlock| unlock.flags().collect();
        Self {
            switches: Switch::ALL.into_iter().map(|switch| (switch.name(), boot.switch(switch))).collect(),
            bitlocker: boot.unlocks().iter().map(flags).collect(),
            boot_counter: boot.boot_counter(),
            data_execution_prevention: boot.data_execution_prevention(),
            elam: boot.elam().to_vec(),
            hypervisor_launch_type: boot.hypervisor_launch_type(),
            vsm_launch_type: boot.vsm_launch_type(),
            hvci_policy: boot.hvci_policy(),
            boot_revocations: boot.boot_revocations().map(RevocationsJson::new),
            os_revocations: boot.os_revocations().map(RevocationsJson::new),
        }
    }

    pub(super) fn show(&self, out: &mut Output) {
        let state = |(name, on): (&&str, &Option<bool>)| {
            let state = on.map(|on| if on { "on" } else { "off" })?;
            Some(format!("{} {state}", name.replace('_', " ")))
        };
        let mut parts: Vec<String> = self.switches.iter().filter_map(state).collect();
        parts.extend((!self.elam.is_empty()).then(|| format!("ELAM {}", self.elam.join(" and "))));
        let unlocks = self.bitlocker.iter().filter(|flags| !flags.is_empty());
        parts.extend(unlocks.map(|flags| format!("BitLocker by {}", flags.join("+"))));
        layout::hanging(out, "Windows: ", 9, &parts.join(", "));
    }
}
