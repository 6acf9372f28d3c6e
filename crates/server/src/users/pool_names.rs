//! Pools that users and groups are to get addresses of, beside those that there are.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::StoreError;
use crate::config::Config;

/// The version of the tables from which on they name pools.
const NAMED_FROM: u32 = 2;

/// Users and groups of the SQLite database whose pools are not in the configuration, a sentence for each
/// pool. Nothing is made or changed; a database that is not there has none.
pub fn unknown_pools(config: &Config) -> Vec<String> {
    let Some(path) = config
        .users
        .database
        .as_deref()
        .filter(|path| path.exists())
    else {
        return Vec::new();
    };
    find(path, config).unwrap_or_else(|source| {
        let path = path.to_owned();
        vec![format!("{}.", StoreError::Database { path, source })]
    })
}

fn find(path: &Path, config: &Config) -> Result<Vec<String>, rusqlite::Error> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let mut sentences = Vec::new();
    if version < NAMED_FROM {
        return Ok(sentences);
    }
    for (table, whose) in [("users", "user"), ("groups", "group")] {
        for (name, first, count) in named(&connection, table, "pool")? {
            if !config.has_pool(&name) {
                sentences.push(format!(
                    "there is no pool \"{name}\", so the {whose} {} cannot log in; add it as [[pools]] or \
                     use `adit {whose} set`.",
                    with_others(&first, count)
                ));
            }
        }
        for (name, first, count) in named(&connection, table, "ipv6_pool")? {
            if config.network.ipv6 && !config.has_ipv6_pool(&name) {
                let verb = if count == 1 { "gets" } else { "get" };
                sentences.push(format!(
                    "there is no IPv6 pool \"{name}\", so the {whose} {} {verb} no prefixes; add it as \
                     [[ipv6_pools]] or use `adit {whose} set`.",
                    with_others(&first, count)
                ));
            }
        }
    }
    Ok(sentences)
}

/// Each pool that the column of a table names, with the first name of those that have it and their number.
fn named(
    connection: &Connection,
    table: &str,
    column: &str,
) -> Result<Vec<(String, String, u32)>, rusqlite::Error> {
    let query = format!(
        "SELECT {column}, min(name), count(*) FROM {table} WHERE {column} IS NOT NULL \
         GROUP BY {column} ORDER BY {column}"
    );
    let mut statement = connection.prepare(&query)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.collect()
}

fn with_others(first: &str, count: u32) -> String {
    match count {
        1 => first.to_owned(),
        more => format!("{first} and {} more", more - 1),
    }
}
