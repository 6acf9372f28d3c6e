//! What all PPP control protocols share: code, identifier, length (RFC 1661 §5) and configuration
//! options (RFC 1661 §6).

use std::fmt;

use crate::escape::escaped;
use crate::ppp::Protocol;
use crate::{ParseError, Reader, Writer};

/// Octets before the data of every control protocol packet.
pub const HEADER_LENGTH: usize = 4;

/// One configuration option of a control protocol.
///
/// Decoding never fails: an option of an unknown kind, or of a known kind with a length that it
/// cannot have, is kept as it came, so that it can be rejected octet for octet.
pub trait ConfigOption: Clone + PartialEq + fmt::Debug + fmt::Display {
    /// Reads the option from its type and data.
    fn decode(kind: u8, data: &[u8]) -> Self;
    /// The option's type.
    fn kind(&self) -> u8;
    /// Appends the option's data, without type and length.
    fn encode_data(&self, out: &mut Writer<'_>);
}

/// A control protocol: which options it has and which codes beyond the seven of RFC 1661 §5.
pub trait ControlProtocol {
    /// The protocol's options.
    type Option: ConfigOption;
    /// The protocol's number in a PPP frame.
    const PROTOCOL: Protocol;
    /// The codes above 7 that this protocol knows.
    const EXTRA_CODES: std::ops::RangeInclusive<u8>;
}

/// The codes of RFC 1661 §5, RFC 1570 §1 and RFC 1962 §3.
pub mod code {
    #![allow(missing_docs, reason = "the names are the RFCs' own")]
    pub const CONFIGURE_REQUEST: u8 = 1;
    pub const CONFIGURE_ACK: u8 = 2;
    pub const CONFIGURE_NAK: u8 = 3;
    pub const CONFIGURE_REJECT: u8 = 4;
    pub const TERMINATE_REQUEST: u8 = 5;
    pub const TERMINATE_ACK: u8 = 6;
    pub const CODE_REJECT: u8 = 7;
    pub const PROTOCOL_REJECT: u8 = 8;
    pub const ECHO_REQUEST: u8 = 9;
    pub const ECHO_REPLY: u8 = 10;
    pub const DISCARD_REQUEST: u8 = 11;
    pub const IDENTIFICATION: u8 = 12;
    pub const TIME_REMAINING: u8 = 13;
    pub const RESET_REQUEST: u8 = 14;
    pub const RESET_ACK: u8 = 15;
}

/// Code, identifier and data of a control or authentication packet, before its meaning is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawPacket<'a> {
    /// What kind of packet it is; see [`code`].
    pub code: u8,
    /// Matches replies to requests.
    pub identifier: u8,
    /// What stands behind the length field.
    pub data: &'a [u8],
}

impl<'a> RawPacket<'a> {
    /// Reads a packet and returns it with the padding that follows it (RFC 1661 §5: octets beyond
    /// the Length field are padding).
    ///
    /// # Errors
    /// [`ParseError`] where the length is below four or above what is there.
    pub fn decode(octets: &'a [u8]) -> Result<(Self, &'a [u8]), ParseError> {
        let mut reader = Reader::new(octets);
        let code = reader.u8("Code")?;
        let identifier = reader.u8("Identifier")?;
        let length = usize::from(reader.u16("Length")?);
        let data_length = length
            .checked_sub(HEADER_LENGTH)
            .ok_or(ParseError::Length {
                field: "Length",
                value: length,
            })?;
        let data = reader.bytes("Data", data_length)?;
        Ok((
            Self {
                code,
                identifier,
                data,
            },
            reader.rest(),
        ))
    }

    /// Appends the packet; data beyond what a 16-bit length can say is cut.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let room = usize::from(u16::MAX) - HEADER_LENGTH;
        let data = self.data.get(..room).unwrap_or(self.data);
        let length = u16::try_from(data.len() + HEADER_LENGTH).unwrap_or(u16::MAX);
        Writer::new(out)
            .u8(self.code)
            .u8(self.identifier)
            .u16(length)
            .bytes(data);
    }
}

/// Reads a list of options, each type, length, data (RFC 1661 §6).
///
/// # Errors
/// [`ParseError`] where a length is below two or passes the end; such a packet is discarded whole.
pub fn decode_options<O: ConfigOption>(octets: &[u8]) -> Result<Vec<O>, ParseError> {
    let mut reader = Reader::new(octets);
    let mut options = Vec::new();
    while !reader.is_empty() {
        let kind = reader.u8("Option type")?;
        let length = usize::from(reader.u8("Option length")?);
        let data_length = length.checked_sub(2).ok_or(ParseError::Length {
            field: "Option length",
            value: length,
        })?;
        options.push(O::decode(kind, reader.bytes("Option data", data_length)?));
    }
    Ok(options)
}

/// Appends a list of options.
pub fn encode_options<O: ConfigOption>(options: &[O], out: &mut Vec<u8>) {
    for option in options {
        let start = out.len();
        let mut writer = Writer::new(out);
        writer.u8(option.kind()).u8(0);
        option.encode_data(&mut writer);
        let length = out.len() - start;
        out[start + 1] = u8::try_from(length).unwrap_or(u8::MAX);
    }
}

/// The meaning of a control protocol packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body<O> {
    /// RFC 1661 §5.1.
    ConfigureRequest(Vec<O>),
    /// RFC 1661 §5.2.
    ConfigureAck(Vec<O>),
    /// RFC 1661 §5.3.
    ConfigureNak(Vec<O>),
    /// RFC 1661 §5.4.
    ConfigureReject(Vec<O>),
    /// RFC 1661 §5.5; the data is free, Windows puts a reason in it (see [`RasError`]).
    TerminateRequest(Vec<u8>),
    /// RFC 1661 §5.5.
    TerminateAck(Vec<u8>),
    /// RFC 1661 §5.6: the rejected packet.
    CodeReject(Vec<u8>),
    /// RFC 1661 §5.7: the rejected protocol and its information field (LCP only).
    ProtocolReject {
        /// The number that the peer does not know.
        protocol: Protocol,
        /// As much of the rejected information field as was sent back.
        information: Vec<u8>,
    },
    /// RFC 1661 §5.8 (LCP only).
    EchoRequest(Magic),
    /// RFC 1661 §5.8 (LCP only).
    EchoReply(Magic),
    /// RFC 1661 §5.9 (LCP only).
    DiscardRequest(Magic),
    /// RFC 1570 §1.1: magic number and a text (LCP only).
    Identification(Magic),
    /// RFC 1570 §1.2 (LCP only).
    TimeRemaining {
        /// The sender's magic number, 0 where none was negotiated.
        magic: u32,
        /// Seconds until the link is closed; all ones for without end.
        seconds: u32,
        /// A text for people.
        message: Vec<u8>,
    },
    /// RFC 1962 §3 (CCP only).
    ResetRequest(Vec<u8>),
    /// RFC 1962 §3 (CCP only).
    ResetAck(Vec<u8>),
    /// A code that the protocol does not know; to be answered with Code-Reject.
    Unknown {
        /// The code.
        code: u8,
        /// The data.
        data: Vec<u8>,
    },
}

/// A magic number (RFC 1661 §6.4) and the octets behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Magic {
    /// The sender's magic number, 0 where none was negotiated.
    pub magic: u32,
    /// What follows.
    pub data: Vec<u8>,
}

/// A control protocol packet: identifier and meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet<O> {
    /// Matches replies to requests.
    pub identifier: u8,
    /// What the packet says.
    pub body: Body<O>,
}

impl<O: ConfigOption> Packet<O> {
    /// Gives a raw packet of protocol `P` its meaning.
    ///
    /// # Errors
    /// [`ParseError`] where options or fixed fields do not fit; RFC 1661 has such packets discarded.
    pub fn interpret<P: ControlProtocol<Option = O>>(
        raw: RawPacket<'_>,
    ) -> Result<Self, ParseError> {
        let data = raw.data;
        let known = raw.code <= code::CODE_REJECT || P::EXTRA_CODES.contains(&raw.code);
        let body = match raw.code {
            code::CONFIGURE_REQUEST => Body::ConfigureRequest(decode_options(data)?),
            code::CONFIGURE_ACK => Body::ConfigureAck(decode_options(data)?),
            code::CONFIGURE_NAK => Body::ConfigureNak(decode_options(data)?),
            code::CONFIGURE_REJECT => Body::ConfigureReject(decode_options(data)?),
            code::TERMINATE_REQUEST => Body::TerminateRequest(data.to_vec()),
            code::TERMINATE_ACK => Body::TerminateAck(data.to_vec()),
            code::CODE_REJECT => Body::CodeReject(data.to_vec()),
            code::PROTOCOL_REJECT if known => {
                let mut reader = Reader::new(data);
                Body::ProtocolReject {
                    protocol: Protocol(reader.u16("Rejected-Protocol")?),
                    information: reader.rest().to_vec(),
                }
            }
            code::ECHO_REQUEST if known => Body::EchoRequest(Magic::decode(data)?),
            code::ECHO_REPLY if known => Body::EchoReply(Magic::decode(data)?),
            code::DISCARD_REQUEST if known => Body::DiscardRequest(Magic::decode(data)?),
            code::IDENTIFICATION if known => Body::Identification(Magic::decode(data)?),
            code::TIME_REMAINING if known => {
                let mut reader = Reader::new(data);
                Body::TimeRemaining {
                    magic: reader.u32("Magic-Number")?,
                    seconds: reader.u32("Seconds-Remaining")?,
                    message: reader.rest().to_vec(),
                }
            }
            code::RESET_REQUEST if known => Body::ResetRequest(data.to_vec()),
            code::RESET_ACK if known => Body::ResetAck(data.to_vec()),
            code => Body::Unknown {
                code,
                data: data.to_vec(),
            },
        };
        Ok(Self {
            identifier: raw.identifier,
            body,
        })
    }

    /// Appends the packet.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut data = Vec::new();
        let code = self.body.encode_data(&mut data);
        RawPacket {
            code,
            identifier: self.identifier,
            data: &data,
        }
        .encode(out);
    }
}

impl<O: ConfigOption> Body<O> {
    fn encode_data(&self, out: &mut Vec<u8>) -> u8 {
        match self {
            Self::ConfigureRequest(options) => encode_options(options, out),
            Self::ConfigureAck(options) => encode_options(options, out),
            Self::ConfigureNak(options) => encode_options(options, out),
            Self::ConfigureReject(options) => encode_options(options, out),
            Self::TerminateRequest(data)
            | Self::TerminateAck(data)
            | Self::CodeReject(data)
            | Self::ResetRequest(data)
            | Self::ResetAck(data)
            | Self::Unknown { data, .. } => out.extend_from_slice(data),
            Self::ProtocolReject {
                protocol,
                information,
            } => {
                Writer::new(out).u16(protocol.0).bytes(information);
            }
            Self::EchoRequest(magic)
            | Self::EchoReply(magic)
            | Self::DiscardRequest(magic)
            | Self::Identification(magic) => {
                Writer::new(out).u32(magic.magic).bytes(&magic.data);
            }
            Self::TimeRemaining {
                magic,
                seconds,
                message,
            } => {
                Writer::new(out).u32(*magic).u32(*seconds).bytes(message);
            }
        }
        self.code()
    }

    /// The code that stands for this meaning.
    pub const fn code(&self) -> u8 {
        match self {
            Self::ConfigureRequest(_) => code::CONFIGURE_REQUEST,
            Self::ConfigureAck(_) => code::CONFIGURE_ACK,
            Self::ConfigureNak(_) => code::CONFIGURE_NAK,
            Self::ConfigureReject(_) => code::CONFIGURE_REJECT,
            Self::TerminateRequest(_) => code::TERMINATE_REQUEST,
            Self::TerminateAck(_) => code::TERMINATE_ACK,
            Self::CodeReject(_) => code::CODE_REJECT,
            Self::ProtocolReject { .. } => code::PROTOCOL_REJECT,
            Self::EchoRequest(_) => code::ECHO_REQUEST,
            Self::EchoReply(_) => code::ECHO_REPLY,
            Self::DiscardRequest(_) => code::DISCARD_REQUEST,
            Self::Identification(_) => code::IDENTIFICATION,
            Self::TimeRemaining { .. } => code::TIME_REMAINING,
            Self::ResetRequest(_) => code::RESET_REQUEST,
            Self::ResetAck(_) => code::RESET_ACK,
            Self::Unknown { code, .. } => *code,
        }
    }
}

impl Magic {
    fn decode(data: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(data);
        Ok(Self {
            magic: reader.u32("Magic-Number")?,
            data: reader.rest().to_vec(),
        })
    }
}

/// The reason that Windows puts into a Terminate-Request: its own magic number, a fixed marker
/// and the number of a Remote Access Service error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RasError {
    /// The sender's magic number.
    pub magic: u32,
    /// The error number, 0 for an ordinary end.
    pub code: u32,
}

impl RasError {
    const MARKER: u32 = 0x003c_cd74;

    /// Reads the data of a Terminate-Request, where it has this form.
    pub fn decode(data: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        let magic = reader.u32("Magic-Number").ok()?;
        let marker = reader.u32("Marker").ok()?;
        let code = reader.u32("RAS error").ok()?;
        (marker == Self::MARKER && reader.is_empty()).then_some(Self { magic, code })
    }

    /// What the number means.
    pub const fn meaning(self) -> &'static str {
        match self.code {
            0 => "normal end",
            619 => "the port was disconnected",
            628 => "the connection was closed",
            629 => "the connection was closed by the remote computer",
            645 => "internal authentication error",
            646 => "logon is not permitted at this time of day",
            647 => "the account is disabled",
            648 => "the password has expired",
            649 => "the account has no dial-in permission",
            691 => "access denied: user name or password not accepted",
            718 => "the remote computer did not answer in time",
            720 => "no PPP control protocols could be agreed on",
            721 => "the remote computer does not answer",
            722 => "a PPP packet is invalid",
            726 => "the IPX protocol cannot be used",
            731 => "the protocol is not configured",
            732 => "the PPP negotiation does not converge",
            733 => "the PPP control protocol is not available",
            734 => "the PPP link control protocol ended",
            735 => "the requested address was rejected",
            736 => "the remote computer ended the control protocol",
            737 => "a loop was detected",
            738 => "no address was assigned",
            741 => "the local computer requires encryption of another kind",
            742 => "the remote computer does not support the required encryption",
            778 => "the identity of the server could not be verified",
            _ => "an error without a known name",
        }
    }
}

impl fmt::Display for RasError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RAS error {} ({})", self.code, self.meaning())
    }
}

impl<O: ConfigOption> fmt::Display for Packet<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.identifier;
        match &self.body {
            Body::ConfigureRequest(options) => options_line(f, "Configure-Request", id, options),
            Body::ConfigureAck(options) => options_line(f, "Configure-Ack", id, options),
            Body::ConfigureNak(options) => options_line(f, "Configure-Nak", id, options),
            Body::ConfigureReject(options) => options_line(f, "Configure-Reject", id, options),
            Body::TerminateRequest(data) => reason_line(f, "Terminate-Request", id, data),
            Body::TerminateAck(data) => reason_line(f, "Terminate-Ack", id, data),
            Body::CodeReject(data) => {
                write!(f, "Code-Reject id={id}")?;
                match RawPacket::decode(data) {
                    Ok((raw, _)) => write!(f, " code={} id={}", raw.code, raw.identifier),
                    Err(_) => write!(f, " ({} octets)", data.len()),
                }
            }
            Body::ProtocolReject {
                protocol,
                information,
            } => {
                write!(
                    f,
                    "Protocol-Reject id={id} {protocol} ({} octets)",
                    information.len()
                )
            }
            Body::EchoRequest(magic) => magic_line(f, "Echo-Request", id, magic),
            Body::EchoReply(magic) => magic_line(f, "Echo-Reply", id, magic),
            Body::DiscardRequest(magic) => magic_line(f, "Discard-Request", id, magic),
            Body::Identification(Magic { magic, data }) => {
                write!(
                    f,
                    "Identification id={id} magic={magic:#010x} \"{}\"",
                    escaped(data)
                )
            }
            Body::TimeRemaining {
                magic,
                seconds,
                message,
            } => {
                write!(
                    f,
                    "Time-Remaining id={id} magic={magic:#010x} seconds={seconds}"
                )?;
                write!(f, " \"{}\"", escaped(message))
            }
            Body::ResetRequest(data) => octets_line(f, "Reset-Request", id, data),
            Body::ResetAck(data) => octets_line(f, "Reset-Ack", id, data),
            Body::Unknown { code, data } => {
                write!(f, "code {code} id={id} ({} octets)", data.len())
            }
        }
    }
}

fn options_line<O: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    id: u8,
    options: &[O],
) -> fmt::Result {
    write!(f, "{name} id={id}")?;
    options
        .iter()
        .try_for_each(|option| write!(f, " <{option}>"))
}

fn reason_line(f: &mut fmt::Formatter<'_>, name: &str, id: u8, data: &[u8]) -> fmt::Result {
    write!(f, "{name} id={id}")?;
    match RasError::decode(data) {
        Some(error) => write!(f, " {error}"),
        None if data.is_empty() => Ok(()),
        None => write!(f, " \"{}\"", escaped(data)),
    }
}

fn magic_line(f: &mut fmt::Formatter<'_>, name: &str, id: u8, body: &Magic) -> fmt::Result {
    write!(f, "{name} id={id} magic={:#010x}", body.magic)?;
    if body.data.is_empty() {
        Ok(())
    } else {
        write!(f, " ({} octets)", body.data.len())
    }
}

fn octets_line(f: &mut fmt::Formatter<'_>, name: &str, id: u8, data: &[u8]) -> fmt::Result {
    write!(f, "{name} id={id}")?;
    if data.is_empty() {
        Ok(())
    } else {
        write!(f, " ({} octets)", data.len())
    }
}
