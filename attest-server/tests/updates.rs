//! The commands of docs/updates.md, as a reader copies them.
#![allow(
    clippy::allow_attributes,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test reads files and runs programs, and a panic in it is a failed test"
)]

use std::path::Path;
use std::process::Command;

/// The `sh` blocks of a page, one behind the other.
fn commands(page: &str) -> String {
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.collect()
}

#[test]
fn an_update_is_good_at_its_first_boot() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/updates.md")).expect("the page");
    let commands = commands(&page);
    assert!(commands.contains("golden predict") && commands.contains("verify"), "{commands}");
    let program = Path::new(env!("CARGO_BIN_EXE_attest")).parent().unwrap().to_owned();
    let path = std::env::join_paths(
        [program].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let work = tempfile::tempdir().expect("a folder");
    let output = Command::new("sh")
        .args(["-euc", &commands])
        .current_dir(&root)
        .env("PATH", path.unwrap())
        .env("WORK", work.path())
        .output()
        .expect("a shell");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("affirming"), "{text}");
}
