//! Users as `adit user` manages them.

use std::net::Ipv4Addr;

use adit_crypto::nt::NtHash;
use zeroize::Zeroizing;

use super::engine::{Value, Written};
use super::fields::{Reader, columns};
use super::{Database, Field};
use crate::users::{Policy, StoreError};

/// RFC 2759 §4: a name has up to 256 octets.
const NAME_OCTETS: usize = 256;

/// A user to add.
#[derive(Debug)]
pub struct NewUser<'a> {
    /// The name, up to 256 octets.
    pub name: &'a str,
    /// The NT hash of the password.
    pub hash: &'a NtHash,
    /// Whether the user must change the password at the first login.
    pub must_change_password: bool,
    /// Everything else.
    pub changes: &'a Changes,
}

/// Values to write; those that are not named stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// The one address that the user gets.
    pub address: Option<Ipv4Addr>,
    /// The group.
    pub group: Option<String>,
    /// Values of the policy.
    pub policy: Policy,
    /// What is to be left open again.
    pub unset: Vec<Field>,
}

/// What `adit user list` tells about a user.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Account {
    /// The name.
    pub name: String,
    /// The fixed address, if any.
    pub address: Option<Ipv4Addr>,
    /// Whether the account is closed for now.
    pub disabled: bool,
    /// Whether the password must be changed at the next login.
    pub must_change_password: bool,
    /// The group, if any.
    pub group: Option<String>,
    /// The user's own values, without those of the group.
    #[serde(flatten)]
    pub policy: Policy,
}

impl Changes {
    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        self.assignments().is_empty()
    }

    /// Columns and their new values.
    fn assignments(&self) -> Vec<(&'static str, Value)> {
        let address = self.address.map(|address| address.to_string());
        let mut assignments = vec![
            (Field::Address.column(), address.into()),
            (Field::Group.column(), self.group.clone().into()),
        ];
        assignments.extend(of_policy(&self.policy));
        assignments.retain(|(_, value)| *value != Value::Null);
        assignments.extend(self.unset.iter().map(|it| (it.column(), Value::Null)));
        assignments
    }
}

/// The values that a policy names.
pub(super) fn of_policy(policy: &Policy) -> impl Iterator<Item = (&'static str, Value)> {
    Field::OF_POLICY
        .into_iter()
        .map(|field| (field.column(), field.of(policy)))
}

impl Database {
    /// Adds a user.
    ///
    /// # Errors
    /// The name or the address is taken, the name cannot be one, there is no such group, or the database
    /// failed.
    pub fn add(&mut self, user: &NewUser<'_>) -> Result<(), StoreError> {
        check_name(user.name)?;
        self.forget_addresses();
        let mut assignments = vec![
            ("name", user.name.into()),
            ("nt_hash", octets(user.hash)),
            ("must_change_password", user.must_change_password.into()),
        ];
        assignments.extend(user.changes.assignments());
        let (columns, values): (Vec<_>, Vec<_>) = assignments.into_iter().unzip();
        let places: Vec<String> = (1..=columns.len()).map(|n| format!("${n}")).collect();
        let statement = format!(
            "INSERT INTO users ({}) VALUES ({})",
            columns.join(", "),
            places.join(", ")
        );
        match self.engine.execute(&statement, &values)? {
            Written::Rows(_) => Ok(()),
            Written::Conflict if self.exists("users", user.name)? => {
                Err(StoreError::UserExists(user.name.to_owned()))
            }
            Written::Conflict => Err(self.broken_rule(user.changes)?),
        }
    }

    /// Changes values of a user; a running session keeps those it began with.
    ///
    /// # Errors
    /// There is no such user or group, the address is taken, or the database failed.
    pub fn change(&mut self, name: &str, changes: &Changes) -> Result<(), StoreError> {
        self.forget_addresses();
        match self.assign("users", name, changes.assignments())? {
            Written::Rows(0) => Err(StoreError::NoSuchUser(name.to_owned())),
            Written::Rows(_) => Ok(()),
            Written::Conflict => Err(self.broken_rule(changes)?),
        }
    }

    /// Removes a user.
    ///
    /// # Errors
    /// There is no such user, or the database failed.
    pub fn remove(&mut self, name: &str) -> Result<(), StoreError> {
        self.forget_addresses();
        let statement = "DELETE FROM users WHERE name = $1";
        match self.engine.execute(statement, &[name.into()])? {
            Written::Rows(1..) => Ok(()),
            Written::Rows(0) | Written::Conflict => Err(StoreError::NoSuchUser(name.to_owned())),
        }
    }

    /// Closes an account for now; a running session goes on.
    ///
    /// # Errors
    /// There is no such user, or the database failed.
    pub fn disable(&mut self, name: &str) -> Result<(), StoreError> {
        self.set_flag(name, "disabled", true)
    }

    /// Opens an account again.
    ///
    /// # Errors
    /// There is no such user, or the database failed.
    pub fn enable(&mut self, name: &str) -> Result<(), StoreError> {
        self.set_flag(name, "disabled", false)
    }

    /// Makes a user change the password at the next login.
    ///
    /// # Errors
    /// There is no such user, or the database failed.
    pub fn expire_password(&mut self, name: &str) -> Result<(), StoreError> {
        self.set_flag(name, "must_change_password", true)
    }

    /// All users, by name.
    ///
    /// # Errors
    /// The database failed.
    pub fn list(&mut self) -> Result<Vec<Account>, StoreError> {
        self.accounts("ORDER BY name", &[])
    }

    /// One user.
    ///
    /// # Errors
    /// There is no such user, or the database failed.
    pub fn account(&mut self, name: &str) -> Result<Account, StoreError> {
        self.accounts("WHERE name = $1", &[name.into()])?
            .pop()
            .ok_or_else(|| StoreError::NoSuchUser(name.to_owned()))
    }

    /// Whether there is no user.
    ///
    /// # Errors
    /// The database failed.
    pub fn is_empty(&mut self) -> Result<bool, StoreError> {
        let rows = self.engine.query("SELECT 1 FROM users LIMIT 1", &[])?;
        Ok(rows.is_empty())
    }

    fn accounts(&mut self, rest: &str, values: &[Value]) -> Result<Vec<Account>, StoreError> {
        let query = format!(
            "SELECT name, address, disabled, must_change_password, group_name, {} FROM users {rest}",
            columns("")
        );
        let rows = self.engine.query(&query, values)?;
        rows.iter().map(|row| account(row)).collect()
    }

    fn set_flag(&mut self, name: &str, column: &'static str, on: bool) -> Result<(), StoreError> {
        match self.assign("users", name, vec![(column, on.into())])? {
            Written::Rows(1..) => Ok(()),
            Written::Rows(0) | Written::Conflict => Err(StoreError::NoSuchUser(name.to_owned())),
        }
    }

    /// Writes columns of one row.
    pub(super) fn assign(
        &mut self,
        table: &str,
        name: &str,
        assignments: Vec<(&'static str, Value)>,
    ) -> Result<Written, StoreError> {
        let (columns, values): (Vec<_>, Vec<_>) = assignments.into_iter().unzip();
        if columns.is_empty() {
            let found = self.exists(table, name)?;
            return Ok(Written::Rows(found.into()));
        }
        let places = columns.iter().zip(2..);
        let places: Vec<String> = places.map(|(it, n)| format!("{it} = ${n}")).collect();
        let statement = format!("UPDATE {table} SET {} WHERE name = $1", places.join(", "));
        let values: Vec<Value> = std::iter::once(name.into()).chain(values).collect();
        self.engine.execute(&statement, &values)
    }

    /// Which rule between rows a user's values would break.
    fn broken_rule(&mut self, changes: &Changes) -> Result<StoreError, StoreError> {
        if let Some(group) = &changes.group
            && !self.exists("groups", group)?
        {
            return Ok(StoreError::NoSuchGroup(group.clone()));
        }
        Ok(match changes.address {
            Some(address) => StoreError::AddressTaken(address),
            None => StoreError::Refused(self.engine.place()),
        })
    }
}

fn account(row: &[Value]) -> Result<Account, StoreError> {
    let name = name_of(row);
    let mut reader = Reader::new(&name, &row[1..]);
    Ok(Account {
        address: reader.parsed("address")?,
        disabled: reader.flag("disabled")?,
        must_change_password: reader.flag("must_change_password")?,
        group: reader.text("group_name")?,
        policy: reader.policy()?,
        name,
    })
}

/// The first column of every row that is read here.
pub(super) fn name_of(row: &[Value]) -> String {
    match row.first() {
        Some(Value::Text(name)) => name.clone(),
        _ => String::new(),
    }
}

pub(super) fn octets(hash: &NtHash) -> Value {
    Value::Octets(Zeroizing::new(hash.octets().to_vec()))
}

fn check_name(name: &str) -> Result<(), StoreError> {
    if name.is_empty() || name.len() > NAME_OCTETS || name.chars().any(char::is_control) {
        let shown: String = name.chars().take(64).flat_map(char::escape_debug).collect();
        return Err(StoreError::BadName(shown));
    }
    Ok(())
}
