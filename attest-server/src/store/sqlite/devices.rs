//! Devices and their last verdicts.

use attest_core::{Timestamp, appraise::Status};
use sqlx::{Row as _, SqliteConnection, SqliteExecutor, SqlitePool, sqlite::SqliteRow};

use super::{
    Device, Error, LastVerdict, StoredCheckpoint, StoredVerdict, TpmClock, identity, leases, seconds, time,
    unsigned, writer::Change,
};

pub(super) async fn one(executor: impl SqliteExecutor<'_>, id: &str) -> Result<Option<Device>, Error> {
    let row = sqlx::query(
        "SELECT device.*, verdict.status, verdict.judged_at, verdict.expires_at, verdict.body FROM device \
         LEFT JOIN verdict ON verdict.device_id = device.id WHERE device.id = ?",
    )
    .bind(id)
    .fetch_optional(executor)
    .await?;
    row.as_ref().map(device).transpose()
}

pub(super) async fn page(
    pool: &SqlitePool,
    after: &str,
    family: Option<&str>,
    limit: u32,
) -> Result<Vec<Device>, Error> {
    let rows = sqlx::query(
        "SELECT device.*, verdict.status, verdict.judged_at, verdict.expires_at, verdict.body FROM device \
         LEFT JOIN verdict ON verdict.device_id = device.id \
         WHERE device.id > ?1 AND (?2 IS NULL OR device.family = ?2) ORDER BY device.id LIMIT ?3",
    )
    .bind(after)
    .bind(family)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    rows.iter().map(device).collect()
}

pub(super) async fn last_verdict(pool: &SqlitePool, device_id: &str) -> Result<Option<StoredVerdict>, Error> {
    let row =
        sqlx::query("SELECT * FROM verdict WHERE device_id = ?").bind(device_id).fetch_optional(pool).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(StoredVerdict {
        status: row.try_get("status")?,
        judged_at: time(&row, "judged_at")?,
        expires_at: time(&row, "expires_at")?,
        body: row.try_get("body")?,
        ear_jwt: row.try_get("ear_jwt")?,
        ear_cwt: row.try_get("ear_cwt")?,
    }))
}

pub(super) async fn clock(
    executor: impl SqliteExecutor<'_>,
    device_id: &str,
) -> Result<Option<TpmClock>, Error> {
    let row = sqlx::query("SELECT * FROM device_clock WHERE device_id = ?")
        .bind(device_id)
        .fetch_optional(executor)
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(TpmClock {
        clock: wide(&row, "clock")?,
        reset_count: unsigned(&row, "reset_count")?,
        restart_count: unsigned(&row, "restart_count")?,
        safe: row.try_get("safe")?,
        firmware_version: wide(&row, "firmware_version")?,
    }))
}

pub(super) async fn ima_checkpoint(
    pool: &SqlitePool,
    device_id: &str,
) -> Result<Option<StoredCheckpoint>, Error> {
    let row = sqlx::query("SELECT caller, body FROM ima_checkpoint WHERE device_id = ?")
        .bind(device_id)
        .fetch_optional(pool)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let caller: Option<Vec<u8>> = row.try_get("caller")?;
    Ok(Some(StoredCheckpoint { caller: caller.unwrap_or_default(), body: row.try_get("body")? }))
}

pub(super) struct KeepImaCheckpoint {
    pub(super) device_id: String,
    pub(super) checkpoint: Option<StoredCheckpoint>,
}

impl Change for KeepImaCheckpoint {
    type Output = ();

    async fn apply(&mut self, connection: &mut SqliteConnection) -> Result<(), Error> {
        let query = match &self.checkpoint {
            None => sqlx::query("DELETE FROM ima_checkpoint WHERE device_id = ?").bind(&self.device_id),
            Some(StoredCheckpoint { caller, body }) => sqlx::query(
                "INSERT INTO ima_checkpoint (device_id, caller, body) VALUES (?, ?, ?) \
                 ON CONFLICT (device_id) DO UPDATE SET caller = excluded.caller, body = excluded.body",
            )
            .bind(&self.device_id)
            .bind(caller)
            .bind(body),
        };
        query.execute(connection).await?;
        Ok(())
    }
}

pub(super) struct Revoke {
    pub(super) id: String,
    pub(super) because: String,
    pub(super) now: Timestamp,
}

impl Change for Revoke {
    type Output = Option<Device>;

    async fn apply(&mut self, connection: &mut SqliteConnection) -> Result<Self::Output, Error> {
        sqlx::query(
            "UPDATE device SET revoked_at = ?, revoked_because = ? WHERE id = ? AND revoked_at IS NULL",
        )
        .bind(seconds(self.now))
        .bind(&self.because)
        .bind(&self.id)
        .execute(&mut *connection)
        .await?;
        one(connection, &self.id).await
    }
}

pub(super) struct Record {
    pub(super) device_id: String,
    pub(super) verdict: StoredVerdict,
    pub(super) clock: Option<TpmClock>,
}

impl Change for Record {
    type Output = bool;

    async fn apply(&mut self, connection: &mut SqliteConnection) -> Result<bool, Error> {
        let v = &self.verdict;
        // Here and not when judging began: once a revocation is acknowledged, no good verdict comes out any more.
        if v.status != Status::Contraindicated.as_str() {
            let device = one(&mut *connection, &self.device_id).await?;
            if device.is_some_and(|device| device.revoked.is_some()) {
                return Ok(false);
            }
        }
        sqlx::query(
            "INSERT INTO verdict (device_id, status, judged_at, expires_at, body, ear_jwt, ear_cwt) VALUES (?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT (device_id) DO UPDATE SET status = excluded.status, judged_at = excluded.judged_at, \
             expires_at = excluded.expires_at, body = excluded.body, ear_jwt = excluded.ear_jwt, ear_cwt = excluded.ear_cwt \
             WHERE excluded.judged_at >= verdict.judged_at",
        )
        .bind(&self.device_id)
        .bind(&v.status)
        .bind(seconds(v.judged_at))
        .bind(seconds(v.expires_at))
        .bind(&v.body)
        .bind(&v.ear_jwt)
        .bind(&v.ear_cwt)
        .execute(&mut *connection)
        .await?;
        if let Some(clock) = self.clock {
            record_clock(&mut *connection, &self.device_id, &clock).await?;
            // A40: only what affirms, so that a second try after a reset is held against the same counters.
            if v.status == Status::Affirming.as_str() {
                leases::keep(connection, &self.device_id, &clock, v.expires_at).await?;
            }
        }
        Ok(true)
    }
}

/// Keeps the later one: two quotes of one device may be judged at the same time, and the older must not make the newer look like a clock that
/// goes back. (Big-endian bytes compare like the numbers.)
async fn record_clock(
    connection: &mut SqliteConnection,
    device_id: &str,
    clock: &TpmClock,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO device_clock (device_id, clock, reset_count, restart_count, safe, firmware_version) VALUES (?, ?, ?, ?, ?, ?) \
         ON CONFLICT (device_id) DO UPDATE SET clock = excluded.clock, reset_count = excluded.reset_count, \
         restart_count = excluded.restart_count, safe = excluded.safe, firmware_version = excluded.firmware_version \
         WHERE (excluded.reset_count, excluded.clock) > (device_clock.reset_count, device_clock.clock)",
    )
    .bind(device_id)
    .bind(clock.clock.to_be_bytes().to_vec())
    .bind(clock.reset_count)
    .bind(clock.restart_count)
    .bind(clock.safe)
    .bind(clock.firmware_version.to_be_bytes().to_vec())
    .execute(connection)
    .await?;
    Ok(())
}

fn device(row: &SqliteRow) -> Result<Device, Error> {
    let revoked = match row.try_get::<Option<i64>, _>("revoked_at")? {
        Some(_) => {
            let because: Option<String> = row.try_get("revoked_because")?;
            Some((time(row, "revoked_at")?, because.unwrap_or_default()))
        }
        None => None,
    };
    let last = match row.try_get::<Option<String>, _>("status")? {
        Some(status) => Some(LastVerdict {
            status,
            judged_at: time(row, "judged_at")?,
            expires_at: time(row, "expires_at")?,
            body: row.try_get("body")?,
        }),
        None => None,
    };
    Ok(Device {
        id: row.try_get("id")?,
        family: row.try_get("family")?,
        identity: identity(row)?,
        ak_public: row.try_get("ak_public")?,
        enrolled_at: time(row, "enrolled_at")?,
        revoked,
        refused_registrations: unsigned(row, "refused_registrations")?,
        last,
    })
}

pub(super) fn wide(row: &SqliteRow, column: &'static str) -> Result<u64, Error> {
    let bytes: Vec<u8> = row.try_get(column)?;
    Ok(u64::from_be_bytes(bytes.try_into().map_err(|_| Error::Damaged(column))?))
}
