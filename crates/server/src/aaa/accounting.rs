//! Accounting records on their way to those who keep them.
//!
//! A record is an [`Entry`] of the [`Spool`], on disk until a server has acknowledged it. The
//! [`Schedule`] says which one is sent when. What is sent, and how, is for those who use both.

mod schedule;
mod spool;

pub(crate) use schedule::Schedule;
pub use spool::SpoolError;
pub(crate) use spool::{Entry, Spool, Weight};

#[cfg(test)]
mod tests;
