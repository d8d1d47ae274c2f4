-- Where a revocation stood when it was handed in: behind which leaf, and at which witnesses' time. It counts as of there. What was handed in
-- before this was kept stands where the log was last seen.
CREATE TABLE held (
    authority   BLOB     NOT NULL CHECK (length(authority) = 32),
    id          BLOB     NOT NULL CHECK (length(id) = 32),
    statement   BLOB     NOT NULL,
    request     BLOB,
    leaf_index  INTEGER  NOT NULL CHECK (leaf_index >= 0),
    at          INTEGER  NOT NULL CHECK (at >= 0),
    PRIMARY KEY (authority, id)
) STRICT, WITHOUT ROWID;

INSERT INTO held (authority, id, statement, request, leaf_index, at)
SELECT authority, id, statement, request, size, seen_at FROM held_revocation JOIN release_mark USING (authority);

DROP TABLE held_revocation;
ALTER TABLE held RENAME TO held_revocation;
