//! One writer that commits many changes at a time.
//!
//! A durable commit waits for the disk, and SQLite commits one after the other: alone, each change would wait for all flushes before it. So
//! changes that arrive while a commit is under way share the next one. Each runs inside its own savepoint, so that one that fails takes nothing
//! with it, and none is acknowledged before the commit that holds it.

use sqlx::{Connection as _, SqliteConnection};
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::JoinHandle,
};

use super::Error;

/// Changes in one commit. At 20 µs each this keeps a commit below some 10 ms.
const BATCH: usize = 256;

/// Changes that wait. A caller beyond them waits for a place.
const QUEUE: usize = 1024;

/// A change: what it does to the database, and what the caller learns.
pub(super) trait Change: Send + 'static {
    type Output: Send + 'static;

    fn apply(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> impl Future<Output = Result<Self::Output, Error>> + Send;
}

pub(super) struct Writer {
    // Taken out to close.
    queue: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(connection: SqliteConnection) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let task = tokio::spawn(run(connection, jobs));
        Self { queue: Mutex::new(Some(queue)), task: Mutex::new(Some(task)) }
    }

    /// Applies a change and returns when it is durable.
    ///
    /// A caller that stops waiting (its request was cancelled) does not stop the change.
    pub(super) async fn write<C: Change>(&self, change: C) -> Result<C::Output, Error> {
        let queue = self.queue.lock().await.clone().ok_or(Error::Closed)?;
        let (reply, answer) = oneshot::channel();
        let pending = Pending { change, result: None, reply };
        queue.send(Box::new(pending)).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Finishes what is queued, then closes the database.
    pub(super) async fn close(&self) {
        self.queue.lock().await.take();
        if let Some(task) = self.task.lock().await.take() {
            // A writer that panicked has nothing left to finish.
            let _ = task.await;
        }
    }
}

async fn run(mut connection: SqliteConnection, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
    let mut batch = Vec::with_capacity(BATCH);
    while jobs.recv_many(&mut batch, BATCH).await > 0 {
        let committed = commit(&mut connection, &mut batch).await;
        for job in batch.drain(..) {
            job.answer(committed.as_ref().err());
        }
    }
    if let Err(error) = connection.close().await {
        tracing::error!(%error, "closing the database failed");
    }
}

async fn commit(connection: &mut SqliteConnection, batch: &mut [Box<dyn Job>]) -> Result<(), sqlx::Error> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    let result = async {
        for job in batch {
            job.run(connection).await?;
        }
        sqlx::query("COMMIT").execute(&mut *connection).await
    }
    .await;
    if let Err(error) = result {
        tracing::error!(%error, "a commit failed");
        // Fails when SQLite has rolled back by itself already.
        let _ = sqlx::query("ROLLBACK").execute(&mut *connection).await;
        return Err(error);
    }
    Ok(())
}

/// A change without its type.
#[tonic::async_trait]
trait Job: Send {
    /// Fails only when the whole transaction is lost.
    async fn run(&mut self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error>;

    fn answer(self: Box<Self>, commit_failed: Option<&sqlx::Error>);
}

struct Pending<C: Change> {
    change: C,
    result: Option<Result<C::Output, Error>>,
    reply: oneshot::Sender<Result<C::Output, Error>>,
}

#[tonic::async_trait]
impl<C: Change> Job for Pending<C> {
    async fn run(&mut self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        sqlx::query("SAVEPOINT change").execute(&mut *connection).await?;
        let result = self.change.apply(connection).await;
        if result.is_err() {
            sqlx::query("ROLLBACK TO change").execute(&mut *connection).await?;
        }
        sqlx::query("RELEASE change").execute(&mut *connection).await?;
        self.result = Some(result);
        Ok(())
    }

    fn answer(self: Box<Self>, commit_failed: Option<&sqlx::Error>) {
        let result = match (commit_failed, self.result) {
            (None, Some(result)) => result,
            (Some(error), _) => Err(Error::Database(error.to_string())),
            (None, None) => Err(Error::Closed),
        };
        // The caller may be gone.
        let _ = self.reply.send(result);
    }
}
