-- How far a device's IMA list was proven and judged good: what its next quote of the same boot goes on from.
CREATE TABLE ima_checkpoint (
    device_id  TEXT  NOT NULL PRIMARY KEY REFERENCES device (id),
    body       BLOB  NOT NULL
) STRICT, WITHOUT ROWID;
