//! The way to the service, which breaks, and on which somebody answers in its stead.

use std::sync::{Arc, Mutex};

use attest_core::release::ObjectId;
use attest_server::signing::{Authority, Remote, Unreached};

/// Where the connection to the service breaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Breaks {
    BeforeAttempt,
    AfterAttempt,
    BeforeSigned,
    AfterSigned,
    AtObject(ObjectId),
}

/// The service, with a connection that breaks once.
pub(crate) struct Wire {
    pub(crate) remote: Remote,
    pub(crate) breaks: Option<Breaks>,
    /// What somebody in between answers for.
    pub(crate) brings: Option<Vec<u8>>,
    /// The checkpoint that is served first.
    pub(crate) old: Option<Vec<u8>>,
    /// Each object that was asked for.
    pub(crate) asked: Arc<Mutex<Vec<ObjectId>>>,
}

impl Wire {
    fn breaks(&mut self, here: Breaks) -> Result<(), Unreached> {
        if self.breaks == Some(here) {
            self.breaks = None;
            return Err(Unreached("the connection broke".to_owned()));
        }
        Ok(())
    }
}

impl Authority for Wire {
    fn checkpoint(&mut self) -> Result<Vec<u8>, Unreached> {
        if let Some(old) = self.old.take() {
            return Ok(old);
        }
        self.remote.checkpoint()
    }

    fn leaves(&mut self, first: u64) -> Result<Vec<Vec<u8>>, Unreached> {
        self.remote.leaves(first)
    }

    fn object(&mut self, id: &ObjectId) -> Result<Option<Vec<u8>>, Unreached> {
        self.asked.lock().unwrap().push(*id);
        self.breaks(Breaks::AtObject(*id))?;
        match self.brings.as_ref().filter(|bytes| ObjectId::of(bytes) == *id) {
            Some(bytes) => Ok(Some(bytes.clone())),
            None => self.remote.object(id),
        }
    }

    fn attempt(&mut self, request: &ObjectId, number: u32) -> Result<bool, Unreached> {
        self.breaks(Breaks::BeforeAttempt)?;
        let is_new = self.remote.attempt(request, number)?;
        self.breaks(Breaks::AfterAttempt)?;
        Ok(is_new)
    }

    fn signed(&mut self, request: &ObjectId, signatures: &[Vec<u8>]) -> Result<(), Unreached> {
        self.breaks(Breaks::BeforeSigned)?;
        self.remote.signed(request, signatures)?;
        self.breaks(Breaks::AfterSigned)
    }
}
