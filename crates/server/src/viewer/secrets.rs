//! Passwords, and what somebody could find them by, do not leave the server.

use adit_wire::ppp::Protocol;

/// Code of a PAP Authenticate-Request (RFC 1334 §2.2.1).
const PAP_REQUEST: u8 = 1;

/// Codes of CHAP (RFC 1994 §4.1, RFC 2759 §4).
const CHAP_RESPONSE: u8 = 2;
const CHAP_SUCCESS: u8 = 3;
const CHAP_CHANGES: [u8; 3] = [5, 6, 7];

/// Octets of Code, Identifier and Length.
const HEADER: usize = 4;

/// The information field of a frame with zeros instead of passwords, of responses to challenges, of the
/// server's proof and of passwords that are changed. Its form stays as it was.
pub(super) fn masked(protocol: Protocol, information: &[u8]) -> Vec<u8> {
    let mut octets = information.to_vec();
    let code = octets.first().copied().unwrap_or_default();
    let Some(data) = octets.get_mut(HEADER..) else {
        return octets;
    };
    match (protocol, code) {
        (Protocol::PAP, PAP_REQUEST) => behind_name(data).fill(0),
        (Protocol::CHAP, CHAP_RESPONSE) => value(data).fill(0),
        (Protocol::CHAP, CHAP_SUCCESS) => proof(data).fill(b'0'),
        (Protocol::CHAP, code) if CHAP_CHANGES.contains(&code) => data.fill(0),
        _ => {}
    }
    octets
}

/// The password, behind a name and the length of the password; all where that is not to be told apart.
fn behind_name(data: &mut [u8]) -> &mut [u8] {
    let name = data.first().map_or(0, |length| usize::from(*length));
    let start = if name + 2 <= data.len() { name + 2 } else { 0 };
    &mut data[start..]
}

/// The value, behind its length; all where there is no such value.
fn value(data: &mut [u8]) -> &mut [u8] {
    let length = data.first().map_or(0, |length| usize::from(*length));
    if length < data.len() {
        data.get_mut(1..1 + length).unwrap_or_default()
    } else {
        data
    }
}

/// The forty digits behind `S=` (RFC 2759 §5).
fn proof(data: &mut [u8]) -> &mut [u8] {
    match data {
        [b'S', b'=', rest @ ..] => {
            let digits = rest.len().min(40);
            &mut rest[..digits]
        }
        _ => &mut [],
    }
}

#[cfg(test)]
mod tests {
    use adit_wire::frame::Described;
    use proptest::prelude::*;

    use super::*;

    fn packet(code: u8, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(HEADER + data.len()).unwrap().to_be_bytes();
        [&[code, 1, length[0], length[1]], data].concat()
    }

    fn contains(octets: &[u8], secret: &[u8]) -> bool {
        octets.windows(secret.len()).any(|it| it == secret)
    }

    fn described(protocol: Protocol, information: &[u8]) -> String {
        let frame = [&protocol.0.to_be_bytes(), information].concat();
        Described(&frame).to_string()
    }

    #[test]
    fn what_is_secret_is_gone_and_the_rest_stays() {
        let secret = [0xa5; 16];
        let pap = packet(1, &[&[5], &b"alice"[..], &[16], &secret].concat());
        let response = packet(2, &[&[16], &secret[..], b"alice"].concat());
        for (protocol, octets) in [(Protocol::PAP, pap), (Protocol::CHAP, response)] {
            let masked = masked(protocol, &octets);
            assert!(!contains(&masked, &[0xa5; 2]), "{masked:02x?}");
            assert!(contains(&masked, b"alice"));
            assert_eq!(masked.len(), octets.len());
            assert!(described(protocol, &masked).contains("alice"));
        }
        let change = packet(7, &[0xa5; 582]);
        assert!(!contains(&masked(Protocol::CHAP, &change), &[0xa5; 2]));
        let success = packet(3, b"S=0123456789ABCDEF0123456789ABCDEF01234567 M=Welcome");
        let masked = masked(Protocol::CHAP, &success);
        assert!(!contains(&masked, b"123"));
        assert!(contains(&masked, b" M=Welcome"));
    }

    #[test]
    fn other_packets_stay_as_they_are() {
        for (protocol, code) in [
            (Protocol::LCP, 1),
            (Protocol::CHAP, 1),
            (Protocol::CHAP, 4),
            (Protocol::PAP, 2),
            (Protocol::IPCP, 2),
        ] {
            let packet = packet(code, b"\x03abcdefg");
            assert_eq!(masked(protocol, &packet), packet);
        }
    }

    /// Never a zero, which is what the octets of a secret become.
    fn secret() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(1u8.., 4..60)
    }

    proptest! {
        #[test]
        fn no_octet_of_a_secret_stays(
            name in proptest::collection::vec(any::<u8>(), 0..60),
            secret in secret(),
        ) {
            let length = |octets: &[u8]| u8::try_from(octets.len()).unwrap();
            let name_first = [&[length(&name)], &name[..], &[length(&secret)], &secret].concat();
            let masked_pap = masked(Protocol::PAP, &packet(1, &name_first));
            prop_assert!(masked_pap.iter().rev().take(secret.len()).all(|octet| *octet == 0));
            let value_first = [&[length(&secret)], &secret[..], &name].concat();
            let masked_chap = masked(Protocol::CHAP, &packet(2, &value_first));
            let value = &masked_chap[HEADER + 1..][..secret.len()];
            prop_assert!(value.iter().all(|octet| *octet == 0));
            prop_assert!(masked_chap.ends_with(&name));
        }

        #[test]
        fn octets_that_are_no_packet_are_masked_rather_too_much(
            code in 0u8..9,
            octets in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            for protocol in [Protocol::PAP, Protocol::CHAP, Protocol::LCP] {
                let octets = [&[code], &octets[..]].concat();
                prop_assert_eq!(masked(protocol, &octets).len(), octets.len());
            }
        }
    }
}
