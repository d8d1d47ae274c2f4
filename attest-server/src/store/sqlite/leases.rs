//! The counters behind a device's last affirming verdict.

use attest_core::Timestamp;
use sqlx::{Row as _, SqliteConnection, SqlitePool};

use super::{Error, Lease, TpmClock, devices::wide, seconds, time, unsigned};

pub(super) async fn of_device(pool: &SqlitePool, device_id: &str) -> Result<Option<Lease>, Error> {
    let row =
        sqlx::query("SELECT * FROM lease WHERE device_id = ?").bind(device_id).fetch_optional(pool).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Lease {
        ak_name: row.try_get("ak_name")?,
        clock: wide(&row, "clock")?,
        reset_count: unsigned(&row, "reset_count")?,
        restart_count: unsigned(&row, "restart_count")?,
        safe: row.try_get("safe")?,
        expires_at: time(&row, "expires_at")?,
    }))
}

/// Keeps the later one of one AK: of two quotes that are judged at the same time, the older does not make the newer look like a reset.
/// (Big-endian bytes compare like the numbers.)
pub(super) async fn keep(
    connection: &mut SqliteConnection,
    device_id: &str,
    clock: &TpmClock,
    expires_at: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO lease (device_id, ak_name, clock, reset_count, restart_count, safe, expires_at) \
         SELECT id, ak_name, ?2, ?3, ?4, ?5, ?6 FROM device WHERE id = ?1 \
         ON CONFLICT (device_id) DO UPDATE SET ak_name = excluded.ak_name, clock = excluded.clock, \
         reset_count = excluded.reset_count, restart_count = excluded.restart_count, safe = excluded.safe, \
         expires_at = excluded.expires_at \
         WHERE lease.ak_name <> excluded.ak_name OR (excluded.reset_count, excluded.clock) >= (lease.reset_count, lease.clock)",
    )
    .bind(device_id)
    .bind(clock.clock.to_be_bytes().to_vec())
    .bind(clock.reset_count)
    .bind(clock.restart_count)
    .bind(clock.safe)
    .bind(seconds(expires_at))
    .execute(connection)
    .await?;
    Ok(())
}
