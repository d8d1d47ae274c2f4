use sqlx::{Connection as _, SqliteConnection};

use super::*;

const NOW: Timestamp = Timestamp::from_unix(1_000_000);

fn enrollment(number: u8) -> PendingEnrollment {
    PendingEnrollment {
        session_id: format!("session-{number}"),
        secret_sha256: vec![number; 32],
        family: "debian".to_owned(),
        identity: Identity {
            ek_identity: vec![1, number],
            ek_certificate_sha256: vec![2, number],
            ak_name: vec![3, number],
        },
        ek_certificate: vec![4, number],
        ak_public: vec![5, number],
        expires_at: NOW.plus(60),
    }
}

/// The number of a challenge.
fn number(byte: u8) -> Vec<u8> {
    vec![byte; 32]
}

async fn spend(store: &SqliteStore, byte: u8, expires_at: Timestamp) -> Spending {
    store.spend_challenge(number(byte), expires_at, vec![9; 32]).await.unwrap()
}

async fn kept(store: &SqliteStore) -> (i64, i64) {
    let counted = sqlx::query_scalar("SELECT count(*) FROM spent_challenge").fetch_one(&store.readers);
    let written = sqlx::query_scalar("SELECT kept FROM challenge_ledger").fetch_one(&store.readers);
    (counted.await.unwrap(), written.await.unwrap())
}

fn verdict(status: &str, judged_at: Timestamp) -> StoredVerdict {
    StoredVerdict {
        status: status.to_owned(),
        judged_at,
        expires_at: judged_at.plus(60),
        body: vec![1],
        ear_jwt: "jwt".to_owned(),
        ear_cwt: vec![2],
    }
}

async fn with_device(folder: &tempfile::TempDir) -> SqliteStore {
    let store = SqliteStore::open(&folder.path().join("attest.db")).await.unwrap();
    assert_eq!(store.admit("dev-1".to_owned(), enrollment(1), NOW).await.unwrap(), Standing::Free);
    store
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let folder = folder();
    let store = with_device(&folder).await;
    assert_eq!(spend(&store, 1, NOW).await, Spending::Spent);
    store.close().await;
    assert!(matches!(store.spend_challenge(number(2), NOW, vec![9; 32]).await, Err(Error::Closed)));

    let store = SqliteStore::open(&folder.path().join("attest.db")).await.unwrap();
    assert_eq!(spend(&store, 1, NOW).await, Spending::SpentBefore);
    assert_eq!(spend(&store, 2, NOW).await, Spending::Spent);
    assert!(store.device("dev-1".to_owned()).await.unwrap().is_some());
}

/// Whoever answers his own challenges with rubbish, as fast as he can, keeps nobody else from answering.
#[tokio::test]
async fn an_enrollment_is_taken_once() {
    let folder = folder();
    let store = with_device(&folder).await;
    assert!(store.open_enrollment(enrollment(2), NOW, 1).await.unwrap());
    assert!(!store.open_enrollment(enrollment(3), NOW, 1).await.unwrap());
    assert_eq!(store.take_enrollment("session-2".to_owned()).await.unwrap(), Some(enrollment(2)));
    assert_eq!(store.take_enrollment("session-2".to_owned()).await.unwrap(), None);
}

/// An EK certificate is no secret: whoever shows one takes the places of that device, not those of others.
#[tokio::test]
async fn open_enrollments_of_one_endorsement_key_are_bounded() {
    let folder = folder();
    let store = with_device(&folder).await;
    let of_ek_2 = |session: u8| PendingEnrollment {
        session_id: format!("flood-{session}"),
        identity: Identity { ak_name: vec![9, session], ..enrollment(2).identity },
        ..enrollment(2)
    };
    for session in 0..16 {
        assert!(store.open_enrollment(of_ek_2(session), NOW, 1_000).await.unwrap());
    }
    assert!(!store.open_enrollment(of_ek_2(16), NOW, 1_000).await.unwrap());
    assert!(store.open_enrollment(enrollment(3), NOW, 1_000).await.unwrap());
    assert!(store.open_enrollment(of_ek_2(16), NOW.plus(61), 1_000).await.unwrap());
}

#[tokio::test]
async fn a21_a_part_of_a_known_identity_with_another_partner_is_a_recorded_conflict() {
    let folder = folder();
    let store = with_device(&folder).await;
    let known = enrollment(1).identity;
    let cases = [
        (Identity { ak_name: vec![9], ..known.clone() }, "debian", "ek_enrolled_with_another_ak"),
        (Identity { ek_identity: vec![9], ..known.clone() }, "debian", "ak_enrolled_with_another_ek"),
        (Identity { ek_certificate_sha256: vec![9], ..known.clone() }, "debian", "ek_certificate_changed"),
        (known.clone(), "windows", "device_family_changed"),
    ];
    for (count, (identity, family, code)) in cases.into_iter().enumerate() {
        let standing = store.standing(identity.clone(), family.to_owned(), NOW).await.unwrap();
        assert_eq!(standing, Standing::Conflict { code });
        let attempt = PendingEnrollment { identity, family: family.to_owned(), ..enrollment(1) };
        assert_eq!(store.admit("dev-2".to_owned(), attempt, NOW).await.unwrap(), Standing::Conflict { code });
        let device = store.device("dev-1".to_owned()).await.unwrap().unwrap();
        assert_eq!(device.refused_registrations, 2 * (count as u64 + 1));
        assert_eq!((device.identity, device.family.as_str()), (known.clone(), "debian"));
        assert_eq!(store.device("dev-2".to_owned()).await.unwrap(), None);
    }
    let standing = store.standing(known, "debian".to_owned(), NOW).await.unwrap();
    assert_eq!(standing, Standing::Known { device_id: "dev-1".to_owned() });
}

#[tokio::test]
async fn a21_records_of_conflicts_are_bounded() {
    let folder = folder();
    let store = with_device(&folder).await;
    let identity = Identity { ak_name: vec![9], ..enrollment(1).identity };
    for _ in 0..105 {
        store.standing(identity.clone(), "debian".to_owned(), NOW).await.unwrap();
    }
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM refused_registration")
        .fetch_one(&store.readers)
        .await
        .unwrap();
    assert_eq!(kept, 100);
    assert_eq!(store.device("dev-1".to_owned()).await.unwrap().unwrap().refused_registrations, 105);
}

#[tokio::test]
async fn a_revoked_device_stays_revoked() {
    let folder = folder();
    let store = with_device(&folder).await;
    for because in ["stolen", "again"] {
        let device = store.revoke("dev-1".to_owned(), because.to_owned(), NOW).await.unwrap().unwrap();
        assert_eq!(device.revoked, Some((NOW, "stolen".to_owned())));
    }
    let standing = store.standing(enrollment(1).identity, "debian".to_owned(), NOW).await.unwrap();
    assert_eq!(standing, Standing::Revoked);
    assert_eq!(store.revoke("dev-2".to_owned(), String::new(), NOW).await.unwrap(), None);
}

#[tokio::test]
async fn the_newest_verdict_and_the_latest_clock_stay() {
    let folder = folder();
    let store = with_device(&folder).await;
    let clock = |reset_count, clock| TpmClock {
        clock,
        reset_count,
        restart_count: 0,
        safe: true,
        firmware_version: u64::MAX,
    };
    let verdict = |judged_at| verdict("affirming", judged_at);
    let (newer, older) = (NOW.plus(1), NOW);
    let id = || "dev-1".to_owned();
    store.record_verdict(id(), verdict(newer), Some(clock(2, 300))).await.unwrap();
    store.record_verdict(id(), verdict(older), Some(clock(2, 256))).await.unwrap();
    assert_eq!(store.last_verdict(id()).await.unwrap(), Some(verdict(newer)));
    assert_eq!(store.clock(id()).await.unwrap(), Some(clock(2, 300)));
    store.record_verdict(id(), verdict(newer), Some(clock(3, 0))).await.unwrap();
    assert_eq!(store.clock(id()).await.unwrap(), Some(clock(3, 0)));
    let device = store.device(id()).await.unwrap().unwrap();
    let StoredVerdict { status, judged_at, expires_at, body, .. } = verdict(newer);
    assert_eq!(device.last, Some(LastVerdict { status, judged_at, expires_at, body }));
}

/// The device is revoked between the look at it and the end of judging.
#[tokio::test]
async fn about_a_revoked_device_only_refusals_are_kept() {
    let folder = folder();
    let store = with_device(&folder).await;
    let id = || "dev-1".to_owned();
    store.revoke(id(), "stolen".to_owned(), NOW).await.unwrap();
    for status in ["affirming", "warning", "none"] {
        assert!(!store.record_verdict(id(), verdict(status, NOW), None).await.unwrap(), "{status}");
    }
    assert_eq!(store.last_verdict(id()).await.unwrap(), None);
    let refusal = verdict("contraindicated", NOW);
    assert!(store.record_verdict(id(), refusal.clone(), None).await.unwrap());
    assert_eq!(store.last_verdict(id()).await.unwrap(), Some(refusal));
}

#[tokio::test]
async fn a_change_that_fails_takes_nothing_with_it() {
    let folder = folder();
    let store = with_device(&folder).await;
    // The second has no number that may be one; they share a commit or not, as it happens.
    let (a, b, c) = tokio::join!(
        store.spend_challenge(number(1), NOW, vec![9; 32]),
        store.spend_challenge(vec![2; 31], NOW, vec![9; 32]),
        store.spend_challenge(number(3), NOW, vec![9; 32]),
    );
    assert_eq!((a.unwrap(), b.is_err(), c.unwrap()), (Spending::Spent, true, Spending::Spent));
    assert_eq!(kept(&store).await, (2, 2));
}

#[tokio::test]
async fn purging_drops_what_expired() {
    let folder = folder();
    let store = with_device(&folder).await;
    spend(&store, 1, NOW.plus(60)).await;
    store.open_enrollment(enrollment(2), NOW, 9).await.unwrap();
    store.purge(NOW.plus(60)).await.unwrap();
    assert_eq!(kept(&store).await, (1, 1));
    store.purge(NOW.plus(61)).await.unwrap();
    assert_eq!(kept(&store).await, (0, 0));
    assert_eq!(store.take_enrollment("session-2".to_owned()).await.unwrap(), None);
}

#[tokio::test]
async fn pages_follow_one_another() {
    let folder = folder();
    let store = with_device(&folder).await;
    for number in 2..=5 {
        store.admit(format!("dev-{number}"), enrollment(number), NOW).await.unwrap();
    }
    let ids = |devices: Vec<Device>| devices.into_iter().map(|d| d.id).collect::<Vec<_>>();
    assert_eq!(ids(store.devices(String::new(), None, 2).await.unwrap()), ["dev-1", "dev-2"]);
    assert_eq!(ids(store.devices("dev-2".to_owned(), None, 9).await.unwrap()), ["dev-3", "dev-4", "dev-5"]);
    assert!(store.devices(String::new(), Some("windows".to_owned()), 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_database_of_a_later_version_is_refused() {
    let folder = folder();
    let path = folder.path().join("attest.db");
    with_device(&folder).await.close().await;
    let mut connection = SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (999, 'later', 1, x'00', 1)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    assert!(matches!(SqliteStore::open(&path).await, Err(Error::Migration(_))));
}

const fn clock(reset_count: u32, clock: u64) -> TpmClock {
    TpmClock { clock, reset_count, restart_count: 1, safe: true, firmware_version: 7 }
}

/// The lease of device 1.
fn lease(reset_count: u32, clock: u64, expires_at: Timestamp) -> Option<Lease> {
    let ak_name = enrollment(1).identity.ak_name;
    Some(Lease { ak_name, clock, reset_count, restart_count: 1, safe: true, expires_at })
}

#[tokio::test]
async fn a40_only_an_affirming_verdict_moves_the_lease() {
    let folder = folder();
    let store = with_device(&folder).await;
    let id = || "dev-1".to_owned();
    assert_eq!(store.lease(id()).await.unwrap(), None);
    for status in ["contraindicated", "warning", "none"] {
        store.record_verdict(id(), verdict(status, NOW), Some(clock(1, 9))).await.unwrap();
        assert_eq!(store.lease(id()).await.unwrap(), None, "{status}");
    }
    store.record_verdict(id(), verdict("affirming", NOW), None).await.unwrap();
    assert_eq!(store.lease(id()).await.unwrap(), None, "no clock was proven");
    store.record_verdict(id(), verdict("affirming", NOW), Some(clock(2, 300))).await.unwrap();
    let kept = lease(2, 300, NOW.plus(60));
    assert_eq!(store.lease(id()).await.unwrap(), kept);
    for status in ["contraindicated", "warning", "none"] {
        store.record_verdict(id(), verdict(status, NOW.plus(1)), Some(clock(3, 9))).await.unwrap();
        assert_eq!(store.lease(id()).await.unwrap(), kept, "{status}");
    }
    // An older quote whose judging took longer.
    store.record_verdict(id(), verdict("affirming", NOW.plus(2)), Some(clock(2, 256))).await.unwrap();
    assert_eq!(store.lease(id()).await.unwrap(), kept);
    store.record_verdict(id(), verdict("affirming", NOW.plus(2)), Some(clock(3, 10))).await.unwrap();
    let kept = lease(3, 10, NOW.plus(62));
    assert_eq!(store.lease(id()).await.unwrap(), kept);

    store.close().await;
    let store = SqliteStore::open(&folder.path().join("attest.db")).await.unwrap();
    assert_eq!(store.lease(id()).await.unwrap(), kept, "a restart");
}

/// A database as the program before this one left it.
#[tokio::test]
async fn a59_leases_of_the_previous_schema_are_taken_over() {
    let folder = folder();
    let path = folder.path().join("attest.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    schema::apply(&mut connection, &schema::STEPS[..4]).await.unwrap();
    for (number, status) in [(1, "affirming"), (2, "contraindicated"), (3, "warning")] {
        let rows = format!(
            "INSERT INTO device VALUES ('dev-{number}', 'debian', x'010{number}', x'020{number}', x'00', x'030{number}', x'00', 1, NULL, NULL, 0); \
             INSERT INTO verdict VALUES ('dev-{number}', '{status}', 1000000, 1000060, x'01', 'jwt', x'02'); \
             INSERT INTO device_clock VALUES ('dev-{number}', x'000000000000012c', 2, 1, 1, x'0000000000000007');"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(rows)).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();

    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.lease("dev-1".to_owned()).await.unwrap(), lease(2, 300, NOW.plus(60)));
    for id in ["dev-2", "dev-3"] {
        assert_eq!(store.lease(id.to_owned()).await.unwrap(), None, "{id}");
        assert!(store.device(id.to_owned()).await.unwrap().is_some());
    }
    let affirming = verdict("affirming", NOW.plus(1));
    assert!(store.record_verdict("dev-1".to_owned(), affirming, Some(clock(3, 1))).await.unwrap());
    assert_eq!(store.lease("dev-1".to_owned()).await.unwrap(), lease(3, 1, NOW.plus(61)));
}

mod challenges;
