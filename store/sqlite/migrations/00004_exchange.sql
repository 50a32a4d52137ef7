-- What servers that keep each other's content alike know: changes, versions, what is to be delivered.

-- +goose Up
CREATE TABLE sync_changes (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    origin   TEXT    NOT NULL,
    counter  INTEGER NOT NULL,
    object   TEXT    NOT NULL,
    body     BLOB    NOT NULL,
    via      TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    UNIQUE (origin, counter)
) STRICT;
CREATE INDEX sync_changes_object ON sync_changes (object, position);

CREATE TABLE sync_objects (
    object        TEXT PRIMARY KEY,
    rev           INTEGER NOT NULL,
    first_origin  TEXT    NOT NULL,
    first_counter INTEGER NOT NULL,
    first_milli   INTEGER NOT NULL,
    first_logic   INTEGER NOT NULL,
    shown_origin  TEXT    NOT NULL,
    shown_counter INTEGER NOT NULL,
    seq           INTEGER NOT NULL,
    conflict      INTEGER NOT NULL
) STRICT;
CREATE INDEX sync_objects_conflict ON sync_objects (object) WHERE conflict = 1;

CREATE TABLE sync_versions (
    object  TEXT    NOT NULL,
    origin  TEXT    NOT NULL,
    counter INTEGER NOT NULL,
    PRIMARY KEY (object, origin, counter)
) STRICT, WITHOUT ROWID;

CREATE TABLE sync_processed (
    origin  TEXT    NOT NULL,
    counter INTEGER NOT NULL,
    server  TEXT    NOT NULL,
    PRIMARY KEY (origin, counter, server)
) STRICT, WITHOUT ROWID;

CREATE TABLE sync_intents (
    object TEXT PRIMARY KEY,
    tag    TEXT    NOT NULL,
    expect INTEGER NOT NULL,
    body   BLOB    NOT NULL,
    via    TEXT    NOT NULL,
    listed TEXT    NOT NULL
) STRICT;

CREATE TABLE sync_deliveries (
    position  INTEGER PRIMARY KEY AUTOINCREMENT,
    target    TEXT    NOT NULL,
    origin    TEXT    NOT NULL,
    counter   INTEGER NOT NULL,
    object    TEXT    NOT NULL,
    state     TEXT    NOT NULL,
    tries     INTEGER NOT NULL,
    next_at   INTEGER NOT NULL,
    class     TEXT    NOT NULL,
    reason    TEXT    NOT NULL,
    bytes     INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    ended_at  INTEGER NOT NULL,
    UNIQUE (target, origin, counter)
) STRICT;
CREATE INDEX sync_deliveries_open ON sync_deliveries (target, position) WHERE state IN ('pending', 'waiting');
CREATE INDEX sync_deliveries_object ON sync_deliveries (target, object, position) WHERE state IN ('pending', 'waiting');
CREATE INDEX sync_deliveries_dead ON sync_deliveries (target) WHERE state = 'dead';

CREATE TABLE sync_targets (
    target TEXT PRIMARY KEY,
    state  TEXT    NOT NULL,
    reason TEXT    NOT NULL,
    until  INTEGER NOT NULL
) STRICT;

CREATE TABLE sync_cursors (
    source TEXT PRIMARY KEY,
    seq    INTEGER NOT NULL
) STRICT;

CREATE TABLE sync_have (
    origin  TEXT PRIMARY KEY,
    counter INTEGER NOT NULL
) STRICT;

CREATE TABLE sync_servers (
    server  TEXT PRIMARY KEY,
    name    TEXT    NOT NULL,
    links   TEXT    NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sync_approvals (
    origin  TEXT    NOT NULL,
    counter INTEGER NOT NULL,
    body    BLOB    NOT NULL,
    via     TEXT    NOT NULL,
    state   TEXT    NOT NULL,
    login   TEXT    NOT NULL,
    reason  TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (origin, counter)
) STRICT;

-- +goose Down
DROP TABLE sync_approvals;
DROP TABLE sync_servers;
DROP TABLE sync_have;
DROP TABLE sync_cursors;
DROP TABLE sync_targets;
DROP TABLE sync_deliveries;
DROP TABLE sync_intents;
DROP TABLE sync_processed;
DROP TABLE sync_versions;
DROP TABLE sync_objects;
DROP TABLE sync_changes;
