//! `attest golden learn`.

use std::fs;
use std::path::{Path, PathBuf};

use attest_core::Limits;
use attest_core::authenticate::ima::Unproven;
use attest_core::reference::Golden;
use attest_core::reference::golden::{
    Accepted, ImaSigner, NotJudged, RuleKind, SignerKeyGolden, key_from_pem,
};
use attest_core::reference::learn::{self, Advice, Boot, Choices};
use attest_core::reference::learn_token;
use attest_core::reference::overlay::OverlaySigner;
use attest_core::release::Name;
use clap::Args;
use serde_json::json;

use crate::cli::evidence::EvidenceFlags;
use crate::cli::input::read_file;
use crate::cli::token::Sent;
use crate::cli::{Exit, Failure, Output, printable};

mod boots;

use boots::{Source, boot_name, boots, ima_files, parse_log, proven, userspace_log};

/// Flags of `learn`: each list names the boots in the same order.
#[derive(Args, Debug)]
pub(super) struct Learn {
    /// The device family
    #[arg(long, value_name = "NAME")]
    family: String,
    /// Event logs of known-good boots
    #[arg(long, value_name = "FILE", required_unless_present = "token", num_args = 1..)]
    eventlog: Vec<PathBuf>,
    /// IMA lists of the same boots; without them runtime integrity will not be judged
    #[arg(long, value_name = "FILE", num_args = 1..)]
    ima: Vec<PathBuf>,
    /// Their logs of user space: systemd's, or canonical event logs; without them PCR 15 is not judged
    #[arg(long, value_name = "FILE", num_args = 1..)]
    userspace_log: Vec<PathBuf>,
    /// Keys that sign files, PEM: files signed by one of them are not listed one by one
    #[arg(long, value_name = "NAME=FILE", num_args = 1.., requires = "ima")]
    ima_signer: Vec<String>,
    /// Quotes of the same boots, so that the logs are proven
    #[arg(long, value_name = "FILE", num_args = 1.., requires_all = ["signature", "ak", "nonce"])]
    attest: Vec<PathBuf>,
    /// Their signatures
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "attest")]
    signature: Vec<PathBuf>,
    /// Their attestation keys
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "attest")]
    ak: Vec<PathBuf>,
    /// Their nonces
    #[arg(long, value_name = "HEX", num_args = 1.., requires = "attest")]
    nonce: Vec<String>,
    /// Their PCR values
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "attest")]
    pcrs: Vec<PathBuf>,
    /// Attestation tokens of known-good devices, instead of event logs or beside them
    #[arg(long, value_name = "FILE", num_args = 1.., requires_all = ["token_key", "token_nonce"])]
    token: Vec<PathBuf>,
    /// The keys that must have signed them: PEM, JWK or COSE_Key
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "token")]
    token_key: Vec<PathBuf>,
    /// Their nonces
    #[arg(long, value_name = "HEX", num_args = 1.., requires = "token")]
    token_nonce: Vec<String>,
    /// Keys that may have signed tokens in these, other attesters'
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "token")]
    nested_key: Vec<PathBuf>,
    /// Scheme of bare signatures
    #[arg(long, value_name = "SCHEME", requires = "attest")]
    signature_scheme: Option<String>,
    /// What to call the boots; else the names of their files or folders
    #[arg(long, value_name = "NAME", num_args = 1..)]
    name: Vec<String>,
    /// Accept a weakness: secure_boot_off, shim_validation_off or test_keys, with a reason after `=`
    #[arg(long, value_name = "WEAKNESS[=REASON]", num_args = 1..)]
    accept: Vec<String>,
    /// Do not judge a PCR, with the reason after `=`
    #[arg(long, value_name = "PCR=REASON", num_args = 1..)]
    not_judged: Vec<String>,
    /// Let slots vary by a rule: dbx_at_least, sbat_at_least, db_at_most, kek_at_most, pk_at_most, dbt_at_most, dbr_at_most,
    /// partition_table, boot_entry, boot_order
    #[arg(long, value_name = "RULE", num_args = 1..)]
    rule: Vec<String>,
    /// Mark the slots of a component as per_device: a signed overlay brings each device's own digests
    #[arg(long, value_name = "COMPONENT", num_args = 1..)]
    per_device: Vec<String>,
    /// Whose signed overlays count: a name for them, and their P-256 public key (PEM)
    #[arg(long, value_name = "NAME=FILE", num_args = 1..)]
    overlay_signer: Vec<String>,
    /// Write the draft here instead of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Releases name families, and take no other names: what is learned under another one could never be released.
fn check_family(family: &str) -> Result<(), Failure> {
    let rule = "1 to 64 of a-z, 0-9, `.`, `_` and `-`, a letter or a digit first";
    match Name::try_from(family) {
        Ok(_) => Ok(()),
        Err(error) => {
            let detail = format!("--family `{family}`: {error}; expected {rule}");
            Err(Failure::usage(error.code(), detail))
        }
    }
}

impl Learn {
    pub(super) fn run(self, limits: &Limits, out: &mut Output) -> Result<Exit, Failure> {
        check_family(&self.family)?;
        self.check_counts()?;
        let choices = self.choices()?;
        let count = self.eventlog.len();
        let signers = &choices.signers;
        let sources = (0..count).map(|at| self.source(at, signers, limits)).collect::<Result<Vec<_>, _>>()?;
        let logs = sources.iter().map(|s| parse_log(s, limits)).collect::<Result<Vec<_>, _>>()?;
        let refused = |error: learn::Error| Failure::malformed(error.code(), error);
        let boots = match sources.as_slice() {
            [] => Vec::new(),
            _ => boots(&sources, &logs, &choices).map_err(refused)?,
        };
        let mut golden = if boots.is_empty() {
            learn_token::empty(&self.family)
        } else {
            learn::learn(&self.family, &boots, &choices).map_err(refused)?
        };
        self.learn_tokens(&mut golden, limits)?;
        let text = golden.to_toml();
        let proposals = proposals(&boots, &golden);
        let doubts = doubts(&boots);
        let Some(path) = &self.out else {
            if out.wants_json() {
                out.json(
                    &json!({ "family": golden.family, "variants": golden.variants.len(), "document": text,
                             "differences": proposals, "doubts": doubts }),
                );
            } else {
                out.line(text.trim_end());
            }
            return Ok(Exit::Good);
        };
        fs::write(path, &text)
            .map_err(|e| Failure::usage("file_unwritable", format!("{}: {e}", path.display())))?;
        let names: Vec<&str> = golden.variants.iter().map(|v| v.name.as_str()).collect();
        if out.wants_json() {
            out.json(&json!({ "family": golden.family, "variants": names, "out": path.display().to_string(),
                         "differences": proposals, "doubts": doubts }));
        } else {
            out.line(format!("{}: {}", path.display(), draft(&golden)));
            out.line("Review it (`attest golden show`, `attest golden check`) before you trust it.");
        }
        Ok(Exit::Good)
    }

    /// A section of golden values for each profile that the tokens have.
    fn learn_tokens(
        &self,
        golden: &mut attest_core::reference::Golden,
        limits: &Limits,
    ) -> Result<(), Failure> {
        let count = self.token.len();
        if self.token_key.len() != count || self.token_nonce.len() != count {
            let detail = "give one --token-key and one --token-nonce for each --token, in the same order";
            return Err(Failure::usage("count_mismatch", detail));
        }
        let mut tokens = Vec::new();
        for ((file, key), nonce) in self.token.iter().zip(&self.token_key).zip(&self.token_nonce) {
            let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            let sent = Sent::read(file, key, &self.nested_key, limits)?;
            let token = sent.authenticate(Some(nonce), limits).map_err(|refused| {
                Failure::malformed(refused.code, format!("{}: {}", file.display(), refused.detail))
            })?;
            tokens.push((name, token));
        }
        let tokens: Vec<_> = tokens.iter().map(|(name, token)| (name.as_str(), token)).collect();
        if tokens.is_empty() {
            return Ok(());
        }
        learn_token::add(golden, &tokens).map_err(|error| Failure::malformed(error.code(), error))
    }

    fn check_counts(&self) -> Result<(), Failure> {
        let boots = self.eventlog.len();
        let lists = [
            ("--ima", self.ima.len()),
            ("--userspace-log", self.userspace_log.len()),
            ("--attest", self.attest.len()),
            ("--signature", self.signature.len()),
            ("--ak", self.ak.len()),
            ("--nonce", self.nonce.len()),
            ("--pcrs", self.pcrs.len()),
            ("--name", self.name.len()),
        ];
        match lists.into_iter().find(|(_, count)| *count != 0 && *count != boots) {
            None => Ok(()),
            Some((flag, count)) => {
                let detail = format!(
                    "{boots} event logs, but {count} of {flag}: give one for each, in the same order"
                );
                Err(Failure::usage("count_mismatch", detail))
            }
        }
    }

    fn choices(&self) -> Result<Choices, Failure> {
        let accept = |text: &String| {
            let (weakness, reason) =
                text.split_once('=').unwrap_or((text, "accepted when the draft was made"));
            match weakness {
                "secure_boot_off" | "shim_validation_off" | "test_keys" => {
                    Ok(Accepted { weakness: weakness.to_owned(), reason: reason.to_owned() })
                }
                other => Err(Failure::usage("weakness_unknown", format!("`{other}` is not a weakness"))),
            }
        };
        let not_judged = |text: &String| {
            let bad = || Failure::usage("not_judged_malformed", format!("`{text}` is not PCR=REASON"));
            let (pcr, reason) = text.split_once('=').ok_or_else(bad)?;
            if reason.trim().is_empty() {
                return Err(bad());
            }
            Ok(NotJudged { pcr: pcr.parse().map_err(|_| bad())?, reason: reason.to_owned() })
        };
        Ok(Choices {
            accepted: self.accept.iter().map(accept).collect::<Result<_, _>>()?,
            not_judged: self.not_judged.iter().map(not_judged).collect::<Result<_, _>>()?,
            rules: self.rules()?,
            per_device: self.per_device.clone(),
            overlay_signers: self
                .overlay_signer
                .iter()
                .map(|text| overlay_signer(text))
                .collect::<Result<_, _>>()?,
            signers: self.ima_signer.iter().map(Self::signer).collect::<Result<_, _>>()?,
        })
    }

    /// A key that signs files, under its name.
    fn signer(text: &String) -> Result<ImaSigner, Failure> {
        let bad = || Failure::usage("signer_malformed", format!("`{text}` is not NAME=FILE"));
        let (name, path) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(bad)?;
        let pem = read_file(Path::new(path), Limits::DEFAULT.certificate_bytes)?;
        let key = str::from_utf8(&pem).ok().and_then(key_from_pem).ok_or_else(|| {
            let detail =
                format!("{path}: no PEM public key or certificate of RSA-2048 to 4096, P-256 or P-384");
            Failure::usage("signer_key_unsupported", detail)
        })?;
        let spki = SignerKeyGolden::Spki(key.spki().to_vec());
        Ok(ImaSigner { name: name.to_owned(), keyid: key.keyid(), key: spki })
    }

    fn rules(&self) -> Result<Vec<RuleKind>, Failure> {
        let mut rules: Vec<RuleKind> = Vec::new();
        for name in &self.rule {
            let unknown = || Failure::usage("rule_unknown", format!("`{name}` is not a rule"));
            let kind = RuleKind::from_name(name).ok_or_else(unknown)?;
            if !rules.contains(&kind) {
                rules.push(kind);
            }
        }
        Ok(rules)
    }

    fn source(&self, at: usize, signers: &[ImaSigner], limits: &Limits) -> Result<Source, Failure> {
        let missing = || Failure::usage("count_mismatch", "fewer files than event logs");
        let log_path = self.eventlog.get(at).ok_or_else(missing)?;
        let name = self.name.get(at).cloned().unwrap_or_else(|| boot_name(log_path));
        let userspace = self.userspace_log.get(at);
        let Some(attest) = self.attest.get(at) else {
            let log = read_file(log_path, limits.event_log_bytes)?;
            let ima = self.ima.get(at).map(|path| read_file(path, limits.ima_bytes)).transpose()?;
            let files = ima.map(|bytes| ima_files(&bytes, &name, signers, limits)).transpose()?;
            let userspace = userspace.map(|path| read_file(path, limits.userspace_log_bytes)).transpose()?;
            let userspace = userspace.map(|bytes| userspace_log(&bytes, &name, limits)).transpose()?;
            return Ok(Source { name, log, userspace, files, quoted: Vec::new(), has_quote: false });
        };
        let flags = EvidenceFlags {
            attest: Some(attest.clone()),
            signature: Some(self.signature.get(at).ok_or_else(missing)?.clone()),
            ak: Some(self.ak.get(at).ok_or_else(missing)?.clone()),
            nonce: self.nonce.get(at).cloned(),
            pcrs: self.pcrs.get(at).cloned(),
            eventlog: Some(log_path.clone()),
            ima: self.ima.get(at).cloned(),
            userspace_log: userspace.cloned(),
            signature_scheme: self.signature_scheme.clone(),
        };
        proven(name, &flags.read(limits)?, signers, limits)
    }
}

/// What the boots differ in, as JSON; said on standard error too.
fn proposals(boots: &[Boot<'_, '_>], golden: &Golden) -> Vec<serde_json::Value> {
    let mut list = Vec::new();
    for proposal in learn::proposals(boots, golden) {
        let learn::Proposal { pcr, component, values, advice } = proposal;
        let (fits, words) = match advice {
            Advice::Rule(kind) => (kind.name().to_owned(), format!("--rule {} accounts for it", kind.name())),
            Advice::PerDevice => {
                ("per_device".to_owned(), format!("if it is each device's own: --per-device {component}"))
            }
            Advice::Alternatives => (
                "alternatives".to_owned(),
                "each value stays golden by itself; is this one family?".to_owned(),
            ),
        };
        let line =
            format!("attest: PCR {pcr} {component} has {values} values in {} boots; {words}", boots.len());
        eprintln!("{}", printable(&line));
        list.push(json!({ "pcr": pcr, "component": component, "values": values, "fits": fits }));
    }
    list
}

/// IMA lists that do not say which boot they are of, as JSON; said on standard error too.
fn doubts(boots: &[Boot<'_, '_>]) -> Vec<serde_json::Value> {
    let doubted = boots.iter().filter_map(|boot| Some((boot.name, learn::list_doubt(boot)?)));
    let doubt = |(name, why): (&str, Unproven)| {
        let words = match why {
            Unproven::AllZero => "its boot_aggregate is zero",
            Unproven::NotQuoted { .. } => "its boot_aggregate is in a bank that the log does not have",
            Unproven::Missing => "it has no boot_aggregate",
            _ => "its boot_aggregate is in a hash that is not known",
        };
        let detail = format!("the IMA list may be of another boot than the log: {words}");
        eprintln!("attest: boot `{}`: {detail}", printable(name));
        json!({ "boot": name, "code": format!("ima_{}", why.code()), "detail": detail })
    };
    doubted.map(doubt).collect()
}

fn overlay_signer(text: &str) -> Result<OverlaySigner, Failure> {
    let bad = || {
        Failure::usage(
            "overlay_signer_malformed",
            format!("`{text}` is not NAME=FILE with a P-256 key in PEM"),
        )
    };
    let (name, path) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(bad)?;
    let pem = read_file(Path::new(path), Limits::DEFAULT.public_key_bytes)?;
    let pem = String::from_utf8(pem).map_err(|_| bad())?;
    let inner = pem.trim().strip_prefix("-----BEGIN PUBLIC KEY-----");
    let inner = inner.and_then(|text| text.strip_suffix("-----END PUBLIC KEY-----")).ok_or_else(bad)?;
    let base64: String = inner.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    OverlaySigner::from_base64(name, &base64).ok_or_else(bad)
}

/// What a draft holds, in one line.
fn draft(golden: &Golden) -> String {
    let named = |what: &str, names: Vec<&str>| {
        let many = if names.len() == 1 { "" } else { "s" };
        (!names.is_empty()).then(|| format!("{} {what}{many} ({})", names.len(), names.join(", ")))
    };
    let variants = named("variant", golden.variants.iter().map(|v| v.name.as_str()).collect());
    let tokens = named("token section", golden.tokens.iter().map(|t| t.name.as_str()).collect());
    let parts: Vec<String> = variants.into_iter().chain(tokens).collect();
    format!("a draft with {}", if parts.is_empty() { "no variant".to_owned() } else { parts.join(" and ") })
}

#[cfg(test)]
mod tests;
