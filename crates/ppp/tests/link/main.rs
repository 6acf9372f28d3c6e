//! Links in virtual time: against each other, against peers that follow a script, against hostile
//! ones, and over paths that lose packets.

#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation of a test is a panic"
)]

mod authentication_answering;
mod authentication_asking;
mod common;
mod hostile;
mod keepalive;
mod lossy;
mod pair;
mod password_change;
mod quirks;
mod rejects;
mod renegotiation;
mod routers;
mod timers;
mod windows_client;
mod windows_server;
