//! Addresses that several servers lease out of the same pools.
//!
//! Each address has one row, and one statement takes it, so that no two servers can have it. All times are the
//! database's. What a server holds lasts as long as it renews it; the rest comes free by itself.
//!
//! A server that does not reach the database can lease nothing, because only the database says what is free.
//! Its running sessions stay. When it is back and another server has an address meanwhile, [`LeaseKeeper::renew`]
//! tells, and the session that has lost its address must end. A database that was itself away keeps expired
//! leases for as long again as they last, so that servers can renew what they hold before anybody takes it.

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use postgres::Row;

use super::Link;
use super::nodes::{ALIVE, claim_node};
use crate::config::Postgresql;
use crate::users::StoreError;

/// Each address of a pool is a row. A /12 has so many.
const MOST_ADDRESSES: u64 = 1 << 20;

/// Whether a row `l` is free; `$1` is how long leases last, in seconds.
const FREE: &str = "l.expires <= now() AND (l.session = '' \
    OR pg_postmaster_start_time() <= now() - make_interval(secs => $1))";

/// Leases of one server.
pub(crate) struct LeaseKeeper {
    link: Link,
    node: String,
    seconds: f64,
    /// Ranges whose rows exist.
    prepared: HashSet<(Ipv4Addr, Ipv4Addr)>,
}

/// Who wants an address, and which.
#[derive(Debug, Clone)]
pub(crate) struct Wish<'a> {
    pub(crate) session: &'a str,
    pub(crate) user: &'a str,
    pub(crate) place: Place<'a>,
}

/// Where an address may come from.
#[derive(Debug, Clone)]
pub(crate) enum Place<'a> {
    /// This one and no other.
    Fixed(Ipv4Addr),
    /// One of a pool; never one that a user of the database has for itself.
    Any {
        /// First and last addresses, without those that the pool leaves out.
        ranges: &'a [RangeInclusive<Ipv4Addr>],
        /// Addresses that are not to be taken, as fixed ones of users that are kept elsewhere.
        reserved: &'a [Ipv4Addr],
        /// Whether the user's last address comes first, if it is free.
        sticky: bool,
    },
}

/// What came of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The address is the session's.
    Leased(Ipv4Addr),
    /// No address is free.
    Exhausted,
    /// Another session has the fixed address.
    InUse {
        node: String,
        session: String,
        user: String,
    },
}

/// A lease that is to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) session: String,
    pub(crate) user: String,
    pub(crate) address: Ipv4Addr,
}

impl LeaseKeeper {
    /// A keeper for this server. It connects when it is used, and then makes sure that no other server has
    /// the same name.
    ///
    /// # Errors
    /// The server has no name.
    pub(crate) fn new(settings: Arc<Postgresql>) -> Result<Self, StoreError> {
        Ok(Self {
            node: settings.node_name()?,
            seconds: settings.lease.as_secs_f64(),
            link: Link::with_greeting(settings, |client, settings| {
                claim_node("leases", client, settings)
            }),
            prepared: HashSet::new(),
        })
    }

    /// Gives back what this server had before it started, and tells that it lives.
    ///
    /// # Errors
    /// The database failed, or another server has the same name.
    pub(crate) fn start(&mut self) -> Result<u64, StoreError> {
        let node = &self.node;
        self.link.with(|client| {
            let mut transaction = client.transaction()?;
            let statement = "UPDATE leases SET session = '', expires = now() \
                             WHERE node = $1 AND session <> ''";
            let freed = transaction.execute(statement, &[node])?;
            transaction.execute(ALIVE, &[node])?;
            transaction.commit()?;
            Ok(freed)
        })
    }

    /// Leases an address.
    ///
    /// # Errors
    /// The database failed, or the pool has more than 2^20 addresses.
    pub(crate) fn take(&mut self, wish: &Wish<'_>) -> Result<Taken, StoreError> {
        match wish.place {
            Place::Fixed(address) => self.take_fixed(wish, address),
            Place::Any {
                ranges,
                reserved,
                sticky,
            } => {
                self.prepare(ranges)?;
                self.take_any(wish, ranges, reserved, sticky)
            }
        }
    }

    /// Gives an address back; nothing happens where it is not the session's any more.
    ///
    /// # Errors
    /// The database failed; the lease ends by itself when it is not renewed.
    pub(crate) fn release(&mut self, session: &str, address: Ipv4Addr) -> Result<(), StoreError> {
        let (node, address) = (&self.node, IpAddr::from(address));
        let statement = "UPDATE leases SET session = '', expires = now() \
                         WHERE address = $1 AND node = $2 AND session = $3";
        self.link.with(|client| {
            client.execute(statement, &[&address, node, &session])?;
            Ok(())
        })
    }

    /// Renews all leases that this server holds and tells which are another's by now: those sessions must
    /// end. Leases that had expired and were not taken are taken back.
    ///
    /// # Errors
    /// The database failed; nothing is renewed.
    pub(crate) fn renew(&mut self, held: &[Held]) -> Result<Vec<Held>, StoreError> {
        let addresses: Vec<IpAddr> = held.iter().map(|it| it.address.into()).collect();
        let sessions: Vec<&str> = held.iter().map(|it| it.session.as_str()).collect();
        let users: Vec<&str> = held.iter().map(|it| it.user.as_str()).collect();
        let statement = format!(
            "INSERT INTO leases AS l (address, node, session, user_name, expires)
             SELECT h.address, $2, h.session, h.user_name, now() + make_interval(secs => $1)
             FROM unnest($3::inet[], $4::text[], $5::text[]) AS h (address, session, user_name)
             ORDER BY h.address
             ON CONFLICT (address) DO UPDATE
             SET node = excluded.node, session = excluded.session, user_name = excluded.user_name,
                 expires = excluded.expires
             WHERE (l.node = excluded.node AND l.session = excluded.session) OR ({FREE})
             RETURNING l.address"
        );
        let (node, seconds) = (&self.node, self.seconds);
        let renewed = self.link.with(|client| {
            let mut transaction = client.transaction()?;
            let values: [&(dyn postgres::types::ToSql + Sync); 5] =
                [&seconds, node, &addresses, &sessions, &users];
            let rows = transaction.query(&statement, &values)?;
            transaction.execute(ALIVE, &[node])?;
            transaction.commit()?;
            Ok(rows.iter().filter_map(address).collect::<HashSet<_>>())
        })?;
        let lost = held.iter().filter(|it| !renewed.contains(&it.address));
        Ok(lost.cloned().collect())
    }

    fn take_fixed(&mut self, wish: &Wish<'_>, fixed: Ipv4Addr) -> Result<Taken, StoreError> {
        let take = format!(
            "INSERT INTO leases AS l (address, node, session, user_name, expires)
             VALUES ($2, $3, $4, $5, now() + make_interval(secs => $1))
             ON CONFLICT (address) DO UPDATE
             SET node = excluded.node, session = excluded.session, user_name = excluded.user_name,
                 expires = excluded.expires
             WHERE {FREE} RETURNING l.address"
        );
        let holder = "SELECT node, session, user_name FROM leases WHERE address = $1";
        let (node, seconds, fixed) = (&self.node, self.seconds, IpAddr::from(fixed));
        self.link.with(|client| {
            let values: [&(dyn postgres::types::ToSql + Sync); 5] =
                [&seconds, &fixed, node, &wish.session, &wish.user];
            if let Some(row) = client.query_opt(&take, &values)? {
                return Ok(address(&row).map_or(Taken::Exhausted, Taken::Leased));
            }
            let row = client.query_one(holder, &[&fixed])?;
            Ok(Taken::InUse {
                node: row.get(0),
                session: row.get(1),
                user: row.get(2),
            })
        })
    }

    fn take_any(
        &mut self,
        wish: &Wish<'_>,
        ranges: &[RangeInclusive<Ipv4Addr>],
        reserved: &[Ipv4Addr],
        sticky: bool,
    ) -> Result<Taken, StoreError> {
        let usable = format!(
            "{FREE} AND l.address <> ALL ($7::inet[])
             AND EXISTS (SELECT 1 FROM unnest($5::inet[], $6::inet[]) AS r (first, last)
                         WHERE l.address BETWEEN r.first AND r.last)
             AND NOT EXISTS (SELECT 1 FROM users u WHERE u.address = host(l.address))"
        );
        // The address that was not used for longest comes first, so that users find their last one free.
        let statement = format!(
            "WITH chosen AS MATERIALIZED (SELECT coalesce(
                 (SELECT l.address FROM leases l WHERE $8 AND l.user_name = $4 AND l.session = ''
                  AND {usable} ORDER BY l.expires DESC LIMIT 1 FOR UPDATE SKIP LOCKED),
                 (SELECT l.address FROM leases l WHERE {usable}
                  ORDER BY l.expires, l.address LIMIT 1 FOR UPDATE SKIP LOCKED)) AS address)
             UPDATE leases AS l
             SET node = $2, session = $3, user_name = $4, expires = now() + make_interval(secs => $1)
             FROM chosen WHERE l.address = chosen.address AND {FREE} RETURNING l.address"
        );
        let (first, last): (Vec<IpAddr>, Vec<IpAddr>) = ranges
            .iter()
            .map(|range| (IpAddr::from(*range.start()), IpAddr::from(*range.end())))
            .unzip();
        let reserved: Vec<IpAddr> = reserved.iter().copied().map(IpAddr::from).collect();
        let (node, seconds) = (&self.node, self.seconds);
        self.link.with(|client| {
            let values: [&(dyn postgres::types::ToSql + Sync); 8] = [
                &seconds,
                node,
                &wish.session,
                &wish.user,
                &first,
                &last,
                &reserved,
                &sticky,
            ];
            let row = client.query_opt(&statement, &values)?;
            Ok(row
                .and_then(|row| address(&row))
                .map_or(Taken::Exhausted, Taken::Leased))
        })
    }

    /// Makes the rows of ranges that are new.
    fn prepare(&mut self, ranges: &[RangeInclusive<Ipv4Addr>]) -> Result<(), StoreError> {
        let size = |range: &RangeInclusive<Ipv4Addr>| {
            let (first, last) = (range.start().to_bits(), range.end().to_bits());
            u64::from(last.saturating_sub(first)) + 1
        };
        let count: u64 = ranges.iter().map(size).sum();
        if count > MOST_ADDRESSES {
            return Err(StoreError::PoolTooLarge { count });
        }
        for range in ranges {
            let key = (*range.start(), *range.end());
            if !self.prepared.contains(&key) {
                self.make_rows(key)?;
                self.prepared.insert(key);
            }
        }
        Ok(())
    }

    fn make_rows(&mut self, (first, last): (Ipv4Addr, Ipv4Addr)) -> Result<(), StoreError> {
        let statement = "INSERT INTO leases (address, node, session, user_name, expires)
             SELECT '0.0.0.0'::inet + n, '', '', '', '-infinity' FROM generate_series($1::bigint, $2::bigint) n
             ON CONFLICT DO NOTHING";
        let (first, last) = (i64::from(first.to_bits()), i64::from(last.to_bits()));
        self.link.with(|client| {
            let mut transaction = client.transaction()?;
            // A large pool takes longer than a login may.
            transaction.batch_execute("SET LOCAL statement_timeout = 0")?;
            transaction.execute(statement, &[&first, &last])?;
            transaction.commit()
        })
    }
}

fn address(row: &Row) -> Option<Ipv4Addr> {
    match row.get(0) {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}
