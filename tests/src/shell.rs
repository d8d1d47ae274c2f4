//! One bash for commands that stand in the documentation: what it sets and starts stays until it is dropped.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use tpm_sim::descriptors::without_ours;

/// Takes one file with commands after the other. At the first command that fails, or when nobody is there to tell it more, it ends, and with it
/// what it started.
const LOOP: &str = r#"trap 'kill $(jobs -p) 2> /dev/null || true; wait 2> /dev/null || true' EXIT
set -e
while read -r file; do
  { set -x; . "$file"; } > "$file.out" 2> "$file.err"
  { set +x; } 2> /dev/null
  echo done
done"#;

/// A running bash.
#[derive(Debug)]
pub struct Shell {
    child: Child,
    tell: Option<ChildStdin>,
    hear: BufReader<ChildStdout>,
    folder: PathBuf,
    files: u32,
}

impl Shell {
    /// Starts one in a folder, with the folders of these programs in front of the path.
    ///
    /// # Panics
    /// If there is no bash.
    #[must_use]
    pub fn start(folder: &Path, programs: &[&Path]) -> Shell {
        let mut path: Vec<PathBuf> =
            programs.iter().filter_map(|it| it.parent()).map(Path::to_owned).collect();
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let mut child = without_ours("bash")
            .args(["-c", LOOP])
            .current_dir(folder)
            .env("PATH", std::env::join_paths(path).expect("no colon in a path"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash starts");
        let tell = child.stdin.take();
        let hear = BufReader::new(child.stdout.take().expect("its output"));
        Shell { child, tell, hear, folder: folder.to_owned(), files: 0 }
    }

    /// Runs commands, and gives back what they wrote to standard output.
    ///
    /// # Panics
    /// If one of them fails: with each command up to that one.
    pub fn run(&mut self, commands: &str) -> String {
        self.files += 1;
        let file = self.folder.join(format!("commands-{}.sh", self.files));
        fs::write(&file, commands).expect("the commands are written");
        let tell = self.tell.as_mut().expect("it runs");
        let mut line = String::new();
        let is_done = writeln!(tell, "{}", file.display()).is_ok()
            && self.hear.read_line(&mut line).is_ok_and(|read| read > 0);
        let text = |kind: &str| {
            let path = file.with_extension(format!("sh.{kind}"));
            String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
        };
        assert!(is_done, "{}\n{}", text("out"), text("err"));
        text("out")
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // It reads the end of its input, stops what it started, and goes.
        self.tell = None;
        let _ = self.child.wait();
    }
}
