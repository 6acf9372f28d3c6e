//! This program at both ends.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use adit_net::namespace::Host;
use adit_net::netlink::Address;
use anyhow::{Context, ensure};
use ipnet::{IpNet, Ipv6Net};

use super::{Encryption, Tuning, output_of};
use crate::program::Program;
use crate::stage::{Attachment, SERVER, Stage};
use crate::stop::Stop;

const INTERFACE: &str = "adit0";
const USER: &str = "bench";
/// The server's end, the first address of its pool, and the client's.
const INNER_SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const INNER_CLIENT: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// A prefix for clients, and an address behind the server.
const PREFIX: &str = "2001:db8:77::/48";
const BEHIND: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x78, 0, 0, 0, 0, 1);
/// How long the client's IPv6 address may take, and how often to look.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(5);

impl Encryption {
    /// Sections of the server's configuration.
    fn of_server(self) -> String {
        let section = |strength, mode| {
            format!("[encryption]\nstrengths = [{strength}]\nmodes = [\"{mode}\"]\n")
        };
        match self {
            Self::Off => "[encryption]\npolicy = \"off\"\n".to_owned(),
            Self::Mppe40 => section(40, "stateless"),
            Self::Mppe128 => section(128, "stateless"),
            Self::Mppe128Stateful => section(128, "stateful"),
        }
    }

    fn of_client(self) -> &'static [&'static str] {
        match self {
            Self::Off => &["--encryption", "off"],
            Self::Mppe40 => &["--strength", "40"],
            Self::Mppe128 => &["--strength", "128"],
            Self::Mppe128Stateful => &["--mode", "stateful"],
        }
    }

    /// What the client says when it is connected.
    fn told(self) -> &'static str {
        match self {
            Self::Off => "no encryption",
            Self::Mppe40 => "MPPE 40-bit stateless",
            Self::Mppe128 => "MPPE 128-bit stateless",
            Self::Mppe128Stateful => "MPPE 128-bit stateful",
        }
    }
}

impl Tuning {
    /// A line of the server's section `[network]`, and further sections.
    fn of_server(self) -> (&'static str, &'static str) {
        match self {
            Self::Packet => ("", "[gre]\ntransmit = \"packet\"\n"),
            Self::Xdp => ("", "[gre]\ntransmit = \"xdp\"\n"),
            Self::NoOffload => ("offload = false\n", ""),
            Self::SmallBuffers => ("", "[gre]\nreceive_buffer = 212992\nsend_buffer = 212992\n"),
            Self::OneWorker => ("", "[workers]\ncount = 1\n"),
            Self::Pinned => ("", "[workers]\npin = true\n"),
        }
    }

    fn of_client(self) -> &'static [&'static str] {
        match self {
            Self::Packet => &["--transmit", "packet"],
            Self::Xdp => &["--transmit", "xdp"],
            Self::NoOffload | Self::SmallBuffers | Self::OneWorker | Self::Pinned => &[],
        }
    }
}

pub(super) fn set_up(
    mut stage: Stage,
    adit: &Path,
    encryption: Encryption,
    tuning: Option<Tuning>,
    stop: &Stop,
) -> anyhow::Result<Stage> {
    let lo = stage.server.host.netlink().link_by_name("lo")?.index;
    let behind = Address::in_network(lo, Ipv6Net::new_assert(BEHIND, 128).into());
    stage.server.host.netlink().add_address(&behind)?;

    let configuration = write_configuration(stage.directory(), encryption, tuning)?;
    let mut command = command(&stage.server.host, adit);
    command
        .args(["serve", "--first-user", USER, "--config"])
        .arg(configuration);
    let server = Program::start("server", command, stage.directory())?;
    let password =
        server.wait_for(|line| Some(line.strip_prefix("Password ")?.trim().to_owned()))?;
    server.wait_for(|line| line.starts_with("serving on ").then_some(()))?;

    let mut command = self::command(&stage.client.host, adit);
    command
        .args(["connect", &SERVER.to_string(), "--user", USER])
        .args([
            "--interface",
            INTERFACE,
            "--route",
            &format!("{BEHIND}/128"),
        ])
        .args(encryption.of_client())
        .args(tuning.map_or(&[][..], Tuning::of_client))
        .env("ADIT_PASSWORD", password);
    let client = Program::start("client", command, stage.directory())?;
    let told = client.wait_for(|line| line.strip_prefix("connected: ").map(str::to_owned))?;
    ensure!(
        told.contains(encryption.told()),
        "another encryption than asked for was agreed on: {told}"
    );

    stage.server.path = Attachment {
        interface: INTERFACE.to_owned(),
        v4: INNER_SERVER,
        v6: BEHIND,
    };
    stage.client.path = Attachment {
        interface: INTERFACE.to_owned(),
        v4: INNER_CLIENT,
        v6: advertised_address(&stage.client.host, stop)?,
    };
    stage.programs = vec![server, client];
    Ok(stage)
}

/// What the server has counted of its session, as it tells it.
pub(crate) fn losses(stage: &Stage, adit: &Path) -> anyhow::Result<serde_json::Value> {
    let mut command = Command::new(adit);
    command
        .args(["sessions", "--json", "--control-socket"])
        .arg(control_socket(stage.directory()));
    let told: serde_json::Value = serde_json::from_str(&output_of(&mut command)?)?;
    let losses = told.get(0).and_then(|session| session.get("losses"));
    losses.cloned().context("the server tells of no session")
}

fn command(host: &Host, adit: &Path) -> Command {
    let mut command = host.command(adit);
    command.env_remove("ADIT_LOG");
    command
}

fn control_socket(directory: &Path) -> PathBuf {
    directory.join("control.sock")
}

fn write_configuration(
    directory: &Path,
    encryption: Encryption,
    tuning: Option<Tuning>,
) -> anyhow::Result<PathBuf> {
    let path = directory.join("adit.toml");
    let (network, sections) = tuning.map_or(("", ""), Tuning::of_server);
    let text = format!(
        "control_socket = {:?}\n[network]\nipv6_prefix = \"{PREFIX}\"\n{network}\
         [users]\ndatabase = {:?}\n{}{sections}",
        control_socket(directory),
        directory.join("users.db"),
        encryption.of_server(),
    );
    fs::write(&path, text)?;
    Ok(path)
}

/// The address that the client makes of the prefix that the server advertises to it.
fn advertised_address(host: &Host, stop: &Stop) -> anyhow::Result<Ipv6Addr> {
    let prefix: IpNet = PREFIX.parse()?;
    let start = Instant::now();
    loop {
        let addresses = host.netlink().addresses()?;
        let mut locals = addresses.iter().map(|address| address.local);
        if let Some(IpAddr::V6(found)) = locals.find(|local| prefix.contains(local)) {
            return Ok(found);
        }
        ensure!(
            start.elapsed() < PATIENCE,
            "the client has got no IPv6 address"
        );
        stop.wait(LOOK)?;
    }
}
