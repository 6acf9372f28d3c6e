//! `adit bench throughput`.

use std::time::Duration;

use adit_bench::throughput::{Settings, run as measure};
use anyhow::ensure;
use clap::Args;

use crate::exit::{Code, Coded};
use crate::namespaces::on_own_hosts;
use crate::output::print;

const EXAMPLES: &str = "\
Examples:
  adit bench throughput                one TCP stream from the server to the client
  adit bench throughput --seconds 10   the same, measured for longer";

/// Arguments of `adit bench throughput`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ThroughputArgs {
    /// Length of one measurement.
    #[arg(long, value_name = "S", default_value_t = 3.0)]
    pub seconds: f64,

    /// Measurements of each case, of which the median counts.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub rounds: u16,

    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &ThroughputArgs) -> anyhow::Result<Code> {
    let time = Duration::try_from_secs_f64(args.seconds).unwrap_or_default();
    ensure!(
        !time.is_zero() && args.rounds > 0,
        Coded::usage("there is nothing to measure in no time")
    );
    let settings = Settings {
        time,
        rounds: args.rounds,
    };
    on_own_hosts(|stop| {
        let samples = measure(&settings, stop)?;
        match args.json {
            true => print(&format!("{}\n", serde_json::to_string_pretty(&samples)?))?,
            false => print(&format!("{samples:#?}\n"))?,
        }
        Ok(Code::Done)
    })
}
