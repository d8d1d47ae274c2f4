//! Programs that get none of our open sockets.
//!
//! The TSS library opens its sockets without `SOCK_CLOEXEC`. A program that another thread starts just then holds a copy of them for as long as it
//! runs, and swtpm, which serves one connection of a channel at a time, waits for that copy to be closed while we wait for swtpm. Whatever
//! runs for long beside open TPMs is therefore started by [`without_ours`]. Closing descriptors in a child by ourselves would need
//! unsafe code.

use std::ffi::OsStr;
use std::process::Command;

/// A shell's words that close all but standard input, output and error. Needs bash: other shells know descriptors of one digit alone.
pub(crate) const CLOSE: &str = r#"for fd in /proc/self/fd/*; do
    fd=${fd##*/}
    [ "$fd" -le 2 ] || eval "exec $fd>&-"
done
"#;

/// A command that runs this program, in a process of the same id, with no open files but standard input, output and error. Arguments,
/// environment and the rest are added as to any command; a program that is not there ends with 127.
#[must_use]
pub fn without_ours(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("bash");
    command.args(["-c", &format!("{CLOSE}exec \"$@\""), "without-ours"]).arg(program);
    command
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::without_ours;

    /// What a program has open that is started by one with descriptors 7 and 12 that its children get.
    fn open_in(program: &Command) -> String {
        let mut leaky = Command::new("bash");
        leaky.args(["-c", "exec 7</dev/null 12</dev/null; exec \"$@\"", "leaky"]);
        leaky.arg(program.get_program()).args(program.get_args());
        String::from_utf8(leaky.output().unwrap().stdout).unwrap()
    }

    #[test]
    fn a_program_gets_none_of_our_sockets() {
        let list = ["-c", "echo /proc/self/fd/*"];
        let got = open_in(Command::new("bash").args(list));
        assert!(got.contains("fd/7") && got.contains("fd/12"), "{got}");
        let got = open_in(without_ours("bash").args(list));
        assert!(got.contains("fd/0") && got.contains("fd/1 ") && got.contains("fd/2"), "{got}");
        assert!(!got.contains("fd/7") && !got.contains("fd/12"), "{got}");
    }

    #[test]
    fn the_process_is_the_programs_own_and_so_is_its_status() {
        let child =
            without_ours("bash").args(["-c", "echo $$; exit 7"]).stdout(Stdio::piped()).spawn().unwrap();
        let id = child.id().to_string();
        let output = child.wait_with_output().unwrap();
        assert_eq!((String::from_utf8(output.stdout).unwrap().trim(), output.status.code()), (&*id, Some(7)));
        let missing = without_ours("no-such-program").stderr(Stdio::null()).status().unwrap();
        assert_eq!(missing.code(), Some(127));
    }
}
