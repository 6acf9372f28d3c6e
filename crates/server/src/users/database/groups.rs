//! Groups: policies that users share.

use super::accounts::{name_of, of_policy};
use super::engine::{Value, Written};
use super::fields::{Reader, columns};
use super::{Database, Field};
use crate::users::{Policy, StoreError};

/// Firewall rules name groups, so their names are made of what nftables takes for a name.
const NAME_OCTETS: usize = 64;

/// A group of users.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Group {
    /// The name.
    pub name: String,
    /// How many users it has.
    pub members: u64,
    /// What its users may have, where they say nothing themselves.
    #[serde(flatten)]
    pub policy: Policy,
}

impl Database {
    /// Adds a group.
    ///
    /// # Errors
    /// The name is taken or cannot be one, or the database failed.
    pub fn add_group(&mut self, name: &str, policy: &Policy) -> Result<(), StoreError> {
        check_name(name)?;
        let named = of_policy(policy).filter(|(_, value)| *value != Value::Null);
        let (columns, values): (Vec<_>, Vec<_>) =
            std::iter::once(("name", name.into())).chain(named).unzip();
        let places: Vec<String> = (1..=columns.len()).map(|n| format!("${n}")).collect();
        let statement = format!(
            "INSERT INTO groups ({}) VALUES ({})",
            columns.join(", "),
            places.join(", ")
        );
        match self.engine.execute(&statement, &values)? {
            Written::Rows(_) => Ok(()),
            Written::Conflict => Err(StoreError::GroupExists(name.to_owned())),
        }
    }

    /// Changes values of a group and leaves those of `unset` open.
    ///
    /// # Errors
    /// There is no such group, or the database failed.
    pub fn change_group(
        &mut self,
        name: &str,
        policy: &Policy,
        unset: &[Field],
    ) -> Result<(), StoreError> {
        let named = of_policy(policy).filter(|(_, value)| *value != Value::Null);
        let open = unset
            .iter()
            .filter(|field| Field::OF_POLICY.contains(field))
            .map(|field| (field.column(), Value::Null));
        match self.assign("groups", name, named.chain(open).collect())? {
            Written::Rows(0) => Err(StoreError::NoSuchGroup(name.to_owned())),
            Written::Rows(_) => Ok(()),
            Written::Conflict => Err(StoreError::Refused(self.engine.place())),
        }
    }

    /// Removes a group that no user is in.
    ///
    /// # Errors
    /// There is no such group, or it has users, or the database failed.
    pub fn remove_group(&mut self, name: &str) -> Result<(), StoreError> {
        let statement = "DELETE FROM groups WHERE name = $1";
        match self.engine.execute(statement, &[name.into()])? {
            Written::Rows(0) => Err(StoreError::NoSuchGroup(name.to_owned())),
            Written::Rows(_) => Ok(()),
            Written::Conflict => Err(StoreError::GroupInUse {
                members: self.group(name)?.members,
                name: name.to_owned(),
            }),
        }
    }

    /// All groups, by name.
    ///
    /// # Errors
    /// The database failed.
    pub fn groups(&mut self) -> Result<Vec<Group>, StoreError> {
        self.select_groups("ORDER BY g.name", &[])
    }

    /// One group.
    ///
    /// # Errors
    /// There is no such group, or the database failed.
    pub fn group(&mut self, name: &str) -> Result<Group, StoreError> {
        self.select_groups("WHERE g.name = $1", &[name.into()])?
            .pop()
            .ok_or_else(|| StoreError::NoSuchGroup(name.to_owned()))
    }

    fn select_groups(&mut self, rest: &str, values: &[Value]) -> Result<Vec<Group>, StoreError> {
        let query = format!(
            "SELECT g.name, (SELECT count(*) FROM users u WHERE u.group_name = g.name), {} \
             FROM groups g {rest}",
            columns("g.")
        );
        let rows = self.engine.query(&query, values)?;
        rows.iter().map(|row| group(row)).collect()
    }
}

fn group(row: &[Value]) -> Result<Group, StoreError> {
    let name = name_of(row);
    let mut reader = Reader::new(&name, &row[1..]);
    Ok(Group {
        members: reader.number("members")?.unwrap_or_default(),
        policy: reader.policy()?,
        name,
    })
}

fn check_name(name: &str) -> Result<(), StoreError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.len() > NAME_OCTETS || !name.chars().all(fits) {
        let shown: String = name.chars().take(64).flat_map(char::escape_debug).collect();
        return Err(StoreError::BadGroupName(shown));
    }
    Ok(())
}
