//! What one token claims, held against its golden section.

use super::super::finding::{Code, Part, Reason, Severity};
use crate::evidence::eat::{Claims, DebugStatus, Lifecycle, MeasurementResult, OemId, Psa};
use crate::reference::ReferenceSet;
use crate::reference::golden::TokenGolden;

pub(super) struct Judge<'g> {
    pub(super) section: &'g TokenGolden,
    pub(super) references: &'g ReferenceSet,
    pub(super) reasons: Vec<Reason>,
}

impl Judge<'_> {
    pub(super) fn add(&mut self, code: Code, severity: Severity, part: &str, explain: impl Into<String>) {
        self.compared(code, severity, part, explain, Vec::new(), None);
    }

    /// A finding with what would have been right, and what was there.
    pub(super) fn compared(
        &mut self,
        code: Code,
        severity: Severity,
        part: &str,
        explain: impl Into<String>,
        expected: Vec<String>,
        got: Option<String>,
    ) {
        self.reasons.push(Reason {
            token: Some(self.section.name.clone()),
            component: Some(format!("{}.{part}", self.section.name)),
            expected,
            got,
            ..Reason::new(code, severity, Part::Token, explain)
        });
    }

    /// What a claim says must be among what is golden; if nothing is, the claim is not judged.
    fn one_of(&mut self, claim: &str, golden: Vec<String>, got: Option<String>) {
        if golden.is_empty() || got.as_ref().is_some_and(|got| golden.contains(got)) {
            return;
        }
        let code = if got.is_some() { Code::TokenClaimUnexpected } else { Code::TokenClaimMissing };
        let what = if got.is_some() { "is not a golden one" } else { "is not there" };
        self.compared(code, Severity::Refuse, claim, format!("`{claim}` {what}"), golden, got);
    }

    /// Every claim of the token, and every part of the device that it tells of.
    pub(super) fn token(&mut self, claims: &Claims) {
        let section = self.section;
        if let Some(psa) = claims.psa() {
            self.psa(psa);
        }
        let texts = |all: &[Vec<u8>]| all.iter().map(hex::encode).collect::<Vec<_>>();
        self.one_of("oemid", section.oemid.clone(), claims.oemid.as_ref().map(oemid));
        self.one_of("hwmodel", texts(&section.hwmodel), claims.hwmodel.as_ref().map(hex::encode));
        self.one_of("swname", section.swname.clone(), claims.swname.clone());
        let version = claims.swversion.as_ref().map(|version| version.version.clone());
        self.one_of("swversion", section.swversion.clone(), version);
        let wanted = if section.oem_boot { vec!["true".to_owned()] } else { Vec::new() };
        self.one_of("oemboot", wanted, claims.oemboot.map(|is| is.to_string()));
        if !section.debug.is_empty() && claims.dbgstat.is_none() {
            let names = section.debug.iter().map(|status| status.name().to_owned()).collect();
            self.one_of("dbgstat", names, None);
        }
        if section.boot_seed {
            self.boot_seed(claims);
        }
        self.software(claims);
        self.every_part(claims);
    }

    fn psa(&mut self, psa: &Psa) {
        let section = self.section;
        let ids = section.implementation_ids.iter().map(hex::encode).collect();
        self.one_of("implementation_id", ids, Some(hex::encode(&psa.implementation_id)));
        let callers = section.client_ids.iter().map(ToString::to_string).collect();
        self.one_of("client_id", callers, Some(psa.client_id.to_string()));
        let known = section.certification_references.clone();
        self.one_of("certification_reference", known, psa.certification_reference.clone());
    }

    fn lifecycle(&mut self, claims: &Claims, part: &str) {
        let section = self.section;
        let Some((state, claim)) = claims.lifecycle() else { return };
        let counts = match section.lifecycle.as_slice() {
            // Only golden values of a profile must name the states that count.
            [] => state == Lifecycle::Secured,
            golden => golden.contains(&state),
        };
        if !counts {
            let explain = format!("the root of trust is in the state {}", state.name());
            let expected = section.lifecycle.iter().map(|state| state.name().to_owned()).collect();
            let got = Some(format!("{claim:#06x}"));
            self.compared(Code::TokenLifecycleInsecure, Severity::Refuse, part, explain, expected, got);
        }
    }

    fn debug(&mut self, claims: &Claims, part: &str) {
        let Some(status) = claims.dbgstat else { return };
        let allowed = match self.section.debug.as_slice() {
            [] => status != DebugStatus::Enabled,
            golden => golden.contains(&status),
        };
        if !allowed {
            let explain = format!("the debug status is {}", status.name());
            let expected = self.section.debug.iter().map(|golden| golden.name().to_owned()).collect();
            let got = Some(status.name().to_owned());
            self.compared(Code::TokenDebugEnabled, Severity::Refuse, part, explain, expected, got);
        }
    }

    fn boot_seed(&mut self, claims: &Claims) {
        match claims.bootseed.as_deref() {
            None => {
                self.add(
                    Code::TokenBootSeed,
                    Severity::Refuse,
                    "bootseed",
                    "there is no boot seed: no boot is told from another",
                );
            }
            // Made at random at each boot it would not come out so.
            Some(seed) if seed.iter().all(|byte| Some(byte) == seed.first()) => {
                let explain = "the boot seed is a constant, and so tells no boot from another";
                let got = Some(hex::encode(seed));
                self.compared(Code::TokenBootSeed, Severity::Refuse, "bootseed", explain, Vec::new(), got);
            }
            Some(_) => {}
        }
    }

    /// What every part of the device says of itself is as true as the token, and needs no golden value to count: no part may be open, in an
    /// insecure state, or have failed its own comparison. A token in it is judged by itself, and a part that is not proven was refused before.
    pub(super) fn every_part(&mut self, claims: &Claims) {
        for (path, part) in claims.parts() {
            self.part(&path, part, claims.bootseed.as_deref());
        }
    }

    fn part(&mut self, path: &[&str], claims: &Claims, seed: Option<&[u8]>) {
        let at = |claim| [path, &[claim]].concat().join(".");
        self.lifecycle(claims, &at("lifecycle"));
        self.debug(claims, &at("dbgstat"));
        if self.section.boot_seed && claims.bootseed.is_some() && claims.bootseed.as_deref() != seed {
            let explain = "the boot seed is not that of the whole token: the parts are not of one boot";
            let got = claims.bootseed.as_ref().map(hex::encode);
            self.compared(Code::TokenBootSeed, Severity::Refuse, &at("bootseed"), explain, Vec::new(), got);
        }
        for result in &claims.measres {
            let (severity, what) = match result.result {
                MeasurementResult::Success => continue,
                MeasurementResult::Fail => (Severity::Refuse, "failed"),
                MeasurementResult::NotRun => (Severity::Warn, "was not made"),
                MeasurementResult::Absent => (Severity::Warn, "found nothing to compare"),
            };
            let explain =
                format!("the device's own comparison of `{}` by {} {what}", result.id, result.system);
            self.add(Code::TokenMeasurementFailed, severity, &at("measres"), explain);
        }
        // Those of the whole token are held against its software.
        let is_open = [
            ("measurements", !claims.measurements.is_empty() && !path.is_empty()),
            ("manifests", !claims.manifests.is_empty()),
        ];
        for (claim, _) in is_open.iter().filter(|(_, is_open)| *is_open) {
            let explain = format!("{claim} without golden values");
            self.add(Code::TokenMeasurementsNotJudged, Severity::Warn, &at(claim), explain);
        }
    }
}

fn oemid(oemid: &OemId) -> String {
    match oemid {
        OemId::Bytes(bytes) => hex::encode(bytes),
        OemId::Pen(number) => format!("pen:{number}"),
    }
}
