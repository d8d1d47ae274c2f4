//! A disk that takes nothing more: what is taken away is taken away all the same, and nothing is added.

use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};

use super::*;

impl Fleet {
    /// What nothing is written to from now on, or is again.
    async fn fills(&self, table: &str, is_full: bool) {
        let path = self.server.config.data_directory.join("attest.db");
        let mut connection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
        for event in ["INSERT", "UPDATE"] {
            let trigger = match is_full {
                true => format!(
                    "CREATE TRIGGER full_{event} BEFORE {event} ON {table} BEGIN SELECT RAISE(FAIL, 'disk is full'); END"
                ),
                false => format!("DROP TRIGGER full_{event}"),
            };
            sqlx::raw_sql(sqlx::AssertSqlSafe(trigger)).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
    }
}

#[tokio::test]
async fn a54_a_revocation_counts_though_the_disk_is_full_and_a_release_does_not() {
    let mut id = None;
    let mut fleet = Fleet::new(|organisation| id = Some(organisation.release(&golden(true), "stable"))).await;
    assert_eq!(fleet.verdict().await.status(), v1::Status::Affirming);
    fleet.fills("release_mark", true).await;
    fleet.organisation.revoke("dave", id.unwrap());
    let next = fleet.organisation.release(&golden(true), "stable");
    fleet.organisation.publish();
    let leaves = fleet.organisation.leaves();
    fleet.until("the log is read", async |fleet| fleet.state().await.leaves == leaves).await;
    fleet.until("an alert", async |fleet| !fleet.is_healthy().await).await;
    assert_eq!(refusing(&fleet.verdict().await), ["release_revoked"]);
    // Nor after it was weighed: whoever restarts it here has seen nothing of this.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(refusing(&fleet.verdict().await), ["release_revoked"]);
    fleet.fills("release_mark", false).await;
    fleet.until("no alert", async |fleet| fleet.is_healthy().await).await;
    let verdict = fleet.verdict().await;
    assert_eq!((verdict.status(), is_of(&verdict, next)), (v1::Status::Affirming, true));
}

#[tokio::test]
async fn a54_a_suspension_counts_though_the_disk_is_full() {
    let mut fleet = Fleet::new(|organisation| {
        organisation.release(&golden(true), "stable");
    })
    .await;
    assert_eq!(fleet.verdict().await.status(), v1::Status::Affirming);
    fleet.fills("release_mark", true).await;
    fleet.organisation.suspend("dave", "alice");
    fleet.organisation.publish();
    let leaves = fleet.organisation.leaves();
    fleet.until("the log is read", async |fleet| fleet.state().await.leaves == leaves).await;
    let since = Instant::now();
    while fleet.verdict().await.status() == v1::Status::Affirming {
        assert!(since.elapsed() < SOON, "her approval still counts");
    }
}

#[tokio::test]
async fn inv9_a_release_counts_once_its_version_is_kept() {
    let mut fleet = Fleet::new(|_| {}).await;
    fleet.fills("release_floor", true).await;
    let id = fleet.organisation.release(&golden(true), "stable");
    fleet.organisation.publish();
    fleet.until("an alert", async |fleet| !fleet.is_healthy().await).await;
    assert_ne!(fleet.verdict().await.status(), v1::Status::Affirming);
    fleet.fills("release_floor", false).await;
    fleet.until("no alert", async |fleet| fleet.is_healthy().await).await;
    let verdict = fleet.verdict().await;
    assert_eq!((verdict.status(), is_of(&verdict, id)), (v1::Status::Affirming, true));
}
