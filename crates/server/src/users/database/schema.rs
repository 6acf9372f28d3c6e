//! The tables, as steps from each version to the next. A step that was released is never changed.

/// Steps of the SQLite file; `user_version` counts those applied.
pub(super) const SQLITE: &[&str] = &[
    "
    CREATE TABLE users (
        name TEXT NOT NULL PRIMARY KEY,
        nt_hash BLOB NOT NULL CHECK (length(nt_hash) = 16),
        address TEXT UNIQUE,
        disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
        must_change_password INTEGER NOT NULL DEFAULT 0 CHECK (must_change_password IN (0, 1))
    ) STRICT;
    ",
    "
    CREATE TABLE groups (
        name TEXT NOT NULL PRIMARY KEY,
        pool TEXT,
        ipv6_pool TEXT,
        session_seconds INTEGER CHECK (session_seconds >= 0),
        idle_seconds INTEGER CHECK (idle_seconds >= 0),
        expires INTEGER CHECK (expires >= 0),
        volume INTEGER CHECK (volume >= 0),
        rate_down INTEGER CHECK (rate_down >= 0),
        rate_up INTEGER CHECK (rate_up >= 0),
        simultaneous TEXT,
        sources TEXT,
        routes TEXT
    ) STRICT;
    ALTER TABLE users ADD COLUMN group_name TEXT REFERENCES groups (name);
    ALTER TABLE users ADD COLUMN pool TEXT;
    ALTER TABLE users ADD COLUMN ipv6_pool TEXT;
    ALTER TABLE users ADD COLUMN session_seconds INTEGER CHECK (session_seconds >= 0);
    ALTER TABLE users ADD COLUMN idle_seconds INTEGER CHECK (idle_seconds >= 0);
    ALTER TABLE users ADD COLUMN expires INTEGER CHECK (expires >= 0);
    ALTER TABLE users ADD COLUMN volume INTEGER CHECK (volume >= 0);
    ALTER TABLE users ADD COLUMN rate_down INTEGER CHECK (rate_down >= 0);
    ALTER TABLE users ADD COLUMN rate_up INTEGER CHECK (rate_up >= 0);
    ALTER TABLE users ADD COLUMN simultaneous TEXT;
    ALTER TABLE users ADD COLUMN sources TEXT;
    ALTER TABLE users ADD COLUMN routes TEXT;
    CREATE INDEX users_group ON users (group_name);
    ",
];
