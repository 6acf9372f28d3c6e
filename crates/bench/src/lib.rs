//! Measurements of the data plane, on hosts made of network namespaces.
//!
//! | module | what |
//! |---|---|
//! | [`throughput`] | rates, processor time, round trips and losses through one tunnel |
//! | [`sessions`] | set-up rate, memory and rates of a server with many sessions |
//! | [`subject`] | what is measured: this program, other VPNs, the bare cable |
//! | [`ping`] | round trips |
//! | [`program`] | the programs that are measured, as child processes on the hosts |
//! | [`stats`] | medians, percentiles and ratios of what was measured |
//! | [`machine`] | where and when it was measured |
//! | [`table`], [`plot`] | results for people, as text, Markdown and SVG |
//! | [`progress`] | how far it has come |
//! | [`stop`] | waiting that a signal ends |
//!
//! It is a part of the program `adit` and tells what goes wrong in sentences for people.

#![forbid(unsafe_code)]

mod cpu;
mod interface;
pub mod machine;
pub mod ping;
pub mod plot;
pub mod program;
pub mod progress;
pub mod sessions;
mod stage;
pub mod stats;
pub mod stop;
pub mod subject;
pub mod table;
pub mod throughput;
mod traffic;
