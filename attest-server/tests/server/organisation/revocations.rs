//! What is taken back: releases, and for a time keys.

use attest_core::release::ObjectId;
use attest_core::release::leaf::Event;
use attest_core::release::object::{self, Object as _};
use attest_core::release::statement::{Revocation, Revoked, Statement as _, Text};

use super::keys::Key;
use super::{DAY, Organisation, at, name, now, words};

impl Organisation {
    /// Somebody's revocation of a release, which stands nowhere yet.
    pub(crate) fn revocation(&self, who: &str, request: ObjectId) -> Vec<u8> {
        self.statement(who, Revoked::Request(request))
    }

    /// Somebody's suspension of somebody's key, all of it and for long, which stands nowhere yet.
    pub(crate) fn suspension(&self, who: &str, whose: &str) -> Vec<u8> {
        self.suspension_until(who, whose, now() + 100 * DAY)
    }

    fn suspension_until(&self, who: &str, whose: &str, until: u64) -> Vec<u8> {
        let spki_sha256 = ObjectId::of(&Key::of(whose).spki());
        self.statement(who, Revoked::Key { spki_sha256, from_index: 0, until: at(until) })
    }

    /// Writes a suspension down that ends then.
    pub(crate) fn suspend_until(&mut self, who: &str, whose: &str, until: u64) {
        let revocation = self.keep_bytes(&self.suspension_until(who, whose, until));
        self.write(Event::Revoked { revocation });
    }

    fn statement(&self, who: &str, revokes: Revoked) -> Vec<u8> {
        let mut revocation = Revocation {
            format: Revocation::FORMAT.to_owned(),
            authority: self.policy,
            revokes,
            reason: words("It lets anyone in"),
            by: name(who),
            signature: String::new(),
        };
        let text = Text::revocation(&revocation);
        revocation.signature = Key::of(who).armored(Revocation::NAMESPACE, text.as_str());
        object::write(&revocation).unwrap()
    }

    /// Writes a revocation down.
    pub(crate) fn revoke(&mut self, who: &str, request: ObjectId) {
        let revocation = self.keep_bytes(&self.revocation(who, request));
        self.write(Event::Revoked { revocation });
    }

    /// Writes a suspension down.
    pub(crate) fn suspend(&mut self, who: &str, whose: &str) {
        let revocation = self.keep_bytes(&self.suspension(who, whose));
        self.write(Event::Revoked { revocation });
    }
}
