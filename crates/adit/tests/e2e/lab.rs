//! Hosts in network namespaces, joined by cables.

use std::any::type_name;
use std::fmt::Display;
use std::io::{Write, stderr};
use std::net::{IpAddr, Ipv6Addr};
use std::process::{Command, Stdio};

use adit_net::capability::{Need, check};
use adit_net::namespace::{Cable, Host, Lab, LabError, in_user_namespace};
use adit_net::netlink::{Address, Route};
use ipnet::IpNet;

/// Marks a test process that is root of a user namespace already.
const INSIDE: &str = "ADIT_TEST_INSIDE";

/// Where the server is, and where the client is.
pub(crate) const SERVER: &str = "192.0.2.1";
pub(crate) const CLIENT: &str = "192.0.2.2";

/// Runs a test, which is the closure `body`, in a lab. A process that may not enter its hosts in
/// threads runs itself again, with this test alone, as root of a user namespace.
pub(crate) fn in_lab<F: FnOnce(&mut Lab)>(body: F) {
    let path = type_name::<F>().trim_end_matches("::{{closure}}");
    let test = path.split_once("::").map_or(path, |(_, path)| path);
    match rights() {
        Ok(Rights::Own) => body(&mut Lab::new()),
        Ok(Rights::UserNamespace) => run_again(test),
        Err(reason) => skipped(test, &reason),
    }
}

/// Runs a test on two hosts that are joined by a cable.
pub(crate) fn on_two_hosts<F: FnOnce(&Host, &Host)>(body: F) {
    let path = type_name::<F>().trim_end_matches("::{{closure}}");
    let test = path.split_once("::").map_or(path, |(_, path)| path);
    match rights() {
        Ok(Rights::Own) => {
            let mut lab = Lab::new();
            let (server, client, _) = two_hosts(&mut lab);
            body(&server, &client);
        }
        Ok(Rights::UserNamespace) => run_again(test),
        Err(reason) => skipped(test, &reason),
    }
}

/// The hosts `server` and `client` with a cable between them.
pub(crate) fn two_hosts(lab: &mut Lab) -> (Host, Host, Cable) {
    let (server, client) = (lab.host("server").unwrap(), lab.host("client").unwrap());
    let cable = lab.connect(
        (&server, network(SERVER, 24)),
        (&client, network(CLIENT, 24)),
    );
    (server, client, cable.unwrap())
}

pub(crate) fn network(address: &str, length: u8) -> IpNet {
    IpNet::new(address.parse().unwrap(), length).unwrap()
}

/// A host's link-local address on an interface, and the number of that link.
pub(crate) fn link_local(host: &Host, interface: &str) -> (Ipv6Addr, u32) {
    let mut netlink = host.netlink();
    let link = netlink.link_by_name(interface).unwrap().index;
    let addresses = netlink.addresses().unwrap();
    let mut of_link = addresses.iter().filter(|address| address.interface == link);
    let found = of_link.find_map(|address| match address.local {
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some(v6),
        IpAddr::V6(_) | IpAddr::V4(_) => None,
    });
    (found.unwrap(), link)
}

/// What a host shows of its network, but for the link-local addresses that the kernel makes when it
/// likes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    links: Vec<String>,
    addresses: Vec<String>,
    routes: Vec<String>,
}

impl Snapshot {
    pub(crate) fn of(host: &Host) -> Self {
        let mut netlink = host.netlink();
        let lasting = |address: &Address| !network_is_link_local(address.network());
        let lasting_route = |route: &Route| !network_is_link_local(Some(route.destination));
        let links = netlink.links().unwrap();
        let addresses = netlink.addresses().unwrap();
        let routes = netlink.routes().unwrap();
        Self {
            links: links.iter().map(|link| format!("{link:?}")).collect(),
            addresses: (addresses.iter().filter(|it| lasting(it)))
                .map(|address| format!("{address:?}"))
                .collect(),
            routes: (routes.iter().filter(|it| lasting_route(it)))
                .map(|route| format!("{route:?}"))
                .collect(),
        }
    }

    /// The same without the route that keeps the way to a server.
    pub(crate) fn without_route_to(mut self, server: &str) -> Self {
        let own = format!("destination: {server}/32");
        self.routes.retain(|route| !route.contains(&own));
        self
    }
}

fn network_is_link_local(network: Option<IpNet>) -> bool {
    matches!(network, Some(IpNet::V6(v6)) if v6.network().is_unicast_link_local())
}

/// How this process can work on the hosts of a lab.
enum Rights {
    Own,
    UserNamespace,
}

fn rights() -> Result<Rights, String> {
    let inside = std::env::var_os(INSIDE).is_some();
    let probe = Lab::new()
        .host("probe")
        .map_err(|error| error.to_string())?;
    match probe.run(|| check(Need::Tun)) {
        Ok(Ok(())) => Ok(Rights::Own),
        Ok(Err(missing)) => Err(missing.to_string()),
        Err(LabError::Enter { .. }) if !inside => Ok(Rights::UserNamespace),
        Err(error) => panic!("{error}"),
    }
}

fn run_again(test: &str) {
    let mut again = Command::new(std::env::current_exe().unwrap());
    again
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .stderr(Stdio::inherit());
    let output = in_user_namespace(&mut again).output().unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && report.contains("1 passed"),
        "{report}"
    );
}

/// Says in a line of its own, past the capture of test output, that a test could not run.
pub(crate) fn skipped(test: &str, reason: &dyn Display) {
    let line = format!("\nSKIPPED: {test}: {reason}\n");
    stderr().write_all(line.as_bytes()).unwrap();
}
