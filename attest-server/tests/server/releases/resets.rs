//! A version floor that is kept falls by a succession alone, and stays fallen.

use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};

use super::*;

impl Fleet {
    /// What is on the disk of the family's floors: behind which leaf, and what.
    async fn floors(&self) -> Vec<(i64, Vec<u8>)> {
        let mut connection = self.disk().await;
        let rows = sqlx::query_as("SELECT since, version FROM release_floor ORDER BY since");
        rows.fetch_all(&mut connection).await.unwrap()
    }

    /// Whoever has the disk writes down that the family reached this.
    async fn write_down(&self, since: i64, version: u64) {
        let mut connection = self.disk().await;
        let authority = self.organisation.authority().replace("sha256:", "");
        sqlx::query(
            "INSERT OR REPLACE INTO release_floor (authority, family, since, version) VALUES (?, ?, ?, ?)",
        )
        .bind(hex::decode(authority).unwrap())
        .bind(FAMILY)
        .bind(since)
        .bind(version.to_be_bytes().to_vec())
        .execute(&mut connection)
        .await
        .unwrap();
        connection.close().await.unwrap();
    }

    async fn disk(&self) -> sqlx::SqliteConnection {
        let path = self.server.config.data_directory.join("attest.db");
        SqliteConnectOptions::new().filename(path).connect().await.unwrap()
    }

    /// The root wants another policy, and the server has read it.
    async fn succeed(&mut self, version_floor: u64, version_step: u64) {
        self.organisation.succeed(|family| {
            (family.version_floor, family.version_step) = (version_floor, version_step);
        });
        self.organisation.publish();
        let leaves = self.organisation.leaves();
        self.until("the policy is followed", async |fleet| fleet.state().await.leaves == leaves).await;
    }

    async fn until_affirmed(&mut self) {
        let since = Instant::now();
        while self.verdict().await.status() != v1::Status::Affirming {
            assert!(since.elapsed() < SOON, "the release does not count again");
        }
    }
}

fn be(version: u64) -> Vec<u8> {
    version.to_be_bytes().to_vec()
}

#[tokio::test]
async fn inv9_a_floor_that_is_kept_falls_by_a_succession_alone_and_stays_fallen() {
    let mut fleet = Fleet::new(|organisation| {
        organisation.release(&golden(true), "stable");
    })
    .await;
    assert_eq!(fleet.verdict().await.status(), v1::Status::Affirming);
    assert_eq!(fleet.floors().await, [(0, be(1))]);
    // It reached more once, by what nobody brings any more.
    fleet.write_down(0, 9).await;
    let mut fleet = fleet.restart().await;
    assert_eq!(refusing(&fleet.verdict().await), ["release_below_floor"]);
    // Neither a disk that speaks of a reset, nor a policy with the same floor, is one.
    fleet.write_down(1_000, 0).await;
    let mut fleet = fleet.restart().await;
    assert_eq!(refusing(&fleet.verdict().await), ["release_below_floor"]);
    fleet.succeed(1, 7).await;
    let mut fleet = fleet.restart().await;
    assert_eq!(refusing(&fleet.verdict().await), ["release_below_floor"]);
    // A succession with another one is.
    let index = i64::try_from(fleet.organisation.leaves()).unwrap();
    fleet.succeed(0, 7).await;
    fleet.until_affirmed().await;
    assert_eq!(fleet.floors().await, [(0, be(9)), (index, be(0)), (1_000, be(0))]);
    let mut fleet = fleet.restart().await;
    assert_eq!(fleet.verdict().await.status(), v1::Status::Affirming);
    // What is reached behind it counts after a restart as it did before it.
    fleet.write_down(index, 9).await;
    let mut fleet = fleet.restart().await;
    assert_eq!(refusing(&fleet.verdict().await), ["release_below_floor"]);
}
