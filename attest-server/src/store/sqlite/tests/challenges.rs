//! Challenges that were answered.

use super::*;
use crate::store::sqlite::challenges::{CROWDED, MOST, Purge, SHARE};

async fn spend_as(store: &SqliteStore, caller: u8, byte: u8, expires_at: Timestamp) -> Spending {
    store.spend_challenge(number(byte), expires_at, vec![caller; 32]).await.unwrap()
}

/// Callers, and how many spent challenges of each are kept.
async fn spenders(store: &SqliteStore) -> Vec<(u8, i64)> {
    let rows = sqlx::query_as("SELECT caller, kept FROM spender ORDER BY caller").fetch_all(&store.readers);
    let rows: Vec<(Vec<u8>, i64)> = rows.await.unwrap();
    rows.into_iter().map(|(caller, kept)| (caller[0], kept)).collect()
}

/// A statement of nobody's, between two runs of the program.
async fn tampered(store: SqliteStore, folder: &tempfile::TempDir, statement: &'static str) -> SqliteStore {
    store.close().await;
    let path = folder.path().join("attest.db");
    let mut connection = SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    SqliteStore::open(&path).await.unwrap()
}

#[tokio::test]
async fn a_challenge_is_spent_once() {
    let folder = folder();
    let store = with_device(&folder).await;
    assert_eq!(spend(&store, 1, NOW).await, Spending::Spent);
    assert_eq!(spend(&store, 1, NOW).await, Spending::SpentBefore);
    assert_eq!(spend(&store, 1, NOW.plus(9)).await, Spending::SpentBefore, "whatever its expiry");
    assert_eq!(spend(&store, 2, NOW).await, Spending::Spent);
}

#[tokio::test]
async fn of_many_spenders_on_two_stores_one_wins() {
    let folder = folder();
    let one = with_device(&folder).await;
    let other = SqliteStore::open(&folder.path().join("attest.db")).await.unwrap();
    let (one, other) = (std::sync::Arc::new(one), std::sync::Arc::new(other));
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let store = if n % 2 == 0 { one.clone() } else { other.clone() };
            tokio::spawn(async move { spend(&store, 1, NOW).await })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += usize::from(task.await.unwrap() == Spending::Spent);
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn a12_a_clock_that_was_set_back_does_not_bring_a_spent_challenge_back() {
    let folder = folder();
    let store = with_device(&folder).await;
    assert_eq!(spend(&store, 1, NOW).await, Spending::Spent);
    assert_eq!(spend(&store, 2, NOW.plus(9)).await, Spending::Spent);
    store.purge(NOW.plus(5)).await.unwrap();
    assert_eq!(spend(&store, 1, NOW).await, Spending::Forgotten);
    assert_eq!(
        spend(&store, 3, NOW.plus(1)).await,
        Spending::Spent,
        "no later than what was forgotten, not than the purge"
    );
    assert_eq!(spend(&store, 2, NOW.plus(9)).await, Spending::SpentBefore, "kept until it expires");
    store.purge(NOW.plus(2)).await.unwrap();
    store.purge(NOW).await.unwrap();
    store.close().await;

    let store = SqliteStore::open(&folder.path().join("attest.db")).await.unwrap();
    assert_eq!(spend(&store, 1, NOW).await, Spending::Forgotten);
    assert_eq!(spend(&store, 3, NOW.plus(1)).await, Spending::Forgotten);
    assert_eq!(spend(&store, 4, NOW.plus(2)).await, Spending::Spent);
}

#[tokio::test]
async fn a53_spent_challenges_are_counted_and_bounded() {
    let folder = folder();
    let store = with_device(&folder).await;
    for byte in [1, 2, 2, 3] {
        spend(&store, byte, NOW.plus(u64::from(byte))).await;
    }
    assert_eq!(kept(&store).await, (3, 3));
    store.purge(NOW.plus(3)).await.unwrap();
    assert_eq!(kept(&store).await, (1, 1));
    let store = tampered(store, &folder, "UPDATE challenge_ledger SET kept = 4194303").await;
    assert_eq!(MOST, 4_194_304);
    assert_eq!(spend(&store, 4, NOW.plus(4)).await, Spending::Spent);
    assert_eq!(spend(&store, 5, NOW.plus(5)).await, Spending::Full);
    store.purge(NOW.plus(5)).await.unwrap();
    assert_eq!(spend(&store, 5, NOW.plus(5)).await, Spending::Spent);
}

#[tokio::test]
async fn a53_one_caller_does_not_fill_the_store_for_all() {
    let folder = folder();
    let store = with_device(&folder).await;
    assert_eq!(spend_as(&store, 7, 1, NOW.plus(1)).await, Spending::Spent);
    assert_eq!(spend_as(&store, 8, 2, NOW.plus(1)).await, Spending::Spent);
    assert_eq!(spend_as(&store, 8, 2, NOW.plus(1)).await, Spending::SpentBefore);
    assert_eq!(spenders(&store).await, [(7, 1), (8, 1)]);
    // As much as may be while it is not crowded.
    assert_eq!((CROWDED, SHARE), (2_097_152, 32_768));
    let busy = "UPDATE challenge_ledger SET kept = 2097150; UPDATE spender SET kept = 32768 WHERE caller = x'0707070707070707070707070707070707070707070707070707070707070707'";
    let store = tampered(store, &folder, busy).await;
    assert_eq!(spend_as(&store, 7, 3, NOW.plus(2)).await, Spending::Spent);
    assert_eq!(spend_as(&store, 7, 4, NOW.plus(2)).await, Spending::Spent);
    // Crowded.
    assert_eq!(spend_as(&store, 7, 5, NOW.plus(2)).await, Spending::ShareUsedUp);
    assert_eq!(spend_as(&store, 8, 5, NOW.plus(2)).await, Spending::Spent);
    assert_eq!(spend_as(&store, 9, 6, NOW.plus(2)).await, Spending::Spent);
    // What expires makes room, and nobody is kept who has nothing left.
    store.purge(NOW.plus(2)).await.unwrap();
    assert_eq!(spenders(&store).await, [(7, 32_769), (8, 1), (9, 1)]);
    store.purge(NOW.plus(3)).await.unwrap();
    assert_eq!(spenders(&store).await, [(7, 32_767)]);
}

#[tokio::test]
async fn what_expired_is_dropped_in_parts() {
    let folder = folder();
    let store = with_device(&folder).await;
    let many = "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 2500) \
        INSERT INTO spent_challenge SELECT CAST(printf('%032d', n) AS BLOB), 1000000, CAST(printf('%032d', 9) AS BLOB) FROM number; \
        INSERT INTO spender VALUES (CAST(printf('%032d', 9) AS BLOB), 2500); UPDATE challenge_ledger SET kept = 2500";
    let store = tampered(store, &folder, many).await;
    assert_eq!(kept(&store).await, (2_500, 2_500));
    for (left, more) in [(1_500, true), (500, true), (0, false), (0, false)] {
        assert_eq!(store.writer.write(Purge { now: NOW.plus(1) }).await.unwrap(), more);
        assert_eq!(kept(&store).await, (left, left));
    }
    assert_eq!(spenders(&store).await, []);
    assert_eq!(spend(&store, 1, NOW).await, Spending::Forgotten);
}

/// A database as the program before this one left it: nobody knows who spent what.
#[tokio::test]
async fn a59_challenges_that_were_spent_before_callers_were_counted_stay_spent() {
    let folder = folder();
    let path = folder.path().join("attest.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    schema::apply(&mut connection, &schema::STEPS[..6]).await.unwrap();
    let rows = "INSERT INTO spent_challenge SELECT CAST(printf('%032d', 1) AS BLOB), 1000000; UPDATE challenge_ledger SET kept = 1";
    sqlx::raw_sql(rows).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();

    let store = SqliteStore::open(&path).await.unwrap();
    let old = format!("{:032}", 1).into_bytes();
    let again = store.spend_challenge(old.clone(), NOW, vec![9; 32]).await.unwrap();
    assert_eq!(again, Spending::SpentBefore);
    store.purge(NOW.plus(1)).await.unwrap();
    assert_eq!((kept(&store).await, spenders(&store).await), ((0, 0), vec![]));
    assert_eq!(store.spend_challenge(old, NOW, vec![9; 32]).await.unwrap(), Spending::Forgotten);
}
