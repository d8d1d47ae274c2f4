-- The server does not keep challenges any more, only which of them were answered, until they would have expired. Those that are open when this
-- step is taken are unknown after it: their devices ask anew.
DROP TABLE challenge;
CREATE TABLE spent_challenge (
    number      BLOB     NOT NULL PRIMARY KEY CHECK (length(number) = 32),
    expires_at  INTEGER  NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX spent_challenge_expiry ON spent_challenge (expires_at);

-- One row: how many spent challenges there are, and when the last of those expired that were dropped. One that expires no later may be one of
-- them, and is not taken again.
CREATE TABLE challenge_ledger (
    one              INTEGER  NOT NULL PRIMARY KEY CHECK (one = 1),
    kept             INTEGER  NOT NULL CHECK (kept >= 0),
    forgotten_until  INTEGER  NOT NULL
) STRICT;
INSERT INTO challenge_ledger (one, kept, forgotten_until) VALUES (1, 0, 0);
