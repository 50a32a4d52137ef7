-- Which contents something still needs, and large contents in pieces: gateways share no folder.

ALTER TABLE @.sync_changes ADD COLUMN payload text COLLATE "C" NOT NULL DEFAULT '';
UPDATE @.sync_changes SET payload = convert_from(body, 'UTF8')::jsonb ->> 'payload';
CREATE INDEX sync_changes_payload ON @.sync_changes (payload);
CREATE INDEX sync_deliveries_named ON @.sync_deliveries (origin, counter) WHERE state IN ('pending', 'waiting', 'dead');
CREATE INDEX sync_contents_at ON @.sync_contents (digest, at);

CREATE TABLE @.sync_large (
    digest text COLLATE "C" PRIMARY KEY,
    have   bigint NOT NULL,
    size   bigint NOT NULL,
    whole  bigint NOT NULL,
    at     bigint NOT NULL
);

CREATE TABLE @.sync_pieces (
    digest text COLLATE "C" NOT NULL,
    start  bigint NOT NULL,
    body   bytea  NOT NULL,
    PRIMARY KEY (digest, start)
);
ALTER TABLE @.sync_pieces ALTER COLUMN body SET STORAGE EXTERNAL;
