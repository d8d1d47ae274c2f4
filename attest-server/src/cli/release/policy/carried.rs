//! What a policy carries on of what families said of themselves, in words: in the policy itself it is a digest.

use attest_core::release::family::FamilyChange;
use attest_core::release::policy::Policy;
use attest_core::release::view::Changed;
use attest_core::release::{Name, ObjectId};

use crate::cli::Failure;
use crate::cli::release::family::differs::differs;
use crate::cli::release::known::Known;

/// A few lines for each family of which `next` carries something on that the policy before does not. Without the log, what the digest is of.
pub(super) fn carried(known: Option<&Known>, before: &Policy, next: &Policy) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    for (name, family) in &next.document().families {
        let of = |policy: &Policy| policy.family(name)?.managers.as_ref()?.carries;
        let Some(change) = family.managers.as_ref().and_then(|rules| rules.carries) else { continue };
        if of(before) == Some(change) {
            continue;
        }
        let title = format!("+ families.{name}: `carries` is {change},");
        let Some(known) = known else {
            let what =
                "the SHA-256 of a change that the family's managers signed; what it says is in the log";
            lines.push(format!("{title} {what}, and is shown where the log can be read"));
            continue;
        };
        match said(known, name, change) {
            Some(said) => lines.extend(in_words(&title, next, said)?),
            None => lines.push(format!(
                "{title} the SHA-256 of a change that was never followed in this log: with it the policy does not count"
            )),
        }
    }
    Ok(lines)
}

/// The change of this id, as the log has it.
fn said<'k>(known: &'k Known, family: &Name, id: ObjectId) -> Option<&'k Changed> {
    known.view.changes_of(family).iter().map(AsRef::as_ref).find(|one| one.policy().change() == Some(id))
}

/// Beside what the policy itself writes about the family.
fn in_words(title: &str, next: &Policy, said: &Changed) -> Result<Vec<String>, Failure> {
    let change = said.change();
    let own =
        FamilyChange::of(change.authority, next, &change.family, change.reason.clone(), change.not_after);
    let own = own.ok_or_else(|| Failure::fault("family", "it has no managers"))?;
    let first = format!("{title} what its managers said at index {}: {}", said.place().index, change.reason);
    let said = differs(&own, change).into_iter().map(|line| {
        let (sign, words) = line.split_at(line.len().min(2));
        format!("{sign}families.{}: {words}", change.family)
    });
    Ok(std::iter::once(first).chain(said).collect())
}
