-- What a family reached behind each succession that reset its version floor: since is that policy's index in the log, 0 before any. A later reset
-- is a row of its own, so that no row is ever lowered. What was kept before was of no reset.
CREATE TABLE floor (
    authority  BLOB     NOT NULL CHECK (length(authority) = 32),
    family     TEXT     NOT NULL,
    since      INTEGER  NOT NULL CHECK (since >= 0),
    version    BLOB     NOT NULL CHECK (length(version) = 8),
    PRIMARY KEY (authority, family, since)
) STRICT, WITHOUT ROWID;

INSERT INTO floor (authority, family, since, version) SELECT authority, family, 0, version FROM release_floor;

DROP TABLE release_floor;
ALTER TABLE floor RENAME TO release_floor;
