//! `attest golden import`.

use std::fs;
use std::path::PathBuf;

use attest_core::Limits;
use attest_core::authenticate::TokenKey;
use attest_core::evidence::eat::PsaProfile;
use attest_core::reference::corim::{self, Class, Corim, Environment, Identifier, SignedCorim, Signer};
use attest_core::reference::document::check_validity;
use attest_core::reference::import::{Choices, Imported, import};
use clap::Args;
use serde_json::json;

use crate::cli::input::read_file;
use crate::cli::verify::unusable;
use crate::cli::{Exit, Failure, Output, printable};
use crate::clock;

/// Make a draft of what a maker's CoRIM says of his root of trust: golden values for a family's tokens.
#[derive(Args, Debug)]
pub(super) struct Import {
    /// The CoRIM, of the profile for PSA endorsements
    file: PathBuf,
    /// The device family that the document is for
    #[arg(long, value_name = "NAME")]
    family: String,
    /// The implementation, by its id, where the CoRIM speaks of several
    #[arg(long, value_name = "HEX")]
    implementation: Option<String>,
    /// The profile of the family's tokens
    #[arg(long, value_name = "NAME", default_value = PsaProfile::Tfm.name())]
    token_profile: String,
    /// Who must have signed it: their public key, as PEM, JWK or COSE_Key. They may speak of the named implementation and of no other
    #[arg(long, value_name = "FILE", requires = "implementation")]
    key: Option<PathBuf>,
    /// Write the draft here; without it, it is printed
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Import {
    pub(super) fn run(self, limits: &Limits, out: &mut Output) -> Result<Exit, Failure> {
        let implementation =
            self.implementation.as_deref().map(hex::decode).transpose().map_err(|error| {
                Failure::usage("implementation_not_hexadecimal", format!("--implementation: {error}"))
            })?;
        let profile = PsaProfile::from_name(&self.token_profile).ok_or_else(|| {
            Failure::usage("token_profile_unknown", format!("`{}` is no PSA profile", self.token_profile))
        })?;
        let choices = Choices {
            family: &self.family,
            implementation: implementation.as_deref(),
            profile,
            signed_until: None,
        };
        let bytes = read_file(&self.file, limits.golden_bytes)?;
        let imported = match &self.key {
            None => {
                let corim = Corim::parse(&bytes, limits).map_err(|e| unusable(&self.file, &e.into()))?;
                self.import(&corim, &choices)?
            }
            Some(key) => {
                let key = TokenKey::vouched(&read_file(key, limits.public_key_bytes)?, limits)
                    .map_err(|error| Failure::usage(error.code(), error))?;
                self.import_signed(&bytes, &key, &choices, limits)?
            }
        };
        self.tell(&imported, out)
    }

    fn import(&self, corim: &Corim<'_>, choices: &Choices<'_>) -> Result<Imported, Failure> {
        check_validity(corim.validity, clock::now()).map_err(|error| unusable(&self.file, &error))?;
        import(corim, choices).map_err(|e| Failure::usage(e.code(), format!("{}: {e}", self.file.display())))
    }

    fn import_signed(
        &self,
        bytes: &[u8],
        key: &TokenKey,
        choices: &Choices<'_>,
        limits: &Limits,
    ) -> Result<Imported, Failure> {
        // A50: what nobody signed is not taken where a signature is asked for.
        if !matches!(Corim::parse(bytes, limits), Err(corim::Error::Signed)) {
            let detail = format!("{}: --key wants a signed CoRIM, and this is none", self.file.display());
            return Err(Failure::usage("golden_unsigned", detail));
        }
        let signed = SignedCorim::parse(bytes, limits).map_err(|e| unusable(&self.file, &e.into()))?;
        let id = choices.implementation.map(Identifier::Bytes);
        let class = Class { id, vendor: None, model: None, layer: None, index: None };
        let authority = [Environment { class: Some(class), instance: None, group: None }];
        let signer = Signer { key, name: None, authority: &authority };
        let authentic = signed
            .authenticate(&signer, |_| None, clock::now(), limits)
            .map_err(|e| Failure::usage(e.code(), format!("{}: {e}", self.file.display())))?;
        self.import(authentic.corim(), &Choices { signed_until: authentic.valid_until(), ..*choices })
    }

    /// The draft, and on standard error what is not in it.
    fn tell(&self, imported: &Imported, out: &mut Output) -> Result<Exit, Failure> {
        let text = imported.golden.to_toml();
        if let Some(path) = &self.out {
            fs::write(path, &text)
                .map_err(|e| Failure::usage("file_unwritable", format!("{}: {e}", path.display())))?;
        }
        if out.wants_json() {
            let path = self.out.as_ref().map(|path| path.display().to_string());
            out.json(&json!({ "family": imported.golden.family, "out": path, "document": text,
                              "left_out": imported.left_out,
                              "valid_until": imported.valid_until.map(|until| until.to_string()) }));
            return Ok(Exit::Good);
        }
        for words in &imported.left_out {
            eprintln!("attest: not in the draft: {}", printable(words));
        }
        match &self.out {
            None => out.line(text.trim_end()),
            Some(path) => {
                let count = imported.golden.tokens.iter().map(|token| token.variants.len()).sum::<usize>();
                out.line(format!("{}: a draft with {count} known set(s) of software", path.display()));
                out.line("Review it (`attest golden show`, `attest golden check`) before you trust it.");
            }
        }
        Ok(Exit::Good)
    }
}
