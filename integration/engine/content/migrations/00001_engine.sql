-- +goose Up
CREATE TABLE users (
  id INTEGER PRIMARY KEY,
  company INTEGER NOT NULL,
  email TEXT NOT NULL,
  screen_name TEXT NOT NULL,
  admin INTEGER NOT NULL,
  UNIQUE (company, email),
  UNIQUE (company, screen_name)
);
CREATE TABLE permissions (
  user INTEGER NOT NULL REFERENCES users (id),
  site INTEGER NOT NULL REFERENCES sites (id),
  action TEXT NOT NULL,
  PRIMARY KEY (user, site, action)
) WITHOUT ROWID;
CREATE TABLE sites (
  id INTEGER PRIMARY KEY,
  company INTEGER NOT NULL,
  uuid TEXT NOT NULL,
  name TEXT NOT NULL,
  friendly_url TEXT NOT NULL,
  locales TEXT NOT NULL,
  settings TEXT NOT NULL DEFAULT '',
  staging_count INTEGER NOT NULL DEFAULT 0,
  UNIQUE (company, name)
);
CREATE TABLE watermarks (
  site INTEGER NOT NULL REFERENCES sites (id),
  private INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (site, private)
) WITHOUT ROWID;
CREATE TABLE blobs (
  sha256 TEXT PRIMARY KEY,
  pack TEXT NOT NULL,
  start INTEGER NOT NULL,
  size INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE items (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  site INTEGER NOT NULL REFERENCES sites (id),
  kind TEXT NOT NULL,
  uuid TEXT NOT NULL,
  private INTEGER NOT NULL,
  layout_id INTEGER NOT NULL,
  parent_layout_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  friendly_url TEXT NOT NULL,
  media_type TEXT NOT NULL,
  portlets TEXT NOT NULL,
  refs TEXT NOT NULL,
  version INTEGER NOT NULL,
  sha256 TEXT NOT NULL REFERENCES blobs (sha256),
  size INTEGER NOT NULL,
  modified TEXT NOT NULL,
  publish INTEGER NOT NULL,
  UNIQUE (site, kind, private, uuid)
);
CREATE TABLE versions (
  item INTEGER NOT NULL,
  version INTEGER NOT NULL,
  name TEXT NOT NULL,
  sha256 TEXT NOT NULL REFERENCES blobs (sha256),
  size INTEGER NOT NULL,
  modified TEXT NOT NULL,
  publish INTEGER NOT NULL,
  PRIMARY KEY (item, version)
) WITHOUT ROWID;
CREATE TABLE journal (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  site INTEGER NOT NULL,
  kind TEXT NOT NULL,
  uuid TEXT NOT NULL,
  private INTEGER NOT NULL,
  deleted INTEGER NOT NULL
);
CREATE INDEX journal_site ON journal (site, seq);
CREATE TABLE requests (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  site INTEGER NOT NULL,
  checksum TEXT NOT NULL,
  created TEXT NOT NULL,
  UNIQUE (site, checksum)
);
CREATE TABLE parts (
  request INTEGER NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  file TEXT NOT NULL,
  size INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  PRIMARY KEY (request, name)
) WITHOUT ROWID;
CREATE TABLE publishes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  site INTEGER NOT NULL,
  request INTEGER NOT NULL,
  checksum TEXT NOT NULL,
  login TEXT NOT NULL,
  at TEXT NOT NULL,
  entries INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  added INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  deleted INTEGER NOT NULL
);
CREATE TABLE entries (
  publish INTEGER NOT NULL REFERENCES publishes (id),
  site INTEGER NOT NULL,
  path TEXT NOT NULL,
  sha256 TEXT NOT NULL REFERENCES blobs (sha256),
  size INTEGER NOT NULL,
  PRIMARY KEY (publish, path)
) WITHOUT ROWID;
CREATE INDEX entries_path ON entries (site, path, publish);
CREATE TABLE ledger (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at TEXT NOT NULL,
  login TEXT NOT NULL,
  method TEXT NOT NULL,
  site INTEGER NOT NULL,
  request INTEGER NOT NULL,
  digest TEXT NOT NULL,
  outcome TEXT NOT NULL
);
INSERT INTO sqlite_sequence (name, seq) VALUES ('items', 20000), ('requests', 31000), ('publishes', 0);

-- +goose Down
DROP TABLE ledger;
DROP TABLE entries;
DROP TABLE publishes;
DROP TABLE parts;
DROP TABLE requests;
DROP TABLE journal;
DROP TABLE versions;
DROP TABLE items;
DROP TABLE blobs;
DROP TABLE watermarks;
DROP TABLE sites;
DROP TABLE permissions;
DROP TABLE users;
