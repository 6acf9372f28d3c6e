//! What the endpoint wants done, and what it tells.

use std::time::Instant;

use adit_engine::{CallKey, ConnectionId, Event, Output};
use adit_io::StreamState;
use adit_ppp::Ipv4Network;

use super::{Generator, Happening};
use crate::sessions::client::{Inner, Stage};

impl Generator {
    /// Carries out what the endpoint wants, until it wants nothing more.
    pub(super) fn drain(&mut self, now: Instant) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Stream(id, octets) => self.send_stream(now, id, &octets),
                Output::CloseStream(id) => self.close_stream(id),
                Output::Gre(path, packet) => self.packets.send_gre(&path, &packet),
                Output::Event(event) => self.on_event(event),
            }
        }
        self.packets.flush();
    }

    fn send_stream(&mut self, now: Instant, id: ConnectionId, octets: &[u8]) {
        // What PPP said last must not arrive after the end of the call.
        self.packets.flush();
        let number = number_of(id);
        let stream = self.clients[number].stream.as_mut();
        if stream.is_some_and(|stream| stream.send(octets) == StreamState::Finished) {
            self.endpoint.handle_stream_closed(now, id);
            self.finish(number);
        }
    }

    fn close_stream(&mut self, id: ConnectionId) {
        let number = number_of(id);
        if let Some(stream) = &mut self.clients[number].stream {
            // What the socket does not take at once is the end of a conversation that is over.
            let _ = stream.close();
        }
        self.finish(number);
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::CallUp {
                call, connection, ..
            } => {
                let number = number_of(connection);
                self.by_call[usize::from(call.local_call_id())] = number as u32;
                let client = &mut self.clients[number];
                client.call = Some(call);
                self.calls_awaited -= usize::from(std::mem::take(&mut client.awaits_call));
            }
            Event::Ipv4Up { call, network } => self.on_ipv4_up(call, network),
            Event::ConnectionDown { connection, why } => {
                self.clients[number_of(connection)].blame(why);
            }
            Event::CallRefused { connection, why } => {
                self.clients[number_of(connection)].blame(why);
            }
            Event::CallDown {
                connection, why, ..
            } => {
                let client = &mut self.clients[number_of(connection)];
                client.blame(why);
                client.call = None;
                if let Stage::Up(_) = client.stage {
                    client.stage = Stage::Leaving;
                }
            }
            // Nothing else is asked of a client whose password is not entered by hand.
            Event::ConnectionUp { .. }
            | Event::Authenticate { .. }
            | Event::AskPassword { .. }
            | Event::Ipv4Down { .. }
            | Event::Ipv6Up { .. }
            | Event::Ipv6Down { .. } => {}
        }
    }

    fn on_ipv4_up(&mut self, call: CallKey, network: Ipv4Network) {
        let Some(number) = self.number_of(call) else {
            return;
        };
        let client = &mut self.clients[number];
        if client.stage != Stage::Negotiating {
            return;
        }
        let Some(target) = network.peer else {
            client.blame("the server does not tell its address in the tunnel");
            return;
        };
        let inner = Inner {
            own: network.local,
            target,
        };
        client.stage = Stage::Up(inner);
        self.happenings.push_back(Happening::Up(number));
    }
}

fn number_of(id: ConnectionId) -> usize {
    id.0 as usize
}
