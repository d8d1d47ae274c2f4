//! What managers of a family sign: everyone who stands in its rules, and with which keys.

use super::super::super::family::{ChannelPeople, FamilyChange};
use super::super::super::object::ObjectId;
use super::super::super::policy::{Identity, IdentityKey};
use super::super::super::quorum::Quorum;
use super::super::FamilyStatement;
use super::{Lines, Text};
use crate::evidence::text;
use crate::release::Name;

impl Text {
    /// What a manager signs; nothing where it is another change.
    #[must_use]
    pub fn family(statement: &FamilyStatement, id: ObjectId, change: &FamilyChange) -> Option<Self> {
        if statement.change != id {
            return None;
        }
        // Destructured, so that a new field does not compile until somebody decides how people read it.
        let FamilyChange {
            format: _,
            authority,
            policy,
            family,
            previous,
            reason,
            not_after,
            people,
            requesters,
            revokers,
            managers,
            controls,
            channels,
        } = change;
        let mut text = Lines::titled("attest: these are the people of a family from now on");
        text.line("authority", authority);
        text.line("change", id);
        text.line("under", policy);
        match previous {
            Some(previous) => text.line("previous", previous),
            None => text.line("previous", "none: as the policy has it"),
        }
        text.line("family", family);
        text.line("until", not_after.utc());
        text.line("signer", &statement.by);
        text.line("reason", reason);
        for (who, identity) in people {
            text.empty();
            text.person(who, identity);
        }
        text.empty();
        requesters.iter().for_each(|who| text.line("requester", who));
        revokers.iter().for_each(|who| text.line("revoker", who));
        text.quorum("managers", managers);
        controls.iter().for_each(|quorum| text.quorum("controls", quorum));
        for (called, ChannelPeople { approvals, review }) in channels {
            text.line("channel", called);
            approvals.iter().for_each(|quorum| text.quorum("  approvals", quorum));
            review.iter().for_each(|quorum| text.quorum("  review", quorum));
        }
        Some(text.done())
    }
}

impl Lines {
    fn person(&mut self, who: &Name, identity: &Identity) {
        let Identity { kind: _, name, organisation, keys, accounts } = identity;
        self.line("new", who);
        self.line("  name", name);
        self.line("  organisation", organisation);
        accounts.iter().for_each(|account| self.line("  account", account));
        // That an attestation is the key's own, and the kind a person's, is checked and not vouched for.
        for IdentityKey { key, protection, from, until, attestation: _ } in keys {
            self.line("  key", text::Text(key));
            self.line("    held in", protection.name());
            self.line("    from", from.utc());
            self.line("    until", until.utc());
        }
    }

    fn quorum(&mut self, word: &str, quorum: &Quorum) {
        quorum.to_string().lines().for_each(|line| self.line(word, line));
    }
}
