-- +goose Up
ALTER TABLE journal ADD COLUMN publish INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE journal DROP COLUMN publish;
