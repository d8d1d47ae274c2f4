//! `attest token`.

use std::path::{Path, PathBuf};

use attest_core::Limits;
use attest_core::authenticate::token::{self, AuthenticToken, Keys, TokenKey, Unproven};
use attest_core::authenticate::{Challenge, Nonce};
use attest_core::evidence::eat::{self, Lifecycle};
use clap::Args;
use serde_json::{Map, Value, json};

use super::input::read_file;
use super::{Exit, Failure, Output, Style, printable};
use crate::clock;

/// Is an attestation token (EAT as CWT or JWT, PSA profiles included) authentic, fresh and as its profile says?
#[derive(Args, Debug)]
pub(super) struct Token {
    /// The token: COSE_Sign1 or compact JWS, alone, in a CMW or in a detached bundle
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The key that must have signed it: PEM, JWK or COSE_Key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// A key that may have signed a token in it, another attester's: of a secure element, or of another part with keys of its own
    #[arg(long, value_name = "FILE")]
    nested_key: Vec<PathBuf>,
    /// The nonce that was sent to the device
    #[arg(long, value_name = "HEX")]
    nonce: Option<String>,
}

/// Why a token is refused: its stable code, the place and words.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) code: &'static str,
    pub(super) offset: Option<usize>,
    pub(super) detail: String,
}

impl Refused {
    fn before(code: &'static str, detail: &impl ToString) -> Self {
        Self { code, offset: None, detail: detail.to_string() }
    }
}

impl From<token::Error> for Refused {
    fn from(error: token::Error) -> Self {
        let offset = match &error {
            token::Error::Malformed(error) => error.offset(),
            _ => None,
        };
        Self { code: error.code(), offset, detail: error.to_string() }
    }
}

impl Token {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let limits = Limits::DEFAULT;
        super::evidence::check_nonce(self.nonce.as_deref())?;
        let sent = Sent::read(&self.file, &self.key, &self.nested_key, &limits)?;
        let token = eat::Token::parse(&sent.token, &limits);
        let format = token.as_ref().ok().map(|token| token.format().name());
        let proven = token
            .map_err(|error| Refused::from(token::Error::Malformed(error)))
            .and_then(|token| sent.prove(token, self.nonce.as_deref(), &limits));
        Ok(match proven {
            Ok(token) => {
                show(&token, out);
                if unproven(&token).next().is_none() { Exit::Good } else { Exit::Refused }
            }
            Err(refused) => {
                refuse(&refused, format, out);
                Exit::Refused
            }
        })
    }
}

/// A token, the key that must have signed it, and those that may have signed tokens in it, as their files hold them.
pub(super) struct Sent {
    token: Vec<u8>,
    key: Vec<u8>,
    nested: Vec<Vec<u8>>,
}

impl Sent {
    pub(super) fn read(
        token: &Path,
        key: &Path,
        nested: &[PathBuf],
        limits: &Limits,
    ) -> Result<Self, Failure> {
        let key_file = |path: &Path| read_file(path, limits.public_key_bytes);
        Ok(Self {
            token: read_file(token, limits.token_bytes)?,
            key: key_file(key)?,
            nested: nested.iter().map(|path| key_file(path)).collect::<Result<_, _>>()?,
        })
    }

    /// Read and proven.
    pub(super) fn authenticate(
        &self,
        nonce: Option<&str>,
        limits: &Limits,
    ) -> Result<AuthenticToken, Refused> {
        let token = eat::Token::parse(&self.token, limits).map_err(token::Error::Malformed)?;
        self.prove(token, nonce, limits)
    }

    /// The same beside a quote: it carries the quote's nonce.
    pub(super) fn authenticate_beside(
        &self,
        evidence: &attest_core::authenticate::AuthenticEvidence<'_>,
        limits: &Limits,
    ) -> Result<AuthenticToken, Refused> {
        let (own, nested) = self.keys(limits)?;
        let token = eat::Token::parse(&self.token, limits).map_err(token::Error::Malformed)?;
        Ok(evidence.authenticate_token(token, Keys { own: &own, nested: &nested }, clock::now())?)
    }

    fn prove(
        &self,
        token: eat::Token,
        nonce: Option<&str>,
        limits: &Limits,
    ) -> Result<AuthenticToken, Refused> {
        let (own, nested) = self.keys(limits)?;
        let nonce = hex::decode(nonce.unwrap_or_default())
            .map_err(|e| Refused::before("nonce_not_hexadecimal", &format!("--nonce: {e}")))?;
        let nonce = Nonce::given(&nonce).map_err(|e| Refused::before(e.code(), &e))?;
        let (keys, challenge) = (Keys { own: &own, nested: &nested }, Challenge::offline(nonce));
        Ok(AuthenticToken::authenticate(token, keys, challenge, clock::now())?)
    }

    fn keys(&self, limits: &Limits) -> Result<(TokenKey, Vec<TokenKey>), Refused> {
        let read = |key: &Vec<u8>| TokenKey::vouched(key, limits).map_err(|e| Refused::before(e.code(), &e));
        Ok((read(&self.key)?, self.nested.iter().map(read).collect::<Result<_, _>>()?))
    }
}

/// The submodules of which nothing is proven, of this token and of those in it.
fn unproven(token: &AuthenticToken) -> impl Iterator<Item = &Unproven> {
    token.with_nested().into_iter().flat_map(AuthenticToken::unproven)
}

fn refuse(refused: &Refused, format: Option<&str>, out: &mut Output) {
    let Refused { code, offset, detail } = refused;
    if !out.wants_json() {
        let verdict = out.paint(Style::Bad, "not valid");
        let place = offset.map(|offset| format!(", offset {offset}")).unwrap_or_default();
        out.line(format!("{verdict}  {} [{code}{place}]", printable(detail)));
        return;
    }
    let mut error = json!({ "code": code, "detail": detail });
    if let (Some(error), Some(offset)) = (error.as_object_mut(), offset) {
        error.insert("offset".into(), json!(offset));
    }
    let mut document = json!({
        "valid": false,
        "code": code,
        "error": error,
        "findings": [{ "code": code, "severity": "refuse", "detail": detail }],
    });
    if let (Some(document), Some(format)) = (document.as_object_mut(), format) {
        document.insert("format".into(), json!(format));
    }
    out.json(&document);
}

/// What an authentic token says that a person should hear about, each with its code.
fn findings(token: &AuthenticToken) -> Vec<(&'static str, &'static str, String)> {
    let mut findings: Vec<_> =
        token.remarks().into_iter().map(|remark| (remark.code(), "info", remark.detail())).collect();
    for (path, claims) in token.claims().parts() {
        let whose = |whole: &str| match path.as_slice() {
            [] => whole.to_owned(),
            path => format!("the submodule `{}`", path.join("/")),
        };
        if claims.dbgstat == Some(eat::DebugStatus::Enabled) {
            let detail = format!("the token says that {} can be debugged now", whose("the device"));
            findings.push(("token_debug_enabled", "warn", detail));
        }
        if let Some((state, _)) = claims.lifecycle()
            && state != Lifecycle::Secured
        {
            let detail =
                format!("{} is in the state {}, not secured", whose("the root of trust"), state.name());
            findings.push(("token_lifecycle_insecure", "warn", detail));
        }
    }
    findings.extend(token.unproven().iter().map(|part| {
        let detail = format!("nothing of the submodule `{}` is proven: {}", part.path.join("/"), part.error);
        (part.error.code(), "refuse", detail)
    }));
    findings
}

/// A proven token in another.
fn nested(token: &AuthenticToken) -> Value {
    json!({
        "path": token.path(),
        "format": token.format().name(),
        "profile": token.claims().profile.name(),
        "algorithm": token.algorithm().name(),
        "claims": token.claims().shown(),
    })
}

fn show(token: &AuthenticToken, out: &mut Output) {
    let claims = token.claims();
    let nonce = hex::encode(token.nonce().as_bytes());
    let all = token.with_nested();
    let findings: Vec<_> = all.iter().flat_map(|token| findings(token)).collect();
    let refused = unproven(token).next().map(|part| part.error.code());
    if out.wants_json() {
        let findings: Vec<Value> = findings
            .into_iter()
            .map(|(code, severity, detail)| json!({ "code": code, "severity": severity, "detail": detail }))
            .collect();
        let mut document = json!({
            "valid": refused.is_none(),
            "format": token.format().name(),
            "profile": claims.profile.name(),
            "algorithm": token.algorithm().name(),
            "nonce": nonce,
            "claims": claims.shown(),
            "findings": findings,
        });
        if let Some(document) = document.as_object_mut() {
            if all.len() > 1 {
                document.insert("nested".into(), all.iter().skip(1).map(|token| nested(token)).collect());
            }
            if let Some(code) = refused {
                document.insert("code".into(), json!(code));
            }
        }
        out.json(&document);
        return;
    }
    let verdict = match refused {
        None => out.paint(Style::Good, "valid"),
        Some(_) => out.paint(Style::Bad, "not valid"),
    };
    let profile = claims.profile.name().unwrap_or("no profile");
    out.line(format!("{verdict}  {} {}, {profile}", token.format().name(), token.algorithm()));
    print_claims(claims.shown(), 0, out);
    for token in all.iter().skip(1) {
        let profile = token.claims().profile.name().unwrap_or("no profile");
        let heading =
            format!("{}, {} {}, {profile}", token.path().join("/"), token.format().name(), token.algorithm());
        out.line(format!("{}  {}", out.paint(Style::Good, "valid"), printable(&heading)));
        print_claims(token.claims().shown(), 2, out);
    }
    for (code, severity, detail) in findings {
        let style = match severity {
            "refuse" => Style::Bad,
            "warn" => Style::Warn,
            _ => Style::Dim,
        };
        let mark = out.paint(style, severity);
        out.line(format!("{mark}  {} [{code}]", printable(&detail)));
    }
}

/// A claim a line; maps and lists below their name.
fn print_claims(claims: &Map<String, Value>, indent: usize, out: &mut Output) {
    for (name, value) in claims {
        let name = printable(name);
        match value {
            Value::Object(inner) => {
                out.line(format!("{:indent$}{name}", ""));
                print_claims(inner, indent + 2, out);
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                out.line(format!("{:indent$}{name}", ""));
                for (at, item) in items.iter().enumerate() {
                    match item {
                        Value::Object(inner) => {
                            out.line(format!("{:indent$}  {at}", ""));
                            print_claims(inner, indent + 4, out);
                        }
                        other => out.line(format!("{:indent$}  {at}  {}", "", plain(other))),
                    }
                }
            }
            other => out.line(format!("{:indent$}{name}  {}", "", plain(other))),
        }
    }
}

fn plain(value: &Value) -> String {
    printable(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

#[cfg(test)]
mod tests;
