//! How what one host sends gets to another.

use adit_engine::{CallKey, ConnectionId, Event, Incoming, Output, Path};

use super::{Actor, Party, SERVER, World};
use crate::config::Site;
use crate::probe::{Direction, Probe, Reading};
use crate::stream::Arrival;

impl World {
    /// Somebody's time has come.
    pub(super) fn act(&mut self, actor: Actor) {
        match actor {
            Actor::Directory => self.answer(),
            Actor::Host(party) => self.drive(party, |endpoint, now, sink| {
                endpoint.handle_timeout(now, sink);
            }),
            Actor::Up(index) => self.arrive_at_server(index),
            Actor::Down(index) => self.arrive_at_client(index),
            Actor::Line(id) => self.arrive_on_line(id),
        }
    }

    /// Takes all that a host wants done, checks it and does it.
    pub(super) fn collect(&mut self, party: Party) {
        loop {
            self.carry_packets(party);
            let Some(host) = self.host_mut(party) else {
                return;
            };
            let Some(output) = host.endpoint.poll_output() else {
                break;
            };
            match output {
                Output::Stream(id, octets) => {
                    host.ledger.stream(id);
                    self.write(party, id, &octets);
                }
                Output::CloseStream(id) => {
                    host.ledger.close_stream(id);
                    self.close_line(party, id);
                }
                Output::Gre(path, packet) => {
                    host.ledger.gre(&path, &packet);
                    self.carry_gre(party, &path, packet);
                }
                Output::Event(event) => {
                    host.ledger.event(&event);
                    self.on_event(party, event);
                }
            }
        }
        if let Some(host) = self.host_mut(party) {
            host.ledger.check(&host.endpoint);
            let deadline = host.endpoint.deadline();
            self.agenda.set(Actor::Host(party), deadline);
        }
    }

    fn carry_packets(&mut self, party: Party) {
        let Some(host) = self.host_mut(party) else {
            return;
        };
        let network = std::mem::take(&mut host.out.network);
        let gre = host.out.take_gre();
        for (call, packet) in &network {
            host.ledger.network(*call, packet);
        }
        for (path, packet) in &gre {
            host.ledger.gre(path, packet);
        }
        for (call, packet) in network {
            self.deliver(party, call, packet);
        }
        for (path, packet) in gre {
            self.carry_gre(party, &path, packet);
        }
    }

    fn on_event(&mut self, party: Party, event: Event) {
        match (party, event) {
            (
                Party::Server,
                Event::Authenticate {
                    call,
                    ticket,
                    credentials,
                },
            ) => {
                self.directory.ask(self.now, call, ticket, credentials);
                let deadline = self.directory.deadline();
                self.agenda.set(Actor::Directory, deadline);
            }
            (Party::Server, Event::CallDown { call, .. }) => self.directory.release(call),
            (Party::Client(index), Event::AskPassword { call }) => {
                let (now, password) = (self.now, self.next_password(index));
                if let Some(host) = self.host_mut(party) {
                    host.endpoint
                        .supply_password(now, call, password.map(Into::into));
                }
            }
            _ => {}
        }
    }

    fn answer(&mut self) {
        let calls = self.server.as_ref().map(|host| host.ledger.calls());
        let is_up = |call| calls.is_some_and(|calls| calls.contains_key(&call));
        let answer = self.directory.poll(self.now, is_up);
        if let Some((call, ticket, answer)) = answer {
            self.drive(Party::Server, |endpoint, now, _| {
                endpoint.answer(now, call, ticket, answer);
            });
        }
        let deadline = self.directory.deadline();
        self.agenda.set(Actor::Directory, deadline);
    }

    /// An inner packet has come out of a tunnel.
    fn deliver(&mut self, party: Party, call: CallKey, packet: Vec<u8>) {
        self.note(1, &packet);
        match Probe::read(&packet) {
            Reading::Probe(probe) => {
                let index = usize::from(probe.flow.client);
                let expected = match probe.flow.direction {
                    Direction::ToServer => Party::Server,
                    Direction::ToClient => Party::Client(index),
                };
                assert_eq!(party, expected, "{probe:?} comes out in the wrong place");
                let own = self.owner(party, call);
                assert_eq!(own, Some(index), "{probe:?} comes out of another tunnel");
                self.traffic.arrive(self.now, probe);
            }
            Reading::Damaged => self.traffic.damage(),
            Reading::Other => self.inbox.push((party, call, packet)),
        }
    }

    /// The client that a call is with.
    fn owner(&self, party: Party, call: CallKey) -> Option<usize> {
        let record = self.host(party)?.ledger.calls().get(&call)?;
        self.lines.get(&record.connection).map(|line| line.client)
    }

    fn carry_gre(&mut self, party: Party, path: &Path, packet: Vec<u8>) {
        self.note(2, &packet);
        match party {
            Party::Client(index) => {
                let client = &mut self.clients[index];
                client.up.send(self.now, packet);
                self.agenda.set(Actor::Up(index), client.up.deadline());
            }
            Party::Server => self.carry_to_client(path, packet),
        }
    }

    fn carry_to_client(&mut self, path: &Path, mut packet: Vec<u8>) {
        if self.raw_gre(path.peer, &packet) {
            return;
        }
        let Some(index) = self.find_client(path, &mut packet) else {
            return;
        };
        let client = &mut self.clients[index];
        client.down.send(self.now, packet);
        self.agenda.set(Actor::Down(index), client.down.deadline());
    }

    /// Whose GRE packet it is; a NAT writes the Call ID that its client knows into it.
    fn find_client(&self, path: &Path, packet: &mut [u8]) -> Option<usize> {
        let mut clients = self.clients.iter().enumerate();
        let (index, client) =
            clients.find(|(index, client)| client.outside(*index) == path.peer)?;
        let Site::Behind(number) = client.config.site else {
            return Some(index);
        };
        let field = packet.get_mut(6..).and_then(<[u8]>::first_chunk_mut::<2>)?;
        let nat = self.nats.get(&number)?;
        let inside = nat.find(u16::from_be_bytes(*field))?;
        *field = inside.call_id.to_be_bytes();
        Some(inside.client)
    }

    fn arrive_at_server(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let packet = client.up.poll(self.now);
        let (deadline, source) = (client.up.deadline(), client.outside(index));
        self.agenda.set(Actor::Up(index), deadline);
        if let Some(mut packet) = packet {
            self.drive(Party::Server, |endpoint, now, sink| {
                endpoint.receive(now, [Incoming::new(source, &mut packet)], sink);
            });
        }
    }

    fn arrive_at_client(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let packet = client.down.poll(self.now);
        let deadline = client.down.deadline();
        self.agenda.set(Actor::Down(index), deadline);
        if let Some(mut packet) = packet {
            self.drive(Party::Client(index), |endpoint, now, sink| {
                endpoint.receive(now, [Incoming::new(SERVER, &mut packet)], sink);
            });
        }
    }

    /// A host writes to a TCP connection.
    fn write(&mut self, party: Party, id: ConnectionId, octets: &[u8]) {
        self.note(3, octets);
        if self.raw_stream(id, octets) {
            return;
        }
        let now = self.now;
        let Some(line) = self.lines.get_mut(&id) else {
            return;
        };
        let nat = match self.clients[line.client].config.site {
            Site::Public => None,
            Site::Behind(number) => Some(self.nats.entry(number).or_default()),
        };
        let both = nat.zip(line.translation.as_mut());
        match (party, both) {
            (Party::Server, None) => line.to_client.write(now, octets),
            (Party::Client(_), None) => line.to_server.write(now, octets),
            (Party::Server, Some((nat, translation))) => {
                line.to_client.write(now, &nat.inbound(translation, octets));
            }
            (Party::Client(index), Some((nat, translation))) => {
                let octets = nat.outbound(index, translation, octets);
                line.to_server.write(now, &octets);
            }
        }
        self.wake_line(id);
    }

    /// One end of a TCP connection is closed.
    pub(super) fn close_line(&mut self, party: Party, id: ConnectionId) {
        self.raw_closed(id);
        if let Some(line) = self.lines.get_mut(&id) {
            match party {
                Party::Server => line.to_client.close(self.now),
                Party::Client(_) => line.to_server.close(self.now),
            }
        }
        self.wake_line(id);
    }

    fn arrive_on_line(&mut self, id: ConnectionId) {
        let now = self.now;
        let Some(line) = self.lines.get_mut(&id) else {
            return;
        };
        let client = Party::Client(line.client);
        let arrivals = [
            (Party::Server, line.to_server.poll(now)),
            (client, line.to_client.poll(now)),
        ];
        for (party, arrival) in arrivals {
            if let Some(arrival) = arrival {
                self.read(party, id, arrival);
            }
        }
        self.wake_line(id);
    }

    fn read(&mut self, party: Party, id: ConnectionId, arrival: Arrival) {
        let Some(host) = self.host(party) else {
            return;
        };
        if !host.ledger.has_connection(id) {
            // The kernel of a host that knows nothing of the connection resets it.
            return self.close_line(party, id);
        }
        self.drive(party, |endpoint, now, _| match arrival {
            Arrival::Octets(octets) => endpoint.handle_stream(now, id, &octets),
            Arrival::Closed => endpoint.handle_stream_closed(now, id),
        });
    }

    /// Sets the deadline of a connection, or forgets one that is over at both ends.
    pub(super) fn wake_line(&mut self, id: ConnectionId) {
        let Some(line) = self.lines.get(&id) else {
            return;
        };
        let deadline = [line.to_server.deadline(), line.to_client.deadline()];
        self.agenda
            .set(Actor::Line(id), deadline.into_iter().flatten().min());
        if !(line.to_server.is_over() && line.to_client.is_over()) {
            return;
        }
        let index = line.client;
        self.lines.remove(&id);
        let last = self.lines.values().all(|line| line.client != index);
        if let Site::Behind(number) = self.clients[index].config.site
            && let Some(nat) = self.nats.get_mut(&number).filter(|_| last)
        {
            nat.forget(index);
        }
    }
}
