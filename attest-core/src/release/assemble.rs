//! A bundle made of what the log names. Nothing is weighed here: a bundle that is put together wrongly is refused.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::bundle::{Bundle, Signature, listed};
use super::form;
use super::leaf::{Event, Leaf};
use super::object::{self, Blob, Object as _, ObjectId};
use super::policy::Purpose;
use super::request::{self, Request};
use super::ssh;
use super::statement::Approval;
use super::view::Objects;
use crate::Limits;

/// What was said about each request, as the log names it.
#[derive(Clone, Debug, Default)]
pub struct Said {
    requests: BTreeMap<ObjectId, About>,
}

/// What was said about one request, each in the order of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Submissions.
    pub submissions: Vec<ObjectId>,
    /// Approvals.
    pub approvals: Vec<ObjectId>,
    /// How often the signer was about to sign.
    pub attempts: u32,
    /// Reviews.
    pub reviews: Vec<ObjectId>,
    /// What was signed first.
    pub signatures: Option<ObjectId>,
    /// The bundle that was published first.
    pub bundle: Option<ObjectId>,
}

/// Why there is no bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was signed does not make the thing that it was to be.
    #[error("what was signed: {0}")]
    Form(#[from] form::Error),
    /// The bytes are not at hand.
    #[error("{what} {id} is not at hand")]
    Missing {
        /// What.
        what: &'static str,
        /// Its id.
        id: ObjectId,
    },
    /// Nobody asked.
    #[error("nobody asked for {0}")]
    NotSubmitted(ObjectId),
    /// It is not written as an object is.
    #[error(transparent)]
    Object(#[from] object::Error),
    /// Not a request.
    #[error(transparent)]
    Request(#[from] request::Error),
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Form(error) => error.code(),
            Self::Missing { .. } => "object_missing",
            Self::NotSubmitted(_) => "request_not_submitted",
            Self::Object(error) => error.code(),
            Self::Request(error) => error.code(),
        }
    }
}

impl Said {
    /// Reads the log's entries; those that are no leaves say nothing.
    #[must_use]
    pub fn of<'e>(entries: impl IntoIterator<Item = &'e [u8]>, limits: &Limits) -> Self {
        let mut said = Self::default();
        for entry in entries {
            if let Ok(leaf) = object::read::<Leaf>(entry, limits) {
                said.leaf(leaf.event);
            }
        }
        said
    }

    /// One leaf more.
    pub(super) fn leaf(&mut self, event: Event) {
        match event {
            Event::Approved { approval, requests } => {
                for request in requests {
                    self.about(request).approvals.push(approval);
                }
            }
            Event::Attempted { request } => {
                let about = self.about(request);
                about.attempts = about.attempts.saturating_add(1);
            }
            Event::Published { request, bundle } => {
                self.about(request).bundle.get_or_insert(bundle);
            }
            Event::Reviewed { review, request } => self.about(request).reviews.push(review),
            Event::Signed { request, signatures } => {
                self.about(request).signatures.get_or_insert(signatures);
            }
            Event::Submitted { submission, request } => self.about(request).submissions.push(submission),
            Event::Compensated { .. }
            | Event::Denied { .. }
            | Event::FamilyChanged { .. }
            | Event::Objected { .. }
            | Event::Policy { .. }
            | Event::Recovered { .. }
            | Event::Recovery { .. }
            | Event::Revoked { .. } => {}
        }
    }

    fn about(&mut self, request: ObjectId) -> &mut About {
        self.requests.entry(request).or_default()
    }

    /// Every request that something was said about.
    pub fn requests(&self) -> impl Iterator<Item = (&ObjectId, &About)> {
        self.requests.iter()
    }

    /// What was said about this one.
    #[must_use]
    pub fn of_request(&self, request: &ObjectId) -> Option<&About> {
        self.requests.get(request)
    }
}

/// The bundle of a request: with its signatures if it was signed for, and else as the signer weighs it.
///
/// # Errors
/// [`Error`].
pub fn assemble(id: ObjectId, said: &Said, objects: &dyn Objects, limits: &Limits) -> Result<Bundle, Error> {
    let about = said.of_request(&id).ok_or(Error::NotSubmitted(id))?;
    let hand = Hand { objects };
    let bytes = hand.get("the request", id)?;
    let request = Request::parse(bytes, limits)?;
    let submission = about.submissions.iter().find_map(|id| hand.find(*id)).ok_or(Error::NotSubmitted(id))?;
    let (approvals, companions) = hand.approvals(id, about, limits);
    let provenance = request.provenance.iter().map(|id| hand.get("the provenance", *id));
    let mut bundle = Bundle {
        format: Bundle::FORMAT.to_owned(),
        request: Blob(bytes.to_vec()),
        submission: Blob(submission.to_vec()),
        approvals: approvals.into_iter().map(|bytes| Blob(bytes.to_vec())).collect(),
        companions: companions
            .iter()
            .filter_map(|id| hand.find(*id))
            .map(|bytes| Blob(bytes.to_vec()))
            .collect(),
        provenance: provenance.map(|bytes| Ok(Blob(bytes?.to_vec()))).collect::<Result<_, Error>>()?,
        corim: None,
        signatures: Vec::new(),
    };
    let signatures = about.signatures.map(|id| hand.signatures(id)).transpose()?;
    for (listed, at) in request.sign.iter().zip(0_usize..) {
        let signature = signatures.as_ref().and_then(|all| all.get(at)).copied();
        if listed.purpose == Purpose::Corim {
            let signed = hand.get("what is to be signed,", listed.sha256)?;
            bundle.corim = Some(Blob(form::corim::enclose(signed, signature.unwrap_or_default(), limits)?));
        }
        if let Some(signature) = signature {
            // What is in the CoRIM, or as large as the artifact, does not go along.
            let goes_along = !matches!(listed.purpose, Purpose::Corim | Purpose::Raw);
            let signed = goes_along.then(|| hand.get("what is to be signed,", listed.sha256)).transpose()?;
            let signed = signed.map(|bytes| Blob(bytes.to_vec()));
            bundle.signatures.push(Signature { signature: Blob(signature.to_vec()), signed });
        }
    }
    Ok(bundle)
}

/// Every object that the bundle of a request is made of, as far as those at hand tell: asked again when some of them came, it may name more.
#[must_use]
pub fn named(id: ObjectId, said: &Said, objects: &dyn Objects, limits: &Limits) -> BTreeSet<ObjectId> {
    let hand = Hand { objects };
    let mut named = BTreeSet::from([id]);
    if let Some(request) = hand.find(id).and_then(|bytes| Request::parse(bytes, limits).ok()) {
        named.extend(request.sign.iter().map(|sign| sign.sha256));
        named.extend(request.provenance);
    }
    if let Some(about) = said.of_request(&id) {
        named.extend(hand.approvals(id, about, limits).1);
        named.extend(about.signatures.and_then(|id| hand.find(id)).into_iter().flat_map(listed));
        named.extend(about.submissions.iter().chain(&about.approvals).chain(&about.signatures));
    }
    named
}

struct Hand<'o> {
    objects: &'o dyn Objects,
}

impl<'o> Hand<'o> {
    fn find(&self, id: ObjectId) -> Option<&'o [u8]> {
        self.objects.object(&id).filter(|bytes| ObjectId::of(bytes) == id)
    }

    fn get(&self, what: &'static str, id: ObjectId) -> Result<&'o [u8], Error> {
        self.find(id).ok_or(Error::Missing { what, id })
    }

    /// Each person's first approval by each key, for each thing that a token says of a touch, and the first that says more, with the other
    /// requests that they name: one that does not count, by a key that was stolen, keeps none by another key out. Who approves again and again
    /// does not make a bundle that nobody reads, nor who approves it together with hundreds of others. One that is withheld is one fewer.
    fn approvals(
        &self,
        request: ObjectId,
        about: &About,
        limits: &Limits,
    ) -> (Vec<&'o [u8]>, BTreeSet<ObjectId>) {
        let (mut approvals, mut companions, mut heard) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for bytes in about.approvals.iter().filter_map(|id| self.find(*id)) {
            let Ok(approval) = object::read::<Approval>(bytes, limits) else { continue };
            let others = approval.requests.iter().filter(|other| **other != request);
            let with: BTreeSet<ObjectId> = companions.iter().chain(others).copied().collect();
            let fits = with.len() <= limits.release_statements && approvals.len() < limits.release_statements;
            let signed = ssh::Signature::parse(&approval.signature, limits).ok();
            let how = signed.map(|by| {
                (
                    by.key().canonical().spki_der(),
                    by.flags().map(|flags| (flags.user_present(), flags.user_verified())),
                )
            });
            if fits && heard.insert((approval.by, approval.recomputed, how)) {
                approvals.push(bytes);
                companions = with;
            }
        }
        (approvals, companions)
    }

    /// The signatures that the log names: by the SHA-256 of each, one after the other.
    fn signatures(&self, id: ObjectId) -> Result<Vec<&'o [u8]>, Error> {
        listed(self.get("the list of signatures", id)?).map(|id| self.get("the signature", id)).collect()
    }
}
