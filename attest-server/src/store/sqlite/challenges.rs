//! Challenges, spent once.

use attest_core::Timestamp;
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{Error, Spending, StoredChallenge, seconds, time, writer::Change};

pub(super) struct Open {
    pub(super) challenge: StoredChallenge,
    pub(super) now: Timestamp,
    pub(super) max_open: u32,
}

impl Change for Open {
    type Output = bool;

    async fn apply(&mut self, connection: &mut SqliteConnection) -> Result<bool, Error> {
        let c = &self.challenge;
        let open: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM challenge WHERE device_id = ? AND spent_at IS NULL AND expires_at > ?",
        )
        .bind(&c.device_id)
        .bind(seconds(self.now))
        .fetch_one(&mut *connection)
        .await?;
        if open >= i64::from(self.max_open) {
            return Ok(false);
        }
        let selection = serde_json::to_string(&c.selection).map_err(|_| Error::Damaged("selection"))?;
        sqlx::query(
            "INSERT INTO challenge (id, device_id, server_random, subject_public_key, nonce, selection, expires_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&c.id)
        .bind(&c.device_id)
        .bind(&c.server_random)
        .bind(&c.subject_public_key)
        .bind(&c.nonce)
        .bind(selection)
        .bind(seconds(c.expires_at))
        .execute(connection)
        .await?;
        Ok(true)
    }
}

pub(super) struct Spend {
    pub(super) id: String,
    pub(super) now: Timestamp,
}

impl Change for Spend {
    type Output = Spending;

    async fn apply(&mut self, connection: &mut SqliteConnection) -> Result<Spending, Error> {
        // INVARIANT: this is the only statement that spends, and it finds an unspent row at most once.
        let row =
            sqlx::query("UPDATE challenge SET spent_at = ? WHERE id = ? AND spent_at IS NULL RETURNING *")
                .bind(seconds(self.now))
                .bind(&self.id)
                .fetch_optional(&mut *connection)
                .await?;
        if let Some(row) = row {
            return Ok(Spending::Spent(challenge(&row)?));
        }
        let known = sqlx::query("SELECT 1 FROM challenge WHERE id = ?")
            .bind(&self.id)
            .fetch_optional(connection)
            .await?;
        Ok(if known.is_some() { Spending::SpentBefore } else { Spending::Unknown })
    }
}

pub(super) struct Purge {
    pub(super) now: Timestamp,
}

impl Change for Purge {
    type Output = ();

    async fn apply(&mut self, connection: &mut SqliteConnection) -> Result<(), Error> {
        for statement in
            ["DELETE FROM challenge WHERE expires_at < ?", "DELETE FROM enrollment WHERE expires_at < ?"]
        {
            sqlx::query(statement).bind(seconds(self.now)).execute(&mut *connection).await?;
        }
        Ok(())
    }
}

fn challenge(row: &SqliteRow) -> Result<StoredChallenge, Error> {
    let selection: String = row.try_get("selection")?;
    Ok(StoredChallenge {
        id: row.try_get("id")?,
        device_id: row.try_get("device_id")?,
        server_random: row.try_get("server_random")?,
        subject_public_key: row.try_get("subject_public_key")?,
        nonce: row.try_get("nonce")?,
        selection: serde_json::from_str(&selection).map_err(|_| Error::Damaged("selection"))?,
        expires_at: time(row, "expires_at")?,
    })
}
