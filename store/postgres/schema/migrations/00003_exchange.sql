-- What servers that keep each other's content alike know: changes, versions, what is to be delivered.

CREATE TABLE @.sync_changes (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    origin   text COLLATE "C"    NOT NULL,
    counter  bigint NOT NULL,
    object   text COLLATE "C"    NOT NULL,
    body     bytea    NOT NULL,
    via      text COLLATE "C"    NOT NULL,
    at       bigint NOT NULL,
    UNIQUE (origin, counter)
);
CREATE INDEX sync_changes_object ON @.sync_changes (object, position);

CREATE TABLE @.sync_objects (
    object        text COLLATE "C" PRIMARY KEY,
    rev           bigint NOT NULL,
    first_origin  text COLLATE "C"    NOT NULL,
    first_counter bigint NOT NULL,
    first_milli   bigint NOT NULL,
    first_logic   bigint NOT NULL,
    shown_origin  text COLLATE "C"    NOT NULL,
    shown_counter bigint NOT NULL,
    seq           bigint NOT NULL,
    conflict      bigint NOT NULL
);
CREATE INDEX sync_objects_conflict ON @.sync_objects (object) WHERE conflict = 1;

CREATE TABLE @.sync_versions (
    object  text COLLATE "C"    NOT NULL,
    origin  text COLLATE "C"    NOT NULL,
    counter bigint NOT NULL,
    PRIMARY KEY (object, origin, counter)
);

CREATE TABLE @.sync_processed (
    origin  text COLLATE "C"    NOT NULL,
    counter bigint NOT NULL,
    server  text COLLATE "C"    NOT NULL,
    PRIMARY KEY (origin, counter, server)
);

CREATE TABLE @.sync_intents (
    object text COLLATE "C" PRIMARY KEY,
    tag    text COLLATE "C"    NOT NULL,
    expect bigint NOT NULL,
    body   bytea    NOT NULL,
    via    text COLLATE "C"    NOT NULL,
    listed text COLLATE "C"    NOT NULL
);

CREATE TABLE @.sync_deliveries (
    position  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target    text COLLATE "C"    NOT NULL,
    origin    text COLLATE "C"    NOT NULL,
    counter   bigint NOT NULL,
    object    text COLLATE "C"    NOT NULL,
    state     text COLLATE "C"    NOT NULL,
    tries     bigint NOT NULL,
    next_at   bigint NOT NULL,
    class     text COLLATE "C"    NOT NULL,
    reason    text COLLATE "C"    NOT NULL,
    bytes     bigint NOT NULL,
    queued_at bigint NOT NULL,
    ended_at  bigint NOT NULL,
    UNIQUE (target, origin, counter)
);
CREATE INDEX sync_deliveries_open ON @.sync_deliveries (target, position) WHERE state IN ('pending', 'waiting');
CREATE INDEX sync_deliveries_object ON @.sync_deliveries (target, object, position) WHERE state IN ('pending', 'waiting');
CREATE INDEX sync_deliveries_dead ON @.sync_deliveries (target) WHERE state = 'dead';

CREATE TABLE @.sync_targets (
    target text COLLATE "C" PRIMARY KEY,
    state  text COLLATE "C"    NOT NULL,
    reason text COLLATE "C"    NOT NULL,
    until  bigint NOT NULL
);

CREATE TABLE @.sync_cursors (
    source text COLLATE "C" PRIMARY KEY,
    seq    bigint NOT NULL
);

CREATE TABLE @.sync_have (
    origin  text COLLATE "C" PRIMARY KEY,
    counter bigint NOT NULL
);

CREATE TABLE @.sync_servers (
    server  text COLLATE "C" PRIMARY KEY,
    name    text COLLATE "C"    NOT NULL,
    links   text COLLATE "C"    NOT NULL,
    seen_at bigint NOT NULL
);

CREATE TABLE @.sync_approvals (
    origin  text COLLATE "C"    NOT NULL,
    counter bigint NOT NULL,
    body    bytea    NOT NULL,
    via     text COLLATE "C"    NOT NULL,
    state   text COLLATE "C"    NOT NULL,
    login   text COLLATE "C"    NOT NULL,
    reason  text COLLATE "C"    NOT NULL,
    at      bigint NOT NULL,
    PRIMARY KEY (origin, counter)
);

