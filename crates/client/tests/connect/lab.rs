//! Two hosts, and the client on one of them.

use std::any::type_name;
use std::fmt::Display;
use std::io::{Write, stderr};
use std::process::{Command, Stdio};
use std::sync::{PoisonError, RwLock};

use adit_client::{
    ClientConfig, ClientError, Connected, Credentials, DnsPolicy, End, NetworkConfig, Notice,
    Observer, Routing, run,
};
use adit_net::namespace::{Host, Lab, LabError, in_user_namespace};
use adit_net::netlink::{Address, Link, Route};
use adit_ppp::MppeConfig;
use adit_ppp::auth::Method;

/// Marks a test process that is root of a user namespace already.
const INSIDE: &str = "ADIT_TEST_INSIDE";

/// Where the server is, and where the client is.
pub(crate) const SERVER: &str = "192.0.2.1";
const CLIENT: &str = "192.0.2.2";

pub(crate) const PASSWORD: &str = "wonderland";

/// Hosts are made by forked children, which hold for a moment what the other tests have open: no host
/// is made while a test looks whether an interface is gone.
static FORKING: RwLock<()> = RwLock::new(());

/// Runs a test, which is the closure `body`, on two hosts with a cable between them: the server's and
/// the client's. A process that may not enter them in threads runs itself again, with this test
/// alone, as root of a user namespace.
pub(crate) fn on_two_hosts<F: FnOnce(&Host, &Host)>(body: F) {
    let path = type_name::<F>().trim_end_matches("::{{closure}}");
    let test = path.split_once("::").map_or(path, |(_, path)| path);
    let forking = FORKING.write().unwrap_or_else(PoisonError::into_inner);
    match two_hosts() {
        Ok((_lab, server, client)) => {
            drop(forking);
            let _nobody_forks = FORKING.read().unwrap_or_else(PoisonError::into_inner);
            body(&server, &client);
        }
        Err(LabError::Enter { .. }) if std::env::var_os(INSIDE).is_none() => run_again(test),
        Err(reason) => skipped(test, &reason),
    }
}

fn two_hosts() -> Result<(Lab, Host, Host), LabError> {
    let mut lab = Lab::new();
    let (server, client) = (lab.host("server")?, lab.host("client")?);
    server.run(|| ())?;
    let network = |address: &str| format!("{address}/24").parse().unwrap();
    lab.connect((&server, network(SERVER)), (&client, network(CLIENT)))?;
    Ok((lab, server, client))
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
fn skipped(test: &str, reason: &dyn Display) {
    let line = format!("\nSKIPPED: {test}: {reason}\n");
    stderr().write_all(line.as_bytes()).unwrap();
}

/// What a host shows of its network, but for the link-local addresses that the kernel makes when it
/// likes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    links: Vec<Link>,
    addresses: Vec<Address>,
    pub(crate) routes: Vec<Route>,
}

impl Snapshot {
    pub(crate) fn of(host: &Host) -> Self {
        let mut netlink = host.netlink();
        let mut snapshot = Self {
            links: netlink.links().unwrap(),
            addresses: netlink.addresses().unwrap(),
            routes: netlink.routes().unwrap(),
        };
        snapshot.addresses.retain(|address| address.local.is_ipv4());
        snapshot
            .routes
            .retain(|route| route.destination.addr().is_ipv4());
        snapshot
    }
}

/// The client as it is by default.
pub(crate) fn config() -> ClientConfig {
    ClientConfig {
        server: SERVER.parse().unwrap(),
        credentials: Credentials {
            user: "alice".to_owned(),
            password: PASSWORD.to_owned().into(),
            new_password: None,
            prompt: None,
        },
        methods: vec![Method::MsChapV2],
        mppe: MppeConfig::default(),
        network: NetworkConfig {
            interface: "adit%d".to_owned(),
            routes: Vec::new(),
            routing: Routing::Routes,
            dns: DnsPolicy::Show,
            mtu: None,
            direct: None,
        },
    }
}

/// Notes what it is told, and does something as soon as the tunnel is up.
struct Witness<F> {
    when_connected: F,
    notices: Vec<String>,
}

impl<F: FnMut(&Connected)> Observer for Witness<F> {
    fn notice(&mut self, notice: Notice<'_>) {
        match notice {
            Notice::Connected(connected) => {
                self.notices.push("connected".to_owned());
                (self.when_connected)(connected);
            }
            Notice::Warning(warning) => self.notices.push(warning.to_string()),
            Notice::Waiting(_) | Notice::Dns(_) | Notice::HangingUp | Notice::Leaving => {}
        }
    }
}

/// Connects from this host, and checks that the host is in the end as it was.
pub(crate) fn connect(
    host: &Host,
    config: &ClientConfig,
    when_connected: impl FnMut(&Connected) + Send,
) -> (Result<End, ClientError>, Vec<String>) {
    let before = Snapshot::of(host);
    let outcome = host.run(|| {
        let mut witness = Witness {
            when_connected,
            notices: Vec::new(),
        };
        (run(config, &mut witness), witness.notices)
    });
    assert_eq!(Snapshot::of(host), before);
    outcome.unwrap()
}

/// Connects where the tunnel must not come up, and returns why.
pub(crate) fn refused(host: &Host, config: &ClientConfig) -> ClientError {
    let (ended, _) = connect(host, config, |connected| panic!("connected: {connected}"));
    ended.expect_err("nobody hung up")
}
