//! Tokens: what a device's own attester says, held against the golden document's `[[token]]` sections.

mod claims;
mod software;
mod verdict;

pub(super) use self::verdict::worse;

use self::claims::Judge;
use super::finding::{Code, Part, Reason, Severity};
use crate::authenticate::token::Unproven;
use crate::authenticate::{AuthenticEvidence, AuthenticToken, Subject};
use crate::reference::Golden;
use crate::reference::ReferenceSet;
use crate::reference::golden::TokenGolden;

/// What was found about all tokens: findings about the evidence as a whole, and one judgement a token.
pub(super) struct Tokens {
    pub(super) reasons: Vec<Reason>,
    judged: Vec<Judged>,
}

struct Judged {
    name: String,
    has_golden: bool,
    judges_hardware: bool,
    judges_software: bool,
    nonce: Option<String>,
    profile: Option<&'static str>,
}

/// Judges every token, those in tokens like those that came by themselves, and misses those that the golden document has a section for.
pub(super) fn judge(
    tokens: &[AuthenticToken],
    evidence: Option<&AuthenticEvidence<'_>>,
    references: &ReferenceSet,
) -> Tokens {
    let golden = references.golden();
    let mut out = Tokens { reasons: Vec::new(), judged: Vec::new() };
    let mut around: Vec<(&[String], String)> = Vec::new();
    for (at, token) in tokens.iter().flat_map(AuthenticToken::with_nested).enumerate() {
        out.reasons.extend(together(token, tokens, evidence));
        let profile = token.claims().profile.name();
        let section = golden.tokens.iter().find(|section| is_for(section, token));
        let name = section.map_or_else(|| free_name(at, golden, &out.judged), |section| section.name.clone());
        out.reasons.extend(token.unproven().iter().map(|part| not_proven(&name, part)));
        around.retain(|(path, _)| path.len() < token.path().len() && token.path().starts_with(path));
        match section {
            None => {
                out.reasons.push(not_judged(&name));
                let section = TokenGolden { name: name.clone(), ..TokenGolden::default() };
                let mut judge = Judge { section: &section, references, reasons: Vec::new() };
                judge.every_part(token.claims());
                out.reasons.extend(judge.reasons);
                out.reasons.extend(around.last().map(|(path, outer)| holds_unjudged(outer, path, token)));
            }
            Some(_) if out.judged.iter().any(|known| known.name == name) => {
                let explain = format!("there are two tokens of `{name}`: which one is the device?");
                let reason = Reason::new(Code::TokenRepeated, Severity::Refuse, Part::Evidence, explain);
                out.reasons.push(Reason { token: Some(name), ..reason });
                continue;
            }
            Some(section) => {
                around.push((token.path(), name.clone()));
                let mut judge = Judge { section, references, reasons: Vec::new() };
                judge.token(token.claims());
                out.reasons.extend(judge.reasons);
            }
        }
        out.judged.push(Judged {
            name,
            has_golden: section.is_some(),
            judges_hardware: section
                .is_some_and(|s| !(s.implementation_ids.is_empty() && s.hwmodel.is_empty())),
            judges_software: section.is_some_and(|s| !s.variants.is_empty()),
            nonce: Some(hex::encode(token.nonce().as_bytes())),
            profile,
        });
    }
    for section in &golden.tokens {
        if out.judged.iter().all(|judged| judged.name != section.name) {
            let of = section
                .profile
                .as_ref()
                .map(|profile| format!(" of the profile {profile}"))
                .unwrap_or_default();
            let explain =
                format!("the golden values ask for the token `{}`{of}, and there is none", section.name);
            let reason = Reason::new(Code::TokenMissing, Severity::Refuse, Part::Token, explain);
            out.reasons.push(Reason { token: Some(section.name.clone()), ..reason });
            out.judged.push(Judged {
                name: section.name.clone(),
                has_golden: true,
                judges_hardware: false,
                judges_software: false,
                nonce: None,
                profile: None,
            });
        }
    }
    out
}

/// What a token is called that no section is for: not what a section is called, or it would stand in for that one.
fn free_name(at: usize, golden: &Golden, judged: &[Judged]) -> String {
    let is_taken = |name: &String| {
        golden.tokens.iter().any(|section| section.name == *name)
            || judged.iter().any(|known| known.name == *name)
    };
    // Numbers do not run out.
    (at..).map(|number| format!("token-{number}")).find(|name| !is_taken(name)).unwrap_or_default()
}

/// Whether these are the golden values of this token: of its profile, and for its place in another.
fn is_for(section: &TokenGolden, token: &AuthenticToken) -> bool {
    section.profile.as_deref() == token.claims().profile.name() && section.submodule == token.path()
}

/// A part that only says that it is one of the device: what it would say, and what it leaves out, nobody knows.
fn not_proven(name: &str, part: &Unproven) -> Reason {
    let path = part.path.join("/");
    let explain =
        format!("nothing of the submodule `{path}` is proven: {} ({})", part.error, part.error.code());
    let reason = Reason::new(Code::TokenSubmoduleUnproven, Severity::Refuse, Part::Token, explain);
    Reason { token: Some(name.to_owned()), component: Some(format!("{name}.{path}")), ..reason }
}

/// A27a: a token counts beside a quote, or beside another token, only if its key is enrolled to the same device, and it answers the same
/// question.
fn together(
    token: &AuthenticToken,
    all: &[AuthenticToken],
    evidence: Option<&AuthenticEvidence<'_>>,
) -> Vec<Reason> {
    let quote = evidence.map(|evidence| (evidence.quote().subject(), evidence.quote().nonce()));
    let first = all.first().map(|first| (first.subject(), first.nonce()));
    let Some((subject, nonce)) = quote.or(first) else { return Vec::new() };
    let mut reasons = Vec::new();
    let mut refuse =
        |code, explain: String| reasons.push(Reason::new(code, Severity::Refuse, Part::Evidence, explain));
    if token.subject() != subject {
        let explain = format!(
            "the token is of {}, the rest of the evidence is of {}",
            whose(token.subject()),
            whose(subject)
        );
        refuse(Code::TokenOfAnotherDevice, explain);
    }
    if token.nonce() != nonce {
        refuse(
            Code::TokenOfAnotherChallenge,
            "the token answers another challenge than the rest of the evidence".into(),
        );
    }
    reasons
}

fn whose(subject: &Subject) -> String {
    match subject {
        Subject::Enrolled { device_id } => format!("the device {device_id}"),
        Subject::Vouched => "a device that only the caller vouches for".to_owned(),
    }
}

fn not_judged(name: &str) -> Reason {
    let explain = "there are no golden values for this token: it is authentic, and not judged";
    let reason = Reason::new(Code::TokenNotJudged, Severity::Warn, Part::Token, explain);
    Reason { token: Some(name.to_owned()), ..reason }
}

/// A device is no better than a part of it that nobody knows: the token around it does not affirm.
fn holds_unjudged(outer: &str, path: &[String], part: &AuthenticToken) -> Reason {
    let place = part.path().get(path.len()..).unwrap_or_default().join("/");
    let explain =
        format!("there are no golden values for its submodule `{place}`: it is authentic, and not judged");
    let reason = Reason::new(Code::TokenNotJudged, Severity::Warn, Part::Token, explain);
    Reason { token: Some(outer.to_owned()), component: Some(format!("{outer}.{place}")), ..reason }
}

#[cfg(test)]
mod tests;
