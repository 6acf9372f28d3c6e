//! What the client does to its host, and that it takes it back.

use std::net::{IpAddr, Ipv4Addr};
use std::panic::{AssertUnwindSafe, catch_unwind};

use adit_client::{ClientError, Kind, Routing, Warning};
use adit_net::namespace::Host;
use adit_net::netlink::Route;
use ipnet::IpNet;

use crate::lab::{SERVER, Snapshot, config, connect, on_two_hosts, refused};
use crate::server::{Wishes, with_server};

fn server_address() -> Ipv4Addr {
    SERVER.parse().unwrap()
}

/// The name of the link by which packets to an address leave.
fn way(host: &Host, address: &str) -> String {
    let mut netlink = host.netlink();
    let way = netlink.route_to(address.parse().unwrap()).unwrap();
    netlink.link(way.interface).unwrap().name
}

#[test]
fn everything_goes_through_the_tunnel_but_the_tunnel_itself() {
    on_two_hosts(|server, client| {
        let mut config = config();
        config.network.routing = Routing::Everything;
        let (_, notices) = with_server(server, Wishes::default(), |remote| {
            connect(client, &config, |connected| {
                assert_eq!(way(client, "203.0.113.1"), connected.interface);
                assert_eq!(way(client, SERVER), "server");
                remote.hang_up();
            })
        });
        assert_eq!(notices, ["connected"]);
    });
}

#[test]
fn a_route_around_the_server_does_not_take_the_server_with_it() {
    on_two_hosts(|server, client| {
        let mut config = config();
        config.network.routes = vec!["192.0.2.0/25".parse().unwrap()];
        let (_, notices) = with_server(server, Wishes::default(), |remote| {
            connect(client, &config, |connected| {
                assert_eq!(way(client, "192.0.2.77"), connected.interface);
                assert_eq!(way(client, SERVER), "server");
                remote.hang_up();
            })
        });
        assert_eq!(notices, ["connected"]);
    });
}

#[test]
fn a_route_to_nothing_but_the_server_is_refused() {
    on_two_hosts(|server, client| {
        let mut config = config();
        config.network.routes = vec![IpNet::from(IpAddr::V4(server_address()))];
        let error = with_server(server, Wishes::default(), |_| refused(client, &config));
        assert!(matches!(error, ClientError::RouteToServer(_)), "{error}");
        assert_eq!(error.kind(), Kind::Usage);
    });
}

#[test]
fn a_server_that_uses_its_outer_address_inside_stays_reachable() {
    on_two_hosts(|server, client| {
        let wishes = Wishes {
            local: server_address(),
            ..Wishes::default()
        };
        let (ended, notices) = with_server(server, wishes, |remote| {
            connect(client, &config(), |connected| {
                assert_eq!(connected.peer, Some(server_address()));
                assert_eq!(way(client, SERVER), "server");
                remote.hang_up();
            })
        });
        assert_eq!(ended.unwrap_err().kind(), Kind::Lost);
        let warning = Warning::PeerIsServer(server_address()).to_string();
        assert_eq!(notices, [warning, "connected".to_owned()]);
    });
}

#[test]
fn an_address_that_would_cut_the_tunnel_is_refused() {
    on_two_hosts(|server, client| {
        let wishes = Wishes {
            peer: server_address(),
            ..Wishes::default()
        };
        let error = with_server(server, wishes, |_| refused(client, &config()));
        assert!(
            matches!(error, ClientError::Address(refused) if refused == server_address()),
            "{error}"
        );
    });
}

#[test]
fn an_address_that_no_host_can_have_is_refused() {
    for address in [Ipv4Addr::LOCALHOST, [224, 0, 0, 1].into()] {
        on_two_hosts(|server, client| {
            let wishes = Wishes {
                peer: address,
                ..Wishes::default()
            };
            let error = with_server(server, wishes, |_| refused(client, &config()));
            assert_eq!(error.kind(), Kind::Failed, "{address}: {error}");
        });
    }
}

#[test]
fn a_route_that_is_taken_is_told_and_stays() {
    on_two_hosts(|server, client| {
        let taken: IpNet = "10.0.0.0/8".parse().unwrap();
        let link = client.netlink().link_by_name("server").unwrap().index;
        let route = Route::through(taken, link, IpAddr::V4(server_address()));
        client.netlink().add_route(&route).unwrap();
        let mut config = config();
        config.network.routes = vec!["198.51.100.0/24".parse().unwrap(), taken];
        let error = with_server(server, Wishes::default(), |_| refused(client, &config));
        assert!(matches!(error, ClientError::Host(_)), "{error}");
        let routes = Snapshot::of(client).routes;
        assert!(routes.contains(&route), "{routes:?}");
    });
}

#[test]
fn a_panic_leaves_the_host_as_it_was() {
    on_two_hosts(|server, client| {
        let mut config = config();
        config.network.routing = Routing::Everything;
        let before = Snapshot::of(client);
        let panicked = with_server(server, Wishes::default(), |_| {
            catch_unwind(AssertUnwindSafe(|| {
                connect(client, &config, |connected| {
                    assert_eq!(way(client, "203.0.113.1"), connected.interface);
                    panic!("on purpose");
                })
            }))
        });
        let Err(cause) = panicked else {
            panic!("the panic was lost");
        };
        assert_eq!(cause.downcast_ref(), Some(&"on purpose"));
        assert_eq!(Snapshot::of(client), before);
    });
}
