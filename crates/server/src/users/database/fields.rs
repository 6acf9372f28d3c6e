//! How the values of a policy stand in a row.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use adit_crypto::nt::NtHash;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::engine::Value;
use crate::users::{Policy, StoreError};

/// A value that a user or a group may have, or leave open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The fixed address; of users only.
    Address,
    /// The group; of users only.
    Group,
    /// [`Policy::pool`].
    Pool,
    /// [`Policy::ipv6_pool`].
    Ipv6Pool,
    /// [`Policy::session_limit`].
    SessionLimit,
    /// [`Policy::idle_limit`].
    IdleLimit,
    /// [`Policy::expires`].
    Expires,
    /// [`Policy::volume`].
    Volume,
    /// [`Policy::rate_down`].
    RateDown,
    /// [`Policy::rate_up`].
    RateUp,
    /// [`Policy::simultaneous`].
    Simultaneous,
    /// [`Policy::sources`].
    Sources,
    /// [`Policy::routes`].
    Routes,
}

impl Field {
    /// Those of a policy, which groups have too.
    pub const OF_POLICY: [Self; 11] = [
        Self::Pool,
        Self::Ipv6Pool,
        Self::SessionLimit,
        Self::IdleLimit,
        Self::Expires,
        Self::Volume,
        Self::RateDown,
        Self::RateUp,
        Self::Simultaneous,
        Self::Sources,
        Self::Routes,
    ];

    /// The column in a database, which is also the key in JSON.
    pub fn column(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Group => "group_name",
            Self::Pool => "pool",
            Self::Ipv6Pool => "ipv6_pool",
            Self::SessionLimit => "session_seconds",
            Self::IdleLimit => "idle_seconds",
            Self::Expires => "expires",
            Self::Volume => "volume",
            Self::RateDown => "rate_down",
            Self::RateUp => "rate_up",
            Self::Simultaneous => "simultaneous",
            Self::Sources => "sources",
            Self::Routes => "routes",
        }
    }

    pub(super) fn of(self, policy: &Policy) -> Value {
        let seconds = |duration: Duration| duration.as_secs();
        match self {
            Self::Address | Self::Group => Value::Null,
            Self::Pool => policy.pool.clone().into(),
            Self::Ipv6Pool => policy.ipv6_pool.clone().into(),
            Self::SessionLimit => policy.session_limit.map(seconds).into(),
            Self::IdleLimit => policy.idle_limit.map(seconds).into(),
            Self::Expires => policy.expires.into(),
            Self::Volume => policy.volume.into(),
            Self::RateDown => policy.rate_down.into(),
            Self::RateUp => policy.rate_up.into(),
            Self::Simultaneous => policy.simultaneous.map(|rule| rule.to_string()).into(),
            Self::Sources => policy.sources.as_deref().map(joined).into(),
            Self::Routes => policy.routes.as_deref().map(joined).into(),
        }
    }
}

/// The columns of a policy for a list in a statement, each with `prefix` before it.
pub(super) fn columns(prefix: &str) -> String {
    let columns = Field::OF_POLICY.map(|field| format!("{prefix}{}", field.column()));
    columns.join(", ")
}

/// Values of a row, taken one after the other. Values that do not fit are told with the name of the row.
pub(super) struct Reader<'a> {
    name: &'a str,
    values: std::slice::Iter<'a, Value>,
}

impl<'a> Reader<'a> {
    /// A reader of the row of the user or group `name`.
    pub(super) fn new(name: &'a str, values: &'a [Value]) -> Self {
        Self {
            name,
            values: values.iter(),
        }
    }

    pub(super) fn policy(&mut self) -> Result<Policy, StoreError> {
        Ok(Policy {
            pool: self.text("pool")?,
            ipv6_pool: self.text("ipv6_pool")?,
            session_limit: self.number("session_seconds")?.map(Duration::from_secs),
            idle_limit: self.number("idle_seconds")?.map(Duration::from_secs),
            expires: self.number("expires")?,
            volume: self.number("volume")?,
            rate_down: self.number("rate_down")?,
            rate_up: self.number("rate_up")?,
            simultaneous: self.parsed("simultaneous")?,
            sources: self.list("sources")?,
            routes: self.list("routes")?,
        })
    }

    pub(super) fn text(&mut self, column: &'static str) -> Result<Option<String>, StoreError> {
        match self.next() {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text.clone())),
            other => Err(self.unusable(column, other)),
        }
    }

    pub(super) fn flag(&mut self, column: &'static str) -> Result<bool, StoreError> {
        match self.next() {
            Value::Flag(flag) => Ok(*flag),
            Value::Integer(number @ (0 | 1)) => Ok(*number == 1),
            other => Err(self.unusable(column, other)),
        }
    }

    pub(super) fn hash(&mut self, column: &'static str) -> Result<NtHash, StoreError> {
        let value = self.next();
        let Value::Octets(octets) = value else {
            return Err(self.unusable(column, value));
        };
        match <[u8; 16]>::try_from(octets.as_slice()) {
            Ok(octets) => Ok(NtHash::from_octets(octets)),
            Err(_) => Err(self.unusable(column, value)),
        }
    }

    pub(super) fn parsed<T: FromStr>(
        &mut self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let Some(text) = self.text(column)? else {
            return Ok(None);
        };
        match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(self.unusable(column, &Value::Text(text))),
        }
    }

    pub(super) fn number(&mut self, column: &'static str) -> Result<Option<u64>, StoreError> {
        let value = self.next();
        match value {
            Value::Null => Ok(None),
            Value::Integer(number) => match u64::try_from(*number) {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(self.unusable(column, value)),
            },
            other => Err(self.unusable(column, other)),
        }
    }

    fn list<T: FromStr>(&mut self, column: &'static str) -> Result<Option<Vec<T>>, StoreError> {
        let Some(text) = self.text(column)? else {
            return Ok(None);
        };
        let words = text.split_whitespace().map(str::parse);
        match words.collect() {
            Ok(list) => Ok(Some(list)),
            Err(_) => Err(self.unusable(column, &Value::Text(text))),
        }
    }

    fn next(&mut self) -> &'a Value {
        self.values.next().unwrap_or(&Value::Null)
    }

    fn unusable(&self, column: &'static str, value: &Value) -> StoreError {
        StoreError::Unusable {
            name: self.name.to_owned(),
            column,
            value: format!("{value:?}").chars().take(100).collect(),
        }
    }
}

fn joined(list: &[impl fmt::Display]) -> String {
    let words: Vec<String> = list.iter().map(ToString::to_string).collect();
    words.join(" ")
}

/// An object with the columns' names; what is left open is null.
impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Field::OF_POLICY.len()))?;
        for field in Field::OF_POLICY {
            let key = field.column();
            match (field, field.of(self)) {
                (Field::Sources, _) => map.serialize_entry(key, &self.sources)?,
                (Field::Routes, _) => map.serialize_entry(key, &self.routes)?,
                (_, Value::Text(text)) => map.serialize_entry(key, &text)?,
                (_, Value::Integer(number)) => map.serialize_entry(key, &number)?,
                (_, Value::Null | Value::Flag(_) | Value::Octets(_)) => {
                    map.serialize_entry(key, &())?;
                }
            }
        }
        map.end()
    }
}
