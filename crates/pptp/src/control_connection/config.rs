use std::time::Duration;

use adit_wire::control::{Bearer, Framing};
use adit_wire::text::Text;

/// How a control connection behaves and what it tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Host Name to send.
    pub host_name: Text<64>,
    /// Vendor Name to send.
    pub vendor: Text<64>,
    /// Firmware Revision to send.
    pub firmware_revision: u16,
    /// Maximum Channels to send; a PNS should send 0 (RFC 2637 §2.1).
    pub maximum_channels: u16,
    /// Framing Capabilities to send.
    pub framing: Framing,
    /// Bearer Capabilities to send.
    pub bearer: Bearer,
    /// Calls that there may be at once, of all kinds.
    pub maximum_calls: usize,
    /// How long a receiver waits for the Start-Control-Connection-Request; RFC 2637 §3.1.4 allows
    /// 60 s.
    pub start_timeout: Duration,
    /// How long a receiver keeps a connection without any call; none for as long as it lives.
    pub call_timeout: Option<Duration>,
    /// How long other replies are waited for (RFC 2637 §3).
    pub reply_timeout: Duration,
    /// How long a Stop-Control-Connection-Reply is waited for; the connection is closed either way.
    pub stop_timeout: Duration,
    /// Silence of the peer after which an Echo-Request is sent (RFC 2637 §3.1.4). Some servers close
    /// a connection that was silent for 30 s.
    pub echo_interval: Duration,
    /// How long an Echo-Reply is waited for (RFC 2637 §3.1.4).
    pub echo_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host_name: Text::default(),
            vendor: Text::default(),
            firmware_revision: 1,
            maximum_channels: 0,
            framing: Framing::ANY,
            bearer: Bearer::ANY,
            maximum_calls: 16,
            start_timeout: Duration::from_secs(30),
            call_timeout: Some(Duration::from_secs(30)),
            reply_timeout: Duration::from_secs(60),
            stop_timeout: Duration::from_secs(5),
            echo_interval: Duration::from_secs(60),
            echo_timeout: Duration::from_secs(60),
        }
    }
}
