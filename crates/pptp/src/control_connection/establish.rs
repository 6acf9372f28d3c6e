//! Messages that start and stop the control connection (RFC 2637 §3.1.1, §3.1.2).

use std::time::Instant;

use adit_wire::control::{
    ErrorCode, IncomingCallReply, IncomingCallResult, Message, MessageType, OutgoingCallReply,
    OutgoingCallResult, ProtocolVersion, StartControlConnectionReply,
    StartControlConnectionRequest, StartResult, StopControlConnectionReply,
    StopControlConnectionRequest, StopReason, StopResult,
};

use super::{CloseReason, Config, ControlConnection, Event, Keepalive, PeerInformation, State};

pub(super) fn request(config: &Config) -> StartControlConnectionRequest {
    StartControlConnectionRequest {
        reserved0: 0,
        version: ProtocolVersion::V1_0,
        reserved1: 0,
        framing: config.framing,
        bearer: config.bearer,
        maximum_channels: config.maximum_channels,
        firmware_revision: config.firmware_revision,
        host_name: config.host_name,
        vendor: config.vendor,
    }
}

pub(super) fn stop_request(reason: StopReason) -> StopControlConnectionRequest {
    StopControlConnectionRequest {
        reason,
        ..StopControlConnectionRequest::default()
    }
}

fn reply(config: &Config, result: StartResult) -> StartControlConnectionReply {
    StartControlConnectionReply {
        reserved0: 0,
        version: ProtocolVersion::V1_0,
        result,
        error: ErrorCode::None,
        framing: config.framing,
        bearer: config.bearer,
        maximum_channels: config.maximum_channels,
        firmware_revision: config.firmware_revision,
        host_name: config.host_name,
        vendor: config.vendor,
    }
}

/// Whether calls can be made with a peer of this version: there is only version 1, and a newer peer
/// is to follow the older one.
const fn is_supported(version: ProtocolVersion) -> bool {
    version.major() >= ProtocolVersion::V1_0.major()
}

impl ControlConnection {
    /// A receiver before the Start-Control-Connection-Request.
    pub(super) fn idle(&mut self, now: Instant, message: Message) {
        match message {
            Message::StartControlConnectionRequest(request) => self.started(now, request),
            Message::StopControlConnectionRequest(request) => self.stopped(request.reason),
            // RFC 2637 §2.1: nothing else may come first; §2.16 has an error for it.
            Message::EchoRequest(ref request) => {
                self.unexpected(message.message_type());
                self.refuse_echo(request.identifier);
            }
            Message::OutgoingCallRequest(ref request) => {
                self.unexpected(message.message_type());
                self.send(OutgoingCallReply {
                    peer_call_id: request.call_id,
                    result: OutgoingCallResult::GeneralError,
                    error: ErrorCode::NotConnected,
                    ..OutgoingCallReply::default()
                });
            }
            Message::IncomingCallRequest(ref request) => {
                self.unexpected(message.message_type());
                self.send(IncomingCallReply {
                    peer_call_id: request.call_id,
                    result: IncomingCallResult::GeneralError,
                    error: ErrorCode::NotConnected,
                    ..IncomingCallReply::default()
                });
            }
            _ => self.unexpected(message.message_type()),
        }
    }

    /// An originator before the Start-Control-Connection-Reply.
    pub(super) fn wait_ctl_reply(&mut self, now: Instant, message: Message) {
        match message {
            Message::StartControlConnectionReply(reply) => self.answered(now, reply),
            Message::StopControlConnectionRequest(request) => self.stopped(request.reason),
            Message::EchoRequest(ref request) => {
                self.unexpected(message.message_type());
                self.refuse_echo(request.identifier);
            }
            _ => self.unexpected(message.message_type()),
        }
    }

    /// A side that has asked to stop. What else the peer sent before it was told is of no use.
    pub(super) fn wait_stop_reply(&mut self, why: CloseReason, message: &Message) {
        match message {
            Message::StopControlConnectionReply(_) => self.close(why),
            Message::StopControlConnectionRequest(_) => {
                self.confirm_stop();
                self.close(why);
            }
            _ => {}
        }
    }

    /// RFC 2637 §2.2: there is a control connection already, which this message came on.
    pub(super) fn start_again(&mut self) {
        self.unexpected(MessageType::StartControlConnectionRequest);
        self.send(reply(&self.config, StartResult::AlreadyExists));
    }

    pub(super) fn stopped(&mut self, reason: StopReason) {
        self.confirm_stop();
        self.close(CloseReason::Peer(reason));
    }

    fn confirm_stop(&mut self) {
        let result = StopResult::Ok;
        self.send(StopControlConnectionReply {
            result,
            ..StopControlConnectionReply::default()
        });
    }

    fn started(&mut self, now: Instant, request: StartControlConnectionRequest) {
        if !is_supported(request.version) {
            self.send(reply(&self.config, StartResult::VersionNotSupported));
            return self.close(CloseReason::Version(request.version));
        }
        self.send(reply(&self.config, StartResult::Successful));
        self.establish(
            now,
            PeerInformation {
                version: request.version,
                framing: request.framing,
                bearer: request.bearer,
                maximum_channels: request.maximum_channels,
                firmware_revision: request.firmware_revision,
                host_name: request.host_name,
                vendor: request.vendor,
            },
        );
    }

    fn answered(&mut self, now: Instant, reply: StartControlConnectionReply) {
        // Deviation (RFC 2637 §2.2): some ADSL modems answer 0 where they mean success.
        if !matches!(reply.result.code(), 0 | 1) {
            let StartControlConnectionReply { result, error, .. } = reply;
            return self.close(CloseReason::Refused { result, error });
        }
        if !is_supported(reply.version) {
            let why = CloseReason::Version(reply.version);
            return self.ask_to_stop(now, StopReason::StopProtocol, why);
        }
        self.establish(
            now,
            PeerInformation {
                version: reply.version,
                framing: reply.framing,
                bearer: reply.bearer,
                maximum_channels: reply.maximum_channels,
                firmware_revision: reply.firmware_revision,
                host_name: reply.host_name,
                vendor: reply.vendor,
            },
        );
    }

    fn establish(&mut self, now: Instant, peer: PeerInformation) {
        let keepalive = Keepalive::new(now);
        self.state = State::Established {
            keepalive,
            without_call_since: Some(now),
        };
        self.event(Event::Established(peer));
    }
}
