//! Enrolments, and identities held against the known devices.

use attest_core::Timestamp;
use sqlx::{Row as _, SqliteConnection};

use super::{Error, Identity, PendingEnrollment, Standing, identity, seconds, time, writer::Change};

/// Refused registrations that are kept of each device.
const REFUSED_KEPT: i64 = 100;

/// Open enrolments of one endorsement key. Its certificate is no secret: whoever knows one could else use up the places of all.
const OPEN_PER_EK: i64 = 16;

pub(super) struct CheckStanding {
    pub(super) identity: Identity,
    pub(super) family: String,
    pub(super) now: Timestamp,
}

impl Change for CheckStanding {
    type Output = Standing;

    async fn apply(&mut self, connection: &mut SqliteConnection) -> Result<Standing, Error> {
        standing(connection, &self.identity, &self.family, self.now).await
    }
}

pub(super) struct Open {
    pub(super) enrollment: PendingEnrollment,
    pub(super) now: Timestamp,
    pub(super) max_open: u32,
}

impl Change for Open {
    type Output = bool;

    async fn apply(&mut self, connection: &mut SqliteConnection) -> Result<bool, Error> {
        let open: i64 = sqlx::query_scalar("SELECT count(*) FROM enrollment WHERE expires_at > ?")
            .bind(seconds(self.now))
            .fetch_one(&mut *connection)
            .await?;
        let e = &self.enrollment;
        let of_ek: i64 =
            sqlx::query_scalar("SELECT count(*) FROM enrollment WHERE ek_identity = ? AND expires_at > ?")
                .bind(&e.identity.ek_identity)
                .bind(seconds(self.now))
                .fetch_one(&mut *connection)
                .await?;
        if open >= i64::from(self.max_open) || of_ek >= OPEN_PER_EK {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO enrollment (session_id, secret_sha256, family, ek_identity, ek_certificate_sha256, ek_certificate, ak_name, ak_public, \
             expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&e.session_id)
        .bind(&e.secret_sha256)
        .bind(&e.family)
        .bind(&e.identity.ek_identity)
        .bind(&e.identity.ek_certificate_sha256)
        .bind(&e.ek_certificate)
        .bind(&e.identity.ak_name)
        .bind(&e.ak_public)
        .bind(seconds(e.expires_at))
        .execute(connection)
        .await?;
        Ok(true)
    }
}

pub(super) struct Take {
    pub(super) session_id: String,
}

impl Change for Take {
    type Output = Option<PendingEnrollment>;

    async fn apply(&mut self, connection: &mut SqliteConnection) -> Result<Self::Output, Error> {
        let row = sqlx::query("DELETE FROM enrollment WHERE session_id = ? RETURNING *")
            .bind(&self.session_id)
            .fetch_optional(connection)
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(PendingEnrollment {
            session_id: row.try_get("session_id")?,
            secret_sha256: row.try_get("secret_sha256")?,
            family: row.try_get("family")?,
            identity: identity(&row)?,
            ek_certificate: row.try_get("ek_certificate")?,
            ak_public: row.try_get("ak_public")?,
            expires_at: time(&row, "expires_at")?,
        }))
    }
}

pub(super) struct Admit {
    pub(super) id: String,
    pub(super) enrollment: PendingEnrollment,
    pub(super) now: Timestamp,
}

impl Change for Admit {
    type Output = Standing;

    async fn apply(&mut self, connection: &mut SqliteConnection) -> Result<Standing, Error> {
        let e = &self.enrollment;
        // Once more: another enrolment of the same keys may have been faster.
        let standing = standing(connection, &e.identity, &e.family, self.now).await?;
        if standing == Standing::Free {
            sqlx::query(
                "INSERT INTO device (id, family, ek_identity, ek_certificate_sha256, ek_certificate, ak_name, ak_public, enrolled_at) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(&self.id)
            .bind(&e.family)
            .bind(&e.identity.ek_identity)
            .bind(&e.identity.ek_certificate_sha256)
            .bind(&e.ek_certificate)
            .bind(&e.identity.ak_name)
            .bind(&e.ak_public)
            .bind(seconds(self.now))
            .execute(connection)
            .await?;
        }
        Ok(standing)
    }
}

async fn standing(
    connection: &mut SqliteConnection,
    claimed: &Identity,
    family: &str,
    now: Timestamp,
) -> Result<Standing, Error> {
    let rows = sqlx::query(
        "SELECT id, family, ek_identity, ek_certificate_sha256, ak_name, revoked_at FROM device \
         WHERE ek_identity = ? OR ek_certificate_sha256 = ? OR ak_name = ? ORDER BY id",
    )
    .bind(&claimed.ek_identity)
    .bind(&claimed.ek_certificate_sha256)
    .bind(&claimed.ak_name)
    .fetch_all(&mut *connection)
    .await?;
    let mut result = Standing::Free;
    for row in rows {
        let device_id: String = row.try_get("id")?;
        let known_family: String = row.try_get("family")?;
        let code = if row.try_get::<Option<i64>, _>("revoked_at")?.is_some() {
            Some("device_revoked")
        } else {
            conflict(&identity(&row)?, &known_family, claimed, family)
        };
        result = match code {
            // The unique columns leave no second row beside an exact match.
            None => Standing::Known { device_id },
            Some(code) => {
                record_refusal(connection, &device_id, code, claimed, now).await?;
                match code {
                    "device_revoked" => Standing::Revoked,
                    _ if result == Standing::Revoked => result,
                    code => Standing::Conflict { code },
                }
            }
        };
    }
    Ok(result)
}

/// In what a claimed identity, of which at least one part is known, differs from the known one.
fn conflict(known: &Identity, known_family: &str, claimed: &Identity, family: &str) -> Option<&'static str> {
    if known.ek_identity != claimed.ek_identity {
        // Either the AK or the certificate is the known one. A certificate names one EK, so it is the AK in practice.
        Some("ak_enrolled_with_another_ek")
    } else if known.ak_name != claimed.ak_name {
        Some("ek_enrolled_with_another_ak")
    } else if known.ek_certificate_sha256 != claimed.ek_certificate_sha256 {
        Some("ek_certificate_changed")
    } else if known_family != family {
        Some("device_family_changed")
    } else {
        None
    }
}

async fn record_refusal(
    connection: &mut SqliteConnection,
    device_id: &str,
    code: &str,
    claimed: &Identity,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query("UPDATE device SET refused_registrations = refused_registrations + 1 WHERE id = ?")
        .bind(device_id)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO refused_registration (device_id, at, code, ek_identity, ek_certificate_sha256, ak_name) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(device_id)
    .bind(seconds(now))
    .bind(code)
    .bind(&claimed.ek_identity)
    .bind(&claimed.ek_certificate_sha256)
    .bind(&claimed.ak_name)
    .execute(&mut *connection)
    .await?;
    // Whoever knows a device's public keys can cause these: bounded.
    sqlx::query(
        "DELETE FROM refused_registration WHERE device_id = ?1 AND number <= \
         (SELECT number FROM refused_registration WHERE device_id = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
    )
    .bind(device_id)
    .bind(REFUSED_KEPT)
    .execute(connection)
    .await?;
    Ok(())
}
