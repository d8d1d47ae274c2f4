//! The worker against devices that fail as they are told to, and against SoftHSM2, with OpenSC's `pkcs11-tool` beside it. SoftHSM2 reads its
//! configuration once for each process, so each such test runs in one of its own, with a token of its own.

mod soft;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use attest_core::release::policy::Purpose;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

use super::*;

const URI: &str = "pkcs11:token=t;object=k";

fn pair() -> EcdsaKeyPair {
    let pkcs8 = include_bytes!("../../../tests/fixtures/keys/p256.pk8");
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &SystemRandom::new()).unwrap()
}

fn key() -> ReleaseKey {
    let prefix = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
    let spki = [&prefix, pair().public_key().as_ref()].concat();
    ReleaseKey::new(&spki, Purpose::Raw, None).unwrap()
}

/// What a device does when it is asked: signs, or fails.
type Does = fn(&[u8]) -> Result<Vec<u8>, Failure>;

struct Scripted {
    script: Vec<Does>,
    asked: Arc<AtomicUsize>,
    closed: Arc<AtomicUsize>,
}

impl Device for Scripted {
    fn check(&mut self, _: &str, _: &ReleaseKey) -> Result<(), Failure> {
        Ok(())
    }

    fn sign(&mut self, _: &str, _: &ReleaseKey, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        self.script.get(turn).unwrap_or_else(|| self.script.last().unwrap())(bytes)
    }

    fn close(&mut self) {
        self.closed.fetch_add(1, Ordering::SeqCst);
    }
}

fn signs(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    Ok(pair().sign(&SystemRandom::new(), bytes).unwrap().as_ref().to_vec())
}

fn is_away(_: &[u8]) -> Result<Vec<u8>, Failure> {
    Err(Failure::Away("pulled out".to_owned()))
}

fn breaks(_: &[u8]) -> Result<Vec<u8>, Failure> {
    Err(Failure::Final(Error::InTheMiddle("CKR_DEVICE_ERROR".to_owned())))
}

/// What comes of one question, how often the device was asked, and how often it was closed.
fn asked(script: &[Does], deadline: Duration) -> (Result<Vec<u8>, Error>, usize, usize) {
    let (asked, closed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let device = Scripted { script: script.to_vec(), asked: asked.clone(), closed: closed.clone() };
    let mut worker = Worker::start(device, deadline, None).unwrap();
    let answer = worker.sign(URI, &key(), b"message");
    (answer, asked.load(Ordering::SeqCst), closed.load(Ordering::SeqCst))
}

const LONG: Duration = Duration::from_secs(30);

#[test]
fn a_token_that_was_away_is_opened_again_a_few_times() {
    let (answer, times, closed) = asked(&[is_away, is_away, signs], LONG);
    assert!(key().verifies(b"message", &answer.unwrap()));
    assert_eq!((times, closed), (3, 2));
    let (answer, times, _) = asked(&[is_away], LONG);
    assert!(matches!(answer, Err(Error::Unavailable(why)) if why == "pulled out"));
    assert_eq!(times, 4);
}

#[test]
fn a69_a_token_that_may_have_signed_is_not_asked_again() {
    let (answer, times, _) = asked(&[breaks, signs], LONG);
    assert!(answer.as_ref().unwrap_err().may_have_signed());
    assert_eq!((answer.unwrap_err().code(), times), ("hsm_in_the_middle", 1));
}

#[test]
fn a_token_that_hangs_is_waited_for_until_the_deadline() {
    struct Hangs(Sender<()>, Receiver<()>);
    impl Device for Hangs {
        fn check(&mut self, _: &str, _: &ReleaseKey) -> Result<(), Failure> {
            Ok(())
        }
        fn sign(&mut self, _: &str, _: &ReleaseKey, _: &[u8]) -> Result<Vec<u8>, Failure> {
            self.0.send(()).unwrap();
            // Until the test is over.
            let _ = self.1.recv();
            signs(b"too late")
        }
        fn close(&mut self) {}
    }
    let ((sender, is_asked), (until, waits)) = (channel(), channel::<()>());
    let mut worker = Worker::start(Hangs(sender, waits), Duration::from_millis(100), None).unwrap();
    let late = worker.sign(URI, &key(), b"message").unwrap_err();
    assert_eq!((late.code(), late.may_have_signed()), ("hsm_deadline", true));
    is_asked.recv_timeout(LONG).unwrap();
    // The next one waits in the channel, and is not known to have been signed either; the one after it is turned away.
    assert_eq!(worker.sign(URI, &key(), b"message").unwrap_err().code(), "hsm_deadline");
    assert_eq!(worker.sign(URI, &key(), b"message").unwrap_err().code(), "hsm_unavailable");
    // It comes to the device all the same, once that answers.
    drop(until);
    is_asked.recv_timeout(LONG).unwrap();
}

#[test]
fn a_worker_that_ends_has_closed_its_token_unless_that_hangs() {
    struct Slow(Arc<AtomicUsize>, Option<Receiver<()>>);
    impl Device for Slow {
        fn check(&mut self, _: &str, _: &ReleaseKey) -> Result<(), Failure> {
            Ok(())
        }
        fn sign(&mut self, _: &str, _: &ReleaseKey, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
            signs(bytes)
        }
        fn close(&mut self) {
            match &self.1 {
                Some(until) => {
                    let _ = until.recv();
                }
                None => std::thread::sleep(Duration::from_millis(300)),
            }
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let closed = Arc::new(AtomicUsize::new(0));
    drop(Worker::start(Slow(closed.clone(), None), LONG, None).unwrap());
    assert_eq!(closed.load(Ordering::SeqCst), 1);
    let (_until, hangs) = channel();
    drop(Worker::start(Slow(closed.clone(), Some(hangs)), Duration::from_millis(10), None).unwrap());
    assert_eq!(closed.load(Ordering::SeqCst), 1, "it was not waited for");
}

#[test]
fn a_thread_that_ended_is_told() {
    fn dies(_: &[u8]) -> Result<Vec<u8>, Failure> {
        panic!("as it is told to");
    }
    let (answer, ..) = asked(&[dies], LONG);
    assert!(answer.unwrap_err().may_have_signed());
}

struct Counts(Arc<Mutex<u64>>);

impl Counter for Counts {
    fn used(&mut self) -> Option<u64> {
        Some(*self.0.lock().unwrap())
    }
}

#[test]
fn a_token_that_counts_says_how_often_it_was_used() {
    let device = || Scripted { script: vec![signs], asked: Arc::default(), closed: Arc::default() };
    let count = Arc::new(Mutex::new(7));
    let mut worker = Worker::start(device(), LONG, Some(Box::new(Counts(count.clone())))).unwrap();
    assert_eq!(worker.used(), Some(7));
    *count.lock().unwrap() = 9;
    assert_eq!(worker.used(), Some(9));
    assert_eq!(Worker::start(device(), LONG, None).unwrap().used(), None);
}

#[test]
fn keys_in_files_are_marked_and_kept_from_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k.p8");
    std::fs::write(&path, include_bytes!("../../../tests/fixtures/keys/p256.pk8")).unwrap();
    let mut keys = FileKeys::new(folder.path().to_owned());
    assert!(keys.is_development());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(keys.sign(URI, &key(), b"message").unwrap_err().code(), "hsm_secret_file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    keys.check(URI, &key()).unwrap();
    assert_eq!(keys.used(), Some(0));
    let signature = keys.sign(URI, &key(), b"message").unwrap();
    assert!(key().verifies(b"message", &signature));
    assert_eq!(keys.used(), Some(1));
    let elsewhere = |keys: &mut FileKeys, uri| keys.sign(uri, &key(), b"message").unwrap_err().code();
    assert_eq!(elsewhere(&mut keys, "pkcs11:token=t;object=..%2fk"), "hsm_key_not_one");
    assert_eq!(elsewhere(&mut keys, "pkcs11:token=t;id=%01"), "hsm_key_not_one");
    assert_eq!(elsewhere(&mut keys, "k.p8"), "hsm_uri");
    // Another key in the place of the policy's.
    let p384 = include_bytes!("../../../tests/fixtures/keys/p384.pk8");
    std::fs::write(&path, p384).unwrap();
    assert_eq!(elsewhere(&mut keys, URI), "hsm_key_other");
    assert_eq!(keys.check(URI, &key()).unwrap_err().code(), "hsm_key_other");
}

#[test]
fn a_pin_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pin");
    let code = |text: &[u8], mode| {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        Pin::read(&path).map(drop).map_err(|error| error.code())
    };
    assert_eq!(code(b"1234\n", 0o600), Ok(()));
    assert_eq!(code(b"1234\n", 0o644), Err("hsm_secret_file"));
    assert_eq!(code(b"\n", 0o600), Err("hsm_secret_file"));
    assert_eq!(code(b"\xff\n", 0o600), Err("hsm_secret_file"));
}
