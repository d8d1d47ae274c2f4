//! Tokens of other roots of trust in the machine: a program for each, which knows how to ask.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::Error;
use crate::client::Token;

/// A token has at most so many bytes; the server takes no more.
const TOKEN_BYTES: u64 = 64 << 10;

/// A program that gets the nonce, in hexadecimal, as its last argument and writes a token to its standard output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenProgram {
    /// The program. No shell reads it.
    pub program: PathBuf,
    /// Which of the device's enrolled keys signs its tokens; empty if the device has one.
    pub key_identity: Vec<u8>,
}

impl TokenProgram {
    pub(super) fn run(&self, nonce: &[u8]) -> Result<Token, Error> {
        let failed = |detail: String| Error::Token { program: self.program.clone(), detail };
        let mut child = Command::new(&self.program)
            .arg(hex::encode(nonce))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let mut token = Vec::new();
        if let Some(output) = child.stdout.take() {
            // Closed behind this, so that a program that does not stop writing is ended by it.
            let read = output.take(TOKEN_BYTES + 1).read_to_end(&mut token);
            read.map_err(|error| failed(error.to_string()))?;
        }
        let status = child.wait().map_err(|error| failed(error.to_string()))?;
        if u64::try_from(token.len()).is_ok_and(|len| len > TOKEN_BYTES) {
            return Err(failed(format!("it wrote more than {TOKEN_BYTES} bytes")));
        }
        if !status.success() {
            return Err(failed(format!("it ended with {status}")));
        }
        if token.is_empty() {
            return Err(failed("it wrote nothing".to_owned()));
        }
        Ok(Token { token, key_identity: self.key_identity.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(program: &str) -> Result<Token, Error> {
        TokenProgram { program: program.into(), key_identity: vec![7] }.run(&[0xab, 0xcd])
    }

    #[test]
    fn the_program_gets_the_nonce_and_its_output_is_the_token() {
        assert_eq!(run("/bin/echo").unwrap(), Token { token: b"abcd\n".to_vec(), key_identity: vec![7] });
    }

    #[test]
    fn a_program_that_fails_gives_no_token() {
        for (program, words) in [
            ("/nonexistent", "os error 2"),
            ("/bin/false", "exit status: 1"),
            ("/bin/true", "nothing"),
            ("yes", "more than"),
        ] {
            let error = run(program).unwrap_err();
            assert!(error.is_usage() && error.to_string().contains(words), "{error}");
        }
    }
}
