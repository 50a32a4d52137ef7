-- Small contents that servers exchange, by digest.

CREATE TABLE @.sync_contents (
    digest text COLLATE "C" PRIMARY KEY,
    body   bytea    NOT NULL,
    at     bigint NOT NULL
);
