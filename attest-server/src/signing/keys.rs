//! The keys of the policy, looked at as the signer starts: what is wrong with one is known before people approve anything that it should sign.

use attest_core::release::form::ReleaseKey;
use attest_core::release::policy::{Custody, Purpose, SigningKey};

use super::{Authority, Error, Signing};
use crate::hsm;

/// What was found of a key.
#[derive(Debug)]
pub struct Looked {
    /// Its name in the policy.
    pub key: String,
    /// Why it cannot sign here, if it cannot. It may be another signer's.
    pub found: Result<(), hsm::Error>,
}

impl<A: Authority> Signing<A> {
    /// Looks at each key of the followed policy that may be with this signer. Nothing is signed; each key is looked at again before it signs.
    ///
    /// # Errors
    /// [`Error`]: the service is away or the log is not what it was; or this signer must not run, for a key can leave its token or is not the
    /// policy's, the token's module cannot be used, or its PIN is refused.
    pub fn check_keys(&mut self) -> Result<Vec<Looked>, Error> {
        let known = self.replica.refresh(&mut self.authority, &self.limits)?;
        let Some(policy) = known.view.policy() else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for (name, key) in &policy.document().signing_keys {
            if !self.may_hold(key) {
                continue;
            }
            let told = |error| Error::Form { key: name.to_string(), error };
            let release_key = ReleaseKey::try_from(key).map_err(told)?;
            let found = self.holder.check(key.pkcs11.as_str(), &release_key);
            match found {
                Err(error) if error.forbids_to_run() => return Err(error.into()),
                found => all.push(Looked { key: name.to_string(), found }),
            }
        }
        Ok(all)
    }

    /// A root signs nothing here, vendors keep their own; files and tokens do not pass for each other.
    fn may_hold(&self, key: &SigningKey) -> bool {
        if key.purpose == Purpose::Root {
            return false;
        }
        match key.custody {
            Custody::Vendor | Custody::OfflineRoot => false,
            Custody::File => self.holder.is_development(),
            Custody::Asserted | Custody::OnlineIntermediate => !self.holder.is_development(),
        }
    }
}
