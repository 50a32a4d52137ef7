-- +goose Up
CREATE TABLE arrivals (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  site INTEGER NOT NULL,
  request INTEGER NOT NULL,
  login TEXT NOT NULL,
  state TEXT NOT NULL,
  stage TEXT NOT NULL,
  started TEXT NOT NULL,
  seen TEXT NOT NULL,
  entries INTEGER NOT NULL DEFAULT 0,
  of_entries INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0,
  of_bytes INTEGER NOT NULL DEFAULT 0,
  publish INTEGER NOT NULL DEFAULT 0,
  message TEXT NOT NULL DEFAULT ''
);
CREATE INDEX arrivals_site ON arrivals (site, id);
CREATE TABLE connections (
  library INTEGER NOT NULL REFERENCES sites (id),
  site INTEGER NOT NULL REFERENCES sites (id),
  PRIMARY KEY (library, site)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE connections;
DROP TABLE arrivals;
