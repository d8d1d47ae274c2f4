//! What the agent remembers: which device it is, and which key answers for it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Error, write_private};

/// The state file's content. None of it is secret; the server believes none of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct State {
    /// The id that the server minted.
    pub device_id: String,
    /// The family it was enrolled in.
    pub family: String,
    /// The attestation key's persistent handle.
    pub ak_handle: u32,
    /// The attestation key's name, lower-case hex.
    pub ak_name: String,
}

impl State {
    pub(super) fn load(folder: &Path) -> Result<State, Error> {
        let path = file(folder);
        let text = fs::read(&path).map_err(|source| match source.kind() {
            ErrorKind::NotFound => Error::NotEnrolled { path: path.clone() },
            ErrorKind::PermissionDenied => Error::NoRight { path: path.clone() },
            _ => Error::File { path: path.clone(), source },
        })?;
        serde_json::from_slice(&text).map_err(|error| Error::State { path, detail: error.to_string() })
    }

    pub(super) fn save(&self, folder: &Path) -> Result<(), Error> {
        let path = file(folder);
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::State { path: path.clone(), detail: error.to_string() })?;
        write_private(&path, text.as_bytes())
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("device.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_is_kept_and_its_absence_and_damage_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(State::load(folder.path()), Err(Error::NotEnrolled { .. })));
        let state = State {
            device_id: "dev-1".to_owned(),
            family: "f".to_owned(),
            ak_handle: 0x8101_4154,
            ak_name: "000b".to_owned(),
        };
        state.save(folder.path()).unwrap();
        assert_eq!(State::load(folder.path()).unwrap(), state);
        fs::write(file(folder.path()), "{").unwrap();
        assert!(matches!(State::load(folder.path()), Err(Error::State { .. })));
    }
}
