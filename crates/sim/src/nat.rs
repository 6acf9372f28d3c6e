//! A NAT that knows PPTP (RFC 2637 has no ports: only Call IDs tell calls behind one address apart).
//!
//! It gives every call of a client behind it a Call ID of its own and writes that into the control
//! messages, so that two clients that chose the same one do not meet.

use std::collections::BTreeMap;

use adit_wire::control::{Framed, Framer, Message};

/// One address with clients behind it.
#[derive(Debug, Default)]
pub(crate) struct Nat {
    /// By the Call ID that the server knows.
    calls: BTreeMap<u16, Inside>,
    last: u16,
}

/// A call as the client behind the NAT knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inside {
    /// Which client.
    pub(crate) client: usize,
    /// Its Call ID.
    pub(crate) call_id: u16,
}

/// The two directions of a control connection through a NAT.
#[derive(Debug, Default)]
pub(crate) struct Translation {
    to_server: Framer,
    to_client: Framer,
}

impl Nat {
    /// What a client sends, as the server is to get it.
    pub(crate) fn outbound(
        &mut self,
        client: usize,
        translation: &mut Translation,
        octets: &[u8],
    ) -> Vec<u8> {
        rewrite(
            &mut translation.to_server,
            octets,
            |message| match message {
                Message::OutgoingCallRequest(request) => {
                    let call_id = request.call_id;
                    request.call_id = self.add(Inside { client, call_id });
                }
                Message::CallClearRequest(request) => {
                    let call_id = request.call_id;
                    if let Some(outside) = self.outside(Inside { client, call_id }) {
                        request.call_id = outside;
                    }
                }
                _ => {}
            },
        )
    }

    /// What the server sends, as the client is to get it.
    pub(crate) fn inbound(&self, translation: &mut Translation, octets: &[u8]) -> Vec<u8> {
        rewrite(&mut translation.to_client, octets, |message| {
            let field = match message {
                Message::OutgoingCallReply(reply) => &mut reply.peer_call_id,
                Message::WanErrorNotify(errors) => &mut errors.peer_call_id,
                _ => return,
            };
            if let Some(inside) = self.calls.get(field) {
                *field = inside.call_id;
            }
        })
    }

    /// The call that a GRE packet with this Call ID is for.
    pub(crate) fn find(&self, outside: u16) -> Option<Inside> {
        self.calls.get(&outside).copied()
    }

    /// Forgets the calls of a client.
    pub(crate) fn forget(&mut self, client: usize) {
        self.calls.retain(|_, inside| inside.client != client);
    }

    fn add(&mut self, inside: Inside) -> u16 {
        while self.calls.contains_key(&self.last) {
            self.last = self.last.wrapping_add(1);
        }
        self.calls.insert(self.last, inside);
        self.last
    }

    fn outside(&self, inside: Inside) -> Option<u16> {
        self.calls
            .iter()
            .find(|(_, known)| **known == inside)
            .map(|(outside, _)| *outside)
    }
}

fn rewrite(
    framer: &mut Framer,
    mut octets: &[u8],
    mut change: impl FnMut(&mut Message),
) -> Vec<u8> {
    let mut out = Vec::new();
    while let Ok(Some(framed)) = framer.next(&mut octets) {
        if let Framed::Message(mut message) = framed {
            change(&mut message);
            message.encode(&mut out);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use adit_wire::control::{CallClearRequest, OutgoingCallReply, OutgoingCallRequest};

    use super::*;

    fn octets(message: impl Into<Message>) -> Vec<u8> {
        let mut out = Vec::new();
        message.into().encode(&mut out);
        out
    }

    fn read(octets: &[u8]) -> Message {
        match Framer::new().next(&mut &*octets) {
            Ok(Some(Framed::Message(message))) => message,
            other => panic!("{other:?}"),
        }
    }

    fn request(nat: &mut Nat, client: usize, call_id: u16) -> u16 {
        let asked = octets(OutgoingCallRequest {
            call_id,
            ..Default::default()
        });
        let sent = nat.outbound(client, &mut Translation::default(), &asked);
        match read(&sent) {
            Message::OutgoingCallRequest(request) => request.call_id,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn calls_with_the_same_id_are_told_apart() {
        let mut nat = Nat::default();
        let (one, two) = (request(&mut nat, 1, 77), request(&mut nat, 2, 77));
        assert_ne!(one, two);
        let call_id = 77;
        assert_eq!(nat.find(one), Some(Inside { client: 1, call_id }));
        assert_eq!(nat.find(two), Some(Inside { client: 2, call_id }));
        nat.forget(1);
        assert_eq!(nat.find(one), None);
    }

    #[test]
    fn both_directions_of_the_control_connection_are_translated() {
        let mut nat = Nat::default();
        let outside = request(&mut nat, 3, 500);
        let reply = octets(OutgoingCallReply {
            peer_call_id: outside,
            ..Default::default()
        });
        let mut translation = Translation::default();
        let (first, rest) = reply.split_at(5);
        assert!(nat.inbound(&mut translation, first).is_empty());
        match read(&nat.inbound(&mut translation, rest)) {
            Message::OutgoingCallReply(reply) => assert_eq!(reply.peer_call_id, 500),
            other => panic!("{other:?}"),
        }
        let clear = octets(CallClearRequest {
            call_id: 500,
            ..Default::default()
        });
        match read(&nat.outbound(3, &mut translation, &clear)) {
            Message::CallClearRequest(request) => assert_eq!(request.call_id, outside),
            other => panic!("{other:?}"),
        }
    }
}
