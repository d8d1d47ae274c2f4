//! Names near to one that nobody has: said to whoever mistyped it.

/// How many names are proposed.
const PROPOSED: usize = 3;

/// Those of these names that are a slip or two away from what was typed, the nearest first.
pub(super) fn near<'n>(typed: &str, names: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    let most = (typed.chars().count() / 3).clamp(1, 3);
    let mut found: Vec<(usize, &str)> = names
        .into_iter()
        .map(|name| (distance(typed, name), name))
        .filter(|(distance, name)| *distance <= most || is_begin(typed, name))
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|(_, name)| name).take(PROPOSED).collect()
}

/// `; did you mean …?`, or nothing.
pub(super) fn proposal<'n>(typed: &str, names: impl IntoIterator<Item = &'n str>) -> String {
    let near: Vec<String> = near(typed, names).iter().map(|name| format!("`{name}`")).collect();
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) }
}

/// Whether somebody typed a name's beginning.
fn is_begin(typed: &str, name: &str) -> bool {
    typed.chars().count() >= 3 && name.starts_with(typed)
}

/// How many letters are to be put in, taken out or changed (Levenshtein), row by row.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut next = vec![at + 1];
        for (column, (pair, theirs)) in row.windows(2).zip(&other).enumerate() {
            let changed = pair[0] + usize::from(letter != *theirs);
            next.push(changed.min(pair[1] + 1).min(next[column] + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        for (one, other, slips) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("alice", "alcie", 2), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(one, other), slips, "{one} {other}");
        }
    }

    #[test]
    fn what_is_near_is_proposed_and_what_is_not_is_not() {
        let names = ["alice", "bob", "gateway-signer", "carol"];
        assert_eq!(proposal("alic", names), "; did you mean `alice`?");
        assert_eq!(proposal("gateway", names), "; did you mean `gateway-signer`?");
        assert_eq!(proposal("bxb", names), "; did you mean `bob`?");
        assert_eq!(proposal("zzzzzz", names), "");
        assert_eq!(near("aa", ["ab", "ac", "ad", "ae", "ab"]), ["ab", "ac", "ad"]);
    }
}
