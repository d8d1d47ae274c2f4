-- The TPM's counters in the quote behind a device's last affirming verdict, of which AK, and until when that verdict counts. Other verdicts leave
-- it as it is. 64-bit unsigned numbers are 8 bytes, big-endian.
CREATE TABLE lease (
    device_id      TEXT    NOT NULL PRIMARY KEY REFERENCES device (id),
    ak_name        BLOB    NOT NULL,
    clock          BLOB    NOT NULL,
    reset_count    INTEGER NOT NULL,
    restart_count  INTEGER NOT NULL,
    safe           INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Where the newest verdict affirms, the newest clock is its quote's.
INSERT INTO lease
SELECT device.id, device.ak_name, device_clock.clock, device_clock.reset_count, device_clock.restart_count, device_clock.safe, verdict.expires_at
FROM device JOIN verdict ON verdict.device_id = device.id JOIN device_clock ON device_clock.device_id = device.id
WHERE verdict.status = 'affirming';
