//! A sans-IO PPTP endpoint: control connections, calls, GRE sessions and PPP links composed.
//!
//! [`Endpoint`] is what a server, a client, a load generator and a simulation all drive. Octets of
//! TCP streams, GRE packets, inner packets, answers and the time go in; octets, packets, questions,
//! events and the next deadline come out.
//!
//! | module | what |
//! |---|---|
//! | [`Endpoint`] | many control connections and calls, and how inputs find theirs |
//! | `connection` | one control connection and the path that it came by |
//! | `call` | one call: its GRE session, its PPP link and what passes through them |
//! | `router` | which inner address belongs to which call |
//! | `networks` | look-up by the longest prefix |
//! | `shard` | what is shared where several endpoints are one to the outside |
//! | `advertise` | router advertisements to a call's peer |
//! | `tap` | looking on at what passes |
//! | `timers` | one queue for the deadlines of all of them |

#![forbid(unsafe_code)]

mod advertise;
mod burst;
mod call;
mod config;
mod connection;
mod endpoint;
mod event;
mod networks;
mod opening;
mod rate;
mod router;
mod shard;
mod tap;
mod timers;

pub use advertise::RouterConfig;
pub use burst::{BURST, Burst};
pub use call::CallCounters;
pub use config::{Dial, EndpointConfig, SourceCheck};
pub use endpoint::{Endpoint, Incoming, Sink};
pub use event::{
    Answer, CallEnd, CallKey, CallReport, ConnectionId, Event, Output, Path, SessionIds, Totals,
};
pub use networks::Networks;
pub use rate::{RateLimit, RateLimits};
pub use router::Destination;
pub use shard::{CallLimit, Shard};
pub use tap::{Place, Seen, Sender, Tap};
