//! Two links in memory that are up, and packets between them.

use std::time::Instant;

use adit_crypto::mppe_keys::Strength;
use adit_crypto::rc4::{Rc4, apply_together};
use adit_ppp::Link;
use adit_ppp::auth::Method;
use adit_ppp::link::{IpVersion, Opened, SEAL_ROOM, Sealed};
use adit_ppp::mppe::Mode;

#[expect(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    reason = "the tests' links serve here too; a failed expectation is a panic"
)]
#[path = "../../tests/link/common/mod.rs"]
mod common;

/// One way from a client to a server, for `N` packets at a time.
pub(crate) struct Traffic<const N: usize> {
    now: Instant,
    from: Link,
    to: Link,
    packets: [Packet; N],
}

struct Packet {
    /// Room for the headers, and the inner packet.
    octets: Vec<u8>,
    cipher: Rc4,
    sealed: Sealed,
}

impl<const N: usize> Traffic<N> {
    /// Brings up two links with 128-bit encryption in this mode, or none. A packet has `length` octets,
    /// 20 at least; one is sent and has to arrive.
    pub(crate) fn new(mode: Option<Mode>, length: usize) -> Self {
        let mppe = mode.map_or_else(common::off, |mode| common::mppe(Strength::Bits128, mode));
        let methods = [Method::MsChapV2];
        let mut pair = common::Pair::new(
            common::server(&methods, mppe.clone()),
            common::client(&methods, mppe),
        );
        pair.connect();
        assert!(pair.is_up(), "the links do not come up");
        let inner = ipv4(length);
        let mut traffic = Self {
            now: pair.now,
            from: pair.client.link,
            to: pair.server.link,
            packets: [(); N].map(|()| Packet::new(&inner)),
        };
        traffic.seal();
        traffic.open();
        for packet in &traffic.packets {
            assert_eq!(packet.octets[SEAL_ROOM..], inner, "a packet is changed");
        }
        traffic
    }

    /// Makes frames of all packets, and encrypts them side by side.
    pub(crate) fn seal(&mut self) {
        for packet in &mut self.packets {
            let sealed = self.from.seal_in_place(
                IpVersion::V4,
                &mut packet.octets,
                SEAL_ROOM,
                &mut packet.cipher,
            );
            packet.sealed = sealed.expect("the link is up and the packet short enough");
        }
        side_by_side(self.packets.each_mut().map(|packet| {
            let clear_from = packet.sealed.clear_from.unwrap_or(packet.octets.len());
            (&mut packet.cipher, &mut packet.octets[clear_from..])
        }));
    }

    /// Opens all frames that were made last, and decrypts them side by side: the packets are then as
    /// they were before.
    pub(crate) fn open(&mut self) {
        let (to, now) = (&mut self.to, self.now);
        side_by_side(self.packets.each_mut().map(|packet| {
            let frame = &mut packet.octets[packet.sealed.start..];
            match to.open_frame(now, frame, &mut packet.cipher) {
                Ok(Opened::Packet(opened)) => {
                    (&mut packet.cipher, &mut opened.octets[opened.readable..])
                }
                other => panic!("a frame is dropped: {other:?}"),
            }
        }));
    }
}

impl Packet {
    fn new(inner: &[u8]) -> Self {
        Self {
            octets: [&[0; SEAL_ROOM], inner].concat(),
            cipher: Rc4::new(&[]),
            sealed: Sealed {
                start: SEAL_ROOM,
                clear_from: None,
            },
        }
    }
}

/// What is left of the packets, if anything is.
fn side_by_side<const N: usize>(mut rests: [(&mut Rc4, &mut [u8]); N]) {
    if rests.iter().any(|(_, rest)| !rest.is_empty()) {
        apply_together(&mut rests);
    }
}

/// A packet whose header says its length, as the receiver of an encrypted one wants it.
fn ipv4(length: usize) -> Vec<u8> {
    let mut packet = vec![0x55; length];
    let total = u16::try_from(length).expect("no packet is longer");
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    packet
}
