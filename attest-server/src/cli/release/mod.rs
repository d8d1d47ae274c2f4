//! `attest release`: what people do about golden values. Statements are made and signed here, by their own keys; a server only keeps them.

mod answer;
mod approve;
mod artifact;
mod as_of;
mod control;
mod deliver;
mod desk;
mod export;
mod family;
mod finish;
mod gates;
mod home;
mod init;
mod known;
mod monitor;
mod people;
mod policy;
mod recovery;
mod remote;
mod request;
mod review;
mod reviewable;
mod show;
mod sign;
mod source;
mod state;
mod token;
mod words;

use std::path::{Path, PathBuf};

use attest_core::release::object::{self, Object};
use attest_core::release::{Name, ObjectId};
use clap::{Args, Subcommand};

use self::desk::Desk;
pub(in crate::cli) use self::export::differing;
use self::known::only_read;
use super::{Exit, Failure, Output};

/// Golden values under governance: ask for a release, look at it, approve it, publish it, take it back.
#[derive(Args, Debug)]
pub(super) struct Release {
    #[command(flatten)]
    desk: Desk,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a first policy for at least three people, to be looked at and pinned
    Init(Box<init::Init>),
    /// Build, look at, sign or hand in a policy
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Ask for a release
    Request(Box<request::Request>),
    /// Hand in a request that was written into a folder
    Submit(request::Submit),
    /// What a request is for and what it changes, from its own bytes
    Show(show::Show),
    /// Approve requests: one text, signed once, for up to 64 of them
    Approve(approve::Approve),
    /// Confirm an emergency release afterwards
    Review(review::Review),
    /// Where requests stand
    Status(state::Status),
    /// Publish what was signed
    Publish(finish::Publish),
    /// Weigh a bundle, or what was published for a request: every gate
    Verify(finish::Verify),
    /// The signed artifact, of the artifact and its signature
    Artifact(artifact::Artifact),
    /// What makes up for what devices of a family cannot prove: write, sign, hand in and list it
    #[command(subcommand)]
    Control(control::Control),
    /// Who stands in a family's rules: show it, and change it as its managers
    #[command(subcommand)]
    Family(family::Family),
    /// Object to what the recovery quorum wants, as a root member: it does not get it
    Object(recovery::Object),
    /// Take a request or its release back, or suspend a key
    Revoke(review::Revoke),
    /// Bring a revocation to verifiers: it counts there at once, whether the log has it or not
    Deliver(deliver::Deliver),
    /// What somebody's leaving touches, and the policy without them
    Offboard(people::Offboard),
    /// What the change of a key or a vendor touches, and what stops counting
    Rotate(people::Rotate),
    /// Which keys may sign what, now: none without a request that enough people approved
    WhoCanSignNow,
    /// Who may do what, and who never does
    AccessReview,
    /// Watch the log, the HSM's counters, what verifiers say and what was found: tell what should not be
    Monitor(Box<monitor::Watch>),
    /// A folder that proves a release to others, with other people's tools
    Export(export::Export),
}

impl Release {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let Self { desk, command } = self;
        if let Some(folder) = desk.copy.as_deref().filter(|_| command.hands_in()) {
            return Err(only_read(folder));
        }
        let answer = command.run(&desk, out);
        // Whoever is told something is told what it could not be told by.
        let missing = desk.as_of().filter(|_| !out.wants_json()).map(|as_of| as_of.lines());
        match answer {
            Err(failure) => Err(failure.with_lines(missing.unwrap_or_default())),
            answer => {
                missing.unwrap_or_default().iter().for_each(|line| out.line(line));
                answer
            }
        }
    }
}

impl Command {
    /// Whether it brings something to a server: a copy of the log is no place for that.
    fn hands_in(&self) -> bool {
        match self {
            Self::Approve(command) => command.hands_in(),
            Self::Control(command) => matches!(command, control::Control::Submit { .. }),
            Self::Family(command) => matches!(command, family::Family::Submit { .. }),
            Self::Policy(command) => {
                matches!(command, policy::Policy::Succeed { .. } | policy::Policy::Recovered { .. })
            }
            Self::Request(command) => command.hands_in(),
            Self::Revoke(command) => command.hands_in(),
            Self::Deliver(_) | Self::Object(_) | Self::Publish(_) | Self::Review(_) | Self::Submit(_) => true,
            Self::AccessReview
            | Self::Artifact(_)
            | Self::Export(_)
            | Self::Init(_)
            | Self::Monitor(_)
            | Self::Offboard(_)
            | Self::Rotate(_)
            | Self::Show(_)
            | Self::Status(_)
            | Self::Verify(_)
            | Self::WhoCanSignNow => false,
        }
    }

    fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        match self {
            Self::Init(command) => command.run(out),
            Self::Policy(command) => command.run(desk, out),
            Self::Request(command) => command.run(desk, out),
            Self::Submit(command) => command.run(desk, out),
            Self::Show(command) => command.run(desk, out),
            Self::Approve(command) => command.run(desk, out),
            Self::Review(command) => command.run(desk, out),
            Self::Status(command) => command.run(desk, out),
            Self::Publish(command) => command.run(desk, out),
            Self::Verify(command) => command.run(desk, out),
            Self::Artifact(command) => command.run(desk, out),
            Self::Control(command) => command.run(desk, out),
            Self::Family(command) => command.run(desk, out),
            Self::Object(command) => command.run(desk, out),
            Self::Revoke(command) => command.run(desk, out),
            Self::Deliver(command) => command.run(desk, out),
            Self::Offboard(command) => command.run(desk, out),
            Self::Rotate(command) => command.run(desk, out),
            Self::WhoCanSignNow => people::who_can_sign_now(desk, out),
            Self::AccessReview => people::access_review(desk, out),
            Self::Monitor(command) => command.run(desk, out),
            Self::Export(command) => command.run(desk, out),
        }
    }
}

/// A name as policies have them.
fn name(text: &str) -> Result<Name, attest_core::release::name::Error> {
    Name::try_from(text)
}

/// `NAME=VALUE`.
fn named(text: &str) -> Result<(Name, String), String> {
    let (left, right) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name(left).map_err(|error| error.to_string())?, right.to_owned()))
}

/// `TEXT=WORDS`.
fn named_words(text: &str) -> Result<(String, attest_core::release::Words), String> {
    let (left, right) = text.split_once('=').ok_or("expected PURPOSE=NAME")?;
    Ok((left.to_owned(), words(right).map_err(|error| error.to_string())?))
}

/// Words of people.
fn words(text: &str) -> Result<attest_core::release::Words, attest_core::release::name::Error> {
    attest_core::release::Words::try_from(text)
}

/// An object's bytes.
fn bytes<T: Object>(value: &T) -> Result<Vec<u8>, Failure> {
    object::write(value).map_err(|error| Failure::fault(error.code(), error))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes)
        .map_err(|error| Failure::usage("file_unwritable", format!("{}: {error}", path.display())))
}

/// What a file should have held, and why it does not.
fn unfit(path: &Path, expected: &str, code: &str, error: impl std::fmt::Display) -> Failure {
    Failure::malformed(code, format!("{}: not {expected}: {error}", path.display()))
}

/// An object of this kind, out of a file: its bytes, and what they say.
fn read_object<T: Object>(path: &Path, expected: &str) -> Result<(Vec<u8>, T), Failure> {
    let limits = &attest_core::Limits::DEFAULT;
    let bytes = super::input::read_file(path, limits.release_object_bytes)?;
    let read = object::read(&bytes, limits).map_err(|error| unfit(path, expected, error.code(), error))?;
    Ok((bytes, read))
}

/// The statements in these files, each as `attest release COMMAND sign` writes it.
fn statements<T: Object>(paths: &[PathBuf], command: &str) -> Result<Vec<Vec<u8>>, Failure> {
    let expected = format!("a statement as `{command} sign` writes it");
    paths.iter().map(|path| read_object::<T>(path, &expected).map(|(bytes, _)| bytes)).collect()
}

/// An index at which something stands in the log, or the next one.
fn in_log(known: &known::Known, flag: &str, index: u64) -> Result<(), Failure> {
    let size = known.view.head().size;
    if index <= size {
        return Ok(());
    }
    Err(Failure::usage(
        "index_beyond_log",
        format!("{flag}: expected 0 to {size}, the leaves of the log, got {index}"),
    ))
}

/// A folder that has nothing in it yet.
fn make_folder(path: &Path) -> Result<(), Failure> {
    let unwritable = |error| Failure::usage("file_unwritable", format!("{}: {error}", path.display()));
    std::fs::create_dir_all(path).map_err(unwritable)?;
    if std::fs::read_dir(path).map_err(unwritable)?.next().is_some() {
        let detail = format!("{}: expected a new folder, or an empty one", path.display());
        return Err(Failure::usage("folder_not_empty", detail));
    }
    Ok(())
}

/// Names, as a list in words.
fn listed<'n>(names: impl IntoIterator<Item = &'n Name>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// A family that the policy does not name, and those that it does.
fn unknown_family(policy: &attest_core::release::policy::Policy, family: &Name) -> Failure {
    let there = listed(policy.document().families.keys());
    Failure::usage("release_family_unknown", format!("there is no family `{family}`; the policy has {there}"))
}

/// The first digits of an id: enough to find it by, and to read it by.
fn short(id: &ObjectId) -> String {
    id.to_string().trim_start_matches("sha256:").chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a57_what_is_in_a_folder_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        make_folder(&path).unwrap();
        make_folder(&path).unwrap();
        write(&path.join("policy.cbor"), b"pinned").unwrap();
        assert!(make_folder(&path).unwrap_err().to_line().ends_with("[folder_not_empty]"));
        assert_eq!(make_folder(&path.join("policy.cbor")).unwrap_err().exit(), Exit::Usage);
    }
}
