-- +goose Up
ALTER TABLE schedules ADD COLUMN start TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE schedules DROP COLUMN start;
