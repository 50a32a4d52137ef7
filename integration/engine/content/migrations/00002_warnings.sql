-- +goose Up
ALTER TABLE publishes ADD COLUMN warnings TEXT NOT NULL DEFAULT 'null';

-- +goose Down
ALTER TABLE publishes DROP COLUMN warnings;
