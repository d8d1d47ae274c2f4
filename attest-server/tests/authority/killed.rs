//! SIGKILL at random points: what was told is there, once; of two histories one is signed. `ATTEST_KILLS` says how often (50).

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use attest_core::Limits;
use attest_core::audit::checkpoint::Checkpoint;
use attest_core::audit::note::SignEd25519 as _;
use attest_core::audit::tree::{
    Error as TreeError, Frontier, Hash, HashReader, Node, TreeHead, consistency_proof,
};
use attest_core::audit::witness::AddCheckpoint;
use attest_core::release::ObjectId;
use attest_core::release::leaf::{Event, Leaf};
use attest_core::release::object;
use attest_server::dice;
use attest_server::log::{NoteKey, Writer};
use tokio::time::sleep;
use tonic::Code;

use crate::client::{Client, refusal};
use crate::organisation::{bytes, id_of, request};
use crate::site::{ORIGIN, Process, Site};
use crate::watched::published;

fn kills() -> u64 {
    std::env::var("ATTEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(50)
}

fn random(below: u64) -> Duration {
    Duration::from_micros(u64::from_le_bytes(dice::bytes().unwrap()) % below)
}

/// Submits requests of its own until the server is gone: those of which it was told, and the one of which it was not.
async fn submit_until_gone(
    mut client: Client,
    pin: ObjectId,
    numbers: Arc<AtomicU64>,
    mut unsure: Option<u64>,
) -> (Vec<(u64, ObjectId)>, Option<u64>) {
    let mut told = Vec::new();
    loop {
        let number = unsure.take().unwrap_or_else(|| numbers.fetch_add(1, Ordering::Relaxed));
        let tag = format!("k{number}");
        let request = request_of(pin, number);
        match client.submit(&request, &tag).await {
            Ok(recorded) => told.push((recorded.index, id_of(&request))),
            Err(_) => return (told, Some(number)),
        }
    }
}

/// The same request for the same number, whenever it is asked for.
fn request_of(pin: ObjectId, number: u64) -> attest_core::release::Request {
    let mut request = request(pin, pin, &format!("k{number}"));
    // The tag is all that may differ: no time of the test's own.
    request.not_before = attest_core::Timestamp::from_unix(1_700_000_000);
    request.not_after = attest_core::Timestamp::from_unix(4_000_000_000);
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_told_is_lost_and_nothing_is_written_twice() {
    let site = Site::new(1, 1);
    let log = site.path("serve.log");
    let state = site.path("w1");
    let witness = ["witness", "run", "--json", "--listen", "127.0.0.1:0", "--state", state.to_str().unwrap()];
    let witness =
        Process::start(&[&witness[..], &["--log", &site.log_key]].concat(), &site.path("witness.log"));
    let config = site.config_file(&[witness.said["url"].as_str().unwrap().to_owned()]);
    let mut arguments = vec!["serve", "--json", "--development", "--listen-grpc", "127.0.0.1:0"];
    arguments.extend(["--listen-http", "127.0.0.1:0", "--config", config.to_str().unwrap()]);
    let numbers = Arc::new(AtomicU64::new(0));
    let mut told: BTreeMap<u64, ObjectId> = BTreeMap::new();
    let enough = usize::try_from(kills()).unwrap();
    let mut unsure: Vec<Option<u64>> = vec![None; 4];
    for round in 0..20 * kills() {
        // Where little is told between two kills there are more of them.
        if round >= kills() && told.len() > enough {
            break;
        }
        if round % 5 == 4 {
            // While it begins: what recovers is killed, too.
            let mut begun = Command::new(env!("CARGO_BIN_EXE_attest"))
                .args(&arguments)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            sleep(random(80_000)).await;
            begun.kill().unwrap();
            begun.wait().unwrap();
        }
        let server = Process::start(&arguments, &log);
        let client = Client::on(site.connect(server.address("grpc")).await);
        let tasks: Vec<_> = unsure
            .drain(..)
            .map(|unsure| {
                let numbers = Arc::clone(&numbers);
                tokio::spawn(submit_until_gone(client.clone(), site.pin, numbers, unsure))
            })
            .collect();
        sleep(random(300_000)).await;
        server.kill();
        for task in tasks {
            let (heard, left) = task.await.unwrap();
            for (index, id) in heard {
                assert_eq!(*told.entry(index).or_insert(id), id, "two leaves at index {index}");
            }
            unsure.push(left);
        }
    }
    let server = Process::start(&arguments, &log);
    let mut client = Client::on(site.connect(server.address("grpc")).await);
    for number in unsure.into_iter().flatten() {
        let request = request_of(site.pin, number);
        let recorded = client.submit(&request, &format!("k{number}")).await.unwrap();
        told.insert(recorded.index, id_of(&request));
    }
    let size = told.keys().last().unwrap() + 1;
    published(&mut client, size).await;
    let leaves = client.leaves().await;
    let mut requests = BTreeSet::new();
    for (leaf, index) in leaves.iter().zip(0_u64..) {
        match object::read::<Leaf>(leaf, &Limits::DEFAULT).unwrap().event {
            Event::Submitted { request, .. } => {
                assert!(requests.insert(request), "leaf {index} is written twice");
                assert!(told.get(&index).is_none_or(|told| *told == request), "leaf {index} is another one");
            }
            Event::Policy { .. } => assert_eq!(index, 0),
            other => panic!("{other:?}"),
        }
    }
    assert!(told.values().all(|id| requests.contains(id)), "something that was told is lost");
    assert!(told.len() > enough, "hardly anything was told");
    println!("{} kills, {} leaves, {} told", kills(), leaves.len(), told.len());
}

/// A history of a log: the same three entries, and then others.
pub(crate) struct History {
    key: NoteKey,
    nodes: Vec<(Node, Hash)>,
    heads: Vec<TreeHead>,
}

struct Nodes<'n>(&'n [(Node, Hash)]);

impl HashReader for Nodes<'_> {
    type Error = TreeError;
    fn hash(&mut self, node: Node) -> Result<Hash, TreeError> {
        Ok(self.0.iter().find(|(known, _)| *known == node).unwrap().1)
    }
}

impl History {
    pub(crate) fn new(site: &Site, called: &str) -> Self {
        let mut frontier = Frontier::new();
        let (mut nodes, mut heads) = (Vec::new(), vec![TreeHead::empty()]);
        for number in 0..40 {
            let entry = if number < 3 { format!("{number}") } else { format!("{called} {number}") };
            let appended = frontier.append([entry.as_bytes()].into_iter(), &Limits::DEFAULT).unwrap();
            nodes.extend(appended.nodes);
            heads.push(appended.head);
        }
        let key = NoteKey::open(&site.path("log.key")).unwrap();
        assert_eq!(key.public_key().len(), 32);
        Self { key, nodes, heads }
    }

    /// What a log asks of a witness: to sign so many leaves, after so many that it signed before.
    pub(crate) fn asks(&self, old: usize, new: usize) -> Vec<u8> {
        let proof = if old <= new {
            consistency_proof(old as u64, new as u64, &mut Nodes(&self.nodes)).unwrap()
        } else {
            Vec::new()
        };
        let note =
            Checkpoint::new(ORIGIN, self.heads[new], &Limits::DEFAULT).unwrap().sign(&self.key).unwrap();
        AddCheckpoint { old: old as u64, proof, note: note.as_bytes() }.to_bytes()
    }

    fn ask(&self, address: SocketAddr, old: usize, new: usize) -> Option<(u16, String)> {
        let body = self.asks(old, new);
        let mut stream = TcpStream::connect(address).ok()?;
        let head = format!(
            "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), &body].concat()).ok()?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).ok()?;
        let (head, body) = reply.split_once("\r\n\r\n")?;
        Some((head.get(9..12)?.parse().ok()?, body.to_owned()))
    }

    /// Tells this history until the witness is gone or has signed all of it: the sizes that it signed.
    fn tell(&self, address: SocketAddr) -> Vec<usize> {
        let (mut signed, mut old, mut new) = (Vec::new(), 0, 3);
        while new < self.heads.len() {
            match self.ask(address, old, new) {
                Some((200, _)) => {
                    signed.push(new);
                    (old, new) = (new, new + 1);
                }
                Some((409, body)) => match body.trim().parse() {
                    Ok(last) if last != old => {
                        old = last;
                        new = new.max(last + 1);
                    }
                    _ => return signed,
                },
                _ => return signed,
            }
        }
        signed
    }
}

#[test]
fn a68_a_witness_that_is_killed_never_signs_two_histories() {
    let site = Site::new(1, 1);
    let histories = [History::new(&site, "one"), History::new(&site, "other")];
    let mut both = 0;
    for round in 0..kills() {
        let state = site.path(&format!("witness-{round}"));
        attest_server::witness::Witness::make(&state, "w.example").unwrap();
        let arguments = ["witness", "run", "--json", "--listen", "127.0.0.1:0", "--log", &site.log_key];
        let arguments = [&arguments[..], &["--state", state.to_str().unwrap()]].concat();
        let mut signed: [BTreeSet<usize>; 2] = Default::default();
        for again in 0..3 {
            let witness = Process::start(&arguments, &site.path("witness.log"));
            let address: SocketAddr =
                witness.said["url"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
            thread::scope(|scope| {
                // The other one is told first every other time.
                let tellers: Vec<_> = [round % 2, 1 - round % 2]
                    .into_iter()
                    .map(|which| {
                        let which = usize::try_from(which).unwrap();
                        let history = &histories[which];
                        (which, scope.spawn(move || history.tell(address)))
                    })
                    .collect();
                if again < 2 {
                    thread::sleep(random(30_000));
                    witness.kill();
                }
                for (which, teller) in tellers {
                    signed[which].extend(teller.join().unwrap());
                }
            });
        }
        let beyond: Vec<bool> = signed.iter().map(|sizes| sizes.iter().any(|size| *size > 3)).collect();
        assert_ne!(beyond, [true, true], "two histories are signed: {signed:?}");
        both += u32::from(beyond.contains(&true));
    }
    assert!(u64::from(both) > kills() / 2, "hardly anything was signed");
}

/// No file grows beyond a megabyte: what a full disk does to the largest of them, which fails while it is written.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_disk_does_not_take_is_told_and_leaves_nothing() {
    let site = Site::new(1, 1);
    let config = site.config_file(&[]);
    let full = ["env", "--ignore-signal=XFSZ", "prlimit", "--fsize=1000000", "--"];
    let serve = ["serve", "--json", "--development", "--listen-grpc", "127.0.0.1:0"];
    let serve =
        [&serve[..], &["--listen-http", "127.0.0.1:0", "--config", config.to_str().unwrap()]].concat();
    let server = Process::start_under(&full, &serve, &site.path("serve.log"));
    let mut client = Client::on(site.connect(server.address("grpc")).await);
    let large = vec![7; 1_500_000];
    let mut request = request_of(site.pin, 1);
    request.measurements = Some(ObjectId::of(&large));
    let mut objects = crate::organisation::objects("k1");
    objects[0] = large;
    let submission = bytes(&crate::organisation::submission("ci", "ci", &request));
    for _ in 0..2 {
        let refused = client.submit_with(&submission, &bytes(&request), objects.clone()).await;
        assert_eq!(refusal(refused), (Code::Unavailable, "log_failed".to_owned()));
    }
    let log = std::fs::read_to_string(site.path("serve.log")).unwrap();
    assert!(log.contains(&hex::encode(ObjectId::of(&objects[0]).as_bytes())), "the file is named: {log}");
    // What fits goes on, in the place that the other one did not take.
    assert_eq!(client.submit(&request_of(site.pin, 2), "k2").await.unwrap().index, 1);
    server.kill();
    let server = Process::start(&serve, &site.path("serve.log"));
    let mut client = Client::on(site.connect(server.address("grpc")).await);
    let recorded = client.submit_with(&submission, &bytes(&request), objects).await.unwrap();
    assert_eq!((recorded.index, recorded.already), (2, false));
}

#[test]
fn a_server_that_cannot_open_its_log_says_why() {
    let site = Site::new(1, 1);
    let config = site.config_file(&[]);
    let serve = || {
        // One that starts after all is not waited for.
        let mut command = Command::new("timeout");
        command.args(["120", env!("CARGO_BIN_EXE_attest")]);
        command.args(["serve", "--json", "--development", "--listen-grpc", "127.0.0.1:0"]);
        command.args(["--listen-http", "127.0.0.1:0", "--config"]).arg(&config);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stdout).unwrap()
    };
    let policy = std::fs::read(site.path("policy-1.cbor")).unwrap();
    std::fs::write(site.path("policy-1.cbor"), b"other").unwrap();
    assert!(serve().contains("it is not the first policy that authority.policy_pin names"));
    std::fs::write(site.path("policy-1.cbor"), &policy).unwrap();
    let key = std::fs::read(site.path("log.key")).unwrap();
    std::fs::remove_file(site.path("log.key")).unwrap();
    std::fs::remove_dir_all(site.path("log")).unwrap();
    NoteKey::make(&site.path("log.key"), "log.example/other").unwrap();
    assert!(serve().contains("names the log log.example/gateway+"), "{}", serve());
    std::fs::remove_dir_all(site.path("log")).unwrap();
    std::fs::write(site.path("log.key"), &key).unwrap();
    // Somebody else is writing it.
    let own = NoteKey::open(&site.path("log.key")).unwrap();
    let writer = Writer::open(&site.path("log"), own, &Limits::DEFAULT, |_, _| {}).unwrap();
    assert!(serve().contains("another process writes this log"));
    drop(writer);
    std::fs::remove_dir_all(site.path("log")).unwrap();
    std::fs::write(site.path("log"), "a file").unwrap();
    assert!(serve().contains("/log: "), "{}", serve());
}
