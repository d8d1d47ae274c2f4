//! A token's software: one known set of components explains all of it.

use super::super::finding::{Code, Severity};
use super::claims::Judge;
use crate::digest::{Digest, HashAlg};
use crate::evidence::eat::{Claims, Component};
use crate::reference::golden::{Superseded, TokenComponent, TokenVariant};

impl Judge<'_> {
    /// One variant explains all of the software: nothing of one release beside something of another.
    pub(super) fn software(&mut self, claims: &Claims) {
        let none = Vec::new();
        let components = claims.psa().map_or(&none, |psa| &psa.components);
        let measured: Vec<(u16, Digest)> = claims
            .measurements
            .iter()
            .map(|one| (one.content_format, HashAlg::Sha256.hash(&[&one.body])))
            .collect();
        if let Some(old) = self.references.superseded(measured.iter().map(|(_, digest)| *digest)) {
            let explain = format!("a measurement is an old one that no longer counts ({})", old.reason);
            self.add(Code::Superseded, Severity::Refuse, "measurements", explain);
        }
        let counts = |component: &Component| self.superseded(component).is_none();
        let mut nearest: Option<(&TokenVariant, Vec<Difference<'_>>, bool)> = None;
        let mut is_explained = false;
        for variant in &self.section.variants {
            let different = differences(components, &variant.components, counts);
            let same = variant.measurements.is_empty() || same(&measured, &variant.measurements);
            if different.is_empty() && same {
                if measured.is_empty() || !variant.measurements.is_empty() {
                    return;
                }
                is_explained = true;
            }
            let is_nearer = nearest.as_ref().is_none_or(|(_, known, _)| different.len() < known.len());
            if is_nearer {
                nearest = Some((variant, different, same));
            }
        }
        // Another variant's golden values are none for what this one leaves open.
        let nothing_golden = self.section.variants.iter().all(|variant| variant.measurements.is_empty());
        if (is_explained || nothing_golden) && !measured.is_empty() {
            let explain =
                "the token carries measurements (CoSWID or another format), and no golden values for them";
            self.add(Code::TokenMeasurementsNotJudged, Severity::Warn, "measurements", explain);
        }
        if is_explained {
            return;
        }
        // None explains it; the nearest one explains best.
        let Some((nearest, different, same)) = nearest else { return };
        for difference in different {
            self.difference(&difference, &nearest.name);
        }
        if !same {
            let explain = format!("the measurements are not those of `{}`", nearest.name);
            let expected = nearest.measurements.iter().map(|(_, digest)| digest.to_string()).collect();
            let got: Vec<_> = measured.iter().map(|(_, digest)| digest.to_string()).collect();
            let (code, got) = (Code::TokenComponentMismatch, Some(got.join(" ")));
            self.compared(code, Severity::Refuse, "measurements", explain, expected, got);
        }
    }

    /// The document's word on a component that was good once. Its value does not say which hash made it.
    fn superseded(&self, component: &Component) -> Option<&Superseded> {
        let digests = HashAlg::ALL.into_iter().filter_map(|alg| Digest::new(alg, &component.value));
        self.references.superseded(digests)
    }

    fn difference(&mut self, difference: &Difference<'_>, variant: &str) {
        let name = |kind: &Option<String>| kind.clone().unwrap_or_else(|| "component".to_owned());
        match difference {
            Difference::Missing(golden) => {
                let explain = format!("`{}` of `{variant}` is not there", name(&golden.kind));
                let (code, expected) = (Code::TokenComponentMissing, vec![hex::encode(&golden.value)]);
                self.compared(code, Severity::Refuse, &name(&golden.kind), explain, expected, None);
            }
            Difference::Unexpected(got, golden) => {
                let (code, explain) = match (self.superseded(got), golden) {
                    (Some(old), _) => (
                        Code::Superseded,
                        format!("`{}` is an old one that no longer counts ({})", name(&got.kind), old.reason),
                    ),
                    (None, Some(_)) => (
                        Code::TokenComponentMismatch,
                        format!("`{}` is not the one of `{variant}`", name(&got.kind)),
                    ),
                    (None, None) => (
                        Code::TokenComponentUnexpected,
                        format!("`{}` is not golden at all", name(&got.kind)),
                    ),
                };
                let expected =
                    golden.map(|golden| described(&golden.value, &golden.signer, golden.version.as_deref()));
                let expected = expected.into_iter().collect();
                let shown = Some(described(&got.value, &got.signer, got.version.as_deref()));
                self.compared(code, Severity::Refuse, &name(&got.kind), explain, expected, shown);
            }
        }
    }
}

fn described(value: &[u8], signer: &[u8], version: Option<&str>) -> String {
    let version = version.map(|version| format!(", version {version}")).unwrap_or_default();
    format!("{} signed by {}{version}", hex::encode(value), hex::encode(signer))
}

/// How a token's component and a golden set do not fit.
enum Difference<'a> {
    Missing(&'a TokenComponent),
    /// With the golden one that it stands in the place of.
    Unexpected(&'a Component, Option<&'a TokenComponent>),
}

/// Each component that counts uses up one golden one, and none is left over.
fn differences<'a>(
    got: &'a [Component],
    golden: &'a [TokenComponent],
    counts: impl Fn(&Component) -> bool,
) -> Vec<Difference<'a>> {
    let mut left: Vec<&TokenComponent> = golden.iter().collect();
    let mut strange = Vec::new();
    for component in got {
        match left.iter().position(|golden| counts(component) && is_same(component, golden)) {
            Some(at) => {
                left.swap_remove(at);
            }
            None => strange.push(component),
        }
    }
    let mut out = Vec::new();
    for component in strange {
        let at = left.iter().position(|golden| golden.kind == component.kind);
        out.push(Difference::Unexpected(component, at.map(|at| left.swap_remove(at))));
    }
    out.extend(left.into_iter().map(Difference::Missing));
    out
}

/// The measurement decides, and who signed it; the version only if it is golden.
fn is_same(got: &Component, golden: &TokenComponent) -> bool {
    got.kind == golden.kind
        && got.value == golden.value
        && got.signer == golden.signer
        && (golden.version.is_none() || got.version == golden.version)
}

fn same(got: &[(u16, Digest)], golden: &[(u16, Digest)]) -> bool {
    let sorted = |all: &[(u16, Digest)]| {
        let mut all: Vec<_> = all.iter().map(|(format, digest)| (*format, digest.to_string())).collect();
        all.sort();
        all
    };
    sorted(got) == sorted(golden)
}
