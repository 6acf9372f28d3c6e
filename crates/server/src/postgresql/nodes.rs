//! The servers that share the database.

use postgres::Client;
use postgres::error::SqlState;

use super::link::GreetingError;
use crate::config::Postgresql;
use crate::users::StoreError;

/// Notes that the server `$1` lives. Not every time: the row is one that all its connections would wait for.
pub(super) const ALIVE: &str = "INSERT INTO nodes AS n (name, alive) VALUES ($1, now())
    ON CONFLICT (name) DO UPDATE SET alive = now() WHERE n.alive < now() - interval '2 seconds'";

/// Makes sure that no other server has this one's name, for as long as the connection lasts. `purpose` is what
/// only one connection of a server does.
pub(super) fn claim_node(
    purpose: &str,
    client: &mut Client,
    settings: &Postgresql,
) -> Result<(), GreetingError> {
    let node = settings.node_name().map_err(GreetingError::Store)?;
    let claim =
        "SELECT pg_advisory_lock(hashtextextended('adit ' || $1::text || ' ' || $2::text, 0))";
    match client.execute(claim, &[&purpose, &node]) {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            Err(GreetingError::Store(StoreError::NodeTaken { node }))
        }
        Err(error) => Err(error.into()),
    }
}
