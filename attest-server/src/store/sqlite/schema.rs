//! The schema, as a row of steps. A step that was ever released is never changed; a new one is added behind it.

use std::borrow::Cow;

use sqlx::{
    SqlSafeStr, SqliteConnection,
    migrate::{Migration, MigrationType, Migrator},
};

use super::Error;

/// Number, name, statements.
pub(super) const STEPS: [(i64, &str, &str); 11] = [
    (1, "first", include_str!("../../../migrations/0001_first.sql")),
    (2, "enrollment ek", include_str!("../../../migrations/0002_enrollment_ek.sql")),
    (3, "ima checkpoint", include_str!("../../../migrations/0003_ima_checkpoint.sql")),
    (4, "token key", include_str!("../../../migrations/0004_token_key.sql")),
    (5, "lease", include_str!("../../../migrations/0005_lease.sql")),
    (6, "spent challenge", include_str!("../../../migrations/0006_spent_challenge.sql")),
    (7, "caller", include_str!("../../../migrations/0007_caller.sql")),
    (8, "releases", include_str!("../../../migrations/0008_releases.sql")),
    (9, "held place", include_str!("../../../migrations/0009_held_place.sql")),
    (10, "mark policy", include_str!("../../../migrations/0010_mark_policy.sql")),
    (11, "floor resets", include_str!("../../../migrations/0011_floor_resets.sql")),
];

/// Brings a database, new or of any earlier version, up to date. A database of a later version is refused and left as it is.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), Error> {
    apply(connection, &STEPS).await
}

pub(super) async fn apply(
    connection: &mut SqliteConnection,
    steps: &[(i64, &'static str, &'static str)],
) -> Result<(), Error> {
    let steps: Vec<Migration> = steps
        .iter()
        .map(|&(number, name, sql)| {
            let sql = SqlSafeStr::into_sql_str(sql);
            Migration::new(number, Cow::Borrowed(name), MigrationType::Simple, sql, false)
        })
        .collect();
    Migrator::with_migrations(steps)
        .run_direct(None, connection, false)
        .await
        .map_err(|error| Error::Migration(error.to_string()))
}
