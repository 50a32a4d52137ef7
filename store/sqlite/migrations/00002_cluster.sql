-- What several gateways share: who lives, who carries a call out, sums instead of lists of parts.

-- +goose Up
CREATE TABLE members (
    id            TEXT PRIMARY KEY,
    node          TEXT    NOT NULL,
    version       TEXT    NOT NULL,
    config_digest TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    clock_offset  INTEGER NOT NULL,
    started_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    ended_at      INTEGER
) STRICT;
CREATE UNIQUE INDEX members_living ON members (node) WHERE ended_at IS NULL;

-- An owner that no member has is one whose life is over: what ran before this migration is unknown.
ALTER TABLE repeats ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE repeats ADD COLUMN node TEXT NOT NULL DEFAULT '';
ALTER TABLE repeats ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;
CREATE INDEX repeats_owner ON repeats (owner);
-- A scope keeps what has ended for a while; a call that ends it looks at the rest only.
DROP INDEX repeats_scope;
CREATE INDEX repeats_open ON repeats (scope) WHERE ended = 0;

ALTER TABLE request_parts ADD COLUMN width INTEGER NOT NULL DEFAULT 0;
UPDATE request_parts SET width = length(name) - length(rtrim(name, '0123456789'));

ALTER TABLE requests ADD COLUMN upstream TEXT NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN part_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN part_width INTEGER NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN part_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN used_at INTEGER;
UPDATE requests SET
    part_count = (SELECT count(*) FROM request_parts WHERE request = requests.id),
    part_bytes = (SELECT coalesce(sum(size), 0) FROM request_parts WHERE request = requests.id),
    part_width = coalesce((SELECT width FROM request_parts WHERE request = requests.id
        ORDER BY ord LIMIT 1), 0),
    used_at = max(coalesce(created_at, 0), coalesce(cleaned_at, 0));
CREATE INDEX requests_used_at ON requests (used_at);

CREATE TABLE pages (
    page    INTEGER PRIMARY KEY,
    site    INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT;
CREATE INDEX pages_seen_at ON pages (seen_at);

CREATE TABLE nonces (
    scope      TEXT    NOT NULL,
    nonce      BLOB    NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (scope, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX nonces_expires_at ON nonces (expires_at);

ALTER TABLE certificate_values RENAME TO stored_values;
ALTER TABLE certificate_leases RENAME TO leases;

CREATE INDEX requests_open ON requests (site, checksum) WHERE cleaned_at IS NULL;

-- +goose Down
DROP INDEX requests_open;
ALTER TABLE leases RENAME TO certificate_leases;
ALTER TABLE stored_values RENAME TO certificate_values;
DROP TABLE nonces;
DROP TABLE pages;
DROP INDEX requests_used_at;
ALTER TABLE requests DROP COLUMN used_at;
ALTER TABLE requests DROP COLUMN part_bytes;
ALTER TABLE requests DROP COLUMN part_width;
ALTER TABLE requests DROP COLUMN part_count;
ALTER TABLE requests DROP COLUMN upstream;
ALTER TABLE request_parts DROP COLUMN width;
DROP INDEX repeats_open;
CREATE INDEX repeats_scope ON repeats (scope);
DROP INDEX repeats_owner;
ALTER TABLE repeats DROP COLUMN ended;
ALTER TABLE repeats DROP COLUMN node;
ALTER TABLE repeats DROP COLUMN owner;
DROP TABLE members;
