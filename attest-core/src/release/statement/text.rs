//! The texts, rendered from the objects.

mod family;

use core::fmt::Write as _;

use super::super::object::ObjectId;
use super::super::policy::PolicyDocument;
use super::super::request::Request;
use super::{
    Approval, Control, ControlStatement, Objection, Recovery, ReviewStatement, Revocation, Revoked,
    Submission, Succession,
};

/// A text that people sign. Made from objects only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(String);

/// A request with its id.
#[derive(Clone, Copy, Debug)]
pub struct Described<'r> {
    /// Its id.
    pub id: ObjectId,
    /// What it says.
    pub request: &'r Request,
}

impl Text {
    /// The text, ASCII but for words of people; each line ends with a line feed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What whoever approves signs; nothing where the requests at hand are not those that the approval names, in its order.
    #[must_use]
    pub fn approval(approval: &Approval, requests: &[Described<'_>]) -> Option<Self> {
        let is_it = approval.requests.iter().eq(requests.iter().map(|described| &described.id));
        if !is_it {
            return None;
        }
        let mut text = Lines::titled("attest: I approve what is to be released");
        text.line("authority", approval.authority);
        text.line("policy", approval.policy);
        text.line("approver", &approval.by);
        text.line(
            "measurements",
            if approval.recomputed { "recomputed by me" } else { "not recomputed by me" },
        );
        for (described, number) in requests.iter().zip(1_usize..) {
            text.empty();
            text.line("request", format_args!("{number} of {}: {}", requests.len(), described.id));
            text.request(described.request);
        }
        Some(text.done())
    }

    /// What whoever asks signs.
    #[must_use]
    pub fn submission(submission: &Submission, request: Described<'_>) -> Option<Self> {
        if submission.request != request.id {
            return None;
        }
        let mut text = Lines::titled("attest: I ask for a release");
        text.line("authority", request.request.authority);
        text.line("policy", request.request.policy);
        text.empty();
        text.line("request", request.id);
        text.request(request.request);
        Some(text.done())
    }

    /// What whoever looked afterwards signs.
    #[must_use]
    pub fn review(review: &ReviewStatement, request: Described<'_>) -> Option<Self> {
        if review.request != request.id {
            return None;
        }
        let mut text = Lines::titled("attest: I looked at an emergency release afterwards, and confirm it");
        text.line("authority", review.authority);
        text.line("reviewer", &review.by);
        text.line("finding", &review.finding);
        text.empty();
        text.line("request", request.id);
        text.request(request.request);
        Some(text.done())
    }

    /// What whoever revokes signs.
    #[must_use]
    pub fn revocation(revocation: &Revocation) -> Self {
        let mut text = Lines::titled("attest: this counts no longer");
        text.line("authority", revocation.authority);
        match &revocation.revokes {
            Revoked::Request(id) => text.line("request", id),
            Revoked::Key { spki_sha256, from_index, until } => {
                text.line("key", spki_sha256);
                text.line("from", format_args!("index {from_index} of the log on"));
                text.line("until", until.utc());
            }
            Revoked::Control(id) => text.line("control", id),
        }
        text.line("revoker", &revocation.by);
        text.line("reason", &revocation.reason);
        text.done()
    }

    /// What those sign who say what makes up for a family's weakness; nothing where it is another control.
    #[must_use]
    pub fn control(statement: &ControlStatement, id: ObjectId, control: &Control) -> Option<Self> {
        if statement.control != id {
            return None;
        }
        let Control { format: _, authority, family, compensates, control, not_after } = control;
        let mut text =
            Lines::titled("attest: this is done, and makes up for what devices of a family cannot prove");
        text.line("authority", authority);
        text.line("control", id);
        text.line("family", family);
        for weakness in compensates {
            text.line("compensates", weakness.name());
        }
        text.line("until", not_after.utc());
        text.line("signer", &statement.by);
        text.line("done", control);
        Some(text.done())
    }

    /// What root members sign.
    #[must_use]
    pub fn succession(succession: &Succession, policy: &PolicyDocument) -> Self {
        let mut text = Lines::titled("attest: this is the policy to follow");
        text.line("policy", succession.policy);
        text.policy(policy);
        text.line("signer", &succession.by);
        text.done()
    }

    /// What members of the recovery quorum sign, and those who are the root by it.
    #[must_use]
    pub fn recovery(recovery: &Recovery, policy: &PolicyDocument) -> Self {
        let mut text = Lines::titled(
            "attest: the root is lost; this is the policy to follow after seven days in which no root member objects",
        );
        text.line("authority", recovery.authority);
        text.line("policy", recovery.policy);
        text.policy(policy);
        text.line("signer", &recovery.by);
        text.done()
    }

    /// What a root member signs who does not want a recovery.
    #[must_use]
    pub fn objection(objection: &Objection) -> Self {
        let mut text = Lines::titled("attest: I object, this policy is not to be followed by recovery");
        text.line("authority", objection.authority);
        text.line("policy", objection.policy);
        text.line("objector", &objection.by);
        text.line("reason", &objection.reason);
        text.done()
    }
}

struct Lines(String);

impl Lines {
    fn titled(title: &str) -> Self {
        Self(format!("{title}\n"))
    }

    fn done(self) -> Text {
        Text(self.0)
    }

    fn empty(&mut self) {
        self.0.push('\n');
    }

    fn line(&mut self, word: &str, rest: impl core::fmt::Display) {
        // Writing into a string does not fail.
        let _ = writeln!(self.0, "{word} {rest}");
    }

    fn policy(&mut self, policy: &PolicyDocument) {
        self.line("version", policy.version);
        match &policy.previous {
            Some(previous) => self.line("previous", previous),
            None => self.line("previous", "none: this is the first"),
        }
        self.line("expires", policy.expires.utc());
    }

    /// All of a request: what is not here, nobody approved.
    fn request(&mut self, request: &Request) {
        // Destructured, so that a new field does not compile until somebody decides how people read it.
        let Request {
            format: _,
            authority: _,
            policy,
            family,
            channel,
            kind,
            version,
            security_version,
            artifacts,
            measurements,
            provenance,
            sign,
            replaces,
            reason,
            not_before,
            not_after,
            requester,
        } = request;
        self.line("under", policy);
        self.line("family", family);
        self.line("channel", channel);
        self.line("kind", kind.name());
        self.line("version", format_args!("security {security_version}, {version}"));
        for artifact in artifacts {
            self.line("artifact", format_args!("{} {} bytes", artifact.sha256, artifact.size));
            self.line("  name", &artifact.name);
            self.line("  version", &artifact.version);
        }
        match measurements {
            Some(corim) => self.line("golden", corim),
            None => self.line("golden", "none"),
        }
        for envelope in provenance {
            self.line("provenance", envelope);
        }
        for sign in sign {
            let (key, purpose, custody) = (&sign.key, sign.purpose.name(), sign.custody.name());
            self.line(
                "sign",
                format_args!(
                    "{} {} bytes with {key} for {purpose}, custody {custody}",
                    sign.sha256, sign.size
                ),
            );
        }
        match replaces {
            Some(release) => self.line("replaces", release),
            None => self.line("replaces", "nothing"),
        }
        self.line("from", not_before.utc());
        self.line("until", not_after.utc());
        self.line("requester", requester);
        self.line("reason", reason);
    }
}
