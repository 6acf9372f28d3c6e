//! All pools together.

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv6Net};
use proptest::prelude::*;

use super::{Ask, LeaseError, PoolKind, Pools, PrefixError, RouteChange};
use crate::config::Config;
use crate::users::AllowedAddresses;

/// Two pools that follow each other, one alone, two prefixes.
const POOLS: &str = r#"
    listen = ["192.0.2.1:1723"]
    [network]
    pool = "10.0.0.0/29"
    ipv6_prefix = "2001:db8:0::/63"
    [[pools]]
    name = "office"
    ranges = ["10.1.0.0/29", "10.1.1.1-10.1.1.2"]
    exclude = ["10.1.0.3", "10.1.0.5"]
    next = "overflow"
    [[pools]]
    name = "overflow"
    ranges = ["10.2.0.1-10.2.0.2"]
    sticky = false
    [[ipv6_pools]]
    name = "office6"
    prefix = "2001:db8:1::/64"
"#;

fn config(text: &str) -> Config {
    Config::parse(text, "adit.toml").unwrap()
}

fn pools() -> Pools {
    Pools::new(&config(POOLS))
}

fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn any() -> &'static AllowedAddresses {
    static ANY: std::sync::OnceLock<AllowedAddresses> = std::sync::OnceLock::new();
    ANY.get_or_init(AllowedAddresses::any)
}

fn list(words: &[&str]) -> AllowedAddresses {
    let mut list = AllowedAddresses::none();
    for word in words {
        list.push_word(word).unwrap();
    }
    list
}

fn ask<'a>(user: &'a str, pool: &'a str) -> Ask<'a> {
    Ask {
        user,
        allowed: any(),
        pool: Some(pool),
        ipv6_pool: None,
        fixed_prefix: None,
    }
}

fn fixed<'a>(user: &'a str, allowed: &'a AllowedAddresses) -> Ask<'a> {
    Ask {
        allowed,
        pool: None,
        ..ask(user, "")
    }
}

fn leased(pools: &mut Pools, user: &str, pool: &str) -> String {
    pools.lease(&ask(user, pool)).unwrap().address.to_string()
}

#[test]
fn server_network_and_broadcast_are_never_leased() {
    let mut pools = pools();
    let all: Vec<String> = (0..5)
        .map(|n| leased(&mut pools, &n.to_string(), "default"))
        .collect();
    assert_eq!(
        all,
        ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]
    );
    let full = pools.lease(&ask("late", "default")).unwrap_err();
    assert_eq!(
        full.to_string(),
        "no address that this user may have is free in the pool default, where 5 of 5 are taken; give it \
         more ranges or name a pool to look in next"
    );
}

#[test]
fn a_pool_goes_on_to_the_next_one_and_counts() {
    let mut pools = pools();
    let all: Vec<String> = (0..8)
        .map(|n| leased(&mut pools, &n.to_string(), "office"))
        .collect();
    assert_eq!(
        all,
        [
            "10.1.0.1", "10.1.0.2", "10.1.0.4", "10.1.0.6", "10.1.1.1", "10.1.1.2", "10.2.0.1",
            "10.2.0.2"
        ]
    );
    let full = pools.lease(&ask("late", "office")).unwrap_err();
    assert_eq!(
        full,
        LeaseError::Exhausted {
            pool: "office -> overflow".to_owned(),
            taken: 8,
            size: 8
        }
    );
    let usage: Vec<_> = (pools.usage().iter())
        .map(|it| {
            (
                it.name.to_string(),
                it.kind,
                it.size,
                it.taken,
                it.exhausted,
            )
        })
        .collect();
    let expected = [
        ("default", PoolKind::Ipv4, 5, 0, 0),
        ("office", PoolKind::Ipv4, 6, 6, 3),
        ("overflow", PoolKind::Ipv4, 2, 2, 1),
        ("default", PoolKind::Ipv6, 2, 2, 6),
        ("office6", PoolKind::Ipv6, 1, 0, 0),
    ]
    .map(|(name, kind, size, taken, exhausted)| (name.to_owned(), kind, size, taken, exhausted));
    assert_eq!(usage, expected);
}

#[test]
fn a_user_gets_the_same_address_again_where_the_pool_is_sticky() {
    let mut pools = pools();
    for (pool, again) in [("office", true), ("overflow", false)] {
        let first = leased(&mut pools, "alice", pool);
        pools.release(ip(&first));
        let other = leased(&mut pools, "bob", pool);
        assert_ne!(other, first);
        let second = leased(&mut pools, "alice", pool);
        pools.release(ip(&other));
        pools.release(ip(&second));
        if again {
            assert_eq!(second, first);
            continue;
        }
        // The turn is that of the address that bob has had just now.
        let third = leased(&mut pools, "alice", pool);
        assert_ne!(third, second);
    }
}

#[test]
fn who_overflowed_comes_back() {
    let mut pools = pools();
    for n in 0..6 {
        leased(&mut pools, &n.to_string(), "office");
    }
    let over = leased(&mut pools, "alice", "office");
    assert_eq!(over, "10.2.0.1");
    pools.release(ip(&over));
    pools.release(ip("10.1.0.4"));
    assert_eq!(leased(&mut pools, "alice", "office"), "10.1.0.4");
}

#[test]
fn unknown_pools_are_named() {
    let mut pools = pools();
    let error = pools.lease(&ask("alice", "offices")).unwrap_err();
    assert_eq!(error, LeaseError::NoSuchPool("offices".to_owned()));
    assert!(error.to_string().contains("[[pools]]"));
    let six = Ask {
        ipv6_pool: Some("offices6"),
        ..ask("alice", "office")
    };
    let lease = pools.lease(&six).unwrap();
    assert_eq!(
        (lease.prefix, lease.no_prefix),
        (None, Some(PrefixError::NoSuchPool("offices6".to_owned())))
    );
}

#[test]
fn fixed_addresses_are_reserved() {
    let mut pools = pools();
    pools.reserve(vec![ip("10.0.0.2"), ip("10.1.0.1")]);
    assert_eq!(leased(&mut pools, "bob", "default"), "10.0.0.3");
    assert_eq!(leased(&mut pools, "bob", "office"), "10.1.0.2");
    let only = AllowedAddresses::only(ip("10.1.0.1"));
    let lease = pools.lease(&fixed("alice", &only)).unwrap();
    assert_eq!(lease.address, ip("10.1.0.1"));
    assert_eq!(lease.pool.as_deref(), Some("office"));
    let second = pools.lease(&fixed("alice", &only));
    assert_eq!(second, Err(LeaseError::InUse(ip("10.1.0.1"))));
    assert!(pools.release(ip("10.1.0.1")));
    assert!(!pools.release(ip("10.1.0.1")));
    assert!(pools.lease(&fixed("alice", &only)).is_ok());
    pools.reserve(Vec::new());
    assert_eq!(pools.usage()[0].taken, 1);
}

#[test]
fn a_remembered_address_must_still_be_allowed() {
    let mut pools = pools();
    let first = leased(&mut pools, "alice", "office");
    pools.release(ip(&first));
    pools.reserve(vec![ip(&first)]);
    assert_ne!(leased(&mut pools, "alice", "office"), first);
}

#[test]
fn several_single_addresses_serve_several_sessions() {
    let secrets = list(&["10.0.0.5", "10.0.0.3"]);
    let mut pools = pools();
    let mut next = || pools.lease(&fixed("a", &secrets)).map(|it| it.address);
    assert_eq!(next(), Ok(ip("10.0.0.5")));
    assert_eq!(next(), Ok(ip("10.0.0.3")));
    assert_eq!(next(), Err(LeaseError::InUse(ip("10.0.0.5"))));
}

#[test]
fn who_may_have_certain_addresses_only_finds_their_pool() {
    let mut pools = pools();
    let some = list(&["!10.1.0.1", "10.1.0.0/30"]);
    let first = pools.lease(&fixed("a", &some)).unwrap();
    assert_eq!(first.address, ip("10.1.0.2"));
    assert_eq!(first.pool.as_deref(), Some("office"));
    let full = pools.lease(&fixed("b", &some)).unwrap_err();
    let LeaseError::Exhausted { pool, .. } = full else {
        panic!("{full}");
    };
    assert_eq!(pool, "default -> office");
    let exhausted: Vec<u64> = pools.usage().iter().map(|it| it.exhausted).collect();
    assert_eq!(exhausted[..3], [0, 1, 0]);
}

#[test]
fn addresses_of_nobody_are_refused() {
    let mut pools = pools();
    let cases = [
        ("10.0.0.0", "the network address of network.pool"),
        ("10.0.0.1", "the server's end of the tunnels"),
        ("10.0.0.7", "the broadcast address of network.pool"),
        ("192.0.2.1", "where the server listens"),
        ("224.0.0.1", "not an address for hosts"),
        ("127.0.0.1", "not an address for hosts"),
        ("0.0.0.0", "not an address for hosts"),
    ];
    for (address, why) in cases {
        let only = AllowedAddresses::only(ip(address));
        let expected = LeaseError::NotForClients {
            address: ip(address),
            why,
        };
        assert_eq!(pools.lease(&fixed("a", &only)), Err(expected.clone()));
        assert_eq!(pools.candidates(&fixed("a", &only)), Err(expected.clone()));
        assert_eq!(pools.adopt(ip(address)), Err(expected));
    }
    let none = AllowedAddresses::none();
    let refused = pools.lease(&fixed("a", &none));
    assert_eq!(refused, Err(LeaseError::NoneAllowed));
    assert!(pools.take_route_changes().is_empty());
}

#[test]
fn fixed_addresses_outside_of_all_pools_have_a_route_of_their_own() {
    let mut pools = pools();
    // Elsewhere, excluded and not routed, excluded as an end of a network that is routed.
    for (address, routed) in [
        ("172.16.0.9", false),
        ("10.1.0.3", false),
        ("10.1.0.7", true),
    ] {
        let only = AllowedAddresses::only(ip(address));
        let lease = pools.lease(&fixed("alice", &only)).unwrap();
        assert_eq!((lease.address, lease.pool), (ip(address), None));
        let second = pools.lease(&fixed("bob", &only));
        assert_eq!(second, Err(LeaseError::InUse(ip(address))));
        assert!(pools.release(ip(address)));
        assert!(!pools.release(ip(address)));
        let own: IpNet = format!("{address}/32").parse().unwrap();
        let expected = [RouteChange::Add(own), RouteChange::Remove(own)];
        let changes = pools.take_route_changes();
        assert_eq!(changes, expected[..if routed { 0 } else { 2 }]);
    }
}

#[test]
fn prefixes_are_independent_of_addresses_and_sticky() {
    let mut pools = pools();
    let of = |user| Ask {
        ipv6_pool: Some("office6"),
        ..ask(user, "default")
    };
    let lease = pools.lease(&of("alice")).unwrap();
    let only: Ipv6Net = "2001:db8:1::/64".parse().unwrap();
    assert_eq!(lease.prefix, Some(only));
    let late = pools.lease(&of("bob")).unwrap();
    let full = PrefixError::Exhausted("office6".to_owned());
    assert_eq!((late.prefix, late.no_prefix), (None, Some(full)));

    let mut first = |user| pools.lease(&ask(user, "office")).unwrap().prefix.unwrap();
    let (alice, bob) = (first("alice"), first("bob"));
    assert_ne!(alice, bob);
    assert!(pools.release_prefix(bob) && pools.release_prefix(alice));
    assert!(!pools.release_prefix(alice));
    for (user, before) in [("bob", bob), ("alice", alice)] {
        let again = pools.lease(&ask(user, "overflow")).unwrap();
        assert_eq!(again.prefix, Some(before));
    }
}

#[test]
fn fixed_prefixes_may_be_in_a_pool_or_outside() {
    let mut pools = pools();
    let mut lease = |prefix: &str| {
        let fixed_prefix = Some(prefix.parse().unwrap());
        let ask = Ask {
            fixed_prefix,
            ..ask("alice", "office")
        };
        pools.lease_prefix(&ask)
    };
    let net = |text: &str| text.parse::<Ipv6Net>().unwrap();
    for prefix in ["2001:db8:0:1::/64", "2001:db8:77::/64"] {
        assert_eq!(lease(prefix), Ok(Some(net(prefix))));
        assert_eq!(lease(prefix), Err(PrefixError::InUse(net(prefix))));
    }
    let long = net("2001:db8:77::/80");
    assert_eq!(lease("2001:db8:77::/80"), Err(PrefixError::NotA64(long)));
    let local = net("fe80::/64");
    assert_eq!(lease("fe80::/64"), Err(PrefixError::NotForHosts(local)));
    let outside = net("2001:db8:77::/64");
    assert_eq!(
        pools.take_route_changes(),
        [RouteChange::Add(outside.into())]
    );
    assert!(pools.release_prefix(outside));
    assert_eq!(
        pools.take_route_changes(),
        [RouteChange::Remove(outside.into())]
    );
    // The other one of the two is left.
    let rest = pools.lease_prefix(&ask("bob", "office"));
    assert_eq!(rest, Ok(Some(net("2001:db8::/64"))));
}

#[test]
fn a_server_without_ipv6_leases_no_prefix() {
    let mut pools = Pools::new(&config("[network]\nipv6 = false"));
    let ask = Ask {
        fixed_prefix: Some("2001:db8:77::/64".parse().unwrap()),
        ..ask("alice", "default")
    };
    let lease = pools.lease(&ask).unwrap();
    assert_eq!((lease.prefix, lease.no_prefix), (None, None));
}

#[test]
fn candidates_are_what_could_be_leased() {
    let mut pools = pools();
    let tell = |found: Vec<super::Candidates>| -> Vec<String> {
        let ranges = |it: &super::Candidates| -> Vec<String> {
            let ends = it.ranges.iter().map(|(a, b)| format!("{a}-{b}"));
            ends.collect()
        };
        let name = |it: &super::Candidates| it.pool.as_deref().unwrap_or("none").to_owned();
        let line = |it| {
            let ranges = ranges(it).join(",");
            format!("{} {ranges} {} {}", name(it), it.sticky, it.fixed)
        };
        found.iter().map(line).collect()
    };
    assert_eq!(
        tell(pools.candidates(&ask("alice", "office")).unwrap()),
        [
            "office 10.1.0.1-10.1.0.2,10.1.0.4-10.1.0.4,10.1.0.6-10.1.0.6,10.1.1.1-10.1.1.2 true false",
            "overflow 10.2.0.1-10.2.0.2 false false"
        ]
    );
    let some = list(&["10.1.1.2", "10.2.0.0/16"]);
    assert_eq!(
        tell(pools.candidates(&fixed("alice", &some)).unwrap()),
        [
            "office 10.1.1.2-10.1.1.2 false true",
            "office 10.1.1.2-10.1.1.2 true false",
            "overflow 10.2.0.1-10.2.0.2 false false"
        ]
    );
    let outside = list(&["10.9.0.0/24"]);
    let refused = pools.candidates(&fixed("alice", &outside)).unwrap_err();
    assert!(matches!(refused, LeaseError::Exhausted { .. }));

    assert_eq!(
        pools.adopt(ip("10.2.0.2")).unwrap().as_deref(),
        Some("overflow")
    );
    assert_eq!(
        pools.adopt(ip("10.2.0.2")),
        Err(LeaseError::InUse(ip("10.2.0.2")))
    );
    assert_eq!(pools.adopt(ip("172.16.0.1")), Ok(None));
    assert_eq!(pools.take_route_changes().len(), 1);
    assert!(pools.release(ip("10.2.0.2")));
}

#[test]
fn leases_stay_when_pools_change() {
    let mut pools = pools();
    let mut lease = |user, pool| pools.lease(&ask(user, pool)).unwrap();
    let (inside, gone) = (lease("alice", "office"), lease("bob", "overflow"));
    let only = AllowedAddresses::only(ip("172.16.0.9"));
    pools.lease(&fixed("carol", &only)).unwrap();
    pools.take_route_changes();
    assert_eq!(
        (inside.address, gone.address),
        (ip("10.1.0.1"), ip("10.2.0.1"))
    );

    let text = POOLS
        .replace("10.1.0.0/29", "10.1.0.1-10.1.0.5")
        .replace("10.2.0.1-10.2.0.2", "172.16.0.8-172.16.0.9")
        .replace("2001:db8:0::/63", "2001:db8:4::/64");
    let told = pools.reconfigure(&config(&text)).unwrap();
    assert_eq!(
        told,
        [
            "the pool \"office\" has 5 addresses instead of 6 addresses",
            "the pool \"overflow\" has changed",
            "the IPv6 pool \"default\" has 2001:db8:4::/64 instead of 2001:db8::/63",
            "2 leases are in no pool any more and stay until they end"
        ]
    );
    let net = |text: &str| text.parse::<IpNet>().unwrap();
    let kept = [gone.prefix, inside.prefix].map(|it| IpNet::from(it.unwrap()));
    let (adds, removes): (Vec<_>, Vec<_>) = pools
        .take_route_changes()
        .into_iter()
        .partition(|change| matches!(change, RouteChange::Add(_)));
    let nets = |changes: &[RouteChange]| -> BTreeSet<IpNet> {
        let net = |change: &RouteChange| match change {
            RouteChange::Add(net) | RouteChange::Remove(net) => *net,
        };
        changes.iter().map(net).collect()
    };
    let added = nets(&adds);
    for expected in ["172.16.0.8/31", "2001:db8:4::/64"].map(net) {
        assert!(added.contains(&expected), "{expected} in {added:?}");
    }
    assert!(
        kept.iter().all(|prefix| added.contains(prefix)),
        "{added:?}"
    );
    let removed = nets(&removes);
    for expected in ["10.2.0.2/32", "172.16.0.9/32", "2001:db8::/63"].map(net) {
        assert!(removed.contains(&expected), "{expected} in {removed:?}");
    }
    // It was a network of its pool and is an address of its own now: the same way.
    let stays = net("10.2.0.1/32");
    assert!(!added.contains(&stays) && !removed.contains(&stays));

    for address in ["10.1.0.1", "10.2.0.1", "172.16.0.9"].map(ip) {
        assert_eq!(pools.adopt(address), Err(LeaseError::InUse(address)));
        assert!(pools.release(address), "{address}");
    }
    assert!(pools.release_prefix(gone.prefix.unwrap()));
    let changes = pools.take_route_changes();
    assert!(
        changes.contains(&RouteChange::Remove(net("10.2.0.1/32"))),
        "{changes:?}"
    );
    assert!(
        !changes.contains(&RouteChange::Remove(net("172.16.0.9/32"))),
        "{changes:?}"
    );
    assert_eq!(leased(&mut pools, "alice", "office"), "10.1.0.1");
}

#[test]
fn pools_come_and_go() {
    let mut pools = pools();
    let fewer =
        "[network]\npool = \"10.0.0.0/29\"\n[[pools]]\nname = \"new\"\nranges = [\"10.5.0.1\"]";
    assert_eq!(
        pools.reconfigure(&config(fewer)).unwrap(),
        [
            "the pool \"new\" is new: 1 address",
            "the pool \"office\" is gone",
            "the pool \"overflow\" is gone",
            "the IPv6 pool \"default\" is gone",
            "the IPv6 pool \"office6\" is gone"
        ]
    );
    assert_eq!(pools.reconfigure(&config(fewer)), Ok(Vec::new()));
    assert_eq!(leased(&mut pools, "alice", "new"), "10.5.0.1");
}

#[test]
fn the_network_of_the_device_stays() {
    let mut pools = pools();
    // It would be free for a pool in another configuration.
    let moved =
        "[network]\npool = \"10.9.0.0/24\"\n[[pools]]\nname = \"new\"\nranges = [\"10.0.0.0/28\"]";
    let problem = pools.reconfigure(&config(moved)).unwrap_err();
    assert_eq!(problem.key, "pools[0].ranges");
    assert_eq!(leased(&mut pools, "alice", "office"), "10.1.0.1");
    assert_eq!(pools.network_of(ip("10.0.0.9")), None);
    assert_eq!(
        pools.network_of(ip("10.0.0.6")),
        Some("10.0.0.0/29".parse().unwrap())
    );
    pools.adopt(ip("172.16.0.1")).unwrap();
    assert_eq!(
        pools.network_of(ip("172.16.0.1")),
        Some("172.16.0.1/32".parse().unwrap())
    );
}

/// What happens to the pools in a property test.
#[derive(Debug, Clone)]
enum Step {
    Lease(u8, usize),
    Fixed(u8, usize),
    /// Ends the lease that has this place among all.
    Release(usize),
    Reserve(Vec<usize>),
    Reconfigure(usize),
}

const NAMES: [&str; 3] = ["default", "office", "overflow"];

/// Addresses of pools, excluded ones, the server's, and others.
const ADDRESSES: [&str; 10] = [
    "10.0.0.1",
    "10.0.0.2",
    "10.0.0.3",
    "10.1.0.1",
    "10.1.0.3",
    "10.1.0.4",
    "10.1.1.1",
    "10.2.0.1",
    "172.16.0.9",
    "192.0.2.1",
];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..9u8, 0..3usize).prop_map(|(user, pool)| Step::Lease(user, pool)),
        2 => (0..9u8, 0..10usize).prop_map(|(user, address)| Step::Fixed(user, address)),
        3 => any_place().prop_map(Step::Release),
        1 => prop::collection::vec(0..10usize, 0..4).prop_map(Step::Reserve),
        1 => (0..3usize).prop_map(Step::Reconfigure),
    ]
}

fn any_place() -> impl Strategy<Value = usize> {
    0..40usize
}

/// What the server would do on its host.
fn routed(pools: &mut Pools, routes: &mut BTreeSet<IpNet>) {
    for change in pools.take_route_changes() {
        match change {
            RouteChange::Add(net) => assert!(routes.insert(net), "{net} twice"),
            RouteChange::Remove(net) => assert!(routes.remove(&net), "{net} was not there"),
        }
    }
}

proptest! {
    #[test]
    fn no_address_or_prefix_is_leased_twice(steps in prop::collection::vec(step(), 0..120)) {
        let configs = [
            POOLS.to_owned(),
            POOLS.replace("10.1.0.0/29", "10.1.0.0/30").replace("exclude = [\"10.1.0.3\", \"10.1.0.5\"]", ""),
            POOLS.replace("10.2.0.1-10.2.0.2", "172.16.0.0/24").replace("2001:db8:0::/63", "2001:db8:1:1::/64"),
        ].map(|text| config(&text));
        let mut current = &configs[0];
        let mut pools = Pools::new(current);
        let mut routes: BTreeSet<IpNet> = current.client_networks().into_iter().collect();
        let mut addresses: Vec<(Ipv4Addr, Option<Ipv6Net>)> = Vec::new();
        let mut reserved: Vec<Ipv4Addr> = Vec::new();
        let mut last: HashMap<u8, (usize, Ipv4Addr)> = HashMap::new();
        for step in steps {
            match step {
                Step::Lease(user, pool) => {
                    let held = |address: Ipv4Addr| addresses.iter().any(|(it, _)| *it == address);
                    let again = last.get(&user).filter(|(of, address)| {
                        *of == pool && NAMES[pool] != "overflow" && !held(*address) && !reserved.contains(address)
                            && !last.iter().any(|(other, (_, it))| other != &user && it == address)
                    });
                    let expected = again.map(|(_, address)| *address);
                    if let Ok(lease) = pools.lease(&ask(&user.to_string(), NAMES[pool])) {
                        prop_assert!(!held(lease.address), "{} leased twice", lease.address);
                        prop_assert!(!reserved.contains(&lease.address));
                        let name = lease.pool.clone().unwrap();
                        let of = current.all_pools().into_iter().find(|it| *it.name == *name).unwrap();
                        prop_assert!(of.leased().contains(lease.address), "{} of {name}", lease.address);
                        if let Some(expected) = expected {
                            prop_assert_eq!(lease.address, expected, "the address that the user had");
                        }
                        addresses.push((lease.address, lease.prefix));
                        if *name == *NAMES[pool] {
                            last.insert(user, (pool, lease.address));
                        } else {
                            last.remove(&user);
                        }
                    }
                }
                Step::Fixed(user, address) => {
                    let only = AllowedAddresses::only(ip(ADDRESSES[address]));
                    if let Ok(lease) = pools.lease(&fixed(&user.to_string(), &only)) {
                        prop_assert_eq!(lease.address, ip(ADDRESSES[address]));
                        prop_assert!(!["10.0.0.1", "192.0.2.1"].contains(&ADDRESSES[address]));
                        prop_assert!(!addresses.iter().any(|(it, _)| *it == lease.address));
                        addresses.push((lease.address, lease.prefix));
                    }
                }
                Step::Release(place) if place < addresses.len() => {
                    let (address, prefix) = addresses.swap_remove(place);
                    prop_assert!(pools.release(address), "{} was leased", address);
                    prop_assert!(!pools.release(address));
                    if let Some(prefix) = prefix {
                        prop_assert!(pools.release_prefix(prefix), "{} was leased", prefix);
                        prop_assert!(!pools.release_prefix(prefix));
                    }
                }
                Step::Release(_) => {}
                Step::Reserve(places) => {
                    reserved = places.iter().map(|place| ip(ADDRESSES[*place])).collect();
                    pools.reserve(reserved.clone());
                }
                Step::Reconfigure(which) => {
                    current = &configs[which];
                    pools.reconfigure(current).unwrap();
                    last.clear();
                }
            }
            routed(&mut pools, &mut routes);
            let prefixes: Vec<_> = addresses.iter().filter_map(|(_, prefix)| *prefix).collect();
            let distinct: BTreeSet<_> = prefixes.iter().collect();
            prop_assert_eq!(prefixes.len(), distinct.len(), "a prefix is leased twice");
            for (address, _) in &addresses {
                let address = std::net::IpAddr::from(*address);
                prop_assert!(routes.iter().any(|net| net.contains(&address)), "no way to {}", address);
            }
            for prefix in prefixes {
                let prefix = IpNet::from(prefix);
                prop_assert!(routes.iter().any(|net| net.contains(&prefix)), "no way to {}", prefix);
            }
        }
        for (address, prefix) in addresses {
            pools.release(address);
            prefix.map(|prefix| pools.release_prefix(prefix));
        }
        routed(&mut pools, &mut routes);
        prop_assert_eq!(routes, current.client_networks().into_iter().collect::<BTreeSet<_>>());
        prop_assert!(pools.usage().iter().all(|pool| pool.taken == 0));
    }
}
