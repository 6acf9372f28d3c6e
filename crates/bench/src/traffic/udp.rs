//! UDP datagrams at a given rate, numbered, so that every one is accounted for.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use adit_net::namespace::Host;
use anyhow::{Context, bail};
use nix::sys::socket::{setsockopt, sockopt};

use crate::stage::{End, IpVersion};
use crate::stop::Stop;

/// How often a sender looks how many datagrams are due.
const TICK: Duration = Duration::from_micros(500);
/// Silence after which nothing more is on its way.
const SILENCE: Duration = Duration::from_millis(150);
/// Octets of a receiver's buffer, where the kernel grants them: what waits there was not lost by the path.
const BUFFER: usize = 32 << 20;
/// Octets of a datagram's number.
const NUMBER: usize = 8;

/// Datagrams to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offer {
    pub(crate) version: IpVersion,
    pub(crate) streams: u16,
    /// UDP payload of one, in octets.
    pub(crate) length: usize,
    /// Datagrams per second on all streams together.
    pub(crate) rate: f64,
    pub(crate) time: Duration,
}

/// What became of the datagrams.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Arrivals {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Arrived after one that was sent later.
    pub(crate) reordered: u64,
    /// Arrived once more.
    pub(crate) duplicate: u64,
    /// Arrived at the receiver's host, whose buffer was full: not lost on the path.
    pub(crate) unread: u64,
    /// How long sending took, in seconds.
    pub(crate) seconds: f64,
}

impl Arrivals {
    /// Datagrams that did not come out of the path.
    pub(crate) fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.received + self.unread)
    }

    fn add(&mut self, stream: &Self) {
        self.sent += stream.sent;
        self.received += stream.received;
        self.reordered += stream.reordered;
        self.duplicate += stream.duplicate;
        self.seconds = self.seconds.max(stream.seconds);
    }
}

/// Sends from one end to the other and waits for what arrives.
pub(crate) fn send_datagrams(
    from: &End,
    to: &End,
    offer: Offer,
    stop: &Stop,
) -> anyhow::Result<Arrivals> {
    let unread_before = unread(&to.host, offer.version)?;
    let ended = Arc::new(AtomicBool::new(false));
    let mut streams = Vec::new();
    for _ in 0..offer.streams {
        streams.push(Stream::start(from, to, offer, Arc::clone(&ended))?);
    }
    let waited = stop.wait(offer.time);
    ended.store(true, Ordering::Relaxed);
    let mut all = Arrivals::default();
    for stream in streams {
        all.add(&stream.end()?);
    }
    waited?;
    all.unread = unread(&to.host, offer.version)?.saturating_sub(unread_before);
    Ok(all)
}

/// A sender and its receiver.
struct Stream {
    sender: JoinHandle<(u64, f64)>,
    receiver: JoinHandle<Numbers>,
}

impl Stream {
    fn start(from: &End, to: &End, offer: Offer, ended: Arc<AtomicBool>) -> anyhow::Result<Self> {
        let receiving = to.host.run(|| open_receiver(to, offer.version))?;
        let receiving = receiving.context("cannot receive datagrams")?;
        let target = receiving.local_addr()?;
        let sending = from.host.run(|| {
            let socket = UdpSocket::bind(from.address(offer.version))?;
            socket.connect(target)?;
            io::Result::Ok(socket)
        })?;
        let sending = sending.with_context(|| format!("cannot send datagrams to {target}"))?;
        let rate = offer.rate / f64::from(offer.streams);
        let last = Arc::clone(&ended);
        Ok(Self {
            sender: thread::spawn(move || send(&sending, offer.length, rate, &ended)),
            receiver: thread::spawn(move || receive(&receiving, &last)),
        })
    }

    fn end(self) -> anyhow::Result<Arrivals> {
        let (Ok((sent, seconds)), Ok(numbers)) = (self.sender.join(), self.receiver.join()) else {
            bail!("a stream of datagrams failed");
        };
        Ok(Arrivals {
            sent,
            received: numbers.received,
            reordered: numbers.reordered,
            duplicate: numbers.duplicate,
            unread: 0,
            seconds,
        })
    }
}

fn open_receiver(to: &End, version: IpVersion) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(to.address(version))?;
    socket.set_read_timeout(Some(SILENCE))?;
    // The first needs a right that root of a user namespace has not.
    if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).is_err() {
        setsockopt(&socket, sockopt::RcvBuf, &BUFFER)?;
    }
    Ok(socket)
}

/// Sends what is due until told to end; returns how many were sent in how many seconds.
fn send(socket: &UdpSocket, length: usize, rate: f64, ended: &AtomicBool) -> (u64, f64) {
    let mut datagram = vec![0; length.max(NUMBER)];
    let (start, mut sent) = (Instant::now(), 0);
    while !ended.load(Ordering::Relaxed) {
        let due = (start.elapsed().as_secs_f64() * rate) as u64;
        while sent < due && !ended.load(Ordering::Relaxed) {
            for (place, octet) in datagram.iter_mut().zip(u64::to_be_bytes(sent)) {
                *place = octet;
            }
            // What is refused here counts as sent, and lost.
            let _ = socket.send(&datagram);
            sent += 1;
        }
        thread::sleep(TICK);
    }
    (sent, start.elapsed().as_secs_f64())
}

/// Receives until it is silent after the end.
fn receive(socket: &UdpSocket, ended: &AtomicBool) -> Numbers {
    let mut numbers = Numbers::default();
    let mut buffer = [0; 2048];
    loop {
        match socket.recv(&mut buffer) {
            Ok(_) => {
                if let Some(number) = buffer.first_chunk::<NUMBER>() {
                    numbers.take(u64::from_be_bytes(*number));
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) if ended.load(Ordering::Relaxed) => return numbers,
            Err(_) => {}
        }
    }
}

/// The numbers that have arrived on one stream.
#[derive(Debug, Default)]
struct Numbers {
    received: u64,
    reordered: u64,
    duplicate: u64,
    /// The number after the highest so far.
    next: u64,
    /// Numbers below that have not arrived.
    missing: std::collections::BTreeSet<u64>,
}

impl Numbers {
    fn take(&mut self, number: u64) {
        if number >= self.next {
            self.missing.extend(self.next..number);
            self.next = number + 1;
            self.received += 1;
        } else if self.missing.remove(&number) {
            self.received += 1;
            self.reordered += 1;
        } else {
            self.duplicate += 1;
        }
    }
}

/// Datagrams that a host has dropped because a socket's buffer was full.
fn unread(host: &Host, version: IpVersion) -> anyhow::Result<u64> {
    let (file, parse): (_, fn(&str) -> Option<u64>) = match version {
        IpVersion::V4 => ("snmp", parse_snmp),
        IpVersion::V6 => ("snmp6", parse_snmp6),
    };
    let path = format!("/proc/thread-self/net/{file}");
    let text = host.run(|| fs::read_to_string(&path))?;
    let text = text.with_context(|| format!("cannot read {path}"))?;
    parse(&text).with_context(|| format!("{path} does not count datagrams"))
}

/// Two lines begin with `Udp:`, one with the names of the columns and one with the values.
fn parse_snmp(text: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Udp:"));
    let (names, values) = (lines.next()?, lines.next()?);
    let mut columns = names.split_whitespace().zip(values.split_whitespace());
    let (_, value) = columns.find(|(name, _)| *name == "RcvbufErrors")?;
    value.parse().ok()
}

fn parse_snmp6(text: &str) -> Option<u64> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix("Udp6RcvbufErrors"))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_accounted_for() {
        let mut numbers = Numbers::default();
        for number in [0, 1, 3, 6, 2, 2, 5, 7] {
            numbers.take(number);
        }
        let counted = (numbers.received, numbers.reordered, numbers.duplicate);
        assert_eq!(counted, (7, 2, 1));
        assert_eq!(Vec::from_iter(numbers.missing), [4]);
    }

    #[test]
    fn what_nobody_read_was_not_lost() {
        let arrivals = Arrivals {
            sent: 100,
            received: 90,
            unread: 7,
            ..Arrivals::default()
        };
        assert_eq!(arrivals.lost(), 3);
    }

    #[test]
    fn datagrams_that_nobody_read_are_counted_by_the_kernel() {
        let v4 = "Udp: InDatagrams NoPorts RcvbufErrors\nUdp: 5 6 7\nUdpLite: A\nUdpLite: 1\n";
        assert_eq!(parse_snmp(v4), Some(7));
        assert_eq!(parse_snmp("Udp: InDatagrams\nUdp: 5\n"), None);
        let v6 = "Udp6InErrors 1\nUdp6RcvbufErrors                 \t9\n";
        assert_eq!(parse_snmp6(v6), Some(9));
    }

    #[test]
    fn a_sender_keeps_to_its_rate() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.connect(receiver.local_addr().unwrap()).unwrap();
        receiver.set_read_timeout(Some(SILENCE)).unwrap();
        let ended = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ended);
        let sending = thread::spawn(move || send(&sender, 100, 1000.0, &told));
        let mut buffer = [0; 200];
        for expected in 0..20_u64 {
            assert_eq!(receiver.recv(&mut buffer).unwrap(), 100);
            assert_eq!(buffer[..NUMBER], expected.to_be_bytes());
        }
        ended.store(true, Ordering::Relaxed);
        let (sent, seconds) = sending.join().unwrap();
        assert!(
            sent >= 20 && sent as f64 <= seconds * 1000.0,
            "{sent} in {seconds}"
        );
        assert_eq!(receive(&receiver, &ended).received + 20, sent);
    }
}
