//! `adit connect`: connects to a server.

mod report;
mod terminal;

use std::path::PathBuf;
use std::sync::Arc;

use adit_client::{
    Cause, ClientConfig, ClientError, Credentials, DnsPolicy, Kind, NetworkConfig, Routing,
};
use adit_crypto::mppe_keys::Strength;
use adit_net::direct::Transmit;
use adit_ppp::auth::Method;
use adit_ppp::mppe::Mode;
use adit_ppp::{EncryptionPolicy, MppeConfig};
use clap::{Args, ValueEnum};
use ipnet::IpNet;

use crate::exit::{Code, Coded};
use crate::password::{self, Login, Origin};
use report::Reporter;
use terminal::TerminalState;

const EXAMPLES: &str = "\
Examples:
  adit connect vpn.example.com --user alice --route 10.0.0.0/8
  adit connect vpn.example.com --user alice --password-file /etc/adit/password --default-route --set-dns
  ADIT_PASSWORD=... adit connect 192.0.2.1 --user 'CORP\\alice' --json

The password comes from --password-file, else from the environment variable ADIT_PASSWORD, else from a prompt.
Ctrl-C hangs up, a second one leaves at once. Needs root, or CAP_NET_ADMIN and CAP_NET_RAW.

Exit codes: 0 hung up by the user, 1 failed, 2 wrong command line, 3 server unreachable, 4 connection refused,
5 GRE filtered on the way, 6 wrong user name or password, or one that has expired, 7 account or authentication
protocol refused, or the server could not prove itself, 8 no encryption, 9 connection lost or ended by the
server, 10 a privilege or device is missing.";

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

    /// File whose first line is the new password, for a server that says that the old one has expired.
    #[arg(long, value_name = "FILE")]
    pub new_password_file: Option<PathBuf>,

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

    /// How packets are sent: "packet" and "xdp" take less time, but pass by this host's firewall.
    #[arg(long, value_enum, default_value_t = TransmitArg::Socket)]
    pub transmit: TransmitArg,

    /// Whether the tunnel must be encrypted.
    #[arg(long, value_enum, default_value_t = EncryptionArg::Required)]
    pub encryption: EncryptionArg,

    /// Length of the keys in bits.
    #[arg(long, value_enum, default_value_t = StrengthArg::Bits128)]
    pub strength: StrengthArg,

    /// When keys change: for each packet, every 256 packets, or as the server likes.
    #[arg(long, value_enum, default_value_t = ModeArg::Stateless)]
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

/// How packets are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TransmitArg {
    /// As everything that the host sends.
    Socket,
    /// As Ethernet frames, past the firewall for outgoing packets.
    Packet,
    /// Straight to the network driver, past traffic shaping and captures too.
    Xdp,
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

impl From<AuthArg> for Method {
    fn from(argument: AuthArg) -> Self {
        match argument {
            AuthArg::MsChapV2 => Self::MsChapV2,
            AuthArg::MsChapV1 => Self::MsChapV1,
            AuthArg::ChapMd5 => Self::ChapMd5,
            AuthArg::Pap => Self::Pap,
        }
    }
}

impl ConnectArgs {
    /// What the arguments ask of the client.
    ///
    /// # Errors
    /// The server's name has not the form of one, or there is no password.
    pub fn configuration(&self) -> anyhow::Result<ClientConfig> {
        let server = self
            .server
            .parse()
            .map_err(|error| coded(&ClientError::from(error)))?;
        Ok(ClientConfig {
            server,
            credentials: self.credentials()?,
            methods: self.auth.iter().copied().map(Method::from).collect(),
            mppe: self.mppe(),
            network: NetworkConfig {
                interface: self.interface.clone(),
                routes: self.route.clone(),
                routing: match self.default_route {
                    true => Routing::Everything,
                    false => Routing::Routes,
                },
                dns: match self.set_dns {
                    true => DnsPolicy::Use,
                    false => DnsPolicy::Show,
                },
                mtu: self.mtu,
                direct: match self.transmit {
                    TransmitArg::Socket => None,
                    TransmitArg::Packet => Some(Transmit::Packet),
                    TransmitArg::Xdp => Some(Transmit::Xdp),
                },
            },
        })
    }

    fn credentials(&self) -> anyhow::Result<Credentials> {
        let new_password = match &self.new_password_file {
            Some(path) => Some(password::from_file(path)?),
            None => None,
        };
        let Login { password, origin } =
            password::for_login(&self.user, self.password_file.as_deref())?;
        let text = format!("The server refused it. Password of {}: ", self.user);
        Ok(Credentials {
            user: self.user.clone(),
            password,
            new_password,
            prompt: match origin {
                Origin::Given => None,
                Origin::Typed => Some(Arc::new(move || password::from_prompt(&text).ok())),
            },
        })
    }

    fn mppe(&self) -> MppeConfig {
        MppeConfig {
            policy: match self.encryption {
                EncryptionArg::Required => EncryptionPolicy::Required,
                EncryptionArg::Optional => EncryptionPolicy::Optional,
                EncryptionArg::Off => EncryptionPolicy::Off,
            },
            strengths: vec![match self.strength {
                StrengthArg::Bits128 => Strength::Bits128,
                StrengthArg::Bits56 => Strength::Bits56,
                StrengthArg::Bits40 => Strength::Bits40,
            }],
            modes: match self.mode {
                ModeArg::Stateless => vec![Mode::Stateless],
                ModeArg::Stateful => vec![Mode::Stateful],
                ModeArg::Any => vec![Mode::Stateless, Mode::Stateful],
            },
        }
    }
}

/// Connects and stays connected until a signal or the server ends it.
///
/// # Errors
/// The connection did not come up, or was lost; the exit code says which.
pub fn run(args: &ConnectArgs) -> anyhow::Result<Code> {
    let config = args.configuration()?;
    let mut reporter = Reporter::new(args.json);
    // A prompt that is still open when the connection ends must not leave the terminal silent.
    let terminal = TerminalState::save();
    let ended = adit_client::run(&config, &mut reporter);
    drop(terminal);
    match ended {
        Ok(end) => {
            reporter.hung_up(&end)?;
            Ok(Code::Done)
        }
        Err(error) => {
            let error = coded(&error);
            reporter.failed(&error)?;
            Err(error)
        }
    }
}

/// A failure as one sentence, with advice where an argument helps, and its exit code.
fn coded(error: &ClientError) -> anyhow::Error {
    let code = match error.kind() {
        Kind::Usage => Code::Usage,
        Kind::Failed => Code::Failed,
        Kind::Unreachable => Code::Unreachable,
        Kind::Refused => Code::Refused,
        Kind::GreFiltered => Code::GreFiltered,
        Kind::WrongPassword => Code::WrongPassword,
        Kind::AccountRefused => Code::AccountRefused,
        Kind::NoEncryption => Code::NoEncryption,
        Kind::Lost => Code::ConnectionLost,
        Kind::MissingPrivilege => Code::MissingPrivilege,
    };
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let words = cause.to_string();
        // A transparent error has the words of its cause.
        if !message.ends_with(&words) {
            message.push_str(&format!(": {words}"));
        }
        source = cause.source();
    }
    message.push_str(advice(error));
    anyhow::Error::new(Coded { code, message })
}

const fn advice(error: &ClientError) -> &'static str {
    match error {
        ClientError::Ended(Cause::PasswordExpired(_)) => {
            "; --new-password-file gives the server a new one"
        }
        ClientError::Ended(Cause::NoCommonMethod) => "; --auth allows others",
        ClientError::Ended(Cause::NoEncryption(_) | Cause::EncryptionRequired(_)) => {
            "; --strength, --mode and --auth choose what is offered"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use adit_client::NameError;
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn args(words: &[&str]) -> ConnectArgs {
        let start = ["adit", "connect", "192.0.2.1", "--user", "alice"];
        match Cli::parse_from(start.iter().chain(words)).command {
            Command::Connect(args) => args,
            other => panic!("parsed as {other:?}"),
        }
    }

    #[test]
    fn the_defaults_are_the_strong_ones() {
        let args = args(&[]);
        let mppe = args.mppe();
        assert_eq!(mppe.policy, EncryptionPolicy::Required);
        assert_eq!(mppe.strengths, [Strength::Bits128]);
        assert_eq!(mppe.modes, [Mode::Stateless]);
        assert_eq!(args.auth, [AuthArg::MsChapV2]);
    }

    #[test]
    fn a_sentence_has_no_words_twice_and_ends_with_advice() {
        let expired = ClientError::from(Cause::PasswordExpired(String::new()));
        let error = coded(&expired);
        assert_eq!(
            error.to_string(),
            "the password has expired; --new-password-file gives the server a new one"
        );
        assert_eq!(Code::of(&error), Code::WrongPassword);
        let lookup = ClientError::from(NameError::Lookup {
            host: "x".to_owned(),
            source: std::io::Error::other("no such name"),
        });
        assert_eq!(
            coded(&lookup).to_string(),
            "cannot find the address of x: no such name"
        );
    }
}
