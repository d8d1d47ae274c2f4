//! SIGKILL at every step between a request and its publication, at random points: of the server with its log, of the witness, of the signer.
//! `ATTEST_KILLS` says how often (25).
//!
//! People hand in requests, approve them and publish what is signed, and try again whenever nobody answers. After each kill, and at the end:
//! what was told is in the log, in its place; no request is spent twice; OpenSC's spy saw no call of the HSM for which no attempt stood in the
//! witnessed log before; and each call was for the bytes that people approved.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use attest_core::release::ObjectId;
use attest_core::release::form::ReleaseKey;
use attest_core::release::leaf::{Event, Leaf};
use attest_core::release::object;
use attest_core::release::request::Request;
use attest_proto::release::v1::{GetLeavesRequest, GetObjectRequest};
use attest_server::dice;
use serde_json::Value;
use tokio::time::sleep;

use crate::client::{Answer, Client};
use crate::organisation::{approval, bytes, id_of, submission};
use crate::site::{Process, Site};
use crate::soft::Soft;
use crate::spy::Spy;
use crate::stage::*;

/// Where a request is: what it waits for.
const STEPS: [&str; 6] =
    ["submission", "first approval", "second approval", "attempt", "signature", "publication"];
/// Nothing takes longer than this, whoever is killed meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

fn kills() -> usize {
    std::env::var("ATTEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(25)
}

fn random(below: u64) -> u64 {
    u64::from_le_bytes(dice::bytes().unwrap()) % below
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A program that is there again after each kill.
struct Kept {
    arguments: Vec<String>,
    log: PathBuf,
    process: Option<Process>,
}

impl Kept {
    fn start(arguments: &[&str], log: PathBuf) -> Self {
        let mut kept =
            Self { arguments: arguments.iter().map(|it| (*it).to_owned()).collect(), log, process: None };
        kept.begin();
        kept
    }

    fn begin(&mut self) {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        self.process = Some(Process::start(&arguments, &self.log));
    }

    /// And sometimes once more, while it begins.
    fn kill(&mut self) {
        self.process.take().unwrap().kill();
        if random(4) == 0 {
            let mut begun = Command::new(env!("CARGO_BIN_EXE_attest"))
                .args(&self.arguments)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            thread::sleep(Duration::from_millis(random(80)));
            begun.kill().unwrap();
            begun.wait().unwrap();
        }
        self.begin();
    }
}

/// `attest signer run --once`, again and again. It may be refused or find nobody; it ends by no signal but ours.
struct Signer {
    running: Arc<Mutex<Option<Child>>>,
    ended: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Signer {
    fn start(mut command: impl FnMut() -> Command + Send + 'static) -> Self {
        let (running, ended) = (Arc::new(Mutex::new(None)), Arc::new(AtomicBool::new(false)));
        let (slot, stop) = (Arc::clone(&running), Arc::clone(&ended));
        let thread = thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                *slot.lock().unwrap() = Some(command().spawn().unwrap());
                let status = loop {
                    thread::sleep(Duration::from_millis(5));
                    if let Some(status) = slot.lock().unwrap().as_mut().unwrap().try_wait().unwrap() {
                        break status;
                    }
                };
                assert!(status.signal().is_none_or(|signal| signal == 9), "the signer ended by {status}");
            }
        });
        Self { running, ended, thread: Some(thread) }
    }

    fn kill(&self) {
        if let Some(child) = self.running.lock().unwrap().as_mut() {
            child.kill().unwrap();
        }
    }

    fn end(mut self) {
        self.ended.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
    }
}

/// What is known of the log, and what must be in it.
struct Book {
    client: Client,
    /// Every published leaf, as it was seen first.
    leaves: Vec<Vec<u8>>,
    events: Vec<Event>,
    /// What was told, by its place.
    told: BTreeMap<u64, Event>,
    /// What each request lists, by its id.
    listed: BTreeMap<ObjectId, ObjectId>,
}

impl Book {
    fn new(client: Client) -> Self {
        let (leaves, events, told, listed) = <(Vec<_>, Vec<_>, BTreeMap<_, _>, BTreeMap<_, _>)>::default();
        Self { client, leaves, events, told, listed }
    }

    /// Reads on, until somebody answers.
    async fn read(&mut self) {
        let began = Instant::now();
        loop {
            let first = u64::try_from(self.leaves.len()).unwrap();
            match self.client.log.get_leaves(GetLeavesRequest { first, count: 1_000 }).await {
                Ok(answer) => {
                    let answer = answer.into_inner();
                    for leaf in answer.leaves {
                        self.events.push(object::read::<Leaf>(&leaf, LIMITS).unwrap().event);
                        self.leaves.push(leaf);
                    }
                    let size = u64::try_from(self.leaves.len()).unwrap();
                    // Inv. 13: what was published is not taken back.
                    assert!(answer.size >= size, "the log shrank from {size} to {}", answer.size);
                    if answer.size == size {
                        return;
                    }
                }
                Err(status) => {
                    assert!(began.elapsed() < PATIENCE, "{status}");
                    sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    fn count(&self, is_it: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| is_it(event)).count()
    }

    fn attempts(&self, id: ObjectId) -> usize {
        self.count(|event| matches!(event, Event::Attempted { request } if *request == id))
    }

    fn signed(&self, id: ObjectId) -> Vec<ObjectId> {
        let of = |event: &Event| match event {
            Event::Signed { request, signatures } if *request == id => Some(*signatures),
            _ => None,
        };
        self.events.iter().filter_map(of).collect()
    }

    /// What must hold at any time.
    async fn check(&mut self, spy: &Spy) {
        // First what the HSM was asked, then what the witnesses saw: an attempt is there before it is used.
        let calls = spy.calls();
        self.read().await;
        for (index, event) in &self.told {
            let is = self.events.get(usize::try_from(*index).unwrap());
            assert!(is.is_none_or(|is| is == event), "leaf {index} is {is:?}, and {event:?} was told");
        }
        let attempts = self.count(|event| matches!(event, Event::Attempted { .. }));
        assert!(calls.begun <= attempts, "{} calls of the HSM, {attempts} attempts", calls.begun);
        for digest in &calls.signed {
            assert!(self.listed.values().any(|listed| listed == digest), "nobody approved {digest}");
        }
        for (id, listed) in &self.listed {
            let calls = calls.signed.iter().filter(|digest| *digest == listed).count();
            assert!(calls <= self.attempts(*id), "{calls} calls for {id}, {} attempts", self.attempts(*id));
            assert!(self.signed(*id).len() <= 1, "{id} is signed for twice");
        }
    }

    /// In the end: every request once, whole, and by the key that people approved.
    async fn close(&mut self, spy: &Spy, key: &ReleaseKey, asked: &[(Request, Vec<u8>)]) {
        self.check(spy).await;
        let last = *self.told.keys().last().unwrap();
        assert!(u64::try_from(self.leaves.len()).unwrap() > last, "something that was told is lost");
        assert_eq!(self.client.leaves().await, self.leaves, "the log is not what it was");
        assert_eq!(self.count(|event| matches!(event, Event::Denied { .. })), 0);
        let calls = spy.calls();
        for (request, to_be_signed) in asked {
            let id = id_of(request);
            let submitted =
                self.count(|event| matches!(event, Event::Submitted { request, .. } if *request == id));
            let approved =
                self.count(|event| matches!(event, Event::Approved { requests, .. } if requests[..] == [id]));
            let published =
                self.count(|event| matches!(event, Event::Published { request, .. } if *request == id));
            assert_eq!((submitted, approved, self.signed(id).len(), published), (1, 2, 1, 1), "{id}");
            assert!((1..=16).contains(&self.attempts(id)), "{id}: {} attempts", self.attempts(id));
            assert!(calls.signed.contains(&self.listed[&id]), "{id} was signed by nobody");
            let digests = self.object(self.signed(id)[0].as_bytes()).await;
            assert!(key.verifies(to_be_signed, &self.object(&digests).await), "{id}");
        }
    }

    async fn object(&mut self, id: &[u8]) -> Vec<u8> {
        self.client.log.get_object(GetObjectRequest { id: id.to_vec() }).await.unwrap().into_inner().object
    }
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
            assert!(began.elapsed() < PATIENCE, "waiting for {}", STEPS[self.step.load(Ordering::SeqCst)]);
            sleep(Duration::from_millis(10)).await;
        }
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
    let (grpc, witnesses) = (free_address(), free_address());
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
        Signer::start(move || {
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
    signer.end();
    book.lock().await.close(&spy, &key, &asked).await;
    let took = began.elapsed().as_secs();
    let (calls, attempts) =
        (spy.calls(), book.lock().await.count(|it| matches!(it, Event::Attempted { .. })));
    println!(
        "{} kills in {took} s, {} requests published, {attempts} attempts, {} calls of the HSM, {} finished",
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
