//! What is shown, step by step.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use adit_bench::ping::Pinger;
use adit_bench::program::Program;
use adit_bench::stop::Stop;
use adit_net::namespace::Host;
use adit_server::control_socket::{Reply, Request, SessionInfo, SessionQuery, ask};
use anyhow::{Context, bail};
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::hosts::{CLIENT, Hosts, SERVER, Tunnel};
use super::narrator::{Narrator, Style};
use super::transfer::transfer;

/// The first user.
const USER: &str = "alice";
/// The server's address in the tunnel, the first one of its pool.
const INNER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// Echoes for one measurement.
const PINGS: usize = 20;

/// Shows everything and sums it up.
///
/// # Errors
/// Something does not work, or a signal came.
pub(super) fn play(stop: &Stop) -> anyhow::Result<()> {
    let narrator = Narrator::new(Style::of_stdout());
    narrator.say(
        "A PPTP server and a client, each on a host of its own made of a network namespace:\n",
    )?;
    let stage = Stage::set(narrator)?;
    stop.check()?;
    let shown = stage.perform(stop);
    stop.check()?;
    let summary = shown?;
    let hosts = stage.clear()?;
    hosts.check_unchanged()?;
    narrator.done("both hosts have the links, addresses and routes that they had before\n")?;
    summary.tell(narrator)
}

/// A server and a client that are connected.
struct Stage {
    narrator: Narrator,
    client: Program,
    server: Program,
    hosts: Hosts,
    directory: TempDir,
}

/// What came out of it.
struct Summary {
    session: SessionInfo,
    mtu: u32,
    client: Tunnel,
    server: Tunnel,
    outside: Duration,
    inside: Duration,
    rates: [f64; 2],
}

impl Stage {
    fn set(narrator: Narrator) -> anyhow::Result<Self> {
        let directory =
            tempfile::tempdir().context("cannot make a directory for the server's files")?;
        let hosts = Hosts::make()?;
        narrator.done(format_args!(
            "two hosts, joined by a cable: server {SERVER}, client {CLIENT}"
        ))?;

        let server = adit(&hosts.server, &["serve", "--first-user", USER, "--config"]).and_then(
            |mut command| {
                command.arg(configuration(directory.path())?);
                Program::start("server", command, directory.path())
            },
        )?;
        let password = server.wait_for(|line| {
            let password = line.strip_prefix("Password ")?;
            Some(Zeroizing::new(password.trim().to_owned()))
        })?;
        server.wait_for(|line| line.starts_with("serving on ").then_some(()))?;
        narrator.done(format_args!(
            "`adit serve --first-user {USER}` serves, and has made a password"
        ))?;

        let start = Instant::now();
        let mut command = adit(
            &hosts.client,
            &["connect", &SERVER.to_string(), "--user", USER],
        )?;
        command.env("ADIT_PASSWORD", password.as_str());
        let client = Program::start("client", command, directory.path())?;
        client.wait_for(|line| line.starts_with("connected: ").then_some(()))?;
        let time = start.elapsed().as_millis();
        narrator.done(format_args!(
            "`adit connect {SERVER} --user {USER}` is connected after {time} ms"
        ))?;
        Ok(Self {
            narrator,
            client,
            server,
            hosts,
            directory,
        })
    }

    /// Real packets through the tunnel.
    fn perform(&self, stop: &Stop) -> anyhow::Result<Summary> {
        let session = self.session()?;
        let address = session.address.context("the client has no IPv4 address")?;
        let (client, server) = (&self.hosts.client, &self.hosts.server);
        let outside = round_trip(client, SocketAddr::new(SERVER.into(), 0))?;
        let inside = round_trip(client, SocketAddr::new(INNER.into(), 0))?;
        self.narrator.done(format_args!(
            "pings through the tunnel: {INNER} answers {address}"
        ))?;
        stop.check()?;

        let up = self.send(client, (server, INNER.into()))?;
        stop.check()?;
        let down = self.send(server, (client, address.into()))?;
        stop.check()?;

        let tunnels = [Tunnel::of(client)?, Tunnel::of(server)?];
        let [client_tunnel, server_tunnel] = tunnels;
        let (link_local, global) = (server_tunnel.link_local()?, client_tunnel.global()?);
        round_trip(client, on_link(link_local, &client_tunnel))?;
        round_trip(server, on_link(global, &server_tunnel))?;
        self.narrator.done(format_args!(
            "pings in IPv6: {link_local} answers the client, {global} the server"
        ))?;
        Ok(Summary {
            session,
            mtu: client_tunnel.link.mtu,
            client: client_tunnel,
            server: server_tunnel,
            outside,
            inside,
            rates: [up, down],
        })
    }

    /// Sends by TCP and returns the rate in Mbit/s.
    fn send(&self, from: &Host, to: (&Host, IpAddr)) -> anyhow::Result<f64> {
        let done = transfer(from, to)?;
        let rate = done.megabits_per_second();
        self.narrator.done(format_args!(
            "TCP from the {} to the {}: {:.1} MB arrived as sent (SHA-256 {}...), {rate:.0} Mbit/s",
            from.name(),
            to.0.name(),
            done.octets as f64 / 1e6,
            done.short_digest(),
        ))?;
        Ok(rate)
    }

    /// What the server tells of its only session.
    fn session(&self) -> anyhow::Result<SessionInfo> {
        match ask(
            &control_socket(self.directory.path()),
            &Request::Sessions(SessionQuery::default()),
        )? {
            Reply::Sessions { mut sessions } if sessions.len() == 1 => Ok(sessions.remove(0)),
            other => bail!("the server does not tell of one session: {other:?}"),
        }
    }

    /// Ends both programs as Ctrl-C does.
    fn clear(self) -> anyhow::Result<Hosts> {
        self.client.end()?;
        self.server.end()?;
        self.narrator.done("both ended in order at Ctrl-C")?;
        Ok(self.hosts)
    }
}

impl Summary {
    fn tell(&self, narrator: Narrator) -> anyhow::Result<()> {
        let session = &self.session;
        let or_none = |what: &Option<String>| what.clone().unwrap_or_else(|| "none".to_owned());
        let (v6_client, v6_server) = (self.client.link_local()?, self.server.link_local()?);
        let address = session.address.context("the client has no IPv4 address")?;
        narrator.say("Agreed on:")?;
        narrator.entry("Authentication", or_none(&session.authentication))?;
        narrator.entry("Encryption", or_none(&session.encryption))?;
        narrator.entry("MTU", format_args!("{} octets in the tunnel", self.mtu))?;
        narrator.entry("IPv4", format_args!("client {address}, server {INNER}"))?;
        narrator.entry(
            "IPv6",
            format_args!("client {v6_client}, server {v6_server}"),
        )?;
        let global = self.client.global()?;
        narrator.entry(
            "",
            format_args!("client {global}, from the prefix that the server advertises"),
        )?;
        narrator.say("\nMeasured:")?;
        narrator.entry(
            "Round trip",
            format_args!(
                "{} through the tunnel, {} outside of it",
                Milliseconds(self.inside),
                Milliseconds(self.outside)
            ),
        )?;
        let [up, down] = self.rates;
        narrator.entry(
            "TCP",
            format_args!("{up:.0} Mbit/s from the client, {down:.0} Mbit/s to it"),
        )
    }
}

/// A time with three digits after the point.
struct Milliseconds(Duration);

impl std::fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3} ms", self.0.as_secs_f64() * 1e3)
    }
}

/// This program with these arguments, on a host.
fn adit(host: &Host, arguments: &[&str]) -> anyhow::Result<Command> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut command = host.command(program);
    command.args(arguments).env_remove("ADIT_LOG");
    Ok(command)
}

fn control_socket(directory: &Path) -> PathBuf {
    directory.join("control.sock")
}

/// Everything has its default but for the files, and for a prefix, of those that documents use (RFC 3849).
fn configuration(directory: &Path) -> anyhow::Result<PathBuf> {
    let path = directory.join("adit.toml");
    let text = format!(
        "control_socket = {:?}\n[network]\nipv6_prefix = \"2001:db8:77::/48\"\n[users]\ndatabase = {:?}\n",
        control_socket(directory),
        directory.join("users.db"),
    );
    fs::write(&path, text)?;
    Ok(path)
}

/// The median of several round trips from `host` to `target`.
fn round_trip(host: &Host, target: SocketAddr) -> anyhow::Result<Duration> {
    let mut times = Pinger::open(host, target)?.round_trips(PINGS)?;
    times.sort_unstable();
    let median = times.get(times.len() / 2);
    median.copied().context("no ping was sent")
}

fn on_link(address: std::net::Ipv6Addr, tunnel: &Tunnel) -> SocketAddr {
    SocketAddr::V6(SocketAddrV6::new(address, 0, 0, tunnel.link.index))
}
