//! The sockets that take control connections.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::{LISTENERS, ServeError};
use crate::config::Listen;

/// Connections that may wait to be taken.
const WAITING: i32 = 1024;

/// The sockets by a number that no other one of this server has had.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    open: BTreeMap<usize, (Listen, TcpListener)>,
    next: usize,
}

impl Listeners {
    /// Listens at these places and no others. Where one cannot be listened at, everything stays as it was.
    pub(super) fn set(&mut self, registry: &Registry, places: &[Listen]) -> Result<(), ServeError> {
        let is_open = |place: &&Listen| self.open.values().any(|(there, _)| there == *place);
        let new: Vec<&Listen> = places.iter().filter(|place| !is_open(place)).collect();
        let obsolete = |(_, (place, _)): &(&usize, &(Listen, TcpListener))| !places.contains(place);
        let obsolete: Vec<usize> = self.open.iter().filter(obsolete).map(|(n, _)| *n).collect();
        let sockets: Vec<(Listen, TcpListener)> = match open_all(&new) {
            Ok(sockets) => {
                self.close(&obsolete);
                sockets
            }
            // One that is to go may hold the port.
            Err(ServeError::Listen { source, .. })
                if source.kind() == io::ErrorKind::AddrInUse && !obsolete.is_empty() =>
            {
                let closed = self.close(&obsolete);
                match open_all(&new) {
                    Ok(sockets) => sockets,
                    Err(error) => {
                        let closed: Vec<&Listen> = closed.iter().collect();
                        self.add(registry, open_all(&closed)?)?;
                        return Err(error);
                    }
                }
            }
            Err(error) => return Err(error),
        };
        self.add(registry, sockets)
    }

    fn add(
        &mut self,
        registry: &Registry,
        sockets: Vec<(Listen, TcpListener)>,
    ) -> Result<(), ServeError> {
        for (place, mut socket) in sockets {
            let token = Token(LISTENERS + self.next);
            registry.register(&mut socket, token, Interest::READABLE)?;
            self.open.insert(self.next, (place, socket));
            self.next += 1;
        }
        Ok(())
    }

    fn close(&mut self, numbers: &[usize]) -> Vec<Listen> {
        let closed = numbers.iter().filter_map(|number| self.open.remove(number));
        closed.map(|(place, _)| place).collect()
    }

    /// Listens no longer.
    pub(super) fn clear(&mut self) {
        self.open.clear();
    }

    /// Takes a connection that waits at the listener with this number; `None` if there is no such listener.
    pub(super) fn accept(&self, number: usize) -> Option<io::Result<(TcpStream, SocketAddr)>> {
        self.open.get(&number).map(|(_, socket)| socket.accept())
    }
}

fn open_all(places: &[&Listen]) -> Result<Vec<(Listen, TcpListener)>, ServeError> {
    let open_one = |place: &&Listen| {
        let socket = open(place).map_err(|source| ServeError::Listen {
            place: (*place).clone(),
            source,
        });
        Ok(((*place).clone(), socket?))
    };
    places.iter().map(open_one).collect()
}

fn open(place: &Listen) -> io::Result<TcpListener> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::IPV4, kind, Some(Protocol::TCP))?;
    // A predecessor's connections may still be remembered.
    socket.set_reuse_address(true)?;
    if let Some(interface) = &place.interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    socket.bind(&SockAddr::from(place.address))?;
    socket.listen(WAITING)?;
    Ok(TcpListener::from_std(socket.into()))
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use mio::Poll;

    use super::*;

    /// A port of the loopback address that is free.
    fn place() -> Listen {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let SocketAddr::V4(address) = listener.local_addr().unwrap() else {
            panic!("IPv4 was asked for");
        };
        address.into()
    }

    fn answers(place: &Listen) -> bool {
        TcpStream::connect(place.address).is_ok()
    }

    #[test]
    fn places_come_and_go_and_what_cannot_be_changes_nothing() {
        let poll = Poll::new().unwrap();
        let mut listeners = Listeners::default();
        let (one, two, taken) = (place(), place(), place());
        listeners
            .set(poll.registry(), std::slice::from_ref(&one))
            .unwrap();
        assert!(answers(&one) && !answers(&two));

        let other = std::net::TcpListener::bind(taken.address).unwrap();
        let error = listeners
            .set(poll.registry(), &[two.clone(), taken.clone()])
            .unwrap_err();
        assert!(
            error.to_string().contains("another program uses this port"),
            "{error}"
        );
        assert!(answers(&one) && !answers(&two));
        drop(other);

        listeners
            .set(poll.registry(), std::slice::from_ref(&two))
            .unwrap();
        assert!(!answers(&one) && answers(&two));
    }

    #[test]
    fn all_addresses_can_take_the_place_of_one() {
        let poll = Poll::new().unwrap();
        let mut listeners = Listeners::default();
        let one = place();
        let all: Listen = format!("0.0.0.0:{}", one.address.port()).parse().unwrap();
        for place in [&one, &all, &one] {
            listeners
                .set(poll.registry(), std::slice::from_ref(place))
                .unwrap();
            assert!(answers(&one), "{place}");
            assert_eq!(listeners.open.len(), 1);
        }
    }
}
