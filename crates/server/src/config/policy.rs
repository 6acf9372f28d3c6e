//! The section `[policy]`: what holds for every user whose back end does not say otherwise.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::error::Problem;
use crate::users::{Policy, Simultaneous, parse_amount};

/// What holds for every user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPolicy {
    /// The pool that IPv4 addresses come from; that of `[network]` where none is named.
    pub pool: Option<String>,
    /// The pool that IPv6 prefixes come from; that of `[network]` where none is named.
    pub ipv6_pool: Option<String>,
    /// How many sessions at once.
    pub simultaneous: Simultaneous,
    /// How long a session may last.
    pub session: Option<Duration>,
    /// How long a session may be without traffic.
    pub idle: Option<Duration>,
    /// Bits per second to the client; zero for any rate.
    pub rate_down: u64,
    /// Bits per second from the client; zero for any rate.
    pub rate_up: u64,
    /// How much of a rate's traffic may pass at once, as the time that it stands for.
    pub burst: Duration,
    /// Octets that a session may move, both ways together; zero for any number.
    pub volume: u64,
}

impl Default for UserPolicy {
    fn default() -> Self {
        Self {
            pool: None,
            ipv6_pool: None,
            simultaneous: Simultaneous::ANY,
            session: None,
            idle: None,
            rate_down: 0,
            rate_up: 0,
            burst: Duration::from_millis(100),
            volume: 0,
        }
    }
}

impl UserPolicy {
    /// The same, as what a user's own policy falls back to.
    pub(crate) fn fallback(&self) -> Policy {
        Policy {
            pool: self.pool.clone(),
            ipv6_pool: self.ipv6_pool.clone(),
            session_limit: Some(self.session.unwrap_or_default()),
            idle_limit: Some(self.idle.unwrap_or_default()),
            volume: Some(self.volume),
            rate_down: Some(self.rate_down),
            rate_up: Some(self.rate_up),
            simultaneous: Some(self.simultaneous),
            ..Policy::default()
        }
    }

    pub(super) fn check(&self) -> Result<(), Problem> {
        let burst = self.burst.as_millis();
        if !(1..=10_000).contains(&burst) {
            return Err(Problem::new(
                "policy.burst_ms",
                format!("{burst} is out of range; use 1 to 10000"),
            ));
        }
        Ok(())
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPolicy {
    pool: Option<String>,
    ipv6_pool: Option<String>,
    simultaneous: Option<Sessions>,
    session_seconds: Option<u32>,
    idle_seconds: Option<u32>,
    rate_down: Option<Amount>,
    rate_up: Option<Amount>,
    burst_ms: Option<u32>,
    volume: Option<Amount>,
}

impl RawPolicy {
    pub(super) fn apply(self, policy: &mut UserPolicy) {
        policy.pool = self.pool.or(policy.pool.take());
        policy.ipv6_pool = self.ipv6_pool.or(policy.ipv6_pool.take());
        let seconds = |it: u32| (it > 0).then(|| Duration::from_secs(it.into()));
        if let Some(Sessions(simultaneous)) = self.simultaneous {
            policy.simultaneous = simultaneous;
        }
        if let Some(limit) = self.session_seconds {
            policy.session = seconds(limit);
        }
        if let Some(limit) = self.idle_seconds {
            policy.idle = seconds(limit);
        }
        for (target, value) in [
            (&mut policy.rate_down, self.rate_down),
            (&mut policy.rate_up, self.rate_up),
            (&mut policy.volume, self.volume),
        ] {
            if let Some(Amount(value)) = value {
                *target = value;
            }
        }
        if let Some(millis) = self.burst_ms {
            policy.burst = Duration::from_millis(millis.into());
        }
    }
}

/// A number, or a text with a unit as `10M`.
struct Amount(u64);

/// A number of sessions, or a word.
struct Sessions(Simultaneous);

#[derive(Deserialize)]
#[serde(untagged, expecting = "a number or a text is expected here")]
enum NumberOrText {
    Number(u64),
    Text(String),
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match NumberOrText::deserialize(deserializer)? {
            NumberOrText::Number(number) => Ok(Self(number)),
            NumberOrText::Text(text) => parse_amount(&text).map(Self).map_err(D::Error::custom),
        }
    }
}

impl<'de> Deserialize<'de> for Sessions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match NumberOrText::deserialize(deserializer)? {
            NumberOrText::Number(number) => number.to_string(),
            NumberOrText::Text(text) => text,
        };
        text.parse().map(Self).map_err(D::Error::custom)
    }
}
