-- Whose parts are in a request: only they may have it deleted.
ALTER TABLE @.request_logins ADD COLUMN sent boolean NOT NULL DEFAULT false;
