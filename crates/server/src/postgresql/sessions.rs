//! The table of sessions of all servers.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ipnet::Ipv6Net;
use postgres::types::ToSql;
use postgres::{Statement, Transaction};

use super::Link;
use super::nodes::{ALIVE, claim_node};
use crate::config::Postgresql;
use crate::users::StoreError;

/// The sessions of this server, and that it lives. One server has one such table.
pub(crate) struct SessionTable {
    link: Link,
    node: String,
}

/// One session, as the table is to have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionRow {
    pub(crate) session: String,
    pub(crate) user: String,
    pub(crate) group: Option<String>,
    pub(crate) peer: Ipv4Addr,
    pub(crate) address: Option<Ipv4Addr>,
    pub(crate) prefix: Option<Ipv6Net>,
    pub(crate) method: Option<String>,
    /// Since when the session lasts, in seconds since 1970.
    pub(crate) started: u64,
    /// When it was so, in seconds since 1970.
    pub(crate) updated: u64,
    pub(crate) octets_in: u64,
    pub(crate) octets_out: u64,
    pub(crate) packets_in: u64,
    pub(crate) packets_out: u64,
    /// Why it has ended, if it has.
    pub(crate) cause: Option<String>,
}

impl SessionTable {
    /// A table that is reached when it is used, and then makes sure that no other server has the same name.
    ///
    /// # Errors
    /// The server has no name.
    pub(crate) fn new(settings: Arc<Postgresql>) -> Result<Self, StoreError> {
        Ok(Self {
            node: settings.node_name()?,
            link: Link::with_greeting(settings, |client, settings| {
                claim_node("sessions", client, settings)
            }),
        })
    }

    /// Tells that this server lives: the sessions of one that does not count no more.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) fn stay_alive(&mut self) -> Result<(), StoreError> {
        let node = &self.node;
        self.link.with(|client| client.execute(ALIVE, &[node]))?;
        Ok(())
    }

    /// Closes what a predecessor of this server left open; gives how many sessions it were.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) fn close_stale(&mut self) -> Result<u64, StoreError> {
        let node = &self.node;
        let statement = "UPDATE sessions SET ended = updated, cause = 'the server was not stopped in order' \
                         WHERE node = $1 AND ended IS NULL";
        self.link.with(|client| client.execute(statement, &[node]))
    }

    /// Writes sessions as they are now, all or none. What has ended stays ended.
    ///
    /// # Errors
    /// The database failed; nothing is written.
    pub(crate) fn write(&mut self, rows: &[Arc<SessionRow>]) -> Result<(), StoreError> {
        let node = &self.node;
        self.link.with(|client| {
            let mut transaction = client.transaction()?;
            let statement = transaction.prepare(WRITE)?;
            for row in rows {
                write(&mut transaction, &statement, node, row)?;
            }
            transaction.execute(ALIVE, &[node])?;
            transaction.commit()
        })
    }
}

const WRITE: &str = "
    INSERT INTO sessions AS s (node, session, user_name, group_name, peer, address, prefix, method,
        admitted, started, updated, octets_in, octets_out, packets_in, packets_out, ended, cause)
    VALUES ($1, $2, $3, $4, $5, $6, $7::text::cidr, $8,
        to_timestamp($9), to_timestamp($9), to_timestamp($10), $11, $12, $13, $14,
        CASE WHEN $15::text IS NULL THEN NULL ELSE to_timestamp($10) END, $15)
    ON CONFLICT (node, session) DO UPDATE
    SET user_name = excluded.user_name, group_name = excluded.group_name, peer = excluded.peer,
        address = excluded.address, prefix = excluded.prefix, method = excluded.method,
        started = excluded.started, updated = excluded.updated,
        octets_in = excluded.octets_in, octets_out = excluded.octets_out,
        packets_in = excluded.packets_in, packets_out = excluded.packets_out,
        ended = excluded.ended, cause = excluded.cause
    WHERE s.ended IS NULL";

fn write(
    transaction: &mut Transaction<'_>,
    statement: &Statement,
    node: &str,
    row: &SessionRow,
) -> Result<(), postgres::Error> {
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let peer = IpAddr::from(row.peer);
    let address = row.address.map(IpAddr::from);
    let prefix = row.prefix.map(|prefix| prefix.trunc().to_string());
    let (started, updated) = (row.started as f64, row.updated as f64);
    let (octets_in, octets_out) = (count(row.octets_in), count(row.octets_out));
    let (packets_in, packets_out) = (count(row.packets_in), count(row.packets_out));
    let values: [&(dyn ToSql + Sync); 15] = [
        &node,
        &row.session,
        &row.user,
        &row.group,
        &peer,
        &address,
        &prefix,
        &row.method,
        &started,
        &updated,
        &octets_in,
        &octets_out,
        &packets_in,
        &packets_out,
        &row.cause,
    ];
    transaction.execute(statement, &values)?;
    Ok(())
}
