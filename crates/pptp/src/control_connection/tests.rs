//! Behaviour of whole control connections, driven by messages.

mod calls;
mod matrix;
mod random;
mod start_stop;

use std::time::Duration;

use adit_wire::control::{
    DisconnectResult, EchoRequest, IncomingCallRequest, OutgoingCallRequest, ProtocolVersion,
    StartControlConnectionReply, StartControlConnectionRequest, StartResult,
};

use super::*;
use crate::call::{Answer, CallRole, Refusal};

const SECOND: Duration = Duration::from_secs(1);

/// A connection, and the time there.
struct Bench {
    connection: ControlConnection,
    now: Instant,
}

impl Bench {
    fn receiver() -> Self {
        let now = Instant::now();
        Self {
            connection: ControlConnection::new_receiver(Config::default(), now),
            now,
        }
    }

    fn originator() -> Self {
        let now = Instant::now();
        let mut bench = Self {
            connection: ControlConnection::new_originator(Config::default(), now),
            now,
        };
        assert!(matches!(
            bench.drain().as_slice(),
            [Output::Send(Message::StartControlConnectionRequest(_))]
        ));
        bench
    }

    fn established_receiver() -> Self {
        let mut bench = Self::receiver();
        let outputs = bench.give(start_request());
        assert!(matches!(
            outputs.as_slice(),
            [
                Output::Send(Message::StartControlConnectionReply(_)),
                Output::Event(Event::Established(_))
            ]
        ));
        bench
    }

    fn established_originator() -> Self {
        let mut bench = Self::originator();
        let outputs = bench.give(start_reply(1));
        assert!(matches!(
            outputs.as_slice(),
            [Output::Event(Event::Established(_))]
        ));
        bench
    }

    /// Gives a message of the peer, and takes what comes of it.
    fn give(&mut self, message: impl Into<Message>) -> Vec<Output> {
        let mut octets = Vec::new();
        message.into().encode(&mut octets);
        self.connection.handle_stream(self.now, &octets);
        self.drain()
    }

    fn wait(&mut self, duration: Duration) -> Vec<Output> {
        self.now += duration;
        self.connection.handle_timeout(self.now);
        self.drain()
    }

    /// Waits for as long as the connection wants to.
    fn wait_for_deadline(&mut self) -> Vec<Output> {
        let deadline = self.connection.deadline().expect("something to wait for");
        self.wait(deadline.saturating_duration_since(self.now))
    }

    fn drain(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.connection.poll_output()).collect()
    }

    fn request_outgoing(&mut self, call_id: u16) -> CallHandle {
        let request = OutgoingCallRequest {
            call_id,
            window: 64,
            ..Default::default()
        };
        let call = self
            .connection
            .request_outgoing_call(self.now, request)
            .unwrap();
        assert_eq!(lines(&self.drain()).len(), 1);
        call
    }

    fn request_incoming(&mut self, call_id: u16) -> CallHandle {
        let request = IncomingCallRequest {
            call_id,
            ..Default::default()
        };
        let answer = Answer::default();
        let call = self
            .connection
            .request_incoming_call(self.now, request, answer)
            .unwrap();
        assert_eq!(lines(&self.drain()).len(), 1);
        call
    }

    fn accept(&mut self, call: CallHandle, local_call_id: u16) -> Vec<Output> {
        self.connection
            .accept_call(self.now, call, local_call_id, Answer::default())
            .unwrap();
        self.drain()
    }

    fn disconnect(&mut self, call: CallHandle) -> Vec<Output> {
        let result = DisconnectResult::AdminShutdown;
        self.connection
            .disconnect_call(self.now, call, result)
            .unwrap();
        self.drain()
    }
}

fn start_request() -> StartControlConnectionRequest {
    StartControlConnectionRequest {
        version: ProtocolVersion::V1_0,
        ..Default::default()
    }
}

fn start_reply(result: u8) -> StartControlConnectionReply {
    let result = StartResult::from(result);
    StartControlConnectionReply {
        version: ProtocolVersion::V1_0,
        result,
        ..Default::default()
    }
}

/// Outputs in words: messages as their line, up to `max-channels` where they start a connection.
fn lines(outputs: &[Output]) -> Vec<String> {
    outputs.iter().map(line).collect()
}

fn line(output: &Output) -> String {
    match output {
        Output::Send(message) => {
            let line = message.to_string();
            line.split(" framing=")
                .next()
                .map(str::to_owned)
                .unwrap_or(line)
        }
        Output::Event(Event::Established(peer)) => format!("established {}", peer.version),
        Output::Event(Event::OutgoingCallRequested { call, .. }) => format!("outgoing {call}"),
        Output::Event(Event::IncomingCallRequested { call, .. }) => format!("incoming {call}"),
        Output::Event(Event::CallUp(up)) => {
            format!("up {} {}->{}", up.call, up.local_call_id, up.peer_call_id)
        }
        Output::Event(Event::CallDown { call, why }) => format!("down {call}: {why}"),
        Output::Event(Event::LinkInfo { call, .. }) => format!("link info {call:?}"),
        Output::Event(Event::WanError { call, .. }) => format!("wan error {call:?}"),
        Output::Event(Event::Violation(violation)) => format!("violation: {violation}"),
        Output::Event(Event::Closed(why)) => format!("closed: {why}"),
        Output::Close => "close".to_owned(),
    }
}
