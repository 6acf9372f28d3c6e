//! Links, addresses and routes of a real kernel.

use std::net::IpAddr;

use crate::common::{in_lab, skipped};
use adit_net::host::HostSetup;
use adit_net::namespace::{Host, Lab};
use adit_net::netlink::{Address, Netlink, Overlap, Route};
use adit_net::sysctl;
use ipnet::IpNet;

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A host with the link `a` up at 192.0.2.1/24 and 2001:db8::1/64, and the other end `b`, up; neither
/// gets a link-local address at a time of its own.
fn cabled(lab: &mut Lab) -> (Host, u32) {
    let host = lab.host("cabled").unwrap();
    host.netlink().create_veth("a", "b").unwrap();
    for link in ["a", "b"] {
        host.set_sysctl(&format!("net.ipv6.conf.{link}.addr_gen_mode"), "1")
            .unwrap();
        let mut netlink = host.netlink();
        let index = netlink.link_by_name(link).unwrap().index;
        netlink.set_up(index).unwrap();
    }
    let index = {
        let mut netlink = host.netlink();
        let index = netlink.link_by_name("a").unwrap().index;
        for network in ["192.0.2.1/24", "2001:db8::1/64"] {
            netlink
                .add_address(&Address::in_network(index, net(network)))
                .unwrap();
        }
        index
    };
    (host, index)
}

#[test]
fn links_are_changed_and_seen() {
    in_lab(|lab| {
        let (host, index) = cabled(lab);
        let elsewhere = lab.host("elsewhere").unwrap();
        let mut netlink = host.netlink();
        netlink.set_mtu(index, 1400).unwrap();
        let link = netlink.link(index).unwrap();
        assert_eq!((link.name.as_str(), link.mtu, link.up), ("a", 1400, true));
        netlink.set_down(index).unwrap();
        assert!(!netlink.link(index).unwrap().up);
        assert!(netlink.create_veth("a", "c").unwrap_err().is_present());
        assert_eq!(netlink.links().unwrap().len(), 3);

        let moved = netlink.link_by_name("b").unwrap().index;
        netlink
            .move_to_namespace(moved, std::os::fd::AsFd::as_fd(&elsewhere))
            .unwrap();
        assert!(netlink.link_by_name("b").unwrap_err().is_absent());
        assert!(elsewhere.netlink().link_by_name("b").is_ok());
        netlink.delete_link(index).unwrap();
        assert!(netlink.link_by_name("a").unwrap_err().is_absent());
    });
}

#[test]
fn addresses_are_added_seen_and_deleted() {
    in_lab(|lab| {
        let (host, index) = cabled(lab);
        let mut netlink = host.netlink();
        for address in [
            Address::point_to_point(index, ip("10.1.0.1"), ip("10.1.0.2")),
            Address::point_to_point(index, ip("fd00::1"), ip("fd00::2")),
            Address::in_network(index, net("fe80::1234/64")),
            Address::in_network(index, net("172.16.5.6/12")),
        ] {
            netlink.add_address(&address).unwrap();
            assert!(netlink.addresses().unwrap().contains(&address), "{address}");
            assert!(
                netlink.add_address(&address).unwrap_err().is_present(),
                "{address}"
            );
            netlink.delete_address(&address).unwrap();
            assert!(
                !netlink.addresses().unwrap().contains(&address),
                "{address}"
            );
            assert!(
                netlink.delete_address(&address).unwrap_err().is_absent(),
                "{address}"
            );
        }
        let nowhere = Address::in_network(9999, net("10.1.0.1/24"));
        let error = netlink.add_address(&nowhere).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot add the address 10.1.0.1/24 to link 9999"
        );
        assert!(error.is_absent());
    });
}

#[test]
fn routes_are_added_followed_and_deleted() {
    in_lab(|lab| {
        let (host, index) = cabled(lab);
        let mut netlink = host.netlink();
        let unreachable = netlink.route_to(ip("198.51.100.7")).unwrap_err();
        assert!(unreachable.is_unreachable());
        let on_link = netlink.route_to(ip("192.0.2.9")).unwrap();
        assert_eq!((on_link.interface, on_link.gateway), (index, None));
        assert_eq!(on_link.source, Some(ip("192.0.2.1")));

        let metric = Some(50);
        for (route, inside) in [
            (
                Route::through(net("198.51.100.0/24"), index, ip("192.0.2.254")),
                "198.51.100.7",
            ),
            (
                Route::through(net("0.0.0.0/0"), index, ip("192.0.2.254")),
                "203.0.113.1",
            ),
            (Route::on_link(net("203.0.113.1/32"), index), "203.0.113.1"),
            (
                Route {
                    metric,
                    ..Route::on_link(net("10.0.0.0/8"), index)
                },
                "10.255.0.1",
            ),
            (
                Route::through(net("::/0"), index, ip("2001:db8::2")),
                "2001:db8:1::1",
            ),
        ] {
            netlink.add_route(&route).unwrap();
            assert!(
                netlink.add_route(&route).unwrap_err().is_present(),
                "{route}"
            );
            let found = netlink.route_to(ip(inside)).unwrap();
            assert_eq!(
                (found.interface, found.gateway),
                (index, route.gateway),
                "{route}"
            );
            let listed = netlink.routes().unwrap().into_iter();
            let mut listed = listed.filter(|listed| listed.destination == route.destination);
            assert_eq!(
                listed.next().map(|listed| listed.gateway),
                Some(route.gateway),
                "{route}"
            );
            netlink.delete_route(&route).unwrap();
            assert!(
                netlink.delete_route(&route).unwrap_err().is_absent(),
                "{route}"
            );
        }
    });
}

#[test]
fn a_route_takes_the_place_of_another() {
    in_lab(|lab| {
        let (host, index) = cabled(lab);
        let mut netlink = host.netlink();
        let first = Route::through(net("198.51.100.0/24"), index, ip("192.0.2.2"));
        let second = Route::through(net("198.51.100.0/24"), index, ip("192.0.2.3"));
        netlink.replace_route(&first).unwrap();
        netlink.replace_route(&second).unwrap();
        let gateway = netlink.route_to(ip("198.51.100.1")).unwrap().gateway;
        assert_eq!(gateway, second.gateway);
    });
}

#[test]
fn what_overlaps_a_prefix_is_found() {
    in_lab(|lab| {
        let (host, index) = cabled(lab);
        let mut netlink = host.netlink();
        let route = Route::through(net("198.51.100.0/24"), index, ip("192.0.2.2"));
        netlink.add_route(&route).unwrap();
        netlink
            .add_route(&Route::through(net("0.0.0.0/0"), index, ip("192.0.2.2")))
            .unwrap();

        let addresses = netlink.overlapping(net("192.0.2.128/25")).unwrap();
        let own = Address::in_network(index, net("192.0.2.1/24"));
        assert!(addresses.contains(&Overlap::Address(own)), "{addresses:?}");
        let routes = netlink.overlapping(net("198.51.0.0/16")).unwrap();
        assert!(matches!(routes[..], [Overlap::Route(found)] if found.gateway == route.gateway));
        assert_eq!(netlink.overlapping(net("10.0.0.0/8")).unwrap(), []);
    });
}

/// Everything that a host shows of itself.
fn picture() -> impl PartialEq + std::fmt::Debug {
    let mut netlink = Netlink::open().unwrap();
    let forward = sysctl::read("net.ipv4.ip_forward").unwrap();
    let lists = (netlink.links().unwrap(), netlink.addresses().unwrap());
    (lists, netlink.routes().unwrap(), forward)
}

/// Changes everything that can be changed.
fn change_all(setup: &mut HostSetup, index: u32) {
    let (gateway, other) = (ip("192.0.2.2"), ip("192.0.2.3"));
    setup.set_mtu(index, 1300).unwrap();
    setup
        .add_address(&Address::in_network(index, net("10.1.0.1/24")))
        .unwrap();
    setup
        .add_route(&Route::through(net("203.0.113.0/24"), index, gateway))
        .unwrap();
    setup
        .replace_route(&Route::through(net("198.51.100.0/24"), index, other))
        .unwrap();
    setup
        .replace_route(&Route::through(net("172.16.0.0/12"), index, other))
        .unwrap();
    setup.set_sysctl("net.ipv4.ip_forward", "1").unwrap();
}

/// A cabled host with a route that [`change_all`] replaces, a link that is down, and no forwarding.
fn prepared(lab: &mut Lab) -> (Host, u32) {
    let (host, index) = cabled(lab);
    let route = Route::through(net("198.51.100.0/24"), index, ip("192.0.2.2"));
    host.netlink().add_route(&route).unwrap();
    host.netlink().create_veth("spare", "spare-end").unwrap();
    host.set_sysctl("net.ipv4.ip_forward", "0").unwrap();
    (host, index)
}

#[test]
fn a_setup_is_undone_by_a_call_by_a_drop_and_by_a_panic() {
    in_lab(|lab| {
        let (host, index) = prepared(lab);
        let body = || {
            let before = picture();
            let mut setup = HostSetup::new().unwrap();
            change_all(&mut setup, index);
            assert_ne!(before, picture());
            assert!(setup.undo().is_empty());
            assert_eq!(before, picture());
            assert!(setup.undo().is_empty());

            change_all(&mut setup, index);
            drop(setup);
            assert_eq!(before, picture());

            let panic = std::panic::catch_unwind(|| {
                let mut setup = HostSetup::new().unwrap();
                change_all(&mut setup, index);
                std::panic::resume_unwind(Box::new("on purpose"));
            });
            assert!(panic.is_err());
            assert_eq!(before, picture());
        };
        host.run(body).unwrap();
    });
}

#[test]
fn a_replaced_route_comes_back_with_all_that_it_was() {
    in_lab(|lab| {
        let (host, index) = cabled(lab);
        let rich =
            "route add 198.51.100.0/24 via 10.99.0.1 dev a onlink proto dhcp metric 7 mtu 1300";
        match host.command("ip").args(rich.split(' ')).status() {
            Ok(status) => assert!(status.success()),
            Err(error) => {
                let test = "netlink::a_replaced_route_comes_back_with_all_that_it_was";
                return skipped(test, &format!("no ip(8) to make the route: {error}"));
            }
        }
        let shown = || {
            host.command("ip")
                .args(["-d", "route"])
                .output()
                .unwrap()
                .stdout
        };
        let before = shown();
        let mut setup = host.run(|| HostSetup::new().unwrap()).unwrap();
        let other = Route::through(net("198.51.100.0/24"), index, ip("192.0.2.3"));
        setup
            .replace_route(&Route {
                metric: Some(7),
                ..other
            })
            .unwrap();
        assert_ne!(shown(), before);
        assert!(setup.undo().is_empty());
        assert_eq!(shown(), before);
    });
}

#[test]
fn a_setup_leaves_alone_what_was_there_and_forgives_what_is_gone() {
    in_lab(|lab| {
        let (host, index) = prepared(lab);
        let body = || {
            let before = picture();
            let mut setup = HostSetup::new().unwrap();
            setup.bring_up(index).unwrap();
            setup
                .add_address(&Address::in_network(index, net("192.0.2.1/24")))
                .unwrap();
            let there = Route::through(net("198.51.100.0/24"), index, ip("192.0.2.2"));
            setup.add_route(&there).unwrap();
            setup.replace_route(&there).unwrap();
            let other = Route {
                gateway: Some(ip("192.0.2.3")),
                ..there
            };
            assert!(
                setup.add_route(&other).is_err(),
                "another route stands there"
            );
            setup.set_sysctl("net.ipv4.ip_forward", "0").unwrap();
            drop(setup);
            assert_eq!(before, picture());

            let mut setup = HostSetup::new().unwrap();
            let temporary = Route::through(net("203.0.113.0/24"), index, ip("192.0.2.2"));
            setup.add_route(&temporary).unwrap();
            setup.remove_route(&temporary).unwrap();
            assert_eq!(before, picture());
            change_all(&mut setup, index);
            Netlink::open().unwrap().delete_link(index).unwrap();
            assert!(
                setup
                    .undo()
                    .iter()
                    .all(|failure| !failure.to_string().contains("delete"))
            );
        };
        host.run(body).unwrap();
    });
}
