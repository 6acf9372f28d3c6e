//! `adit demo`: a server and a client at work.
//!
//! Both are this very program, as it is at any other time, on two hosts made of network namespaces.

mod hosts;
mod narrator;
mod play;
mod transfer;

use clap::Args;

use crate::exit::Code;
use crate::namespaces::on_own_hosts;

const EXAMPLES: &str = "\
Examples:
  adit demo        connect a client to a server in network namespaces of their own

Needs root, or unprivileged user namespaces and an accessible /dev/net/tun; the machine's own network is not
touched. Exit codes: 0 all went well, 1 something did not, 10 a privilege or device is missing.";

/// Arguments of `adit demo`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {}

/// Runs the demonstration.
///
/// # Errors
/// The machine allows no namespaces or TUN devices, or something does not work.
pub fn run(_args: DemoArgs) -> anyhow::Result<Code> {
    on_own_hosts(|stop| {
        play::play(stop)?;
        Ok(Code::Done)
    })
}
