//! Waiting for whoever serves the log, and for nobody else meanwhile.

use std::mem;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::{ASKS, Ask, Error, Follower, Log, Looked, Reading, TRIES, TRY_AGAIN};
use crate::releases::Source;

/// The clock is looked at this often. Between two revocations that are handed in, the log is read for as long, so that they do not hold it up.
const BEAT: Duration = Duration::from_secs(1);
/// A log that is read for longer than this is told of.
const SLOW: Duration = Duration::from_secs(60);

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) enum Want {
    Leaves,
    Missing,
}

/// What came of it.
pub(super) enum Fetched {
    /// All leaves of a checkpoint that was not seen before.
    Read,
    /// What was refused is still served, and not tried again yet.
    RefusedBefore,
    /// Nothing that has to be taken.
    Same,
}

/// Why it is waited no longer, for now.
enum Break {
    Asked(Ask),
    Overdue,
    Stopped,
}

impl Follower {
    /// Fetches. Nobody who hands in a revocation waits for the source: reading is broken off for them, and gone on with.
    pub(super) async fn fetched(&mut self, want: Want, deadline: Option<Instant>) -> Result<Fetched, Error> {
        let since = Instant::now();
        let mut quiet = since;
        loop {
            let (mut log, mut reading) = (mem::take(&mut self.log), self.reading.take());
            let fetched = self.wait(want, &mut log, &mut reading, (since, quiet, deadline)).await;
            (self.log, self.reading) = (log, reading);
            match fetched {
                Ok(fetched) => return fetched,
                Err(Break::Overdue) => return Err(Error::Slow { seconds: since.elapsed().as_secs() }),
                Err(Break::Stopped) => return Err(Error::Stopped),
                Err(Break::Asked(ask)) => {
                    self.serve(ask).await;
                    quiet = Instant::now() + BEAT;
                }
            }
        }
    }

    /// Serves whoever hands in a revocation, and those who wait behind.
    pub(super) async fn serve(&mut self, ask: Ask) {
        let mut next = Some(ask);
        for _ in 0..=ASKS {
            let Some(ask) = next else { return };
            let held = self.hold(ask.delivery).await;
            // Whoever asked may be gone; it counts all the same.
            let _ = ask.reply.send(held);
            next = self.asks.try_recv().ok();
        }
        if let Some(ask) = next {
            let held = self.hold(ask.delivery).await;
            let _ = ask.reply.send(held);
        }
    }

    async fn wait(
        &mut self,
        want: Want,
        log: &mut Log,
        reading: &mut Option<Reading>,
        (since, quiet, deadline): (Instant, Instant, Option<Instant>),
    ) -> Result<Result<Fetched, Error>, Break> {
        let (source, followed) = (self.settings.source.clone(), self.note.clone());
        let waits = |(_, tries, since): &&(_, u32, Instant)| *tries >= TRIES && since.elapsed() < TRY_AGAIN;
        let refused = self.refused.as_ref().filter(waits).map(|(note, ..)| note.clone());
        let mut fetching = pin!(async {
            match want {
                Want::Leaves => leaves(log, reading, &source, &followed, refused.as_ref()).await,
                Want::Missing => log.read_missing(&source).await.map(|()| Fetched::Same),
            }
        });
        let mut stopped = self.server.as_ref().map(|(_, stopped)| stopped.clone());
        loop {
            let stop = async {
                match &mut stopped {
                    Some(stopped) => super::stop(stopped).await,
                    None => std::future::pending().await,
                }
            };
            let ask = async {
                sleep_until(quiet).await;
                self.asks.recv().await
            };
            tokio::select! {
                fetched = &mut fetching => return Ok(fetched),
                () = stop => return Err(Break::Stopped),
                Some(ask) = ask => return Err(Break::Asked(ask)),
                () = sleep_until(deadline.unwrap_or(since)), if deadline.is_some() => return Err(Break::Overdue),
                () = sleep(BEAT) => {}
            }
            self.meanwhile(since.elapsed()).await;
        }
    }

    /// What does not wait for the source either.
    async fn meanwhile(&mut self, waited: Duration) {
        self.watch_the_clock();
        if waited >= SLOW {
            self.tell(&Err(Error::Slow { seconds: waited.as_secs() }));
        } else if self.is_stale() {
            self.tell(&Ok(Looked::Followed));
        }
        self.report().await;
    }
}

/// Reads on for the checkpoint that is read for, or asks for one.
async fn leaves(
    log: &mut Log,
    reading: &mut Option<Reading>,
    source: &Source,
    followed: &[u8],
    refused: Option<&Vec<u8>>,
) -> Result<Fetched, Error> {
    let reading = match reading {
        Some(reading) => reading,
        None => {
            let note = source.checkpoint().await?.ok_or(Error::CheckpointMissing)?;
            if note == followed {
                return Ok(Fetched::Same);
            }
            if refused == Some(&note) {
                return Ok(Fetched::RefusedBefore);
            }
            reading.insert(Reading::new(note)?)
        }
    };
    log.read(reading, source).await.map(|()| Fetched::Read)
}
