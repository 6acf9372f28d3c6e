//! The section `[metrics]`: an HTTP listener for Prometheus and health checks.

use std::net::SocketAddr;

use serde::Deserialize;

/// Where metrics are to be had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Addresses and ports of the HTTP listener; none for no listener. It asks for no password.
    pub listen: Vec<SocketAddr>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMetrics {
    listen: Option<Vec<SocketAddr>>,
}

impl RawMetrics {
    pub(super) fn apply(self, metrics: &mut Metrics) {
        if let Some(listen) = self.listen {
            metrics.listen = listen;
        }
    }
}
