-- Times are seconds since 1970-01-01T00:00:00Z.

CREATE TABLE device (
    id                     TEXT    NOT NULL PRIMARY KEY,
    family                 TEXT    NOT NULL,
    ek_identity            BLOB    NOT NULL UNIQUE,
    ek_certificate_sha256  BLOB    NOT NULL UNIQUE,
    ek_certificate         BLOB    NOT NULL,
    ak_name                BLOB    NOT NULL UNIQUE,
    ak_public              BLOB    NOT NULL,
    enrolled_at            INTEGER NOT NULL,
    revoked_at             INTEGER,
    revoked_because        TEXT,
    refused_registrations  INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- What the newest authentic quote of a device said about its TPM's clock. 64-bit unsigned numbers are 8 bytes, big-endian.
CREATE TABLE device_clock (
    device_id         TEXT    NOT NULL PRIMARY KEY REFERENCES device (id),
    clock             BLOB    NOT NULL,
    reset_count       INTEGER NOT NULL,
    restart_count     INTEGER NOT NULL,
    safe              INTEGER NOT NULL,
    firmware_version  BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

-- The newest verdict of a device.
CREATE TABLE verdict (
    device_id   TEXT    NOT NULL PRIMARY KEY REFERENCES device (id),
    status      TEXT    NOT NULL,
    judged_at   INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    body        BLOB    NOT NULL,
    ear_jwt     TEXT    NOT NULL,
    ear_cwt     BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

-- Someone tried to enrol a device's EK, AK or certificate with another partner. The newest hundred of each device are kept; the count of all
-- of them is in `device`.
CREATE TABLE refused_registration (
    number                 INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    device_id              TEXT    NOT NULL REFERENCES device (id),
    at                     INTEGER NOT NULL,
    code                   TEXT    NOT NULL,
    ek_identity            BLOB    NOT NULL,
    ek_certificate_sha256  BLOB    NOT NULL,
    ak_name                BLOB    NOT NULL
) STRICT;
CREATE INDEX refused_registration_device ON refused_registration (device_id, number);

-- Enrolments that wait for their activation. The secret itself is not here.
CREATE TABLE enrollment (
    session_id             TEXT    NOT NULL PRIMARY KEY,
    secret_sha256          BLOB    NOT NULL,
    family                 TEXT    NOT NULL,
    ek_identity            BLOB    NOT NULL,
    ek_certificate_sha256  BLOB    NOT NULL,
    ek_certificate         BLOB    NOT NULL,
    ak_name                BLOB    NOT NULL,
    ak_public              BLOB    NOT NULL,
    expires_at             INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX enrollment_expiry ON enrollment (expires_at);

-- Spent challenges stay until they have expired, so that a second use is told apart from an unknown one.
CREATE TABLE challenge (
    id                  TEXT    NOT NULL PRIMARY KEY,
    device_id           TEXT    NOT NULL REFERENCES device (id),
    server_random       BLOB    NOT NULL UNIQUE,
    subject_public_key  BLOB    NOT NULL,
    nonce               BLOB    NOT NULL,
    selection           TEXT    NOT NULL,
    expires_at          INTEGER NOT NULL,
    spent_at            INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX challenge_expiry ON challenge (expires_at);
CREATE INDEX challenge_open ON challenge (device_id) WHERE spent_at IS NULL;
