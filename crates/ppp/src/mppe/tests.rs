//! Both ends together, against a recorded client, and against other readings of the RFC.

mod naive;
mod network;

use adit_crypto::mppe_keys::{SessionKeys, SessionStartKeys, Side, StartKey, Strength};
use adit_crypto::nt::NtHash;
use proptest::prelude::*;

use super::{Mode, Receiver, ReceiverConfig, Reject, Sender};

const STRENGTHS: [Strength; 3] = [Strength::Bits40, Strength::Bits56, Strength::Bits128];
const MODES: [Mode; 2] = [Mode::Stateless, Mode::Stateful];

fn keys(strength: Strength) -> SessionKeys {
    StartKey::from_octets(*b"some start key..")
        .for_strength(strength)
        .unwrap()
}

fn pair(strength: Strength, mode: Mode) -> (Sender, Receiver) {
    let receiver = Receiver::new(keys(strength), mode, ReceiverConfig::default());
    (Sender::new(keys(strength), mode), receiver)
}

fn each_combination(test: impl Fn(Strength, Mode)) {
    for strength in STRENGTHS {
        for mode in MODES {
            test(strength, mode);
        }
    }
}

/// Protocol field and an IPv4 packet that carries `number`.
fn ipv4(number: u32) -> Vec<u8> {
    let mut packet = vec![0x00, 0x21, 0x45, 0, 0, 24, 0, 0, 0, 0, 64, 17];
    packet.resize(2 + 20, 0x0a);
    packet.extend(number.to_be_bytes());
    packet
}

/// A packet as it travels: header and encrypted octets.
fn sealed(sender: &mut Sender, plaintext: &[u8]) -> Vec<u8> {
    let mut data = plaintext.to_vec();
    let header = sender.encrypt(&mut data);
    [&header.to_be_bytes()[..], &data].concat()
}

fn open(receiver: &mut Receiver, packet: &[u8]) -> Result<Vec<u8>, Reject> {
    let mut copy = packet.to_vec();
    let result = receiver
        .decrypt(&mut copy)
        .map(|plaintext| plaintext.to_vec());
    if result.is_err() {
        assert_eq!(copy, packet, "a dropped packet is unchanged");
    }
    result
}

fn header(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[0], packet[1]])
}

fn hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The first encrypted packet of a recorded Windows 7 client (user lulu, password "password").
#[test]
fn first_packet_of_a_windows_client() {
    let response = hex("ed8cc90fd40faa2d6bcd0abd0b1f562fd777df6c5609c98b")
        .try_into()
        .unwrap();
    let hash = NtHash::of_password("password");
    let client = SessionStartKeys::from_mschap_v2(Side::Client, &hash, &response);
    let server = SessionStartKeys::from_mschap_v2(Side::Server, &hash, &response);
    let plaintext =
        hex("0021460000280000000001028127c0a802eae0000016940400002200ea030000000104000000effffffa");
    let packet = hex(
        "9000e79c9730a73cebec643fe09dea0a49396bf88c208aced654b3c65c23b1d838a5b98a61290219d4812e14",
    );

    let mut sender = Sender::new(
        client.send.for_strength(Strength::Bits128).unwrap(),
        Mode::Stateless,
    );
    assert_eq!(sealed(&mut sender, &plaintext), packet);

    let keys = server.receive.for_strength(Strength::Bits128).unwrap();
    let mut receiver = Receiver::new(keys, Mode::Stateless, ReceiverConfig::default());
    assert_eq!(open(&mut receiver, &packet), Ok(plaintext));
}

#[test]
fn every_packet_arrives_across_the_wrap_of_the_count() {
    each_combination(|strength, mode| {
        let (mut sender, mut receiver) = pair(strength, mode);
        for number in 0..4096 + 600 {
            let packet = sealed(&mut sender, &ipv4(number));
            assert_eq!(u32::from(header(&packet) & 0x0fff), number % 4096);
            assert_eq!(open(&mut receiver, &packet), Ok(ipv4(number)));
        }
    });
}

#[test]
fn header_bits() {
    each_combination(|strength, mode| {
        let (mut sender, _) = pair(strength, mode);
        for number in 0..600 {
            let header = header(&sealed(&mut sender, &ipv4(number)));
            let flushed = mode == Mode::Stateless || number % 256 == 255;
            assert_eq!(
                header & 0xf000,
                if flushed { 0x9000 } else { 0x1000 },
                "{number}"
            );
        }
    });
}

#[test]
fn flush_skips_to_the_next_flag_packet_in_stateful_mode_only() {
    let (mut sender, mut receiver) = pair(Strength::Bits128, Mode::Stateful);
    assert_eq!(header(&sealed(&mut sender, &ipv4(0))), 0x1000);
    sender.flush();
    sender.flush();
    let packet = sealed(&mut sender, &ipv4(1));
    assert_eq!(header(&packet), 0x90ff);
    assert_eq!(open(&mut receiver, &packet), Ok(ipv4(1)));
    assert_eq!(header(&sealed(&mut sender, &ipv4(2))), 0x1100);

    let (mut sender, _) = pair(Strength::Bits128, Mode::Stateless);
    sender.flush();
    assert_eq!(header(&sealed(&mut sender, &ipv4(0))), 0x9000);
}

#[test]
fn flush_wraps_around() {
    let (mut sender, mut receiver) = pair(Strength::Bits128, Mode::Stateful);
    for number in 0..4090 {
        open(&mut receiver, &sealed(&mut sender, &ipv4(number))).unwrap();
    }
    sender.flush();
    for expected in [0x9fff, 0x1000, 0x1001] {
        let packet = sealed(&mut sender, &ipv4(7));
        assert_eq!(header(&packet), expected);
        assert_eq!(open(&mut receiver, &packet), Ok(ipv4(7)));
    }
}

#[test]
fn malformed_packets() {
    each_combination(|strength, mode| {
        let (mut sender, mut receiver) = pair(strength, mode);
        for packet in [&[][..], &[0x90], &[0x90, 0x00]] {
            assert_eq!(open(&mut receiver, packet), Err(Reject::TooShort));
        }
        let packet = sealed(&mut sender, &ipv4(0));
        let mut clear = packet.clone();
        clear[0] &= !0x10;
        assert_eq!(open(&mut receiver, &clear), Err(Reject::NotEncrypted));
        assert_eq!(open(&mut receiver, &packet), Ok(ipv4(0)));
    });
}

#[test]
fn duplicates_are_late() {
    each_combination(|strength, mode| {
        let (mut sender, mut receiver) = pair(strength, mode);
        for number in 0..300 {
            let packet = sealed(&mut sender, &ipv4(number));
            assert!(open(&mut receiver, &packet).is_ok());
            assert_eq!(open(&mut receiver, &packet), Err(Reject::Late));
        }
    });
}

#[test]
fn compressed_protocol_field_and_other_protocols() {
    each_combination(|strength, mode| {
        let (mut sender, mut receiver) = pair(strength, mode);
        for plaintext in [&ipv4(1)[1..], &[0x00, 0x2d, 1, 2], &[0x00, 0x21]] {
            let packet = sealed(&mut sender, plaintext);
            assert_eq!(open(&mut receiver, &packet).as_deref(), Ok(plaintext));
        }
        for plaintext in [&[0xc0, 0x21, 9, 1, 0, 4][..], &[0x2d, 1, 2], &[0x57]] {
            let mut sender = Sender::new(keys(strength), mode);
            for _ in 0..3 {
                sealed(&mut sender, &[0, 0]);
            }
            let packet = sealed(&mut sender, plaintext);
            assert_eq!(open(&mut receiver, &packet), Err(Reject::BadProtocol));
        }
    });
}

#[test]
fn stateless_packet_without_bit_a_is_taken() {
    let (mut sender, mut receiver) = pair(Strength::Bits128, Mode::Stateless);
    let mut packet = sealed(&mut sender, &ipv4(0));
    packet[0] &= 0x7f;
    assert_eq!(open(&mut receiver, &packet), Ok(ipv4(0)));
}

#[test]
fn late_packets_are_decrypted_once_within_the_window() {
    let (mut sender, mut receiver) = pair(Strength::Bits128, Mode::Stateless);
    let packets: Vec<_> = (0..200)
        .map(|number| sealed(&mut sender, &ipv4(number)))
        .collect();
    assert_eq!(open(&mut receiver, &packets[199]), Ok(ipv4(199)));
    for number in (0..199).rev() {
        let expected = if number >= 199 - 64 {
            Ok(ipv4(number))
        } else {
            Err(Reject::Late)
        };
        assert_eq!(
            open(&mut receiver, &packets[number as usize]),
            expected,
            "{number}"
        );
        assert_eq!(
            open(&mut receiver, &packets[number as usize]),
            Err(Reject::Late)
        );
    }
}

#[test]
fn jump_is_limited() {
    let config = ReceiverConfig {
        late_window: 10,
        max_jump: 20,
    };
    for (lost, expected) in [(19, Ok(())), (20, Err(Reject::TooFarAhead))] {
        let mut sender = Sender::new(keys(Strength::Bits128), Mode::Stateless);
        let mut receiver = Receiver::new(keys(Strength::Bits128), Mode::Stateless, config);
        for number in 0..lost {
            sealed(&mut sender, &ipv4(number));
        }
        let packet = sealed(&mut sender, &ipv4(99));
        assert_eq!(open(&mut receiver, &packet).map(drop), expected);
    }
}

/// A protocol field alone is believed over a short gap only.
#[test]
fn weak_evidence_does_not_reach_far() {
    let other = [0x00, 0x2d, 1, 2];
    for (lost, expected) in [(31, Ok(())), (32, Err(Reject::BadProtocol))] {
        let (mut sender, mut receiver) = pair(Strength::Bits128, Mode::Stateless);
        for number in 0..lost {
            sealed(&mut sender, &ipv4(number));
        }
        assert_eq!(
            open(&mut receiver, &sealed(&mut sender, &other)).map(drop),
            expected
        );
        assert_eq!(
            open(&mut receiver, &sealed(&mut sender, &ipv4(9))),
            Ok(ipv4(9))
        );
    }
}

/// However long the outage, a stateless stream that goes on is decrypted again: the search makes 16
/// keys per packet.
#[test]
fn stateless_recovers_from_any_outage() {
    for lost in [
        256, 300, 2000, 2100, 3000, 4000, 4095, 4096, 4097, 4160, 6000, 12_000,
    ] {
        let (mut sender, mut receiver) = pair(Strength::Bits128, Mode::Stateless);
        let mut sent = 0;
        let mut next = |sender: &mut Sender| {
            sent += 1;
            (sealed(sender, &ipv4(sent)), ipv4(sent))
        };
        for _ in 0..10 {
            assert!(open(&mut receiver, &next(&mut sender).0).is_ok());
        }
        for _ in 0..lost {
            next(&mut sender);
        }
        let dropped = (0..lost + 1000)
            .take_while(|_| {
                let (packet, plaintext) = next(&mut sender);
                open(&mut receiver, &packet) != Ok(plaintext)
            })
            .count();
        assert!(
            dropped <= lost / 15 + 60,
            "{lost} lost, {dropped} dropped after that"
        );
        for _ in 0..100 {
            let (packet, plaintext) = next(&mut sender);
            assert_eq!(open(&mut receiver, &packet), Ok(plaintext));
        }
    }
}

/// Every count, flushed or not: the genuine packet that follows is decrypted all the same.
#[test]
fn one_forged_packet_does_not_harm() {
    each_combination(|strength, mode| {
        let (mut sender, mut receiver) = pair(strength, mode);
        let mut forgeries_taken = 0;
        let mut genuine_lost = 0;
        for number in 0..4096u32 {
            for bits in [0x1000, 0x9000] {
                let count = (number as u16).wrapping_mul(1021) & 0x0fff;
                let mut forged = vec![0; 40];
                forged[..2].copy_from_slice(&(bits | count).to_be_bytes());
                if open(&mut receiver, &forged).is_ok() {
                    forgeries_taken += 1;
                }
            }
            let packet = sealed(&mut sender, &ipv4(number));
            if open(&mut receiver, &packet) != Ok(ipv4(number)) {
                genuine_lost += 1;
                sender.flush();
            }
        }
        assert!(
            genuine_lost <= forgeries_taken,
            "{strength} {mode:?}: {genuine_lost} lost for {forgeries_taken} forgeries taken"
        );
    });
}

proptest! {
    #[test]
    fn nothing_received_makes_it_panic(
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..24), 0..40),
        limits in prop::sample::select(vec![(0u16, 0u16), (64, 256), (u16::MAX, u16::MAX)]),
    ) {
        let config = ReceiverConfig { late_window: limits.0, max_jump: limits.1 };
        each_combination(|strength, mode| {
            let mut receiver = Receiver::new(keys(strength), mode, config);
            for packet in &packets {
                let _ = open(&mut receiver, packet);
            }
        });
    }
}
