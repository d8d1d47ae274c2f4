//! `attest.release.v1.AuditLog`.

use std::sync::{Arc, Mutex, PoisonError};

use attest_core::audit::tile::ProvenTiles;
use attest_core::audit::tree::{self, Hash, TreeHead};
use attest_proto::release::v1::{
    GetCheckpointRequest, GetCheckpointResponse, GetConsistencyProofRequest, GetConsistencyProofResponse,
    GetInclusionProofRequest, GetInclusionProofResponse, GetLeavesRequest, GetLeavesResponse,
    GetObjectRequest, GetObjectResponse, WatchLogRequest, WatchLogResponse, WrittenLeaf,
    audit_log_server::AuditLog, watch_log_response::What,
};
use tonic::{Request, Response, Status};

use super::Refusal;
use super::releases::{self, Answers, id, who};
use crate::authority::{Authority, Call, State};
use crate::convert;
use crate::log::{self, Files, Published};
use crate::server::OBJECT_BYTES;

const LEAVES: u32 = 256;
const LEAVES_MOST: u32 = 1_024;
/// Leaves that a watcher is sent at once.
const CHUNK: u64 = 256;

pub(crate) struct AuditLogService {
    authority: Arc<Authority>,
    development: bool,
}

impl AuditLogService {
    pub(crate) const fn new(authority: Arc<Authority>, development: bool) -> Self {
        Self { authority, development }
    }

    fn may_read<T>(&self, request: &Request<T>) -> Result<(), Refusal> {
        Ok(self.authority.check(&who(self.development, request)?, Call::Read)?)
    }

    fn published(&self) -> Result<Published, Refusal> {
        self.authority.published().borrow().clone().ok_or(Refusal::CheckpointNone)
    }

    async fn leaves(&self, request: GetLeavesRequest) -> Result<GetLeavesResponse, Refusal> {
        let size = self.published()?.head.size;
        let count = match request.count {
            0 => LEAVES,
            asked => asked.min(LEAVES_MOST),
        };
        if request.first > size {
            return Err(Refusal::LeafBeyondLog { size });
        }
        let until = request.first.saturating_add(count.into()).min(size);
        let leaves = self.authority.ask(move |state| range(state.entries(), request.first, until)).await;
        Ok(GetLeavesResponse { leaves: leaves.ok_or_else(unreadable)?, size })
    }

    async fn inclusion(
        &self,
        request: GetInclusionProofRequest,
    ) -> Result<GetInclusionProofResponse, Refusal> {
        let head = self.published()?.head;
        let size = if request.size == 0 { head.size } else { request.size };
        if size > head.size || request.index >= size {
            return Err(Refusal::LeafBeyondLog { size: head.size });
        }
        let prove = move |tiles: &mut ProvenTiles<Files>| tree::inclusion_proof(request.index, size, tiles);
        Ok(GetInclusionProofResponse { hashes: self.prove(head, prove).await?, size })
    }

    async fn consistency(
        &self,
        request: GetConsistencyProofRequest,
    ) -> Result<GetConsistencyProofResponse, Refusal> {
        let head = self.published()?.head;
        let new = if request.new_size == 0 { head.size } else { request.new_size };
        if new > head.size {
            return Err(Refusal::LeafBeyondLog { size: head.size });
        }
        let old = request.old_size;
        if old > new {
            let detail = format!("a tree of {new} leaves does not continue one of {old}");
            return Err(Refusal::Malformed { code: "tree_backwards", detail });
        }
        let prove = move |tiles: &mut ProvenTiles<Files>| tree::consistency_proof(old, new, tiles);
        Ok(GetConsistencyProofResponse { hashes: self.prove(head, prove).await?, new_size: new })
    }

    /// A proof out of the log's own files, which are held against the published head.
    async fn prove(
        &self,
        head: TreeHead,
        prove: impl FnOnce(&mut ProvenTiles<Files>) -> Result<Vec<Hash>, log::Error> + Send + 'static,
    ) -> Result<Vec<Vec<u8>>, Refusal> {
        let files = self.authority.files().clone();
        let proof = tokio::task::spawn_blocking(move || prove(&mut ProvenTiles::open(&head, files)?));
        match proof.await.map_err(|_| unreadable())? {
            Ok(hashes) => Ok(hashes.iter().map(|hash| hash.as_bytes().to_vec()).collect()),
            Err(error) => {
                tracing::error!(%error, "a proof cannot be made");
                Err(unreadable())
            }
        }
    }

    async fn object(&self, request: GetObjectRequest) -> Result<GetObjectResponse, Refusal> {
        let id = id(&request.id)?;
        let files = self.authority.files().clone();
        let read = tokio::task::spawn_blocking(move || files.object(&id, OBJECT_BYTES));
        match read.await.map_err(|_| unreadable())? {
            Ok(object) => Ok(GetObjectResponse { object: object.ok_or(Refusal::ObjectUnknown)? }),
            Err(error) => {
                tracing::error!(%error, "an object cannot be read");
                Err(unreadable())
            }
        }
    }
}

const fn unreadable() -> Refusal {
    Refusal::ServerFault { code: "log_unreadable" }
}

/// Leaves from an index on.
fn told(state: &State, at: u64) -> Vec<WrittenLeaf> {
    let leaf = |index: u64| {
        let told = state.told(index)?;
        let leaf = range(state.entries(), index, index.saturating_add(1)).pop()?;
        Some(WrittenLeaf { index, leaf, at: Some(convert::timestamp(told.at)) })
    };
    (at..at.saturating_add(CHUNK).min(state.ledger().size())).filter_map(leaf).collect()
}

fn range(entries: &[Vec<u8>], first: u64, until: u64) -> Vec<Vec<u8>> {
    let place = |index: u64| usize::try_from(index).unwrap_or(usize::MAX).min(entries.len());
    entries.get(place(first)..place(until)).unwrap_or_default().to_vec()
}

#[tonic::async_trait]
impl AuditLog for AuditLogService {
    type WatchStream = Answers<WatchLogResponse>;

    async fn get_checkpoint(
        &self,
        request: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        self.may_read(&request)?;
        Ok(Response::new(GetCheckpointResponse { note: self.published()?.note.as_bytes().to_vec() }))
    }

    async fn get_leaves(
        &self,
        request: Request<GetLeavesRequest>,
    ) -> Result<Response<GetLeavesResponse>, Status> {
        self.may_read(&request)?;
        Ok(Response::new(self.leaves(request.into_inner()).await?))
    }

    async fn get_inclusion_proof(
        &self,
        request: Request<GetInclusionProofRequest>,
    ) -> Result<Response<GetInclusionProofResponse>, Status> {
        self.may_read(&request)?;
        Ok(Response::new(self.inclusion(request.into_inner()).await?))
    }

    async fn get_consistency_proof(
        &self,
        request: Request<GetConsistencyProofRequest>,
    ) -> Result<Response<GetConsistencyProofResponse>, Status> {
        self.may_read(&request)?;
        Ok(Response::new(self.consistency(request.into_inner()).await?))
    }

    async fn get_object(
        &self,
        request: Request<GetObjectRequest>,
    ) -> Result<Response<GetObjectResponse>, Status> {
        self.may_read(&request)?;
        Ok(Response::new(self.object(request.into_inner()).await?))
    }

    async fn watch(&self, request: Request<WatchLogRequest>) -> Result<Response<Self::WatchStream>, Status> {
        self.may_read(&request)?;
        let who = who(self.development, &request)?;
        let sent: Arc<Mutex<Option<Arc<str>>>> = Arc::default();
        let from = request.into_inner().from;
        let next = move |authority: Arc<Authority>, at: u64| {
            let sent = Arc::clone(&sent);
            async move {
                let published = authority.published().borrow().clone();
                let leaves = authority.ask(move |state| told(state, at)).await?;
                let then = leaves.last().map_or(at, |leaf| leaf.index.saturating_add(1));
                let mut answers: Vec<What> = leaves.into_iter().map(What::Leaf).collect();
                // What a checkpoint is over is sent before it.
                if let Some(published) = published.filter(|published| published.head.size <= then) {
                    let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
                    if sent.replace(Arc::clone(&published.note)).as_ref() != Some(&published.note) {
                        answers.push(What::Checkpoint(published.note.as_bytes().to_vec()));
                    }
                }
                Some((answers.into_iter().map(|what| WatchLogResponse { what: Some(what) }).collect(), then))
            }
        };
        Ok(Response::new(releases::watch(&self.authority, who, from, next)?))
    }
}
