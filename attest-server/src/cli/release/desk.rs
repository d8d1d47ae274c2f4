//! Where somebody sits who types `attest release`: whose word it is, whose log, and whether a server is asked for it or a copy is read.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::rc::Rc;

use attest_core::release::{Name, ObjectId};
use clap::Args;

use super::as_of::AsOf;
use super::home::{self, Home};
use super::known::{Known, only_read};
use super::name;
use super::remote::Remote;
use super::source::Source;
use crate::cli::{Failure, Output};

/// Whose word it is, and where it goes.
#[derive(Args, Clone, Debug)]
pub(super) struct Desk {
    /// The folder with release.toml
    #[arg(long, global = true, env = "ATTEST_RELEASE", default_value = ".", value_name = "FOLDER")]
    home: PathBuf,
    /// Whose word it is; `identity` in release.toml without it
    #[arg(long = "as", global = true, value_name = "NAME", value_parser = name)]
    pub(super) by: Option<Name>,
    /// What `ssh-keygen -Y sign -f` signs it with; `key` in release.toml without it
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) key: Option<PathBuf>,
    /// Read the log from here and ask nobody: a copy of the log's folder or of what is served, or what `attest release export` wrote.
    /// For whatever hands nothing in
    #[arg(id = "copy", long = "folder", global = true, value_name = "FOLDER")]
    pub(super) copy: Option<PathBuf>,
    /// With --folder, and for `monitor`: the first policy, `sha256:` and 64 digits, as you have it from people and not from the log; `authority`
    /// of release.toml without it
    #[arg(long, global = true, value_name = "ID")]
    policy_pin: Option<String>,
    /// What the copy that was read is as of.
    #[arg(skip)]
    as_of: OnceCell<Rc<AsOf>>,
}

impl Desk {
    /// What the copy that was read is as of, if one was.
    pub(super) fn as_of(&self) -> Option<&Rc<AsOf>> {
        self.as_of.get()
    }

    pub(super) fn home(&self) -> Result<Home, Failure> {
        Home::load(&self.home)
    }

    /// The log and what it names. Of a copy it is told first what it is as of.
    pub(super) fn known(&self, out: &mut Output) -> Result<Known, Failure> {
        self.known_behind("", out)
    }

    /// The same, where every line that is told begins with this.
    pub(super) fn known_behind(&self, begin: &str, out: &mut Output) -> Result<Known, Failure> {
        let known = self.read()?;
        if let Some(as_of) = known.as_of() {
            // Read twice it is the same copy.
            if self.as_of.set(Rc::clone(as_of)).is_ok() {
                as_of.tell(begin, out);
                out.stands_beside(Rc::<AsOf>::clone(as_of));
            }
        }
        Ok(known)
    }

    /// The log, without a word.
    pub(super) fn read(&self) -> Result<Known, Failure> {
        if let Some(folder) = &self.copy {
            return Known::read(self.pinned()?, Source::folder(folder)?);
        }
        if self.policy_pin.is_some() {
            let detail =
                "--policy-pin goes with --folder; for the server `authority` of release.toml is the pin";
            return Err(Failure::usage("policy_pin_without_folder", detail));
        }
        let home = self.home()?;
        Known::read(home.authority, Source::server(Remote::connect(&home)?))
    }

    /// The pinned first policy, as the flag has it.
    pub(super) fn pin(&self) -> Result<Option<ObjectId>, Failure> {
        let unusable = || Failure::usage("usage", "--policy-pin: expected sha256: and 64 digits");
        let read = |pin: &String| ObjectId::from_text(pin).ok_or_else(unusable);
        self.policy_pin.as_ref().map(read).transpose()
    }

    /// What the flag says, or else release.toml.
    fn pinned(&self) -> Result<ObjectId, Failure> {
        match self.pin()? {
            Some(pin) => Ok(pin),
            None if self.home.join(home::FILE).exists() => Ok(self.home()?.authority),
            None => {
                let detail = "which log is it? --policy-pin ID, the first policy as people gave it to you, or --home FOLDER with release.toml";
                Err(Failure::usage("policy_pin_missing", detail))
            }
        }
    }

    /// The server, to hand something in.
    pub(super) fn remote(&self) -> Result<Remote, Failure> {
        // Whatever a command is taken for: with a copy nobody is asked.
        self.copy.as_deref().map_or(Ok(()), |folder| Err(only_read(folder)))?;
        Remote::connect(&self.home()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a67b_with_a_copy_no_server_is_asked_whatever_the_command() {
        #[derive(clap::Parser)]
        struct Typed {
            #[command(flatten)]
            desk: Desk,
        }
        let typed = |more: &[&str]| {
            let words = ["attest", "--home", "nowhere"].iter().chain(more);
            <Typed as clap::Parser>::try_parse_from(words).unwrap().desk
        };
        let refused = |more: &[&str]| typed(more).remote().err().unwrap().to_line();
        assert!(refused(&["--folder", "copy"]).ends_with("[folder_only_read]"));
        assert!(refused(&[]).ends_with("[release_home_missing]"));
    }
}
