//! Addresses of source code: `git+https://host/path@ref`, as SLSA's build types write them (SPDX 2.3, section 7.7, without `#` and what follows).

use super::Dependency;

/// A repository and what was taken from it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source<'a> {
    /// Its address without `git+`.
    pub(super) repository: &'a str,
    /// The branch or tag, if it is named.
    pub(super) git_ref: Option<&'a str>,
}

/// Whether this is source code in git.
pub(super) fn is_git(dependency: &Dependency) -> bool {
    let in_git = ["gitCommit", "gitTree", "gitTag", "gitBlob"];
    let scheme = dependency.uri.split_once(':').map_or("", |(scheme, _)| scheme);
    scheme.eq_ignore_ascii_case("git")
        || scheme.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("git+"))
        || in_git.iter().any(|name| dependency.digests.contains_key(*name))
}

/// Reads an address; `None` if it could be read in two ways.
pub(super) fn read(uri: &str) -> Option<Source<'_>> {
    let plain = uri.strip_prefix("git+").unwrap_or(uri);
    let (scheme, rest) = plain.split_once("://")?;
    let (authority, path) = rest.split_once('/')?;
    if scheme.is_empty() || authority.is_empty() {
        return None;
    }
    let (path, git_ref) = match path.split_once('@') {
        None => (path, None),
        // Where a path has an `@` of its own, nobody knows where it ends.
        Some((_, git_ref)) if git_ref.contains('@') => return None,
        Some((path, git_ref)) => (path, Some(git_ref)),
    };
    if !is_plain(path) || git_ref.is_some_and(|git_ref| !is_plain(git_ref)) {
        return None;
    }
    let after = git_ref.map_or(0, |git_ref| git_ref.len().saturating_add(1));
    Some(Source { repository: plain.get(..plain.len().checked_sub(after)?)?, git_ref })
}

/// Whether a path is one that every reader reads alike: printable ASCII, no empty, `.` or `..` segments, nothing encoded, no query and no
/// fragment.
pub(super) fn is_plain(path: &str) -> bool {
    let is_odd = |char: char| !matches!(char, '!'..='~') || matches!(char, '%' | '\\' | '?' | '#');
    !path.contains(is_odd) && path.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}

/// The commit, if it is given as git writes it.
pub(super) fn commit(dependency: &Dependency) -> Option<&str> {
    let commit = dependency.digests.get("gitCommit")?;
    let is_hex = commit.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (is_hex && matches!(commit.len(), 40 | 64)).then_some(commit)
}
