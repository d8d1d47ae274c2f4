//! Keys of people: what they made on a token, with the maker's word that they did. Only that word makes a key one of hardware; it is asked here,
//! before anything is written, and by everyone who reads the policy.

use std::collections::BTreeSet;
use std::path::Path;

use attest_core::release::object::Blob;
use attest_core::release::policy::{IdentityKey, KeyAttestation, Kind, PolicyDocument, Protection};
use attest_core::release::ssh::PublicKey;
use attest_core::release::ssh::attestation::{Attestation, FidoRoots};
use attest_core::release::{Name, ObjectId};
use attest_core::{Limits, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::named;
use crate::cli::{Failure, Output, input, printable};

const KEY_BYTES: usize = 16 << 10;
const CERTIFICATES_BYTES: usize = 64 << 10;

/// What people's tokens left when their keys were made.
#[derive(Args, Debug)]
pub(super) struct Tokens {
    /// The key of this person was made on a token: what `ssh-keygen -O write-attestation=FILE` wrote then; may be repeated. Without it a key
    /// counts as software, whatever its type says
    #[arg(long = "attestation", value_name = "NAME=FILE", value_parser = named)]
    attestations: Vec<(Name, String)>,
    /// What the token was asked when it made the key: the file of `ssh-keygen -O challenge=FILE`; one with each --attestation
    #[arg(long = "challenge", value_name = "NAME=FILE", value_parser = named)]
    challenges: Vec<(Name, String)>,
    /// Certificates between the one in the attestation and its maker's, PEM or DER
    #[arg(long = "token-chain", value_name = "NAME=FILE", value_parser = named)]
    chains: Vec<(Name, String)>,
}

/// How long a key counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Period {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

impl Tokens {
    /// Every flag is about somebody whose key is here, once, and each attestation has its challenge.
    pub(super) fn are_of(&self, people: &BTreeSet<&Name>) -> Result<(), Failure> {
        let flags = [
            ("attestation", &self.attestations),
            ("challenge", &self.challenges),
            ("token-chain", &self.chains),
        ];
        for (flag, given) in flags {
            let mut seen = BTreeSet::new();
            for (who, file) in given {
                let refused = |code, detail: String| {
                    Err(Failure::usage(code, format!("--{flag} {who}={file}: {detail}")))
                };
                if !people.contains(who) {
                    let people = super::listed(people.iter().copied());
                    let detail = format!("no key of a person `{who}` is given; expected one of {people}");
                    return refused("identity_unknown", detail);
                }
                if !seen.insert(who) {
                    return refused(
                        "usage",
                        format!("`{who}` has one already; expected one for each person"),
                    );
                }
                if of(&self.attestations, who).is_none() {
                    let detail =
                        format!("there is no attestation for it; expected --attestation {who}=FILE, too");
                    return refused("attestation_missing", detail);
                }
                if of(&self.challenges, who).is_none() {
                    let detail = format!(
                        "nobody can check it without what the token was asked; expected --challenge {who}=FILE, too"
                    );
                    return refused("attestation_challenge_missing", detail);
                }
            }
        }
        Ok(())
    }

    /// A key as the policy has it; of hardware where one of these makers vouches for it as of its first second.
    pub(super) fn key(
        &self,
        (who, file): (&Name, &str),
        makers: &FidoRoots,
        period: Period,
    ) -> Result<IdentityKey, Failure> {
        let key = public_key(file)?;
        let attestation = match of(&self.attestations, who) {
            None => None,
            Some(from) => Some(self.attestation(who, (from, file), &key, (makers, period.from))?),
        };
        let protection = if attestation.is_some() { Protection::Hardware } else { Protection::Software };
        Ok(IdentityKey {
            key: key.to_line(),
            protection,
            from: period.from,
            until: period.until,
            attestation,
        })
    }

    fn attestation(
        &self,
        who: &Name,
        (from, key_file): (&str, &str),
        key: &PublicKey,
        (makers, at): (&FidoRoots, Timestamp),
    ) -> Result<KeyAttestation, Failure> {
        let limits = &Limits::DEFAULT;
        let read = |path: &str| input::read_file(path.as_ref(), limits.fido_attestation_bytes);
        let statement = read(from)?;
        let challenge = read(of(&self.challenges, who).unwrap_or_default())?;
        let chain = of(&self.chains, who).map_or(Ok(Vec::new()), |file| certificates(file.as_ref()))?;
        let between: Vec<&[u8]> = chain.iter().map(|der| der.0.as_slice()).collect();
        let vouched = Attestation::parse(&statement, limits)
            .and_then(|said| said.verify(key, &challenge))
            .and_then(|attested| attested.made_by(makers, &between, at, limits));
        if let Err(error) = vouched {
            let detail = format!(
                "--attestation {who}={from}: it does not make the key in {key_file} one of hardware: {error}{}",
                hint(&error)
            );
            return Err(Failure::malformed(error.code(), detail));
        }
        Ok(KeyAttestation { statement: Blob(statement), intermediates: chain, challenge: Blob(challenge) })
    }
}

/// What to do about it, where that is not plain.
fn hint(error: &attest_core::release::ssh::attestation::Error) -> &'static str {
    use attest_core::release::ssh::attestation::Error;
    match error {
        Error::RootsMissing => "; --token-maker FILE names the certificate of the token's maker",
        Error::MakerUnknown => {
            "; expected the certificate of the token's maker (--token-maker), or what lies between (--token-chain)"
        }
        Error::SignatureInvalid => "; is the challenge the file that the token was asked?",
        _ => "",
    }
}

fn of<'f>(given: &'f [(Name, String)], who: &Name) -> Option<&'f str> {
    given.iter().find(|(name, _)| name == who).map(|(_, file)| file.as_str())
}

/// The key in a file that OpenSSH wrote.
pub(super) fn public_key(file: &str) -> Result<PublicKey, Failure> {
    let bytes = input::read_file(file.as_ref(), KEY_BYTES)?;
    let unfit = |code: &str, error: &dyn std::fmt::Display| {
        let expected = "not a public key as OpenSSH writes it into a .pub file";
        Failure::usage(code, format!("{file}: {expected}: {error}"))
    };
    let text = String::from_utf8(bytes).map_err(|error| unfit("ssh_key", &error))?;
    let read = PublicKey::parse_line(&text, &Limits::DEFAULT);
    read.map(|(key, _)| key).map_err(|error| unfit(error.code(), &error))
}

/// The certificates in a file, PEM or DER.
pub(super) fn certificates(path: &Path) -> Result<Vec<Blob>, Failure> {
    /// How DER of a certificate begins; PEM is text.
    const SEQUENCE: u8 = 0x30;
    let bytes = input::read_file(path, CERTIFICATES_BYTES)?;
    if bytes.first() == Some(&SEQUENCE) {
        return Ok(vec![Blob(bytes)]);
    }
    let read: Result<Vec<Blob>, _> =
        CertificateDer::pem_slice_iter(&bytes).map(|der| der.map(|der| Blob(der.to_vec()))).collect();
    let unfit = |error: &dyn std::fmt::Display| {
        let detail = format!("{}: not certificates in PEM, or one in DER: {error}", path.display());
        Failure::usage("certificate_pem", detail)
    };
    match read {
        Ok(read) if read.is_empty() => Err(unfit(&"there is none")),
        Ok(read) => Ok(read),
        Err(error) => Err(unfit(&error)),
    }
}

/// The makers whose word counts: a policy's `token_makers`.
pub(super) fn makers(certificates: &[Blob]) -> Result<FidoRoots, Failure> {
    let mut roots = FidoRoots::new();
    for maker in certificates {
        roots.add(&maker.0).map_err(|error| {
            Failure::malformed(error.code(), format!("token_makers: {error}; expected certificates"))
        })?;
    }
    Ok(roots)
}

/// A key by its fingerprint: as `ssh-keygen -l` tells it, and a builder's by the SHA-256 of its SubjectPublicKeyInfo.
pub(super) fn fingerprint(key: &IdentityKey) -> String {
    if let Ok((key, _)) = PublicKey::parse_line(&key.key, &Limits::DEFAULT) {
        return key.fingerprint();
    }
    STANDARD.decode(&key.key).map_or_else(|_| key.key.clone(), |der| ObjectId::of(&der).to_string())
}

/// What holds the keys of people, for people.
pub(super) fn tell(document: &PolicyDocument, out: &mut Output) {
    let of = |protection| {
        let people = document.identities.iter().filter(|(_, one)| one.kind == Kind::Person);
        let held = people.filter(|(_, one)| one.keys.iter().any(|key| key.protection == protection));
        let names: Vec<&str> = held.map(|(who, _)| who.as_str()).collect();
        if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
    };
    let (hardware, software) = (of(Protection::Hardware), of(Protection::Software));
    out.line(printable(&format!("keys in hardware, by a maker's word: {hardware}; in software: {software}")));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::release::name;

    /// A key of a token by its type alone: RFC 8032, section 7.1, test 1.
    const KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    fn public_key_line() -> String {
        let point = hex::decode(KEY).unwrap();
        let strings = [&b"sk-ssh-ed25519@openssh.com"[..], &point, b"ssh:"];
        let string = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
        format!("sk-ssh-ed25519@openssh.com {}", STANDARD.encode(strings.map(string).concat()))
    }

    fn key(with_attestation: bool) -> Result<IdentityKey, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = |called: &str, bytes: &[u8]| {
            let path = folder.path().join(called);
            std::fs::write(&path, bytes).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let alice = name("alice").unwrap();
        let key_file = file("alice.pub", public_key_line().as_bytes());
        let (said, asked) = (file("alice.att", b"a token made it"), file("challenge", b"4711"));
        let given =
            |path: &str| if with_attestation { vec![(alice.clone(), path.to_owned())] } else { Vec::new() };
        let tokens = Tokens { attestations: given(&said), challenges: given(&asked), chains: Vec::new() };
        let period = Period { from: Timestamp::from_unix(1), until: Timestamp::from_unix(2) };
        let made = tokens.key((&alice, &key_file), &FidoRoots::new(), period);
        made.map_err(|failure| failure.to_json()["error"]["code"].as_str().unwrap().to_owned())
    }

    #[test]
    fn a66_a_key_is_not_of_hardware_by_its_type() {
        let key = key(false).unwrap();
        assert_eq!((key.protection, key.attestation), (Protection::Software, None));
        assert_eq!(key.key, public_key_line());
    }

    #[test]
    fn a66_what_vouches_for_nothing_is_refused_before_a_policy_is_written() {
        assert_eq!(key(true).unwrap_err(), "ssh_truncated");
    }
}
