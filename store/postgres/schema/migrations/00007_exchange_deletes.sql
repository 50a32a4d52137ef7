-- What neighbours deleted in the last hour. The row without an origin is written by who counts: one at a time.

CREATE TABLE @.sync_deletes (
    via     text COLLATE "C" NOT NULL,
    origin  text COLLATE "C" NOT NULL,
    counter bigint NOT NULL,
    at      bigint NOT NULL,
    PRIMARY KEY (via, origin, counter)
);
INSERT INTO @.sync_deletes (via, origin, counter, at)
    SELECT via, origin, counter, at FROM @.sync_changes
    WHERE via <> '' AND at > (extract(epoch FROM clock_timestamp()) - 3600) * 1000000
        AND convert_from(body, 'UTF8')::jsonb ->> 'op' = 'delete';
