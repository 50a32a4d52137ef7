-- Texts that come from outside are bytea: they may hold any byte, and sort by their bytes. Every name
-- is written with its schema (the at sign): a pooler keeps no search path.

CREATE TABLE @.cluster (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    name   bytea   NOT NULL,
    lowest bigint  NOT NULL -- the oldest schema whose releases still work with this one
);

CREATE TABLE @.members (
    id            bytea PRIMARY KEY,
    node          bytea       NOT NULL,
    version       bytea       NOT NULL,
    config_digest bytea       NOT NULL,
    state         bytea       NOT NULL,
    clock_offset  bigint      NOT NULL, -- nanoseconds
    started_at    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    ended_at      timestamptz
);
CREATE UNIQUE INDEX members_living ON @.members (node) WHERE ended_at IS NULL;

CREATE TABLE @.repeats (
    key         bytea PRIMARY KEY, -- SHA-256 of the four that follow, each with its length
    login       bytea       NOT NULL,
    key_id      bytea       NOT NULL,
    method      bytea       NOT NULL,
    digest      bytea       NOT NULL,
    scope       bytea       NOT NULL,
    scope_key   bytea       NOT NULL, -- SHA-256 of scope
    reference   bytea       NOT NULL,
    owner       bytea       NOT NULL,
    node        bytea       NOT NULL,
    state       text        NOT NULL CHECK (state IN ('running', 'answered')),
    answer      bytea,
    started_at  timestamptz NOT NULL,
    answered_at timestamptz,
    ended       boolean     NOT NULL DEFAULT false -- another call of its scope came after it
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX repeats_open ON @.repeats (scope_key) WHERE NOT ended;
CREATE INDEX repeats_owner ON @.repeats (owner);

CREATE TABLE @.requests (
    id         bigint PRIMARY KEY,
    site       bigint      NOT NULL,
    checksum   bytea       NOT NULL,
    peer       bytea       NOT NULL,
    upstream   bytea       NOT NULL,
    part_count bigint      NOT NULL DEFAULT 0,
    part_width bigint      NOT NULL DEFAULT 0,
    part_bytes bigint      NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    used_at    timestamptz NOT NULL,
    cleaned_at timestamptz
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

CREATE TABLE @.request_logins (
    ord     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request bigint NOT NULL REFERENCES @.requests (id) ON DELETE CASCADE,
    login   bytea  NOT NULL
);
CREATE UNIQUE INDEX request_logins_once ON @.request_logins (request, sha256(login));

CREATE INDEX requests_open ON @.requests (site, checksum) WHERE cleaned_at IS NULL;

CREATE TABLE @.request_parts (
    ord     bigint GENERATED ALWAYS AS IDENTITY,
    request bigint NOT NULL REFERENCES @.requests (id) ON DELETE CASCADE,
    name    bytea  NOT NULL,
    size    bigint NOT NULL,
    width   bigint NOT NULL,
    PRIMARY KEY (request, name)
);
CREATE INDEX request_parts_ord ON @.request_parts (request, ord);

CREATE TABLE @.pages (
    page    bigint PRIMARY KEY,
    site    bigint      NOT NULL,
    seen_at timestamptz NOT NULL
);

CREATE TABLE @.nonces (
    key        bytea PRIMARY KEY, -- SHA-256 of scope and nonce, each with its length
    expires_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX nonces_expires_at ON @.nonces (expires_at);

CREATE TABLE @.stored_values (
    key         bytea PRIMARY KEY,
    value       bytea       NOT NULL,
    modified_at timestamptz NOT NULL
);

-- A lease that was given back stays, so that its fence never falls.
CREATE TABLE @.leases (
    name       bytea PRIMARY KEY,
    owner      bytea       NOT NULL,
    fence      bigint      NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE TABLE @.events (
    log  bytea       NOT NULL,
    seq  bigint      NOT NULL,
    body bytea       NOT NULL,
    at   timestamptz NOT NULL DEFAULT clock_timestamp(), -- merges logs for display, no more
    PRIMARY KEY (log, seq)
);

CREATE TABLE @.checkpoints (
    n    bigint PRIMARY KEY,
    note bytea NOT NULL
);
