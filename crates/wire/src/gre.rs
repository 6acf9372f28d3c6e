//! The enhanced GRE header in front of PPP packets (RFC 2637 §4.1).

use std::fmt;

/// Protocol Type of PPP in GRE.
pub const PROTOCOL_TYPE: u16 = 0x880B;

/// Length of the longest header, with both numbers, in octets.
pub const MAX_HEADER_LENGTH: usize = 16;

const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const STRICT_SOURCE_ROUTE: u16 = 0x0800;
const RECURSION: u16 = 0x0700;
const ACKNOWLEDGMENT: u16 = 0x0080;
const FLAGS: u16 = 0x0078;
const VERSION: u16 = 0x0007;
const ENHANCED: u16 = 1;

/// The fields of the header that vary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header {
    /// Key, low 16 bits: the Call ID that the receiver gave to the call.
    pub call_id: u16,
    /// Key, high 16 bits: octets of the payload behind the header.
    pub payload_length: u16,
    /// Sequence Number of the payload; absent only without a payload.
    pub sequence: Option<u32>,
    /// Acknowledgment Number: the highest Sequence Number that the sender has received.
    pub acknowledgment: Option<u32>,
}

/// Why a packet is not enhanced GRE; each is a counter of discarded packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum GreError {
    /// Fewer octets than the header has.
    #[error("the packet ends within its GRE header")]
    Truncated,
    /// The version is not 1.
    #[error("the GRE version is not 1")]
    Version,
    /// The Protocol Type is not that of PPP.
    #[error("the GRE protocol type is not 0x880b")]
    Protocol,
    /// C bit: a checksum would follow.
    #[error("the GRE checksum bit is set")]
    Checksum,
    /// R bit: routing information would follow.
    #[error("the GRE routing bit is set")]
    Routing,
    /// K bit absent: there would be no Call ID.
    #[error("the GRE key bit is not set")]
    NoKey,
    /// s bit: strict source route.
    #[error("the GRE strict source route bit is set")]
    StrictSourceRoute,
    /// The recursion control is not zero.
    #[error("the GRE recursion control is not zero")]
    Recursion,
    /// The four flags behind the A bit are not zero.
    #[error("the GRE flags are not zero")]
    Flags,
    /// The Payload Length is more than what there is.
    #[error("the GRE payload is shorter than its length field says")]
    Length,
    /// A payload without a Sequence Number.
    #[error("the GRE payload has no sequence number")]
    NoSequence,
}

/// A header as octets, to be put in front of its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoded {
    octets: [u8; MAX_HEADER_LENGTH],
    length: usize,
}

impl Header {
    /// Reads the header at the front of `packet` and checks that its payload is there.
    ///
    /// Octets behind the payload are legal (see [`Header::trailing`]): some links pad.
    ///
    /// # Errors
    /// [`GreError`], one variant for each rule of RFC 2637 §4.1.
    pub fn decode(packet: &[u8]) -> Result<Self, GreError> {
        let (first, rest) = packet.split_first_chunk::<8>().ok_or(GreError::Truncated)?;
        let [b0, b1, p0, p1, l0, l1, c0, c1] = *first;
        let bits = u16::from_be_bytes([b0, b1]);
        check(bits, u16::from_be_bytes([p0, p1]))?;
        let (sequence, rest) = number(bits & SEQUENCE != 0, rest)?;
        let (acknowledgment, rest) = number(bits & ACKNOWLEDGMENT != 0, rest)?;
        let payload_length = u16::from_be_bytes([l0, l1]);
        if usize::from(payload_length) > rest.len() {
            return Err(GreError::Length);
        }
        if payload_length > 0 && sequence.is_none() {
            return Err(GreError::NoSequence);
        }
        let call_id = u16::from_be_bytes([c0, c1]);
        Ok(Self {
            call_id,
            payload_length,
            sequence,
            acknowledgment,
        })
    }

    /// The header as octets.
    pub fn encode(&self) -> Encoded {
        let mut encoded = Encoded {
            octets: [0; MAX_HEADER_LENGTH],
            length: 0,
        };
        let mut bits = KEY | ENHANCED;
        if self.sequence.is_some() {
            bits |= SEQUENCE;
        }
        if self.acknowledgment.is_some() {
            bits |= ACKNOWLEDGMENT;
        }
        encoded.put(bits.to_be_bytes());
        encoded.put(PROTOCOL_TYPE.to_be_bytes());
        encoded.put(self.payload_length.to_be_bytes());
        encoded.put(self.call_id.to_be_bytes());
        for number in [self.sequence, self.acknowledgment].into_iter().flatten() {
            encoded.put(number.to_be_bytes());
        }
        encoded
    }

    /// Appends the header.
    pub fn append_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.encode().as_octets());
    }

    /// Length of the header in octets: 8, 12 or 16.
    pub const fn length(&self) -> usize {
        8 + 4 * (self.sequence.is_some() as usize + self.acknowledgment.is_some() as usize)
    }

    /// The payload of `packet`, which this header was decoded from; empty where it is too short.
    pub fn payload<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        let end = self.length() + usize::from(self.payload_length);
        packet.get(self.length()..end).unwrap_or_default()
    }

    /// As [`Header::payload`], to be changed in place.
    pub fn payload_mut<'a>(&self, packet: &'a mut [u8]) -> &'a mut [u8] {
        let end = self.length() + usize::from(self.payload_length);
        packet.get_mut(self.length()..end).unwrap_or_default()
    }

    /// How many of the `packet_length` octets of the packet lie behind its payload.
    pub const fn trailing(&self, packet_length: usize) -> usize {
        packet_length.saturating_sub(self.length() + self.payload_length as usize)
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GRE call-id={}", self.call_id)?;
        if let Some(sequence) = self.sequence {
            write!(f, " seq={sequence}")?;
        }
        if let Some(acknowledgment) = self.acknowledgment {
            write!(f, " ack={acknowledgment}")?;
        }
        write!(f, " length={}", self.payload_length)
    }
}

impl Encoded {
    /// The octets of the header.
    pub fn as_octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }

    fn put<const N: usize>(&mut self, field: [u8; N]) {
        for (to, from) in self.octets.iter_mut().skip(self.length).zip(field) {
            *to = from;
        }
        self.length += N;
    }
}

fn check(bits: u16, protocol: u16) -> Result<(), GreError> {
    let rules = [
        (bits & VERSION == ENHANCED, GreError::Version),
        (protocol == PROTOCOL_TYPE, GreError::Protocol),
        (bits & CHECKSUM == 0, GreError::Checksum),
        (bits & ROUTING == 0, GreError::Routing),
        (bits & KEY != 0, GreError::NoKey),
        (bits & STRICT_SOURCE_ROUTE == 0, GreError::StrictSourceRoute),
        (bits & RECURSION == 0, GreError::Recursion),
        (bits & FLAGS == 0, GreError::Flags),
    ];
    match rules.into_iter().find(|(kept, _)| !kept) {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

fn number(present: bool, octets: &[u8]) -> Result<(Option<u32>, &[u8]), GreError> {
    if !present {
        return Ok((None, octets));
    }
    let (number, rest) = octets.split_first_chunk::<4>().ok_or(GreError::Truncated)?;
    Ok((Some(u32::from_be_bytes(*number)), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// From scapy's PPTP tests: the GRE part of an IPv4 packet with an LCP Configure-Request.
    const SCAPY_LCP: [u8; 40] = [
        0x30, 0x01, 0x88, 0x0b, 0x00, 0x1c, 0x9b, 0xf5, 0x00, 0x00, 0x00, 0x00, 0xff, 0x03, 0xc0,
        0x21, 0x01, 0x01, 0x00, 0x18, 0x02, 0x06, 0x00, 0x00, 0x00, 0x00, 0x03, 0x04, 0xc2, 0x27,
        0x05, 0x06, 0xfb, 0xb8, 0x83, 0x10, 0x07, 0x02, 0x08, 0x02,
    ];

    /// From Suricata's GRE decoder tests, without the part of an IPv4 header in front: its payload
    /// is 78 octets long, of which the first few are given.
    const SURICATA: [u8; 16] = [
        0x30, 0x01, 0x88, 0x0b, 0x00, 0x4e, 0x00, 0x00, 0x00, 0x18, 0x4a, 0x50, 0xff, 0x03, 0x00,
        0x21,
    ];

    fn plain() -> Header {
        Header {
            call_id: 5,
            payload_length: 0,
            sequence: None,
            acknowledgment: Some(2),
        }
    }

    fn with_bits(set: u16, clear: u16) -> Result<Header, GreError> {
        let mut octets = [0; 24];
        let encoded = plain().encode();
        octets[..12].copy_from_slice(encoded.as_octets());
        let bits = (u16::from_be_bytes([octets[0], octets[1]]) | set) & !clear;
        octets[..2].copy_from_slice(&bits.to_be_bytes());
        Header::decode(&octets)
    }

    #[test]
    fn reads_and_writes_a_data_packet() {
        let header = Header::decode(&SCAPY_LCP).unwrap();
        assert_eq!(header.to_string(), "GRE call-id=39925 seq=0 length=28");
        assert_eq!(header.payload(&SCAPY_LCP), &SCAPY_LCP[12..]);
        assert_eq!(header.encode().as_octets(), &SCAPY_LCP[..12]);
    }

    #[test]
    fn accepts_call_id_zero() {
        let mut packet = SURICATA.to_vec();
        assert_eq!(Header::decode(&packet), Err(GreError::Length));
        packet.resize(12 + 78, 0);
        let header = Header::decode(&packet).unwrap();
        assert_eq!(header.to_string(), "GRE call-id=0 seq=1591888 length=78");
    }

    #[test]
    fn shows_both_numbers() {
        let header = Header {
            call_id: 5,
            payload_length: 40,
            sequence: Some(3),
            acknowledgment: Some(2),
        };
        assert_eq!(header.to_string(), "GRE call-id=5 seq=3 ack=2 length=40");
        assert_eq!(header.length(), MAX_HEADER_LENGTH);
    }

    #[test]
    fn each_rule_has_its_error() {
        assert_eq!(with_bits(0, 0), Ok(plain()));
        assert_eq!(with_bits(0x8000, 0), Err(GreError::Checksum));
        assert_eq!(with_bits(0x4000, 0), Err(GreError::Routing));
        assert_eq!(with_bits(0, 0x2000), Err(GreError::NoKey));
        assert_eq!(with_bits(0x0800, 0), Err(GreError::StrictSourceRoute));
        assert_eq!(with_bits(0x0100, 0), Err(GreError::Recursion));
        assert_eq!(with_bits(0x0400, 0), Err(GreError::Recursion));
        assert_eq!(with_bits(0x0008, 0), Err(GreError::Flags));
        assert_eq!(with_bits(0x0040, 0), Err(GreError::Flags));
        assert_eq!(with_bits(0, 0x0001), Err(GreError::Version));
        assert_eq!(with_bits(0x0006, 0x0001), Err(GreError::Version));
        let mut packet = SCAPY_LCP;
        packet[3] = 0;
        assert_eq!(Header::decode(&packet), Err(GreError::Protocol));
    }

    #[test]
    fn a_payload_needs_a_sequence_number() {
        let header = Header {
            call_id: 1,
            payload_length: 2,
            sequence: None,
            acknowledgment: Some(7),
        };
        let mut packet = header.encode().as_octets().to_vec();
        packet.extend([0xc0, 0x21]);
        assert_eq!(Header::decode(&packet), Err(GreError::NoSequence));
    }

    #[test]
    fn rejects_packets_that_are_cut_short() {
        for length in 0..12 {
            assert_eq!(
                Header::decode(&SCAPY_LCP[..length]),
                Err(GreError::Truncated)
            );
        }
        for length in 12..SCAPY_LCP.len() {
            assert_eq!(Header::decode(&SCAPY_LCP[..length]), Err(GreError::Length));
        }
    }

    #[test]
    fn ignores_but_reports_octets_behind_the_payload() {
        let mut packet = SCAPY_LCP.to_vec();
        packet.extend([0; 6]);
        let header = Header::decode(&packet).unwrap();
        assert_eq!(header.payload(&packet), &SCAPY_LCP[12..]);
        assert_eq!(header.payload_mut(&mut packet).len(), 28);
        assert_eq!(header.trailing(packet.len()), 6);
    }

    #[test]
    fn rejects_the_headers_that_suricata_rejects() {
        assert_eq!(
            Header::decode(&[0x00, 0x6e, 0x62]),
            Err(GreError::Truncated)
        );
        let packet = [
            0x00, 0x6e, 0x62, 0xac, 0x40, 0x00, 0x40, 0x2f, 0xc2, 0xc7, 0x0a, 0x00,
        ];
        assert_eq!(Header::decode(&packet), Err(GreError::Version));
    }

    proptest! {
        #[test]
        fn every_header_survives(
            call_id: u16,
            payload_length in 0u16..2000,
            sequence: u32,
            acknowledgment: Option<u32>,
        ) {
            let header = Header { call_id, payload_length, sequence: Some(sequence), acknowledgment };
            let mut packet = Vec::new();
            header.append_to(&mut packet);
            prop_assert_eq!(packet.len(), header.length());
            packet.resize(header.length() + usize::from(payload_length), 0xa5);
            prop_assert_eq!(Header::decode(&packet), Ok(header));
        }

        #[test]
        fn what_is_read_is_written_again(octets in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(header) = Header::decode(&octets) {
                let encoded = header.encode();
                prop_assert_eq!(encoded.as_octets(), &octets[..header.length()]);
                prop_assert!(header.payload(&octets).len() <= octets.len());
            }
        }
    }
}
