//! Making notes.

use super::{Error, KeyType, VerifierKey, check_characters, line};
use crate::result::SignError;

/// The holder of an Ed25519 key: a file, an HSM.
pub trait SignEd25519 {
    /// The public key (RFC 8032, section 5.1.5).
    fn public_key(&self) -> [u8; 32];

    /// The signature over `message`: R ‖ S (RFC 8032, section 5.1.6).
    ///
    /// # Errors
    /// [`SignError`] when the key cannot be used.
    fn sign_ed25519(&self, message: &[u8]) -> Result<[u8; 64], SignError>;
}

/// A note: this text, signed with a key of type [`KeyType::Ed25519`] under this name. Further signature lines go at its end.
///
/// # Errors
/// [`Error::NameMalformed`], [`Error::KeyWeak`]; [`Error::Malformed`] unless the text ends with a newline and has more than that,
/// [`Error::ControlCharacter`]; [`Error::Sign`] if the signer fails, or what it made is not a signature by its key.
pub fn sign(text: &str, name: &str, signer: &dyn SignEd25519) -> Result<String, Error> {
    check_characters(text)?;
    if !text.ends_with('\n') || text.trim_matches('\n').is_empty() {
        return Err(Error::Malformed);
    }
    let key = VerifierKey::new(name, KeyType::Ed25519, signer.public_key())?;
    let signature = signed(&key, text.as_bytes(), signer)?;
    Ok(format!("{text}\n{}", line(name, key.id(), &signature)))
}

/// A signature that is this key's: what a faulty signer makes must not be published, for whoever knows the key would refuse the whole note.
pub(in crate::audit) fn signed(
    key: &VerifierKey,
    message: &[u8],
    signer: &dyn SignEd25519,
) -> Result<[u8; 64], SignError> {
    let signature = signer.sign_ed25519(message)?;
    if key.verifies(message, &signature) {
        Ok(signature)
    } else {
        Err(SignError::KeyUnavailable { detail: "it made a signature that is not its own".to_owned() })
    }
}
