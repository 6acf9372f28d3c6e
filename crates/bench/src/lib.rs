//! Measurements of the data plane, on hosts made of network namespaces.
//!
//! | module | what |
//! |---|---|
//! | [`throughput`] | rates, processor time, round trips and losses through one tunnel |
//! | [`sessions`] | set-up rate, memory and rates of a server with many sessions |
//! | [`program`] | the programs that are measured, as child processes on the hosts |
//! | [`stats`] | medians, percentiles and ratios of what was measured |
//! | [`stop`] | waiting that a signal ends |
//!
//! It is a part of the program `adit` and tells what goes wrong in sentences for people.

#![forbid(unsafe_code)]

mod cpu;
mod interface;
pub mod program;
pub mod sessions;
mod stage;
pub mod stats;
pub mod stop;
pub mod throughput;
mod traffic;
