//! Keys that sign devices' tokens.

use attest_core::Timestamp;
use sqlx::{Row as _, SqliteConnection, SqlitePool};

use super::{Error, TokenKeyStanding, devices, seconds, writer::Change};

/// Keys of one device: a root of trust, a modem, an enclave, and their successors.
const MOST: usize = 16;

pub(super) async fn of_device(pool: &SqlitePool, device_id: &str) -> Result<Vec<Vec<u8>>, Error> {
    let rows = sqlx::query("SELECT public_key FROM token_key WHERE device_id = ? ORDER BY key_identity")
        .bind(device_id)
        .fetch_all(pool)
        .await?;
    rows.iter().map(|row| Ok(row.try_get("public_key")?)).collect()
}

pub(super) struct Enrol {
    pub(super) device_id: String,
    pub(super) key_identity: Vec<u8>,
    pub(super) public_key: Vec<u8>,
    pub(super) now: Timestamp,
}

impl Change for Enrol {
    type Output = TokenKeyStanding;

    async fn apply(&mut self, connection: &mut SqliteConnection) -> Result<TokenKeyStanding, Error> {
        let Some(device) = devices::one(&mut *connection, &self.device_id).await? else {
            return Ok(TokenKeyStanding::DeviceUnknown);
        };
        if device.revoked.is_some() {
            return Ok(TokenKeyStanding::DeviceRevoked);
        }
        let owner: Option<String> =
            sqlx::query_scalar("SELECT device_id FROM token_key WHERE key_identity = ?")
                .bind(&self.key_identity)
                .fetch_optional(&mut *connection)
                .await?;
        match owner {
            Some(owner) if owner == self.device_id => return Ok(TokenKeyStanding::Enrolled),
            Some(_) => return Ok(TokenKeyStanding::OfAnotherDevice),
            None => {}
        }
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM token_key WHERE device_id = ?")
            .bind(&self.device_id)
            .fetch_one(&mut *connection)
            .await?;
        if usize::try_from(count).is_ok_and(|count| count >= MOST) {
            return Ok(TokenKeyStanding::TooMany);
        }
        sqlx::query(
            "INSERT INTO token_key (key_identity, device_id, public_key, enrolled_at) VALUES (?, ?, ?, ?)",
        )
        .bind(&self.key_identity)
        .bind(&self.device_id)
        .bind(&self.public_key)
        .bind(seconds(self.now))
        .execute(connection)
        .await?;
        Ok(TokenKeyStanding::Enrolled)
    }
}
