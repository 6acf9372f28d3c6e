//! What a test can do to a world.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use adit_engine::{ConnectionId, Destination, Dial, Endpoint, Path};

use super::{Actor, Line, Packets, Party, SERVER, World};
use crate::config::Site;
use crate::nat::Translation;
use crate::netem::Impairment;
use crate::probe::{Direction, FlowId, Version};
use crate::rng::Chance;
use crate::stream::Stream;

/// How a host dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// Its process ends: its kernel closes the TCP connections.
    Process,
    /// Its power fails: it says nothing more.
    Power,
}

impl World {
    /// Starts a host that does not live, without memory of what was before.
    pub fn start(&mut self, party: Party) {
        let config = match party {
            Party::Server => self.config.server.clone(),
            Party::Client(index) => self.clients[index].config.endpoint.clone(),
        };
        let host = self.new_host(config);
        match party {
            Party::Server => self.server = Some(host),
            Party::Client(index) => self.clients[index].host = Some(host),
        }
    }

    /// Has a client connect; none where one of the two does not live.
    pub fn connect(&mut self, index: usize) -> Option<ConnectionId> {
        self.host(Party::Server)?;
        self.host(Party::Client(index))?;
        let id = ConnectionId(self.number());
        let client = &self.clients[index];
        let (inside, outside) = (client.inside(index), client.outside(index));
        let (mtu, stream) = (client.config.path_mtu, client.config.stream);
        let translation = match client.config.site {
            Site::Public => None,
            Site::Behind(_) => Some(Translation::default()),
        };
        let line = Line {
            client: index,
            translation,
            to_server: Stream::new(stream, self.rng.fork(id.0 * 2)),
            to_client: Stream::new(stream, self.rng.fork(id.0 * 2 + 1)),
        };
        self.lines.insert(id, line);
        self.accept(id, outside, mtu);
        let path = Path {
            local: inside,
            peer: SERVER,
            mtu,
        };
        let party = Party::Client(index);
        if let Some(host) = self.host_mut(party) {
            host.ledger.opened(id, SERVER);
        }
        self.drive(party, |endpoint, now, _| {
            endpoint.dial(now, id, path, Dial::default());
        });
        Some(id)
    }

    /// Has a client connect, again where a path is so bad that a try fails, as users do. Tells
    /// whether its tunnel is up at last.
    pub fn bring_up(&mut self, index: usize) -> bool {
        const TRIES: u32 = 5;
        const PATIENCE: Duration = Duration::from_secs(90);
        for _ in 0..TRIES {
            self.connect(index);
            if self.run_until(PATIENCE, |world| world.is_up(index)) {
                return true;
            }
            self.stop(Party::Client(index));
            self.run_for(PATIENCE);
        }
        false
    }

    /// Gives the server a connection from `peer`.
    pub(super) fn accept(&mut self, id: ConnectionId, peer: IpAddr, mtu: u16) {
        let path = Path {
            local: SERVER,
            peer,
            mtu,
        };
        if let Some(host) = &mut self.server {
            host.ledger.opened(id, peer);
        }
        self.drive(Party::Server, |endpoint, now, _| {
            endpoint.accept(now, id, path);
        });
    }

    /// Has one end of a client's call hang up; tells whether there was a call.
    pub fn hang_up(&mut self, party: Party, index: usize) -> bool {
        let call = self.call(party, index);
        if let Some(call) = call {
            self.drive(party, |endpoint, now, _| endpoint.hang_up(now, call));
        }
        call.is_some()
    }

    /// Has a host stop its control connections, without a word on its links.
    pub fn stop(&mut self, party: Party) {
        self.drive(party, |endpoint, now, _| endpoint.stop_all(now));
    }

    /// Has a host end everything in order, after which it takes no more calls.
    pub fn shut_down(&mut self, party: Party) {
        self.drive(party, |endpoint, now, _| endpoint.shut_down(now));
    }

    /// Kills a host.
    pub fn kill(&mut self, party: Party, death: Death) {
        match party {
            Party::Server => {
                self.server = None;
                self.directory.forget();
                self.raw.clear();
                self.agenda.set(Actor::Directory, None);
            }
            Party::Client(index) => self.clients[index].host = None,
        }
        self.agenda.set(Actor::Host(party), None);
        if death == Death::Power {
            return;
        }
        for id in self.lines_of(party) {
            self.close_line(party, id);
        }
    }

    /// Lets nothing through on a client's TCP connections until [`unblock_tcp`](Self::unblock_tcp).
    pub fn block_tcp(&mut self, index: usize) {
        self.each_stream(index, Stream::block);
    }

    /// Lets everything through again.
    pub fn unblock_tcp(&mut self, index: usize) {
        self.each_stream(index, Stream::unblock);
    }

    /// Changes what a client's GRE packets suffer, in both directions.
    pub fn impair(&mut self, index: usize, impairment: Impairment) {
        let client = &mut self.clients[index];
        client.up.set_impairment(impairment);
        client.down.set_impairment(impairment);
    }

    /// Loses all of a client's GRE packets from here on.
    pub fn block_gre(&mut self, index: usize) {
        let client = &mut self.clients[index];
        client.up.clear();
        client.down.clear();
        let loss = Chance::ALWAYS;
        self.impair(
            index,
            Impairment {
                loss,
                ..Impairment::NONE
            },
        );
    }

    /// Has one end of a client's tunnel send a probe of at least `length` octets to the other one;
    /// tells whether the tunnel was up at this end.
    pub fn send_probe(
        &mut self,
        index: usize,
        direction: Direction,
        version: Version,
        length: usize,
    ) -> bool {
        let Some((source, destination)) = self.inner_addresses(index, direction, version) else {
            return false;
        };
        let flow = FlowId {
            client: u16::try_from(index).expect("there are fewer clients"),
            direction,
            version,
        };
        let probe = self.traffic.next(self.now, flow);
        let packet = probe.build(source, destination, length);
        self.send_packet(index, direction, packet);
        true
    }

    /// Has one end of a client's tunnel send any inner packet. The server finds the call by the
    /// packet's destination, as it does for all that comes from its network.
    pub fn send_packet(&mut self, index: usize, direction: Direction, packet: Vec<u8>) {
        match direction {
            Direction::ToServer => {
                let party = Party::Client(index);
                let Some(call) = self.call(party, index) else {
                    return;
                };
                self.drive(party, |endpoint, now, sink| {
                    endpoint.send_packet(now, call, &packet, sink);
                });
            }
            Direction::ToClient => self.drive(Party::Server, |endpoint, now, sink| {
                if let Destination::Call(call) = endpoint.route(&packet) {
                    endpoint.send_packet(now, call, &packet, sink);
                }
            }),
        }
    }

    /// Source and destination of packets in a client's tunnel, as the sending end knows them.
    pub fn inner_addresses(
        &self,
        index: usize,
        direction: Direction,
        version: Version,
    ) -> Option<(IpAddr, IpAddr)> {
        let party = match direction {
            Direction::ToServer => Party::Client(index),
            Direction::ToClient => Party::Server,
        };
        let call = self.call(party, index)?;
        let record = self.host(party)?.ledger.calls().get(&call)?;
        match version {
            Version::V4 => {
                let network = record.ipv4?;
                Some((network.local.into(), network.peer?.into()))
            }
            Version::V6 => {
                let network = record.ipv6?;
                let (local, peer) = (network.local.link_local(), network.peer.link_local());
                Some((local.into(), peer.into()))
            }
        }
    }

    /// Has a host do something, and sees to all that comes of it.
    pub(super) fn drive(
        &mut self,
        party: Party,
        act: impl FnOnce(&mut Endpoint, Instant, &mut Packets),
    ) {
        let now = self.now;
        if let Some(host) = self.host_mut(party) {
            act(&mut host.endpoint, now, &mut host.out);
            self.collect(party);
        }
    }

    /// The next password that a client tries.
    pub(super) fn next_password(&mut self, index: usize) -> Option<String> {
        self.clients[index].passwords.pop()
    }

    /// A host's connections.
    pub(super) fn lines_of(&self, party: Party) -> Vec<ConnectionId> {
        self.lines
            .iter()
            .filter(|(_, line)| match party {
                Party::Server => true,
                Party::Client(index) => line.client == index,
            })
            .map(|(id, _)| *id)
            .collect()
    }

    fn each_stream(&mut self, index: usize, act: fn(&mut Stream)) {
        for id in self.lines_of(Party::Client(index)) {
            if let Some(line) = self.lines.get_mut(&id) {
                act(&mut line.to_server);
                act(&mut line.to_client);
            }
            self.wake_line(id);
        }
    }
}
