//! The measurements, the keys, and what they signed.

use sha2::{Digest as _, Sha256};

use super::super::form::ReleaseKey;
use super::super::object::ObjectId;
use super::super::policy::{Custody, Purpose, SigningKey};
use super::super::request::ToSign;
use super::super::view::Place;
use super::case::{Case, Stage};
use super::{Failure, Gate};
use crate::Timestamp;
use crate::authenticate::TokenKey;
use crate::reference::corim::{Corim, Environment, NotAuthentic, SignedCorim, Signer, profile};
use crate::reference::golden::Evidence;
use crate::reference::{Golden, GoldenSource, Governed, ReferenceSet};

impl<'c> Case<'c> {
    /// The golden values, as far as they are what was asked for, with the last second of their time.
    pub(super) fn values(&mut self) -> Option<(Golden, Option<Timestamp>)> {
        self.keys();
        let (request, bundle) = (&self.opened().request, &self.opened().bundle);
        let (Some(expected), Some(corim)) = (request.measurements, &bundle.corim) else {
            let expected = request.measurements.is_some();
            if expected || bundle.corim.is_some() {
                self.fail(Failure::CorimMissing { expected });
            }
            return None;
        };
        let read = SignedCorim::parse(&corim.0, self.by().limits).map_err(NotAuthentic::from);
        let signed = match read {
            Ok(signed) => signed,
            Err(error) => {
                self.fail(Failure::Corim(error));
                return None;
            }
        };
        let got = ObjectId::of(signed.payload());
        if got != expected {
            self.fail(Failure::CorimMismatch { got, expected });
            return None;
        }
        self.golden(signed)
    }

    fn golden(&mut self, signed: SignedCorim<'_>) -> Option<(Golden, Option<Timestamp>)> {
        let by = self.by();
        let (corim, valid_until) = match self.stage() {
            // There is no signature yet. Who looks is about to sign, and believes nothing by it.
            Stage::Signing => match signed.unverified(by.limits) {
                Ok(corim) => (corim, None),
                Err(error) => {
                    self.fail(Failure::Corim(error.into()));
                    return None;
                }
            },
            Stage::Published => self.authenticated(signed)?,
        };
        let golden = match profile::read(&corim) {
            Ok(golden) => golden,
            Err(error) => {
                self.fail(Failure::GoldenMalformed { code: error.code(), detail: error.to_string() });
                return None;
            }
        };
        // Inv. 6: values of this family only.
        if golden.family != self.opened().request.family.as_str() {
            self.fail(Failure::GoldenFamilyMismatch { got: golden.family });
            return None;
        }
        self.booted(&golden);
        Some((golden, valid_until))
    }

    /// The values ready for appraisal: the only way from a release to them.
    pub(super) fn reference(&mut self, golden: Golden, published: Place) -> Option<ReferenceSet> {
        let opened = self.opened();
        let governed = Governed {
            authority: self.by().view.authority().to_string(),
            family: opened.request.family.to_string(),
            version: opened.request.version.to_string(),
            security_version: opened.request.security_version,
            log_index: published.index,
            gates: Gate::ALL.map(Gate::name).to_vec(),
            file_keys: opened.request.file_keys().map(ToString::to_string).collect(),
        };
        let source = GoldenSource {
            source: "release",
            release: Some(opened.id.to_string()),
            tier: Some(opened.channel.tier.name().to_owned()),
            variant: None,
            document_sha256: None,
            overlay_sha256: None,
            governed: Some(governed),
        };
        match ReferenceSet::released(golden, source) {
            Ok(set) => Some(set),
            Err(error) => {
                self.fail(Failure::GoldenMalformed { code: error.code(), detail: error.to_string() });
                None
            }
        }
    }

    /// Where the channel wants it, each value was learned from a boot that a TPM vouched for.
    fn booted(&mut self, golden: &Golden) {
        if !self.opened().channel.reference_boot {
            return;
        }
        let sequences = golden.sequences.iter().map(|one| (&one.name, one.evidence));
        let variants = golden.variants.iter().map(|one| (&one.name, one.evidence));
        let unseen = sequences.chain(variants).filter(|(_, evidence)| *evidence != Evidence::Quoted);
        for what in unseen.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.fail(Failure::GoldenNotBooted { what });
        }
    }

    /// When the keys had to count: when the attempt was made, which is now if it was not.
    fn signing_time(&self) -> Timestamp {
        self.attempted().map_or(self.now(), |place| place.at)
    }

    /// Inv. 6, A68, A69: each key is this family's, for this purpose, in its time, kept as the tier wants it.
    fn keys(&mut self) {
        let at = self.signing_time();
        let opened = self.opened();
        let corims = opened.request.sign.iter().filter(|sign| sign.purpose == Purpose::Corim).count();
        let expected = usize::from(opened.request.measurements.is_some());
        if corims != expected {
            self.fail(Failure::SignatureMissing { got: corims, expected });
        }
        for sign in &opened.request.sign {
            let name = || sign.key.clone();
            let Some(key) = self.key(sign) else {
                self.fail(Failure::KeyUnknown { key: name() });
                continue;
            };
            let is_of_family = key.family.as_ref() == Some(&opened.request.family);
            if !is_of_family || key.purpose != sign.purpose || key.purpose == Purpose::Root {
                self.fail(Failure::KeyScope { key: name(), purpose: sign.purpose });
            }
            if at < key.from || at > key.until {
                self.fail(Failure::KeyTime { key: name(), at });
            }
            if key.custody != sign.custody {
                self.fail(Failure::KeyCustodyMismatch {
                    key: name(),
                    said: sign.custody,
                    custody: key.custody,
                });
            }
            let is_well_kept = matches!(key.custody, Custody::OnlineIntermediate | Custody::Vendor);
            if key.custody == Custody::OfflineRoot || (self.wants_people() && !is_well_kept) {
                self.fail(Failure::KeyCustody { key: name(), custody: key.custody });
            }
        }
    }

    fn key(&self, sign: &ToSign) -> Option<&'c SigningKey> {
        self.opened().policy.document().signing_keys.get(&sign.key)
    }

    /// The CoRIM under its signature; nothing where there is no key to check it with, which the gate of keys told. One whose time is over
    /// is told and read all the same: what people approved raised the floor, and a device that still runs it is to hear why not.
    fn authenticated<'a>(&mut self, signed: SignedCorim<'a>) -> Option<(Corim<'a>, Option<Timestamp>)> {
        let by = self.by();
        let sign = self.opened().request.sign.iter().find(|sign| sign.purpose == Purpose::Corim)?;
        let key = TokenKey::vouched(&self.key(sign)?.public_key.0, by.limits).ok()?;
        // The profile is of one family, and that is compared.
        let authority = [Environment { class: None, instance: None, group: None }];
        let signer = Signer { key: &key, name: None, authority: &authority };
        let vouched = match signed.vouched(&signer, |_| None, by.limits) {
            Ok(vouched) => vouched,
            Err(error) => {
                self.fail(Failure::Corim(error));
                return None;
            }
        };
        if let Err(error) = vouched.check(self.now()) {
            self.fail(Failure::Corim(error));
        }
        let until = vouched.valid_until();
        Some((vouched.into_corim(), until))
    }

    /// The bytes that were signed are those that were approved, for each thing to sign.
    pub(super) fn signatures(&mut self) {
        let opened = self.opened();
        let (got, expected) = (opened.bundle.signatures.len(), opened.request.sign.len());
        if got != expected {
            return self.fail(Failure::SignatureMissing { got, expected });
        }
        let limits = self.by().limits;
        let corim = opened.bundle.corim.as_ref().and_then(|corim| SignedCorim::parse(&corim.0, limits).ok());
        for (sign, made) in opened.request.sign.iter().zip(&opened.bundle.signatures) {
            let is_it = match (sign.purpose, &made.signed, &corim) {
                (Purpose::Corim, None, Some(corim)) => {
                    let signed = corim.to_be_signed();
                    is_what_was_approved(sign, &signed) && corim.signature() == made.signature.0
                }
                (Purpose::Corim, ..) => false,
                (_, Some(signed), _) => {
                    let key = self.key(sign).and_then(|key| ReleaseKey::try_from(key).ok());
                    let is_its = key.is_some_and(|key| key.verifies(&signed.0, &made.signature.0));
                    is_what_was_approved(sign, &signed.0) && is_its
                }
                // The artifact itself is what was signed, and whoever has it can check.
                (Purpose::Raw, None, _) => true,
                (_, None, _) => false,
            };
            if !is_it {
                self.fail(Failure::SignatureInvalid { key: sign.key.clone() });
            }
        }
    }
}

fn is_what_was_approved(sign: &ToSign, signed: &[u8]) -> bool {
    let sha256: [u8; 32] = Sha256::digest(signed).into();
    sha256 == *sign.sha256.as_bytes() && u64::try_from(signed.len()) == Ok(sign.size)
}
