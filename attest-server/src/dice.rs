//! Random bytes: the only place that asks for them.

use ring::rand::{SecureRandom as _, SystemRandom};

/// The operating system has no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system has no random bytes")]
pub struct NoRandomness;

/// `N` bytes from the operating system.
///
/// # Errors
/// [`NoRandomness`]: nothing may go on without.
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// A name that nobody can guess or choose: `prefix`, a hyphen, and 16 random bytes in lower-case hex.
///
/// # Errors
/// [`NoRandomness`].
pub fn name(prefix: &str) -> Result<String, NoRandomness> {
    Ok(format!("{prefix}-{}", hex::encode(bytes::<16>()?)))
}

/// Whether `text` can have come from [`name`]. Anything else is not looked up, and not logged either.
#[must_use]
pub fn is_name(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-')).is_some_and(|digits| {
        digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_recognised() {
        let minted = name("dev").unwrap();
        assert!(is_name("dev", &minted));
        assert!(!is_name("chl", &minted));
        for lie in
            ["", "dev-", "dev-0", &format!("{minted}0"), &minted.to_uppercase(), &format!("{minted}\n")]
        {
            assert!(!is_name("dev", lie), "{lie:?}");
        }
    }
}
