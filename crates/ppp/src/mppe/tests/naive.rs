//! Models written from the wording of RFC 3078 §7 and §8, one packet at a time and without any care for
//! speed or forgeries; and the same as the Linux kernel reads it.

use adit_crypto::mppe_keys::{SessionKeys, Strength};
use adit_crypto::rc4::Rc4;

use super::*;

/// What a peer makes of the FLUSHED bit in stateful mode.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reading {
    /// RFC 3078 §8.2: the tables start again with the current key; keys change on "flag" packets.
    Rfc,
    /// Linux: the key changes, once for the bit and for a "flag" packet together.
    Linux,
}

/// A stateful sender.
struct NaiveSender {
    reading: Reading,
    keys: SessionKeys,
    tables: Rc4,
    count: u16,
    reset_requested: bool,
}

impl NaiveSender {
    fn new(reading: Reading) -> Self {
        let keys = keys(Strength::Bits128);
        let tables = Rc4::new(keys.current().octets());
        Self {
            reading,
            keys,
            tables,
            count: 0,
            reset_requested: false,
        }
    }

    fn sealed(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let is_flag = self.count % 256 == 255;
        let (change, flushed) = match self.reading {
            Reading::Rfc => (is_flag, self.reset_requested),
            Reading::Linux => {
                let either = is_flag || self.reset_requested;
                (either, either)
            }
        };
        self.reset_requested = false;
        if change {
            self.keys.change();
        }
        if change || flushed {
            self.tables = Rc4::new(self.keys.current().octets());
        }
        let mut data = plaintext.to_vec();
        self.tables.apply(&mut data);
        let header = if flushed { 0x9000 } else { 0x1000 } | self.count;
        self.count = (self.count + 1) % 4096;
        [&header.to_be_bytes()[..], &data].concat()
    }
}

/// A stateful receiver. It believes every packet, so a wrong key shows in the plaintext.
struct NaiveReceiver {
    reading: Reading,
    keys: SessionKeys,
    tables: Rc4,
    expected: u16,
    discarding: bool,
}

impl NaiveReceiver {
    fn new(reading: Reading) -> Self {
        let keys = keys(Strength::Bits128);
        let tables = Rc4::new(keys.current().octets());
        Self {
            reading,
            keys,
            tables,
            expected: 0,
            discarding: false,
        }
    }

    /// The plaintext, or `None` if the packet is dropped and a Reset-Request sent.
    fn open(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let count = header(packet) & 0x0fff;
        let flushed = header(packet) & 0x8000 != 0;
        if count != self.expected && !self.discarding {
            self.discarding = true;
            return None;
        }
        if self.discarding && !flushed {
            return None;
        }
        self.discarding = false;
        while self.expected != count {
            self.change_if(self.expected % 256 == 255);
            self.expected = (self.expected + 1) % 4096;
        }
        match self.reading {
            Reading::Rfc => self.change_if(count % 256 == 255),
            Reading::Linux => {
                assert!(flushed || count % 256 != 255, "Linux drops such a packet");
                self.change_if(flushed);
            }
        }
        if flushed {
            self.tables = Rc4::new(self.keys.current().octets());
        }
        self.expected = (count + 1) % 4096;
        let mut data = packet[2..].to_vec();
        self.tables.apply(&mut data);
        Some(data)
    }

    fn change_if(&mut self, condition: bool) {
        if condition {
            self.tables = Rc4::new(self.keys.change().octets());
        }
    }
}

#[test]
fn stateless_key_number_n_plus_1_encrypts_packet_n() {
    for strength in STRENGTHS {
        let (mut sender, _) = pair(strength, Mode::Stateless);
        for number in 0..40 {
            let mut expected = ipv4(number);
            let mut keys = keys(strength);
            for _ in 0..=number {
                keys.change();
            }
            Rc4::new(keys.current().octets()).apply(&mut expected);
            assert_eq!(sealed(&mut sender, &ipv4(number))[2..], expected);
        }
    }
}

#[test]
fn stateful_packets_are_those_of_the_model() {
    let (mut sender, _) = pair(Strength::Bits128, Mode::Stateful);
    let mut model = NaiveSender::new(Reading::Rfc);
    for number in 0..4096 + 300 {
        assert_eq!(
            sealed(&mut sender, &ipv4(number))[2..],
            model.sealed(&ipv4(number))[2..]
        );
    }
}

#[test]
fn both_readings_agree_with_the_sender_after_resets() {
    for reading in [Reading::Rfc, Reading::Linux] {
        let (mut sender, _) = pair(Strength::Bits128, Mode::Stateful);
        let mut model = NaiveReceiver::new(reading);
        let mut taken = 0;
        for number in 0..6000 {
            let packet = sealed(&mut sender, &ipv4(number));
            // Losses that hit flushed packets, "flag" packets and runs of packets.
            if number % 37 == 5 || number % 256 == 255 || number % 500 < 9 {
                continue;
            }
            match model.open(&packet) {
                Some(plaintext) => {
                    assert_eq!(plaintext, ipv4(number), "{reading:?}");
                    taken += 1;
                }
                None => sender.flush(),
            }
        }
        assert!(taken > 5000, "{reading:?}: {taken} taken");
    }
}

/// Without an IP header in the plaintext no other key is tried, so the count must be right.
#[test]
fn flushed_packet_after_a_lost_flag_packet_has_the_counted_key() {
    for (lost, flags) in [(5, 0), (6, 1), (20, 1)] {
        let mut model = NaiveSender::new(Reading::Rfc);
        let (_, mut receiver) = pair(Strength::Bits128, Mode::Stateful);
        for number in 0..250 {
            assert_eq!(
                open(&mut receiver, &model.sealed(&ipv4(number))),
                Ok(ipv4(number))
            );
        }
        for _ in 0..lost {
            model.sealed(&ipv4(0));
        }
        let mut key = keys(Strength::Bits128);
        for _ in 0..flags {
            key.change();
        }
        assert_eq!(model.keys.current(), key.current());
        model.reset_requested = true;
        let plaintext = [0x00, 0x2d, 1, 2, 3, 4];
        assert_eq!(
            open(&mut receiver, &model.sealed(&plaintext)).as_deref(),
            Ok(&plaintext[..])
        );
    }
}

proptest! {
    #[test]
    fn receiver_follows_both_readings(
        losses in prop::collection::vec((0usize..60, 1usize..600), 1..12),
        linux: bool,
    ) {
        let mut model = NaiveSender::new(if linux { Reading::Linux } else { Reading::Rfc });
        let (_, mut receiver) = pair(Strength::Bits128, Mode::Stateful);
        let mut number = 0;
        for (before, lost) in losses {
            for _ in 0..before {
                number += 1;
                let packet = model.sealed(&ipv4(number));
                prop_assert_eq!(open(&mut receiver, &packet), Ok(ipv4(number)));
            }
            for _ in 0..lost {
                model.sealed(&ipv4(0));
            }
            number += 1;
            let result = open(&mut receiver, &model.sealed(&ipv4(number)));
            prop_assert!(matches!(result, Err(Reject::AwaitingFlush | Reject::BadProtocol)) || result.is_ok());
            // The answer to the first request may be lost too.
            if receiver.wants_reset_request() {
                model.reset_requested = true;
                if lost % 2 == 0 {
                    model.sealed(&ipv4(0));
                    model.reset_requested = true;
                }
                number += 1;
                let packet = model.sealed(&ipv4(number));
                prop_assert_eq!(open(&mut receiver, &packet), Ok(ipv4(number)));
            }
            prop_assert!(!receiver.wants_reset_request());
        }
    }
}
