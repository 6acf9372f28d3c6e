use adit_radius::attribute::{AttributeList, ipv6_prefix_value};
use proptest::prelude::*;

use super::*;
use crate::users::Policy;

/// Lays these attributes over the profile of a user who has none.
fn apply_to(profile: &mut Profile, fill: impl FnOnce(&mut AttributeList)) -> Result<(), BadValue> {
    let mut list = AttributeList::new();
    fill(&mut list);
    apply(profile, list.attributes())
}

fn applied(fill: impl FnOnce(&mut AttributeList)) -> Profile {
    let mut profile = Profile::of("alice");
    apply_to(&mut profile, fill).unwrap();
    profile
}

fn refused(kind: Type, value: &[u8]) -> bool {
    let mut profile = Profile::of("alice");
    let bad = apply_to(&mut profile, |list| {
        list.octets(kind, value).unwrap();
    });
    match bad {
        Ok(()) => false,
        Err(bad) => {
            assert_eq!(bad, BadValue(kind));
            true
        }
    }
}

#[test]
fn addresses_are_one_or_a_choice() {
    let of = |address: [u8; 4]| {
        applied(|list| {
            list.octets(standard::FRAMED_IP_ADDRESS, &address).unwrap();
        })
        .addresses
    };
    let one = Ipv4Addr::new(10, 1, 2, 3);
    assert_eq!(of([10, 1, 2, 3]), AllowedAddresses::only(one));
    assert_eq!(of([255, 255, 255, 254]), AllowedAddresses::any());
    assert_eq!(of([255; 4]), AllowedAddresses::any());
}

#[test]
fn names_of_pools_and_groups_reach_their_fields() {
    let profile = applied(|list| {
        list.text(standard::FRAMED_POOL, "office")
            .and_then(|list| list.text(standard::FRAMED_IPV6_POOL, "office6"))
            .and_then(|list| list.text(standard::FILTER_ID, "staff"))
            .and_then(|list| list.text(standard::USER_NAME, "alice@example.net"))
            .and_then(|list| list.text(standard::REPLY_MESSAGE, "mind "))
            .and_then(|list| list.text(standard::REPLY_MESSAGE, "the gap"))
            .and_then(|list| list.octets(standard::CLASS, &[1]))
            .and_then(|list| list.octets(standard::CLASS, &[0xff, 0]))
            .unwrap();
    });
    assert_eq!(profile.policy.pool.as_deref(), Some("office"));
    assert_eq!(profile.policy.ipv6_pool.as_deref(), Some("office6"));
    assert_eq!(profile.group.as_deref(), Some("staff"));
    assert_eq!(profile.user, "alice@example.net");
    assert_eq!(profile.message, "mind the gap");
    assert_eq!(profile.class, [vec![1], vec![0xff, 0]]);
}

#[test]
fn name_servers_are_of_two_kinds_and_two_ranks() {
    let profile = applied(|list| {
        for (kind, last) in [
            (microsoft::SECONDARY_DNS_SERVER, 2),
            (microsoft::PRIMARY_DNS_SERVER, 1),
            (microsoft::PRIMARY_NBNS_SERVER, 3),
            (microsoft::SECONDARY_NBNS_SERVER, 4),
        ] {
            list.ipv4(kind, Ipv4Addr::new(192, 0, 2, last)).unwrap();
        }
        for last in 1..=5 {
            let server = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last);
            list.ipv6(standard::DNS_SERVER_IPV6_ADDRESS, server)
                .unwrap();
        }
    });
    let servers = |primary, secondary| NameServers {
        primary: Some(Ipv4Addr::new(192, 0, 2, primary)),
        secondary: Some(Ipv4Addr::new(192, 0, 2, secondary)),
    };
    assert_eq!(profile.dns, Some(servers(1, 2)));
    assert_eq!(profile.wins, Some(servers(3, 4)));
    assert_eq!(profile.ipv6_dns.map(|it| it.len()), Some(MOST_DNS_SERVERS));
}

#[test]
fn limits_are_seconds_and_octets() {
    let profile = applied(|list| {
        list.u32(standard::SESSION_TIMEOUT, 3600)
            .and_then(|list| list.u32(standard::IDLE_TIMEOUT, 0))
            .and_then(|list| list.u32(standard::ACCT_INTERIM_INTERVAL, 300))
            .and_then(|list| list.u32(mikrotik::TOTAL_LIMIT_GIGAWORDS, 2))
            .and_then(|list| list.u32(mikrotik::TOTAL_LIMIT, 5))
            .unwrap();
    });
    let policy = Policy {
        session_limit: Some(Duration::from_secs(3600)),
        idle_limit: Some(Duration::ZERO),
        volume: Some((2 << 32) + 5),
        ..Policy::default()
    };
    assert_eq!(profile.policy, policy);
    assert_eq!(profile.interim, Some(Duration::from_secs(300)));
    let never = applied(|list| {
        list.u32(standard::ACCT_INTERIM_INTERVAL, 0).unwrap();
    });
    assert_eq!((never.interim, never.policy), (None, Policy::default()));
}

#[test]
fn rates_come_in_every_form() {
    let both = |kind: Type, text: &str| {
        let policy = applied(|list| {
            list.text(kind, text).unwrap();
        })
        .policy;
        (policy.rate_down, policy.rate_up)
    };
    let expected = (Some(2_000_000), Some(512_000));
    assert_eq!(both(standard::FILTER_ID, "2000/512"), expected);
    assert_eq!(both(mikrotik::RATE_LIMIT, "512k/2M"), expected);
    let pair = "lcp:interface-config#1=rate-limit output 8000 1 1";
    assert_eq!(both(cisco::AV_PAIR, pair), (Some(8000), None));
    assert_eq!(both(cisco::AV_PAIR, "ip:x=y"), (None, None));
    let wispr = applied(|list| {
        list.u32(wispr::BANDWIDTH_MAX_DOWN, 7)
            .and_then(|list| list.u32(wispr::BANDWIDTH_MAX_UP, 8))
            .unwrap();
    });
    let policy = wispr.policy;
    assert_eq!((policy.rate_down, policy.rate_up), (Some(7), Some(8)));
    assert!(refused(mikrotik::RATE_LIMIT, b"fast"));
}

#[test]
fn a_change_leaves_what_it_does_not_name() {
    let mut profile = applied(|list| {
        list.text(standard::FILTER_ID, "2000/512")
            .and_then(|list| list.text(standard::FILTER_ID, "staff"))
            .and_then(|list| list.u32(standard::SESSION_TIMEOUT, 60))
            .unwrap();
    });
    apply_to(&mut profile, |list| {
        list.u32(wispr::BANDWIDTH_MAX_UP, 8).unwrap();
    })
    .unwrap();
    assert_eq!(profile.policy.rate_down, Some(2_000_000));
    assert_eq!(profile.policy.rate_up, Some(8));
    assert_eq!(profile.policy.session_limit, Some(Duration::from_secs(60)));
    assert_eq!(profile.group.as_deref(), Some("staff"));
}

#[test]
fn routes_name_networks_with_or_without_a_length() {
    let profile = applied(|list| {
        for route in [
            "192.168.7.0/24 0.0.0.0 1",
            "10.9.8.7/16 10.77.0.50 1 2",
            "172.16.0.0 172.16.0.1 1",
            "192.168.7.0/24",
        ] {
            list.text(standard::FRAMED_ROUTE, route).unwrap();
        }
        list.text(standard::FRAMED_IPV6_ROUTE, "2001:db8:7::/48 fe80::1 1")
            .unwrap();
        let prefix = ipv6_prefix_value("2001:db8:8::".parse().unwrap(), 56);
        list.octets(standard::DELEGATED_IPV6_PREFIX, &prefix)
            .unwrap();
    });
    let routes = profile.policy.routes.unwrap();
    let routes: Vec<String> = routes.iter().map(IpNet::to_string).collect();
    let expected = [
        "192.168.7.0/24",
        "10.9.0.0/16",
        "172.16.0.0/16",
        "2001:db8:7::/48",
        "2001:db8:8::/56",
    ];
    assert_eq!(routes, expected);
    for route in ["", "here", "10.0.0.0/33", "224.0.0.0 1.1.1.1 1", "::/0 1"] {
        assert!(refused(standard::FRAMED_ROUTE, route.as_bytes()), "{route}");
    }
    assert!(refused(standard::FRAMED_IPV6_ROUTE, b"10.0.0.0/8"));
}

#[test]
fn ipv6_is_a_prefix_of_64_bits_and_an_identifier() {
    let prefix: Ipv6Addr = "2001:db8:5:1::".parse().unwrap();
    let identifier = [0, 0, 0, 0, 0, 0, 0, 9];
    let expected = (
        Some("2001:db8:5:1::/64".parse().unwrap()),
        Some(InterfaceId(identifier)),
    );
    let apart = applied(|list| {
        list.octets(standard::FRAMED_IPV6_PREFIX, &ipv6_prefix_value(prefix, 64))
            .and_then(|list| list.octets(standard::FRAMED_INTERFACE_ID, &identifier))
            .unwrap();
    });
    assert_eq!((apart.ipv6_prefix, apart.interface_id), expected);
    let together = applied(|list| {
        let address = "2001:db8:5:1::9".parse().unwrap();
        list.ipv6(standard::FRAMED_IPV6_ADDRESS, address).unwrap();
    });
    assert_eq!((together.ipv6_prefix, together.interface_id), expected);
    let short = ipv6_prefix_value(prefix, 56);
    assert!(refused(standard::FRAMED_IPV6_PREFIX, &short));
    assert!(refused(standard::FRAMED_INTERFACE_ID, &[0; 8]));
    assert!(refused(standard::FRAMED_INTERFACE_ID, &[1; 7]));
}

#[test]
fn values_of_the_wrong_length_are_refused() {
    for kind in [
        standard::FRAMED_IP_ADDRESS,
        standard::SESSION_TIMEOUT,
        standard::IDLE_TIMEOUT,
        standard::ACCT_INTERIM_INTERVAL,
        standard::FRAMED_IPV6_PREFIX,
        standard::FRAMED_IPV6_ADDRESS,
        standard::DNS_SERVER_IPV6_ADDRESS,
        microsoft::PRIMARY_DNS_SERVER,
        microsoft::SECONDARY_NBNS_SERVER,
        mikrotik::TOTAL_LIMIT,
        wispr::BANDWIDTH_MAX_UP,
    ] {
        assert!(refused(kind, &[1, 2, 3]), "{kind}");
    }
    for kind in [standard::FRAMED_POOL, standard::USER_NAME] {
        assert!(refused(kind, &[]) && refused(kind, &[0xff, 0xfe]), "{kind}");
    }
}

#[test]
fn what_is_not_known_is_passed_over() {
    let profile = applied(|list| {
        list.octets(Type::standard(250), &[1, 2, 3])
            .and_then(|list| list.octets(Type::of_vendor(4711, 1), &[9]))
            .unwrap();
    });
    assert_eq!(profile.policy, Policy::default());
}

proptest! {
    #[test]
    fn no_value_panics(
        code in 1..=255u8,
        vendor in prop_oneof![Just(0), Just(9u32), Just(311), Just(14988), Just(14122)],
        value in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut profile = Profile::of("alice");
        let _ = apply_to(&mut profile, |list| {
            list.octets(Type { vendor, code }, &value).unwrap();
        });
    }
}
