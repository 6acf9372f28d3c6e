//! The section `[firewall]`: sets of addresses in nftables, for rules that name users.

use std::time::Duration;

use serde::Deserialize;

use super::error::Problem;

/// Sets of addresses in nftables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firewall {
    /// Whether each group of users has a set of its clients' addresses.
    pub user_sets: bool,
    /// Whether there is a set of the outer addresses that failed to log in.
    pub refused_set: bool,
    /// How long an address stays there after its last failure.
    pub refused: Duration,
}

impl Default for Firewall {
    fn default() -> Self {
        Self {
            user_sets: false,
            refused_set: false,
            refused: Duration::from_secs(600),
        }
    }
}

impl Firewall {
    pub(super) fn check(&self) -> Result<(), Problem> {
        const WEEK: u64 = 7 * 24 * 3600;
        let seconds = self.refused.as_secs();
        if !(1..=WEEK).contains(&seconds) {
            return Err(Problem::new(
                "firewall.refused_seconds",
                format!("{seconds} is out of range; use 1 to {WEEK}"),
            ));
        }
        Ok(())
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFirewall {
    user_sets: Option<bool>,
    refused_set: Option<bool>,
    refused_seconds: Option<u32>,
}

impl RawFirewall {
    pub(super) fn apply(self, firewall: &mut Firewall) {
        firewall.user_sets = self.user_sets.unwrap_or(firewall.user_sets);
        firewall.refused_set = self.refused_set.unwrap_or(firewall.refused_set);
        if let Some(seconds) = self.refused_seconds {
            firewall.refused = Duration::from_secs(seconds.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn values_reach_their_fields_and_mistakes_are_told() {
        let text = "[firewall]\nuser_sets = true\nrefused_set = true\nrefused_seconds = 60";
        let expected = Firewall {
            user_sets: true,
            refused_set: true,
            refused: Duration::from_secs(60),
        };
        assert_eq!(Config::parse(text, "x").unwrap().firewall, expected);
        let error = Config::parse("[firewall]\nrefused_seconds = 0", "x").unwrap_err();
        assert_eq!(
            error.to_string(),
            "x:2:19: firewall.refused_seconds: 0 is out of range; use 1 to 604800"
        );
    }
}
