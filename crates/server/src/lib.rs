//! The PPTP server: configuration, users, address pools, event loop and control socket.
//!
//! Workers, a thread each, share out the sessions: each owns its control connections, their calls and
//! everything that their packets pass through. The front, one thread more, has what is not one
//! session's: listeners, leases, signals. One thread reads the user store, which may have to wait for a
//! disk, and another one takes requests at the control socket. They talk by channels.

#![forbid(unsafe_code)]

mod aaa;
pub mod config;
pub mod control_socket;
mod diagnosis;
mod doorbell;
mod events;
mod file_lock;
mod firewall;
mod hooks;
mod host;
mod ledger;
pub mod log_control;
mod metrics;
mod nft;
pub mod pool;
mod postgresql;
mod server;
mod service;
mod sessions;
mod settings;
mod tally;
pub mod users;
mod viewer;
mod worker;

pub use aaa::{RadiusError, SpoolError};
pub use host::{SetupError, advice};
pub use server::{Asker, Reloaded, ServeError, Server};
