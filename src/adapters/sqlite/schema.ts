/** `PRAGMA application_id` of our files, "PWav" in ASCII: a database of something else is never touched. */
export const APPLICATION_ID = 0x50576176

/** The store's tables. `user_version` counts the steps that have been taken; a step is never changed once released. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE runs (
    run TEXT PRIMARY KEY,
    runbook TEXT NOT NULL,
    act TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    outcome TEXT,
    driver TEXT,
    epoch INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER,
    wake_at INTEGER,
    head TEXT NOT NULL,
    entries INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX runs_by_time ON runs (requested_at, run);
  CREATE INDEX runs_unfinished ON runs (requested_at, run) WHERE outcome IS NULL;
  CREATE TABLE entries (
    run TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    type TEXT NOT NULL,
    text TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (run, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run TEXT NOT NULL REFERENCES runs,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL
  ) STRICT;
  CREATE INDEX notes_of_run ON notes (run, id);
  CREATE TABLE claims (
    node TEXT NOT NULL,
    run TEXT NOT NULL,
    hand INTEGER NOT NULL,
    since INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    PRIMARY KEY (node, run)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX claims_of_run ON claims (run);
  CREATE TABLE claim_groups (
    key TEXT NOT NULL,
    node TEXT NOT NULL,
    run TEXT NOT NULL,
    PRIMARY KEY (key, node, run),
    FOREIGN KEY (node, run) REFERENCES claims ON DELETE CASCADE
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX claim_groups_of_claim ON claim_groups (node, run);
  CREATE TABLE group_sets (key TEXT PRIMARY KEY, in_set TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX group_sets_of_set ON group_sets (in_set);
  CREATE TABLE plans (digest TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;
  CREATE TABLE blobs (digest TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;
  CREATE TABLE cursors (name TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  `,
  // Openings and triggers that led to runs; the queues in which refused claims wait: `number` is the order of the queue.
  `
  CREATE TABLE openings (
    runbook TEXT NOT NULL,
    act TEXT NOT NULL,
    opens INTEGER NOT NULL,
    run TEXT NOT NULL,
    PRIMARY KEY (runbook, act, opens)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE triggers (id TEXT PRIMARY KEY, run TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE tickets (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    side TEXT NOT NULL,
    run TEXT NOT NULL,
    spare INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    UNIQUE (key, side, run)
  ) STRICT;
  CREATE INDEX tickets_of_run ON tickets (run);
  CREATE INDEX tickets_by_age ON tickets (seen);
  `,
  // Open commands, by which a status event finds the run that sent them.
  `
  CREATE TABLE commands (command TEXT PRIMARY KEY, run TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX commands_of_run ON commands (run);
  `,
]
