use proptest::prelude::*;

use super::*;
use crate::microsoft;

#[test]
fn values_longer_than_an_attribute_are_refused() {
    let mut list = AttributeList::new();
    list.octets(CLASS, &[0; MAX_VALUE]).unwrap();
    list.octets(microsoft::CHAP_CHALLENGE, &[0; MAX_VENDOR_VALUE])
        .unwrap();
    let before = list.clone();
    let too_long = |kind, length| AttributeError::TooLong { kind, length };
    let error = list.octets(CLASS, &[0; MAX_VALUE + 1]).unwrap_err();
    assert_eq!(error, too_long(CLASS, MAX_VALUE + 1));
    let kind = microsoft::CHAP_CHALLENGE;
    let error = list.octets(kind, &[0; MAX_VENDOR_VALUE + 1]).unwrap_err();
    assert_eq!(error, too_long(kind, MAX_VENDOR_VALUE + 1));
    assert_eq!(list, before);
}

#[test]
fn a_list_never_outgrows_a_packet() {
    let mut list = AttributeList::new();
    while list.octets(CLASS, &[0; MAX_VALUE]).is_ok() {}
    while list.octets(CLASS, &[]).is_ok() {}
    let error = list.octets(CLASS, &[]).unwrap_err();
    assert_eq!(error, AttributeError::Full { kind: CLASS });
    let error = list.clone().append(&list).unwrap_err();
    assert_eq!(error, AttributeError::Full { kind: CLASS });
}

#[test]
fn a_vendors_attributes_are_told_from_the_standards() {
    // Two attributes in one Vendor-Specific one, then a standard one.
    let octets = [
        26, 13, 0, 0, 1, 0x37, 7, 4, 1, 2, 8, 3, 9, // Microsoft
        7, 3, 5, // Framed-Protocol, cut to one octet
    ];
    assert_eq!(check(&octets), Ok(()));
    let read: Vec<_> = Attributes::new(&octets)
        .map(|attribute| (attribute.kind, attribute.value))
        .collect();
    let expected: [(Type, &[u8]); 3] = [
        (Type::of_vendor(311, 7), &[1, 2]),
        (Type::of_vendor(311, 8), &[9]),
        (FRAMED_PROTOCOL, &[5]),
    ];
    assert_eq!(read, expected);
    assert!(Attributes::new(&octets).find(USER_NAME).is_none());
}

#[test]
fn a_vendors_own_format_stays_whole() {
    for inside in [&[0, 0, 1, 0x37, 7, 9, 1][..], &[0, 0, 1, 0x37], &[0, 1]] {
        let mut octets = vec![26, inside.len() as u8 + 2];
        octets.extend(inside);
        let read: Vec<_> = Attributes::new(&octets).collect();
        let whole = Attribute {
            kind: VENDOR_SPECIFIC,
            value: inside,
        };
        assert_eq!(read, [whole]);
    }
}

#[test]
fn impossible_lengths_are_found_where_they_are() {
    assert_eq!(check(&[1, 2, 1, 1]), Err(2));
    assert_eq!(check(&[1, 0]), Err(0));
    assert_eq!(check(&[1, 2, 1, 4, 0]), Err(2));
    assert_eq!(check(&[1]), Err(0));
    assert_eq!(check(&[]), Ok(()));
}

#[test]
fn values_have_their_types() {
    let attribute = |value| Attribute { kind: CLASS, value };
    assert_eq!(attribute(&[0, 0, 1, 2]).u32(), Some(258));
    assert_eq!(attribute(&[0, 1, 2]).u32(), None);
    assert_eq!(
        attribute(&[192, 0, 2, 1]).ipv4(),
        Some(Ipv4Addr::new(192, 0, 2, 1))
    );
    assert_eq!(attribute(&[1; 5]).ipv4(), None);
    assert_eq!(attribute(&[0; 16]).ipv6(), Some(Ipv6Addr::UNSPECIFIED));
    assert_eq!(attribute(b"pool\0").text(), Some("pool"));
    assert_eq!(attribute(&[0xff]).text(), None);
    assert_eq!(attribute(b"\x01192.0.2.1").untagged(), b"192.0.2.1");
    assert_eq!(attribute(b"192.0.2.1").untagged(), b"192.0.2.1");
}

#[test]
fn prefixes_of_ipv6_are_checked() {
    let prefix: Ipv6Addr = "2001:db8:1::".parse().unwrap();
    let value = ipv6_prefix_value(prefix, 48);
    assert_eq!(value, [0, 48, 0x20, 1, 0xd, 0xb8, 0, 1]);
    assert_eq!(parse_ipv6_prefix(&value), Some((prefix, 48)));
    let bad: [&[u8]; 5] = [&[0], &[0, 129], &[0, 48, 0x20], &[0, 8, 0x20, 1], &[0; 19]];
    for value in bad {
        assert_eq!(parse_ipv6_prefix(value), None, "{value:?}");
    }
    assert_eq!(parse_ipv6_prefix(&[0, 0]), Some((Ipv6Addr::UNSPECIFIED, 0)));
}

#[test]
fn values_do_not_print() {
    let mut list = AttributeList::new();
    list.text(USER_NAME, "alice").unwrap();
    list.text(microsoft::CHAP_RESPONSE, "secret").unwrap();
    let attributes: Vec<_> = Attributes::new(list.as_octets()).collect();
    assert_eq!(
        format!("{list:?} {attributes:?}"),
        "[Type { vendor: 0, code: 1 }, Type { vendor: 311, code: 1 }] [1, 26.311.1]"
    );
}

fn any_type() -> impl Strategy<Value = Type> {
    prop_oneof![
        (1..=255u8)
            .prop_filter("opened up when read", |code| *code != 26)
            .prop_map(Type::standard),
        (1..u32::MAX, 0..=255u8).prop_map(|(vendor, code)| Type::of_vendor(vendor, code)),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        attributes in proptest::collection::vec(
            (any_type(), proptest::collection::vec(any::<u8>(), 0..=MAX_VENDOR_VALUE)), 0..12)
    ) {
        let mut list = AttributeList::new();
        for (kind, value) in &attributes {
            list.octets(*kind, value).unwrap();
        }
        prop_assert_eq!(check(list.as_octets()), Ok(()));
        let read: Vec<_> = Attributes::new(list.as_octets())
            .map(|attribute| (attribute.kind, attribute.value.to_vec()))
            .collect();
        prop_assert_eq!(read, attributes);
    }

    #[test]
    fn any_octets_can_be_walked(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        let total: usize = Attributes::new(&octets)
            .map(|attribute| attribute.value.len())
            .sum();
        prop_assert!(total <= octets.len());
    }

    #[test]
    fn prefixes_come_back(address: u128, bits in 0..=128u8) {
        let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
        let prefix = Ipv6Addr::from(address & mask);
        prop_assert_eq!(parse_ipv6_prefix(&ipv6_prefix_value(prefix, bits)), Some((prefix, bits)));
    }
}

#[test]
fn a_list_is_made_again_of_its_octets() {
    let mut list = AttributeList::new();
    list.text(USER_NAME, "alice").unwrap();
    list.text(crate::mikrotik::RATE_LIMIT, "1M/2M").unwrap();
    assert_eq!(AttributeList::from_octets(list.as_octets()), Some(list));
    assert_eq!(AttributeList::from_octets(&[1, 1]), None);
    assert_eq!(AttributeList::from_octets(&[1, 255].repeat(2000)), None);
}
