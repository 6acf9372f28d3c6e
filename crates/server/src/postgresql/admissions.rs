//! How many sessions a user has on all servers.

use std::sync::Arc;

use postgres::types::ToSql;

use super::Link;
use super::nodes::ALIVE;
use crate::config::Postgresql;
use crate::users::StoreError;

/// How long a login may take until it is a session, in seconds; after that it counts no more.
const LOGIN_SECONDS: f64 = 120.0;

/// Sessions of the servers that live, and logins under way, of the user `$1`; `$2` is how long leases last,
/// in seconds.
const COUNT: &str = "SELECT count(*) FROM sessions s WHERE s.user_name = $1 AND s.ended IS NULL
    AND (s.started IS NOT NULL OR s.admitted > now() - make_interval(secs => $3))
    AND NOT (s.node = $4 AND s.session = $5)
    AND EXISTS (SELECT 1 FROM nodes n WHERE n.name = s.node
                AND n.alive > now() - make_interval(secs => $2))";

/// Counts sessions and lets users in.
pub(crate) struct Admissions {
    link: Link,
    node: String,
    seconds: f64,
}

/// Whether a user may have one more session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Admitted,
    /// The user has so many already.
    TooMany(u64),
}

impl Admissions {
    /// A counter that is reached when it is used.
    ///
    /// # Errors
    /// The server has no name.
    pub(crate) fn new(settings: Arc<Postgresql>) -> Result<Self, StoreError> {
        Ok(Self {
            node: settings.node_name()?,
            seconds: settings.lease.as_secs_f64(),
            link: Link::new(settings),
        })
    }

    /// Counts a user's sessions on all servers and, if there are fewer than `limit`, notes the login as one
    /// more. Logins of the same user take turns, so that no two take the last place.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) fn admit(
        &mut self,
        user: &str,
        session: &str,
        limit: u32,
    ) -> Result<Admission, StoreError> {
        let (node, seconds) = (&self.node, self.seconds);
        let lock = "SELECT pg_advisory_xact_lock(hashtextextended('adit user ' || $1, 0))";
        let note = "INSERT INTO sessions (node, session, user_name, admitted, updated)
                    VALUES ($1, $2, $3, now(), now())
                    ON CONFLICT (node, session) DO NOTHING";
        self.link.with(|client| {
            let mut transaction = client.transaction()?;
            transaction.execute(lock, &[&user])?;
            transaction.execute(ALIVE, &[node])?;
            let values: [&(dyn ToSql + Sync); 5] =
                [&user, &seconds, &LOGIN_SECONDS, node, &session];
            let open: i64 = transaction.query_one(COUNT, &values)?.get(0);
            let open = open.unsigned_abs();
            if open >= u64::from(limit) {
                return Ok(Admission::TooMany(open));
            }
            transaction.execute(note, &[node, &session, &user])?;
            transaction.commit()?;
            Ok(Admission::Admitted)
        })
    }
}
