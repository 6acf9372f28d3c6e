use std::collections::BTreeMap;
use std::time::Instant;

use adit_pptp::{CallHandle, ControlConnection};
use tracing::Span;

use crate::config::Dial;
use crate::event::{CallKey, Path};
use crate::tap::Taps;
use crate::timers::Armed;

/// One control connection, the path that it came by, and its calls.
pub(crate) struct Connection {
    pub(crate) control: ControlConnection,
    pub(crate) path: Path,
    pub(crate) purpose: Purpose,
    /// The calls that are up.
    pub(crate) calls: BTreeMap<CallHandle, CallKey>,
    /// Call IDs of calls that are not up yet.
    pub(crate) reserved: BTreeMap<CallHandle, u16>,
    pub(crate) armed: Armed,
    pub(crate) span: Span,
    /// Those who look on at it.
    pub(crate) taps: Taps,
    /// Those who are to look on at its later calls.
    pub(crate) call_taps: Taps,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The peer asks for calls.
    Serve,
    /// We ask for one call; the connection ends with it.
    Dial(Dial),
}

impl Connection {
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.control.deadline()
    }
}
