//! Servers that speak no more than a few messages.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use adit_client::{Cause, ClientError, Kind};
use adit_net::namespace::Host;
use adit_wire::control::{
    Bearer, CauseCode, ErrorCode, Framed, Framer, Framing, Message, OutgoingCallReply,
    OutgoingCallResult, ProtocolVersion, StartControlConnectionReply, StartResult,
};
use adit_wire::text::Text;

use crate::lab::{config, on_two_hosts, refused};

/// Connects to a server that does what the script says with the first connection.
fn against(server: &Host, client: &Host, script: impl FnOnce(&mut Peer) + Send) -> ClientError {
    let listener = server
        .run(|| TcpListener::bind("0.0.0.0:1723").unwrap())
        .unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut peer = Peer {
                stream,
                framer: Framer::new(),
            };
            script(&mut peer);
            // Reads on, so that what was sent is not lost in a reset.
            let _ = peer.stream.shutdown(std::net::Shutdown::Write);
            let _ = peer.stream.read_to_end(&mut Vec::new());
        });
        refused(client, &config())
    })
}

struct Peer {
    stream: TcpStream,
    framer: Framer,
}

impl Peer {
    fn receive(&mut self) -> Message {
        let mut octet = [0];
        loop {
            self.stream.read_exact(&mut octet).unwrap();
            if let Some(Framed::Message(message)) = self.framer.next(&mut &octet[..]).unwrap() {
                return message;
            }
        }
    }

    fn send(&mut self, message: &Message) {
        let mut octets = Vec::new();
        message.encode(&mut octets);
        self.stream.write_all(&octets).unwrap();
    }

    fn start(&mut self, result: StartResult) {
        let request = self.receive();
        assert!(matches!(request, Message::StartControlConnectionRequest(_)));
        self.send(&Message::StartControlConnectionReply(
            StartControlConnectionReply {
                reserved0: 0,
                version: ProtocolVersion::V1_0,
                result,
                error: ErrorCode::None,
                framing: Framing::ANY,
                bearer: Bearer::ANY,
                maximum_channels: 1,
                firmware_revision: 1,
                host_name: Text::new("script"),
                vendor: Text::new("script"),
            },
        ));
    }
}

#[test]
fn a_refused_control_connection_is_told_with_its_reason() {
    on_two_hosts(|server, client| {
        let error = against(server, client, |peer| {
            peer.start(StartResult::NotAuthorized)
        });
        assert_eq!(error.kind(), Kind::Refused);
        let ClientError::Ended(Cause::ControlRefused { result, .. }) = error else {
            panic!("{error}");
        };
        assert_eq!(result, StartResult::NotAuthorized);
    });
}

#[test]
fn a_refused_call_is_told_with_its_reason() {
    on_two_hosts(|server, client| {
        let error = against(server, client, |peer| {
            peer.start(StartResult::Successful);
            let Message::OutgoingCallRequest(request) = peer.receive() else {
                panic!("no request for a call");
            };
            peer.send(&Message::OutgoingCallReply(OutgoingCallReply {
                reserved0: 0,
                call_id: 1,
                peer_call_id: request.call_id,
                result: OutgoingCallResult::Busy,
                error: ErrorCode::None,
                cause: CauseCode(0),
                connect_speed: 0,
                window: 0,
                delay: 0,
                physical_channel_id: 0,
            }));
        });
        assert_eq!(error.kind(), Kind::Refused);
        assert_eq!(
            error.to_string(),
            "the server refused the call: the called party is busy"
        );
    });
}

#[test]
fn a_server_that_hangs_up_at_once_has_refused() {
    on_two_hosts(|server, client| {
        let error = against(server, client, |_| {});
        assert_eq!(error.kind(), Kind::Refused);
        assert!(matches!(error, ClientError::Ended(Cause::ClosedEarly(_))));
    });
}

#[test]
fn what_is_no_pptp_server_is_told() {
    on_two_hosts(|server, client| {
        let error = against(server, client, |peer| {
            let page = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
            peer.stream.write_all(page).unwrap();
        });
        assert_eq!(error.kind(), Kind::Refused);
        assert!(matches!(error, ClientError::Ended(Cause::NotPptp(_))));
    });
}

#[test]
fn a_host_without_a_server_refuses() {
    on_two_hosts(|_, client| {
        assert_eq!(refused(client, &config()).kind(), Kind::Refused);
    });
}

#[test]
fn where_no_route_leads_is_unreachable() {
    on_two_hosts(|_, client| {
        let mut config = config();
        config.server = "203.0.113.1".parse().unwrap();
        assert_eq!(refused(client, &config).kind(), Kind::Unreachable);
    });
}
