use std::fmt;

use super::{
    CallClearRequest, CallDisconnectNotify, EchoReply, EchoRequest, IncomingCallConnected,
    IncomingCallReply, IncomingCallRequest, OutgoingCallReply, OutgoingCallRequest, SetLinkInfo,
    StartControlConnectionReply, StartControlConnectionRequest, StopControlConnectionReply,
    StopControlConnectionRequest, WanErrorNotify,
};
use crate::{ParseError, Reader, Writer};

/// Magic Cookie, the same in every message (RFC 2637 §1.4).
pub const MAGIC_COOKIE: u32 = 0x1A2B_3C4D;

/// Length of the longest message, Incoming-Call-Request, in octets.
pub const MAX_LENGTH: usize = 220;

/// PPTP Message Type of control messages (RFC 2637 §1.4).
pub(super) const CONTROL_MESSAGE: u16 = 1;

/// Makes the set of messages from one line each: Control Message Type, name, struct and length.
macro_rules! messages {
    ($($code:literal $name:literal $type:ident $length:literal,)*) => {
        /// Control Message Type (RFC 2637 §1.4).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum MessageType {
            $(#[doc = concat!("Type ", stringify!($code), ": ", $name, ".")] $type = $code,)*
        }

        impl MessageType {
            /// All types in the order of their numbers.
            pub const ALL: [Self; 15] = [$(Self::$type),*];

            /// The type with this number, if there is one.
            pub const fn from_code(code: u16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$type),)*
                    _ => None,
                }
            }

            /// The number on the wire.
            pub const fn code(self) -> u16 {
                self as u16
            }

            /// The name in RFC 2637.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$type => $name,)*
                }
            }

            /// Length of a message of this type with its header, in octets; it never varies.
            pub const fn length(self) -> u16 {
                match self {
                    $(Self::$type => $length,)*
                }
            }
        }

        /// A control connection message.
        ///
        /// `Display` gives one line with the fields by name.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Message {
            $(#[doc = concat!($name, ".")] $type($type),)*
        }

        impl Message {
            /// The type of the message.
            pub const fn message_type(&self) -> MessageType {
                match self {
                    $(Self::$type(_) => MessageType::$type,)*
                }
            }

            fn read(message_type: MessageType, r: &mut Reader<'_>) -> Result<Self, ParseError> {
                match message_type {
                    $(MessageType::$type => $type::read(r).map(Self::$type),)*
                }
            }

            fn write(&self, w: &mut Writer<'_>) {
                match self {
                    $(Self::$type(message) => message.write(w),)*
                }
            }
        }

        impl fmt::Display for Message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$type(message) => message.fmt(f),)*
                }
            }
        }

        $(impl From<$type> for Message {
            fn from(message: $type) -> Self {
                Self::$type(message)
            }
        })*
    };
}

messages! {
    1 "Start-Control-Connection-Request" StartControlConnectionRequest 156,
    2 "Start-Control-Connection-Reply" StartControlConnectionReply 156,
    3 "Stop-Control-Connection-Request" StopControlConnectionRequest 16,
    4 "Stop-Control-Connection-Reply" StopControlConnectionReply 16,
    5 "Echo-Request" EchoRequest 16,
    6 "Echo-Reply" EchoReply 20,
    7 "Outgoing-Call-Request" OutgoingCallRequest 168,
    8 "Outgoing-Call-Reply" OutgoingCallReply 32,
    9 "Incoming-Call-Request" IncomingCallRequest 220,
    10 "Incoming-Call-Reply" IncomingCallReply 24,
    11 "Incoming-Call-Connected" IncomingCallConnected 28,
    12 "Call-Clear-Request" CallClearRequest 16,
    13 "Call-Disconnect-Notify" CallDisconnectNotify 148,
    14 "WAN-Error-Notify" WanErrorNotify 40,
    15 "Set-Link-Info" SetLinkInfo 24,
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Message {
    /// Reads one whole message.
    ///
    /// # Errors
    /// A wrong Magic Cookie, PPTP Message Type, Control Message Type or Length, and octets that are
    /// fewer or more than Length says.
    pub fn decode(octets: &[u8]) -> Result<Self, ParseError> {
        let mut r = Reader::new(octets);
        let header = Header::read(&mut r)?;
        header.check_cookie()?;
        header.check_pptp_message_type()?;
        let message_type =
            MessageType::from_code(header.message_type).ok_or(ParseError::Value {
                field: "Control Message Type",
                value: header.message_type.into(),
            })?;
        if header.length != message_type.length() || octets.len() > header.length.into() {
            let value = octets.len().max(header.length.into());
            return Err(ParseError::Length {
                field: message_type.name(),
                value,
            });
        }
        Self::read(message_type, &mut r)
    }

    /// Appends the message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let message_type = self.message_type();
        let mut w = Writer::new(out);
        w.u16(message_type.length())
            .u16(CONTROL_MESSAGE)
            .u32(MAGIC_COOKIE)
            .u16(message_type.code());
        self.write(&mut w);
    }
}

/// What all messages begin with.
pub(super) struct Header {
    pub(super) length: u16,
    pub(super) pptp_message_type: u16,
    pub(super) cookie: u32,
    pub(super) message_type: u16,
}

impl Header {
    /// Octets of the header, up to the Control Message Type.
    pub(super) const LENGTH: usize = 10;

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            length: r.u16("Length")?,
            pptp_message_type: r.u16("PPTP Message Type")?,
            cookie: r.u32("Magic Cookie")?,
            message_type: r.u16("Control Message Type")?,
        })
    }

    fn check_cookie(&self) -> Result<(), ParseError> {
        if self.cookie == MAGIC_COOKIE {
            return Ok(());
        }
        Err(ParseError::Value {
            field: "Magic Cookie",
            value: self.cookie,
        })
    }

    fn check_pptp_message_type(&self) -> Result<(), ParseError> {
        if self.pptp_message_type == CONTROL_MESSAGE {
            return Ok(());
        }
        let value = self.pptp_message_type.into();
        Err(ParseError::Value {
            field: "PPTP Message Type",
            value,
        })
    }
}
