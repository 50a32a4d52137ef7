-- +goose Up
-- What was imported before imports had rows: else it is written over as if it were not there.
INSERT INTO journal (site, kind, uuid, private, deleted, at, publish)
SELECT site, kind, uuid, private, 0, modified, publish FROM items WHERE publish <> 0 ORDER BY id;

-- +goose Down
DELETE FROM journal WHERE publish <> 0;
