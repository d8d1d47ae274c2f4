//! What a verifier must answer, and whether it did.

use attest_proto::v1::{Status, Verdict};

/// The right answer to a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A verdict.
    Verdict {
        /// One of these statuses.
        status: &'static [Status],
        /// Each of these must be named, as a reason's code, a reason's cause or a root cause. `a|b` wants one of the two.
        named: &'static [&'static str],
    },
    /// No enrolment: a refusal with one of these reasons.
    EnrolmentRefused {
        /// `google.rpc.ErrorInfo` reasons.
        reasons: &'static [&'static str],
    },
}

/// How an answer differs from the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Enrolled, though it must not be.
    Enrolled,
    /// The verdict is right but does not say why.
    NotNamed {
        /// What is missing.
        missing: String,
        /// What is named instead.
        named: Vec<String>,
    },
    /// Refused for another reason.
    Reason {
        /// The reason given.
        got: String,
    },
    /// Another status.
    Status {
        /// The status given.
        got: String,
        /// What is named with it.
        named: Vec<String>,
    },
    /// The road ended early with an error.
    Stopped {
        /// Why.
        error: String,
    },
}

impl Expected {
    /// Every fault of a verdict.
    #[must_use]
    pub fn check(&self, verdict: &Verdict) -> Vec<Fault> {
        let Expected::Verdict { status, named: wanted } = self else { return vec![Fault::Enrolled] };
        let (named, all) = (named(verdict), names(verdict, |_| true));
        let mut faults = Vec::new();
        if !status.contains(&verdict.status()) {
            faults
                .push(Fault::Status { got: status_name(verdict.status()).to_owned(), named: named.clone() });
        }
        for alternatives in *wanted {
            if !alternatives.split('|').any(|wanted| all.iter().any(|name| name == wanted)) {
                faults.push(Fault::NotNamed { missing: (*alternatives).to_owned(), named: named.clone() });
            }
        }
        faults
    }

    /// Every fault of a refused enrolment.
    #[must_use]
    pub fn check_refusal(&self, reason: &str) -> Vec<Fault> {
        match self {
            Expected::EnrolmentRefused { reasons } if reasons.contains(&reason) => Vec::new(),
            _ => vec![Fault::Reason { got: reason.to_owned() }],
        }
    }

    /// The answer in words.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Expected::Verdict { status, named } => {
                let status: Vec<&str> = status.iter().map(|&status| status_name(status)).collect();
                let named = if named.is_empty() {
                    String::new()
                } else {
                    format!(", naming {}", named.join(" and "))
                };
                format!("{}{named}", status.join(" or "))
            }
            Expected::EnrolmentRefused { reasons } => format!("enrolment refused ({})", reasons.join(" or ")),
        }
    }
}

/// Everything a verdict names that is more than information, without repeats: root causes first.
#[must_use]
pub fn named(verdict: &Verdict) -> Vec<String> {
    names(verdict, |severity| severity != "info")
}

fn names(verdict: &Verdict, severity: impl Fn(&str) -> bool) -> Vec<String> {
    let reasons = verdict.reasons.iter().filter(|reason| severity(&reason.severity));
    let reasons =
        reasons.flat_map(|reason| [reason.code.clone(), reason.detail_code.clone(), reason.cause.clone()]);
    let causes = verdict.causes.iter().map(|cause| cause.cause.clone());
    let mut names: Vec<String> = Vec::new();
    for name in causes.chain(reasons) {
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The status as EAR writes it.
#[must_use]
pub fn status_name(status: Status) -> &'static str {
    match status {
        Status::Unspecified => "unspecified",
        Status::None => "none",
        Status::Affirming => "affirming",
        Status::Warning => "warning",
        Status::Contraindicated => "contraindicated",
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Enrolled => write!(f, "the device was enrolled"),
            Fault::NotNamed { missing, named } => {
                write!(f, "{missing} is not named, but {}", named.join(", "))
            }
            Fault::Reason { got } => write!(f, "refused for another reason: {got}"),
            Fault::Status { got, named } => write!(f, "the verdict is {got}, naming {}", named.join(", ")),
            Fault::Stopped { error } => write!(f, "{error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use attest_proto::v1::{Cause, Reason};

    use super::*;

    const LIE: Expected = Expected::Verdict {
        status: &[Status::Contraindicated],
        named: &["kernel_changed|kernel_rollback", "initrd_changed"],
    };

    fn verdict(status: Status, code: &str, cause: &str) -> Verdict {
        Verdict {
            status: status.into(),
            reasons: vec![Reason {
                code: code.to_owned(),
                severity: "refuse".to_owned(),
                ..Reason::default()
            }],
            causes: vec![Cause { cause: cause.to_owned(), ..Cause::default() }],
            ..Verdict::default()
        }
    }

    #[test]
    fn an_unexpected_pass_is_a_fault_and_so_is_a_missing_name() {
        assert!(LIE.check(&verdict(Status::Contraindicated, "initrd_changed", "kernel_rollback")).is_empty());
        assert_eq!(LIE.check(&verdict(Status::Affirming, "initrd_changed", "kernel_changed")).len(), 1);
        assert_eq!(LIE.check(&verdict(Status::Contraindicated, "x", "kernel_changed")).len(), 1);
        assert_eq!(LIE.check_refusal("ak_not_restricted").len(), 1);
    }

    #[test]
    fn an_enrolment_that_had_to_be_refused_is_a_fault() {
        let refused = Expected::EnrolmentRefused { reasons: &["ak_not_restricted"] };
        assert!(refused.check_refusal("ak_not_restricted").is_empty());
        assert_eq!(refused.check_refusal("internal").len(), 1);
        assert_eq!(refused.check(&Verdict::default()), [Fault::Enrolled]);
    }
}
