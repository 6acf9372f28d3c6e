//! What this process may not do, found out by trying where that is harmless.

use std::fs::{self, OpenOptions};

use crate::gre::{RawGre, RawGreError};
use crate::sysctl;
use crate::tun::TunError;

/// Bits of the capability sets, capabilities(7).
const CAP_NET_BIND_SERVICE: u32 = 10;
const CAP_NET_ADMIN: u32 = 12;

/// Something that a VPN endpoint needs of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A raw socket for GRE.
    RawGre,
    /// A TUN device, with addresses and routes.
    Tun,
    /// Listening on a TCP port.
    Port(u16),
}

/// What is missing, and how to get it.
#[derive(Debug, thiserror::Error)]
pub enum Missing {
    /// For a raw GRE socket.
    #[error(transparent)]
    RawGre(#[from] RawGreError),
    /// For a TUN device.
    #[error(transparent)]
    Tun(#[from] TunError),
    /// For a TCP port.
    #[error(
        "no permission for port {port}: ports below {first} take the capability CAP_NET_BIND_SERVICE"
    )]
    Port {
        /// The port asked for.
        port: u16,
        /// The first port that everybody may use.
        first: u16,
    },
}

/// Whether this process can have what it needs.
///
/// # Errors
/// [`Missing`], a sentence for people.
pub fn check(need: Need) -> Result<(), Missing> {
    match need {
        Need::RawGre => RawGre::open(None).map(drop).map_err(Missing::from),
        Need::Tun => check_tun(),
        Need::Port(port) => check_port(port),
    }
}

fn check_tun() -> Result<(), Missing> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .open(crate::tun::DEVICE);
    opened.map_err(|error| TunError::of_open("", error))?;
    if !has_capability(CAP_NET_ADMIN) {
        return Err(TunError::Permission {
            name: "of the tunnel".to_owned(),
        }
        .into());
    }
    Ok(())
}

fn check_port(port: u16) -> Result<(), Missing> {
    let first = sysctl::read("net.ipv4.ip_unprivileged_port_start").ok();
    let first = first.and_then(|value| value.parse().ok()).unwrap_or(1024);
    if port < first && !has_capability(CAP_NET_BIND_SERVICE) {
        return Err(Missing::Port { port, first });
    }
    Ok(())
}

/// Whether the calling thread has a capability in effect, in its own user namespace.
pub(crate) fn has_capability(number: u32) -> bool {
    fs::read_to_string("/proc/thread-self/status")
        .ok()
        .and_then(|status| effective(&status))
        .is_some_and(|set| set >> number & 1 == 1)
}

fn effective(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_effective_set() {
        let status = "Name:\tx\nCapPrm:\t0000000000000000\nCapEff:\t0000000000003000\n";
        assert_eq!(effective(status), Some(0x3000));
        assert_eq!(effective("Name:\tx\n"), None);
    }

    #[test]
    fn a_high_port_takes_nothing() {
        assert!(check(Need::Port(40_000)).is_ok());
    }

    #[test]
    fn what_is_missing_is_told_in_a_sentence() {
        let missing = Missing::Port {
            port: 80,
            first: 1024,
        };
        assert!(missing.to_string().contains("CAP_NET_BIND_SERVICE"));
        assert!(
            Missing::from(RawGreError::Permission)
                .to_string()
                .contains("CAP_NET_RAW")
        );
    }
}
