//! `README.md` of an export: where the release stands, first of all; then how others check that, and what it shows of the controls that auditors
//! ask for, and what not.

use std::collections::BTreeSet;

use attest_core::release::evaluate::Gate;
use attest_core::release::policy::Channel;
use attest_core::release::statement::Revocation;
use attest_core::release::view::Mark;
use attest_core::release::{Name, ObjectId};

use super::Signed;
use crate::cli::Failure;
use crate::cli::release::gates::{self, Outlook, Told};
use crate::cli::release::known::Known;
use crate::cli::release::state::{State, approvers, state};

/// What is told of a release.
pub(super) struct Guide {
    /// Where it stands, in one line.
    pub(super) standing: String,
    outlook: Outlook,
    state: State,
    /// What its channel does not ask for, whatever the gates say.
    lacks: Vec<(Gate, &'static str)>,
}

impl Guide {
    pub(super) fn of(
        known: &mut Known,
        id: ObjectId,
        revocation: Option<&Revocation>,
    ) -> Result<Self, Failure> {
        let outlook = gates::outlook(known, id)?;
        let state = state(known, id)?;
        let request = known.request(id)?;
        let policy = gates::policy(known, id, &request);
        let channel = policy.and_then(|policy| policy.channel(&request.family, &request.channel));
        let lacks = channel.map(lacks).unwrap_or_default();
        let mut spoke = approvers(known, id)?;
        spoke.insert(request.requester);
        let standing = standing(known, id, (&state, &outlook), revocation, &spoke);
        Ok(Self { standing, outlook, state, lacks })
    }

    /// `bare` are commands, a line each, that check what the signer signed.
    pub(super) fn text(&self, known: &Known, id: ObjectId, signed: &[Signed], bare: &[String]) -> String {
        let (size, seen) = (known.view.head().size, known.view.time().utc());
        let authority = known.view.authority();
        let mut text = format!(
            "# Release {id}\n\n**Standing: {}**\n\nAs of {seen}, by the {size} leaves of the log that witnesses had seen: what was said later is not in here.\n\n\
             Authority (the first policy, pinned out of band): {authority}\n\n",
            one_line(&self.standing)
        );
        for Told { gate, code, detail, .. } in self.outlook.failing.iter().chain(&self.outlook.waiting) {
            text.push_str(&format!("- gate `{gate}`: {} [{code}]\n", one_line(detail)));
        }
        text.push_str(&format!(
            "\n## All of it, offline\n```\nattest audit verify --folder . --policy-pin {authority}\n```\n\
             replays `leaves`, holds them against the witnesses' `checkpoint`, weighs this release, and holds the other files \
             against all of that, but for this page and `checkpoint.go`: it ends with 1 where the release does not count or a file differs. With \
             `--folder . --policy-pin …` `attest release show`, `status`, `verify` and `access-review` answer from here, too, without a server.\n\n\
             ## With other people's tools\n`allowed_signers` is made of the keys in the statements: compare it with `policy.toml`.\n```sh\n"
        ));
        text.push_str("sha256sum request.cbor            # the release's name\nsha256sum policy.cbor             # the policy that the request names\n");
        for Signed { by, namespace, file, .. } in signed {
            text.push_str(&format!(
                "ssh-keygen -Y verify -f allowed_signers -I {by} -n {namespace} -s {file}.txt.sig < {file}.txt\n"
            ));
            // The digest of these very bytes stands in the text that was signed.
            text.push_str(&format!(
                "grep \"sha256:$(sha256sum < request.cbor | cut -d' ' -f1)\" {file}.txt\n"
            ));
        }
        for line in bare {
            text.push_str(line);
            text.push('\n');
        }
        text.push_str("```\n");
        text.push_str(GO);
        text.push_str("\n| said | by | index of the log | counts |\n|---|---|---|---|\n");
        for one in signed {
            text.push_str(&self.row(one));
        }
        text.push_str(FILES);
        text.push_str("\n| control | here | evidence |\n|---|---|---|\n");
        for control in &CONTROLS {
            text.push_str(&format!("| {} | {} | {} |\n", control.name, self.met(control), control.evidence));
        }
        text
    }

    fn row(&self, said: &Signed) -> String {
        let index = said.place.map_or_else(|| "not in it".to_owned(), |place| place.index.to_string());
        let is_counted = self.outlook.counted.iter().map(Name::as_str).any(|name| name == said.by);
        let counts = match said.file.split('-').next() {
            Some("approval") if is_counted => "yes",
            Some("approval") => "no",
            _ => "see the standing",
        };
        format!("| `{}.txt` | {} | {index} | {counts} |\n", said.file, said.by)
    }

    /// What is honest to say of a control: that it is met only where every gate behind it passed for a release that is in force.
    fn met(&self, control: &Control) -> String {
        let behind = |gate: &str| control.gates.iter().any(|own| own.name() == gate);
        let codes = |told: &[Told]| -> Vec<String> {
            told.iter().filter(|told| behind(&told.gate)).map(|told| told.code.clone()).collect()
        };
        let failing = codes(&self.outlook.failing);
        let lacking: Vec<&str> = self
            .lacks
            .iter()
            .filter(|(gate, _)| control.gates.contains(gate))
            .map(|(_, what)| *what)
            .collect();
        let waiting = codes(&self.outlook.waiting);
        if !failing.is_empty() || !lacking.is_empty() {
            let all: Vec<&str> = failing.iter().map(String::as_str).chain(lacking).collect();
            return format!("**not met**: {}", all.join(", "));
        }
        if !waiting.is_empty() {
            return format!("**not met yet**: {}", waiting.join(", "));
        }
        let is_signed = matches!(
            self.state,
            State::Confirmed
                | State::Published
                | State::Provisional { .. }
                | State::Superseded
                | State::Signed
                | State::Revoked { .. }
                | State::Lapsed
                | State::Refused { .. }
        );
        if control.wants_signature && !is_signed {
            "**not met yet**: nothing was signed".to_owned()
        } else {
            "met".to_owned()
        }
    }
}

/// What people and builders are not asked for.
fn lacks(channel: &Channel) -> Vec<(Gate, &'static str)> {
    let mut lacks = Vec::new();
    if channel.approvals.is_none() {
        lacks.push((Gate::Quorum, "the channel asks nobody to approve"));
    }
    if channel.provenance.is_none() {
        lacks.push((Gate::Provenance, "the channel asks for no provenance"));
    }
    lacks
}

/// Where it stands, the worst first.
fn standing(
    known: &Known,
    id: ObjectId,
    (state, outlook): (&State, &Outlook),
    revocation: Option<&Revocation>,
    spoke: &BTreeSet<Name>,
) -> String {
    if let Some(withdrawn) = known.view.revoked(&id) {
        let by =
            revocation.map_or_else(|| "somebody".to_owned(), |revocation| format!("`{}`", revocation.by));
        let (index, at, why) = (withdrawn.place.index, withdrawn.place.at.utc(), &withdrawn.reason);
        return format!("REVOKED at index {index} of the log by {by}, {at}: {why}");
    }
    let refused = || {
        let gates: Vec<String> =
            outlook.failing.iter().map(|told| format!("{} [{}]", told.gate, told.code)).collect();
        gates.join(", ")
    };
    if let (false, Some(words)) = (outlook.failing.is_empty(), suspended(known, spoke)) {
        return format!("SUSPENDED, not in force: {words}; refused by {}", refused());
    }
    let published = known.view.place(Mark::Published, &id).map_or(0, |place| place.index);
    match state {
        State::Published => format!("in force, published at index {published} of the log"),
        State::Confirmed => {
            format!("in force, published at index {published} of the log, confirmed by review")
        }
        State::Provisional { until } => {
            format!("in force until {until}, and no longer unless it is reviewed")
        }
        State::Superseded if outlook.failing.is_empty() => {
            format!("in force, published at index {published} of the log; a newer release takes its place")
        }
        State::Superseded => format!("NOT in force, superseded: refused by {}", refused()),
        State::Lapsed => "NOT in force, lapsed: nobody reviewed it in time".to_owned(),
        State::Refused { .. } => format!("NOT in force: published, and refused by {}", refused()),
        State::Signed => "NOT in force: signed, and not published".to_owned(),
        State::Attempted => "NOT in force: the signer was about to sign".to_owned(),
        State::Quorate { .. } => "NOT in force: approved, and not signed".to_owned(),
        State::Submitted { .. } if !outlook.failing.is_empty() => {
            format!("NOT in force: refused by {}", refused())
        }
        State::Submitted { .. } => "NOT in force: it waits for approvals".to_owned(),
        State::Expired => "NOT in force: expired, nobody signed in its time".to_owned(),
        State::Rejected { because } | State::Revoked { because } => format!("REVOKED: {because}"),
    }
}

/// Whose key is suspended now, of those that spoke for it.
fn suspended(known: &Known, spoke: &BTreeSet<Name>) -> Option<String> {
    let in_force = known.view.suspensions().iter().filter(|one| known.now <= one.until);
    let (own, whose) = in_force
        .filter_map(|one| Some((one, known.whose(&one.key)?)))
        .find(|(_, whose)| spoke.contains(whose))?;
    Some(format!(
        "a key of `{whose}` until {}, by `{}` at index {}",
        own.until.utc(),
        own.by,
        own.place.index
    ))
}

/// Words of people keep to their line, and are no markup.
fn one_line(text: &str) -> String {
    crate::cli::printable(text).replace(['*', '|', '`', '<'], " ")
}

const GO: &str = "
`checkpoint.go` asks Go's own `golang.org/x/mod/sumdb` whether the key in `log.key` signed `checkpoint`, over exactly these `leaves`; compare that key
with `policy.toml`. It knows no cosignatures: those of the witnesses are checked by the first command. Debian has it as `golang-go` and
`golang-golang-x-mod-dev`:
```sh
GO111MODULE=off GOPATH=/usr/share/gocode go run checkpoint.go
```
";

const FILES: &str = "
`policy.toml` is `policy.cbor` for people to read, with the family's people as they were. `checkpoint` is a C2SP signed note over the tree of
`leaves` (RFC 6962 hashes): any tlog client reads it. `object` has what the leaves name: `attest verify --releases . --policy-pin AUTHORITY`
judges a device's evidence by this folder alone. `revocation.cbor` is there where somebody took the release back: bring it to verifiers with
`attest release deliver`.
";

/// What auditors ask for, where it is, and the gates that stand for it.
struct Control {
    name: &'static str,
    evidence: &'static str,
    gates: &'static [Gate],
    wants_signature: bool,
}

const CONTROLS: [Control; 8] = [
    Control {
        name: "OWASP NHI 2025, NHI1 improper offboarding",
        evidence: "policy.toml: each key has a last second; leaves: suspensions and successions",
        gates: &[Gate::Policy, Gate::Requester, Gate::Quorum],
        wants_signature: false,
    },
    Control {
        name: "OWASP NHI 2025, NHI5 overprivileged NHI",
        evidence: "policy.toml: one key, one family, one purpose; the requester approves nothing",
        gates: &[Gate::Key, Gate::Requester, Gate::Quorum],
        wants_signature: false,
    },
    Control {
        name: "OWASP NHI 2025, NHI7 long-lived secrets",
        evidence: "request.cbor: the grant's window; it is spent once (leaves: attempted, signed)",
        gates: &[Gate::Order, Gate::Request],
        wants_signature: true,
    },
    Control {
        name: "OWASP NHI 2025, NHI9 NHI reuse",
        evidence: "policy.toml: no key speaks for two identities",
        gates: &[Gate::Policy],
        wants_signature: false,
    },
    Control {
        name: "NIST CSF 2.0, PR.AA-05 access permissions, least privilege, separation of duties",
        evidence: "approval-*.txt with signatures; policy.toml: quorums",
        gates: &[Gate::Requester, Gate::Quorum],
        wants_signature: false,
    },
    Control {
        name: "NIST CSF 2.0, PR.DS data security (integrity)",
        evidence: "golden.corim.cose, provenance-*.dsse.json, checkpoint",
        gates: &[
            Gate::Provenance,
            Gate::Measurement,
            Gate::Signature,
            Gate::Revocation,
            Gate::Version,
            Gate::BreakGlass,
            Gate::Freshness,
        ],
        wants_signature: true,
    },
    Control {
        name: "NIST AI RMF 1.0, GOVERN (who answers for what)",
        evidence: "policy.toml: people, their parts and quorums; approval-*.txt with signatures",
        gates: &[Gate::Policy, Gate::Requester, Gate::Quorum],
        wants_signature: false,
    },
    Control {
        name: "PCI DSS v4.0, access by need to know, and each use of it traced to a person",
        evidence: "policy.toml: keys of one person each; leaves and checkpoint: what was said, when and by whom",
        gates: &[Gate::Policy, Gate::Requester, Gate::Quorum, Gate::Order],
        wants_signature: false,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn guide(failing: Vec<Told>, lacks: Vec<(Gate, &'static str)>, state: State) -> Guide {
        let outlook = Outlook { failing, ..Outlook::default() };
        Guide { standing: String::new(), outlook, state, lacks }
    }

    fn met(guide: &Guide) -> Vec<String> {
        CONTROLS.iter().map(|control| guide.met(control)).collect()
    }

    #[test]
    fn no_control_is_called_met_that_is_not() {
        assert!(met(&guide(Vec::new(), Vec::new(), State::Published)).iter().all(|met| met == "met"));
        // Nothing was signed.
        let waiting = met(&guide(Vec::new(), Vec::new(), State::Expired));
        assert_eq!(waiting.iter().filter(|met| met.contains("nothing was signed")).count(), 2);
        // Each gate that fails, but for those that say nothing of a control, is held against one.
        for gate in Gate::ALL {
            let (code, detail) = ("release_code".to_owned(), String::new());
            let told = Told { gate: gate.name().to_owned(), code, detail, for_good: true };
            let said = met(&guide(vec![told], Vec::new(), State::Published));
            assert!(said.iter().any(|met| met == "**not met**: release_code"), "{}: {said:?}", gate.name());
        }
        let nobody = vec![(Gate::Quorum, "the channel asks nobody to approve")];
        let said = met(&guide(Vec::new(), nobody, State::Published));
        assert_eq!(said.iter().filter(|met| met.contains("asks nobody to approve")).count(), 5, "{said:?}");
    }

    #[test]
    fn words_of_people_are_no_markup() {
        assert_eq!(one_line("a\n# b | **in force**"), "a\\u{a}# b     in force  ");
    }
}
