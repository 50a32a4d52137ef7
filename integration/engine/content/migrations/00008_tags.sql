-- +goose Up
ALTER TABLE journal ADD COLUMN tag TEXT NOT NULL DEFAULT '';
ALTER TABLE journal ADD COLUMN author TEXT NOT NULL DEFAULT '';
CREATE INDEX journal_item ON journal (site, kind, uuid, private, seq);

-- +goose Down
DROP INDEX journal_item;
ALTER TABLE journal DROP COLUMN author;
ALTER TABLE journal DROP COLUMN tag;
