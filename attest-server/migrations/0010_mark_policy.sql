-- The policy that was followed where the log was last seen: only those whose word it asks for can prove that there are two histories.
ALTER TABLE release_mark ADD COLUMN policy BLOB;
