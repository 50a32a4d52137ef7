-- What the gateways of the release before do not know, and can do without.

-- Signatures of other gateways under the note of a checkpoint.
CREATE TABLE @.checkpoint_signatures (
    n         bigint NOT NULL REFERENCES @.checkpoints (n) ON DELETE CASCADE,
    signature bytea  NOT NULL, -- a line of the note
    PRIMARY KEY (n, signature)
);

ALTER TABLE @.members ADD COLUMN calls bigint NOT NULL DEFAULT 0; -- under way at the last renewal
