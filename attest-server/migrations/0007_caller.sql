-- By whom a device's evidence came when its list was judged so far: SHA-256 of his certificate or address. Nobody else is told how far.
ALTER TABLE ima_checkpoint ADD COLUMN caller BLOB;
