-- Times are nanoseconds since 1970 in UTC, NULL for none. Texts are compared byte by byte.

-- +goose Up
CREATE TABLE requests (
    id         INTEGER PRIMARY KEY,
    site       INTEGER NOT NULL,
    checksum   TEXT    NOT NULL,
    peer       TEXT    NOT NULL,
    created_at INTEGER,
    cleaned_at INTEGER
) STRICT;
CREATE INDEX requests_cleaned_at ON requests (cleaned_at) WHERE cleaned_at IS NOT NULL;

CREATE TABLE request_logins (
    ord     INTEGER PRIMARY KEY,
    request INTEGER NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
    login   TEXT    NOT NULL,
    UNIQUE (request, login)
) STRICT;

CREATE TABLE request_parts (
    ord     INTEGER PRIMARY KEY,
    request INTEGER NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
    name    TEXT    NOT NULL,
    size    INTEGER NOT NULL,
    UNIQUE (request, name)
) STRICT;

CREATE TABLE repeats (
    login       TEXT NOT NULL,
    key_id      TEXT NOT NULL,
    method      TEXT NOT NULL,
    digest      TEXT NOT NULL,
    scope       TEXT NOT NULL,
    reference   TEXT NOT NULL,
    state       TEXT NOT NULL,
    answer      BLOB,
    started_at  INTEGER,
    answered_at INTEGER,
    PRIMARY KEY (login, key_id, method, digest)
) STRICT;
CREATE INDEX repeats_scope ON repeats (scope);

CREATE TABLE certificate_values (
    key         TEXT PRIMARY KEY,
    value       BLOB    NOT NULL,
    modified_at INTEGER NOT NULL
) STRICT;

-- A lease that was given back stays with expires_at 0, so that its fence never falls.
CREATE TABLE certificate_leases (
    name       TEXT PRIMARY KEY,
    owner      TEXT    NOT NULL,
    fence      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

-- +goose Down
DROP TABLE certificate_leases;
DROP TABLE certificate_values;
DROP TABLE repeats;
DROP TABLE request_parts;
DROP TABLE request_logins;
DROP TABLE requests;
