//! Totals since the start, the pools, and what is set while the server runs.

use adit_engine::{CallKey, CallReport};

use crate::control_socket::{
    ConnectionStats, Drops, PoolInfo, Reply, SessionStats, StatsInfo, StrayCounts,
};
use crate::pool::PoolKind;
use crate::server::Server;
use crate::tally::Totals;

impl Server {
    /// What came and went: what has gone is in the tally, what there is in the reports of the workers.
    pub(super) fn stats(
        &self,
        calls: &[(CallKey, CallReport)],
        counts: &[Option<(Drops, StrayCounts)>],
    ) -> Reply {
        let mut totals: Totals = self.tally.gone.clone();
        for (_, report) in calls {
            totals.add(report);
        }
        for (drops, strays) in counts.iter().flatten() {
            for (reason, count) in drops.by_reason() {
                totals.drop(reason, count);
            }
            totals.drop("other-thread-full", strays.dropped);
        }
        let logged_in = self.sessions.iter().filter(|(_, it)| it.user.is_some());
        let stats = StatsInfo {
            since: self.started,
            connections: ConnectionStats {
                accepted: self.tally.accepted,
                refused: self
                    .refusals
                    .iter()
                    .map(|(name, count)| (name.to_owned(), count))
                    .collect(),
                open: self.connections.len(),
                half_open: self.connections.half_open(),
            },
            sessions: SessionStats {
                begun: self.tally.begun,
                came_up: self.tally.came_up,
                open: self.sessions.len(),
                logged_in: logged_in.count(),
                ended: self.tally.ended.clone(),
            },
            logins: self.tally.logins.clone(),
            received: totals.received,
            sent: totals.sent,
            drops: totals.drops,
        };
        Reply::Stats {
            stats: Box::new(stats),
        }
    }

    pub(super) fn pools(&self) -> Reply {
        let pools = self.leases.usage().into_iter().map(|pool| PoolInfo {
            name: pool.name.to_string(),
            kind: match pool.kind {
                PoolKind::Ipv4 => "ipv4".to_owned(),
                PoolKind::Ipv6 => "ipv6".to_owned(),
            },
            size: pool.size,
            leased: pool.taken,
            exhausted: pool.exhausted,
        });
        Reply::Pools {
            pools: pools.collect(),
        }
    }

    pub(super) fn set_log_level(&self, filter: &str) -> Reply {
        match self.log.set_level(filter) {
            Ok(()) => {
                let filter = self.log.level();
                tracing::info!("an operator has the log changed to `{filter}`");
                Reply::LogLevel { filter }
            }
            Err(message) => Reply::Error { message },
        }
    }
}
