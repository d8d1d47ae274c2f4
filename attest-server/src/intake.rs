//! How many bytes of requests may be on their way in at a time.
//!
//! A request is held in memory until all of it is there, and only then can anyone say whether it is worth that. Without a bound over all
//! clients, some with nothing to say could fill the memory.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_stream::StreamExt as _;
use tonic::{Status, body::Body, codegen::http::Request};
use tower::{Layer, Service};

use crate::service::Refusal;

/// One budget for all connections.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    budget: Arc<Semaphore>,
    free: usize,
}

impl Intake {
    /// `bytes` for all requests together; the first `free` bytes of each do not count, so that small requests get through when it is used up.
    pub(crate) fn new(bytes: usize, free: usize) -> Self {
        Self { budget: Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))), free }
    }

    fn gate(&self) -> Gate {
        Gate { budget: Arc::clone(&self.budget), free: self.free, held: None }
    }
}

/// What one request holds of the budget, until it is read or given up.
struct Gate {
    budget: Arc<Semaphore>,
    free: usize,
    held: Option<OwnedSemaphorePermit>,
}

impl Gate {
    fn pass(&mut self, bytes: usize) -> Result<(), Refusal> {
        let counted = bytes.saturating_sub(self.free);
        self.free = self.free.saturating_sub(bytes);
        let counted = u32::try_from(counted).map_err(|_| Refusal::Overloaded)?;
        let budget = Arc::clone(&self.budget);
        let more = budget.try_acquire_many_owned(counted).map_err(|_| Refusal::Overloaded)?;
        match &mut self.held {
            Some(held) => held.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
}

impl<S> Layer<S> for Intake {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, intake: self.clone() }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Counted<S> {
    inner: S,
    intake: Intake,
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for Counted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> S::Future {
        let mut gate = self.intake.gate();
        let counted = move |chunk: Result<hyper::body::Bytes, Status>| {
            let chunk = chunk?;
            gate.pass(chunk.len())?;
            Ok::<_, Status>(Frame::data(chunk))
        };
        // Requests of gRPC have no trailers, so their data is all there is.
        self.inner.call(request.map(|body| Body::new(StreamBody::new(body.into_data_stream().map(counted)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a53_requests_under_way_share_one_budget() {
        let intake = Intake::new(100, 10);
        let (mut one, mut other) = (intake.gate(), intake.gate());
        assert_eq!(one.pass(60), Ok(()));
        assert_eq!(one.pass(50), Ok(()));
        assert_eq!(other.pass(10), Ok(()), "the first bytes are free");
        assert_eq!(other.pass(1), Err(Refusal::Overloaded));
        drop(one);
        assert_eq!(other.pass(100), Ok(()));
        assert_eq!(intake.gate().pass(11), Err(Refusal::Overloaded));
    }
}
