-- Open enrolments are bounded for each endorsement key, too.
CREATE INDEX enrollment_ek ON enrollment (ek_identity, expires_at);
