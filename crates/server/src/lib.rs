//! The PPTP server: configuration, users, address pools, event loop and control socket.
//!
//! One thread owns the endpoint and everything that packets pass through; a second one reads the
//! user store, which may have to wait for a disk; a third one takes requests at the control socket.
//! The two others talk to the first by channels and wake it.

#![forbid(unsafe_code)]

mod aaa;
pub mod config;
pub mod control_socket;
mod host;
pub mod pool;
mod server;
mod sessions;
mod settings;
pub mod users;

pub use host::SetupError;
pub use server::{ServeError, Server};
