//! `adit connect`: connects to a server.

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, ValueEnum};
use ipnet::IpNet;

use crate::exit::Code;
use crate::password;

const EXAMPLES: &str = "\
Examples:
  adit connect vpn.example.com --user alice --route 10.0.0.0/8
  adit connect vpn.example.com --user alice --password-file /etc/adit/password --default-route --set-dns
  ADIT_PASSWORD=... adit connect 192.0.2.1 --user 'CORP\\alice' --json

The password comes from --password-file, else from the environment variable ADIT_PASSWORD, else from a prompt.
Ctrl-C hangs up. Needs root, or CAP_NET_ADMIN and CAP_NET_RAW.

Exit codes: 0 hung up by the user, 1 failed, 2 wrong command line, 3 server unreachable, 4 connection refused,
5 GRE filtered on the way, 6 wrong user name or password, 7 account or authentication protocol refused,
8 no encryption, 9 connection lost, 10 a privilege or device is missing.";

/// Arguments of `adit connect`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ConnectArgs {
    /// Host name or address of the server, with a port if it is not 1723.
    #[arg(value_name = "HOST[:PORT]")]
    pub server: String,

    /// User name, with the domain before it if the server wants one (DOMAIN\NAME).
    #[arg(long, value_name = "NAME")]
    pub user: String,

    /// File whose first line is the password.
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Network to reach through the tunnel; may be given several times.
    #[arg(long, value_name = "CIDR")]
    pub route: Vec<IpNet>,

    /// Send everything through the tunnel but the connection to the server.
    #[arg(long)]
    pub default_route: bool,

    /// Use the DNS servers that the server names.
    #[arg(long)]
    pub set_dns: bool,

    /// Name of the TUN interface; %d becomes the first free number.
    #[arg(long, value_name = "NAME", default_value = "adit%d")]
    pub interface: String,

    /// Whether the tunnel must be encrypted.
    #[arg(long, value_enum, default_value_t = EncryptionArg::Required)]
    pub encryption: EncryptionArg,

    /// Length of the keys in bits.
    #[arg(long, value_enum, default_value_t = StrengthArg::Bits128)]
    pub strength: StrengthArg,

    /// When keys change: for each packet, every 256 packets, or as the server likes.
    #[arg(long, value_enum, default_value_t = ModeArg::Any)]
    pub mode: ModeArg,

    /// Authentication protocol to agree to; may be given several times.
    #[arg(long, value_name = "METHOD", value_enum, default_values_t = [AuthArg::MsChapV2])]
    pub auth: Vec<AuthArg>,

    /// Greatest packet inside the tunnel in octets; without it, what the path allows.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(576..=1500))]
    pub mtu: Option<u16>,

    /// Tell what happens as JSON lines on standard output.
    #[arg(long)]
    pub json: bool,
}

/// Whether the tunnel must be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EncryptionArg {
    /// Hang up if the server does not agree to it.
    Required,
    /// Ask for it and go on without.
    Optional,
    /// Do not agree to it.
    Off,
}

/// Length of MPPE keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StrengthArg {
    /// 128 bits.
    #[value(name = "128")]
    Bits128,
    /// 56 bits.
    #[value(name = "56")]
    Bits56,
    /// 40 bits.
    #[value(name = "40")]
    Bits40,
}

/// When MPPE keys change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ModeArg {
    /// For each packet.
    Stateless,
    /// Every 256 packets.
    Stateful,
    /// Stateless if the server agrees, else stateful.
    Any,
}

/// An authentication protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AuthArg {
    /// MS-CHAPv2.
    #[value(name = "mschap-v2")]
    MsChapV2,
    /// MS-CHAPv1.
    #[value(name = "mschap-v1")]
    MsChapV1,
    /// CHAP with MD5; cannot encrypt.
    #[value(name = "chap-md5")]
    ChapMd5,
    /// PAP; sends the password in the clear and cannot encrypt.
    #[value(name = "pap")]
    Pap,
}

/// Connects and stays connected until a signal or the server ends it.
///
/// # Errors
/// The connection did not come up, or was lost; the exit code says which.
pub fn run(args: ConnectArgs) -> anyhow::Result<Code> {
    let _password = password::for_login(&args.user, args.password_file.as_deref())?;
    bail!("this build has no client")
}
