//! Users: who may log in, how they prove it and which addresses they may have.

mod allowed;
mod chap_secrets;
mod database;
mod first_user;
mod generated;
mod permissions;
mod policy;
mod pool_names;
mod units;

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adit_crypto::nt::{NtHash, strip_domain};
pub use adit_ppp::auth::Secret;

pub use allowed::{AllowedAddresses, NoSuchAddress};
pub use chap_secrets::{ChapSecrets, SyntaxError};
pub use database::{Account, Changes, Database, Field, Group, NewUser};
pub use first_user::{create_first_user, login_instructions};
pub use generated::GeneratedPassword;
pub use policy::{NoSuchRule, Policy, Simultaneous};
pub use pool_names::unknown_pools;
pub use units::{
    BadValue, parse_amount, parse_duration, parse_moment, show_amount, show_duration, show_moment,
};

use crate::config::{SecretsFile, Users};

/// One who may log in.
#[derive(Debug)]
pub struct User {
    /// The name as the store has it.
    pub name: String,
    /// What the user proves to know.
    pub secret: Secret,
    /// Tunnel addresses the user may have.
    pub addresses: AllowedAddresses,
    /// Whether the account is closed for now.
    pub disabled: bool,
    /// Whether the password counts as expired, so that the user must change it.
    pub must_change_password: bool,
    /// The group, if any.
    pub group: Option<String>,
    /// What the user may have: the user's own values, and those of the group where these are open.
    pub policy: Policy,
}

/// Where users are kept.
pub trait UserStore: Send {
    /// The user of exactly this name.
    ///
    /// # Errors
    /// The store cannot be read.
    fn find_exact(&mut self, name: &str) -> Result<Option<User>, StoreError>;

    /// Stores a new password, which also ends the duty to change it.
    ///
    /// # Errors
    /// The store cannot be written, by its nature or now, or has no such user.
    fn set_password(&mut self, name: &str, hash: &NtHash) -> Result<(), StoreError>;

    /// The addresses that are one user's alone; the same list as before while none has changed.
    ///
    /// # Errors
    /// The store cannot be read.
    fn fixed_addresses(&mut self) -> Result<Arc<[Ipv4Addr]>, StoreError>;

    /// What an operator should know about the store, a sentence each.
    fn warnings(&mut self) -> Vec<String>;

    /// The user that a peer names: the full name, or else the part behind a `DOMAIN\` that Windows puts
    /// before it.
    ///
    /// # Errors
    /// The store cannot be read.
    fn find(&mut self, name: &str) -> Result<Option<User>, StoreError> {
        match self.find_exact(name)? {
            Some(user) => Ok(Some(user)),
            None => match strip_domain(name) {
                bare if bare != name => self.find_exact(bare),
                _ => Ok(None),
            },
        }
    }
}

/// Opens a store on this host; a missing database is made.
///
/// # Errors
/// The store cannot be opened or read.
pub fn open_database(path: &Path) -> Result<Box<dyn UserStore>, StoreError> {
    Ok(Box::new(Database::open_or_create(path)?))
}

/// Opens a secrets file.
///
/// # Errors
/// The file cannot be read or has a mistake.
pub fn open_secrets(file: &SecretsFile) -> Result<Box<dyn UserStore>, StoreError> {
    let server_name = file.server_name.as_deref();
    Ok(Box::new(ChapSecrets::open(&file.path, server_name)?))
}

/// What an operator should know about stores that are not in use, a sentence each. Nothing is made or
/// changed.
pub fn source_warnings(users: &Users) -> Vec<String> {
    let database = users.database.as_deref().map(database_warnings);
    let secrets = users.secrets.as_ref().map(secrets_warnings);
    database.into_iter().chain(secrets).flatten().collect()
}

fn database_warnings(path: &Path) -> Vec<String> {
    match path.metadata() {
        Ok(metadata) => permissions::exposure(path, &metadata).into_iter().collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let path = path.to_owned();
            vec![format!("{}.", StoreError::NoDatabase { path })]
        }
        Err(error) => vec![format!("cannot look at {}: {error}.", path.display())],
    }
}

fn secrets_warnings(file: &SecretsFile) -> Vec<String> {
    match ChapSecrets::open(&file.path, file.server_name.as_deref()) {
        Ok(mut secrets) => secrets.warnings(),
        Err(error) => vec![format!("{error}.")],
    }
}

/// Why a store of users failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no database.
    #[error("there is no user database at {}; `adit user add NAME` makes one", path.display())]
    NoDatabase {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file could not be read, made or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried, as "read".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// SQLite failed.
    #[error("the user database {} failed: {source}", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The database that several servers share does not answer.
    #[error("{place} cannot be reached: {reason}")]
    Unreachable {
        /// The database.
        place: String,
        /// What happened.
        reason: String,
    },
    /// The database that several servers share refused a statement.
    #[error("{place} failed: {reason}")]
    Postgresql {
        /// The database.
        place: String,
        /// What it said.
        reason: String,
    },
    /// Two servers at one database have one name.
    #[error(
        "another server at the database has the name `{node}`; give each its own as `[postgresql] node`"
    )]
    NodeTaken {
        /// The name.
        node: String,
    },
    /// The host has no name that a server could have.
    #[error("the name of this host cannot be read ({0}); name the server as `[postgresql] node`")]
    NoHostName(io::Error),
    /// The system gave no thread to wait for the database with.
    #[error("no thread can be had for the database: {0}")]
    Thread(io::Error),
    /// Each address of a pool is a row in the database.
    #[error(
        "the pool has {count} addresses, and at most 1048576 can be leased in a database; make it smaller"
    )]
    PoolTooLarge {
        /// How many it has.
        count: u64,
    },
    /// The database was written by a later version of this program.
    #[error("the user database {place} has version {found}, later than {known}; update adit")]
    TooNew {
        /// The database.
        place: String,
        /// Its version.
        found: usize,
        /// The latest version that this program knows.
        known: usize,
    },
    /// A secrets file has a mistake.
    #[error("{}:{error}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The mistake and its place.
        error: SyntaxError,
    },
    /// There is no such user.
    #[error("there is no user `{0}`")]
    NoSuchUser(String),
    /// The name is taken.
    #[error("there is a user `{0}` already; `adit user passwd` changes the password")]
    UserExists(String),
    /// The address is another user's.
    #[error("{0} is the fixed address of another user")]
    AddressTaken(Ipv4Addr),
    /// There is no such group.
    #[error("there is no group `{0}`; `adit group add` makes one")]
    NoSuchGroup(String),
    /// The name is taken.
    #[error("there is a group `{0}` already; `adit group set` changes it")]
    GroupExists(String),
    /// A group that is to be removed has users.
    #[error(
        "the group `{name}` has users ({members}); take them out of it first with `adit user set`"
    )]
    GroupInUse {
        /// The group.
        name: String,
        /// How many users are in it.
        members: u64,
    },
    /// No group can have such a name.
    #[error("`{0}` is no group name: it needs 1 to 64 letters of ASCII, digits and `_`, `-`, `.`")]
    BadGroupName(String),
    /// A row has a value that this program did not write.
    #[error("the database has {value} in the column {column} of `{name}`, which cannot be that")]
    Unusable {
        /// The user or group.
        name: String,
        /// The column.
        column: &'static str,
        /// The value; never a secret.
        value: String,
    },
    /// A rule of the database that this program does not know forbids the change.
    #[error("a rule of the database {0} forbids the change")]
    Refused(String),
    /// No user can have such a name.
    #[error("`{0}` is no user name: it needs 1 to 256 octets without control characters")]
    BadName(String),
    /// The store is a file that this program only reads.
    #[error("passwords in {} are changed by editing that file", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The system gave no random octets.
    #[error("the system gave no random numbers: {0}")]
    Random(getrandom::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let clear = Secret::clear("hunter2");
        assert_eq!(format!("{clear:?}"), "Clear(***)");
        let hash = Secret::NtHash(clear.nt_hash());
        assert_eq!(format!("{hash:?}"), "NtHash(NtHash(***))");
    }

    #[test]
    fn nt_hash_of_both_kinds_agree() {
        // RFC 2759 §9.2: "clientPass".
        let clear = Secret::clear("clientPass");
        let expected = [
            0x44, 0xEB, 0xBA, 0x8D, 0x53, 0x12, 0xB8, 0xD6, 0x11, 0x47, 0x44, 0x11, 0xF5, 0x69,
            0x89, 0xAE,
        ];
        assert_eq!(clear.nt_hash().octets(), &expected);
        let hash = Secret::NtHash(NtHash::from_octets(expected));
        assert_eq!(hash.nt_hash().octets(), &expected);
    }
}
