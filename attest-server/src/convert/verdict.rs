//! Verdicts, for people and dashboards.

use attest_core::{
    Timestamp,
    appraise::{
        Explained, Part, Reason, RootCause, Status, SubVerdict, TokenVerdict, TrustVector, Verdict,
        comparison::{FirstDifference, Relation, Side},
        verdict::Proven,
    },
    reference::{GoldenSource, Governed},
};
use attest_proto::v1;

use super::timestamp;

/// A verdict for people and dashboards.
pub(crate) fn verdict(verdict: &Verdict, judged_at: Timestamp, development: bool) -> v1::Verdict {
    let components = verdict
        .components
        .iter()
        .map(|c| v1::Component { name: c.name.to_string(), status: status(c.status).into() });
    let judged = verdict.judged.iter().map(|j| v1::JudgedPcr { pcr: j.pcr, bank: j.bank.to_owned() });
    v1::Verdict {
        status: status(verdict.status).into(),
        trust_vector: Some(trust_vector(&verdict.trust_vector)),
        components: components.collect(),
        reasons: verdict.reasons.iter().map(reason).collect(),
        causes: verdict.causes.iter().map(cause).collect(),
        golden: Some(golden(&verdict.golden)),
        development: development || verdict.golden.is_development(),
        judged_at: Some(timestamp(judged_at)),
        boot: Some(part(&verdict.boot)),
        runtime: Some(part(&verdict.runtime)),
        family: verdict.family.clone(),
        device_id: verdict.device.clone().unwrap_or_default(),
        judged: judged.collect(),
        proven: verdict.proven.as_ref().map(proven),
        first_difference: verdict.first_difference.as_ref().map(first_difference),
        tokens: verdict.tokens.iter().map(token).collect(),
    }
}

const fn status(status: Status) -> v1::Status {
    match status {
        Status::None => v1::Status::None,
        Status::Affirming => v1::Status::Affirming,
        Status::Warning => v1::Status::Warning,
        Status::Contraindicated => v1::Status::Contraindicated,
    }
}

pub(super) fn status_named(name: &str) -> v1::Status {
    let all = [Status::None, Status::Affirming, Status::Warning, Status::Contraindicated];
    all.into_iter().find(|status| status.as_str() == name).map_or(v1::Status::Unspecified, status)
}

fn trust_vector(vector: &TrustVector) -> v1::TrustVector {
    v1::TrustVector {
        instance_identity: Some(vector.instance_identity.into()),
        configuration: Some(vector.configuration.into()),
        executables: Some(vector.executables.into()),
        file_system: Some(vector.file_system.into()),
        hardware: Some(vector.hardware.into()),
        runtime_opaque: Some(vector.runtime_opaque.into()),
        // Claims that are never made here.
        storage_opaque: None,
        sourced_data: None,
    }
}

fn part(part: &SubVerdict) -> v1::Part {
    v1::Part { status: status(part.status).into(), trust_vector: Some(trust_vector(&part.trust_vector)) }
}

fn token(token: &TokenVerdict) -> v1::TokenPart {
    v1::TokenPart {
        name: token.name.clone(),
        profile: token.profile.unwrap_or_default().to_owned(),
        part: Some(part(&token.verdict)),
    }
}

fn reason(reason: &Reason) -> v1::Reason {
    let part = match reason.part {
        Part::Evidence => "evidence",
        Part::Boot => "boot",
        Part::Runtime => "runtime",
        Part::Token => "token",
    };
    v1::Reason {
        code: reason.code.as_str().to_owned(),
        severity: reason.severity.name().to_owned(),
        component: reason.component.clone().unwrap_or_default(),
        pcr: reason.pcr,
        event: reason.event,
        bank: reason.bank.unwrap_or_default().to_owned(),
        expected: reason.expected.clone(),
        got: reason.got.clone(),
        explain: reason.explain.clone(),
        cause: reason.cause.map(|cause| cause.as_str().to_owned()).unwrap_or_default(),
        detail_code: reason.detail_code.unwrap_or_default().to_owned(),
        part: part.to_owned(),
        token: reason.token.clone().unwrap_or_default(),
        log: log(reason.log),
        explanation: reason.explanation.map(|known| known.as_str().to_owned()).unwrap_or_default(),
        left_out: reason.left_out.map(|count| u64::try_from(count).unwrap_or(u64::MAX)),
    }
}

fn cause(root: &RootCause) -> v1::Cause {
    v1::Cause {
        cause: root.cause.as_str().to_owned(),
        component: root.component.clone().unwrap_or_default(),
        pcr: root.pcr,
        event: root.event,
        explains: root.explains.iter().map(effect).collect(),
        or: root.or.iter().map(|cause| cause.as_str().to_owned()).collect(),
        perhaps: root.perhaps.iter().map(|cause| cause.as_str().to_owned()).collect(),
        unproven: root.unproven,
        log: log(root.log),
    }
}

fn effect(effect: &Explained) -> v1::Effect {
    v1::Effect { pcr: effect.pcr, event: effect.event, log: log(effect.log) }
}

fn log(name: Option<&str>) -> String {
    name.unwrap_or_default().to_owned()
}

fn first_difference(first: &FirstDifference) -> v1::FirstDifference {
    let relation = match first.relation {
        Relation::Same => "same",
        Relation::Changed => "changed",
        Relation::Missing => "missing",
        Relation::Extra => "extra",
    };
    v1::FirstDifference {
        pcr: first.pcr,
        event: first.event,
        position: first.position,
        log: log(first.log),
        at_end: first.at_end,
        relation: relation.to_owned(),
        component: first.component.clone(),
        expected: first.expected.as_ref().map(extend),
        got: first.got.as_ref().map(extend),
        cause: first.cause.map(|cause| cause.as_str().to_owned()).unwrap_or_default(),
    }
}

fn extend(side: &Side) -> v1::Extend {
    v1::Extend {
        event: side.event,
        component: side.component.clone(),
        digest: side.digest.clone(),
        about: side.about.clone(),
        log: log(side.log),
    }
}

fn golden(golden: &GoldenSource) -> v1::Golden {
    v1::Golden {
        source: golden.source.to_owned(),
        release: golden.release.clone().unwrap_or_default(),
        tier: golden.tier.clone().unwrap_or_default(),
        variant: golden.variant.clone().unwrap_or_default(),
        document_sha256: golden.document_sha256.clone().unwrap_or_default(),
        overlay_sha256: golden.overlay_sha256.clone().unwrap_or_default(),
        governed: golden.governed.as_ref().map(governed),
    }
}

fn governed(governed: &Governed) -> v1::Governed {
    v1::Governed {
        authority: governed.authority.clone(),
        version: governed.version.clone(),
        security_version: governed.security_version,
        log_index: governed.log_index,
        gates: governed.gates.iter().map(|gate| (*gate).to_owned()).collect(),
        file_keys: governed.file_keys.clone(),
    }
}

fn proven(proven: &Proven) -> v1::Proven {
    v1::Proven {
        nonce: proven.nonce.clone(),
        ak_name: proven.ak_name.clone().unwrap_or_default(),
        clock: proven.clock.clock,
        reset_count: proven.clock.reset_count,
        restart_count: proven.clock.restart_count,
        safe: proven.clock.safe,
        firmware_version: proven.firmware_version.clone(),
    }
}

#[cfg(test)]
mod tests {
    use attest_core::appraise::{Cause, Code, Explanation, Severity};

    use super::*;

    #[test]
    fn a_cause_loses_nothing_on_its_way() {
        let root = RootCause {
            or: Some(Cause::FirmwareSettings),
            component: Some("firmware.code".to_owned()),
            pcr: Some(0),
            event: Some(3),
            perhaps: vec![Cause::OptionRomChange, Cause::HardwareChange],
            unproven: true,
            ..RootCause::new(Cause::FirmwareUpdate)
        };
        let sent = cause(&root);
        assert_eq!((sent.cause.as_str(), sent.component.as_str()), ("firmware_update", "firmware.code"));
        assert_eq!(sent.or, ["firmware_settings"]);
        assert_eq!(sent.perhaps, ["option_rom_change", "hardware_change"]);
        assert!(sent.unproven && !cause(&RootCause::new(Cause::FirmwareUpdate)).unproven);
    }

    /// What JSON says of a finding the message says, under the same names: all fields but those that are empty in one and absent in the other.
    #[test]
    fn a_finding_a_cause_and_a_difference_lose_no_field_on_their_way() {
        let side = || Side {
            event: Some(3),
            log: Some("userspace"),
            component: "userspace.phase".to_owned(),
            digest: "ab".to_owned(),
            about: "sysinit".to_owned(),
        };
        let found = Reason {
            log: Some("userspace"),
            event: Some(3),
            left_out: Some(7),
            ..Reason::new(Code::FileUnknown, Severity::Warn, Part::Runtime, "words")
        };
        let sent = reason(&found);
        assert_eq!((sent.log.as_str(), sent.event, sent.left_out), ("userspace", Some(3), Some(7)));
        found_in(&serde_json::to_value(&found).unwrap(), &format!("{sent:?}"));
        let root = RootCause {
            event: Some(3),
            log: Some("userspace"),
            explains: vec![Explained { pcr: 12, event: Some(4), log: Some("userspace") }],
            ..RootCause::new(Cause::UserspaceMeasurementChanged)
        };
        let sent = cause(&root);
        assert_eq!((sent.log.as_str(), sent.explains[0].log.as_str()), ("userspace", "userspace"));
        found_in(&serde_json::to_value(&root).unwrap(), &format!("{sent:?}"));
        let first = FirstDifference {
            pcr: 11,
            event: Some(3),
            position: 3,
            log: Some("userspace"),
            at_end: true,
            relation: Relation::Changed,
            component: "userspace.phase".to_owned(),
            expected: Some(side()),
            got: Some(side()),
            cause: Some(Cause::UserspaceMeasurementChanged),
        };
        let sent = first_difference(&first);
        assert_eq!((sent.log.as_str(), sent.at_end, sent.position), ("userspace", true, 3));
        assert_eq!(sent.got.as_ref().unwrap().log, "userspace");
        found_in(&serde_json::to_value(&first).unwrap(), &format!("{sent:?}"));
    }

    /// Each field of the document is one of the message.
    fn found_in(json: &serde_json::Value, message: &str) {
        for (name, value) in json.as_object().unwrap() {
            assert!(message.contains(&format!(" {name}: ")), "{name} is missing in {message}");
            if value.is_object() {
                found_in(value, message);
            }
        }
    }

    #[test]
    fn an_explanation_is_named_as_in_json() {
        let mut found = Reason::new(Code::ReplayMismatch, Severity::Refuse, Part::Boot, "words");
        assert_eq!(reason(&found).explanation, "");
        found.explanation = Some(Explanation::StoppedEarly);
        assert_eq!(reason(&found).explanation, "stopped_early");
    }

    #[test]
    fn a_golden_extend_that_is_missing_has_one_side() {
        let side = Side {
            event: None,
            log: None,
            component: "kernel".to_owned(),
            digest: "ab".to_owned(),
            about: "vmlinuz".to_owned(),
        };
        let mut first = FirstDifference {
            pcr: 4,
            event: None,
            position: 9,
            log: None,
            at_end: false,
            relation: Relation::Missing,
            component: "kernel".to_owned(),
            expected: Some(side),
            got: None,
            cause: None,
        };
        let sent = first_difference(&first);
        assert_eq!((sent.pcr, sent.event, sent.position), (4, None, 9));
        assert_eq!(
            (sent.relation.as_str(), sent.component.as_str(), sent.cause.as_str()),
            ("missing", "kernel", "")
        );
        let extend = v1::Extend {
            event: None,
            component: "kernel".to_owned(),
            digest: "ab".to_owned(),
            about: "vmlinuz".to_owned(),
            log: String::new(),
        };
        assert_eq!((sent.expected, sent.got), (Some(extend), None));
        // The same names as in JSON.
        for relation in [Relation::Same, Relation::Changed, Relation::Missing, Relation::Extra] {
            first.relation = relation;
            let name = serde_json::to_value(relation).unwrap();
            assert_eq!(name, first_difference(&first).relation.as_str());
        }
    }
}
