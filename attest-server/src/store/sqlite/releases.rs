//! How far the log of releases was seen.

use sqlx::{Row as _, SqliteConnection, SqlitePool, sqlite::SqliteRow};

use super::{Error, HeldRevocation, ReleaseFloor, ReleaseMark, seconds, time, unsigned, writer::Change};

pub(super) async fn mark(pool: &SqlitePool, authority: &[u8]) -> Result<Option<ReleaseMark>, Error> {
    let row = sqlx::query("SELECT * FROM release_mark WHERE authority = ?").bind(authority);
    let Some(row) = row.fetch_optional(pool).await? else { return Ok(None) };
    Ok(Some(ReleaseMark {
        size: unsigned(&row, "size")?,
        root: row.try_get("root")?,
        seen_at: time(&row, "seen_at")?,
        is_forked: row.try_get("forked")?,
        policy: row.try_get("policy")?,
    }))
}

pub(super) async fn floors(pool: &SqlitePool, authority: &[u8]) -> Result<Vec<ReleaseFloor>, Error> {
    let rows = sqlx::query("SELECT * FROM release_floor WHERE authority = ? ORDER BY family, since");
    let floor = |row: &SqliteRow| {
        let version: Vec<u8> = row.try_get("version")?;
        let version = version.try_into().map_err(|_| Error::Damaged("version"))?;
        let (family, since) = (row.try_get("family")?, unsigned(row, "since")?);
        Ok(ReleaseFloor { family, since, version: u64::from_be_bytes(version) })
    };
    rows.bind(authority).fetch_all(pool).await?.iter().map(floor).collect()
}

pub(super) async fn held(pool: &SqlitePool, authority: &[u8]) -> Result<Vec<HeldRevocation>, Error> {
    let rows = sqlx::query("SELECT * FROM held_revocation WHERE authority = ? ORDER BY leaf_index, id");
    let rows = rows.bind(authority).fetch_all(pool).await?;
    let held = |row: &SqliteRow| {
        let (statement, request) = (row.try_get("statement")?, row.try_get("request")?);
        let (index, at) = (unsigned(row, "leaf_index")?, time(row, "at")?);
        Ok(HeldRevocation { id: row.try_get("id")?, statement, request, index, at })
    };
    rows.iter().map(held).collect()
}

pub(super) struct KeepMark {
    pub(super) authority: Vec<u8>,
    pub(super) mark: ReleaseMark,
}

impl Change for KeepMark {
    type Output = ();

    /// Of two servers on one store the one that has seen more counts. A fork is never forgotten.
    async fn apply(&mut self, connection: &mut SqliteConnection) -> Result<(), Error> {
        let size = i64::try_from(self.mark.size).map_err(|_| Error::Damaged("size"))?;
        sqlx::query(
            "INSERT INTO release_mark (authority, size, root, seen_at, forked, policy) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
             ON CONFLICT (authority) DO UPDATE SET \
             policy = iif(excluded.size > release_mark.size OR \
             (excluded.size = release_mark.size AND excluded.root = release_mark.root), excluded.policy, release_mark.policy), \
             root = iif(excluded.size > release_mark.size, excluded.root, release_mark.root), \
             size = max(excluded.size, release_mark.size), \
             seen_at = max(excluded.seen_at, release_mark.seen_at), \
             forked = max(excluded.forked, release_mark.forked)",
        )
        .bind(&self.authority)
        .bind(size)
        .bind(&self.mark.root)
        .bind(seconds(self.mark.seen_at))
        .bind(self.mark.is_forked)
        .bind(&self.mark.policy)
        .execute(connection)
        .await?;
        Ok(())
    }
}

pub(super) struct KeepFloors {
    pub(super) authority: Vec<u8>,
    pub(super) floors: Vec<ReleaseFloor>,
}

impl Change for KeepFloors {
    type Output = ();

    /// Inv. 9: of two servers on one store none lowers what the other one knows. Which reset counts, the log says.
    async fn apply(&mut self, connection: &mut SqliteConnection) -> Result<(), Error> {
        for ReleaseFloor { family, since, version } in &self.floors {
            let since = i64::try_from(*since).map_err(|_| Error::Damaged("since"))?;
            sqlx::query(
                "INSERT INTO release_floor (authority, family, since, version) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (authority, family, since) DO UPDATE SET version = max(excluded.version, release_floor.version)",
            )
            .bind(&self.authority)
            .bind(family)
            .bind(since)
            .bind(version.to_be_bytes().to_vec())
            .execute(&mut *connection)
            .await?;
        }
        Ok(())
    }
}

pub(super) struct Hold {
    pub(super) authority: Vec<u8>,
    pub(super) held: HeldRevocation,
}

impl Change for Hold {
    type Output = ();

    async fn apply(&mut self, connection: &mut SqliteConnection) -> Result<(), Error> {
        let index = i64::try_from(self.held.index).map_err(|_| Error::Damaged("leaf_index"))?;
        sqlx::query(
            "INSERT INTO held_revocation (authority, id, statement, request, leaf_index, at) VALUES (?, ?, ?, ?, ?, ?) \
             ON CONFLICT DO NOTHING",
        )
        .bind(&self.authority)
        .bind(&self.held.id)
        .bind(&self.held.statement)
        .bind(&self.held.request)
        .bind(index)
        .bind(seconds(self.held.at))
        .execute(connection)
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use attest_core::Timestamp;
    use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};

    use super::super::schema;
    use super::*;
    use crate::store::{SqliteStore, Store as _};

    fn floor(family: &str, since: u64, version: u64) -> ReleaseFloor {
        ReleaseFloor { family: family.to_owned(), since, version }
    }

    fn mark(size: u64, root: u8, seen_at: u64) -> ReleaseMark {
        let seen_at = Timestamp::from_unix(seen_at);
        ReleaseMark { size, root: vec![root; 32], seen_at, is_forked: false, policy: Some(vec![root]) }
    }

    #[tokio::test]
    async fn a67b_what_was_seen_is_never_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("attest.db");
        let authority = vec![7; 32];
        let store = SqliteStore::open(&path).await.unwrap();
        assert_eq!(store.release_mark(authority.clone()).await.unwrap(), None);
        let keep = async |mark: ReleaseMark| {
            store.keep_release_mark(authority.clone(), mark).await.unwrap();
            store.release_mark(authority.clone()).await.unwrap().unwrap()
        };
        assert_eq!(keep(mark(5, 1, 100)).await, mark(5, 1, 100));
        assert_eq!(keep(mark(4, 2, 90)).await, mark(5, 1, 100), "neither smaller nor older");
        assert_eq!(keep(mark(5, 3, 110)).await, mark(5, 1, 110), "nor of another tree");
        assert_eq!(keep(mark(6, 4, 105)).await, mark(6, 4, 110));
        let forked = ReleaseMark { is_forked: true, ..mark(6, 4, 110) };
        assert_eq!(keep(forked.clone()).await, forked);
        assert_eq!(keep(mark(7, 5, 120)).await, ReleaseMark { is_forked: true, ..mark(7, 5, 120) });
        assert_eq!(store.release_mark(vec![8; 32]).await.unwrap(), None, "of another authority");
        store.close().await;
        let store = SqliteStore::open(&path).await.unwrap();
        assert_eq!(store.release_mark(authority).await.unwrap().unwrap().size, 7);
    }

    #[tokio::test]
    async fn inv9_floors_rise_and_revocations_stay() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("attest.db")).await.unwrap();
        let authority = vec![7; 32];
        let floors = |gateway: u64| vec![floor("gateway", 0, gateway), floor("sensor", 0, 1)];
        for (reached, stays) in [(5, 5), (4, 5), (u64::MAX, u64::MAX), (256, u64::MAX)] {
            store.keep_release_floors(authority.clone(), floors(reached)).await.unwrap();
            assert_eq!(store.release_floors(authority.clone()).await.unwrap(), floors(stays));
        }
        // Behind a reset it is another floor, and whoever knows of none, or of an earlier one, takes nothing from it.
        let highest = floor("gateway", 0, u64::MAX);
        for (since, reached, stays) in [(40, 3, 3), (40, 2, 3), (0, 9, 3), (40, 6, 6)] {
            store
                .keep_release_floors(authority.clone(), vec![floor("gateway", since, reached)])
                .await
                .unwrap();
            let kept = store.release_floors(authority.clone()).await.unwrap();
            assert_eq!(kept, [highest.clone(), floor("gateway", 40, stays), floor("sensor", 0, 1)]);
        }
        assert!(store.release_floors(vec![8; 32]).await.unwrap().is_empty(), "of another authority");
        let held = |id: u8, index: u64, request: Option<Vec<u8>>| {
            let at = Timestamp::from_unix(100 + index);
            HeldRevocation { id: vec![id; 32], statement: vec![2], request, index, at }
        };
        let (first, second) = (held(2, 6, Some(vec![3])), held(1, 7, None));
        for one in [&second, &first, &HeldRevocation { index: 9, ..first.clone() }] {
            store.hold_revocation(authority.clone(), one.clone()).await.unwrap();
        }
        let expected = [first, second];
        assert_eq!(store.held_revocations(authority).await.unwrap(), expected, "by place, and at its first");
    }

    /// A database as the program before left it: what was handed in stands where the log was last seen.
    #[tokio::test]
    async fn inv10_revocations_of_the_previous_schema_keep_counting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("attest.db");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        schema::apply(&mut connection, &schema::STEPS[..8]).await.unwrap();
        let authority = "x'0707070707070707070707070707070707070707070707070707070707070707'";
        let rows = format!(
            "INSERT INTO release_mark VALUES ({authority}, 12, {authority}, 1000, 0); \
             INSERT INTO held_revocation VALUES ({authority}, {authority}, x'02', x'03');"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(rows)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let store = SqliteStore::open(&path).await.unwrap();
        let (statement, request, at) = (vec![2], Some(vec![3]), Timestamp::from_unix(1000));
        let held = HeldRevocation { id: vec![7; 32], statement, request, index: 12, at };
        assert_eq!(store.held_revocations(vec![7; 32]).await.unwrap(), [held]);
    }

    #[tokio::test]
    async fn inv9_floors_of_the_previous_schema_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("attest.db");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        schema::apply(&mut connection, &schema::STEPS[..10]).await.unwrap();
        let authority = "x'0707070707070707070707070707070707070707070707070707070707070707'";
        let rows = format!("INSERT INTO release_floor VALUES ({authority}, 'gateway', x'0000000000000107');");
        sqlx::raw_sql(sqlx::AssertSqlSafe(rows)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let store = SqliteStore::open(&path).await.unwrap();
        assert_eq!(store.release_floors(vec![7; 32]).await.unwrap(), [floor("gateway", 0, 263)]);
    }
}
