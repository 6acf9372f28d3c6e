//! The PPTP server: configuration, users, address pools, event loop and control socket.

#![forbid(unsafe_code)]

pub mod config;
pub mod control_socket;
pub mod pool;
pub mod users;
