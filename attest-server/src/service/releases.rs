//! What the two services of releases have in common.

use std::pin::Pin;
use std::sync::Arc;

use attest_core::release::{Name, ObjectId};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::Status;

use super::Refusal;
use crate::authority::{Authority, Call, Who};
use crate::listener::Peer;

/// Answers that one watcher may be behind before it is waited for.
pub(super) const BEHIND: usize = 64;

/// Answers until the caller or the server ends.
pub(super) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Who calls. In development, without certificates, everyone on this machine is everything.
pub(super) fn who<T>(development: bool, request: &tonic::Request<T>) -> Result<Who, Refusal> {
    if development {
        return Ok(Who::Development);
    }
    let name = request.extensions().get::<Peer>().and_then(|peer| peer.name.as_deref());
    let name = name.and_then(|name| Name::try_from(name).ok()).ok_or(Refusal::IdentityMissing)?;
    Ok(Who::Named(name))
}

/// An id as it is sent: 32 bytes.
pub(super) fn id(bytes: &[u8]) -> Result<ObjectId, Refusal> {
    let malformed =
        || Refusal::Malformed { code: "id_malformed", detail: "an id has 32 bytes (SHA-256)".to_owned() };
    bytes.try_into().map(ObjectId::from_bytes).map_err(|_| malformed())
}

/// Sends what `next` makes of the log from `from` on, whenever more is written or published, until somebody ends it. The caller's right to
/// read is asked again before anything is sent.
pub(super) fn watch<T, F, Fut>(
    authority: &Arc<Authority>,
    who: Who,
    from: u64,
    mut next: F,
) -> Result<Answers<T>, Refusal>
where
    T: Send + 'static,
    F: FnMut(Arc<Authority>, u64) -> Fut + Send + 'static,
    Fut: Future<Output = Option<(Vec<T>, u64)>> + Send,
{
    let place = Arc::clone(authority.watchers()).try_acquire_owned().map_err(|_| Refusal::TooManyWatchers)?;
    let (sender, receiver) = mpsc::channel(BEHIND);
    let authority = Arc::clone(authority);
    let (mut written, mut published, mut stop) =
        (authority.written(), authority.published(), authority.stop());
    tokio::spawn(async move {
        let _place = place;
        let mut at = from;
        loop {
            written.mark_unchanged();
            published.mark_unchanged();
            let Some((answers, then)) = next(Arc::clone(&authority), at).await else { return };
            // After the reading: what was read may be the very policy that names the caller no more.
            if let Err(denied) = authority.check(&who, Call::Read) {
                let _ = sender.send(Err(Refusal::from(denied).into())).await;
                return;
            }
            let is_more = then > at;
            at = then;
            for answer in answers {
                if sender.send(Ok(answer)).await.is_err() {
                    return;
                }
            }
            if is_more {
                continue;
            }
            tokio::select! {
                changed = written.changed() => if changed.is_err() { return },
                changed = published.changed() => if changed.is_err() { return },
                _ = stop.wait_for(|stop| *stop) => return,
                () = sender.closed() => return,
            }
        }
    });
    Ok(Box::pin(tokio_stream::wrappers::ReceiverStream::new(receiver)))
}
