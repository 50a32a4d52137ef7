-- Whose parts are in a request: only they may have it deleted.

-- +goose Up
ALTER TABLE request_logins ADD COLUMN sent INTEGER NOT NULL DEFAULT 0;
