//! The round trip of ICMP echoes (RFC 792, RFC 4443 §4), one at a time or at a pace.

use std::collections::HashMap;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use adit_ip::echo;
use adit_net::namespace::Host;
use anyhow::{Context, bail, ensure};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, Socket, Type};

/// How long one echo may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// Echoes in a row that may stay without an answer.
const LOSSES: usize = 3;
const DATA: &[u8] = &[0xa5; 56];
/// Octets of an IPv4 header without options, and of an IPv6 header.
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;

/// Sends echo requests from a host to a target.
#[derive(Debug)]
pub struct Pinger {
    socket: Socket,
    target: IpAddr,
    identifier: u16,
    sequence: u16,
}

impl Pinger {
    /// Opens a raw socket on `host`. An IPv6 link-local target needs its scope; ports do not matter.
    ///
    /// # Errors
    /// No right to do so, or there is no way to the target.
    pub fn open(host: &Host, target: SocketAddr) -> anyhow::Result<Self> {
        let socket = host
            .run(|| open(target))?
            .with_context(|| format!("cannot ping {}", target.ip()))?;
        Ok(Self {
            socket,
            target: target.ip(),
            identifier: std::process::id() as u16,
            sequence: 0,
        })
    }

    /// The times of `count` round trips; an echo that is lost is sent again.
    ///
    /// # Errors
    /// The target does not answer.
    pub fn round_trips(&mut self, count: usize) -> anyhow::Result<Vec<Duration>> {
        (0..count).map(|_| self.round_trip()).collect()
    }

    /// The time of one round trip; an echo that is lost is sent again.
    ///
    /// # Errors
    /// The target does not answer.
    pub fn round_trip(&mut self) -> anyhow::Result<Duration> {
        for _ in 0..=LOSSES {
            self.sequence = self.sequence.wrapping_add(1);
            match self.echo() {
                Ok(time) => return Ok(time),
                Err(error) if is_timeout(&error) => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot ping {}", self.target));
                }
            }
        }
        bail!("{} does not answer pings", self.target)
    }

    /// Sends an echo every `interval` during `time`, whether those before have been answered or not, and returns the
    /// times of those that were answered, at most a second later.
    ///
    /// # Errors
    /// The target answers none.
    pub fn round_trips_paced(
        &mut self,
        interval: Duration,
        time: Duration,
    ) -> anyhow::Result<Vec<Duration>> {
        let (mut waiting, mut times) = (HashMap::new(), Vec::new());
        let start = Instant::now();
        let mut due = start;
        loop {
            let now = Instant::now();
            let sending = due < start + time;
            if sending && now >= due {
                self.sequence = self.sequence.wrapping_add(1);
                match self.send() {
                    // One that finds no room is lost, as on any path.
                    Err(error) if !is_timeout(&error) => {
                        return Err(error).with_context(|| format!("cannot ping {}", self.target));
                    }
                    _ => waiting.insert(self.sequence, now),
                };
                due += interval;
                continue;
            }
            let until = if sending {
                due
            } else {
                start + time + PATIENCE
            };
            if !sending && (waiting.is_empty() || now >= until) {
                break;
            }
            match self.receive(until) {
                Ok(sequence) => {
                    let sent = waiting.remove(&sequence);
                    times.extend(sent.map(|sent| sent.elapsed()));
                }
                Err(error) if is_timeout(&error) => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot ping {}", self.target));
                }
            }
        }
        ensure!(!times.is_empty(), "{} answers no pings", self.target);
        Ok(times)
    }

    fn echo(&mut self) -> io::Result<Duration> {
        let sent = Instant::now();
        self.send()?;
        while self.receive(sent + PATIENCE)? != self.sequence {}
        Ok(sent.elapsed())
    }

    fn send(&self) -> io::Result<()> {
        // The kernel puts its own IP header before the message, and in IPv6 the checksum into it.
        let packet = echo::request(
            self.target,
            self.target,
            self.identifier,
            self.sequence,
            DATA,
        );
        let packet = packet.ok_or(io::ErrorKind::InvalidInput)?;
        let header = match self.target {
            IpAddr::V4(_) => IPV4_HEADER,
            IpAddr::V6(_) => IPV6_HEADER,
        };
        let message = packet.get(header..).unwrap_or_default();
        self.socket.send(message).map(drop)
    }

    /// The number of the next answer to a question of ours.
    fn receive(&mut self, until: Instant) -> io::Result<u16> {
        let mut buffer = [0; 2048];
        loop {
            wait_readable(&self.socket, until)?;
            let length = self.socket.read(&mut buffer)?;
            let answered = answer(self.target, &buffer[..length]);
            if let Some((identifier, sequence)) = answered
                && identifier == self.identifier
            {
                return Ok(sequence);
            }
        }
    }
}

/// A socket's own timeout counts in ticks of the kernel's clock, some milliseconds long.
fn wait_readable(socket: &Socket, until: Instant) -> io::Result<()> {
    let left = until.saturating_duration_since(Instant::now());
    let mut polled = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    match ppoll(&mut polled, Some(TimeSpec::from_duration(left)), None)? {
        0 => Err(io::ErrorKind::TimedOut.into()),
        _ => Ok(()),
    }
}

fn open(target: SocketAddr) -> io::Result<Socket> {
    let (domain, protocol) = match target {
        SocketAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        SocketAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, Type::RAW, Some(protocol))?;
    socket.set_nonblocking(true)?;
    socket.connect(&target.into())?;
    Ok(socket)
}

/// Identifier and number of an echo reply. A raw socket delivers IPv4 packets whole, and of IPv6 the ICMPv6
/// message, whose checksum the kernel has checked.
fn answer(target: IpAddr, received: &[u8]) -> Option<(u16, u16)> {
    match target {
        IpAddr::V4(_) => {
            let reply = echo::reply(received)?;
            Some((reply.identifier, reply.sequence))
        }
        IpAddr::V6(_) => match received {
            [129, 0, _, _, id_high, id_low, high, low, ..] => Some((
                u16::from_be_bytes([*id_high, *id_low]),
                u16::from_be_bytes([*high, *low]),
            )),
            _ => None,
        },
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_have_numbers() {
        let v6: IpAddr = "fe80::1".parse().unwrap();
        let mut message = vec![129, 0, 0xff, 0xff, 0, 7, 0, 9];
        assert_eq!(answer(v6, &message), Some((7, 9)));
        assert_eq!(answer(v6, &message[..7]), None);
        message[0] = 128;
        assert_eq!(answer(v6, &message), None, "a request");

        let v4: IpAddr = "192.0.2.1".parse().unwrap();
        let mut packet = echo::request(v4, v4, 7, 9, DATA).unwrap();
        assert_eq!(answer(v4, &packet), None, "a request");
        // A reply is a request with type 0 instead of 8; the checksum counts the difference.
        packet[IPV4_HEADER] = 0;
        let sum = u16::from_be_bytes([packet[22], packet[23]]);
        let (sum, carry) = sum.overflowing_add(0x0800);
        packet[22..24].copy_from_slice(&(sum + u16::from(carry)).to_be_bytes());
        assert_eq!(answer(v4, &packet), Some((7, 9)));
    }
}
