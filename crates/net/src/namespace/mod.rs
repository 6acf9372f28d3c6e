//! Hosts made of network namespaces: a small internet inside one machine, for tests and
//! demonstrations.
//!
//! Root needs nothing else. Another user gets a user namespace of which it is root and which all hosts
//! of a [`Lab`] share; that takes a kernel and a container that allow unprivileged user namespaces.
//! No file is left behind: namespaces live as long as the descriptors of a lab and the processes in
//! it.

mod child;
mod host;

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;

use ipnet::IpNet;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::capability::has_capability;
use crate::netlink::{Address, Link, NetlinkError};
use crate::sysctl::SysctlError;
use child::{IdMaps, UserNamespace};

pub use host::Host;

const CAP_SYS_ADMIN: u32 = 21;
/// Looks for processes to kill, in case they fork meanwhile.
const KILL_ROUNDS: usize = 16;

/// A set of hosts and the cables between them. When it is dropped, every process in its hosts is
/// killed.
#[derive(Debug)]
pub struct Lab {
    rights: Rights,
    hosts: Vec<Host>,
}

/// Where the right to make network namespaces comes from.
#[derive(Debug)]
enum Rights {
    Undecided,
    Process,
    UserNamespace(Arc<OwnedFd>),
}

/// A virtual Ethernet cable between two hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cable {
    /// Its link on the first host.
    pub left: Link,
    /// Its link on the second host.
    pub right: Link,
}

/// Why a laboratory cannot be built here.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The machine allows no network namespaces.
    #[error("cannot make a network namespace: {}", hint(.source))]
    Namespace {
        /// What the system said.
        source: io::Error,
    },
    /// A link, an address or a route was refused.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// A kernel parameter was refused.
    #[error(transparent)]
    Sysctl(#[from] SysctlError),
    /// The calling process may not work inside a host.
    #[error("cannot enter the host {host}")]
    Enter {
        /// Its name.
        host: String,
        /// What the system said.
        source: io::Error,
    },
}

fn hint(error: &io::Error) -> String {
    let reason = match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            "neither this user nor, as this machine or container is set up, an unprivileged user \
             namespace has the right; run as root"
        }
        Some(libc::ENOSPC | libc::EUSERS) => {
            "the limit is reached; see the kernel parameters user.max_user_namespaces and \
             user.max_net_namespaces"
        }
        Some(libc::EINVAL | libc::ENOSYS) => "this kernel has none",
        _ => return error.to_string(),
    };
    reason.to_owned()
}

impl Lab {
    /// Whether laboratories can be built here, found out by building one.
    ///
    /// # Errors
    /// The reason, a sentence for people.
    pub fn available() -> Result<(), LabError> {
        let mut lab = Self::new();
        let (left, right) = (lab.host("left")?, lab.host("right")?);
        let network = |last| IpNet::from(ipnet::Ipv4Net::new_assert([192, 0, 2, last].into(), 30));
        lab.connect((&left, network(1)), (&right, network(2)))
            .map(drop)
    }

    /// An empty laboratory.
    pub fn new() -> Self {
        Self {
            rights: Rights::Undecided,
            hosts: Vec::new(),
        }
    }

    /// Adds a host, which has only a loopback device, up.
    ///
    /// # Errors
    /// The machine does not allow it.
    pub fn host(&mut self, name: &str) -> Result<Host, LabError> {
        let host = self
            .make(name)
            .map_err(|source| LabError::Namespace { source })?;
        let loopback = {
            let mut netlink = host.netlink();
            let loopback = netlink.link_by_name("lo")?;
            netlink.set_up(loopback.index)
        };
        loopback?;
        self.hosts.push(host.clone());
        Ok(host)
    }

    fn make(&mut self, name: &str) -> io::Result<Host> {
        let made = match &self.rights {
            Rights::Undecided => self.decide()?,
            Rights::Process => child::make(UserNamespace::Current)?,
            Rights::UserNamespace(user) => child::make(UserNamespace::Join(Arc::clone(user)))?,
        };
        let user = match &self.rights {
            Rights::UserNamespace(user) => Some(Arc::clone(user)),
            Rights::Undecided | Rights::Process => None,
        };
        Ok(Host::new(name, user, made))
    }

    /// Makes the first namespaces with the rights of the process, else as root of a user namespace.
    fn decide(&mut self) -> io::Result<child::Namespaces> {
        if has_capability(CAP_SYS_ADMIN)
            && let Ok(made) = child::make(UserNamespace::Current)
        {
            self.rights = Rights::Process;
            return Ok(made);
        }
        let made = child::make(UserNamespace::Create(IdMaps::of_this_user()))?;
        self.rights = Rights::UserNamespace(Arc::new(made.user.try_clone()?));
        Ok(made)
    }

    /// Joins two hosts by a cable; each end gets an address in its network, and comes up.
    ///
    /// # Errors
    /// The kernel has no virtual Ethernet driver, or an address is taken.
    pub fn connect(&self, left: (&Host, IpNet), right: (&Host, IpNet)) -> Result<Cable, LabError> {
        let left_name = left.0.free_link_name(right.0.name());
        let right_name = right.0.free_link_name(left.0.name());
        left.0
            .netlink()
            .create_veth_across(&left_name, &right_name, right.0.as_fd())?;
        Ok(Cable {
            left: plug(left.0, &left_name, left.1)?,
            right: plug(right.0, &right_name, right.1)?,
        })
    }
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for _ in 0..KILL_ROUNDS {
            let inside = self.processes();
            if inside.is_empty() {
                break;
            }
            for pid in inside {
                // It may have ended meanwhile.
                let _ = kill(pid, Signal::SIGKILL);
            }
        }
    }
}

impl Lab {
    /// The processes in the hosts, other than this one.
    fn processes(&self) -> Vec<Pid> {
        let hosts: Vec<_> = self.hosts.iter().filter_map(Host::identity).collect();
        let own = i32::try_from(std::process::id()).ok();
        let Ok(processes) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        processes
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
            .filter(|pid| Some(*pid) != own)
            .filter(|pid| {
                fs::metadata(format!("/proc/{pid}/ns/net"))
                    .is_ok_and(|namespace| hosts.contains(&(namespace.dev(), namespace.ino())))
            })
            .map(Pid::from_raw)
            .collect()
    }
}

fn plug(host: &Host, link: &str, network: IpNet) -> Result<Link, LabError> {
    let mut netlink = host.netlink();
    let index = netlink.link_by_name(link)?.index;
    netlink.set_up(index)?;
    netlink.add_address(&Address::in_network(index, network))?;
    Ok(netlink.link(index)?)
}

/// Makes a command run as root of a user namespace of its own, where it may make network namespaces.
/// Nothing outside of its namespaces obeys it more than before.
pub fn in_user_namespace(command: &mut Command) -> &mut Command {
    let maps = IdMaps::of_this_user();
    // SAFETY: between fork and exec, the closure makes system calls only and does not allocate; the
    // maps were written down before.
    unsafe { command.pre_exec(move || child::enter_new_user_namespace(&maps)) }
}
