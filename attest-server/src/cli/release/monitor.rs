//! `attest release monitor`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use attest_core::release::Name;
use clap::Args;
use serde_json::{Value, json};

use super::{Desk, named};
use crate::cli::input::is_folder;
use crate::cli::{Exit, Failure, Output, Style, printable, signer};
use crate::clock;
use crate::fetch::Fetcher;
use crate::monitor::{
    Alert, Change, Error, FileCounter, Kept, Monitor, Settings, SignatureCounter, Thing, is_urgent,
};
use crate::releases::Source;

/// Flags of `monitor`.
#[derive(Args, Debug)]
pub(super) struct Watch {
    /// What it remembers: how far the log was seen, and what was told
    #[arg(long, value_name = "FOLDER")]
    state: PathBuf,
    /// Where the log is served: the address before `/checkpoint`. With --folder it is the log's folder instead, or a copy of it
    #[arg(long, conflicts_with = "copy", required_unless_present_any = ["copy", "list", "acknowledge"])]
    url: Option<String>,
    /// PEM: the roots of an https address
    #[arg(long, requires = "url", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// How often a signing key was used, as its HSM counts: a file with the number, written by whatever asks the HSM
    #[arg(long = "counter", value_name = "KEY=FILE", value_parser = named)]
    counters: Vec<(Name, String)>,
    /// Signatures by a key that people know of and no request asked for, as that of a certificate request
    #[arg(long, value_name = "KEY=NUMBER", value_parser = named)]
    accounted: Vec<(Name, String)>,
    /// The log of a verifier or signer, as JSON lines; its alerts become this program's
    #[arg(long = "server-log", value_name = "FILE")]
    server_logs: Vec<PathBuf>,
    /// Something signed that was found: a CoRIM, a COSE_Sign1, an image, a bundle, a checkpoint; or a signature and the file that it is of
    #[arg(long = "seen", value_name = "SIGNATURE[,FILE]", value_parser = Thing::parse)]
    things: Vec<Thing>,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    every: u64,
    /// Look once, and end: with 1 while an alert is open
    #[arg(long, conflicts_with = "every")]
    once: bool,
    /// Only say what is open, from --state alone
    #[arg(long, conflicts_with_all = ["once", "every"])]
    list: bool,
    /// Only close what people have seen to, by its id or first digits of it, in --state alone
    #[arg(long, value_name = "ID", conflicts_with_all = ["once", "list", "every"])]
    acknowledge: Option<String>,
}

/// A look that could not read the log is repeated after this, where there is but one.
const AGAIN: Duration = Duration::from_millis(500);

impl Watch {
    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        if self.list || self.acknowledge.is_some() {
            return self.kept(desk, out);
        }
        let settings = self.settings(desk)?;
        let mut monitor = Monitor::open(&self.state, settings, clock::now()).map_err(failure)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::fault("runtime", error))?;
        if self.once {
            runtime.block_on(look(&mut monitor, out))?;
            while monitor.is_patient() {
                std::thread::sleep(AGAIN);
                runtime.block_on(look(&mut monitor, out))?;
            }
            return Ok(exit(monitor.open_alerts()));
        }
        let ended = signer::end_by_signal()?;
        runtime.block_on(look(&mut monitor, out))?;
        begun(&monitor, out);
        while !ended.load(Ordering::Relaxed) {
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(self.every) && !ended.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(50));
            }
            runtime.block_on(look(&mut monitor, out))?;
        }
        Ok(Exit::Good)
    }

    /// What is remembered is told, or closed: neither a log nor its authority is asked for that.
    fn kept(&self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let kept = Kept::read(&self.state, desk.pin()?).map_err(failure)?;
        let Some(id) = &self.acknowledge else {
            kept.open_alerts().for_each(|alert| tell("open", alert, out));
            return Ok(exit(kept.open_alerts()));
        };
        let closed = kept.acknowledge(id, clock::now()).map_err(failure)?;
        let closed = closed.ok_or_else(|| {
            Failure::usage(
                "alert_unknown",
                format!("nothing that is open is the only one that begins with `{id}`"),
            )
        })?;
        tell("acknowledged", &closed, out);
        Ok(Exit::Good)
    }

    fn settings(&self, desk: &Desk) -> Result<Settings, Failure> {
        let authority = match desk.pin()? {
            Some(pin) => pin,
            None => desk.home()?.authority,
        };
        let source = match (&desk.copy, &self.url) {
            (None, Some(url)) => {
                let fetcher = Fetcher::new(self.ca.as_deref());
                Source::site(url, fetcher.map_err(|error| Failure::usage("roots_unusable", error))?)
            }
            (Some(folder), _) => {
                is_folder(folder)?;
                Source::folder(folder)
            }
            (folder, _) => Source::folder(folder.as_deref().unwrap_or(&self.state)),
        };
        let counter = |(key, file): &(Name, String)| {
            let counter: Box<dyn SignatureCounter> = Box::new(FileCounter::new(file.as_ref()));
            (key.clone(), counter)
        };
        let number = |(key, text): &(Name, String)| match text.parse() {
            Ok(number) => Ok((key.clone(), number)),
            Err(_) => Err(Failure::usage("usage", format!("--accounted {key}: `{text}` is not a number"))),
        };
        Ok(Settings {
            authority,
            source,
            counters: self.counters.iter().map(counter).collect(),
            accounted: self.accounted.iter().map(number).collect::<Result<BTreeMap<_, u64>, _>>()?,
            feeds: self.server_logs.clone(),
            things: self.things.clone(),
        })
    }
}

fn failure(error: Error) -> Failure {
    Failure::usage(error.code(), error)
}

/// One look. What is new is out before it is kept as told.
async fn look(monitor: &mut Monitor, out: &mut Output) -> Result<(), Failure> {
    for change in monitor.look(clock::now()).await {
        match change {
            Change::Raised(alert) => tell("raised", &alert, out),
            Change::Resolved(alert) => tell("resolved", &alert, out),
        }
    }
    out.flush();
    monitor.keep().map_err(failure)
}

/// One line that programs can wait for.
fn begun(monitor: &Monitor, out: &mut Output) {
    let (size, open) = (monitor.size(), monitor.open_alerts().count());
    if out.wants_json() {
        out.json_line(&json!({ "monitor": "watches", "size": size, "open": open }));
    } else {
        out.line(format_args!("watches a log of {size} leaves; {open} open"));
    }
    out.flush();
}

fn exit<'a>(mut open: impl Iterator<Item = &'a Alert>) -> Exit {
    if open.any(is_urgent) { Exit::Refused } else { Exit::Good }
}

fn tell(state: &str, alert: &Alert, out: &mut Output) {
    let Alert { id, code, severity, what, index, advice, .. } = alert;
    let since = alert.since().utc().to_string();
    if out.wants_json() {
        let at: Value = clock::now().utc().to_string().into();
        out.json_line(&json!({
            "state": state, "id": id, "code": code, "severity": severity, "what": what, "index": index,
            "since": since, "at": at, "do": advice,
        }));
        return;
    }
    let style = match (state, severity.as_str()) {
        ("raised" | "open", "alert") => Style::Bad,
        ("raised" | "open", "warning") => Style::Warn,
        ("resolved" | "acknowledged", _) => Style::Good,
        _ => Style::Dim,
    };
    let place = index.map(|index| format!(", leaf {index}")).unwrap_or_default();
    let title = out.paint(style, format!("{state} {severity} {code}"));
    out.line(format!("{title} {id}, since {since}{place}: {}", printable(what)));
    if matches!(state, "raised" | "open") {
        out.line(format!("  {advice}"));
    }
}
