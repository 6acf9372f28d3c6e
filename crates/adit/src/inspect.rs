//! `adit inspect`: explains a capture.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use crate::exit::Code;
use crate::password;

const EXAMPLES: &str = "\
Examples:
  adit inspect trouble.pcap
  adit inspect trouble.pcapng --user alice --password-file password    decrypt as well
  adit inspect trouble.pcap --json | jq .

Capture with: tcpdump -w trouble.pcap 'tcp port 1723 or proto gre'";

/// Arguments of `adit inspect`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct InspectArgs {
    /// Capture in pcap or pcapng format.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// One JSON object per packet and finding.
    #[arg(long)]
    pub json: bool,

    /// User whose sessions are to be decrypted.
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub user: Option<String>,

    /// File whose first line is the user's password.
    #[arg(long, value_name = "FILE", requires = "user")]
    pub password_file: Option<PathBuf>,
}

/// Explains the capture on standard output.
///
/// # Errors
/// The capture cannot be read.
pub fn run(args: InspectArgs) -> anyhow::Result<Code> {
    let _password = args
        .password_file
        .as_deref()
        .map(password::from_file)
        .transpose()?;
    bail!("this build cannot read {}", args.file.display())
}
