//! One turn: the log is replayed, and each request that is quorate is taken a step further.

use std::collections::BTreeSet;

use attest_core::release::assemble::{self, Said, assemble};
use attest_core::release::bundle::signature_list;
use attest_core::release::catalogue::Floors;
use attest_core::release::evaluate::{Failure, Now, Quorate, Weighing, quorate};
use attest_core::release::form::{self, ReleaseKey};
use attest_core::release::policy::{Custody, Purpose, SigningKey};
use attest_core::release::request::{Request, ToSign};
use attest_core::release::view::{LogView, Mark};
use attest_core::release::{ObjectId, object};
use attest_core::{Limits, Timestamp};

use super::journal::Entry;
use super::replica::Known;
use super::{Authority, Error, Signing};
use crate::{clock, file};

/// How often the HSM is asked for one request, whatever the service lets through.
const ATTEMPTS: u32 = 16;

/// What became of a request in a turn.
#[derive(Debug)]
pub enum Report {
    /// An attempt is written down; what is to be signed is signed once witnesses saw it.
    Attempted {
        /// The request.
        request: ObjectId,
        /// Which attempt it is.
        number: u32,
    },
    /// Something in the way; the next turn tries again.
    Failed {
        /// The request.
        request: ObjectId,
        /// What.
        error: Error,
    },
    /// It may not be signed for now.
    NotQuorate {
        /// The request.
        request: ObjectId,
        /// Every gate that it does not pass.
        failures: Vec<Failure>,
    },
    /// It is signed, and the service has the signatures.
    Signed {
        /// The request.
        request: ObjectId,
    },
}

/// One thing to sign, ready: the key as the policy has it, and the bytes.
struct Ready {
    uri: String,
    key: ReleaseKey,
    bytes: Vec<u8>,
}

impl<A: Authority> Signing<A> {
    /// One turn.
    ///
    /// # Errors
    /// [`Error`], where it is about all requests: the service is away, or the log is not what it was.
    pub fn turn(&mut self) -> Result<Vec<Report>, Error> {
        self.check_counter()?;
        let known = self.replica.refresh(&mut self.authority, &self.limits)?;
        let (open, mut reports) = self.open_requests(&known);
        if open.is_empty() {
            return Ok(reports);
        }
        let floors = self.floors(&known)?;
        for id in open {
            self.replica.look();
            let told = self.request(&id, &known, &floors);
            self.replica.let_go();
            match told {
                Ok(report) => reports.extend(report),
                Err(error) => reports.push(Report::Failed { request: id, error }),
            }
        }
        Ok(reports)
    }

    /// Requests for which there is something to do, and those for which something else was signed.
    fn open_requests(&mut self, known: &Known) -> (Vec<ObjectId>, Vec<Report>) {
        let (mut open, mut reports) = (Vec::new(), Vec::new());
        for (id, about) in known.said.requests() {
            let own = self.journal.entry(id).and_then(Entry::signatures);
            let failed = |error| Report::Failed { request: *id, error };
            match (about.signatures, own) {
                (None, _) if known.view.revoked(id).is_some() => {}
                // What was signed in time is handed in at any time.
                (None, Some(_)) => open.push(*id),
                (None, None) => match self.is_over(id) {
                    Ok(true) if about.attempts == 0 => {}
                    Ok(_) => open.push(*id),
                    Err(error) => reports.push(failed(error)),
                },
                // What was handed in and written down is what was made here.
                (Some(logged), Some(own)) if signatures_id(&own) != logged => {
                    reports.push(failed(Error::SignedByAnother(id.to_string())));
                }
                (Some(_), _) => {}
            }
        }
        (open, reports)
    }

    /// Whether a request's time is over: its own bytes say so, and nothing else of it is asked for.
    fn is_over(&mut self, id: &ObjectId) -> Result<bool, Error> {
        let not_after = match self.not_after.get(id) {
            Some(known) => *known,
            None => {
                self.replica.look();
                let told = self.last_second(id);
                self.replica.let_go();
                let told = told?;
                self.not_after.insert(*id, told);
                told
            }
        };
        Ok(clock::now() > not_after)
    }

    fn last_second(&mut self, id: &ObjectId) -> Result<Timestamp, Error> {
        self.replica.need(&mut self.authority, id)?;
        let bytes = self.replica.objects().get(id).map(Vec::as_slice).unwrap_or_default();
        let request = Request::parse(bytes, &self.limits);
        let request = request.map_err(|error| Error::Request(id.to_string(), error.to_string()))?;
        Ok(request.not_after)
    }

    fn request(&mut self, id: &ObjectId, known: &Known, floors: &Floors) -> Result<Option<Report>, Error> {
        let bundle = self.bundle(id, &known.said)?;
        let weighing = Weighing { view: &known.view, now: now(), floors, limits: &self.limits };
        let quorate = match quorate(&bundle, &weighing) {
            Ok(quorate) => quorate,
            Err(failures) => return Ok(Some(Report::NotQuorate { request: *id, failures })),
        };
        self.sign_for(&quorate, known)
    }

    /// The request with all that speaks for it, as the log names it.
    fn bundle(&mut self, id: &ObjectId, said: &Said) -> Result<Vec<u8>, Error> {
        let mut asked = BTreeSet::new();
        loop {
            let named = assemble::named(*id, said, self.replica.objects(), &self.limits);
            let new: Vec<ObjectId> = named.into_iter().filter(|id| asked.insert(*id)).collect();
            if new.is_empty() {
                break;
            }
            for id in new {
                self.replica.want(&mut self.authority, &id)?;
            }
        }
        match assemble(*id, said, self.replica.objects(), &self.limits) {
            Ok(bundle) => Ok(object::write(&bundle)?),
            Err(assemble::Error::Missing { id: missing, .. }) => Err(Error::Withheld(missing.to_string())),
            Err(error) => Err(Error::Request(id.to_string(), error.to_string())),
        }
    }

    /// The next step for a request that may be signed for.
    fn sign_for(&mut self, quorate: &Quorate, known: &Known) -> Result<Option<Report>, Error> {
        let (id, request) = (quorate.id(), quorate.request());
        let mut entry =
            self.journal.entry(&id).cloned().unwrap_or_else(|| Entry::new(&id, request.sign.len()));
        if entry.signatures().is_none() {
            let Some(ready) = self.ready(request, &known.view)? else { return Ok(None) };
            let logged = known.said.of_request(&id).map_or(0, |about| about.attempts);
            for (at, ready) in ready.iter().enumerate() {
                if entry.signature(at).is_some() {
                    continue;
                }
                // A69: what witnesses say that it is cannot be undone by a clock that goes back.
                let failures = over(quorate, &known.view, clock::now().max(known.view.time()));
                if !failures.is_empty() {
                    return Ok(Some(Report::NotQuorate { request: id, failures }));
                }
                // Inv. 2: an attempt serves for one question. It is over when the HSM was asked under it, and when one stands in the log that
                // this run did not have written: another signer, or this one before its memory was put back, may have asked under it.
                let is_own = self.own.get(&id) == Some(&entry.attempt);
                if entry.attempt == 0
                    || entry.used
                    || logged > entry.attempt
                    || (logged == entry.attempt && !is_own)
                {
                    let next = entry.attempt.max(logged).saturating_add(1);
                    if next > ATTEMPTS {
                        return Err(Error::TooManyAttempts { most: ATTEMPTS });
                    }
                    entry.attempt = next;
                    (entry.used, entry.asked) = (false, None);
                    self.journal.write(&id, &entry)?;
                }
                // Nothing is asked before its attempt stands in the log, under a witnessed checkpoint.
                if logged < entry.attempt || quorate.attempted().is_none() {
                    if self.authority.attempt(&id, entry.attempt)? {
                        self.own.insert(id, entry.attempt);
                    }
                    return Ok(Some(Report::Attempted { request: id, number: entry.attempt }));
                }
                self.ask(&id, &mut entry, at, ready)?;
            }
        }
        let Some(signatures) = entry.signatures() else { return Ok(None) };
        self.authority.signed(&id, &signatures)?;
        if !entry.handed_in {
            entry.handed_in = true;
            self.journal.write(&id, &entry)?;
        }
        Ok(Some(Report::Signed { request: id }))
    }

    /// Has one thing signed.
    fn ask(&mut self, id: &ObjectId, entry: &mut Entry, at: usize, ready: &Ready) -> Result<(), Error> {
        (entry.used, entry.asked) = (true, Some(at));
        self.journal.write(id, entry)?;
        let before = self.holder.used();
        let answer = self.holder.sign(&ready.uri, &ready.key, &ready.bytes);
        match &answer {
            Ok(signature) => entry.keep(at, signature),
            // It stays written that the HSM was asked, and nobody knows.
            Err(error) if error.may_have_signed() => return answer.map(drop).map_err(Error::from),
            // It was not asked.
            Err(_) => entry.used = false,
        }
        entry.asked = None;
        self.journal.write(id, entry)?;
        self.count(before, answer.is_ok())?;
        answer.map(drop).map_err(Error::from)
    }

    /// Everything that is to be signed, checked before an attempt is made of it. Nothing: one of the keys is not with this signer.
    fn ready(&mut self, request: &Request, view: &LogView) -> Result<Option<Vec<Ready>>, Error> {
        let mut all = Vec::new();
        for listed in &request.sign {
            let policy = view.policy().ok_or_else(|| Error::Withheld("the policy".to_owned()))?;
            let Some(key) = policy.document().signing_keys.get(&listed.key).cloned() else { return Ok(None) };
            if key.custody == Custody::Vendor {
                return Ok(None);
            }
            all.push(self.ready_one(request, listed, &key)?);
        }
        Ok(Some(all))
    }

    fn ready_one(&mut self, request: &Request, listed: &ToSign, key: &SigningKey) -> Result<Ready, Error> {
        let told = |error| Error::Form { key: listed.key.to_string(), error };
        if self.holder.is_development() && key.custody != Custody::File {
            return Err(Error::HeldInFile { key: listed.key.to_string(), custody: key.custody });
        }
        let release_key = ReleaseKey::try_from(key).map_err(told)?;
        self.replica.need(&mut self.authority, &listed.sha256)?;
        let bytes = self.replica.objects().get(&listed.sha256).cloned().unwrap_or_default();
        let image = if listed.purpose == Purpose::Authenticode {
            Some(self.image(request, &release_key, &bytes)?)
        } else {
            None
        };
        form::check(request, listed, &release_key, &bytes, image.as_deref(), &self.limits).map_err(told)?;
        let uri = key.pkcs11.as_str().to_owned();
        self.holder.check(&uri, &release_key)?;
        Ok(Ready { uri, key: release_key, bytes })
    }

    /// The image that these bytes are of: each that the request releases and that lies in the folder is looked at.
    fn image(&self, request: &Request, key: &ReleaseKey, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let names: Vec<String> =
            request.artifacts.iter().map(|artifact| hex::encode(artifact.sha256.as_bytes())).collect();
        let missing = || Error::ImageMissing(names.join(", or sha256:"));
        let folder = self.images.as_ref().ok_or_else(missing)?;
        let most = u64::try_from(Limits::DEFAULT.image_bytes).unwrap_or(u64::MAX);
        let read = |name: &String| file::read(&folder.join(name), most).ok();
        let is_its = |image: &Vec<u8>| form::subject(key, bytes, Some(image), &self.limits).is_ok();
        names.iter().filter_map(read).find(is_its).ok_or_else(missing)
    }

    /// Somebody else who uses the HSM's keys shows in its counter.
    fn check_counter(&mut self) -> Result<(), Error> {
        let (Some(used), known) = (self.holder.used(), self.journal.used()?) else { return Ok(()) };
        self.journal.set_used(used)?;
        let Some(known) = known.filter(|_| !self.holder.is_development()) else { return Ok(()) };
        let most = known.saturating_add(self.journal.unsure());
        // Told once: whoever looks into it need not stop the signer for good.
        if (known..=most).contains(&used) { Ok(()) } else { Err(Error::HsmCounter { used, known }) }
    }

    fn count(&mut self, before: Option<u64>, has_signed: bool) -> Result<(), Error> {
        let (Some(before), Some(used)) = (before, self.holder.used()) else { return Ok(()) };
        self.journal.set_used(used)?;
        let known = before.saturating_add(u64::from(has_signed));
        if used == known { Ok(()) } else { Err(Error::HsmCounter { used, known }) }
    }
}

/// Why the HSM is not asked at this time. An attempt is no right to sign for good: gates ask when it was made, and this, what holds now.
fn over(quorate: &Quorate, view: &LogView, now: Timestamp) -> Vec<Failure> {
    let (request, attempted) = (quorate.request(), quorate.attempted());
    let mut failures = Vec::new();
    // With the family's own word of who stands in its rules: whoever left since approves nothing any more.
    let followed = view.policy_of_now(&request.family);
    let then = attempted.and_then(|place| Some((place.index, view.policy_of(&request.family, place.index)?)));
    if let Some((from, then)) = then.filter(|(_, then)| !followed.is_some_and(|now| now.is(then))) {
        let last = view.head().size;
        let index = view.left(&request.family, then, from, last).unwrap_or(last);
        failures.push(Failure::PolicyNotFollowed { index });
    }
    if let Some(expired) = followed.map(|policy| policy.document().expires).filter(|last| now > *last) {
        failures.push(Failure::PolicyExpired { expired, at: now });
    }
    let (from, until) = (request.not_before, request.not_after);
    if now > until {
        failures.push(Failure::Window { mark: Mark::Attempted, at: now, from, until });
    }
    failures
}

/// The signer weighs no emergency by its clock: that is for those who take it in.
pub(super) fn now() -> Now {
    Now { clock: clock::now(), is_confirmed: false }
}

/// How the log names signatures.
fn signatures_id(signatures: &[Vec<u8>]) -> ObjectId {
    ObjectId::of(&signature_list(signatures.iter().map(Vec::as_slice)))
}
