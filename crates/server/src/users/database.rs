//! Users and groups in an SQL database: NT hashes, no clear passwords.

mod accounts;
mod engine;
mod fields;
mod groups;
mod postgresql;
mod schema;
mod sqlite;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use adit_crypto::nt::NtHash;

pub use accounts::{Account, Changes, NewUser};
pub use fields::Field;
pub use groups::Group;

use engine::{Engine, Value, Written};
use fields::{Reader, columns};
use postgresql::Shared;
use sqlite::Sqlite;

use crate::config::Postgresql;

use super::{AllowedAddresses, Secret, StoreError, User, UserStore};

/// A database of users and groups. Several processes may use it at once: what `adit user` writes, a running
/// server sees at the next login.
#[derive(Debug)]
pub struct Database {
    engine: Box<dyn Engine>,
    addresses: Arc<Mutex<Option<FixedAddresses>>>,
}

/// The addresses that are one user's alone, and the state of the database that they were read in.
#[derive(Debug)]
struct FixedAddresses {
    revision: i64,
    list: Arc<[Ipv4Addr]>,
}

impl Database {
    /// Opens the SQLite database at `path`.
    ///
    /// # Errors
    /// There is none, or it cannot be used.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self::on(Box::new(Sqlite::open(path)?)))
    }

    /// Opens the SQLite database at `path`, made if missing: directory mode 0700, file mode 0600.
    ///
    /// # Errors
    /// It cannot be made or used.
    pub fn open_or_create(path: &Path) -> Result<Self, StoreError> {
        Ok(Self::on(Box::new(Sqlite::open_or_create(path)?)))
    }

    /// The PostgreSQL database of these settings. It is reached when it is used.
    pub fn shared(settings: Arc<Postgresql>) -> Self {
        Self::on(Box::new(Shared::new(settings)))
    }

    fn on(engine: Box<dyn Engine>) -> Self {
        Self {
            engine,
            addresses: Arc::default(),
        }
    }

    /// Connections to the same database, for threads of one server: they share the list of fixed addresses.
    pub(crate) fn several(settings: &Arc<Postgresql>, count: usize) -> Vec<Self> {
        let addresses = Arc::default();
        let make = |_| Self {
            engine: Box::new(Shared::new(Arc::clone(settings))),
            addresses: Arc::clone(&addresses),
        };
        (0..count).map(make).collect()
    }

    fn forget_addresses(&mut self) {
        *self.known_addresses() = None;
    }

    fn known_addresses(&self) -> MutexGuard<'_, Option<FixedAddresses>> {
        let known = self.addresses.lock();
        known.unwrap_or_else(PoisonError::into_inner)
    }

    fn exists(&mut self, table: &str, name: &str) -> Result<bool, StoreError> {
        let query = format!("SELECT 1 FROM {table} WHERE name = $1");
        let rows = self.engine.query(&query, &[name.into()])?;
        Ok(!rows.is_empty())
    }

    fn read_fixed_addresses(&mut self) -> Result<Arc<[Ipv4Addr]>, StoreError> {
        let query = "SELECT name, address FROM users WHERE address IS NOT NULL";
        let rows = self.engine.query(query, &[])?;
        let mut addresses = Vec::with_capacity(rows.len());
        for row in rows {
            let name = accounts::name_of(&row);
            addresses.extend(Reader::new(&name, &row[1..]).parsed::<Ipv4Addr>("address")?);
        }
        Ok(addresses.into())
    }
}

impl UserStore for Database {
    fn find_exact(&mut self, name: &str) -> Result<Option<User>, StoreError> {
        let query = format!(
            "SELECT u.name, u.nt_hash, u.address, u.disabled, u.must_change_password, u.group_name, {}, {} \
             FROM users u LEFT JOIN groups g ON g.name = u.group_name WHERE u.name = $1",
            columns("u."),
            columns("g."),
        );
        let rows = self.engine.query(&query, &[name.into()])?;
        rows.first().map(|row| user(row)).transpose()
    }

    fn set_password(&mut self, name: &str, hash: &NtHash) -> Result<(), StoreError> {
        let statement = "UPDATE users SET nt_hash = $2, must_change_password = $3 WHERE name = $1";
        let values = [name.into(), accounts::octets(hash), false.into()];
        match self.engine.execute(statement, &values)? {
            Written::Rows(1..) => Ok(()),
            Written::Rows(0) | Written::Conflict => Err(StoreError::NoSuchUser(name.to_owned())),
        }
    }

    fn fixed_addresses(&mut self) -> Result<Arc<[Ipv4Addr]>, StoreError> {
        // The revision tells what other connections write; what this one writes clears the list.
        let revision = self.engine.revision()?;
        if let Some(known) = &*self.known_addresses()
            && known.revision == revision
        {
            return Ok(Arc::clone(&known.list));
        }
        let list = self.read_fixed_addresses()?;
        *self.known_addresses() = Some(FixedAddresses {
            revision,
            list: Arc::clone(&list),
        });
        Ok(list)
    }

    fn warnings(&mut self) -> Vec<String> {
        let mut warnings = self.engine.warnings();
        match self.is_empty() {
            Ok(false) => {}
            Ok(true) => warnings.push(format!(
                "{} has no users, so nobody can log in; `adit user add NAME` adds one.",
                self.engine.place()
            )),
            Err(error) => warnings.push(format!("{error}.")),
        }
        warnings
    }
}

fn user(row: &[Value]) -> Result<User, StoreError> {
    let name = accounts::name_of(row);
    let mut reader = Reader::new(&name, &row[1..]);
    let hash = reader.hash("nt_hash")?;
    let address = reader.parsed::<Ipv4Addr>("address")?;
    let disabled = reader.flag("disabled")?;
    let must_change_password = reader.flag("must_change_password")?;
    let group = reader.text("group_name")?;
    let own = reader.policy()?;
    let of_group = reader.policy()?;
    Ok(User {
        secret: Secret::NtHash(hash),
        addresses: address.map_or_else(AllowedAddresses::any, AllowedAddresses::only),
        disabled,
        must_change_password,
        group,
        policy: own.or(of_group),
        name,
    })
}
