//! Challenges that were answered, until they would have expired.

use attest_core::Timestamp;
use sqlx::SqliteConnection;

use super::{Error, Spending, seconds, writer::Change};

/// Spent challenges that are kept. Each takes some 100 bytes. With challenges that live for 120 seconds these are 35,000 answers a second, good
/// or bad, which fill a server's time before they fill its disk.
pub(super) const MOST: i64 = 1 << 22;

pub(super) struct Spend {
    pub(super) number: Vec<u8>,
    pub(super) expires_at: Timestamp,
}

impl Change for Spend {
    type Output = Spending;

    async fn apply(&mut self, connection: &mut SqliteConnection) -> Result<Spending, Error> {
        let (forgotten, kept): (i64, i64) =
            sqlx::query_as("SELECT forgotten_until, kept FROM challenge_ledger")
                .fetch_one(&mut *connection)
                .await?;
        // A12: a clock that was set back makes a forgotten challenge count again; what was forgotten does not.
        if seconds(self.expires_at) <= forgotten {
            return Ok(Spending::Forgotten);
        }
        if kept >= MOST {
            return Ok(Spending::Full);
        }
        // INVARIANT: this is the only statement that spends, and it adds a number at most once.
        let added = sqlx::query(
            "INSERT INTO spent_challenge (number, expires_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(&self.number)
        .bind(seconds(self.expires_at))
        .execute(&mut *connection)
        .await?;
        if added.rows_affected() == 0 {
            return Ok(Spending::SpentBefore);
        }
        sqlx::query("UPDATE challenge_ledger SET kept = kept + 1").execute(connection).await?;
        Ok(Spending::Spent)
    }
}

pub(super) struct Purge {
    pub(super) now: Timestamp,
}

impl Change for Purge {
    type Output = ();

    async fn apply(&mut self, connection: &mut SqliteConnection) -> Result<(), Error> {
        let now = seconds(self.now);
        let last: Option<i64> =
            sqlx::query_scalar("SELECT max(expires_at) FROM spent_challenge WHERE expires_at < ?")
                .bind(now)
                .fetch_one(&mut *connection)
                .await?;
        if let Some(last) = last {
            let dropped = sqlx::query("DELETE FROM spent_challenge WHERE expires_at < ?")
                .bind(now)
                .execute(&mut *connection)
                .await?;
            sqlx::query(
                "UPDATE challenge_ledger SET forgotten_until = max(forgotten_until, ?), kept = kept - ?",
            )
            .bind(last)
            .bind(i64::try_from(dropped.rows_affected()).map_err(|_| Error::Damaged("spent challenges"))?)
            .execute(&mut *connection)
            .await?;
        }
        sqlx::query("DELETE FROM enrollment WHERE expires_at < ?").bind(now).execute(connection).await?;
        Ok(())
    }
}
