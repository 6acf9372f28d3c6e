//! A PostgreSQL database as the store's database.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use postgres::types::private::BytesMut;
use postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use zeroize::Zeroizing;

use super::engine::{Engine, Row, Value, Written};
use crate::config::Postgresql;
use crate::postgresql::Link;
use crate::users::StoreError;

pub(super) struct Shared {
    link: Link,
}

impl Shared {
    /// A database that is reached when it is used.
    pub(super) fn new(settings: Arc<Postgresql>) -> Self {
        Self {
            link: Link::new(settings),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.link.place())
    }
}

impl Engine for Shared {
    fn query(&mut self, statement: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        let typed = typed(values);
        self.link.with(|client| {
            let rows = client.query_typed(statement, &typed)?;
            let values = |row: &postgres::Row| (0..row.len()).map(|n| row.try_get(n)).collect();
            rows.iter().map(values).collect()
        })
    }

    fn execute(&mut self, statement: &str, values: &[Value]) -> Result<Written, StoreError> {
        let typed = typed(values);
        self.link.with(|client| {
            match client.execute_typed(statement, &typed) {
                Ok(rows) => Ok(Written::Rows(rows)),
                // Class 23: a rule of the tables.
                Err(error) if error.code().is_some_and(|it| it.code().starts_with("23")) => {
                    Ok(Written::Conflict)
                }
                Err(error) => Err(error),
            }
        })
    }

    fn revision(&mut self) -> Result<i64, StoreError> {
        let rows = self.query("SELECT number FROM address_revision", &[])?;
        match rows.first().and_then(|row| row.first()) {
            Some(Value::Integer(number)) => Ok(*number),
            _ => Ok(0),
        }
    }

    fn place(&self) -> String {
        self.link.place()
    }

    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

fn typed(values: &[Value]) -> Vec<(&(dyn ToSql + Sync), Type)> {
    values.iter().map(with_type).collect()
}

fn with_type(value: &Value) -> (&(dyn ToSql + Sync), Type) {
    let kind = match value {
        Value::Null => Type::UNKNOWN,
        Value::Text(_) => Type::TEXT,
        Value::Integer(_) => Type::INT8,
        Value::Flag(_) => Type::BOOL,
        Value::Octets(_) => Type::BYTEA,
    };
    (value, kind)
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Text(text) => text.to_sql(kind, out),
            Self::Integer(number) => number.to_sql(kind, out),
            Self::Flag(flag) => flag.to_sql(kind, out),
            Self::Octets(octets) => octets.as_slice().to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(match *kind {
            Type::BOOL => Self::Flag(bool::from_sql(kind, raw)?),
            Type::INT2 => Self::Integer(i16::from_sql(kind, raw)?.into()),
            Type::INT4 => Self::Integer(i32::from_sql(kind, raw)?.into()),
            Type::INT8 => Self::Integer(i64::from_sql(kind, raw)?),
            Type::BYTEA => Self::Octets(Zeroizing::new(raw.to_vec())),
            _ => Self::Text(<&str>::from_sql(kind, raw)?.to_owned()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(kind: &Type) -> bool {
        let known = [Type::BOOL, Type::INT2, Type::INT4, Type::INT8, Type::BYTEA];
        known.contains(kind) || <&str as FromSql<'_>>::accepts(kind)
    }
}
