-- What a server that keeps no journal handed in, and what was carried to it.

CREATE TABLE @.sync_errands (
    seq       bigint NOT NULL PRIMARY KEY,
    object    text COLLATE "C" NOT NULL,
    tag       text COLLATE "C" NOT NULL,
    under_way bigint NOT NULL,
    deleted   bigint NOT NULL,
    title     text NOT NULL,
    author    text NOT NULL,
    needs     text NOT NULL,
    digest    text COLLATE "C" NOT NULL,
    size      bigint NOT NULL,
    content   text NOT NULL,
    state     text NOT NULL,
    made      bigint NOT NULL,
    begun     bigint NOT NULL,
    ended     bigint NOT NULL,
    at        bigint NOT NULL,
    owner     text COLLATE "C" NOT NULL
);
CREATE INDEX sync_errands_object ON @.sync_errands (object, seq);
CREATE INDEX sync_errands_digest ON @.sync_errands (digest);
CREATE TABLE @.sync_errand_seq (
    name text COLLATE "C" NOT NULL PRIMARY KEY,
    seq  bigint NOT NULL
);
