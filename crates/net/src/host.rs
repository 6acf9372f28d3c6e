//! Changes of the host that are undone at the end.

use crate::netlink::{Address, Netlink, NetlinkError, Route, Standing};
use crate::sysctl::{self, SysctlError};

/// Sets up links, addresses, routes and kernel parameters, keeps a journal, and takes everything back
/// in reverse order when it is dropped, also by a panic.
///
/// What is as wanted already is left alone, and also left in place at the end. What somebody else
/// removed meanwhile is no failure.
#[derive(Debug)]
pub struct HostSetup {
    netlink: Netlink,
    journal: Vec<Change>,
}

/// A change of the host that failed, or could not be undone.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Of a link, an address or a route.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// Of a kernel parameter.
    #[error(transparent)]
    Sysctl(#[from] SysctlError),
}

/// Something that was done, with what it takes to undo it.
#[derive(Debug)]
enum Change {
    AddressAdded(Address),
    RouteAdded(Route),
    /// The route that stood in this place before.
    RouteReplaced(Standing),
    LinkBroughtUp(u32),
    MtuChanged {
        interface: u32,
        before: u32,
    },
    SysctlChanged {
        name: String,
        before: String,
    },
}

impl HostSetup {
    /// Begins with an empty journal in the network namespace of the calling thread, where it has to
    /// stay: kernel parameters are those of the calling thread.
    ///
    /// # Errors
    /// The kernel has no rtnetlink for this process.
    pub fn new() -> Result<Self, HostError> {
        Ok(Self {
            netlink: Netlink::open()?,
            journal: Vec::new(),
        })
    }

    /// Brings a link up.
    ///
    /// # Errors
    /// No such link, or no permission.
    pub fn bring_up(&mut self, interface: u32) -> Result<(), HostError> {
        if !self.netlink.link(interface)?.up {
            self.netlink.set_up(interface)?;
            self.journal.push(Change::LinkBroughtUp(interface));
        }
        Ok(())
    }

    /// Sets the longest IP packet of a link, in octets.
    ///
    /// # Errors
    /// No such link, an MTU that it cannot have, or no permission.
    pub fn set_mtu(&mut self, interface: u32, mtu: u32) -> Result<(), HostError> {
        let before = self.netlink.link(interface)?.mtu;
        if before != mtu {
            self.netlink.set_mtu(interface, mtu)?;
            self.journal.push(Change::MtuChanged { interface, before });
        }
        Ok(())
    }

    /// Sets how many packets may wait at a TUN device until they are read. The device goes with its
    /// program, so nothing is to be undone.
    ///
    /// # Errors
    /// No such link, or no permission.
    pub fn set_queue_length(&mut self, tun: u32, packets: u32) -> Result<(), HostError> {
        Ok(self.netlink.set_queue_length(tun, packets)?)
    }

    /// Gives a link an address.
    ///
    /// # Errors
    /// No such link, or no permission.
    pub fn add_address(&mut self, address: &Address) -> Result<(), HostError> {
        match self.netlink.add_address(address) {
            Ok(()) => self.journal.push(Change::AddressAdded(*address)),
            Err(error) if error.is_present() => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Adds a route.
    ///
    /// # Errors
    /// Another route with the same destination and metric exists, the gateway cannot be reached, the
    /// link is down, or no permission.
    pub fn add_route(&mut self, route: &Route) -> Result<(), HostError> {
        match self.netlink.add_route(route) {
            Ok(()) => self.journal.push(Change::RouteAdded(*route)),
            Err(error) if error.is_present() => {
                let there = self.netlink.displaced(route)?;
                if !there.is_some_and(|there| same(&there.route, route)) {
                    return Err(error.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Adds a route in place of one with the same destination and metric, which comes back at the
    /// end.
    ///
    /// # Errors
    /// The gateway cannot be reached, the link is down, or no permission.
    pub fn replace_route(&mut self, route: &Route) -> Result<(), HostError> {
        let change = match self.netlink.displaced(route)? {
            Some(there) if same(&there.route, route) => return Ok(()),
            Some(there) => Change::RouteReplaced(there),
            None => Change::RouteAdded(*route),
        };
        self.netlink.replace_route(route)?;
        self.journal.push(change);
        Ok(())
    }

    /// Takes away a route that this setup added, before the end.
    ///
    /// # Errors
    /// No permission. That the route is gone already is no error.
    pub fn remove_route(&mut self, route: &Route) -> Result<(), HostError> {
        let ours = |change: &Change| matches!(change, Change::RouteAdded(added) if added == route);
        if let Some(index) = self.journal.iter().rposition(ours) {
            let change = self.journal.remove(index);
            self.undo_change(&change)?;
        }
        Ok(())
    }

    /// Sets a kernel parameter.
    ///
    /// # Errors
    /// There is no such parameter, it does not take the value, or no permission.
    pub fn set_sysctl(&mut self, name: &str, value: &str) -> Result<(), HostError> {
        let before = sysctl::read(name)?;
        if before != value {
            sysctl::write(name, value)?;
            self.journal.push(Change::SysctlChanged {
                name: name.to_owned(),
                before,
            });
        }
        Ok(())
    }

    /// The links, addresses and routes to look at. What is changed through this is not undone.
    pub fn netlink(&mut self) -> &mut Netlink {
        &mut self.netlink
    }

    /// Undoes everything in reverse order and returns what could not be undone. The journal is empty
    /// afterwards.
    pub fn undo(&mut self) -> Vec<HostError> {
        let mut failures = Vec::new();
        while let Some(change) = self.journal.pop() {
            failures.extend(self.undo_change(&change).err());
        }
        failures
    }

    fn undo_change(&mut self, change: &Change) -> Result<(), HostError> {
        let netlink = &mut self.netlink;
        let result = match change {
            Change::AddressAdded(address) => netlink.delete_address(address),
            Change::RouteAdded(route) => netlink.delete_route(route),
            Change::RouteReplaced(before) => netlink.restore_route(before),
            Change::LinkBroughtUp(interface) => netlink.set_down(*interface),
            Change::MtuChanged { interface, before } => netlink.set_mtu(*interface, *before),
            Change::SysctlChanged { name, before } => {
                return match sysctl::write(name, before) {
                    Err(error) if !error.is_absent() => Err(error.into()),
                    _ => Ok(()),
                };
            }
        };
        match result {
            Err(error) if !error.is_absent() => Err(error.into()),
            _ => Ok(()),
        }
    }
}

impl Drop for HostSetup {
    fn drop(&mut self) {
        // Nobody is left to tell about failures; `undo` before the drop reports them.
        drop(self.undo());
    }
}

/// Whether a route that is there serves as the one that is wanted: the kernel may have added a
/// preferred source address.
fn same(there: &Route, wanted: &Route) -> bool {
    there.interface == wanted.interface
        && there.gateway == wanted.gateway
        && (wanted.source.is_none() || there.source == wanted.source)
}
