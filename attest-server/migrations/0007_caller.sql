-- By whom a device's evidence came when its list was judged so far: SHA-256 of his certificate or address. Nobody else is told how far.
ALTER TABLE ima_checkpoint ADD COLUMN caller BLOB;

-- By whom a challenge was answered, and how many of each are kept. Of those that were answered before this step nobody knows.
ALTER TABLE spent_challenge ADD COLUMN caller BLOB;
CREATE TABLE spender (
    caller  BLOB     NOT NULL PRIMARY KEY CHECK (length(caller) = 32),
    kept    INTEGER  NOT NULL CHECK (kept >= 0)
) STRICT, WITHOUT ROWID;
