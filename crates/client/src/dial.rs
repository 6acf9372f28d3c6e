use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use adit_io::established;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::error::ClientError;
use crate::observer::{Notice, Observer};
use crate::signals::HangUpSignals;
use crate::stage::{Stage, StageClock};

/// How long one address may take to accept.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// A TCP connection that did not come about.
#[derive(Debug)]
pub struct ConnectFailure {
    address: SocketAddrV4,
    cause: FailureCause,
}

#[derive(Debug)]
enum FailureCause {
    Refused,
    NoRoute,
    Unreachable,
    TimedOut,
    Other(io::Error),
}

impl ConnectFailure {
    fn new(address: SocketAddrV4, error: io::Error) -> Self {
        use io::ErrorKind as Error;
        let cause = match error.kind() {
            Error::ConnectionRefused | Error::ConnectionReset => FailureCause::Refused,
            Error::NetworkUnreachable => FailureCause::NoRoute,
            Error::HostUnreachable => FailureCause::Unreachable,
            Error::TimedOut => FailureCause::TimedOut,
            _ => FailureCause::Other(error),
        };
        Self { address, cause }
    }

    /// Whether a host answered, and said no.
    pub fn is_refused(&self) -> bool {
        matches!(self.cause, FailureCause::Refused)
    }
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address;
        match &self.cause {
            FailureCause::Refused => write!(
                f,
                "{address} refuses the connection: no PPTP server listens there, or a firewall rejects it"
            ),
            FailureCause::NoRoute => write!(f, "no route leads to {address}"),
            FailureCause::Unreachable => write!(f, "{address} is unreachable"),
            FailureCause::TimedOut => write!(f, "{address} does not answer"),
            FailureCause::Other(error) => write!(f, "cannot connect to {address}: {error}"),
        }
    }
}

/// What dialling waits with, and whom it tells.
pub(crate) struct Dialler<'a> {
    pub(crate) poll: &'a mut Poll,
    pub(crate) signals: &'a mut HangUpSignals,
    pub(crate) observer: &'a mut dyn Observer,
    /// For the stream.
    pub(crate) token: Token,
}

impl Dialler<'_> {
    /// Connects to the first address that accepts; none if the user hangs up meanwhile. The stream
    /// is left registered.
    pub(crate) fn dial(
        &mut self,
        addresses: &[SocketAddrV4],
    ) -> Result<Option<(TcpStream, SocketAddrV4)>, ClientError> {
        let mut failures = Vec::new();
        for &address in addresses {
            match self.attempt(address)? {
                Attempt::Connected(stream) => return Ok(Some((stream, address))),
                Attempt::HungUp => return Ok(None),
                Attempt::Failed(error) => failures.push(ConnectFailure::new(address, error)),
            }
        }
        Err(ClientError::Connect(failures))
    }

    fn attempt(&mut self, address: SocketAddrV4) -> Result<Attempt, ClientError> {
        let connecting = adit_net::path_mtu(IpAddr::V4(*address.ip()))
            .and_then(|_| TcpStream::connect(address.into()));
        let mut stream = match connecting {
            Ok(stream) => stream,
            Err(error) => return Ok(Attempt::Failed(error)),
        };
        self.poll
            .registry()
            .register(&mut stream, self.token, Interest::WRITABLE)
            .map_err(ClientError::io("wait for the connection"))?;
        self.wait(stream, address)
    }

    fn wait(&mut self, stream: TcpStream, address: SocketAddrV4) -> Result<Attempt, ClientError> {
        let start = Instant::now();
        let mut clock = StageClock::new(Stage::Connecting(address), start);
        let mut events = Events::with_capacity(8);
        loop {
            let now = Instant::now();
            if now >= start + CONNECT_TIME {
                return Ok(Attempt::Failed(io::ErrorKind::TimedOut.into()));
            }
            if let Some(stage) = clock.poll(now) {
                self.observer.notice(Notice::Waiting(stage));
            }
            let next = clock.deadline().unwrap_or(start + CONNECT_TIME);
            let timeout = next.saturating_duration_since(now);
            match self.poll.poll(&mut events, Some(timeout)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(ClientError::io("wait for the connection")(error));
                }
                _ => {}
            }
            if self.signals.came() {
                return Ok(Attempt::HungUp);
            }
            if let Some(result) = established(&stream) {
                return Ok(match result {
                    Ok(()) => Attempt::Connected(stream),
                    Err(error) => Attempt::Failed(error),
                });
            }
        }
    }
}

enum Attempt {
    Connected(TcpStream),
    HungUp,
    Failed(io::Error),
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::error::Kind;

    struct Deaf;

    impl Observer for Deaf {
        fn notice(&mut self, _: Notice<'_>) {}
    }

    fn dial(addresses: &[SocketAddrV4]) -> Result<Option<(TcpStream, SocketAddrV4)>, ClientError> {
        let mut poll = Poll::new().unwrap();
        let mut signals = HangUpSignals::new(poll.registry(), Token(1)).unwrap();
        let mut dialler = Dialler {
            poll: &mut poll,
            signals: &mut signals,
            observer: &mut Deaf,
            token: Token(0),
        };
        dialler.dial(addresses)
    }

    fn address_of(listener: &TcpListener) -> SocketAddrV4 {
        match listener.local_addr().unwrap() {
            std::net::SocketAddr::V4(address) => address,
            other => panic!("{other} is not an IPv4 address"),
        }
    }

    /// An address at which nobody listens.
    fn closed() -> SocketAddrV4 {
        address_of(&TcpListener::bind("127.0.0.1:0").unwrap())
    }

    #[test]
    fn the_next_address_is_tried_where_one_refuses() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let open = address_of(&listener);
        let (_, reached) = dial(&[closed(), open]).unwrap().unwrap();
        assert_eq!(reached, open);
    }

    #[test]
    fn every_failure_is_told_and_a_refusal_is_one() {
        let (refusing, unroutable) = (closed(), "255.255.255.255:1723".parse().unwrap());
        let error = dial(&[refusing, unroutable]).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused);
        let sentence = error.to_string();
        assert!(
            sentence.starts_with(&format!("{refusing} refuses the connection")),
            "{sentence}"
        );
        assert!(sentence.contains("; cannot connect to 255.255.255.255:1723"));
        let error = dial(&[unroutable]).unwrap_err();
        assert_eq!(error.kind(), Kind::Unreachable);
    }
}
