//! Challenges that were answered, until they would have expired.

use std::collections::BTreeMap;

use attest_core::Timestamp;
use sqlx::SqliteConnection;

use super::{Error, Spending, seconds, writer::Change};

/// Spent challenges that are kept. Each takes some 100 bytes. With challenges that live for 120 seconds these are 35,000 answers a second, good
/// or bad, which fill a server's time before they fill its disk.
pub(super) const MOST: i64 = 1 << 22;

/// Once so many are kept, each caller has his share and no more, so that one who answers his own challenges with rubbish leaves room for others.
pub(super) const CROWDED: i64 = MOST / 2;
pub(super) const SHARE: i64 = MOST / 128;

/// Dropped in one change: some 20 ms.
pub(super) const PART: i64 = 1_000;

pub(super) struct Spend {
    pub(super) number: Vec<u8>,
    pub(super) expires_at: Timestamp,
    pub(super) caller: Vec<u8>,
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
        if kept >= CROWDED && self.kept_of_caller(connection).await? >= SHARE {
            return Ok(Spending::ShareUsedUp);
        }
        // INVARIANT: this is the only statement that spends, and it adds a number at most once.
        let added = sqlx::query(
            "INSERT INTO spent_challenge (number, expires_at, caller) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(&self.number)
        .bind(seconds(self.expires_at))
        .bind(&self.caller)
        .execute(&mut *connection)
        .await?;
        if added.rows_affected() == 0 {
            return Ok(Spending::SpentBefore);
        }
        sqlx::query("UPDATE challenge_ledger SET kept = kept + 1").execute(&mut *connection).await?;
        sqlx::query(
            "INSERT INTO spender (caller, kept) VALUES (?, 1) ON CONFLICT (caller) DO UPDATE SET kept = kept + 1",
        )
        .bind(&self.caller)
        .execute(connection)
        .await?;
        Ok(Spending::Spent)
    }
}

impl Spend {
    async fn kept_of_caller(&self, connection: &mut SqliteConnection) -> Result<i64, Error> {
        let kept: Option<i64> = sqlx::query_scalar("SELECT kept FROM spender WHERE caller = ?")
            .bind(&self.caller)
            .fetch_optional(connection)
            .await?;
        Ok(kept.unwrap_or(0))
    }
}

/// Drops what expired, some of it at a time: `true` if there is more. Other changes do not wait for all of it.
pub(super) struct Purge {
    pub(super) now: Timestamp,
}

impl Change for Purge {
    type Output = bool;

    async fn apply(&mut self, connection: &mut SqliteConnection) -> Result<bool, Error> {
        let now = seconds(self.now);
        let dropped: Vec<(Option<Vec<u8>>, i64)> = sqlx::query_as(
            "DELETE FROM spent_challenge WHERE number IN \
             (SELECT number FROM spent_challenge WHERE expires_at < ? ORDER BY expires_at LIMIT ?) RETURNING caller, expires_at",
        )
        .bind(now)
        .bind(PART)
        .fetch_all(&mut *connection)
        .await?;
        let mut of_callers = BTreeMap::<&[u8], i64>::new();
        for caller in dropped.iter().filter_map(|(caller, _)| caller.as_deref()) {
            let count = of_callers.entry(caller).or_default();
            *count = count.saturating_add(1);
        }
        for (caller, count) in of_callers {
            sqlx::query("UPDATE spender SET kept = kept - ? WHERE caller = ?")
                .bind(count)
                .bind(caller)
                .execute(&mut *connection)
                .await?;
            sqlx::query("DELETE FROM spender WHERE caller = ? AND kept = 0")
                .bind(caller)
                .execute(&mut *connection)
                .await?;
        }
        let count = i64::try_from(dropped.len()).map_err(|_| Error::Damaged("spent challenges"))?;
        if let Some(last) = dropped.iter().map(|(_, expires_at)| *expires_at).max() {
            sqlx::query(
                "UPDATE challenge_ledger SET forgotten_until = max(forgotten_until, ?), kept = kept - ?",
            )
            .bind(last)
            .bind(count)
            .execute(&mut *connection)
            .await?;
        }
        let enrolments = sqlx::query(
            "DELETE FROM enrollment WHERE session_id IN (SELECT session_id FROM enrollment WHERE expires_at < ? LIMIT ?)",
        )
        .bind(now)
        .bind(PART)
        .execute(connection)
        .await?;
        Ok(count == PART || i64::try_from(enrolments.rows_affected()) == Ok(PART))
    }
}
