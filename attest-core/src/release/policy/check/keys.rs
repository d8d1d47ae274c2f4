//! Every key that a policy names: each speaks for one, and for one thing.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::{Fault, Identity, IdentityKey, KeyOf, Kind, PolicyDocument, Protection};
use crate::Limits;
use crate::audit::note::VerifierKey;
use crate::release::Name;
use crate::release::form::ReleaseKey;
use crate::release::key::CanonicalKey;
use crate::release::ssh::PublicKey;
use crate::release::ssh::attestation::{Attestation, FidoRoots};

pub(super) struct Keys<'d> {
    document: &'d PolicyDocument,
    limits: &'d Limits,
    makers: FidoRoots,
    /// Whose each key is, those of the log and of signers among them.
    /// By SubjectPublicKeyInfo, of which each key has one.
    owners: BTreeMap<Vec<u8>, Name>,
    known: BTreeMap<CanonicalKey, KeyOf>,
    faults: Vec<Fault>,
}

impl<'d> Keys<'d> {
    pub(super) fn new(document: &'d PolicyDocument, limits: &'d Limits) -> Self {
        let mut keys = Self {
            document,
            limits,
            makers: FidoRoots::new(),
            owners: BTreeMap::new(),
            known: BTreeMap::new(),
            faults: Vec::new(),
        };
        for maker in &document.token_makers {
            if let Err(error) = keys.makers.add(&maker.0) {
                keys.faults.push(Fault::TokenMaker { because: error.code() });
            }
        }
        keys
    }

    pub(super) fn finish(self) -> (BTreeMap<CanonicalKey, KeyOf>, Vec<Fault>) {
        (self.known, self.faults)
    }

    pub(super) fn of_identities(&mut self) {
        for (name, identity) in &self.document.identities {
            for key in &identity.keys {
                match self.read(name, identity, key) {
                    Ok((canonical, known)) => {
                        if self.owned(name, canonical.spki_der()) {
                            self.known.insert(canonical, known);
                        }
                    }
                    Err(fault) => self.faults.push(fault),
                }
            }
        }
    }

    /// A68: a key that signs releases speaks for nobody, and one that speaks for somebody signs none.
    pub(super) fn of_signing(&mut self) {
        for (name, key) in &self.document.signing_keys {
            self.period(name, key.from <= key.until);
            match ReleaseKey::try_from(key) {
                Ok(release) => {
                    self.owned(name, release.spki_der());
                }
                Err(error) => self.malformed(name, error.code()),
            }
        }
    }

    pub(super) fn of_log(&mut self) {
        let log = &self.document.log;
        let witnesses = log.witnesses.iter().map(|(name, witness)| (Some(name), &witness.key));
        for (name, key) in core::iter::once((None, &log.key)).chain(witnesses) {
            // A key that does not parse is told with the log's other faults.
            let Ok(key) = VerifierKey::parse(key) else { continue };
            let of_log = || Name::try_from("log").ok();
            let (Some(name), Ok(canonical)) =
                (name.cloned().or_else(of_log), CanonicalKey::ed25519(key.public()))
            else {
                continue;
            };
            self.owned(&name, canonical.spki_der());
        }
    }

    /// A61: one key is one key, and speaks for one.
    fn owned(&mut self, name: &Name, key: Vec<u8>) -> bool {
        match self.owners.entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(name.clone());
                true
            }
            Entry::Occupied(other) => {
                let (one, other) = (other.get().clone(), name.clone());
                self.faults.push(Fault::KeyShared { one, other });
                false
            }
        }
    }

    fn read(
        &self,
        name: &Name,
        identity: &Identity,
        key: &IdentityKey,
    ) -> Result<(CanonicalKey, KeyOf), Fault> {
        let malformed = |because| Fault::KeyMalformed { of: name.clone(), because };
        if key.from > key.until {
            return Err(Fault::Timespan { of: name.clone() });
        }
        let known = |ssh| KeyOf {
            identity: name.clone(),
            protection: key.protection,
            from: key.from,
            until: key.until,
            ssh,
        };
        if identity.kind == Kind::Builder {
            if key.protection == Protection::Hardware {
                return Err(self.not_hardware(name, "fido_key_not_of_token"));
            }
            let der = STANDARD.decode(&key.key).map_err(|_| malformed("key_base64_malformed"))?;
            let canonical = CanonicalKey::from_spki_der(&der).map_err(|error| malformed(error.code()))?;
            return Ok((canonical, known(None)));
        }
        let (public, comment) =
            PublicKey::parse_line(&key.key, self.limits).map_err(|error| malformed(error.code()))?;
        if !comment.is_empty() || public.to_line() != key.key {
            return Err(malformed("ssh_key_line_unexpected"));
        }
        if key.protection == Protection::Hardware {
            self.hardware(name, key, &public)?;
        }
        Ok((public.canonical().clone(), known(Some(key.key.clone()))))
    }

    /// A66: a key is one of hardware because the token's maker says so.
    fn hardware(&self, name: &Name, key: &IdentityKey, public: &PublicKey) -> Result<(), Fault> {
        let because = |code| self.not_hardware(name, code);
        let attestation = key.attestation.as_ref().ok_or_else(|| because("attestation_missing"))?;
        let statement =
            Attestation::parse(&attestation.statement.0, self.limits).map_err(|e| because(e.code()))?;
        let attested = statement.verify(public, &attestation.challenge.0).map_err(|e| because(e.code()))?;
        let between: Vec<&[u8]> = attestation.intermediates.iter().map(|der| der.0.as_slice()).collect();
        // As of the time from which the key counts: a maker's certificate that ended since vouched for it all the same.
        attested.made_by(&self.makers, &between, key.from, self.limits).map_err(|e| because(e.code()))?;
        Ok(())
    }

    fn not_hardware(&self, name: &Name, because: &'static str) -> Fault {
        Fault::AttestationInvalid { identity: name.clone(), because }
    }

    fn period(&mut self, name: &Name, is_one: bool) {
        if !is_one {
            self.faults.push(Fault::Timespan { of: name.clone() });
        }
    }

    fn malformed(&mut self, name: &Name, because: &'static str) {
        self.faults.push(Fault::KeyMalformed { of: name.clone(), because });
    }
}
