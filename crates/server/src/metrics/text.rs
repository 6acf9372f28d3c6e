//! The names of the metrics. They stay as they are: dashboards and alerts know them.

use std::fmt;
use std::time::Duration;

use adit_engine::Totals;
use adit_radius::client::{LATENCY_BOUNDS, Latency, ServerStatistics};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode as encode_registry;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::Snapshot;
use crate::pool::{PoolKind, PoolUsage};

/// The snapshot in the text format of OpenMetrics, which Prometheus reads.
pub(super) fn encode(snapshot: Snapshot) -> String {
    let mut registry = Registry::with_prefix("adit");
    registry.register_collector(Box::new(snapshot));
    let mut text = String::new();
    // A string takes all that is written to it.
    let _ = encode_registry(&mut text, &registry);
    text
}

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut sheet = Sheet { encoder };
        self.encode_server(&mut sheet)?;
        self.encode_sessions(&mut sheet)?;
        self.encode_packets(&mut sheet)?;
        self.encode_pools(&mut sheet)?;
        self.encode_radius(&mut sheet)?;
        self.encode_workers(&mut sheet)
    }
}

impl Snapshot {
    fn encode_server(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        sheet.gauge("build_info", "The program; always 1.", [(version, 1)])?;
        let started = [(NONE, self.started)];
        sheet.gauge(
            "start_time_seconds",
            "Start of the server since 1970.",
            started,
        )
    }

    fn encode_sessions(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let counted = &self.counted;
        let connections = [(NONE, self.connections as u64)];
        sheet.gauge("connections", "Control connections.", connections)?;
        let half_open = [(NONE, self.half_open as u64)];
        sheet.gauge(
            "half_open_connections",
            "Control connections without a call.",
            half_open,
        )?;
        let accepted = [(NONE, counted.connections)];
        sheet.counter(
            "connections_accepted",
            "Control connections taken.",
            accepted,
        )?;
        let refused = self.refused_connections.iter();
        let refused = refused.map(|(reason, count)| ([("reason", *reason)], *count));
        sheet.counter(
            "connections_refused",
            "Control connections not taken.",
            refused,
        )?;
        let logins = counted.logins.iter().map(|((result, back_end), count)| {
            ([("result", *result), ("back_end", *back_end)], *count)
        });
        sheet.counter("logins", "Logins judged.", logins)?;
        let started = [(NONE, counted.started)];
        sheet.counter(
            "sessions_started",
            "Sessions that carried packets.",
            started,
        )?;
        let by_cause = |(cause, count): (&&'static str, &u64)| ([("cause", *cause)], *count);
        let ended = counted.ended.iter().map(by_cause);
        sheet.counter("sessions_ended", "Sessions that are over, by cause.", ended)?;
        let failed = counted.failed.iter().map(by_cause);
        sheet.counter(
            "calls_failed",
            "Calls that never carried packets, by cause.",
            failed,
        )
    }

    fn encode_packets(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let mut sum = Totals::default();
        for (worker, _) in &self.workers {
            sum.add(&worker.totals);
        }
        let (packets, session) = (&sum.packets, &sum.session);
        let both = |received, sent| {
            [
                ([("direction", "received")], received),
                ([("direction", "sent")], sent),
            ]
        };
        let octets = both(packets.received_octets, packets.sent_octets);
        sheet.counter(
            "inner_bytes",
            "Octets of inner packets, seen from the server.",
            octets,
        )?;
        let inner = both(packets.received_packets, packets.sent_packets);
        sheet.counter(
            "inner_packets",
            "Inner packets, seen from the server.",
            inner,
        )?;
        let dropped = self
            .dropped(&sum)
            .map(|(reason, count)| ([("reason", reason)], count));
        sheet.counter("dropped_packets", "Packets dropped, by reason.", dropped)?;
        let lost = [(NONE, session.lost)];
        sheet.counter(
            "lost_packets",
            "Packets of clients that never arrived.",
            lost,
        )?;
        let reordered = [(NONE, session.reordered)];
        sheet.counter(
            "reordered_packets",
            "Packets of clients put back into order.",
            reordered,
        )?;
        let resets = both(sum.resets.received, sum.resets.sent);
        sheet.counter(
            "mppe_resets",
            "Reset-Requests of stateful encryption.",
            resets,
        )
    }

    /// Packets dropped, by reason; docs/metrics.md says what each one means.
    fn dropped(&self, sum: &Totals) -> impl Iterator<Item = (&'static str, u64)> {
        let (packets, session) = (&sum.packets, &sum.session);
        let of_workers = |count: fn(&crate::control_socket::Drops) -> u64| {
            self.workers
                .iter()
                .map(|(worker, _)| count(&worker.drops))
                .sum()
        };
        let strays = self.workers.iter().map(|(worker, _)| worker.strays.dropped);
        [
            ("receive-buffer-full", of_workers(|drops| drops.overflown)),
            ("unknown-call", of_workers(|drops| drops.unknown_calls)),
            ("foreign-peer", of_workers(|drops| drops.foreign)),
            ("undelivered", of_workers(|drops| drops.undelivered)),
            ("no-client", of_workers(|drops| drops.unrouted)),
            ("malformed-inner", of_workers(|drops| drops.malformed)),
            ("worker-busy", strays.sum()),
            ("duplicate", session.duplicate),
            ("late", session.late),
            ("far-sequence", session.far),
            ("malformed-frame", packets.malformed),
            ("unexpected-frame", packets.unexpected),
            ("clear-text", packets.clear_text),
            ("undecryptable", packets.undecryptable),
            ("foreign-source", packets.foreign_source),
            ("not-up", packets.not_up),
            ("rate-limit", packets.rate_limited),
        ]
        .into_iter()
    }

    fn encode_pools(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let each = |value: fn(&PoolUsage) -> u64| {
            self.pools.iter().map(move |pool| {
                let family = match pool.kind {
                    PoolKind::Ipv4 => "ipv4",
                    PoolKind::Ipv6 => "ipv6",
                };
                ([("pool", &*pool.name), ("family", family)], value(pool))
            })
        };
        sheet.gauge(
            "pool_size",
            "What a pool has to lease.",
            each(|pool| pool.size),
        )?;
        sheet.gauge(
            "pool_leased",
            "What of a pool is leased.",
            each(|pool| pool.taken),
        )?;
        let exhausted = each(|pool| pool.exhausted);
        sheet.counter(
            "pool_exhausted",
            "Times that a pool had nothing left.",
            exhausted,
        )
    }

    fn encode_radius(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let name = |it: &ServerStatistics| it.address.map(|it| it.to_string()).unwrap_or_default();
        let names: Vec<String> = self.radius.iter().map(name).collect();
        let servers = || names.iter().zip(&self.radius);
        let each = |value: fn(&ServerStatistics) -> u64| {
            servers().map(move |(name, it)| ([("server", name.as_str())], value(it)))
        };
        let requests = each(|it| it.requests);
        sheet.counter("radius_requests", "RADIUS requests, each once.", requests)?;
        let again = each(|it| it.retransmissions);
        sheet.counter(
            "radius_retransmissions",
            "Further tries of requests.",
            again,
        )?;
        let timeouts = each(|it| it.timeouts);
        sheet.counter("radius_timeouts", "Requests without any reply.", timeouts)?;
        let fail_overs = each(|it| it.fail_overs);
        sheet.counter(
            "radius_fail_overs",
            "Requests that went on to another server.",
            fail_overs,
        )?;
        let bad = each(|it| it.bad);
        sheet.counter("radius_bad_replies", "Replies that do not verify.", bad)?;
        let dead = each(|it| it.is_dead.into());
        sheet.gauge(
            "radius_server_dead",
            "Whether a server is passed over now.",
            dead,
        )?;
        let latency = servers().map(|(name, it)| {
            let latency = Distribution::from(&it.latency);
            ([("server", name.as_str())], latency)
        });
        sheet.family(
            "radius_latency_seconds",
            "Time until a good reply.",
            latency,
        )
    }

    fn encode_workers(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let names: Vec<String> = (0..self.workers.len()).map(|it| it.to_string()).collect();
        let sessions = names.iter().zip(&self.sessions);
        let sessions = sessions.map(|(name, count)| ([("worker", name.as_str())], *count as u64));
        sheet.gauge("sessions", "Sessions, logged in or logging in.", sessions)?;
        let lag = names.iter().zip(&self.workers);
        let lag = lag.map(|(name, (_, lag))| ([("worker", name.as_str())], lag.as_secs_f64()));
        sheet.gauge(
            "event_loop_lag_seconds",
            "Time that a worker took to answer.",
            lag,
        )
    }
}

const NONE: [(&str, &str); 0] = [];

/// A histogram that is finished.
struct Distribution {
    sum: f64,
    count: u64,
    /// Upper bounds, each with what lies between it and the one before.
    classes: Vec<(f64, u64)>,
}

impl From<&Latency> for Distribution {
    fn from(latency: &Latency) -> Self {
        let bounds = LATENCY_BOUNDS.iter().map(Duration::as_secs_f64);
        let bounds = bounds.chain([f64::MAX]);
        Self {
            sum: latency.total.as_secs_f64(),
            count: latency.count(),
            classes: bounds.zip(latency.classes).collect(),
        }
    }
}

impl EncodeMetric for Distribution {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_histogram::<NoLabelSet>(self.sum, self.count, &self.classes, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

/// Where metrics are written.
struct Sheet<'a> {
    encoder: DescriptorEncoder<'a>,
}

impl Sheet<'_> {
    fn counter<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ([(&'l str, &'l str); N], u64)>,
    ) -> fmt::Result {
        let values = values.into_iter();
        self.family(
            name,
            help,
            values.map(|(labels, it)| (labels, ConstCounter::new(it))),
        )
    }

    fn gauge<'l, const N: usize, V>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ([(&'l str, &'l str); N], V)>,
    ) -> fmt::Result
    where
        ConstGauge<V>: EncodeMetric,
    {
        let values = values.into_iter();
        self.family(
            name,
            help,
            values.map(|(labels, it)| (labels, ConstGauge::new(it))),
        )
    }

    fn family<'l, const N: usize, M: EncodeMetric>(
        &mut self,
        name: &str,
        help: &str,
        values: impl Iterator<Item = ([(&'l str, &'l str); N], M)>,
    ) -> fmt::Result {
        let mut values = values.peekable();
        let Some((_, first)) = values.peek() else {
            return Ok(());
        };
        let kind = first.metric_type();
        let mut family = self.encoder.encode_descriptor(name, help, None, kind)?;
        for (labels, metric) in values {
            if labels.is_empty() {
                return metric.encode(family);
            }
            let labels: Vec<(&str, &str)> = labels.to_vec();
            metric.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;
    use crate::control_socket::{Drops, StrayCounts};
    use crate::metrics::Counted;
    use crate::worker::message::WorkerTotals;

    const PANELS: &str = include_str!("../../../../packaging/prometheus/grafana.json");
    const ALERTS: &str = include_str!("../../../../packaging/prometheus/alerts.yml");
    const DOCUMENT: &str = include_str!("../../../../docs/metrics.md");

    /// A snapshot in which every metric has a value.
    fn snapshot() -> Snapshot {
        let mut counted = Counted::default();
        counted.logins.insert(("accepted", "radius"), 3);
        counted.ended.insert("user-request", 1);
        counted.failed.insert("refused", 1);
        let worker = WorkerTotals {
            asked: Instant::now(),
            totals: Totals::default(),
            drops: Drops::default(),
            strays: StrayCounts::default(),
        };
        Snapshot {
            sessions: vec![7],
            connections: 9,
            half_open: 2,
            refused_connections: vec![("denied", 1)],
            counted,
            pools: vec![PoolUsage {
                name: Arc::from("office"),
                kind: PoolKind::Ipv6,
                size: 10,
                taken: 1,
                exhausted: 0,
            }],
            radius: vec![ServerStatistics::default()],
            workers: vec![(worker, Duration::from_millis(1))],
            started: 1,
        }
    }

    /// All words that look like names of metrics, without what a type adds to them.
    fn names(text: &str) -> BTreeSet<String> {
        let word = |c: char| !c.is_ascii_alphanumeric() && c != '_';
        let words = text.split(word).filter(|it| it.starts_with("adit_"));
        let bare = words.map(|it| {
            let it = it.strip_suffix("_total").unwrap_or(it);
            it.strip_suffix("_bucket").unwrap_or(it).to_owned()
        });
        bare.collect()
    }

    #[test]
    fn dashboard_and_alerts_ask_for_what_there_is() {
        let text = encode(snapshot());
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let known = names(&types.collect::<Vec<_>>().join("\n"));
        for asked in [PANELS, ALERTS] {
            let unknown: Vec<_> = names(asked).difference(&known).cloned().collect();
            assert_eq!(unknown, Vec::<String>::new());
        }
    }

    #[test]
    fn every_reason_and_cause_is_described() {
        let text = encode(snapshot());
        for sample in text.lines().filter(|line| line.contains("reason=\"")) {
            let reason = sample.split('"').nth(1).unwrap();
            assert!(DOCUMENT.contains(&format!("`{reason}`")), "{reason}");
        }
        assert!(DOCUMENT.contains("`user-request`"));
    }
}
