-- What a server that keeps no journal handed in, and what was carried to it.

-- +goose Up
CREATE TABLE sync_errands (
    seq       INTEGER NOT NULL PRIMARY KEY,
    object    TEXT    NOT NULL,
    tag       TEXT    NOT NULL,
    under_way INTEGER NOT NULL,
    deleted   INTEGER NOT NULL,
    title     TEXT    NOT NULL,
    author    TEXT    NOT NULL,
    needs     TEXT    NOT NULL,
    digest    TEXT    NOT NULL,
    size      INTEGER NOT NULL,
    content   TEXT    NOT NULL,
    state     TEXT    NOT NULL,
    made      INTEGER NOT NULL,
    begun     INTEGER NOT NULL,
    ended     INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    owner     TEXT    NOT NULL
) STRICT;
CREATE INDEX sync_errands_object ON sync_errands (object, seq);
CREATE INDEX sync_errands_digest ON sync_errands (digest);
CREATE TABLE sync_errand_seq (
    name TEXT    NOT NULL PRIMARY KEY,
    seq  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE sync_errand_seq;
DROP TABLE sync_errands;
