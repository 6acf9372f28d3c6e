//! Accounting records on their way to those who keep them.

#![allow(dead_code)]

mod schedule;
mod spool;
