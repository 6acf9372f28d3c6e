//! Many sessions of one server: how fast they come up, what they cost, how fast packets pass.
//!
//! One process plays all clients: one thread, one raw socket, one endpoint, and a TCP stream for each client.
//! Clients authenticate by MS-CHAPv2, encrypt by stateless MPPE with keys of 128 bits, and have no interface:
//! each inner packet is an ICMP echo request to the server's address in the tunnel, and the server's host
//! answers. A packet and its answer thus take the server's whole way once in each direction: from the raw socket
//! to the TUN device, and from the TUN device to the raw socket.
//!
//! | module | what |
//! |---|---|
//! | `generator` | the event loop of all clients |
//! | `client` | one client and its TCP stream |
//! | `packets` | GRE packets of all clients |
//! | `setup` | brings sessions up and ends them |
//! | `load` | sends packets and counts what comes back |
//! | `server` | a server of our own to put load on |
//! | `users` | who judges the logins there |
//! | `memory` | what the server's process holds |
//! | `report` | what came of it |
//! | `chart` | the same as a chart |

mod chart;
mod client;
mod generator;
mod load;
mod memory;
mod packets;
mod report;
mod run;
mod server;
mod setup;
mod sources;
mod users;

use std::time::{Duration, Instant};

pub use chart::Rates;
pub use generator::Target;
pub use memory::Memory;
pub use report::{Failure, Forwarding, MemoryReport, Milliseconds, Report, SetUp};
pub use run::{Plan, against, with_own_server};
pub use setup::Ending;
pub use sources::Sources;
pub use users::Users;

use crate::progress::Progress;
use crate::stop::Stop;

/// Between two lines about the progress.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// Who is told of the progress, and whether somebody has asked to stop.
pub struct Watch<'a> {
    stop: &'a Stop,
    progress: &'a mut (dyn Progress + Send),
    next: Instant,
}

impl<'a> Watch<'a> {
    /// `progress` is told now and then.
    pub fn new(stop: &'a Stop, progress: &'a mut (dyn Progress + Send)) -> Self {
        Self {
            stop,
            progress,
            next: Instant::now(),
        }
    }

    fn check(&self) -> anyhow::Result<()> {
        self.stop.check()
    }

    /// Tells a line unless one was told a moment ago.
    fn tell(&mut self, line: impl FnOnce() -> String) {
        let now = Instant::now();
        if now >= self.next {
            self.next = now + TELL_EVERY;
            self.progress.tell(&line());
        }
    }
}
