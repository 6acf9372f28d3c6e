//! What the front and the workers say to each other.

use std::io;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Instant;

use adit_engine::{
    Answer, CallKey, CallReport, ConnectionId, EndpointConfig, Event, RateLimits, Totals,
};
use adit_net::gre::PathError;
use adit_ppp::auth::Ticket;
use mio::net::TcpStream;

use super::elsewhere::Change;
use crate::control_socket::{Drops, StrayCounts};
use crate::viewer::Viewer;

/// What the front wants of a worker. Each one but the last few answers something that the worker or a
/// listener brought, so that what waits is bounded.
#[derive(Debug)]
pub(crate) enum Command {
    /// Serve this control connection.
    Accept {
        id: ConnectionId,
        stream: TcpStream,
        peer: SocketAddrV4,
    },
    /// To [`Event::Authenticate`].
    Answer {
        call: CallKey,
        ticket: Ticket,
        answer: Answer,
    },
    /// End a call in order.
    HangUp(CallKey),
    /// Stop a control connection.
    Stop(ConnectionId),
    /// A call of another worker got or lost an inner address.
    Elsewhere(Change),
    /// Have somebody look on at a connection and its later calls.
    TapConnection(ConnectionId, Viewer),
    /// Have somebody look on at a call.
    TapCall(CallKey, Viewer),
    /// Whoever looks on does so no longer.
    Untap(Viewer),
    /// Tell how these calls and the worker do, under this number.
    Report { number: u64, calls: Vec<CallKey> },
    /// Tell how these calls do, with [`Notice::Seen`].
    Look(Vec<CallKey>),
    /// Tell what all calls came to, with [`Notice::Totals`]; asked for at this moment.
    Totals(Instant),
    /// Limit a call's rate from now on.
    Limit { call: CallKey, limits: RateLimits },
    /// Give a sign of life.
    Beat,
    /// Serve new connections and calls by these settings.
    Reconfigure(Arc<EndpointConfig>),
    /// Take leave of all peers in order.
    ShutDown,
    /// Stop all control connections.
    StopAll,
}

/// What a worker has for the front.
pub(crate) enum Notice {
    /// Something of the endpoint's, with how the call does where packets begin to pass.
    Event(Event, Option<Box<CallReport>>),
    /// A control connection is no more, or could not be served for this reason.
    Closed(ConnectionId, Option<io::Error>),
    /// GRE packets do not reach a peer.
    PathError(PathError),
    /// To [`Command::Beat`].
    Beat,
    /// To [`Command::Report`].
    Report(Report),
    /// To [`Command::Totals`].
    Totals(Box<WorkerTotals>),
    /// To [`Command::Look`]: those of the calls that there still are.
    Seen(Vec<(CallKey, CallReport)>),
    /// The worker has ended: for this reason, or by a panic.
    Ended(Option<io::Error>),
}

/// How a worker does.
#[derive(Debug)]
pub(crate) struct Report {
    /// The number that it was asked for under.
    pub(crate) number: u64,
    /// Those of the calls that there still are.
    pub(crate) calls: Vec<(CallKey, CallReport)>,
    pub(crate) drops: Drops,
    pub(crate) strays: StrayCounts,
}

/// What a worker has done since its start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WorkerTotals {
    /// When it was asked.
    pub(crate) asked: Instant,
    pub(crate) totals: Totals,
    pub(crate) drops: Drops,
    pub(crate) strays: StrayCounts,
}
