//! What outlives a request: devices, open enrolments, spent challenges, last verdicts.

mod sqlite;

use attest_core::Timestamp;

pub use sqlite::SqliteStore;

/// The store's contract.
///
/// *Durable when?* When a method that changes something returns `Ok`, the change survives the process being killed and the machine losing
/// power, as far as the disk keeps its word about flushing.
///
/// *Consistent how?* Every method is one transaction, and all of them together are serializable: of two callers that spend one challenge, or
/// take one enrolment, exactly one gets it, also when they are in different processes on the same store. A reader sees every change that was
/// acknowledged before it asked.
///
/// *Trusted with what?* No private key and no enrolment secret (only a hash). Whoever can write to the store can enrol devices.
///
/// *Never:* a method does not wait for anything but the disk, and no method asks a clock: `now` is an argument.
#[tonic::async_trait]
pub trait Store: Send + Sync + 'static {
    /// Is this identity free, known, or in conflict with a known device? A conflict is recorded with that device, which stays as it is.
    async fn standing(&self, identity: Identity, family: String, now: Timestamp) -> Result<Standing, Error>;

    /// Keeps an enrolment until it is taken or expires. `Ok(false)`: `max_open` of them are open already, or too many of this
    /// endorsement key, and nothing was kept.
    async fn open_enrollment(
        &self,
        enrollment: PendingEnrollment,
        now: Timestamp,
        max_open: u32,
    ) -> Result<bool, Error>;

    /// Takes an enrolment out: whoever asks second gets `None`. Expired ones are taken too; the caller looks at `expires_at`.
    async fn take_enrollment(&self, session_id: String) -> Result<Option<PendingEnrollment>, Error>;

    /// Makes a device, unless the identity is known or in conflict by now. `Standing::Free` says that it was made under `id`.
    async fn admit(
        &self,
        id: String,
        enrollment: PendingEnrollment,
        now: Timestamp,
    ) -> Result<Standing, Error>;

    /// Spends the challenge of this number: of all who ask for it, one gets [`Spending::Spent`]. It is kept until `expires_at` at least, and
    /// once it is forgotten, no challenge that expires so early can be spent any more, whatever becomes of the clock. So many may be kept; as it
    /// gets crowded, so many of one caller.
    async fn spend_challenge(
        &self,
        number: Vec<u8>,
        expires_at: Timestamp,
        caller: Vec<u8>,
    ) -> Result<Spending, Error>;

    /// One device.
    async fn device(&self, id: String) -> Result<Option<Device>, Error>;

    /// Up to `limit` devices with ids greater than `after`, in the order of their ids, of one family or of all.
    async fn devices(&self, after: String, family: Option<String>, limit: u32) -> Result<Vec<Device>, Error>;

    /// Revokes a device. A second time changes nothing. `None`: no such device.
    async fn revoke(&self, id: String, because: String, now: Timestamp) -> Result<Option<Device>, Error>;

    /// Gives a device a key that signs its tokens. A key has one device for good: another one's is refused, and nothing changes.
    async fn enrol_token_key(
        &self,
        device_id: String,
        key_identity: Vec<u8>,
        public_key: Vec<u8>,
        now: Timestamp,
    ) -> Result<TokenKeyStanding, Error>;

    /// The public keys that sign a device's tokens, as they were enrolled.
    async fn token_keys(&self, device_id: String) -> Result<Vec<Vec<u8>>, Error>;

    /// Keeps a verdict unless a newer one is there, and the clock that its quote proved unless a later one is there; if the verdict affirms,
    /// the clock is the device's lease, too, unless a later one is. `Ok(false)`: the device is revoked and the verdict does not refuse it,
    /// because it was begun before; nothing was kept, and nobody may see it.
    async fn record_verdict(
        &self,
        device_id: String,
        verdict: StoredVerdict,
        clock: Option<TpmClock>,
    ) -> Result<bool, Error>;

    /// The newest verdict.
    async fn last_verdict(&self, device_id: String) -> Result<Option<StoredVerdict>, Error>;

    /// How far the device's IMA list was proven and judged.
    async fn ima_checkpoint(&self, device_id: String) -> Result<Option<StoredCheckpoint>, Error>;

    /// Keeps that, or forgets it.
    async fn keep_ima_checkpoint(
        &self,
        device_id: String,
        checkpoint: Option<StoredCheckpoint>,
    ) -> Result<(), Error>;

    /// The newest clock.
    async fn clock(&self, device_id: String) -> Result<Option<TpmClock>, Error>;

    /// The counters behind the last affirming verdict, expired or not.
    async fn lease(&self, device_id: String) -> Result<Option<Lease>, Error>;

    /// How far the log of this authority was seen.
    async fn release_mark(&self, authority: Vec<u8>) -> Result<Option<ReleaseMark>, Error>;

    /// Keeps that. What is smaller or older than what is kept, or another tree of the same size, changes nothing; a fork stays one.
    async fn keep_release_mark(&self, authority: Vec<u8>, mark: ReleaseMark) -> Result<(), Error>;

    /// The security versions that families have reached, behind each reset.
    async fn release_floors(&self, authority: Vec<u8>) -> Result<Vec<ReleaseFloor>, Error>;

    /// Raises them, or adds those behind another reset; none falls, and none is forgotten.
    async fn keep_release_floors(&self, authority: Vec<u8>, floors: Vec<ReleaseFloor>) -> Result<(), Error>;

    /// The revocations that were handed in here.
    async fn held_revocations(&self, authority: Vec<u8>) -> Result<Vec<HeldRevocation>, Error>;

    /// Keeps one more, by its SHA-256.
    async fn hold_revocation(&self, authority: Vec<u8>, held: HeldRevocation) -> Result<(), Error>;

    /// Drops enrolments and spent challenges that expired before `now`, in more than one transaction where they are many.
    async fn purge(&self, now: Timestamp) -> Result<(), Error>;

    /// Ends all work; what was acknowledged is on the disk.
    async fn close(&self);
}

/// The store could not do its work: our fault, never a device's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// What is stored cannot be understood.
    #[error("a stored record is damaged: {0}")]
    Damaged(&'static str),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(String),
    /// The schema could not be brought up to date.
    #[error("the database schema could not be brought up to date: {0}")]
    Migration(String),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.to_string())
    }
}

/// What makes a device this device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// SHA-256 of the EK's SubjectPublicKeyInfo.
    pub ek_identity: Vec<u8>,
    /// SHA-256 of the EK certificate.
    pub ek_certificate_sha256: Vec<u8>,
    /// Name of the AK.
    pub ak_name: Vec<u8>,
}

/// An identity held against the known devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No known device has any part of it.
    Free,
    /// A known device is exactly this.
    Known {
        /// Its id.
        device_id: String,
    },
    /// A device that was revoked has a part of it.
    Revoked,
    /// A known device has a part of it, with another partner. `code` says which.
    Conflict {
        /// Stable code for the refusal.
        code: &'static str,
    },
}

/// What became of a token key's enrolment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKeyStanding {
    /// The device is revoked.
    DeviceRevoked,
    /// There is no such device.
    DeviceUnknown,
    /// The key is the device's, now or already.
    Enrolled,
    /// The key is another device's.
    OfAnotherDevice,
    /// The device has as many keys as one may have.
    TooMany,
}

/// An enrolment between Begin and Activate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingEnrollment {
    /// Its name.
    pub session_id: String,
    /// SHA-256 of the secret.
    pub secret_sha256: Vec<u8>,
    /// The claimed family.
    pub family: String,
    /// Who it would be.
    pub identity: Identity,
    /// The EK certificate, DER.
    pub ek_certificate: Vec<u8>,
    /// TPM2B_PUBLIC of the AK.
    pub ak_public: Vec<u8>,
    /// Void at this time.
    pub expires_at: Timestamp,
}

/// What became of an attempt to spend a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spending {
    /// It expires no later than one that was spent and is forgotten: it may be that one.
    Forgotten,
    /// More are kept than may be.
    Full,
    /// It is crowded, and of this caller as many are kept as may be then.
    ShareUsedUp,
    /// It is spent now.
    Spent,
    /// It had been spent before.
    SpentBefore,
}

/// A known device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: String,
    /// Its family.
    pub family: String,
    /// Who it is.
    pub identity: Identity,
    /// TPM2B_PUBLIC of its AK.
    pub ak_public: Vec<u8>,
    /// Since when it is known.
    pub enrolled_at: Timestamp,
    /// Since when and why it is revoked.
    pub revoked: Option<(Timestamp, String)>,
    /// Attempts to enrol a part of it with another partner.
    pub refused_registrations: u64,
    /// The newest verdict.
    pub last: Option<LastVerdict>,
}

/// A device's newest verdict, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastVerdict {
    /// EAR's name of the status.
    pub status: String,
    /// When it was judged.
    pub judged_at: Timestamp,
    /// When it stops counting.
    pub expires_at: Timestamp,
    /// The verdict, as it was given to the store.
    pub body: Vec<u8>,
}

/// A verdict as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredVerdict {
    /// EAR's name of the status.
    pub status: String,
    /// When it was judged.
    pub judged_at: Timestamp,
    /// When its EAR expires.
    pub expires_at: Timestamp,
    /// The whole verdict, in an encoding that only its writer knows.
    pub body: Vec<u8>,
    /// The signed result as JWT.
    pub ear_jwt: String,
    /// The signed result as CWT.
    pub ear_cwt: Vec<u8>,
}

/// How far a device's IMA list was proven and judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// By whom the evidence came. Empty where nobody wrote it down.
    pub caller: Vec<u8>,
    /// The checkpoint, in an encoding that only its writer knows.
    pub body: Vec<u8>,
}

/// What the quote behind a device's last affirming verdict said about its TPM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Name of the AK that signed. Counters of different keys are not comparable.
    pub ak_name: Vec<u8>,
    /// TPMS_CLOCK_INFO.clock, milliseconds.
    pub clock: u64,
    /// TPMS_CLOCK_INFO.resetCount.
    pub reset_count: u32,
    /// TPMS_CLOCK_INFO.restartCount.
    pub restart_count: u32,
    /// TPMS_CLOCK_INFO.safe.
    pub safe: bool,
    /// When that verdict's EAR expires.
    pub expires_at: Timestamp,
}

/// A revocation that was handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRevocation {
    /// Its SHA-256.
    pub id: Vec<u8>,
    /// The statement.
    pub statement: Vec<u8>,
    /// The request that it is about, if it is about one.
    pub request: Option<Vec<u8>>,
    /// The log's leaves when it was handed in.
    pub index: u64,
    /// The witnesses' time then.
    pub at: Timestamp,
}

/// The security version that a family reached behind a reset of its floor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseFloor {
    /// Whose.
    pub family: String,
    /// The index in the log of the succession that reset it; 0 before any.
    pub since: u64,
    /// What the family reached behind that.
    pub version: u64,
}

/// How far a log was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseMark {
    /// Its leaves.
    pub size: u64,
    /// SHA-256, the root over them.
    pub root: Vec<u8>,
    /// The witnesses' time.
    pub seen_at: Timestamp,
    /// Whether two histories of it were witnessed.
    pub is_forked: bool,
    /// The bytes of the policy that was followed there: whose word the log carries. Nothing where a program kept it that did not know.
    pub policy: Option<Vec<u8>>,
}

/// What an authentic quote said about its TPM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TpmClock {
    /// TPMS_CLOCK_INFO.clock, milliseconds.
    pub clock: u64,
    /// TPMS_CLOCK_INFO.resetCount.
    pub reset_count: u32,
    /// TPMS_CLOCK_INFO.restartCount.
    pub restart_count: u32,
    /// TPMS_CLOCK_INFO.safe.
    pub safe: bool,
    /// TPMS_ATTEST.firmwareVersion.
    pub firmware_version: u64,
}
