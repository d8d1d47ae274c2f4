-- How far the log of an authority was seen: what is smaller, older, or of another tree is not believed after a restart either. forked: two
-- histories of it were witnessed, and none counts.
CREATE TABLE release_mark (
    authority  BLOB     NOT NULL PRIMARY KEY CHECK (length(authority) = 32),
    size       INTEGER  NOT NULL CHECK (size >= 0),
    root       BLOB     NOT NULL CHECK (length(root) = 32),
    seen_at    INTEGER  NOT NULL CHECK (seen_at >= 0),
    forked     INTEGER  NOT NULL DEFAULT 0 CHECK (forked IN (0, 1))
) STRICT, WITHOUT ROWID;

-- The security version that a family has reached, big-endian.
CREATE TABLE release_floor (
    authority  BLOB  NOT NULL CHECK (length(authority) = 32),
    family     TEXT  NOT NULL,
    version    BLOB  NOT NULL CHECK (length(version) = 8),
    PRIMARY KEY (authority, family)
) STRICT, WITHOUT ROWID;

-- Revocations that were handed in here, logged or not.
CREATE TABLE held_revocation (
    authority  BLOB  NOT NULL CHECK (length(authority) = 32),
    id         BLOB  NOT NULL CHECK (length(id) = 32),
    statement  BLOB  NOT NULL,
    request    BLOB,
    PRIMARY KEY (authority, id)
) STRICT, WITHOUT ROWID;
