//! SIGKILL at every step between a request and its publication, at random points: of the server with its log, of the witness, of the signer.
//! `ATTEST_KILLS` says how often (25).
//!
//! People hand in requests, approve them and publish what is signed, and try again whenever nobody answers. After each kill, and at the end:
//! what was told is in the log, in its place; no request is spent twice; OpenSC's spy saw no call of the HSM for which no attempt stood in the
//! witnessed log before; and each call was for the bytes that people approved.

mod book;
mod programs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use attest_core::release::ObjectId;
use attest_core::release::form::ReleaseKey;
use attest_core::release::leaf::Event;
use attest_core::release::request::Request;
use attest_server::dice;
use serde_json::Value;
use tokio::net::TcpSocket;
use tokio::time::sleep;

use self::book::Book;
use self::programs::{Kept, Signer};
use crate::client::{Answer, Client};
use crate::organisation::{approval, bytes, id_of, submission};
use crate::site::Site;
use crate::soft::Soft;
use crate::spy::Spy;
use crate::stage::*;

/// Where a request is: what it waits for.
const STEPS: [&str; 6] =
    ["submission", "first approval", "second approval", "attempt", "signature", "publication"];
/// Nothing takes longer than this, whoever is killed meanwhile.
const PATIENCE: Duration = Duration::from_secs(300);

fn kills() -> usize {
    std::env::var("ATTEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(25)
}

fn random(below: u64) -> u64 {
    u64::from_le_bytes(dice::bytes().unwrap()) % below
}

/// An address that nobody else gets as long as this is held. Programs listen there, one after the other: it does not listen itself.
fn held_address() -> TcpSocket {
    let held = TcpSocket::new_v4().unwrap();
    held.set_reuseaddr(true).unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    held
}

/// Everything that runs, and what it is told.
struct World {
    site: Site,
    pin: ObjectId,
    key: ReleaseKey,
    step: Arc<AtomicUsize>,
    people: BTreeMap<&'static str, Client>,
    home: PathBuf,
    book: Arc<tokio::sync::Mutex<Book>>,
}

impl World {
    /// Tries again until it is told.
    async fn told(&self, event: Event, mut hand_in: impl AsyncFnMut() -> Answer) {
        let began = Instant::now();
        let index = loop {
            match hand_in().await {
                Ok(recorded) => break recorded.index,
                Err(status) => assert!(began.elapsed() < PATIENCE, "{status}"),
            }
            sleep(Duration::from_millis(20)).await;
        };
        let mut book = self.book.lock().await;
        assert_eq!(*book.told.entry(index).or_insert_with(|| event.clone()), event, "told at {index} before");
    }

    /// One request, from asking to publication.
    async fn release(&self, number: usize) -> (Request, Vec<u8>) {
        let edition = u64::try_from(number + 1).unwrap();
        let (request, objects) = asked_for(self.pin, &format!("k{number}"), edition, &self.key);
        let (id, to_be_signed) = (id_of(&request), objects[2].clone());
        self.book.lock().await.listed.insert(id, request.sign[0].sha256);
        let at = |step: usize| self.step.store(step, Ordering::SeqCst);

        at(0);
        let submission = bytes(&submission("ci", "ci", &request));
        let encoded = bytes(&request);
        let mut ci = self.people["ci"].clone();
        let event = Event::Submitted { submission: ObjectId::of(&submission), request: id };
        self.told(event, async || ci.submit_with(&submission, &encoded, objects.clone()).await).await;
        for (step, who) in [(1, "alice"), (2, "bob")] {
            at(step);
            let approval = approval(who, who, &[&request]);
            let event = Event::Approved { approval: id_of(&approval), requests: vec![id] };
            let mut client = self.people[who].clone();
            self.told(event, async || client.approve_with(&approval).await).await;
        }
        at(3);
        self.until(|book| book.attempts(id) > 0).await;
        at(4);
        self.until(|book| !book.signed(id).is_empty()).await;
        at(5);
        self.publish(id).await;
        (request, to_be_signed)
    }

    async fn until(&self, is_so: impl Fn(&Book) -> bool) {
        let began = Instant::now();
        loop {
            let mut book = self.book.lock().await;
            book.read().await;
            if is_so(&book) {
                return;
            }
            drop(book);
            let step = STEPS[self.step.load(Ordering::SeqCst)];
            assert!(began.elapsed() < PATIENCE, "waiting for the {step}\n{}", self.heard());
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// What the programs said last.
    fn heard(&self) -> String {
        let last = |name: &str| {
            let text = std::fs::read_to_string(self.site.path(name)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let (_, last) = lines.split_at(lines.len().saturating_sub(20));
            format!("{name}:\n{}", last.join("\n"))
        };
        ["signer.log", "serve.log", "witness.log"].map(last).join("\n")
    }

    /// With the program that people use.
    async fn publish(&self, id: ObjectId) {
        let began = Instant::now();
        loop {
            let mut command = Command::new(env!("CARGO_BIN_EXE_attest"));
            command.args(["--json", "release", "publish", &id.to_string(), "--home"]).arg(&self.home);
            let ran = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
            if ran.status.success() {
                let told: Value = serde_json::from_slice(&ran.stdout).unwrap();
                let bundle = ObjectId::from_text(told["bundle"].as_str().unwrap()).unwrap();
                let event = Event::Published { request: id, bundle };
                let mut book = self.book.lock().await;
                book.told.insert(told["index"].as_u64().unwrap(), event);
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{ran:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Alice's folder, for the program.
fn home(site: &Site, url: &str) -> PathBuf {
    let home = site.path("alice");
    std::fs::create_dir(&home).unwrap();
    let (certificate, key) = site.identity(&["alice"]);
    std::fs::write(home.join("alice.pem"), certificate).unwrap();
    write_private(&home.join("alice.key"), &key);
    let text = format!(
        "authority = '{}'\nserver = '{url}'\nca = {:?}\ncertificate = 'alice.pem'\ncertificate_key = 'alice.key'\nidentity = 'alice'\n",
        site.pin,
        site.path("servers.pem"),
    );
    std::fs::write(home.join("release.toml"), text).unwrap();
    home
}

fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// The server's configuration, with TLS.
fn with_tls(site: &Site, witness: &str) -> PathBuf {
    let path = site.config_file(&[witness.to_owned()]);
    let tls = format!(
        "[tls]\ncertificate = {:?}\nkey = {:?}\nclient_ca = {:?}\n[authority]\nsigner_name = 'signer'\n",
        site.path("server.pem"),
        site.path("server.key"),
        site.path("clients.pem"),
    );
    let text = std::fs::read_to_string(&path).unwrap().replace("[authority]\n", &tls);
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a69_whoever_is_killed_nothing_is_lost_spent_twice_or_signed_unasked() {
    let Some(mut soft) = Soft::new() else { return };
    let Some(spy) = Spy::on(&soft.module, soft.path("spy.log")) else { return };
    let spki = soft.make();
    let site = site(&spki, |_| ());
    let (held_grpc, held_witness) = (held_address(), held_address());
    let (grpc, witnesses) = (held_grpc.local_addr().unwrap(), held_witness.local_addr().unwrap());
    let url = format!("https://localhost:{}", grpc.port());
    let (witness_at, state) = (witnesses.to_string(), site.path("w1").display().to_string());
    let witness =
        ["witness", "run", "--json", "--listen", &witness_at, "--state", &state, "--log", &site.log_key];
    let mut witness = Kept::start(&witness, site.path("witness.log"));
    let config = with_tls(&site, &format!("http://{witness_at}")).display().to_string();
    let grpc_at = grpc.to_string();
    let serve =
        ["serve", "--json", "--listen-grpc", &grpc_at, "--listen-http", "127.0.0.1:0", "--config", &config];
    let mut server = Kept::start(&serve, site.path("serve.log"));
    soft.module = spy.module.clone();
    let signer_config = soft.config(Some((&site, &url)));

    let client = |who: &str| Client::on(site.endpoint_as(grpc, &[who]).connect_lazy());
    let people = ["ci", "alice", "bob"].into_iter().map(|who| (who, client(who))).collect();
    let book = Arc::new(tokio::sync::Mutex::new(Book::new(client("reader"))));
    let step = Arc::new(AtomicUsize::new(0));
    let (pin, key, home) = (site.pin, release_key(&spki), home(&site, &url));
    let world = Arc::new(World {
        site,
        pin,
        key: key.clone(),
        step: Arc::clone(&step),
        people,
        home,
        book: Arc::clone(&book),
    });
    let log = world.site.path("signer.log");
    let signer = {
        let mut command = soft.attest(&signer_config, &["run", "--once"]);
        spy.watches(&mut command);
        let environment: Vec<_> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        Signer::start(soft.copy(), move || {
            let log = std::fs::File::options().create(true).append(true).open(&log).unwrap();
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "KILL", "--", env!("CARGO_BIN_EXE_attest")]).args(&arguments);
            command.envs(environment.clone()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
            command
        })
    };

    let is_over = Arc::new(AtomicBool::new(false));
    let (working, over) = (Arc::clone(&world), Arc::clone(&is_over));
    let here = tokio::runtime::Handle::current();
    let work = thread::spawn(move || {
        here.block_on(async {
            let mut asked = Vec::new();
            while !over.load(Ordering::SeqCst) {
                asked.push(working.release(asked.len()).await);
            }
            asked
        })
    });
    let began = Instant::now();
    let mut at = BTreeMap::<(usize, &str), u32>::new();
    for _ in 0..kills() {
        let wanted = usize::try_from(random(6)).unwrap();
        let since = Instant::now();
        while step.load(Ordering::SeqCst) != wanted && since.elapsed() < Duration::from_secs(5) {
            assert!(!work.is_finished(), "the work ended");
            sleep(Duration::from_millis(1)).await;
        }
        // People's steps take milliseconds, the signer's hundreds; and some of them only a few behind a word with the HSM.
        let in_the_hsm = wanted == 4 && random(2) == 0;
        let spread = match wanted {
            3 => 150_000,
            4 if in_the_hsm => {
                let (what, spread) = if random(2) == 0 { ("", 8_000) } else { ("SignInit", 3_000) };
                spy.is_called(what, Duration::from_secs(1)).await;
                spread
            }
            4 => 300_000,
            _ => 15_000,
        };
        sleep(Duration::from_micros(random(spread))).await;
        let now = step.load(Ordering::SeqCst);
        let who = match random(4) {
            _ if in_the_hsm => "signer",
            0 => "witness",
            1 => "server",
            _ if now < 3 || now == 5 => "server",
            _ => "signer",
        };
        *at.entry((now, who)).or_default() += 1;
        tokio::task::block_in_place(|| match who {
            "witness" => witness.kill(),
            "server" => server.kill(),
            _ => signer.kill(),
        });
        book.lock().await.check(&spy).await;
    }
    is_over.store(true, Ordering::SeqCst);
    let asked = tokio::task::block_in_place(|| work.join().unwrap());
    let cut = signer.end();
    book.lock().await.close(&spy, &key, &asked).await;
    let took = began.elapsed().as_secs();
    let (calls, attempts) =
        (spy.calls(), book.lock().await.count(|it| matches!(it, Event::Attempted { .. })));
    println!(
        "{} kills in {took} s, {} requests published, {attempts} attempts, {} calls of the HSM, {} finished, {cut} times \
         SoftHSM2's own files put back",
        kills(),
        asked.len(),
        calls.begun,
        calls.signed.len()
    );
    for ((step, who), times) in &at {
        println!("  {times:4} × {who} while waiting for the {}", STEPS[*step]);
    }
    assert!(calls.signed.len() >= asked.len());
}
