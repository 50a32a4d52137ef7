-- Which contents something still needs.

-- +goose Up
ALTER TABLE sync_changes ADD COLUMN payload TEXT NOT NULL DEFAULT '';
UPDATE sync_changes SET payload = json_extract(CAST(body AS TEXT), '$.payload');
CREATE INDEX sync_changes_payload ON sync_changes (payload);
CREATE INDEX sync_deliveries_named ON sync_deliveries (origin, counter) WHERE state IN ('pending', 'waiting', 'dead');
CREATE INDEX sync_contents_at ON sync_contents (digest, at);

-- +goose Down
DROP INDEX sync_contents_at;
DROP INDEX sync_deliveries_named;
DROP INDEX sync_changes_payload;
ALTER TABLE sync_changes DROP COLUMN payload;
