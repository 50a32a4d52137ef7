-- Small contents that servers exchange, by digest.

-- +goose Up
CREATE TABLE sync_contents (
    digest TEXT PRIMARY KEY,
    body   BLOB    NOT NULL,
    at     INTEGER NOT NULL
) STRICT;

-- +goose Down
DROP TABLE sync_contents;
