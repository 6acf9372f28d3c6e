//! What the store asks of a database: statements with numbered places, and values.

use std::fmt;

use zeroize::Zeroizing;

use crate::users::StoreError;

/// A value of a column, or for a place in a statement.
#[derive(Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Text(String),
    Integer(i64),
    Flag(bool),
    /// Octets are secrets here: `Debug` does not show them.
    Octets(Zeroizing<Vec<u8>>),
}

/// The values of one row.
pub(crate) type Row = Vec<Value>;

/// What became of a statement that writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// So many rows.
    Rows(u64),
    /// Nothing: it would break a rule between rows, as that of unique addresses.
    Conflict,
}

/// A database. Statements are written so that all of them understand them, with `$1` for the first value.
pub(crate) trait Engine: fmt::Debug + Send {
    /// Runs a statement that gives rows.
    fn query(&mut self, statement: &str, values: &[Value]) -> Result<Vec<Row>, StoreError>;

    /// Runs a statement that writes.
    fn execute(&mut self, statement: &str, values: &[Value]) -> Result<Written, StoreError>;

    /// A number that changes with the addresses of users, whoever writes them, except by this connection
    /// where the database does not count that.
    fn revision(&mut self) -> Result<i64, StoreError>;

    /// The name of the database for people.
    fn place(&self) -> String;

    /// What an operator should know about the database itself.
    fn warnings(&self) -> Vec<String>;
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Text(text) => write!(f, "Text({text:?})"),
            Self::Integer(number) => write!(f, "Integer({number})"),
            Self::Flag(flag) => write!(f, "Flag({flag})"),
            Self::Octets(_) => f.write_str("Octets(***)"),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

/// Numbers beyond what databases hold become the greatest that they do.
impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
