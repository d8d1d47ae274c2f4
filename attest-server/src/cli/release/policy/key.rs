//! `attest release policy add-key`: another key of somebody whom a draft names, with the word of the token's maker.

use std::collections::BTreeSet;
use std::path::PathBuf;

use attest_core::Limits;
use attest_core::release::Name;
use attest_core::release::policy::Kind;
use clap::Args;
use serde_json::json;

use super::{answer, from_toml, to_toml};
use crate::cli::release::token::{Period, Tokens, certificates, fingerprint, makers};
use crate::cli::release::{listed, named, write};
use crate::cli::{Failure, Output};
use crate::clock;

const DAY: u64 = 86_400;

/// Flags of `policy add-key`.
#[derive(Args, Debug)]
pub(in crate::cli::release) struct AddKey {
    /// The draft, TOML, as `policy show --next` writes it
    file: PathBuf,
    /// Whose key it is, and the file with it as OpenSSH writes it
    #[arg(value_name = "NAME=FILE", value_parser = named)]
    of: (Name, String),
    #[command(flatten)]
    tokens: Tokens,
    /// The certificate of a maker of tokens, whose word counts from now on, PEM or DER
    #[arg(long = "token-maker", value_name = "FILE")]
    makers: Vec<PathBuf>,
    /// How long the key counts
    #[arg(long, value_name = "NUMBER", default_value_t = 365)]
    days: u64,
    /// Where to write the draft with the key
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl AddKey {
    pub(super) fn run(self, out: &mut Output) -> Result<(), Failure> {
        let (who, file) = &self.of;
        self.tokens.are_of(&BTreeSet::from([who]))?;
        let mut document = from_toml(&self.file, &Limits::DEFAULT)?;
        for path in &self.makers {
            for maker in certificates(path)? {
                if !document.token_makers.contains(&maker) {
                    document.token_makers.push(maker);
                }
            }
        }
        let from = clock::now();
        let period = Period { from, until: from.plus(self.days.saturating_mul(DAY)) };
        let makers = makers(&document.token_makers)?;
        let there = listed(document.identities.keys());
        let identity = document.identities.get_mut(who).filter(|one| one.kind != Kind::Builder);
        let Some(identity) = identity else {
            let detail =
                format!("{who}={file}: nobody with keys of OpenSSH is called so; the draft has {there}");
            return Err(Failure::usage("identity_unknown", detail));
        };
        let key = self.tokens.key((who, file), &makers, period)?;
        let protection = key.protection.name();
        let shown = fingerprint(&key);
        identity.keys.push(key);
        write(&self.out, to_toml(&document)?.as_bytes())?;
        let path = self.out.display().to_string();
        let line =
            format!("{who} has {shown} in {protection}; build {path} with `attest release policy build`");
        let json = json!({ "identity": who, "key": shown, "protection": protection, "out": path });
        answer(out, json, line);
        Ok(())
    }
}
