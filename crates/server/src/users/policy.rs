//! What a user may have beyond logging in. Each value may be left open, and is then looked for elsewhere.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};

/// Rules for the sessions of a user or of a group. `None` leaves a value to whoever is asked next: the user
/// goes before the group, the group before the server's configuration.
///
/// Zero is a value: a limit of zero is no limit, so that a user can be free of what binds the group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// Name of the pool that IPv4 addresses come from.
    pub pool: Option<String>,
    /// Name of the pool that IPv6 prefixes come from.
    pub ipv6_pool: Option<String>,
    /// How long a session may last; zero for ever.
    pub session_limit: Option<Duration>,
    /// How long a session may be without traffic; zero for ever.
    pub idle_limit: Option<Duration>,
    /// When the account ends, in seconds since 1970 (UTC); zero is never.
    pub expires: Option<u64>,
    /// Octets that a session may move, both ways together; zero for any number.
    pub volume: Option<u64>,
    /// Bits per second to the client; zero for any rate.
    pub rate_down: Option<u64>,
    /// Bits per second from the client; zero for any rate.
    pub rate_up: Option<u64>,
    /// How many sessions at once.
    pub simultaneous: Option<Simultaneous>,
    /// Outer addresses that the user may connect from; an empty list permits any.
    pub sources: Option<Vec<Ipv4Net>>,
    /// Networks behind the client.
    pub routes: Option<Vec<IpNet>>,
}

impl Policy {
    /// This policy, with what it leaves open taken from `fallback`.
    #[must_use]
    pub fn or(self, fallback: Self) -> Self {
        Self {
            pool: self.pool.or(fallback.pool),
            ipv6_pool: self.ipv6_pool.or(fallback.ipv6_pool),
            session_limit: self.session_limit.or(fallback.session_limit),
            idle_limit: self.idle_limit.or(fallback.idle_limit),
            expires: self.expires.or(fallback.expires),
            volume: self.volume.or(fallback.volume),
            rate_down: self.rate_down.or(fallback.rate_down),
            rate_up: self.rate_up.or(fallback.rate_up),
            simultaneous: self.simultaneous.or(fallback.simultaneous),
            sources: self.sources.or(fallback.sources),
            routes: self.routes.or(fallback.routes),
        }
    }
}

/// What becomes of a login of a user who has sessions already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Simultaneous {
    /// It is refused.
    Refuse,
    /// It ends the sessions before it.
    Replace,
    /// It is refused when there are this many sessions.
    Allow(u32),
}

impl Simultaneous {
    /// As many sessions as there may be.
    pub const ANY: Self = Self::Allow(u32::MAX);
}

/// A text that is no rule for sessions at the same time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is none of \"allow\", \"refuse\", \"replace\" and numbers of sessions from 1")]
pub struct NoSuchRule(String);

impl FromStr for Simultaneous {
    type Err = NoSuchRule;

    fn from_str(text: &str) -> Result<Self, NoSuchRule> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "replace" => Ok(Self::Replace),
            "allow" => Ok(Self::ANY),
            number => match number.parse() {
                Ok(count @ 1..) => Ok(Self::Allow(count)),
                _ => Err(NoSuchRule(number.to_owned())),
            },
        }
    }
}

impl fmt::Display for Simultaneous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refuse => f.write_str("refuse"),
            Self::Replace => f.write_str("replace"),
            &Self::ANY => f.write_str("allow"),
            Self::Allow(count) => write!(f, "{count}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_value_counts_even_where_it_is_zero() {
        let user = Policy {
            idle_limit: Some(Duration::ZERO),
            sources: Some(Vec::new()),
            ..Policy::default()
        };
        let group = Policy {
            pool: Some("office".to_owned()),
            idle_limit: Some(Duration::from_secs(60)),
            sources: Some(vec!["192.0.2.0/24".parse().unwrap()]),
            ..Policy::default()
        };
        let merged = user.or(group);
        assert_eq!(merged.pool.as_deref(), Some("office"));
        assert_eq!(merged.idle_limit, Some(Duration::ZERO));
        assert_eq!(merged.sources, Some(Vec::new()));
        assert_eq!(merged.volume, None);
    }

    #[test]
    fn every_value_falls_back() {
        let full = Policy {
            pool: Some("a".to_owned()),
            ipv6_pool: Some("b".to_owned()),
            session_limit: Some(Duration::from_secs(1)),
            idle_limit: Some(Duration::from_secs(2)),
            expires: Some(3),
            volume: Some(4),
            rate_down: Some(5),
            rate_up: Some(6),
            simultaneous: Some(Simultaneous::Replace),
            sources: Some(vec!["192.0.2.0/24".parse().unwrap()]),
            routes: Some(vec!["2001:db8::/32".parse().unwrap()]),
        };
        assert_eq!(Policy::default().or(full.clone()), full);
        assert_eq!(full.clone().or(Policy::default()), full);
    }

    #[test]
    fn rules_for_sessions_at_once_are_words_or_numbers() {
        for text in ["refuse", "replace", "allow", "1", "3"] {
            let rule: Simultaneous = text.parse().unwrap();
            assert_eq!(rule.to_string(), text);
        }
        for text in ["", "0", "-1", "many", "99999999999"] {
            let refused = text.parse::<Simultaneous>().unwrap_err();
            assert!(refused.to_string().contains("from 1"), "{refused}");
        }
    }
}
