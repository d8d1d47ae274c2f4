//! The one thread that talks to the token.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use attest_core::release::form::ReleaseKey;

use super::token::{Device, Failure};
use super::{Error, Holder};

/// How often a token that is away is opened anew for one question, and what is waited for before each.
const RETRIES: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(200), Duration::from_millis(800)];

/// Whoever asks, and what.
struct Question {
    uri: String,
    key: ReleaseKey,
    /// Nothing: the key is only looked at.
    to_be_signed: Option<Vec<u8>>,
    answer: SyncSender<Result<Vec<u8>, Error>>,
}

/// What a token counts of its own use. PKCS #11 has no such thing: an implementation knows its device.
pub trait Counter: Send {
    /// How many signatures its keys have made.
    fn used(&mut self) -> Option<u64>;
}

/// A token behind a thread of its own.
pub struct Worker {
    /// Nothing: it is being dropped.
    questions: Option<SyncSender<Question>>,
    /// Disconnected once the thread has closed the token.
    closed: Receiver<()>,
    thread: Option<JoinHandle<()>>,
    deadline: Duration,
    counter: Option<Box<dyn Counter>>,
}

impl Worker {
    /// Starts the thread. Each question is answered within `deadline`, or not at all.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: there is no thread to be had.
    pub fn start(
        device: impl Device + 'static,
        deadline: Duration,
        counter: Option<Box<dyn Counter>>,
    ) -> Result<Self, Error> {
        let (questions, inbox) = sync_channel(1);
        let (closes, closed) = sync_channel(0);
        let started = thread::Builder::new().name("hsm".to_owned()).spawn(move || {
            serve(device, &inbox);
            drop::<SyncSender<()>>(closes);
        });
        let thread = started.map_err(|error| Error::Unavailable(error.to_string()))?;
        Ok(Self { questions: Some(questions), closed, thread: Some(thread), deadline, counter })
    }

    fn ask(&self, uri: &str, key: &ReleaseKey, to_be_signed: Option<&[u8]>) -> Result<Vec<u8>, Error> {
        let (answer, answered) = sync_channel(1);
        let question = Question {
            uri: uri.to_owned(),
            key: key.clone(),
            to_be_signed: to_be_signed.map(<[u8]>::to_vec),
            answer,
        };
        // One at a time: a full channel means that the token hangs in an earlier question.
        let ended = || Error::Unavailable("its thread has ended".to_owned());
        let questions = self.questions.as_ref().ok_or_else(ended)?;
        questions.try_send(question).map_err(|error| match error {
            TrySendError::Full(_) => {
                Error::Unavailable("it has not answered an earlier question yet".to_owned())
            }
            TrySendError::Disconnected(_) => ended(),
        })?;
        match answered.recv_timeout(self.deadline) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => Err(Error::Deadline { seconds: self.deadline.as_secs() }),
            Err(RecvTimeoutError::Disconnected) => Err(Error::InTheMiddle("its thread has ended".to_owned())),
        }
    }
}

impl Drop for Worker {
    /// A module that still works while the program ends finds what it stands on taken away: SoftHSM2 crashes. One that hangs is waited for no
    /// longer than for an answer.
    fn drop(&mut self) {
        self.questions = None;
        let closed = self.closed.recv_timeout(self.deadline);
        if closed == Err(RecvTimeoutError::Disconnected)
            && let Some(thread) = self.thread.take()
        {
            drop(thread.join());
        }
    }
}

impl Holder for Worker {
    fn sign(&mut self, uri: &str, key: &ReleaseKey, to_be_signed: &[u8]) -> Result<Vec<u8>, Error> {
        self.ask(uri, key, Some(to_be_signed))
    }

    fn check(&mut self, uri: &str, key: &ReleaseKey) -> Result<(), Error> {
        self.ask(uri, key, None).map(drop)
    }

    fn used(&mut self) -> Option<u64> {
        self.counter.as_mut()?.used()
    }

    fn is_development(&self) -> bool {
        false
    }
}

fn serve(mut device: impl Device, inbox: &Receiver<Question>) {
    for question in inbox {
        let answer = answer(&mut device, &question);
        // Whoever asked may have gone.
        drop(question.answer.send(answer));
    }
    device.close();
}

fn answer(device: &mut impl Device, question: &Question) -> Result<Vec<u8>, Error> {
    let mut retries = RETRIES.iter();
    loop {
        let asked = match &question.to_be_signed {
            Some(bytes) => device.sign(&question.uri, &question.key, bytes),
            None => device.check(&question.uri, &question.key).map(|()| Vec::new()),
        };
        let why = match asked {
            Ok(signature) => return Ok(signature),
            Err(Failure::Final(error)) => {
                if error.may_have_signed() {
                    device.close();
                }
                return Err(error);
            }
            Err(Failure::Away(why)) => why,
        };
        device.close();
        match retries.next() {
            Some(pause) => thread::sleep(*pause),
            None => return Err(Error::Unavailable(why)),
        }
    }
}
