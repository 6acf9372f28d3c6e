//! Why connections are not taken, and how often.

use std::fmt;

use ipnet::IpNet;

/// Why a connection is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// It came out of a tunnel.
    #[error("its address is within the tunnel's own pool {0}")]
    OwnPool(IpNet),
    /// It is not among those that may connect.
    #[error("limits.allow and limits.deny do not admit its address")]
    Denied,
    /// There are so many connections.
    #[error("{0} connections are the limit")]
    Connections(usize),
    /// There are so many of its address.
    #[error("{0} connections from one address are the limit")]
    ConnectionsOfAddress(usize),
    /// There are so many that have no call yet.
    #[error("{0} connections without a call are the limit")]
    HalfOpen(usize),
}

/// Connections that were not taken since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Refusals([u64; Refused::NAMES.len()]);

impl Refused {
    /// The reasons as machines know them.
    const NAMES: [&'static str; 5] = [
        "own-pool",
        "denied",
        "connections",
        "connections-of-address",
        "half-open",
    ];

    /// The reason as machines know it.
    pub(super) const fn name(self) -> &'static str {
        Self::NAMES[self.index()]
    }

    const fn index(self) -> usize {
        match self {
            Self::OwnPool(_) => 0,
            Self::Denied => 1,
            Self::Connections(_) => 2,
            Self::ConnectionsOfAddress(_) => 3,
            Self::HalfOpen(_) => 4,
        }
    }
}

impl Refusals {
    pub(super) fn count(&mut self, why: Refused) {
        self.0[why.index()] += 1;
    }

    /// How many of each reason, by its name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Refused::NAMES.into_iter().zip(self.0)
    }
}

impl fmt::Display for Refusals {
    /// The reasons that there were: `2 denied, 1 half-open`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = self.iter().filter(|(_, count)| *count > 0);
        let counted: Vec<String> = counted
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        f.write_str(&counted.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_counted_under_its_name() {
        let all = [
            Refused::OwnPool(IpNet::default()),
            Refused::Denied,
            Refused::Connections(1),
            Refused::ConnectionsOfAddress(1),
            Refused::HalfOpen(1),
        ];
        let mut refusals = Refusals::default();
        for (times, why) in all.into_iter().enumerate() {
            (0..=times).for_each(|_| refusals.count(why));
        }
        let counted: Vec<_> = refusals.iter().collect();
        let expected = [
            ("own-pool", 1),
            ("denied", 2),
            ("connections", 3),
            ("connections-of-address", 4),
            ("half-open", 5),
        ];
        assert_eq!(counted, expected);
        let mut refusals = Refusals::default();
        refusals.count(Refused::HalfOpen(1));
        refusals.count(Refused::Denied);
        refusals.count(Refused::Denied);
        assert_eq!(refusals.to_string(), "2 denied, 1 half-open");
    }
}
