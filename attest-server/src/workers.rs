//! Work for the processor, away from the threads that serve connections, and bounded: so many at a time, so many waiting.

use std::{num::NonZero, sync::Arc, thread::available_parallelism};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
};

/// Why work was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// As much waits as may.
    Overloaded,
    /// The work panicked.
    Panicked,
}

#[derive(Clone, Debug)]
pub(crate) struct Workers {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl Workers {
    /// `at_once` of 0 means one each processor.
    pub(crate) fn new(at_once: usize, waiting: usize) -> Self {
        let at_once = match at_once {
            0 => available_parallelism().map_or(1, NonZero::get),
            set => set,
        };
        Self {
            running: Arc::new(Semaphore::new(at_once)),
            admitted: Arc::new(Semaphore::new(at_once.saturating_add(waiting))),
        }
    }

    /// A place in the queue, or a refusal at once: before anything is spent for the request.
    pub(crate) fn admit(&self) -> Result<Place, Error> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| Error::Overloaded)?;
        Ok(Place { running: Arc::clone(&self.running), admitted })
    }
}

pub(crate) struct Place {
    running: Arc<Semaphore>,
    admitted: OwnedSemaphorePermit,
}

impl Place {
    /// Does the work when its turn comes. Once begun it is finished, also when nobody waits for it any more, and keeps its place until then.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let running = self.running.acquire_owned().await.map_err(|_| Error::Overloaded)?;
        let done = spawn_blocking(move || {
            let done = work();
            drop((running, self.admitted));
            done
        });
        done.await.map_err(|_| Error::Panicked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a51_more_than_may_wait_is_refused() {
        let workers = Workers::new(1, 1);
        let first = workers.admit().unwrap();
        let second = workers.admit().unwrap();
        assert_eq!(workers.admit().err(), Some(Error::Overloaded));
        assert_eq!(first.run(|| 1).await, Ok(1));
        assert!(workers.admit().is_ok());
        assert_eq!(second.run(|| 2).await, Ok(2));
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_frees_its_place() {
        let workers = Workers::new(1, 0);
        let result = workers.admit().unwrap().run(|| panic!("expected in this test")).await;
        assert_eq!(result, Err::<(), _>(Error::Panicked));
        assert!(workers.admit().is_ok());
    }
}
