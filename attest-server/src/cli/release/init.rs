//! `attest release init`: a first policy that people can look at, change and pin.

mod offices;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use attest_core::release::form::ReleaseKey;
use attest_core::release::object::{Blob, Object as _};
use attest_core::release::policy::{
    Capability, Channel, Custody, Family, Identity, IdentityKey, Kind, LogRules, PlaceRule, PolicyDocument,
    Protection, ProvenanceDemand, Purpose, Review, SigningKey, Tier, WitnessRule,
};
use attest_core::release::ssh::attestation::FidoRoots;
use attest_core::release::{Name, Quorum, Words};
use attest_core::{Limits, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;

use self::offices::Offices;
use super::home::{FILE, Home};
use super::token::{Period, Tokens, certificates, makers, public_key};
use super::{make_folder, name, named, policy, token, words, write};
use crate::cli::{Exit, Failure, Output, Style, input};
use crate::clock;
use crate::hsm::{KeyUri, UriError};

const DAY: u64 = 86_400;
const KEY_BYTES: usize = 16 << 10;

/// Flags of `init`.
#[derive(Args, Debug)]
pub(super) struct Init {
    /// The folder to make: policy.toml, policy.cbor and release.toml
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// The family of devices
    #[arg(long, value_parser = name)]
    family: Name,
    /// Somebody who approves, and their public key as OpenSSH writes it; three at least
    #[arg(long = "person", value_name = "NAME=FILE", value_parser = named, required = true)]
    people: Vec<(Name, String)>,
    #[command(flatten)]
    tokens: Tokens,
    /// The certificate of a maker of tokens, PEM or DER: whose word makes a key one of hardware, here and later
    #[arg(long = "token-maker", value_name = "FILE")]
    makers: Vec<PathBuf>,
    /// A program that may ask and do nothing else, and its public key as OpenSSH writes it; people may ask anyway
    #[arg(long = "requester", value_name = "NAME=FILE", value_parser = named)]
    requesters: Vec<(Name, String)>,
    /// A builder whose provenance counts, and its public key, PEM
    #[arg(long = "builder", value_name = "NAME=FILE", value_parser = named, required = true)]
    builders: Vec<(Name, String)>,
    /// What builders call themselves in `builder.id`
    #[arg(long, value_name = "URI", value_parser = words)]
    builder_id: Words,
    /// How they may build: `buildType`
    #[arg(long, value_name = "URI", value_parser = words)]
    build_type: Words,
    /// The repository that counts, without `git+` and `@ref`
    #[arg(long, value_name = "URI", value_parser = words)]
    source: Words,
    /// Where in `buildDefinition` the builder says who triggered the build (RFC 6901)
    #[arg(long, value_name = "POINTER", value_parser = words, default_value = "/internalParameters/actor")]
    trigger: Words,
    /// The pipeline whose runs count: what builders name as `invocationId` stands below this address, such as
    /// https://ci.example.org/gateway/runs; without it every run counts
    #[arg(long, value_name = "URI", value_parser = words)]
    runs: Option<Words>,
    /// A key that signs releases, PEM, by what it signs: corim, cose, raw or authenticode
    #[arg(long = "signing-key", value_name = "PURPOSE=FILE", value_parser = named, required = true)]
    signing_keys: Vec<(Name, String)>,
    /// Where the signer finds these keys (RFC 7512); where it names no object, each is called by what it signs
    #[arg(long, value_name = "URI", value_parser = words, default_value = "pkcs11:token=attest")]
    pkcs11: Words,
    /// The signer has these keys in files, for development: no access system accepts what they sign, unless it is told to
    #[arg(long)]
    file_keys: bool,
    /// The log's key, `NAME+ID+KEY`, or a file with it
    #[arg(long, value_name = "KEY")]
    log: String,
    /// A witness, and its key, `NAME+ID+KEY`, or a file with it
    #[arg(long = "witness", value_name = "NAME=KEY", value_parser = named, required = true)]
    witnesses: Vec<(Name, String)>,
    /// A witness that somebody else runs than the log's operator; without one nothing is of tier production
    #[arg(long = "outside", value_name = "NAME", value_parser = name)]
    outside: Vec<Name>,
    /// How many people must approve
    #[arg(long, value_name = "NUMBER", default_value_t = 2)]
    approvals: usize,
    #[command(flatten)]
    offices: Offices,
    /// How long keys and policy count
    #[arg(long, value_name = "NUMBER", default_value_t = 365)]
    days: u64,
    /// The authority's server, for release.toml
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

impl Init {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let limits = Limits::DEFAULT;
        if self.file_keys && self.is_production() {
            let detail = "--file-keys: no channel of tier production or emergency takes keys in files; leave out --file-keys, or --outside";
            return Err(Failure::usage("file_keys_in_production", detail));
        }
        let document = self.document(clock::now(), &limits)?;
        let (encoded, checked) = policy::checked(&document, &limits)?;
        // Somebody may have pinned what is there.
        make_folder(&self.out)?;
        let home = Home {
            authority: checked.id(),
            server: self.server.clone(),
            ca: None,
            certificate: None,
            certificate_key: None,
            identity: None,
            key: None,
        };
        let home = toml::to_string_pretty(&home).map_err(|e| Failure::fault("release_home", e))?;
        write(&self.out.join("policy.toml"), policy::to_toml(&document)?.as_bytes())?;
        write(&self.out.join(FILE), home.as_bytes())?;
        let path = self.out.join("policy.cbor");
        write(&path, &encoded)?;
        policy::told(&checked, &path, out);
        if !out.wants_json() {
            token::tell(&document, out);
            self.offices.tell(&document, &self.family, out);
            if self.is_production() {
                out.line("Look at policy.toml. Whoever verifies pins the digest above, out of band.");
            } else {
                let warn = out
                    .paint(Style::Warn, "nobody outside watches the log, so nothing is of tier production");
                out.line(warn);
            }
        }
        Ok(Exit::Good)
    }

    fn is_production(&self) -> bool {
        !self.outside.is_empty()
    }

    fn document(&self, now: Timestamp, limits: &Limits) -> Result<PolicyDocument, Failure> {
        let (from, until) = (now, now.plus(self.days.saturating_mul(DAY)));
        let mut token_makers = Vec::new();
        for path in &self.makers {
            token_makers.extend(certificates(path)?);
        }
        let names: BTreeSet<Name> = self.people.iter().map(|(name, _)| name.clone()).collect();
        Ok(PolicyDocument {
            format: PolicyDocument::FORMAT.to_owned(),
            version: 1,
            previous: None,
            expires: until,
            root: self.offices.root(&names, limits)?,
            recovery: self.offices.recovery(limits)?,
            identities: self.identities(Period { from, until }, &makers(&token_makers)?)?,
            families: [(self.family.clone(), self.family_rules(&names, limits)?)].into(),
            signing_keys: self.keys(from, until)?,
            log: self.log_rules()?,
            compromised: BTreeMap::new(),
            token_makers,
        })
    }

    fn identities(&self, period: Period, makers: &FidoRoots) -> Result<BTreeMap<Name, Identity>, Failure> {
        let everyone = self.everyone()?;
        self.tokens.are_of(&everyone.iter().map(|(name, _)| name).collect())?;
        let Period { from, until } = period;
        let plain =
            |key| IdentityKey { key, protection: Protection::Software, from, until, attestation: None };
        let one = |kind, (called, file): &(Name, String)| {
            let key = match kind {
                Kind::Builder => plain(STANDARD.encode(spki(file)?)),
                Kind::Person => self.tokens.key((called, file), makers, period)?,
                _ => plain(public_key(file)?.to_line()),
            };
            let words = words(called.as_str()).map_err(|e| Failure::usage(e.code(), e))?;
            let organisation = called.clone();
            // Until somebody says how builders call them, they are called as here.
            let accounts = if kind == Kind::Builder { BTreeSet::new() } else { [words.clone()].into() };
            Ok((called.clone(), Identity { kind, name: words, organisation, keys: vec![key], accounts }))
        };
        let people = everyone.iter().map(|it| one(Kind::Person, it));
        let programs = self.requesters.iter().map(|it| one(Kind::Service, it));
        let builders = self.builders.iter().map(|it| one(Kind::Builder, it));
        people.chain(programs).chain(builders).collect()
    }

    /// Those who approve, and those who only have an office.
    fn everyone(&self) -> Result<Vec<(Name, String)>, Failure> {
        let mut everyone = self.people.clone();
        // Whoever is named with a key may be named without it by another flag.
        let (with, without): (Vec<_>, Vec<_>) = self.offices.holders().partition(|(.., file)| file.is_some());
        for (flag, name, file) in with.into_iter().chain(without) {
            let known = everyone.iter().find(|(known, _)| known == name).map(|(_, file)| file);
            match (known, file) {
                (Some(known), Some(file)) if known != file => {
                    let detail =
                        format!("--{flag} {name}={file}: `{name}` has the key {known} already; give it once");
                    return Err(Failure::usage("identity_twice", detail));
                }
                (Some(_), _) => {}
                (None, Some(file)) => everyone.push((name.clone(), file.clone())),
                (None, None) => {
                    let detail = format!(
                        "--{flag} {name}: nobody is called so; expected the name of a --person, or {name}=FILE with their public key"
                    );
                    return Err(Failure::usage("identity_unknown", detail));
                }
            }
        }
        Ok(everyone)
    }

    fn family_rules(&self, people: &BTreeSet<Name>, limits: &Limits) -> Result<Family, Failure> {
        let approvals = quorum("release", self.approvals, people, limits)?;
        let mut channels = BTreeMap::new();
        let mut open = |called: &str, tier, approvals, provenance, review| {
            let channel = Channel {
                presence: None,
                tier,
                approvals,
                request_seconds: 7 * DAY,
                provenance,
                reference_boot: false,
                review,
            };
            if let Ok(called) = name(called) {
                channels.insert(called, channel);
            }
        };
        if self.is_production() {
            let review = Review { quorum: quorum("review", 1, people, limits)?, within_seconds: 2 * DAY };
            open("stable", Tier::Production, Some(approvals.clone()), Some(self.demand()), None);
            open("urgent", Tier::Emergency, Some(approvals.clone()), Some(self.demand()), Some(review));
        } else {
            open("people", Tier::Delegated, Some(approvals), Some(self.demand()), None);
        }
        open("nightly", Tier::Delegated, None, Some(self.demand()), None);
        open("lab", Tier::Dev, None, None, None);
        let programs = self.requesters.iter().map(|(name, _)| name.clone());
        Ok(Family {
            capability: Capability::Measured,
            weak_roots: false,
            controls: None,
            managers: self.offices.managers(people, self.approvals, limits)?,
            version_floor: 0,
            version_step: 10,
            requesters: people.iter().cloned().chain(programs).collect(),
            revokers: people.clone(),
            channels,
        })
    }

    fn demand(&self) -> ProvenanceDemand {
        ProvenanceDemand {
            builders: self.builders.iter().map(|(name, _)| (name.clone(), self.builder_id.clone())).collect(),
            build_types: [self.build_type.clone()].into(),
            source: PlaceRule::Exactly(self.source.clone()),
            refs: Vec::new(),
            other_sources: Vec::new(),
            parameters: BTreeMap::new(),
            on_behalf_of: Some(self.trigger.clone()),
            run: self.runs.clone().map(PlaceRule::Below),
            independent: 1,
        }
    }

    fn keys(&self, from: Timestamp, until: Timestamp) -> Result<BTreeMap<Name, SigningKey>, Failure> {
        let one = |(what, file): &(Name, String)| {
            let purpose = purpose(what.as_str())?;
            let key = SigningKey {
                public_key: Blob(spki(file)?),
                pkcs11: place(&self.pkcs11, what, self.signing_keys.len())?,
                family: Some(self.family.clone()),
                purpose,
                rsa_padding: None,
                parent: None,
                custody: if self.file_keys { Custody::File } else { Custody::OnlineIntermediate },
                from,
                until,
            };
            ReleaseKey::try_from(&key).map_err(|e| Failure::usage(e.code(), format!("{file}: {e}")))?;
            let called = name(&format!("{}-{what}", self.family)).map_err(|e| Failure::usage(e.code(), e))?;
            Ok((called, key))
        };
        self.signing_keys.iter().map(one).collect()
    }

    fn log_rules(&self) -> Result<LogRules, Failure> {
        let one = |(name, key): &(Name, String)| {
            let rule = WitnessRule { key: verifier_key(key)?, outside: self.outside.contains(name) };
            Ok((name.clone(), rule))
        };
        let witnesses: BTreeMap<Name, WitnessRule> =
            self.witnesses.iter().map(one).collect::<Result<_, Failure>>()?;
        let own = witnesses.values().filter(|witness| !witness.outside).count();
        // One more than the operator's own, so that somebody else is always among them; and more than half, so that any two meet.
        let least = if self.is_production() { own.saturating_add(1) } else { 1 };
        let threshold = u64::try_from(least.max(witnesses.len() / 2 + 1)).unwrap_or(u64::MAX);
        let key = verifier_key(&self.log)?;
        Ok(LogRules {
            key,
            continues: None,
            witnesses,
            threshold,
            soft_age_seconds: DAY,
            hard_age_seconds: 7 * DAY,
        })
    }
}

/// Where one of so many keys is.
fn place(pkcs11: &Words, what: &Name, keys: usize) -> Result<Words, Failure> {
    match KeyUri::parse(pkcs11.as_str()) {
        Ok(_) if keys == 1 => Ok(pkcs11.clone()),
        Ok(_) => Err(Failure::usage(
            "pkcs11_object",
            "--pkcs11 names one key, and there are several: leave its object out",
        )),
        Err(UriError::KeyUnnamed) => {
            let named = format!("{};object={what}", pkcs11.as_str().trim_end_matches(';'));
            words(&named).map_err(|e| Failure::usage(e.code(), e))
        }
        Err(error) => Err(Failure::usage("pkcs11_uri", error)),
    }
}

pub(super) fn purpose(text: &str) -> Result<Purpose, Failure> {
    Ok(match text {
        "authenticode" => Purpose::Authenticode,
        "corim" => Purpose::Corim,
        "cose" => Purpose::Cose,
        "raw" => Purpose::Raw,
        _ => {
            return Err(Failure::usage(
                "purpose_unknown",
                format!("`{text}`: expected corim, cose, raw or authenticode"),
            ));
        }
    })
}

fn quorum(
    called: &str,
    threshold: usize,
    people: &BTreeSet<Name>,
    limits: &Limits,
) -> Result<Quorum, Failure> {
    let people: Vec<&str> = people.iter().map(Name::as_str).collect();
    let text = format!("group {called} {threshold} {}\nquorum {called}", people.join(" "));
    let unfit = |error: attest_core::release::quorum::Error| {
        let detail = format!("{threshold} of {} as {called}: {error}", people.join(", "));
        Failure::usage(error.code(), detail)
    };
    Quorum::parse(&text, limits).map_err(unfit)
}

/// The SubjectPublicKeyInfo in a PEM file.
fn spki(file: &str) -> Result<Vec<u8>, Failure> {
    use rustls_pki_types::pem::PemObject as _;
    let bytes = input::read_file(file.as_ref(), KEY_BYTES)?;
    let key = rustls_pki_types::SubjectPublicKeyInfoDer::from_pem_slice(&bytes);
    let unfit = |error| Failure::usage("public_key_pem", format!("{file}: not a public key in PEM: {error}"));
    key.map(|key| key.to_vec()).map_err(unfit)
}

/// A verifier key, itself or in a file.
fn verifier_key(text: &str) -> Result<String, Failure> {
    if text.contains('+') && !std::path::Path::new(text).exists() {
        return Ok(text.trim().to_owned());
    }
    let bytes = input::read_file(text.as_ref(), KEY_BYTES)?;
    let key = String::from_utf8(bytes).map_err(|e| Failure::usage("verifier_key", format!("{text}: {e}")))?;
    Ok(key.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_a_place_of_its_own() {
        let at = |uri: &str, keys| {
            place(&words(uri).unwrap(), &name("corim").unwrap(), keys)
                .map(|it| it.to_string())
                .map_err(|failure| failure.to_json()["error"]["code"].as_str().unwrap().to_owned())
        };
        assert_eq!(at("pkcs11:token=release", 2), Ok("pkcs11:token=release;object=corim".to_owned()));
        assert_eq!(at("pkcs11:token=release;", 1), Ok("pkcs11:token=release;object=corim".to_owned()));
        assert_eq!(at("pkcs11:token=release;object=k", 1), Ok("pkcs11:token=release;object=k".to_owned()));
        assert_eq!(at("pkcs11:token=release;object=k", 2), Err("pkcs11_object".to_owned()));
        assert_eq!(at("pkcs11:object=k", 1), Err("pkcs11_uri".to_owned()));
    }
}
