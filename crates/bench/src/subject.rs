//! What is measured: tunnels, and the bare cable beside them.

mod adit;
mod openvpn;
mod wireguard;

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

use crate::stage::Stage;
use crate::stop::Stop;

/// What is measured. Its text is a short name, as `adit-128`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Subject {
    /// The cable between the hosts, without a tunnel.
    Veth,
    /// This program.
    Adit(Encryption),
    /// This program with 128-bit keys for each packet, and one setting changed.
    Tuned(Tuning),
    /// OpenVPN with AES-256-GCM over UDP, without kernel offload.
    OpenVpn(TunMtu),
    /// WireGuard in user space.
    WireguardGo,
}

/// Form of MPPE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encryption {
    /// None: packets are sent in the clear.
    Off,
    /// 40-bit keys, a new one for each packet.
    Mppe40,
    /// 128-bit keys, a new one for each packet.
    Mppe128,
    /// 128-bit keys, a new one every 256 packets.
    Mppe128Stateful,
}

/// A setting of this program that has not its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tuning {
    /// Packets are sent as Ethernet frames, at both ends.
    Packet,
    /// Packets are sent straight to the network driver, at both ends.
    Xdp,
    /// The server's TUN device has no offload.
    NoOffload,
    /// The server's socket has the buffers that kernels grant by default, of 208 KiB.
    SmallBuffers,
    /// The server has one worker.
    OneWorker,
    /// The server's workers are kept on cores of their own.
    Pinned,
}

/// MTU inside OpenVPN's tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TunMtu {
    /// 1500, its default.
    Standard,
    /// 9000, whose packets the kernel fragments outside: what OpenVPN's project advises for fast networks.
    Jumbo,
}

const NAMES: [(&str, Subject); 14] = [
    ("veth", Subject::Veth),
    ("adit-off", Subject::Adit(Encryption::Off)),
    ("adit-40", Subject::Adit(Encryption::Mppe40)),
    ("adit-128", Subject::Adit(Encryption::Mppe128)),
    (
        "adit-128-stateful",
        Subject::Adit(Encryption::Mppe128Stateful),
    ),
    ("adit-128-packet", Subject::Tuned(Tuning::Packet)),
    ("adit-128-xdp", Subject::Tuned(Tuning::Xdp)),
    ("adit-128-no-offload", Subject::Tuned(Tuning::NoOffload)),
    (
        "adit-128-small-buffers",
        Subject::Tuned(Tuning::SmallBuffers),
    ),
    ("adit-128-one-worker", Subject::Tuned(Tuning::OneWorker)),
    ("adit-128-pinned", Subject::Tuned(Tuning::Pinned)),
    ("openvpn", Subject::OpenVpn(TunMtu::Standard)),
    ("openvpn-jumbo", Subject::OpenVpn(TunMtu::Jumbo)),
    ("wireguard-go", Subject::WireguardGo),
];

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(_, subject)| subject == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.to_string()
    }
}

impl TryFrom<String> for Subject {
    type Error = String;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, subject)| *subject).ok_or_else(|| {
            let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            format!("there are {}", names.join(", "))
        })
    }
}

impl Subject {
    /// What it is, in a few words for people.
    pub fn description(self) -> &'static str {
        match self {
            Self::Veth => "bare veth cable",
            Self::Adit(Encryption::Off) => "Adit, not encrypted",
            Self::Adit(Encryption::Mppe40) => "Adit, MPPE-40 stateless",
            Self::Adit(Encryption::Mppe128) => "Adit, MPPE-128 stateless",
            Self::Adit(Encryption::Mppe128Stateful) => "Adit, MPPE-128 stateful",
            Self::Tuned(Tuning::Packet) => "Adit, transmit = \"packet\"",
            Self::Tuned(Tuning::Xdp) => "Adit, transmit = \"xdp\"",
            Self::Tuned(Tuning::NoOffload) => "Adit, server without offload",
            Self::Tuned(Tuning::SmallBuffers) => "Adit, server's buffers of 208 KiB",
            Self::Tuned(Tuning::OneWorker) => "Adit, one worker",
            Self::Tuned(Tuning::Pinned) => "Adit, pinned workers",
            Self::OpenVpn(TunMtu::Standard) => "OpenVPN, AES-256-GCM",
            Self::OpenVpn(TunMtu::Jumbo) => "OpenVPN, AES-256-GCM, tun-mtu 9000",
            Self::WireguardGo => "wireguard-go, ChaCha20-Poly1305",
        }
    }

    /// Whether another VPN than this program.
    pub fn is_peer(self) -> bool {
        matches!(self, Self::OpenVpn(_) | Self::WireguardGo)
    }

    /// Whether this program.
    pub fn is_adit(self) -> bool {
        matches!(self, Self::Adit(_) | Self::Tuned(_))
    }

    /// Why it cannot be measured here and how to change that, if so.
    pub fn missing(self) -> Option<String> {
        let (programs, packages) = match self {
            Self::Veth | Self::Adit(_) | Self::Tuned(_) => return None,
            Self::OpenVpn(_) => (openvpn::PROGRAMS, openvpn::PACKAGES),
            Self::WireguardGo => (wireguard::PROGRAMS, wireguard::PACKAGES),
        };
        let absent: Vec<&str> = (programs.iter().copied())
            .filter(|program| find_program(program).is_none())
            .collect();
        (!absent.is_empty()).then(|| {
            format!(
                "{self} is not measured: {} not found; on Debian, `apt install {packages}`",
                absent.join(" and ")
            )
        })
    }

    /// Version of the program that is measured; none for the cable.
    pub(crate) fn version(self) -> Option<String> {
        match self {
            Self::Veth => None,
            Self::Adit(_) | Self::Tuned(_) => Some(env!("CARGO_PKG_VERSION").to_owned()),
            Self::OpenVpn(_) => openvpn::version(),
            Self::WireguardGo => wireguard::version(),
        }
    }

    /// What its server has counted as lost on the way from the client, if it tells.
    pub(crate) fn losses(
        self,
        stage: &Stage,
        adit: &Path,
    ) -> anyhow::Result<Option<serde_json::Value>> {
        match self {
            Self::Adit(_) | Self::Tuned(_) => adit::losses(stage, adit).map(Some),
            Self::Veth | Self::OpenVpn(_) | Self::WireguardGo => Ok(None),
        }
    }

    /// Makes its hosts and, for a tunnel, connects them; `adit` is this program's file.
    pub(crate) fn set_up(self, adit: &Path, stop: &Stop) -> anyhow::Result<Stage> {
        let stage = Stage::cable()?;
        let stage = match self {
            Self::Veth => Ok(stage),
            Self::Adit(encryption) => adit::set_up(stage, adit, encryption, None, stop),
            Self::Tuned(tuning) => {
                adit::set_up(stage, adit, Encryption::Mppe128, Some(tuning), stop)
            }
            Self::OpenVpn(mtu) => openvpn::set_up(stage, mtu),
            Self::WireguardGo => wireguard::set_up(stage),
        };
        // When a signal has ended the programs, that is what happened.
        stop.check()?;
        stage.with_context(|| format!("cannot set up {self}"))
    }
}

/// The file of a program, which may be one for administrators that is not in a user's PATH.
fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
}

fn program(name: &str) -> anyhow::Result<PathBuf> {
    find_program(name).with_context(|| format!("{name} is not installed"))
}

/// Runs a command to its end and returns what it says.
fn output_of(command: &mut Command) -> anyhow::Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot run {name}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name} failed: {}", said.trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for (name, subject) in NAMES {
            assert_eq!(subject.to_string(), name);
            assert_eq!(name.parse(), Ok(subject));
        }
        assert!("pptpd".parse::<Subject>().unwrap_err().contains("adit-40"));
    }

    #[test]
    fn what_is_missing_is_told_with_the_way_to_get_it() {
        assert_eq!(Subject::Adit(Encryption::Off).missing(), None);
        assert!(find_program("sh").is_some());
        assert!(find_program("no-such-program").is_none());
    }

    #[test]
    fn a_command_that_fails_is_told_with_its_words() {
        let mut command = Command::new("sh");
        let error = output_of(command.args(["-c", "echo no luck >&2; exit 1"])).unwrap_err();
        assert!(error.to_string().contains("no luck"), "{error}");
    }
}
