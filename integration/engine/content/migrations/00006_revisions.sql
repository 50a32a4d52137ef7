-- +goose Up
CREATE TABLE variations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  site INTEGER NOT NULL REFERENCES sites (id),
  private INTEGER NOT NULL,
  name TEXT NOT NULL,
  main INTEGER NOT NULL,
  at TEXT NOT NULL,
  UNIQUE (site, private, name)
);
CREATE TABLE revisions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  variation INTEGER NOT NULL REFERENCES variations (id) ON DELETE CASCADE,
  page TEXT NOT NULL,
  branch TEXT NOT NULL,
  number INTEGER NOT NULL,
  name TEXT NOT NULL,
  portlets TEXT NOT NULL,
  refs TEXT NOT NULL,
  sha256 TEXT NOT NULL REFERENCES blobs (sha256),
  size INTEGER NOT NULL,
  at TEXT NOT NULL,
  ready INTEGER NOT NULL,
  UNIQUE (variation, page, branch, number)
);
CREATE UNIQUE INDEX revisions_ready ON revisions (variation, page) WHERE ready = 1;

-- +goose Down
DROP TABLE revisions;
DROP TABLE variations;
