//! The round trip of ICMP echoes (RFC 792, RFC 4443 §4).

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use adit_ip::echo;
use adit_net::namespace::Host;
use anyhow::{Context, bail};
use socket2::{Domain, Protocol, Socket, Type};

/// Echoes for one measurement.
const COUNT: u16 = 20;
/// How long one echo may take; what is lost is sent again.
const PATIENCE: Duration = Duration::from_secs(1);
/// Echoes that may stay without an answer.
const LOSSES: u16 = 3;
const DATA: &[u8] = &[0xa5; 56];
/// Octets of an IPv4 header without options, and of an IPv6 header.
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;

/// The median of several round trips from `host` to `target`; an IPv6 link-local address needs its scope.
pub(super) fn round_trip(host: &Host, target: SocketAddr) -> anyhow::Result<Duration> {
    let socket = host.run(|| open(target))??;
    let identifier = std::process::id() as u16;
    let (mut times, mut lost) = (Vec::new(), 0);
    for sequence in 0..COUNT + LOSSES {
        match echo_once(&socket, target.ip(), identifier, sequence) {
            Ok(time) => times.push(time),
            Err(error) if is_timeout(&error) => lost += 1,
            Err(error) => {
                return Err(error).with_context(|| format!("cannot ping {}", target.ip()));
            }
        }
        if times.len() >= usize::from(COUNT) || lost > LOSSES {
            break;
        }
    }
    if lost > LOSSES {
        bail!("{} does not answer pings", target.ip());
    }
    times.sort_unstable();
    times
        .get(times.len() / 2)
        .copied()
        .with_context(|| format!("no ping of {} was answered", target.ip()))
}

fn open(target: SocketAddr) -> io::Result<Socket> {
    let (domain, protocol) = match target {
        SocketAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        SocketAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, Type::RAW, Some(protocol))?;
    socket.connect(&target.into())?;
    Ok(socket)
}

fn echo_once(
    mut socket: &Socket,
    target: IpAddr,
    identifier: u16,
    sequence: u16,
) -> io::Result<Duration> {
    // The kernel puts its own IP header before the message, and in IPv6 the checksum into it.
    let packet = echo::request(target, target, identifier, sequence, DATA);
    let packet = packet.ok_or(io::ErrorKind::InvalidInput)?;
    let message = packet.get(header_length(target)..).unwrap_or_default();
    let sent = Instant::now();
    socket.send(message)?;
    let mut buffer = [0; 2048];
    loop {
        let left = PATIENCE.saturating_sub(sent.elapsed());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        let length = socket.read(&mut buffer)?;
        if is_answer(target, &buffer[..length], (identifier, sequence)) {
            return Ok(sent.elapsed());
        }
    }
}

fn header_length(target: IpAddr) -> usize {
    match target {
        IpAddr::V4(_) => IPV4_HEADER,
        IpAddr::V6(_) => IPV6_HEADER,
    }
}

/// A raw socket delivers IPv4 packets whole, and of IPv6 the ICMPv6 message, whose checksum the kernel
/// has checked.
fn is_answer(target: IpAddr, received: &[u8], (identifier, sequence): (u16, u16)) -> bool {
    match target {
        IpAddr::V4(_) => echo::reply(received)
            .is_some_and(|reply| (reply.identifier, reply.sequence) == (identifier, sequence)),
        IpAddr::V6(_) => {
            let numbers = [identifier.to_be_bytes(), sequence.to_be_bytes()].concat();
            received.starts_with(&[129, 0]) && received.get(4..8) == Some(&numbers)
        }
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
    fn only_the_answer_to_the_question_counts() {
        let v6: IpAddr = "fe80::1".parse().unwrap();
        let mut message = vec![129, 0, 0xff, 0xff, 0, 7, 0, 9];
        assert!(is_answer(v6, &message, (7, 9)));
        assert!(!is_answer(v6, &message, (7, 8)));
        assert!(!is_answer(v6, &message[..7], (7, 9)));
        message[0] = 128;
        assert!(!is_answer(v6, &message, (7, 9)), "a request");

        let v4: IpAddr = "192.0.2.1".parse().unwrap();
        let mut packet = echo::request(v4, v4, 7, 9, DATA).unwrap();
        assert!(!is_answer(v4, &packet, (7, 9)), "a request");
        // A reply is a request with type 0 instead of 8; the checksum counts the difference.
        packet[IPV4_HEADER] = 0;
        let sum = u16::from_be_bytes([packet[22], packet[23]]);
        let (sum, carry) = sum.overflowing_add(0x0800);
        packet[22..24].copy_from_slice(&(sum + u16::from(carry)).to_be_bytes());
        assert!(is_answer(v4, &packet, (7, 9)));
        assert!(!is_answer(v4, &packet, (8, 9)));
    }
}
