-- +goose Up
CREATE TABLE stagings (
  site INTEGER PRIMARY KEY REFERENCES sites (id),
  connection TEXT NOT NULL,
  login TEXT NOT NULL,
  at TEXT NOT NULL
);
CREATE TABLE publications (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  site INTEGER NOT NULL REFERENCES sites (id),
  login TEXT NOT NULL,
  schedule INTEGER NOT NULL,
  state TEXT NOT NULL,
  started TEXT NOT NULL,
  finished TEXT NOT NULL DEFAULT '',
  lease TEXT NOT NULL,
  options TEXT NOT NULL,
  progress TEXT NOT NULL DEFAULT 'null',
  outcome TEXT NOT NULL DEFAULT 'null'
);
CREATE INDEX publications_site ON publications (site, id);
CREATE UNIQUE INDEX publications_running ON publications (site) WHERE state = 'running';
CREATE TABLE schedules (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  site INTEGER NOT NULL REFERENCES sites (id),
  login TEXT NOT NULL,
  cron TEXT NOT NULL,
  zone TEXT NOT NULL,
  until TEXT NOT NULL,
  options TEXT NOT NULL,
  next TEXT NOT NULL
);

-- +goose Down
DROP TABLE schedules;
DROP TABLE publications;
DROP TABLE stagings;
