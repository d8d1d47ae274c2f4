//! The store in one SQLite file.

mod challenges;
mod devices;
mod enrollments;
mod leases;
mod releases;
mod schema;
mod token_keys;
mod writer;

use std::{path::Path, time::Duration};

use attest_core::Timestamp;
use sqlx::{
    ConnectOptions as _, Row, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};

use super::{
    Device, Error, HeldRevocation, Identity, LastVerdict, Lease, PendingEnrollment, ReleaseFloor,
    ReleaseMark, Spending, Standing, Store, StoredCheckpoint, StoredVerdict, TokenKeyStanding, TpmClock,
};
use writer::Writer;

/// Readers beside the one writer. They only look devices and verdicts up.
const READERS: u32 = 4;

/// How long a statement waits for another process on the same file.
const BUSY: Duration = Duration::from_secs(10);

/// All changes go through one writer, which commits many at a time; see `writer`.
pub struct SqliteStore {
    writer: Writer,
    readers: SqlitePool,
}

impl SqliteStore {
    /// Opens the file, makes it if need be, and brings its schema up to date.
    ///
    /// # Errors
    /// [`Error::Migration`] when the schema is newer than this program or was changed by hand, else [`Error::Database`].
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            // Readers do not wait for the writer. FULL, because in WAL mode NORMAL may lose the last commits at a power loss, and a challenge
            // whose spending was forgotten could be spent again.
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut connection = options.connect().await?;
        schema::migrate(&mut connection).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.read_only(true).create_if_missing(false))
            .await?;
        Ok(Self { writer: Writer::start(connection), readers })
    }
}

#[tonic::async_trait]
impl Store for SqliteStore {
    async fn standing(&self, identity: Identity, family: String, now: Timestamp) -> Result<Standing, Error> {
        self.writer.write(enrollments::CheckStanding { identity, family, now }).await
    }

    async fn open_enrollment(
        &self,
        enrollment: PendingEnrollment,
        now: Timestamp,
        max_open: u32,
    ) -> Result<bool, Error> {
        self.writer.write(enrollments::Open { enrollment, now, max_open }).await
    }

    async fn take_enrollment(&self, session_id: String) -> Result<Option<PendingEnrollment>, Error> {
        self.writer.write(enrollments::Take { session_id }).await
    }

    async fn admit(
        &self,
        id: String,
        enrollment: PendingEnrollment,
        now: Timestamp,
    ) -> Result<Standing, Error> {
        self.writer.write(enrollments::Admit { id, enrollment, now }).await
    }

    async fn spend_challenge(
        &self,
        number: Vec<u8>,
        expires_at: Timestamp,
        caller: Vec<u8>,
    ) -> Result<Spending, Error> {
        self.writer.write(challenges::Spend { number, expires_at, caller }).await
    }

    async fn device(&self, id: String) -> Result<Option<Device>, Error> {
        devices::one(&self.readers, &id).await
    }

    async fn devices(&self, after: String, family: Option<String>, limit: u32) -> Result<Vec<Device>, Error> {
        devices::page(&self.readers, &after, family.as_deref(), limit).await
    }

    async fn revoke(&self, id: String, because: String, now: Timestamp) -> Result<Option<Device>, Error> {
        self.writer.write(devices::Revoke { id, because, now }).await
    }

    async fn enrol_token_key(
        &self,
        device_id: String,
        key_identity: Vec<u8>,
        public_key: Vec<u8>,
        now: Timestamp,
    ) -> Result<TokenKeyStanding, Error> {
        self.writer.write(token_keys::Enrol { device_id, key_identity, public_key, now }).await
    }

    async fn token_keys(&self, device_id: String) -> Result<Vec<Vec<u8>>, Error> {
        token_keys::of_device(&self.readers, &device_id).await
    }

    async fn record_verdict(
        &self,
        device_id: String,
        verdict: StoredVerdict,
        clock: Option<TpmClock>,
    ) -> Result<bool, Error> {
        self.writer.write(devices::Record { device_id, verdict, clock }).await
    }

    async fn last_verdict(&self, device_id: String) -> Result<Option<StoredVerdict>, Error> {
        devices::last_verdict(&self.readers, &device_id).await
    }

    async fn ima_checkpoint(&self, device_id: String) -> Result<Option<StoredCheckpoint>, Error> {
        devices::ima_checkpoint(&self.readers, &device_id).await
    }

    async fn keep_ima_checkpoint(
        &self,
        device_id: String,
        checkpoint: Option<StoredCheckpoint>,
    ) -> Result<(), Error> {
        self.writer.write(devices::KeepImaCheckpoint { device_id, checkpoint }).await
    }

    async fn clock(&self, device_id: String) -> Result<Option<TpmClock>, Error> {
        devices::clock(&self.readers, &device_id).await
    }

    async fn lease(&self, device_id: String) -> Result<Option<Lease>, Error> {
        leases::of_device(&self.readers, &device_id).await
    }

    async fn release_mark(&self, authority: Vec<u8>) -> Result<Option<ReleaseMark>, Error> {
        releases::mark(&self.readers, &authority).await
    }

    async fn keep_release_mark(&self, authority: Vec<u8>, mark: ReleaseMark) -> Result<(), Error> {
        self.writer.write(releases::KeepMark { authority, mark }).await
    }

    async fn release_floors(&self, authority: Vec<u8>) -> Result<Vec<ReleaseFloor>, Error> {
        releases::floors(&self.readers, &authority).await
    }

    async fn keep_release_floors(&self, authority: Vec<u8>, floors: Vec<ReleaseFloor>) -> Result<(), Error> {
        self.writer.write(releases::KeepFloors { authority, floors }).await
    }

    async fn held_revocations(&self, authority: Vec<u8>) -> Result<Vec<HeldRevocation>, Error> {
        releases::held(&self.readers, &authority).await
    }

    async fn hold_revocation(&self, authority: Vec<u8>, held: HeldRevocation) -> Result<(), Error> {
        self.writer.write(releases::Hold { authority, held }).await
    }

    async fn purge(&self, now: Timestamp) -> Result<(), Error> {
        while self.writer.write(challenges::Purge { now }).await? {}
        Ok(())
    }

    async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}

/// SQLite's integers are signed; a time beyond them does not occur.
fn seconds(time: Timestamp) -> i64 {
    i64::try_from(time.unix()).unwrap_or(i64::MAX)
}

fn time(row: &SqliteRow, column: &'static str) -> Result<Timestamp, Error> {
    Ok(Timestamp::from_unix(unsigned(row, column)?))
}

fn unsigned<T: TryFrom<i64>>(row: &SqliteRow, column: &'static str) -> Result<T, Error> {
    T::try_from(row.try_get::<i64, _>(column)?).map_err(|_| Error::Damaged(column))
}

fn identity(row: &SqliteRow) -> Result<Identity, Error> {
    Ok(Identity {
        ek_identity: row.try_get("ek_identity")?,
        ek_certificate_sha256: row.try_get("ek_certificate_sha256")?,
        ak_name: row.try_get("ak_name")?,
    })
}

#[cfg(test)]
mod tests;
