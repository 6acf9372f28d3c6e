//! Ways to the TUN device that come and go while the server runs.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use adit_net::netlink::{Netlink, NetlinkError, Route};
use ipnet::IpNet;

use super::RouteChange;

/// A thread that changes routes: the kernel takes its time where many do so at once.
///
/// The routes go with the TUN device, so nothing is to be undone at the end, whatever the end is.
#[derive(Debug)]
pub struct RouteKeeper {
    /// What waits is bounded: each change is of a lease, of which there are so many only.
    changes: Option<Sender<RouteChange>>,
    thread: Option<JoinHandle<()>>,
}

impl RouteKeeper {
    /// Starts the thread, in the network namespace of the calling one, for the device with this index.
    ///
    /// # Errors
    /// No thread, or no netlink for this process.
    pub fn start(interface: u32) -> io::Result<Self> {
        let netlink = Netlink::open().map_err(io::Error::other)?;
        let (changes, asked) = channel();
        let thread = std::thread::Builder::new()
            .name("routes".to_owned())
            .spawn(move || keep(netlink, interface, &asked))?;
        Ok(Self {
            changes: Some(changes),
            thread: Some(thread),
        })
    }

    /// Has a change made, after all those before it.
    pub fn change(&self, change: RouteChange) {
        if let Some(changes) = &self.changes {
            // A thread that has panicked makes no routes.
            let _ = changes.send(change);
        }
    }
}

impl Drop for RouteKeeper {
    fn drop(&mut self) {
        self.changes = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn keep(mut netlink: Netlink, interface: u32, changes: &Receiver<RouteChange>) {
    for change in changes {
        match change {
            RouteChange::Add(network) => {
                let done = netlink.add_route(&Route::on_link(network, interface));
                tell(done, network, |error| {
                    format!(
                        "packets to the client's network {network} do not reach it: {error}; remove what \
                         is in the way, or give the client another one"
                    )
                });
            }
            RouteChange::Remove(network) => {
                let done = netlink.delete_route(&Route::on_link(network, interface));
                let done = done.or_else(|error| error.is_absent().then_some(()).ok_or(error));
                tell(done, network, |error| {
                    format!("the route to {network} is left behind: {error}")
                });
            }
        }
    }
}

fn tell(
    done: Result<(), NetlinkError>,
    network: IpNet,
    problem: impl FnOnce(&NetlinkError) -> String,
) {
    match done {
        Ok(()) => tracing::debug!("the routes to {network} are changed"),
        Err(error) => tracing::warn!("{}", problem(&error)),
    }
}
