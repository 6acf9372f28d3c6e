//! `adit demo`: a server and a client at work.

use anyhow::bail;
use clap::Args;

use crate::exit::Code;

const EXAMPLES: &str = "\
Examples:
  adit demo        connect a client to a server in network namespaces of their own

Needs root or unprivileged user namespaces; the machine's own network is not touched.";

/// Arguments of `adit demo`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {}

/// Runs the demonstration.
///
/// # Errors
/// The machine allows no namespaces, or something does not work.
pub fn run(_args: DemoArgs) -> anyhow::Result<Code> {
    bail!("this build has no demonstration")
}
