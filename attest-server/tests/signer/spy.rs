//! OpenSC's pkcs11-spy between the signer and its token: it writes down each call before it answers, and so counts what the HSM was asked,
//! whatever becomes of the signer.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use attest_core::release::ObjectId;

/// The spy, and what it wrote.
pub(crate) struct Spy {
    pub(crate) module: PathBuf,
    spied: PathBuf,
    log: PathBuf,
}

/// What the HSM was asked so far.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// How often a signature was begun.
    pub(crate) begun: usize,
    /// The digest in each one that was finished.
    pub(crate) signed: Vec<ObjectId>,
}

impl Spy {
    /// In front of this module.
    pub(crate) fn on(module: &Path, log: PathBuf) -> Option<Self> {
        let places = ["/usr/lib/x86_64-linux-gnu/pkcs11-spy.so", "/usr/lib/aarch64-linux-gnu/pkcs11-spy.so"];
        let Some(spy) = places.into_iter().map(PathBuf::from).find(|place| place.exists()) else {
            let missing = "no pkcs11-spy (Debian: opensc-pkcs11)";
            assert!(std::env::var_os("ATTEST_REQUIRE_SOFTHSM").is_none(), "{missing}");
            drop(writeln!(std::io::stderr(), "SKIPPED: {missing}"));
            return None;
        };
        Some(Self { module: spy, spied: module.to_owned(), log })
    }

    /// A program whose module is the spy.
    pub(crate) fn watches<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.env("PKCS11SPY", &self.spied).env("PKCS11SPY_OUTPUT", &self.log)
    }

    /// When the next call of this function is written down, or after this time.
    pub(crate) async fn is_called(&self, function: &str, at_most: Duration) {
        let read = || fs::read(&self.log).unwrap_or_default();
        let (before, since, called) = (read().len(), Instant::now(), format!(": C_{function}"));
        let is_there =
            || read().get(before..).is_some_and(|new| String::from_utf8_lossy(new).contains(&called));
        while !is_there() && since.elapsed() < at_most {
            tokio::time::sleep(Duration::from_micros(300)).await;
        }
    }

    /// A record begins with `NUMBER: FUNCTION` and ends with `Returned:`. One that does not end was cut off by a kill.
    pub(crate) fn calls(&self) -> Calls {
        let text = String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned();
        let mut calls = Calls::default();
        let (mut function, mut input) = ("", None);
        for line in text.lines() {
            if let Some((number, called)) = line.split_once(": C_")
                && number.parse::<u32>().is_ok()
            {
                (function, input) = (called, None);
            } else if line.starts_with("[in] pData[ulDataLen]") {
                input = Some(Vec::new());
            } else if line.starts_with('[') {
                // What comes out is dumped, too; nothing, where only its length was asked for.
                if function == "Sign" && line.starts_with("[out] pSignature") && !line.contains(" NULL ") {
                    function = "Sign, answered";
                }
            } else if let (Some(input), "Sign") = (&mut input, function) {
                input.extend(dumped(line));
            }
            if line.starts_with("Returned:  0 ") {
                match function {
                    "SignInit" => calls.begun += 1,
                    "Sign, answered" => {
                        let digest: [u8; 32] = input.take().unwrap_or_default().try_into().expect("a digest");
                        calls.signed.push(ObjectId::from_bytes(digest));
                    }
                    _ => {}
                }
                function = "";
            }
        }
        calls
    }
}

/// `    OFFSET  AA BB …  text`: the bytes.
fn dumped(line: &str) -> Vec<u8> {
    let columns = line.get(14..62).unwrap_or_else(|| line.get(14..).unwrap_or_default());
    columns.split_whitespace().map_while(|byte| u8::from_str_radix(byte, 16).ok()).take(16).collect()
}
