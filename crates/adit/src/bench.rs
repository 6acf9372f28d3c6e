//! `adit bench`: how fast this machine is.

mod progress;
mod report;
mod sessions;
mod show;
mod throughput;

use clap::{Args, Subcommand};

use crate::exit::Code;

const EXAMPLES: &str = "\
Examples:
  adit bench throughput               rates through a tunnel, beside the bare cable
  adit bench throughput --compare     the same, beside OpenVPN and wireguard-go
  adit bench sessions 1000            set-up rate, memory and rates of a server with many sessions

`adit bench throughput --help` and `adit bench sessions --help` have more.";

/// Arguments of `adit bench`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct BenchArgs {
    /// What to measure.
    #[command(subcommand)]
    pub measurement: Measurement,
}

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum Measurement {
    /// Rates, processor time and round trips through one tunnel.
    Throughput(throughput::ThroughputArgs),
    /// Set-up rate, memory and rates of a server with many sessions.
    Sessions(sessions::SessionsArgs),
    /// Show results again that were printed as JSON.
    Report(report::ReportArgs),
}

/// Measures and tells the results.
///
/// # Errors
/// The machine does not allow what is needed, or something does not work.
pub fn run(args: &BenchArgs) -> anyhow::Result<Code> {
    match &args.measurement {
        Measurement::Throughput(args) => throughput::run(args),
        Measurement::Sessions(args) => sessions::run(args),
        Measurement::Report(args) => report::run(args),
    }
}
