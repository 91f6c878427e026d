-- What the settled part of a journal begins with: an inode alone does not tell a file from another that took its place.
ALTER TABLE journal_offsets ADD COLUMN fingerprint bytea;
COMMENT ON COLUMN journal_offsets.journal IS 'the name that usage_service keeps beside the file; its path where it could not write one';
