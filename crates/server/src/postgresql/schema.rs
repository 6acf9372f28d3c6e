//! The tables, as steps from each version to the next.

use postgres::Client;

use crate::users::StoreError;

/// Servers that start at once take turns by this lock.
const LOCK: i64 = 0x0061_6469_7400_0001;

/// A step that was released is never changed.
const STEPS: &[&str] = &["
    CREATE TABLE groups (
        name text PRIMARY KEY,
        pool text,
        ipv6_pool text,
        session_seconds bigint CHECK (session_seconds >= 0),
        idle_seconds bigint CHECK (idle_seconds >= 0),
        expires bigint CHECK (expires >= 0),
        volume bigint CHECK (volume >= 0),
        rate_down bigint CHECK (rate_down >= 0),
        rate_up bigint CHECK (rate_up >= 0),
        simultaneous text,
        sources text,
        routes text
    );
    CREATE TABLE users (
        name text PRIMARY KEY,
        nt_hash bytea NOT NULL CHECK (octet_length(nt_hash) = 16),
        address text UNIQUE,
        disabled boolean NOT NULL DEFAULT false,
        must_change_password boolean NOT NULL DEFAULT false,
        group_name text REFERENCES groups (name),
        pool text,
        ipv6_pool text,
        session_seconds bigint CHECK (session_seconds >= 0),
        idle_seconds bigint CHECK (idle_seconds >= 0),
        expires bigint CHECK (expires >= 0),
        volume bigint CHECK (volume >= 0),
        rate_down bigint CHECK (rate_down >= 0),
        rate_up bigint CHECK (rate_up >= 0),
        simultaneous text,
        sources text,
        routes text
    );
    CREATE INDEX users_group ON users (group_name);

    -- Counts changes of fixed addresses, for servers that keep a list of them.
    CREATE TABLE address_revision (number bigint NOT NULL);
    INSERT INTO address_revision VALUES (0);
    CREATE FUNCTION adit_count_address_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE address_revision SET number = number + 1;
        RETURN NULL;
    END $$;
    CREATE TRIGGER address_change AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF address ON users
        FOR EACH STATEMENT EXECUTE FUNCTION adit_count_address_change();

    CREATE TABLE nodes (
        name text PRIMARY KEY,
        alive timestamptz NOT NULL
    );

    -- A row for each address that was ever in a pool or leased. It is free when it has expired; without a
    -- session it was given back. The user is the one who had it last.
    CREATE TABLE leases (
        address inet PRIMARY KEY,
        node text NOT NULL,
        session text NOT NULL,
        user_name text NOT NULL,
        expires timestamptz NOT NULL
    );
    CREATE INDEX leases_expires ON leases (expires, address);
    CREATE INDEX leases_user ON leases (user_name);

    -- `started` is null while a login is not finished.
    CREATE TABLE sessions (
        node text NOT NULL,
        session text NOT NULL,
        user_name text NOT NULL,
        group_name text,
        peer inet,
        address inet,
        prefix cidr,
        method text,
        admitted timestamptz NOT NULL,
        started timestamptz,
        updated timestamptz NOT NULL,
        octets_in bigint NOT NULL DEFAULT 0,
        octets_out bigint NOT NULL DEFAULT 0,
        packets_in bigint NOT NULL DEFAULT 0,
        packets_out bigint NOT NULL DEFAULT 0,
        ended timestamptz,
        cause text,
        PRIMARY KEY (node, session)
    );
    CREATE INDEX sessions_open ON sessions (user_name) WHERE ended IS NULL;
"];

/// Brings the schema to this program's version. `place` names the database in errors.
pub(super) fn migrate(client: &mut Client, place: &str) -> Result<(), Error> {
    let version = version(client)?;
    if version == Some(STEPS.len()) {
        return Ok(());
    }
    let mut transaction = client.transaction()?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])?;
    transaction
        .batch_execute("CREATE TABLE IF NOT EXISTS adit_schema (version integer NOT NULL)")?;
    // Another server may have done it in the meantime.
    let row = transaction.query_opt("SELECT version FROM adit_schema", &[])?;
    let found = match row {
        Some(row) => usize::try_from(row.get::<_, i32>(0)).unwrap_or(usize::MAX),
        None => 0,
    };
    let Some(steps) = STEPS.get(found..) else {
        return Err(Error::Store(StoreError::TooNew {
            place: place.to_owned(),
            found,
            known: STEPS.len(),
        }));
    };
    for step in steps {
        transaction.batch_execute(step)?;
    }
    let known = STEPS.len() as i32;
    transaction.execute("DELETE FROM adit_schema", &[])?;
    transaction.execute("INSERT INTO adit_schema VALUES ($1)", &[&known])?;
    transaction.commit()?;
    Ok(())
}

fn version(client: &mut Client) -> Result<Option<usize>, postgres::Error> {
    let exists = "SELECT to_regclass('adit_schema') IS NOT NULL";
    if !client.query_one(exists, &[])?.get::<_, bool>(0) {
        return Ok(None);
    }
    let row = client.query_opt("SELECT version FROM adit_schema", &[])?;
    Ok(row.and_then(|row| usize::try_from(row.get::<_, i32>(0)).ok()))
}

/// Why the schema is not as it should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Database(#[from] postgres::Error),
    #[error(transparent)]
    Store(StoreError),
}
