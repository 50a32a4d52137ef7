-- What neighbours deleted in the last hour. The row without an origin is written by who counts: one at a time.

-- +goose Up
CREATE TABLE sync_deletes (
    via     TEXT    NOT NULL,
    origin  TEXT    NOT NULL,
    counter INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (via, origin, counter)
) STRICT, WITHOUT ROWID;
INSERT INTO sync_deletes (via, origin, counter, at)
    SELECT via, origin, counter, at FROM sync_changes
    WHERE via <> '' AND at > (unixepoch() - 3600) * 1000000 AND json_extract(CAST(body AS TEXT), '$.op') = 'delete';

-- +goose Down
DROP TABLE sync_deletes;
