//! Operating-system edge of Linux: everything that needs a file descriptor the standard library does
//! not offer.
//!
//! | module | what |
//! |---|---|
//! | [`tun`] | TUN devices: the host's side of a tunnel |
//! | [`gre`] | raw GRE sockets that move packets in batches |
//! | [`direct`] | GRE packets past the host's IP layer, as Ethernet frames |
//! | [`path_mtu()`] | the MTU towards a destination |
//! | [`netlink`] | links, addresses and routes |
//! | [`host`] | the same, undone at the end |
//! | [`sysctl`] | kernel parameters |
//! | [`capability`] | what a process may not do, in a sentence |
//! | [`process`] | children that are waited for along with other things |
//! | [`cpu`] | the cores of the machine, for threads that each keep to one |
//! | [`namespace`] | hosts made of network namespaces, for tests and demonstrations |
//!
//! It knows bytes, addresses and file descriptors, and no protocol above them. It is the only crate
//! of the workspace with unsafe code: one system call per function, and no pointer leaves its module.

#![deny(unsafe_op_in_unsafe_fn)]

pub mod capability;
pub mod cpu;
pub mod direct;
pub mod gre;
pub mod host;
pub mod namespace;
pub mod netlink;
pub mod open_files;
mod path_mtu;
pub mod process;
mod sys;
pub mod sysctl;
pub mod tun;

pub use path_mtu::{connected_mtu, path_mtu};
