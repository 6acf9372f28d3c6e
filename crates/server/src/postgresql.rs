//! A PostgreSQL database that several servers share: its schema, connections, leases and table of sessions.
//!
//! Everything here waits for the network, so each part is used on a thread of its own.

mod admissions;
#[cfg(test)]
#[path = "../tests/support/cluster.rs"]
pub(crate) mod cluster;
mod leases;
mod link;
mod nodes;
mod recorder;
mod schema;
mod sessions;
mod shared_leases;

pub(crate) use admissions::{Admission, Admissions};

pub(crate) use link::Link;
pub(crate) use recorder::SessionRecorder;
pub(crate) use sessions::{SessionRow, SessionTable};
pub(crate) use shared_leases::{Application, NotLeased, Outcome, SharedLeases};
