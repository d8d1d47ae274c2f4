-- Keys that sign a device's attestation tokens. A key belongs to one device for good.
CREATE TABLE token_key (
    key_identity BLOB PRIMARY KEY NOT NULL CHECK (length(key_identity) = 32),
    device_id TEXT NOT NULL REFERENCES device (id),
    public_key BLOB NOT NULL,
    enrolled_at INTEGER NOT NULL
) STRICT;
CREATE INDEX token_key_device ON token_key (device_id);
