//! Sender and receiver with a network between them that loses, repeats, reorders and forges.

use super::*;

/// What happens to the next packet sent.
#[derive(Clone, Debug)]
enum Fate {
    Arrives,
    IsLost,
    ArrivesTwice,
    /// Arrives after so many others.
    IsLate(usize),
    /// Arrives behind a forgery whose count is off by so much.
    IsForged {
        offset: u16,
        flushed: bool,
        data: Vec<u8>,
    },
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Arrives),
        2 => Just(Fate::IsLost),
        1 => Just(Fate::ArrivesTwice),
        1 => (1usize..30).prop_map(Fate::IsLate),
        1 => (0u16..4096, any::<bool>(), prop::collection::vec(any::<u8>(), 1..60))
            .prop_map(|(offset, flushed, data)| Fate::IsForged { offset, flushed, data }),
    ]
}

/// A packet under way.
struct Packet {
    octets: Vec<u8>,
    /// The number in its plaintext; `None` if forged.
    number: Option<u32>,
}

/// The packets in the order of their arrival.
fn arrivals(
    sender: &mut Sender,
    number: u32,
    fate: Fate,
    late: &mut Vec<(usize, Packet)>,
) -> Vec<Packet> {
    let octets = sealed(sender, &ipv4(number));
    let genuine = || Packet {
        octets: octets.clone(),
        number: Some(number),
    };
    let mut arriving = match fate {
        Fate::Arrives => vec![genuine()],
        Fate::IsLost => vec![],
        Fate::ArrivesTwice => vec![genuine(), genuine()],
        Fate::IsLate(after) => {
            late.push((after, genuine()));
            vec![]
        }
        Fate::IsForged {
            offset,
            flushed,
            data,
        } => {
            let bits = if flushed { 0x9000 } else { 0x1000 };
            let count = header(&octets).wrapping_add(offset) & 0x0fff;
            let octets = [&(bits | count).to_be_bytes()[..], &data].concat();
            vec![
                Packet {
                    octets,
                    number: None,
                },
                genuine(),
            ]
        }
    };
    for (after, _) in late.iter_mut() {
        *after -= 1;
    }
    arriving.extend(
        late.extract_if(.., |(after, _)| *after == 0)
            .map(|(_, packet)| packet),
    );
    arriving
}

proptest! {
    /// Every genuine packet that arrives is decrypted once, unless a forgery took its key.
    #[test]
    fn stateless_stream(
        strength in prop::sample::select(STRENGTHS.to_vec()),
        skip in 0u32..4096,
        fates in prop::collection::vec(fate(), 1..200),
    ) {
        let (mut sender, mut receiver) = pair(strength, Mode::Stateless);
        for number in 0..skip {
            prop_assert!(open(&mut receiver, &sealed(&mut sender, &ipv4(number))).is_ok());
        }
        let mut late = Vec::new();
        let mut taken = std::collections::BTreeSet::new();
        let mut forgeries_taken = 0;
        let mut genuine_refused = 0;
        for (number, fate) in (skip..).zip(fates) {
            for packet in arrivals(&mut sender, number, fate, &mut late) {
                match (packet.number, open(&mut receiver, &packet.octets)) {
                    (None, Ok(_)) => forgeries_taken += 1,
                    (None, Err(_)) => {}
                    (Some(number), Ok(plaintext)) => {
                        prop_assert_eq!(plaintext, ipv4(number));
                        prop_assert!(taken.insert(number), "{} was taken twice", number);
                    }
                    (Some(number), Err(reason)) => {
                        prop_assert_eq!(reason, Reject::Late);
                        genuine_refused += u32::from(!taken.contains(&number));
                    }
                }
            }
        }
        // A packet whose key a forgery took may arrive twice.
        prop_assert!(genuine_refused <= 2 * forgeries_taken);
    }

    /// Whatever happened, the stream flows again soon after the network behaves.
    #[test]
    fn stateful_stream(
        strength in prop::sample::select(STRENGTHS.to_vec()),
        skip in 0u32..4096,
        round_trip in 0u32..20,
        fates in prop::collection::vec(fate(), 1..200),
    ) {
        let (mut sender, mut receiver) = pair(strength, Mode::Stateful);
        for number in 0..skip {
            prop_assert!(open(&mut receiver, &sealed(&mut sender, &ipv4(number))).is_ok());
        }
        let mut late = Vec::new();
        let mut flush_at = None;
        let calm = 200;
        let end = skip + fates.len() as u32 + calm;
        let mut last_refused = 0;
        let mut forgeries_taken = 0;
        let fates = fates.into_iter().chain(std::iter::repeat(Fate::Arrives));
        for (number, fate) in (skip..end).zip(fates) {
            if flush_at.is_some_and(|at| at <= number) {
                sender.flush();
                flush_at = None;
            }
            for packet in arrivals(&mut sender, number, fate, &mut late) {
                match (packet.number, open(&mut receiver, &packet.octets)) {
                    // A forgery that was taken leaves the key stream at the wrong octet.
                    (Some(number), Ok(plaintext)) => {
                        prop_assert!(plaintext == ipv4(number) || forgeries_taken > 0);
                    }
                    (Some(number), Err(_)) => last_refused = last_refused.max(number),
                    (None, result) => forgeries_taken += u32::from(result.is_ok()),
                }
            }
            if receiver.wants_reset_request() && flush_at.is_none() {
                flush_at = Some(number + 1 + round_trip);
            }
        }
        prop_assert!(last_refused < end - calm / 2, "{} refused of {}", last_refused, end);
        prop_assert!(!receiver.wants_reset_request());
    }
}
