//! A statement signed by a person's own key. `ssh-keygen` signs, by itself or with ssh-agent or a token: no key comes into this process.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use attest_core::Limits;
use attest_core::release::ssh::Signature;
use attest_core::release::statement::{Statement, Text};
use attest_core::release::{Name, Policy};

use crate::cli::Failure;

/// The armored signature of this text for statements of this kind. Passphrases and PINs are asked for by `ssh-keygen`, in the terminal.
pub(super) fn sign<S: Statement>(key: &Path, text: &Text) -> Result<String, Failure> {
    let fault = |error: std::io::Error| Failure::fault("ssh_keygen_failed", error);
    let folder = tempfile::tempdir().map_err(fault)?;
    let file = folder.path().join("statement");
    let mut out = std::fs::File::create(&file).map_err(fault)?;
    out.write_all(text.as_str().as_bytes()).map_err(fault)?;
    let ran = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", S::NAMESPACE, "-f"])
        .arg(key)
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .map_err(|error| Failure::usage("ssh_keygen_missing", format!("ssh-keygen: {error}")))?;
    if !ran.status.success() {
        let said = String::from_utf8_lossy(&ran.stderr);
        return Err(Failure::usage("not_signed", format!("ssh-keygen: {}", said.trim())));
    }
    std::fs::read_to_string(file.with_extension("sig")).map_err(fault)
}

/// The same for somebody of this policy: a key that is not theirs is said here, by the file's name, and nothing is handed in.
pub(super) fn sign_as<S: Statement>(
    policies: &[&Policy],
    by: &Name,
    key: &Path,
    text: &Text,
) -> Result<String, Failure> {
    let armored = sign::<S>(key, text)?;
    let signature = Signature::parse(&armored, &Limits::DEFAULT);
    let signature =
        signature.map_err(|error| Failure::usage(error.code(), format!("{}: {error}", key.display())))?;
    // Families may have people of their own.
    let key_of = |policy: &&Policy| policy.key(signature.key().canonical()).map(|of| of.identity.clone());
    let whose: Option<Name> = policies.iter().find_map(key_of);
    if whose.as_ref() == Some(by) {
        return Ok(armored);
    }
    let whose = whose.map_or_else(|| "nobody's in the policy".to_owned(), |whose| format!("`{whose}`'s"));
    let detail = format!("{}: the key is {whose}, and one of `{by}` is needed", key.display());
    Err(Failure::usage("statement_key_mismatch", detail))
}
