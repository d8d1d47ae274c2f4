//! Version floors that a policy begins anew, in words: whoever signs it must see which releases can come back.

use std::cmp::Ordering;

use attest_core::release::Name;
use attest_core::release::policy::Policy;
use serde_json::{Value, json};

use crate::cli::Failure;
use crate::cli::release::known::Known;

/// A family whose floor begins anew.
pub(super) struct Reset {
    family: Name,
    /// What the family has reached; nothing where only the log could tell.
    from: Option<u64>,
    to: u64,
}

/// Those that `next` resets, behind what the log has. Without the log, beside the policy before it.
pub(super) fn resets(
    known: Option<&mut Known>,
    before: &Policy,
    next: &Policy,
) -> Result<Vec<Reset>, Failure> {
    let Some(known) = known else {
        let families = next.document().families.iter().map(|(family, rules)| (family, rules.version_floor));
        let is_other = |(family, to): &(&Name, u64)| {
            before.family(family).is_some_and(|before| before.version_floor != *to)
        };
        let reset = |(family, to): (&Name, u64)| Reset { family: family.clone(), from: None, to };
        return Ok(families.filter(is_other).map(reset).collect());
    };
    let resets = known.view.floor_resets_by(next.document());
    if resets.is_empty() {
        return Ok(Vec::new());
    }
    let catalogue = known.catalogue()?;
    let reset = |reset: attest_core::release::view::FloorReset| {
        let from = Some(catalogue.floor(&reset.family).max(reset.from));
        Reset { family: reset.family, from, to: reset.to }
    };
    Ok(resets.into_iter().map(reset).collect())
}

impl Reset {
    /// A line for people: `-` where releases come back.
    pub(super) fn line(&self) -> String {
        let Self { family, from, to } = self;
        let back = format!("releases from {to} on may be installed again");
        let Some(from) = from else {
            return format!(
                "- resets the version floor of {family} to {to}, whatever the family has reached: {back}; the log tells what it has reached"
            );
        };
        let reset = format!("resets the version floor of {family} from {from} to {to}");
        match to.cmp(from) {
            Ordering::Less => format!("- {reset}: {back}"),
            Ordering::Equal => format!("+ {reset}: it stays where it is, and begins anew"),
            Ordering::Greater => format!("+ {reset}: releases below {to} count no longer"),
        }
    }

    /// For programs.
    pub(super) fn to_json(&self) -> Value {
        json!({ "family": self.family, "from": self.from, "to": self.to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv9_whoever_signs_a_reset_is_told_which_releases_come_back() {
        let line = |from, to| Reset { family: Name::try_from("gateway").unwrap(), from, to }.line();
        let lower =
            "- resets the version floor of gateway from 7 to 3: releases from 3 on may be installed again";
        assert_eq!(line(Some(7), 3), lower);
        let higher = "+ resets the version floor of gateway from 7 to 9: releases below 9 count no longer";
        assert_eq!(line(Some(7), 9), higher);
        assert!(line(Some(7), 7).ends_with(" from 7 to 7: it stays where it is, and begins anew"));
        let unknown = "- resets the version floor of gateway to 3, whatever the family has reached: ";
        assert!(line(None, 3).starts_with(unknown), "{}", line(None, 3));
    }
}
