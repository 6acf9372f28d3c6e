//! Ways to the TUN device that come and go while the server runs.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use adit_net::netlink::{Netlink, Route};

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
            RouteChange::Add(network) => add(&mut netlink, &Route::on_link(network, interface)),
            RouteChange::Remove(network) => {
                remove(&mut netlink, &Route::on_link(network, interface));
            }
        }
    }
}

fn add(netlink: &mut Netlink, route: &Route) {
    let network = route.destination;
    match netlink.add_route(route) {
        Ok(()) => tracing::debug!("{network} is routed to the tunnels now"),
        Err(error) => tracing::warn!(
            "packets to {network} do not reach its client: {error}; remove the route that is in the way, \
             or give the client another address"
        ),
    }
}

fn remove(netlink: &mut Netlink, route: &Route) {
    let network = route.destination;
    match netlink.delete_route(route) {
        Err(error) if !error.is_absent() => {
            tracing::warn!("the route to {network} is left behind: {error}");
        }
        _ => tracing::debug!("{network} is routed to the tunnels no longer"),
    }
}
